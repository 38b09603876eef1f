"""Plots of a run as PNG: loss and accuracy by epoch, confusion matrix, ROC, calibration."""

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

_CURVES = 8
"""ROC curves that a plot has room for."""

_SHARES, _COUNTS, _NAMES = 8, 16, 40
"""Labels up to which a confusion matrix shows shares, counts, and names."""


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
    train = [(point.epoch, point.values["loss"]) for point in record.training.log if "loss" in point.values]
    if not train:
        return False
    axes.plot(*zip(*train, strict=True), color=_BLUE, label="training", **_dots(train))
    if scored := _by_epoch(record, "eval_loss"):
        axes.plot(*zip(*scored, strict=True), "o-", color=_ORANGE, label=card.evaluation.each_epoch)
        _mark_kept(axes, record)
        axes.legend(frameon=False)
    axes.set(xlabel="epoch", ylabel="cross-entropy", xlim=(0, None), ylim=(0, None), title=f"{card.id}: loss")
    return True


def _accuracy(axes: Any, card: Card, record: Record) -> bool:
    """After each epoch, where a split was scored then."""
    scored = _by_epoch(record, "eval_accuracy")
    if not scored:
        return False
    axes.plot(*zip(*scored, strict=True), "o-", color=_ORANGE, label=card.evaluation.each_epoch)
    _mark_kept(axes, record)
    axes.legend(frameon=False)
    axes.set(xlabel="epoch", ylabel="accuracy", xlim=(0, None), title=f"{card.id}: accuracy")
    return True


def _by_epoch(record: Record, name: str) -> list[tuple[float, float]]:
    assert record.training is not None
    return [(point.epoch, point.values[name]) for point in record.training.log if name in point.values]


def _mark_kept(axes: Any, record: Record) -> None:
    """A line at the epoch whose weights were selected."""
    assert record.training is not None
    best = record.training.best_step
    for point in record.training.log:
        if best is not None and point.step == best and "eval_loss" in point.values:
            axes.axvline(point.epoch, linestyle="--", linewidth=1, color=_GREY, label="selected")


def _dots(points: list[tuple[float, float]]) -> dict[str, Any]:
    """A line through one point is not seen."""
    return {"marker": "o"} if len(points) == 1 else {}


def _confusion(axes: Any, card: Card, record: Record) -> bool:
    assert record.evaluation is not None
    matrix, labels = record.evaluation.confusion, card.task.labels
    sums = [max(sum(line), 1) for line in matrix]
    shares = [[cell / total for cell in line] for line, total in zip(matrix, sums, strict=True)]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks, count = range(len(labels)), len(labels)
    size = 10 if count <= _SHARES // 2 else 7 if count <= _SHARES else 6 if count <= _COUNTS else 4
    if count <= _NAMES:
        axes.set_xticks(ticks, map(_short, labels), **({"rotation": 90, "fontsize": size} if count > 3 else {}))
        axes.set_yticks(ticks, map(_short, labels), **({"fontsize": size} if count > 3 else {}))
    for row in ticks if count <= _COUNTS else ():
        for column in ticks:
            share = shares[row][column]
            below = f"\n{share:.1%}" if count <= _SHARES else ""
            color = "white" if share > 0.5 else "black"
            text = f"{matrix[row][column]:,}{below}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    if count > _COUNTS:
        axes.figure.colorbar(image, label="share of the row")
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted", ylabel="true", title=f"{card.id}: {record.evaluation.split} split")
    return True


def _short(label: str) -> str:
    return label if len(label) <= 16 else f"{label[:15]}…"


def _roc(axes: Any, card: Card, record: Record) -> bool:
    """The positive class's curve; of many labels those of the smallest areas, which need a look most."""
    assert record.evaluation is not None
    curves = record.evaluation.roc
    if not curves:
        return False
    for curve in sorted(curves, key=lambda curve: curve.area)[:_CURVES]:
        alone = {"color": _BLUE} if len(curves) == 1 else {"linewidth": 1.2}
        axes.plot(*zip(*curve.points, strict=True), label=f"{_short(curve.label)}: AUC {curve.area:.4f}", **alone)
    axes.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
    few = f", lowest {_CURVES} of {len(curves)} labels" if len(curves) > _CURVES else ""
    axes.set(xlabel="false positive rate", ylabel="true positive rate", title=f"{card.id}: ROC{few}")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(frameon=False, loc="lower right", fontsize=10 if len(curves) == 1 else 7)
    return True


def _calibration(axes: Any, card: Card, record: Record) -> bool:
    assert record.evaluation is not None
    found = record.evaluation.calibration
    low = min(1 / len(card.task.labels), *(part.interval.low for part in found.bins)) - 0.02
    axes.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
    for part in found.bins:
        axes.plot([part.confidence] * 2, [part.interval.low, part.interval.high], color=_BLUE, linewidth=1, alpha=0.6)
    points = [(part.confidence, part.accuracy) for part in found.bins]
    axes.plot(*zip(*points, strict=True), "o-", color=_BLUE, markersize=4)
    axes.set(xlabel="confidence", ylabel="accuracy, 95% interval", title=f"{card.id}: calibration")
    axes.set(xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal")
    text = f"ECE {found.ece:.4f}\n(calibrated: below {found.by_chance:.4f})"
    axes.text(0.97, 0.03, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=9)
    return True


_PLOTS = {
    "loss": _loss,
    "accuracy": _accuracy,
    "confusion_matrix": _confusion,
    "roc": _roc,
    "calibration": _calibration,
}
