"""A cross-entropy that is lower than the errors beside it allow.

Where the predicted class is wrong, the true class has a probability of at most ½, whatever the number of classes: the
predicted one has at least as much, and both sum to at most 1. Such a row adds at least −ln ½ = ln 2 to the summed
cross-entropy, every other row at least 0. The mean over rows is thus at least (1 − accuracy) · ln 2, and so is the mean
over batches of one size. Label smoothing, class weights, focal or other losses, several labels per row, and a smaller
last batch need not keep to it, and a card rarely rules them out: a hit is `suspicious`, and `ambiguous` where the card
does not name the classes, of which a row may then have several.
Training losses are left out: they are averaged while the model learns.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from runner.checks import Finding
from runner.matrices import one_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document, Place
    from registry.numbers import Number

KINDS: Mapping[str, str] = {"below-errors": "a cross-entropy below (1 − accuracy) · ln 2"}

_SEVERAL_LABELS = re.compile(r"multi[- _]?label", re.IGNORECASE)
_TASKS = {None, "text-classification", "image-classification", "audio-classification"}


def check(document: Document) -> Iterator[Finding]:
    """A finding for every loss, of a result or of a table's row, that the accuracy beside it contradicts."""
    if document.value("task") not in _TASKS:
        return
    one_label = document.fact("labels") is not None
    beside: dict[tuple[object, ...], dict[str, int]] = defaultdict(dict)
    for index, result in enumerate(document.results):
        if result.metric in ("loss", "accuracy") and result.split != "train" and not result.placeholder:
            key = (result.group, result.split, result.dataset, result.epoch, result.step, result.rows)
            beside[key].setdefault(result.metric, index)
    found: list[Finding] = []
    for pair in beside.values():
        if len(pair) == 2:
            loss, accuracy = (document.results[pair[name]] for name in ("loss", "accuracy"))
            claims = (pair["loss"], pair["accuracy"])
            found.extend(_finding(loss.number, accuracy.number, claims, loss.place, one_label))
    for table in document.tables:
        pairs = [
            (row.cells["loss"], row.cells["accuracy"], row.place)
            for row in table.rows
            if table.split != "train" and "loss" in row.cells and "accuracy" in row.cells
        ]
        told = (
            finding for loss, accuracy, place in pairs for finding in _finding(loss, accuracy, (), place, one_label)
        )
        found.extend(islice(told, 1))  # one row is enough to look it up
    if found and not _SEVERAL_LABELS.search(document.text):
        yield from found


def _finding(
    loss: Number, accuracy: Number, claims: tuple[int, ...], place: Place, one_label: bool
) -> Iterator[Finding]:
    if not 0 <= accuracy.value <= 1 or loss.approximate or accuracy.approximate:
        return
    least = float(1 - one_unit(accuracy).high) * math.log(2)
    if float(one_unit(loss).high) > least:
        return
    share = accuracy.text.strip()
    yield Finding(
        id="loss/below-errors",
        verdict="suspicious" if one_label else "ambiguous",
        claims=claims,
        where=place.where,
        message=f"loss {loss.text.strip()} is too low for accuracy {share}, if it is a plain cross-entropy"
        + ("" if one_label else " of rows with one label each"),
        arithmetic=f"(1 − {accuracy.value:.4f}) × ln 2 = {(1 - accuracy.value) * math.log(2):.4f} > {loss.value:g}:"
        " a wrong row gives its true class at most ½, which costs ln 2 = 0.6931",
        remedy="name the loss (weights, smoothing, several labels), or the rows and step that each number is of",
    )
