"""Leases: one process at a time in a folder, also on a file system that several machines share and that has no locks.

A lease is a file that only one process can make, `.lock-<n>`. Its holder writes it anew again and again, with how far
it is. On the holder's machine the system tells whether that process still is; on any other one a lease is dead once it
has not changed for `EXPIRES` seconds of the watcher's own clock, so that no two clocks are ever compared. Who finds all
of them dead makes the one with the next number, looks whether another one has come to life meanwhile, and removes the
dead. A holder that was away so long that it was taken for dead finds the higher number, and ends before it writes
anything more.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import ValidationError

from registry.errors import MissingError, Problem
from runner.record import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

BEAT = 10.0
"""Seconds after which a holder writes its lease anew at the latest."""

EXPIRES = 60.0
"""Seconds without a change after which the lease of another machine is dead."""

_SHOWN = 1.0
"""Progress is written once in so many seconds at most."""

_TURN = 0.05
"""Seconds between two looks of who waits for its turn."""

_NAME = ".lock-"


class HeldError(MissingError):
    """Another process is at work in the folder (exit code 3)."""


class Progress(Item):
    """How far a process is.

    Attributes:
        stage: What it does.
        done: Units of it that are done.
        total: Units in all; null where only the time can be told.
        note: What else is to be said: the newest loss.
        seconds_left: Seconds that the stage will still take; null where nothing tells.
    """

    stage: str = ""
    done: int = 0
    total: int | None = None
    note: str = ""
    seconds_left: float | None = None


class Holder(Item):
    """What a lease says of the process that holds it.

    Attributes:
        owner: Its name, made up anew for each lease.
        host: Name of its machine, for people.
        machine: The machine's start and the space of process ids, which `pid` is of.
        pid: Its process id.
        born: When the process began, by that machine's own count: another one may have the same id later.
        beat: How often the lease was written.
        progress: How far it is.
    """

    owner: str
    host: str
    machine: str
    pid: int
    born: float | None
    beat: int = 0
    progress: Progress = Progress()

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.machine == _machine()

    @property
    def lives(self) -> bool:
        """Whether it is a process of this machine that still runs."""
        return self.is_here and _born(self.pid) == self.born


@dataclass(frozen=True)
class Found:
    """A lease as it was found.

    Attributes:
        path: Its file.
        content: What that held.
        holder: What that says; null where it was not yet, or never, written to its end.
    """

    path: Path
    content: bytes
    holder: Holder | None


def look(folder: Path) -> list[Found]:
    """The leases of a folder, dead ones too."""
    found = []
    for path in sorted(folder.glob(f"{_NAME}*")):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        try:
            holder = Holder.model_validate_json(content)
        except ValidationError:
            holder = None
        found.append(Found(path, content, holder))
    return found


class Watch:
    """Watches leases, to tell which are dead."""

    def __init__(self) -> None:
        self._since: dict[Path, tuple[bytes | None, float]] = {}

    def living(self, folder: Path) -> Found | None:
        """A lease of a folder that is not known to be dead."""
        return next((found for found in look(folder) if not self.is_dead(found)), None)

    def is_dead(self, found: Found) -> bool:
        """Whether its process is gone, or another machine's has not changed it for too long."""
        if found.holder is not None and found.holder.is_here:
            return not found.holder.lives
        content, since = self._since.get(found.path, (None, 0.0))
        if content != found.content:
            self._since[found.path] = (found.content, time.monotonic())
            return False
        return time.monotonic() - since > EXPIRES


