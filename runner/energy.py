"""Energy and CO2 of a training: by codecarbon where it is installed, else time × power; and what of it was measured."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass
from importlib import metadata, util
from typing import TYPE_CHECKING

from registry.grid import SOURCE, WORLD, grid_of
from registry.hardware import ACCELERATORS
from runner.record import Energy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from runner.record import Machine

ESTIMATE_ONLY = "REPLICARD_ENERGY"
"""Environment variable: `estimate` leaves codecarbon alone although it is installed."""

CORE_WATTS, GIB_WATTS = 12.0, 0.3725
"""Power of a busy processor core of an unknown model, and of a GiB of memory: the defaults of Green Algorithms
(Lannelongue et al. 2021, doi:10.1002/advs.202100707)."""


@dataclass(frozen=True)
class Meter:
    """Something that reads energy.

    Attributes:
        method: What it does, in words.
        measured: Whether it measures; else it estimates.
        kwh: From the seconds since it was started, the kWh since then.
    """

    method: str
    measured: bool
    kwh: Callable[[float], float]


@contextlib.contextmanager
def metering(machine: Machine, devices: int = 1) -> Iterator[Meter | None]:
    """A meter that runs within the block; null where neither a meter nor the device's power is known.

    Args:
        machine: The machine.
        devices: How many of its devices are at work; a CPU is one.
    """
    if util.find_spec("codecarbon") is not None and os.environ.get(ESTIMATE_ONLY) != "estimate":
        with _codecarbon(machine) as meter:
            yield meter
        return
    estimated = watts(machine, devices)
    if estimated is None:
        yield None
    else:
        power, words = estimated
        yield Meter(f"estimate: time × {power:.0f} W ({words})", False, lambda seconds: seconds / 3600 * power / 1000)


def spent(kwh: float, meter: Meter, machine: Machine) -> Energy:
    """What so much energy stands for where the machine is.

    Args:
        kwh: Energy in kWh.
        meter: What read it.
        machine: The machine; one without a country is put on the world's mean.
    """
    grid = WORLD if machine.country is None else grid_of(machine.country)
    return Energy(
        kwh=kwh,
        grams_co2=kwh * grid.intensity,
        method=meter.method,
        measured=meter.measured,
        intensity=grid.intensity,
        intensity_source=f"{grid.name}, {grid.year}: {SOURCE}",
    )


def watts(machine: Machine, devices: int) -> tuple[float, str] | None:
    """Power of the devices at full load, and where it comes from; null where nobody tells."""
    if machine.device == "cpu":
        gib = machine.memory_bytes / 2**30
        words = f"{machine.cpu_threads} cores of {CORE_WATTS:g} W, {gib:.0f} GiB of {GIB_WATTS:g} W"
        return machine.cpu_threads * CORE_WATTS + gib * GIB_WATTS, words
    for name, known in ACCELERATORS.items():
        if known.device == machine.device and known.tdp_watts is not None and known.is_named(machine.name):
            several = f"{devices} × " if devices > 1 else ""
            return float(devices * known.tdp_watts), f"{several}the board power of {name}, nothing else counted"
    return None


@contextlib.contextmanager
def _codecarbon(machine: Machine) -> Iterator[Meter]:
    """Codecarbon's tracker, told not to ask the network where it is and to write no file."""
    from codecarbon import OfflineEmissionsTracker
    from codecarbon.output_methods.base_output import BaseOutput

    # Importing it sets the level to INFO, and it logs before it heeds `log_level`.
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)

    class Latest(BaseOutput):  # type: ignore[misc]
        """Keeps the newest reading."""

        kwh = 0.0

        def out(self, total: object, delta: object) -> None:
            self.kwh = float(total.energy_consumed)  # type: ignore[attr-defined]

    latest = Latest()
    tracker = OfflineEmissionsTracker(
        country_iso_code="USA",  # it wants one; only its kWh are used
        output_methods=[],
        log_level="critical",
        allow_multiple_runs=True,
        output_handlers=[latest],
    )

    def read(seconds: float) -> float:
        tracker.flush()
        return latest.kwh

    tracker.start()
    measured, method = how_read(machine, tracker._hardware)
    try:
        yield Meter(f"codecarbon {metadata.version('codecarbon')}{method}", measured, read)
    finally:
        tracker.stop()


def how_read(machine: Machine, hardware: Iterable[object]) -> tuple[bool, str]:
    """Whether codecarbon reads the device's energy from a counter, and in words which parts' energy it works out.

    Memory's it always works out, and a processor's where its counter may not be read, as in most containers.

    Args:
        machine: The machine with its device.
        hardware: The parts as codecarbon has found them; a GPU that it has not found is not among them.
    """
    worked_out = {"RAM", *(type(part).__name__ for part in hardware if _mode(part) in ("cpu_load", "constant"))}
    found = [type(part).__name__ for part in hardware]
    device = {"GPU"} if machine.device == "cuda" else {"CPU", "AppleSiliconChip", "Raspberry"}
    estimated = sorted({name for name in found if name in worked_out})
    words = f"; {' and '.join(estimated)} estimated" if estimated else ""
    return bool(device & {*found} - worked_out), words


def _mode(part: object) -> str | None:
    return getattr(part, "_mode", None)
