"""The data that a README names as what its model was trained on: by a label, a link, a name or code.

Its front matter speaks first. Data of which only the base was made, and data of several sentences, of which it is not
read which is whose, are left out; so are names that are none: `the English dataset`, `a Kaggle dataset`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.languages import code_of_name
from registry.markdown import plain
from registry.readme.base import OUR_TRAINING
from registry.readme.page import ELSEWHERE

if TYPE_CHECKING:
    from registry.readme.page import Page

# Kaggle's `owner/name` is a name as the Hub's is.
_DATA_URL = (
    r"(?:https?://(?:www\.)?(?:huggingface|hf)\.co/datasets/|https?://(?:www\.)?kaggle\.com/(?:datasets/|competitions/|c/)?)"
    r"(?!viewer\b)([\w.-]{1,96}(?:/[\w.-]{1,96})?)[^()\s]{0,100}"
)
_ON_DATA = re.compile(
    rf"\b(?:on|using|with|from)\s(?:(?:the|an?|our|this)\s{{1,2}})?(?:[\w'’-]{{1,30}}\s){{0,4}}"
    rf"[`*_]{{0,3}}\[[^\[\]\n]{{2,120}}\]\({_DATA_URL}\)",
    re.IGNORECASE,
)
_AND_DATA = re.compile(rf"(?:,|,? and|,? &)\s(?:the )?[`*_]{{0,3}}\[[^\[\]\n]{{2,120}}\]\({_DATA_URL}\)", re.IGNORECASE)
_OTHER_URL = r"https?://(?!(?:www\.)?(?:huggingface|hf)\.co/(?!datasets/))[^()\s]{4,200}"
_DATA_LINK = re.compile(rf"\({_DATA_URL}\)|(?<![\w(]){_DATA_URL}")
_AND_MORE = re.compile(r"(?:,|,? and|,? &|\s\+)\s(?:the )?[`*_]{0,3}\[")
_TRAINED = re.compile(r"\b(pre-?)?(?:train(?:ed|ing)?|fine-?tun\w+)\b", re.IGNORECASE)

# Names: `SQuAD 2.0`, `common_voice`, `Financial PhraseBank`; of small letters only in code or emphasis.
_NAME = r"(?:[A-Z][\w.+'’-]{0,40}|[a-z]{1,30}[\d_-][\w.-]{0,40})(?:[ -](?:[A-Z\d][\w.+'’-]{0,40}|of (?=[A-Z]))){0,4}"
_MARKED = r"(?:[`\"“*_]{1,3}([\w][\w./ +-]{1,60}?)[`\"”*_]{1,3})"
_ID = r"([\w.-]{1,60}/[\w.-]{1,80})"
_DATA = r"(?:data ?sets?|corpus|corpora)\b"
_SOURCE = r"(?:(?:the|an?|our|this)\s)?(?:(?:\w{1,20}\s){1,3}of\s(?:the\s)?)?"
_ON_NAME = re.compile(
    rf"\b(?:on|using|with|from|used?)\s{_SOURCE}"
    rf"(?:\[([^\[\]\n]{{2,80}})\]\({_OTHER_URL}\)|{_MARKED}|(?-i:{_ID})|(?-i:({_NAME})))"
    rf"(?:\s\([A-Z][\w-]{{1,15}}\))?\s(?i:{_DATA})"
)
# `fine-tuned on [SQuAD 2.0](https://…)`, where the link alone says that it is data.
_ON_LINK = re.compile(
    r"\b(?:trained|fine-?tuned)\son\s(?:the\s)?[`*_]{0,3}\[([^\[\]\n]{2,80})\]"
    r"\(https?://(?!(?:www\.)?(?:huggingface|hf)\.co/|colab\.|arxiv\.)[^()\s]{4,200}\)(?![`*_]{0,3}\s(?:model|platform|GPU))",
    re.IGNORECASE,
)
# `fine-tuned using the [SQuAD dataset](…)`
_LINK_OF_DATA = re.compile(
    r"\b(?:on|using|with|from|used?)\s(?:the\s)?[`*_]{0,3}\[(?:the\s)?([^\[\]\n]{2,80}\s(?:data ?set|corpus))\]"
    rf"\({_OTHER_URL}\)",
    re.IGNORECASE,
)
# `we used the [A](…), [B](…) and [C](…) datasets`
_LIST_OF_DATA = re.compile(
    rf"\b(?:on|using|with|used?)\s(?:the\s)?((?:\[[^\[\]\n]{{2,80}}\]\({_OTHER_URL}\)(?:,?\sand\s|,\s|\s\+\s)){{1,8}}"
    rf"\[[^\[\]\n]{{2,80}}\]\({_OTHER_URL}\))\s(?:data ?sets?|corpora|corpus)\b",
    re.IGNORECASE,
)
_THE_DATA_IS = re.compile(
    r"\bdata ?set\s(?:(?:that\s)?(?:we\s)?used\s)?(?:(?:for|to|in)\s[\w -]{4,40}?\s)?(?:is|was)\s(?:the\s|called\s)?\s?"
    rf"(?:\[([^\[\]\n]{{2,80}})\]\(https?://[^()\s]{{4,200}}\)|{_MARKED})",
    re.IGNORECASE,
)
_NAMING = (_ON_NAME, _ON_LINK, _LINK_OF_DATA, _THE_DATA_IS)
_NO_DATA = re.compile(
    r"\b(?:here|this|paper|notebook|script|repo\w*|github|colab|kaggle|tpus?|gpus?|cloud|trainer|autotrain|api|azure"
    r"|aws|library|framework|space|none|unknown|custom|private|own|same|new|large|model|spacy|flair|fairseq|espnet|nemo"
    r"|keras|pytorch|tensorflow)\b",
    re.IGNORECASE,
)
_NO_NAMES = frozenset({
    "twitter", "reddit", "kaggle", "github", "hugging", "face", "huggingface", "hub", "ai", "nlp", "ner", "qa", "asr",
    "text", "none", "unknown", "the", "our", "this", "custom", "internet", "web", "online", "in-house", "large-scale",
    "high-quality", "open-source", "multi-lingual", "question-answering", "real-world", "non-english", "fine-tuning",
    "self-made", "hand-labeled", "pre-training", "instruction-following", "token-level", "sentence-level", "train",
    "training", "test", "validation", "evaluation",
})  # fmt: skip
"""Words that say what data is like or where it is from; a name has another one too."""

_KEY = re.compile(
    r"\W{0,6}(?!pre)(?:\w{1,30} )?(?:training |fine-?tuning |train )?(?:data ?sets?|training data|data|corpus)"
    r"(?: used| name| source)?\W{0,6}$",
    re.IGNORECASE,
)
_VALUE = re.compile(rf"\[?({_NAME}|[\w.-]{{1,60}}/[\w.-]{{1,80}})\]?(?:\s(?:{_DATA}))?", re.IGNORECASE)
_PARTS = re.compile(r",\s|\sand\s|,\sand\s|\s[&+]\s|\s/\s")
_LOADED = re.compile(r"\bload_dataset\(\s{0,9}[\"']([\w.-]{1,96}(?:/[\w.-]{1,96})?)[\"']")
_BUILDERS = frozenset({"csv", "json", "text", "parquet", "imagefolder", "audiofolder", "arrow", "pandas", "webdataset"})
"""What `load_dataset` calls files of one's own."""

