"""`--track` hands a training's losses to the Trainer's own reporters, and is no part of the run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from command import records, replicard, write_card

from runner import tracking

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test chooses is forgotten after it."""
    monkeypatch.setenv(tracking.VARIABLE, "")
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)


def test_tensorboard_has_the_losses_of_the_record(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    answer = replicard("train", write_card(tmp_path), "--runs", tmp_path / "runs", "--track", "tensorboard", "-q")
    assert answer.code == 0, answer.err
    (record,) = records(tmp_path / "runs")
    (folder,) = (tmp_path / "runs").glob(f"tiny/{record['run_id']}/seed1/{tracking.FOLDER}")
    events = EventAccumulator(str(folder)).Reload()
    told = {event.step: event.value for event in events.Scalars("train/loss")}
    logged = {
        point["step"]: point["values"]["loss"] for point in record["training"]["log"] if "loss" in point["values"]
    }
    assert told == pytest.approx(logged)
    assert len(told) > 2
    assert "TENSORBOARD_LOGGING_DIR" not in os.environ


@pytest.mark.slow
def test_tracking_is_no_part_of_the_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    card = write_card(tmp_path)
    given = ["train", card, "-q", "--runs"]
    assert replicard(*given, tmp_path / "plain").code == 0
    assert replicard(*given, tmp_path / "tracked", "--track", "tensorboard").code == 0
    (plain,), (tracked,) = records(tmp_path / "plain"), records(tmp_path / "tracked")
    assert plain["run_id"] == tracked["run_id"]
    assert plain["training"]["files"] == tracked["training"]["files"]


@pytest.mark.slow
def test_without_it_nothing_is_told_to_anybody(tmp_path: Path) -> None:
    assert replicard("train", write_card(tmp_path), "--runs", tmp_path / "runs", "-q").code == 0
    assert not list((tmp_path / "runs").rglob("*tfevents*"))


@pytest.mark.parametrize("verb", ["train", "reproduce"])
def test_a_reporter_that_is_not_known_is_refused_before_training(verb: str, tmp_path: Path) -> None:
    answer = replicard(verb, write_card(tmp_path), "--runs", tmp_path / "runs", "--track", "tensorbord")
    assert answer.code == 2
    assert answer.line == "--track tensorbord  no such reporter; did you mean `tensorboard`?"
    assert not (tmp_path / "runs").exists()


def test_the_environment_can_name_reporters_and_they_are_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tracking.VARIABLE, "tensorboard nobody")
    answer = replicard("train", write_card(tmp_path), "--runs", tmp_path / "runs")
    assert (answer.code, answer.line.partition(";")[0]) == (2, "--track nobody  no such reporter")


def test_a_reporter_that_is_not_installed_says_how_to_come_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    answer = replicard("train", write_card(tmp_path), "--runs", tmp_path / "runs", "--track", "wandb")
    assert (answer.code, answer.line) == (3, "--track wandb  wandb is not installed; `pip install wandb`")
    assert not (tmp_path / "runs").exists()
