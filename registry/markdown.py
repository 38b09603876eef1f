"""The blocks of a README: lines with their kind and section, and tables, all with offsets into the untouched text.

READMEs are read as people write them, not as CommonMark would: pages that were flattened into one line are cut where
their blocks began, and headings of the Hub's template count without their `#` too. Every step takes linear time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["text", "item", "heading", "code", "table"]
Role = Literal["", "training", "evaluation", "use", "pretraining", "other"]
"""What a section is about: `use` is inference and further fine-tuning, `other` is about other models."""

FLATTENED = 300
"""Characters of a line from which on it may be a page that lost its line breaks."""

MAX_EFFORT = 40_000
"""How much is read of a README, in characters of prose that take as long; with the reader's `MAX_CHARACTERS` 25 of
10,400 model cards are cut."""

EFFORT: dict[Kind, tuple[int, float]] = {
    "text": (40, 1), "item": (40, 1), "heading": (40, 1), "table": (20, 0.3), "code": (5, 0.1),
}  # fmt: skip
"""Of a line and of each of its characters, by their kind, as measured by `bench.draft_worst`."""

# Where a block begins in a flattened page; code is kept whole.
_BREAK = re.compile(
    r"(?<=\s)(?=#{1,6}\s\S|[-*+]\s{1,5}[^\s\-|:]|\d{1,2}\.\s{1,3}[A-Z]|<(?:table|div|p|br|h\d|ul|li)\b)"
)
_SEPARATOR = re.compile(r"\|(?:[ \t]{0,9}:?-{1,200}:?[ \t]{0,9}\|){1,200}")
_HEADING = re.compile(
    r"\s{0,3}(#{1,6})\s*(?=[^\s#!])|\s{0,3}<h([1-6])\b[^<>]{0,200}>|\s{0,3}\*\*(?=[^*]{2,80}\*\*:?\s*$)"
)
_ITEM = re.compile(r"\s{0,40}(?:[-*+•▪◦–]|\d{1,2}[.)])\s{1,20}(?=\S)|\s{0,40}[-•*](?=[A-Za-z`\[])(?!\*)")
_MARKUP = re.compile(
    r"\[([^\[\]]{0,300})\]\([^()\s]{0,400}\)|</?[A-Za-z][^<>]{0,300}>|[*`]+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)"
)
_HTML = re.compile(r"<(/?)(table|tr|td|th)\b[^<>]{0,300}>", re.IGNORECASE)
_FENCE = ("```", "~~~")
# Code of a scraped page that lost its fence begins with an import; there `# …` above a line of code is a comment.
_IMPORT = re.compile(r"(?:from [\w.]{1,80} import |import [\w.]{1,80}(?: as \w+)?\s*$)")
_PROSE = re.compile(r"[A-Z][\w'’,-]*(?: [\w'’,.-]+){2}[^=()]*$")

_ROLES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        "use",
        re.compile(
            r"how (?:to|you|do)\b|\buse (?:it|this|the|with|in|case)|^use\b|\bget(?:ting)? started"
            r"|quick ?start|inferenc|"
            r"\b(?:direct|downstream|out[- ]of[- ]scope|intended|recommended)[ -]use|^uses\b|^usage"
            r"|(?<!resource )(?<!memory )(?<!energy )(?<!compute )\busage\b"
            r"|deploy|prompt|"
            r"further fine-?tun|^loading|^install|^examples?\b|example (?:use|code|predict)|^demo\b|limitation"
            r"|\bbias|\brisks?\b|"
            r"citation|\bcit(?:e|ing)\b|contact|glossary|acknowledg|license|generation (?:param|config"
            r"|settings)|sampling",
            re.I,
        ),
    ),
    (
        "training",
        re.compile(
            r"hyper-?\s?param|(?:training|fine-?tuning|train)\s(?:procedure|details|arg|config|param|set ?up"
            r"|regime|results|"
            r"recipe|script|info|loss|log|hardware|process|code|metric|data)|recipe|^training$|speeds, sizes"
            r"|quantization config",
            re.I,
        ),
    ),
    ("other", re.compile(r"compar|baseline|other models|leaderboard|related|benchmarks? of other|ablation", re.I)),
    ("pretraining", re.compile(r"pre-?train", re.I)),
    ("evaluation", re.compile(r"evaluat|results?\b|performance|metrics?\b|benchmark|scores?\b|accuracy", re.I)),
    ("training", re.compile(r"train|fine-?tun|environmental impact|hardware|compute infra|adapter|lora\b", re.I)),
)

# Headings of huggingface_hub's modelcard_template.md, by level; scraped pages keep the words and lose the `#`.
_TEMPLATE = {
    title.casefold(): level
    for level, titles in {
        2: ("Model Details", "Uses", "Bias, Risks, and Limitations", "How to Get Started with the Model",
            "Training Details", "Evaluation", "Model Examination", "Environmental Impact", "Technical Specifications",
            "Citation", "Glossary", "More Information", "Model Card Authors", "Model Card Contact",
            "Training procedure",
            "Model description", "Intended uses & limitations", "Training and evaluation data"),
        3: ("Model Description", "Model Sources", "Direct Use", "Downstream Use", "Out-of-Scope Use",
            "Recommendations", "Training Data", "Training Procedure", "Testing Data, Factors & Metrics", "Results",
            "Training hyperparameters", "Training results", "Framework versions", "Compute Infrastructure"),
        4: ("Preprocessing", "Speeds, Sizes, Times", "Testing Data", "Factors", "Metrics", "Summary", "Hardware",
            "Software"),
    }.items()
    for title in titles
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or in a flattened page what was one.

    Attributes:
        start: Offset of its first character that is no mark of a list or heading.
        end: Offset behind its last character that is no space.
        kind: What it is a part of.
        role: What its section is about.
        title: The headings above it, outermost first, in lower case, a slash between.
        block: Number of the paragraph, list, table or code it belongs to.
        fence: What stands behind the fence of code, in lower case (`python`); empty elsewhere.
    """

    start: int
    end: int
    kind: Kind
    role: Role
    title: str
    block: int
    fence: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell of a table: its text without markup, and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the header and the rows, each with as many cells as its author gave it."""

    header: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    role: Role
    title: str
    block: int
    before: str = ""


def plain(text: str) -> str:
    """Text without emphasis, links, code marks and HTML tags.

    >>> plain("**Base model**: [`bert`](https://x.y)<br>")
    'Base model: bert'
    """
    for mark in "*`_[<":
        if mark in text:
            return _MARKUP.sub(_label, text).strip()
    return text.strip()


def _label(found: re.Match[str]) -> str:
    return found[1].strip("*`_") if found[1] is not None else ""


@lru_cache(maxsize=4096)
def role_of(title: str) -> Role:
    """What a section is about, by the words of its heading; empty where they do not tell."""
    return next((role for role, pattern in _ROLES if pattern.search(title)), "")


def spans(text: str, start: int) -> Iterator[tuple[int, int, bool]]:
    """Lines of a text from an offset on, and the pieces of flattened ones, each with whether it is such a piece."""
    size = len(text)
    while start < size:
        end = text.find("\n", start)
        if end < 0:
            end = size
        if end - start > FLATTENED and (
            "# " in text[start:end]
            or text.find("|--", start, end) >= 0
            or text.find("| :--", start, end) >= 0
            or text.find("|:-", start, end) >= 0
            or text.count(" - ", start, end) > 4
        ):
            yield from _pieces(text, start, end)
        else:
            yield start, end, False
        start = end + 1


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    code = False
    while start <= end:
        fence = text.find("```", start, end)
        stop = fence if fence >= 0 else end
        if code:
            stop = end if fence < 0 else fence + 3
            yield start - 3, stop, True
            start = stop
        else:
            yield from _unflattened(text, start, stop)
            start = stop + 3
        if fence < 0:
            return
        code = not code


def _unflattened(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    cuts = sorted({*(found.start() for found in _BREAK.finditer(text, start, end)), *_rows(text, start, end)})
    for at in [*cuts, end]:
        if at > start:
            yield start, at, True
            start = at


def _rows(text: str, start: int, end: int) -> Iterator[int]:
    """Where the rows of flattened tables begin and end: a row has as many cells as the line below the header."""
    separators = list(_SEPARATOR.finditer(text, start, end))
    for index, found in enumerate(separators):
        columns = found.group().count("|") - 1
        header = found.start()
        for _ in range(columns + 1):
            header = text.rfind("|", start, header) if header >= 0 else -1
        start = found.end()
        if header < 0:
            continue
        yield header
        yield found.start()
        limit = separators[index + 1].start() if index + 1 < len(separators) else end
        at = start
        while 0 <= at < limit:
            while at < limit and text[at] in " \t":
                at += 1
            yield at
            if at >= limit or text[at] != "|":
                break
            for _ in range(columns):
                at = text.find("|", at + 1, limit)
                if at < 0:
                    break
            if at >= 0:
                at = start = at + 1


@dataclass(slots=True)
class _Cut:
    """Where in a README its cutting into lines stands."""

    text: str
    found: list[Line] = field(default_factory=list)
    headings: list[tuple[int, str, Role]] = field(default_factory=list)
    role: Role = ""
    title: str = ""
    block: int = 0
    kind: Kind | None = None
    fence: str = ""
    in_code: bool = False
    in_comment: bool = False
    bare: bool = False  # in code without a fence
    left: float = MAX_EFFORT
    blank: bool = True  # the line above is blank or a heading

    def add(self, start: int, end: int, kind: Kind, *, new: bool, fence: str = "") -> None:
        self.block += new
        self.kind = kind
        of_line, of_character = EFFORT[kind]
        self.left -= of_line + of_character * (end - start)
        self.found.append(Line(start, end, kind, self.role, self.title, self.block, fence))


def lines(text: str, start: int = 0) -> tuple[list[Line], int]:
    """The lines of a README from an offset on, blank ones and comments left out.

    Returns:
        The lines, and the offset behind the last that was looked at: what is worth `MAX_EFFORT` at most.
    """
    cut = _Cut(text)
    for begin, stop, piece in spans(text, start):
        if cut.left < 0:
            return cut.found, begin
        line = text[begin:stop]
        stripped = line.strip()
        if not stripped:
            cut.blank = True
            if not cut.in_code:
                cut.kind = None
            continue
        first, last = begin + len(line) - len(line.lstrip()), begin + len(line.rstrip())
        if cut.in_comment or (stripped.startswith("<!--") and not cut.in_code):
            cut.in_comment = "-->" not in stripped
            if cut.in_comment or stripped.endswith("-->"):
                continue
            first = text.find("-->", first, last) + 3
            stripped = text[first:last].strip()
        if stripped.startswith(_FENCE):
            _fence(cut, stripped, first, last, piece=piece)
        elif cut.in_code:
            cut.add(first, last, "code", new=False, fence=cut.fence or "-")
        else:
            if piece and stripped.endswith(" ---"):
                last -= 4
            _outside_code(cut, stripped, (begin, stop, first, last), piece=piece)
    return cut.found, len(text)


def _fence(cut: _Cut, stripped: str, first: int, last: int, *, piece: bool) -> None:
    """A line that opens or closes code; in a flattened page, all of it."""
    if piece and stripped.count("```") == 2 and not cut.in_code:
        cut.add(first + 3, last - 3, "code", new=True, fence=stripped[3:30].partition(" ")[0].lower())
    else:
        cut.in_code = not cut.in_code
        cut.fence = stripped[3:].strip().lower() if cut.in_code else ""
        cut.block += 1
    cut.left -= EFFORT["text"][0]
    cut.kind = None


def _outside_code(cut: _Cut, stripped: str, at: tuple[int, int, int, int], *, piece: bool) -> None:
    """A line that is no code: a heading, a table's, a list's or text; and code that lost its fence."""
    begin, stop, first, last = at
    if cut.bare and cut.blank and _PROSE.match(stripped):
        cut.bare = False
    elif stripped[0] in "fi" and _IMPORT.match(stripped):
        cut.bare = True
    heading = _HEADING.match(cut.text, begin, stop) if stripped[0] in "#<*" else None
    if heading is not None and cut.bare and cut.text[stop + 1 : stop + 2].strip():
        heading = None
    level = 0
    if heading is not None:
        level = len(heading[1]) if heading[1] else int(heading[2]) if heading[2] else 7
        first = heading.end()
    elif (cut.blank or piece) and len(stripped) < 40:
        level = _TEMPLATE.get(stripped.replace(" [optional]", "").casefold(), 0)
    if level:
        _open_section(cut, level, plain(cut.text[first : min(last, first + 120)]).casefold(), piece=piece)
        cut.add(first, last, "heading", new=True)
        cut.kind, cut.blank, cut.bare = None, True, False
        return
    if cut.bare:
        cut.add(first, last, "code", new=cut.kind != "code", fence="python")
        cut.blank = False
        return
    kind: Kind = "text"
    if _of_table(cut, stripped, stop):
        kind = "table"
    elif (item := _ITEM.match(cut.text, begin, stop)) is not None:
        kind, first = "item", item.end()
    cut.add(first, last, kind, new=kind != cut.kind or (cut.blank and kind != "item"))
    cut.blank = False


def _open_section(cut: _Cut, level: int, words: str, *, piece: bool) -> None:
    """Begin a section; below `How to use`, `Fine-tuning for two classes` is about the reader's training.

    A heading of the template is about this model's wherever it stands.
    """
    while cut.headings and cut.headings[-1][0] >= level:
        cut.headings.pop()
    above = cut.headings[-1][2] if cut.headings else ""
    own = role_of(words[:30] if piece else words)
    if not own or (above == "use" and level > 2 and own == "training" and words not in _TEMPLATE):
        own = above
    cut.headings.append((level, words, own))
    cut.role = own
    cut.title = "/".join(words for _, words, _ in cut.headings)


def _of_table(cut: _Cut, stripped: str, stop: int) -> bool:
    if stripped[0] == "|":
        return True
    if stripped.count("|") < 2:
        return False
    return cut.kind == "table" or "---" in stripped or _next_separates(cut.text, stop)


def _next_separates(text: str, end: int) -> bool:
    """Whether the next line parts a table's header from its rows."""
    stop = text.find("\n", end + 1)
    line = text[end + 1 : stop if stop >= 0 else len(text)][:400]
    return "--" in line and not line.strip(" \t|:-")


