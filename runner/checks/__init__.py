"""Claim checks, one file each: what a document's own words and numbers say of one another, no run needed.

A file's docstring says what it checks and why that is sound; its `KINDS` name every kind of finding with one line on
what it means, which `docs/checks.md` shows; its `check(document)` gives the findings. A false accusation is worse than
silence: `impossible` is for arithmetic that holds whatever the author did, every other doubt is `suspicious` or less.
"""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import model_validator

from runner.record import Item

Verdict = Literal["ok", "ambiguous", "underspecified", "placeholder", "suspicious", "impossible"]
"""From good to bad."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

MEANINGS: dict[Verdict, str] = {
    "ok": "checked and in order, or good to know",
    "ambiguous": "it can be read in more than one way, or depends on what is not said",
    "underspecified": "something that a reader must know is missing",
    "placeholder": "an example or a template, not a statement",
    "suspicious": "there is an innocent explanation, but it is not the likely one",
    "impossible": "arithmetic that holds whatever the author did denies it",
}
"""What a reader is told of each."""

Severity = Literal["error", "warning", "notice"]

SEVERITIES: dict[Verdict, Severity] = {"impossible": "error", "suspicious": "warning", "placeholder": "warning"}
"""How loud a verdict is; the others are for notice."""


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
        severity: How loud it is told; follows from the verdict.
        docs: Where its kind is described; follows from the id.
    """

    id: str
    verdict: Verdict
    claims: tuple[int, ...] = ()
    where: str
    message: str
    arithmetic: str = ""
    remedy: str = ""
    severity: Severity = "notice"
    docs: str = ""

    @model_validator(mode="after")
    def _told(self) -> Self:
        # Frozen fields that follow from others are filled in here, so that whoever reads the JSON finds them.
        object.__setattr__(self, "severity", SEVERITIES.get(self.verdict, "notice"))
        object.__setattr__(self, "docs", f"docs/checks.md#{self.id.replace('/', '-')}")
        return self
