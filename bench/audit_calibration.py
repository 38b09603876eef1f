"""How often the audit is wrong, and how often it finds what is: `python bench/audit_calibration.py [--quick]`.

Cards are simulated from classifiers whose every row is known: scores of rows are drawn, predictions and probabilities
follow, and the card reports some of the metrics as authors do. Then every claim check of `runner/checks` reads it.
Of an honest card a finding is false where what it says of the card does not hold: a score called `impossible` always, a
doubt about one confusion matrix unless the card's scores are means or an F1 computed from P and R. A corrupted card is
an honest one of a single evaluation with one thing changed; it counts as found where it has a finding that the honest
one has not.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.document import Document, Fact, Place, Result
from registry.numbers import read_number
from runner import plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.checks import Finding

MADE = {
    "one matrix": 70, "mean over folds": 8, "mean over batches": 6, "mean over seeds": 6, "F1 of rounded P, R": 6,
    "F1 of averaged P, R": 4,
}  # fmt: skip
"""How the scores of an honest card came about, and how many of a hundred cards did so; a guess, nobody counted."""
AVERAGED = ("precision", "recall", "f1")
PLACE = Place("README.md:1:1")


@dataclass(frozen=True)
class Simulated:
    """An honest card and how it was made.

    Attributes:
        document: What the checks read.
        made: Key of `MADE`.
        averaging: The averaging of its precision, recall and F1, whether the card says it or not.
        truth: Metric → exact value, of all that could have been reported.
        write: Value → its text, with the card's digits.
    """

    document: Document
    made: str
    averaging: str
    truth: dict[str, float] = field(compare=False)
    write: Callable[[float], str] = field(compare=False)


def matrices(true: Any, predicted: Any, parts: Any, classes: int) -> Any:
    """Confusion matrices (parts, classes, classes) of rows, by part, true and predicted class."""
    flat = (parts * classes + true) * classes + predicted
    return np.bincount(flat, minlength=(parts.max() + 1) * classes**2).reshape(-1, classes, classes)


def metrics(table: Any, averaging: str) -> dict[str, Any]:
    """Scores of confusion matrices (…, classes, classes), each an array (…); 0/0 is 0, as of scikit-learn."""
    hits, rows, columns = np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1), table.sum(-2)
    total = rows.sum(-1)

    def share(one: Any, of: Any) -> Any:
        return np.where(of > 0, one / np.where(of > 0, of, 1), 0.0)

    precision, recall, f1 = share(hits, columns), share(hits, rows), share(2 * hits, rows + columns)
    accuracy = hits.sum(-1) / total
    found = {"accuracy": accuracy, "balanced_accuracy": recall.mean(-1)}
    for name, scores in zip(AVERAGED, (precision, recall, f1), strict=True):
        found[name] = {
            "positive": lambda scores=scores: scores[..., 1],
            "macro": lambda scores=scores: scores.mean(-1),
            "weighted": lambda scores=scores: (scores * rows).sum(-1) / total,
            "micro": lambda: accuracy,
        }[averaging]()
        if table.shape[-1] == 2:
            found |= {f"{name} of {k}": scores[..., k] for k in (0, 1)}
    chance = (rows * columns).sum(-1) / total**2
    found["cohen_kappa"] = share(accuracy - chance, 1 - chance)
    if table.shape[-1] == 2:
        found["specificity"] = recall[..., 0]
        below = np.sqrt((rows.prod(-1) * 1.0) * columns.prod(-1))
        cross = table[..., 1, 1] * table[..., 0, 0] - table[..., 0, 1] * table[..., 1, 0] * 1.0
        found["matthews_correlation"] = share(cross, below)
    return found


def auc(true: Any, scores: Any) -> float:
    """Area under the ROC curve: the share of pairs that the scores order rightly."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores)] = np.arange(1, len(scores) + 1)
    positives = int(true.sum())
    return float((ranks[true == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(true) - positives)))


