"""`replicard doctor` says what is here, what each card could do, and what to do about what is not here."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
import torch
from command import Answer, replicard, write_card
from hub_server import Account, Hub, take_for_the_hub

from runner import doctor, fetching
from runner.kernels import native

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHAPE = "{model_type: bert, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16}"
BASE = f"base: {{model: tester/base, architecture: {SHAPE}}}\n"


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the shipped cards, with one that runs anywhere."""
    folder = tmp_path / "cards"
    folder.mkdir()
    write_card(folder)
    monkeypatch.setattr("registry.finding.shipped", lambda: folder)
    monkeypatch.setenv("HF_TOKEN", "")
    return folder


@pytest.fixture
def hub(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with a base, and a card of it."""
    from huggingface_hub import constants

    text = write_card(cards).read_text()
    start, end = text.index("base:"), text.index("task:")
    (cards / "on-the-hub.yaml").write_text(f"{text[:start]}{BASE}{text[end:]}".replace("id: tiny", "id: on-the-hub"))
    with Hub() as served:
        served.add("models", "tester/base", {"config.json": b"{}"})
        take_for_the_hub(monkeypatch, served.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield served


def examined(runs: Path, code: int = 0) -> tuple[dict[str, dict[str, Any]], dict[str, Any], Answer]:
    """Lines by name, the whole report, and the answer it came in."""
    answer = replicard("doctor", "--json", "--runs", runs)
    assert answer.code == code, answer.err
    report = json.loads(answer.out)
    return {line["name"]: line for line in report["lines"]}, report, answer


def test_the_device_the_packages_and_the_kernels_are_told(cards: Path, tmp_path: Path) -> None:
    found, report, _ = examined(tmp_path)
    assert ("cuda:0" if torch.cuda.is_available() else "cpu") in found
    assert f"torch {torch.__version__}" in found["packages"]["told"]
    assert found["kernels"]["told"] == native.told()
    assert str(tmp_path) in found["runs"]["told"]
    packages = {package["name"]: package for package in report["packages"]}
    assert packages["torch"]["installed"] == torch.__version__
    assert packages["torch"]["needed"].startswith(">=")
    assert packages["torch"]["tested"] == doctor._tested()["torch"]


def test_the_table_has_a_line_for_each_thing_and_each_card(cards: Path, tmp_path: Path) -> None:
    found, report, _ = examined(tmp_path)
    answer = replicard("doctor", "--runs", tmp_path)
    names = [*found, *(card["card"] for card in report["cards"])]
    assert all(f"\n {name} " in answer.out or f"\n{name} " in answer.out for name in names)


def test_a_card_with_all_its_inputs_runs(cards: Path, tmp_path: Path) -> None:
    _, report, _ = examined(tmp_path)
    assert report["cards"] == [{"card": "tiny", "run": "yes", "rehearse": "yes", "missing": []}]


def test_a_package_that_is_too_old_is_named_and_nothing_runs(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["torch>=99", "no-such-package>=1", "numpy>=1"])
    found, _, answer = examined(tmp_path, code=3)
    assert found["too old"]["told"] == f"torch {torch.__version__}, >=99 is needed"
    assert found["missing"]["told"] == "no-such-package"
    assert "pip install" in found["missing"]["remedy"]
    assert answer.line == "nothing can be run here; what to do stands above, beside: missing, too old"


def test_another_version_than_was_tested_is_told_and_breaks_nothing(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_tested", lambda: {"numpy": "0.1"})
    found, *_ = examined(tmp_path)
    assert found["tested with"]["told"] == "numpy 0.1"


def test_what_to_do_without_a_compiler_is_told(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "told", lambda: "not compiled: no C++ compiler is installed")
    assert "g++" in examined(tmp_path)[0]["kernels"]["remedy"]


def test_a_full_disk_is_told(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOM", 2**80)
    assert "make room" in examined(tmp_path)[0]["runs"]["remedy"]


def test_where_runs_cannot_be_written_nothing_runs(
    cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:  # to root every folder can be
        patch.setattr(doctor.os, "access", lambda *given: False)
        line = doctor._disk("runs", tmp_path)
    assert "cannot be written" in line.told
    assert line.broken


# The Hub


def test_who_is_logged_in_and_what_the_token_may_do_is_told_and_never_the_token(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.accounts["hf_abcdefghijklmnopqrstuvwxyz"] = Account("ada", "read")
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnopqrstuvwxyz")
    found, report, answer = examined(tmp_path)
    assert found["hub"]["told"] == f"{hub.endpoint}: logged in as ada; the token may read"
    assert report["hub"]["state"] == "ok"
    assert "hf_abc" not in answer.out + answer.err


def test_the_rights_of_a_fine_grained_token_are_told(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scoped = [{"entity": {"type": "user", "name": "ada"}, "permissions": ["repo.content.read", "repo.write"]}]
    hub.accounts["secret"] = Account("ada", "fineGrained", rights={"scoped": scoped, "global": ["discussion.write"]})
    monkeypatch.setenv("HF_TOKEN", "secret")
    told = examined(tmp_path)[0]["hub"]["told"]
    assert told.endswith("fine-grained: repo.content.read, repo.write on ada; discussion.write everywhere")


def test_a_token_that_the_hub_refuses_is_told(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "old")
    found, *_ = examined(tmp_path)
    assert "refuses the token" in found["hub"]["told"]
    assert "hf auth login" in found["hub"]["remedy"]


def test_without_a_token_the_hub_is_there_and_logging_in_is_proposed(hub: Hub, tmp_path: Path) -> None:
    found, *_ = examined(tmp_path)
    assert "no token" in found["hub"]["told"]
    assert "hf auth login" in found["hub"]["remedy"]


def test_a_card_whose_base_can_be_fetched_runs(hub: Hub, tmp_path: Path) -> None:
    cards = {card["card"]: card for card in examined(tmp_path)[1]["cards"]}
    assert cards["on-the-hub"] == {"card": "on-the-hub", "run": "yes", "rehearse": "yes", "missing": []}
    assert not hub.asked("GET", "/resolve/")  # nothing is fetched


def test_a_gated_base_is_told_with_where_to_ask(hub: Hub, tmp_path: Path) -> None:
    hub.repos["models", "tester/base"].gated = True
    cards = {card["card"]: card for card in examined(tmp_path)[1]["cards"]}
    assert (cards["on-the-hub"]["run"], cards["on-the-hub"]["rehearse"]) == ("no", "yes")
    (why,) = cards["on-the-hub"]["missing"]
    assert "tester/base is gated; ask for access at" in why


def test_a_base_that_is_no_longer_there_is_told(hub: Hub, tmp_path: Path) -> None:
    del hub.repos["models", "tester/base"]
    cards = {card["card"]: card for card in examined(tmp_path)[1]["cards"]}
    assert "no model 'tester/base'" in cards["on-the-hub"]["missing"][0]


def test_offline_nothing_is_asked(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    found, report, _ = examined(tmp_path)
    assert "not asked" in found["hub"]["told"]
    assert report["cards"][0]["missing"] == ["tester/base is not here, the Hub is not asked"]
    assert hub.requests == []


def test_a_hub_that_does_not_answer_is_waited_for_shortly(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        take_for_the_hub(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(fetching, "HUB_SECONDS", 0.2)
        found, report, _ = examined(tmp_path)
    assert "cannot be reached" in found["hub"]["told"]
    assert report["cards"][0]["missing"] == ["tester/base is not here, the Hub does not answer"]


def test_a_card_that_does_not_fit_is_told(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = doctor.detect().model_copy(update={"memory_bytes": 1000})
    monkeypatch.setattr(doctor, "detect", lambda: small)
    (card,) = examined(tmp_path)[1]["cards"]
    assert (card["run"], card["rehearse"]) == ("no", "yes")
    assert "weights, gradients and optimizer state take" in card["missing"][0]


def test_what_this_machine_cannot_do_as_declared_needs_consent(cards: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU has fp16")
    write_card(cards, "seed: 1}", "seed: 1, precision: fp16}")
    (card,) = examined(tmp_path)[1]["cards"]
    assert (card["run"], card["missing"]) == ("with --accept-deviations", ["fp16 declared, here fp32"])
