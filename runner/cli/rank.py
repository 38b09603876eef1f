"""One rank of a run over several processes: what `runner.launching` lets torchrun start, and nobody types."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from pathlib import Path

from runner import launching, progress, ranks, stopping
from runner.cli.failures import fail


def main(folder: Path) -> int:
    """Do this rank's part of the task in the folder; returns the exit code."""
    launching.live_with(folder)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # who asks to stop asks the process that launched this one
    stopping.asked = (folder / "stop").exists
    rank = int(os.environ["RANK"])
    progress.console.quiet = True
    try:
        if rank == 0:
            progress.tell_to(folder / "progress")
        _do(folder)
        (folder / f"done-{rank}").touch()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        lines = io.StringIO()
        with contextlib.redirect_stderr(lines):
            code = fail(error, folder)
        launching.tell_failure(folder, rank, lines.getvalue().splitlines(), code)
        return code
    return 0


def _do(folder: Path) -> None:
    from runner import model, reproducing

    task = reproducing.Task.from_json((folder / "task").read_text(encoding="utf-8"))
    model.quiet()
    ranks.join(folder / "meeting", task.ready.machine.device)
    if ranks.count() != task.ready.spread.processes:
        raise RuntimeError(f"{ranks.count()} ranks came together, not {task.ready.spread.processes}")
    try:
        reproducing.work(task)
    finally:
        ranks.leave()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
