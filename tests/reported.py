"""Documents for the tests of claim checks: reported scores in one line, with facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.document import Document, Fact, Place, Result
from registry.numbers import read_number
from runner import plugins

if TYPE_CHECKING:
    from runner.checks import Finding

PLACE = Place("README.md:1:1")
BINARY = {"labels": ("negative", "positive")}


def results(text: str, split: str | None = "test", group: int = 0, **more: Any) -> tuple[Result, ...]:
    """Results of `accuracy 0.92; macro f1 0.9; f1 of negative 90%`: metrics by name, `;` between them."""
    found = []
    for part in text.split(";"):
        *name, value = part.split()
        label = name[-1] if "of" in name else None
        if label is not None:
            name = name[: name.index("of")]
        averaging = name.pop(0) if len(name) > 1 else None
        found.append(
            Result(name[0], read_number(value), PLACE, split, averaging=averaging, label=label, group=group, **more)
        )
    return tuple(found)


def document(*reported: tuple[Result, ...], facts: dict[str, Any] | None = None, **more: Any) -> Document:
    """A README that reports these and says so."""
    said = tuple(Fact(name, value, "", PLACE) for name, value in (facts or {}).items())
    return Document("README.md", "", results=sum(reported, ()), facts=said, **more)


def findings(check: str, what: Document) -> list[Finding]:
    """What one check says against it."""
    return [finding for finding in plugins.check(check).check(what) if finding.verdict != "ok"]


def ids(check: str, text: str, **facts: Any) -> list[tuple[str, str]]:
    """Kinds and verdicts that a check gives for scores of one evaluation; `rows__test=100` is the fact `rows.test`."""
    named = {name.replace("__", "."): value for name, value in facts.items()}
    return [
        (found.id.partition("/")[2], found.verdict) for found in findings(check, document(results(text), facts=named))
    ]
