"""YAML 1.2 with places: plain Python values, and for every path the line and column it stands at.

Aliases, anchors, merge keys, tags, directives and duplicate keys are refused: a card always reads whole, from top to
bottom. The values are built from a parser's events, so that what is too deep or too much is refused as it is met.

Two parsers: ruamel.yaml, in Python, says what YAML 1.2 is and what is wrong with a text. libyaml, in C and ten times as
fast, reads what both read alike, which is nearly every card; at the first doubt its work is thrown away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from registry.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 100_000
"""Ten times the largest shipped card; ruamel.yaml takes quadratic time over some texts."""
MAX_DEPTH = 40
MAX_NODES = 10_000
"""Keys and values; the largest shipped card has 300."""

# YAML 1.2's core schema. Longer digits than 64 bits hold are a float, which no integer field takes.
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_BASED = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Besides control characters, those that show a text in another order than it has (UAX 9), or hide it: tags.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")

# What the two parsers read differently, found by holding them against each other (tests/test_yaml.py).
_DOUBTFUL = re.compile(
    r"""
      [^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]  # tabs, other line breaks
    | ^(?: % | \.\.\. | --- )                # directives, several documents
    | ^[ ]+$                                # blank lines before a block of text
    | ^[ ]*[|>]                             # a block that is the document
    | [|>][-+0-9]*\#                        # a comment that touches a block's sign
    | ["']:[^ \n]                           # a value that touches its key
    | (?<![^\s\[{,]) [?!] (?![^\s\]},])     # the sign of a key, the tag of nothing
    """,
    re.VERBOSE | re.MULTILINE,
)


class WrittenFloat(float):
    """A float that remembers how it was written (`0.8500`)."""

    text: str


class WrittenInt(int):
    """An int that remembers how it was written (`010`)."""

    text: str


@dataclass(frozen=True)
class Place:
    """A position in a text, line and column counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """`line:column`."""
        return f"{self.line}:{self.column}"


def join(path: str, key: str | int) -> str:
    """Append a key or an index to a dotted path: `reported[0].value`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def show(value: Any) -> str:
    """A value as one line of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(show, value))}]"
        case dict():
            return "{" + ", ".join(f"{k}: {show(v)}" for k, v in value.items()) + "}"
        case _:
            return str(getattr(value, "text", value))


def read(text: str, name: str) -> tuple[Any, dict[str, Place]]:
    """Read one YAML document; sequences become tuples.

    Args:
        text: The document.
        name: What errors call it.

    Returns:
        The value and, by dotted path, where each key or item stands.

    Raises:
        InputError: With every problem found, each with its place.
    """
    if len(text) > MAX_BYTES:
        raise InputError(Problem(name, "", f"larger than {MAX_BYTES:,} bytes; a card is a page of text"))
    return _read_fast(text) or _read_with_care(text, name)


def _read_fast(text: str) -> tuple[Any, dict[str, Place]] | None:
    """What libyaml reads in a text; null where there is a doubt or a problem, or no libyaml."""
    if _DOUBTFUL.search(text):
        return None
    try:
        reader = _FastReader(text, "")
        return reader.document(), reader.places
    except (_DoubtError, InputError, ImportError):
        return None


def _read_with_care(text: str, name: str) -> tuple[Any, dict[str, Place]]:
    """What ruamel.yaml reads in a text.

    Raises:
        InputError: With every problem found.
    """
    reader = _Reader(text, name)
    value = reader.document()
    if reader.problems:
        raise InputError(reader.problems)
    return value, reader.places


