"""`replicard runs`: all runs of a folder, how they stand, what they measured and what the audits say."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from command import process, replicard, write_card
from records import finished

from runner.plugins import load_card
from runner.runs import Run, exclusive

CLAIM = 'reported: [{metric: accuracy, value: "90%", split: test, headline: true, seeds: 5, sd: 0.001}]\n'


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two cards, the first one's with three seeds."""
    folder = tmp_path_factory.mktemp("several")
    first = write_card(folder)
    first.write_text(first.read_text() + CLAIM)
    finished(load_card(first).card, folder / "runs", {1: 0.80, 2: 0.82, 3: 0.81}, hub=False)
    other = write_card(folder, "batch_size: 32", "batch_size: 16", name="other")
    finished(load_card(other).card, folder / "runs", {1: 0.70}, hub=False)
    return folder / "runs"


@pytest.fixture
def runs(several: Path, tmp_path: Path) -> Path:
    return shutil.copytree(several, tmp_path / "runs")


def listed(runs: Path, *more: object) -> list[dict[str, Any]]:
    answer = replicard("runs", *more, "--json", "--runs", runs)
    assert answer.code == 0, answer.err
    return list(json.loads(answer.out))


def test_every_run_is_listed_with_what_its_headline_measured(several: Path) -> None:
    rows = listed(several)
    assert [(row["card"], row["seed"], row["state"], row["metric"], row["value"]) for row in rows] == [
        ("other", 1, "complete", "accuracy", 0.70),
        ("tiny", 1, "complete", "accuracy", 0.80),
        ("tiny", 2, "complete", "accuracy", 0.82),
        ("tiny", 3, "complete", "accuracy", 0.81),
    ]
    assert [row["verdict"] for row in rows] == [None, "lower", "lower", "lower"]


@pytest.mark.parametrize(
    ("pattern", "seeds"),
    [
        ("tiny", [1, 2, 3]),
        ("tiny/abcdefabcdef", [1, 2, 3]),
        ("tiny/*/seed2", [2]),
        ("tiny/abcdefabcdef/seed3", [3]),
        ("o*", [1]),
        ("nothing", []),
    ],
)
def test_a_pattern_names_runs_as_a_run_argument_does(pattern: str, seeds: list[int], several: Path) -> None:
    assert [row["seed"] for row in listed(several, pattern)] == seeds


def test_the_table_has_a_line_a_run(several: Path) -> None:
    answer = replicard("runs", "--runs", several)
    assert answer.code == 0
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["tiny/abcdefabcdef/seed2", "complete", "2026-01-01", "00:00", "accuracy", "0.8200", "lower"] in lines


def test_no_runs_are_told_and_no_fault(tmp_path: Path) -> None:
    answer = replicard("runs", "--runs", tmp_path / "none")
    assert (answer.code, answer.out) == (0, "")
    assert answer.line == f"no runs in {tmp_path / 'none'}"


def test_the_summary_of_a_card_is_that_of_its_audit(several: Path) -> None:
    other, tiny = listed(several, "--summary")
    audit = json.loads((several / "tiny/abcdefabcdef/audit.json").read_bytes())
    assert tiny["metrics"] == audit["summaries"]
    assert (tiny["verdict"], tiny["seeds"], tiny["states"]) == ("lower", [1, 2, 3], {"complete": 3})
    assert tiny["hours"] == pytest.approx(3 * 1234 / 3600)
    assert tiny["kwh"] == pytest.approx(3 * 0.0103)
    assert other["metrics"][0]["sd"] is None
    text = replicard("runs", "tiny", "--summary", "--runs", several).out
    assert "0.8100 ± 0.0100   0.7603 to 0.8597" in text  # 0.81 ± t(0.975, 2) · 0.01 · √(4/3)


def test_seeds_that_were_added_since_the_audit_count(runs: Path) -> None:
    first = runs / "tiny/abcdefabcdef"
    (first / "audit.json").unlink()
    shutil.rmtree(first / "seed3")
    (tiny,) = listed(runs, "tiny", "--summary")
    assert (tiny["seeds"], tiny["metrics"][0]["mean"]) == ([1, 2], pytest.approx(0.81))
    assert not (first / "audit.json").exists()  # looking writes nothing


def test_a_run_at_work_is_told_with_its_place_and_progress(runs: Path) -> None:
    run = Run(runs, "tiny", "abcdefabcdef", 7)
    with exclusive(run) as lease:
        lease.tell("train", 3, 10, "")
        lease.path.write_text(lease.holder.model_copy(update={"progress": lease.progress}).model_dump_json())
        (row,) = listed(runs, "tiny/*/seed7")
        assert (row["state"], row["progress"]["done"], row["progress"]["total"]) == ("running", 3, 10)
        assert "running: train 3/10 on " in replicard("runs", "tiny/*/seed7", "--runs", runs).out
    (row,) = listed(runs, "tiny/*/seed7")
    assert row["state"] == "interrupted"


def test_a_killed_run_is_stale_until_somebody_takes_it_over(runs: Path) -> None:
    hold = f"""
import os
from pathlib import Path
from runner.runs import Run, exclusive
with exclusive(Run(Path({str(runs)!r}), "tiny", "abcdefabcdef", 7)):
    os.kill(os.getpid(), 9)
"""
    with process([sys.executable, "-c", hold]) as holder:
        holder.wait()
    (row,) = listed(runs, "tiny/*/seed7")
    assert (row["state"], row["progress"], row["where"]) == ("stale", None, None)


def test_a_record_that_cannot_be_read_is_a_row_and_hides_no_other(runs: Path) -> None:
    (runs / "tiny/abcdefabcdef/seed2/record.json").write_text("{")
    states = {row["seed"]: row["state"] for row in listed(runs, "tiny")}
    assert states == {1: "complete", 2: "unreadable", 3: "complete"}


def test_what_is_trained_and_not_evaluated_is_told_apart(runs: Path) -> None:
    file = runs / "other/abcdefabcdef/seed1/record.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "evaluation": None}))
    (row,) = listed(runs, "other")
    assert (row["state"], row["metric"], row["value"]) == ("trained", None, None)


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file, by DuckDB where it is here."""
    try:
        import duckdb
    except ImportError:
        from pyarrow import parquet

        return list(parquet.read_table(file).to_pylist())
    return list(duckdb.sql(f"SELECT * FROM '{file}'").fetch_arrow_table().to_pylist())


def test_one_parquet_table_holds_every_metric_of_every_run(runs: Path, tmp_path: Path) -> None:
    with exclusive(Run(runs, "tiny", "abcdefabcdef", 7)):
        assert replicard("runs", "--parquet", tmp_path / "all.parquet", "--runs", runs).code == 0
    rows = rows_of(tmp_path / "all.parquet")
    keys = [(row["card"], row["seed"], row["metric"]) for row in rows]
    assert keys == [
        *(("other", 1, metric) for metric in ("accuracy", "loss")),
        *(("tiny", seed, metric) for seed in (1, 2, 3) for metric in ("accuracy", "loss")),
        ("tiny", 7, None),
    ]
    second = rows[keys.index(("tiny", 2, "accuracy"))]
    assert (second["value"], second["reported"], second["verdict"], second["card_verdict"]) == (
        0.82, "90%", "lower", "lower"
    )  # fmt: skip
    assert (second["hours"], second["kwh"], second["kwh_measured"]) == (
        pytest.approx(1234 / 3600), pytest.approx(0.0103), False
    )  # fmt: skip
    assert (rows[-1]["state"], rows[-1]["value"]) == ("running", None)
