"""A run that is killed again and again, in every stage, ends as one that was left alone."""

from __future__ import annotations

import json
import random
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from command import process, write_card

from runner.runs import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECIPES = {
    "full": ("{epochs: 2", "{epochs: 6"),
    "best": (
        "training: {epochs: 2, learning_rate: 1e-2, batch_size: 32, eval_batch_size: 64, seed: 1}\n"
        "evaluation: {metrics: [accuracy]}",
        "training: {epochs: 6, learning_rate: 1e-2, batch_size: 32, eval_batch_size: 64, seed: 1, select: best}\n"
        "evaluation: {metrics: [accuracy], each_epoch: test}",
    ),
    "lora": ("training: {epochs: 2", "adapter: {type: lora, target_modules: [query]}\ntraining: {epochs: 6"),
    "4-bit": (
        "training: {epochs: 2",
        "adapter: {type: lora, target_modules: [query]}\nquantization: {type: bitsandbytes, bits: 4}\n"
        "training: {epochs: 6",
    ),
}


def checkpoints(folder: Path) -> set[Path]:
    return set(folder.glob("checkpoints/checkpoint-*"))


def trained(folder: Path) -> bool:
    record = folder / "record.json"
    return record.exists() and json.loads(record.read_bytes())["training"] is not None


MOMENTS: dict[str, Callable[[Path, set[Path]], bool]] = {
    "training": lambda folder, before: any(folder.glob(".lock-*")),
    "saving a checkpoint": lambda folder, before: bool(checkpoints(folder) - before),
    "going on from a checkpoint": lambda folder, before: any(
        (new / "complete").exists() for new in checkpoints(folder) - before
    ),
    "saving the model": lambda folder, before: (folder / "model").exists(),
    "evaluation": lambda folder, before: trained(folder),
    "rendering": lambda folder, before: (folder.parent / "audit.json").exists(),
}
"""When to kill: from the run's folder and the checkpoints that were there when the process began."""


def kill_at(command: list[object], folder: Path, moment: Callable[[Path, set[Path]], bool], later: float) -> int:
    """Start the command and kill it `later` seconds after the moment has come; its exit code."""
    before = checkpoints(folder)
    with process(command) as started:
        while started.poll() is None and not moment(folder, before):
            time.sleep(0.0005)
        time.sleep(later)
        started.send_signal(signal.SIGKILL)
        started.communicate(timeout=60)
    return started.returncode


def outcome(folder: Path) -> dict[str, Any]:
    """All that a run left, but for the times that it took and what hangs on them."""
    record = json.loads((folder / "record.json").read_bytes())
    for stage, timed in (("training", ("seconds", "energy", "resumed_from")), ("evaluation", ("seconds", "speed"))):
        for name in timed:
            del record[stage][name]
    del record["started"]
    timed = "Training|Hours used|Energy|Carbon Emitted|Throughput|Latency of one row"
    # The last line holds a hash of all.
    timed_lines = rf"^(  emissions: .*|- \*\*({timed}):\*\* .*|<!-- Rendered by replicard .*)$"
    return {
        "files": {
            str(path.relative_to(folder.parent)): file_sha256(path)
            for path in folder.parent.rglob("*")
            if path.is_file() and path.name not in ("record.json", "README.md")
        },
        "record": record,
        "README": re.sub(timed_lines, "", (folder.parent / "README.md").read_text(), flags=re.MULTILINE),
    }


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_that_is_killed_in_every_stage_ends_as_one_that_was_not(recipe: str, tmp_path: Path) -> None:
    card = write_card(tmp_path, *RECIPES[recipe])
    card = card.rename(card.with_name("tiny.yaml"))
    draw = random.Random(recipe)
    run = [sys.executable, "-m", "runner.cli", "reproduce", card, "-q", "--runs"]
    with process([*run, tmp_path / "whole"]) as whole:
        assert whole.communicate(timeout=120) is not None
    assert whole.returncode == 0
    (expected,) = (tmp_path / "whole").glob("tiny/*/seed1")
    folder = tmp_path / "killed" / expected.relative_to(tmp_path / "whole")
    for name, moment in MOMENTS.items():
        later = draw.choice([0.0, 0.002, 0.01, 0.05])
        code = kill_at([*run, tmp_path / "killed"], folder, moment, later)
        print(f"{recipe}: killed {later} s into {name}: {code}")
        assert code == -signal.SIGKILL, name
    with process([*run, tmp_path / "killed"]) as last:
        _, told = last.communicate(timeout=120)
    assert (last.returncode, told) == (0, "")
    assert outcome(folder) == outcome(expected)
