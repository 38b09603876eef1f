"""True positives by all predicted positives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.metrics import averaged, counts, wilson

if TYPE_CHECKING:
    from runner.metrics import Sample
    from runner.record import Interval

SCORES = False
AVERAGED = True


def compute(sample: Sample, averaging: str) -> Any:
    """Precision in [0, 1]; 0 where it is undefined."""
    found = counts(sample)
    return averaged(found.hits, found.predicted, found, sample, averaging)


def interval(sample: Sample, averaging: str) -> Interval | None:
    """Wilson's interval for the right ones among the predicted positives; none (a bootstrap) for other averagings."""
    if averaging != "positive":
        return None
    among = sample.predicted == sample.positive
    right = among & (sample.labels == sample.predicted)
    return wilson(int(sample.weights[right].sum()), int(sample.weights[among].sum()))
