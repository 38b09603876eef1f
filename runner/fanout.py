"""The fan-out: hands the tasks of a set to an engine, sees to it that each is done once, and tries again what was lost.

What was done is known by the records alone, so that any engine goes on where another one, or a driver that was killed,
has stopped. Who is at work on a task is known by its lease: a driver leaves such a task alone until it is done or free.
"""

from __future__ import annotations

import itertools
import signal
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from registry.errors import InputError, MissingError, ReplicardError
from runner import stopping
from runner.executors import HELD, OUT_OF_MEMORY, Status, Task
from runner.leases import HeldError, Progress, Watch, look
from runner.record import Item, Record
from runner.runs import Run, exclusive, forget, is_intact, make, read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from runner.executors import Executor, Task

LOSSES = 3
"""So often a task is lost, at most, before it is given up."""

_PAUSE = 0.2
"""Seconds between two looks at the engine where the last one told nothing new."""

KILLED = 137
"""Exit code of what signal 9 has ended."""

_MISSING, _FAULT = 3, 4


@dataclass(frozen=True)
class Member:
    """One task of a set.

    Attributes:
        run: The run that it is to make.
        task: The task.
        batches: Rows that a device may take at once, from what it takes at first down to one.
    """

    run: Run
    task: Task
    batches: tuple[int, ...] = (1,)


class Outcome(Item):
    """What became of a task.

    Attributes:
        key: Its key.
        code: The exit code that it stands for, 0 for a complete run.
        again: Whether it was complete before anything was started.
        attempts: Attempts of this fan-out.
        seconds: Wall time of them all; null where another driver's process did it.
        reason: Why it failed, in one line.
        log: The log of its last attempt.
    """

    key: str
    code: int
    again: bool = False
    attempts: int = 0
    seconds: float | None = None
    reason: str = ""
    log: str = ""


Standing = Literal["waiting", "running", "elsewhere", "done", "failed"]


@dataclass
class Row:
    """How a task of a fan-out stands, for those who look on.

    Attributes:
        member: The task.
        state: Its state; `elsewhere` is at work in a process that this driver did not start.
        attempts: Attempts so far.
        progress: How far it is; null where that is not known.
        told: The newest thing to say of it, in one line.
        log: The log of its newest attempt.
        outcome: What became of it; null before.
        handle: What the engine knows it by; null where it was not handed over.
        losses: How often it was lost.
        killed: How often it was killed without a reason that is known.
        batch: Index into the member's batches.
        began: When its first attempt began, by the monotonic clock.
    """

    member: Member
    state: Standing = "waiting"
    attempts: int = 0
    progress: Progress | None = None
    told: str = ""
    log: Path | None = None
    outcome: Outcome | None = None
    handle: str | None = None
    losses: int = 0
    killed: int = 0
    batch: int = 0
    began: float | None = None


def key_of(run: Run) -> str:
    """What a task is called: `<card>/<run id>-seed<k>`."""
    return f"{run.card}/{run.id}-seed{run.seed}"


def is_done(run: Run) -> bool:
    """Whether a run is complete, and the files of its model are there.

    Who runs one card reads them too, before it takes a run for done (`reproducing`). A driver asks for thousands of
    runs, whose weights it would read for hours.

    Raises:
        InputError: Its record is not one that this version reads.
    """
    if not run.record.exists():
        return False
    record = read_record(run, Record)
    return record.evaluation is not None and is_intact(run, record, read=False)


