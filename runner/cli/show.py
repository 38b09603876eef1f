"""`replicard show`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, Problem, did_you_mean, one_line
from runner.cli.app import app
from runner.cli.arguments import CardArgument, JsonOption, SetOption, load_to_read, one_file
from runner.cli.output import cell, print_json, short, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.loading import Loaded

STATUSES = ("stated", "derived", "assumed", "overridden", "undecided", "declared", "default")

_ROOM = 160
"""Columns where there is no terminal."""
_EVIDENCE = 40
"""Evidence stands beside its value where it has so many columns; else below it."""
_LONG = 40
"""A value of more columns stands below its field, and makes no other line wider."""
_INDENT = " " * 6


@app.command()
def show(
    card: CardArgument,
    section: Annotated[
        str | None,
        typer.Argument(
            metavar="[SECTION]", help="Only this section or field: training, data.tokens.", show_default=False
        ),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status", metavar="STATUS", help=f"Only values that are {', '.join(STATUSES)}.", show_default=False
        ),
    ] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every value of a card, its status and what shows it.

    Of a card without a source, a status is whether the card declares the value or the spec's default stands.
    """
    from registry.evidence import statuses

    for name in status or ():
        if name not in STATUSES:
            raise InputError(Problem(f"--status {name}", "", f"no such status; {did_you_mean(name, STATUSES)}"))
    loaded = load_to_read(one_file(card), set_)
    values = list(statuses(loaded))
    if section is not None:
        values = _within(section, values)
    if status:
        values = [value for value in values if value["status"] in status]
    if as_json:
        print_json({"id": loaded.card.id, "file": str(loaded.file), "values": values})
        return
    _print(loaded, values)


def _within(section: str, values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The values of a section, or of a field.

    Raises:
        InputError: The card says nothing of that name.
    """
    found = [v for v in values if v["path"] == section or v["path"].startswith((f"{section}.", f"{section}["))]
    if not found:
        names = {_section(value["path"]) for value in values}
        raise InputError(f"the card has no value in {section!r}; {did_you_mean(section, names)}")
    return found


def _section(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _print(loaded: Loaded, values: list[dict[str, Any]]) -> None:
    """A table by section, and what the statuses add up to."""
    from registry.yaml import show as as_yaml

    card = loaded.card
    rows: list[tuple[str, str, str, str]] = []
    section = ""
    for value in values:
        top = _section(value["path"])
        if top != section:
            section = top
            rows.append((section, "", "", ""))
        field = value["path"].removeprefix(section).removeprefix(".")
        if section == "reported":
            claim = card.reported[int(field[1:].partition("]")[0])]
            field = " ".join(word for word in (claim.metric, claim.averaging, claim.split) if word)
        where = f"{value['line']}:{value['column']} " if "line" in value else ""
        words = f"“{value['evidence']}”" if value["status"] == "stated" else value["evidence"] or ""
        texts = (f"  {field}", as_yaml(value["value"]), value["status"], where + " ".join(words.split()))
        rows.append(tuple(map(one_line, texts)))  # type: ignore[arg-type]
    quoted = f", quoting {card.source.readme} by line:column" if card.source else ""
    typer.echo(f"{card.id} ({short(loaded.file)}){quoted}")
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _ROOM
    for number, line in enumerate(_lines(rows, room)):
        typer.secho(line, bold=number == 0 or not line.startswith(" ") or None)
    statuses = [value["status"] for value in values]
    counts = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)]
    typer.echo(", ".join(counts) if counts else "no such value")


def _lines(rows: Sequence[tuple[str, str, str, str]], room: int) -> Iterator[str]:
    """The rows in so many columns: fields and values whole, the evidence beside them or below.

    Args:
        rows: Field, value, status and evidence; of a section, only its name.
        room: Columns of a line.
    """
    fields = max((width(field) for field, *_ in rows), default=0)
    values = max((width(value) for _, value, _, _ in rows if width(value) <= _LONG), default=0)
    statuses = max((len(status) for _, _, status, _ in rows), default=0)
    least = fields + values + statuses + 4
    has_evidence = any(evidence for *_, evidence in rows)
    beside = has_evidence and least + 2 + _EVIDENCE <= room
    apart = least > room  # the fields on lines of their own
    header = ("Field", "Value", "Status", "Evidence" if beside else "")
    columns = (5, 5, 6) if apart else (fields, values, statuses)
    yield "  ".join([*map(cell, header, columns), header[-1]]).rstrip()
    for field, value, status, evidence in rows:
        below = width(value) > _LONG or (apart and width(value) + len(_INDENT) + 2 + statuses > room)
        told = "" if below else value
        if not status:
            yield field
        elif apart:
            end = f"{told}  {status}" if told else status
            fits = width(field) + 2 + width(end) <= room
            yield from [f"{field}  {end}"] if fits else [field, f"{_INDENT}{end}"]
        else:
            first, *more = _folded(evidence, room - least - 2) if evidence and beside else [""]
            yield f"{cell(field, fields)}  {cell(told, values)}  {cell(status, statuses)}  {first}".rstrip()
            yield from (f"{'':{least + 2}}{line}" for line in more)
        if below:
            yield from _below(value, room)
        if not beside:
            yield from _below(evidence, room)


def _below(text: str, room: int) -> Iterator[str]:
    """A text on lines of its own, folded between words."""
    yield from (f"{_INDENT}{line}" for line in _folded(text, room - len(_INDENT)))


def _folded(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(columns, 1), break_long_words=False, break_on_hyphens=False)
