"""The AUC was computed from predicted labels, not from probabilities.

`roc_auc_score(y, predictions)` takes labels without a word; what it gives then is (TPR + TNR)/2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.metrics import Sample

COST = "scores"
PRIOR = 0.2


def trials(case: Case) -> Iterator[Trial]:
    """The AUC of the predicted labels."""
    about = case.of_metrics("roc_auc")
    if about:
        yield Trial(
            "the AUC was computed from predicted labels",
            lambda: [{index: case.measure(_hard(sample))[index] for index in about} for sample in case.samples],
        )


def _hard(sample: Sample) -> Sample:
    import numpy as np

    assert sample.probabilities is not None
    return replace(sample, probabilities=np.eye(sample.probabilities.shape[1])[sample.predicted])
