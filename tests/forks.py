"""Ranks as forks of the test's own process: a rank of torchrun's spends ten seconds on imports before it does anything.

They meet, train and write as torchrun's do. How those are started and what becomes of them is tested with torchrun.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from runner import launching, ranks, reproducing

if TYPE_CHECKING:
    import pytest


def fork(task: str, processes: int) -> None:
    """Do a task in so many ranks; what `launching.launch` does."""
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("fork")
        forks = [context.Process(target=be, args=(rank, processes, folder, task)) for rank in range(processes)]
        for one in forks:
            one.start()
        for one in forks:
            one.join(600)
            one.kill()
        codes = [one.exitcode for one in forks]
        if codes == [130] * processes:
            raise KeyboardInterrupt
        assert codes == [0] * processes, codes


def be(rank: int, processes: int, folder: str, task: str) -> None:
    """Be a rank."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    os.environ |= {name: str(value) for name, value in told.items()} | {"GLOO_SOCKET_IFNAME": "lo"}
    try:
        ranks.join(Path(folder) / "meeting", "cpu")
        assert ranks.count() == processes
        reproducing.work(reproducing.Task.from_json(task))
        ranks.leave()
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)
    os._exit(0)


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs of several processes fork them."""
    monkeypatch.setattr(launching, "launch", fork)
