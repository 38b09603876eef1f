"""The results that a README reports: in lists, sentences, tables, reports in code and the front matter's model index.

Only numbers that are said to be a metric's are read; those of other models, of single classes, run times and counts are
not results of the model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.document import Result, Row, Table
from registry.front_matter import Scalar, index_of, scalars
from registry.markdown import plain
from registry.numbers import PLACEHOLDER, Number, read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.draft_page import Page
    from registry.markdown import Cell, Grid, Line

METRICS: dict[str, str] = {
    alias: name
    for name, aliases in {
        "accuracy": "accuracy; acc; accuray; overall accuracy; classification accuracy; top 1 accuracy; top1 "
        "accuracy; acc 1; acc@1; sparse categorical accuracy; categorical accuracy; binary accuracy",
        "precision": "precision; prec; ents p",
        "recall": "recall; rec; sensitivity; ents r",
        "f1": "f1; f1 score; f1score; f score; f measure; f 1; f1 measure; fscore; f 1 score; ents f",
        "roc_auc": "roc auc; auc; auroc; auc roc; roc auc score; area under the roc curve; auc score; rocauc",
        "specificity": "specificity",
        "matthews_correlation": "matthews correlation; mcc; matthews corrcoef; matthews correlation "
        "coefficient; matthews",
        "cohen_kappa": "cohen kappa; kappa; cohens kappa; cohen s kappa",
        "loss": "loss; cross entropy loss; cross entropy; ce loss",
        "balanced_accuracy": "balanced accuracy",
        "mean_accuracy": "mean accuracy",
        "wer": "wer; word error rate",
        "cer": "cer; character error rate",
        "bleu": "bleu; bleu score; sacrebleu; sacre bleu",
        "chrf": "chrf; chr f",
        "rouge1": "rouge1; rouge 1",
        "rouge2": "rouge2; rouge 2",
        "rougeL": "rougel; rouge l",
        "rougeLsum": "rougelsum; rouge lsum; rouge l sum",
        "gen_len": "gen len; gen length; generation length",
        "perplexity": "perplexity; ppl",
        "mse": "mse; mean squared error",
        "mae": "mae; mean absolute error",
        "rmse": "rmse; root mean squared error",
        "r2": "r2; r squared",
        "exact_match": "exact match; em; exact",
        "f2": "f2; f2 score",
        "auprc": "auprc; pr auc; average precision; auc pr",
        "map": "map; mean average precision",
        "mean_iou": "mean iou; miou",
        "iou": "iou",
        "pearson": "pearson; pearsonr; pearson correlation; pearson r",
        "spearmanr": "spearmanr; spearman; spearman correlation; spearman rho",
        "top_3_accuracy": "top 3 accuracy; top3 accuracy",
        "top_2_accuracy": "top 2 accuracy",
        "top_5_accuracy": "top 5 accuracy; top5 accuracy",
        "bertscore": "bertscore; bert score",
        "meteor": "meteor",
        "hamming_loss": "hamming loss",
        "jaccard": "jaccard; jaccard score",
        "ndcg": "ndcg",
        "mrr": "mrr",
    }.items()
    for alias in aliases.split("; ")
}
"""Names of metrics in lower case, without marks, → the name of `registry.vocabulary.CLAIMS`, or the usual one."""

_SPLITS = {
    "train": "train",
    "training": "train",
    "tr": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "development": "validation",
    "test": "test",
    "testing": "test",
    "predict": "test",
}
_AVERAGINGS = {"macro": "macro", "micro": "micro", "weighted": "weighted", "samples": "samples", "wtd": "weighted"}
_FILLERS = frozenset(
    [
        "score",
        "scores",
        "on",
        "the",
        "set",
        "split",
        "data",
        "dataset",
        "overall",
        "final",
        "best",
        "model",
        "of",
        "in",
        "avg",
        "average",
        "averaged",
        "value",
        "results",
        "result",
        "s",
        "held",
        "out",
        "subset",
        "total",
        "achieved",
    ]
)
_WORD = re.compile(r"[a-z0-9@+]+")
_LABEL = re.compile(r"\(\s*([^()]{1,40})\)\s*$")
_EVAL_OF = re.compile("eval[-_]", re.IGNORECASE)
_REMARK = re.compile(r"[\d%.\s,–-]{1,40}|(?:higher|lower).{0,40}|in %|↑|↓")
_CLASS = re.compile(r"\b(?:class|label)\b|positive|negative|neutral")
_ONE_NAME = re.compile(r"[a-z_]{2,20}")
_METRIC_NAME = re.compile(r"[\w @./+()-]{1,50}")
_DIGITS_ONLY = re.compile(r"[-\d.%]{1,40}")
_LETTER = re.compile("[a-z]")
_COUNTS = re.compile(
    r"runtime|number|count|per_second|second|steps?\b|epoch|flos|memory|samples|support|total|params|time|size"
    r"|learning_rate|\blr\b",
    re.IGNORECASE,
)
_SPLIT_IN = re.compile(
    r"\b(train(?:ing)?|test(?:ing)?|val(?:id(?:ation)?)?|dev(?:elopment)?|eval(?:uation)?"
    r"|held-?out)(?:[- ](?:set|split|data|dataset|sets|partition)|\b(?=[ )*:.,]*$))",
    re.IGNORECASE,
)

_SIMPLE = re.compile(r"\d{1,15}(?:\.(\d{1,18}))?")
_HALVES = tuple(float(f"0.5e-{digits}") for digits in range(20))


def plain_number(text: str) -> Number | None:
    """`registry.numbers.read_number` for the numbers of tables, at a tenth of its time; null where it finds none.

    >>> plain_number("0.8500") == read_number("0.8500")
    True
    """
    found = _SIMPLE.fullmatch(text)
    if found is not None:
        digits = len(found[1]) if found[1] else 0
        value = float(text)
        return Number(text, value, _HALVES[digits], digits, "fraction" if value <= 1 else "raw", False, False)
    if not text or len(text) > 60:
        return None
    try:
        return read_number(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Named:
    """What the words before a number say that it is."""

    metric: str
    split: str | None = None
    averaging: str | None = None
    label: str | None = None


@lru_cache(maxsize=4096)
def named(words: str) -> Named | None:
    """The metric that words name, and nothing else but a split, an averaging and a class in brackets.

    >>> named("Test F1-score (macro)")
    Named(metric='f1', split='test', averaging='macro', label=None)
    >>> named("accuracy of the baseline") is None
    True
    """
    return _named(words.strip()) if len(words) <= 100 else None


def _named(words: str) -> Named | None:
    words = plain(words)
    bracket = _LABEL.search(words)
    if bracket is None:
        return _of_words(words)
    inner, rest = bracket[1].strip(), words[: bracket.start()]
    if _EVAL_OF.match(inner) and (own := _named(inner)) is not None:  # `Accuracy (eval-f1)`
        return own
    without = _named(rest)
    if without is None:
        return _of_words(words)
    if (both := _named(f"{rest} {inner}")) is not None:  # `F1 (macro)`
        return both
    low = inner.casefold()
    if _REMARK.fullmatch(low) is not None:
        return without
    return replace(without, label=inner) if _CLASS.search(low) or _ONE_NAME.fullmatch(low) else None


def _of_words(words: str) -> Named | None:
    """The metric that words without a bracket name."""
    tokens = _WORD.findall(words.lower().replace("'", " ").replace("_", " "))
    split = averaging = None
    kept: list[str] = []
    for token in tokens:
        if token in _SPLITS and split in (None, _SPLITS[token]):
            split = _SPLITS[token]
        elif token in _AVERAGINGS and averaging is None:
            averaging = _AVERAGINGS[token]
        else:
            kept.append(token)
    metric = METRICS.get(" ".join(kept)) or METRICS.get(" ".join(one for one in kept if one not in _FILLERS))
    return Named(metric, split, averaging) if metric is not None else None


def split_of(words: str) -> str | None:
    """The one split that words name; null where they name none or several."""
    found = {
        ("test" if one[1][:4].lower() in ("held", "test") else _SPLITS[one[1].lower()])
        for one in _SPLIT_IN.finditer(words)
    }
    return found.pop() if len(found) == 1 else None


def _fits(metric: str, number: Number) -> bool:
    """Whether a metric can have a value: a share lies in 0..1, or, without a percent sign, in 0..100."""
    if metric == "loss" or metric in ("perplexity", "mse", "mae", "rmse", "gen_len"):
        return number.unit in ("fraction", "raw")
    if number.unit not in ("fraction", "raw", "percent"):
        return False
    if metric in ("matthews_correlation", "cohen_kappa", "r2", "pearson", "spearmanr"):
        return -100 <= number.value <= 100
    return 0 <= number.value <= (1000 if metric in ("wer", "cer") else 100)


def _in_share(metric: str, number: Number) -> Number:
    """Points of a hundred as a share: `81.4` of an accuracy is 0.814."""
    if (
        metric not in ("accuracy", "precision", "recall", "f1", "roc_auc", "specificity", "balanced_accuracy")
        or number.unit != "raw"
    ):
        return number
    if not 1 < number.value <= 100:
        return number
    value = float(f"{number.value!r}e-2") if "e" not in repr(number.value) else number.value / 100
    return replace(number, value=value, half_width=number.half_width / 100, unit="percent")


def add(page: Page, what: Named, number: Number, start: int, end: int, group: int, **more: Any) -> None:
    """Add a result."""
    if not _fits(what.metric, number):
        return
    averaging = what.averaging
    split = more.pop("split", None)
    page.results.append(
        Result(
            metric=what.metric, number=_in_share(what.metric, number), place=page.place(start, end),
            split=what.split or split, averaging=averaging,  # type: ignore[arg-type]  # `samples` is none of the card's
            label=what.label, group=group, placeholder=number.placeholder or more.pop("placeholder", False), **more,
        )
    )  # fmt: skip


_ACHIEVES = re.compile(
    r"(?:achieve[sd]?|obtain(?:s|ed)?|got|has) (?:the )?following results?(?: on (?:the |an? )?(evaluation"
    r"|test|validation|dev))?",
    re.IGNORECASE,
)
_METRIC_LINE = re.compile(
    r"[\s\"'`*_{(\[-]{0,5}([A-Za-z][^:=|\n]{0,60}?)[\"'`*_ \t]{0,6}(?:[:=]|\s[-–—]\s|\s→\s"
    r"|–)[\s*`\"'_]{0,12}([^\n]{1,200})"
)
_VALUE = re.compile(
    r"(?:e\.g\.,?\s*|~|≈|about\s|approx\.?\s)?([-+]?(?:\d{1,15}(?:[.,]\d{1,20})?"
    r"|\.\d{1,20})(?:[eE][-+]?\d{1,3})?)\s?(%?)"
)
_RANGE = re.compile(r"\s{0,3}(?:-|–|to|/|→|->|vs)\s{0,3}\d")
_MORE = re.compile(r"[\w:]|\.\d|,\d")


def _value(text: str) -> tuple[Number, int] | None:
    """The number that a value begins with and the offset behind it; null for a range, a date or a time."""
    found = _VALUE.match(text)
    if found is None or _RANGE.match(text, found.end()) or _MORE.match(text, found.end()):
        return None
    words = found.group().rstrip(" ")
    number = plain_number(found[1]) if found.group() == found[1] else _number(words)
    return (number, found.start() + len(words)) if number is not None else None


def _number(words: str) -> Number | None:
    try:
        return read_number(words)
    except ValueError:
        return None


def trainer_results(page: Page) -> set[int]:
    """Lists below the Trainer's `It achieves the following results on the evaluation set:`; where their lines begin."""
    taken: set[int] = set()
    for index, line in enumerate(page.lines):
        if line.kind not in ("text", "heading") or "result" not in page.text[line.start : line.end]:
            continue
        words = page.text[line.start : min(line.end, line.start + 3000)]
        found = _ACHIEVES.search(words)
        if found is None:
            continue
        split = _SPLITS[found[1].lower()] if found[1] else split_of(found.group())
        following: list[Line] = []
        for one in page.lines[index + 1 : index + 80]:
            if one.kind not in ("item", "text") or (one.kind == "text" and one.block != line.block and following):
                break
            following.append(one)
        _trainer_list(page, following, split, taken)
    return taken


