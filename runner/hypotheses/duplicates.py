"""Texts that stand twice were counted otherwise.

A text that stands in the training split as well is known to the model and raises the score; who removed such texts, or
counted each text once, scored other rows than the split has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

COST = "model"
PRIOR = 0.05


def trials(case: Case) -> Iterator[Trial]:
    """Without what the training split holds too, nothing but that, and each text once."""
    split = case.card.evaluation.split
    shared, repeated = case.shared()

    def of(rows: NDArray[np.bool_]) -> list[Mapping[int, float]]:
        return [case.measure(sample.part(rows)) for sample in case.samples]

    if shared.any() and not shared.all():
        yield Trial(
            f"the {shared.sum():,} rows of the {split} split whose text was trained on were left out",
            lambda: of(~shared),
        )
        yield Trial(f"only the {shared.sum():,} rows whose text was trained on were scored", lambda: of(shared))
    if repeated.any():
        yield Trial(f"each text of the {split} split was counted once", lambda: of(~repeated))
