"""`replicard doctor`."""

from __future__ import annotations

from pathlib import Path

from registry.errors import MissingError
from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunsOption
from runner.cli.output import print_json, table


@app.command()
def doctor(as_json: JsonOption = False, runs: RunsOption = Path("runs")) -> None:
    """Say what this machine has, lacks and could run.

    That is packages, devices, room, the Hub and the rights of the token, and for each shipped card whether it could be
    run or rehearsed here. Nothing is fetched. Exits with 3 where nothing could be run.
    """
    from runner.doctor import examine

    found = examine(runs)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        table(["", "Here", "To do"], [[line.name, line.told, line.remedy or ""] for line in found.lines])
        rows = [[one.card, one.run, one.rehearse, "; ".join(one.missing)] for one in found.cards]
        if rows:
            table(["Card", "Run", "Rehearse", "Missing here"], rows)
    if found.broken:
        what = ", ".join(line.name for line in found.lines if line.broken)
        raise MissingError(f"nothing can be run here; what to do stands above, beside: {what}")
