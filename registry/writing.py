"""Cards as YAML text: a card written out, and a text changed where it must be and nowhere else."""

from __future__ import annotations

import json
import re
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from registry import yaml
from registry.card import Card
from registry.errors import InputError, Problem
from registry.yaml import join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WIDTH = 120
"""Columns of a line."""
_COMMENTS_AT = 46
"""Column that comments beside values line up at, where the values leave it free."""
_TABLES = ("stated", "derived", "assumed")
"""Sections whose keys are paths themselves."""

DELETE: Final = object()
"""In `edit`: the value of a key that goes."""

_SECTIONS = [info.alias or name for name, info in Card.model_fields.items()]
_WHOLE = 1e15
"""Below this a float without a fraction is written as the integer it equals."""

# Plain text that every reader of YAML, 1.1 or 1.2, takes for a string; everything else is quoted.
# Inside of brackets a comma ends it.
_FIRST, _REST = r"(?:\.{0,2}/)*[^\W\d_]", r"\w ./()+@%=;!?<>$^~*&|'\"’“”…–—°×±≈"
_PLAIN_INSIDE = re.compile(rf"{_FIRST}(?:[{_REST}-]|:(?! |$)|(?<! )#)*(?<! )")
_PLAIN = re.compile(rf"{_FIRST}(?:[{_REST},\[\]{{}}-]|:(?! |$)|(?<! )#)*(?<! )")
_KEY = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^:]|:(?!\s|$))*:")
_WORDS = re.compile(r"null|true|false|yes|no|on|off|y|n|nan|inf", re.IGNORECASE)
# What YAML does not call printable, what some readers take for the end of a line, and what turns the direction of text,
# so that an editor shows another order than stands there.
_ESCAPED = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)


def dump(card: Card, *, defaults: bool = False) -> str:
    """Write a card as YAML, in the order of the spec; loading the text gives the same card.

    Args:
        card: The card.
        defaults: Whether to write out the values that are as they would be anyway.
    """
    raw = card.model_dump(mode="json", by_alias=True, exclude_defaults=not defaults)
    metrics = raw.get("evaluation", {}).get("metrics", [])
    metrics[:] = [metric["name"] if set(metric) == {"name"} else metric for metric in metrics]
    return render(raw)


def render(
    raw: Mapping[str, Any], beside: Mapping[str, str] | None = None, below: Mapping[str, str] | None = None
) -> str:
    """Write plain values as YAML: what fits a line on one line, long prose folded.

    Args:
        raw: Mappings, sequences, strings, numbers, booleans and nulls.
        beside: By dotted path, a comment beside a key.
        below: By dotted path, a comment on a line of its own below a value.
    """
    writer = _Writer(beside or {}, below or {})
    lines: list[str] = []
    for key, value in raw.items():
        part = list(writer.entry(key, value, key, 0))
        # Tables and prose stand apart; the sections before them are read as one recipe.
        if (
            len(part) > 1
            and lines
            and key in ("reported", "epoch_table", *_TABLES, "underspecified", "examples", "readme")
        ):
            lines.append("")
        lines += part
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Writer:
    """The lines of a document."""

    beside: Mapping[str, str]
    below: Mapping[str, str]

    def entry(self, key: str, value: Any, path: str, indent: int) -> Iterator[str]:
        """The lines of `key: value`."""
        yield from self._commented(self._value(f"{' ' * indent}{scalar(key)}:", value, path, indent), path, indent)
        if path in self.below:
            yield from _comment(self.below[path], indent)

    def _commented(self, lines: Iterable[str], path: str, indent: int) -> Iterator[str]:
        """The lines of a key or an item with the comment beside it, above it where it is too long for that."""
        head, *rest = lines
        comment = self.beside.get(path)
        if comment is not None:
            commented = f"{head:<{_COMMENTS_AT - 2}}  # {comment}"
            if len(commented) > WIDTH:
                yield from _comment(comment, indent)
            else:
                head = commented
        yield head
        yield from rest

    def _value(self, head: str, value: Any, path: str, indent: int) -> Iterator[str]:
        """The lines of a value after `head`, which is `key:` or `-`."""
        if isinstance(value, str):
            yield from _text(head, value, indent)
            return
        line = f"{head} {flow(value)}"
        if (
            not isinstance(value, (dict, list, tuple))
            or not value
            or (len(line) <= WIDTH and _small(value, path) and not self._commented_inside(path))
        ):
            yield line
        elif isinstance(value, dict):
            yield head
            for key, item in value.items():
                yield from self.entry(key, item, join(path, key), indent + 2)
        else:
            yield head
            for index, item in enumerate(value):
                below = join(path, index)
                yield from self._commented(self._item(item, below, indent + 2), below, indent + 2)

    def _commented_inside(self, path: str) -> bool:
        return any(at.startswith((f"{path}.", f"{path}[")) for at in (*self.beside, *self.below))

    def _item(self, item: Any, path: str, indent: int) -> Iterator[str]:
        """The lines of an item of a list."""
        dash = f"{' ' * indent}-"
        line = f"{dash} {flow(item)}"
        if isinstance(item, str):
            yield from _text(dash, item, indent)
        elif len(line) <= WIDTH or not isinstance(item, dict):
            yield line
        else:
            lines = [
                line for key, value in item.items() for line in self.entry(key, value, join(path, key), indent + 2)
            ]
            yield f"{dash} {lines[0].lstrip()}"
            yield from lines[1:]


