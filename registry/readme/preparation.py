"""What a README says that only a card needs: the kind of model, the labels, how rows were split, cleaned and scored.

`reader` reads what every model card may state, fast enough for millions of them; this is read where one is drafted. The
rules are of the same kind: a value needs words of its own, and what the words leave open is not read. Facts are named
by the card's field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.datasets import DATASETS
from registry.document import Document, Fact
from registry.front_matter import scalars
from registry.markdown import plain
from registry.readme.classes import read_classes_of_classifier
from registry.readme.metrics import METRICS, SPLITS
from registry.readme.page import Page, page_of
from registry.vocabulary import SHARES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.markdown import Line

TEXT_CLASSIFICATION = "text-classification"

_TEXTS = r"(?:text|review|tweet|sentence|comment|article|email|message|post|headline|document|question|title)s?"
_PROSE = tuple(
    (task, tuple(words.split()), re.compile(pattern, re.IGNORECASE))
    for task, words, pattern in (
        (TEXT_CLASSIFICATION, "classif sentiment detect",
            r"\b(?:(?:text|sequence|sentiment|binary|topic|intent|emotion|spam|toxicity|news|review)"
            rf"[ -]classif(?:ication|ier)|sentiment[ -]anal\w+|(?:hate[ -]speech|spam) detect\w+"
            rf"|classif(?:y|ies|ying) (?:[\w-]{{1,20}} ){{0,4}}{_TEXTS}\b)"),
        ("image-classification", "image vision vit",
            r"\bimage[ -]classif\w+|\bvision transformer\b|\bViT\b|classif(?:y|ies) images"),
        ("token-classification", "token entity ner speech",
            r"\btoken[ -]classif\w+|\bnamed[ -]entity|\bNER\b|\bpart[- ]of[- ]speech\b"),
        ("automatic-speech-recognition", "speech asr wav2vec whisper",
            r"\bspeech[ -]recognition\b|\bASR\b|\bwav2vec2?\b|\bwhisper\b"),
        ("audio-classification", "audio", r"\baudio[ -]classif\w+"),
        ("text-to-image", "image diffus", r"\btext[- ]to[- ]image\b|\bstable diffusion\b|\bdiffusers?\b"),
        ("reinforcement-learning", "reinforcement stable-b deep",
            r"\breinforcement learning\b|\bstable-baselines3\b|\bDeep RL\b"),
        ("object-detection", "object", r"\bobject detection\b"),
        ("question-answering", "question", r"\bquestion[ -]answering\b"),
        ("summarization", "summari", r"\bsummari[sz]ation\b"),
        ("translation", "translation", r"\bmachine translation\b|\btranslation model\b"),
        ("sentence-similarity", "sentence", r"\bsentence[ -](?:similarity|transformers?|embeddings?)\b"),
        ("text-generation", "generation causal chat instruct",
            r"\btext generation\b|\bcausal language model\w*|\bchat model\b"
            r"|\binstruct(?:ion)?[- ]tuned\b"),
        ("fill-mask", "mask", r"\bmasked language model\w*|\bfill-mask\b"),
        ("tabular-classification", "tabular", r"\btabular\b"),
    )
)  # fmt: skip
"""Tasks, words one of which stands in whatever the expression finds (to look for them is quicker), and expressions."""

# What is said before a task that is not the model's own: `performs better on`, `for tasks such as`, `outside of`.
_IN_PASSING = re.compile(
    r"\b(?:perform(?:s|ed|ance)|better|downstream|tasks? (?:such as|like|including)|benchmarks?|outperform\w*"
    r"|existing|paper|instead of|outside|not|other|pre-?train(?:ed|ing) (?:on|for|using|with))\b[^.\n]*$",
    re.IGNORECASE,
)

_SHORTEST = 12
"""Characters of the shortest line that says something by these rules."""

_BASE_NAME = re.compile(
    r"(?:model name|checkpoint|pre-?trained model|base model)[*_`\s]{0,4}:[*_`\s]{0,4}([\w.-]{1,96}(?:/[\w.-]{1,96})?)"
    r"[*_`\s]*$",
    re.IGNORECASE,
)
_BASE_IN_PROSE = re.compile(
    r"\b(?:used|uses|using|fine-?tuned|tokeniz\w+ (?:\w+ ){0,3}with) the "
    r"\[?`?([A-Za-z][\w.]{0,60}(?:/[\w.]{1,60})?(?:-[\w.]{1,60}){1,12})`?\]?(?:\([^()\s]*\))? (?:base )?model\b"
)
_KNOWN = re.compile(
    rf"(?<![\w/.-])({'|'.join(sorted({re.escape(name) for name in DATASETS if len(name) > 3}, key=len, reverse=True))})"
    r"(?![\w-])(?=[^.\n]{0,40}\b(?:data ?set|corpus|reviews)\b)",
    re.IGNORECASE,
)

_PERCENT_OF = re.compile(
    r"\b(train(?:ing)?|validation|val|dev|test(?:ing)?)(?: set| data| split)? ?\(?(?:: ?)?(\d{1,2})\s?%\)?",
    re.IGNORECASE,
)
_PERCENT_FOR = re.compile(
    r"\b(\d{1,2})\s?% (?:(?:of|for|as|was|were|used|the|data|it|set|aside) ){0,6}"
    r"(train(?:ing)?|validation|val|dev|test(?:ing)?)\b",
    re.IGNORECASE,
)
_HELD_OUT = re.compile(
    r"\b(\d{1,2})\s?% hold-?out\b|\bhold-?out (?:set|split)? ?(?:of|\() ?(\d{1,2})\s?%", re.IGNORECASE
)
_TRAINING_SPLIT = re.compile(
    r"\btraining (?:data|set|dataset|split) (?:was|were|is) (?:further |again )?(?:randomly )?split into "
    r"(?:a )?train(?:ing)? and (?:a )?(validation|test) sets? (?:with|using|in|by) an? (\d\d)\s?[-/:]\s?(\d\d)\b",
    re.IGNORECASE,
)
_TRAIN_TEST = re.compile(
    r"\b(\d\d)\s?%?\s?[-/:]\s?(\d\d)\s?%? train(?:ing)?\s?[-/ ]\s?(test|validation|val|eval)\w*(?: data)? split"
    r"|\btrain(?:ing)?\s?[-/ ]\s?(test|validation|val|eval)\w* split[ :]{1,2}(?:of |with |ratio |\(|: ?){0,3}(?:an? )?"
    r"(\d\d)\s?%?\s?[-/:]\s?(\d\d)\b",
    re.IGNORECASE,
)
_STRATIFIED = re.compile(
    r"\b(?:split|sampl\w+|divided)\b[^.\n]{0,120}\bstratif\w+|\bstratif\w+ (?:sampling|split)\w*", re.IGNORECASE
)
_NOT_STRATIFIED = re.compile(r"\b(?:not|without|un)[ -]?stratif", re.IGNORECASE)
_BALANCED = re.compile(
    r"\b(?:trained|fine-?tuned)\b[^.\n]{0,40}\bbalanced (?:subset|sample|training set)\b", re.IGNORECASE
)
_CLEANED = re.compile(r"\b(?:remov\w+|stripp\w+|clean\w+)\b[^\n]{0,200}", re.IGNORECASE)
_CLEANING = (
    ("strip_html", re.compile(r"(?<![./\w])HTML\b", re.IGNORECASE)),
    ("strip_special_characters", re.compile(r"\bspecial characters?\b", re.IGNORECASE)),
    ("collapse_whitespace", re.compile(r"\b(?:unnecessary|extra|multiple|redundant|excess) white ?spaces?\b", re.I)),
)
_TRUNCATED = re.compile(
    r"\btruncat(?:ed|ing|ion),? (?:and|or) padd(?:ed|ing)\b|\bpadd(?:ed|ing),? (?:and|or) truncat(?:ed|ing|ion)\b"
    r"|\btruncated (?:to|at)\b",
    re.IGNORECASE,
)
_PADDED = re.compile(
    r"\bpadd(?:ed|ing)\b[^.\n]{0,40}\bto (?:a |the )?(?:max(?:imum)?|fixed) (?:sequence )?length\b[^.\n]{0,60}",
    re.IGNORECASE,
)
_TRAINED_ON = re.compile(
    r"(?<!not )(?<!pre)(?<!pre-)\b(?:fine-?tuned|trained) (?:using|on|with) the (?:[\w-]{1,30} ){0,3}?"
    r"train(?:ing)? (?:data ?set|set|split)"
    r"|\b(?:split|divided) into a train(?:ing)? set and a test set",
    re.IGNORECASE,
)
_TESTED_ON = re.compile(r"\bevaluated on (?:a|the) (?:[\w-]+ ){0,3}?test (?:data ?set|set|split)", re.IGNORECASE)
_EACH_EPOCH = re.compile(
    r"\b(validation|evaluation|test)\b[^.\n]{0,60}\b(?:after|at the end of|every|each)(?: each| every)? epoch\b",
    re.IGNORECASE,
)
_SAVED_LAST = re.compile(
    r"\b(?:final|saved|published) (?:model|checkpoint|weights) (?:was|were|is|are)[^.\n]{0,20} (?:saved |taken |the )?"
    r"(?:after|from|of) the (?:last|final) epoch\b",
    re.IGNORECASE,
)
_SLICES = re.compile(
    r"\b(?:under|below|fewer than|less than|<) ?(\d{1,5}) words\W[^.\n]{0,40}?\b(\d{1,5})\s?[-–]\s?(\d{1,5}) words\W"
    r"[^.\n]{0,40}?(?:\b(\d{1,5})\+ words|(?:over|above|more than|>) ?(\d{1,5}) words)",
    re.IGNORECASE,
)
_TENSOR_TYPE = re.compile(r"^Tensor type\s{1,3}(BF16|F16|F32)$", re.MULTILINE)
_TYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
_LATENCY = re.compile(
    r"\b(?:inference (?:speed|time)|latency)[*_`\s]{0,4}:?[*_`\s]{0,4}((?:~|≈|about |around )?\s?\d[\d.]{0,8}\s?"
    r"(?:ms|milliseconds?|s|secs?|seconds?)) (?:per|/) (?:review|example|sample|text|sentence|input|document|tweet)\b",
    re.IGNORECASE,
)
_QUANTIZER = re.compile(
    r"\b(?:with|using|via|by|through)[^.\n]{0,20}\bbits-?and-?bytes\b(?: library)?|\bBitsAndBytesConfig\b", re.I
)
_METRIC_LIST = re.compile(
    r"\b(?:metrics?\b[^.\n]{0,80}?\bincluding|metrics?(?: used)?(?: are| were|:)|we report|in terms of) "
    r"([^.:\n]{5,200})",
    re.I,
)
_LIST = re.compile(",| and ")
_WORD = re.compile("[a-z0-9]+")
_ABOUT_DATA = re.compile(r"[^\n]{0,40}(?!\w)")
_METRIC_NAME = re.compile(r"[\s*_`-]{0,6}([A-Za-z][\w -]{1,30}?)[*_`]{0,3}\s?(?::|–|-\s|\()", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a README says its model does.

    Attributes:
        task: The Hub's pipeline tag; null where nothing says it.
        fact: The words that say it.
    """

    task: str | None
    fact: Fact | None


