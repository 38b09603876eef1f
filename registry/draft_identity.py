"""What a README says the model is: base model, license, language, datasets, task, classes and versions of software.

The front matter speaks first; the body is asked for what it leaves out.
"""

from __future__ import annotations

import ast
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from registry.draft_recipe import is_placeholder
from registry.front_matter import Scalar, index_of, scalars
from registry.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.draft_page import Page
    from registry.markdown import Line

_LICENSES = (
    ("apache-2.0", re.compile(r"apache(?:[ -]?(?:license)?,?[ -]?(?:version )?2(?:\.0)?)", re.I)),
    ("mit", re.compile(r"^\W*mit\b(?: license)?", re.I)),
    ("cc-by-nc-sa-4.0", re.compile(r"cc[- ]by[- ]nc[- ]sa[- ]4", re.I)),
    ("cc-by-nc-4.0", re.compile(r"cc[- ]by[- ]nc[- ]4", re.I)),
    ("cc-by-sa-4.0", re.compile(r"cc[- ]by[- ]sa[- ]4", re.I)),
    ("cc-by-4.0", re.compile(r"cc[- ]by[- ]4", re.I)),
    ("gpl-3.0", re.compile(r"^\W*(?:gnu )?gpl[- ]?(?:v)?3", re.I)),
    ("bsd-3-clause", re.compile(r"bsd[- ]3", re.I)),
    ("llama2", re.compile(r"^\W*llama[- ]?2\b", re.I)),
    ("llama3", re.compile(r"^\W*(?:meta )?llama[- ]?3\b(?!\.\d)", re.I)),
    ("gemma", re.compile(r"^\W*gemma\b", re.I)),
)
_VERSION = re.compile(
    r"[*_`\s]{0,6}(transformers|pytorch|torch|datasets|tokenizers|peft|tensorflow|trl|python|accelerate"
        r"|bitsandbytes|sentence[- ]transformers|setfit|keras|unsloth)"
    r"[*_`\s]{0,4}(?:version)?\s{0,3}[:=]{0,2}[*_`\s]{0,4}v?(\d{1,3}(?:\.\d{1,4})+(?:[.+-]?[a-z]\w{0,20}|\+\w{1,20}){0,4}"
        r"|\d{1,3}\.\d{1,4}\S{0,12})", re.IGNORECASE,
)  # fmt: skip
_ID = r"[\w.-]{1,96}/[\w.-]{1,96}"
_HUB = r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/"
_ONE_ID = re.compile(rf"{_ID}|[\w.-]{{2,96}}")
_ID_LINKED = re.compile(rf"(?:huggingface|hf)\.co/({_ID})")
_ID_IN_CODE = re.compile(r"`([\w.-]{1,96}(?:/[\w.-]{1,96})?)`")
_FINE_TUNED = re.compile(
    r"(?:fine-?tuned?|adapted|adapter|trained)\s(?:version|model|checkpoint|variant)?\s?(?:of|from|on top of"
    rf"|for)\s(?:the )?\[([^\[\]\n]{{2,120}})\]\(({_HUB}[^()\s]{{2,150}})?",
    re.IGNORECASE,
)
_TUNED_LINK = re.compile(
    r"(?:is an? |the |based on (?:the )?|fine-?tun\w+ (?:of |from "
    rf"|on )?(?:the )?)\[[^\[\]\n]{{2,120}}\]\({_HUB}({_ID}"
    r"|[\w.-]{2,96})/?\)(?: checkpoint| model)?,? ?(?:and )?(?:was )?(?:fine-?tun|model\b|checkpoint)",
    re.IGNORECASE,
)
# `based on the [x](…) model`, `classifier based on [x](…)`, of a model of the Hub.
_BASED_ON = re.compile(
    rf"\b(?:based (?:up)?on|fine-?tun(?:ed|ing) (?:of|from)) (?:the )?(?:pre-?trained )?[`*_]{{0,2}}"
    rf"\[[^\[\]\n]{{2,120}}\]"
    rf"\({_HUB}(?!datasets/|spaces/|papers/|docs/|blog/)({_ID}|[\w.-]{{2,96}})/?\)",
    re.IGNORECASE,
)
# `fine-tuned from owner/name`, `bert-base-uncased fine-tuned on …`: a name of the Hub's form that tells a family.
_FAMILY = r"(?:bert|electra|t5|gpt|llama|mistral|bart|pegasus|vit|wav2vec|hubert|whisper|xlnet|longformer|opus)"
_FROM_ID = re.compile(
    rf"\bfine-?tun(?:ed|e|ing)?\s(?:version\s)?(?:of|from)\s(?:the )?[`*_]{{0,3}}({_ID})(?![\w/])", re.I
)
_ID_TUNED = re.compile(
    rf"^\W{{0,6}}([\w.-]{{0,40}}{_FAMILY}[\w.-]{{0,60}})[`*_]{{0,3}},? (?:model )?(?:is )?fine-?tuned (?:on|for)\b",
    re.I,
)
_BASE_SETTING = re.compile(
    r"(?:--)?\b(?:model_checkpoint|model_name_or_path|base_model|base_LM_model|base_model_name|pretrained_model_name"
    r"|language_model)[\"']?(?:\s{0,3}[:=]\s{0,3}|\s{1,3})[\"']?"
    rf"({_ID}|[a-z][\w.-]{{2,96}})(?=[\"',\s]|$)"
)
# `trained on the [x](…) dataset`; Kaggle's `owner/name` is a name as the Hub's is.
_DATA_URL = (
    r"(?:https?://(?:www\.)?(?:huggingface|hf)\.co/datasets/|https?://(?:www\.)?kaggle\.com/(?:datasets/|competitions/|c/)?)"
    r"(?!viewer\b)([\w.-]{1,96}(?:/[\w.-]{1,96})?)[^()\s]{0,100}"
)
_ON_DATA = re.compile(
    rf"\b(?:on|using|with|from)\s(?:(?:the|an?|our|this)\s{{1,2}})?(?:[\w'’-]{{1,30}}\s){{0,4}}"
    rf"[`*_]{{0,3}}\[[^\[\]\n]{{2,120}}\]\({_DATA_URL}\)",
    re.IGNORECASE,
)
_DATA_LINK = re.compile(rf"\({_DATA_URL}\)|(?<![\w(]){_DATA_URL}")
_DATA_KEY = re.compile(
    r"\W{0,6}(?:\w{1,30} )?(?:training |fine-?tuning |train )?(?:data ?sets?|training data)"
    r"(?: used| name| source)?\W{0,6}$",
    re.IGNORECASE,
)
_TRAINED = re.compile(r"\b(pre-?)?(?:train(?:ed|ing)?|fine-?tun\w+)\b", re.IGNORECASE)
_LOADED = re.compile(r"\bload_dataset\(\s{0,9}[\"']([\w.-]{1,96}(?:/[\w.-]{1,96})?)[\"']")
_BUILDERS = frozenset({"csv", "json", "text", "parquet", "imagefolder", "audiofolder", "arrow", "pandas", "webdataset"})
"""What `load_dataset` calls files of one's own."""

