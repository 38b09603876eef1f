"""Results against those that papers report for the same base and dataset, and against other cards.

The published ones stand in `registry/published.py`. The difference of two accuracies a and b on n and m rows is
counted in standard errors, z = (a − b) / √(a(1 − a)/n + b(1 − b)/m) (two independent proportions); where n is not
known, 1,000 rows are assumed, fewer than test splits usually have. That counts the rows alone, so a finding also needs
a difference of two points, more than tuning, seeds and later library versions usually give. It is a suspicion: a
better recipe can be better than a paper. Only results above are named; a model may well be worse.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from registry.datasets import dataset_of
from registry.published import published_for
from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document, Place

KINDS: Mapping[str, str] = {
    "published": "The accuracy is far above what papers report for this base on this dataset.",
    "other-card": "Another card reports far less for the same recipe.",
}

_STANDARD_ERRORS = 5.0
_POINTS = 0.02
_ROWS = 1000
_RECIPE = ("learning_rate", "train_batch_size")


def check(document: Document) -> Iterator[Finding]:
    """Accuracies that stand out."""
    base, dataset = document.value("base_model"), dataset_of(document)
    if not isinstance(base, str) or dataset is None or document.said("adapter.method"):
        return
    yield from _published(document, base, dataset.name)
    if document.others:
        yield from _others(document)


def _z(reported: float, rows: int, other: float, other_rows: int) -> float:
    """Difference of two shares in standard errors."""
    variance = reported * (1 - reported) / rows + other * (1 - other) / other_rows
    return (reported - other) / math.sqrt(variance) if variance > 0 else 0.0


def _rows(document: Document, split: str | None) -> int | None:
    rows = document.value(f"rows.{split}") if split is not None else None
    return rows if isinstance(rows, int) and rows > 0 else None


def _published(document: Document, base: str, dataset: str) -> Iterator[Finding]:
    published = published_for(base, dataset)
    if published is None:
        return
    for index, result in enumerate(document.results):
        if result.metric != "accuracy" or not result.headline or result.placeholder or result.split == "train":
            continue
        if result.label is not None:
            continue
        known = result.rows or _rows(document, result.split)
        rows, low = known or _ROWS, result.number.low
        z = _z(low, rows, published.accuracy, published.rows) if 0 < low < 1 else 0.0
        if z < _STANDARD_ERRORS or low - published.accuracy < _POINTS:
            continue
        yield Finding(
            id="plausibility/published",
            verdict="suspicious",
            claims=(index,),
            where=result.place.where,
            message=f"accuracy {result.number.text.strip()} is "
            f"{100 * (result.number.value - published.accuracy):.1f} points "
            f"above the {published.accuracy:.2%} that {published.source} reports for this base on {dataset}: were "
            "training rows scored, or was the base trained on them before?",
            arithmetic=_line(low, rows, published.accuracy, published.rows, z) + ("" if known else "; rows assumed"),
            remedy="say which rows were scored and where the base's weights came from; score rows that are surely new",
        )


def _line(reported: float, rows: int, other: float, other_rows: int, z: float) -> str:
    left = f"{reported:.4g}·{1 - reported:.4f}/{rows:,}"
    return f"z = ({reported:.4g} − {other:.4g}) / √({left} + {other:.4g}·{1 - other:.4f}/{other_rows:,}) = {z:.1f}"


def _others(document: Document) -> Iterator[Finding]:
    ours = list(_accuracies(document))
    for other in document.others:
        if not _same_recipe(document, other):
            continue
        theirs = list(_accuracies(other))
        for mine, my_rows, my_epoch, place in ours:
            found = [
                (score, rows)
                for score, rows, epoch, _ in theirs
                if epoch == my_epoch and _z(mine, my_rows, score, rows) >= _STANDARD_ERRORS and mine - score >= _POINTS
            ]
            if not found:
                continue
            score, rows = found[0]
            z = _z(mine, my_rows, score, rows)
            yield Finding(
                id="plausibility/other-card",
                verdict="suspicious",
                where=place.where,
                message=f"accuracy {mine:.4g} after epoch {my_epoch:g}, where {other.name} reports {score:.4g} for "
                f"the same "
                "base, dataset, learning rate and batch size",
                arithmetic=_line(mine, my_rows, score, rows, z),
                remedy="say what differs: the rows scored, the base's weights, the recipe",
            )
            break


def _same_recipe(document: Document, other: Document) -> bool:
    """Whether two documents state the same base, dataset, learning rate and batch, and no adapter."""
    if other.said("adapter.method") or dataset_of(document) is not dataset_of(other):
        return False
    if _name(document) != _name(other):
        return False
    for name in _RECIPE:
        mine, theirs = document.fact(name), other.fact(name)
        if mine is None or theirs is None or "assumed" in (mine.status, theirs.status) or mine.value != theirs.value:
            return False
    return True


def _name(document: Document) -> str:
    return str(document.value("base_model")).casefold().rpartition("/")[2]


def _accuracies(document: Document) -> Iterator[tuple[float, int, float, Place]]:
    """Accuracies of rows that were not trained on: value, rows, epoch, place."""
    epochs = document.value("num_epochs")
    for table in document.tables:
        rows = _rows(document, table.split) or _ROWS
        for row in table.rows:
            if row.epoch is not None and "accuracy" in row.cells:
                yield row.cells["accuracy"].value, rows, row.epoch.value, row.place
    for result in document.results:
        if result.metric == "accuracy" and not result.placeholder and result.split != "train" and not result.label:
            epoch = result.epoch if result.epoch is not None else epochs
            if epoch is not None and not document.tables:
                yield result.number.value, result.rows or _rows(document, result.split) or _ROWS, epoch, result.place
