"""Sets: from cards and seeds to tasks, with what each needs and takes by its plan, and what tasks share made once."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from registry.card import TrainedTokenizer
from registry.errors import InputError
from registry.hardware import ACCELERATORS
from runner import deviations, energy, fetching, flops, locking
from runner import model as models
from runner.executors import Task
from runner.fanout import Member, is_done, key_of
from runner.machine import detect
from runner.plan import make_plan, require_memory
from runner.record import Snapshot
from runner.reproducing import Ready, tokenize_ahead
from runner.runs import Run, run_id
from runner.spreading import spread as spread_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from registry.loading import Loaded
    from registry.locking import Pin, Role
    from runner.execution import Execution
    from runner.record import Machine, Plan, Spread

PROCESS_BYTES = 700 << 20
"""Memory of a task before it has a model: Python with torch, transformers and datasets. Measured: a run of `tiny-full`,
whose parts take less than 1 MiB, had 670 MiB at its peak."""

_SLACK, _LEAST, _UNKNOWN = 10, 3600.0, 24 * 3600.0
"""A task hangs that takes so many times the most that its plan expects, and an hour; one without a plan, a day."""


ROLES: tuple[Role, ...] = ("base", "tokenizer", "dataset")


@dataclass(frozen=True)
class Expected:
    """What a training is expected to take.

    Attributes:
        device: What its hours are counted of: `GPU`, or `core` of a CPU.
        hours: Fewest and most hours of them.
        kwh: Fewest and most kWh; null where the power is not known.
    """

    device: str
    hours: tuple[float, float]
    kwh: tuple[float, float] | None


@dataclass(frozen=True)
class Planned:
    """A task of a set with what it is made from.

    Attributes:
        ready: The card and its inputs.
        member: The task.
        expected: What its training will take; null where the card states too little to plan it.
    """

    ready: Ready
    member: Member
    expected: Expected | None


@dataclass(frozen=True)
class Asked:
    """How the tasks of a set are asked for.

    Attributes:
        root: Folder of all runs.
        overrides: `--set` of each task's command.
        execution: How each is run.
        here: Whether they run on this machine, which then has to be able to do what the cards declare.
        fetch: Whether what the cards name is fetched; else only what it means is found out.
        gpus: Devices of a task; null for what follows from card and machine.
        timeout_s: Seconds after which a task hangs; null for what follows from its plan.
        fresh: Whether what is done is done again.
    """

    root: Path
    overrides: tuple[str, ...]
    execution: Execution
    here: bool
    fetch: bool = False
    gpus: int | None = None
    timeout_s: float | None = None
    fresh: bool = False


def tasks_of(seeded: Sequence[Loaded], asked: Asked) -> list[Planned]:
    """The tasks of a card, one for each seed; where all of them are done, nothing is planned.

    Args:
        seeded: The card, once with each seed.
        asked: How they are asked for.

    Raises:
        InputError: An input is not what the card or its lock says.
        MissingError: An input cannot be had from here, or this machine, where they run on it, cannot do it.
    """
    models.quiet(rows=asked.fetch)
    first, machine = seeded[0], detect()
    # Of a machine elsewhere nothing is known but what its engine is asked for.
    at = machine if asked.here else machine.model_copy(update={"device": "cpu"})
    execution = asked.execution
    spread = spread_over(first.card, at, execution.processes, execution.device_batch)
    if asked.here:
        deviations.require_consent(first, deviations.before(first, machine, spread), execution.accept_deviations)
    ready = _ready(first, machine, spread, asked)
    runs = [replace(ready.run, seed=loaded.card.training.seed) for loaded in seeded]
    plan = _plan(ready) if asked.fresh or not all(map(_is_done, runs)) else None
    if asked.here and plan is not None:
        require_memory(first, plan, machine)
    gpus = asked.gpus if asked.gpus is not None else spread.processes * _has_gpus(plan, machine, asked.here)
    expected = _expected(plan, machine, asked.here, gpus)
    planned = []
    for loaded, run in zip(seeded, runs, strict=True):
        one = replace(ready, loaded=loaded, run=run)
        task = _task(one, plan, expected, gpus, asked)
        planned.append(Planned(one, Member(one.run, task, _batches(spread)), expected))
    return planned


def preparing(planned: Sequence[Planned]) -> Callable[[Member], None]:
    """What makes the tokens that tasks share, once for each distinct dataset, tokenizer and cleaning.

    Tokens are kept under a name made from all that goes into them (`runner.tokens`), so that tasks find them.
    """
    by_key = {one.member.task.key: one.ready for one in planned}
    done: set[str] = set()

    def prepare(member: Member) -> None:
        ready = by_key[member.task.key]
        shared = _shared(ready)
        if shared not in done:
            tokenize_ahead(ready)
            done.add(shared)

    return prepare


def expected(planned: Sequence[Planned], done: int) -> str:
    """What a set is expected to take, in one line.

    Args:
        planned: Its tasks that are to be done.
        done: How many others are done.
    """
    count = len(planned) + done
    parts = [f"{count:,} task{'s' * (count != 1)}: {len(planned):,} to do, {done:,} done"]
    for device in ("GPU", "core"):
        hours = [one.expected.hours for one in planned if one.expected is not None and one.expected.device == device]
        if hours:
            parts.append(f"{_range(hours)} {device} hours of training expected")
    kwh = [one.expected.kwh for one in planned if one.expected is not None and one.expected.kwh is not None]
    if kwh:
        parts.append(f"{_range(kwh)} kWh")
    unknown = sum(one.expected is None for one in planned)
    if unknown:
        parts.append(f"{unknown:,} of unknown length")
    return ", ".join(parts)


def _range(spans: Sequence[tuple[float, float]]) -> str:
    low, high = (sum(ends) for ends in zip(*spans, strict=True))
    return f"{low:,.2g} to {high:,.2g}" if high < 10 else f"{low:,.0f} to {high:,.0f}"


def _ready(loaded: Loaded, machine: Machine, spread: Spread, asked: Asked) -> Ready:
    """The card with base, tokenizer and dataset: fetched, or only what their names mean, which needs no weights."""
    pins = locking.pins(loaded)
    if asked.fetch:
        locking.tell_unpinned(loaded, pins)
    base, tokenizer, dataset = (
        fetching.fetch(loaded, role, pins.get(role))
        if asked.fetch
        else _meant(pins.get(role) or fetching.resolve(loaded, role))
        for role in ROLES
    )
    assert dataset is not None
    run = Run(asked.root, loaded.card.id, run_id(loaded.card, base, tokenizer, dataset), loaded.card.training.seed)
    return Ready(loaded, machine, base, tokenizer, dataset, run, spread, kernels=asked.execution.kernels)


def _is_done(run: Run) -> bool:
    try:
        return is_done(run)
    except InputError:
        return False  # which its outcome will say


def _meant(pin: Pin | None) -> Snapshot | None:
    return Snapshot(name=pin.name, revision=pin.commit or pin.fingerprint, files={}) if pin is not None else None


def _plan(ready: Ready) -> Plan | None:
    """The plan; null where the card states too little for one."""
    base = ready.base if ready.base is not None and ready.base.is_here else None
    card, machine = ready.loaded.card, ready.machine
    try:
        speed = _speed(machine.device, deviations.actual_precision(card, machine))
        return make_plan(ready.loaded, machine, base=base, speed=speed, kernels=ready.kernels, spread=ready.spread)
    except InputError:
        return None


@cache
def _speed(device: str, precision: str) -> float:
    return flops.product_speed(device, precision)


def _has_gpus(plan: Plan | None, machine: Machine, here: bool) -> bool:
    """On this machine where there are any; elsewhere where the card declares an accelerator."""
    return machine.device == "cuda" if here else plan is not None and plan.declared is not None


def _expected(plan: Plan | None, machine: Machine, here: bool, gpus: int) -> Expected | None:
    """By the speed of what it will run on, or by that of this machine where nothing is known of that."""
    if plan is None:
        return None
    if gpus and not here and plan.declared is not None and plan.declared.hours is not None:
        watts = ACCELERATORS[plan.declared.name].tdp_watts
        return _of(plan.declared.hours, "GPU", plan.declared.count, watts and watts * plan.declared.count)
    if plan.here.hours is None:
        return None
    cpu, count = machine.device == "cpu", plan.here.count
    known = energy.watts(machine, count)
    return _of(plan.here.hours, "core" if cpu else "GPU", machine.cpu_threads if cpu else count, known and known[0])


def _of(hours: tuple[float, float], device: str, count: int, watts: float | None) -> Expected:
    low, high = hours
    return Expected(device, (low * count, high * count), (low * watts / 1000, high * watts / 1000) if watts else None)


def _task(ready: Ready, plan: Plan | None, expected: Expected | None, gpus: int, asked: Asked) -> Task:
    run, processes = ready.run, ready.spread.processes
    peak = weights = 0
    if plan is not None:
        on = plan.declared if gpus and not asked.here and plan.declared is not None else plan.here
        peak, weights = on.peak_bytes, plan.weight_bytes
    overrides = (f"--set={override}" for override in asked.overrides)
    timeout = _LEAST + _SLACK * 3600 * expected.hours[1] if expected is not None else _UNKNOWN
    return Task(
        key=key_of(run),
        card=ready.loaded.file.resolve(),
        runs=run.root.resolve(),
        folder=run.folder.relative_to(run.root),
        options=("--task", str(run), "--seeds", str(run.seed), *overrides, *asked.execution.options),
        cpus=processes,
        gpus=gpus,
        memory_bytes=processes * (PROCESS_BYTES + (weights if gpus else peak)),
        device_bytes=peak if gpus else 0,
        timeout_s=asked.timeout_s or timeout,
    )


def _batches(spread: Spread) -> tuple[int, ...]:
    """What a device may take at once: each the largest divisor of the first that is at most half of the one before."""
    assert spread.device_batch is not None
    found = [spread.device_batch]
    while found[-1] > 1:
        found.append(max(size for size in range(1, found[-1] // 2 + 1) if found[0] % size == 0))
    return tuple(found)


def _shared(ready: Ready) -> str:
    """What the tokens of a task hang on, without looking at the rows."""
    card = ready.loaded.card
    named, files = card.base.tokenizer, ready.tokenizer or ready.base
    parts = [
        ready.dataset.revision,
        card.data.model_dump(mode="json"),
        card.task.model_dump(mode="json"),
        named.model_dump(mode="json") if isinstance(named, TrainedTokenizer) else files and files.revision,
        card.evaluation.split,
        card.evaluation.each_epoch,
    ]
    return json.dumps(parts, sort_keys=True)