_LABELLED = re.compile(
    r"[*_`\s]{0,6}(license|licence|finetuned from model|fine-?tuned from model|base model|finetuned from"
    r"|foundation model|language\(s\)(?: \(nlp\))?|language"
    r"|languages)\s?(?:\[optional\])?[*_`\s]{0,6}:[*_`\s]{0,6}(.{2,200})",
    re.IGNORECASE,
)

TASKS: dict[str, str] = {
    "sentiment-analysis": "text-classification",
    "ner": "token-classification",
    "vqa": "visual-question-answering",
    "text-to-speech": "text-to-speech",
    **{task: task for task in (
        "audio-classification", "automatic-speech-recognition", "depth-estimation", "document-question-answering",
        "feature-extraction", "fill-mask", "image-classification", "image-segmentation", "image-to-text",
        "object-detection", "question-answering", "sentence-similarity", "summarization", "table-question-answering",
        "text-classification", "text-generation", "text2text-generation", "token-classification", "translation",
        "video-classification", "visual-question-answering", "zero-shot-classification",
    )},
}  # fmt: skip
"""Names of `transformers.pipeline` → the Hub's tag of the task."""

HEADS: dict[str, str] = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "ForImageClassification": "image-classification",
    "ForAudioClassification": "audio-classification",
    "ForCTC": "automatic-speech-recognition",
    "ForSpeechSeq2Seq": "automatic-speech-recognition",
    "ForMultipleChoice": "multiple-choice",
    "ForObjectDetection": "object-detection",
}
"""Ends of model classes → task; `ForSeq2SeqLM` may summarize or translate, and tells none."""

