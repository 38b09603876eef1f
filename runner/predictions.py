"""Published predictions: whether somebody else's model is right, row by row, on the rows that a run has scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import InputError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    from registry.card import Card
    from runner.runs import Run


def published_predictions(card: Card, run: Run, file: Path) -> list[bool]:
    """Whether published predictions are right, in the order of the rows that a run has scored.

    Args:
        card: The card.
        run: A run, or scores of published weights.
        file: Parquet, CSV or JSON lines with `probability_<label>` for each label, or `predicted` (a name or an index);
            with `row` they go by it, else they are in the run's order.

    Raises:
        InputError: It cannot be read, or is not of these rows or labels.
    """
    import numpy as np
    import pyarrow.parquet as pq

    def problem(message: str) -> InputError:
        return InputError(Problem(str(file), "", message))

    ours = pq.read_table(run.predictions, columns=["row", "label"])
    columns = _table(file, problem)
    labels = list(card.task.labels)
    if {f"probability_{label}" for label in labels} <= columns.keys():
        predicted = np.asarray([columns[f"probability_{label}"] for label in labels]).argmax(axis=0).tolist()
    elif "predicted" in columns:
        index: dict[Any, int] = {i: i for i in range(len(labels))}
        index |= {label: i for i, label in enumerate(labels)}
        unknown = sorted({str(one) for one in columns["predicted"] if one not in index})
        if unknown:
            raise problem(f"predicts {', '.join(unknown[:3])}, which are not the card's labels ({', '.join(labels)})")
        predicted = [index[one] for one in columns["predicted"]]
    else:
        raise problem(f"has neither `predicted` nor `probability_{labels[0]}`; one of them is needed")
    rows = ours["row"].to_pylist()
    if len(predicted) != len(rows):
        raise problem(f"is of {len(predicted):,} rows, the run scored {len(rows):,}")
    if "row" in columns:
        by_row = dict(zip(columns["row"], predicted, strict=True))
        if by_row.keys() != set(rows):
            raise problem(f"is of other rows than the run's, such as {min(set(rows) - by_row.keys(), default=rows[0])}")
        predicted = [by_row[row] for row in rows]
    return [one == label for one, label in zip(predicted, ours["label"].to_pylist(), strict=True)]


def _table(file: Path, problem: Any) -> dict[str, list[Any]]:
    """The columns of a file of rows."""
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow import json as lines
    from pyarrow import parquet as pq

    if not file.is_file():
        raise problem("no such file")
    readers = {".parquet": pq.read_table, ".csv": csv.read_csv, ".jsonl": lines.read_json, ".json": lines.read_json}
    if file.suffix not in readers:
        raise problem(f"{file.suffix or 'a file without an ending'} is not read; write .parquet, .csv or .jsonl")
    try:
        table = readers[file.suffix](file)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise problem(f"cannot be read: {str(error).splitlines()[0]}") from None
    return {name: table[name].to_pylist() for name in table.column_names}
