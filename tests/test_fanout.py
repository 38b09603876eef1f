"""The fan-out: what is lost is tried again, what failed is not, and what is done is done once."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from command import process, records, replicard, write_card
from engines import SMALL_MEMORY
from records import record_of
from rich.console import Console

from bench.fanout import COUNTED
from registry.errors import InputError, MissingError, Problem
from runner import fanout, plugins, progress, stopping
from runner.cli.board import Board
from runner.executors import HELD, OUT_OF_MEMORY, Settings, Status, Task
from runner.executors.local import Pool
from runner.fanout import FanOut, Member, Row, key_of
from runner.leases import Progress, look
from runner.plugins import load_card
from runner.record import Snapshot
from runner.runs import Run, exclusive, file_sha256, write_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from registry.card import Card
    from runner.fanout import Outcome

LOST = Status(state="lost", message="node7 is gone")
KILLED = Status(state="done", code=137)


def ended(code: int) -> Status:
    return Status(state="done", code=code)


class Scripted:
    """An engine whose tasks end as they are told to: the next status of each key, and at 0 a record is there."""

    shares_files = True
    places = None

    def __init__(self, card: Card, script: Mapping[int, Sequence[Status]]) -> None:
        self.card, self.script = card, {seed: list(statuses) for seed, statuses in script.items()}
        self.submitted: list[Task] = []
        self.logs_of: dict[str, Path] = {}

    def preflight(self, tasks: Sequence[Task]) -> None:
        self.asked = [task.key for task in tasks]

    def adopt(self, tasks: Sequence[Task]) -> Mapping[str, str]:
        return {}

    def submit(self, task: Task, log: Path) -> str:
        self.submitted.append(task)
        handle = f"{task.key}#{task.attempt}"
        self.logs_of[handle] = log
        log.write_text("data.text: reviews has no column 'review'\n\n")
        return handle

    def poll(self, handles: Sequence[str]) -> Mapping[str, Status]:
        return {handle: self._status(handle) for handle in handles}

    def _status(self, handle: str) -> Status:
        seed = int(handle.partition("#")[0].rpartition("seed")[2])
        status = self.script[seed].pop(0)
        if status == ended(0):
            complete(self.card, self.submitted[0].runs, seed)
        return status

    def fetch(self, task: Task) -> None:
        pass

    def cancel(self, handle: str) -> None:
        pass

    def logs(self, handle: str) -> Iterator[str]:
        with self.logs_of[handle].open() as lines:
            yield from lines

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return load_card(write_card(tmp_path_factory.mktemp("card"))).card


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(fanout, "_PAUSE", 0.01)


def complete(card: Card, root: Path, seed: int) -> None:
    """A complete record, as a run leaves it."""
    dataset = Snapshot(name="reviews", revision="sha256:" + "1" * 64, files={})
    record = record_of(card, seed, 0.8, None, dataset)
    write_model(Run(root, card.id, "abcdefabcdef", seed).record, record)


def member(card: Card, root: Path, seed: int, batches: tuple[int, ...] = (32, 16, 8)) -> Member:
    run = Run(root, card.id, "abcdefabcdef", seed)
    task = Task(
        key=key_of(run), card=Path("tiny.yaml"), runs=root, folder=run.folder.relative_to(root),
        options=("--seeds", str(seed)), timeout_s=60,
    )  # fmt: skip
    return Member(run, task, batches)


def fan_out(
    card: Card, root: Path, script: Mapping[int, Sequence[Status]], **options: Any
) -> tuple[list[Outcome], Scripted]:
    engine = Scripted(card, script)
    fan = FanOut([member(card, root, seed) for seed in script], **options)
    fan.run(engine)
    return [row.outcome for row in fan.rows if row.outcome is not None], engine


def attempts(engine: Scripted) -> list[tuple[str, ...]]:
    return [task.options for task in engine.submitted]


# What is tried again


def test_a_lost_task_is_tried_again_as_it_was(card: Card, tmp_path: Path) -> None:
    (outcome,), engine = fan_out(card, tmp_path, {1: [LOST, ended(143), ended(0)]})
    assert (outcome.code, outcome.attempts) == (0, 3)
    assert attempts(engine) == [("--seeds", "1")] * 3


def test_what_is_lost_too_often_is_given_up_with_what_the_engine_says(card: Card, tmp_path: Path) -> None:
    (outcome,), engine = fan_out(card, tmp_path, {1: [LOST] * fanout.LOSSES})
    assert (outcome.code, outcome.reason) == (3, "lost 3 times: node7 is gone")
    assert len(engine.submitted) == fanout.LOSSES


def test_out_of_memory_is_tried_again_with_half_the_rows_at_once(card: Card, tmp_path: Path) -> None:
    (outcome,), engine = fan_out(card, tmp_path, {1: [ended(OUT_OF_MEMORY), ended(OUT_OF_MEMORY), ended(0)]})
    assert outcome.code == 0
    assert [options[2:] for options in attempts(engine)] == [(), ("--device-batch", "16"), ("--device-batch", "8")]


def test_out_of_memory_with_the_smallest_batch_is_the_end(card: Card, tmp_path: Path) -> None:
    (outcome,), _ = fan_out(card, tmp_path, {1: [ended(OUT_OF_MEMORY)] * 3})
    assert outcome.code == 3
    assert outcome.reason.endswith("; and no smaller batch is left to try")


def test_a_killed_task_is_tried_as_it_was_and_after_another_kill_with_a_smaller_batch(
    card: Card, tmp_path: Path
) -> None:
    (outcome,), engine = fan_out(card, tmp_path, {1: [KILLED, KILLED, ended(0)]})
    assert outcome.code == 0
    assert [options[2:] for options in attempts(engine)] == [(), (), ("--device-batch", "16")]


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_a_task_that_ends_with_a_code_of_the_command_is_not_tried_again(code: int, card: Card, tmp_path: Path) -> None:
    (outcome, other), engine = fan_out(card, tmp_path, {1: [ended(code)], 2: [ended(0)]})
    assert (outcome.code, outcome.attempts) == (code, 1)
    assert outcome.reason == "data.text: reviews has no column 'review'"
    assert other.code == 0
    assert len(engine.submitted) == 2


def test_a_task_that_ends_well_and_leaves_no_run_is_a_fault(card: Card, tmp_path: Path) -> None:
    engine = Scripted(card, {1: []})
    engine._status = lambda handle: ended(0)  # type: ignore[method-assign]
    fan = FanOut([member(card, tmp_path, 1)])
    fan.run(engine)
    (row,) = fan.rows
    assert row.outcome is not None
    assert (row.outcome.code, row.outcome.reason) == (4, "it ended well, but its run is not whole")


def test_a_task_whose_card_was_edited_since_refuses_to_make_another_run(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    answer = replicard("reproduce", card, "--task", "tiny/abcdefabcdef/seed1", "--runs", tmp_path / "runs")
    assert answer.code == 2
    assert answer.line.endswith("/seed1: the card was edited, or what it names has moved; start the set again")
    assert not (tmp_path / "runs").exists()


# Once


def test_what_is_complete_is_not_handed_over(card: Card, tmp_path: Path) -> None:
    complete(card, tmp_path, 1)
    (done, other), engine = fan_out(card, tmp_path, {1: [], 2: [ended(0)]})
    assert (done.code, done.again, done.attempts, done.log) == (0, True, 0, "")
    assert other.again is False
    assert engine.asked == [task.key for task in engine.submitted] == ["tiny/abcdefabcdef-seed2"]


def test_fresh_does_what_is_complete_again_and_forgets_it_first(card: Card, tmp_path: Path) -> None:
    complete(card, tmp_path, 1)
    (outcome,), _ = fan_out(card, tmp_path, {1: [LOST, LOST, LOST]}, fresh=True)
    assert outcome.code == 3
    assert not Run(tmp_path, card.id, "abcdefabcdef", 1).record.exists()


def test_a_run_without_its_weights_is_not_done(card: Card, tmp_path: Path) -> None:
    complete(card, tmp_path, 1)
    file = Run(tmp_path, card.id, "abcdefabcdef", 1).record
    told = json.loads(file.read_bytes())
    told["training"]["files"] = {"model/model.safetensors": "0" * 64}
    file.write_text(json.dumps(told))
    assert len(FanOut([member(card, tmp_path, 1)]).waiting) == 1


def test_a_record_that_cannot_be_read_fails_its_task_alone(card: Card, tmp_path: Path) -> None:
    file = Run(tmp_path, card.id, "abcdefabcdef", 1).record
    file.parent.mkdir(parents=True)
    file.write_text("{")
    (wrong, good), _ = fan_out(card, tmp_path, {1: [], 2: [ended(0)]})
    assert (wrong.code, good.code) == (2, 0)
    assert "not a record this version reads" in wrong.reason


def test_a_task_that_another_process_is_at_work_on_is_waited_for(card: Card, tmp_path: Path) -> None:
    run = Run(tmp_path, card.id, "abcdefabcdef", 1)
    engine = Scripted(card, {1: [], 2: [ended(0)]})
    seen = Counter[str]()

    def told(rows: Sequence[Row]) -> None:
        seen[rows[0].state] += 1
        if seen["elsewhere"] == 3:  # it ends, and has done it
            complete(card, tmp_path, 1)
            holding.__exit__(None, None, None)

    holding = exclusive(run)
    holding.__enter__()
    fan = FanOut([member(card, tmp_path, seed) for seed in (1, 2)], told=told)
    fan.run(engine)
    assert [row.outcome.code for row in fan.rows if row.outcome] == [0, 0]
    assert [task.key for task in engine.submitted] == ["tiny/abcdefabcdef-seed2"]


def test_a_task_that_finds_its_run_held_is_no_attempt_that_failed(card: Card, tmp_path: Path) -> None:
    (outcome,), engine = fan_out(card, tmp_path, {1: [ended(HELD), ended(HELD), ended(HELD), ended(HELD), ended(0)]})
    assert outcome.code == 0
    assert [options[2:] for options in attempts(engine)] == [()] * 5


def test_no_more_tasks_are_handed_over_at_a_time_than_asked_for(card: Card, tmp_path: Path) -> None:
    flying = []

    def told(rows: Sequence[Row]) -> None:
        flying.append(sum(row.handle is not None for row in rows))

    running = Status(state="running")
    script = {seed: [running, running, ended(0)] for seed in range(5)}
    outcomes, _ = fan_out(card, tmp_path, script, most=2, told=told)
    assert [outcome.code for outcome in outcomes] == [0] * 5
    assert max(flying) == 2


def test_every_attempt_has_a_log_of_its_own_also_of_an_earlier_fan_out(card: Card, tmp_path: Path) -> None:
    fan_out(card, tmp_path, {1: [LOST, ended(2)]})
    (outcome,), _ = fan_out(card, tmp_path, {1: [ended(2)]})
    logs = tmp_path / "tiny" / "abcdefabcdef" / "logs"
    assert sorted(path.name for path in logs.iterdir()) == ["seed1-1.log", "seed1-2.log", "seed1-3.log"]
    assert outcome.log == str(logs / "seed1-3.log")


def test_what_tasks_share_is_prepared_before_the_first_is_handed_over(card: Card, tmp_path: Path) -> None:
    prepared: list[str] = []

    def prepare(member: Member) -> None:
        prepared.append(member.task.key)
        if member.run.seed == 2:
            raise InputError(Problem("", "data.text", "no such column"))
        if member.run.seed == 3:
            raise RuntimeError("the task meets it too")

    script = {1: [LOST, ended(0)], 2: [], 3: [ended(0)]}
    outcomes, _ = fan_out(card, tmp_path, script, prepare=prepare)
    assert [outcome.code for outcome in outcomes] == [0, 2, 0]
    assert outcomes[1].reason == "data.text: no such column"
    assert Counter(prepared) == Counter(f"tiny/abcdefabcdef-seed{seed}" for seed in (1, 2, 3))


def test_a_task_whose_folder_cannot_be_written_stops_no_other(card: Card, tmp_path: Path) -> None:
    class Full(Scripted):
        def submit(self, task: Task, log: Path) -> str:
            if task.key.endswith("seed1"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(log))
            return super().submit(task, log)

    other = card.model_copy(update={"id": "other"})
    (tmp_path / "other").touch()
    fan = FanOut([member(card, tmp_path, 1), member(card, tmp_path, 2), member(other, tmp_path, 3)])
    fan.run(Full(card, {2: [ended(0)]}))
    full, good, blocked = (row.outcome for row in fan.rows)
    assert full and good and blocked
    assert (full.code, full.reason.rpartition("/")[2]) == (3, "seed1-1.log: No space left on device")
    assert (blocked.code, good.code) == (2, 0)
    assert "a file is where the folder of runs should be" in blocked.reason


def test_where_no_log_can_be_written_the_exit_code_tells_what_happened(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as log:
        told = subprocess.run([sys.executable, "-m", "runner.cli", "show", "nosuch"], stderr=log, check=False)
    assert told.returncode == 2


def test_who_is_asked_to_stop_hands_over_no_more_tasks(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[Member] = []
    monkeypatch.setattr(stopping, "asked", lambda: bool(prepared))
    script = {1: [Status(state="running"), ended(130)], 2: [], 3: []}
    outcomes, engine = fan_out(card, tmp_path, script, prepare=prepared.append)
    assert [task.key for task in engine.submitted] == [member.task.key for member in prepared]
    assert len(prepared) == 1
    assert outcomes == []


# What is shown


def shown(rows: Sequence[Row], monkeypatch: pytest.MonkeyPatch, terminal: bool, width: int = 160) -> str:
    text = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=text, force_terminal=terminal, width=width, height=20))
    board = Board()
    with board.shown():
        board.told(rows)
    return text.getvalue()


def test_a_terminal_shows_a_table_of_what_is_at_work(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = Progress(stage="train", done=40, total=1200, note="loss 0.5000", seconds_left=3725.0)
    rows = [Row(member(card, tmp_path, seed)) for seed in range(30)]
    rows[7].state, rows[7].progress = "running", at
    rows[8].state, rows[8].told = "elsewhere", "process 12 on node7"
    rows[9].state = "done"
    text = shown(rows, monkeypatch, terminal=True)
    (line,) = [line.split() for line in text.splitlines() if line.split()[:2] == ["tiny", "7"]]
    assert line[-6:] == ["running", "train", "40/1,200", "loss", "0.5000", "1:02:05"]
    assert "process 12 on node7" in text
    assert "1 done, 1 elsewhere, 1 running, 27 waiting" in text
    assert text.count("waiting ") < 20  # no more than the terminal has room for


def test_a_narrow_terminal_shows_numbers_whole(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = Progress(stage="train", done=1028, total=21_000, note="epoch 30.00  loss 0.5000", seconds_left=36725.0)
    named = card.model_copy(update={"id": "llm-project-distilbert"})
    row = Row(member(named, tmp_path, 4), state="running", progress=at)
    (line,) = [line for line in shown([row], monkeypatch, terminal=True, width=80).splitlines() if "1,028" in line]
    card_, seed, state, stage, steps, *note, left = line.split()
    assert (seed, state, stage, steps, left) == ("4", "running", "train", "1,028/21,000", "10:12:05")
    assert card_.startswith("llm-project-") and note[0] == "epoch"


def test_elsewhere_a_line_tells_of_each_change_and_a_failure_is_told_with_its_log(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [Row(member(card, tmp_path, seed)) for seed in range(3)]
    rows[1].state, rows[1].log = "running", Path("seed1-1.log")
    rows[2].state, rows[2].told, rows[2].log = "failed", "no such column", Path("seed2-1.log")
    text = shown(rows, monkeypatch, terminal=False)
    assert text == "running  tiny/abcdefabcdef-seed1; log seed1-1.log\n"
    assert capsys.readouterr().err == "tiny/abcdefabcdef-seed2  no such column; log seed2-1.log\n"


# The pool of this machine


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pool]:
    """A pool whose processes write their environment into the log and end when a file is there."""
    script = tmp_path / "python"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "threads=$OMP_NUM_THREADS devices=$CUDA_VISIBLE_DEVICES"\n'
        f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))

    def make(at_once: int, **has: Any) -> Pool:
        made = Pool(Settings(at_once=at_once))
        for name, value in has.items():
            setattr(made, name, value)
        made.places = min(at_once, made.cores)
        return made

    return make


def needs(tmp_path: Path, number: int, **more: Any) -> Task:
    folder = Path(f"tiny/abcdefabcdef/seed{number}")
    return Task(
        key=f"tiny/abcdefabcdef-seed{number}",
        card=Path("tiny.yaml"),
        runs=tmp_path,
        folder=folder,
        timeout_s=60,
        **more,
    )


def running(pool: Pool, tasks: Sequence[Task], tmp_path: Path) -> list[str]:
    """Which tasks run at first; then all are let go."""
    pool.preflight(tasks)
    handles = [pool.submit(task, tmp_path / f"{number}.log") for number, task in enumerate(tasks)]
    states = pool.poll(handles)
    (tmp_path / "go").touch()
    while any(status.state != "done" for status in pool.poll(handles).values()):
        time.sleep(0.02)
    return [state.state for state in states.values()]


def test_a_pool_runs_as_many_tasks_as_it_has_cores(pool: Callable[..., Pool], tmp_path: Path) -> None:
    tasks = [needs(tmp_path, number) for number in range(3)]
    assert running(pool(3, cores=2, memory=100), tasks, tmp_path) == ["running", "running", "waiting"]


def test_a_pool_runs_as_many_tasks_as_its_memory_holds(pool: Callable[..., Pool], tmp_path: Path) -> None:
    tasks = [needs(tmp_path, number, memory_bytes=size) for number, size in enumerate((60, 60, 30))]
    assert running(pool(3, cores=8, memory=100), tasks, tmp_path) == ["running", "waiting", "running"]


def test_a_pool_gives_each_task_devices_of_its_own(pool: Callable[..., Pool], tmp_path: Path) -> None:
    tasks = [needs(tmp_path, 0, gpus=1), needs(tmp_path, 1, gpus=2), needs(tmp_path, 2, gpus=2)]
    states = running(pool(3, cores=8, memory=100, devices=("0", "1", "5"), device_memory=1), tasks, tmp_path)
    assert states == ["running", "running", "waiting"]
    logs = [(tmp_path / f"{number}.log").read_text().split()[1] for number in range(3)]
    assert logs[:2] == ["devices=0", "devices=1,5"]
    assert logs[2].count(",") == 1  # whichever two were free


@pytest.mark.parametrize(("at_once", "threads"), [(1, 8), (2, 4), (3, 2), (100, 1)])
def test_cores_are_shared_out_among_what_runs_at_once(
    at_once: int, threads: int, pool: Callable[..., Pool], tmp_path: Path
) -> None:
    running(pool(at_once, cores=8, memory=100), [needs(tmp_path, 0)], tmp_path)
    assert (tmp_path / "0.log").read_text().split()[0] == f"threads={threads}"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"memory_bytes": 3 << 30}, "needs 3 GiB of memory, this machine has 2"),
        ({"gpus": 1}, "needs 1 GPUs, this machine has 0"),
        ({"cpus": 9}, "needs 9 cores, this machine has 8"),
    ],
)
def test_what_can_never_run_here_is_refused(
    wanted: dict[str, Any], words: str, pool: Callable[..., Pool], tmp_path: Path
) -> None:
    with pytest.raises(MissingError, match=words):
        pool(1, cores=8, memory=2 << 30, devices=()).preflight([needs(tmp_path, 0, **wanted)])


def test_a_task_that_hangs_is_lost_when_its_time_is_up(pool: Callable[..., Pool], tmp_path: Path) -> None:
    made = pool(1, cores=1)
    task = needs(tmp_path, 0).model_copy(update={"timeout_s": 0.1})
    made.preflight([task])
    handle = made.submit(task, tmp_path / "0.log")
    while (status := made.poll([handle])[handle]).state in ("waiting", "running"):
        time.sleep(0.05)
    assert status.state == "lost"
    assert status.message.endswith("its time was up")


def test_a_closed_pool_has_killed_what_ran(pool: Callable[..., Pool], tmp_path: Path) -> None:
    made = pool(1, cores=1)
    made.preflight([needs(tmp_path, 0)])
    handle = made.submit(needs(tmp_path, 0), tmp_path / "0.log")
    made.poll([handle])
    started = made.tasks[handle].process
    assert started is not None
    made.close()
    assert started.returncode == -signal.SIGKILL


def test_the_engines_are_listed_by_their_names() -> None:
    assert "local" in plugins.names("executors")


def test_an_engine_of_no_name_is_refused_with_a_hint(tmp_path: Path) -> None:
    answer = replicard("reproduce", write_card(tmp_path), "--on", "lokal")
    assert (answer.code, answer.line) == (2, "--on lokal  no such engine; did you mean `local`?")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--ray-address", "10.0.0.1:6379"), "--ray-address 10.0.0.1:6379  goes with --on ray"),
        (("--junit", "."), "Invalid value for '--junit': file '.' is a directory"),
        (("--timeout", "0"), "Invalid value for '--timeout'"),
    ],
)
def test_what_a_set_could_not_do_is_refused_before_it_begins(
    options: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    answer = replicard("reproduce", write_card(tmp_path), *options, "--runs", tmp_path / "runs")
    assert answer.code == 2
    assert answer.line.startswith(line)
    assert not (tmp_path / "runs").exists()


# Real trainings


REFERENCE = ("--kernels", "reference")
"""Nothing has to be compiled for it."""


def started_by(*arguments: object, **environment: str) -> Any:
    return process([sys.executable, "-m", "runner.cli", "reproduce", *arguments], **environment)


def wait_until(there: Callable[[], bool], seconds: float = 900) -> None:
    ends = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


def holders(runs: Path) -> dict[int, int]:
    """Process ids of what trains, by seed."""
    found = {}
    for folder in runs.glob("**/seed*/"):
        for lease in look(folder):
            if lease.holder is not None and lease.holder.lives:
                found[int(folder.name.removeprefix("seed"))] = lease.holder.pid
    return found


def trainings(runs: Path) -> Counter[str]:
    """How often a training came to its end, by seed: each writes how long it took into its log."""
    found: Counter[str] = Counter()
    for log in runs.glob("*/*/logs/*.log"):
        found[log.name.partition("-")[0]] += log.read_text().count("train: ")
    return found


def results(runs: Path) -> dict[int, Any]:
    """What the runs came to, but for the times that it took."""
    return {
        record["seed"]: (record["training"]["files"], record["training"]["log"], record["evaluation"]["scores"])
        for record in records(runs)
    }


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a card and its runs with seeds 1 to 3, one after the other in this process."""
    folder = tmp_path_factory.mktemp("serial")
    # Many small steps: long enough to be met at work.
    card = write_card(folder, "{epochs: 2, learning_rate: 1e-2, batch_size: 32", "{epochs: 4, batch_size: 4")
    assert replicard("reproduce", card, *REFERENCE, "--seeds", "1..3", "--runs", folder / "runs", "-q").code == 0
    return folder


