"""What a README says, as JSON: every fact and every number with its words and their place, for any kind of model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.numbers import numbers_in
from registry.readme.preparation import TEXT_CLASSIFICATION, kind_of, preparation
from runner.record import Item

if TYPE_CHECKING:
    from registry.document import Document, Fact, Result, Row, Table

_UNITS = {
    "num_epochs": "epochs", "max_steps": "steps", "warmup_steps": "steps", "gradient_accumulation_steps": "steps",
    "train_batch_size": "rows", "eval_batch_size": "rows", "total_train_batch_size": "rows", "rows.train": "rows",
    "rows.validation": "rows", "rows.test": "rows", "max_length": "tokens", "training_time_hours": "h",
    "energy_kwh": "kWh", "quantization.bits": "bits",
}  # fmt: skip
_NAMES = {"matthews_correlation": "mcc"}
_LOSS = "val_loss"


class Stated(Item):
    """One thing that a README says of its model.

    Attributes:
        name: What it is about: `learning_rate`, `adapter.r`, …; what only a card knows is named by the card's field.
        value: A number, a text, a truth value or a list of them, in `unit`; null for a placeholder.
        text: The words that say it.
        unit: What the value counts or measures; null for what has no unit.
        decimals: Digits written after the decimal mark; null for what is no number, and where it was rescaled.
        status: `stated`, `derived` for the result of arithmetic in code, or `placeholder` for an example and for what a
            template left to be filled in.
        line: Line of the words, counted from 1.
        column: Column that they begin at.
        start: Offset of the words in the text, in characters.
        end: Offset behind them.
    """

    name: str
    value: Any
    text: str
    unit: str | None
    decimals: int | None
    status: str
    line: int
    column: int
    start: int
    end: int


class Reported(Item):
    """One number that a README reports of its model.

    Attributes:
        name: The metric.
        value: The number; a score with a percent sign or on a scale of a hundred is a share in 0..1.
        as_written: Its text.
        decimals: Digits written after the decimal mark.
        unit: `fraction`, `percent` (also of a score above 1 without a sign), `raw`, or the unit behind the number.
        status: `stated`, or `placeholder` for an example.
        split: `train`, `validation` or `test`; null where that is not said.
        averaging: `micro`, `macro`, `weighted` or `samples`, where that is said.
        label: The one class it is about.
        dataset: The dataset, where that is said of this number.
        headline: Whether it is a main result.
        epoch: The epoch it was measured after, where that is said.
        step: The optimizer step, likewise.
        text: The words that it stands in.
        line: Line of the words, counted from 1.
        column: Column that they begin at.
        start: Offset of the words in the text, in characters.
        end: Offset behind them.
    """

    name: str
    value: float
    as_written: str
    decimals: int
    unit: str
    status: str
    split: str | None
    averaging: str | None
    label: str | None
    dataset: str | None
    headline: bool
    epoch: float | None
    step: int | None
    text: str
    line: int
    column: int
    start: int
    end: int


class EpochTable(Item):
    """A table of a training log.

    Attributes:
        split: What all but the `train_…` columns were measured on; null where that is not said.
        rows: Numbers by column, in the order of the rows: `epoch`, `step`, `train_loss`, `val_loss`, names of metrics.
        as_written: The same cells as texts.
        line: Line that the table begins on, counted from 1.
    """

    split: str | None
    rows: tuple[dict[str, float], ...]
    as_written: tuple[dict[str, str], ...]
    line: int


class Facts(Item):
    """Everything that was found in a README.

    Attributes:
        format: Version of this format.
        document: The file, `hub:owner/name`, or `standard input`.
        task: What the model does, by the Hub's name of the task; null where nothing says it.
        facts: What is stated, in the order of the text; one name several times where it is said more than once.
        metrics: The numbers that are reported.
        epoch_tables: The tables of training logs.
        sections: Sections of the Hub's template that the README fills, by their headings there.
        unread: Characters at the README's end that were not read, or in part, as there are more than in a model card.
    """

    format: int = 1
    document: str
    task: str | None
    facts: tuple[Stated, ...]
    metrics: tuple[Reported, ...]
    epoch_tables: tuple[EpochTable, ...]
    sections: tuple[str, ...]
    unread: int


def facts(document: Document) -> Facts:
    """Everything that was found in a README, whatever kind of model it is about."""
    task = kind_of(document).task
    more = preparation(document) if task == TEXT_CLASSIFICATION else ()
    found = sorted((*document.facts, *more), key=lambda fact: (fact.place.start, fact.place.end))
    return Facts(
        document=document.name,
        task=task,
        facts=tuple(map(_stated, found)),
        metrics=tuple(_reported(document, one) for one in document.results),
        epoch_tables=tuple(map(_table, document.tables)),
        sections=document.sections,
        unread=document.unread,
    )


def _at(where: str) -> tuple[int, int]:
    line, column = where.rsplit(":", 2)[1:]
    return int(line), int(column)


def _stated(fact: Fact) -> Stated:
    line, column = _at(fact.place.where)
    return Stated(
        name=fact.name, value=fact.value, text=fact.text, unit=_UNITS.get(fact.name), decimals=_decimals(fact),
        status=fact.status, line=line, column=column, start=fact.place.start, end=fact.place.end,
    )  # fmt: skip


def _decimals(fact: Fact) -> int | None:
    """Digits after the decimal mark of the number that a fact's words give as it is."""
    if isinstance(fact.value, bool) or not isinstance(fact.value, (int, float)):
        return None
    same = (number.decimals for number in numbers_in(fact.text[:2000])[0] if number.value == fact.value)
    return next(same, None)


def _reported(document: Document, result: Result) -> Reported:
    line, column = _at(result.place.where)
    number = result.number
    return Reported(
        name=_NAMES.get(result.metric, result.metric), value=number.value, as_written=number.text,
        decimals=number.decimals, unit=number.unit, status="placeholder" if result.placeholder else "stated",
        split=result.split, averaging=result.averaging, label=result.label, dataset=result.dataset,
        headline=result.headline, epoch=result.epoch, step=result.step,
        text=document.text[result.place.start : result.place.end],
        line=line, column=column, start=result.place.start, end=result.place.end,
    )  # fmt: skip


def _table(table: Table) -> EpochTable:
    cells = [_cells(row) for row in table.rows]
    return EpochTable(
        split=table.split,
        rows=tuple({name: number.value for name, number in row.items()} for row in cells),
        as_written=tuple({name: number.text for name, number in row.items()} for row in cells),
        line=_at(table.place.where)[0],
    )


def _cells(row: Row) -> dict[str, Any]:
    """The numbers of a row by the column's name."""
    found = {"epoch": row.epoch, "step": row.step, **row.cells}
    return {
        _LOSS if name == "loss" else _NAMES.get(name, name): number
        for name, number in found.items()
        if number is not None
    }
