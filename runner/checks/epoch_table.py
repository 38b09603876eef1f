"""The table of a training log against its own arithmetic, the hyperparameters and the results.

**Rows.** Where every row of the table stands at the end of an epoch and every epoch has s steps, the Trainer went
through ceil(rows / batch) batches an epoch (the last one may be short), so that b rows a step mean (s − 1)·b + 1 to
s·b training rows. With `dataloader_drop_last` they are s·b to (s + 1)·b − 1; where gradients are added up over g
batches, transformers before 4.46 dropped the last incomplete group of them and later ones do not (from memory). A
number of rows is called different only where it lies outside all of these.

**Headline.** The Trainer writes the results of the last evaluation above the table. With `load_best_model_at_end` that
is one of the best epoch, which the same rows then chose and score: Cawley and Talbot 2010 (JMLR 11, 2079-2107) call it
selection bias.

Nothing here is `impossible`: a table may be of several runs, resumed, or cut by hand.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from registry.datasets import dataset_of
from registry.vocabulary import SHARES
from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document, Fact, Result, Row, Table
    from registry.numbers import Number

KINDS: Mapping[str, str] = {
    "rows": "Steps × batch give another number of training rows than the text or the dataset: a part was held out.",
    "selected": "The headline is the best epoch, not the last one: the rows that chose it also score it.",
    "headline": "Some values of the headline are those of a row of the table and some are not.",
    "claim": "A number that is given for an epoch is not the table's for that epoch.",
    "order": "Steps or epochs do not rise from row to row.",
    "pace": "Epochs of one training have different numbers of steps.",
    "epochs": "The table goes on after the last epoch or step that was declared, or ends before.",
}

_SHARES = {0.5: "50/50", 0.67: "67/33", 0.7: "70/30", 0.75: "75/25", 0.8: "80/20", 0.85: "85/15", 0.9: "90/10",
           0.95: "95/5"}  # fmt: skip


class _Interval(NamedTuple):
    """Training rows: as the Trainer counts them by default, and by any of its ways."""

    low: int
    high: int
    least: int
    most: int


def check(document: Document) -> Iterator[Finding]:
    """What each table says against itself, the recipe and the results."""
    tables = [table for table in document.tables if _is_a_log(table)]
    for table in tables:
        broken = list(_order(table))
        yield from broken
        if broken:
            return  # which rows are of which run is open
        pace = list(_pace(table))
        yield from pace
        if not pace:
            yield from _rows(document, table)
        yield from _epochs(document, table)
    if len(tables) == len(document.tables) == 1:  # of several, the results may be of any
        yield from _headline(document, tables[0])
        yield from _claims(document, tables[0])


def _is_a_log(table: Table) -> bool:
    """Whether the steps are whole numbers, so that the columns were read as they were meant."""
    return bool(table.rows) and all(row.step is None or row.step.value % 1 == 0 for row in table.rows)


def _whole(table: Table) -> list[tuple[int, int]]:
    """Epoch and step of every row, where all stand at the end of an epoch; else nothing."""
    found = []
    for row in table.rows:
        if row.epoch is None or row.step is None or row.epoch.value < 1 or row.epoch.value % 1:
            return []
        found.append((int(row.epoch.value), int(row.step.value)))
    return found


def _order(table: Table) -> Iterator[Finding]:
    for name in ("step", "epoch"):
        values: list[tuple[Number, Row]] = [
            (value, row) for row in table.rows if (value := getattr(row, name)) is not None
        ]
        for (before, _), (after, row) in pairwise(values):
            if after.value < before.value:
                yield Finding(
                    id="epoch-table/order",
                    verdict="ambiguous",
                    where=row.place.where,
                    message=f"the table's {name}s do not rise: rows of several runs, or edited",
                    arithmetic=f"{name} {after.text.strip()} follows {name} {before.text.strip()}",
                    remedy="show one run's table as it was logged, or say which rows are of which run",
                )
                return


def _pace(table: Table) -> Iterator[Finding]:
    ends = _whole(table)
    if not ends or len({epoch for epoch, _ in ends}) < len(ends):
        return
    (first, steps) = ends[0]
    for (epoch, step), row in zip(ends, table.rows, strict=True):
        # An epoch is logged with two digits, so `2.0` is 1.995 to 2.005; twice that is allowed for, and a step.
        if abs(step / epoch - steps / first) > 0.01 * steps / first + 1:
            yield Finding(
                id="epoch-table/pace",
                verdict="suspicious",
                where=row.place.where,
                message="the epochs of one training have different numbers of steps",
                arithmetic=f"{steps:,} steps / {first} epochs = {steps / first:,.1f}; "
                f"{step:,} / {epoch} = {step / epoch:,.1f}",
                remedy="show one run's table as it was logged, or say what changed between its rows",
            )
            return


def _batch(document: Document) -> tuple[int, int, str] | None:
    """Rows of a batch over all devices, batches whose gradients are added up, and how a step's rows are written."""
    batch, total = document.value("train_batch_size"), document.value("total_train_batch_size")
    added = document.value("gradient_accumulation_steps") or 1
    devices = document.value("hardware.count") or 1
    if not all(isinstance(value, int) and value > 0 for value in (added, devices)):
        return None
    if isinstance(total, int) and total > 0:
        return (total // added, added, f"{total:,}") if total % added == 0 else None
    if isinstance(batch, int) and batch > 0:
        factors = [batch, *(factor for factor in (added, devices) if factor > 1)]
        return batch * devices, added, " × ".join(f"{factor:,}" for factor in factors)
    return None


def _training_rows(document: Document, table: Table) -> tuple[_Interval, str] | None:
    """How many rows an epoch went through, and the product that says so."""
    ends, sizes = _whole(table), _batch(document)
    if not ends or sizes is None:
        return None
    epochs = document.value("num_epochs")
    if len(ends) == 1 and epochs != ends[0][0]:
        return None  # one row `1.0` may be of 0.995 epochs
    steps = ends[0][1] // ends[0][0]
    if steps < 1 or any(step != epoch * steps for epoch, step in ends):
        return None
    batch, added, written = sizes
    least, most = ((steps - 1) * added + 1, steps * added + added - 1) if added > 1 else (steps, steps)
    step_rows = batch * added
    interval = _Interval(
        (steps - 1) * step_rows + 1, steps * step_rows, (least - 1) * batch + 1, (most + 1) * batch - 1
    )
    return interval, f"{steps:,} steps × {written}"


def _rows(document: Document, table: Table) -> Iterator[Finding]:
    found = _training_rows(document, table)
    if found is None:
        return
    interval, product = found
    inferred = f"{product} rows = {interval.low:,} to {interval.high:,} rows an epoch"
    stated = [fact for fact in document.said("rows.train") if fact.status == "stated"]
    if stated:
        yield from _against_the_text(stated, interval, inferred, table)
        return
    dataset = dataset_of(document)
    if dataset is None or interval.least <= dataset.rows["train"] <= interval.most:
        return
    if not any(name in SHARES for row in table.rows for name in row.cells):
        return  # a language model's rows are pieces of text, not those of the dataset
    rows = dataset.rows["train"]
    part = _part(interval, rows)
    yield Finding(
        id="epoch-table/rows",
        verdict="ambiguous",
        where=table.place.where,
        message=f"the steps mean {interval.low:,} to {interval.high:,} training rows, and {dataset.name} has "
        f"{rows:,}: {part or 'which rows were trained on is not said'}",
        arithmetic=f"{inferred} ≠ {rows:,}" + f"; {interval.high:,} / {rows:,} = {interval.high / rows:.2g}",
        remedy="say which rows were trained on and which were held out, with the seed of the split",
    )


def _against_the_text(stated: list[Fact], interval: _Interval, inferred: str, table: Table) -> Iterator[Finding]:
    if any(interval.least <= fact.value <= interval.most for fact in stated):
        return
    fact = stated[0]
    part = _part(interval, fact.value)
    yield Finding(
        id="epoch-table/rows",
        verdict="ambiguous" if part else "suspicious",
        where=fact.place.where or table.place.where,
        message=f"the table's steps do not go through the {fact.value:,} training rows of the text"
        + (f": {part}" if part else ""),
        arithmetic=f"{inferred} ≠ {fact.value:,}",
        remedy="correct the rows, the batch size or the table, or say what was held out",
    )


def _part(interval: _Interval, rows: int) -> str:
    """What a round share of the rows would mean."""
    for share, name in _SHARES.items():
        if interval.low <= round(share * rows) <= interval.high:
            return f"{share:.0%} of them, an undisclosed {name} split?"
    return ""


def _epochs(document: Document, table: Table) -> Iterator[Finding]:
    last = table.rows[-1]
    epochs, steps = document.fact("num_epochs"), document.fact("max_steps")
    if epochs is not None and epochs.status == "stated" and last.epoch is not None:
        if last.epoch.value > epochs.value + 0.5 and steps is None:
            yield Finding(
                id="epoch-table/epochs",
                verdict="ambiguous",
                where=last.place.where,
                message=f"the table goes on to epoch {last.epoch.text.strip()}, but {epochs.value:g} were declared",
                arithmetic=f"{last.epoch.value:g} > {epochs.value:g}",
                remedy="correct the epochs, or say how the training went on",
            )
        elif _each_epoch(table) and last.epoch.value < epochs.value and steps is None:
            yield Finding(
                id="epoch-table/epochs",
                verdict="ambiguous",
                where=last.place.where,
                message=f"the table ends with epoch {last.epoch.value:g} of {epochs.value:g}: stopped early, or cut",
                arithmetic=f"{last.epoch.value:g} < {epochs.value:g}",
                remedy="say what stopped the training, and which epoch's weights these are",
            )
    if steps is not None and last.step is not None and last.step.value > steps.value:
        yield Finding(
            id="epoch-table/epochs",
            verdict="ambiguous",
            where=last.place.where,
            message=f"the table goes on to step {last.step.value:,.0f}, but {steps.value:,} were declared",
            arithmetic=f"{last.step.value:,.0f} > {steps.value:,}",
            remedy="correct the steps, or say how the training went on",
        )


def _each_epoch(table: Table) -> bool:
    """Whether the table has a row for each of its epochs, and more than one."""
    epochs = [epoch for epoch, _ in _whole(table)]
    return len(epochs) > 1 and epochs == list(range(1, len(epochs) + 1))


def _same(reported: Number, cell: Number) -> bool:
    """Whether one value can have been written in both ways: rounded or cut off, as a share or in percent."""
    pairs = ((reported, 1, cell, 1), (reported, 100, cell, 1), (reported, 1, cell, 100))
    return any(
        abs(a * one.value - b * other.value) <= 2 * max(a * one.half_width, b * other.half_width) + 1e-12
        for one, a, other, b in pairs
    )


def _of_table(document: Document, table: Table) -> list[tuple[int, Result]]:
    """Headlines that have a column in the table: of its split, with the averaging that no column can tell apart."""
    columns = {name for row in table.rows for name in row.cells}
    return [
        (index, result)
        for index, result in enumerate(document.results)
        if result.headline
        and not result.placeholder
        and result.metric in columns
        and result.split in (None, table.split)
        and result.label is None
        and result.averaging is None
    ]


def _headline(document: Document, table: Table) -> Iterator[Finding]:
    headline = _of_table(document, table)
    if not headline or len({result.metric for _, result in headline}) < len(headline) or len(table.rows) < 2:
        return
    claims = tuple(index for index, _ in headline)
    fits = [
        row
        for row in table.rows
        if all(result.metric in row.cells and _same(result.number, row.cells[result.metric]) for _, result in headline)
    ]
    shown = ", ".join(f"{result.metric} {result.number.text.strip()}" for _, result in headline)
    where = headline[0][1].place.where
    if not fits:
        nearest = _nearest(table, [result for _, result in headline])
        if nearest:
            yield Finding(
                id="epoch-table/headline",
                verdict="ambiguous",
                claims=claims,
                where=where,
                message="the headline is in part that of a row of the table: of another evaluation, or edited",
                arithmetic=nearest,
                remedy="say which weights and rows the headline is of",
            )
        return
    if fits[-1] is table.rows[-1]:
        return
    row, last = fits[-1], table.rows[-1]
    name = "epoch" if row.epoch is not None and last.epoch is not None else "step"
    at, end = getattr(row, name), getattr(last, name)
    if at is None or end is None:
        return
    yield Finding(
        id="epoch-table/selected",
        verdict="ambiguous",
        claims=claims,
        where=where,
        message=f"the headline is of {name} {at.value:g}, not of the last one ({end.value:g}): the rows that it is "
        "scored on chose it, or it was edited",
        arithmetic=f"{shown} = {name} {at.value:g}; {name} {end.value:g} has "
        + ", ".join(f"{r.metric} {last.cells[r.metric].text.strip()}" for _, r in headline if r.metric in last.cells),
        remedy="score the chosen weights on rows that did not choose them, and say how they were chosen",
    )


def _nearest(table: Table, headline: list[Result]) -> str:
    """Where the row that is most like the headline differs from it; empty where none has any of its values."""

    def differing(row: Row) -> list[Result]:
        return [one for one in headline if not _same(one.number, row.cells[one.metric])]

    rows = [row for row in table.rows if all(one.metric in row.cells for one in headline)]
    row = min(rows, key=lambda row: len(differing(row)), default=None)
    if row is None or len(differing(row)) == len(headline):
        return ""
    at = row.epoch or row.step
    shown = "; ".join(
        f"{one.metric} {one.number.text.strip()} ≠ {row.cells[one.metric].text.strip()}" for one in differing(row)[:3]
    )
    return (
        f"the row most like it ({'epoch' if row.epoch is not None else 'step'} {at.value:g}): {shown}" if at else shown
    )


def _claims(document: Document, table: Table) -> Iterator[Finding]:
    for index, result in enumerate(document.results):
        if result.placeholder or result.split != table.split or result.label or result.averaging:
            continue
        for row in table.rows:
            at = [(result.epoch, row.epoch), (result.step, row.step)]
            if not any(said is not None and cell is not None and said == cell.value for said, cell in at):
                continue
            cell = row.cells.get(result.metric)
            if cell is not None and not _same(result.number, cell):
                yield Finding(
                    id="epoch-table/claim",
                    verdict="suspicious",
                    claims=(index,),
                    where=result.place.where,
                    message=f"the text and the table give different {result.metric} values for one epoch",
                    arithmetic=f"{result.number.text.strip()} ≠ {cell.text.strip()}",
                    remedy="correct one",
                )
