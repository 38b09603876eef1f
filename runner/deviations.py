"""The deviation ledger: what runs otherwise than the card declares, told before a run starts and after it has trained.

A kind of deviation is one function here. Those of `BEFORE` are known from the card and the machine alone, so that a run
can ask before it fetches anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import MissingError, Problem
from registry.hardware import ACCELERATORS
from registry.locking import COMMIT, inputs
from runner.machine import versions
from runner.record import Deviation, Rows
from runner.spreading import is_divided
from runner.spreading import spread as as_it_comes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.card import Card
    from registry.loading import Loaded
    from registry.locking import Role
    from runner.record import Machine, Plan, Snapshot, Spread, TrainingResult


def before(loaded: Loaded, machine: Machine, spread: Spread | None = None) -> tuple[Deviation, ...]:
    """What a run of the card on this machine will do otherwise than declared; pure.

    Args:
        loaded: The card.
        machine: The machine.
        spread: How a step's rows will be spread; null as it comes from the two.
    """
    overridden = (
        Deviation(
            field=o.path, root=o.root, declared=o.declared, actual=o.actual, cause="overridden on the command line"
        )
        for o in loaded.overrides
    )
    found = (found for kind in BEFORE for found in kind(loaded.card, machine))
    return (*overridden, *found, *of_spread(loaded.card, machine, spread or as_it_comes(loaded.card, machine)))


def require_consent(loaded: Loaded, found: Iterable[Deviation], accepted: bool) -> None:
    """Refuse to go on where the machine cannot do what is declared and nobody agreed.

    Raises:
        MissingError: Naming each such deviation.
    """
    if accepted:
        return
    problems = [
        Problem(loaded.where(d.field), d.field, f"{told(d)}; --accept-deviations runs it so")
        for d in found
        if d.consent
    ]
    if problems:
        raise MissingError(problems)


def told(deviation: Deviation) -> str:
    """A deviation that has not happened yet, in words."""
    d = deviation
    return f"{d.declared} is declared, here it would be {d.actual}: {d.cause}"


def actual_precision(card: Card, machine: Machine) -> str:
    """The declared precision where the device has it, else the next more exact one."""
    wanted = card.training.precision
    if wanted == "fp16" and machine.device in ("cpu", "mps"):
        return "fp32"  # a CPU has no fp16 gradient scaler; the Trainer would silently do the same
    if wanted == "bf16" and not machine.bf16:
        return "fp32"
    return wanted


def _accelerator(card: Card, machine: Machine) -> Iterator[Deviation]:
    declared = card.hardware.accelerator
    if declared is None:
        return
    wanted = ACCELERATORS[declared]
    # Of its type and, but for a CPU, by its name.
    if wanted.device == machine.device and (wanted.device == "cpu" or wanted.is_named(machine.name)):
        return
    yield Deviation(
        field="hardware.accelerator",
        declared=declared,
        actual=f"{machine.device} ({machine.name})",
        cause="what this machine has",
        # A card made on a CPU loses nothing on an accelerator.
        consent=machine.device == "cpu" and wanted.device != "cpu",
    )


def _precision(card: Card, machine: Machine) -> Iterator[Deviation]:
    declared, actual = card.training.precision, actual_precision(card, machine)
    if actual != declared:
        yield Deviation(
            field="training.precision",
            declared=declared,
            actual=actual,
            cause=f"{machine.device} has no {declared} training",
            consent=True,
        )


def _paging(card: Card, machine: Machine) -> Iterator[Deviation]:
    declared = card.training.optimizer
    if declared.startswith("paged_") and machine.device == "cpu":
        yield Deviation(
            field="training.optimizer",
            declared=declared,
            actual=f"{declared} without paging",
            cause="bitsandbytes pages only between a GPU and its host",
            consent=True,
        )


def _software(card: Card, machine: Machine) -> Iterator[Deviation]:
    have = versions()
    for package, wanted in card.software.model_dump().items():
        if wanted is not None and have.get(package) != wanted:
            yield Deviation(
                field=f"software.{package}", declared=wanted, actual=have.get(package, "?"), cause="installed here"
            )


BEFORE = (_accelerator, _precision, _paging, _software)


def of_spread(card: Card, machine: Machine, spread: Spread) -> Iterator[Deviation]:
    """Where a step's rows are spread otherwise than over the declared devices, batches and accumulation.

    Its rows are the same: accelerate gives the devices the batches in turn, so those of one step follow each other.
    """
    training, count = card.training, card.hardware.count
    cause = f"so that a step is of {spread.effective_batch:,} rows, as declared"
    if spread.processes != count:
        uses = "a run uses one device" if spread.processes == 1 else f"{spread.processes} processes share a step"
        yield Deviation(field="hardware.count", declared=f"{count}", actual=f"{spread.processes}", cause=uses)
    each = f" on each of {spread.processes}" if spread.processes > 1 else ""
    if spread.device_batch not in (None, training.batch_size):
        yield Deviation(
            field="training.batch_size",
            declared=f"{training.batch_size:,}",
            actual=f"{spread.device_batch:,}{each}",
            cause=cause,
        )
    steps = training.gradient_accumulation_steps
    if spread.accumulation != steps:
        yield Deviation(
            field="training.gradient_accumulation_steps",
            declared=f"{steps} on each of {count} devices" if count > 1 else f"{steps}",
            actual=f"{spread.accumulation}{each or (' on one' if count > 1 else '')}",
            cause=cause,
        )
    declared = training.distributed
    if declared is not None and not is_divided(card, machine.device, spread.processes):
        why = "a CPU" if machine.device == "cpu" else "one device"
        yield Deviation(
            field="training.distributed",
            declared="FSDP" if declared.fsdp else "DeepSpeed",
            actual="all weights in each process" if spread.processes > 1 else "all weights in one process",
            cause=f"{why} has nothing to divide them over",
        )


def of_inputs(loaded: Loaded, resolved: Mapping[Role, Snapshot | None]) -> Iterator[Deviation]:
    """Where the card pins nothing that was read: a branch or tag that was resolved, a folder of the name."""
    for role, wanted in inputs(loaded.card).items():
        snapshot = resolved[role]
        if snapshot is None or (wanted.is_commit and snapshot.revision == wanted.revision):
            continue
        if COMMIT.fullmatch(snapshot.revision):
            cause = "by the card's lock" if snapshot.pinned == "lock" else "what it meant when this ran"
            yield Deviation(
                field=wanted.revision_path,
                declared=wanted.revision or "main",
                actual=snapshot.revision,
                cause=f"{cause}; not pinned in the card",
            )
        elif wanted.revision is not None:
            yield Deviation(
                field=wanted.revision_path,
                declared=wanted.revision,
                actual=snapshot.revision,
                cause="a folder of that name lies here",
            )


def of_rows(card: Card, rows: Rows) -> Iterator[Deviation]:
    """Where the dataset has fewer rows than the card limits it to."""
    if card.data.limit is None:
        return
    cause = "equally many of each label" if card.data.balanced else "there are no more"
    for part in ("train", "validation", "test"):
        most, used = getattr(card.data.limit, part), getattr(rows, part)
        if most is not None and 0 < used < most:
            yield Deviation(field=f"data.limit.{part}", declared=f"{most:,}", actual=f"{used:,}", cause=cause)


def of_training(card: Card, plan: Plan, result: TrainingResult) -> Iterator[Deviation]:
    """Where training really ran otherwise than was planned: told by the accelerator and the log, not by the card."""
    cause = "what really ran"
    if result.precision != plan.precision:
        declared = card.training.precision
        yield Deviation(field="training.precision", declared=declared, actual=result.precision, cause=cause)
    if result.begun_with is not None:
        yield Deviation(
            field="training.seed",
            declared=f"{card.training.seed}",
            actual=f"{card.training.seed}, drawn from anew at step {result.resumed_from:,}",
            cause=f"begun with {result.begun_with} processes, gone on with {result.processes}: dropout is another",
        )
    if result.steps != plan.steps:
        yield Deviation(
            field="training.epochs", declared=f"{plan.steps:,} steps", actual=f"{result.steps:,} steps", cause=cause
        )