def grids(text: str, all_lines: list[Line]) -> Iterator[Grid]:
    """The tables of a README, in Markdown and in HTML."""
    rows: list[Line] = []
    before: Line | None = None
    for index, line in enumerate([*all_lines, None]):
        if line is not None and line.kind == "table" and (not rows or line.block == rows[0].block):
            if not rows:
                before = all_lines[index - 1] if index else None
            rows.append(line)
            continue
        yield from _tables(text, rows, before)
        rows, before = ([line], all_lines[index - 1]) if line is not None and line.kind == "table" else ([], None)
    if "<t" in text or "<T" in text:
        yield from _html(text, all_lines)


def _tables(text: str, rows: list[Line], before: Line | None) -> Iterator[Grid]:
    """The tables of lines that stand together: each begins above a line of dashes."""
    dashes = [
        index
        for index, line in enumerate(rows)
        if not (words := text[line.start : line.end]).strip(" \t|:-") and ("--" in words or ":-" in words)
    ]
    if not dashes:
        return
    words = text[before.start : before.end][-400:] if before is not None and before.kind != "code" else ""
    for at, end in zip(dashes, [*(index - 1 for index in dashes[1:]), len(rows)], strict=True):
        if 0 < at < end - 1:
            header, *cells = [tuple(_cells(text, line)) for line in (rows[at - 1], *rows[at + 1 : end])]
            line = rows[at]
            yield Grid(header, tuple(row for row in cells if row), line.role, line.title, line.block, words)


