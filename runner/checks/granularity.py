"""Accuracies that no whole number of correct rows gives.

An accuracy is k/n with a whole number k of n rows, so that only n + 1 values exist; a value written to more digits than
that can be none of them. This is the GRIM test of means of whole numbers (Brown and Heathers 2017,
doi:10.1177/1948550616673876). It says something only where n is below one over the last digit's unit. A value counts as
excluded where no k/n is written so, neither rounded (either tie) nor cut off. A mean over seeds or folds has a
larger n, and a mean over batches whose last is smaller has no n at all, so that a hit is `suspicious`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from runner.checks import Finding
from runner.checks.scores import rows_and_positives
from runner.matrices import CONVENTIONS, interval, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document
    from registry.numbers import Number

KINDS: Mapping[str, str] = {"not-a-count": "an accuracy × the rows of its split is no whole number of rows"}


def check(document: Document) -> Iterator[Finding]:
    """A finding for every measured accuracy that the rows of its split exclude."""
    for index, result in enumerate(document.results):
        if result.metric != "accuracy" or result.placeholder or not 0 <= result.number.value <= 1:
            continue
        rows, _ = rows_and_positives(document, result.split, result.rows)
        if rows is None or rows < 1 or result.seeds is not None:
            continue
        if result.number.approximate or counts(result.number, rows):
            continue
        value = written(result.number)[0]
        below = math.floor(value * rows)
        text = result.number.text.strip()
        yield Finding(
            id="granularity/not-a-count",
            verdict="suspicious",
            claims=(index,),
            where=result.place.where,
            message=f"accuracy {text} is not that of {rows:,} rows, unless it is a mean over seeds, folds or batches",
            arithmetic=f"{text} × {rows:,} = {float(value * rows):.2f} rows; {below:,}/{rows:,} = {below / rows:.6f}"
            f" and {below + 1:,}/{rows:,} = {(below + 1) / rows:.6f} are written otherwise",
            remedy="say on how many rows it was measured, and what it is a mean of",
        )


def counts(number: Number, rows: int) -> bool:
    """Whether any whole number of rows has a share that is written so.

    >>> from registry.numbers import read_number
    >>> [rows for rows in (1000, 2000, 2500, 4000, 5000) if counts(read_number("0.9696"), rows)]
    [2500, 5000]
    """
    for convention in CONVENTIONS:
        bounds = interval(number, convention)
        low, high = math.ceil(bounds.low * rows), math.floor(bounds.high * rows)
        if any(Fraction(k, rows) in bounds for k in {low, low + 1, high} if low <= k <= high):
            return True
    return False
