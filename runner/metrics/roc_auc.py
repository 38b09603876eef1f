"""Area under the ROC curve, from probabilities: the chance that a positive row scores above a negative one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = True
AVERAGED = False


def compute(sample: Sample, averaging: str) -> float:
    """ROC-AUC in [0, 1]; one against the rest, macro-averaged, beyond two labels; NaN where a label is absent."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    assert sample.probabilities is not None
    counts = [sample.weights[sample.labels == label].sum() for label in range(sample.probabilities.shape[1])]
    if not np.all(counts):
        return math.nan
    if len(counts) == 2:
        truth, scores = sample.labels == sample.positive, sample.probabilities[:, sample.positive]
        return float(roc_auc_score(truth, scores, sample_weight=sample.weights))
    areas = [
        roc_auc_score(sample.labels == label, sample.probabilities[:, label], sample_weight=sample.weights)
        for label in range(len(counts))
    ]
    return float(np.mean(areas))
