"""Several processes train and score what one does: the same rows, the same weights, the same predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import forks
import pyarrow.parquet as pq
import pytest
import torch
from conftest import on_base
from safetensors.torch import load_file

from runner import stopping
from runner.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Record

# Without dropout, clipping and a rate for each weight, nothing hides a wrong scale.
SGD = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "max_grad_norm": 0.0,
    "scheduler": "constant",
    "batch_size": 4,
    "gradient_accumulation_steps": 4,
    "eval_batch_size": 4,
}
STILL: dict[str, dict[str, float]] = {
    "bert": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "distilbert": {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
    "llama": {},
}
QUICK = {"metrics": ["accuracy"], "each_epoch": "test"}
LORA = {"type": "lora", "r": 4, "alpha": 16, "dropout": 0.0, "target_modules": ["query", "value"]}


@pytest.fixture(autouse=True)
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    forks.use(monkeypatch)


class Ran:
    """A run that is done."""

    def __init__(self, record: Record, root: Path):
        assert record.training is not None and record.evaluation is not None
        self.record, self.training = record, record.training
        self.run = Run(root, record.card_id, record.run_id, record.seed)
        (file,) = self.run.model.glob("*.safetensors")
        self.weights: dict[str, torch.Tensor] = load_file(file)
        self.predictions = pq.read_table(self.run.predictions).to_pydict()

    def require_the_same(self, other: Ran) -> None:
        """The same weights, losses, scores between epochs, and predictions of the same rows, but for rounding."""
        assert self.weights.keys() == other.weights.keys()
        assert all((value - other.weights[name]).abs().max() < 1e-6 for name, value in self.weights.items())
        ours, theirs = self.training.log, other.training.log
        assert [point.step for point in ours] == [point.step for point in theirs]
        for one, two in zip(ours, theirs, strict=True):
            assert one.values == pytest.approx(two.values, abs=1e-6)
        assert self.predictions.keys() == other.predictions.keys()
        for name, column in self.predictions.items():
            same = (
                pytest.approx(other.predictions[name], abs=1e-6) if "probability" in name else other.predictions[name]
            )
            assert column == same


@pytest.fixture
def train(
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Any],
    tmp_path: Path,
) -> Callable[..., Ran]:
    """`train(processes=2, rows=37, training={…}, …)`: a card on a base without dropout, run so."""
    from runner import reproducing

    def run(
        processes: int = 1,
        device_batch: int | None = None,
        rows: int | list[dict[str, Any]] = 37,
        kind: str = "bert",
        kernels: str = "reference",
        facts: dict[str, Any] | None = None,
        into: str | None = None,
        **sections: Any,
    ) -> Ran:
        write_rows(train=reviews(rows) if isinstance(rows, int) else rows, test=reviews(21, 1))
        base_repo(kind, **(STILL[kind] if facts is None else facts))
        given = {"evaluation": QUICK, **sections, "training": {**SGD, **sections.get("training", {})}}
        loaded = write_card(base=on_base(kind), **given)
        name = into or f"runs-{len(list(tmp_path.glob('runs-*')))}"
        ready = prepare(loaded, name, kernels=kernels, processes=processes, device_batch=device_batch)
        return Ran(reproducing.train_and_evaluate(ready), tmp_path / name)

    return run


def test_two_processes_train_and_score_as_one_does(train: Callable[..., Ran]) -> None:
    """37 rows in batches of 4: a last step of one short batch and a half, on two processes; 21 rows to score."""
    one, two = train(1), train(2)
    two.require_the_same(one)
    assert (one.training.processes, two.training.processes) == (1, 2)
    assert two.record.plan.model_dump(include={"effective_batch", "device_batch", "processes", "accumulation"}) == {
        "effective_batch": 16, "device_batch": 4, "processes": 2, "accumulation": 2,
    }  # fmt: skip
    assert two.record.run_id == one.record.run_id
    changed = {d.field: (d.declared, d.actual) for d in two.record.deviations}
    assert changed == {"hardware.count": ("1", "2"), "training.gradient_accumulation_steps": ("4", "2 on each of 2")}
    assert two.predictions["row"] == [f"test:{index}" for index in range(21)]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [5, 33])
def test_rows_that_cannot_be_shared_equally_count_once_each(rows: int, train: Callable[..., Ran]) -> None:
    one, three = train(1, rows=rows, training={"batch_size": 6}), train(3, rows=rows, training={"batch_size": 6})
    three.require_the_same(one)


@pytest.mark.parametrize("rows", [37, pytest.param(1, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.slow)])
def test_smaller_batches_of_a_device_change_nothing_but_memory(rows: int, train: Callable[..., Ran]) -> None:
    train(1, device_batch=1, rows=rows).require_the_same(train(1, rows=rows))


@pytest.mark.slow
def test_four_batches_of_four_are_one_of_sixteen_and_two_times_two_of_four(train: Callable[..., Ran]) -> None:
    """A classifier whose loss transformers would otherwise count once for each accumulated batch."""
    accumulated = train(1, rows=64)
    whole = train(1, rows=64, training={"batch_size": 16, "gradient_accumulation_steps": 1})
    shared = train(2, rows=64)
    shared.require_the_same(accumulated)
    shared.require_the_same(whole)
    assert [point.values["loss"] < 1 for point in shared.training.log if "loss" in point.values] == [True] * 8


SECTIONS: dict[str, dict[str, Any]] = {
    "LoRA on 4 bits": {"adapter": LORA, "quantization": {"type": "bitsandbytes", "bits": 4, "quant_type": "nf4"}},
    "LoRA on 8 bits": {"adapter": LORA, "quantization": {"type": "bitsandbytes", "bits": 8}},
    "best epoch, smoothed labels": {"training": {"select": "best", "epochs": 3, "label_smoothing": 0.2}},
}


@pytest.mark.slow
@pytest.mark.parametrize("way", SECTIONS)
def test_two_processes_are_one_whatever_is_trained(way: str, train: Callable[..., Ran]) -> None:
    one, two = train(1, **SECTIONS[way]), train(2, **SECTIONS[way])
    two.require_the_same(one)
    assert two.training.best_step == one.training.best_step


@pytest.mark.slow
@pytest.mark.parametrize("kind", STILL)
def test_fast_kernels_train_and_score_in_two_processes_as_the_reference_in_one(
    kind: str, train: Callable[..., Ran]
) -> None:
    two = train(2, kind=kind, kernels="fast")
    assert two.record.kernels.startswith("fast")
    two.require_the_same(train(1, kind=kind))


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["fast", "reference"])
def test_each_process_drops_others(
    kernels: str, train: Callable[..., Ran], reviews: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows are alike, so that two ranks that drop the same have the same loss."""
    from runner import ranks, trainer

    step = trainer.SpreadTrainer.training_step
    seen = []

    def watched(self: Any, *arguments: Any) -> Any:
        loss = step(self, *arguments)
        seen.append(ranks.gathered(float(loss)))
        return loss

    monkeypatch.setattr(trainer.SpreadTrainer, "training_step", watched)
    leave = ranks.leave

    def check() -> None:
        assert len(seen) == 2 * 32 / 4 / 2
        assert all(one != two for one, two in seen)
        leave()

    monkeypatch.setattr(ranks, "leave", check)
    train(2, kernels=kernels, facts={}, rows=reviews(1) * 32, evaluation={"metrics": ["accuracy"]})


@pytest.mark.slow
def test_a_run_goes_on_with_fewer_processes_and_says_so(
    train: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(stopping, "asked", lambda: True)  # at once, which is after a checkpoint of the first step
        train(2, into="stopped")
    alone = train(1, into="stopped")
    assert (alone.training.resumed_from, alone.training.begun_with, alone.training.processes) == (1, 2, 1)
    (told,) = (d for d in alone.record.deviations if d.field == "training.seed")
    assert told.cause == "begun with 2 processes, gone on with 1: dropout is another"
    alone.require_the_same(train(1))
