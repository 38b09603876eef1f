"""True positives by all predicted positives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = True


def compute(sample: Sample, averaging: str) -> float:
    """Precision in [0, 1]; 0 where it is undefined."""
    from sklearn.metrics import precision_score

    return float(precision_score(**sample.arguments(averaging)))