class Lease:
    """A lease that is held, and written anew by a thread of its own."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self.path, self.holder, self.progress = path, holder, holder.progress
        self._began: tuple[str, float, int] = ("", 0.0, 0)
        self._let_go = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def tell(self, stage: str, done: int, total: int | None, note: str) -> None:
        """Say how far it is; costs next to nothing, and is written later."""
        now = time.monotonic()
        name, since, before = self._began
        if name != stage or before == 0:
            self._began = (stage, now, done)
            left = None
        else:
            left = (now - since) / (done - before) * (total - done) if total and done > before else None
        self.progress = Progress(stage=stage, done=done, total=total, note=note, seconds_left=left)

    def start(self) -> None:
        """Begin to write it."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of it."""
        self._let_go.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def _renew(self) -> None:
        written, told = time.monotonic(), self.progress
        while not self._let_go.wait(_SHOWN):
            if self.progress is told and time.monotonic() - written < BEAT:
                continue
            if not self.path.exists() or max(map(_number, self.path.parent.glob(f"{_NAME}*"))) > _number(self.path):
                print(f"{self.path.parent}: another process took this run over", file=sys.stderr, flush=True)  # noqa: T201
                os.kill(os.getpid(), signal.SIGKILL)
            written, told = time.monotonic(), self.progress
            self.holder = self.holder.model_copy(update={"beat": self.holder.beat + 1, "progress": told})
            # On a full disk there is no sign of life; the work goes on as long as nobody takes it over.
            with contextlib.suppress(OSError):
                part = self.path.with_name(f".{self.holder.owner}.part")
                part.write_text(self.holder.model_dump_json())
                part.replace(self.path)


@contextlib.contextmanager
def holding(folder: Path, wait: bool = False) -> Iterator[Lease]:
    """Hold a folder.

    Args:
        folder: The folder.
        wait: Wait for one's turn where another process holds it.

    Raises:
        HeldError: Another process does. If it is on another machine, that it lives is seen first, for up to a minute.
    """
    watch, first = Watch(), None
    place = folder.absolute()  # the process may go to work elsewhere meanwhile
    while not isinstance(taken := _take(place, watch), Lease):
        if wait:
            time.sleep(_TURN)
            continue
        here = taken.holder is not None and taken.holder.is_here
        if here or (first is not None and (first.path, first.content) != (taken.path, taken.content)):
            raise HeldError(Problem(str(folder), "", f"another process is at work on this run{_who(taken)}"))
        first = taken
        time.sleep(_SHOWN)
    taken.start()
    try:
        yield taken
    finally:
        taken.stop()


def _take(folder: Path, watch: Watch) -> Lease | Found:
    """Make the lease of a folder whose leases are all dead; else one that is not."""
    before = look(folder)
    living = next((found for found in before if not watch.is_dead(found)), None)
    if living is not None:
        return living
    mine = folder / f"{_NAME}{max((_number(found.path) for found in before), default=0) + 1}"
    pid, owner = os.getpid(), uuid.uuid4().hex
    holder = Holder(owner=owner, host=platform.node(), machine=_machine(), pid=pid, born=_born(pid))
    try:
        with mine.open("x") as file:
            file.write(holder.model_dump_json())
    except FileExistsError:
        return Found(mine, b"", None)
    except OSError:  # on a full disk: an empty lease would keep everybody waiting
        mine.unlink(missing_ok=True)
        raise
    dead = {(found.path, found.content) for found in before}
    for found in look(folder):
        if found.path != mine and (found.path, found.content) not in dead:
            mine.unlink(missing_ok=True)
            return found
    for found in before:
        found.path.unlink(missing_ok=True)
    return Lease(mine, holder)


def _who(found: Found) -> str:
    if found.holder is None:
        return "; wait for it, or end it"
    return f" (process {found.holder.pid} on {found.holder.host}); wait for it, or end it"


def _number(path: Path) -> int:
    number = path.name.removeprefix(_NAME)
    return int(number) if number.isdigit() else 0


def _born(pid: int) -> float | None:
    """When a process of this machine began; null where none runs under that id."""
    try:
        # Ticks since the machine's start, which no setting of a clock changes; a zombie holds nothing any more.
        state, *more = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state == "Z" else float(more[18])
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except ProcessLookupError:
        return None
    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(pid).create_time())
    return None


@cache
def _machine() -> str:
    """What a process id is of: the machine since its start, and the space of ids that a container has of its own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()
