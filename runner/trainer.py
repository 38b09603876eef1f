"""The Hugging Face Trainer, configured from a card and its plan: the reference path, as cards' own scripts use it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from runner import kernels, plugins, tracking
from runner.metrics import Sample
from runner.record import Item
from runner.runs import flush, write
from runner.scoring import averaging_of
from runner.speed import lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.card import Card
    from runner.progress import Advance
    from runner.record import Plan

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h

MARKER = "complete"
"""File that says that a checkpoint was written to its end."""

CHECKPOINT_SECONDS = 15 * 60
"""A checkpoint is written after each epoch, and where the last one is so long ago."""

LOGGED = 50
"""About so many points of the training loss are logged."""


def make_trainer(
    card: Card, plan: Plan, model: Any, tokenizer: Any, folder: Path, train: Any = None, scored: Any = None
) -> Trainer:
    """The Trainer of a run.

    Args:
        card: The card.
        plan: Its plan.
        model: The classifier.
        tokenizer: Its tokenizer.
        folder: Where checkpoints go.
        train: Tokenized training rows; null where it only scores.
        scored: Tokenized rows to score after each epoch; null for none.
    """
    if plan.device == "cpu":
        _keep_freed_memory()
    # transformers 5.23 counts a classification head's loss once per accumulated batch (its issue 47688) unless the
    # model says that its loss knows nothing of the number of items.
    kernels.inner(model).accepts_loss_kwargs = False
    kernels.enable(model, plan.kernels, plan.device, plan.precision, getattr(tokenizer, "padding_side", "right"))
    training = card.training
    each_epoch = scored is not None
    best = each_epoch and training.select == "best"
    metric = training.select_metric or "loss"
    arguments = TrainingArguments(
        # The Trainer makes this folder; scoring writes nothing, not even where the runs are read-only.
        output_dir=str(folder if train is not None else tempfile.gettempdir()),
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=training.eval_batch_size,
        gradient_accumulation_steps=plan.accumulation,
        num_train_epochs=training.epochs,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.scheduler,
        warmup_steps=plan.warmup_steps,
        optim=_optimizer(training.optimizer, model, plan.device),
        adam_beta1=training.adam_betas[0],
        adam_beta2=training.adam_betas[1],
        adam_epsilon=training.adam_epsilon,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        label_smoothing_factor=training.label_smoothing,
        fp16=plan.precision == "fp16",
        bf16=plan.precision == "bf16",
        seed=training.seed,
        use_cpu=plan.device == "cpu",
        dataloader_pin_memory=plan.device != "cpu",
        eval_strategy="epoch" if each_epoch else "no",
        save_strategy="epoch",
        # The newest one is not yet marked when old ones are removed: one before it stays, and the best one besides.
        save_total_limit=3 if best else 2,
        load_best_model_at_end=best,
        metric_for_best_model=f"eval_{metric}" if best else None,
        greater_is_better=metric == "accuracy" if best else None,
        logging_steps=max(1, plan.steps // LOGGED),
        report_to=tracking.chosen() if train is not None else [],
        run_name="/".join(folder.parent.parts[-3:]),
        project="replicard",
        disable_tqdm=True,
        label_names=["labels"],
    )
    # On a machine with several GPUs one process would split every batch over them and so multiply the batch size.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    tokens = card.data.tokens
    with tracking.into(folder.parent):
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=train,
            eval_dataset=scored,
            processing_class=tokenizer,
            data_collator=DataCollatorWithPadding(
                tokenizer,
                padding=tokens.padding,
                max_length=tokens.max_length if tokens.padding == "max_length" else None,
            ),
            compute_metrics=_epoch_metrics(card),
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, in float64.

    Args:
        logits: Shape (rows, labels).
    """
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def score(trainer: Trainer, rows: Any, advance: Advance) -> np.ndarray:
    """Probabilities of every row, shape (rows, labels), in the order of the rows."""
    shower = ShowSteps(advance)
    trainer.add_callback(shower)
    # Batches of like length are computed faster, and the longest first, where memory would run out first.
    order = np.argsort(-lengths(rows), kind="stable") if kernels.is_fast(trainer.model) else np.arange(len(rows))
    try:
        output = trainer.predict(rows.select(order))
    finally:
        trainer.remove_callback(shower)
    logits = output.predictions[0] if isinstance(output.predictions, tuple) else output.predictions
    return probabilities(np.asarray(logits))[np.argsort(order)]


class Cost(Item):
    """What a training has cost so far.

    Attributes:
        seconds: Wall time of its loop.
        kwh: Energy; null where none is known.
    """

    seconds: float = 0.0
    kwh: float | None = 0.0


