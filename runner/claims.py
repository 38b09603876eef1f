"""The claims of a document, checked by every file of `runner/checks`: no run, no network, nothing heavy."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from runner import plugins
from runner.checks import VERDICTS, Finding, Verdict
from runner.record import Item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.document import Document, Result

_LINE = re.compile(r":(\d+):(\d+)$")


class Claimed(Item):
    """A reported number and what the checks make of it.

    Attributes:
        metric: The metric.
        reported: The text as written.
        low: Lower end of its rounding.
        high: Upper end.
        split: The split it is of; null where that is not said.
        where: Where it stands, `file:line:column`.
        verdict: The worst verdict of a finding about it; null where no check could test it.
    """

    metric: str
    reported: str
    low: float
    high: float
    split: str | None
    where: str
    verdict: Verdict | None


class Report(Item):
    """What the claim checks say of a document.

    Attributes:
        format: Version of this format.
        document: The file, or `hub:owner/name`.
        verdict: The worst verdict; null where no check found anything to test.
        claims: Every reported number, in the order of the document.
        findings: What the checks say, the worst first.
    """

    format: int = 1
    document: str
    verdict: Verdict | None
    claims: tuple[Claimed, ...]
    findings: tuple[Finding, ...]


@cache
def _checks() -> tuple[plugins.Check, ...]:
    return tuple(plugins.check(name) for name in plugins.names("checks"))


def examine(document: Document) -> tuple[Finding, ...]:
    """Run every claim check on a document; the worst findings first, then in the order of the document."""
    found = [finding for check in _checks() for finding in check.check(document)]
    return tuple(sorted(found, key=lambda one: (-VERDICTS.index(one.verdict), _position(one.where), one.id)))


def report(document: Document) -> Report:
    """Examine a document and say what becomes of each of its claims."""
    findings = examine(document)
    return Report(
        document=document.name,
        verdict=_worst(findings),
        claims=tuple(_claimed(document, index, result, findings) for index, result in enumerate(document.results)),
        findings=findings,
    )


def _claimed(document: Document, index: int, result: Result, findings: Sequence[Finding]) -> Claimed:
    return Claimed(
        metric=f"{result.metric} ({result.label})" if result.label else result.metric,
        reported=result.number.text,
        low=result.number.low,
        high=result.number.high,
        split=result.split,
        where=result.place.where,
        verdict=verdict_on(index, findings),
    )


def verdict_on(index: int, findings: Sequence[Finding]) -> Verdict | None:
    """The worst that findings say of one reported number; null where no check could test it."""
    return _worst([finding for finding in findings if index in finding.claims])


def _worst(findings: Sequence[Finding]) -> Verdict | None:
    return max((finding.verdict for finding in findings), key=VERDICTS.index, default=None)


def _position(where: str) -> tuple[Any, ...]:
    """File, line and column as they sort."""
    found = _LINE.search(where)
    return (where[: found.start()], int(found[1]), int(found[2])) if found else (where, 0, 0)