def kind_of(document: Document) -> Kind:
    """The task of a README's model: as `registry.readme.reader` reads it, else by the first words that tell."""
    stated = document.fact("task")
    if stated is not None:
        return Kind(str(stated.value), stated)
    page = page_of(_read(document), document.name)
    first: tuple[int, str, int] | None = None
    for line in page.lines:
        if line.kind == "code":
            continue
        low = document.text[line.start : min(line.end, line.start + 3000)].lower()
        for task, words, pattern in _PROSE:
            if not any(word in low for word in words):
                continue
            for one in pattern.finditer(document.text, line.start, min(line.end, line.start + 3000)):
                if not _IN_PASSING.search(document.text, max(line.start, one.start() - 100), one.start()):
                    if first is None or one.start() < first[0]:
                        first = (one.start(), task, one.end())
                    break
        if first is not None:
            start, task, end = first
            return Kind(task, Fact("task", task, document.text[start:end], document.at(start, end)))
    return Kind(None, None)


def _read(document: Document) -> str:
    """The text as far as `registry.readme.reader` reads it."""
    return document.text[: len(document.text) - document.unread]


def preparation(document: Document) -> tuple[Fact, ...]:
    """The facts of a README that its model card states beside those of `registry.readme.reader`.

    Args:
        document: The README of a text classifier.
    """
    page = page_of(_read(document), document.name)
    _identity(page, document)
    read_classes_of_classifier(page)
    for line in page.lines:
        if line.kind == "code" or line.role in ("use", "other") or line.end - line.start < _SHORTEST:
            continue
        _splits(page, line)
        _flags(page, line)
    _whole(page)
    _metrics(page)
    return tuple(sorted(page.facts, key=lambda one: (one.place.start, one.place.end)))


