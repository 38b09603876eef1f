"""The results that a README reports: in lists, sentences, tables, reports in code and the front matter's model index.

Only numbers that are said to be a metric's are read; those of other models, of single classes, run times and counts are
not results of the model.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.document import Result
from registry.front_matter import Scalar, index_of, scalars
from registry.markdown import plain
from registry.numbers import PLACEHOLDER, Number
from registry.readme.metrics import (
    AVERAGINGS,
    COUNTS,
    SPLITS,
    VALUE,
    WORD,
    Named,
    add,
    group_of,
    named,
    number_of,
    of_others,
    plain_number,
    split_of,
    split_of_title,
    title_split,
    value_of,
)
from registry.readme.page import ELSEWHERE, SENTENCE_ENDS
from registry.readme.tables import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.markdown import Line
    from registry.readme.page import Page

_METRIC_NAME = re.compile(r"[\w @./+()-]{1,50}")
_DIGITS_ONLY = re.compile(r"[-\d.%]{1,40}")
_ACHIEVES = re.compile(
    r"(?:achieve[sd]?|obtain(?:s|ed)?|got|has) (?:the )?following results?(?: on (?:the |an? )?(evaluation"
    r"|test|validation|dev))?",
    re.IGNORECASE,
)
_METRIC_LINE = re.compile(
    r"[\s\"'`*_{(\[-]{0,5}([A-Za-z][^:=|\n]{0,60}?)[\"'`*_ \t]{0,6}(?:[:=]|\s[-–—]\s|\s→\s"
    r"|–|\s{2,40}(?=\d\.\d))[\s*`\"'_]{0,12}([^\n]{1,200})"
)


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
        split = SPLITS[found[1].lower()] if found[1] else split_of(found.group())
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
        read = value_of(found[2].strip())
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
            if COUNTS.search(low) or not _METRIC_NAME.fullmatch(key):
                taken.add(line.start) if COUNTS.search(low) else None
                continue
            tail = found[2].strip()
            if not _DIGITS_ONLY.fullmatch(tail):
                continue
            what = Named("_".join(WORD.findall(low.replace("eval_", ""))) or "result", None)
        own = what.split or split
        if what.metric == "loss" and (what.split == "train"):
            own = "train"
        if own not in groups:
            groups[own] = page.new_group()
        add(page, replace(what, split=own), number, line.start, line.end, groups[own], headline=own != "train")
        taken.add(line.start)
    if moment:
        page.results[first:] = [replace(one, **moment) for one in page.results[first:]]


_METRIC_WORDS = (
    r"accuracy|acc\b|precision|recall|sensitivity|specificity|f1(?:[- ]?(?:score|measure))?|f-score|f-measure"
    r"|roc[- ]?auc(?: score)?|auc(?:[- ]roc)?|auroc|"
    r"(?:word error rate|wer|cer|character error rate|bleu(?: score)?|perplexity|rouge-?(?:1|2|l(?:sum)?)|mcc"
    r"|matthews correlation(?: coefficient)?|exact match|em score|loss|mse|rmse|mae|kappa)\b"
)
_PREFIX = (
    r"(?:(?:entity|token|span|sentence)-level )?"
    r"(?P<prefix>(?:(?:test|training|train|validation|val|dev|eval|evaluation|overall|macro|micro|weighted|average"
    r"|averaged|avg|mean|top-?[135]|final|best)[- _]{0,2}){0,4})"
)
_SUFFIX = r"(?P<suffix>(?:[- ](?:macro|micro|weighted|score|value|average)){0,3})"
_N = (
    r"(?P<digits>(?:~|≈)?(?<![\w.,])\d{1,3}(?:[.,]\d{1,18})?(?:e-\d{1,2})?)\s?(?P<percent>\\?%"
    r"|percent)?(?![\w%])(?!\.\d)(?!\s{0,3}(?:-|–"
    r"|to|/|→|->|or)\s{0,3}\d)"
)
_OF = re.compile(
    rf"\b{_PREFIX}\(?(?P<metric>{_METRIC_WORDS}){_SUFFIX}[*`_)]{{0,3}}(?: \((?P<inner>[A-Za-z0-9 "
    rf"]{{1,20}})\))?[*`_]{{0,3}}(?:\s?[:=]\s?| of(?: about| around| approximately| over| roughly"
    rf"| nearly)? | is | was |\s\(| at | reached | score of | rate of | as high as "
    rf"| of (?:the|this|our) model (?:is|was) | - | – "
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
_BEGIN = re.compile(
    r"accura|precis|recall|f1|f-|auc|auroc|loss|wer|cer|bleu|rouge|perplex|mcc|matthews|exact|sensitiv|specific|mse|mae"
    r"|kappa|error rate|ppl|spearman|pearson|chrf|meteor|ndcg|bertscore|\biou|mean iou|miou|bits per|explained|jaccard"
    r"|sdr\b|\b(?:em|acc|map|mrr|gen.len|r2|bpc|bpb|sir|sar|stoi|pesq)\b"
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
        if line.kind in ("code", "table") or line.role in ("other", "pretraining") or line.start in taken:
            continue
        if line.role == "use":
            _split_metric(page, line, groups)
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
            else split_of_title(line.title)
        )
        if line.kind in ("item", "text") and _metric_line(page, line, words, above, groups):
            continue
        at = line.start
        for cut in [*SENTENCE_ENDS.finditer(page.text, line.start, min(line.end, line.start + 4000)), None]:
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
    if what is None or what.split is not None or of_others(words):
        return
    for found in _PERCENT_OF_SPLIT.finditer(words):
        number, split = number_of(found[1]), SPLITS[found[2].lower()]
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
    number, split = number_of(found[2]), SPLITS[found[1].lower()]
    if number is not None:
        add(page, Named(metric, split), number, line.start, line.end, page.new_group(), headline=split != "train")


def _metric_line(
    page: Page, line: Line, words: str, split: str | None, groups: dict[tuple[int, str | None], int]
) -> bool:
    """A line that is a name and a number, `Test accuracy: 0.93 (macro)`; false where it must be read as a sentence."""
    found = _METRIC_LINE.match(words)
    what = named(found[1]) if found is not None else None
    read = value_of(found[2].strip()) if found is not None else None
    if found is None or what is None or read is None:
        return False
    number, behind = read
    rest = found[2].strip()[behind:].strip(" *`_\\,;)")
    if rest and (of_others(rest) or len(rest) > 80 or len(_PAIRS.findall(words)) > 1):
        return False
    own = what.split or split_of(rest) or split
    if what.metric == "loss" and own is None and line.role != "evaluation":
        return True  # the name of a loss function, or a training loss
    what = replace(what, split=own)
    group = group_of(page, groups, (line.block, own), what)
    add(page, what, number, line.start, line.end, group, headline=own != "train" and what.label is None)
    return True


def _split_metric(page: Page, line: Line, groups: dict[tuple[int, str | None], int]) -> None:
    """`- validation_accuracy: 0.87`, which is a result in a section on use too."""
    found = _METRIC_LINE.match(page.text, line.start, line.end) if line.kind == "item" else None
    what = named(found[1]) if found is not None else None
    if what is not None and what.split not in (None, "train"):
        _metric_line(page, line, page.text[line.start : min(line.end, line.start + 300)], what.split, groups)


_BESIDE = re.compile(r"\b(?:than|over|above|below|least|from|by)\s*[*`_]{0,3}$")


_OWNER = re.compile(
    r"(?<![A-Za-z])(?!(?:the|an?|its|and|with|overall|our|final|is|of|has|on|in)\s)[A-Za-z][\w-]{0,28}\s$", re.I
)
_COLON = re.compile(r"[:=]")


def _told(words: str) -> Iterator[tuple[int, int, Named, Number]]:
    """Metrics with their numbers: `accuracy of 92.68%`, `92.68% accuracy`."""
    others = of_others(words)
    taken: list[tuple[int, int]] = []
    for pattern in (_OF, _GETS):
        for one in pattern.finditer(words):
            if any(start < one.end() and one.start() < end for start, end in taken):
                continue
            parts = one.groupdict()
            what = named(f"{parts['prefix'] or ''} {parts['metric']} {parts['suffix'] or ''}")
            number = _number(parts["digits"], parts["percent"])
            if what is None or number is None:
                continue
            inner = (parts.get("inner") or "").lower()
            if inner in AVERAGINGS:
                what = replace(what, averaging=AVERAGINGS[inner])
            whole = not parts["percent"] and number.decimals == 0 and what.metric not in ("wer", "cer", "perplexity")
            # `spaCy accuracy: 0.91` is spaCy's.
            if pattern is _OF and _OWNER.search(words, max(0, one.start() - 30), one.start()) and _COLON.search(one[0]):
                continue
            beside = others or _BESIDE.search(words[max(0, one.start() - 12) : one.start()])
            if whole or (beside and what.split is None):
                continue
            taken.append(one.span())
            yield one.start(), one.end(), what, number


def _number(digits: str, percent: str | None) -> Number | None:
    """A number with its percent sign, which Markdown may escape."""
    return number_of(digits + (percent or "").lstrip("\\"))


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
    if of_others(words):
        return
    told = split_of(words[: pairs[0].start()]) or split
    groups: dict[str | None, int] = {}
    seen: set[tuple[str, str | None, str | None]] = set()
    for one in pairs:
        prefix, metric, suffix, digits, percent = one.groups()
        what = named(f"{prefix or ''} {metric} {suffix or ''}")
        number = _number(digits, percent)
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


_REPORT = re.compile(
    r"\s{0,20}(macro[ -_]avg|weighted[ -_]avg|micro[ -_]avg|samples[ -_]avg|accuracy)\s{1,60}(\d\.\d{1,6})"
    r"(?:\s{1,40}(\d\.\d{1,6})\s{1,40}(\d\.\d{1,6}))?\s{1,40}(\d{1,9})\s{0,20}$"
)
_JSON = re.compile(r"[\"']?([A-Za-z][\w /@-]{0,40})[\"']?\s{0,4}[:=]\s{0,4}[\"']?(-?\d{1,6}\.\d{1,20})%?[\"']?,?\s*$")


def code(page: Page) -> None:
    """Reports of scikit-learn's `classification_report`, and listings of names and numbers."""
    blocks: dict[int, list[Line]] = {}
    for line in page.lines:
        if line.kind == "code" and line.role not in ELSEWHERE:
            blocks.setdefault(line.block, []).append(line)
    for block in blocks.values():
        whole = page.text[block[0].start : min(block[-1].end, block[0].start + 20_000)]
        if "precision" in whole and "recall" in whole and "support" in whole:
            _report(page, block, whole)
        elif block[0].role == "evaluation" or "eval_" in whole or "result" in block[0].title:
            _listing(page, block)