def evaluate(draw: Any, sizes: Any, skill: float, bias: float, averaging: str, parts: Any) -> dict[str, float]:
    """Every metric of one evaluation, averaged over its parts; binormal scores where classes are two.

    Args:
        draw: Source of random numbers.
        sizes: Rows of each class, an array (classes,).
        skill: Half the distance of the classes' scores, in standard deviations.
        bias: What the threshold is off by.
        averaging: How precision, recall and F1 are averaged over the classes.
        parts: Part of each row (fold, batch), an array (rows,).
    """
    classes, n = len(sizes), int(sizes.sum())
    true = draw.permutation(np.repeat(np.arange(classes), sizes))
    if classes == 2:
        margin = draw.normal(size=n) + skill * (true - 0.5) * 2 - bias
        logits = np.stack([np.zeros(n), 2 * max(skill, 0.2) * margin], axis=1)
    else:
        logits = draw.normal(size=(n, classes))
        logits[np.arange(n), true] += 2 * skill
    predicted = logits.argmax(1)
    found = {
        name: float(np.mean(one)) for name, one in metrics(matrices(true, predicted, parts, classes), averaging).items()
    }
    found["loss"] = float(np.mean(np.logaddexp.reduce(logits, axis=1) - logits[np.arange(n), true]))
    if classes == 2:
        found["roc_auc"] = auc(true, logits[:, 1])
        found["labels_auc"] = found["specificity"] / 2 + float(np.mean(predicted[true == 1] == 1)) / 2
    return found


def writer(draw: random.Random) -> Callable[[float], str]:
    """A way to write scores: 0 to 4 digits, rounded or cut off, percent or share."""
    percent, cut = draw.random() < 0.5, draw.random() < 0.15
    digits = draw.randint(0, 4) if percent else draw.randint(1, 4)

    def write(value: float) -> str:
        scaled = value * 100 if percent else value
        if cut:
            scaled = np.trunc(scaled * 10**digits + 1e-9 * np.sign(scaled)) / 10**digits
        return f"{scaled:.{digits}f}" + "%" * percent

    return write


def honest(seed: int, largest: int = 50_000) -> Simulated:
    """An honest card, of 40 to so many rows."""
    draw, rows = random.Random(seed), np.random.default_rng(seed)
    made = draw.choices([*MADE], [*MADE.values()])[0]
    classes = 2 if draw.random() < 0.7 else draw.randint(3, 10)
    n = int(10 ** draw.uniform(1.7, math.log10(largest)))
    n = max(round(n, -2), 100) if draw.random() < 0.4 else max(n, 40)
    prevalence = [0.5, 0.5] if draw.random() < 0.3 and classes == 2 else rows.dirichlet([3.0] * classes)
    sizes = np.maximum(
        rows.multinomial(n, prevalence)
        if classes > 2
        else np.array([n - int(n * prevalence[1]), int(n * prevalence[1])]),
        1,
    )
    n = int(sizes.sum())
    averaging = draw.choice(
        ["positive", "macro", "micro", "weighted"] if classes == 2 else ["macro", "micro", "weighted"]
    )
    if made == "F1 of averaged P, R":
        averaging = draw.choice(["macro", "weighted"])
    skill, bias = draw.uniform(0, 2.5), draw.gauss(0, 0.4)
    parts = np.zeros(n, dtype=int)
    if made == "mean over folds":
        parts = np.arange(n) * draw.choice([3, 5, 10]) // n
    elif made == "mean over batches":
        parts = np.arange(n) // draw.choice([8, 16, 32, 64])
    seeds = draw.randint(2, 5) if made == "mean over seeds" else 1
    runs = [evaluate(rows, sizes, skill, bias, averaging, parts) for _ in range(seeds)]
    truth = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
    write = writer(draw)
    if made == "F1 of rounded P, R":
        p, r = (read_number(write(truth[name])).value for name in ("precision", "recall"))
        truth["f1"] = 2 * p * r / (p + r) if p + r else 0.0
    elif made == "F1 of averaged P, R":
        p, r = truth["precision"], truth["recall"]
        truth["f1"] = 2 * p * r / (p + r) if p + r else 0.0
    likely = {"accuracy": 0.9, "precision": 0.6, "recall": 0.6, "f1": 0.8, "loss": 0.3, "roc_auc": 0.3}
    by_class = draw.random() < 0.15 and made not in ("F1 of rounded P, R", "F1 of averaged P, R")
    if by_class:
        likely |= dict.fromkeys(AVERAGED, 0.0) | {f"{name} of {k}": 0.6 for name in AVERAGED for k in (0, 1)}
    drawn = [name for name in truth if name != "labels_auc" and (by_class or " of " not in name)]
    chosen = [name for name in drawn if draw.random() < likely.get(name, 0.15)]
    results = []
    says = averaging if draw.random() < 0.3 else None
    for name in chosen:
        text = f"{truth[name]:.4f}" if name == "loss" else write(truth[name])
        metric, _, label = name.partition(" of ")
        result = Result(
            metric, read_number(text), PLACE, split="test", label=f"class {label}" if label else None, group=1
        )
        results.append(replace(result, averaging=says) if metric in AVERAGED and not label else result)
    facts = []
    if draw.random() < 0.6:
        facts.append(Fact("labels", tuple(f"class {k}" for k in range(classes)), "", PLACE))
    if draw.random() < 0.6:
        facts.append(Fact("rows.test", n, "", PLACE))
        if classes == 2 and draw.random() < 0.5:
            facts.append(Fact("positives.test", int(sizes[1]), "", PLACE))
    document = Document("README.md", "", results=tuple(results), facts=tuple(facts))
    return Simulated(document, made, averaging, truth, write)