_END = re.compile(r"\s(?:data ?set|corpus)$", re.IGNORECASE)
_MARKS = re.compile(r"[\W_]+")
_LONGEST_NAME = 6
"""Words of a name."""

_LOOKED_AT = 600
"""Characters of a line that are searched."""


def read_data(page: Page) -> None:
    """The data of a README whose front matter names none."""
    if page.has("datasets"):
        return
    for index, line in enumerate(page.lines):
        if line.kind == "heading" and line.role not in ELSEWHERE and _below_heading(page, index):
            return
        if line.kind in ("item", "text") and line.role not in ELSEWHERE:
            words = page.text[line.start : min(line.end, line.start + 400)]
            if ":" in words[:60]:
                key, _, value = words.partition(":")
                if _of_key(page, key, line.start + len(words) - len(value), line.start + len(words)):
                    return
    for grid in page.grids:
        if grid.role not in ELSEWHERE:
            for row in grid.rows:
                if len(row) == 2 and _of_key(page, row[0].text, row[1].start, row[1].end):
                    return
    _listed(page) or _below_colon(page) or _told(page) or _in_code(page)


_HEADING = re.compile(
    r"\W{0,6}(?:(?:training|fine-?tuning)(?: (?:and|&) (?:evaluation|test\w*))? )?data(?: ?sets?)?\W{0,6}"
)
_LINK_ALONE = re.compile(rf"\[([^\[\]\n]{{2,80}})\]\({_OTHER_URL}\)")


