"""Every regular expression of the README reader, found by looking, and texts that are hard for each."""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(registry.__file__).parent

READER = ("front_matter", "markdown", "numbers", "readme.")
"""Beginnings of the names of the reader's modules within `registry`."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from sre_parse import parse  # the parser that `re` itself uses


def rules() -> Mapping[str, re.Pattern[str]]:
    """Each expression by the name of its module and variable, also those in tuples and tables."""
    found: dict[str, re.Pattern[str]] = {}
    for module in modules():
        for name, value in vars(importlib.import_module(f"registry.{module}")).items():
            for index, pattern in enumerate(_patterns(value)):
                if pattern not in found.values():
                    found[f"{module}.{name}[{index}]"] = pattern
    return found


def modules() -> list[str]:
    """The reader's modules, named as from `registry`."""
    every = (module.name.removeprefix("registry.") for module in pkgutil.walk_packages(registry.__path__, "registry."))
    return [name for name in every if name.startswith(READER)]


def file_of(module: str) -> Path:
    """The file of a module that is named as from `registry`."""
    return FOLDER / f"{module.replace('.', '/')}.py"


def _patterns(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _patterns(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _patterns(getattr(value, field.name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from _patterns(one)


def anchored() -> frozenset[str]:
    """Names, as in `rules`, of expressions that are matched where a line, a cell or a value begins, and never searched.

    To look for such a one at every character of a text says nothing of the reader, and takes long.
    """
    source = "\n".join(file.read_text("utf-8") for file in FOLDER.rglob("*.py"))
    found = set()
    for name in rules():
        module, _, variable = name.removesuffix("[0]").rpartition(".")
        own = file_of(module).read_text("utf-8")
        text = own if variable.startswith("_") else source
        uses = re.findall(rf"(?<!\w){variable}\b(?:\.(\w+)\()?", text)
        if (
            name.endswith("[0]") and uses.count("") == 1 and {*uses} <= {"", "match", "fullmatch"}
        ):  # "" where it is made
            found.add(name)
    return frozenset(found)


PIECES = (
    " ",
    "1",
    "a",
    "a ",
    "1 ",
    "|",
    "[",
    "]",
    "(",
    "`",
    "*",
    "_",
    "-",
    "<a ",
    "\n",
    "\t ",
    "1.",
    ",1",
    "é",
    "a/",
    ": ",
    "{",
)


def hard(pattern: re.Pattern[str]) -> list[str]:
    """Pieces whose repetition may keep an expression busy: its own words, ends of them and signs of every kind."""
    own: set[str] = set()
    _literals(parse(pattern.pattern, pattern.flags & ~re.UNICODE), own)
    words = sorted(own, key=len)[-12:]
    return [*PIECES, *words, *(f"{word} " for word in words), *(f"{word}1" for word in words[-4:])]


def _literals(tree: Any, found: set[str]) -> None:
    """The runs of literal characters in a parsed expression."""
    run = ""
    for kind, value in tree:
        if str(kind) == "LITERAL":
            run += chr(value)
            continue
        if run:
            found.add(run)
            run = ""
        for part in value if isinstance(value, tuple | list) else (value,):
            for inner in part if isinstance(part, list) else (part,):
                if hasattr(inner, "data"):
                    _literals(inner, found)
    if run:
        found.add(run)
