"""Hypotheses, one file each: what somebody may have done so that a run does not give the number that was reported.

A file's docstring says what was done; `COST` what it takes to try it: `scores` (the kept predictions), `model` (the
saved model scores again, or the rows are read) or `training`; `PRIOR` how plausible it is before anything was tried, as
a share of all gaps: judgement, not measurement. `trials(case)` gives what to try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from registry.card import Card, Claim
    from registry.vocabulary import Averaging
    from runner.metrics import Sample
    from runner.record import Point

Cost = Literal["scores", "model", "training"]


class Measure(Protocol):
    """What scored rows give of each claim."""

    def __call__(self, sample: Sample, averaging: Averaging | None = None) -> dict[int, float]:
        """The metric of each claim, by its index; with another averaging than it would have."""


@dataclass(frozen=True)
class Trial:
    """One thing to try.

    Attributes:
        what: What was done, in words that follow "if".
        values: Tries it: what each claim would be, for every seed or the first; a claim that it says nothing of is left
            out.
        override: The card's field that is trained anew with another value, as `path=value`; else empty.
    """

    what: str
    values: Callable[[], Sequence[Mapping[int, float]]]
    override: str = ""


@dataclass(frozen=True)
class Case:
    """A run whose claims are to be explained.

    Attributes:
        card: The card, as it was run.
        claims: The claims about the end of the training on the scored split, by index into the card's.
        samples: Scored rows of each seed.
        logs: What each seed logged along the way.
        measure: What scored rows give of each claim.
        again: Lets the first seed's model score a split again, cut to so many tokens.
        shared: Of the scored rows, which texts also stand in the training split, and which stood before in their own.
        train: Trains the first seed anew with a field overridden; gives its rows and its log.
    """

    card: Card
    claims: Mapping[int, Claim]
    samples: Sequence[Sample]
    logs: Sequence[Sequence[Point]]
    measure: Measure
    again: Callable[[str, int], Sample]
    shared: Callable[[], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
    train: Callable[[str], tuple[Sample, Sequence[Point]]]

    def of_metrics(self, *names: str) -> list[int]:
        """The claims about some metrics."""
        return [index for index, claim in self.claims.items() if claim.metric in names]
