"""What this machine is to replicard: devices, kernels, packages, room; what is missing, and how to come by it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch

from runner.kernels import native
from runner.machine import detect, versions
from runner.record import Item

ROOM = 10 * 2**30
"""Bytes below which the disk is called nearly full: a base with its checkpoints."""


class Line(Item):
    """A line of the report.

    Attributes:
        name: What it is about.
        told: What is there.
        remedy: What to do about it; null where all is well.
    """

    name: str
    told: str
    remedy: str | None = None


def examine(runs: Path) -> list[Line]:
    """The report.

    Args:
        runs: Folder of all runs.
    """
    machine = detect()
    have = {name: version for name, version in versions().items() if version != "not installed"}
    packages = ", ".join(f"{name} {version}" for name, version in have.items() if name not in ("python", "replicard"))
    memory = f"{machine.memory_bytes / 2**30:.0f} GiB"
    return [
        Line(name="replicard", told=f"{have.get('replicard', 'unknown')}, Python {have['python']}"),
        Line(name="packages", told=packages),
        Line(name="device", told=f"{machine.device}: {machine.name}, {memory}" + _several(machine.count)),
        Line(name="processor", told=f"{machine.cpu_threads} threads, {torch.backends.cpu.get_cpu_capability()}"),
        *_precision(machine.device, machine.bf16),
        _kernels(),
        *(_disk(name, folder) for name, folder in _folders(runs).items()),
    ]


def _several(count: int) -> str:
    return "" if count == 1 else f", {count} of them"


def _precision(device: str, bf16: bool) -> list[Line]:
    """Whether bf16, which halves the time of a product, is there in hardware."""
    if device != "cpu":
        return [Line(name="bf16", told="yes" if bf16 else "no")]
    fast = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    told = "yes" if fast else "emulated, slower than fp32"
    return [Line(name="bf16", told=told, remedy=None if fast else "let cards that are yours declare `precision: fp32`")]


def _kernels() -> Line:
    """Whether the fast kernels are compiled; they are now, if they can be."""
    told = native.told()
    missing = told.startswith("not compiled")
    return Line(name="kernels", told=told, remedy="install g++ or clang++, or name one in $CXX" if missing else None)


def _folders(runs: Path) -> dict[str, Path]:
    from datasets import config
    from transformers.utils.hub import constants

    return {"runs": runs, "models": Path(constants.HF_HUB_CACHE), "datasets": Path(config.HF_DATASETS_CACHE)}


def _disk(name: str, folder: Path) -> Line:
    """Room where a folder is, or would be made."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not os.access(there, os.W_OK):
        return Line(name=name, told=f"{folder}: cannot be written", remedy="name another folder, or make it writable")
    free = shutil.disk_usage(there).free
    remedy = "make room, or name a folder on another disk" if free < ROOM else None
    return Line(name=name, told=f"{folder}: {free / 2**30:.0f} GiB free", remedy=remedy)
