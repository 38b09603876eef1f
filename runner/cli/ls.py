"""`replicard ls`."""

from __future__ import annotations

from registry.errors import InputError
from runner.cli.app import app
from runner.cli.arguments import JsonOption, load
from runner.cli.output import print_json, short, table


@app.command()
def ls(as_json: JsonOption = False) -> None:
    """List the cards that can be named here."""
    from registry.finding import all_cards

    rows, problems = [], []
    for name, file in all_cards().items():
        try:
            card = load(file).card
        except InputError as error:
            problems += error.problems
            continue
        rows.append(
            {
                "id": name,
                "base": card.base.model or (card.base.architecture.model_type if card.base.architecture else ""),
                "adapter": card.adapter.type if card.adapter else "full",
                "dataset": card.data.dataset,
                "file": short(file),
            }
        )
    if as_json:
        print_json(rows)
    else:
        table(["Card", "Base", "Trains", "Dataset", "File"], [list(row.values()) for row in rows])
    if problems:
        raise InputError(problems)