def findings(document: Document) -> list[Finding]:
    """What every claim check says against it; what it leaves out, a license or a recipe, is left out indeed."""
    said = (found for name in plugins.names("checks") for found in plugins.check(name).check(document))
    return [found for found in said if found.verdict not in ("ok", "underspecified")]


def holds(finding: Finding, card: Simulated) -> bool:
    """Whether what a finding says of an honest card is so."""
    if finding.verdict == "impossible":
        return False
    if finding.id == "scores/no-single-matrix":
        return card.made != "one matrix"
    if finding.id == "granularity/not-a-count":
        return card.made.startswith("mean")
    if finding.id == "scores/repeats-accuracy":
        return card.averaging != "positive"
    return False


def _changed(card: Simulated, index: int, **changes: Any) -> Document:
    results = list(card.document.results)
    results[index] = replace(results[index], **changes)
    return replace(card.document, results=tuple(results))


def _scores(card: Simulated) -> list[int]:
    return [index for index, result in enumerate(card.document.results) if result.metric != "loss"]


def one_digit(card: Simulated, draw: random.Random) -> Document | None:
    """One of the digits that are not the first is another one."""
    index = draw.choice(_scores(card))
    text = card.document.results[index].number.text
    at = draw.choice([place for place, letter in enumerate(text) if letter.isdigit()][1:] or [0])
    other = draw.choice([digit for digit in "0123456789" if digit != text[at]])
    number = read_number(text[:at] + other + text[at + 1 :])
    return _changed(card, index, number=number) if abs(number.value) <= 1 else None


def swapped(card: Simulated, draw: random.Random) -> Document | None:
    """Two metrics have each other's value."""
    one, other = draw.sample(_scores(card), 2)
    first, second = (card.document.results[index].number for index in (one, other))
    if first.value == second.value:
        return None
    return _changed(replace(card, document=_changed(card, one, number=second)), other, number=first)


def wrong_size(card: Simulated, draw: random.Random) -> Document | None:
    """The split is said to have other rows than it has."""
    if card.document.value("rows.test") is None:
        return None
    scale = draw.choice([0.1, 0.2, 0.5, 0.8])
    facts = [
        replace(fact, value=max(2, int(fact.value * scale))) if fact.name in ("rows.test", "positives.test") else fact
        for fact in card.document.facts
    ]
    return replace(card.document, facts=tuple(facts))


def other_averaging(card: Simulated, draw: random.Random) -> Document | None:
    """Precision, recall and F1 are said to be averaged as they are not."""
    other = draw.choice([one for one in ("positive", "macro", "micro", "weighted") if one != card.averaging])
    results = [replace(one, averaging=other) if one.metric in AVERAGED else one for one in card.document.results]
    return replace(card.document, results=tuple(results)) if any(one.averaging for one in results) else None


