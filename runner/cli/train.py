"""`replicard train`."""

from __future__ import annotations

from pathlib import Path

import typer

from runner import tracking
from runner.cli.app import app
from runner.cli.arguments import (
    CardArgument,
    FreshOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SetOption,
    TrackOption,
    executing,
    load,
    one_file,
    prepared,
    set_quiet,
)
from runner.execution import Execution


@app.command()
@executing
def train(
    card: CardArgument,
    *,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    execution: Execution,
    fresh: FreshOption = False,
    track: TrackOption = None,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Train a card; what was begun is resumed."""
    from runner.reproducing import train_and_evaluate

    set_quiet(quiet)
    tracking.choose(track or ())
    loaded = load(one_file(card), set_)
    for ready in prepared(loaded, seeds, execution, runs):
        train_and_evaluate(ready, fresh, stop_after_training=True)
        typer.echo(f"trained {ready.run}: {ready.run.model}")
