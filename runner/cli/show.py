"""`replicard show`."""

from __future__ import annotations

from runner.cli.app import app
from runner.cli.arguments import CardArgument, JsonOption, SetOption, load, one_file
from runner.cli.output import print_json, table


@app.command()
def show(card: CardArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Show a card as it resolves: every value, its status, and what shows it."""
    from registry.evidence import leaves, needs_evidence

    loaded = load(one_file(card), set_)
    rows = []
    for path, value in leaves(loaded.card).items():
        if needs_evidence(path, value):
            found = loaded.evidence.get(path)
            place = f"line {found.line}: " if found and found.line else ""
            rows.append((path, value, found.status if found else "declared", place + found.words if found else ""))
    if as_json:
        print_json([dict(zip(("path", "value", "status", "evidence"), row, strict=True)) for row in rows])
        return
    shown = [[p, ", ".join(map(str, v)) if isinstance(v, tuple) else str(v), s, w] for p, v, s, w in rows]
    table(["Field", "Value", "Status", "Evidence"], shown)
