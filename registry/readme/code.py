"""Settings that code of a README states: keyword arguments and assignments, parsed as Python's syntax, never executed.

What is no Python (a shell command, YAML) is read by `registry.readme.recipe` line by line.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_MAGIC = re.compile(r"(?m)^([ \t]*)[!%]|^([ \t]*)(?:>>>|\.\.\.) ")
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|$)")
"""A line as Python's parser counts them, with what ends it."""
_READ = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple, ast.Set, ast.Attribute, ast.Name, ast.Call)
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
}  # fmt: skip
_LARGEST = 1e15
"""Numbers above it are none of a recipe, and are not computed with."""

_LARGEST_POWER = 64


class Setting(NamedTuple):
    """A name with the source of its value, of arithmetic its result (`derived`), and where both stand in the code."""

    name: str
    value: str
    start: int
    end: int
    derived: bool = False


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
    lines = [line.encode() for line in _LINE.findall(first + shown)]
    begins = [-len(first)]
    for line in lines:
        begins.append(begins[-1] + len(line.decode()))

    def offset(line: int, column: int) -> int:
        return begins[line - 1] + len(lines[line - 1][:column].decode())

    nodes = list(ast.walk(tree))
    constants = _constants(nodes)
    found = []
    for name, node, value in _named_values(nodes):
        start = offset(node.lineno, node.col_offset)
        at = offset(value.lineno, value.col_offset)
        end = offset(value.end_lineno or value.lineno, value.end_col_offset or value.col_offset)
        if isinstance(value, ast.BinOp | ast.UnaryOp | ast.Name):
            number = computed(value, constants)
            if number is not None:
                found.append(Setting(name, f"{number:.12g}", start, end, not isinstance(value, ast.UnaryOp)))
            if number is not None or not isinstance(value, ast.Name):
                continue
        found.append(Setting(name, code[at:end], start, end))
    return sorted(found, key=lambda one: one.start)


def computed(node: ast.expr, constants: Mapping[str, float], depth: int = 0) -> float | None:
    """The result of plain arithmetic with numbers and names of numbers; null for anything else.

    >>> computed(ast.parse("BATCH * 2", mode="eval").body, {"BATCH": 8})
    16

    Args:
        node: The expression.
        constants: Numbers by name.
        depth: Expressions around it; of more than twenty nothing is computed.
    """
    result: Any = None
    if depth > 20:
        return None
    if isinstance(node, ast.Constant):
        result = node.value
    elif isinstance(node, ast.Name):
        result = constants.get(node.id)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = computed(node.operand, constants, depth + 1)
        result = -number if number is not None else None
    elif isinstance(node, ast.BinOp) and (apply := _ARITHMETIC.get(type(node.op))) is not None:
        left, right = (computed(one, constants, depth + 1) for one in (node.left, node.right))
        if left is not None and right is not None and (apply is not operator.pow or abs(right) <= _LARGEST_POWER):
            with suppress(ArithmeticError, ValueError):
                result = apply(left, right)
    return result if type(result) in (int, float) and abs(result) <= _LARGEST else None


def _constants(nodes: list[ast.AST]) -> dict[str, float]:
    """Numbers by the name that they are given to, where that is done once and the name is used."""
    used = {node.id for node in nodes if type(node) is ast.Name and type(node.ctx) is ast.Load}
    given: dict[str, list[float | None]] = {}
    for target, value in _assigned(nodes):
        if target.id not in used:
            continue
        given.setdefault(target.id, []).append(computed(value, {}))
    return {name: values[0] for name, values in given.items() if len(values) == 1 and values[0] is not None}


def _assigned(nodes: list[ast.AST]) -> Iterator[tuple[ast.Name, ast.expr]]:
    for node in nodes:
        if type(node) is ast.Assign and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0], node.value


def _named_values(nodes: list[ast.AST]) -> Iterator[tuple[str, ast.keyword | ast.expr, ast.expr]]:
    """Names with values that are written out or are arithmetic, but for those that others are computed from."""
    parts = (part for node in nodes if type(node) is ast.BinOp for part in (node.left, node.right))
    operands = {part.id for part in parts if type(part) is ast.Name}
    for target, value in _assigned(nodes):
        if target.id not in operands and isinstance(value, _READ) and not isinstance(value, ast.Call):
            yield target.id, target, value
    for node in nodes:
        if type(node) is ast.keyword:
            if node.arg and isinstance(node.value, _READ):
                yield node.arg, node, node.value
        elif type(node) is ast.Dict:
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str) and isinstance(value, _READ):
                    yield key.value, key, value
