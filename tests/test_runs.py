"""The folders of runs: what is done is not done twice, what is begun is finished, what was changed is noticed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
from command import Answer, process, records, replicard, write_card
from timing import timed

from registry.errors import InputError, MissingError
from runner.runs import Run, exclusive, find_run, write

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = "model/model.safetensors"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a card, its dataset and a finished run in `runs/`; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    answer = replicard("reproduce", write_card(folder), "--runs", folder / "runs", "--quiet")
    assert answer.code == 0, answer.err
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / "copy")


def reproduce(folder: Path, *more: str) -> Answer:
    return replicard("reproduce", folder / "tiny.yaml", "--runs", folder / "runs", "-q", *more)


def seed_folder(folder: Path) -> Path:
    return next(folder.glob("runs/tiny/*/seed1"))


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of every file of a run."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "inputs.json"
    }


# What is done


def test_a_finished_run_is_not_done_again(copy: Path) -> None:
    before = state(seed_folder(copy))
    seconds, answer = timed(lambda: reproduce(copy))
    assert answer.code == 0
    assert seconds < 1
    assert state(seed_folder(copy)) == before


def test_a_finished_run_holds_what_the_design_names_and_no_leftovers(finished: Path) -> None:
    folder = seed_folder(finished)
    assert {path.name for path in folder.iterdir()} == {
        "inputs.json", "record.json", "predictions.parquet", "model", "plots"
    }  # fmt: skip
    assert {path.name for path in folder.parent.iterdir()} == {"seed1", "audit.json", "README.md"}


def test_fresh_does_a_finished_run_again_and_gets_the_same_weights(copy: Path) -> None:
    before = state(seed_folder(copy))
    assert reproduce(copy, "--fresh").code == 0
    after = state(seed_folder(copy))
    assert after["record.json"][0] > before["record.json"][0]
    assert after[WEIGHTS][1] == before[WEIGHTS][1]


def test_another_claim_is_judged_without_training_again(copy: Path) -> None:
    before = state(seed_folder(copy))
    card = copy / "tiny.yaml"
    card.write_text(card.read_text() + 'reported: [{metric: accuracy, value: "99%", split: test, headline: true}]\n')
    answer = reproduce(copy)
    assert answer.code == 0
    assert "99%" in answer.out
    assert state(seed_folder(copy)) == before


@pytest.mark.parametrize(
    ("path", "value"), [("training.learning_rate", "5e-3"), ("data.tokens.max_length", "32"), ("training.epochs", "1")]
)
def test_another_recipe_is_another_run(copy: Path, path: str, value: str) -> None:
    assert reproduce(copy, "--set", f"{path}={value}").code == 0
    assert len({record["run_id"] for record in records(copy / "runs")}) == 2


def test_a_run_of_an_older_format_is_named_and_refused(copy: Path) -> None:
    record = seed_folder(copy) / "record.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "surprise": 1}))
    answer = replicard("audit", "tiny", "--runs", copy / "runs")
    assert answer.code == 2
    assert answer.line.startswith(f"{record}  not a record this version reads (surprise: ")


@pytest.mark.parametrize("content", ["", "{", "null", "\x00" * 100])
def test_a_broken_record_is_one_line(copy: Path, content: str) -> None:
    record = seed_folder(copy) / "record.json"
    record.write_text(content)
    for answer in (replicard("audit", "tiny", "--runs", copy / "runs"), reproduce(copy)):
        assert answer.code == 2
        assert answer.line.startswith(f"{record}  not a record this version reads")


# What was changed


def test_a_changed_weight_is_noticed_by_predict(copy: Path) -> None:
    weights = seed_folder(copy) / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    answer = replicard("predict", "tiny", "a film", "--runs", copy / "runs")
    assert (answer.code, answer.out) == (2, "")
    assert "holds no whole model; `replicard reproduce tiny` makes it" in answer.line


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_a_changed_model_is_made_again(copy: Path, change: str) -> None:
    config = seed_folder(copy) / "model" / "config.json"
    before = config.read_bytes()
    config.write_bytes(b"{}") if change == "edit" else config.unlink()
    assert reproduce(copy).code == 0
    assert config.read_bytes() == before
    assert replicard("predict", "tiny", "a film", "--runs", copy / "runs").code == 0


# What was begun


def test_train_then_evaluate_gives_what_reproduce_gives(finished: Path, tmp_path: Path) -> None:
    card = write_card(tmp_path)
    train = replicard("train", card, "--runs", tmp_path / "runs", "-q")
    assert train.code == 0
    (record,) = records(tmp_path / "runs")
    assert record["evaluation"] is None
    assert replicard("evaluate", card, "--runs", tmp_path / "runs", "-q").code == 0
    (record,) = records(tmp_path / "runs")
    (whole,) = records(finished / "runs")
    assert record["evaluation"]["scores"] == whole["evaluation"]["scores"]


def test_evaluate_without_a_trained_run_says_what_to_do(tmp_path: Path) -> None:
    answer = replicard("evaluate", write_card(tmp_path), "--runs", tmp_path / "runs", "-q")
    assert answer.code == 2
    assert "is not trained, or its model was changed; `replicard train tiny` first" in answer.line


def test_a_run_that_is_only_trained_cannot_be_audited_but_can_predict(tmp_path: Path) -> None:
    assert replicard("train", write_card(tmp_path), "--runs", tmp_path / "runs", "-q").code == 0
    for verb in ("audit", "render"):
        answer = replicard(verb, "tiny", "--runs", tmp_path / "runs")
        assert answer.code == 2, verb
        assert "is not complete; `replicard reproduce tiny` finishes it" in answer.line
    assert replicard("predict", "tiny", "a film", "--runs", tmp_path / "runs").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_one_line_and_130_and_the_same_command_goes_on_from_its_step_to_the_same_weights(
    sent: signal.Signals, tmp_path: Path
) -> None:
    # 1 row a step: 200 steps an epoch, of which some have been done when the signal comes.
    card = write_card(tmp_path, "{epochs: 2, learning_rate: 1e-2, batch_size: 32", "{epochs: 2, batch_size: 1")
    command = [sys.executable, "-m", "runner.cli", "reproduce", card, "--runs", tmp_path / "runs", "-q"]
    with process(command) as started:
        while started.poll() is None and not list(tmp_path.glob("runs/tiny/*/seed1/checkpoints/*/complete")):
            time.sleep(0.01)
        time.sleep(0.1)
        started.send_signal(sent)
        out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (130, "")
    assert err == "interrupted; the same command goes on from the last complete checkpoint, if there is one\n"
    assert records(tmp_path / "runs") == []

    assert replicard(*command[3:]).code == 0
    assert replicard(*command[3:5], "--runs", tmp_path / "whole", "-q").code == 0
    (resumed,), (whole,) = records(tmp_path / "runs"), records(tmp_path / "whole")
    assert 200 < resumed["training"]["resumed_from"] < 400
    assert whole["training"]["resumed_from"] is None
    assert resumed["training"]["files"] == whole["training"]["files"]
    assert resumed["training"]["log"] == whole["training"]["log"]
    assert resumed["evaluation"]["scores"] == whole["evaluation"]["scores"]


def test_a_checkpoint_that_was_not_written_to_its_end_is_not_gone_on_from(tmp_path: Path, finished: Path) -> None:
    card = write_card(tmp_path)
    (record,) = records(finished / "runs")
    half = tmp_path / "runs" / "tiny" / record["run_id"] / "seed1" / "checkpoints" / "checkpoint-7"
    half.mkdir(parents=True)
    (half / "model.safetensors").write_bytes(b"half")
    assert replicard("reproduce", card, "--runs", tmp_path / "runs", "-q").code == 0
    (again,) = records(tmp_path / "runs")
    assert again["training"]["resumed_from"] is None
    assert again["training"]["files"] == record["training"]["files"]


# One at a time


def test_two_processes_do_not_work_on_the_same_run(copy: Path) -> None:
    run = find_run(copy / "runs", "tiny")
    with exclusive(run):
        answer = reproduce(copy)
    assert answer.code == 3
    who = f"(process {os.getpid()} on {platform.node()})"
    assert answer.line == f"{run.folder}  another process is at work on this run {who}; wait for it, or end it"


def test_a_run_is_free_again_after_its_process_failed(tmp_path: Path) -> None:
    run = Run(tmp_path, "tiny", "0" * 12, 0)
    with pytest.raises(MissingError), exclusive(run), exclusive(run):
        pass
    with exclusive(run):
        pass


def test_a_run_is_free_again_after_its_process_was_killed(tmp_path: Path) -> None:
    hold = f"""
