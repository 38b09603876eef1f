"""Accuracies and whole numbers of rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import document, findings, ids, results

from registry.numbers import read_number
from runner.checks.granularity import counts


def test_an_accuracy_that_no_count_of_rows_gives_is_suspicious():
    assert ids("granularity", "accuracy 92.68%", rows__test=100) == [("not-a-count", "suspicious")]


def test_an_accuracy_with_fewer_digits_than_rows_says_nothing():
    assert ids("granularity", "accuracy 92.68%", rows__test=25_000) == []


def test_nothing_is_said_without_a_size():
    assert ids("granularity", "accuracy 92.68%") == []


@pytest.mark.parametrize("rows", [1000, 2000, 2500, 4000, 5000])
def test_rows_that_a_table_of_three_accuracies_allows(rows):
    fits = all(counts(read_number(text), rows) for text in ("0.9696", "0.9804", "0.9822"))
    assert fits == (rows == 5000)


@given(st.integers(1, 500), st.data(), st.integers(0, 5), st.booleans())
def test_no_share_of_whole_rows_is_excluded(rows, data, digits, cut):
    right = data.draw(st.integers(0, rows))
    scaled = right * 10**digits
    whole = scaled // rows if cut else (2 * scaled + rows) // (2 * rows)
    assert counts(read_number(f"{whole / 10**digits:.{digits}f}"), rows)


def test_a_mean_over_stated_runs_is_no_count():
    reported = results("accuracy 0.8418", seeds=5)
    assert findings("granularity", document(reported, facts={"rows.test": 1_200})) == []
