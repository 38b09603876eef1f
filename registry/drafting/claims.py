"""The numbers that a source reports, as claims of a drafted card, and its table by epoch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.card import Claim, EpochTable
from registry.datasets import known
from registry.drafting.card import LONGEST_QUESTION, as_text, comment, line_at, quotation
from registry.numbers import numbers_in
from registry.vocabulary import CLAIMS

if TYPE_CHECKING:
    from registry.document import Fact, Result, Row, Table
    from registry.drafting.card import Drafting


_MOST_ROWS = 300
"""Rows of the longest epoch table that a card holds: more are beyond `registry.yaml.MAX_NODES`."""
_MOST_CLAIMS = 100


def declare_results(draft: Drafting) -> None:
    """The numbers that the source reports of this model."""
    labels = {label.casefold(): label for label in draft.values["task.labels"]}
    main = [one for one in draft.document.results if one.headline and not one.placeholder]
    best = next((split for split in ("test", None, "validation") if any(one.split == split for one in main)), None)
    seen: set[tuple[Any, ...]] = set()
    if len(draft.document.results) > _MOST_CLAIMS:
        draft.notes.append(f"{len(draft.document.results):,} numbers are reported; the first {_MOST_CLAIMS} were read.")
    for one in draft.document.results[:_MOST_CLAIMS]:
        line = line_at(one.place)
        where = quotation(one.place, draft.document.text[one.place.start : one.place.end])
        if (wrong := draft.wrong.get(one.place.where)) is not None:
            where = f"{where}; impossible: {comment(wrong, LONGEST_QUESTION)}"
        shown = f"{comment(one.metric, 40)} {comment(one.number.text, 40)} (line {line})"
        if one.metric not in CLAIMS:
            draft.notes.append(f"Also reported: {shown}, which no card can claim.")
            continue
        if _of_other_data(draft, one):
            draft.notes.append(f"Also reported: {shown}, on {as_text(one.dataset or '')}.")
            continue
        label = labels.get(one.label.casefold()) if one.label is not None else None
        if (one.label is not None and label is None) or one.averaging not in (
            None,
            "positive",
            "macro",
            "micro",
            "weighted",
        ):
            of = as_text(one.label or str(one.averaging))
            draft.notes.append(f"Also reported: {shown}, of {of}, which this card has no name for.")
            continue
        claim: dict[str, Any] = {"metric": one.metric, "value": one.number.text.strip()}
        claim |= {"split": one.split} if one.split in ("train", "validation", "test") else {}
        headline = one.headline and not one.placeholder and one.split == best
        claim |= {"headline": True} if headline else {}
        claim |= {
            name: value
            for name, value in (("averaging", one.averaging), ("label", label), ("n", one.rows),
                                ("epoch", one.epoch), ("step", one.step))
            if value is not None
        }  # fmt: skip
        _claim(draft, claim, (one.place.start, one.place.end), where, shown, seen)
    for name, metric in (("training_time_hours", "training_hours"), ("seconds_per_example", "seconds_per_example")):
        for fact in draft.facts.get(name, ())[:1]:
            text = _quantity(fact)
            if text is not None:
                where = quotation(fact.place, fact.text)
                _claim(draft, {"metric": metric, "value": text}, (fact.place.start, fact.place.end), where, text, seen)


def _claim(
    draft: Drafting,
    claim: dict[str, Any],
    at: tuple[int, int],
    where: str,
    shown: str,
    seen: set[tuple[Any, ...]],
) -> None:
    """Add a claim that a card can hold, the same number once."""
    try:
        number = Claim.model_validate(claim).number
    except ValueError:
        draft.notes.append(f"Also reported: {shown}, which cannot be read as one number of its metric.")
        return
    words = draft.quote(f"reported[{len(draft.claims)}].value", claim["value"], *at)
    if words is None:
        draft.notes.append(f"Also reported: {shown}; its words cannot be quoted.")
        return
    what = tuple(claim.get(name) for name in ("averaging", "label", "epoch", "step", "n"))
    same = (claim["metric"], round(number.value, 12), number.decimals, number.unit, *what)
    for split in (claim.get("split"), None):
        if (*same, split) in seen and (split is not None or claim.get("split") is None):
            return
    if claim.get("split") is None and any(key[:-1] == same for key in seen):
        return
    seen.add((*same, claim.get("split")))
    draft.claims.append((claim, words, where))


def _of_other_data(draft: Drafting, result: Result) -> bool:
    """Whether a number was measured on another dataset than the card's."""
    if result.dataset is None:
        return False
    data, own = str(result.dataset), str(draft.values["data.dataset"])
    if known(data) is not None and known(data) is known(own):
        return False
    one, other = (re.sub(r"[\W_]+", "", name.rpartition("/")[2].casefold()) for name in (data, own))
    return not (one and other and (one in other or other in one))