def _trainer_list(page: Page, following: list[Line], split: str | None, taken: set[int]) -> None:
    group = page.new_group()
    groups = {split: group}
    first = len(page.results)
    moment: dict[str, Any] = {}
    for line in following:
        found = _METRIC_LINE.match(page.text, line.start, min(line.end, line.start + 300))
        if found is None or found.end() > line.end:
            if line.kind == "text" and line.start not in taken:
                break
            continue
        key = plain(found[1]).strip()
        read = _value(found[2].strip())
        if read is None:
            continue
        number, _ = read
        low = key.lower()
        if low in ("epoch", "step"):
            moment[low] = number.value if low == "epoch" else int(number.value)
            taken.add(line.start)
            continue
        what = named(key)
        if what is None:
            if _COUNTS.search(low) or not _METRIC_NAME.fullmatch(key):
                taken.add(line.start) if _COUNTS.search(low) else None
                continue
            tail = found[2].strip()
            if not _DIGITS_ONLY.fullmatch(tail):
                continue
            what = Named("_".join(_WORD.findall(low.replace("eval_", ""))) or "result", None)
        own = what.split or split
        if what.metric == "loss" and (what.split == "train"):
            own = "train"
        if own not in groups:
            groups[own] = page.new_group()
        add(page, replace(what, split=own), number, line.start, line.end, groups[own], headline=own != "train")
        taken.add(line.start)
    if moment:
        page.results[first:] = [replace(one, **moment) for one in page.results[first:]]


