"""Two labels were taken for each other.

The label map of the model and that of the rows differ: a dataset's 0 is the positive class, the model's the negative
one. Of two labels every right row is then wrong and the other way round.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runner.metrics import Sample

COST = "scores"
PRIOR = 0.1

MOST = 6
"""Of more labels there would be too many pairs to try."""


def trials(case: Case) -> Iterator[Trial]:
    """Each pair of labels."""
    labels = case.card.task.labels
    if len(labels) > MOST:
        return
    for one, other in combinations(range(len(labels)), 2):
        yield Trial(
            f"{labels[one]!r} and {labels[other]!r} were taken for each other",
            partial(_all, case, one, other),
        )


def _all(case: Case, one: int, other: int) -> list[Mapping[int, float]]:
    return [case.measure(_swapped(sample, one, other)) for sample in case.samples]


def _swapped(sample: Sample, one: int, other: int) -> Sample:
    import numpy as np

    assert sample.probabilities is not None
    order = np.arange(sample.probabilities.shape[1])
    order[[one, other]] = order[[other, one]]
    return replace(sample, predicted=order[sample.predicted], probabilities=sample.probabilities[:, order])