# Words of a sentence, not of a name: `bert-finetuned-ner` implies a task, it states none.
_SPOKEN = re.compile(
    r"(?<![\w/.@-])(?:(?P<text_classification>(?:text|sequence|sentiment|emotion|topic|intent|news|review)"
    r"[ -]classif\w+"
    r"|sentiment analysis|(?:hate|offensive) speech detection)"
    r"|(?P<token_classification>named[- ]entity[- ]recognition|NER|part[- ]of[- ]speech tagging|token[ -]classif\w+)"
    r"|(?P<question_answering>question[- ]answering|extractive QA)"
    r"|(?P<summarization>summari[sz]ation)|(?P<translation>machine translation|translation model)"
    r"|(?P<image_classification>image[ -]classif\w+)"
    r"|(?P<automatic_speech_recognition>speech[- ]recognition|speech[- ]to[- ]text))(?![\w/-])",
    re.IGNORECASE,
)
_ABOUT = 1500
"""Characters of the body in which a README says what its model is for; further down it speaks of other models too."""

_PIPELINE = re.compile(r"\bpipeline\(\s{0,9}(?:task\s?=\s?)?[\"']([a-z0-9-]{3,40})[\"']")
_HEAD = re.compile(rf"\b\w{{2,40}}?({'|'.join(HEADS)})\b")
_CLASSES = re.compile(r"\b(id2label|label2id)\b[\"']?\]?\s{0,3}[:=]\s{0,3}(\{[^{}]{3,2000}\})")
# Not `labels`, which are mostly the candidates of a zero-shot call.
_CLASS_LIST = re.compile(
    r"\b(?:class_names|label_names|label_list|classes)[\"']?\s{0,3}[:=]\s{0,3}(\[[^\[\]]{3,2000}\])"
)
# `- LABEL_0: negative`, and below a heading of labels or classes `0 = negative`, `| 0 | negative |`.
_CLASS_LINE = re.compile(
    r"\W{0,6}(label[_ ])?(\d{1,2})[\"'`*]{0,3}\s{0,9}(?::|=|->|→|–|-|\|)\s{0,9}[\"'`*]{0,3}([A-Za-z][\w /&-]{0,39}?)"
    r"[\"'`*|,.;\s]{0,9}$",
    re.IGNORECASE,
)
_OF_CLASSES = re.compile(r"\b(?:labels?|class(?:es)?|label mapping|categor(?:y|ies)|emotions|intents)\b")


def read_identity(page: Page) -> None:
    """Base model, license, language, data, task, classes and versions: the front matter's, else the body's."""
    _of_meta(page)
    versions = _blocks_of_versions(page)
    for line in page.lines:
        if line.kind == "code" and line.block not in versions:
            continue
        if line.role == "use" and line.kind != "item":
            continue
        words = page.text[line.start : min(line.end, line.start + 400)]
        if line.kind != "heading" and "." in words and (found := _VERSION.match(words)) is not None:
            package = "pytorch" if found[1].lower() == "torch" else found[1].lower()
            page.say(f"framework_versions.{package}", found[2], line.start, line.end)
        _linked(page, words, line)
        if ":" in words[:60]:
            _labelled(page, words, line.start, line.end)
    for grid in page.grids:
        for row in (grid.header, *grid.rows):
            if len(row) == 2:
                _labelled(page, f"{row[0].text}: {row[1].text}", row[0].start, row[1].end)
                if grid.role not in ("use", "other", "pretraining"):
                    _data_of_key(page, row[0].text, row[1].start, row[1].end)
    if not page.has("datasets") and "](http" in page.text:
        _data_in(page)
    _of_code(page)


def _blocks_of_versions(page: Page) -> frozenset[int]:
    """Blocks of code that list versions."""
    return frozenset(
        line.block
        for line in page.lines
        if line.kind == "code" and page.text.find("Transformers", line.start, line.start + 16) >= 0
    )


def _of_meta(page: Page) -> None:
    for key, fact in (("license", "license"), ("pipeline_tag", "task")):
        one = next(scalars(page.meta.get(key)), None)
        if one is not None:
            page.say(fact, one.text.strip(), one.start, one.end)
    for key in ("language", "datasets", "base_model"):
        values = list(scalars(page.meta.get(key)))
        texts = tuple(one.text.strip() for one in values)
        if values:
            only = key == "base_model" and len(values) == 1
            page.say(key, texts[0] if only else texts, values[0].start, values[-1].end)
    for named in (
        [one for result in index_of(page.meta) for one in _types(result)],
        [one for one in scalars(page.meta.get("tags")) if one.text.lower() in TASKS],
    ):
        if not page.has("task") and len({one.text.lower() for one in named}) == 1:
            page.say("task", TASKS.get(named[0].text.lower(), named[0].text), named[0].start, named[0].end)


