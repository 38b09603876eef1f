"""Calibration: by arithmetic that can be redone by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.calibration import calibrate
from runner.record import Bin


def test_the_error_is_the_mean_distance_of_accuracy_and_confidence() -> None:
    sure = np.array([0.6, 0.6, 0.9, 0.9])
    found = calibrate(np.array([0, 1, 0, 0]), np.stack([sure, 1 - sure], axis=1))
    # Four rows make bins of one: right by 0.4, wrong by 0.6, twice right by 0.1.
    assert [part.rows for part in found.bins] == [1, 1, 1, 1]
    assert found.error == pytest.approx((0.4 + 0.6 + 0.1 + 0.1) / 4)


def test_bins_go_from_the_least_sure_rows_to_the_surest_and_hold_equally_many() -> None:
    sure = np.linspace(0.5, 1, 40)
    found = calibrate(np.zeros(40, dtype=np.int64), np.stack([sure, 1 - sure], axis=1))
    assert [part.rows for part in found.bins] == [4] * 10
    assert found.bins[0] == Bin(rows=4, confidence=float(sure[:4].mean()), accuracy=1.0)
    assert found.error == pytest.approx(1 - sure.mean())


@given(st.integers(1, 200), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_the_error_is_a_share_and_no_row_is_lost(rows: int, labels: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    found = calibrate(draw.integers(0, labels, rows), draw.dirichlet(np.ones(labels), rows))
    assert 0 <= found.error <= 1
    assert sum(part.rows for part in found.bins) == rows


def test_chances_that_are_true_are_calibrated() -> None:
    draw = np.random.default_rng(0)
    chances = draw.dirichlet(np.ones(3), 20_000)
    labels = (chances.cumsum(axis=1) > draw.random((20_000, 1))).argmax(axis=1)
    assert calibrate(labels, chances).error < 0.02
