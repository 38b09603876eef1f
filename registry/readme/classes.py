"""The classes that a README's model tells apart: in the order of their numbers, or named without them.

`read_classes` is for every README; `read_classes_of_classifier` reads looser forms, for one whose card is drafted and
which is known to be of a text classifier.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.markdown import Line
    from registry.readme.page import Page

_CLASSES = re.compile(r"\b(id2label|label2id)\b[\"']?\]?\s{0,3}[:=]\s{0,3}(\{[^{}]{3,2000}\})")
# Not `labels`, which are mostly the candidates of a zero-shot call.
_CLASS_LIST = re.compile(
    r"\b(?:class_names|label_names|label_list|classes|CLASS_NAMES|LABELS|CLASSES)[\"']?\s{0,3}[:=]\s{0,3}(\[[^\[\]]{3,2000}\])"
)
# `- LABEL_0: negative`, `LABEL_1: good (as we say)`, and below a heading of labels `0 = negative`, `| 0 | negative |`.
_CLASS_LINE = re.compile(
    r"\W{0,6}(label[_ ])?(\d{1,2})[\"'`*]{0,3}\s{0,9}(?::|=|->|→|–|-|\|)\s{0,9}[\"'`*]{0,3}([A-Za-z][\w /&-]{0,39}?)"
    r"[\"'`*|,.;\s]{0,9}(?:\([^()]{1,60}\)\W{0,4})?$",
    re.IGNORECASE,
)
_OF_CLASSES = re.compile(r"\b(?:labels?|class(?:es)?|label mapping|categor(?:y|ies)|emotions|intents)\b")
_ONE_ELSE = re.compile(
    r"[\"']([A-Za-z][\w /-]{0,39})[\"']\s{1,9}if\s{1,9}[^\n\"']{1,60}?==\s?1(?:\.0)?\s{1,9}else\s{1,9}"
    r"[\"']([A-Za-z][\w /-]{0,39})[\"']"
)
_BY_NUMBER = re.compile(
    r"(?<![\w.,-])(\d{1,2})[\"'`*]{0,2}\s?(?:for|is|means|denotes|represents|stands for|[:=→]|->)\s?[\"'`*]{0,2}"
    r"([A-Za-z][\w-]{1,39})(?=[\"'`*]{0,3}\s?(?:[,;.)\]}/\n]|and\b|or\b|$))"
)
# `LABEL_0: neutral; LABEL_1: positive`, in a comment of code
_LABEL_NUMBER = re.compile(r"\bLABEL_(\d{1,2})[\"']?\s?(?::|=|->|→)\s?[\"']?([A-Za-z][\w-]{1,39})")
# `{'label': 'positive', 'score': 0.99}`, as a pipeline prints it.
_PRINTED = re.compile(r"[\"']label[\"']\s?:\s?[\"']([^\"'\n]{1,40})[\"']")
_UNNAMED = re.compile(r"(?:label|class)[_ ]?\d+", re.IGNORECASE)
_ONE_NAME = r"[`\"'*]{0,3}[A-Za-z][\w-]{1,25}(?: [A-Za-z][\w-]{1,20})?[`\"'*]{0,3}"
# `three classes (positive, neutral and negative)`, `whether a review is positive or negative`.
_IN_WORDS = re.compile(
    rf"\b(?:classes|labels|categories|sentiments|emotions|polarities)(?: are)?\s?[:(]\s?"
    rf"({_ONE_NAME}(?:\s?[,/]\s?{_ONE_NAME}){{0,20}}\s?(?:,? ?\b(?:and|or) |[,&/]\s?(?:and )?){_ONE_NAME})"
    rf"(?=\s?[).;\n]|$)"
    rf"|\b(?:whether|if) [^.,;\n]{{1,60}}? (?:is|are) ({_ONE_NAME} or {_ONE_NAME})(?=[.,;)\n]|$)"
)
_PARTS_OF_LIST = re.compile(r",?\s?\b(?:and|or) |[,/&]")
_OF_ROWS = re.compile(
    r"(?:class(?:es)?|labels?|categor(?:y|ies)|emotions?|sentiments?|intents?|topics?)\b", re.IGNORECASE
)
_SCORED = re.compile(r"precision|recall|f1|support|meaning|description", re.IGNORECASE)
_SUMMARY = re.compile(r"\b(?:avg|average|accuracy|macro|micro|weighted|overall|total|all)\b", re.IGNORECASE)


def read_classes(page: Page) -> None:
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


def _listed_classes(page: Page, *, anywhere: bool = False) -> None:
    """Neighbouring lines that number the classes from 0 on, in any order; `anywhere` also below other headings."""
    run: dict[int, tuple[str, Line]] = {}
    for line in [*page.lines, None]:
        words = page.text[line.start : min(line.end, line.start + 100)] if line is not None else ""
        found = _class_line(words)
        if found is not None and line is not None and line.role != "other" and int(found[2]) not in run:
            told = anywhere or found[1] or run or _OF_CLASSES.search(line.title.rpartition("/")[2])
            above = [*run.values()][-1][1].block if run else line.block
            if told and (line.block == above or (found[1] and line.block == above + 1)):
                run[int(found[2])] = found[3].strip(), line
                continue
        if run and sorted(run) == list(range(len(run))):
            lines = [one for _, one in run.values()]
            names = [run[number][0] for number in range(len(run))]
            if _said_classes(page, names, lines[0].start, lines[-1].end):
                return
        run = run and {}


def _class_line(words: str) -> re.Match[str] | None:
    """A line with the number and the name of a class; most lines are told by a look that they are none."""
    likely = words[-1:].isalpha() or "|" in words or "abel" in words or "ABEL" in words
    return _CLASS_LINE.fullmatch(words) if likely else None


def read_classes_of_classifier(page: Page) -> None:
    """Classes by number in looser words (`labels`), else by name alone (`task.labels`)."""
    _listed_classes(page, anywhere=True)
    of_code = "LABEL_" in page.text
    for line in page.lines:
        if line.kind != "code" or of_code:
            words = page.text[line.start : min(line.end, line.start + 2000)]
            if "0" in words and "1" in words:
                pattern = _BY_NUMBER if line.kind != "code" else _LABEL_NUMBER
                _numbered(page, line.start, list(pattern.finditer(words)))
    for one in _ONE_ELSE.finditer(page.text):
        _said_classes(page, [one[2], one[1]], one.start(), one.end())
    if not page.has("labels"):
        _of_rows(page) or _in_words(page) or _printed(page)


def _numbered(page: Page, at: int, found: list[re.Match[str]]) -> None:
    """`0 for negative and 1 for positive`."""
    names = {int(one[1]): one[2] for one in found}
    if len(names) == len(found) and sorted(names) == list(range(len(names))):
        first, last = (found[0].start(), found[-1].end()) if found else (0, 0)
        _said_classes(page, [names[index] for index in range(len(names))], at + first, at + last)


def _named(page: Page, names: Iterable[str], start: int, end: int) -> bool:
    """Whether these are names of two or more classes, and if so the fact that they are, without an order."""
    told = tuple(dict.fromkeys(name.strip(" `\"'*") for name in names))
    good = 1 < len(told) < 100 and not any(_UNNAMED.fullmatch(name) for name in told)
    if good:
        page.say("task.labels", told, start, end)
    return good


def _of_rows(page: Page) -> bool:
    """The rows of a table of scores by class, or of what classes mean."""
    for grid in page.grids:
        head = [cell.text for cell in grid.header]
        if grid.role == "other" or not (
            _OF_ROWS.match(head[0].strip()) or (not head[0].strip() and "upport" in " ".join(head))
        ):
            continue
        if not any(_SCORED.search(words) for words in head[1:]):
            continue
        rows = [row for row in grid.rows if row and row[0].text.strip() and not _SUMMARY.search(row[0].text)]
        names = [row[0].text.strip() for row in rows]
        if rows and all(name[0].isalpha() and len(name) < 40 for name in names):
            return _named(page, names, rows[0][0].start, rows[-1][0].end)
    return False


def _in_words(page: Page) -> bool:
    """The classes that a sentence lists."""
    for line in page.lines:
        if line.kind in ("code", "table") or line.role in ("other", "pretraining"):
            continue
        found = _IN_WORDS.search(page.text, line.start, min(line.end, line.start + 2000))
        if found is not None:
            group = 1 if found[1] else 2
            if _named(page, _PARTS_OF_LIST.split(found[group]), *found.span(group)):
                return True
    return False


def _printed(page: Page) -> bool:
    """The classes in what a pipeline printed."""
    found = [
        one for first, last in page.blocks_of_code() for one in _PRINTED.finditer(page.text, first.start, last.end)
    ]
    return bool(found) and _named(page, (one[1] for one in found), found[0].start(), found[-1].end())