def _cells(text: str, line: Line) -> Iterator[Cell]:
    at = line.start + (text[line.start] == "|")
    while at <= line.end:
        stop = text.find("|", at, line.end)
        while stop > 0 and text[stop - 1] == "\\":
            stop = text.find("|", stop + 1, line.end)
        if stop < 0:
            stop = line.end
            if not text[at:stop].strip():
                return
        raw = text[at:stop]
        start = at + len(raw) - len(raw.lstrip())
        yield Cell(plain(raw), start, max(start, at + len(raw.rstrip())))
        at = stop + 1


def _html(text: str, all_lines: list[Line]) -> Iterator[Grid]:
    starts = [line.start for line in all_lines]
    rows: list[list[Cell]] = []
    opened: int | None = None
    table = -1
    for found in _HTML.finditer(text):
        tag, closing = found[2].lower(), bool(found[1])
        if opened is not None and rows:
            raw = text[opened : found.start()]
            start = opened + len(raw) - len(raw.lstrip())
            rows[-1].append(Cell(plain(raw), start, max(start, opened + len(raw.rstrip()))))
        opened = None
        if tag == "table":
            if closing and len(rows) > 1 and all_lines:
                line = all_lines[max(0, bisect_right(starts, table) - 1)]
                if line.kind != "code":
                    words = text[max(0, table - 300) : table]
                    yield Grid(tuple(rows[0]), tuple(map(tuple, rows[1:])), line.role, line.title, -line.block, words)
            rows, table = [], found.start()
        elif tag == "tr" and not closing:
            rows.append([])
        elif tag in ("td", "th") and not closing:
            opened = found.end()