def _quantity(fact: Fact) -> str | None:
    """The text of the one time in a fact's words."""
    if fact.name == "seconds_per_example":
        return str(fact.value)
    numbers = [number for number in numbers_in(fact.text)[0] if number.unit in ("h", "min", "s", "days")]
    if len(numbers) != 1:
        return None
    return f"~{numbers[0].text}" if re.search(r"[~≈]\s?" + re.escape(numbers[0].text), fact.text) else numbers[0].text


def declare_epoch_table(draft: Drafting) -> None:
    """The longest table of numbers by epoch."""
    tables = sorted((one for one in draft.document.tables if one.rows), key=lambda one: -len(one.rows))
    if not tables:
        return
    if len(tables) > 1:
        draft.notes.append(f"{len(tables)} tables by epoch; the longest is the card's.")
    table = tables[0]
    if len(table.rows) > _MOST_ROWS:
        draft.notes.append(f"The table by epoch has {len(table.rows):,} rows, more than a card holds; it is left out.")
        return
    raw = _table(table)
    words: list[str] = []
    for row, at in raw[1] if raw is not None else ():
        quoted = draft.quote("epoch_table.rows", row, at.place.start, at.place.end)
        if quoted is None:
            break
        words.append(quoted)
    if raw is None or len(words) < len(raw[1]):
        draft.notes.append("The source has a table by epoch that a card cannot hold; see its facts.")
        return
    dropped = sorted({name for row in table.rows for name in row.cells} - {*raw[0]})
    if dropped:
        draft.notes.append(f"Columns of the table by epoch that no card can claim: {', '.join(map(comment, dropped))}.")
    rows = [list(row) for row, _ in raw[1]]
    card = {"split": table.split or "validation", "columns": list(raw[0]), "rows": rows}
    try:
        EpochTable.model_validate({**card, "columns": raw[0], "rows": tuple(map(tuple, rows))})
    except ValueError:
        draft.notes.append("The source has a table by epoch that a card cannot hold; see its facts.")
        return
    draft.table = card, tuple(words)


def _table(table: Table) -> tuple[tuple[str, ...], list[tuple[tuple[str | None, ...], Row]]] | None:
    """Columns and rows that a card can hold: of epochs and steps above 0."""
    rows = [
        row for row in table.rows
        if all(number is None or number.value > 0 for number in (row.epoch, row.step))
    ]  # fmt: skip
    columns = [name for name in ("epoch", "step") if rows and all(getattr(row, name) is not None for row in rows)]
    cells = dict.fromkeys(name for row in rows for name in row.cells)
    columns += [name for name in cells if name.removeprefix("train_") in CLAIMS]
    if len(columns) < 2 or not {"epoch", "step"} & set(columns):
        return None
    made = []
    for row in rows:
        numbers = {"epoch": row.epoch, "step": row.step, **row.cells}
        made.append(
            (tuple(number.text if (number := numbers.get(name)) is not None else None for name in columns), row)
        )
    return tuple(columns), made
