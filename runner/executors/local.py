"""This machine: a pool of processes, as many at once as its cores, its memory and its devices have room for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import MissingError, Problem
from runner.executors import OUT_OF_MEMORY, Settings, Status, Task
from runner.executors._child import GRACE, kills_for_memory
from runner.machine import detect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass
class _Place:
    """A task with its process.

    Attributes:
        task: The task.
        log: Its log.
        process: Its process; null while it waits.
        devices: Devices it was given.
        started: When, by the monotonic clock.
        kills: Processes that the kernel had killed for memory by then.
        asked: Whether it was asked to end; asked twice, it would end without a checkpoint.
        ended: How it ended; null before.
    """

    task: Task
    log: Path
    process: subprocess.Popen[bytes] | None = None
    devices: tuple[str, ...] = ()
    started: float = 0.0
    kills: int = 0
    asked: bool = False
    ended: Status | None = None


class Pool:
    """The pool."""

    shares_files = True

    def __init__(self, settings: Settings) -> None:
        machine = detect()
        self.at_once = settings.at_once
        self.cores = _cores()
        self.memory = _memory()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        count = machine.count if machine.device == "cuda" else 0
        self.devices = tuple(visible.split(",")) if count and visible else tuple(map(str, range(count)))
        self.device_memory = machine.memory_bytes if count else 0
        self.places = min(self.at_once, self.cores)
        self.tasks: dict[str, _Place] = {}

    def preflight(self, tasks: Sequence[Task]) -> None:
        """Refuse what is larger than this machine."""
        problems = []
        for task in tasks:
            for what, wanted, have, unit in (
                ("cores", task.cpus, self.cores, 1),
                ("GPUs", task.gpus, len(self.devices), 1),
                ("GiB of memory", task.memory_bytes, self.memory, 2**30),
                ("GiB on a GPU", task.device_bytes if task.gpus else 0, self.device_memory, 2**30),
            ):
                if wanted > have:
                    has = f"this machine has {have / unit:.3g}; run it on a larger one"
                    problems.append(Problem(task.key, "", f"needs {wanted / unit:.3g} {what}, {has}"))
        if problems:
            raise MissingError(problems)

    def adopt(self, tasks: Sequence[Task]) -> Mapping[str, str]:
        """None: nobody but their parent can wait for processes; their leases tell of those that are left."""
        return {}

    def submit(self, task: Task, log: Path) -> str:
        """Put a task at the end of the queue."""
        handle = f"{task.key}#{task.attempt}"
        self.tasks[handle] = _Place(task, log)
        return handle

    def poll(self, handles: Sequence[str]) -> Mapping[str, Status]:
        """How tasks stand; the first ones that fit into what is free are started."""
        for place in self.tasks.values():
            if place.process is not None and place.ended is None:
                self._look_at(place, place.process)
        for place in self.tasks.values():
            if place.process is None and place.ended is None and self._has_room(place.task):
                self._start(place)
        return {handle: self._status(self.tasks[handle]) for handle in handles}

    def fetch(self, task: Task) -> None:
        """Nothing to do: it is here."""

    def cancel(self, handle: str) -> None:
        """Ask a process to end."""
        place = self.tasks[handle]
        if place.process is None:
            place.ended = place.ended or Status(state="lost", message="cancelled before it began")
        elif place.ended is None:
            self._end(place, place.process, at_once=False)

    def logs(self, handle: str) -> Iterator[str]:
        """The lines of its log."""
        with contextlib.suppress(FileNotFoundError), self.tasks[handle].log.open(encoding="utf-8") as lines:
            yield from lines

    def close(self) -> None:
        """Kill what still runs."""
        for place in self.tasks.values():
            if place.process is not None and place.ended is None:
                self._end(place, place.process, at_once=True)
                place.process.wait()

    def _has_room(self, task: Task) -> bool:
        running = [one for one in self.tasks.values() if one.process is not None and one.ended is None]
        return (
            sum(self._threads(one) for one in [task, *(place.task for place in running)]) <= self.cores
            and task.memory_bytes + sum(place.task.memory_bytes for place in running) <= self.memory
            and len(self._free(running)) >= task.gpus
        )

    def _threads(self, task: Task) -> int:
        """An equal part of the cores, or as large a part as of the memory, whose rest nobody else may use.

        It hangs on the set and the task alone, because sums in another order have other last digits.
        """
        return max(task.cpus, self.cores // self.places, self.cores * task.memory_bytes // self.memory)

    def _free(self, running: Sequence[_Place]) -> list[str]:
        taken = {device for one in running for device in one.devices}
        return [device for device in self.devices if device not in taken]

    def _start(self, place: _Place) -> None:
        running = [one for one in self.tasks.values() if one.process is not None and one.ended is None]
        place.devices = tuple(self._free(running)[: place.task.gpus])
        place.kills, place.started = kills_for_memory(), time.monotonic()
        place.log.parent.mkdir(parents=True, exist_ok=True)
        with place.log.open("wb") as log:
            place.process = subprocess.Popen(
                [sys.executable, "-m", "runner.cli", *place.task.arguments()],
                env={
                    **os.environ,
                    "OMP_NUM_THREADS": str(self._threads(place.task)),
                    "CUDA_VISIBLE_DEVICES": ",".join(place.devices),
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C on the terminal is the driver's, who passes it on
            )

    def _look_at(self, place: _Place, process: subprocess.Popen[bytes]) -> None:
        code, took = process.poll(), time.monotonic() - place.started
        if code is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left running
            if took > place.task.timeout_s:
                place.ended = Status(state="lost", message=f"ended after {took:,.0f} s, its time was up")
            elif code == -signal.SIGKILL and kills_for_memory() > place.kills:
                place.ended = Status(state="done", code=OUT_OF_MEMORY, message="killed by the kernel for memory")
            else:
                place.ended = Status(state="done", code=code if code >= 0 else 128 - code)
        elif took > place.task.timeout_s:
            self._end(place, process, at_once=took > place.task.timeout_s + GRACE)

    def _end(self, place: _Place, process: subprocess.Popen[bytes], at_once: bool) -> None:
        with contextlib.suppress(ProcessLookupError):
            if at_once:
                os.killpg(process.pid, signal.SIGKILL)
            elif not place.asked:
                process.send_signal(signal.SIGTERM)
        place.asked = True

    def _status(self, place: _Place) -> Status:
        if place.ended is not None:
            return place.ended
        return Status(state="waiting") if place.process is None else Status(state="running")


def start(settings: Settings) -> Pool:
    """A pool on this machine."""
    return Pool(settings)


def _cores() -> int:
    """Processor cores that this process may use, by its affinity and by its control group's share (v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, int(quota) // int(period)))  # without a quota it says `max`
    return cores


def _memory() -> int:
    """Bytes of memory: the machine's, or those of a container that has less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in ("memory.max", "memory/memory.limit_in_bytes"):  # cgroup v2 and v1
        with contextlib.suppress(OSError, ValueError):
            limits.append(int((Path("/sys/fs/cgroup") / file).read_text()))
    return min(limits)
