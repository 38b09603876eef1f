"""The charts of a run over its seeds, as data for Plotly; the plots of the run are what is seen without script."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.record import Point, Record
    from runner.website.gathering import Ran

POINTS = 200
"""Points of a curve: a screen shows no more."""

SEEDS = 8
"""Seeds that a chart has room for."""

_CURVES = 8
"""ROC curves of one seed that a chart has room for."""


def charts(ran: Ran) -> list[dict[str, Any]]:
    """What can be drawn of a run: each with a `plot`, the name of its PNG, a title, axes and traces by seed."""
    records = ran.records[:SEEDS]
    split = ran.card.evaluation.each_epoch
    drawn = [
        _chart("loss", "Loss", "epoch", "cross-entropy", _losses(records, split)),
        *(
            _chart(name, f"{name.capitalize()}, {split}", "epoch", name, _scored(records, f"eval_{name}", ""))
            for name in _metrics(records)
        ),
        _chart("roc", "ROC", "false positive rate", "true positive rate", _roc(records), square=True),
        _chart("calibration", "Calibration", "confidence", "accuracy", _calibration(records), square=True),
    ]
    return [chart for chart in drawn if chart["traces"]]


def _chart(
    plot: str, title: str, x: str, y: str, traces: Iterator[dict[str, Any]], square: bool = False
) -> dict[str, Any]:
    return {"plot": plot, "title": title, "x": x, "y": y, "square": square, "traces": list(traces)}


def _metrics(records: Sequence[Record]) -> list[str]:
    """Metrics that were scored along the way, the loss left out."""
    names = dict.fromkeys(name for record in records for point in _log(record) for name in point.values)
    found = (name.removeprefix("eval_") for name in names if name.startswith("eval_"))
    return [name for name in found if name != "loss"][:4]


def _log(record: Record) -> tuple[Point, ...]:
    return record.training.log if record.training is not None else ()


def _losses(records: Sequence[Record], split: str | None) -> Iterator[dict[str, Any]]:
    yield from _scored(records, "loss", "training, ")
    yield from _scored(records, "eval_loss", f"{split}, ", dashed=True)


def _scored(records: Sequence[Record], name: str, of: str, dashed: bool = False) -> Iterator[dict[str, Any]]:
    for index, record in enumerate(records):
        points = [(point.epoch, point.values[name]) for point in _log(record) if name in point.values]
        if points:
            yield _trace(f"{of}seed {record.seed}", points, index, dashed)


def _roc(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """The positive class by seed; of many labels those of the smallest areas, of the seed that is shown."""
    many = len(records[0].evaluation.roc) > 1 if records[0].evaluation is not None else False
    index = 0
    for record in records[:1] if many else records:
        curves = record.evaluation.roc if record.evaluation is not None else ()
        for curve in islice(sorted(curves, key=lambda one: one.area), _CURVES):
            name = curve.label if many else f"seed {record.seed}"
            yield _trace(f"{name}: AUC {curve.area:.4f}", curve.points, index, False)
            index += 1


def _calibration(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    for index, record in enumerate(records):
        if record.evaluation is not None:
            bins = record.evaluation.calibration.bins
            trace = _trace(f"seed {record.seed}", [(part.confidence, part.accuracy) for part in bins], index, False)
            above = [_digits(part.interval.high - part.accuracy) for part in bins]
            below = [_digits(part.accuracy - part.interval.low) for part in bins]
            yield {**trace, **({"above": above, "below": below} if index == 0 else {})}


def _trace(name: str, points: Sequence[tuple[float, float]], color: int, dashed: bool) -> dict[str, Any]:
    """A curve of at most `POINTS` points, evenly taken, its last one kept."""
    step = max(1, -(-len(points) // POINTS))
    kept = [*points[:-1:step], points[-1]] if points else []
    x, y = ([_digits(value) for value in axis] for axis in zip(*kept, strict=True)) if kept else ([], [])
    return {"name": name, "x": x, "y": y, "color": color, "dashed": dashed}


def _digits(value: float) -> float:
    """As many digits as a screen has pixels."""
    return float(f"{value:.5g}")
