"""Precision, recall and F1 are averaged otherwise than taken.

`classification_report` prints macro and weighted averages beside the scores of each class, and `average="weighted"` is
what many scripts pass; a score of the other class is the same slip.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.vocabulary import Averaging

COST = "scores"
PRIOR = 0.2

AVERAGINGS: tuple[Averaging, ...] = ("macro", "weighted", "micro", "positive")


def trials(case: Case) -> Iterator[Trial]:
    """Each averaging, and the other class."""
    about = case.of_metrics("precision", "recall", "f1")
    if not about:
        return
    labels = case.card.task.labels

    for averaging in AVERAGINGS:
        if averaging == "positive" and len(labels) > 2:
            continue
        what = f"precision, recall and F1 are {averaging} averages"
        if averaging == "positive":
            what = f"precision, recall and F1 are of the class {labels[case.card.task.positive_index]!r} alone"
        yield Trial(what, partial(_values, case, about, averaging))
    if len(labels) == 2:
        other = 1 - case.card.task.positive_index
        yield Trial(
            f"precision, recall and F1 are of the class {labels[other]!r}",
            partial(_values, case, about, "positive", other),
        )


def _values(
    case: Case, about: Sequence[int], averaging: Averaging, positive: int | None = None
) -> list[Mapping[int, float]]:
    index = case.card.task.positive_index if positive is None else positive
    found = [case.measure(replace(sample, positive=index), averaging) for sample in case.samples]
    return [{claim: values[claim] for claim in about} for values in found]