class Mark(Item):
    """What the marker of a checkpoint says to the one that goes on from it.

    Attributes:
        cost: What the training has cost so far.
        kernels: What computes the model, `fast` or `reference`: the same goes on, so that the weights are the same.
        loss: Sum of the losses of the steps since the last line of the log, which the Trainer does not save.
        steps: How many steps those are.
    """

    cost: Cost
    kernels: str | None = None
    loss: float = 0.0
    steps: int = 0


def mark_of(checkpoint: Path | None) -> Mark:
    """What a complete checkpoint's marker says; of none, that the training has cost nothing."""
    return Mark(cost=Cost()) if checkpoint is None else Mark.model_validate_json((checkpoint / MARKER).read_bytes())


def adopt(checkpoint: Path) -> None:
    """Let a checkpoint name the best one where it lies now: the Trainer notes a path, and forgets what has moved."""
    file = checkpoint / "trainer_state.json"
    state = json.loads(file.read_bytes())
    if state["best_model_checkpoint"] is not None:
        state["best_model_checkpoint"] = str(checkpoint.with_name(Path(state["best_model_checkpoint"]).name))
        write(file, json.dumps(state, indent=2, sort_keys=True) + "\n")


def last_complete(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{MARKER}")]
    return max(found, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


class Checkpoints(TrainerCallback):  # type: ignore[misc]
    """Ask for checkpoints within long epochs, and mark each that was written: the Trainer's saving is not atomic."""

    def __init__(self, worker: Trainer, resumed: Mark, cost: Callable[[], Cost], stop: Callable[[], bool]):
        self.worker, self.resumed, self.cost, self.stop = worker, resumed, cost, stop
        self.saved = time.monotonic()

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up the losses that were not yet logged."""
        self.worker._tr_loss += self.resumed.loss
        self.worker._globalstep_last_logged -= self.resumed.steps

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a checkpoint within an epoch; that at its end is another, after which it has been scored."""
        if state.epoch.is_integer() or state.global_step >= state.max_steps:
            return
        if self.stop() or time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
            control.should_save = True

    def on_epoch_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Let the log have a line at the end of each epoch."""
        control.should_log = True

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Flush the newest checkpoint to disk, put the marker in it, and stop if that was asked for."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        flush(folder)
        loss, steps = float(self.worker._tr_loss), state.global_step - self.worker._globalstep_last_logged
        name = "fast" if kernels.is_fast(self.worker.model) else "reference"
        mark = Mark(cost=self.cost(), kernels=name, loss=loss, steps=steps)
        write(folder / MARKER, mark.model_dump_json())
        self.saved = time.monotonic()
        if self.stop():
            raise KeyboardInterrupt


class ShowSteps(TrainerCallback):  # type: ignore[misc]
    """Move the progress bar."""

    def __init__(self, advance: Advance):
        self.advance = advance
        self.scored = 0
        self.note = ""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One optimizer step is done."""
        self.advance(state.global_step, self.note)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Note the newest loss."""
        if logs and "loss" in logs:
            self.note = f"epoch {logs.get('epoch', 0):.2f}  loss {logs['loss']:.4f}"

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One batch is scored; during training the bar counts steps instead."""
        self.scored += 1
        if not state.is_world_process_zero or state.global_step == 0 or state.global_step >= state.max_steps:
            self.advance(self.scored, "")


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed: every step frees and takes the same large blocks, each time with page faults.

    A training step of MiniLM in bf16 took 1.6 times as long without it (`bench/allocator.py`).
    Elsewhere it does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def _optimizer(name: str, model: Any, device: str) -> str:
    """The declared optimizer; AdamW in one pass over memory where what computes the model need not be the reference."""
    return "adamw_torch_fused" if name == "adamw_torch" and device == "cpu" and kernels.is_fast(model) else name


def _epoch_metrics(card: Card) -> Callable[[Any], dict[str, float]]:
    """What is logged after each epoch beside the loss: accuracy, and the card's built-in metrics."""
    wanted = [metric for metric in card.evaluation.metrics if not metric.name.startswith("evaluate:")]

    def compute(output: Any) -> dict[str, float]:
        logits = output.predictions[0] if isinstance(output.predictions, tuple) else output.predictions
        chances, labels = probabilities(np.asarray(logits)), np.asarray(output.label_ids)
        sample = Sample(labels, chances.argmax(-1), np.ones_like(labels), chances, card.task.positive_index)
        found = {"accuracy": float((sample.predicted == labels).mean())}
        for metric in wanted:
            averaging = averaging_of(metric, len(card.task.labels))
            name = metric.name if metric.averaging is None else f"{metric.name}_{metric.averaging}"
            found[name] = float(plugins.metric(metric.name).compute(sample, averaging))
        return found

    return compute
