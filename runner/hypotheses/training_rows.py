"""Training rows were scored, alone or among the test rows.

The model was evaluated on the rows it was trained on, or on a hold-out that was drawn from all rows after the training.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.metrics import Sample

COST = "model"
PRIOR = 0.15


def trials(case: Case) -> Iterator[Trial]:
    """The training rows alone, and together with the scored ones."""
    split, length = case.card.evaluation.split, case.card.data.tokens.max_length
    if split == "train":
        return
    yield Trial("the training rows were scored", lambda: [case.measure(case.again("train", length))])
    yield Trial(
        f"rows of training and {split} were scored together",
        lambda: [case.measure(_together(case.samples[0], case.again("train", length)))],
    )


def _together(one: Sample, other: Sample) -> Sample:
    import numpy as np

    assert one.probabilities is not None and other.probabilities is not None
    return replace(
        one,
        labels=np.concatenate([one.labels, other.labels]),
        predicted=np.concatenate([one.predicted, other.predicted]),
        weights=np.concatenate([one.weights, other.weights]),
        probabilities=np.concatenate([one.probabilities, other.probabilities]),
    )