def _types(result: dict[str, Any]) -> list[Scalar]:
    task = result.get("task")
    return list(scalars(task.get("type"))) if isinstance(task, dict) else []


def _linked(page: Page, words: str, line: Line) -> None:
    """`a fine-tuned version of [bert](https://huggingface.co/bert) on [data](https://huggingface.co/datasets/data)`."""
    if ("tun" in words or "rained" in words or "ased " in words) and not page.has("base_model"):
        _base_in(page, words, line.start)
    if line.kind in ("item", "text") and ":" in words[:40] and "//" in words:
        key, _, value = words.partition(":")
        at = line.start + len(words) - len(value)
        _data_of_key(page, key, at, line.end)


def _base_in(page: Page, words: str, start: int) -> None:
    base = _FINE_TUNED.search(words)
    if base is not None and (base[2] or "tun" in base.group().lower()):
        named = base[2].partition(".co/")[2] if base[2] else plain(base[1])
        page.say("base_model", named.rstrip("/"), start + base.start(), start + base.end())
        return
    for pattern in (_TUNED_LINK, _BASED_ON, _FROM_ID, _ID_TUNED):
        found = pattern.search(words)
        if found is not None and "card" not in words[max(0, found.start() - 60) : found.end()].lower():
            page.say("base_model", found[1].rstrip("."), start + found.start(1), start + found.end(1))
            return


def _data_in(page: Page) -> None:
    """The linked data of the sentences on training, which may have begun a line above."""
    told: dict[str, tuple[int, int]] = {}
    for line in page.lines:
        if line.kind == "code" or line.role in ("use", "pretraining", "other"):
            continue
        for found in _ON_DATA.finditer(page.text, line.start, min(line.end, line.start + 400)):
            before = page.text[max(0, found.start() - 300) : found.start()]
            sentence = before[max(before.rfind(". "), before.rfind("\n\n"), before.rfind("\n-")) + 1 :]
            trained = list(_TRAINED.finditer(sentence))
            if trained and not trained[-1][1]:
                told.setdefault(found[1], found.span(1))
    if len(told) == 1:  # of several it is not read which came first
        ((name, place),) = told.items()
        page.say("datasets", (name,), *place)


def _data_of_key(page: Page, key: str, start: int, end: int) -> None:
    """The links that stand behind `Dataset:`."""
    if page.has("datasets") or len(key) > 40 or _DATA_KEY.fullmatch(plain(key)) is None:
        return
    found = list(_DATA_LINK.finditer(page.text, start, min(end, start + 600)))
    if found:
        names = tuple(dict.fromkeys((one[1] or one[2]).rstrip(".") for one in found))
        page.say("datasets", names, found[0].start(), found[-1].end())


def _of_code(page: Page) -> None:
    """Base model and data of code that is not about use; the task and the classes of any."""
    tasks: dict[str, tuple[int, int]] = {}
    heads: dict[str, tuple[int, int]] = {}
    loaded: dict[str, tuple[int, int]] = {}
    read_base, read_task, read_data = (not page.has(name) for name in ("base_model", "task", "datasets"))
    for first, last in _blocks_of_code(page):
        start, end = first.start, min(last.end, first.start + 20_000)
        if first.role != "use":
            if read_base and not page.has("base_model") and (base := _BASE_SETTING.search(page.text, start, end)):
                page.say("base_model", base[1], base.start(), base.end())
            if read_data and (first.role == "training" or "data" in first.title):
                loaded.update((one[1], one.span()) for one in _LOADED.finditer(page.text, start, end))
        if read_task:
            calls = (one for one in _PIPELINE.finditer(page.text, start, end) if one[1] in TASKS)
            tasks.update((TASKS[one[1]], one.span()) for one in calls)
            heads.update((HEADS[one[1]], one.span()) for one in _HEAD.finditer(page.text, start, end))
    for told in (tasks, heads):
        if len(told) == 1 and not page.has("task"):
            ((task, place),) = told.items()
            page.say("task", task, *place)
    if read_task and not page.has("task"):
        _spoken_task(page)
    names = [name for name in loaded if name not in _BUILDERS]
    if len(names) == 1:
        page.say("datasets", (names[0],), *loaded[names[0]])
    _classes(page)


