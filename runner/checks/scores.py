"""Scores of one evaluation that no confusion matrix gives together.

Accuracy, precision, recall, F1, specificity, Matthews' coefficient and Cohen's kappa of a classifier with two classes
all follow from four counts. The check asks whether any four counts give the reported values at once
(`runner.matrices`), rounded or cut off, for every averaging that the card does not exclude; of the declared number of
rows and positives where these are known, of any otherwise. Fazekas and Kovács 2024 (doi:10.1016/j.neunet.2024.106281;
from memory) test published scores in this way.

What means of several evaluations cannot give either is `impossible`. Each line holds of one confusion matrix, is linear
or concave in its scores, and so holds of every mean over batches, folds, seeds or classes (e is the share of errors):

* P + R − 1 ≤ F1 ≤ 2PR/(P + R), of one averaging: F1 of a class is the harmonic mean of its P and R, which is concave,
  and at least P + R − 1, as 2PR − (P + R)(P + R − 1) = P(1 − P) + R(1 − R) ≥ 0. Macro and weighted scores are means
  over classes, and an F1 computed of averaged P and R is their harmonic mean.
* two classes: P + R − 1 ≤ accuracy, as 1 − P = FP/(TP + FP) ≥ FP/n and 1 − R ≥ FN/n, which sum to e.
* two classes: F1 ≤ (1 + accuracy)/2, as F1 of a class is at most 2TP/(2TP + e·n) with TP ≤ (1 − e)·n, that is
  2a/(1 + a) ≤ (1 + a)/2; macro, micro and weighted F1 are means of the classes' or the accuracy itself; and an F1 of
  averaged P and R is at most (P + R)/2.
* two classes: kappa ≤ accuracy, as kappa = (a − c)/(1 − c) falls with the agreement by chance c ≥ 0; Matthews'
  coefficient ≤ accuracy, as it is the geometric mean of TPR + TNR − 1 = 1 − FN/p − FP/q ≤ 1 − e and of the same of
  the predicted classes (where they are negative, so is it).
* two classes: balanced accuracy ≤ (1 + accuracy)/2, as the lower of the two recalls is at most the accuracy, which is
  a weighted mean of them, and the other at most 1.

For these a value counts as anything less than one unit of its last digit away. What only a single matrix excludes is
`suspicious`, as means and mixed averagings are often not declared.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

from runner.checks import Finding
from runner.matrices import (
    AVERAGED,
    CONVENTIONS,
    OF_CLASS,
    count,
    harmonic,
    interval,
    one_unit,
    possible,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.document import Document, Result
    from registry.vocabulary import Averaging
    from runner.checks import Verdict
    from runner.matrices import Convention, Interval, Statistic

KINDS: Mapping[str, str] = {
    "impossible": "no confusion matrix, and no mean of several, gives the reported scores at once",
    "no-single-matrix": "no single confusion matrix gives the reported scores at once; a mean of several might",
    "fits": "scores that some confusion matrices give at once, with their number",
    "repeats-accuracy": "precision, recall and F1 repeat the accuracy to four digits, and so tell nothing more",
    "other-evaluation": "scores without a split that cannot be of the evaluation that the card reports",
}

_AVERAGINGS: tuple[Averaging, ...] = ("positive", "macro", "weighted", "micro")
_PLAIN: Mapping[str, Statistic] = {
    "accuracy": "accuracy", "specificity": "specificity", "balanced_accuracy": "balanced accuracy",
    "matthews_correlation": "mcc", "cohen_kappa": "kappa",
}  # fmt: skip
_NAMES: Mapping[str, str] = {
    "f1": "F1", "matthews_correlation": "Matthews' coefficient", "cohen_kappa": "kappa",
    "balanced_accuracy": "balanced accuracy",
}  # fmt: skip
_HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Group:
    """Scores that are of one evaluation.

    Attributes:
        scores: Index in the document's results → the result; no metric twice but of another class or averaging.
        split: The split.
        rows: Rows it was measured on; null where nothing says it.
        positives: Of these, rows of the positive class.
    """

    scores: Mapping[int, Result]
    split: str | None
    rows: int | None
    positives: int | None


def check(document: Document) -> Iterator[Finding]:
    """Findings on every group of scores, and on scores without a split beside a measured accuracy."""
    found = groups(document)
    classes = _classes(document)
    labels = document.fact("labels")
    known = classes if labels is not None and labels.status != "assumed" else None
    for group in found:
        if all(result.placeholder for result in group.scores.values()):
            continue
        finding = _means(group, known) or (_matrices(group) if classes == 2 else _one_averaging(group, classes))
        if finding is not None:
            yield finding
        else:
            repeated = list(_repeats(group, classes))
            yield from repeated or _counted(group, classes)
    if classes == 2:
        yield from _other_evaluations(found)


def groups(document: Document) -> list[Group]:
    """The document's scores, gathered by evaluation; what cannot be told apart is left out."""
    gathered: dict[tuple[object, ...], dict[int, Result]] = defaultdict(dict)
    for index, result in enumerate(document.results):
        if result.seeds is not None:
            continue  # a mean over runs is of no matrix
        if (result.metric in AVERAGED or result.metric in _PLAIN) and abs(result.number.value) <= 1:
            key = (result.group, result.split, result.dataset, result.epoch, result.step, result.rows)
            gathered[key][index] = result
    return [
        Group(scores, split, *rows_and_positives(document, split, next(iter(scores.values())).rows))
        for scores in gathered.values()
        for split in [next(iter(scores.values())).split]
        if len({(one.metric, one.averaging, one.label) for one in scores.values()}) == len(scores)
        and not any(one.number.approximate for one in scores.values())
    ]


