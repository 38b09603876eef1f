"""Plots: what is drawn for which record, and that it can be drawn for any."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from records import CARDS, record_of

from registry.card import Card
from runner.calibration import calibration
from runner.evaluation import roc_curves
from runner.metrics import Sample
from runner.plotting import plot
from runner.plugins import load_card
from runner.record import Point, Record, Snapshot
from runner.runs import Run

if TYPE_CHECKING:
    from pathlib import Path

EVERY = {"loss", "accuracy", "confusion_matrix", "roc", "calibration"}
EPOCHS = tuple(
    Point(step=100 * epoch, epoch=epoch, values={"eval_loss": 0.5 / epoch, "eval_accuracy": 0.7 + 0.05 * epoch})
    for epoch in (1, 2, 3)
)
TRAINED = tuple(Point(step=10 * step, epoch=step / 10, values={"loss": 1 / (1 + step)}) for step in range(31))


def card_of(labels: int) -> Card:
    card = load_card(CARDS / "quickstart.yaml").card
    names = tuple(f"label {index}" for index in range(labels)) if labels > 2 else card.task.labels
    return card.model_copy(update={"task": card.task.model_copy(update={"labels": names}), "examples": ()})


def record(card: Card, rows: int, log: tuple[Point, ...], best: int | None = None, only: int | None = None) -> Record:
    """A record of random rows; all of the label `only`, where that is given."""
    draw, count = np.random.default_rng(rows), len(card.task.labels)
    labels = draw.integers(count, size=rows) if only is None else np.full(rows, only)
    scored = np.exp(2 * draw.standard_normal((rows, count)) + 3 * np.eye(count)[labels])
    chances = scored / scored.sum(axis=1, keepdims=True)
    sample = Sample(labels, chances.argmax(axis=1), np.ones(rows, dtype=np.int64), chances, card.task.positive_index)
    made = record_of(card, 42, 0.8, None, Snapshot(name="rows", revision="sha256:0", path="rows", files={}))
    matrix = np.zeros((count, count), dtype=int)
    np.add.at(matrix, (labels, sample.predicted), 1)
    found = {
        "rows": rows,
        "confusion": tuple(tuple(int(cell) for cell in line) for line in matrix),
        "roc": roc_curves(sample, card),
        "calibration": calibration(labels, chances),
    }
    assert made.training is not None and made.evaluation is not None
    training = made.training.model_copy(update={"log": log, "best_step": best})
    return made.model_copy(update={"training": training, "evaluation": made.evaluation.model_copy(update=found)})


def size(file: Path) -> tuple[int, int]:
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


@pytest.mark.parametrize("rows", [1, 9, 2000])
@pytest.mark.parametrize("labels", [2, 5, 60])
def test_every_plot_of_any_number_of_rows_and_labels_can_be_drawn(labels: int, rows: int, tmp_path: Path) -> None:
    card = card_of(labels)
    drawn = plot(card, record(card, rows, TRAINED + EPOCHS, best=200), Run(tmp_path, "c", "r", 1))
    assert {path.stem for path in drawn} == (EVERY - {"roc"} if rows == 1 else EVERY)
    assert {size(path) for path in drawn} == {(780, 585)}
    assert sum(path.stat().st_size for path in drawn) < 500_000


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    card = card_of(2)
    drawn = plot(card, record(card, 50, TRAINED, only=1), Run(tmp_path, "c", "r", 1))
    assert {path.stem for path in drawn} == {"loss", "confusion_matrix", "calibration"}


def test_a_curve_of_each_label_that_rows_have_is_kept_thinned() -> None:
    card = card_of(5)
    found = record(card, 2000, ()).evaluation
    assert found is not None
    assert [curve.label for curve in found.roc] == list(card.task.labels)
    for curve in found.roc:
        assert (curve.points[0], curve.points[-1]) == ((0.0, 0.0), (1.0, 1.0))
        assert len(curve.points) <= 200
    few = record(card, 3, ()).evaluation
    assert few is not None and 0 < len(few.roc) < 5


def test_the_area_of_a_curve_is_the_metric_s() -> None:
    from runner.plugins import metric

    draw = np.random.default_rng(0)
    labels, chances = draw.integers(4, size=300), draw.dirichlet(np.ones(4), size=300)
    sample = Sample(labels, chances.argmax(axis=1), np.ones(300, dtype=np.int64), chances, 3)
    areas = [curve.area for curve in roc_curves(sample, card_of(4))]
    assert np.mean(areas) == pytest.approx(metric("roc_auc").compute(sample, "macro"))
