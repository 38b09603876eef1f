"""What this machine is to replicard: packages, devices, room, the Hub, and what each shipped card could do here.

Nothing is fetched and nothing is written but the compiled kernels, which are made now if they can be.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from registry.errors import ReplicardError
from runner import fetching
from runner.fetching import Hub
from runner.machine import INSTALL, detect, versions
from runner.record import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.loading import Loaded
    from runner.record import Machine

ROOM = 10 * 2**30
"""Bytes below which the disk is called nearly full: a base with its checkpoints."""

_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)$", re.MULTILINE)


class Line(Item):
    """A line of the report.

    Attributes:
        name: What it is about.
        told: What is there.
        remedy: What to do about it; null where all is well.
        broken: Whether nothing can be run until that is done.
    """

    name: str
    told: str
    remedy: str | None = None
    broken: bool = False


class Package(Item):
    """A package that replicard needs.

    Attributes:
        name: Its name.
        installed: Its version here; null where it is missing.
        needed: The versions that will do.
        tested: The version that was tested with the others; null where none is noted.
        will_do: Whether what is installed is among those needed.
    """

    name: str
    installed: str | None
    needed: str
    tested: str | None
    will_do: bool


class Prospect(Item):
    """What a card could do here.

    Attributes:
        card: Its id.
        run: Whether `replicard reproduce` would start: as declared, only with `--accept-deviations`, or not.
        rehearse: Whether `replicard rehearse` would.
        missing: What keeps it from running as declared.
    """

    card: str
    run: Literal["yes", "with --accept-deviations", "no"]
    rehearse: Literal["yes", "no"]
    missing: tuple[str, ...]


class Report(Item):
    """What the doctor found.

    Attributes:
        lines: The machine, a line a thing.
        packages: Every package that replicard needs.
        hub: What the Hub said.
        cards: The shipped cards.
    """

    lines: tuple[Line, ...]
    packages: tuple[Package, ...]
    hub: Hub
    cards: tuple[Prospect, ...]

    @property
    def broken(self) -> bool:
        """Whether nothing can be run here."""
        return any(line.broken for line in self.lines)


def examine(runs: Path) -> Report:
    """The report.

    Args:
        runs: Folder of all runs.
    """
    packages = tuple(_packages())
    hub = fetching.ask_hub()
    here = [*_versions(packages), _hub(hub)]
    if any(package.installed is None for package in packages):
        return Report(lines=tuple(here), packages=packages, hub=hub, cards=())
    try:
        machine = detect()
    except (ImportError, OSError) as error:
        here.append(Line(name="torch", told=f"cannot be loaded: {error}", remedy=INSTALL, broken=True))
        return Report(lines=tuple(here), packages=packages, hub=hub, cards=())
    lines = [*here, *_devices(machine), _kernels(), *(_disk(name, folder) for name, folder in _folders(runs).items())]
    return Report(lines=tuple(lines), packages=packages, hub=hub, cards=tuple(_prospects(machine, hub)))


def _packages() -> Iterator[Package]:
    """What the installed replicard says that it needs, beside what is here."""
    from packaging.requirements import Requirement

    tested = _tested()
    for text in metadata.requires("replicard") or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not any(wanted.marker.evaluate({"extra": extra}) for extra in ("", "run")):
            continue
        version = _version(wanted.name)
        will_do = version is not None and wanted.specifier.contains(version, prereleases=True)
        known = tested.get(_normal(wanted.name))
        yield Package(
            name=wanted.name, installed=version, needed=str(wanted.specifier), tested=known, will_do=will_do
        )  # fmt: skip


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _tested() -> dict[str, str]:
    """The versions that were tested together, by package: the checkout's; an installed package has no list of them."""
    file = Path(__file__).parents[1] / "constraints.txt"
    pins = _PINNED.findall(file.read_text(encoding="utf-8")) if file.is_file() else []
    return {_normal(name): version for name, version in pins}


def _normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _versions(packages: tuple[Package, ...]) -> Iterator[Line]:
    have = versions()
    yield Line(name="replicard", told=have.get("replicard", "unknown"))
    yield Line(name="python", told=f"{have['python']} ({sys.executable})")
    good = ", ".join(f"{one.name} {one.installed}" for one in packages if one.will_do)
    if good:
        yield Line(name="packages", told=good)
    # A local version, as `2.13.0+cpu`, is a build of the same release.
    other = [one for one in packages if one.will_do and one.tested and str(one.installed).split("+")[0] != one.tested]
    if other:
        told = ", ".join(f"{one.name} {one.tested}" for one in other)
        yield Line(name="tested with", told=told, remedy=f"only if something fails: {INSTALL}")
    missing = [one.name for one in packages if one.installed is None]
    if missing:
        yield Line(name="missing", told=", ".join(missing), remedy=INSTALL, broken=True)
    old = [one for one in packages if one.installed is not None and not one.will_do]
    if old:
        told = "; ".join(f"{one.name} {one.installed}, {one.needed} is needed" for one in old)
        yield Line(name="too old", told=told, remedy=INSTALL, broken=True)


