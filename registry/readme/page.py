"""A README while it is read: its text, lines and tables, and the places of words in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from registry.document import Fact, Place, Result, Table
from registry.front_matter import front_matter
from registry.markdown import Grid, Line, grids, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SENTENCES = 12_000
"""Characters of sentences that name a metric or a hyperparameter which are searched for its value; no real model card
of 10,400 has more."""

ELSEWHERE = ("use", "pretraining", "other")
"""Roles of sections that tell nothing of how this model was made: of what can be done with it, and of other models."""

SENTENCE_ENDS = re.compile(r"(?<=[.!?;])\s+(?=[A-Z\"'*(`])|\n")


@dataclass(slots=True)
class Page:
    """A README and what was found in it so far.

    Attributes:
        name: The file.
        text: Its text.
        meta: The front matter.
        lines: The lines of the body.
        grids: Its tables.
        facts: The facts found.
        results: The results found.
        tables: The epoch tables found.
        stop: Where the reading ended: behind the text, or where so much was said of numbers that it is no model card.
    """

    name: str
    text: str
    meta: dict[str, Any]
    lines: list[Line]
    grids: list[Grid]
    facts: list[Fact] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    stop: int = 0
    _starts: list[int] = field(default_factory=list)
    _groups: int = 0
    _left: int = MAX_SENTENCES

    def __post_init__(self) -> None:
        self.stop = len(self.text)

    def place(self, start: int, end: int) -> Place:
        """The place of the words between two offsets."""
        if not self._starts:
            self._starts.append(0)
            at = self.text.find("\n")
            while at >= 0:
                self._starts.append(at + 1)
                at = self.text.find("\n", at + 1)
        line = bisect_right(self._starts, start)
        return Place(f"{self.name}:{line}:{start - self._starts[line - 1] + 1}", start, end)

    def say(self, name: str, value: Any, start: int, end: int, status: Any = "stated") -> None:
        """Add a fact whose words stand between two offsets."""
        self.facts.append(Fact(name, value, self.text[start:end], self.place(start, end), status))

    def has(self, name: str) -> bool:
        """Whether a fact of a name was found, examples left out."""
        return any(fact.name == name and fact.status != "placeholder" for fact in self.facts)

    def may_search(self, start: int, end: int) -> bool:
        """Whether the sentence between two offsets is still searched."""
        self._left -= end - start
        if self._left < 0:
            self.stop = min(self.stop, start)
        return self._left >= 0

    def blocks_of_code(self) -> Iterator[tuple[Line, Line]]:
        """The first and the last line of every block of code."""
        code = [line for line in self.lines if line.kind == "code"]
        for _, block in groupby(code, key=lambda line: line.block):
            first, *rest = block
            yield first, rest[-1] if rest else first

    def new_group(self) -> int:
        """The number of another group of results."""
        self._groups += 1
        return self._groups


def page_of(text: str, name: str) -> Page:
    """Cut a README into its parts."""
    meta, found, tables, end = _cut(text)
    return Page(name, text[:end], meta, found, tables)


@lru_cache(maxsize=2)  # a README is read for its facts, for its card's preparation, and to write the card
def _cut(text: str) -> tuple[dict[str, Any], list[Line], list[Grid], int]:
    meta, body = front_matter(text)
    found, end = lines(text, body)
    return meta, found, list(grids(text[:end], found)), end
