"""Share of rows whose predicted label is the true one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.metrics import wilson

if TYPE_CHECKING:
    from runner.metrics import Sample
    from runner.record import Interval

SCORES = False
AVERAGED = False


def compute(sample: Sample, averaging: str) -> float:
    """Accuracy in [0, 1]."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(sample.labels, sample.predicted, sample_weight=sample.weights))


def interval(sample: Sample, averaging: str) -> Interval | None:
    """Wilson's interval for the share of right rows."""
    return wilson(int(sample.weights[sample.labels == sample.predicted].sum()), int(sample.weights.sum()))
