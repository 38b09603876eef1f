"""A training that is interrupted, resumed, selected, reloaded: the same result as one that was left alone."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from conftest import SHAPES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from registry.errors import InputError, MissingError
from runner import model as models
from runner import reproducing
from runner.runs import Run, exclusive
from runner.trainer import MARKER, last_complete, make_trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded
    from runner.record import Machine, Record
    from runner.reproducing import Ready

LORA = {"type": "lora", "r": 4, "dropout": 0.1, "target_modules": ["query", "value"]}
FOUR_BITS = {"type": "bitsandbytes", "bits": 4}
EIGHT_BITS = {"type": "bitsandbytes", "bits": 8}
EACH_EPOCH = {"each_epoch": "validation"}
VALIDATION = {"split": {"validation": 0.25}}


def weights(run: Run) -> dict[str, torch.Tensor]:
    (file,) = run.model.glob("*.safetensors")
    return load_file(file)


def same_weights(first: Run, second: Run) -> bool:
    one, other = weights(first), weights(second)
    assert one.keys() == other.keys()
    return all(torch.equal(value, other[name]) for name, value in one.items())


def what_happened(record: Record) -> dict[str, Any]:
    """All of a record but times, places and whether it was resumed."""
    timed = {"seconds", "speed", "energy", "resumed_from", "files"}
    whole = record.model_dump(exclude={"started", "dataset", "base"})
    whole["training"] = {k: v for k, v in whole["training"].items() if k not in timed}
    whole["evaluation"] = {k: v for k, v in whole["evaluation"].items() if k not in timed}
    return whole


@pytest.fixture
def rows(write_rows: Callable[..., Path], reviews: Callable[..., Any]) -> None:
    write_rows(train=reviews(64), test=reviews(24, 1))


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[Ready, int], None]:
    """`interrupt(ready, after)`: run it until Ctrl-C, which comes when the model has seen so many batches."""

    def run(ready: Ready, after: int) -> None:
        build = models.build

        def built(*arguments: Any) -> Any:
            model, seen = build(*arguments), iter(range(after))

            def count(module: Any, given: Any) -> None:
                if next(seen, None) is None:
                    raise KeyboardInterrupt

            model.get_input_embeddings().register_forward_pre_hook(count)
            return model

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(models, "build", built)
            reproducing.train_and_evaluate(ready)

    return run


# Interrupted and resumed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sections", "after"),
    [
        # 48 rows in batches of 8: 6 steps an epoch and 1 batch to score; stopped in the third epoch
        ({}, 6 + 1 + 6 + 1 + 3),
        ({"adapter": LORA}, 6 + 1 + 6 + 1 + 3),
        ({"adapter": LORA, "quantization": FOUR_BITS}, 6 + 1 + 6 + 1 + 3),
        ({"training": {"select": "best", "gradient_accumulation_steps": 4}}, 6 + 1 + 6 + 1 + 3),
        ({"training": {"precision": "bf16", "scheduler": "cosine", "warmup_steps": 9}}, 6 + 1 + 6 + 1 + 3),
    ],
    ids=["full", "lora", "4-bit", "best", "bf16"],
)
@pytest.mark.usefixtures("rows")
def test_a_resumed_run_is_the_one_that_was_not_interrupted(
    sections: dict[str, Any],
    after: int,
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    interrupt: Callable[[Ready, int], None],
) -> None:
    training = {"epochs": 4, "weight_decay": 0.1, **sections.get("training", {})}
    loaded = write_card(data=VALIDATION, evaluation=EACH_EPOCH, **{**sections, "training": training})
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    expected = reproducing.train_and_evaluate(whole)
    interrupt(broken, after)
    assert not broken.run.record.exists()
    record = reproducing.train_and_evaluate(broken)
    assert record.training is not None
    assert record.training.resumed_from == expected.plan.steps // 2
    assert same_weights(whole.run, broken.run)
    assert what_happened(record) == what_happened(expected)
    assert broken.run.predictions.read_bytes() == whole.run.predictions.read_bytes()
    assert not broken.run.checkpoints.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
def test_log_lines_between_checkpoints_are_the_same_after_a_resumption(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    interrupt: Callable[[Ready, int], None],
) -> None:
    write_rows(train=reviews(44))
    loaded = write_card(training={"epochs": 10, "batch_size": 4})  # 110 steps: a line every 2, a checkpoint every 11
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    expected = reproducing.train_and_evaluate(whole)
    interrupt(broken, 57)
    assert what_happened(reproducing.train_and_evaluate(broken)) == what_happened(expected)


@pytest.mark.usefixtures("rows")
def test_a_run_that_is_killed_before_its_first_checkpoint_starts_again(
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    interrupt: Callable[[Ready, int], None],
) -> None:
    loaded = write_card()
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    reproducing.train_and_evaluate(whole)
    interrupt(broken, 3)
    record = reproducing.train_and_evaluate(broken)
    assert record.training is not None
    assert record.training.resumed_from is None
    assert same_weights(whole.run, broken.run)


@pytest.mark.usefixtures("rows")
def test_a_checkpoint_that_was_not_written_to_its_end_is_not_used(
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    interrupt: Callable[[Ready, int], None],
) -> None:
    loaded = write_card(training={"epochs": 3})
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    reproducing.train_and_evaluate(whole)
    interrupt(broken, 20)  # 8 steps an epoch
    newest = broken.run.checkpoints / "checkpoint-16"
    (newest / MARKER).unlink()
    file = newest / "model.safetensors"
    save_file({name: value * 0 for name, value in load_file(file).items()}, file)
    record = reproducing.train_and_evaluate(broken)
    assert record.training is not None
    assert record.training.resumed_from == 8
    assert same_weights(whole.run, broken.run)


def test_the_newest_complete_checkpoint_is_the_one_with_most_steps(tmp_path: Path) -> None:
    for step, marked in ((9, True), (100, True), (20, True), (200, False)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if marked:
            (folder / MARKER).touch()
    assert last_complete(tmp_path) == tmp_path / "checkpoint-100"
    assert last_complete(tmp_path / "none") is None


@pytest.mark.usefixtures("rows")
def test_a_finished_run_is_only_read(write_card: Callable[..., Loaded], prepare: Callable[..., Ready]) -> None:
    ready = prepare(write_card(training={"epochs": 1}))
    first = reproducing.train_and_evaluate(ready)
    stamp = ready.run.record.stat().st_mtime_ns
    assert reproducing.train_and_evaluate(ready) == first.model_copy(
        update={"dataset": first.dataset, "base": first.base}
    )
    assert ready.run.record.stat().st_mtime_ns == stamp


@pytest.mark.usefixtures("rows")
def test_a_run_whose_model_was_changed_is_done_again(
    write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    ready = prepare(write_card(training={"epochs": 1}))
    reproducing.train_and_evaluate(ready)
    trained = weights(ready.run)
    file = ready.run.model / "model.safetensors"
    save_file({name: value * 2 for name, value in trained.items()}, file)
    reproducing.train_and_evaluate(ready)
    assert all(torch.equal(value, trained[name]) for name, value in weights(ready.run).items())


@pytest.mark.usefixtures("rows")
def test_another_seed_is_another_run_with_other_weights(
    write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    first, second = (prepare(write_card(training={"epochs": 1, "seed": seed})) for seed in (1, 2))
    reproducing.train_and_evaluate(first)
    reproducing.train_and_evaluate(second)
    assert first.run.over_seeds == second.run.over_seeds
    assert not same_weights(first.run, second.run)


# Which epoch is kept


@pytest.mark.parametrize(("metric", "best"), [("loss", min), ("accuracy", max), (None, min)])
@pytest.mark.usefixtures("rows")
def test_the_best_epoch_is_kept(
    metric: str | None, best: Any, write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    # A rate so high that the epochs differ and the last one is not the best.
    training = {"epochs": 6, "learning_rate": 0.05, "select": "best", "select_metric": metric, "seed": 5}
    ready = prepare(write_card(data=VALIDATION, evaluation={**EACH_EPOCH, "split": "validation"}, training=training))
    record = reproducing.train_and_evaluate(ready)
    assert record.training is not None
    assert record.evaluation is not None
    name = f"eval_{metric or 'loss'}"
    epochs = {point.step: point.values for point in record.training.log if name in point.values}
    assert len(epochs) == 6
    kept = epochs[record.training.best_step or 0]
    assert kept[name] == best(values[name] for values in epochs.values())
    assert record.training.best_step != record.plan.steps
    accuracy = next(score.value for score in record.evaluation.scores if score.metric == "accuracy")
    assert accuracy == kept["eval_accuracy"]
    assert record.evaluation.loss == pytest.approx(kept["eval_loss"], abs=1e-6)


@pytest.mark.parametrize(("rate", "sections"), [(0.08, {}), (0.03, {"adapter": LORA})], ids=["full", "lora"])
@pytest.mark.usefixtures("rows")
def test_the_saved_weights_are_those_of_the_best_epoch(
    rate: float, sections: dict[str, Any], write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    """The same recipe cut off after the best epoch ends with them: a constant rate does not know how many there are."""
    training = {"epochs": 5, "learning_rate": rate, "scheduler": "constant", "seed": 5}
    best = {"select": "best", "select_metric": "accuracy"}
    selected = prepare(write_card(data=VALIDATION, evaluation=EACH_EPOCH, training={**training, **best}, **sections))
    record = reproducing.train_and_evaluate(selected)
    assert record.training is not None
    epochs = [point for point in record.training.log if "eval_accuracy" in point.values]
    first = max(epochs, key=lambda point: point.values["eval_accuracy"])  # of equals the first, as the Trainer keeps
    assert record.training.best_step == first.step < record.plan.steps
    shorter = {**training, "epochs": first.epoch}
    alone = prepare(write_card(data=VALIDATION, evaluation=EACH_EPOCH, training=shorter, **sections))
    reproducing.train_and_evaluate(alone)
    assert same_weights(selected.run, alone.run)


@pytest.mark.usefixtures("rows")
def test_of_equally_good_epochs_the_first_is_kept(
    write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    training = {"epochs": 4, "learning_rate": 1e-9, "select": "best", "select_metric": "accuracy"}  # nothing is learnt
    record = reproducing.train_and_evaluate(
        prepare(write_card(data=VALIDATION, evaluation=EACH_EPOCH, training=training))
    )
    assert record.training is not None
    epochs = [point for point in record.training.log if "eval_accuracy" in point.values]
    assert len({point.values["eval_accuracy"] for point in epochs}) == 1
    assert record.training.best_step == epochs[0].step


@pytest.mark.usefixtures("rows")
def test_the_last_epoch_is_kept_where_the_best_is_not_asked_for(
    write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    training = {"epochs": 6, "learning_rate": 0.05, "seed": 5}
    ready = prepare(write_card(data=VALIDATION, evaluation={**EACH_EPOCH, "split": "validation"}, training=training))
    record = reproducing.train_and_evaluate(ready)
    assert record.training is not None
    assert record.evaluation is not None
    assert record.training.best_step is None
    last = [point.values for point in record.training.log if "eval_loss" in point.values][-1]
    assert record.evaluation.loss == pytest.approx(last["eval_loss"], abs=1e-6)


# Evaluating in memory and after loading


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"base": {"dtype": "bfloat16"}},
        {"training": {"precision": "bf16"}},
        {"adapter": LORA},
        {"adapter": LORA, "base": {"dtype": "bfloat16"}},
        {"adapter": LORA, "quantization": FOUR_BITS},
        {"adapter": LORA, "quantization": EIGHT_BITS, "base": {"dtype": "bfloat16"}},
        {"task": {"labels": ["a", "b", "c"]}},
    ],
    ids=["full", "bf16 weights", "bf16", "lora", "lora on bf16", "4-bit", "8-bit on bf16", "three labels"],
)
@pytest.mark.usefixtures("rows")
def test_a_model_scores_the_same_in_memory_and_after_loading(
    sections: dict[str, Any], write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    training = {"epochs": 1, **sections.get("training", {})}
    ready = prepare(write_card(**{**sections, "training": training}))
    record = reproducing.train_and_evaluate(ready)
    predictions = ready.run.predictions.read_bytes()
    ready.run.predictions.unlink()
    half = record.model_copy(update={"evaluation": None})
    ready.run.record.write_text(half.model_dump_json())
    again = reproducing.train_and_evaluate(ready)
    assert again.training == record.training  # trained once
    assert what_happened(again) == what_happened(record)
    assert ready.run.predictions.read_bytes() == predictions


@pytest.mark.parametrize("quantization", [FOUR_BITS, EIGHT_BITS], ids=["4-bit", "8-bit"])
@pytest.mark.usefixtures("rows")
def test_scoring_between_epochs_does_not_change_what_a_quantized_base_is_trained_to(
    quantization: dict[str, Any], write_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    # On a CPU with AVX512-BF16, bitsandbytes repacks 4-bit weights when they first score.
    architecture = {"hidden_size": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    base = {"architecture": {"model_type": "bert", "num_hidden_layers": 1, "num_attention_heads": 2, **architecture}}
    still = {**LORA, "dropout": 0.0}
    runs = []
    for each_epoch in ("validation", None):
        evaluation = {"each_epoch": each_epoch}
        card = write_card(base=base, adapter=still, quantization=quantization, data=VALIDATION, evaluation=evaluation)
        runs.append(prepare(card))
        reproducing.train_and_evaluate(runs[-1])
    assert runs[0].run.id != runs[1].run.id
    assert same_weights(runs[0].run, runs[1].run)


@pytest.mark.usefixtures("rows")
def test_predictions_are_the_rows_with_the_model_s_own_probabilities(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record], tmp_path: Path
) -> None:
    record = reproduce(write_card())
    run = Run(tmp_path / "runs", record.card_id, record.run_id, record.seed)
    table = pq.read_table(run.predictions).to_pydict()
    tokenizer = AutoTokenizer.from_pretrained(run.model)
    model = AutoModelForSequenceClassification.from_pretrained(run.model).eval()
    test = [json.loads(line) for line in (tmp_path / "rows" / "test.jsonl").read_text().splitlines()]
    assert table["row"] == [f"test:{index}" for index in range(24)]
    assert table["label"] == [row["label"] for row in test]
    assert table["words"] == [len(row["text"].split()) for row in test]
    with torch.no_grad():
        batch = tokenizer([row["text"] for row in test], padding=True, return_tensors="pt")
        chances = model(**batch).logits.double().softmax(-1).numpy()
    assert np.allclose(table["probability_positive"], chances[:, 1], atol=1e-6)
    assert np.allclose(table["probability_negative"], chances[:, 0], atol=1e-6)
    assert record.evaluation is not None
    correct = (chances.argmax(1) == [row["label"] for row in test]).mean()
    assert record.evaluation.scores[0].value == pytest.approx(correct)
    assert sum(map(sum, record.evaluation.confusion)) == 24


@pytest.mark.usefixtures("rows")
def test_throughput_is_of_the_scoring_pass_and_latency_of_single_rows(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.speed.SECONDS", math.inf)
    record = reproduce(write_card(training={"epochs": 1}))
    assert record.evaluation is not None
    speed, seconds = record.evaluation.speed, record.evaluation.seconds
    run = Run(tmp_path / "runs", record.card_id, record.run_id, record.seed)
    tokenizer = AutoTokenizer.from_pretrained(run.model)
    texts = [json.loads(line)["text"] for line in (tmp_path / "rows" / "test.jsonl").read_text().splitlines()]
    tokens = sum(map(len, tokenizer(texts, truncation=True, max_length=24)["input_ids"]))
    assert speed.rows_per_second * seconds == pytest.approx(24)
    assert speed.tokens_per_second * seconds == pytest.approx(tokens)
    assert (speed.device, speed.precision, speed.batch_size, speed.threads) == ("cpu", "fp32", 16, 1)
    assert speed.latency.rows == 24 and speed.latency.p95_ms is not None
    assert 0 < speed.latency.median_ms <= speed.latency.p95_ms


@pytest.mark.usefixtures("rows")
def test_a_few_rows_have_no_95th_percentile(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    record = reproduce(write_card(data={"limit": {"test": 6}}, training={"epochs": 1}))
    assert record.evaluation is not None
    assert (record.evaluation.speed.latency.rows, record.evaluation.speed.latency.p95_ms) == (6, None)


@pytest.mark.usefixtures("rows")
def test_a_training_that_diverged_is_told_in_one_line(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    with pytest.raises(InputError, match="gives no numbers for 24 of 24 rows: its training diverged; lower it"):
        reproduce(write_card(training={"epochs": 1, "learning_rate": 1e30}))


@pytest.mark.usefixtures("rows")
def test_the_mean_training_loss_is_that_of_all_steps(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    record = reproduce(write_card())
    assert record.training is not None
    losses = [point.values["loss"] for point in record.training.log]
    assert len(losses) == record.plan.steps
    assert record.training.loss == pytest.approx(sum(losses) / len(losses))


@pytest.mark.usefixtures("rows")
def test_scores_by_length_cover_all_rows(write_card: Callable[..., Loaded], reproduce: Callable[..., Record]) -> None:
    record = reproduce(write_card(evaluation={"slices": {"words": [6, 10, 1000]}}, training={"epochs": 1}))
    assert record.evaluation is not None
    assert [part.name for part in record.evaluation.slices] == [
        "under 6 words", "6 to 9 words", "10 to 999 words", "1000 words and more",
    ]  # fmt: skip
    assert sum(part.rows for part in record.evaluation.slices) == 24
    assert record.evaluation.slices[-1].scores == ()


@pytest.mark.usefixtures("rows")
def test_the_record_says_what_really_ran(write_card: Callable[..., Loaded], reproduce: Callable[..., Record]) -> None:
    training = {"epochs": 1, "precision": "fp16", "optimizer": "paged_adamw_32bit"}
    record = reproduce(write_card(training=training))
    assert record.training is not None
    assert record.training.precision == record.plan.precision == "fp32"
    assert record.training.optimizer == "AdamW"
    assert {(d.field, d.consent) for d in record.deviations} == {
        ("training.precision", True),
        ("training.optimizer", True),
    }


# One process at a time


def test_two_processes_on_one_run_exclude_each_other(tmp_path: Path) -> None:
    run = Run(tmp_path, "tiny", "0" * 12, 1)
    program = f"""