def _report(page: Page, block: list[Line], whole: str) -> None:
    above = page.text[max(0, block[0].start - 200) : block[0].start] + " ".join(whole.split("\n")[:3])
    split = split_of(above.rstrip("`\n ") + " ") or title_split(block[0].title)
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
    split = title_split(block[0].title)
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
    said, first = {one.metric for one in page.results}, len(page.results)
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
            what = what or Named("_".join(WORD.findall(names[-1].text.lower())) or "result")
            add(
                page, replace(what, split=what.split or measured), number, value.start, value.end, group,
                dataset=name.text if name else None, headline=single and what.metric not in said,
            )  # fmt: skip
    _without_parts(page, first)


def _without_parts(page: Page, first: int) -> None:
    """Drop numbers of one metric and no dataset that stand for parts of the model: `TAG Accuracy`, `POS Accuracy`."""
    found = page.results[first:]
    groups = Counter(metric for metric, _ in {(one.metric, one.group) for one in found if one.dataset is None})
    page.results[first:] = [one for one in found if one.dataset is not None or groups[one.metric] < 2]


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
        number = number_of(mass.group()) if mass is not None else None
        if number is None and found[1]:
            bare = VALUE.match(told.strip())
            unit = "kg" if "kg" in found[1].lower() or "kilo" in found[1].lower() else "g"
            number = number_of(f"{bare.group().strip()} {unit}") if bare is not None else None
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