def _identity(page: Page, document: Document) -> None:
    """The base and the data where no front matter, link or label gives them."""
    read_base, read_data = (not document.said(name) for name in ("base_model", "datasets"))
    if not read_base and not read_data:
        return
    for line in page.lines:
        if line.kind == "code" or line.role in ("use", "other") or line.end - line.start < _SHORTEST:
            continue
        words = page.text[line.start : min(line.end, line.start + 2000)]
        if read_base and not page.has("base_model"):
            named = _BASE_NAME.match(words) if "pre-trained" in line.title or "base" in line.title else None
            one = named or (_BASE_IN_PROSE.search(words) if " model" in words else None)
            if one is not None:
                page.say("base_model", one[1], line.start + one.start(), line.start + one.end())
        if read_data and any(word in words.lower() for word in ("dataset", "data set", "corpus", "reviews")):
            for one in _KNOWN.finditer(words):
                about = _ABOUT_DATA.match(page.text[line.start + one.end() : line.end])
                page.say(
                    "datasets",
                    (one[1],),
                    line.start + one.start(),
                    line.start + one.end() + (about.end() if about else 0),
                )


def _splits(page: Page, line: Line) -> None:
    """Shares of rows that were held out."""
    words = page.text[line.start : min(line.end, line.start + 3000)]
    low = words.lower()
    if ("%" not in low and "split" not in low) or "pre-train" in low or "pretrain" in low:
        return
    at = line.start
    if (one := _TRAINING_SPLIT.search(words)) is not None and int(one[2]) + int(one[3]) == 100:
        page.say(f"data.split.{one[1].lower()}", int(one[3]) / 100, at + one.start(), at + one.end())
        return
    if (one := _TRAIN_TEST.search(words)) is not None:
        part, train, held = (one[3], one[1], one[2]) if one[3] else (one[4], one[5], one[6])
        if int(train) + int(held) == 100:
            page.say(f"data.split.{SPLITS[part.lower()]}", int(held) / 100, at + one.start(), at + one.end())
            return
    for pattern, part_first in ((_PERCENT_OF, True), (_PERCENT_FOR, False)):
        found = list(pattern.finditer(words))
        shares = {SPLITS[one[1 if part_first else 2].lower()]: int(one[2 if part_first else 1]) for one in found}
        if len(shares) == len(found) > 1 and "train" in shares and sum(shares.values()) == 100:
            for part in ("test", "validation"):
                if part in shares:
                    page.say(f"data.split.{part}", shares[part] / 100, at + found[0].start(), at + found[-1].end())
            return
    for one in _HELD_OUT.finditer(words):
        page.say("data.split.test", int(one[1] or one[2]) / 100, at + one.start(), at + one.end())


