"""The claim report: what the checks say of a document, for people and for a page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from registry.errors import one_line
from runner.checks import VERDICTS
from runner.markup import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.checks import Finding
    from runner.claims import Report


def summary(reports: Iterable[Report]) -> str:
    """Findings by verdict, the worst first: `2 impossible, 1 suspicious`."""
    reports = list(reports)
    if not any(report.claims or report.findings for report in reports):
        return "reports no numbers"
    counts = Counter(finding.verdict for report in reports for finding in report.findings)
    told = [f"{counts[verdict]:,} {verdict}" for verdict in reversed(VERDICTS) if counts[verdict] and verdict != "ok"]
    return ", ".join(told) or "nothing speaks against its claims"


def lines(report: Report) -> Iterator[tuple[str, Finding]]:
    """The findings that matter, each with the reported numbers it is about."""
    for finding in report.findings:
        if finding.verdict != "ok":
            claims = [report.claims[index] for index in finding.claims]
            yield ", ".join(f"{claim.metric} {claim.reported}" for claim in claims), finding


def markdown(report: Report) -> str:
    """The report as a section of a Markdown page, what it quotes escaped."""
    text = [f"# {escape(report.document)}: {summary([report])}", ""]
    if report.claims:
        text += ["| Claim | Reported | Split | Verdict |", "|---|---|---|---|"]
        for claim in report.claims:
            cells = (claim.metric, claim.reported, claim.split or "–", claim.verdict or "not checked")
            text.append("| " + " | ".join(map(escape, cells)) + " |")
        text.append("")
    for _, finding in lines(report):
        where = one_line(finding.where).replace("`", "")
        text.append(f"- **{finding.verdict}** {escape(finding.message)} (`{where}`, `{finding.id}`)")
        text += [f"  - {escape(detail)}" for detail in (finding.arithmetic, finding.remedy) if detail]
    return "\n".join(text) + "\n"
