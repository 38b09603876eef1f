"""Bases and datasets from the Hub: fetched, pinned, read again without network, and every way in which that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import Answer, process, records, replicard, write_card, write_reviews
from hub_server import Hub, take_for_the_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BASE = "tester/tiny-bert"
DATASET = "tester/reviews"


@pytest.fixture(scope="module")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small classifier with its tokenizer, as a repo holds it."""
    folder = tmp_path_factory.mktemp("base")
    answer = replicard("train", write_card(folder), "--runs", folder / "runs", "--quiet")
    assert answer.code == 0, answer.err
    return next(folder.glob("runs/tiny/*/seed1/model"))


@pytest.fixture
def hub(model_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with a base and a dataset, which this process takes for the real one; its cache is empty."""
    from huggingface_hub import constants

    with Hub() as served:
        served.add("models", BASE, model_files)
        served.add("datasets", DATASET, write_reviews(tmp_path / "served"))
        take_for_the_hub(monkeypatch, served.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield served


def hub_card(folder: Path, base: str = BASE, dataset: str = DATASET, revision: str = "main") -> Path:
    """The small card with its base and its dataset on the Hub."""
    file = write_card(folder, "  dataset: reviews\n", f"  dataset: {dataset}\n")
    text = file.read_text()
    start, end = text.index("base:"), text.index("task:")
    file.write_text(f"{text[:start]}base: {{model: {base}, revision: {revision}, head: keep}}\n{text[end:]}")
    return file


def reproduce(card: Path, *more: str) -> Answer:
    return replicard("reproduce", card, "--runs", card.parent / "runs", "--quiet", *more)


# The road


@pytest.mark.slow
def test_a_card_with_hub_ids_runs_pinned_and_again_without_network(
    model_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first time in a process that knows the Hub by the client's own environment variables only."""
    from huggingface_hub import constants

    card = hub_card(tmp_path)
    command = [sys.executable, "-m", "runner.cli", "reproduce", card, "-q", "--runs", tmp_path / "runs"]
    with Hub() as served:
        reviews = write_reviews(tmp_path / "served")
        commits = served.add("models", BASE, model_files), served.add("datasets", DATASET, reviews)
        cache = {"HF_ENDPOINT": served.endpoint, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}
        with process(command, **cache) as online:
            _, err = online.communicate(timeout=120)
    assert (online.returncode, err) == (0, "")
    (record,) = records(tmp_path / "runs")
    assert (record["base"]["revision"], record["dataset"]["revision"]) == commits
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    answer = replicard("reproduce", card, "-q", "--runs", tmp_path / "more")
    assert (answer.code, answer.err) == (0, "")
    (again,) = records(tmp_path / "more")
    assert again["run_id"] == record["run_id"]
    weights = "model/model.safetensors"
    assert again["training"]["files"][weights] == record["training"]["files"][weights]


def test_the_record_hashes_every_file_that_was_read_and_none_that_was_not(hub: Hub, tmp_path: Path) -> None:
    hub.add("models", BASE, {**hub.repos["models", BASE].tree(), "onnx/model.onnx": b"x", "pytorch_model.bin": b"y"})
    assert reproduce(hub_card(tmp_path)).code == 0
    (record,) = records(tmp_path / "runs")
    assert set(record["base"]["files"]) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert set(record["dataset"]["files"]) == {"train.jsonl", "test.jsonl"}
    assert not [request for request in hub.requests if "onnx" in request or ".bin" in request]


def test_a_new_commit_is_a_new_run(hub: Hub, tmp_path: Path) -> None:
    card = hub_card(tmp_path)
    assert reproduce(card).code == 0
    files = hub.repos["datasets", DATASET].tree()
    shorter = b"".join(files["train.jsonl"].splitlines(keepends=True)[:100])
    hub.add("datasets", DATASET, {**files, "train.jsonl": shorter})
    assert reproduce(card).code == 0
    assert sorted(record["plan"]["rows"]["train"] for record in records(tmp_path / "runs")) == [100, 200]


def test_an_older_commit_can_be_named_and_is_the_same_run_as_before(hub: Hub, tmp_path: Path) -> None:
    first = hub.repos["models", BASE].refs["main"]
    assert reproduce(hub_card(tmp_path / "a")).code == 0
    hub.add("models", BASE, {**hub.repos["models", BASE].tree(), "README.md": b"new"})
    assert reproduce(hub_card(tmp_path / "b", revision=first)).code == 0
    bases = [records(tmp_path / name / "runs")[0]["base"] for name in "ab"]
    assert bases[0]["revision"] == bases[1]["revision"] == first


def test_a_base_by_its_legacy_id_is_followed_to_where_it_moved(hub: Hub, tmp_path: Path) -> None:
    hub.moved["models", "tiny-bert"] = BASE
    assert reproduce(hub_card(tmp_path, base="tiny-bert")).code == 0
    (record,) = records(tmp_path / "runs")
    assert (record["base"]["name"], record["base"]["revision"]) == ("tiny-bert", hub.repos["models", BASE].refs["main"])


def test_a_finished_run_of_hub_inputs_predicts_after_the_hub_is_gone(hub: Hub, tmp_path: Path) -> None:
    assert reproduce(hub_card(tmp_path)).code == 0
    hub.repos.clear()
    asked = len(hub.requests)
    assert replicard("predict", "tiny", "a warm film", "--runs", tmp_path / "runs").code == 0
    assert len(hub.requests) == asked


# What fails


def test_a_base_that_does_not_exist_is_the_users_error(hub: Hub, tmp_path: Path) -> None:
    answer = reproduce(hub_card(tmp_path, base="tester/tiny-bart"))
    assert (answer.code, answer.out) == (2, "")
    assert f"base.model: no model 'tester/tiny-bart' at {hub.endpoint}, or a private one" in answer.line


def test_a_dataset_that_does_not_exist_is_the_users_error(hub: Hub, tmp_path: Path) -> None:
    answer = reproduce(hub_card(tmp_path, dataset="tester/none"))
    assert answer.code == 2
    assert "tiny.yaml:6:3  data.dataset: no dataset 'tester/none'" in answer.line


@pytest.mark.parametrize("revision", ["v9", "0123456789abcdef0123456789abcdef01234567"])
def test_a_revision_that_does_not_exist_is_the_users_error(hub: Hub, tmp_path: Path, revision: str) -> None:
    answer = reproduce(hub_card(tmp_path, revision=revision))
    assert answer.code == 2
    assert f"{BASE} has no revision '{revision}'; see {hub.endpoint}/{BASE}" in answer.line


def test_what_is_no_hub_id_is_the_users_error(hub: Hub, tmp_path: Path) -> None:
    answer = reproduce(hub_card(tmp_path, base="a/b/c"))
    assert answer.code == 2
    assert "'a/b/c' is neither a folder here nor a Hub id" in answer.line


def test_a_gated_base_ends_with_3_and_the_way_in(hub: Hub, tmp_path: Path) -> None:
    hub.repos["models", BASE].gated = True
    answer = reproduce(hub_card(tmp_path))
    assert (answer.code, answer.out) == (3, "")
    said = f"base.model: {BASE} is gated; ask for access at {hub.endpoint}/{BASE}, then log in with `hf auth login`"
    assert said in answer.line
    assert not (tmp_path / "runs").exists()


def test_a_gated_base_that_is_gated_at_once_is_said_alike(hub: Hub, tmp_path: Path) -> None:
    hub.faults[f"/api/models/{BASE}"] = (403, "GatedRepo")
    answer = reproduce(hub_card(tmp_path))
    assert answer.code == 3
    assert "is gated; ask for access at" in answer.line


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_that_is_out_of_order_ends_with_3(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.faults[f"/api/models/{BASE}"] = (status, "")
    answer = reproduce(hub_card(tmp_path))
    assert answer.code == 3
    assert f"{hub.endpoint} answered {status}; try again later" in answer.line


def test_a_download_that_breaks_off_ends_with_3_and_is_whole_the_next_time(hub: Hub, tmp_path: Path) -> None:
    card = hub_card(tmp_path)
    hub.cut.add("model.safetensors")
    answer = reproduce(card)
    assert (answer.code, answer.out) == (3, "")
    assert BASE in answer.line
    hub.cut.clear()
    assert reproduce(card).code == 0


def test_a_base_that_is_not_in_the_cache_cannot_be_had_offline(tmp_path: Path) -> None:
    environment = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "runner.cli", "reproduce", hub_card(tmp_path), "--runs", tmp_path / "runs", "-q"]
    with process(command, **environment) as started:
        out, err = started.communicate(timeout=120)
    assert (started.returncode, out) == (3, "")
    (line,) = err.splitlines()
    assert f"base.model: '{BASE}' is no folder here and not whole in the cache ({tmp_path / 'cache'})" in line
    assert "HF_HUB_OFFLINE is set" in line


def test_a_hub_that_cannot_be_reached_ends_with_3(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_for_the_hub(monkeypatch, "http://127.0.0.1:9")  # nobody listens on the discard port
    answer = reproduce(hub_card(tmp_path))
    assert (answer.code, answer.out) == (3, "")
    assert "http://127.0.0.1:9 cannot be reached (ConnectError); fetch it where there is network" in answer.line


def test_what_was_fetched_once_is_used_when_the_hub_cannot_be_reached(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = hub_card(tmp_path)
    assert reproduce(card).code == 0
    take_for_the_hub(monkeypatch, "http://127.0.0.1:9")
    assert reproduce(card, "--fresh").code == 0


# Weights


def test_a_base_with_pickled_weights_only_needs_consent(hub: Hub, tmp_path: Path) -> None:
    pickled = {name: data for name, data in hub.repos["models", BASE].tree().items() if "safetensors" not in name}
    hub.add("models", BASE, {**pickled, "pytorch_model.bin": b"never read"})
    answer = reproduce(hub_card(tmp_path))
    assert answer.code == 2
    assert "ships no safetensors; `base.allow_pickle: true` consents to its pickled weights" in answer.line
    assert not [request for request in hub.requests if "pytorch_model.bin" in request]


def test_a_base_without_weights_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.add("models", BASE, {"config.json": hub.repos["models", BASE].tree()["config.json"]})
    answer = reproduce(hub_card(tmp_path), "--set", "base.allow_pickle=true")
    assert answer.code == 2
    assert f"{BASE} holds no weights" in answer.line


def test_a_base_is_loaded_with_consent_from_pickled_weights(hub: Hub, tmp_path: Path, model_files: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(model_files / "model.safetensors"), tmp_path / "weights.bin")
    files = {name: data for name, data in hub.repos["models", BASE].tree().items() if "safetensors" not in name}
    hub.add("models", BASE, {**files, "pytorch_model.bin": (tmp_path / "weights.bin").read_bytes()})
    assert reproduce(hub_card(tmp_path), "--set", "base.allow_pickle=true").code == 0
    (record,) = records(tmp_path / "runs")
    assert "pytorch_model.bin" in record["base"]["files"]


# Folders


def test_a_folder_beside_the_card_comes_before_the_hub(hub: Hub, tmp_path: Path, model_files: Path) -> None:
    (tmp_path / "mine").symlink_to(model_files)
    assert reproduce(hub_card(tmp_path, base="mine", dataset="reviews")).code == 0
    assert hub.requests == []
    (record,) = records(tmp_path / "runs")
    assert record["base"]["revision"].startswith("sha256:")


def test_a_named_folder_that_is_not_there_is_not_looked_for_on_the_hub(hub: Hub, tmp_path: Path) -> None:
    answer = reproduce(hub_card(tmp_path, dataset="./nowhere"))
    assert answer.code == 2
    assert "data.dataset: no folder './nowhere' beside the card or here" in answer.line


def test_a_changed_row_of_a_local_dataset_is_a_new_run(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    rows = tmp_path / "reviews" / "train.jsonl"
    for text in (rows.read_text(), rows.read_text().replace("film", "movie", 1)):
        rows.write_text(text)
        assert reproduce(card).code == 0
    first, second = records(tmp_path / "runs")
    assert first["run_id"] != second["run_id"]
    assert json.dumps(first["card"]) == json.dumps(second["card"])


# Into a checkout


@pytest.mark.parametrize("ignored", [False, True])
def test_nothing_is_fetched_into_a_checkout_that_would_take_it(
    ignored: bool, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    subprocess.run(["git", "init", "--quiet", tmp_path / "checkout"], check=True)
    if ignored:
        (tmp_path / "checkout/.gitignore").write_text("cache/\n")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "checkout/cache/hub"))
    answer = replicard("audit", "--static", f"hub:{BASE}")
    assert (tmp_path / "checkout/cache").exists() == ignored
    assert "lies in the git checkout" not in answer.err if ignored else "let its .gitignore name it" in answer.line


def test_a_cache_beside_a_checkout_is_not_in_it(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    subprocess.run(["git", "init", "--quiet", tmp_path / "checkout"], check=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "checkout/../cache/hub"))
    replicard("audit", "--static", f"hub:{BASE}")
    assert (tmp_path / "cache/hub").is_dir()
