"""Cross-entropies beside the errors they come with."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reported import BINARY, PLACE, document, findings, ids, results

from registry.document import Row, Table
from registry.numbers import read_number

BELOW = [("below-errors", "suspicious")]


def test_a_loss_that_its_errors_exceed_is_suspicious():
    # 0.2 × ln 2 = 0.139
    assert ids("loss", "loss 0.1200; accuracy 0.80", **BINARY) == BELOW


def test_a_loss_of_classes_that_nobody_names_is_a_question():
    assert ids("loss", "loss 0.1200; accuracy 0.80") == [("below-errors", "ambiguous")]


def test_a_loss_above_the_bound_says_nothing():
    assert ids("loss", "loss 0.1500; accuracy 0.80") == []


@pytest.mark.parametrize(
    ("loss", "accuracy"),
    [("0.2352", "92.68%"), ("0.1315", "0.9604"), ("0.1196", "0.9628"), ("0.0852", "0.9804"), ("0.1208", "0.9696")],
)
def test_losses_of_published_cards_keep_to_the_bound(loss, accuracy):
    assert ids("loss", f"loss {loss}; accuracy {accuracy}") == []


def test_a_training_loss_is_left_out():
    assert findings("loss", document(results("loss 0.0100; accuracy 0.80", split="train"))) == []


def test_rows_with_several_labels_are_left_out():
    what = document(results("loss 0.1200; accuracy 0.80"))
    assert findings("loss", replace(what, text="A multi-label classifier of moods.")) == []


def test_other_tasks_are_left_out():
    assert ids("loss", "loss 0.1200; accuracy 0.80", task="token-classification") == []


def test_a_row_of_an_epoch_table_is_checked():
    cells = {"loss": read_number("0.1200"), "accuracy": read_number("0.80")}
    table = Table((Row(None, None, cells, PLACE),), "validation", PLACE)
    assert [found.id for found in findings("loss", document(tables=(table,)))] == ["loss/below-errors"]


@given(st.lists(st.lists(st.floats(-8, 8), min_size=3, max_size=3), min_size=1, max_size=20))
def test_the_bound_holds_of_any_logits(logits):
    # Class 0 is always the true one; a tie counts as right.
    wrong = sum(row[0] < max(row) for row in logits) / len(logits)
    loss = sum(math.log(sum(math.exp(one) for one in row)) - row[0] for row in logits) / len(logits)
    assert loss >= wrong * math.log(2) - 1e-9
