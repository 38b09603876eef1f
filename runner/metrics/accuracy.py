"""Share of rows whose predicted label is the true one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.record import Interval

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = False


def compute(sample: Sample, averaging: str) -> float:
    """Accuracy in [0, 1]."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(sample.labels, sample.predicted, sample_weight=sample.weights))


def interval(sample: Sample, averaging: str) -> Interval:
    """Wilson's score interval (Wilson 1927, doi:10.1080/01621459.1927.10502953), level 95%."""
    from scipy.stats import binomtest

    right = int(sample.weights[sample.labels == sample.predicted].sum())
    ends = binomtest(right, int(sample.weights.sum())).proportion_ci(0.95, method="wilson")
    return Interval(low=float(ends.low), high=float(ends.high), level=0.95, method="wilson")
