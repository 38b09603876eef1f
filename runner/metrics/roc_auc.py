"""Area under the ROC curve, from probabilities: the chance that a positive row scores above a negative one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runner.metrics import ratio

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = True
AVERAGED = False


def compute(sample: Sample, averaging: str) -> Any:
    """ROC-AUC in [0, 1]; one against the rest, macro-averaged, beyond two labels; NaN where a label is absent."""
    import numpy as np

    assert sample.probabilities is not None
    labels = sample.probabilities.shape[1]
    areas = [_area(sample, label) for label in ([sample.positive] if labels == 2 else range(labels))]
    return np.mean(areas, axis=0)


def _area(sample: Sample, label: int) -> Any:
    """Pairs of a row of the label and another one that are in the right order, a tie for half, by all such pairs.

    That is the area (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747); the rows are sorted once for all
    resamples.
    """
    import numpy as np

    assert sample.probabilities is not None
    scores = sample.probabilities[:, label]
    order = np.argsort(scores)
    first = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # of the rows with one score
    weights, inside = sample.weights[..., order], sample.labels[order] == label
    positive = np.add.reduceat(weights * inside, first, axis=-1)
    negative = np.add.reduceat(weights * ~inside, first, axis=-1)
    below = np.cumsum(negative, axis=-1) - negative
    pairs = 2 * positive.sum(axis=-1) * negative.sum(axis=-1)
    return ratio(((2 * below + negative) * positive).sum(axis=-1), pairs, math.nan)
