"""Harmonic mean of precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.metrics import averaged, counts

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = True


def compute(sample: Sample, averaging: str) -> Any:
    """F1 in [0, 1]; 0 where it is undefined."""
    found = counts(sample)
    return averaged(2 * found.hits, found.true + found.predicted, found, sample, averaging)
