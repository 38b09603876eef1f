"""What a set leaves for those who look at it in the morning: a JUnit report, and a summary for a page of GitHub."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from registry.errors import ReplicardError, one_line
from runner.fanout import Outcome
from runner.markup import escape

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from runner.audit import Audit, Finding

_BAD_NEWS = 1


@dataclass
class Result:
    """What became of a card in a set.

    Attributes:
        card: Its id.
        outcomes: Of its tasks; of a card that could not be begun, why not.
        audit: The audit over its complete seeds; null where there is none.
    """

    card: str
    outcomes: list[Outcome] = field(default_factory=list)
    audit: Audit | None = None


def refused(key: str, code: int, error: Exception, seconds: float | None = None) -> Outcome:
    """The outcome of what an error has ended, by what it says first."""
    problems = error.problems if isinstance(error, ReplicardError) else ()
    reason = str(problems[0]) if problems else (str(error).splitlines() or [type(error).__name__])[0]
    return Outcome(key=key, code=code, seconds=seconds, reason=reason)


def exit_code(results: Sequence[Result], wanted: Set[str]) -> int:
    """The highest code of all tasks; 1 for a verdict that is asked to fail."""
    codes = [outcome.code for result in results for outcome in result.outcomes]
    return max([*codes, *(_BAD_NEWS for result in results if _failing(result, wanted))], default=0)


def junit(results: Sequence[Result], wanted: Set[str]) -> bytes:
    """A JUnit report: a suite for each card, a case for each task and for each reported number.

    A task that could not be done is an error; a reported number whose verdict is in `wanted` is a failure, and one that
    was compared with nothing is skipped.
    """
    root = ElementTree.Element("testsuites", name="replicard")
    for result in results:
        suite = ElementTree.SubElement(root, "testsuite", name=result.card)
        for outcome in result.outcomes:
            case = _case(suite, result.card, outcome.key.rpartition("/")[2], outcome.seconds or 0.0)
            if outcome.code:
                message = one_line(outcome.reason)
                error = ElementTree.SubElement(case, "error", message=message, type=f"exit code {outcome.code}")
                error.text = one_line(f"{outcome.reason}; log {outcome.log}" if outcome.log else outcome.reason)
        failing = _failing(result, wanted)
        for finding in result.audit.findings if result.audit is not None else ():
            case = _case(suite, result.card, f"{finding.claim}: {finding.metric} {finding.reported}", 0.0)
            if finding in failing:
                ElementTree.SubElement(case, "failure", message=one_line(finding.reason), type=finding.verdict)
            elif finding.verdict in ("not run", "not comparable"):
                ElementTree.SubElement(case, "skipped", message=one_line(finding.reason))
        for tag, kind in (("tests", "testcase"), ("errors", "error"), ("failures", "failure"), ("skipped", "skipped")):
            suite.set(tag, str(sum(1 for _ in suite.iter(kind))))
        suite.set("time", f"{sum(outcome.seconds or 0.0 for outcome in result.outcomes):.3f}")
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(suite: ElementTree.Element, card: str, name: str, seconds: float) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=card, name=one_line(name), time=f"{seconds:.3f}")


def github_summary(results: Sequence[Result], title: str) -> str:
    """A Markdown table of a card a line with its headline claims, and what failed below it."""
    lines = [f"### {escape(title)}", "", "| Card | Seeds | Claim | Reproduced | Claim check | Run verdict |"]
    lines.append("|---|--:|---|---|---|---|")
    for result in results:
        done = sum(outcome.code == 0 for outcome in result.outcomes)
        start = (result.card, f"{done} of {len(result.outcomes)}")
        findings = result.audit.findings if result.audit is not None else ()
        shown = [finding for finding in findings if finding.headline] or findings
        for finding in shown:
            mean = f"{finding.mean:.4f}" if finding.mean is not None else "–"
            claim = (f"{finding.metric} {finding.reported}", mean, finding.claim_verdict or "not checked")
            lines.append(_cells(*start, *claim, finding.verdict))
            start = ("", "")
        if not shown:
            lines.append(_cells(*start, "nothing reported" if result.audit is not None else "–", "", "", ""))
    failed = [outcome for result in results for outcome in result.outcomes if outcome.code]
    lines += ["", *(f"- **{escape(one.key)}**: {escape(one.reason)} (exit code {one.code})" for one in failed)]
    return "\n".join(lines).rstrip() + "\n"


def _cells(*texts: str) -> str:
    return f"| {' | '.join(map(escape, texts))} |"


def _failing(result: Result, wanted: Set[str]) -> list[Finding]:
    """The findings with a verdict that is asked to fail."""
    findings = result.audit.findings if result.audit is not None else ()
    return [one for one in findings if wanted & {one.verdict, one.claim_verdict}]