def rows_and_positives(document: Document, split: str | None, rows: int | None) -> tuple[int | None, int | None]:
    """Rows of an evaluation, and how many of them are positive; each null where nothing says it.

    Args:
        document: The document.
        split: The split.
        rows: What is said of the number itself.
    """
    of_split = document.value(f"rows.{split}")
    positives = document.value(f"positives.{split}")
    if positives is None or rows not in (None, of_split) or of_split is None or not 0 < positives < of_split:
        return rows or of_split, None
    return of_split, positives


def _classes(document: Document) -> int | None:
    labels = document.value("labels")
    return len(labels) if isinstance(labels, (tuple, list)) and len(labels) > 1 else None


def _name(result: Result) -> str:
    parts = (result.averaging if result.averaging != "positive" else None, _NAMES.get(result.metric, result.metric))
    return " ".join(filter(None, parts)) + (f" of {result.label!r}" if result.label else "")


def _said(result: Result) -> str:
    return f"{_name(result)} {result.number.text.strip()}"


def _finding(kind: str, group: Group, about: Sequence[int], message: str, arithmetic: str, remedy: str) -> Finding:
    verdicts: Mapping[str, Verdict] = {"impossible": "impossible", "no-single-matrix": "suspicious", "fits": "ok"}
    return Finding(
        id=f"scores/{kind}",
        verdict=verdicts.get(kind, "ambiguous"),
        claims=tuple(about),
        where=group.scores[about[0]].place.where,
        message=message,
        arithmetic=arithmetic,
        remedy=remedy,
    )


def _digits(value: Fraction) -> str:
    return f"{float(value):.4f}"


def _pick(group: Group, metric: str) -> list[int]:
    return [index for index, result in group.scores.items() if result.metric == metric]


def _triples(group: Group) -> Iterator[tuple[int, int, int, bool]]:
    """Indices of P, R and F1 that were, or may have been, averaged alike, and whether the card says that they were."""
    for p, r, f in product(*(_pick(group, metric) for metric in ("precision", "recall", "f1"))):
        ways = {(group.scores[index].averaging, group.scores[index].label) for index in (p, r, f)}
        if len(ways) == 1:
            yield p, r, f, ways != {(None, None)}