import sys
from pathlib import Path
from runner.runs import Run, exclusive
with exclusive(Run(Path({str(tmp_path)!r}), "tiny", "0" * 12, 1)):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(MissingError, match="another process is at work on this run"), exclusive(run):
            pass
        with exclusive(Run(tmp_path, "tiny", "0" * 12, 2)):  # another seed
            pass
        other.kill()
        other.wait()
        with exclusive(run):  # the dead hold nothing
            pass


# What was planned is what is done


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 400),
    batch=st.integers(1, 40),
    accumulation=st.integers(1, 9),
    epochs=st.floats(0.01, 6, allow_nan=False) | st.integers(1, 6),
    warmup=st.floats(0, 0.99) | st.integers(0, 500),
)
@example(rows=1, batch=16, accumulation=8, epochs=0.1, warmup=0.03)
@example(rows=100, batch=10, accumulation=3, epochs=2.5, warmup=0.07)
def test_steps_and_warmup_are_planned_as_the_trainer_counts_them(
    rows: int,
    batch: int,
    accumulation: int,
    epochs: float,
    warmup: float,
    cpu: Machine,
    planner: Callable[..., Any],
    tmp_path: Path,
) -> None:
    training = {
        "epochs": epochs,
        "batch_size": batch,
        "gradient_accumulation_steps": accumulation,
        "warmup_ratio": warmup if isinstance(warmup, float) else None,
        "warmup_steps": warmup if isinstance(warmup, int) else None,
    }
    plan, worker = planner(rows, training)
    loader = worker.get_train_dataloader()
    *_, max_steps = worker.set_initial_training_values(worker.args, loader)
    assert len(loader) == plan.batches
    assert max_steps == plan.steps
    assert worker.args.get_warmup_steps(max_steps) == plan.warmup_steps
    if isinstance(warmup, float):
        ratio = SimpleNamespace(warmup_steps=warmup)
        assert type(worker.args).get_warmup_steps(ratio, max_steps) == plan.warmup_steps


