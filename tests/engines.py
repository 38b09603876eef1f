"""Tasks for engines, and a Hub whose jobs run this code: what the tests of executors share."""

from __future__ import annotations

import os
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from command import REPO as CHECKOUT
from hub_server import Account, Hub, take_for_the_hub

from bench.altered import altered
from runner import asking
from runner.executors import Task, hf_jobs

if TYPE_CHECKING:
    from typing import Any

    import pytest

    from runner.executors import Executor, Status

TOKEN = "hf_" + "qW3eR5tY7uI9oP1aS3dF5gH7jK9lZ1xC3v"
PYTHON = f"""#!/bin/sh
if [ "$2" = pip ]; then echo "$@" > {{folder}}/pip; exec test "$5" != broken; fi
PYTHONPATH={CHECKOUT} exec {shlex.quote(sys.executable)} "$@"
"""
"""The `python` of a job's image: this one with this code, but that what pip is to install is only written down."""
SMALL_MEMORY = altered(
    "transformers.trainer",
    "Trainer",
    """
import torch
step = it.Trainer.training_step

def training_step(self, model, inputs, *more, **named):
    if len(inputs["labels"]) > 8:
        raise torch.OutOfMemoryError("HIP: a device of the tests has room for 8 rows")
    return step(self, model, inputs, *more, **named)

it.Trainer.training_step = training_step
""",
)
"""A `sitecustomize` for processes whose device has room for eight rows."""


def documented(engine: str) -> list[str]:
    """The arguments of the first command of the documentation for an engine."""
    lines = (CHECKOUT / "docs/clusters.md").read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if line.startswith("replicard ") and f"--on {engine}" in line)
    return shlex.split(line)[1:]


def jobs_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty Hub that this process takes for the real one."""
    from huggingface_hub import constants

    (folder / "bin").mkdir()
    python = folder / "bin/python"
    python.write_text(PYTHON.format(folder=folder))
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(asking, "PAUSE", 0.01)
    monkeypatch.setattr(hf_jobs, "INTERVAL", 0.05)
    hub = Hub()
    hub.accounts = {TOKEN: Account("tester", orgs=("lab",))}
    take_for_the_hub(monkeypatch, hub.endpoint)
    return hub


def a_task(card: Path, *options: str, **more: Any) -> Task:
    """A task whose command ends at once, as it has no such option; unless it is given others."""
    run = more.pop("run", f"{card.stem}/0123456789ab/seed1")
    given = {"timeout_s": 600.0, "runs": card.parent / "runs", **more}
    return Task(key=run, card=card, folder=Path(run), options=options or ("--no-such-option",), **given)


def submit(engine: Executor, task: Task) -> str:
    """Hand a task over as the fan-out does; returns its handle."""
    log = task.runs / f"log-{task.attempt}"
    log.parent.mkdir(exist_ok=True)
    log.touch()
    engine.preflight([task])
    return engine.submit(task, log)


def at_work(root: psutil.Process) -> list[psutil.Process]:
    """The processes of tasks below a process."""
    found = []
    with suppress(psutil.Error):
        for one in root.children(recursive=True):
            with suppress(psutil.Error):
                found += [one] if "runner.cli" in one.cmdline() else []
    return found


def ended(engine: Executor, handle: str) -> Status:
    """How a task ended."""
    until = time.monotonic() + 240
    while (status := engine.poll([handle])[handle]).state in ("waiting", "running"):
        assert time.monotonic() < until, list(engine.logs(handle))
        time.sleep(0.05)
    return status