def _spoken_task(page: Page) -> None:
    """The one task that the README's beginning names."""
    told: dict[str, tuple[int, int]] = {}
    begin = page.lines[0].start if page.lines else 0
    for line in page.lines:
        if line.start > begin + _ABOUT:
            break
        if line.kind in ("text", "heading", "item") and line.role in ("", "training"):
            found = _SPOKEN.finditer(page.text, line.start, min(line.end, begin + _ABOUT))
            told.update((str(one.lastgroup), one.span()) for one in found)
    if len(told) == 1:
        ((name, place),) = told.items()
        page.say("task", name.replace("_", "-"), *place)


def _blocks_of_code(page: Page) -> Iterator[tuple[Line, Line]]:
    """The first and the last line of every block of code."""
    code = [line for line in page.lines if line.kind == "code"]
    for _, block in groupby(code, key=lambda line: line.block):
        first, *rest = block
        yield first, rest[-1] if rest else first


def _classes(page: Page) -> None:
    """The classes by their numbers: `id2label = {0: "negative", 1: "positive"}`, a list of names, a line each."""
    for found in _CLASSES.finditer(page.text) if "2label" in page.text or "label2" in page.text else ():
        table = _literal(found[2])
        pairs = list(table.items()) if isinstance(table, dict) else []
        numbered = {
            str(key): name for key, name in (pairs if found[1] == "id2label" else [pair[::-1] for pair in pairs])
        }
        names = [numbered.get(str(index)) for index in range(len(pairs))]
        if _said_classes(page, names, found.start(), found.end()):
            return
    for line in page.lines:
        if (
            line.kind == "code"
            and line.role != "other"
            and (begin := _CLASS_LIST.search(page.text, line.start, line.end))
        ):
            told = _literal(begin[1])
            if isinstance(told, list) and _said_classes(page, told, begin.start(), begin.end()):
                return
    _listed_classes(page)


def _literal(source: str) -> object:
    """What a literal of Python means; null for anything else."""
    try:
        return ast.literal_eval(source)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _said_classes(page: Page, names: list[Any], start: int, end: int) -> bool:
    """Whether names are those of two or more classes, and if so the fact that they are."""
    good = len(names) > 1 and all(isinstance(name, str) and name.strip() for name in names)
    if good and len(set(names)) == len(names):
        page.say("labels", tuple(names), start, end)
    return good


def _listed_classes(page: Page) -> None:
    """Neighbouring lines that number the classes from 0 on."""
    run: list[tuple[str, Line]] = []
    for line in [*page.lines, None]:
        words = page.text[line.start : min(line.end, line.start + 100)] if line is not None else ""
        found = _CLASS_LINE.fullmatch(words) if words[-1:].isalpha() or "abel" in words or "|" in words else None
        if found is not None and line is not None and line.role != "other" and int(found[2]) == len(run):
            told = found[1] or run or _OF_CLASSES.search(line.title.rpartition("/")[2])
            if told and (not run or line.block == run[-1][1].block):
                run.append((found[3].strip(), line))
                continue
        if len(run) > 1 and _said_classes(page, [name for name, _ in run], run[0][1].start, run[-1][1].end):
            return
        run = []


def _labelled(page: Page, words: str, start: int, end: int) -> None:
    """`**License:** MIT`, and what else the Hub's template lists so."""
    found = _LABELLED.match(words)
    if found is None:
        return
    key, value = found[1].lower(), found[2].strip()
    if is_placeholder(value):
        fact = "license" if key.startswith("licen") else "language" if key.startswith("lang") else "base_model"
        page.say(fact, None, start, end, "placeholder")
    elif key.startswith("licen"):
        bare = plain(value)
        known = next((tag for tag, pattern in _LICENSES if pattern.search(bare)), None)
        if known is not None and not page.has("license"):
            page.say("license", known, start, end)
    elif not key.startswith("lang") and not page.has("base_model"):
        link, code = _ID_LINKED.search(value), _ID_IN_CODE.search(value)
        bare = plain(value).strip(" .")
        named = link[1] if link else code[1] if code else bare if _ONE_ID.fullmatch(bare) else None
        if named is not None and named.lower() not in ("none", "n/a", "na", "unknown", "null"):
            page.say("base_model", named, start, end)