_FLAGS: tuple[tuple[str, str, Any, re.Pattern[str]], ...] = (
    ("balanced", "data.balanced", True, _BALANCED),
    ("truncat", "data.tokens.truncation", True, _TRUNCATED),
    ("padd", "data.tokens.padding", "max_length", _PADDED),
    ("train", "data.take.train", "train", _TRAINED_ON),
    ("evaluated", "data.take.test", "test", _TESTED_ON),
    ("epoch", "select", "last", _SAVED_LAST),
    ("bytes", "quantization.quantizer", "bitsandbytes", _QUANTIZER),
)
"""What stands in whatever an expression finds, the fact and its value, and the expression."""


def _flags(page: Page, line: Line) -> None:
    """What is said or not: that rows were stratified, texts cut, classes balanced."""
    words = page.text[line.start : min(line.end, line.start + 3000)]
    at, low = line.start, words.lower()
    for trigger, name, value, pattern in _FLAGS:
        if trigger in low and (one := pattern.search(words)) is not None:
            page.say(name, value, at + one.start(), at + one.end())
    if "stratif" in low and (one := _STRATIFIED.search(words)) is not None and not _NOT_STRATIFIED.search(words):
        page.say("data.split.stratify", True, at + one.start(), at + one.end())
    if "epoch" in low and (one := _EACH_EPOCH.search(words)) is not None:
        split = "test" if one[1].lower() == "test" else "validation"
        page.say("evaluation.each_epoch", split, at + one.start(), at + one.end())
    if any(word in low for word in ("remov", "stripp", "clean")) and (one := _CLEANED.search(words)) is not None:
        steps = tuple(step for step, pattern in _CLEANING if pattern.search(one.group()))
        if steps:
            page.say("data.clean", steps, at + one.start(), at + one.end())
    if " words" in low and (one := _SLICES.search(words)) is not None:
        short, second, long, over = int(one[1]), int(one[2]), int(one[3]), int(one[4] or one[5])
        if short == second < long == over:
            page.say("evaluation.slices.words", (short, long), at + one.start(), at + one.end())
    if ("inference" in low or "latency" in low) and (one := _LATENCY.search(words)) is not None:
        page.say("seconds_per_example", one[1].strip(), at + one.start(), at + one.end())


