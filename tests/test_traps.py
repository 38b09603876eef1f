"""Known traps of reproducing a classifier that no other file's subject is: each a name, each on a real small model.

Of head, labels, padding token and quantization `test_model.py` tells, of accumulation `test_oracle.py`, of merging
`test_merging.py`, of kept tokens `test_tokens.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from command import replicard
from command import write_card as write_tiny
from conftest import SHAPES
from transformers import Trainer

from runner import model as models
from runner import reproducing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Record
    from runner.reproducing import Ready

LORA = {"type": "lora", "r": 4, "dropout": 0.5, "target_modules": ["query", "value"]}
MUCH_DROPOUT = {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> dict[bool, list[torch.Tensor]]:
    """The tokens that a model is given while it trains, under True, and while it scores, under False."""
    seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    build = models.build

    def built(*arguments: Any) -> Any:
        model = build(*arguments)

        def note(module: Any, given: Any, named: dict[str, Any]) -> None:
            seen[module.training].append(named["input_ids"].clone())

        model.register_forward_pre_hook(note, with_kwargs=True)
        return model

    monkeypatch.setattr(models, "build", built)
    return seen


def lengths(batches: list[torch.Tensor], padding: int) -> list[int]:
    """Tokens of every row, padding not counted."""
    return sorted(int((row != padding).sum()) for batch in batches for row in batch)


@pytest.mark.parametrize("adapter", [None, LORA], ids=["full", "lora"])
def test_dropout_is_off_where_a_model_is_scored(
    adapter: dict[str, Any] | None,
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
) -> None:
    write_rows(train=reviews(16), test=reviews(40, 1))
    base = {"architecture": {"model_type": "bert", **SHAPES["bert"], **MUCH_DROPOUT}}
    ready = prepare(write_card(base=base, adapter=adapter, training={"epochs": 1}))
    reproducing.train_and_evaluate(ready)
    kept = pq.read_table(ready.run.predictions)
    _, _, tokenizer, model = reproducing.reload(ready.run)
    texts = [row["text"] for row in reviews(40, 1)]
    batch = tokenizer(texts, padding=True, truncation=True, max_length=24, return_tensors="pt")
    with torch.no_grad():
        still = model.eval()(**batch).logits.softmax(-1).numpy()
        dropped = model.train()(**batch).logits.softmax(-1).numpy()
    assert np.abs(kept["probability_positive"].to_numpy() - still[:, 1]).max() < 1e-6
    assert np.abs(dropped - still).max() > 1e-3


def test_training_goes_on_with_dropout_after_an_epoch_was_scored(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
    batches: dict[bool, list[torch.Tensor]],
) -> None:
    write_rows(train=reviews(32), test=reviews(16, 1))
    reproduce(write_card(evaluation={"each_epoch": "test"}, training={"epochs": 3}))
    assert len(batches[True]) == 3 * 4
    assert len(batches[False]) >= 3 + 1


def test_texts_are_cut_where_they_are_scored_as_where_they_are_learnt(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
    batches: dict[bool, list[torch.Tensor]],
) -> None:
    # The same rows in both splits, most of them longer than 8 tokens.
    rows = reviews(16)
    write_rows(train=rows, test=rows)
    record = reproduce(write_card(data={"tokens": {"max_length": 8}}, training={"epochs": 1}))
    padding = 0  # of the tokenizer that is trained here
    learnt, scored = lengths(batches[True], padding), lengths(batches[False][:1], padding)
    assert record.evaluation is not None
    assert learnt == scored
    assert max(learnt) == 8
    assert len(learnt) == 16


def test_texts_that_training_and_test_share_are_counted_and_reported(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
) -> None:
    from runner.audit import audit
    from runner.rendering import render

    write_rows(train=reviews(32), test=[*reviews(3), *reviews(3), *reviews(8, 1)])
    loaded = write_card(training={"epochs": 1})
    ready = prepare(loaded)
    record = reproducing.train_and_evaluate(ready)
    assert record.plan.rows.shared_texts == 3
    page = render(loaded.card, ready.run, audit(loaded.card, ready.run)).read_text()
    assert "\n3 of its texts also stand in the training split.\n" in page


@pytest.mark.parametrize(("scored", "warned"), [("test", True), ("validation", False)])
def test_selecting_on_what_is_scored_is_warned_of_and_told_in_the_readme(
    scored: str, warned: bool, tmp_path: Path
) -> None:
    card = write_tiny(
        tmp_path,
        "  tokens: {max_length: 64}\n"
        "training: {epochs: 2, learning_rate: 1e-2, batch_size: 32, eval_batch_size: 64, seed: 1}\n"
        "evaluation: {metrics: [accuracy]}",
        "  tokens: {max_length: 64}\n  split: {validation: 0.25}\n"
        "training: {epochs: 2, learning_rate: 1e-2, batch_size: 32, eval_batch_size: 64, seed: 1, select: best}\n"
        f"evaluation: {{metrics: [accuracy], each_epoch: {scored}}}",
    )
    assert ("the test split selects the epoch" in replicard("validate", card).err) == warned
    assert replicard("reproduce", card, "--runs", tmp_path / "runs", "-q").code == 0
    (readme,) = (tmp_path / "runs").rglob("README.md")
    told = "so these scores are better than unseen rows would give."
    assert (told in readme.read_text()) == warned


def test_no_row_of_the_test_split_is_seen_before_the_training_is_over(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
    batches: dict[bool, list[torch.Tensor]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_rows(train=reviews(32), test=reviews(16, 1))
    train, before = Trainer.train, []

    def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        result = train(self, *arguments, **named)
        before.append(len(batches[False]))
        return result

    monkeypatch.setattr(Trainer, "train", watched)
    reproduce(write_card())
    assert before == [0]
    assert batches[False]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_step_takes_as_many_rows_as_the_plan_says(
    accumulation: int,
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
    batches: dict[bool, list[torch.Tensor]],
) -> None:
    write_rows(train=reviews(32), test=reviews(8, 1))
    training = {"epochs": 1, "batch_size": 8, "gradient_accumulation_steps": accumulation}
    record = reproduce(write_card(training=training))
    assert record.training is not None
    rows = sum(len(batch) for batch in batches[True])
    assert rows == record.training.steps * record.plan.effective_batch == 32
    assert record.plan.effective_batch == 8 * accumulation
