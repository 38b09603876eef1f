"""Jobs of the Hub of the tests: a command that really runs, as a child process with the environment it was given.

Of the machine of the tests a job gets the search path alone, and an empty folder; images, volumes and ports are not
there. What `huggingface_hub.JobStage` lists are the stages.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Flavor(NamedTuple):
    """A kind of machine, its amounts as the Hub writes them."""

    cpu: str
    ram: str
    gpu: str = ""
    quantity: str = "0"
    vram: str = ""


FLAVORS = {
    "cpu-basic": Flavor("2 vCPU", "16 GB"),
    "cpu-upgrade": Flavor("8 vCPU", "32 GB"),
    "t4-small": Flavor("4 vCPU", "15 GB", "T4", "1", "16 GB"),
    "l4x1": Flavor("8 vCPU", "30 GB", "L4", "1", "24 GB"),
    "a10g-large": Flavor("12 vCPU", "46 GB", "A10G", "1", "24 GB"),
    "l4x4": Flavor("48 vCPU", "186 GB", "L4", "4", "96 GB"),
    "a100-large": Flavor("12 vCPU", "142 GB", "A100", "1", "80 GB"),
}
"""Some of those of `huggingface_hub.JobHardware`, the cheapest first; what they have is near to what the Hub's have."""
TIMEOUT = 1800.0
"""Seconds after which a job is ended where it does not say."""
DONE = ("COMPLETED", "ERROR", "CANCELED")


@dataclass
class Job:
    """A command with where it has got to.

    Attributes:
        id: Its id, 24 hexadecimal digits.
        owner: The namespace it runs in.
        wanted: What it was asked for, as the client sent it.
        stage: One of the Hub's stages.
        message: Why it has ended otherwise than well.
        lines: Its output with the time of each line.
        at: When it was created, started and finished.
    """

    id: str
    owner: str
    wanted: dict[str, Any]
    stage: str = "SCHEDULING"
    message: str | None = None
    lines: list[tuple[str, str]] = field(default_factory=list)
    at: dict[str, str] = field(default_factory=lambda: {"createdAt": now()})
    process: subprocess.Popen[str] | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the Hub tells of it: the names of its secrets, never what they are."""
        kept = ("command", "arguments", "environment", "flavor", "labels", "dockerImage", "spaceId", "volumes")
        return {
            "id": self.id,
            **self.at,
            **{key: self.wanted[key] for key in kept if key in self.wanted},
            "secrets": dict.fromkeys(self.wanted.get("secrets", {}), ""),
            "status": {"stage": self.stage, "message": self.message},
            "owner": {"id": "0" * 24, "name": self.owner, "type": "user"},
        }


class Jobs:
    """All jobs of a Hub; so many run at once, the others wait their turn."""

    def __init__(self) -> None:
        self.all: dict[str, Job] = {}
        self.slots = 8
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()

    def start(self, owner: str, wanted: dict[str, Any]) -> Job:
        """Take a job."""
        with self._changed:
            job = Job(f"{len(self.all) + 1:024x}", owner, wanted)
            self.all[job.id] = job
            self._waiting.append(job)
            self._fill()
        return job

    def make_room(self, slots: int) -> None:
        """Let so many run at once from now on."""
        with self._changed:
            self.slots = slots
            self._fill()

    def listed(self, owner: str, stages: list[str], labels: list[str]) -> list[dict[str, Any]]:
        """The jobs of a namespace at one of these stages and with all of these labels, the newest first."""
        wanted = [label.partition("=")[::2] for label in labels]
        with self._changed:
            return [
                job.told
                for job in reversed(self.all.values())
                if job.owner == owner
                and (not stages or job.stage in stages)
                and all(job.wanted.get("labels", {}).get(key) == value for key, value in wanted)
            ]

    def cancel(self, job: Job) -> None:
        """End a job that has not ended."""
        with self._changed:
            self._end(job, "CANCELED", None)

    def output(self, job: Job, last: int | None = None) -> Iterator[tuple[str, str]]:
        """Its lines with their times, from the beginning or the last few, until it has ended."""
        seen = max(0, len(job.lines) - last) if last is not None else 0
        while True:
            with self._changed:
                while len(job.lines) <= seen and job.stage not in DONE:
                    self._changed.wait()
                fresh = job.lines[seen:]
                ended = job.stage in DONE
            yield from fresh
            seen += len(fresh)
            if ended and seen >= len(job.lines):
                return

    def stop(self) -> None:
        """End all of them."""
        with self._changed:
            for job in self.all.values():
                self._end(job, "CANCELED", "the Hub is gone")

    def _fill(self) -> None:
        running = sum(job.stage == "RUNNING" for job in self.all.values())
        while self._waiting and running < self.slots:
            job = self._waiting.popleft()
            if job.stage == "SCHEDULING":
                running += 1
                job.stage = "RUNNING"
                job.at["startedAt"] = now()
                job.lines.append((f"===== Job started at {job.at['startedAt']} =====", now()))
                threading.Thread(target=self._run, args=(job,), daemon=True).start()
        self._changed.notify_all()

    def _run(self, job: Job) -> None:
        with tempfile.TemporaryDirectory(prefix="job-") as folder:
            try:
                with self._changed:
                    if job.stage in DONE:
                        return
                    process = job.process = subprocess.Popen(
                        [*job.wanted["command"], *job.wanted.get("arguments", [])],
                        env=environment(job, folder),
                        cwd=folder,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        errors="replace",
                        start_new_session=True,
                    )
            except OSError as error:
                with self._changed:
                    self._end(job, "ERROR", f"cannot start: {error.strerror}")
                return
            limit = threading.Timer(job.wanted.get("timeoutSeconds", TIMEOUT), self._expire, (job,))
            limit.start()
            with process:
                assert process.stdout is not None
                for line in process.stdout:
                    with self._changed:
                        job.lines.append((line.rstrip("\n"), now()))
                        self._changed.notify_all()
            limit.cancel()
            with self._changed:
                code = process.returncode
                self._end(job, "ERROR" if code else "COMPLETED", f"Job failed with exit code: {code}" if code else None)

    def _expire(self, job: Job) -> None:
        with self._changed:
            self._end(job, "ERROR", "Job timeout")

    def _end(self, job: Job, stage: str, message: str | None) -> None:
        """What a job has come to, which it keeps; what still runs of it is killed with all that it started."""
        if job.stage not in DONE:
            job.stage, job.message = stage, message
            job.at["finishedAt"] = now()
        if job.process is not None and job.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.process.pid, signal.SIGKILL)
        self._fill()


def environment(job: Job, folder: str) -> Mapping[str, str]:
    """What a job sees: what it was given, its secrets, and what the Hub says of it."""
    given = {**job.wanted.get("environment", {}), **job.wanted.get("secrets", {})}
    ours = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "JOB_ID": job.id,
        "ACCELERATOR": FLAVORS[job.wanted["flavor"]].gpu,
    }
    return {**ours, **{str(name): str(value) for name, value in given.items()}}


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
