"""An area under the ROC curve beside the operating point that accuracy, recall and specificity describe.

The curve rises from (0, 0) to (1, 1) through the classifier's own point (f, t), its false and true positive rate. So
its area is at least that of the two steps through that point, t(1 − f), and at most that of those around it,
1 − f(1 − t). As t(1 − f) ≥ t − f = TPR + TNR − 1, which is linear, areas below TPR + TNR − 1 are no mean over folds
either: that is `impossible` where the card says both rates of one evaluation.

Where an area equals the accuracy, or (TPR + TNR)/2, to its digits, it was most likely computed from predicted labels:
the curve of 0s and 1s has the one corner (f, t) and the area (t + 1 − f)/2, the balanced accuracy (Muschelli 2020,
doi:10.1007/s00357-019-09345-1). The area of scores is any number from TPR + TNR − 1 to 1 (of balanced classes, from
2 · accuracy − 1 to 1), so that two written values agree by chance in about (unit of both) / (2 − 2 · accuracy) of
cases; the check says nothing where that is above `CHANCE`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from runner.checks import Finding
from runner.checks.scores import groups
from runner.matrices import one_unit, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document, Result
    from registry.numbers import Number

KINDS: Mapping[str, str] = {
    "hard-labels": "an area under the ROC curve that equals the accuracy or (TPR + TNR)/2: of labels, not of scores",
    "below-the-point": "an area under the ROC curve below TPR + TNR − 1",
}

CHANCE = Fraction(1, 100)
"""Largest share of chance hits."""


def check(document: Document) -> Iterator[Finding]:
    """Findings on every area that stands beside the scores of one evaluation."""
    areas = [
        (index, result)
        for index, result in enumerate(document.results)
        if result.metric == "roc_auc" and not result.placeholder and 0 < result.number.value <= 1
    ]
    if not areas:
        return
    found = groups(document)
    for index, area in areas:
        for group in found:
            first = next(iter(group.scores.values()))
            if first.placeholder or _moment(first) != _moment(area) or area.label is not None:
                continue
            finding = _below(index, area, group.scores) or _hard(index, area, group.scores)
            if finding is not None:
                yield finding
                break


def _moment(result: Result) -> tuple[object, ...]:
    return result.group, result.split, result.dataset, result.epoch, result.step, result.rows


def _one(scores: Mapping[int, Result], metric: str) -> tuple[int, Result] | None:
    found = [(index, one) for index, one in scores.items() if one.metric == metric and one.label is None]
    return found[0] if len(found) == 1 else None


def _below(index: int, area: Result, scores: Mapping[int, Result]) -> Finding | None:
    recall, specificity = _one(scores, "recall"), _one(scores, "specificity")
    if recall is None or specificity is None or recall[1].averaging not in (None, "positive"):
        return None
    least = one_unit(recall[1].number).low + one_unit(specificity[1].number).low - 1
    if one_unit(area.number).high > least:
        return None
    t, s, text = (one.number.text.strip() for one in (recall[1], specificity[1], area))
    exact = written(recall[1].number)[0] + written(specificity[1].number)[0] - 1
    stated = recall[1].averaging == "positive"
    return Finding(
        id="auc/below-the-point",
        verdict="impossible" if stated else "suspicious",
        claims=(index, recall[0], specificity[0]),
        where=area.place.where,
        message=f"AUC {text} is too low for a curve through recall {t} and specificity {s}"
        + ("" if stated else ", if that recall is of the positive class"),
        arithmetic=f"AUC ≥ TPR + TNR − 1 = {float(exact):.4f}; reported is {text}",
        remedy="check that the AUC is of the scores of the positive class, and of the same rows",
    )


def _hard(index: int, area: Result, scores: Mapping[int, Result]) -> Finding | None:
    value = written(area.number)[0]
    recall, specificity = _one(scores, "recall"), _one(scores, "specificity")
    for metric in ("balanced_accuracy", "accuracy"):
        other = _one(scores, metric)
        if other is not None and _alike(area.number, written(other[1].number)[0], written(other[1].number)[1]):
            name = metric.replace("_", " ")
            said = f"AUC {area.number.text.strip()} = {name} {other[1].number.text.strip()}"
            return _finding(index, area, said, name, other[1].number)
    if recall is not None and specificity is not None and recall[1].averaging in (None, "positive"):
        mean = (written(recall[1].number)[0] + written(specificity[1].number)[0]) / 2
        unit = max(written(recall[1].number)[1], written(specificity[1].number)[1])
        if _alike(area.number, mean, unit):
            t, s = (one[1].number.text.strip() for one in (recall, specificity))
            said = f"({t} + {s})/2 = {float(mean):.4f}, AUC {area.number.text.strip()}"
            return _finding(index, area, said, "(TPR + TNR)/2", recall[1].number, value)
    return None


def _alike(area: Number, other: Fraction, unit: Fraction) -> bool:
    """Whether two values agree to their digits, and would hardly do so by chance."""
    value, own = written(area)
    return abs(value - other) <= max(own, unit) / 2 and _chance(area, other, unit) <= CHANCE


def _chance(area: Number, other: Fraction, unit: Fraction) -> Fraction:
    width = 2 * (1 - other)
    return (written(area)[1] + unit) / width if width > 0 else Fraction(1)


def _finding(index: int, area: Result, said: str, name: str, other: Number, mean: Fraction | None = None) -> Finding:
    value, unit = written(other)
    chance = _chance(area.number, mean if mean is not None else value, unit)
    width = 2 * (1 - (mean if mean is not None else value))
    return Finding(
        id="auc/hard-labels",
        verdict="suspicious",
        claims=(index,),
        where=area.place.where,
        message=f"the AUC equals {name}: it was most likely computed from predicted labels, not from scores",
        arithmetic=f"{said}; labels give AUC = (TPR + TNR)/2, of balanced classes the accuracy; by chance they agree in"
        f" about {float(width * chance):g}/{float(width):g} = {float(chance):.2%} of cases",
        remedy="compute it from the scores of the positive class: roc_auc_score(y, probabilities[:, 1])",
    )
