"""The rehearsal: a card's whole road with small stand-ins, so that it is known to work before a GPU is rented.

The stages are those of a reproduction (`runner.reproducing`); only what they are given is smaller (`runner.stand_ins`).
Rehearsals lie in a folder of their own below that of the runs, so that none is taken for a reproduction.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import locking, progress, publishing, reproducing, stand_ins
from runner import model as models
from runner.data import load_parts
from runner.machine import detect
from runner.plan import make_plan
from runner.reproducing import Ready
from runner.runs import Run, over_all_seeds, run_id
from runner.spreading import spread
from runner.tokens import tokenize

if TYPE_CHECKING:
    from registry.loading import Loaded
    from runner.record import Deviation, Record
    from runner.stand_ins import StandIns

FOLDER = "rehearsals"
"""Where rehearsals lie, in the folder of all runs: it is a folder of runs itself."""

TOLERANCE = 1e-6
"""Most that a probability of the reloaded model may differ; on a CPU none does."""


@dataclass(frozen=True)
class Stage:
    """A part of the road that was gone to its end.

    Attributes:
        name: The part.
        seconds: Wall time.
        proven: What is known now.
    """

    name: str
    seconds: float
    proven: str


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that went well.

    Attributes:
        run: Where its files lie.
        substitutions: Everything that differed from the card.
        stages: Its parts, in their order.
        page: The README.
        files: What would be pushed.
    """

    run: Run
    substitutions: tuple[Deviation, ...]
    stages: tuple[Stage, ...]
    page: Path
    files: tuple[publishing.PublishedFile, ...]


def arrange(loaded: Loaded, root: Path) -> StandIns:
    """What stands in for what in a rehearsal of a card.

    Args:
        loaded: The card.
        root: Folder of all runs; the stand-ins are kept below it.

    Raises:
        InputError: The card cannot be rehearsed: see `stand_ins.make`.
    """
    models.quiet()
    store = root / FOLDER / loaded.card.id / "inputs"
    return stand_ins.make(loaded, detect(), locking.pins(loaded), store)


def rehearse(loaded: Loaded, root: Path) -> Rehearsal:
    """Go a card's road from the plan to what would be published, with small stand-ins; nothing is fetched.

    Args:
        loaded: The card.
        root: Folder of all runs.

    Raises:
        InputError: The card does not work: what a run would refuse, or a file that may not be published.
    """
    from runner.audit import audit
    from runner.rendering import render

    stages: list[Stage] = []
    started = time.monotonic()

    def passed(name: str, proven: str, seconds: float | None = None) -> None:
        nonlocal started
        now = time.monotonic()
        stages.append(Stage(name, now - started if seconds is None else seconds, proven))
        started = now if seconds is None else started + seconds

    models.quiet()
    card = loaded.card
    if card.base.architecture is not None and card.data.rows is not None:
        plan = make_plan(loaded, detect())
        what = f"{plan.steps:,} steps of {plan.effective_batch:,} rows, {plan.parameters:,} parameters, "
        passed("plan as declared", f"{what}{plan.trainable:,} of them trained")
    with progress.stage("stand-ins"):
        inputs = arrange(loaded, root)
    run = Run(
        root / FOLDER,
        card.id,
        run_id(inputs.loaded.card, inputs.base, inputs.tokenizer, inputs.dataset),
        card.training.seed,
    )
    machine = detect()
    one = spread(inputs.loaded.card, machine, processes=1)
    ready = Ready(inputs.loaded, machine, inputs.base, inputs.tokenizer, inputs.dataset, run, one, inputs.substitutions)
    passed("stand-ins", f"{len(inputs.substitutions)} differences from the card, each listed")
    record = reproducing.train_and_evaluate(ready, fresh=True)
    assert record.training is not None and record.evaluation is not None
    passed("train", _trained(ready, record), record.training.seconds)
    rows = f"{record.evaluation.rows:,} rows of {record.evaluation.split}"
    passed("evaluate", f"{rows}: {', '.join(dict.fromkeys(score.metric for score in record.evaluation.scores))}")
    with progress.stage("reload"):
        passed("save, reload", _reloaded(ready, record))
    with over_all_seeds(run):
        result = audit(ready.loaded.card, run, reproducing.claims_of(ready.loaded))
        passed("audit", f"{len(result.findings)} claims, each {result.verdict}" if result.findings else "no claims")
        page = render(ready.loaded.card, run, result)
    passed("README", "follows from card, record and audit, and says that it is of a rehearsal")
    files = publishing.select(run)
    passed(
        "publish, dry run", f"{len(files)} files, {sum(file.size for file in files) / 2**20:.1f} MiB; nothing refused"
    )
    return Rehearsal(run, record.deviations, tuple(stages), page, files)


def _trained(ready: Ready, record: Record) -> str:
    """What was trained, in one line."""
    card, training, plan = ready.loaded.card, record.training, record.plan
    assert training is not None
    how = f"{card.adapter.type} on " if card.adapter is not None else "all weights of "
    if card.quantization is not None:
        how += f"{getattr(card.quantization, 'bits', '')}-bit ({card.quantization.type}) "
    what = f"{how}{plan.parameters:,} parameters; {training.steps:,} steps in {training.precision}, "
    return f"{what}{card.training.optimizer} ({training.optimizer}), {card.training.scheduler} schedule"


def _reloaded(ready: Ready, record: Record) -> str:
    """Score the saved model as the trained one was scored; says how much they differ.

    Raises:
        RuntimeError: They do, which is a fault of ours.
    """
    difference = reload_difference(ready, record)
    if not difference <= TOLERANCE:
        raise RuntimeError(f"the saved model is not the trained one: a probability differs by {difference:g}")
    return f"from disk, {'the same probabilities' if difference == 0 else f'probabilities within {difference:.1g}'}"


def reload_difference(ready: Ready, record: Record) -> float:
    """The largest difference between a probability that was kept and that of the model as it is loaded from disk."""
    import numpy as np
    import pyarrow.parquet as pq

    from runner import trainer

    card, run = ready.loaded.card, ready.run
    tokenizer, model = models.load(card, ready.base, run.model, run.base)
    parts = load_parts(ready.loaded, ready.dataset)
    rows = tokenize(parts.splits[card.evaluation.split], tokenizer, card, "tokenize")
    worker = trainer.make_trainer(card, record.plan, model, tokenizer, run.checkpoints)
    chances = trainer.score(worker, rows, lambda done, note: None)
    kept = pq.read_table(run.predictions)
    before: Any = np.column_stack([kept[f"probability_{label}"].to_numpy() for label in card.task.labels])
    return float(np.abs(chances - before).max())
