"""`replicard train`."""

from __future__ import annotations

from pathlib import Path

import typer

from runner import tracking
from runner.cli.app import app
from runner.cli.arguments import (
    AcceptOption,
    CardArgument,
    DeviceBatchOption,
    FreshOption,
    KernelsOption,
    ProcessesOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SetOption,
    TrackOption,
    load,
    one_file,
    prepared,
    set_quiet,
)


@app.command()
def train(
    card: CardArgument,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    accept: AcceptOption = False,
    fresh: FreshOption = False,
    kernels: KernelsOption = "fast",
    processes: ProcessesOption = None,
    device_batch: DeviceBatchOption = None,
    track: TrackOption = None,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Train a card; what was begun is resumed."""
    from runner.reproducing import train_and_evaluate

    set_quiet(quiet)
    tracking.choose(track or ())
    loaded = load(one_file(card), set_)
    for ready in prepared(loaded, seeds, accept, runs, kernels, processes, device_batch):
        train_and_evaluate(ready, fresh, stop_after_training=True)
        typer.echo(f"trained {ready.run}: {ready.run.model}")
