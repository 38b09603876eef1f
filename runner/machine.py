"""What this machine is, and which parts of a card it cannot do as declared."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING

from registry.hardware import ACCELERATORS
from runner.record import Deviation, Machine

if TYPE_CHECKING:
    from registry.card import Card
    from registry.loading import Override

PACKAGES = (
    "torch", "transformers", "accelerate", "peft", "bitsandbytes", "datasets", "tokenizers", "huggingface-hub",
    "safetensors", "scikit-learn", "scipy", "numpy", "replicard",
)  # fmt: skip
"""Packages whose versions the record keeps."""


def detect() -> Machine:
    """The device that accelerate will choose, in its order: CUDA, XPU, MPS, CPU."""
    import torch

    threads = torch.get_num_threads()
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Machine(
            device="cuda",
            name=properties.name,
            count=torch.cuda.device_count(),
            memory_bytes=properties.total_memory,
            bf16=torch.cuda.is_bf16_supported(),
            cpu_threads=threads,
        )
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        intel = torch.xpu.get_device_properties(0)
        return Machine(
            device="xpu",
            name=intel.name,
            count=torch.xpu.device_count(),
            memory_bytes=intel.total_memory,
            bf16=True,
            cpu_threads=threads,
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.backends.mps.is_available():
        # An older torch does not tell which chip it is.
        name = getattr(torch.backends.mps, "get_name", lambda: f"Apple {platform.machine()}")()
        return Machine(device="mps", name=name, count=1, memory_bytes=memory, bf16=True, cpu_threads=threads)
    return Machine(device="cpu", name=_cpu_name(), count=1, memory_bytes=memory, bf16=True, cpu_threads=threads)


def _cpu_name() -> str:
    """The processor's name, where Linux tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 (not a path of the user's)
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def deviations(card: Card, machine: Machine, overrides: tuple[Override, ...]) -> tuple[Deviation, ...]:
    """What will run otherwise than the card declares; pure."""
    found = [
        Deviation(
            field=o.path, root=o.root, declared=o.declared, actual=o.actual, cause="overridden on the command line"
        )
        for o in overrides
    ]
    declared = card.hardware.accelerator
    if declared is not None and not _is_same(declared, machine):
        where = f"{machine.device} ({machine.name})"
        found.append(
            Deviation(
                field="hardware.accelerator",
                declared=declared,
                actual=where,
                cause="what this machine has",
                # A card made on a CPU loses nothing on an accelerator.
                consent=machine.device == "cpu" and ACCELERATORS[declared].device != "cpu",
            )
        )
    if card.hardware.count > 1:
        found.append(
            Deviation(
                field="hardware.count", declared=str(card.hardware.count), actual="1", cause="a run uses one device"
            )
        )
    actual = actual_precision(card, machine)
    if actual != card.training.precision:
        cause = f"{machine.device} has no {card.training.precision} training"
        found.append(
            Deviation(
                field="training.precision", declared=card.training.precision, actual=actual, cause=cause, consent=True
            )
        )
    if card.training.optimizer.startswith("paged_") and machine.device == "cpu":
        found.append(
            Deviation(
                field="training.optimizer",
                declared=card.training.optimizer,
                actual=f"{card.training.optimizer} without paging",
                cause="bitsandbytes pages only between a GPU and its host",
                consent=True,
            )
        )
    have = versions()
    for package, wanted in card.software.model_dump().items():
        if wanted is not None and have.get(package) != wanted:
            found.append(
                Deviation(
                    field=f"software.{package}", declared=wanted, actual=have.get(package, "?"), cause="installed here"
                )
            )
    return tuple(found)


def actual_precision(card: Card, machine: Machine) -> str:
    """The declared precision where the device has it, else the next more exact one."""
    wanted = card.training.precision
    if wanted == "fp16" and machine.device in ("cpu", "mps"):
        return "fp32"  # a CPU has no fp16 gradient scaler; the Trainer would silently do the same
    if wanted == "bf16" and not machine.bf16:
        return "fp32"
    return wanted


def _is_same(accelerator: str, machine: Machine) -> bool:
    """Whether the device is the declared one: of its type and, but for a CPU, by its name."""
    declared = ACCELERATORS[accelerator]
    return declared.device == machine.device and (declared.device == "cpu" or declared.is_named(machine.name))