_OTHER_WORDS = (
    "baseline", "compar", "outperform", "random guess", "state of the art", "state-of-the-art", "threshold", "previous",
    "original", "improv", "increas", "decreas", "drop", "at least", "target", "teacher", "relative", "retain",
    "reach up to", "reaches up to", "gap", "difference", "should", "could", "expected", "confidence", "probabilit",
    "it/s", "%|",
)  # fmt: skip
_OTHER_FORMS = re.compile(r"\b(?:sota|human)\b|gpt-?\d|epoch:?\s{0,9}\d")


def _of_others(words: str) -> bool:
    """Whether words speak of another model's numbers, of a difference or a goal, or are a training log."""
    low = words.lower()
    return any(word in low for word in _OTHER_WORDS) or _OTHER_FORMS.search(low) is not None


_METRIC_WORDS = (
    r"accuracy|acc\b|precision|recall|sensitivity|specificity|f1(?:[- ]?(?:score|measure))?|f-score|f-measure"
    r"|roc[- ]?auc(?: score)?|auc(?:[- ]roc)?|auroc|"
    r"(?:word error rate|wer|cer|character error rate|bleu(?: score)?|perplexity|rouge-?(?:1|2|l(?:sum)?)|mcc"
    r"|matthews correlation(?: coefficient)?|exact match|em score|loss|mse|rmse|mae|kappa)\b"
)
_PREFIX = (
    r"(?P<prefix>(?:(?:test|training|train|validation|val|dev|eval|evaluation|overall|macro|micro|weighted|average"
    r"|averaged|avg|mean|top-1|final|best)[- _]{0,2}){0,4})"
)
_SUFFIX = r"(?P<suffix>(?:[- ](?:macro|micro|weighted|score|value|average)){0,3})"
_N = (
    r"(?P<digits>(?:~|≈)?(?<![\w.,])\d{1,3}(?:[.,]\d{1,18})?(?:e-\d{1,2})?)\s?(?P<percent>%"
    r"|percent)?(?![\w%])(?!\.\d)(?!\s{0,3}(?:-|–"
    r"|to|/|→|->|or)\s{0,3}\d)"
)
_OF = re.compile(
    rf"\b{_PREFIX}\(?(?P<metric>{_METRIC_WORDS}){_SUFFIX}[*`_)]{{0,3}}(?: \((?P<inner>[A-Za-z0-9 "
    rf"]{{1,20}})\))?[*`_]{{0,3}}(?:\s?[:=]\s?| of(?: about| around| approximately| over| roughly"
    rf"| nearly)? | is | was |\s\(| at | reached | score of | rate of | as high as | - | – "
    rf"| )[*`_\s]{{0,3}}{_N}",
    re.IGNORECASE,
)
_GETS = re.compile(
    rf"{_N}[*`_)]{{0,3}}\s(?:in |of |on )?(?:the )?{_PREFIX}(?P<metric>{_METRIC_WORDS}){_SUFFIX}", re.IGNORECASE
)
_PAIRS = re.compile(
    rf"\b{_PREFIX}(?P<metric>{_METRIC_WORDS}){_SUFFIX}[*`_]{{0,3}}\s?[:=]\s?[*`_]{{0,3}}{_N}", re.IGNORECASE
)
_DIGIT = re.compile("[0-9]")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[A-Z\"'*(`])|\n")
_BEGIN = re.compile(
    r"accura|precis|recall|f1|f-|auc|auroc|loss|wer|cer|bleu|rouge|perplex|mcc|matthews|exact|sensitiv|specific|mse|mae"
    r"|kappa|error rate|spearman|pearson|chrf|meteor|ndcg|bertscore|\biou|mean iou|miou|\b(?:em|acc|map|mrr|gen.len)\b"
)
"""Words one of which stands, in lower case, in whatever names a metric; to look for them is quicker."""