def _below_heading(page: Page, index: int) -> bool:
    """The one link that the words below a heading of data begin with: `## Dataset`, `[The reviews](https://…)`."""
    line, below = page.lines[index], page.lines[index + 1 : index + 3]
    if not below or _HEADING.fullmatch(line.title.rpartition("/")[2]) is None or below[0].kind not in ("text", "item"):
        return False
    if len(below) > 1 and below[1].kind == "item":
        return False  # a list of which this is the first
    found = _LINK_ALONE.match(page.text, below[0].start, below[0].end)
    if found is None:
        return False
    at_hub = _DATA_LINK.search(page.text, found.end(1), found.end())
    name = at_hub[1] or at_hub[2] if at_hub is not None else _END.sub("", plain(found[1]))
    if at_hub is None and not _is_name(name):
        return False
    page.say("datasets", (name,), found.start(), found.end())
    return True


def _told(page: Page) -> bool:
    """The data of the sentences on training, which may have begun a line above; of several nothing but a list."""
    linked: dict[str, tuple[int, int]] = {}
    named: dict[str, tuple[int, int]] = {}
    for line in page.lines:
        end = min(line.end, line.start + _LOOKED_AT)
        ours = line.role == "use" and OUR_TRAINING.search(page.text, line.start, end) is not None
        if line.kind == "code" or (line.role in ELSEWHERE and not ours):
            continue
        linked.update(_linked(page, line.start, end))
        for pattern in _NAMING:
            for found in pattern.finditer(page.text, line.start, end):
                group = found.lastindex or 0
                name = _END.sub("", plain(found[group]))
                told = pattern is _THE_DATA_IS or _on_training(page, found.start(), found.end())
                if told and _is_name(name):
                    if _AND_MORE.match(page.text, found.end(), end):
                        return False
                    named.setdefault(name, found.span(group))
    if linked:
        one = _one_sentence(page, linked)
        if one:
            page.say("datasets", tuple(linked), min(linked.values())[0], max(linked.values())[1])
        return one
    bare = {_MARKS.sub("", name.casefold()) for name in named}
    shortest = min(bare, key=len, default="")
    if not named or not all(shortest in one for one in bare):
        return False
    name, place = next(iter(named.items()))
    page.say("datasets", (name,), *place)
    return True


def _linked(page: Page, start: int, end: int) -> dict[str, tuple[int, int]]:
    """The first link to data that a line says it was trained on, and those that are listed with it."""
    told: dict[str, tuple[int, int]] = {}
    for found in _ON_DATA.finditer(page.text, start, end):
        if _on_training(page, found.start()):
            one: re.Match[str] | None = found
            while one is not None:
                told.setdefault(one[1], one.span(1))
                one = _AND_DATA.match(page.text, one.end(), end)
            break
    return told


def _listed(page: Page) -> bool:
    """The datasets that one sentence on training lists by their links."""
    for line in page.lines:
        if line.kind != "code" and line.role not in ELSEWHERE:
            found = _LIST_OF_DATA.search(page.text, line.start, min(line.end, line.start + 2 * _LOOKED_AT))
            if found is not None and _on_training(page, found.start()):
                names = [
                    hub[1] or hub[2]
                    if (hub := _DATA_LINK.search(one.group())) is not None
                    else _END.sub("", plain(one[1]))
                    for one in _LINK_ALONE.finditer(found[1])
                ]
                if all(map(_is_name, names)):
                    page.say("datasets", tuple(names), *found.span(1))
                    return True
    return False


# `The following datasets were used for training:` above a list.
_BELOW = re.compile(r"\b(?:following|these) (?:data ?sets?|corpora)\b[^\n]{0,100}:\W{0,4}$", re.IGNORECASE)
_NAME_OF_ITEM = re.compile(r"[^\n(:;,]{2,80}?(?=\s?(?:[(:;,]|\s[-–—]\s|$))")