def _hub(hub: Hub) -> Line:
    remedy = {
        "offline": None,
        "unreachable": "see the network and HF_ENDPOINT; HF_HUB_OFFLINE=1 works with the cache alone",
        "no token": "only for gated models and for publishing: `hf auth login`, or set HF_TOKEN",
        "refused": "`hf auth login` with a valid token",
        "ok": None,
    }
    return Line(name="hub", told=f"{hub.endpoint}: {hub.told}", remedy=remedy[hub.state])


def _devices(machine: Machine) -> Iterator[Line]:
    """Every device with its memory, the processor, and whether bf16, which halves the time of a product, is there."""
    import torch

    if machine.device in ("cuda", "xpu"):
        module = getattr(torch, machine.device)
        for index in range(machine.count):
            device = module.get_device_properties(index)
            free, total = module.mem_get_info(index)
            told = f"{device.name}, {total / 2**30:.0f} GiB, {free / 2**30:.0f} GiB free"
            yield Line(name=f"{machine.device}:{index}", told=told)
    else:
        yield Line(name=machine.device, told=f"{machine.name}, {machine.memory_bytes / 2**30:.0f} GiB")
    threads = f"{machine.cpu_threads} thread{'s' * (machine.cpu_threads != 1)}"
    yield Line(name="processor", told=f"{threads}, {torch.backends.cpu.get_cpu_capability()}")
    if machine.device != "cpu":
        yield Line(name="bf16", told="yes" if machine.bf16 else "no")
        return
    fast = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    told = "yes" if fast else "emulated, slower than fp32"
    yield Line(name="bf16", told=told, remedy=None if fast else "let cards that are yours declare `precision: fp32`")


def _kernels() -> Line:
    """Whether the fast kernels are compiled; they are now, if they can be."""
    from runner.kernels import native

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
        option = "--runs DIR" if name == "runs" else "HF_HOME"
        way_out = f"name another folder by {option}, or make it writable"
        return Line(name=name, told=f"{folder}: cannot be written", remedy=way_out, broken=name == "runs")
    free = shutil.disk_usage(there).free
    remedy = "make room, or name a folder on another disk" if free < ROOM else None
    held = f", {_held(folder)} in the cache" if name == "models" else ""
    return Line(name=name, told=f"{folder}: {free / 2**30:.0f} GiB free{held}", remedy=remedy)


def _held(cache: Path) -> str:
    """How many repos a Hub cache holds."""
    count = {kind: sum(1 for _ in cache.glob(f"{kind}--*")) for kind in ("models", "datasets")}
    return f"{count['models']} models and {count['datasets']} datasets"


def _prospects(machine: Machine, hub: Hub) -> Iterator[Prospect]:
    """The shipped cards, in the order of their ids."""
    from registry.finding import SUFFIXES, shipped
    from runner import model as models
    from runner.plugins import load_card

    models.quiet(rows=False)
    files = [file for file in shipped().rglob("*") if file.suffix in SUFFIXES]
    for file in sorted(files, key=lambda one: one.stem):
        yield _prospect(load_card(file), machine, hub)


def _prospect(loaded: Loaded, machine: Machine, hub: Hub) -> Prospect:
    """What a card could do here: by the same rules that a run and a rehearsal begin with."""
    from registry.locking import inputs
    from runner import deviations, plan

    needs = [lack for role in inputs(loaded.card) if (lack := fetching.lacking(loaded, role, hub)) is not None]
    consents = [f"{d.declared} declared, here {d.actual}" for d in deviations.before(loaded, machine) if d.consent]
    shape = loaded.card.base.architecture is not None
    if shape:
        try:
            plan.require_room(loaded, plan.held(loaded.card), machine)
        except ReplicardError as error:
            needs.append(error.problems[0].message.partition(";")[0])
    return Prospect(
        card=loaded.card.id,
        run="no" if needs else "with --accept-deviations" if consents else "yes",
        rehearse="yes" if shape or not needs else "no",
        missing=(*needs, *consents),
    )