def prose(page: Page, taken: set[int]) -> None:
    """Results of sentences and of lines that are a name and a number."""
    groups: dict[tuple[int, str | None], int] = {}
    split_above: str | None = None
    first = len(page.results)
    split_block = lead_block = -1
    evaluated: tuple[str, str | None] = "", None
    lead = ""
    for line in page.lines:
        if line.kind in ("code", "table") or line.role in ("use", "other", "pretraining") or line.start in taken:
            continue
        words = page.text[line.start : min(line.end, line.start + 4000)]
        if "evaluated" in words and line.kind == "text" and len(words) < 400:
            evaluated = line.title, split_of(words)
        if _DIGIT.search(words) is None and not words.rstrip(" *").endswith(":"):
            continue
        low = words.lower()
        if line.kind in ("text", "heading"):
            above_it = lead if line.block == lead_block else ""
            lead, lead_block = f"{above_it}\n{low}", line.block
        elif (
            line.kind == "item"
            and line.block - lead_block <= 1
            and (found_line := _SPLIT_LINE.fullmatch(words)) is not None
            and (metric := _one_metric(lead)) is not None
        ):
            _split_line(page, line, found_line, metric)
            continue
        if (
            line.kind in ("text", "heading")
            and (found := split_of(words)) is not None
            and len(words) < 400
            and low.rstrip(" *").endswith(":")
        ):
            split_above, split_block = found, line.block
        if _BEGIN.search(low) is None or _DIGIT.search(words) is None:
            _below_metric(page, line, words)
            continue
        above = (
            split_above
            if split_block in (line.block, line.block - 1)
            else evaluated[1]
            if evaluated == (line.title, evaluated[1]) and evaluated[1]
            else _split_of_title(line.title)
        )
        if line.kind in ("item", "text") and _metric_line(page, line, words, above, groups):
            continue
        at = line.start
        for cut in [*_SENTENCE.finditer(page.text, line.start, min(line.end, line.start + 4000)), None]:
            end = cut.start() if cut is not None else line.end
            _sentence(page, page.text[at : min(end, at + 2000)], at, above if line.kind != "heading" else None)
            at = cut.end() if cut is not None else end
    _without_logs(page, first)


def _without_logs(page: Page, first: int) -> None:
    """Drop the numbers of a training log: the same metric of the same split three times on neighbouring lines."""
    found = page.results[first:]
    keys = [(one.metric, one.split, one.averaging, one.label) for one in found]
    logged = set()
    for key in {key for key in keys if keys.count(key) > 2} if len(keys) < 200 else ():
        starts = [one.place.start for one, its in zip(found, keys, strict=True) if its == key]
        if any(later - early < 400 for early, later in zip(starts, starts[2:], strict=False)):
            logged.add(key)
    page.results[first:] = [one for one, key in zip(found, keys, strict=True) if key not in logged]


_PERCENT_OF_SPLIT = re.compile(
    r"(?<![\d.,])(\d{1,3}(?:[.,]\d{1,6})?\s?%)\s(?:for|on|in)\s(?:the\s)?(train(?:ing)?|test(?:ing)?|valid(?:ation)?|dev"
    r"|eval(?:uation)?)\s(?:data ?set|data|set|split)\b",
    re.IGNORECASE,
)


def _below_metric(page: Page, line: Line, words: str) -> None:
    """`94% for the validation dataset, and 92% for the test dataset` below a heading that is one metric's name."""
    what = named(line.title.rpartition("/")[2]) if "%" in words and line.kind in ("text", "item") else None
    if what is None or what.split is not None or _of_others(words):
        return
    for found in _PERCENT_OF_SPLIT.finditer(words):
        number, split = _number(found[1]), _SPLITS[found[2].lower()]
        if number is not None:
            at = line.start + found.start(), line.start + found.end()
            add(page, replace(what, split=split), number, *at, page.new_group(), headline=split != "train")


_ANY_METRIC = re.compile(rf"\b(?:{_METRIC_WORDS})")
_SPLIT_LINE = re.compile(
    r"\W{0,4}(train(?:ing)?|valid(?:ation)?|val|dev|eval(?:uation)?|test(?:ing)?)(?: (?:set|split|data))?\W{1,8}"
    r"(\d{1,3}\.\d{1,18}|\d{1,3}\s?%|\d{1,3}\.\d{1,18}\s?%)\W{0,4}$",
    re.IGNORECASE,
)


def _one_metric(low: str) -> str | None:
    """The one metric that a paragraph which ends in a colon names."""
    if not low.rstrip(" *").endswith(":") or _BEGIN.search(low) is None:
        return None
    told = {what.metric for one in _ANY_METRIC.finditer(low) if (what := named(one.group())) is not None}
    return told.pop() if len(told) == 1 else None


def _split_line(page: Page, line: Line, found: re.Match[str], metric: str) -> None:
    """`- Validation: 0.98` below `The accuracy is:`."""
    number, split = _number(found[2]), _SPLITS[found[1].lower()]
    if number is not None:
        add(page, Named(metric, split), number, line.start, line.end, page.new_group(), headline=split != "train")


def _split_of_title(title: str) -> str | None:
    """The split that a heading names: `Results on the test set`, `Validation metrics`, not `Evaluation`."""
    last = title.rpartition("/")[2]
    return None if _NO_SPLIT.fullmatch(last) else split_of(last + " ") or _title_split(title)


_NO_SPLIT = re.compile(r"\W*(?:evaluation|eval|training)\W*")


def _title_split(title: str) -> str | None:
    last = title.rpartition("/")[2]
    found = {_SPLITS[word] for word in _WORD.findall(last) if word in ("test", "testing", "dev", "validation", "val")}
    return found.pop() if len(found) == 1 else None


def _group(page: Page, groups: dict[Any, int], key: object, what: Named) -> int:
    """The group of a list's or a table's split; another one from a metric's second number on."""
    group = groups.get(key) or page.new_group()
    for one in reversed(page.results):
        if one.group == group and (one.metric, one.averaging, one.label) == (what.metric, what.averaging, what.label):
            group = page.new_group()
            break
        if one.group < group:
            break
    groups[key] = group
    return group


