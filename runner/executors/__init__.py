"""Executors, one file each: where the tasks of a set run. `start(settings)` gives what hands tasks to an engine.

A task is one run of our own command for one card and one seed, in a process of its own. An executor starts it, says how
it stands, and ends it; whether it is tried again, and with what batch, is decided by `runner.fanout` alone, alike for
all engines.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from runner.record import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

State = Literal["waiting", "running", "done", "lost"]

OUT_OF_MEMORY, HELD = 10, 11
"""Exit codes of a task beside those of the command: memory ran out, on the device or of the machine; another process
is at work on the same run. A task says so by its code because that is what every engine brings back."""


class Task(Item):
    """One run of a card with one seed.

    Attributes:
        key: `<card>/<run id>-seed<k>`: what is done under it is never done twice.
        card: The card's file.
        runs: Folder of all runs.
        folder: The folder in it that the task fills: `<card>/<run id>/seed<k>`.
        options: Further arguments of `replicard reproduce`.
        cpus: Threads it computes with, at least.
        gpus: Devices it needs.
        memory_bytes: Memory of the machine that it needs; 0 where its card does not tell.
        device_bytes: Memory that it needs of each device; 0 without one, or where its card does not tell.
        timeout_s: Seconds after which it hangs and is ended.
        attempt: Which attempt this is, from 1.
    """

    key: str
    card: Path
    runs: Path
    folder: Path
    options: tuple[str, ...] = ()
    cpus: int = 1
    gpus: int = 0
    memory_bytes: int = 0
    device_bytes: int = 0
    timeout_s: float
    attempt: int = 1

    def arguments(self, card: str | None = None, runs: str | None = None) -> tuple[str, ...]:
        """Arguments of the command, with its own paths or with those that hold where it runs."""
        return ("reproduce", card or str(self.card), "--runs", runs or str(self.runs), *self.options)


class Status(Item):
    """How a task stands.

    Attributes:
        state: `waiting` for a place; `running`; `done`: its process has ended by itself; `lost`: the engine has lost
            it, or ended it for its timeout.
        code: Its exit code, 128 + n where signal n ended it; null where it is not `done`.
        message: What the engine says of it, in one line: where it runs, or why it was lost.
    """

    state: State
    code: int | None = None
    message: str = ""


class Settings(Item):
    """What the command line says of the engine.

    Attributes:
        at_once: Most tasks that will ever be handed over at a time.
        address: Address of a Ray cluster.
        results: Dataset repo of the Hub through which cards get to jobs, and their runs home.
        image: Image of jobs that holds replicard; or into which it is installed, where `install` is given too.
        install: What pip installs in a job.
        fresh: Whether what is done is done again.
    """

    at_once: int
    address: str | None = None
    results: str | None = None
    image: str | None = None
    install: str | None = None
    fresh: bool = False


class Executor(Protocol):
    """What `start(settings)` of a file of `runner/executors` gives.

    Attributes:
        shares_files: Whether tasks see the files of this machine under the same paths. Where they do not, `fetch`
            brings their results.
        places: Tasks that may run at a time, known after `preflight`; null where the engine has a queue of its own and
            wants all of them.
    """

    shares_files: bool
    places: int | None

    def preflight(self, tasks: Sequence[Task]) -> None:
        """Refuse what can never run there, before anything is started.

        Raises:
            MissingError: The engine, or room for a task, is not there.
        """

    def adopt(self, tasks: Sequence[Task]) -> Mapping[str, str]:
        """Handles, by key, of tasks that the engine still has from a driver that is gone."""

    def submit(self, task: Task, log: Path) -> str:
        """Hand a task over; returns its handle.

        Args:
            task: The task.
            log: File that holds all its process says, both streams, by the time that it is `done` or `lost`.
        """

    def poll(self, handles: Sequence[str]) -> Mapping[str, Status]:
        """How tasks stand, by handle; starts what has a place now. Called about twice a second."""

    def fetch(self, task: Task) -> None:
        """Bring the folder of a task that is done to where the runs lie here; nothing to do where files are shared.

        Raises:
            MissingError: It cannot be had.
        """

    def cancel(self, handle: str) -> None:
        """Ask a task to end, which it does after a checkpoint, with 130."""

    def logs(self, handle: str) -> Iterator[str]:
        """The lines that a task has said so far."""

    def close(self) -> None:
        """Let go of the engine; what still runs of what was handed over is killed."""