def _below_colon(page: Page) -> bool:
    """The list below a line that says that the model was trained on it; of one that is more than names nothing."""
    for index, line in enumerate(page.lines):
        if line.kind != "text" or line.role in ELSEWHERE:
            continue
        words = page.text[line.start : min(line.end, line.start + _LOOKED_AT)]
        if not words.rstrip("*_ ").endswith(":") or _BELOW.search(words) is None or _TRAINED.search(words) is None:
            continue
        named: list[tuple[str, int, int]] = []
        for item in page.lines[index + 1 : index + 40]:
            if item.kind != "item":
                break
            name = _item_name(page.text[item.start : min(item.end, item.start + _LOOKED_AT)])
            if name is None:
                return False
            named.append((name, item.start, item.end))
        if named:
            page.say("datasets", tuple(name for name, _, _ in named), named[0][1], named[-1][2])
            return True
    return False


def _item_name(words: str) -> str | None:
    """The data that an item of a list is about: its link, or the name that it begins with."""
    link = _DATA_LINK.search(words)
    if link is not None:
        return link[1] or link[2]
    found = _NAME_OF_ITEM.match(plain(words))
    name = _END.sub("", found.group().rstrip(" .")) if found is not None else ""
    return name if _is_name(name) else None


def _one_sentence(page: Page, told: dict[str, tuple[int, int]]) -> bool:
    """Whether the names of several datasets are one list."""
    first, last = min(told.values())[0], max(told.values())[1]
    return len(told) == 1 or (". " not in page.text[first:last] and "\n" not in page.text[first:last])


def _on_training(page: Page, start: int, end: int | None = None) -> bool:
    """Whether the sentence before an offset speaks of training, and not of pretraining."""
    before = page.text[max(0, start - 300) : start if end is None else end]
    begin = max(before.rfind(". ", 0, 300), before.rfind("\n\n", 0, 300), before.rfind("\n-", 0, 300)) + 1
    trained = list(_TRAINED.finditer(before, begin))
    return bool(trained) and not trained[-1][1]


def _is_name(words: str) -> bool:
    """Whether words name data, not its language, its kind or where it is from."""
    tokens = words.split()
    if _NO_DATA.search(words) or len(words) < 2 or len(tokens) > _LONGEST_NAME:
        return False
    return any(
        one.casefold() not in _NO_NAMES and code_of_name(one) is None and any(map(str.isalpha, one)) for one in tokens
    )


def _of_key(page: Page, key: str, start: int, end: int) -> bool:
    """The links, or the names, that stand behind `Dataset:`."""
    if len(key) > 40 or _KEY.fullmatch(plain(key)) is None:
        return False
    found = list(_DATA_LINK.finditer(page.text, start, min(end, start + 600)))
    names = tuple(dict.fromkeys((one[1] or one[2]).rstrip(".") for one in found))
    if found:
        page.say("datasets", names, found[0].start(), found[-1].end())
        return True
    value = plain(page.text[start : min(end, start + 200)]).strip(" .\\")
    value = _MARKS_AT_ENDS.sub("", value)
    parts = [part.strip() for part in _PARTS.split(value)] if len(value) < 160 else []
    read = [one for part in parts if (one := _VALUE.fullmatch(part)) is not None and _is_name(one[1])]
    if not parts or len(read) < len(parts):
        return False
    page.say("datasets", tuple(one[1] for one in read), start, end)
    return True


_MARKS_AT_ENDS = re.compile(r"^[*_`\s]+|[*_`\s]+$")


def _in_code(page: Page) -> bool:
    """The data that code of a section on training loads."""
    loaded: dict[str, tuple[int, int]] = {}
    for first, last in page.blocks_of_code():
        if first.role == "training" or (first.role != "use" and "data" in first.title):
            code = _LOADED.finditer(page.text, first.start, min(last.end, first.start + 20_000))
            loaded.update((one[1], one.span()) for one in code if one[1] not in _BUILDERS)
    if len(loaded) == 1:
        ((name, place),) = loaded.items()
        page.say("datasets", (name,), *place)
    return len(loaded) == 1
