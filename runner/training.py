"""Training: from rows and a base to a saved model and what happened on the way."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from runner import energy, progress, ranks, stopping, trainer
from runner.record import Point, TrainingResult
from runner.runs import file_sha256, flush
from runner.spreading import is_divided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Card
    from runner.record import Machine, Plan, Snapshot
    from runner.runs import Run


def train(
    card: Card,
    plan: Plan,
    machine: Machine,
    run: Run,
    base: Snapshot | None,
    model: Any,
    tokenizer: Any,
    rows: Any,
    scored: Any,
) -> TrainingResult:
    """Train `model`, resuming from the last complete checkpoint, and save it to `run.model`.

    Args:
        card: The card.
        plan: Its plan.
        machine: The machine.
        run: The run's folder.
        base: The base's files; null for one built from its architecture.
        model: The classifier; trained in place.
        tokenizer: Its tokenizer.
        rows: Tokenized training rows.
        scored: Tokenized rows to score after each epoch; null for none.
    """
    from runner import model as models

    checkpoint = trainer.last_complete(run.checkpoints)
    resumed = trainer.mark_of(checkpoint)
    plan = plan.model_copy(update={"kernels": resumed.kernels or plan.kernels})
    worker = trainer.make_trainer(card, plan, model, tokenizer, run.checkpoints, rows, scored)
    before = resumed.cost
    with ranks.first_first():
        if ranks.is_first():
            for stale in run.checkpoints.glob("checkpoint-*"):
                if not (stale / trainer.MARKER).exists():
                    shutil.rmtree(stale)
            if checkpoint is not None:
                trainer.adopt(checkpoint)
    with (
        energy.metering(machine, plan.processes) as meter,
        progress.stage("train", plan.steps, lasting=True) as advance,
        stopping.after_a_checkpoint() as stop,
    ):
        started = time.monotonic()

        def cost() -> trainer.Cost:
            seconds = time.monotonic() - started
            kwh = before.kwh + meter.kwh(seconds) if before.kwh is not None and meter is not None else None
            return trainer.Cost(seconds=before.seconds + seconds, kwh=kwh)

        worker.add_callback(trainer.Checkpoints(worker, resumed, cost, stop))
        worker.add_callback(trainer.ShowSteps(advance))
        worker.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        total = cost()

    divided = is_divided(card, plan.device, plan.processes)
    whole = worker.accelerator.get_state_dict(worker.model_wrapped) if divided else None
    with ranks.first_first():
        if ranks.is_first():
            # A model folder without a record is one that was never finished: it is written anew.
            shutil.rmtree(run.model, ignore_errors=True)
            models.save(model, tokenizer, card, base, run.model, whole)
            for folder in (run.model, run.base):
                flush(folder)
    best = worker.state.best_model_checkpoint
    optimizer = getattr(worker.optimizer, "optimizer", worker.optimizer)
    log = _points(worker.state.log_history)
    return TrainingResult(
        steps=worker.state.global_step,
        seconds=total.seconds,
        energy=energy.spent(total.kwh, meter, machine) if meter is not None and total.kwh is not None else None,
        resumed_from=int(checkpoint.name.removeprefix("checkpoint-")) if checkpoint else None,
        begun_with=resumed.processes if checkpoint and resumed.processes != plan.processes else None,
        loss=_mean_loss(log),
        best_step=int(best.rpartition("-")[2]) if card.training.select == "best" and best else None,
        log=tuple(log),
        processes=ranks.count(),
        precision=_precision(worker),
        optimizer=type(optimizer).__name__,
        files={
            path.relative_to(run.folder).as_posix(): file_sha256(path)
            for folder in (run.model, run.base)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    )


def _precision(worker: Any) -> str:
    """What products are computed in within the accelerator's own context: autocast's type, else the weights' own."""
    import torch

    device = worker.accelerator.device.type
    with worker.accelerator.autocast():
        if not torch.is_autocast_enabled(device):
            return "fp32"
        return {torch.bfloat16: "bf16", torch.float16: "fp16"}[torch.get_autocast_dtype(device)]


def _points(history: list[dict[str, Any]]) -> list[Point]:
    """The Trainer's log, without its closing summary and how long things took.

    In an order of its own: a log that was read back from a checkpoint is in that of the alphabet.
    """
    first = ("loss", "learning_rate", "grad_norm", "eval_loss", "eval_accuracy")
    timing = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")
    return [
        Point(
            step=int(entry["step"]),
            epoch=float(entry["epoch"]),
            values={
                name: float(entry[name])
                for name in (*first, *sorted(entry.keys() - set(first)))
                if name in entry and (name in first or (name.startswith("eval_") and name not in timing))
            },
        )
        for entry in history
        if "loss" in entry or "eval_loss" in entry
    ]


def _mean_loss(log: Sequence[Point]) -> float:
    """Mean training loss of all steps; the Trainer's own leaves out those before a resumption."""
    total, done = 0.0, 0
    for point in log:
        if "loss" in point.values:
            total, done = total + point.values["loss"] * (point.step - done), point.step
    return total / done