def _metric_line(
    page: Page, line: Line, words: str, split: str | None, groups: dict[tuple[int, str | None], int]
) -> bool:
    """A line that is a name and a number, `Test accuracy: 0.93 (macro)`; false where it must be read as a sentence."""
    found = _METRIC_LINE.match(words)
    what = named(found[1]) if found is not None else None
    read = _value(found[2].strip()) if found is not None else None
    if found is None or what is None or read is None:
        return False
    number, behind = read
    rest = found[2].strip()[behind:].strip(" *`_\\,;)")
    if rest and (_of_others(rest) or len(rest) > 80 or len(_PAIRS.findall(words)) > 1):
        return False
    own = what.split or split_of(rest) or split
    if what.metric == "loss" and own is None and line.role != "evaluation":
        return True  # the name of a loss function, or a training loss
    what = replace(what, split=own)
    group = _group(page, groups, (line.block, own), what)
    add(page, what, number, line.start, line.end, group, headline=own != "train" and what.label is None)
    return True


_BESIDE = re.compile(r"\b(?:than|over|above|below|least|from|by)\s*[*`_]{0,3}$")


_OWNER = re.compile(
    r"(?<![A-Za-z])(?!(?:the|an?|its|and|with|overall|our|final|is|of|has|on|in)\s)[A-Za-z][\w-]{0,28}\s$", re.I
)
_COLON = re.compile(r"[:=]")


def _told(words: str) -> Iterator[tuple[int, int, Named, Number]]:
    """Metrics with their numbers: `accuracy of 92.68%`, `92.68% accuracy`."""
    others = _of_others(words)
    taken: list[tuple[int, int]] = []
    for pattern in (_OF, _GETS):
        for one in pattern.finditer(words):
            if any(start < one.end() and one.start() < end for start, end in taken):
                continue
            parts = one.groupdict()
            what = named(f"{parts['prefix'] or ''} {parts['metric']} {parts['suffix'] or ''}")
            number = _number(f"{parts['digits']}{parts['percent'] or ''}")
            if what is None or number is None:
                continue
            inner = (parts.get("inner") or "").lower()
            if inner in _AVERAGINGS:
                what = replace(what, averaging=_AVERAGINGS[inner])
            whole = not parts["percent"] and number.decimals == 0 and what.metric not in ("wer", "cer", "perplexity")
            # `spaCy accuracy: 0.91` is spaCy's.
            if pattern is _OF and _OWNER.search(words, max(0, one.start() - 30), one.start()) and _COLON.search(one[0]):
                continue
            beside = others or _BESIDE.search(words[max(0, one.start() - 12) : one.start()])
            if whole or (beside and what.split is None):
                continue
            taken.append(one.span())
            yield one.start(), one.end(), what, number


# `91.3 (for comparison, the larger model reaches 92.7)`
_BESIDE_IT = re.compile(
    r"\((?:for comparison|compared|in comparison|vs\.?|versus|while|whereas)\b[^()]{0,200}\)", re.IGNORECASE
)
# `E.g. a classifier that always says no would reach 90% accuracy.`
_ASIDE = re.compile(r"^\W{0,6}(?:e\.\s?g\.|for (?:example|instance),)(?!\s?\d)|\b(?:would|might)\b", re.IGNORECASE)


def _sentence(page: Page, words: str, at: int, split: str | None) -> None:
    """Results of a sentence; of one that names a metric twice nothing, as it is not read which is whose."""
    low = words.lower()
    if _BEGIN.search(low) is None or _DIGIT.search(words) is None or _ASIDE.search(words):
        return
    if not page.may_search(at, at + len(words)):
        return
    pairs = list(_PAIRS.finditer(words))
    if len(pairs) > 1 and len(words) < 1500:
        _run(page, words, pairs, at, split)
        return
    told = split_of(words)
    if "(" in words:
        words = _BESIDE_IT.sub(lambda one: " " * len(one.group()), words)
    found = list(_told(words))
    if not found:
        return
    repeated = len({(what.metric, what.split, what.averaging) for _, _, what, _ in found}) < len(found)
    if repeated:  # of several models, classes or datasets: which is whose is not read
        return
    groups: dict[str | None, int] = {}
    for start, end, what, number in sorted(found, key=lambda one: one[0]):
        own = what.split or told or split
        if what.metric == "loss" and own is None:
            continue
        group = groups.get(own) or page.new_group()
        groups[own] = group
        add(
            page,
            replace(what, split=own),
            number,
            at + start,
            at + end,
            group,
            headline=own != "train" and what.metric != "loss",
            placeholder=PLACEHOLDER.search(words, max(0, start - 12), end) is not None,
        )


def _run(page: Page, words: str, pairs: list[re.Match[str]], at: int, split: str | None) -> None:
    """`Test Loss: 0.13 Test Accuracy: 0.96 Precision: 0.96`: a split holds until another is named."""
    if _of_others(words):
        return
    told = split_of(words[: pairs[0].start()]) or split
    groups: dict[str | None, int] = {}
    seen: set[tuple[str, str | None, str | None]] = set()
    for one in pairs:
        prefix, metric, suffix, digits, percent = one.groups()
        what = named(f"{prefix or ''} {metric} {suffix or ''}")
        number = _number(f"{digits}{percent or ''}")
        if what is None or number is None:
            return
        told = what.split or told
        key = (what.metric, told, what.averaging)
        if key in seen:
            return
        seen.add(key)
        group = groups.get(told) or page.new_group()
        groups[told] = group
        add(page, replace(what, split=told), number, at + one.start(), at + one.end(), group, headline=told != "train")


_EPOCH_COLUMNS = {"epoch", "epochs", "step", "steps"}


