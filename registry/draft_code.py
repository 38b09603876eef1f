"""Settings that code of a README states: keyword arguments and assignments, parsed as Python's syntax, never executed.

What is no Python (a shell command, YAML) is read by `registry.draft_recipe` line by line.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = re.compile(r"(?m)^([ \t]*)[!%]|^([ \t]*)(?:>>>|\.\.\.) ")
_WRITTEN_OUT = (ast.Constant, ast.UnaryOp, ast.List, ast.Tuple, ast.Set, ast.Attribute, ast.Name, ast.Call)


class Setting(NamedTuple):
    """A name with the source of its value, and where both stand in the code."""

    name: str
    value: str
    start: int
    end: int


def python_settings(code: str) -> list[Setting] | None:
    r"""The keyword arguments and the assignments of Python code, in the order they stand.

    >>> [(one.name, one.value) for one in python_settings("c = LoraConfig(r=8,  # rank\n    lora_alpha=16)") or []]
    [('r', '8'), ('lora_alpha', '16')]

    Args:
        code: The code; of an indented block, all of it.

    Returns:
        The settings; null where the code is no Python.
    """
    shown = _MAGIC.sub(lambda found: (found[1] or found[2] or "") + "#" + " " * (len(found.group()) - 1), code)
    indent = len(shown) - len(shown.lstrip(" "))
    first = "if 1:\n" if indent else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a `\d` of somebody's text
            tree = ast.parse(first + shown)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = [line.encode() for line in (first + shown).split("\n")]
    begins = [-len(first)]
    for line in lines:
        begins.append(begins[-1] + len(line.decode()) + 1)

    def offset(line: int, column: int) -> int:
        return begins[line - 1] + len(lines[line - 1][:column].decode())

    found = []
    for name, node, value in _named_values(tree):
        start = offset(node.lineno, node.col_offset)
        at = offset(value.lineno, value.col_offset)
        end = offset(value.end_lineno or value.lineno, value.end_col_offset or value.col_offset)
        found.append(Setting(name, code[at:end], start, end))
    return sorted(found, key=lambda one: one.start)


def _named_values(tree: ast.AST) -> Iterator[tuple[str, ast.keyword | ast.expr, ast.expr]]:
    """Names with values that are written out, not computed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg and isinstance(node.value, _WRITTEN_OUT):
            yield node.arg, node, node.value
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if isinstance(node.value, _WRITTEN_OUT) and not isinstance(node.value, ast.Call):
                yield node.targets[0].id, node.targets[0], node.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, _WRITTEN_OUT):
                    yield key.value, key, value
