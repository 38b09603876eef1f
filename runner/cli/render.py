"""`replicard render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.app import app
from runner.cli.arguments import RunArgument, RunsOption


@app.command()
def render(
    run: RunArgument,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if the README no longer follows.")] = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Render the README of a run."""
    from runner.audit import audit as make_audit
    from runner.audit import judge_runs
    from runner.record import Record
    from runner.rendering import readme
    from runner.rendering import render as write_readme
    from runner.reproducing import claim_findings, current_claims
    from runner.runs import find_run, over_all_seeds, read_record

    found = find_run(runs, run)
    card = current_claims(read_record(found, Record))
    claims = claim_findings(card, found)
    if check:
        path = found.over_seeds / "README.md"
        follows = readme(card, found, judge_runs(card, found, claims))
        if not path.exists() or path.read_text(encoding="utf-8") != follows:
            typer.echo(
                f"{path} does not follow from its card and record; `replicard render {run}` renders it", err=True
            )
            raise typer.Exit(1)
        typer.echo(f"{path} follows from its card and record")
        return
    with over_all_seeds(found):
        typer.echo(str(write_readme(card, found, make_audit(card, found, claims))))