@dataclass
class FanOut:
    """A fan-out at work.

    Attributes:
        members: The tasks of the set.
        most: Most tasks that are handed over at a time; null for as many as the engine takes.
        prepare: Called before a task is first handed over: what tasks share is made once.
        told: Called with all rows whenever there may be news.
        fresh: Whether what is done is done again.
        rows: How each task stands, in the order of the members; what is done already stands so from the beginning.
        executor: The engine, once it runs.
    """

    members: Sequence[Member]
    most: int | None = None
    prepare: Callable[[Member], None] = lambda member: None
    told: Callable[[Sequence[Row]], None] = lambda rows: None
    fresh: bool = False
    rows: list[Row] = field(init=False)
    executor: Executor = field(init=False)
    _watch: Watch = field(init=False, default_factory=Watch)
    _waiting: deque[Row] = field(init=False, default_factory=deque)

    def __post_init__(self) -> None:
        """See what is done."""
        self.rows = [Row(member) for member in self.members]
        for row in self.rows:
            self._settle(row)
        self._waiting.extend(row for row in self.rows if row.outcome is None)

    @property
    def waiting(self) -> list[Member]:
        """The tasks that are not done yet."""
        return [row.member for row in self.rows if row.outcome is None]

    def run(self, executor: Executor) -> None:
        """Do all tasks that are not done.

        The first Ctrl-C or SIGTERM lets every task write a checkpoint and end; the second one interrupts at once.

        Args:
            executor: The engine; whoever started it closes it, also where this is interrupted.

        Raises:
            MissingError: The engine can never run some of them.
            KeyboardInterrupt: It was interrupted.
        """
        self.executor = executor
        if self.waiting:
            executor.preflight([member.task for member in self.waiting])
            self._adopt()
        with stopping.after_a_checkpoint() as stop:
            self.told(self.rows)
            while any(row.outcome is None for row in self.rows):
                if stop():
                    self._end_all()
                    break
                self._hand_over(stop)
                news = self._look()
                self.told(self.rows)
                if not news:
                    time.sleep(_PAUSE)

    def _settle(self, row: Row) -> None:
        """Note what is done before anything is started."""
        try:
            if not self.fresh and is_done(row.member.run):
                self._conclude(row, 0, again=True)
        except InputError as error:
            self._conclude(row, error.exit_code, str(error.problems[0]))

    def _adopt(self) -> None:
        """Take over what the engine still has of a driver that is gone."""
        left = self.executor.adopt([row.member.task for row in self._waiting])
        for row in [row for row in self._waiting if row.member.task.key in left]:
            row.handle, row.began = left[row.member.task.key], time.monotonic()
            self._waiting.remove(row)

    def _hand_over(self, stop: Callable[[], bool]) -> None:
        """Give tasks to the engine, as many as it takes, but for those that somebody else is at work on."""
        room = min(most for most in (self.most, self.executor.places, len(self.rows)) if most is not None)
        room -= sum(row.handle is not None for row in self.rows)
        for _ in range(len(self._waiting)):
            if room <= 0 or stop():  # to prepare the next one may take minutes
                return
            row = self._waiting.popleft()
            run = row.member.run
            try:
                self._begin(row)
            except HeldError:
                row.state = "elsewhere"
            except ReplicardError as error:
                self._conclude(row, error.exit_code, str(error.problems[0]))
            except OSError as error:  # its folder cannot be written; those of others may
                self._conclude(row, _MISSING, f"{error.filename or run.folder}: {error.strerror}")
            if row.handle is not None:
                room -= 1
            elif row.outcome is None:
                self._waiting.append(row)

    def _begin(self, row: Row) -> None:
        """Hand over one task, unless another process is at work on it, or has done it.

        Raises:
            ReplicardError: It cannot be done, for what its card or its folder says.
        """
        run, task = row.member.run, row.member.task
        living = self._watch.living(run.folder) if self.executor.shares_files else None
        if living is not None:
            row.state, row.progress = "elsewhere", living.holder.progress if living.holder else None
            row.told = f"process {living.holder.pid} on {living.holder.host}" if living.holder else ""
            return
        if row.state == "elsewhere" and is_done(run):
            self._conclude(row, 0)
            return
        if row.began is None:
            if self.fresh:
                with exclusive(run):
                    forget(run)
            try:
                self.prepare(row.member)
            except ReplicardError:
                raise
            except Exception:
                pass
            row.began = time.monotonic()
        row.attempts += 1
        row.log, number = _new_log(run)
        options = task.options
        if row.batch > 0:
            options += ("--device-batch", str(row.member.batches[row.batch]))
        row.handle = self.executor.submit(task.model_copy(update={"options": options, "attempt": number}), row.log)
        row.state, row.told = "waiting", ""

    def _look(self) -> bool:
        """See how the tasks stand that the engine has; returns whether one of them has ended."""
        ended = False
        flying = {row.handle: row for row in self.rows if row.handle is not None}
        for handle, status in self.executor.poll(list(flying)).items():
            row = flying[handle]
            if status.state in ("waiting", "running"):
                row.state, row.told = status.state, status.message
                leases = look(row.member.run.folder) if status.state == "running" else []
                row.progress = leases[-1].holder.progress if leases and leases[-1].holder else None
            else:
                ended = True
                self._after(row, handle, status)
        return ended

    def _after(self, row: Row, handle: str, status: Status) -> None:
        """Conclude from the end of an attempt, or have the task tried again.

        A task that is killed once is tried again as it was; one that is killed again probably takes too much memory,
        which the kernel tells nobody but the dead.
        """
        code, reason = status.code, self._reason(handle, status)
        row.handle, row.progress = None, None
        if status.state == "done" and code == 0:
            self._take(row)
        elif code == HELD:
            row.state = "elsewhere"
            self._waiting.append(row)
        elif code == OUT_OF_MEMORY or (code == KILLED and row.killed):
            self._again_smaller(row, reason)
        elif status.state == "lost" or _signal(code) is not None:
            row.losses += 1
            row.killed += code == KILLED
            self._again(row, reason)
        else:
            self._conclude(row, code or _FAULT, reason)

    def _take(self, row: Row) -> None:
        """Take over what a task says that it has done."""
        try:
            self.executor.fetch(row.member.task)
            done = is_done(row.member.run)
        except MissingError as error:
            row.losses += 1
            self._again(row, str(error.problems[0]))
        except InputError as error:
            self._conclude(row, error.exit_code, str(error.problems[0]))
        else:
            self._conclude(row, *((0, "") if done else (_FAULT, "it ended well, but its run is not whole")))

    def _reason(self, handle: str, status: Status) -> str:
        """Why an attempt has ended: what the engine says, else the last line of its log."""
        if status.message:
            return status.message
        if (name := _signal(status.code)) is not None:
            return f"ended by {name}"
        lines = [line.strip() for line in self.executor.logs(handle) if line.strip()]
        return lines[-1] if lines else f"ended with exit code {status.code}"

    def _again_smaller(self, row: Row, reason: str) -> None:
        """Have a task tried again that takes fewer rows at once, and as many for a step."""
        if row.batch + 1 == len(row.member.batches):
            self._conclude(row, _MISSING, f"{reason}; and no smaller batch is left to try")
            return
        row.batch += 1
        self._again(row, f"{reason}; {row.member.batches[row.batch]} rows at once")

    def _again(self, row: Row, reason: str) -> None:
        """Have a task tried again, unless it was lost too often."""
        if row.losses >= LOSSES:
            self._conclude(row, _MISSING, f"lost {row.losses} times: {reason}")
            return
        row.state, row.told = "waiting", f"again: {reason}"
        self._waiting.appendleft(row)

    def _conclude(self, row: Row, code: int, reason: str = "", again: bool = False) -> None:
        row.state, row.progress, row.told = "failed" if code else "done", None, reason
        row.outcome = Outcome(
            key=row.member.task.key,
            code=code,
            again=again,
            attempts=row.attempts,
            seconds=time.monotonic() - row.began if row.began is not None and row.attempts else None,
            reason=reason,
            log=str(row.log or ""),
        )

    def _end_all(self) -> None:
        """Ask all tasks to end, and wait until they have."""
        flying = [row.handle for row in self.rows if row.handle is not None]
        for handle in flying:
            self.executor.cancel(handle)
        while any(status.state in ("waiting", "running") for status in self.executor.poll(flying).values()):
            self.told(self.rows)
            time.sleep(_PAUSE)


def _signal(code: int | None) -> str | None:
    """Name of the signal that an exit code stands for; null where it stands for none."""
    try:
        return signal.Signals((code or 0) - 128).name
    except ValueError:
        return None


def _new_log(run: Run) -> tuple[Path, int]:
    """The log of a run's next attempt, which no other driver takes, and its number."""
    folder = run.over_seeds / "logs"
    make(folder)
    for number in itertools.count(1):
        log = folder / f"seed{run.seed}-{number}.log"
        with suppress(FileExistsError):
            log.touch(exist_ok=False)
            return log, number
    raise AssertionError
