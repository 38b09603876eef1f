"""Millions of READMEs: rows, counts, and a run that is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.errors import InputError
from runner import bulk
from runner.bulk import draft_all

TRAINER = """---
license: mit
---
# Model

This model is a fine-tuned version of [bert](https://huggingface.co/bert) on [data](https://huggingface.co/datasets/a/b).
It achieves the following results on the evaluation set:
- Loss: 0.21
- Accuracy: 0.93

### Training hyperparameters
- learning_rate: 2e-05
- train_batch_size: 16
- num_epochs: 2

| Training Loss | Epoch | Step | Validation Loss | Accuracy |
|:-------------:|:-----:|:----:|:---------------:|:--------:|
| 0.25          | 1.0   | 782  | 0.21            | 0.93     |
"""
BARE = "# A model\n\nNothing is said of it.\n"


def table(path, texts, column="card"):
    names = [f"m{number}" for number in range(len(texts))]
    pq.write_table(pa.table({"name": names, column: texts}), path)
    return path


def rows(out):
    return [json.loads(line) for file in sorted(out.glob("part-*.jsonl")) for line in file.open(encoding="utf-8")]


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(bulk, "PART", 3)


@pytest.mark.parametrize("column", ["card", "text"])
def test_a_row_is_written_of_each_readme_in_its_order(tmp_path, column, small_parts):
    summary = draft_all(table(tmp_path / "a.parquet", [TRAINER, BARE] * 4, column), tmp_path / "out")
    found = rows(tmp_path / "out")
    assert [row["document"] for row in found] == [f"m{number}" for number in range(8)]
    assert [row["row"] for row in found] == list(range(8))
    assert {fact["name"]: fact["value"] for fact in found[0]["facts"]}["learning_rate"] == 2e-5
    assert found[0]["metrics"][1]["as_written"] == "0.93"
    assert summary.readmes == 8
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary.model_dump(mode="json")


def test_shares_have_wilson_intervals(tmp_path):
    summary = draft_all(table(tmp_path / "a.parquet", [TRAINER] * 3 + [BARE] * 7), tmp_path / "out")
    share = summary.facts["learning_rate"]
    assert (share.count, share.of, share.share) == (3, 10, 0.3)
    assert (share.low, share.high) == (pytest.approx(0.1078, abs=1e-4), pytest.approx(0.6032, abs=1e-4))
    assert summary.reporting.count == summary.tables.count == 3
    assert summary.sections["Training Hyperparameters"].count == 3


def test_the_audit_is_joined_in_the_same_pass(tmp_path):
    summary = draft_all(table(tmp_path / "a.parquet", [TRAINER, BARE]), tmp_path / "out", audit=True)
    found = rows(tmp_path / "out")
    assert "recipe/gaps" in {one["id"] for one in found[0]["findings"]}
    assert summary.findings["underspecified recipe/gaps"].count == 1
    assert Counter(row["verdict"] or "none" for row in found) == {
        name: share.count for name, share in summary.verdicts.items()
    }


def test_a_folder_of_readmes_and_tables_is_one_source(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "README.md").write_bytes(b"- learning_rate: 2e-5\n\xff\xfe")
    table(tmp_path / "in" / "b.parquet", [BARE, TRAINER])
    summary = draft_all(tmp_path / "in", tmp_path / "out")
    assert (summary.readmes, summary.facts["learning_rate"].count) == (3, 2)


def test_the_rows_of_a_parquet_output_are_those_of_json_lines(tmp_path):
    source = table(tmp_path / "a.parquet", [TRAINER, BARE])
    draft_all(source, tmp_path / "lines", audit=True)
    draft_all(source, tmp_path / "table", audit=True, form="parquet")
    written = pq.read_table(tmp_path / "table" / "part-000000.parquet").to_pylist()
    assert [json.loads(row["facts"]) for row in written] == rows(tmp_path / "lines")
    assert [row["verdict"] for row in written] == [row["verdict"] for row in rows(tmp_path / "lines")]


def test_a_cell_without_a_text_is_refused_and_counted(tmp_path):
    summary = draft_all(table(tmp_path / "a.parquet", [TRAINER, None]), tmp_path / "out")
    assert summary.readmes == 2
    assert list(summary.refused.values()) == [1]
    assert summary.facts["learning_rate"].of == 1
    assert "refused" in rows(tmp_path / "out")[1]


def test_a_large_file_is_never_in_memory_whole(tmp_path):
    file, groups = tmp_path / "a.parquet", 40
    with pq.ParquetWriter(file, pa.schema([("card", pa.string())])) as writer:
        for number in range(groups):  # a quarter of a MiB each, which no compression makes smaller
            texts = [random.Random(f"{number} {row}").randbytes(512).hex() for row in range(256)]
            writer.write_table(pa.table({"card": texts}))
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in bulk._of_parquet(file)]
    assert len(held) == groups * 256
    assert max(held) < file.stat().st_size / 4


def test_a_readme_that_the_reader_fails_at_stops_nothing(tmp_path, monkeypatch):
    def fails(text, name):
        raise RuntimeError("a fault")

    monkeypatch.setattr(bulk, "read", fails)
    summary = draft_all(table(tmp_path / "a.parquet", [TRAINER, BARE]), tmp_path / "out")
    assert summary.refused == {"RuntimeError: a fault": 2}


def test_a_finished_run_is_not_done_again(tmp_path, small_parts, monkeypatch):
    source = table(tmp_path / "a.parquet", [TRAINER, BARE] * 4)
    first = draft_all(source, tmp_path / "out")
    monkeypatch.setattr(bulk, "read", None)
    assert draft_all(source, tmp_path / "out") == first


def test_a_part_that_is_missing_is_written_again(tmp_path, small_parts):
    source = table(tmp_path / "a.parquet", [TRAINER, BARE] * 4)
    first = draft_all(source, tmp_path / "out")
    before = rows(tmp_path / "out")
    (tmp_path / "out" / "part-000001.jsonl").unlink()
    (tmp_path / "out" / "part-000002.counts.json").unlink()
    (tmp_path / "out" / "part-000002.jsonl").unlink()
    assert draft_all(source, tmp_path / "out") == first
    assert rows(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda source, out: table(source, [BARE]), "holds another run"),
        (lambda source, out: (out / "run.json").unlink(), "holds no run"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path, change, words):
    source, out = table(tmp_path / "a.parquet", [TRAINER]), tmp_path / "out"
    draft_all(source, out)
    change(source, out)
    with pytest.raises(InputError, match=words):
        draft_all(source, out)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path, "no such file"),
        (lambda path: path.mkdir() or path, "holds no README"),
        (lambda path: path.with_suffix(".parquet").write_text("x") and path.with_suffix(".parquet"), "no Parquet"),
        (lambda path: table(path.with_suffix(".parquet"), [BARE], "words"), "has no column card or text"),
    ],
)
def test_a_source_without_readmes_is_refused(tmp_path, make, words):
    with pytest.raises(InputError, match=words):
        draft_all(make(tmp_path / "source"), tmp_path / "out")


def test_no_torch_is_loaded():
    code = "import sys, runner.bulk, runner.claims; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def mutated(number):
    """A README that something happened to."""
    draw = random.Random(number)
    text = draw.choice([TRAINER, BARE, TRAINER.replace("\n", " "), TRAINER.replace("\n", "\r\n"), "\ufeff" + TRAINER])
    for _ in range(draw.randrange(4)):
        at = draw.randrange(len(text) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            text = (
                text[:at]
                + draw.choice(["|", "```\n", "---\n", "\0", "½", "[", "2e-5", "\t", "<table>", "%"])
                + text[at:]
            )
        elif kind == 1:
            text = text[:at]
        elif kind == 2:
            text = text[at:] + text[:at]
        else:
            text = text[:at] + text[at : at + 200] * 3 + text[at:]
    return text


@pytest.mark.slow
def test_a_run_of_20_000_that_is_killed_loses_and_doubles_nothing(tmp_path):
    source = table(tmp_path / "a.parquet", [mutated(number) for number in range(20_000)])
    out = tmp_path / "out"
    command = [sys.executable, "-m", "runner.cli", "draft", "--all", str(source), "-o", str(out), "--workers", "2"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    while len(list(out.glob("part-*.jsonl"))) < 4 and running.poll() is None:
        time.sleep(0.05)
    assert running.poll() is None
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert 4 <= len(list(out.glob("part-*.jsonl"))) < 20
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    found = rows(out)
    assert [row["row"] for row in found] == list(range(20_000))
    assert not any("refused" in row for row in found)
    assert json.loads((out / "summary.json").read_text())["readmes"] == 20_000
    time.sleep(0.5)
    with pytest.raises(ProcessLookupError):  # no worker of the killed run is left
        os.killpg(running.pid, 0)
