"""Share of rows whose predicted label is the true one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.metrics import counts, wilson

if TYPE_CHECKING:
    from runner.metrics import Sample
    from runner.record import Interval

SCORES = False
AVERAGED = False


def compute(sample: Sample, averaging: str) -> Any:
    """Accuracy in [0, 1]."""
    found = counts(sample)
    return found.hits.sum(axis=-1) / found.true.sum(axis=-1)


def interval(sample: Sample, averaging: str) -> Interval | None:
    """Wilson's interval for the share of right rows."""
    return wilson(int(sample.weights[sample.labels == sample.predicted].sum()), int(sample.weights.sum()))
