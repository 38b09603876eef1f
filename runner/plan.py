"""The plan: what a run will do, by arithmetic alone. Pure: no network, no clock, no weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, MissingError, Problem
from registry.hardware import ACCELERATORS
from runner import flops
from runner import model as models
from runner.data import stated_rows
from runner.deviations import actual_precision, before
from runner.record import Estimate, Machine, Plan, Rows, Spread
from runner.spreading import spread as as_it_comes

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.card import Card
    from registry.loading import Loaded
    from runner import memory
    from runner.record import Snapshot


def make_plan(
    loaded: Loaded,
    machine: Machine,
    rows: Rows | None = None,
    base: Snapshot | None = None,
    vocabulary: int | None = None,
    speed: float | None = None,
    kernels: str = "fast",
    spread: Spread | None = None,
) -> Plan:
    """Work out what a run of the card will do on a machine.

    Args:
        loaded: The card.
        machine: The machine.
        rows: Rows of each split, where they have been counted; else from the card's `data.rows`.
        base: The base's files, where they have been fetched: they hold the architecture if the card does not.
        vocabulary: Tokens of a tokenizer that was trained on the spot; its largest size until then.
        speed: FLOP/s of a matrix product on the machine, where that was measured.
        kernels: `fast` or `reference`; memory and time are those of the reference, which needs no less of either.
        spread: How a step's rows are spread; null as it comes from card and machine.

    Raises:
        InputError: The card states too little to plan without fetching something, or leaves no training rows.
    """
    from runner import memory

    card = loaded.card
    if rows is None:
        rows = _declared_rows(loaded)
    if card.base.architecture is None and base is None:
        message = "planning needs no network when the card states it: `{model_type: bert, hidden_size: …}`"
        raise InputError(Problem(loaded.where("base"), "base.architecture", f"missing; {message}"))
    training, length = card.training, card.data.tokens.max_length
    spread = spread or as_it_comes(card, machine)
    batch = spread.device_batch or training.batch_size
    # The Trainer takes a last, shorter accumulation at the end of an epoch.
    steps = math.ceil(training.epochs * math.ceil(rows.train / spread.effective_batch))
    if training.warmup_ratio is not None:
        warmup = math.ceil(steps * training.warmup_ratio)
    else:
        warmup = training.warmup_steps or 0

    model, alone = models.planned(card, base, vocabulary)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    work = flops.training_flops(model, training.epochs * rows.train * length, length)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    parts = _parts(card, model, alone)

    largest = max(parameter.nbytes for parameter in trained)

    def on(device: Machine, batch: int, accumulates: bool, speed: float | None, share: tuple[float, float]) -> Estimate:
        precision = actual_precision(card, device)
        kept, passing = memory.activations(model, batch, length, precision, device.device)
        step = memory.passing_through(training.optimizer, trained, device.device)
        return Estimate(
            name=device.name,
            count=device.count,
            precision=precision,
            activation_bytes=kept,
            peak_bytes=memory.peak(parts, kept, passing, step, largest, accumulates, device.device),
            memory_bytes=device.memory_bytes or None,
            hours=flops.hours(work, speed * device.count, share) if speed else None,
        )

    declared, its_speed = _declared_machine(card)
    return Plan(
        rows=rows,
        **spread.model_dump(),
        batches=math.ceil(rows.train / (batch * spread.processes)),
        steps=steps,
        warmup_steps=warmup,
        device=machine.device,
        precision=actual_precision(card, machine),
        optimizer=training.optimizer,
        kernels=kernels,
        parameters=parameters,
        trainable=sum(parameter.numel() for parameter in trained),
        weight_bytes=parts.weights,
        adapter_bytes=parts.adapter,
        gradient_bytes=parts.gradients,
        optimizer_bytes=parts.state,
        training_flops=work,
        here=on(_one_of(machine, spread.processes), batch, spread.accumulation > 1, speed, flops.OF_PRODUCT),
        declared=declared
        and on(
            declared,
            training.batch_size,
            training.gradient_accumulation_steps > 1,
            its_speed(actual_precision(card, declared)),
            flops.OF_PEAK,
        ),
        deviations=before(loaded, machine, spread),
    )


def _one_of(machine: Machine, processes: int) -> Machine:
    """What one process of several has: a device of its own, or a share of the CPU, its memory and its speed."""
    if machine.device != "cpu":
        return machine.model_copy(update={"count": processes})
    return machine.model_copy(update={"count": 1, "memory_bytes": machine.memory_bytes // processes})


def held(card: Card) -> int:
    """Bytes that a run of a card with an architecture holds all along: weights, gradients and optimizer state."""
    parts = _parts(card, *models.planned(card, None, None))
    return parts.weights + parts.adapter + parts.gradients + parts.state


def _parts(card: Card, model: Any, alone: int) -> memory.Parts:
    """The memory that a planned model takes by part; of the base alone, its weights take `alone` bytes."""
    from runner import memory

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return memory.Parts(
        weights=alone,
        adapter=memory.held(model.parameters()) - alone,
        gradients=sum(parameter.nbytes for parameter in trained),
        state=memory.state_bytes(card.training.optimizer, trained, memory.embeddings(model)),
        unpacked=memory.unpacked(model),
    )


def require_memory(loaded: Loaded, plan: Plan, machine: Machine) -> None:
    """Refuse what cannot fit, before anything is fetched: what is held all along is a lower bound.

    Raises:
        MissingError: The device has less memory.
    """
    needed = plan.weight_bytes + plan.adapter_bytes + plan.gradient_bytes + plan.optimizer_bytes
    require_room(loaded, needed, machine, plan.processes)


def require_room(loaded: Loaded, needed: int, machine: Machine, processes: int = 1) -> None:
    """Refuse a card of which each process holds more bytes all along than it has on the machine.

    Raises:
        MissingError: The device has less memory.
    """
    have = _one_of(machine, processes).memory_bytes
    if needed > have:
        message = f"weights, gradients and optimizer state take {needed / 2**30:.1f} GiB, {machine.name} has "
        message += f"{have / 2**30:.1f} GiB"
        message += f" for each of {processes} processes" if processes > 1 and machine.device == "cpu" else ""
        message += "; run it on a larger device"
        raise MissingError(Problem(loaded.where("base"), "base", message))


def _declared_rows(loaded: Loaded) -> Rows:
    """Rows of each split by the card's own facts."""
    data = loaded.card.data
    if data.rows is None:
        message = "missing; planning needs no download when the card states the rows of the dataset's splits"
        raise InputError(Problem(loaded.where("data"), "data.rows", message))
    try:
        rows = stated_rows(data)
    except KeyError as error:
        message = f"`data.rows` does not say how many rows {error.args[0]!r} has"
        raise InputError(Problem(loaded.where("data.rows"), "data.rows", message)) from None
    if rows["train"] <= 0:
        raise InputError(Problem(loaded.where("data"), "data", "no training rows are left"))
    return Rows(**rows)


def _declared_machine(card: Card) -> tuple[Machine | None, Callable[[str], float | None]]:
    """The accelerator that the card names, as a machine, and its FLOP/s by precision; null for a CPU: it is any."""
    name = card.hardware.accelerator
    if name is None or name == "cpu":
        return None, lambda precision: None
    wanted = ACCELERATORS[name]
    machine = Machine(
        device=wanted.device,
        name=name,
        count=card.hardware.count,
        memory_bytes=(wanted.memory_gib or 0) << 30,
        bf16="bf16" in wanted.peak_flops or wanted.device == "mps",
        cpu_threads=1,
    )
    return machine, wanted.peak_flops.get
