"""On the real IMDb reviews and a real pretrained base, where the Hub's cache holds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

OVERRIDES = {
    "data.limit.train": "2000",
    "data.limit.test": "2000",
    "data.tokens.max_length": "128",
    "training.epochs": "2",
    "training.learning_rate": "1e-4",
}


@pytest.fixture(scope="module", autouse=True)
def cached() -> None:
    from huggingface_hub import try_to_load_from_cache

    if not try_to_load_from_cache("sentence-transformers/all-MiniLM-L6-v2", "model.safetensors"):
        message = "set HF_HUB_CACHE to a cache that holds stanfordnlp/imdb and all-MiniLM-L6-v2"
        # Where somebody names a cache, a skipped test would pass for a run one.
        (pytest.fail if "HF_HUB_CACHE" in os.environ else pytest.skip)(message)


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """MiniLM trained on 2,000 real reviews and tested on 2,000: runs folder, output, wall time in seconds."""
    runs = tmp_path_factory.mktemp("runs")
    changes = [part for path, value in OVERRIDES.items() for part in ("--set", f"{path}={value}")]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli", "reproduce", "minilm-l6", "--runs", str(runs), *changes],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return runs, done.stdout, time.monotonic() - started


def test_real_reviews_are_learned(minilm: tuple[Path, str, float]) -> None:
    runs, output, seconds = minilm
    record = json.loads(next(runs.glob("minilm-l6/*/seed42/record.json")).read_text())
    accuracy = record["evaluation"]["scores"][0]["value"]
    print(output, f"minilm-l6 on 2,000 + 2,000 real reviews: accuracy {accuracy:.4f} in {seconds:.0f} s", sep="\n")
    assert accuracy >= 0.80


def test_the_overrides_stand_among_the_deviations(minilm: tuple[Path, str, float]) -> None:
    record = json.loads(next(minilm[0].glob("minilm-l6/*/seed42/record.json")).read_text())
    assert {d["field"] for d in record["deviations"]} >= set(OVERRIDES)
    assert all(f"| `{path}` |" in next(minilm[0].glob("minilm-l6/*/README.md")).read_text() for path in OVERRIDES)


@pytest.mark.parametrize(
    "card",
    [
        "jamander-project-blockbuster",
        "llm-project-distilbert",
        "a790227-distilbert",
        "yash3056-llama-3.2-1b-imdb",
        "gq-llama-2-7b-imdb",
    ],
)
def test_a_seed_card_is_rehearsed_on_real_reviews(card: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runner.cli", "rehearse", card, "--runs", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)
    print(f"{card} rehearsed on real reviews in {told['seconds']:.0f} s")
    replaced = {d["field"] for d in told["substitutions"]}
    assert {"base.model", "data.limit.train"} <= replaced
    assert "data.dataset" not in replaced


def test_base_and_dataset_are_pinned_to_commits(minilm: tuple[Path, str, float]) -> None:
    record = json.loads(next(minilm[0].glob("minilm-l6/*/seed42/record.json")).read_text())
    assert [len(record[part]["revision"]) for part in ("base", "dataset")] == [40, 40]
