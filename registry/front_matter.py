"""The YAML that a README begins with, as text with offsets; also flattened, broken or without its opening line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHARACTERS = 200_000
"""Longer front matter is read line by line alone."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml, where PyYAML has it
    """Composes nodes without asking what type their texts have: `no` is a language, and `1e-5` a text."""

    def resolve(self, kind: type[yaml.Node], value: str, implicit: object) -> str:
        return ""


_KNOWN = (
    "language|license|tags|datasets|metrics|thumbnail|widget|model-index|library_name|pipeline_tag|base_model|inference"
)
# A scraped page may have words of the page around it above.
_ABOVE = re.compile(rf"[A-Za-z][^\n]{{0,60}}\n(?=---[ \t]*\n(?:{_KNOWN}):)")
_KEY = re.compile(r"(?m)^([A-Za-z_][\w-]{0,40}):[ \t]*(.*)$")
_LISTED = re.compile(r"(?m)^[ \t]*-[ \t]+(.*)$")
# What began a line before it was flattened: a list's item or a key, the spaces before it one more than its indent.
_BEGINNING = re.compile(r"(?<![ -])[ ](?=[ ]{0,40}(?:-[ ]|[A-Za-z_][\w-]{0,40}:(?:[ ]|$)))")
_END = re.compile(r"(?m)^[ \t]*(?:---|\.\.\.)[ \t]*\r?$")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value of the front matter: its text without quotes, and where it stands in the README."""

    text: str
    start: int
    end: int


def front_matter(text: str) -> tuple[dict[str, Any], int]:
    """Read the front matter.

    Args:
        text: The README.

    Returns:
        The values by key (`Scalar`, list or dict), empty where there are none, and the offset of the README's body.
    """
    start = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    if (above := _ABOVE.match(text, start)) is not None:
        start = above.end()
    if text.startswith("---", start):
        begin = start + 3
        while begin < len(text) and text[begin] == "-":
            begin += 1
        line_end = text.find("\n", begin)
        rest = text[begin : line_end if line_end >= 0 else len(text)]
        if rest.strip():  # flattened, or a line of dashes that parts nothing
            return _flattened(text, begin, line_end if line_end >= 0 else len(text))
        found = _END.search(text, line_end + 1) if line_end >= 0 else None
        if found is None:
            return {}, begin
        return _read(text[line_end + 1 : found.start()], line_end + 1), found.end()
    # The opening line was lost: keys from the first line on, and a line of dashes below them.
    if _KEY.match(text, start) and (found := _END.search(text, start, start + 20_000)) is not None:
        return _read(text[start : found.start()], start), found.end()
    return {}, start


def _flattened(text: str, begin: int, end: int) -> tuple[dict[str, Any], int]:
    stop = text.find(" --- ", begin, end)
    if stop < 0 and text[begin:end].rstrip().endswith(" ---"):
        stop = text.rfind(" ---", begin, end)
    if stop < 0 or not _BEGINNING.match(text[begin : begin + 100]):
        return {}, begin
    raw = text[begin:stop]
    return _read(_BEGINNING.sub("\n", raw) if len(raw) < MAX_CHARACTERS else "", begin), stop + 4


def _read(raw: str, offset: int) -> dict[str, Any]:
    if len(raw) <= MAX_CHARACTERS:
        try:
            node = yaml.compose(raw.replace("\t", " "), _Loader)
        except (yaml.YAMLError, ValueError, RecursionError):
            node = None
        if isinstance(node, yaml.MappingNode):
            # Of one character at least is every node; only aliases, each of which is read again, make more of them.
            tree = _tree(node, offset, 0, iter(range(len(raw))))
            assert isinstance(tree, dict)
            return tree
    return _by_line(raw, offset)


def _tree(node: yaml.Node, offset: int, depth: int, left: Iterator[int]) -> object:
    """A node without its tags: `no` stays the language that it is. Below eight levels nothing is looked for.

    Args:
        node: The node.
        offset: Where the front matter begins in the README.
        depth: Levels above it.
        left: One for each node that is still read.
    """
    if isinstance(node, yaml.ScalarNode):
        return Scalar(node.value, offset + node.start_mark.index, offset + node.end_mark.index)
    if depth > 8:
        return []
    if isinstance(node, yaml.SequenceNode):
        return [_tree(child, offset, depth + 1, left) for child, _ in zip(node.value[:1000], left, strict=False)]
    return {
        key.value: _tree(child, offset, depth + 1, left)
        for (key, child), _ in zip(node.value[:1000], left, strict=False)
        if isinstance(key, yaml.ScalarNode)
    }


def _by_line(raw: str, offset: int) -> dict[str, Any]:
    """Keys at the beginning of a line with their value or list, of YAML that does not parse."""
    found: dict[str, Any] = {}
    keys = list(_KEY.finditer(raw))
    for index, key in enumerate(keys):
        value = key[2].strip().strip("\"'")
        if value and value not in ("|", ">", ">-", "|-"):
            found.setdefault(key[1], Scalar(value, offset + key.start(2), offset + key.end(2)))
        else:
            stop = keys[index + 1].start() if index + 1 < len(keys) else len(raw)
            items = [
                Scalar(item[1].strip().strip("\"'"), offset + item.start(1), offset + item.end(1))
                for item in _LISTED.finditer(raw, key.end(), stop)
            ]
            found.setdefault(key[1], items)
    return found


def scalars(value: object) -> Iterator[Scalar]:
    """The texts of a value: its own, or its list's."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Scalar) and one.text.strip().casefold() not in ("", "null", "~", "none"):
            yield one


def index_of(meta: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The results of a front matter's `model-index`."""
    models = meta.get("model-index")
    for model in models if isinstance(models, list) else []:
        results = model.get("results") if isinstance(model, dict) else None
        yield from (result for result in (results if isinstance(results, list) else []) if isinstance(result, dict))
