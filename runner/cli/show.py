"""`replicard show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from runner.cli.app import app
from runner.cli.arguments import CardArgument, JsonOption, SetOption, load, one_file
from runner.cli.output import print_json, short, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.loading import Loaded


@app.command()
def show(card: CardArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Show a card as it resolves: every value, its status, and what shows it."""
    loaded = load(one_file(card), set_)
    values = list(_values(loaded))
    if as_json:
        print_json({"id": loaded.card.id, "file": str(loaded.file), "values": values})
        return
    _print(loaded, values)


def _values(loaded: Loaded) -> Iterator[dict[str, Any]]:
    """Every value with its status; of a card without a source, whether it is written there or a default."""
    from registry.evidence import leaves, needs_evidence

    for path, value in leaves(loaded.card).items():
        if not needs_evidence(path, value):
            continue
        found = loaded.evidence.get(path)
        written = path in loaded.places or path.removesuffix(".name") in loaded.places  # `accuracy`: {name: accuracy}
        status = found.status if found else "declared" if written else "default"
        place = {"line": found.line, "column": found.column} if found and found.line else {}
        yield {"path": path, "value": value, "status": status, "evidence": found.words if found else None, **place}


def _print(loaded: Loaded, values: list[dict[str, Any]]) -> None:
    """A table by section, and what the statuses add up to."""
    from registry.yaml import show as as_yaml

    card = loaded.card
    rows: list[list[str]] = []
    section = ""
    for value in values:
        top = value["path"].partition(".")[0].partition("[")[0]
        if top != section:
            section = top
            rows.append([section, "", "", ""])
        field = value["path"].removeprefix(section).removeprefix(".")
        if section == "reported":
            claim = card.reported[int(field[1:].partition("]")[0])]
            field = " ".join(word for word in (claim.metric, claim.averaging, claim.split) if word)
        where = f"{value['line']}:{value['column']} " if "line" in value else ""
        words = f"“{value['evidence']}”" if value["status"] == "stated" else value["evidence"] or ""
        rows.append([f"  {field}", as_yaml(value["value"]), value["status"], where + " ".join(words.split())])
    quoted = f", quoting {card.source.readme} by line:column" if card.source else ""
    typer.echo(f"{card.id} ({short(loaded.file)}){quoted}")
    table(["Field", "Value", "Status", "Evidence"], rows)
    statuses = [value["status"] for value in values]
    typer.echo(", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)))
