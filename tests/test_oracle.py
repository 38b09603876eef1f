"""Training is the plain Trainer's: a short script that uses it directly gives the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from conftest import on_base
from oracle import LAYERS, fine_tune
from safetensors.torch import load_file

from runner.runs import Run
from runner.trainer import probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded
    from runner.record import Record
    from runner.reproducing import Ready

RECIPE = {
    "epochs": 2,
    "learning_rate": 4e-3,
    "batch_size": 8,
    "gradient_accumulation_steps": 2,
    "weight_decay": 0.1,
    "max_grad_norm": 0.5,
    "scheduler": "cosine",
    "warmup_ratio": 0.2,
    "adam_betas": [0.8, 0.95],
    "adam_epsilon": 1e-6,
    "seed": 3,
}
ADAPTERS: dict[str, dict[str, Any]] = {
    "lora": {"type": "lora", "r": 4, "alpha": 16, "dropout": 0.1},
    "ia3": {"type": "ia3", "feedforward_modules": []},
}
BITS = {4: {"type": "bitsandbytes", "bits": 4, "quant_type": "nf4"}, 8: {"type": "bitsandbytes", "bits": 8}}
SHAPES = ["bert", "distilbert", "llama"]
STILL: dict[str, dict[str, float]] = {
    "bert": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "distilbert": {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
    "llama": {},
}
"""Without dropout: batches of another size draw other masks."""


def adapter_on(kind: str, name: str) -> dict[str, Any]:
    return {**ADAPTERS[name], "target_modules": LAYERS[kind]}


def run_of(record: Record, root: Path) -> Run:
    return Run(root, record.card_id, record.run_id, record.seed)


def compared(record: Record, history: Any) -> None:
    """The same losses, learning rates and gradient norms at the same steps."""
    assert record.training is not None
    names = ("loss", "learning_rate", "grad_norm")
    expected = [{name: line[name] for name in names} for line in history if "loss" in line]
    assert len(expected) == record.plan.steps > 4
    assert [point.values for point in record.training.log] == expected
    assert record.training.loss == pytest.approx(history[-1]["mean"], abs=1e-6)


def scored(record: Record, root: Path, logits: Any) -> None:
    """The probabilities that were kept are those of the same logits, to the last bit."""
    import pyarrow.parquet as pq

    table = pq.read_table(run_of(record, root).predictions)
    kept = np.stack([table[f"probability_{label}"].to_numpy() for label in ("negative", "positive")], axis=1)
    assert np.array_equal(kept, probabilities(logits))


@pytest.mark.parametrize("kind", SHAPES)
def test_full_fine_tuning_gives_the_bits_of_a_plain_script(
    kind: str,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    rows = write_rows(train=reviews(44), test=reviews(8, 1))  # 44 rows: the last batch and accumulation are short
    folder = base_repo(kind)
    record = reproduce(write_card(base=on_base(kind), training=RECIPE))
    model, history, logits = fine_tune(folder, rows, tmp_path / "plain")
    compared(record, history)
    trained = load_file(run_of(record, tmp_path / "runs").model / "model.safetensors")
    expected = model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in trained.items())
    assert set(trained) == set(expected)
    assert not torch.equal(trained["score.weight" if kind == "llama" else "classifier.weight"], torch.zeros(2, 16))
    scored(record, tmp_path / "runs", logits)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(("adapter", "bits"), [("lora", None), ("lora", 4), ("lora", 8), ("ia3", None)])
def test_fine_tuning_an_adapter_gives_the_bits_of_a_plain_script(
    kind: str,
    adapter: str,
    bits: int | None,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    rows = write_rows(train=reviews(44), test=reviews(8, 1))
    folder = base_repo(kind)
    quantization = BITS[bits] if bits else None
    loaded = write_card(
        base=on_base(kind), training=RECIPE, adapter=adapter_on(kind, adapter), quantization=quantization
    )
    record = reproduce(loaded)
    model, history, logits = fine_tune(folder, rows, tmp_path / "plain", adapter, bits)
    compared(record, history)
    model.save_pretrained(tmp_path / "adapter")
    trained = load_file(run_of(record, tmp_path / "runs").model / "adapter_model.safetensors")
    expected = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert set(trained) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in trained.items())
    scored(record, tmp_path / "runs", logits)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_fine_tuning_on_pairs_gives_the_bits_of_a_plain_script(
    kind: str,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    pairs: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    rows = write_rows(train=pairs(44), test=pairs(8, 1))
    folder = base_repo(kind)
    record = reproduce(write_card(base=on_base(kind), data={"text_pair": "text_pair"}, training=RECIPE))
    model, history, _ = fine_tune(folder, rows, tmp_path / "plain")
    compared(record, history)
    trained = load_file(run_of(record, tmp_path / "runs").model / "model.safetensors")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in trained.items())
    if kind == "bert":  # the second type was trained too: the model was told which text a token is of
        name = "bert.embeddings.token_type_embeddings.weight"
        assert not torch.equal(trained[name][1], load_file(folder / "model.safetensors")[name][1])


@pytest.mark.parametrize(
    ("training", "arguments"),
    [
        ({"label_smoothing": 0.2}, {"label_smoothing_factor": 0.2}),
        ({"precision": "bf16"}, {"bf16": True}),
        ({"optimizer": "adafactor"}, {"optim": "adafactor"}),
        ({"warmup_ratio": None, "warmup_steps": 3}, {"warmup_steps": 3}),
        ({"epochs": 1.5}, {"num_train_epochs": 1.5}),
    ],
)
def test_a_recipe_s_value_does_what_the_trainer_s_option_does(
    training: dict[str, Any],
    arguments: dict[str, Any],
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    rows = write_rows(train=reviews(44), test=reviews(8, 1))
    folder = base_repo("bert")
    base = on_base()
    record = reproduce(write_card(base=base, training={**RECIPE, **training}))
    model, history, _ = fine_tune(folder, rows, tmp_path / "plain", **arguments)
    compared(record, history)
    trained = load_file(run_of(record, tmp_path / "runs").model / "model.safetensors")
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in trained.items())


def test_padding_to_the_longest_sequence_is_what_the_script_s_tokenizer_does(
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    prepare: Callable[..., Ready],
) -> None:
    from runner import reproducing
    from runner.data import load_parts
    from runner.plan import make_plan
    from runner.tokens import tokenize
    from runner.trainer import make_trainer

    write_rows(train=reviews(8), test=reviews(8, 1))
    base_repo("bert")
    base = on_base()
    ready = prepare(write_card(base=base, data={"tokens": {"max_length": 20, "padding": "max_length"}}))
    card, parts = ready.loaded.card, load_parts(ready.loaded, ready.dataset)
    tokenizer = reproducing._tokenizer(ready, [])
    from runner import model as models

    model = models.build(card, ready.base, tokenizer, ready.run.base)
    plan = make_plan(ready.loaded, ready.machine, parts.rows, ready.base)
    rows = tokenize(parts.splits["train"], tokenizer, card, "tokenize")
    worker = make_trainer(card, plan, model, tokenizer, ready.run.checkpoints, rows)
    batch = next(iter(worker.get_train_dataloader()))
    drawn = {tuple(line[line > 0].tolist()) for line in batch["input_ids"]}
    texts = parts.splits["train"]["text"][:]
    padded = tokenizer(texts, padding="max_length", truncation=True, max_length=20, return_tensors="pt")
    assert batch["input_ids"].shape == padded["input_ids"].shape == (8, 20)
    assert drawn == {tuple(line[line > 0].tolist()) for line in padded["input_ids"]}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("adapter", [None, "lora"])
def test_four_accumulated_batches_of_four_are_one_of_sixteen(
    kind: str,
    adapter: str | None,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    rows = write_rows(train=reviews(64), test=reviews(8, 1))
    folder = base_repo(kind, **STILL[kind])
    recipe = {"learning_rate": 0.05, "max_grad_norm": 0.0, "weight_decay": 0.0}
    training = {**RECIPE, **recipe, "optimizer": "sgd", "epochs": 1, "batch_size": 4, "gradient_accumulation_steps": 4}
    layers = {**adapter_on(kind, adapter), "dropout": 0.0} if adapter else None
    record = reproduce(write_card(base=on_base(kind), adapter=layers, training=training))
    model, history, _ = fine_tune(
        folder,
        rows,
        tmp_path / "plain",
        adapter,
        dropout=0.0,
        per_device_train_batch_size=16,
        gradient_accumulation_steps=1,
        optim="sgd",
        num_train_epochs=1,
        **recipe,
    )
    assert record.training is not None
    assert record.plan.steps == record.training.steps == 4
    losses = [line["loss"] for line in history if "loss" in line]
    assert [point.values["loss"] for point in record.training.log] == pytest.approx(losses, abs=1e-6)
    (file,) = run_of(record, tmp_path / "runs").model.glob("*.safetensors")
    model.save_pretrained(tmp_path / "saved")
    expected = load_file(tmp_path / "saved" / file.name)
    assert all((expected[name] - value).abs().max() < 1e-6 for name, value in load_file(file).items())


def test_the_learning_rates_are_those_of_the_schedule(
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    reproduce: Callable[..., Record],
) -> None:
    write_rows(train=reviews(40), test=reviews(8, 1))
    record = reproduce(write_card(training={"learning_rate": 1e-3, "warmup_ratio": 0.4, "scheduler": "linear"}))
    assert record.training is not None
    assert (record.plan.steps, record.plan.warmup_steps) == (10, 4)
    # Each line holds the rate its step was taken with: 0 first, the peak after the warmup.
    rising, falling = [0, 0.25, 0.5, 0.75], [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]
    rates = [point.values["learning_rate"] for point in record.training.log]
    assert rates == pytest.approx([share * 1e-3 for share in (*rising, *falling)])


def test_a_saved_full_model_s_configuration_names_the_card_s_labels(
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    write_rows(train=reviews(8), test=reviews(8, 1))
    record = reproduce(write_card(training={"epochs": 1}))
    config = json.loads((run_of(record, tmp_path / "runs").model / "config.json").read_text())
    assert config["id2label"] == {"0": "negative", "1": "positive"}
