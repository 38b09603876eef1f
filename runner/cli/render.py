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
    force: Annotated[
        bool, typer.Option("--force", help="Lose what was edited in it by hand outside of `replicard:keep`.")
    ] = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Render the README of a run; what is kept in it stays.

    That is what stands between `replicard:keep` comments. With `--check` nothing is written.
    """
    from runner.audit import audit as make_audit
    from runner.audit import judge_runs
    from runner.record import Record
    from runner.rendering import difference
    from runner.rendering import render as write_readme
    from runner.reproducing import claim_findings, current_claims
    from runner.runs import find_run, over_all_seeds, read_record

    found = find_run(runs, run)
    card = current_claims(read_record(found, Record))
    claims = claim_findings(card, found)
    if check:
        if behind := difference(card, found, judge_runs(card, found, claims)):
            typer.echo(str(behind), err=True)
            raise typer.Exit(1)
        typer.echo(f"{found.over_seeds / 'README.md'} follows from its card and record")
        return
    with over_all_seeds(found):
        typer.echo(str(write_readme(card, found, make_audit(card, found, claims), force)))
