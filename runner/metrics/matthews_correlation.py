"""Correlation of true and predicted labels (Matthews 1975, doi:10.1016/0005-2795(75)90109-9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = False


def compute(sample: Sample, averaging: str) -> float:
    """The coefficient in [-1, 1]."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(sample.labels, sample.predicted, sample_weight=sample.weights))
