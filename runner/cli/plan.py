"""`replicard plan`."""

from __future__ import annotations

import typer

from runner.cli.app import app
from runner.cli.arguments import CardArgument, JsonOption, SetOption, load, one_file
from runner.cli.output import print_json, table


@app.command()
def plan(card: CardArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Say what a run would do, and what this machine cannot do.

    That is its steps, parameters and memory, and what would run otherwise than declared.
    """
    from runner.machine import detect
    from runner.model import quiet
    from runner.plan import make_plan

    loaded = load(one_file(card), set_)
    quiet()
    made = make_plan(loaded, detect())
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    rows = made.rows
    mega = 2**20
    lines = [
        ("rows", f"{rows.train:,} train, {rows.validation:,} validation, {rows.test:,} test"),
        ("steps", f"{made.steps:,} of {made.effective_batch} rows ({made.warmup_steps:,} warm-up)"),
        ("parameters", f"{made.parameters:,}, trained: {made.trainable:,}"),
        ("weights", f"{made.weight_bytes / mega:,.1f} MiB"),
        ("gradients", f"{made.gradient_bytes / mega:,.1f} MiB"),
        ("optimizer state", f"{made.optimizer_bytes / mega:,.1f} MiB ({made.optimizer})"),
        ("training", f"at most {made.training_flops:.2e} FLOPs, every text at full length"),
        ("runs on", f"{made.device}, {made.precision}"),
    ]
    table(["", loaded.card.id], [list(line) for line in lines])
    for deviation in made.deviations:
        sign = "needs --accept-deviations" if deviation.consent else "noted"
        typer.echo(f"{deviation.field}: {deviation.declared} declared, {deviation.actual} here ({sign})")
