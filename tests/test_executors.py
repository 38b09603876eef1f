"""What every executor does, whatever engine is behind it: a new file under `runner/executors` is tested here."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from command import REPO, process, write_card
from engines import a_task, at_work, ended, jobs_hub, submit
from ray_cluster import Cluster, is_alone

from registry.errors import MissingError
from runner import plugins
from runner.executors import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runner.executors import Executor

MARKS = {"hf-jobs": pytest.mark.slow, "ray": pytest.mark.ray}
ENGINES = [pytest.param(name, marks=MARKS.get(name, ())) for name in plugins.names("executors")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed here")
    if not is_alone():
        pytest.skip("Ray listens on every interface; `make ray` runs this where there is none but the loopback's")
    with Cluster() as made:
        yield made


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    """An executor of that name, its engine there."""
    more = {}
    if request.param == "ray":
        more["address"] = request.getfixturevalue("cluster").address
    if request.param == "hf-jobs":
        request.addfinalizer(jobs_hub(tmp_path, monkeypatch).__enter__().__exit__)
        more |= {"results": "tester/runs", "image": "replicard:test"}
    executor = plugins.engine(request.param).start(Settings(at_once=2, **more))
    yield executor
    executor.close()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return write_card(tmp_path / "cards")


def test_a_task_is_done_with_the_code_of_its_command_and_what_it_said(engine: Executor, card: Path) -> None:
    task = a_task(card)
    handle = submit(engine, task)
    status = ended(engine, handle)
    assert (status.state, status.code) == ("done", 2)
    assert any("No such option" in line for line in engine.logs(handle))
    assert "No such option" in (task.runs / "log-1").read_text()


def test_there_is_nothing_to_adopt_where_nothing_was_begun(engine: Executor, card: Path) -> None:
    task = a_task(card)
    engine.preflight([task])
    assert engine.adopt([task]) == {}


def test_how_a_task_ended_is_told_as_often_as_it_is_asked(engine: Executor, card: Path) -> None:
    handle = submit(engine, a_task(card))
    assert ended(engine, handle) == engine.poll([handle])[handle]


def test_tasks_are_told_apart(engine: Executor, card: Path) -> None:
    first = submit(engine, a_task(card))
    second = submit(engine, a_task(card, "--seeds", "x", attempt=2))
    assert (ended(engine, first).code, ended(engine, second).code) == (2, 2)
    assert "No such option" in "".join(engine.logs(first))
    assert "--seeds x  write 0..4 or 1,2,3" in "".join(engine.logs(second))


def test_a_task_whose_time_is_up_is_lost(engine: Executor, card: Path) -> None:
    status = ended(engine, submit(engine, a_task(card, timeout_s=0.01)))
    assert (status.state, status.code) == ("lost", None)
    assert status.message.endswith("its time was up")


def test_a_task_that_is_cancelled_ends_without_success(engine: Executor, card: Path) -> None:
    handle = submit(engine, a_task(card, "--seeds", "1", "--set", "training.epochs=1000"))
    engine.poll([handle])
    engine.cancel(handle)
    status = ended(engine, handle)
    assert status.state == "lost" or status.code


def test_what_can_never_run_is_refused(engine: Executor, card: Path) -> None:
    with pytest.raises(MissingError):
        engine.preflight([a_task(card, gpus=64)])


def test_a_command_dies_with_the_process_that_waits_for_it(card: Path, tmp_path: Path) -> None:
    command = ["reproduce", str(card), "--seeds", "1", "--set", "training.epochs=1000"]
    code = "import os, sys; from runner.executors import _child"
    code += f"; _child.run({command}, sys.stdout.buffer, os.environ, 600)"
    waits = process([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(REPO))
    while not (found := at_work(psutil.Process(waits.pid))):
        assert waits.poll() is None, waits.communicate()
        time.sleep(0.05)
    waits.kill()
    waits.communicate(timeout=60)
    assert psutil.wait_procs(found, timeout=60)[1] == []