def _means(group: Group, classes: int | None) -> Finding | None:
    """What no mean of confusion matrices gives."""
    scores = group.scores
    for p, r, f, stated in _triples(group):
        if stated:
            precision, recall, f1 = (one_unit(scores[index].number) for index in (p, r, f))
            finding = _outside(group, (f, p, r), f1, precision, recall)
            if finding is not None:
                return finding
    accuracy = _pick(group, "accuracy")
    if classes != 2 or not accuracy:
        return None
    at = accuracy[0]
    share = one_unit(scores[at].number)
    for index, result in scores.items():
        value = one_unit(result.number)
        if result.metric in ("f1", "balanced_accuracy") and value.low >= (1 + share.high) / 2:
            bound = f"(1 + accuracy)/2 < (1 + {_digits(share.high)})/2 = {_digits((1 + share.high) / 2)}"
        elif result.metric in ("cohen_kappa", "matthews_correlation") and value.low >= share.high:
            bound = f"accuracy < {_digits(share.high)}"
        else:
            continue
        message = f"{_said(result)} is too high for accuracy {scores[at].number.text.strip()}"
        arithmetic = f"of two classes {_NAMES[result.metric]} ≤ {bound}; reported is {result.number.text.strip()}"
        return _finding("impossible", group, (index, at), message, arithmetic, _CHECK)
    for p, r in product(_pick(group, "precision"), _pick(group, "recall")):
        ways = {(scores[index].averaging, scores[index].label) for index in (p, r)}
        low = one_unit(scores[p].number).low + one_unit(scores[r].number).low - 1
        if len(ways) == 1 and ways != {(None, None)} and low >= share.high:
            why = f"of two classes accuracy ≥ P + R − 1 > {_digits(low)}; reported is {scores[at].number.text.strip()}"
            message = f"accuracy {scores[at].number.text.strip()} is too low for {_said(scores[p])}, {_said(scores[r])}"
            return _finding("impossible", group, (at, p, r), message, why, _CHECK)
    return None


_CHECK = "look the numbers up in the evaluation's output: at least one of them is of another run, split or metric"


def _outside(
    group: Group,
    about: tuple[int, int, int],
    f1: Interval,
    precision: Interval,
    recall: Interval,
    kind: str = "impossible",
) -> Finding | None:
    """F1 that is not from P + R − 1 to the harmonic mean."""
    low, high = (
        precision.low + recall.low - 1,
        harmonic(min(precision.high, Fraction(1)), min(recall.high, Fraction(1))),
    )
    if f1.meets(low, high):
        return None
    f, p, r = (group.scores[index] for index in about)
    values = [written(one.number)[0] for one in (p, r)]
    if f1.low >= high:
        mean = harmonic(*values)
        message = f"{_said(f)} is higher than its precision and recall allow"
        arithmetic = (
            f"2PR/(P + R) = {_digits(mean)} for P = {p.number.text.strip()}, R = {r.number.text.strip()}; at most "
        )
        arithmetic += (
            f"{_digits(high)} with P and R at the ends of their last digits; reported is {f.number.text.strip()}"
        )
    else:
        message = f"{_said(f)} is lower than its precision and recall allow"
        arithmetic = f"F1 ≥ P + R − 1 = {_digits(sum(values, start=Fraction(-1)))}; reported is {f.number.text.strip()}"
    if kind == "impossible":
        return _finding(kind, group, about, message, arithmetic, _CHECK)
    message += ", unless they were averaged in different ways"
    return _finding(kind, group, about, message, arithmetic, "say how each was averaged (positive class, macro, …)")


def _one_averaging(group: Group, classes: int | None) -> Finding | None:
    """What no one averaging gives, where the classes are more than two or unknown."""
    scores = group.scores
    for p, r, f, stated in _triples(group):
        if not stated:
            f1, precision, recall = (_either(scores[index]) for index in (f, p, r))
            finding = _outside(group, (f, p, r), f1, precision, recall, "no-single-matrix")
            if finding is not None:
                return finding
    return _of_accuracy(group) if classes is not None else None


def _either(result: Result) -> Interval:
    """Values that are written so by either convention."""
    ends = [interval(result.number, convention) for convention in CONVENTIONS]
    low, high = min(ends, key=lambda one: one.low), max(ends, key=lambda one: one.high)
    return type(low)(low.low, high.high, low.low_open, high.high_open)