@pytest.fixture
def planner(write_card: Callable[..., Loaded], cpu: Machine, tmp_path: Path) -> Callable[..., Any]:
    """`planner(rows, training)`: plan and Trainer for so many rows."""
    from dataclasses import replace

    from datasets import Dataset

    from registry.card import Training
    from runner.plan import make_plan
    from runner.record import Rows

    loaded = write_card()
    tokenizer = models.train_tokenizer(["a b"], loaded.card.base.tokenizer, 24)
    model = models.build(loaded.card, None, tokenizer, tmp_path / "scratch")

    def plan(rows: int, training: dict[str, Any]) -> Any:
        card = loaded.card.model_copy(update={"training": Training(**training)})
        made = make_plan(replace(loaded, card=card), cpu, Rows(train=rows, validation=0, test=1))
        table = Dataset.from_dict({"input_ids": [[1]] * rows, "label": [0] * rows})
        return made, make_trainer(card, made, model, tokenizer, tmp_path / "checkpoints", table)

    return plan


# Pairs of texts

ARCHITECTURES = {
    "bert": {"model_type": "bert", **SHAPES["bert"], "max_position_embeddings": 64},
    "bert of one type": {"model_type": "bert", **SHAPES["bert"], "max_position_embeddings": 64, "type_vocab_size": 1},
    "distilbert": {"model_type": "distilbert", **SHAPES["distilbert"], "max_position_embeddings": 64},
}


