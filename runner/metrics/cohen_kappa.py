"""Agreement of true and predicted labels beyond chance (Cohen 1960, doi:10.1177/001316446002000104)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from runner.metrics import counts, ratio

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = False


def compute(sample: Sample, averaging: str) -> Any:
    """The coefficient in [-1, 1]; NaN where all rows are of one label and predicted so."""
    found = counts(sample)
    total = found.true.sum(axis=-1)
    agreeing, by_chance = found.hits.sum(axis=-1), (found.true * found.predicted).sum(axis=-1) / total
    return ratio(agreeing - by_chance, total - by_chance, math.nan)