def _of_accuracy(group: Group) -> Finding | None:
    """Micro averages and weighted recall of rows with one label each, which are the accuracy."""
    for at in _pick(group, "accuracy"):
        accuracy = _either(group.scores[at])
        for index, result in group.scores.items():
            same = result.averaging == "micro" or (result.averaging == "weighted" and result.metric == "recall")
            bounds = _either(result)
            if same and result.label is None and not accuracy.meets(bounds.low, bounds.high):
                text = group.scores[at].number.text.strip()
                message = (
                    f"{_said(result)} is not the accuracy {text}, though rows with one label each make them the same"
                )
                arithmetic = f"{_name(result)} = correct rows / rows = accuracy; {result.number.text.strip()} ≠ {text}"
                remedy = "say whether rows have several labels, or which rows or classes were left out of one of them"
                return _finding("no-single-matrix", group, (index, at), message, arithmetic, remedy)
    return None


def _wanted(
    results: Sequence[Result], averaging: Averaging, convention: Convention, first: int
) -> dict[Statistic, Interval] | None:
    """Statistic → interval of one reading of the results; null where they name more than two classes.

    Args:
        results: The scores.
        averaging: Of those that say none and name no class.
        convention: How digits were cut.
        first: Whether the first class that is named is the positive one (1) or the negative one (0).
    """
    labels = list(dict.fromkeys(result.label for result in results if result.label is not None))
    if len(labels) > 2:
        return None
    wanted: dict[Statistic, Interval] = {}
    for result in results:
        if result.metric in _PLAIN:
            statistic = _PLAIN[result.metric]
        elif result.label is not None:
            statistic = OF_CLASS[result.metric][first if result.label == labels[0] else 1 - first]
        else:
            statistic = AVERAGED[result.metric][result.averaging or averaging]
        bounds = interval(result.number, convention)
        wanted[statistic] = wanted.get(statistic, bounds) & bounds
    return wanted


def _readings(results: Sequence[Result]) -> Iterator[dict[Statistic, Interval]]:
    """Every reading of scores: averaging, class that is called positive, rounded or truncated."""
    free = any(result.metric in AVERAGED and result.averaging is None and result.label is None for result in results)
    named = any(result.label is not None for result in results)
    for averaging in _AVERAGINGS if free else _AVERAGINGS[:1]:
        for first in (1, 0) if named else (1,):
            for convention in CONVENTIONS:
                wanted = _wanted(results, averaging, convention, first)
                if wanted is not None:
                    yield wanted


def _fits(results: Sequence[Result], rows: int | None, positives: int | None) -> bool:
    """Whether any reading is possible, or none could be excluded."""
    return any(possible(wanted, rows, positives) is not False for wanted in _readings(results)) or not any(
        True for _ in _readings(results)
    )


def _matrices(group: Group) -> Finding | None:
    """What no single confusion matrix of two classes gives."""
    results = list(group.scores.values())
    if len(results) < 2 or _fits(results, group.rows, group.positives):
        return None
    explained = []
    if group.rows is not None and _fits(results, None, None):
        explained.append("another number of rows, or another share of positives")
    if _computed(group):
        explained.append("an F1 computed from the rounded, or from averaged, precision and recall")
    explained.append("a mean over batches, folds or seeds, or metrics averaged in different ways")
    size = f"{group.rows:,} rows" if group.rows is not None else "any number of rows"
    if group.positives is not None:
        size += f", {group.positives:,} of them positive"
    ways = {result.averaging for result in results if result.metric in AVERAGED and result.label is None}
    tried = "positive-class, macro, micro or weighted averages" if None in ways else "the averages it says"
    arithmetic = f"0 confusion matrices of {size} give " + ", ".join(_said(result) for result in results)
    return _finding(
        "no-single-matrix",
        group,
        list(group.scores),
        "these scores are not of one confusion matrix; what could explain them: " + "; ".join(explained),
        arithmetic + (f", as {tried}, rounded or cut off" if ways else ", rounded or cut off"),
        "say how the scores were averaged and over which rows, or correct the one that is of another run",
    )


def _computed(group: Group) -> bool:
    """Whether all but F1 fit, and F1 is the harmonic mean of the P and R as they are written."""
    rest = [result for result in group.scores.values() if result.metric != "f1"]
    return any(
        _either(group.scores[f]).meets(mean, mean)
        for p, r, f, _ in _triples(group)
        for mean in [harmonic(written(group.scores[p].number)[0], written(group.scores[r].number)[0])]
    ) and _fits(rest, group.rows, group.positives)