def _whole(page: Page) -> None:
    """What stands over several lines: the sidebar of a scraped page."""
    if (one := _TENSOR_TYPE.search(page.text)) is not None:
        page.say("base.dtype", _TYPES[one[1]], one.start(), one.end())


def _metrics(page: Page) -> None:
    """What the author scores the model by: front matter, a list of metrics with what they mean, or a sentence."""
    values = list(scalars(page.meta.get("metrics")))
    if values:
        names = _known_metrics(one.text for one in values)
        if names:
            page.say("evaluation.metrics", names, values[0].start, values[-1].end)
            return
    listed: dict[str, Line] = {}
    for line in page.lines:
        if line.role not in ("use", "other") and "metric" in line.title and line.kind == "item":
            one = _METRIC_NAME.match(page.text, line.start, line.end)
            for name in _known_metrics(_LIST.split(one[1])) if one is not None else ():
                listed.setdefault(name, line)
    if len(listed) > 1:
        ends = list(listed.values())
        page.say("evaluation.metrics", tuple(listed), ends[0].start, ends[-1].end)
        return
    for line in page.lines:
        if line.role in ("use", "other") or line.kind == "code":
            continue
        one = _METRIC_LIST.search(page.text, line.start, min(line.end, line.start + 3000))
        names = _known_metrics(_LIST.split(one[1])) if one is not None else ()
        if one is not None and len(names) > 1:
            page.say("evaluation.metrics", names, one.start(), one.end())
            return


def _known_metrics(words: Iterator[str] | list[str] | Any) -> tuple[str, ...]:
    """Those of the words that name a score which this project computes, in their order."""
    names = (METRICS.get(" ".join(_WORD.findall(plain(str(one)).lower()))) for one in words)
    return tuple(dict.fromkeys(name for name in names if name in SHARES))
