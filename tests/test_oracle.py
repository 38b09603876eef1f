"""Training and scoring are the plain Trainer's: a short script that uses it directly gives the same bits.

With the reference kernels, that is; `test_kernels.py` holds the fast ones to them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import oracle
import pyarrow.parquet as pq
import pytest
import torch
from conftest import on_base
from safetensors.torch import load_file

from runner.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
# Scores whose intervals need no resampling, which takes seconds.
QUICK = {"metrics": ["accuracy", "recall"]}
KINDS = ("bert", "distilbert", "llama")
ATTENTION = {"bert": ["query", "value"], "distilbert": ["q_lin", "v_lin"], "llama": ["q_proj", "v_proj"]}
SECOND_LAYER = {"bert": "output.dense", "distilbert": "lin2", "llama": "down_proj"}
NO_DROPOUT: dict[str, dict[str, float]] = {  # batches of another size draw other masks
    "bert": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    "distilbert": {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
    "llama": {},
}


def lora(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "lora", "r": 4, "alpha": 16, "dropout": 0.1, "target_modules": ATTENTION[kind], **more}


def ia3(kind: str) -> dict[str, Any]:
    targets = [*ATTENTION[kind], SECOND_LAYER[kind]]
    return {"type": "ia3", "target_modules": targets, "feedforward_modules": [SECOND_LAYER[kind]]}


FOUR_BITS = {"type": "bitsandbytes", "bits": 4, "quant_type": "nf4", "double_quant": True}
EIGHT_BITS = {"type": "bitsandbytes", "bits": 8}
WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "full": lambda kind: {},
    "LoRA": lambda kind: {"adapter": lora(kind)},
    "IA3": lambda kind: {"adapter": ia3(kind)},
    "LoRA on 4 bits": lambda kind: {"adapter": lora(kind), "quantization": FOUR_BITS},
    "LoRA on 8 bits": lambda kind: {"adapter": lora(kind), "quantization": EIGHT_BITS},
}


@dataclass(frozen=True)
class Both:
    """A run of a card, and what the script made of the card's values."""

    record: Record
    run: Run
    script: oracle.Outcome

    def require_the_same_training(self) -> None:
        """The same losses, learning rates and gradient norms at the same steps, and the same final weights."""
        training = self.record.training
        assert training is not None
        names = ("loss", "learning_rate", "grad_norm")
        assert len(self.script.log) == self.record.plan.steps > 4
        assert [point.values for point in training.log] == [{n: line[n] for n in names} for line in self.script.log]
        assert training.loss == pytest.approx(self.script.mean_loss, abs=1e-6)
        ours, theirs = self.weights, self.weights_of_the_script
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        return weights_in(self.run.model)

    @property
    def weights_of_the_script(self) -> dict[str, torch.Tensor]:
        self.script.model.save_pretrained(self.run.folder / "script")
        return weights_in(self.run.folder / "script")

    @property
    def scores(self) -> dict[str, float]:
        assert self.record.evaluation is not None
        return {score.metric: score.value for score in self.record.evaluation.scores}


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    (file,) = folder.glob("*.safetensors")
    return load_file(file)


@pytest.fixture
def both(write_card: Callable[..., Loaded], reproduce: Callable[..., Record], tmp_path: Path) -> Callable[..., Both]:
    """`both(kind, training={…}, …)`: a card on the base and the rows that were written, run in both ways.

    `alike` are values of its training that the script is given otherwise, to come to the same.
    """

    def run(kind: str, head: str | None = "keep", alike: dict[str, Any] | None = None, **sections: Any) -> Both:
        loaded = write_card(base=on_base(kind, head=head), **{"training": RECIPE, "evaluation": QUICK, **sections})
        record = reproduce(loaded, kernels="reference")
        values = loaded.card.model_dump(mode="json")
        values["training"] |= alike or {}
        script = oracle.fine_tune(values, tmp_path / "base", tmp_path / "rows", tmp_path / "work")
        return Both(record, run_of(record, tmp_path / "runs"), script)

    return run


