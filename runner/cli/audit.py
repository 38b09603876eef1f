"""`replicard audit`."""

from __future__ import annotations

import glob
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from registry.errors import InputError, Problem, ReplicardError, did_you_mean
from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunsOption, load
from runner.cli.output import print_audit, print_json, print_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.document import Document
    from runner.claims import Report

Format = Literal["text", "markdown", "json", "jsonl", "github"]

READMES = (".md", ".markdown", ".txt")
"""Endings of what is read as a README; anything else names a card."""


@app.command()
def audit(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN | CARD | README…",
            help="A run; with --static, cards, READMEs, hub:owner/name, or - for standard input.",
            show_default=False,
        ),
    ],
    static: Annotated[
        bool, typer.Option("--static", help="Check what is reported by arithmetic alone: no run, nothing trained.")
    ] = False,
    format_: Annotated[
        Format, typer.Option("--format", help="With --static: for people, a page, programs, or a GitHub workflow.")
    ] = "text",
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on", metavar="VERDICT,…", help="Exit with 1 at one of these verdicts.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Compare what a card reports with what its runs gave.

    With --static, say which of the reported numbers are impossible, suspicious or placeholders, before anything is run:
    of a card, of a README, or of hub:owner/name.
    """
    from runner.checks import VERDICTS
    from runner.judging import BADNESS

    wanted = _verdicts(fail_on, VERDICTS if static else BADNESS)
    shown: Format = "json" if as_json else format_
    code = _static(names, shown, wanted) if static else _of_run(names, shown, wanted, runs)
    if code:
        raise typer.Exit(code)


def _verdicts(given: str | None, known: Sequence[str]) -> set[str]:
    """The verdicts that a command line names."""
    wanted = {part.strip() for part in given.split(",")} - {""} if given is not None else set()
    for name in sorted(wanted - {*known}):
        raise InputError(Problem(f"--fail-on {given}", "", f"no verdict {name!r}; {did_you_mean(name, known)}"))
    return wanted


def _of_run(names: Sequence[str], format_: Format, wanted: set[str], runs: Path) -> int:
    """Judge the claims by the seeds of a run; returns the exit code."""
    from runner.audit import audit as make_audit
    from runner.record import Record
    from runner.reproducing import current_claims
    from runner.runs import find_run, over_all_seeds, read_model

    if len(names) > 1:
        raise InputError(f"name one run, not {len(names)}; `--static` takes several cards")
    if format_ not in ("text", "json"):
        raise InputError(Problem(f"--format {format_}", "", "an audit of runs is text or json; add --static"))
    found = find_run(runs, names[0])
    card = current_claims(read_model(found.record, Record))
    with over_all_seeds(found):
        result = make_audit(card, found)
    if format_ == "json":
        print_json(result.model_dump(mode="json"))
    else:
        print_audit(result, card)
    return int(any(finding.verdict in wanted for finding in result.findings))


def _static(names: Sequence[str], format_: Format, wanted: set[str]) -> int:
    """Check the claims of documents, one after the other; returns the exit code."""
    from runner.claims import report
    from runner.cli.failures import fail
    from runner.reports import failing, github, markdown, summary

    code, bad, several = 0, False, len(names) > 1
    reports: list[Report] = []
    for document in _documents(names):
        if isinstance(document, ReplicardError):
            code = max(code, fail(document))
            continue
        one = report(document)
        bad = bad or failing([one], wanted)
        if format_ == "jsonl":
            typer.echo(one.model_dump_json())
            continue
        reports.append(one)
        if format_ == "markdown":
            typer.echo(markdown(one))
        elif format_ == "github":
            for line in github(one):
                typer.echo(line)
        elif format_ == "text":
            print_report(one)
    if format_ == "json":
        print_json([one.model_dump(mode="json") for one in reports])
    if format_ == "text" and (several or len(reports) > 1):
        typer.echo(f"{len(reports):,} documents: {summary(reports)}")
    return code or int(bad)


def _documents(names: Sequence[str]) -> Iterator[Document | ReplicardError]:
    """What the arguments name, read as it is asked for; what cannot be read stops nothing."""
    for name in names:
        try:
            sources = list(_sources(name))
        except ReplicardError as error:
            yield error
            continue
        for source in sources:
            try:
                yield source()
            except ReplicardError as error:
                yield error
            except OSError as error:
                yield InputError(Problem(name, "", f"cannot be read: {error.strerror}"))


def _sources(name: str) -> Iterator[Callable[[], Document]]:
    """How to get each document that an argument means."""
    from registry.finding import find
    from runner.documents import of_card
    from runner.fetching import fetch_readme

    if name == "-":
        yield lambda: _read(sys.stdin.buffer.read(), "standard input")
    elif name.startswith("hub:"):
        yield lambda: _read(fetch_readme(name.removeprefix("hub:")), name)
    elif name.endswith(READMES) or os.path.isdir(name):  # noqa: PTH112 - Path.is_dir fails for a name that is too long
        found = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        files = [Path(one) for one in found] or [Path(name)]
        for file in files:
            below = sorted(one for one in file.rglob("*") if one.suffix in READMES) if file.is_dir() else [file]
            yield from (partial(_file, one) for one in below)
    else:
        yield from (partial(lambda one: of_card(load(one)), file) for file in find(name))


def _file(file: Path) -> Document:
    from registry.evidence import MAX_BYTES

    if file.stat().st_size > MAX_BYTES:
        raise InputError(Problem(str(file), "", f"larger than {MAX_BYTES:,} bytes; a README is not"))
    return _read(file.read_bytes(), str(file))


def _read(content: bytes, name: str) -> Document:
    """A README as it is: what is no UTF-8 in it is replaced, nothing else."""
    from registry.draft import read

    return read(content.decode("utf-8", "replace"), name)
