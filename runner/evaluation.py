"""Evaluation: scores of the trained model on the declared split, with every row's probabilities kept."""

from __future__ import annotations

import io
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.errors import InputError, Problem
from runner import progress, ranks, trainer
from runner.calibration import calibration
from runner.data import TEXTS, cleaned
from runner.metrics import Sample
from runner.record import EvaluationResult, ExampleResult, Interval, RocCurve, SliceScores
from runner.runs import write
from runner.scoring import scores
from runner.slicing import PREFIX, divide
from runner.speed import speed
from runner.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.card import Card
    from runner.record import Machine, Plan, Score
    from runner.runs import Run
    from runner.slicing import Slice

ROC_POINTS = 200
"""A curve is thinned to about so many points."""


def evaluate(
    card: Card, plan: Plan, machine: Machine, run: Run, model: Any, tokenizer: Any, rows: Any
) -> EvaluationResult | None:
    """Score the rows, keep the predictions as `predictions.parquet`, and compute the metrics.

    Of several ranks all score, and the first one does the rest; null in the others.

    Args:
        card: The card.
        plan: Its plan.
        machine: The machine that scores.
        run: The run's folder.
        model: The trained classifier.
        tokenizer: Its tokenizer.
        rows: Tokenized rows of `evaluation.split`.

    Raises:
        InputError: A metric the card names cannot be computed on these rows, or the training diverged.
    """
    worker = trainer.make_trainer(card, plan, model, tokenizer, run.checkpoints)
    started = time.monotonic()
    with progress.stage("evaluate", -(-len(rows) // card.training.eval_batch_size)) as advance:
        chances = trainer.score(worker, rows, advance)
    seconds = time.monotonic() - started
    examples = _examples(card, worker, tokenizer)
    if not ranks.is_first():
        return None
    if broken := int(np.isnan(chances).any(axis=1).sum()):
        message = f"the trained model gives no numbers for {broken:,} of {len(rows):,} rows: its training diverged"
        raise InputError(Problem("", "training.learning_rate", f"{message}; lower it"))
    with progress.stage("time"):
        fast = speed(card, plan, machine, worker, rows, seconds)
    labels = np.asarray(rows["label"], dtype=np.int64)
    texts = [rows[name] for name in TEXTS if name in rows.column_names]
    words = np.asarray([sum(len(text.split()) for text in row) for row in zip(*texts, strict=True)])
    predicted = chances.argmax(axis=1)
    declared = card.evaluation.slices
    columns = {name: rows[PREFIX + name][:] for name in declared.columns} if declared is not None else {}
    _keep_predictions(card, run, rows, labels, chances, words)

    sample = Sample(labels, predicted, np.ones_like(labels), chances, card.task.positive_index)
    with progress.stage("score"):
        found = scores(sample, card.evaluation.metrics)
        slices = tuple(_scored(card, sample, part) for part in divide(declared, words, columns)) if declared else ()
    missing = {metric.name for metric in card.evaluation.metrics} - {score.metric for score in found}
    if missing:
        have = sorted({card.task.labels[label] for label in labels})
        message = f"undefined on {len(labels)} rows with the labels {', '.join(have)}: {', '.join(sorted(missing))}"
        raise InputError(Problem("", "evaluation.metrics", message))
    losses = -np.log(np.clip(chances[np.arange(len(labels)), labels], 1e-300, None))
    half = 1.96 * float(losses.std(ddof=1) if len(losses) > 1 else 0.0) / math.sqrt(len(losses))
    loss = float(losses.mean())
    count = len(card.task.labels)
    confusion = np.zeros((count, count), dtype=int)
    np.add.at(confusion, (labels, predicted), 1)
    return EvaluationResult(
        split=card.evaluation.split,
        rows=len(labels),
        scores=found,
        loss=loss,
        loss_interval=Interval(low=loss - half, high=loss + half, level=0.95, method="normal"),
        confusion=tuple(tuple(int(cell) for cell in line) for line in confusion),
        roc=roc_curves(sample, card),
        calibration=calibration(labels, chances),
        slices=slices,
        examples=examples,
        seconds=seconds,
        speed=fast,
    )


def predict(
    card: Card, plan: Plan, run: Run, model: Any, tokenizer: Any, texts: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """Probabilities of the labels for texts, cleaned and tokenized as in training; shape (rows, labels).

    Args:
        card: The card.
        plan: Its plan.
        run: The run's folder.
        model: The trained classifier.
        tokenizer: Its tokenizer.
        texts: The column `text`, and of a card of pairs `text_pair`.
    """
    worker = trainer.make_trainer(card, plan, model, tokenizer, run.checkpoints)
    return _probabilities_of(card, worker, tokenizer, texts)


def _probabilities_of(card: Card, worker: Any, tokenizer: Any, texts: Mapping[str, Sequence[str]]) -> np.ndarray:
    from datasets import Dataset

    table = Dataset.from_dict(cleaned(texts, card.data.clean))
    return trainer.score(worker, tokenize(table, tokenizer, card, "tokenize"), lambda done, note: None)


def _scored(card: Card, sample: Sample, part: Slice) -> SliceScores:
    """Scores on some of the rows; none about the positive class where they hold no row of it."""
    found: tuple[Score, ...] = ()
    if part.inside.any():
        rows = sample.part(part.inside)
        found = scores(rows, card.evaluation.metrics)
        if not (rows.labels == sample.positive).any():
            found = tuple(score for score in found if score.averaging != "positive")
    return SliceScores(name=part.name, column=part.column, rows=int(part.inside.sum()), scores=found)


def roc_curves(sample: Sample, card: Card) -> tuple[RocCurve, ...]:
    """Curves of the positive class of two labels, else of every label against the others."""
    from sklearn.metrics import auc, roc_curve

    assert sample.probabilities is not None
    count = len(card.task.labels)
    curves = []
    for label in [sample.positive] if count == 2 else range(count):
        truth, chances = sample.labels == label, sample.probabilities[:, label]
        if truth.all() or not truth.any():
            continue
        false, true, _ = roc_curve(truth, chances)
        kept = sorted({*np.linspace(0, len(false) - 1, min(ROC_POINTS, len(false))).astype(int)})
        points = tuple((float(false[i]), float(true[i])) for i in kept)
        curves.append(RocCurve(label=card.task.labels[label], area=float(auc(false, true)), points=points))
    return tuple(curves)


def _examples(card: Card, worker: Any, tokenizer: Any) -> tuple[ExampleResult, ...]:
    """The card's examples, run."""
    if not card.examples:
        return ()
    texts = {"text": [example.text for example in card.examples]}
    if card.data.text_pair is not None:
        texts["text_pair"] = [example.text_pair or "" for example in card.examples]
    chances = _probabilities_of(card, worker, tokenizer, texts)
    return tuple(
        ExampleResult(
            text=example.text,
            text_pair=example.text_pair,
            expected=example.label,
            predicted=card.task.labels[int(row.argmax())],
            probability=float(row.max()),
        )
        for example, row in zip(card.examples, chances, strict=True)
    )


def _keep_predictions(card: Card, run: Run, rows: Any, labels: Any, chances: Any, words: Any) -> None:
    """One line a row: where it comes from, its label and length, what slices go by, and each label's probability."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"row": pa.array(rows["row"][:]), "label": pa.array(labels), "words": pa.array(words)}
    carried = rows.with_format("arrow")
    columns |= {name: carried[name][:] for name in rows.column_names if name.startswith(PREFIX)}
    for index, label in enumerate(card.task.labels):
        columns[f"probability_{label}"] = pa.array(chances[:, index])
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    write(run.predictions, buffer.getvalue())
