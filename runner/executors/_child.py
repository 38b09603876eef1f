"""A task's command as a child of a process that waits for it, wherever an engine has started that: it outlives nobody.

The child is in a process group with a shell that was there before it, and waits on a pipe that their parent holds: when
the parent is gone, however it went, the pipe is closed, and the shell kills the whole group.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from runner.executors import OUT_OF_MEMORY, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

GRACE = 60.0
"""Seconds that a task has for its last checkpoint once it was asked to end."""

_LOOK = 1.0
"""Seconds between two looks whether it is to end."""

# The one that waits is orphaned, so that who kills the children of a process does not kill it before it has done its
# duty. A shell gives a job in the background no input of its own: hence the other descriptor.
_WATCH = "exec 3<&0; (read -r _; kill -9 0) <&3 3<&- &"


def run(
    arguments: Sequence[str],
    output: IO[bytes],
    environment: Mapping[str, str],
    timeout: float,
    stop: Callable[[], bool] = lambda: False,
) -> Status:
    """Run our command to its end, asked to end when it shall stop, when its time is up or when this one is interrupted.

    Args:
        arguments: What follows `replicard`.
        output: Where both its streams go, as they come.
        environment: All of its environment.
        timeout: Seconds that it has.
        stop: Whether it shall stop.

    Returns:
        How it ended.
    """
    kills, started = kills_for_memory(), time.monotonic()
    with _killed_with_us() as group:
        child = subprocess.Popen(
            [sys.executable, "-m", "runner.cli", *arguments],
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=group,
        )
        late = False
        with contextlib.suppress(KeyboardInterrupt):
            while not late and not stop() and _runs(child, min(_LOOK, timeout)):
                late = time.monotonic() - started >= timeout
        with contextlib.suppress(KeyboardInterrupt):
            child.terminate()
            _runs(child, GRACE)
        child.kill()
        code = child.wait()
    if late:
        return Status(state="lost", message=f"ended after {time.monotonic() - started:,.0f} s, its time was up")
    if code == -signal.SIGKILL and kills_for_memory() > kills:
        return Status(state="done", code=OUT_OF_MEMORY, message="killed by the kernel for memory")
    return Status(state="done", code=code if code >= 0 else 128 - code)


def _runs(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a process; returns whether it still runs after so many seconds."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


@contextlib.contextmanager
def _killed_with_us() -> Iterator[int]:
    """Yields a process group whose processes end with the block, or with this process where that ends before."""
    with subprocess.Popen(
        ["/bin/sh", "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as shell:
        shell.wait()  # the one in the background is there then, and keeps the group's number
        try:
            yield shell.pid
        finally:
            os.killpg(shell.pid, signal.SIGKILL)


def kills_for_memory() -> int:
    """How often the kernel has killed a process of our control group for memory, where it tells (cgroup v2)."""
    try:
        group = Path("/proc/self/cgroup").read_text().partition("0::")[2].split("\n")[0]
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text()
    except OSError:
        return 0
    return int(events.partition("oom_kill ")[2].split("\n")[0] or 0)