@pytest.mark.parametrize(("kind", "told"), [("bert", True), ("bert of one type", False), ("distilbert", False)])
def test_a_model_that_knows_types_is_told_which_text_of_a_pair_a_token_is_of(
    kind: str,
    told: bool,
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    pairs: Callable[..., Any],
    reproduce: Callable[..., Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers import Trainer

    seen: list[dict[str, Any]] = []
    step = Trainer.training_step

    def watched(self: Any, model: Any, inputs: dict[str, Any], *more: Any) -> Any:
        seen.append(dict(inputs))
        return step(self, model, inputs, *more)

    monkeypatch.setattr(Trainer, "training_step", watched)
    write_rows(train=pairs(16), test=pairs(8, 1))
    base = {"architecture": ARCHITECTURES[kind]}
    reproduce(write_card(base=base, data={"text_pair": "text_pair"}, training={"epochs": 1}))
    assert len(seen) == 2
    for batch in seen:
        assert set(batch) == {"input_ids", "attention_mask", "labels"} | ({"token_type_ids"} if told else set())
        if told:
            assert set(batch["token_type_ids"].flatten().tolist()) == {0, 1}


def test_a_run_on_pairs_counts_the_words_of_both_and_reads_both_of_its_examples(
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    pairs: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    test = pairs(8, 1)
    write_rows(train=pairs(64), test=test)
    alike = [{"text": "a film", "text_pair": second, "label": "positive"} for second in ("the plot", "was dull music")]
    loaded = write_card(data={"text_pair": "text_pair"}, examples=alike, training={"epochs": 1, "learning_rate": 1e-2})
    record = reproduce(loaded)
    assert record.evaluation is not None
    run = Run(tmp_path / "runs", record.card_id, record.run_id, record.seed)
    words = pq.read_table(run.predictions)["words"].to_pylist()
    assert words == [len(row["text"].split()) + len(row["text_pair"].split()) for row in test]
    first, second = record.evaluation.examples
    assert (first.text_pair, second.text_pair) == ("the plot", "was dull music")
    assert first.probability != second.probability
    assert reproducing.card_of(record) == loaded.card


# Checkpoints within an epoch


@pytest.mark.slow
@pytest.mark.parametrize(
    "sections",
    [{}, {"adapter": LORA}, {"training": {"gradient_accumulation_steps": 2, "select": "best", "precision": "bf16"}}],
    ids=["full", "lora", "best"],
)
@pytest.mark.usefixtures("rows")
def test_a_run_goes_on_within_an_epoch_to_the_same_weights(
    sections: dict[str, Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    interrupt: Callable[[Ready, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = {"epochs": 3, **sections.get("training", {})}
    loaded = write_card(data=VALIDATION, evaluation=EACH_EPOCH, **{**sections, "training": training})
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    expected = reproducing.train_and_evaluate(whole)
    monkeypatch.setattr("runner.trainer.CHECKPOINT_SECONDS", 0.0)
    interrupt(broken, 6 + 1 + 5)  # in the second epoch of 6 batches; the first was scored in 1
    record = reproducing.train_and_evaluate(broken)
    assert record.training is not None
    assert record.training.resumed_from in range(expected.plan.steps // 3 + 1, 2 * expected.plan.steps // 3)
    assert same_weights(whole.run, broken.run)
    assert what_happened(record) == what_happened(expected)
    assert broken.run.predictions.read_bytes() == whole.run.predictions.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
def test_losses_that_were_not_yet_logged_are_kept_by_a_checkpoint(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    interrupt: Callable[[Ready, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_rows(train=reviews(120))
    loaded = write_card(training={"epochs": 5, "batch_size": 4})  # 150 steps: a line every 3
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    expected = reproducing.train_and_evaluate(whole)
    monkeypatch.setattr("runner.trainer.CHECKPOINT_SECONDS", 0.0)
    interrupt(broken, 38)
    record = reproducing.train_and_evaluate(broken)
    assert record.training is not None
    assert record.training.resumed_from == 38
    assert what_happened(record) == what_happened(expected)


@pytest.mark.usefixtures("rows")
def test_the_last_step_of_an_epoch_is_not_kept_before_it_was_scored(
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    interrupt: Callable[[Ready, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = {"epochs": 3, "select": "best"}
    loaded = write_card(data=VALIDATION, evaluation=EACH_EPOCH, training=training)
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    expected = reproducing.train_and_evaluate(whole)
    monkeypatch.setattr("runner.trainer.CHECKPOINT_SECONDS", 0.0)
    interrupt(broken, 6)  # by the batch of the scoring that closes the first epoch
    record = reproducing.train_and_evaluate(broken)
    assert record.training is not None
    assert record.training.resumed_from == 5
    assert what_happened(record) == what_happened(expected)


@pytest.mark.usefixtures("rows")
def test_the_best_epoch_is_found_where_the_runs_were_moved_to(
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # So low a rate that all epochs are equally accurate: the first one is the best, and is kept to the end.
    training = {"epochs": 4, "select": "best", "select_metric": "accuracy", "learning_rate": 1e-6}
    loaded = write_card(data=VALIDATION, evaluation=EACH_EPOCH, training=training)
    whole, broken = prepare(loaded, "whole"), prepare(loaded, "broken")
    expected = reproducing.train_and_evaluate(whole)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(models, "save", Mock(side_effect=KeyboardInterrupt))
        reproducing.train_and_evaluate(broken)  # to its last step
    (tmp_path / "broken").rename(tmp_path / "moved")
    moved = prepare(loaded, "moved")
    record = reproducing.train_and_evaluate(moved)
    assert expected.training is not None
    assert record.training is not None
    assert record.training.resumed_from == record.plan.steps
    assert record.training.best_step == expected.training.best_step < record.training.resumed_from
    assert same_weights(whole.run, moved.run)