class _Reader:
    """One pass over the events of a parser, which notes places and problems."""

    def __init__(self, text: str, name: str):
        self.name = name
        self.places: dict[str, Place] = {}
        self.problems: list[Problem] = []
        self.nodes = 0
        self.kinds = self._kinds()
        self.events = self._events(text)

    def _kinds(self) -> Any:
        """The module with the classes of the events."""
        from ruamel.yaml import events

        return events

    def _events(self, text: str) -> Iterator[Any]:
        """The parser's events; what it raises becomes an InputError, after the problems found before it."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError
        from ruamel.yaml.reader import ReaderError

        parser = YAML(typ="safe", pure=True)
        place = Place(1, 1)
        try:
            for event in parser.parse(text):
                place = Place(event.end_mark.line + 1, event.end_mark.column + 1)
                yield event
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if mark.index >= len(text) and error.context_mark:
                mark = error.context_mark  # at the end of the text, what was left open says more
            what = _in_words(error, text)
            place = Place(mark.line + 1, mark.column + 1)
        except ReaderError as error:
            before = text[: error.position]
            what = f"the character {text[error.position]!a} is not allowed"
            place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        except (ValueError, OverflowError, AssertionError) as error:  # `\UFFFFFFFF` and `%YAML 1.3` get here
            what = f"after this, {error}"
        else:
            return
        self.stop(place, "", f"not YAML: {what}")

    def note(self, place: Place, path: str, message: str) -> None:
        """Remember a problem and go on."""
        self.problems.append(Problem(f"{self.name}:{place}", path, message))

    def stop(self, place: Place, path: str, message: str) -> NoReturn:
        """Give up.

        Raises:
            InputError: With this problem and those before it.
        """
        self.note(place, path, message)
        raise InputError(self.problems)

    def document(self) -> Any:
        """The value of the only document."""
        next(self.events)
        start = next(self.events)
        if isinstance(start, self.kinds.StreamEndEvent):
            raise InputError(Problem(self.name, "", "empty"))
        if start.version or start.tags:
            self.note(Place(1, 1), "", "directives are refused; a card is YAML 1.2")
        value = self.value(next(self.events), "", 0)
        for event in self.events:
            if isinstance(event, self.kinds.DocumentStartEvent):
                self.stop(_place(event), "", "a second document begins here; write one card a file")
        return value

    def value(self, event: Any, path: str, depth: int) -> Any:
        """The value that begins with `event`, as plain Python."""
        place = _place(event)
        self.places.setdefault(path, place)
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            self.stop(place, "", "nested too deeply" if depth > MAX_DEPTH else f"more than {MAX_NODES:,} values")
        if event.anchor is not None:
            # Markdown's `**bold**` is read as an alias.
            starred = isinstance(event, self.kinds.AliasEvent) and event.anchor.startswith("*")
            message = "a text cannot begin with '*'; quote it"
            self.note(place, path, message if starred else "anchors and aliases are refused; write the value out")
        if isinstance(event, self.kinds.AliasEvent):
            return None
        if event.tag is not None:
            self.note(place, path, f"the tag {event.tag[:40]!r} is refused; write a plain value")
        if isinstance(event, self.kinds.MappingStartEvent):
            return self.mapping(path, depth)
        if isinstance(event, self.kinds.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(item := next(self.events), self.kinds.SequenceEndEvent):
                items.append(self.value(item, join(path, len(items)), depth + 1))
            return tuple(items)
        text = self.text(event, path)
        return _scalar(text) if event.implicit[0] else text

    def mapping(self, path: str, depth: int) -> dict[str, Any]:
        """The mapping whose start was just read."""
        result: dict[str, Any] = {}
        while not isinstance(event := next(self.events), self.kinds.MappingEndEvent):
            place = _place(event)
            if not isinstance(event, self.kinds.ScalarEvent):
                self.stop(place, path, "a key must be a word; quote the text that begins with a bracket or a sign")
            key = self.text(event, path)
            below = join(path, key)
            if event.anchor is not None or event.tag is not None:
                self.note(place, below, "anchors and tags are refused; write the key alone")
            elif key == "<<":
                self.note(place, path, "merge keys are refused; write the keys out")
            elif key in result:
                self.note(place, below, f"given twice, first at {self.places[below]}; keep one")
            else:
                self.places[below] = place
            read = self.value(next(self.events), below, depth + 1)
            result.setdefault(key, read)
        return result

    def text(self, event: Any, path: str) -> str:
        """The text of a scalar; JSON writes what needs more than 16 bits as a pair of surrogates."""
        text = str(event.value)
        try:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self.note(_place(event), path, "holds half a surrogate pair; write the character itself")
        if control := _CONTROL.search(text):
            self.note(_place(event), path, f"holds the control character {control.group()!a}; write plain text")
        return text


class _DoubtError(Exception):
    """The other parser may read this differently, or refuses it."""


class _FastReader(_Reader):
    """The same with libyaml, which gives up instead of noting a problem."""

    def _kinds(self) -> Any:
        from yaml import events

        return events

    def _events(self, text: str) -> Iterator[Any]:
        from yaml import YAMLError
        from yaml.cyaml import CParser

        parser = CParser(text)
        try:
            while (event := parser.get_event()) is not None:
                yield event
        except YAMLError:
            raise _DoubtError from None

    def note(self, place: Place, path: str, message: str) -> None:
        raise _DoubtError

    def text(self, event: Any, path: str) -> str:
        if event.implicit[0] and not event.value:  # nothing stands at no place that both agree on
            raise _DoubtError
        return super().text(event, path)


_OPENED = {
    "flow mapping": "the `{` at {} is not closed; ",
    "flow sequence": "the `[` at {} is not closed; ",
    "block mapping": "in the section that begins at {}: ",
    "block collection": "in the list that begins at {}: ",
}


_MARKDOWN = {"block scalar": "|", "sequence entries are not": "- ", "scanning an alias": "*"}
"""What a table's row, an item of a list and an emphasis begin with, by what the parser says of them."""


def _in_words(error: Any, text: str) -> str:
    """What a parser met, with where it began what it could not end."""
    at, problem, context = error.problem_mark, str(error.problem or error.context), str(error.context or "")
    begun = f"{error.context_mark.line + 1}:{error.context_mark.column + 1}" if error.context_mark is not None else ""
    if "quoted scalar" in context and "end of stream" in problem:
        return f"the quotes opened at {begun} are not closed"
    if problem.startswith("mapping values are not allowed"):
        return "a second `: ` in a line, or a line indented too far; quote a text that holds `: `"
    begins = next((begins for met, begins in _MARKDOWN.items() if met in context or met in problem), None)
    if "cannot start any token" in problem and at is not None:
        begins = text[at.index]
    if begins is not None:
        return "a tab; indent with spaces" if begins == "\t" else f"a text cannot begin with {begins!r}; quote it"
    if problem.startswith("expected <block end>"):
        problem = "this does not belong here; check the indentation and the quotes"
    if problem == "could not find expected ':'":
        return "a key without `:`"
    opened = next((words for name, words in _OPENED.items() if name in context), None)
    if opened is not None and begun:
        return opened.replace("{}", begun) + problem
    return f"{context} {problem}".strip() if error.problem else problem


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(text: str) -> Any:
    """The value of a plain scalar in YAML 1.2's core schema."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    value: WrittenInt | WrittenFloat
    if _INT.fullmatch(text):
        value = WrittenInt(text)
    elif _BASED.fullmatch(text):
        value = WrittenInt(text, 0)
    elif _FLOAT.fullmatch(text):
        value = WrittenFloat(text)
    elif _SPECIAL.fullmatch(text):
        value = WrittenFloat(text.replace(".", ""))
    else:
        return text
    value.text = text
    return value
