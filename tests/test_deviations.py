"""The ledger: whatever runs otherwise than the card declares is told, with both sides and the cause."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from command import replicard
from hub_server import Hub, take_for_the_hub
from safetensors.torch import load_file

from registry.errors import MissingError
from runner import plugins
from runner.deviations import before, of_training, require_consent
from runner.locking import lock, write_lock
from runner.plan import make_plan
from runner.record import Machine
from runner.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.loading import Loaded
    from runner.record import Record
    from runner.reproducing import Ready

CARDS = Path(__file__).parents[1] / "cards"
T4 = Machine(device="cuda", name="Tesla T4", count=1, memory_bytes=16 << 30, bf16=False, cpu_threads=2)


def shipped(name: str) -> Loaded:
    (file,) = CARDS.glob(f"**/{name}.yaml")
    return plugins.load_card(file)


# Before a run


def told(loaded: Loaded, machine: Machine) -> dict[str, tuple[str, str, bool]]:
    return {d.field: (d.declared, d.actual, d.consent) for d in before(loaded, machine)}


def test_a_card_that_the_machine_can_do_has_no_deviations(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    assert told(write_card(hardware={"accelerator": "cpu"}), cpu) == {}
    assert told(write_card(), cpu) == {}


def test_what_a_cpu_cannot_do_needs_consent(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(
        hardware={"accelerator": "nvidia-t4"}, training={"precision": "fp16", "optimizer": "paged_adamw_32bit"}
    )
    assert told(loaded, cpu) == {
        "hardware.accelerator": ("nvidia-t4", "cpu (a CPU)", True),
        "training.precision": ("fp16", "fp32", True),
        "training.optimizer": ("paged_adamw_32bit", "paged_adamw_32bit without paging", True),
    }


@pytest.mark.parametrize("accelerator", ["nvidia-a100", "intel-max-1550", "apple-m2"])
def test_an_accelerator_that_is_not_here_needs_consent(
    accelerator: str, write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    assert told(write_card(hardware={"accelerator": accelerator}), cpu)["hardware.accelerator"][2] is True


def test_a_card_made_on_a_cpu_may_run_on_an_accelerator(write_card: Callable[..., Loaded]) -> None:
    assert told(write_card(hardware={"accelerator": "cpu"}), T4) == {
        "hardware.accelerator": ("cpu", "cuda (Tesla T4)", False)
    }


def test_a_declared_gpu_of_the_same_kind_is_none(write_card: Callable[..., Loaded]) -> None:
    assert told(write_card(hardware={"accelerator": "nvidia-t4"}, training={"precision": "fp16"}), T4) == {}


@pytest.mark.parametrize(("name", "same"), [("NVIDIA A100-SXM4-40GB", True), ("NVIDIA A100-SXM4-80GB", False)])
def test_a_declared_size_of_a_gpu_is_part_of_its_kind(
    name: str, same: bool, write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    machine = cpu.model_copy(update={"device": "cuda", "name": name})
    assert (told(write_card(hardware={"accelerator": "nvidia-a100-40gb"}), machine) == {}) is same
    assert told(write_card(hardware={"accelerator": "nvidia-a100"}), machine) == {}


def test_bf16_where_the_device_has_none_needs_consent(write_card: Callable[..., Loaded]) -> None:
    assert told(write_card(training={"precision": "bf16"}), T4) == {"training.precision": ("bf16", "fp32", True)}


def test_more_devices_than_a_run_uses_are_told_with_what_keeps_the_effective_batch(
    write_card: Callable[..., Loaded],
) -> None:
    training = {"batch_size": 8, "gradient_accumulation_steps": 2}
    loaded = write_card(hardware={"accelerator": "nvidia-t4", "count": 4}, training=training)
    assert told(loaded, T4) == {
        "hardware.count": ("4", "1", False),
        "training.gradient_accumulation_steps": ("2 on each of 4 devices", "8 on one", False),
    }


def test_an_override_is_a_deviation(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(sets=("training.epochs=5", "data.limit.train=3"))
    assert told(loaded, cpu) == {
        "training.epochs": ("2", "5", False),
        "data.limit.train": ("null", "3", False),
    }


def test_another_version_of_a_package_is_a_deviation_without_consent(
    write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    loaded = write_card(software={"torch": "1.0.0", "transformers": None})
    assert told(loaded, cpu) == {"software.torch": ("1.0.0", version("torch"), False)}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("jamander-project-blockbuster", {"hardware.accelerator", "training.precision"}),
        ("gq-llama-2-7b-imdb", {"hardware.accelerator", "training.precision", "training.optimizer"}),
        ("yash3056-llama-3.2-1b-imdb", {"hardware.accelerator"}),
        ("minilm-l6", set()),
        ("quickstart", set()),
    ],
)
def test_what_a_shipped_card_needs_consent_for_on_a_cpu(name: str, fields: set[str], cpu: Machine) -> None:
    plan = make_plan(shipped(name), cpu)
    assert {deviation.field for deviation in plan.deviations if deviation.consent} == fields


def test_without_consent_every_unmet_field_is_named_with_the_remedy(
    write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    loaded = write_card(hardware={"accelerator": "nvidia-t4"}, training={"precision": "fp16"})
    found = before(loaded, cpu)
    with pytest.raises(MissingError) as caught:
        require_consent(loaded, found, False)
    text = str(caught.value)
    assert "hardware.accelerator: nvidia-t4 is declared, here it would be cpu (a CPU)" in text
    assert "training.precision: fp16 is declared, here it would be fp32" in text
    assert "--accept-deviations" in text
    require_consent(loaded, found, True)


def test_a_deviation_that_needs_no_consent_stops_nobody(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(sets=("training.epochs=5",))
    require_consent(loaded, before(loaded, cpu), False)


# What keeps the effective batch


@pytest.fixture
def rows(write_rows: Callable[..., Path], reviews: Callable[..., Any]) -> Path:
    return write_rows(train=reviews(40), test=reviews(8, 1))


def weights(record: Record, root: Path) -> dict[str, torch.Tensor]:
    return load_file(Run(root, record.card_id, record.run_id, record.seed).model / "model.safetensors")


@pytest.mark.usefixtures("rows")
def test_a_card_of_two_devices_takes_the_steps_of_twice_the_accumulation_on_one(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record], tmp_path: Path
) -> None:
    two = reproduce(write_card(hardware={"count": 2}, training={"batch_size": 4}))
    one = reproduce(write_card(training={"batch_size": 4, "gradient_accumulation_steps": 2}))
    assert two.training is not None
    assert (two.plan.effective_batch, two.plan.steps, two.training.steps) == (8, 10, 10)
    expected = weights(one, tmp_path / "runs")
    assert all(torch.equal(value, expected[name]) for name, value in weights(two, tmp_path / "runs").items())


@pytest.mark.usefixtures("rows")
def test_the_number_of_devices_is_part_of_what_a_run_is(
    write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    ids = {prepare(write_card(hardware={"count": count})).run.id for count in (1, 2)}
    assert len(ids) == 2


# While it runs


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A Hub on the loopback interface, with nothing cached."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with Hub() as server:
        take_for_the_hub(monkeypatch, server.endpoint)
        yield server


def revisions(record: Record) -> dict[str, tuple[str, str, str]]:
    return {d.field: (d.declared, d.actual, d.cause) for d in record.deviations if d.field.endswith("revision")}


def test_a_branch_that_was_resolved_is_told_with_its_commit(
    hub: Hub, rows: Path, write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    commit = hub.add("datasets", "someone/reviews", rows)
    record = reproduce(write_card(data={"dataset": "someone/reviews"}))
    assert revisions(record) == {
        "data.revision": ("main", commit, "what it meant when this ran; not pinned in the card")
    }


def test_a_commit_in_the_card_deviates_from_nothing(
    hub: Hub, rows: Path, write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    commit = hub.add("datasets", "someone/reviews", rows)
    assert revisions(reproduce(write_card(data={"dataset": "someone/reviews", "revision": commit}))) == {}


def test_what_the_lock_pinned_is_told_to_be_the_lock_s(
    hub: Hub, rows: Path, write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    commit = hub.add("datasets", "someone/reviews", rows)
    loaded = write_card(data={"dataset": "someone/reviews"})
    write_lock(loaded.file, lock(loaded))
    hub.add("datasets", "someone/reviews", {"train.jsonl": b"{}"})
    assert revisions(reproduce(loaded)) == {
        "data.revision": ("main", commit, "by the card's lock; not pinned in the card")
    }


@pytest.mark.usefixtures("rows")
def test_a_folder_in_the_place_of_a_declared_revision_is_told(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    record = reproduce(write_card(data={"revision": "v1"}))
    assert revisions(record) == {
        "data.revision": ("v1", record.dataset.revision, "a folder of that name lies here"),
    }


@pytest.mark.parametrize(
    ("balanced", "used", "cause"), [(False, "40", "there are no more"), (True, "38", "equally many of each label")]
)
def test_a_limit_that_the_rows_do_not_reach_is_told(
    balanced: bool,
    used: str,
    cause: str,
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
) -> None:
    write_rows(train=reviews(41)[2:] + reviews(1), test=reviews(8, 1))
    record = reproduce(write_card(data={"limit": {"train": 500}, "balanced": balanced}))
    assert [(d.field, d.declared, d.actual, d.cause) for d in record.deviations] == [
        ("data.limit.train", "500", used, cause)
    ]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("declared", "ran"), [("fp32", "fp32"), ("bf16", "bf16"), ("fp16", "fp32")])
def test_the_precision_in_the_record_is_the_accelerator_s_own(
    declared: str, ran: str, write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    record = reproduce(write_card(training={"precision": declared, "epochs": 1}))
    assert record.training is not None
    assert record.training.precision == ran


@pytest.mark.usefixtures("rows")
def test_training_that_ran_otherwise_than_planned_is_told(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    loaded = write_card()
    record = reproduce(loaded)
    assert record.training is not None
    assert list(of_training(loaded.card, record.plan, record.training)) == []
    other = record.plan.model_copy(update={"precision": "bf16", "steps": 99})
    assert [(d.field, d.actual) for d in of_training(loaded.card, other, record.training)] == [
        ("training.precision", "fp32"),
        ("training.epochs", "10 steps"),
    ]


# Where it is told


@pytest.mark.usefixtures("rows")
def test_record_audit_and_readme_tell_the_same_deviations(write_card: Callable[..., Loaded], tmp_path: Path) -> None:
    file = write_card(training={"precision": "fp16"}, data={"limit": {"train": 500}}).file
    answer = replicard("reproduce", file, "--set", "training.epochs=1", "--accept-deviations", "--runs", tmp_path / "r")
    assert answer.code == 0, answer.err
    (record,) = (tmp_path / "r").glob("*/*/seed*/record.json")
    expected = json.loads(record.read_text())["deviations"]
    assert {d["field"] for d in expected} == {"training.epochs", "training.precision", "data.limit.train"}
    over_seeds = record.parents[1]
    assert json.loads((over_seeds / "audit.json").read_text())["deviations"] == expected
    readme = (over_seeds / "README.md").read_text()
    for d in expected:
        assert f"| `{d['field']}` | {d['declared']} | {d['actual']} | {d['cause']} |" in readme
        assert f"deviation: {d['field']}: {d['declared']} declared, {d['actual']} ran ({d['cause']})" in answer.out
