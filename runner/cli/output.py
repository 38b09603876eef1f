"""What the verbs print: tables, JSON, problems, the audit of a run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from unicodedata import combining, east_asian_width

import typer

from registry.errors import json_text, one_line

if TYPE_CHECKING:
    from registry.card import Card
    from registry.errors import ReplicardError
    from runner.audit import Audit
    from runner.claims import Report


def table(header: list[str], rows: list[list[str]]) -> None:
    """A table that wraps on a terminal and is plain, tab-free text elsewhere."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = [[one_line(cell) for cell in row] for row in (header, *rows)]
    # Colours may be forced on a pipe (FORCE_COLOR), which has no width for all that.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    room = console.width - 3 * len(header) + 1  # without what stands between and around columns
    for name, width in zip(shown[0], widths(shown, room), strict=True):
        table.add_column(Text(name), overflow="fold", width=width)
    for row in shown[1:]:
        table.add_row(*map(Text, row))
    console.print(table)


def widths(rows: list[list[str]], room: int) -> list[int]:
    """How wide columns are so that no word is broken; where there is no room for that, the longest words are.

    What is left over goes first to the columns that lack least to be read in one line.

    >>> widths([["Card", "Run verdict"], ["tiny", "not comparable"]], 15)
    [4, 11]
    >>> widths([["Card", "Run verdict"], ["tiny", "not comparable"]], 9)
    [4, 5]
    """
    from rich.cells import cell_len

    columns = list(zip(*rows, strict=True))
    whole = [max(map(cell_len, column)) for column in columns]
    found = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    room = max(room, len(columns))
    while sum(found) > room:
        found[found.index(max(found))] -= 1
    spare = room - sum(found)
    for index in sorted(range(len(columns)), key=lambda index: whole[index] - found[index]):
        more = min(spare, whole[index] - found[index])
        found[index] += more
        spare -= more
    return found


def print_json(value: Any) -> None:
    """JSON for programs, on standard output."""
    typer.echo(json_text(json.dumps(value, indent=2, ensure_ascii=False)))


def print_problems(error: ReplicardError) -> int:
    """Problems on standard error, one a line; returns the exit code."""
    for problem in error.problems:
        tell(str(problem))
    return error.exit_code


def tell(line: str) -> None:
    """A line on standard error; where that is a file on a full disk, the exit code alone has to say it."""
    try:
        typer.echo(line, err=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Give up a stream that cannot be written: what it still holds would end Python with a code of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def annotation(level: str, message: str, **properties: object) -> str:
    """A workflow command of GitHub Actions, with its escapes; properties without a value are left out.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value not in ("", None))
    return f"::{level} {given}::{one_line(message).replace('%', '%25')}"


def _property(text: str) -> str:
    return one_line(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def print_audit(result: Audit, card: Card) -> None:
    """The result table: every metric over the seeds, with the claim about it and the verdict; then why.

    Args:
        result: The audit.
        card: The card whose claims it judged.
    """
    rows: list[list[str]] = []
    several = len(result.seeds) > 1
    shown: set[int] = set()
    beside = _beside(result, card)
    for number, line in enumerate(result.summaries):
        indices = [*line.findings, *(index for index, at in beside.items() if at == number)]
        findings = [result.findings[index] for index in indices]
        shown.update(indices)
        rows.append(
            [
                f"{line.metric} ({line.averaging})" if line.averaging not in (None, "positive") else line.metric,
                ", ".join(f.reported for f in findings) or "–",
                ", ".join(f.claim_verdict or "not checked" for f in findings) or "–",
                f"{line.mean:.4f}" + (f" ± {line.sd:.4f}" if line.sd is not None else ""),
                _ends(line.interval),
                *([_ends(line.further)] if several else []),
                ", ".join(f.verdict for f in findings) or "not reported",
                *(["rehearsed"] if result.rehearsal else []),
            ]
        )
    one = f"seed {result.seeds[0]}" if result.weights is None else f"weights of {result.weights}"
    seeds = f"{len(result.seeds)} seeds" if several else one
    title = f"{result.card_id} ({result.split}, {result.rows:,} rows, {seeds})"
    intervals = ["Mean, 95%", "Further seed, 95%"] if several else ["95% interval"]
    rehearsed = ["Rehearsed"] if result.rehearsal else []
    table([title, "Reported", "Claim check", "Reproduced", *intervals, "Run verdict", *rehearsed], rows)
    for index, finding in enumerate(result.findings):
        what = finding.metric + (f" ({finding.split})" if finding.split not in (None, result.split) else "")
        verdict = "" if index in shown else f"{finding.verdict}: "
        typer.echo(one_line(f"{what} {finding.reported}: {verdict}{finding.reason}"))
    for claim in result.claims:
        if claim.verdict != "ok":
            typer.echo(f"{one_line(claim.where)}  {claim.verdict}: {one_line(claim.message)}")
            if claim.arithmetic:
                typer.echo(f"    {one_line(claim.arithmetic)}")
    for d in result.deviations:
        typer.echo(one_line(f"deviation: {d.field}: {d.declared} declared, {d.actual} ran ({d.cause})"))
    if result.verdict:
        under = f", under {result.assumed} assumed values" if result.assumed else ""
        typer.echo(f"verdict: {result.verdict}{under}")


def print_report(report: Report) -> None:
    """What the claim checks say of a document: its claims, then each finding with its arithmetic and remedy."""
    from runner.reports import lines, summary

    rows = [[c.metric, c.reported, c.split or "–", c.verdict or "not checked"] for c in report.claims]
    if rows:
        table([report.document, "Reported", "Split", "Verdict"], rows)
    for about, finding in lines(report):
        suffix = f" ({about})" if about else ""
        typer.echo(f"{one_line(finding.where)}  {finding.verdict} [{finding.id}]: {one_line(finding.message + suffix)}")
        for detail in (finding.arithmetic, finding.remedy):
            if detail:
                typer.echo(f"    {one_line(detail)}")
    typer.echo(f"{one_line(report.document)}: {summary([report])}")


def _beside(result: Audit, card: Card) -> dict[int, int]:
    """Findings that compare nothing but are about a number that was measured all the same, with its summary."""
    places: dict[int, int] = {}
    for index, finding in enumerate(result.findings):
        claim = card.claims[finding.claim]
        at_end = claim.epoch is None and claim.step is None and claim.label is None
        if finding.verdict != "not comparable" or not at_end or claim.split not in (None, result.split):
            continue
        for number, line in enumerate(result.summaries):
            if line.metric == claim.metric and (line.averaging is None or claim.averaging in (None, line.averaging)):
                places[index] = number
                break
    return places


def span(interval: Any) -> str:
    """An interval, where there is one."""
    return _ends((interval.low, interval.high)) if interval else ""


def _ends(ends: tuple[float, float] | None) -> str:
    return f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else ""


def short(file: Path) -> str:
    """A path as seen from the working directory, where it lies below it."""
    try:
        return str(file.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def cell(text: str, columns: int) -> str:
    """A text in so many columns of a terminal."""
    if width(text) > columns:
        while width(text) >= columns:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - width(text))


def width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum((1 + (east_asian_width(sign) in "WF")) * (not combining(sign)) for sign in text)
