"""Calibration: is a prediction that the model gives 90% to right in 90 of 100 cases?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from runner.metrics import wilson
from runner.record import Calibration, CalibrationBin

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 15
"""Bins, as Guo et al. use them; fewer where there are few rows."""

FEWEST = 10
"""Rows that a bin has at least, where there are so many."""

_DRAWS = 1000


def calibration(labels: NDArray[np.int64], chances: NDArray[np.float64]) -> Calibration:
    """The expected calibration error and the bins it is made of.

    A row's confidence is the probability of its predicted label. The error is Σ (rows of a bin / rows) · |share that is
    right − mean confidence| (Guo et al. 2017, arXiv:1706.04599) over bins of equally many rows (Nixon et al. 2019,
    arXiv:1904.01685), since of equally wide ones most would be nearly empty. A calibrated model has an error above 0
    too, by chance; how large it may be is found by drawing which rows are right from the confidences themselves
    (Bröcker and Smith 2007, doi:10.1175/WAF993.1).

    Args:
        labels: True labels, shape (rows,).
        chances: Probabilities, shape (rows, labels).
    """
    right, confidence = chances.argmax(axis=1) == labels, chances.max(axis=1)
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, max(1, min(BINS, len(order) // FEWEST)))
    starts = np.cumsum([0, *map(len, bins[:-1])])

    def error(outcomes: Any) -> Any:
        """Of outcomes in the order of the confidences, shape (…, rows)."""
        gaps = np.add.reduceat(outcomes - confidence[order], starts, axis=-1)
        return np.abs(gaps).sum(axis=-1) / len(order)

    generator = np.random.default_rng(0)
    draws = [error(generator.random(len(order)) < confidence[order]) for _ in range(_DRAWS)]
    return Calibration(
        ece=float(error(right[order])),
        by_chance=float(np.quantile(draws, 0.95)),
        bins=tuple(_bin(right[rows], confidence[rows]) for rows in bins),
    )


def _bin(right: NDArray[np.bool_], confidence: NDArray[np.float64]) -> CalibrationBin:
    interval = wilson(int(right.sum()), len(right))
    assert interval is not None
    mean = float(confidence.mean())
    return CalibrationBin(rows=len(right), confidence=mean, accuracy=float(right.mean()), interval=interval)
