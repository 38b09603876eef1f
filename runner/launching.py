"""Several processes for one run: torchrun as a child process, its ranks' progress shown, and what becomes of them told.

What this process and the ranks say to each other lies in one temporary folder: the work (`task`), where they meet
(`meeting`), what the first one is at (`progress`), that they shall stop (`stop`), which are done (`done-<rank>`) and
why one is not (`failed-<rank>`). The file `alive` is locked for as long as the ranks shall live: when its lock goes,
because this process ended, in whatever way, they kill themselves.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, MissingError, Problem, ReplicardError
from runner import progress, stopping

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO

RANK = "runner.cli.rank"
"""The module that is a rank; its one argument is the folder."""

RESUMES = "the same command goes on from the last complete checkpoint"

_LOOK = 0.05
"""Seconds between two looks at the ranks."""

_GRACE = 20.0
"""Seconds that torchrun has to end once its ranks are gone."""

_INTERRUPTED = 130


class RankError(ReplicardError):
    """A rank that failed as a command would have: with its lines and its exit code."""

    def __init__(self, lines: list[str], exit_code: int):
        super().__init__(Problem("", "", line) for line in lines)
        self.exit_code = exit_code


class KilledError(MissingError):
    """The system has killed a rank, as it does when memory runs out (exit code 3)."""


def launch(task: str, processes: int) -> None:
    """Let ranks do a task together, and wait for them.

    Args:
        task: What `runner.cli.rank` does, as it reads it.
        processes: How many ranks.

    Raises:
        RankError: A rank refused, failed or crashed.
        MissingError: A rank was killed from outside.
        KeyboardInterrupt: They were asked to stop.
    """
    with (
        tempfile.TemporaryDirectory(prefix="replicard-ranks-", ignore_cleanup_errors=True) as name,
        (Path(name) / "alive").open("w") as alive,
    ):
        folder = Path(name)
        fcntl.flock(alive, fcntl.LOCK_EX)
        (folder / "task").write_text(task, encoding="utf-8")
        (folder / "progress").touch()
        with (folder / "agent.log").open("w") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", __name__, str(folder), str(processes)],
                env={**os.environ, **_environment(processes)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process to pass on
            )
        try:
            with _Shown(folder) as shown:
                while agent.poll() is None:
                    shown.read()
                    time.sleep(_LOOK)
                shown.read()
                if len(list(folder.glob("done-*"))) < processes:
                    _fail(folder, processes)
        finally:
            fcntl.flock(alive, fcntl.LOCK_UN)
            with contextlib.suppress(subprocess.TimeoutExpired):
                agent.wait(_GRACE)
            agent.kill()


def _environment(processes: int) -> Mapping[str, str]:
    """What the ranks' environment has beside this one's: loopback alone, and a share of the processor's cores."""
    import torch

    names = {name for _, name in socket.if_nameindex()}
    loopback = "lo" if "lo" in names else "lo0"
    found = {
        "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // processes)),
        # torchrun would open a port on every interface, for ranks that have met in a file.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", loopback),
        "NCCL_SOCKET_IFNAME": os.environ.get("NCCL_SOCKET_IFNAME", loopback),
        # As for an installed command, the working directory is no place for code.
        "PYTHONSAFEPATH": "1",
    }
    home = Path(__file__).parents[1]
    if home.name not in ("site-packages", "dist-packages"):
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH"))))
    return found


