"""YAML 1.2 with places: plain Python values, and for every path the line and column it stands at.

Aliases, anchors, merge keys, tags and duplicate keys are refused: a card always reads whole, from top to bottom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from registry.errors import InputError, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 40


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
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(text) > MAX_BYTES:
        raise InputError(Problem(name, "", f"larger than {MAX_BYTES:,} bytes; a card is a page of text"))
    try:
        root = YAML(pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise InputError(Problem(where, "", f"not YAML: {what}")) from None
    except YAMLError as error:
        raise InputError(Problem(name, "", f"not YAML: {str(error).splitlines()[0]}")) from None
    except RecursionError:
        raise InputError(Problem(name, "", "nested too deeply")) from None
    except ValueError as error:
        raise InputError(Problem(name, "", f"not YAML: {error}")) from None
    if root is None:
        raise InputError(Problem(name, "", "empty"))
    problems: list[Problem] = []
    places: dict[str, Place] = {}
    value = _plain(root, "", 0, name, places, problems)
    if problems:
        raise InputError(problems)
    return value, places


def _plain(node: Any, path: str, depth: int, name: str, places: dict[str, Place], problems: list[Problem]) -> Any:
    """Turn a node into plain Python values, noting places and problems."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    here = f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
    places.setdefault(path, Place(node.start_mark.line + 1, node.start_mark.column + 1))
    if depth > MAX_DEPTH:
        problems.append(Problem(here, path[:60], "nested too deeply"))
        return None
    if node.anchor is not None:
        problems.append(Problem(here, path, "anchors and aliases are refused; write the value out"))
        return None
    tag = str(node.tag)
    if not tag.startswith("tag:yaml.org,2002:"):
        problems.append(Problem(here, path, f"the tag {tag!r} is refused; write a plain value"))
        return None
    if isinstance(node, MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            place = Place(mark.line + 1, mark.column + 1)
            key = str(key_node.value)
            if key == "<<":
                problems.append(Problem(f"{name}:{place}", path, "merge keys are refused; write the keys out"))
                continue
            if key in result:
                problems.append(Problem(f"{name}:{place}", join(path, key), "given twice; keep one"))
                continue
            places[join(path, key)] = place
            result[key] = _plain(value_node, join(path, key), depth + 1, name, places, problems)
        return result
    if isinstance(node, SequenceNode):
        return tuple(
            _plain(item, join(path, index), depth + 1, name, places, problems)
            for index, item in enumerate(node.value)
        )
    return _scalar(node)


def _scalar(node: Any) -> Any:
    """The value of a scalar by the tag that YAML 1.2's core schema gives it."""
    text = str(node.value)
    match str(node.tag).removeprefix("tag:yaml.org,2002:"):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            number = WrittenInt(text, 0) if text.lower().startswith(("0x", "0o")) else WrittenInt(text)
            number.text = text
            return number
        case "float":
            special = {".inf": "inf", "-.inf": "-inf", "+.inf": "inf", ".nan": "nan"}
            real = WrittenFloat(special.get(text.lower(), text))
            real.text = text
            return real
        case _:
            return text
