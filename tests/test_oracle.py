"""Training is the plain Trainer's: a short script that uses it directly gives the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from conftest import on_base
from safetensors.torch import load_file

from runner.runs import Run

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
LORA = {"type": "lora", "r": 4, "alpha": 16, "dropout": 0.1, "target_modules": ["query", "value"]}


def plain(folder: Path, rows: Path, work: Path, lora: bool = False, **changed: Any) -> tuple[Any, Any]:
    """What somebody writes who fine-tunes `folder` on `rows` with the Trainer, and nothing of this project."""
    from datasets import load_dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    set_seed(3)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        pad_token_id=tokenizer.pad_token_id,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
        dtype=torch.float32,
    )
    model.accepts_loss_kwargs = False  # transformers issue 47688
    if lora:
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            task_type="SEQ_CLS", r=4, lora_alpha=16, lora_dropout=0.1, target_modules=["query", "value"]
        )
        model = get_peft_model(model, config)
    data = load_dataset("json", data_files={"train": str(rows / "train.jsonl")}, split="train")
    second = "text_pair" if "text_pair" in data.column_names else None
    data = data.map(lambda row: tokenizer(row["text"], row.get(second), truncation=True, max_length=24))
    arguments: dict[str, Any] = {
        "num_train_epochs": 2,
        "learning_rate": 4e-3,
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "weight_decay": 0.1,
        "max_grad_norm": 0.5,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.2,
        "adam_beta1": 0.8,
        "adam_beta2": 0.95,
        "adam_epsilon": 1e-6,
        "optim": "adamw_torch",
        "seed": 3,
        **changed,
    }
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            str(work),
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            **arguments,
        ),
        train_dataset=data,
        processing_class=tokenizer,
    )
    mean = trainer.train().training_loss
    return model, [*trainer.state.log_history, {"mean": mean}]


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


@pytest.mark.parametrize("kind", ["bert", "distilbert", "llama"])
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
    base = on_base(kind)
    record = reproduce(write_card(base=base, training=RECIPE))
    model, history = plain(folder, rows, tmp_path / "plain")
    compared(record, history)
    trained = load_file(run_of(record, tmp_path / "runs").model / "model.safetensors")
    expected = model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in trained.items())
    assert set(trained) == set(expected)
    assert not torch.equal(trained["score.weight" if kind == "llama" else "classifier.weight"], torch.zeros(2, 16))


def test_fine_tuning_through_lora_gives_the_bits_of_a_plain_script(
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
    record = reproduce(write_card(base=base, training=RECIPE, adapter=LORA))
    model, history = plain(folder, rows, tmp_path / "plain", lora=True)
    compared(record, history)
    model.save_pretrained(tmp_path / "adapter")
    trained = load_file(run_of(record, tmp_path / "runs").model / "adapter_model.safetensors")
    expected = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert set(trained) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in trained.items())


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
    model, history = plain(folder, rows, tmp_path / "plain")
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
    model, history = plain(folder, rows, tmp_path / "plain", **arguments)
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
    from runner.data import load_parts, tokenize
    from runner.plan import make_plan
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


@pytest.mark.parametrize("adapter", [None, {**LORA, "dropout": 0.0}])
def test_four_accumulated_batches_of_four_are_one_of_sixteen(
    adapter: dict[str, Any] | None,
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    write_rows(train=reviews(64), test=reviews(8, 1))
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    architecture = {"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, **still}
    sgd = {"optimizer": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0, "scheduler": "constant", "epochs": 1}

    def weights_and_losses(batch: int, steps: int) -> tuple[dict[str, torch.Tensor], list[float]]:
        training = {**sgd, "batch_size": batch, "gradient_accumulation_steps": steps}
        record = reproduce(write_card(base={"architecture": architecture}, adapter=adapter, training=training))
        assert record.training is not None
        assert record.plan.steps == record.training.steps == 4
        (file,) = run_of(record, tmp_path / "runs").model.glob("*.safetensors")
        return load_file(file), [point.values["loss"] for point in record.training.log]

    weights, losses = weights_and_losses(16, 1)
    accumulated, accumulated_losses = weights_and_losses(4, 4)
    assert accumulated_losses == pytest.approx(losses, abs=1e-6)
    assert all((weights[name] - value).abs().max() < 1e-6 for name, value in accumulated.items())


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