@pytest.mark.slow
def test_after_the_driver_was_killed_two_at_once_finish_the_set_and_every_task_is_done_once(
    serial: Path, tmp_path: Path
) -> None:
    runs, counts = tmp_path / "runs", tmp_path / "counts"
    (tmp_path / "sitecustomize.py").write_text(COUNTED)
    paths = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    counted = {"PYTHONPATH": paths, "COUNTED": str(counts), "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    command = [serial / "tiny.yaml", *REFERENCE, "--seeds", "1..3", "--on", "local", "-j", "2", "--runs", runs]
    with started_by(*command, **counted) as driver:
        wait_until(lambda: len(holders(runs)) == 2)
        survivors = holders(runs)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    assert survivors.keys() <= holders(runs).keys() | {one["seed"] for one in records(runs) if one["evaluation"]}
    with started_by(*command, **counted) as one, started_by(*command, **counted) as other:
        _, said = one.communicate(timeout=900)
        _, also = other.communicate(timeout=900)
    assert (one.returncode, other.returncode) == (0, 0), said + also
    assert results(runs) == results(serial / "runs")
    assert trainings(runs) == {"seed1": 1, "seed2": 1, "seed3": 1}
    assert sorted(counts.read_text().split()) == ["200", "80"]  # each split once, by the first driver
    (audit,) = runs.glob("tiny/*/audit.json")
    assert json.loads(audit.read_bytes())["seeds"] == [1, 2, 3]
    before = {file: file_sha256(file) for file in runs.rglob("seed*/record.json")}
    again = replicard("reproduce", *command)
    assert again.code == 0
    assert "3 tasks: 0 to do, 3 done" in again.err
    assert {file: file_sha256(file) for file in before} == before


@pytest.mark.slow
def test_what_is_killed_or_runs_out_of_memory_is_tried_again_and_what_is_wrong_is_not(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SMALL_MEMORY)
    victim = write_card(tmp_path / "a", "{epochs: 2, learning_rate: 1e-2, batch_size: 32", "{epochs: 6, batch_size: 4")
    large = write_card(tmp_path / "b", "batch_size: 32", "batch_size: 32", name="large")
    wrong = write_card(tmp_path / "c", "dataset: reviews", "dataset: reviews\n  text: review", name="wrong")
    invalid = write_card(tmp_path / "d", "{epochs: 2", "{epoch: 2", name="invalid")
    runs, report, page = tmp_path / "runs", tmp_path / "junit.xml", tmp_path / "page.md"
    with started_by(
        victim, large, wrong, invalid, "--seeds", "2", "--on", "local", "-j", "2", "--runs", runs,
        "--junit", report, "--github-summary", *REFERENCE,
        PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}", GITHUB_STEP_SUMMARY=str(page),
    ) as driver:  # fmt: skip
        wait_until(lambda: bool(list(runs.glob("tiny/*/seed2/checkpoints/*/complete"))))
        os.kill(holders(runs / "tiny")[2], signal.SIGKILL)
        _, said = driver.communicate(timeout=900)
    assert driver.returncode == 2, said
    made = {record["card_id"]: record for record in records(runs)}
    assert made.keys() == {"tiny", "large"}
    assert made["tiny"]["training"]["resumed_from"] is not None
    assert made["tiny"]["plan"]["device_batch"] == 4
    assert (made["large"]["plan"]["device_batch"], made["large"]["plan"]["effective_batch"]) == (8, 32)
    assert len(list(runs.glob("tiny/*/logs/*.log"))) == 2
    assert len(list(runs.glob("large/*/logs/*.log"))) == 3
    assert list(runs.glob("wrong/*/logs/*.log")) == []
    assert "data.text: reviews has no column 'review' in train" in said
    assert "invalid.yaml" in said

    root = ElementTree.parse(report).getroot()
    errors = {suite.get("name"): suite.get("errors") for suite in root.iter("testsuite")}
    assert errors == {"invalid": "1", "tiny": "0", "large": "0", "wrong": "1"}
    assert "- **wrong/" in page.read_text()


@pytest.mark.slow
def test_ctrl_c_lets_tasks_write_a_checkpoint_and_the_same_command_goes_on_from_it(
    serial: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    command = [serial / "tiny.yaml", *REFERENCE, "--seeds", "1,3", "--on", "local", "--runs", runs]
    with started_by(*command) as driver:
        wait_until(lambda: len(list(runs.glob("tiny/*/seed*/checkpoints/*/complete"))) >= 1)
        driver.send_signal(signal.SIGINT)
        _, said = driver.communicate(timeout=900)
    assert driver.returncode == 130, said
    assert said.splitlines()[-1].startswith("interrupted; the same command goes on")
    assert holders(runs) == {}
    assert replicard("reproduce", *command, "-q").code == 0
    assert results(runs) == {seed: found for seed, found in results(serial / "runs").items() if seed in (1, 3)}
    assert any(record["training"]["resumed_from"] for record in records(runs))
