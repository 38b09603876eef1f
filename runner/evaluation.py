"""Evaluation: scores of the trained model on the declared split, with every row's probabilities kept."""

from __future__ import annotations

import io
import math
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.errors import InputError, Problem
from runner import progress, trainer
from runner.calibration import calibrate
from runner.data import TEXTS, cleaned
from runner.metrics import Sample
from runner.record import EvaluationResult, ExampleResult, Interval, SliceScores
from runner.runs import write
from runner.scoring import SLICE_RESAMPLES, scores
from runner.speed import speed
from runner.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.card import Card
    from runner.record import Plan
    from runner.runs import Run

VALUES = 20
"""The values of a column that make a slice of their own; the others make one together."""

ROC_POINTS = 200
"""The plotted curve is thinned to about so many points."""


def evaluate(card: Card, plan: Plan, run: Run, model: Any, tokenizer: Any, rows: Any) -> EvaluationResult:
    """Score the rows, keep the predictions as `predictions.parquet`, and compute the metrics.

    Args:
        card: The card.
        plan: Its plan.
        run: The run's folder.
        model: The trained classifier.
        tokenizer: Its tokenizer.
        rows: Tokenized rows of `evaluation.split`.

    Raises:
        InputError: A metric the card names cannot be computed on these rows.
    """
    worker = trainer.make_trainer(card, plan, model, tokenizer, run.checkpoints)
    started = time.monotonic()
    with progress.stage("evaluate", -(-len(rows) // card.training.eval_batch_size)) as advance:
        chances = trainer.score(worker, rows, advance)
    seconds = time.monotonic() - started
    labels = np.asarray(rows["label"], dtype=np.int64)
    texts = [rows[name] for name in TEXTS if name in rows.column_names]
    words = np.asarray([sum(len(text.split()) for text in row) for row in zip(*texts, strict=True)])
    predicted = chances.argmax(axis=1)
    columns = {name.removeprefix("slice "): rows[name][:] for name in rows.column_names if name.startswith("slice ")}
    _keep_predictions(card, run, rows["row"], labels, chances, words, columns)

    sample = Sample(labels, predicted, np.ones_like(labels), chances, card.task.positive_index)
    with progress.stage("score"):
        found = scores(sample, card.evaluation.metrics)
        slices = tuple(
            SliceScores(name=name, rows=int(part.sum()), scores=_part(card, sample, part))
            for name, part in _slices(card, words, columns)
        )
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
        roc=_roc(labels, chances, card),
        calibration=calibrate(labels, chances),
        slices=slices,
        examples=_examples(card, worker, tokenizer),
        seconds=seconds,
        speed=speed(worker, rows, seconds),
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


def _part(card: Card, sample: Sample, part: Any) -> tuple[Any, ...]:
    """Scores on some of the rows."""
    if not part.any():
        return ()
    assert sample.probabilities is not None
    inside = Sample(
        sample.labels[part], sample.predicted[part], sample.weights[part], sample.probabilities[part], sample.positive
    )
    return scores(inside, card.evaluation.metrics, SLICE_RESAMPLES)


def _slices(card: Card, words: Any, columns: Mapping[str, Sequence[str | None]]) -> list[tuple[str, Any]]:
    """Names of the declared parts and which rows are in them."""
    if card.evaluation.slices is None:
        return []
    parts: list[tuple[str, Any]] = []
    for column, values in columns.items():
        held = np.asarray(["" if value is None else f"={value}" for value in values])
        # The most frequent ones, equally frequent ones by name.
        common = sorted(Counter(value for value in values if value is not None).items(), key=lambda v: (-v[1], v[0]))
        parts += [(f"{column} = {value[:60]}", held == f"={value}") for value, _ in common[:VALUES]]
        others = [f"={value}" for value, _ in common[VALUES:]]
        if others:
            parts.append((f"{column}: {len(others):,} other values", np.isin(held, others)))
        if (held == "").any():
            parts.append((f"no {column}", held == ""))
    bounds = [0, *card.evaluation.slices.words] if card.evaluation.slices.words is not None else []
    for low, high in zip(bounds, [*bounds[1:], None] if bounds else [], strict=True):
        if high is None:
            parts.append((f"{low} words and more", words >= low))
        else:
            name = f"under {high} words" if low == 0 else f"{low} to {high - 1} words"
            parts.append((name, (words >= low) & (words < high)))
    return parts


def _roc(labels: Any, chances: Any, card: Card) -> tuple[tuple[float, float], ...]:
    """Points of the ROC curve (false positive rate, true positive rate); none unless binary with both labels."""
    from sklearn.metrics import roc_curve

    if len(card.task.labels) != 2 or len(set(labels.tolist())) < 2:
        return ()
    positive = card.task.positive_index
    false, true, _ = roc_curve(labels == positive, chances[:, positive])
    kept = sorted({*np.linspace(0, len(false) - 1, min(ROC_POINTS, len(false))).astype(int)})
    return tuple((float(false[i]), float(true[i])) for i in kept)


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


def _keep_predictions(
    card: Card,
    run: Run,
    names: Sequence[str],
    labels: Any,
    chances: Any,
    words: Any,
    slices: Mapping[str, Sequence[str | None]],
) -> None:
    """One line a row: where it comes from, its label, each label's probability, its length in words, its slices."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"row": pa.array(list(names)), "label": pa.array(labels), "words": pa.array(words)}
    for index, label in enumerate(card.task.labels):
        columns[f"probability_{label}"] = pa.array(chances[:, index])
    for name, values in slices.items():
        columns[f"slice_{name}"] = pa.array(list(values), pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    write(run.predictions, buffer.getvalue())
