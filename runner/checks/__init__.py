"""Claim checks, one file each: what a document's own words and numbers say of one another, no run needed.

A file's docstring says what it checks and why that is sound; its `KINDS` name every kind of finding with one line on
what it means, which `docs/checks.md` shows; its `check(document)` gives the findings. A false accusation is worse than
silence: `impossible` is for arithmetic that holds whatever the author did, every other doubt is `suspicious` or less.
"""

from __future__ import annotations

from typing import Literal

from runner.record import Item

Verdict = Literal["ok", "ambiguous", "underspecified", "placeholder", "suspicious", "impossible"]
"""From good to bad."""

VERDICTS: tuple[Verdict, ...] = ("ok", "ambiguous", "underspecified", "placeholder", "suspicious", "impossible")


class Finding(Item):
    """What a check says.

    Attributes:
        id: `<check>/<kind>`: the check's file name with hyphens, and a kind that its `KINDS` names.
        verdict: The verdict.
        claims: Indices into the document's `results` of the numbers that it is about; empty where it is about none.
        where: `file:line:column` of the words it is about; the file alone where it is about what is missing.
        message: What is the matter, in one line.
        arithmetic: One line that a reader can redo by hand; empty where there is nothing to compute.
        remedy: What the author can do about it.
    """

    id: str
    verdict: Verdict
    claims: tuple[int, ...] = ()
    where: str
    message: str
    arithmetic: str = ""
    remedy: str = ""

    @property
    def anchor(self) -> str:
        """The kind's place in the documentation."""
        return f"docs/checks.md#{self.id.replace('/', '-')}"
