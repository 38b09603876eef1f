"""The Hugging Face Trainer, configured from a card and its plan: the reference path, as cards' own scripts use it.

Over several processes, or batches that are divided, it is changed in what it would do otherwise than in one process.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import json
import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import EvalPrediction, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import EvalLoopOutput

from runner import kernels, plugins, ranks, tracking
from runner.collating import Collator
from runner.metrics import Sample
from runner.record import Item
from runner.runs import flush, write
from runner.scoring import averaging_of
from runner.speed import lengths
from runner.spreading import is_divided, weight

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.card import Card
    from runner.progress import Advance
    from runner.record import Plan, Spread

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
    kernels.enable(model, plan.kernels, plan.device, plan.precision, tokenizer)
    training = card.training
    each_epoch = scored is not None
    best = each_epoch and training.select == "best"
    metric = training.select_metric or "loss"
    arguments = TrainingArguments(
        # The Trainer makes this folder; scoring writes nothing, not even where the runs are read-only.
        output_dir=str(folder if train is not None else tempfile.gettempdir()),
        per_device_train_batch_size=plan.device_batch or training.batch_size,
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
        ddp_backend="gloo" if plan.device == "cpu" and plan.processes > 1 else None,
        # Every trained weight has a gradient after each batch, and no buffer of a transformer is ever written.
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
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
        **_divided(card, plan),
    )
    # On a machine with several GPUs one process would split every batch over them and so multiply the batch size.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    if arguments.world_size != plan.processes:
        raise RuntimeError(f"accelerate knows of {arguments.world_size} processes, planned are {plan.processes}")
    tokens = card.data.tokens
    plain = plan.processes == 1 and plan.device_batch in (None, training.batch_size)
    with tracking.into(folder.parent):
        trainer = (Trainer if plain else SpreadTrainer)(
            model=model,
            args=arguments,
            train_dataset=train,
            eval_dataset=scored,
            processing_class=tokenizer,
            data_collator=Collator(tokenizer, tokens.max_length if tokens.padding == "max_length" else None),
            compute_metrics=_epoch_metrics(card),
        )
    trainer.remove_callback(PrinterCallback)
    if not plain:
        trainer.spread, trainer.declared_batch = plan, training.batch_size
    return trainer


class SpreadTrainer(Trainer):  # type: ignore[misc]
    """The Trainer whose steps are means over the same rows as in one process that takes the declared batches.

    Attributes:
        spread: The four factors.
        declared_batch: Rows of a declared batch.
    """

    spread: Spread
    declared_batch: int
    control: Any
    _step, _turn, _weight = -1, 0, 1.0

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Add up a batch's gradients, its repeated rows left out, weighted for the step's mean."""
        done = self.state.global_step
        self._step, self._turn = done, self._turn + 1 if self._step == done else 0
        rows = len(self.train_dataset)
        of_epoch = done % math.ceil(rows / self.spread.effective_batch)
        turn = of_epoch * self.spread.accumulation + self._turn
        index = turn * self.spread.processes + self.args.process_index
        real, self._weight = weight(self.spread, self.declared_batch, rows, index)
        try:
            # Where all its rows are repeated it is computed all the same, and weighs nothing: the others wait for it.
            counted = {name: values[:real] for name, values in inputs.items()} if real else inputs
            return super().training_step(model, counted, num_items_in_batch)
        finally:
            self._weight = 1.0

    def compute_loss(self, *arguments: Any, **options: Any) -> Any:
        """The mean loss of a batch, weighted while it trains."""
        found = super().compute_loss(*arguments, **options)
        return found if self._weight == 1.0 else found * self._weight

    def evaluation_loop(self, dataloader: Any, *arguments: Any, metric_key_prefix: str = "eval", **options: Any) -> Any:
        """Score the batches of one process, each in one rank, and put together what all have found, in order."""
        if self.args.world_size == 1:
            return super().evaluation_loop(dataloader, *arguments, metric_key_prefix=metric_key_prefix, **options)
        model = self._wrap_model(self.model, training=False)
        if not self.accelerator._models and model is self.model:
            model = self.accelerator.prepare_model(model, evaluation_mode=True)
        model.eval()
        rows, size = dataloader.dataset, self.args.eval_batch_size
        batches = [range(first, min(first + size, len(rows))) for first in range(0, len(rows), size)]
        found = {}
        # Every rank scores equally many: one that has none left scores the first again, and forgets it.
        processes, rank = self.args.world_size, self.args.process_index
        for number in range(rank, math.ceil(len(batches) / processes) * processes, processes):
            chosen = batches[number if number < len(batches) else 0]
            inputs = dataloader.collate_fn([rows[index] for index in chosen])
            loss, logits, labels = self.prediction_step(model, inputs, prediction_loss_only=False)
            logits = logits[0] if isinstance(logits, tuple) else logits
            found[number] = (float(loss), logits.float().cpu().numpy(), labels.cpu().numpy())
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        everything = {number: one for part in ranks.gathered(found) for number, one in part.items()}
        losses, logits, labels = zip(*(everything[number] for number in range(len(batches))), strict=True)
        predictions = EvalPrediction(np.concatenate(logits), np.concatenate(labels))
        metrics = {"loss": float(np.average(losses, weights=[len(batch) for batch in batches]))}
        metrics |= self.compute_metrics(predictions)
        prefixed = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        return EvalLoopOutput(predictions.predictions, predictions.label_ids, prefixed, len(rows))


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
        of_others: The same of each further rank.
        steps: How many steps those are.
        processes: How many processes train.
    """

    cost: Cost
    kernels: str | None = None
    loss: float = 0.0
    of_others: tuple[float, ...] = ()
    steps: int = 0
    processes: int = 1


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
        """Take up the losses that were not yet logged, and let each rank drop others than the rest do."""
        if args.world_size > 1:
            torch.manual_seed(args.seed + args.process_index)  # where it goes on, the checkpoint's state follows
        losses = (self.resumed.loss, *self.resumed.of_others)
        same = len(losses) == args.world_size
        self.worker._tr_loss += losses[args.process_index] if same else sum(losses) / len(losses)
        self.worker._globalstep_last_logged -= self.resumed.steps

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a checkpoint within an epoch; that at its end is another, after which it has been scored."""
        if state.epoch.is_integer() or state.global_step >= state.max_steps:
            return
        if ranks.agreed(self.stop() or time.monotonic() - self.saved >= CHECKPOINT_SECONDS):
            control.should_save = True

    def on_epoch_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Let the log have a line at the end of each epoch."""
        control.should_log = True

    def on_save(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Flush the newest checkpoint to disk, put the marker in it, and stop if that was asked for."""
        loss, *of_others = ranks.gathered(float(self.worker._tr_loss))  # when every rank has written what is its own
        if ranks.is_first():
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            flush(folder)
            mark = Mark(
                cost=self.cost(),
                kernels="fast" if kernels.is_fast(self.worker.model) else "reference",
                loss=loss,
                of_others=tuple(of_others),
                steps=state.global_step - self.worker._globalstep_last_logged,
                processes=args.world_size,
            )
            write(folder / MARKER, mark.model_dump_json())
        self.saved = time.monotonic()
        if ranks.agreed(self.stop()):
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
        self.scored += args.world_size
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


def _divided(card: Card, plan: Plan) -> dict[str, Any]:
    """The Trainer's options for weights that are divided over the devices."""
    declared = card.training.distributed
    if declared is None or not is_divided(card, plan.device, plan.processes):
        return {}
    if declared.deepspeed is not None:
        return {"deepspeed": copy.deepcopy(declared.deepspeed)}  # it fills in what is `auto`
    return {"fsdp": True, "fsdp_config": copy.deepcopy(declared.fsdp_config)}


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