def _small(value: Any, path: str) -> bool:
    """Whether a collection reads well on one line: no sections in sections, no table of rows."""
    if isinstance(value, dict):
        nested = (item for item in value.values())
        return path not in _TABLES and not any(isinstance(item, dict) or _has_sections(item) for item in nested)
    return not any(isinstance(item, (list, tuple)) for item in value) and not all(isinstance(i, dict) for i in value)


def _has_sections(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(item, (dict, list, tuple)) for item in value)


def _comment(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{' ' * indent}# ",
        subsequent_indent=f"{' ' * indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _text(head: str, text: str, indent: int) -> Iterator[str]:
    """A string after `head`: on the line where it fits, else folded at its spaces, or as it is where it has lines."""
    line = f"{head} {scalar(text)}"
    if len(line) <= WIDTH:
        yield line
        return
    below = " " * (indent + 2)
    if _ESCAPED.search(text) or "\t" in text:
        yield line
    elif "\n" not in text and "  " not in text and text == text.strip():
        yield f"{head} >-"
        for part in textwrap.wrap(text, WIDTH - len(below), break_long_words=False, break_on_hyphens=False):
            yield f"{below}{part}"
    elif all(part == part.strip() for part in text.split("\n")) and text == text.strip():
        yield f"{head} |-"
        for part in text.split("\n"):
            yield f"{below}{part}" if part else ""
    else:
        yield line


def scalar(value: Any, *, inside: bool = False) -> str:
    """A string, number, boolean or null as YAML.

    Args:
        value: The value.
        inside: Whether it stands in brackets, where a comma ends it.
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return int.__repr__(value)
        case float():
            return _number(value)
    if (_PLAIN_INSIDE if inside else _PLAIN).fullmatch(value) and not _WORDS.fullmatch(value):
        return str(value)
    quoted = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: _escape(ord(found.group())), quoted)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _number(value: float) -> str:
    """The shortest text of a float: `2e-5`, `3`, `0.01`."""
    if value.is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    mantissa, e, exponent = float.__repr__(value).partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def flow(value: Any, column: int | None = None) -> str:
    """A value in brackets.

    Args:
        value: The value.
        column: Where it begins on its line, to go on below that where the line is full; null keeps one line.
    """
    if isinstance(value, dict):
        parts = [f"{scalar(key, inside=True)}: {flow(item)}" for key, item in value.items()]
        left, right = "{", "}"
    elif isinstance(value, (list, tuple)):
        parts = [flow(item) for item in value]
        left, right = "[", "]"
    else:
        return scalar(value, inside=True)
    if column is None:
        return f"{left}{', '.join(parts)}{right}"
    lines, width = [""], WIDTH - column - 2
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) + 2 > width:
            lines.append("")
        lines[-1] += f"{', ' if lines[-1] else ''}{part}"
    gap = "\n" + " " * (column + 1)
    return left + f",{gap}".join(lines) + right


# Changing a text


@dataclass(eq=False)
class _Node:
    """A value in a text.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last one.
        key: Offset of its key, or of the item itself.
        kind: What it is.
        block: Whether it is a mapping or a sequence without brackets.
        children: Of a collection, by key or index.
    """

    start: int
    end: int
    key: int
    kind: Literal["scalar", "mapping", "sequence"]
    block: bool = False
    children: dict[str | int, _Node] = field(default_factory=dict)


def edit(text: str, changes: Mapping[str, Any]) -> str:
    """Change values in a card's text; every other byte, comments included, stays.

    A key that goes takes along the comments beside and inside its value, and a paragraph (between blank lines) that
    would be left with nothing but comments goes as a whole. A new key comes last in its section, a new section in the
    order of the spec; sections that are missing on the way to it are made.

    Args:
        text: The card.
        changes: New values by dotted path; `DELETE` takes a key away, and is content where there is none.

    Returns:
        The new text, which reads as the old one with the changes.

    Raises:
        InputError: The text is no YAML of a card, or a change cannot be made without losing a comment.
    """
    for path, value in changes.items():
        text = _change(text, path, value if value is DELETE else _plain(value))
    return text


def _change(text: str, path: str, value: Any) -> str:
    raw, _ = yaml.read(text, "card")
    keys = _keys(path)
    if not isinstance(raw, dict) or not keys:
        raise _refusal(path)
    expected = _changed(raw, keys, value, path)
    if _canonical(expected) == _canonical(raw):
        return text
    new = _Text(text).changed(keys, value, path)
    try:
        same = _canonical(yaml.read(new, "card")[0]) == _canonical(expected)
    except InputError:
        same = False
    # Only what reads back as meant is handed out, so that the splices need not know every corner of YAML.
    if not same:
        raise _refusal(path)
    return new


def _refusal(path: str, why: str = "cannot be changed without rewriting what is around it") -> InputError:
    return InputError(Problem("", path, f"{why}; change it in the file by hand"))


def _keys(path: str) -> tuple[str | int, ...]:
    """`reported[0].value` → (`reported`, 0, `value`); below `stated` and its like a path is one key."""
    table, dot, rest = path.partition(".")
    if table in _TABLES and dot:
        return table, rest
    return tuple(int(index) if index else key for index, key in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path))


def _plain(value: Any) -> Any:
    """The value as the reader gives it back."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE else value


def _canonical(raw: Any) -> str:
    return json.dumps(raw, sort_keys=True)


def _changed(raw: Any, keys: Sequence[str | int], value: Any, path: str) -> Any:
    """The plain values with the change."""
    key, *rest = keys
    if isinstance(key, int):
        if not isinstance(raw, tuple) or key >= len(raw) or (not rest and value is DELETE):
            raise _refusal(path, "no such item, or one that others are counted after")
        return (*raw[:key], _changed(raw[key], rest, value, path) if rest else value, *raw[key + 1 :])
    if raw is None and value is not DELETE:
        raw = {}
    if not isinstance(raw, dict):
        if value is DELETE:
            return raw
        raise _refusal(path, f"no place for {key!r}: a value stands there, not a section")
    if not rest:
        others = {name: item for name, item in raw.items() if name != key}
        return others if value is DELETE else {**others, key: value}
    if value is DELETE and key not in raw:
        return raw
    return {**raw, key: _changed(raw.get(key), rest, value, path)}


class _Text:
    """A text, the tree of its values, and the splices that change it."""

    def __init__(self, text: str):
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.strings: list[tuple[int, int]] = []
        events = YAML(typ="safe", pure=True).parse(text)
        self.root = next(self._node(event, 0, events) for event in events if isinstance(event, NodeEvent))
        for _ in events:  # to its end: the parser clears up there
            pass

    def _node(self, event: Any, key: int, events: Iterator[Any]) -> _Node:
        """The tree below the value that begins with `event`."""
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, ScalarEvent):
            end = start + len(self.text[start:end].rstrip())  # a block scalar's mark is behind the blank lines after it
            header = self.text.find("\n", start, end) if event.style in ("|", ">") else start
            self.strings.append((header, end))
            return _Node(start, end, key, "scalar")
        mapping = isinstance(event, MappingStartEvent)
        node = _Node(start, end, key, "mapping" if mapping else "sequence", block=not event.flow_style)
        while not isinstance(event := next(events), (MappingEndEvent, SequenceEndEvent)):
            begin = event.start_mark.index
            name: str | int = len(node.children)
            if mapping:
                self.strings.append((begin, event.end_mark.index))
                name, event = str(event.value), next(events)
            node.children[name] = self._node(event, begin, events)
        # A block's mark is behind the comments after it.
        node.end = self._last(node).end if node.block else event.end_mark.index
        return node

    @staticmethod
    def _last(node: _Node) -> _Node:
        return list(node.children.values())[-1]

    def commented(self, start: int, end: int) -> bool:
        """Whether a comment begins between two offsets."""
        signs = (found.start() for found in re.finditer(r"(?<!\S)#", self.text[start:end]))
        return any(not any(low <= start + sign < high for low, high in self.strings) for sign in signs)

    def line_start(self, at: int) -> int:
        """Offset of the line that `at` is on."""
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        """Offset of the end of the line that `at` is on, before its line break."""
        found = self.text.find("\n", at)
        end = len(self.text) if found < 0 else found
        return end - 1 if self.text[at:end].endswith("\r") else end

    def next_line(self, at: int) -> int:
        """Offset of the line after the one that `at` is on."""
        found = self.text.find("\n", at)
        return len(self.text) if found < 0 else found + 1

    def splice(self, start: int, end: int, new: str) -> str:
        """The text with a part replaced."""
        return self.text[:start] + new.replace("\n", self.newline) + self.text[end:]

    def changed(self, keys: Sequence[str | int], value: Any, path: str) -> str:
        """The text with one change.

        Raises:
            InputError: A comment is in the way.
        """
        parent, inside = self.root, not self.root.block
        for depth, key in enumerate(keys):
            child = parent.children.get(key)
            last = depth == len(keys) - 1
            if child is None or (not last and child.kind == "scalar"):
                for missing in reversed(keys[depth + 1 :]):
                    value = {missing: value}
                if child is None:
                    return self._added(parent, str(key), value, path, inside, depth)
                return self._replaced(child, value, path, inside)
            if last and value is DELETE:
                return self._removed(parent, key, path, inside)
            if last:
                return self._replaced(child, value, path, inside)
            parent, inside = child, inside or not child.block
        raise _refusal(path)

    def _inline(self, value: Any, column: int, inside: bool) -> str:
        """A value that begins in a column."""
        if not isinstance(value, (dict, tuple)):
            return scalar(value, inside=inside)
        line = flow(value)
        return line if column + len(line) <= WIDTH else flow(value, column)

    def _replaced(self, node: _Node, value: Any, path: str, inside: bool) -> str:
        below = node.block and self.line_start(node.key) != self.line_start(node.start)
        if self.commented(node.start, self.line_end(node.end) if below else node.end):
            raise _refusal(path, "has comments inside that would be lost")
        if below or node.start == node.end:  # the value goes behind `key:`, and the lines below it go
            found = _KEY.match(self.text, node.key, self.line_end(node.key))
            if found is None:
                raise _refusal(path)
            at = found.end()
            new = self._inline(value, at - self.line_start(at) + 1, inside).replace("\n", self.newline)
            rest = self.splice(self.line_start(node.start), self.next_line(node.end), "") if below else self.text
            return f"{rest[:at]} {new}{rest[at:]}"
        return self.splice(node.start, node.end, self._inline(value, node.start - self.line_start(node.start), inside))

    def _added(self, parent: _Node, key: str, value: Any, path: str, inside: bool, depth: int) -> str:
        if parent.kind != "mapping":
            raise _refusal(path)
        if not parent.children:
            return self._replaced(parent, {key: value}, path, inside)
        if not parent.block:
            return self._added_inside(parent, key, value)
        earlier = _SECTIONS[: _SECTIONS.index(key)] if depth == 0 and key in _SECTIONS else ()
        before = [child for name, child in parent.children.items() if name in earlier] or [self._last(parent)]
        column = before[-1].key - self.line_start(before[-1].key)
        head = f"{' ' * column}{scalar(key)}:"
        text = isinstance(value, str)
        lines = _text(head, value, column) if text else [f"{head} {self._inline(value, len(head) + 1, inside)}"]
        new = "\n".join(lines) + "\n"
        at = self.next_line(before[-1].end)
        return self.splice(at, at, new if self.text[at - 1] == "\n" else f"\n{new}")

    def _added_inside(self, parent: _Node, key: str, value: Any) -> str:
        entry = f"{scalar(key, inside=True)}: {flow(value)}"
        end = self._last(parent).end
        width = self.line_end(end) - self.line_start(end) + len(entry) + 2
        gap = " "
        if width > WIDTH:
            first = next(iter(parent.children.values())).key
            gap = "\n" + " " * (first - self.line_start(first))
        return self.splice(end, end, f",{gap}{entry}")

    def _removed(self, parent: _Node, key: str | int, path: str, inside: bool) -> str:
        node = parent.children[key]
        if len(parent.children) == 1:
            return self._replaced(parent, {}, path, inside)
        if parent.block:
            return self._removed_lines(node, path)
        siblings = list(parent.children.values())
        place = siblings.index(node)
        after = siblings[place + 1].key if place + 1 < len(siblings) else None
        first_of_line = not self.text[self.line_start(node.key) : node.key].strip()
        if place == 0 or (first_of_line and after is not None and after <= self.line_end(node.end)):
            start, end = node.key, after or node.end
        else:
            start, end = siblings[place - 1].end, node.end
        if self.commented(start, end):
            raise _refusal(path, "has a comment beside it that would be lost")
        return self.splice(start, end, "")

    def _removed_lines(self, node: _Node, path: str) -> str:
        start, end = self.line_start(node.key), self.next_line(node.end)
        if self.text[start : node.key].strip():  # the first key of an item of a list, after the dash
            raise _refusal(path)
        above = start
        while above and self.text[self.line_start(above - 1) : above].lstrip().startswith("#"):
            above = self.line_start(above - 1)
        blank = above
        while blank and not self.text[self.line_start(blank - 1) : blank].strip():
            blank = self.line_start(blank - 1)
        if blank < above and not self.text[end : self.line_end(end)].strip():
            start = blank  # nothing is left of the paragraph
        return self.splice(start, end, "")
