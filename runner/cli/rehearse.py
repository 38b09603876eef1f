"""`replicard rehearse`."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import ReplicardError
from runner.cli.app import app
from runner.cli.arguments import CardsArgument, JsonOption, QuietOption, RunsOption, SetOption, load_all, set_quiet
from runner.cli.failures import fail
from runner.cli.output import print_json, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.loading import Loaded
    from runner.record import Deviation
    from runner.rehearsing import Rehearsal


@app.command()
def rehearse(
    cards: CardsArgument,
    set_: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would stand in for what; run nothing.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Run cards end to end with a small model and few rows.

    It shows that a card works, before a GPU is rented; nothing is fetched. Training, evaluation, audit and README are
    those of `reproduce`, with the same model class, adapter, quantizer, optimizer and schedule; the saved model is
    loaded again, and what would be published is listed. The scores mean nothing. It takes about a minute a card, on a
    CPU too.
    """
    set_quiet(quiet)
    loaded = load_all(cards, set_)
    done, worst = [], 0
    for one in loaded:
        try:
            done.append(_arranged(one, as_json) if dry_run else _rehearsed(one, runs, as_json))
        except Exception as error:
            if len(loaded) == 1:
                raise
            if not as_json:
                typer.echo(f"{one.card.id}  failed\n")
            problems = error.problems if isinstance(error, ReplicardError) else [error]
            done.append({"card": one.card.id, "ok": False, "problems": [str(problem) for problem in problems]})
            worst = max(worst, fail(error))
    if as_json:
        print_json(done)
    if worst:
        raise typer.Exit(worst)


def _arranged(loaded: Loaded, as_json: bool) -> dict[str, Any]:
    """What would stand in for what; the result as JSON, printed for people unless that is wanted."""
    from runner.rehearsing import arrange

    with tempfile.TemporaryDirectory(prefix="replicard-") as folder:
        substitutions = arrange(loaded, Path(folder)).substitutions
    if not as_json:
        _print_substitutions(f"{loaded.card.id} would rehearse", substitutions)
    return {"card": loaded.card.id, "ok": True, "substitutions": [d.model_dump(mode="json") for d in substitutions]}


def _rehearsed(loaded: Loaded, runs: Path, as_json: bool) -> dict[str, Any]:
    """Rehearse a card; the result as JSON, printed for people unless that is wanted."""
    from runner.rehearsing import rehearse as run_it

    done = run_it(loaded, runs)
    if not as_json:
        _print(loaded, done)
    return {
        "card": loaded.card.id,
        "ok": True,
        "seconds": sum(stage.seconds for stage in done.stages),
        "substitutions": [d.model_dump(mode="json") for d in done.substitutions],
        "stages": [asdict(stage) for stage in done.stages],
        "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in done.files],
        "run": str(done.run.folder),
        "readme": str(done.page),
    }


def _print(loaded: Loaded, done: Rehearsal) -> None:
    """What stood in for what, what was proven, and what would be published."""
    _print_substitutions(f"{loaded.card.id} rehearsed", done.substitutions)
    rows = [[stage.name, f"{stage.seconds:.1f}", stage.proven] for stage in done.stages]
    seconds = sum(stage.seconds for stage in done.stages)
    table(["Stage", "Seconds", "Went well"], [*rows, ["all", f"{seconds:.1f}", ""]])
    files = [[file.name, f"{file.size:,}", file.sha256] for file in done.files]
    table(["Would be published", "Bytes", "SHA-256"], files)
    typer.echo(f"README  {done.page}")
    typer.echo(f"record  {done.run.record}")
    typer.echo("a rehearsal: it shows that the card runs, its scores mean nothing")


def _print_substitutions(title: str, substitutions: Iterable[Deviation]) -> None:
    rows = [[d.field, d.declared, d.actual, d.cause] for d in substitutions]
    table([title, "Declared", "Here", "Why"], rows)
