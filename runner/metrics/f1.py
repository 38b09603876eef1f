"""Harmonic mean of precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = True


def compute(sample: Sample, averaging: str) -> float:
    """F1 in [0, 1]; 0 where it is undefined."""
    from sklearn.metrics import f1_score

    return float(f1_score(**sample.arguments(averaging)))
