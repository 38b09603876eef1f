"""Plots of a run as PNG: loss and scores by epoch, confusion matrix, ROC, calibration."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from runner.runs import write

if TYPE_CHECKING:
    from pathlib import Path

    from registry.card import Card
    from runner.record import Record
    from runner.runs import Run

_BLUE, _ORANGE, _GREY = "#2a6f97", "#d97706", "#9ca3af"


def plot(card: Card, record: Record, run: Run) -> list[Path]:
    """Draw what a complete record holds into `plots/`; returns the files."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = []
    for name, draw in _PLOTS.items():
        figure = Figure(figsize=(5.2, 3.9), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        if not draw(axes, card, record):
            continue
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150)
        write(run.plots / f"{name}.png", buffer.getvalue())
        drawn.append(run.plots / f"{name}.png")
    return drawn


def _loss(axes: Any, card: Card, record: Record) -> bool:
    assert record.training is not None
    log = record.training.log
    train = [(p.epoch, p.values["loss"]) for p in log if "loss" in p.values]
    scored = [(p.epoch, p.values["eval_loss"]) for p in log if "eval_loss" in p.values]
    if not train:
        return False
    axes.plot(*zip(*train, strict=True), color=_BLUE, label="training")
    if scored:
        axes.plot(*zip(*scored, strict=True), "o-", color=_ORANGE, label=f"{card.evaluation.each_epoch}")
        axes.legend(frameon=False)
    axes.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None), title=f"{card.id}: loss")
    return True


def _scores(axes: Any, card: Card, record: Record) -> bool:
    """Scores after each epoch, where a split was scored."""
    assert record.training is not None
    points = [point for point in record.training.log if "eval_loss" in point.values]
    if len(points) < 2:
        return False
    for name in points[0].values:
        if name != "eval_loss":
            label = name.removeprefix("eval_").replace("_", " ")
            axes.plot([p.epoch for p in points], [p.values[name] for p in points], "o-", markersize=3, label=label)
    axes.set(xlabel="epoch", ylabel="score", title=f"{card.id}: {card.evaluation.each_epoch}")
    axes.legend(frameon=False)
    return True


def _confusion(axes: Any, card: Card, record: Record) -> bool:
    assert record.evaluation is not None
    matrix = record.evaluation.confusion
    sums = [max(sum(line), 1) for line in matrix]
    shares = [[cell / total for cell in line] for line, total in zip(matrix, sums, strict=True)]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(card.task.labels))
    axes.set_xticks(ticks, card.task.labels)
    axes.set_yticks(ticks, card.task.labels, rotation=90, va="center")
    for row in ticks:
        for column in ticks:
            share = shares[row][column]
            axes.text(
                column,
                row,
                f"{matrix[row][column]:,}\n{share:.1%}",
                ha="center",
                va="center",
                color="white" if share > 0.5 else "black",
            )
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted", ylabel="true", title=f"{card.id}: {record.evaluation.split}")
    return True


def _roc(axes: Any, card: Card, record: Record) -> bool:
    assert record.evaluation is not None
    if not record.evaluation.roc:
        return False
    area = next((s.value for s in record.evaluation.scores if s.metric == "roc_auc"), None)
    label = f"AUC {area:.4f}" if area is not None else None
    axes.plot(*zip(*record.evaluation.roc, strict=True), color=_BLUE, label=label)
    axes.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title=f"{card.id}: ROC")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    if label:
        axes.legend(frameon=False, loc="lower right")
    return True


def _calibration(axes: Any, card: Card, record: Record) -> bool:
    """Accuracy by confidence; a point's area says nothing, as all stand for equally many rows."""
    assert record.evaluation is not None
    found = record.evaluation.calibration
    confidence, accuracy = ([getattr(part, name) for part in found.bins] for name in ("confidence", "accuracy"))
    axes.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
    axes.plot(confidence, accuracy, "o-", color=_BLUE, label=f"expected calibration error {found.error:.4f}")
    low = max(0.0, min(*confidence, *accuracy) - 0.05)
    axes.set(xlabel="probability of the predicted label", ylabel="share that is right", title=f"{card.id}: calibration")
    axes.set(xlim=(low, 1.01), ylim=(low, 1.01), aspect="equal")
    axes.legend(frameon=False, loc="upper left")
    return True


_PLOTS = {"loss": _loss, "scores": _scores, "confusion_matrix": _confusion, "roc": _roc, "calibration": _calibration}
