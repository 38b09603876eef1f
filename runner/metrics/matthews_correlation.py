"""Correlation of true and predicted labels (Matthews 1975, doi:10.1016/0005-2795(75)90109-9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.metrics import counts, ratio

if TYPE_CHECKING:
    from runner.metrics import Sample

SCORES = False
AVERAGED = False


def compute(sample: Sample, averaging: str) -> Any:
    """The coefficient in [-1, 1] of any number of labels (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006).

    0 where all rows are of one label, or predicted so.
    """
    import numpy as np

    found = counts(sample)
    total, hits = found.true.sum(axis=-1), found.hits.sum(axis=-1)
    both = hits * total - (found.true * found.predicted).sum(axis=-1)
    true, predicted = (total**2 - (rows**2).sum(axis=-1) for rows in (found.true, found.predicted))
    return ratio(both, np.sqrt(true.astype(np.float64) * predicted), 0.0)
