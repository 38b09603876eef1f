"""The claim report: what the checks say of a document, for people, for a page, for programs and for GitHub."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from registry.errors import one_line
from runner.checks import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.checks import Finding, Verdict
    from runner.claims import Report

_MARKUP = re.compile(r"([\\`*_{}\[\]#|~$<>])")
_PLACE = re.compile(r"(.*):(\d+):(\d+)", re.DOTALL)


def summary(reports: Iterable[Report]) -> str:
    """Findings by verdict, the worst first: `2 impossible, 1 suspicious`."""
    reports = list(reports)
    if not any(report.claims or report.findings for report in reports):
        return "reports no numbers"
    counts = Counter(finding.verdict for report in reports for finding in report.findings)
    told = [f"{counts[verdict]:,} {verdict}" for verdict in reversed(VERDICTS) if counts[verdict] and verdict != "ok"]
    return ", ".join(told) or "nothing speaks against its claims"


def lines(report: Report) -> Iterator[tuple[str, str, Finding]]:
    """The findings that matter, each with its place and the reported numbers it is about."""
    for finding in report.findings:
        if finding.verdict != "ok":
            claims = [report.claims[index] for index in finding.claims]
            yield finding.where, ", ".join(f"{claim.metric} {claim.reported}" for claim in claims), finding


def markdown(report: Report) -> str:
    """The report as a section of a Markdown page, what it quotes escaped."""
    text = [f"# {_escaped(report.document)}: {summary([report])}", ""]
    if report.claims:
        text += ["| Claim | Reported | Split | Verdict |", "|---|---|---|---|"]
        for claim in report.claims:
            cells = (claim.metric, claim.reported, claim.split or "–", claim.verdict or "not checked")
            text.append("| " + " | ".join(map(_escaped, cells)) + " |")
        text.append("")
    for where, _, finding in lines(report):
        text.append(f"- **{finding.verdict}** {_escaped(finding.message)} (`{one_line(where).replace('`', '')}`, "
                    f"[{finding.id}]({finding.docs}))")  # fmt: skip
        text += [f"  - {_escaped(detail)}" for detail in (finding.arithmetic, finding.remedy) if detail]
    return "\n".join(text) + "\n"


def github(report: Report) -> Iterator[str]:
    """Workflow commands of GitHub Actions, with their escapes.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    for where, _, finding in lines(report):
        place = _PLACE.fullmatch(where)
        file, line, column = place.groups() if place is not None else (where, "", "")
        properties = {"file": file, "line": line, "col": column, "title": f"{finding.verdict}: {finding.id}"}
        given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
        message = "; ".join(part for part in (finding.message, finding.arithmetic, finding.remedy) if part)
        yield f"::{finding.severity} {given}::{one_line(message).replace('%', '%25')}"


def failing(reports: Iterable[Report], wanted: Iterable[str]) -> bool:
    """Whether a finding has one of these verdicts."""
    refused: set[Verdict | str] = set(wanted)
    return any(finding.verdict in refused for report in reports for finding in report.findings)


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", one_line(text))


def _property(text: str) -> str:
    return one_line(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