def tables(page: Page) -> None:
    """Epoch tables, classification reports, and tables of a metric a row or a column."""
    for grid in page.grids:
        header = [cell.text for cell in grid.header]
        low = [words.strip().lower() for words in header]
        if any(words in _EPOCH_COLUMNS for words in low):
            _epoch_table(page, grid, low)
            continue
        if grid.role in ("use", "other", "pretraining"):
            continue
        columns = [named(words) if words else None for words in header]
        count = sum(what is not None for what in columns[1:])
        if count and not (_of_others(grid.before) and len(grid.rows) > 1):
            _by_column(page, grid, low, columns)
        elif not count and len(header) == 2:
            _by_row(page, grid)
        elif not count and "err" in low:
            _error_rates(page, grid, low)
        elif not count:
            _by_row_and_column(page, grid, low)


def _context(grid: Grid) -> str | None:
    return split_of(grid.before) or _title_split(grid.title)


def _epoch_table(page: Page, grid: Grid, low: list[str]) -> None:
    columns = [_column(words, cell.text) for words, cell in zip(low, grid.header, strict=True)]
    names = [name for name, _ in columns]
    if not any(name in _LOGGED for name in names) or names.count("epoch") > 1 or names.count("step") > 1:
        return
    rows = []
    for row in grid.rows:
        cells: dict[str, Number] = {}
        for name, cell in zip(names, row, strict=False):
            if name is not None and name not in cells and (number := plain_number(cell.text)) is not None:
                cells[name] = number
        if "epoch" in cells or "step" in cells:
            place = page.place(row[0].start, row[-1].end)
            rows.append(Row(cells.pop("epoch", None), cells.pop("step", None), cells, place))
    if rows:
        told = {split for _, split in columns if split not in (None, "train")}
        split = told.pop() if len(told) == 1 else None
        if split is None and not told and "training results" in grid.title:
            split = "validation"
        page.tables.append(Table(tuple(rows), split, page.place(grid.header[0].start, grid.header[-1].end)))


_LOGGED = frozenset({"train_loss", *METRICS.values()})


def _column(low: str, words: str) -> tuple[str | None, str | None]:
    """A column's name, null for one that is not read, and its split."""
    if low in _EPOCH_COLUMNS:
        return low.removesuffix("s"), None
    what = named(words)
    if what is None:
        key = "_".join(_WORD.findall(low))
        return (key if _LETTER.search(key) and not _COUNTS.search(low) else None), None
    if what.label is not None:
        return None, None
    name = what.metric + (f"_{what.averaging}" if what.averaging else "")
    return (f"train_{name}" if what.split == "train" else name), what.split


def _by_row(page: Page, grid: Grid) -> None:
    """`| Accuracy | 85% |`."""
    split = _context(grid)
    told: list[tuple[Named, Number, Cell, Cell]] = []
    other = split_of(grid.header[1].text + " set") if len(grid.header[1].text) < 30 else None
    if _of_others(" ".join(cell.text for cell in grid.header)):
        return
    for row in [grid.header, *grid.rows]:
        if len(row) != 2:
            continue
        what = named(row[0].text)
        if what is None and (snake := row[0].text.strip().lower()).startswith(
            ("eval_", "predict_", "test_", "train_", "val_")
        ):
            what = named(snake)
        read = _value(row[1].text)
        if what is not None and read is not None and len(row[1].text) - read[1] < 25:
            told.append((what, read[0], row[0], row[1]))
    groups: dict[str | None, int] = {}
    for what, number, first, last in told:
        own = what.split or other or split
        group = _group(page, groups, own, what)
        headline = own != "train" and what.label is None and what.metric != "gen_len"
        add(page, replace(what, split=own), number, first.start, last.end, group, headline=headline)


def _by_row_and_column(page: Page, grid: Grid, low: list[str]) -> None:
    """Rows of metrics below `| | Validation | Test |`, `| | Class A | Micro avg |`, `| | INT8 | FP32 |`.

    Columns of splits and of averagings are this model's, and the one column that the README's title names.
    """
    rows = [(what, row) for row in grid.rows if row and (what := named(row[0].text)) is not None and not what.label]
    others = sum(bool(row) and _COUNTS.search(row[0].text) is not None for row in grid.rows)
    if not rows or len(rows) + others < len(grid.rows) or _of_others(grid.before):
        return
    context, title = _context(grid), set(_WORD.findall(_title(page)))
    ours = [name for name in low[1:] if len(name) > 2 and name in title]
    for at, name in enumerate(low[1:], start=1):
        averaging = _SUMMARIES.get(name.replace("-", " "))
        split = _SPLITS.get(name.removesuffix(" set").removesuffix(" split"))
        if averaging is None and split is None and name != "overall" and ours != [name]:
            continue
        group = page.new_group()
        for what, row in rows:
            read = _value(row[at].text) if at < len(row) else None
            if read is not None and len(row[at].text) - read[1] < 12:
                own = what.split or split or context
                settled = replace(what, split=own, averaging=what.averaging or averaging)
                add(page, settled, read[0], row[at].start, row[at].end, group, headline=own != "train")


def _title(page: Page) -> str:
    """The README's first heading, in lower case."""
    return next((line.title for line in page.lines if line.kind == "heading"), "")


_SPLIT_OF_KEY = re.compile(r"(?<![a-z])(test|dev|valid|eval)(?![a-z])")


def _error_rates(page: Page, grid: Grid, low: list[str]) -> None:
    """`| dataset | Snt | … | Err | S.Err |`, as sclite counts errors, below a heading of an error rate: `WER`."""
    what = named(grid.title.rpartition("/")[2])
    if what is None or what.metric not in ("wer", "cer") or any(len(row) != len(low) for row in grid.rows):
        return
    at = low.index("err")
    for row in grid.rows:
        read = _value(row[at].text)
        splits = {_SPLITS[one[1]] for one in _SPLIT_OF_KEY.finditer(row[0].text.lower().rpartition("/")[2])}
        if read is not None:
            split = splits.pop() if len(splits) == 1 else None
            add(
                page, replace(what, split=split), read[0], row[at].start, row[at].end, page.new_group(),
                dataset=row[0].text.strip() if len(grid.rows) > 1 else None, headline=split == "test",
            )  # fmt: skip


