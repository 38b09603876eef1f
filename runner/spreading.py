"""How the rows of an optimizer step are spread: effective batch = device batch × processes × accumulation.

The effective batch is the card's; the other three may be others here, as long as a step is the mean over the same rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from registry.errors import InputError, Problem
from registry.hardware import ACCELERATORS
from runner.record import Spread

if TYPE_CHECKING:
    from registry.card import Card
    from runner.record import Machine


def spread(card: Card, machine: Machine, processes: int | None = None, device_batch: int | None = None) -> Spread:
    """The four factors of a training on a machine; pure.

    A device batch divides the declared one, so that what it leaves out of a declared batch is in another of its parts:
    the mean over a step's rows stays the declared one, at a last, shorter batch too.

    Args:
        card: The card.
        machine: The machine.
        processes: Devices that share a step; null is the declared count where so many are here, else one.
        device_batch: Rows a device takes at once; null is the largest that works, at most the declared one.

    Raises:
        InputError: There are fewer devices, or they cannot share a step equally.
    """
    training = card.training
    effective = training.batch_size * training.gradient_accumulation_steps * card.hardware.count
    if processes is None:
        processes = _as_declared(card, machine)
    elif processes > 1 and machine.device != "cpu" and processes > machine.count:
        have = f"{machine.count} device{'s' * (machine.count > 1)} ({machine.name})"
        raise InputError(Problem(f"--processes {processes}", "", f"this machine has {have}; one process takes one"))
    if effective % processes:
        message = f"a step of {effective:,} rows cannot be shared equally; {_told(_divisors(effective))} processes can"
        raise InputError(Problem(f"--processes {processes}", "", message))
    share = effective // processes
    most = math.gcd(training.batch_size, share)
    if device_batch is None:
        device_batch = most
    elif most % device_batch:
        message = f"has to divide batches of {training.batch_size:,} rows"
        message += f" and a process's share of a step, {share:,} rows" if processes > 1 else ""
        raise InputError(Problem(f"--device-batch {device_batch}", "", f"{message}; {_told(_divisors(most))} does"))
    return Spread(
        effective_batch=effective,
        device_batch=device_batch,
        processes=processes,
        accumulation=share // device_batch,
    )


def is_divided(card: Card, device: str, processes: int) -> bool:
    """Whether the weights are divided over the devices as the card declares: one cannot, nor can CPUs."""
    return card.training.distributed is not None and device != "cpu" and processes > 1


def weight(spread: Spread, declared_batch: int, rows: int, index: int) -> tuple[int, float]:
    """What a device's batch counts for, so that a step's mean is that of one process with the declared batches.

    That is the mean of the declared batches' means, as the Trainer takes it; at the end of an epoch of fewer of them,
    the last one maybe short. accelerate fills the devices' last batches up with rows of the epoch's beginning, and the
    Trainer takes the mean of all of them.

    Args:
        spread: The four factors.
        declared_batch: Rows of a declared batch.
        rows: Rows of an epoch.
        index: Number of the device's batch in the epoch, counted over all devices, which take them in turn.

    Returns:
        How many of its rows, from its first, are not repeated; and what its mean loss, as the Trainer and DDP average
        it, has to be multiplied with: 1 but in an epoch's last step, 0 where all its rows are repeated.
    """
    batch = spread.device_batch or declared_batch
    first = index * batch
    real = max(0, min(batch, rows - first))
    if real == 0:
        return 0, 0.0
    in_step = min(spread.effective_batch, rows - first // spread.effective_batch * spread.effective_batch)
    in_declared = min(declared_batch, rows - first // declared_batch * declared_batch)
    turns = math.ceil(math.ceil(in_step / batch) / spread.processes)
    share = real / in_declared / math.ceil(in_step / declared_batch)
    return real, share * spread.processes * turns


def _as_declared(card: Card, machine: Machine) -> int:
    """The declared count of devices where so many of the declared kind are here, else one, which accumulates more."""
    wanted = ACCELERATORS.get(card.hardware.accelerator or "")
    alike = wanted is None or (wanted.device == machine.device and wanted.is_named(machine.name))
    enough = machine.device != "cpu" and machine.count >= card.hardware.count
    return card.hardware.count if alike and enough else 1


def _divisors(number: int) -> list[int]:
    return [one for one in range(1, number + 1) if number % one == 0]


def _told(numbers: list[int]) -> str:
    """`1, 2 or 4`; of many the first."""
    first = [f"{number:,}" for number in numbers[:8]]
    if len(numbers) > len(first):
        return f"{', '.join(first)}, …"
    return " or ".join(filter(None, (", ".join(first[:-1]), first[-1])))