def _repeats(group: Group, classes: int | None) -> Iterator[Finding]:
    """Precision, recall and F1 that all are the accuracy: averages that are so by definition, most likely."""
    results = [result for result in group.scores.values() if result.metric in (*AVERAGED, "accuracy")]
    values = {result.number.value for result in results}
    if len(values) > 1 or {result.metric for result in results} != {*AVERAGED, "accuracy"}:
        return
    if any(result.averaging or result.label for result in results) or len(results) > 4:
        return
    share, unit = written(results[0].number)
    if unit > Fraction(1, 10_000) or (group.rows is not None and (1 - share) * group.rows < 50):
        return
    text = results[0].number.text.strip()
    arithmetic = "micro-averaged P = R = F1 = correct rows / rows = accuracy"
    if classes == 2 and group.rows is not None and group.positives is not None:
        wanted = _wanted(results, "positive", "rounded", 1)
        matrices = count(group.rows, wanted, group.positives) if wanted is not None else None
        if matrices is not None:
            arithmetic += f"; of the positive class, {matrices:,} of all matrices with {group.rows:,} rows "
            arithmetic += f"({group.positives:,} positive) " + ("gives" if matrices == 1 else "give") + " it"
    about = [index for index, result in group.scores.items() if result in results]
    message = (
        f"precision, recall and F1 are all {text}, as the accuracy is: averaged so, they tell nothing that it does not"
    )
    remedy = "say how they were averaged; give those of each class, or the confusion matrix"
    yield _finding("repeats-accuracy", group, about, message, arithmetic, remedy)


def _counted(group: Group, classes: int | None) -> Iterator[Finding]:
    """Scores that fit, with the number of matrices that they leave: many say little, few say that all of them fit."""
    results = list(group.scores.values())
    if classes != 2 or len(results) < 2 or group.rows is None or group.positives is None:
        return
    ways = [*_AVERAGINGS, *(result.averaging for result in results if result.averaging)]
    for averaging in dict.fromkeys(ways):
        wanted = _wanted(results, averaging, "rounded", 1)
        matrices = count(group.rows, wanted, group.positives) if wanted is not None else None
        if matrices:
            averaged = any(result.metric in AVERAGED for result in results)
            how = f" ({'of the positive class' if averaging == 'positive' else averaging})" if averaged else ""
            yield _finding(
                "fits",
                group,
                list(group.scores),
                f"the scores fit one another{how}",
                f"{matrices:,} confusion matrices of {group.rows:,} rows, {group.positives:,} of them positive, give "
                + ", ".join(_said(result) for result in results),
                "",
            )
            return


def _other_evaluations(found: Sequence[Group]) -> Iterator[Finding]:
    """Scores without a split, examples too, that fit no accuracy that was measured."""
    measured = [
        group
        for group in found
        if group.split is not None
        and _pick(group, "accuracy")
        and not any(one.placeholder for one in group.scores.values())
    ]
    for group in found:
        if group.split is not None or _pick(group, "accuracy") or len(group.scores) < 2 or not measured:
            continue
        own = list(group.scores.values())
        beside = [[*own, other.scores[_pick(other, "accuracy")[0]]] for other in measured]
        if not _fits(own, None, None) or any(_fits(both, None, None) for both in beside):
            continue
        accuracy = " or ".join(f"{_said(both[-1])} ({both[-1].split})" for both in beside)
        scores = ", ".join(_said(result) for result in own)
        size = "any number of rows"
        other = measured[0]
        if len(measured) == 1 and other.rows is not None and other.positives is not None:
            size = f"{other.rows:,} rows, {other.positives:,} of them positive, as of any other number"
        yield _finding(
            "other-evaluation",
            group,
            list(group.scores),
            f"{scores} name no split, and are not of the evaluation that gave {accuracy}",
            f"0 confusion matrices of {size} give {scores} with {accuracy}",
            "say which split and run they are of, or leave them out where they are examples",
        )
