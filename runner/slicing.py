"""Slices: parts of the scored rows, by the length of their texts and by what other columns of the dataset hold."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from registry.card import Slices
    from registry.loading import Loaded

PREFIX = "slice_"
"""Before the name of a dataset's column that is carried along with a run's own columns, and with the predictions."""

MOST = 12
"""Values of a column that are slices of their own, about; the rarer ones are one slice together."""

_LONGEST = 60


@dataclass(frozen=True)
class Slice:
    """A part of the rows.

    Attributes:
        name: What it is.
        column: The column of the dataset that it goes by; null for the length in words.
        inside: Which rows are in it, shape (rows,).
    """

    name: str
    column: str | None
    inside: NDArray[np.bool_]


def carry(loaded: Loaded, name: str, source: Any, rows: Any) -> Any:
    """Rows with the columns of the dataset that slices go by.

    Args:
        loaded: The card.
        name: The dataset's split.
        source: It as it was read, a `datasets.Dataset`.
        rows: The same rows in the same order, as the run uses them.

    Raises:
        InputError: There is no such column, or it holds more than a text or a number.
    """
    from datasets import ClassLabel, Value

    slices, dataset = loaded.card.evaluation.slices, loaded.card.data.dataset
    problems = []
    for index, column in enumerate(slices.columns if slices is not None else ()):
        path, feature = f"evaluation.slices.columns[{index}]", source.features.get(column)
        if feature is None:
            message = f"{dataset} has no column {column!r} in {name}; {did_you_mean(column, source.column_names)}"
            problems.append(Problem(loaded.where(path), path, message))
        elif isinstance(feature, ClassLabel):
            # datasets gives -1 to rows whose label is withheld.
            named = [None if value in (None, -1) else feature.names[value] for value in source[column][:]]
            rows = rows.add_column(PREFIX + column, named, feature=Value("string"))
        elif isinstance(feature, Value) and feature.dtype.rstrip("0123456789") in _KINDS:
            rows = rows.add_column(PREFIX + column, source[column][:], feature=feature)
        else:
            kind = feature.dtype if isinstance(feature, Value) else type(feature).__name__
            message = f"{column!r} of {name} holds {kind}; a slice goes by one text, number or truth value a row"
            problems.append(Problem(loaded.where(path), path, message))
    if problems:
        raise InputError(problems)
    return rows


_KINDS = ("string", "large_string", "bool", "int", "uint", "float", "null")


def divide(slices: Slices, words: NDArray[np.int64], columns: Mapping[str, Sequence[Any]]) -> list[Slice]:
    """The slices of rows.

    Args:
        slices: What the card declares.
        words: Length of each row in words.
        columns: What each row holds, by the declared columns.
    """
    found = list(_by_length(slices.words, words)) if slices.words else []
    return found + [part for column in slices.columns for part in _by_value(column, columns[column])]


def _by_length(bounds: Sequence[int], words: NDArray[np.int64]) -> Iterator[Slice]:
    for low, high in zip([0, *bounds], [*bounds, None], strict=True):
        if high is None:
            yield Slice(f"{low} words and more", None, words >= low)
        else:
            name = f"under {high} words" if low == 0 else f"{low} to {high - 1} words"
            yield Slice(name, None, (words >= low) & (words < high))


def _by_value(column: str, held: Sequence[Any]) -> Iterator[Slice]:
    """A slice for each of the commoner values, the others together, and rows without one.

    A value that one row alone holds is none of the commoner ones: an identifier makes no slices.

    Numbers with more values than that are divided into quarters of as many rows, as far as equal numbers allow.
    """
    import numpy as np

    values: NDArray[Any] = np.empty(len(held), dtype=object)
    values[:] = [None if isinstance(value, float) and math.isnan(value) else value for value in held]
    missing = np.asarray([value is None for value in values], dtype=bool)
    counts = Counter(values[~missing].tolist())
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in counts)
    if numbers and len(counts) > MOST:
        yield from _quarters(column, values, missing)
    else:
        ordered = sorted(sorted(counts), key=lambda value: -counts[value])
        common = [value for value in ordered if counts[value] > 1][:MOST]
        if len(ordered) <= len(common) + 1:
            common = ordered
        for value in sorted(common) if numbers else common:
            yield Slice(f"{column}: {_shown(value)}", column, _holds(values, {value}))
        if rest := counts.keys() - set(common):
            yield Slice(f"{column}: {len(rest):,} other values", column, _holds(values, rest))
    if missing.any():
        yield Slice(f"{column} is missing", column, missing)


def _quarters(column: str, values: NDArray[Any], missing: NDArray[np.bool_]) -> Iterator[Slice]:
    import numpy as np

    _, place, counts = np.unique(values[~missing].astype(np.float64), return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()  # share of the rows below each value, half of its own too
    quarter = np.full(len(values), -1)
    quarter[~missing] = (4 * middle).astype(int)[place]
    for index in range(4):
        inside = quarter == index
        if inside.any():
            low, high = min(values[inside]), max(values[inside])
            name = _shown(low) if low == high else f"{_shown(low)} to {_shown(high)}"
            yield Slice(f"{column}: {name}", column, inside)


def _holds(values: NDArray[Any], wanted: Any) -> NDArray[np.bool_]:
    import numpy as np

    return np.asarray([value is not None and value in wanted for value in values], dtype=bool)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split()) or '""'
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
