"""The scores are of another epoch.

The best epoch of the log was reported and the last one published, or the other way round; a number is then the best of
several, chosen on the rows it is reported of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.record import Point

COST = "scores"
PRIOR = 0.15


def trials(case: Case) -> Iterator[Trial]:
    """The epoch of the highest accuracy, that of the lowest loss, and the last one, where the split was scored then."""
    evaluation = case.card.evaluation
    scored = [[point for point in log if "eval_loss" in point.values] for log in case.logs]
    if evaluation.each_epoch != evaluation.split or not all(scored):
        return
    kept = case.card.training.select_metric if case.card.training.select == "best" else "last"
    if kept != "accuracy":
        yield Trial("the epoch with the highest accuracy was reported", lambda: [_best(case, one) for one in scored])
    if kept != "loss":
        yield Trial("the epoch with the lowest loss was reported", lambda: [_lowest(case, one) for one in scored])
    if kept != "last":
        yield Trial("the last epoch was reported", lambda: [_values(case, one[-1]) for one in scored])


def _best(case: Case, points: Sequence[Point]) -> Mapping[int, float]:
    return _values(case, max(points, key=lambda point: point.values["eval_accuracy"]))


def _lowest(case: Case, points: Sequence[Point]) -> Mapping[int, float]:
    return _values(case, min(points, key=lambda point: point.values["eval_loss"]))


def _values(case: Case, point: Point) -> Mapping[int, float]:
    found = {}
    for index, claim in case.claims.items():
        name = f"eval_{claim.metric}" + (f"_{claim.averaging}" if claim.averaging else "")
        value = point.values.get(name, point.values.get(f"eval_{claim.metric}"))
        if value is not None:
            found[index] = value
    return found
