"""Calibration: whether the model is right as often as it is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from runner.record import Bin, Calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 10


def calibrate(labels: NDArray[np.int64], chances: NDArray[np.float64]) -> Calibration:
    """The expected calibration error over bins of equally many rows, by the probability of the predicted label.

    It is the mean over rows of |accuracy − confidence| in their bin (Guo et al. 2017, arXiv:1706.04599, eq. 3), with
    bins of equal mass instead of equal width, which leave none nearly empty (Nixon et al. 2019, arXiv:1904.01685).

    Args:
        labels: True labels, shape (n,), indices.
        chances: Probabilities, shape (n, labels).
    """
    confidence, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    order = np.argsort(confidence, kind="stable")
    bins = tuple(
        Bin(rows=len(part), confidence=float(confidence[part].mean()), accuracy=float(right[part].mean()))
        for part in np.array_split(order, min(BINS, len(order)))
    )
    error = sum(part.rows * abs(part.accuracy - part.confidence) for part in bins) / len(order)
    return Calibration(error=float(error), bins=bins)
