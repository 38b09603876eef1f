"""Agreement of true and predicted labels beyond chance (Cohen 1960, doi:10.1177/001316446002000104)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = False


def compute(sample: Sample, averaging: str) -> float:
    """The coefficient in [-1, 1]."""
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(sample.labels, sample.predicted, sample_weight=sample.weights))
