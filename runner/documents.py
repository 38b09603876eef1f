"""A card as a document: its claims, tables and facts in the form that the claim checks know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.datasets import DATASETS
from registry.document import FACTS, Document, Fact, Place, Result, Row, Table
from registry.evidence import source_text
from registry.numbers import read_number
from runner.data import SPLITS, stated_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.card import Card, Claim
    from registry.document import Status
    from registry.loading import Loaded


def of_card(loaded: Loaded, others: Iterable[Loaded] = ()) -> Document:
    """The document of a card: values with their evidence, so that findings point into the source where it says them.

    Args:
        loaded: The card.
        others: Cards that it may be compared with.
    """
    card, name = loaded.card, str(loaded.file)
    text = (source_text(card.source, loaded.file)[0] if card.source is not None else None) or ""
    return Document(
        name=name,
        text=text,
        results=tuple(_result(loaded, index, claim) for index, claim in enumerate(card.reported)),
        tables=tuple(_tables(loaded)),
        facts=tuple(_facts(loaded)),
        card=card,
        text_file=_source_file(loaded),
        others=tuple(of_card(other) for other in others),
    )


def _source_file(loaded: Loaded) -> str:
    source = loaded.card.source
    return str(loaded.file.parent / source.readme) if source is not None else ""


def _place(loaded: Loaded, path: str) -> Place:
    """Where a value's words stand in the source; else where it stands in the card."""
    found = loaded.evidence.get(path)
    if found is None or found.start is None:
        return Place(loaded.where(path))
    where = f"{_source_file(loaded)}:{found.line}:{found.column}"
    return Place(where, found.start, found.start + len(found.words.partition(" … ")[0]))


def _result(loaded: Loaded, index: int, claim: Claim) -> Result:
    path = f"reported[{index}]"
    return Result(
        metric=claim.metric,
        number=claim.number,
        place=_place(loaded, f"{path}.value"),
        split=claim.split,
        averaging=claim.averaging,
        label=claim.label,
        rows=claim.n,
        seeds=claim.seeds,
        epoch=claim.epoch,
        step=claim.step,
        headline=claim.headline,
        # Those of one moment on one split, written by one hand: what is an example is none of the results.
        group=hash((claim.split, claim.epoch, claim.step, claim.number.placeholder)),
        field=path,
        placeholder=claim.number.placeholder,
    )


def _tables(loaded: Loaded) -> Iterator[Table]:
    table = loaded.card.epoch_table
    if table is None:
        return
    place = _place(loaded, "epoch_table.rows")
    rows = []
    for row in table.rows:
        cells = {name: read_number(cell) for name, cell in zip(table.columns, row, strict=True) if cell is not None}
        epoch, step = (cells.pop(name, None) for name in ("epoch", "step"))
        rows.append(Row(epoch, step, cells, place))
    yield Table(tuple(rows), table.split, place)


def _facts(loaded: Loaded) -> Iterator[Fact]:
    card = loaded.card
    for name, path in FACTS.items():
        value = _at(card, path) if path else None
        if value is None or value == ():
            continue
        found = loaded.evidence.get(path)
        words = found.words if found is not None else str(value)
        yield Fact(name, value, words, _place(loaded, path), _STATUS.get(found.status if found else None, "stated"))
    if card.data.rows is not None:
        try:
            rows = stated_rows(card.data)
        except KeyError:
            return
        for split in SPLITS:
            if rows[split] > 0:
                path = "data.split" if card.data.split is not None else "data.rows"
                of_rows = _rows_status(loaded, split)
                yield Fact(f"rows.{split}", rows[split], f"{rows[split]:,} rows", _place(loaded, path), of_rows)
                if _halved(card, split):
                    half = rows[split] // 2
                    yield Fact(f"positives.{split}", half, f"half of {rows[split]:,}", _place(loaded, path), "derived")


_STATUS: Mapping[str | None, Status] = {"derived": "derived", "assumed": "assumed", "undecided": "assumed"}
"""How a value's status in a card is told in a document, `stated` for the others."""


def _rows_status(loaded: Loaded, split: str) -> Status:
    """Whether the source says which rows make a split: its sizes follow from that and from facts of the dataset."""
    paths = ["data.pool", "data.split.test", f"data.take.{split}", f"data.limit.{split}"]
    if split != "test":
        paths.append("data.split.validation")
    given = (path for path in paths if _at(loaded.card, path) not in (None, ()))
    found = {evidence.status for path in given if (evidence := loaded.evidence.get(path)) is not None}
    order: tuple[Status, ...] = ("assumed", "derived")
    told = {_STATUS.get(status) for status in found}
    return next((status for status in order if status in told), "stated")


def _halved(card: Card, part: str) -> bool:
    """Whether exactly half of a part's rows are positive: a balanced split as it is, or a stratified share of such."""
    data = card.data
    known = DATASETS.get(data.dataset.casefold())
    if known is None or not (known.verified and known.balanced and known.classes == len(card.task.labels) == 2):
        return False
    if data.limit is not None and getattr(data.limit, part) is not None:
        return False
    sources = (
        data.pool if data.pool is not None else [data.taken[part] if part in data.taken else data.taken.get("train")]
    )
    shared = data.split is not None and (part == "train" or getattr(data.split, part, None) is not None)
    if data.split is not None and shared and (not data.split.stratify or stated_rows(data)[part] % 2):
        return False  # an odd row of a stratified share may go to either class
    return all(name in known.rows for name in sources)


def _at(card: Card, path: str) -> Any:
    """The value at a dotted path; null where a section on the way is."""
    value: Any = card
    for part in path.split("."):
        value = getattr(value, part, None)
        if value is None:
            return None
    return value