_SUMMARIES = {
    "macro avg": "macro",
    "weighted avg": "weighted",
    "micro avg": "micro",
    "samples avg": "samples",
    "macro average": "macro",
    "weighted average": "weighted",
    "macro": "macro",
    "weighted": "weighted",
    "micro": "micro",
    "micro average": "micro",
}
_OURS = re.compile(r"\b(?:ours?|this model|this)\b|\(ours?\)", re.IGNORECASE)
_CLASSES = re.compile(
    r"^(?:class(?:es)?|label|labels|category|entity|entities|tag|type|emotion|sentiment|ner|intent|support"
    r"|relation|aspect)\b",
    re.IGNORECASE,
)
_MODELS = re.compile(
    r"model|system|method|approach|version|checkpoint|name|architecture|run|experiment|size|backbone|variant"
    r"|config|setting|fold|seed",
    re.IGNORECASE,
)


def _by_column(page: Page, grid: Grid, low: list[str], columns: list[Named | None]) -> None:
    """`| Set | Accuracy |`: rows of splits, of averagings, of datasets, or the one row of this model."""
    split = _context(grid)
    keys = [row[0].text.strip() if columns[0] is None and row else "" for row in grid.rows]
    for key, row in zip(keys, grid.rows, strict=True):
        if key.lower() == "accuracy":
            _accuracy_row(page, row, split)
    for row, averaging, more in _rows_of_the_model(grid, keys, low):
        group = page.new_group()
        for what, cell in zip(columns, row, strict=False):
            read = _value(cell.text) if what is not None else None
            if what is None or read is None or len(cell.text) - read[1] > 12:
                continue
            own = what.split or more.get("split") or split
            settled = replace(what, averaging=what.averaging or averaging, split=own)
            dataset = more.get("dataset")
            headline = own != "train" and (dataset is None or len(grid.rows) == 1)
            add(page, settled, read[0], cell.start, cell.end, group, dataset=dataset, headline=headline)


def _accuracy_row(page: Page, row: tuple[Cell, ...], split: str | None) -> None:
    """The row of a classification report that has one share, and counts at most beside it."""
    for cell in row[1:]:
        number = plain_number(cell.text)
        if number is not None and number.value <= 1 and number.decimals:
            add(page, Named("accuracy", split), number, cell.start, cell.end, page.new_group(), headline=True)
            return


def _rows_of_the_model(
    grid: Grid, keys: list[str], low: list[str]
) -> list[tuple[tuple[Cell, ...], str | None, dict[str, str | None]]]:
    """Rows of this model's results, none of classes or other models, each with averaging, split and dataset."""
    keyed = any(keys)
    summaries = [_SUMMARIES.get(key.lower().replace("_", " ")) for key in keys]
    if any(summaries):
        return [(row, averaging, {}) for row, averaging in zip(grid.rows, summaries, strict=True) if averaging]
    if any("support" in words for words in low) or (keyed and _CLASSES.search(low[0]) and len(keys) > 1):
        return []
    splits = [_SPLITS.get(key.lower().removesuffix(" set").removesuffix(" split")) for key in keys]
    if any(splits):
        return [(row, None, {"split": own}) for row, own in zip(grid.rows, splits, strict=True) if own]
    of_data = keyed and _DATASETS.match(low[0]) is not None
    of_test = "test" if _TEST_SETS.match(low[0]) else None
    if len(keys) == 1:
        told = {"dataset": keys[0] if of_data else None, "split": of_test}
        return [] if _of_others(keys[0]) else [(grid.rows[0], None, told)]
    if of_data:
        return [
            (row, None, {"dataset": key, "split": of_test}) for key, row in zip(keys, grid.rows, strict=True) if key
        ]
    ours = [row for key, row in zip(keys, grid.rows, strict=True) if _OURS.search(key)]
    return [(ours[0], None, {})] if keyed and _MODELS.search(low[0]) and len(ours) == 1 else []


_TEST_SETS = re.compile(r"test ?sets?$")
_DATASETS = re.compile(r"data ?set|domain|corpus|test ?set|benchmark|task")


_REPORT = re.compile(
    r"\s{0,20}(macro[ -_]avg|weighted[ -_]avg|micro[ -_]avg|samples[ -_]avg|accuracy)\s{1,60}(\d\.\d{1,6})"
    r"(?:\s{1,40}(\d\.\d{1,6})\s{1,40}(\d\.\d{1,6}))?\s{1,40}(\d{1,9})\s{0,20}$"
)
_JSON = re.compile(r"[\"']?([A-Za-z][\w /@-]{0,40})[\"']?\s{0,4}[:=]\s{0,4}[\"']?(-?\d{1,6}\.\d{1,20})%?[\"']?,?\s*$")


def code(page: Page) -> None:
    """Reports of scikit-learn's `classification_report`, and listings of names and numbers."""
    blocks: dict[int, list[Line]] = {}
    for line in page.lines:
        if line.kind == "code" and line.role not in ("use", "other", "pretraining"):
            blocks.setdefault(line.block, []).append(line)
    for block in blocks.values():
        whole = page.text[block[0].start : min(block[-1].end, block[0].start + 20_000)]
        if "precision" in whole and "recall" in whole and "support" in whole:
            _report(page, block, whole)
        elif block[0].role == "evaluation" or "eval_" in whole or "result" in block[0].title:
            _listing(page, block)


