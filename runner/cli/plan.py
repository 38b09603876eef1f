"""`replicard plan`."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import typer

from runner.cli.app import app
from runner.cli.arguments import (
    CardArgument,
    DeviceBatchOption,
    JsonOption,
    ProcessesOption,
    SetOption,
    load,
    one_file,
)
from runner.cli.output import print_json, table

if TYPE_CHECKING:
    from runner.record import Estimate, Plan


@app.command()
def plan(
    card: CardArgument,
    set_: SetOption = None,
    processes: ProcessesOption = None,
    device_batch: DeviceBatchOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a run would do and take, and what it cannot here.

    That is its steps, parameters, memory by part, FLOPs and hours, here and on the declared hardware, and what would
    run otherwise than declared.
    """
    # bitsandbytes loads torch's compiler when it is imported, for 1.5 s, and nothing is computed here that needs it.
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    # Nearly all that is made here are modules, which stay: looking for garbage among them, at the end too, takes a
    # fifth of the time.
    gc.disable()
    try:
        made, name = _made(card, set_, processes, device_batch)
    finally:
        gc.freeze()
        gc.enable()
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    table(["", name], _recipe(made))
    table(["memory", *_columns(made)], _memory(made))
    for deviation in made.deviations:
        sign = "needs --accept-deviations" if deviation.consent else "noted"
        typer.echo(f"{deviation.field}: {deviation.declared} declared, {deviation.actual} here ({sign})")


def _made(card: str, set_: list[str] | None, processes: int | None, device_batch: int | None) -> tuple[Plan, str]:
    """The plan and the card's id."""
    from runner.deviations import actual_precision
    from runner.flops import product_speed
    from runner.machine import detect
    from runner.model import quiet
    from runner.plan import make_plan
    from runner.spreading import spread

    loaded = load(one_file(card), set_)
    quiet(rows=False)
    machine = detect()
    factors = spread(loaded.card, machine, processes, device_batch)
    speed = product_speed(machine.device, actual_precision(loaded.card, machine))
    return make_plan(loaded, machine, speed=speed, spread=factors), loaded.card.id


def _recipe(made: Plan) -> list[list[str]]:
    rows = made.rows
    return [
        ["rows", f"{rows.train:,} train, {rows.validation:,} validation, {rows.test:,} test"],
        ["steps", f"{made.steps:,} of {made.effective_batch} rows ({made.warmup_steps:,} warm-up)"],
        ["a step", _spread(made)],
        ["parameters", f"{made.parameters:,}, trained: {made.trainable:,}"],
        ["training", f"at most {made.training_flops:.2e} FLOPs, every text at full length"],
    ]


def _spread(made: Plan) -> str:
    """The four factors."""
    who = f"{made.processes} processes × " if made.processes > 1 else ""
    batches = f"{made.accumulation} batch{'es' * (made.accumulation > 1)}"
    return f"{made.effective_batch:,} rows = {who}{batches} of {made.device_batch}"


def _places(made: Plan) -> list[Estimate]:
    return [made.here] if made.declared is None else [made.here, made.declared]


def _columns(made: Plan) -> list[str]:
    """Where: this machine, and the declared one."""
    names = [f"{place.count} × {place.name}" if place.count > 1 else place.name for place in _places(made)]
    return [f"{what}: {name}" for what, name in zip(("here", "declared"), names, strict=False)]


def _memory(made: Plan) -> list[list[str]]:
    """Parts of the memory, their peak and the hours, by place."""
    places = _places(made)
    same = {
        "weights": made.weight_bytes,
        "adapter": made.adapter_bytes,
        "gradients": made.gradient_bytes,
        f"optimizer state ({made.optimizer})": made.optimizer_bytes,
    }
    return [
        *([name, *[_size(size)] * len(places)] for name, size in same.items()),
        ["activations of a batch", *(_size(place.activation_bytes) for place in places)],
        ["peak", *(_size(place.peak_bytes) for place in places)],
        ["device has", *(_room(place) for place in places)],
        ["products in", *(place.precision for place in places)],
        ["training, estimated", *(_hours(place) for place in places)],
    ]


def _size(size: int) -> str:
    unit, name = (2**30, "GiB") if size >= 10 * 2**30 else (2**20, "MiB")
    return "–" if size == 0 else f"{size / unit:,.{2 if size < 2**20 else 1}f} {name}"


def _room(place: Estimate) -> str:
    if place.memory_bytes is None:
        return "not known"
    return f"{_size(place.memory_bytes)}: {'fits' if place.fits else 'too little'}"


def _hours(place: Estimate) -> str:
    if place.hours is None:
        return "speed not known"
    least, most = (f"{hours:,.1f} h" if hours >= 1 else f"{60 * hours:,.1f} min" for hours in place.hours)
    return f"{least} to {most}"
