"""What this machine is: its device, memory and package versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from registry.errors import InputError, Problem
from registry.grid import grid_of
from runner.record import Machine

COUNTRY = "REPLICARD_COUNTRY"
"""Environment variable: the country whose electricity the machine uses, by its code or its English name."""

_CHECKOUT = "in the checkout that replicard was installed from: pip install -c constraints.txt"
INSTALL = f"{_CHECKOUT} '.[run]'"
"""How what runs cards is installed; without the extra, replicard only reads, checks and drafts."""
INSTALL_RAY = f"{_CHECKOUT} '.[run,ray]'"
"""How Ray is, besides."""

PACKAGES = (
    "torch", "transformers", "accelerate", "peft", "bitsandbytes", "datasets", "tokenizers", "huggingface-hub",
    "safetensors", "scikit-learn", "scipy", "numpy", "replicard",
)  # fmt: skip
"""Packages whose versions the record keeps."""


def detect() -> Machine:
    """The device that accelerate will choose, in its order: CUDA, XPU, MPS, CPU.

    Raises:
        InputError: `REPLICARD_COUNTRY` names no country.
    """
    import torch

    def machine(device: str, name: str, count: int, memory_bytes: int, bf16: bool = True) -> Machine:
        return Machine(
            device=device,
            name=name,
            count=count,
            memory_bytes=memory_bytes,
            bf16=bf16,
            cpu_threads=torch.get_num_threads(),
            country=_country(),
        )

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        bf16 = torch.cuda.is_bf16_supported()
        return machine("cuda", properties.name, torch.cuda.device_count(), properties.total_memory, bf16)
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        intel = torch.xpu.get_device_properties(0)
        return machine("xpu", intel.name, torch.xpu.device_count(), intel.total_memory)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.backends.mps.is_available():
        # An older torch does not tell which chip it is.
        name = getattr(torch.backends.mps, "get_name", lambda: f"Apple {platform.machine()}")()
        return machine("mps", name, 1, memory)
    return machine("cpu", _cpu_name(), 1, memory)


def _country() -> str | None:
    """Where the machine stands, by its user's word: nothing asks the network for it."""
    name = os.environ.get(COUNTRY)
    try:
        return grid_of(name).code if name else None
    except ValueError as error:
        raise InputError(Problem(COUNTRY, "", str(error))) from None


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


@cache  # a look into fifteen folders, several times a run
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@cache
def packages() -> dict[str, str]:
    """Versions of all installed packages, by name."""
    found = {package.name: package.version for package in metadata.distributions() if package.name}
    return dict(sorted(found.items(), key=lambda item: item[0].casefold()))


@cache
def code_commit() -> str | None:
    """The commit that this code is of, with a `+` where files differ from it; null where nothing tells.

    A checkout is asked for its commit, an installed package for where pip had it from (PEP 610).
    """
    here = Path(__file__)
    # An installed package may lie in somebody else's checkout.
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is not None:
        commit = _git(here.parent, "rev-parse", "HEAD")
        changed = _git(here.parents[1], "status", "--porcelain", "--untracked-files=no")
        return f"{commit}{'+' if changed else ''}" if commit else None
    commit = _direct_url().get("vcs_info", {}).get("commit_id")
    return str(commit) if commit else None


def requirement() -> str | None:
    """What pip would install this code from once more, at its commit; null where it did not have it from a git repo."""
    origin = _direct_url()
    vcs = origin.get("vcs_info", {})
    return f"replicard[run] @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}" if vcs else None


def _direct_url() -> dict[str, Any]:
    """Where pip had replicard from, if it did not have it from an index (PEP 610)."""
    try:
        origin = metadata.distribution("replicard").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return {}
    return dict(json.loads(origin or "{}"))


def require_no_checkout(folder: Path) -> None:
    """Refuse to fetch into a git checkout what others published: it would become part of it, hooks and settings too.

    Raises:
        InputError: The folder lies in one that does not ignore it.
    """
    # Resolved, or `checkout/../elsewhere` would have the checkout among its parents.
    above = [folder.resolve(), *folder.resolve().parents]
    root = next((one for one in above if (one / ".git").exists()), None)
    if root is not None and _git(root, "check-ignore", "--quiet", "--no-index", str(above[0])) is None:
        message = f"lies in the git checkout {root}, of which what is fetched would become part"
        raise InputError(Problem(str(folder), "", f"{message}; let its .gitignore name it, or HF_HOME another folder"))


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; null where it has nothing to say, or is not here."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
