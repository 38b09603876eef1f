"""Processes that torchrun starts: what they leave when one is killed, stopped or fails, and what the user sees."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import forks
import pytest
from command import process, replicard, write_card
from test_killed import outcome

from runner import launching

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

RANK = re.compile(r"runner\.cli\.rank\0")


def ranks_of(parent: int) -> list[int]:
    """The ranks that a command has started, by their numbers in order."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (folder / "cmdline").read_text(), (folder / "environ").read_text()
            agent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            grand = int(Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        number = re.search(r"(?:^|\0)RANK=(\d+)\0", environment)
        if RANK.search(command) and number and grand == parent:
            found[int(number[1])] = int(folder.name)
    return [found[number] for number in sorted(found)]


def reproduce(card: Path, runs: Path, *more: object) -> subprocess.Popen[str]:
    (tmp := runs.parent / "tmp").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "runner.cli", "reproduce", card, "--runs", runs, "--processes", 2, *more]
    return process(command, TMPDIR=str(tmp))


def once(happened: Callable[[], object], seconds: float = 300) -> None:
    """Wait until it has happened."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.005)


def lives(process: int) -> bool:
    """Whether a process is there, and not only waits for somebody to note that it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def steps_kept(runs: Path) -> set[str]:
    return {found.parent.name for found in runs.glob("tiny/*/seed1/checkpoints/*/complete")}


def listens_beyond_loopback(pid: int) -> list[str]:
    """Addresses of other interfaces that a process listens at."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(handle.readlink()))
        except OSError:
            continue
    tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()]
    loopback = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
    listening = [line for line in lines if len(line) > 9 and line[3] == "0A" and f"socket:[{line[9]}]" in sockets]
    return [line[1] for line in listening if not line[1].startswith(loopback)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in Linux's /proc")
def test_a_run_of_two_processes_outlives_all_that_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank is killed, the command is stopped, then killed: going on from there ends as a run that was left alone."""
    forks.use(monkeypatch)
    card = write_card(tmp_path, "{epochs: 2", "{epochs: 20")
    together = ["reproduce", card, "-q", "--processes", 2, "--runs"]
    assert replicard(*together, tmp_path / "whole").code == 0
    (expected,) = (tmp_path / "whole").glob("tiny/*/seed1")
    record = json.loads((expected / "record.json").read_bytes())
    assert (record["training"]["processes"], record["plan"]["processes"]) == (2, 2)
    runs = tmp_path / "killed"
    folder = runs / expected.relative_to(tmp_path / "whole")

    with reproduce(card, runs, "-q") as killed:
        once(lambda: steps_kept(runs))
        first, second = ranks_of(killed.pid)
        assert listens_beyond_loopback(first) == listens_beyond_loopback(second) == []
        os.kill(second, signal.SIGKILL)
        _, told = killed.communicate(timeout=120)
    again = "the same command goes on from the last complete checkpoint"
    assert told == f"rank 1 of 2 was ended by SIGKILL, as happens when memory runs out; {again}\n"
    assert killed.returncode == 3
    assert not lives(first)

    before = steps_kept(runs)
    with reproduce(card, runs) as stopped:
        once(lambda: steps_kept(runs) - before)
        stopped.send_signal(signal.SIGINT)
        _, told = stopped.communicate(timeout=120)
    assert stopped.returncode == 130
    assert "stopping once a checkpoint is written; again stops at once\n" in told
    assert told.endswith("interrupted; the same command goes on from the last complete checkpoint, if there is one\n")
    stages = [line.partition(":")[0] for line in told.splitlines()[:-2]]
    assert stages == ["read", "build", "tokenize"]  # once each, and nothing of torchrun's

    before = steps_kept(runs)
    with reproduce(card, runs, "-q") as gone:
        once(lambda: steps_kept(runs) - before)
        orphans = ranks_of(gone.pid)
        agent = int(Path(f"/proc/{orphans[0]}/stat").read_text().rpartition(")")[2].split()[1])
        gone.kill()
    assert len(orphans) == 2
    orphans.append(agent)
    once(lambda: not any(map(lives, orphans)), seconds=120)
    once(
        lambda: not list((tmp_path / "tmp").glob("replicard*")), seconds=120
    )  # nor do their logs and meeting places stay

    assert replicard(*together, runs).code == 0
    assert outcome(folder) == outcome(expected)


@pytest.mark.slow
def test_what_a_rank_refuses_is_told_once_as_by_one_process(tmp_path: Path) -> None:
    card = write_card(tmp_path, "learning_rate: 1e-2", "learning_rate: 1e30")
    answers = [
        replicard("reproduce", card, "-q", "--runs", tmp_path / str(processes), "--processes", processes)
        for processes in (1, 2)
    ]
    assert [answer.code for answer in answers] == [2, 2]
    assert answers[0].line == answers[1].line
    assert "its training diverged; lower it" in answers[1].line


def test_the_log_of_the_rank_that_failed_first_is_kept_and_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (ranks := tmp_path / "ranks").mkdir()
    for rank in (1, 0):
        log = ranks / f"replicard-{rank}.log"
        log.write_text("Traceback")
        launching.tell_failure(ranks, rank, [f"a fault of replicard: ValueError (traceback in {log})"], 4)
    (ranks / "codes").write_text(json.dumps({"0": 4, "1": 4}))
    with pytest.raises(launching.RankError) as failed:
        launching._fail(ranks, 2)
    (problem,) = failed.value.problems
    kept = tmp_path / "replicard-1.log"
    assert problem.message == f"rank 1 of 2: a fault of replicard: ValueError (traceback in {kept})"
    assert [path.name for path in tmp_path.glob("*.log")] == [kept.name]


def test_processes_that_cannot_share_a_step_are_refused_with_those_that_can(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    refused = replicard("reproduce", card, "--runs", tmp_path / "runs", "--processes", 3)
    assert refused.code == 2
    expected = "--processes 3  a step of 32 rows cannot be shared equally; 1, 2, 4, 8, 16 or 32 processes can"
    assert refused.line == expected
    assert not (tmp_path / "runs").exists()


def test_a_device_batch_that_does_not_divide_is_refused_with_those_that_do(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    refused = replicard("train", card, "--runs", tmp_path / "runs", "--device-batch", 12, "--processes", 2)
    assert refused.code == 2
    expected = "has to divide batches of 32 rows and a process's share of a step, 16 rows; 1, 2, 4, 8 or 16 does"
    assert refused.line == f"--device-batch 12  {expected}"