def other_run(card: Simulated, draw: random.Random) -> Document | None:
    """F1 is of another run, 1 to 5 points better or worse."""
    indices = [index for index in _scores(card) if card.document.results[index].metric == "f1"]
    off = draw.choice([-1, 1]) * draw.uniform(0.01, 0.05)
    if not indices or not 0 < card.truth["f1"] + off < 1:
        return None
    return _changed(card, indices[0], number=read_number(card.write(card.truth["f1"] + off)))


def hard_labels(card: Simulated, draw: random.Random) -> Document | None:
    """The area under the ROC curve is of predicted labels."""
    indices = [index for index in _scores(card) if card.document.results[index].metric == "roc_auc"]
    return _changed(card, indices[0], number=read_number(card.write(card.truth["labels_auc"]))) if indices else None


CORRUPTIONS: dict[str, Callable[[Simulated, random.Random], Document | None]] = {
    "one digit changed": one_digit,
    "two metrics swapped": swapped,
    "wrong split size": wrong_size,
    "averaged otherwise than said": other_averaging,
    "F1 of another run": other_run,
    "AUC of labels": hard_labels,
}


def corrupted(card: Simulated, seed: int) -> Iterator[tuple[str, Document]]:
    """The card with each corruption that applies to it and changes what it says."""
    if card.made != "one matrix" or len(_scores(card)) < 2:
        return
    for index, (name, corrupt) in enumerate(CORRUPTIONS.items()):
        document = corrupt(card, random.Random(seed * 10 + index))
        if document is not None and document != card.document:
            yield name, document


def claims(count: int) -> int:
    """Print false alarms on honest cards and the share of corrupted ones found; how often `impossible` was false."""
    fired: Counter[tuple[str, str]] = Counter()
    false: Counter[tuple[str, str]] = Counter()
    tried: Counter[str] = Counter()
    caught: Counter[tuple[str, str]] = Counter()
    made: Counter[str] = Counter()
    spent = 0.0
    for seed in range(count):
        card = honest(seed)
        made[card.made] += 1
        started = time.perf_counter()
        said = findings(card.document)
        spent += time.perf_counter() - started
        for kind in {(finding.id, finding.verdict) for finding in said}:
            fired[kind] += 1
        for kind in {(finding.id, finding.verdict) for finding in said if not holds(finding, card)}:
            false[kind] += 1
        known = {finding.id for finding in said}
        for name, document in corrupted(card, seed):
            tried[name] += 1
            new = {finding.verdict for finding in findings(document) if finding.id not in known}
            for verdict in ("impossible", "suspicious", "any"):
                caught[name, verdict] += verdict in new or (verdict == "any" and bool(new))
    print(f"{count:,} honest cards ({', '.join(f'{name} {number:,}' for name, number in made.most_common())});")
    print(f"{1000 * spent / count:.1f} ms a card\n")
    print(f"{'finding':32} {'verdict':12} {'fired':>7} {'false':>7} {'false, %':>9}")
    for kind in sorted(fired, key=lambda one: (-false[one], one)):
        print(f"{kind[0]:32} {kind[1]:12} {fired[kind]:7,} {false[kind]:7,} {false[kind] / count:9.2%}")
    print(f"\n{'corruption of a single evaluation':34} {'cards':>7} {'impossible':>11} {'suspicious':>11} {'any':>7}")
    for name, number in tried.items():
        shares = "".join(
            f" {caught[name, verdict] / number:{width}.1%}"
            for verdict, width in (("impossible", 11), ("suspicious", 11), ("any", 7))
        )
        print(f"{name:34} {number:7,}{shares}")
    return sum(number for (_, verdict), number in fired.items() if verdict == "impossible")


def main() -> int:
    """Print every part; 1 where an honest card was called impossible."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2,000 cards instead of 20,000")
    wrong = claims(2_000 if parser.parse_args().quick else 20_000)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
