"""True positives by all actual positives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = True


def compute(sample: Sample, averaging: str) -> float:
    """Recall in [0, 1]; 0 where it is undefined."""
    from sklearn.metrics import recall_score

    return float(recall_score(**sample.arguments(averaging)))