import time
from pathlib import Path
from runner.runs import Run, exclusive
with exclusive(Run(Path({str(tmp_path)!r}), "tiny", "0" * 12, 0)):
    print("held", flush=True)
    time.sleep(60)
"""
    run = Run(tmp_path, "tiny", "0" * 12, 0)
    with process([sys.executable, "-c", hold]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(MissingError), exclusive(run):
            pass
        holder.kill()
        holder.wait()
        with exclusive(run):
            pass


@pytest.mark.slow
def test_two_seeds_at_once_end_with_what_both_found(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    command = [sys.executable, "-m", "runner.cli", "reproduce", card, "--runs", tmp_path / "runs", "-q", "--seeds"]
    with process([*command, 1]) as one, process([*command, 2]) as other:
        assert [started.wait(timeout=120) for started in (one, other)] == [0, 0]
    (audit,) = (tmp_path / "runs").glob("tiny/*/audit.json")
    assert json.loads(audit.read_bytes())["seeds"] == [1, 2]
    assert sorted(path.name for path in audit.parent.iterdir()) == ["README.md", "audit.json", "seed1", "seed2"]


def test_what_a_file_held_stays_whole_when_the_new_content_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write(file, "before")
    with pytest.raises(UnicodeEncodeError):
        write(file, "after \ud800")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


# Finding


def test_the_newest_complete_run_is_meant_where_several_fit(copy: Path) -> None:
    (first,) = records(copy / "runs")
    assert reproduce(copy, "--set", "training.epochs=1").code == 0
    newest = find_run(copy / "runs", "tiny").id
    assert newest != first["run_id"]
    assert find_run(copy / "runs", f"tiny/{first['run_id']}").id == first["run_id"]
    assert replicard("train", copy / "tiny.yaml", "--set", "training.epochs=3", "--runs", copy / "runs", "-q").code == 0
    assert len(records(copy / "runs")) == 3
    assert find_run(copy / "runs", "tiny").id == newest


@pytest.mark.parametrize("name", ["*", "ti?y", "[t]iny", "tiny/*"])
def test_a_run_is_no_pattern(finished: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no (finished )?run"):
        find_run(finished / "runs", name)


def test_what_was_left_half_written_is_removed_by_who_holds_the_folder_next(tmp_path: Path) -> None:
    from runner.runs import Run, exclusive, over_all_seeds

    run = Run(tmp_path, "tiny", "0" * 12, 1)
    run.folder.mkdir(parents=True)
    parts = [run.folder / ".inputs.json.7.part", run.over_seeds / ".README.md.7.part"]
    for part in parts:
        part.write_text("half")
    with exclusive(run), over_all_seeds(run):
        assert not any(part.exists() for part in parts)
