"""Tasks as jobs of the Hub: the card gets there, the run comes home, a job is not started twice, and no token is told."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import REPO as CHECKOUT
from command import write_card
from hub_server import Account, Hub, take_for_the_hub

from runner import asking
from runner.executors import Settings, Task, hf_jobs
from runner.plugins import load_card
from runner.reproducing import prepare
from runner.runs import is_complete

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from runner.executors.hf_jobs import Jobs
    from runner.runs import Run

TOKEN = "hf_" + "qW3eR5tY7uI9oP1aS3dF5gH7jK9lZ1xC3v"
RESULTS = "tester/runs"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub that this process takes for the real one; its jobs find this Python and this code."""
    from huggingface_hub import constants

    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "python").write_text(f'#!/bin/sh\nPYTHONPATH={CHECKOUT} exec {shlex.quote(sys.executable)} "$@"\n')
    (bin / "python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(asking, "PAUSE", 0.01)
    monkeypatch.setattr(hf_jobs, "INTERVAL", 0.05)
    with Hub() as served:
        served.accounts = {TOKEN: Account("tester", orgs=("lab",))}
        take_for_the_hub(monkeypatch, served.endpoint)
        yield served


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_card(tmp_path_factory.mktemp("cards"))


def a_run(card: Path, runs: Path) -> Run:
    return prepare(load_card(card), runs, accept_deviations=True).run


def a_task(card: Path, runs: Path, *options: str, **more: Any) -> Task:
    run = a_run(card, runs)
    given = {"timeout_s": 600.0, "cpus": 1, **more}
    return Task(key=str(run), card=card, runs=runs, folder=Path(str(run)), options=(*options, "-q"), **given)


def started(**more: Any) -> Jobs:
    return hf_jobs.start(Settings(**{"at_once": 4, "results": RESULTS, "image": "replicard:test", **more}))


def ended(jobs: Jobs, handle: str, within: float = 240) -> Any:
    until = time.monotonic() + within
    while (status := jobs.poll([handle])[handle]).state in ("waiting", "running"):
        assert time.monotonic() < until, list(jobs.logs(handle))
        time.sleep(0.05)
    return status


def test_a_job_trains_a_card_of_this_machine_and_its_run_comes_home_whole(hub: Hub, card: Path, tmp_path: Path) -> None:
    task, jobs = a_task(card, tmp_path / "runs"), started()
    jobs.preflight([task])
    assert jobs.adopt([task]) == {}
    handle = jobs.submit(task, tmp_path / "log")
    assert ended(jobs, handle).code == 0, list(jobs.logs(handle))
    jobs.fetch(task)
    assert is_complete(a_run(card, tmp_path / "runs"))
