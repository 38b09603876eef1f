"""What words before a number say that it is: a metric, its split, its averaging and its class; and results with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.document import Result
from registry.markdown import plain
from registry.numbers import Number, read_number

if TYPE_CHECKING:
    from registry.readme.page import Page

METRICS: dict[str, str] = {
    alias: name
    for name, aliases in {
        "accuracy": "accuracy; acc; accuray; overall accuracy; classification accuracy; top 1 accuracy; top1 "
        "accuracy; top 1 acc; top1 acc; acc 1; acc@1; sparse categorical accuracy; categorical accuracy; "
        "binary accuracy",
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
        "ter": "ter; token error rate; translation edit rate",
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
        "bpc": "bpc; bits per character",
        "bpb": "bpb; bits per byte",
        "explained_variance": "explained variance; explained variance score",
        "si_sdr": "si sdr; si snr; scale invariant signal to distortion ratio",
        "si_sdr_imp": "si sdr imp; si sdri; si sdr improvement",
        "sdr": "sdr; signal to distortion ratio",
        "sdr_imp": "sdr imp; sdri; sdr improvement",
        "sir": "sir; signal to interference ratio",
        "sir_imp": "sir imp; sir improvement",
        "sar": "sar; signal to artifacts ratio",
        "sar_imp": "sar imp; sar improvement",
        "stoi": "stoi",
        "stoi_imp": "stoi imp; stoi improvement",
        "pesq": "pesq",
        "ndcg": "ndcg",
        "mrr": "mrr",
    }.items()
    for alias in aliases.split("; ")
}
"""Names of metrics in lower case, without marks, → the name of `registry.vocabulary.CLAIMS`, or the usual one."""

SPLITS = {
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
AVERAGINGS = {"macro": "macro", "micro": "micro", "weighted": "weighted", "samples": "samples", "wtd": "weighted"}
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
WORD = re.compile(r"[a-z0-9@+]+")
_LABEL = re.compile(r"\(\s*([^()]{1,40})\)\s*$")
_AT_RANK = re.compile(r"(?:p|r|precision|recall|hits?|map|mrr|ndcg|f1)@\d{1,4}")  # of the first so many: `NDCG@10`
_EVAL_OF = re.compile("eval[-_]", re.IGNORECASE)
_REMARK = re.compile(r"[\d%.\s,–-]{1,40}|(?:higher|lower).{0,40}|in %|↑|↓")
_CLASS = re.compile(r"\b(?:class|label)\b|positive|negative|neutral")
_ONE_NAME = re.compile(r"[a-z_]{2,20}")
COUNTS = re.compile(
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
    dataset: str | None = None


@lru_cache(maxsize=4096)
def named(words: str) -> Named | None:
    """The metric that words name, and nothing else but a split, an averaging and a class in brackets.

    >>> named("Test F1-score (macro)")
    Named(metric='f1', split='test', averaging='macro', label=None, dataset=None)
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
    tokens = WORD.findall(words.lower().replace("'", " ").replace("_", " "))
    split = averaging = None
    kept: list[str] = []
    for token in tokens:
        if token in SPLITS and split in (None, SPLITS[token]):
            split = SPLITS[token]
        elif token in AVERAGINGS and averaging is None:
            averaging = AVERAGINGS[token]
        else:
            kept.append(token)
    metric = METRICS.get(" ".join(kept)) or METRICS.get(" ".join(one for one in kept if one not in _FILLERS))
    if metric is None and len(kept) == 1 and _AT_RANK.fullmatch(kept[0]):
        metric = kept[0]
    return Named(metric, split, averaging) if metric is not None else None


def split_of(words: str) -> str | None:
    """The one split that words name; null where they name none or several."""
    found = {
        ("test" if one[1][:4].lower() in ("held", "test") else SPLITS[one[1].lower()])
        for one in _SPLIT_IN.finditer(words)
    }
    return found.pop() if len(found) == 1 else None


_UNBOUNDED = frozenset({
    "loss", "perplexity", "mse", "mae", "rmse", "gen_len", "bpc", "bpb", "explained_variance",
    "si_sdr", "si_sdr_imp", "sdr", "sdr_imp", "sir", "sir_imp", "sar", "sar_imp", "stoi",
    "stoi_imp", "pesq",
})  # fmt: skip
"""Metrics that are no shares: of ratios in decibels and of losses any number may be one."""


def _fits(metric: str, number: Number) -> bool:
    """Whether a metric can have a value: a share lies in 0..1, or, without a percent sign, in 0..100."""
    if metric in _UNBOUNDED:
        return number.unit in ("fraction", "raw")
    if number.unit not in ("fraction", "raw", "percent"):
        return False
    if metric in ("matthews_correlation", "cohen_kappa", "r2", "pearson", "spearmanr"):
        return -100 <= number.value <= 100
    return 0 <= number.value <= (1000 if metric in ("wer", "cer", "ter") else 100)


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


VALUE = re.compile(
    r"(?:e\.g\.,?\s*|~|≈|about\s|approx\.?\s)?([-+]?(?:\d{1,15}(?:[.,]\d{1,20})?"
    r"|\.\d{1,20})(?:[eE][-+]?\d{1,3})?)\s?(%?)"
)
_RANGE = re.compile(r"\s{0,3}(?:-|–|to|/|→|->|vs)\s{0,3}\d")
_MORE = re.compile(r"[\w:]|\.\d|,\d")


def value_of(text: str) -> tuple[Number, int] | None:
    """The number that a value begins with and the offset behind it; null for a range, a date or a time."""
    found = VALUE.match(text)
    if found is None or _RANGE.match(text, found.end()) or _MORE.match(text, found.end()):
        return None
    words = found.group().rstrip(" ")
    number = plain_number(found[1]) if found.group() == found[1] else number_of(words)
    return (number, found.start() + len(words)) if number is not None else None


def number_of(words: str) -> Number | None:
    """The number that words are; null for what is none."""
    try:
        return read_number(words)
    except ValueError:
        return None


_OTHER_WORDS = (
    "baseline", "compar", "outperform", "random guess", "state of the art", "state-of-the-art", "threshold", "previous",
    "original", "improv", "increas", "decreas", "drop", "at least", "target", "teacher", "relative", "retain",
    "reach up to", "reaches up to", "gap", "difference", "should", "could", "expected", "confidence", "probabilit",
    "it/s", "%|",
)  # fmt: skip
_OTHER_FORMS = re.compile(r"\b(?:sota|human)\b|gpt-?\d|epoch:?\s{0,9}\d")


def of_others(words: str) -> bool:
    """Whether words speak of another model's numbers, of a difference or a goal, or are a training log."""
    low = words.lower()
    return any(word in low for word in _OTHER_WORDS) or _OTHER_FORMS.search(low) is not None


def split_of_title(title: str) -> str | None:
    """The split that a heading names: `Results on the test set`, `Validation metrics`, not `Evaluation`."""
    last = title.rpartition("/")[2]
    return None if _NO_SPLIT.fullmatch(last) else split_of(last + " ") or title_split(title)


_NO_SPLIT = re.compile(r"\W{0,6}(?:evaluation|eval|training)\W{0,6}")


def title_split(title: str) -> str | None:
    """The split of the test or validation rows that the last heading names by a word."""
    last = title.rpartition("/")[2]
    found = {SPLITS[word] for word in WORD.findall(last) if word in ("test", "testing", "dev", "validation", "val")}
    return found.pop() if len(found) == 1 else None


def group_of(page: Page, groups: dict[Any, int], key: object, what: Named) -> int:
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