def _report(page: Page, block: list[Line], whole: str) -> None:
    above = page.text[max(0, block[0].start - 200) : block[0].start] + " ".join(whole.split("\n")[:3])
    split = split_of(above.rstrip("`\n ") + " ") or _title_split(block[0].title)
    for line in block:
        found = _REPORT.match(page.text, line.start, line.end)
        if found is None or (found[1] == "accuracy") != (found[3] is None):
            continue
        group, rows = page.new_group(), int(found[5])
        averaging = found[1][:-4].strip(" -_") if found[3] else None
        for metric, at in (("precision", 2), ("recall", 3), ("f1", 4)) if found[3] else (("accuracy", 2),):
            number = plain_number(found[at])
            if number is not None:
                what = Named(metric, split, averaging)
                add(page, what, number, found.start(at), found.end(at), group, headline=True, rows=rows)


def _listing(page: Page, block: list[Line]) -> None:
    """`"f1": 89.98,` a line; of a metric that comes twice the first."""
    group = page.new_group()
    split = _title_split(block[0].title)
    seen: set[Named] = set()
    for line in block:
        words = page.text[line.start : min(line.end, line.start + 60)]
        if words.endswith(":") and (above := split_of(words)) is not None:
            split, seen, group = above, set(), page.new_group()
        listed = _JSON.match(page.text, line.start, line.end)
        what = _of_subset(listed[1]) if listed is not None else None
        number = plain_number(listed[2]) if listed is not None else None
        if what is None or number is None or what in seen:
            continue
        seen.add(what)
        own = what.split or split
        headline = own != "train" and what.label is None
        add(page, replace(what, split=own), number, line.start, line.end, group, headline=headline)


_SUBSET = re.compile(r"(HasAns|NoAns)_(\w{2,20})")


def _of_subset(key: str) -> Named | None:
    """The metric of a listing's key, also one of SQuAD's official script, which scores two kinds of questions apart."""
    found = _SUBSET.fullmatch(key)
    if found is None:
        return named(key)
    what = named(found[2])
    return replace(what, label=found[1]) if what is not None else None


_SPLIT_NAMES = {
    "test": "test",
    "validation": "validation",
    "dev": "validation",
    "valid": "validation",
    "eval": "validation",
}


def model_index(page: Page) -> None:
    """The results of the front matter: headline results where the body has none of that metric."""
    said = {one.metric for one in page.results}
    listed_results = list(index_of(page.meta))
    single = len(listed_results) == 1  # not a list of benchmarks
    for result in listed_results:
        dataset = result.get("dataset")
        dataset = dataset if isinstance(dataset, dict) else {}
        name = next(scalars(dataset.get("name")), None) or next(scalars(dataset.get("type")), None)
        split = next(scalars(dataset.get("split")), None)
        # The Trainer names the split it loaded, not the one it evaluated on.
        measured = _SPLIT_NAMES.get(split.text.lower()) if split is not None else None
        group = page.new_group()
        listed = result.get("metrics")
        for metric in listed if isinstance(listed, list) else []:
            if not isinstance(metric, dict) or not isinstance(metric.get("value"), Scalar):
                continue
            value: Scalar = metric["value"]
            number = plain_number(value.text.strip())
            names = [*scalars(metric.get("name")), *scalars(metric.get("type"))]  # `evaluate-metric/f1` is `f1`
            if not names or number is None:
                continue
            what = next((read for one in names if (read := named(one.text.rpartition("/")[2])) is not None), None)
            what = what or Named("_".join(_WORD.findall(names[-1].text.lower())) or "result")
            add(
                page, replace(what, split=what.split or measured), number, value.start, value.end, group,
                dataset=name.text if name else None, headline=single and what.metric not in said,
            )  # fmt: skip


_CARBON = re.compile(
    r"(?:carbon emitted|carbon emissions?|co2(?:eq)? emi(?:tted|ssions?)|co2 eq(?:uivalent)? emissions?"
    r"|emissions)[*_\s]{0,4}(\((?:in )?(?:k?g|grams"
    r"|kilograms)[^()]{0,20}\))?[*_\s]{0,4}[:=][*_\s]{0,4}([^\n|]{1,160})",
    re.IGNORECASE,
)
_CARBON_WORD = re.compile("[Cc]arbon|CO2|[Ee]mission")
_MASS = re.compile(
    r"(?:~|≈)?\s?\d{1,12}(?:[.,]\d{1,20})?(?:e-?\d{1,3})?\s?(?:kgs?|kilograms?|grams?|g|t|tons?|tonnes?)\b",
    re.IGNORECASE,
)


def carbon(page: Page) -> None:
    """Emissions: the front matter's are in grams (hub-docs, `co2_eq_emissions`), the body's in the unit it names."""
    value = page.meta.get("co2_eq_emissions")
    if isinstance(value, dict):
        value = value.get("emissions")
    if isinstance(value, Scalar) and (number := plain_number(value.text.strip())) is not None:
        _emitted(
            page, replace(number, unit="g") if number.unit in ("raw", "fraction") else number, value.start, value.end
        )
    if not any(word in page.text for word in ("arbon", "CO2", "mission")):
        return
    for line in page.lines:
        if line.kind == "code" or _CARBON_WORD.search(page.text, line.start, min(line.end, line.start + 600)) is None:
            continue
        found = _CARBON.search(page.text, line.start, min(line.end, line.start + 600))
        if found is None:
            continue
        told = found[2]
        if PLACEHOLDER.search(told):
            continue
        mass = _MASS.search(told)
        number = _number(mass.group()) if mass is not None else None
        if number is None and found[1]:
            bare = _VALUE.match(told.strip())
            unit = "kg" if "kg" in found[1].lower() or "kilo" in found[1].lower() else "g"
            number = _number(f"{bare.group().strip()} {unit}") if bare is not None else None
        if number is not None:
            _emitted(page, number, found.start(), found.end())


def _emitted(page: Page, number: Number, start: int, end: int) -> None:
    try:
        number = number.to("kg")
    except ValueError:
        return
    page.results.append(Result("co2_kg", number, page.place(start, end), group=page.new_group()))


def read_results(page: Page) -> None:
    """All results and epoch tables of a README."""
    taken = trainer_results(page)
    prose(page, taken)
    tables(page)
    code(page)
    model_index(page)
    carbon(page)