def run_of(record: Record, root: Path) -> Run:
    return Run(root, record.card_id, record.run_id, record.seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_base_is_trained_and_scored_to_the_bits_of_a_plain_script(
    way: str,
    kind: str,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    both: Callable[..., Both],
) -> None:
    """A base without a head, as those of cards are: a new one is drawn."""
    from transformers import AutoModel

    write_rows(train=reviews(44), test=reviews(21, 1))  # 44 rows: the last batch and accumulation are short
    folder = base_repo(kind)
    AutoModel.from_pretrained(folder).save_pretrained(folder)
    ran = both(kind, head=None, **WAYS[way](kind))
    ran.require_the_same_training()
    table = pq.read_table(ran.run.predictions)
    ours = np.stack([table[f"probability_{label}"] for label in ("negative", "positive")], axis=1)
    assert np.array_equal(ours, ran.script.probabilities)
    assert ran.scores == {name: ran.script.scores[name] for name in QUICK["metrics"]}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_head_is_trained_on_to_the_bits_of_a_plain_script(
    kind: str,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    both: Callable[..., Both],
) -> None:
    write_rows(train=reviews(44), test=reviews(8, 1))
    base_repo(kind)
    both(kind).require_the_same_training()


def test_every_score_is_that_of_a_plain_script(
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    both: Callable[..., Both],
) -> None:
    write_rows(train=reviews(44), test=reviews(21, 1))
    base_repo("llama")
    training = {**RECIPE, "learning_rate": 0.03, "epochs": 4, "gradient_accumulation_steps": 1}  # enough to learn it
    metrics = {"metrics": ["accuracy", "precision", "recall", "f1", "roc_auc"]}
    ran = both("llama", training=training, evaluation=metrics)
    assert ran.scores == ran.script.scores
    assert len(set(ran.scores.values())) == 5


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_training_on_pairs_gives_the_bits_of_a_plain_script(
    kind: str,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    pairs: Callable[..., Any],
    both: Callable[..., Both],
) -> None:
    write_rows(train=pairs(44), test=pairs(8, 1))
    folder = base_repo(kind)
    ran = both(kind, data={"text_pair": "text_pair"})
    ran.require_the_same_training()
    if kind == "bert":  # the second type was trained too: the model was told which text a token is of
        name = "bert.embeddings.token_type_embeddings.weight"
        assert not torch.equal(ran.weights[name][1], weights_in(folder)[name][1])


@pytest.mark.parametrize(
    "changed",
    [
        {"label_smoothing": 0.2},
        {"precision": "bf16"},
        {"optimizer": "adafactor", "adam_betas": [0.9, 0.999], "adam_epsilon": 1e-8},
        {"warmup_ratio": None, "warmup_steps": 3},
        {"epochs": 1.5},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_recipe_s_value_does_what_the_trainer_s_option_does(
    changed: dict[str, Any],
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    both: Callable[..., Both],
) -> None:
    write_rows(train=reviews(44), test=reviews(8, 1))
    base_repo("bert")
    both("bert", training={**RECIPE, **changed}).require_the_same_training()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["full", "LoRA"])
def test_four_accumulated_batches_of_four_are_one_of_sixteen(
    way: str,
    kind: str,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    both: Callable[..., Both],
) -> None:
    """The script adds up nothing, so needs no guard; with SGD and without clipping nothing hides a wrong scale."""
    write_rows(train=reviews(64), test=reviews(8, 1))
    base_repo(kind, **NO_DROPOUT[kind])
    sgd = {"optimizer": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0, "scheduler": "constant", "epochs": 1}
    ran = both(
        kind,
        training={**sgd, "batch_size": 4, "gradient_accumulation_steps": 4},
        alike={"batch_size": 16, "gradient_accumulation_steps": 1},
        adapter=lora(kind, dropout=0.0) if way == "LoRA" else None,
    )
    assert ran.record.training is not None
    losses = [point.values["loss"] for point in ran.record.training.log]
    assert losses == pytest.approx([line["loss"] for line in ran.script.log], abs=1e-6)
    assert len(losses) == 4
    ours, theirs = ran.weights, ran.weights_of_the_script
    assert ours.keys() == theirs.keys()
    assert all((value - theirs[name]).abs().max() < 1e-6 for name, value in ours.items())


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