class _Shown:
    """Shows what the first rank is at, as `runner.progress` tells it, and passes on that it shall stop."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.file: IO[str] = (folder / "progress").open(encoding="utf-8")
        self.begun = ""
        self.stages: list[tuple[contextlib.ExitStack, progress.Advance, Any]] = []

    def __enter__(self) -> _Shown:
        return self

    def __exit__(self, *error: Any) -> None:
        self.file.close()
        while self.stages:
            self.stages.pop()[0].__exit__(*error)

    def read(self) -> None:
        """Show what was told since the last time."""
        while line := self.file.readline():
            self.begun += line
            if self.begun.endswith("\n"):
                told, self.begun = json.loads(self.begun), ""
                getattr(self, told[0])(*told[1:])
        if any(stop() for _, _, stop in self.stages):
            (self.folder / "stop").touch()

    def begin(self, name: str, total: int | None, lasting: bool) -> None:
        """A stage begins; one that lasts is stopped after a checkpoint."""
        stack = contextlib.ExitStack()
        advance = stack.enter_context(progress.stage(name, total))
        stop = stack.enter_context(stopping.after_a_checkpoint()) if lasting else lambda: False
        self.stages.append((stack, advance, stop))

    def at(self, done: int, note: str) -> None:
        """The stage is so far."""
        self.stages[-1][1](done, note)

    def end(self) -> None:
        """The stage is done."""
        self.stages.pop()[0].close()

    def warn(self, text: str) -> None:
        """Something that the user should know."""
        logging.getLogger("replicard").warning("%s", text)


def _fail(folder: Path, processes: int) -> None:
    """Raise what the ranks' end stands for: a killed one is the cause of all others', else the first that failed is."""
    told = sorted((json.loads(file.read_bytes()) for file in folder.glob("failed-*")), key=lambda one: one["at"])
    try:
        codes = {int(rank): code for rank, code in json.loads((folder / "codes").read_bytes()).items()}
    except FileNotFoundError:
        raise MissingError(f"torchrun ended{_last_words(folder / 'agent.log')}; {RESUMES}") from None
    if _INTERRUPTED in codes.values():
        raise KeyboardInterrupt
    # Those that were still at work torchrun has ended with SIGTERM.
    by_signal = sorted((code == -signal.SIGTERM, rank, -code) for rank, code in codes.items() if code < 0)
    if by_signal and not (by_signal[0][0] and told):
        _, rank, number = by_signal[0]
        what = f"rank {rank} of {processes} was ended by {signal.Signals(number).name}"
        if number == signal.SIGKILL:
            raise KilledError(f"{what}, as happens when memory runs out; {RESUMES}")
        if number == signal.SIGTERM:
            raise MissingError(f"{what}; {RESUMES}")
        raise RankError([f"{what}{_last_words(_log_of(folder, rank))}; {RESUMES}"], 4)
    if told:
        rank, lines, code = (told[0][name] for name in ("rank", "lines", "code"))
        lines = [_with_log_kept(line, folder) for line in lines]
        if code != InputError.exit_code:
            lines = [f"rank {rank} of {processes}: {line}" for line in lines]
        raise RankError(lines, code)
    rank, code = next(iter(codes.items()))
    words = _last_words(_log_of(folder, rank))
    raise RankError([f"rank {rank} of {processes} ended with exit code {code}{words}; {RESUMES}"], 4)


def _with_log_kept(line: str, folder: Path) -> str:
    """The line, with the log that it names taken out of the folder; what ranks met only because one failed goes."""
    for log in folder.glob("*.log"):
        if str(log) in line:
            kept = shutil.move(log, Path(tempfile.gettempdir()) / log.name)
            return line.replace(str(log), str(kept))
    return line


def _log_of(folder: Path, rank: int) -> Path:
    """What a rank wrote to standard error; nothing that exists where torchrun did not come so far."""
    return next(folder.glob(f"logs/*/attempt_0/{rank}/stderr.log"), folder / "none")


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({last[:300]})" if last else ""


# In the processes that it starts


def live_with(folder: Path) -> None:
    """Let this process live only as long as the one that launched it, however that ends."""

    def wait() -> None:
        with (folder / "alive").open() as alive:
            fcntl.flock(alive, fcntl.LOCK_SH)
        shutil.rmtree(folder, ignore_errors=True)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def tell_failure(folder: Path, rank: int, lines: list[str], code: int) -> None:
    """Let the launching process know why this rank ends."""
    part = folder / f".failed-{rank}"
    part.write_text(json.dumps({"at": time.time(), "rank": rank, "lines": lines, "code": code}), encoding="utf-8")
    part.rename(folder / f"failed-{rank}")


# In the child process


def main() -> None:
    """Be torchrun, and keep what it knows of ranks that failed: their exit codes, negative for a signal."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import get_args_parser, run

    folder, processes = Path(sys.argv[1]), sys.argv[2]
    live_with(folder)  # torchrun alone would wait minutes for the file in which its ranks met
    options = {
        "nnodes": "1",
        "nproc-per-node": processes,
        "rdzv-backend": "c10d",
        "rdzv-conf": "store_type=file",
        "rdzv-endpoint": str(folder / "rendezvous"),
        "rdzv-id": folder.name,
        "local-addr": "127.0.0.1",
        "max-restarts": "0",
        "log-dir": str(folder / "logs"),
        "redirects": "3",
    }
    line = [f"--{name}={value}" for name, value in options.items()]
    try:
        run(get_args_parser().parse_args([*line, "--module", RANK, str(folder)]))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        (folder / "codes").write_text(json.dumps(codes))
        sys.exit(1)


if __name__ == "__main__":
    main()
