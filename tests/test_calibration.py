"""Calibration: the error of models whose probabilities are known to be right or wrong."""

from __future__ import annotations

import numpy as np
import pytest

from runner.calibration import BINS, FEWEST, calibration


def rows(count: int, seed: int, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from probabilities, and the odds of those to a power: above 1 the model is too sure of itself."""
    draw = np.random.default_rng(seed)
    positive = draw.random(count)
    labels = (draw.random(count) < positive).astype(np.int64)
    odds = (positive / (1 - positive)) ** power
    told = odds / (1 + odds)
    return labels, np.stack([1 - told, told], axis=1)


def test_the_error_is_the_mean_gap_of_bins_of_equally_many_rows() -> None:
    # 20 rows at 0.6, half of them right, and 20 at 0.9, all right: the bins' gaps are 0.1 and 0.1.
    confidence = np.repeat([0.6, 0.9], 20)
    labels = np.concatenate([np.tile([0, 1], 10), np.zeros(20)]).astype(np.int64)
    found = calibration(labels, np.stack([confidence, 1 - confidence], axis=1))
    assert found.ece == pytest.approx(0.1)
    assert [part.rows for part in found.bins] == [10, 10, 10, 10]
    assert [part.confidence for part in found.bins] == pytest.approx([0.6, 0.6, 0.9, 0.9])
    assert [part.accuracy for part in found.bins] == [0.5, 0.5, 1.0, 1.0]


def test_a_calibrated_model_stays_below_what_chance_gives_19_times_of_20() -> None:
    below = 0
    for seed in range(100):
        found = calibration(*rows(300, seed))
        below += found.ece < found.by_chance
    assert 88 <= below <= 100


@pytest.mark.parametrize("power", [3.0, 0.3])
def test_a_model_too_sure_or_too_modest_is_above_what_chance_gives(power: float) -> None:
    found = calibration(*rows(2000, 0, power))
    assert found.ece > 2 * found.by_chance
    gaps = [part.confidence - part.accuracy for part in found.bins]
    assert np.sign(np.mean(gaps)) == (1 if power > 1 else -1)


@pytest.mark.parametrize(("count", "bins"), [(1, 1), (FEWEST, 1), (3 * FEWEST, 3), (1000, BINS)])
def test_a_bin_has_ten_rows_where_there_are_so_many(count: int, bins: int) -> None:
    found = calibration(*rows(count, 0))
    assert len(found.bins) == bins
    assert sum(part.rows for part in found.bins) == count


def test_of_many_labels_the_predicted_one_counts() -> None:
    chances = np.tile([0.2, 0.7, 0.1], (30, 1))
    labels = np.asarray([1] * 21 + [0] * 9)
    found = calibration(labels, chances)
    assert sum(part.rows * part.accuracy for part in found.bins) == pytest.approx(21)
    assert {round(part.confidence, 6) for part in found.bins} == {0.7}
