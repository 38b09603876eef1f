"""`replicard doctor`."""

from __future__ import annotations

from pathlib import Path

from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunsOption
from runner.cli.output import print_json, table


@app.command()
def doctor(as_json: JsonOption = False, runs: RunsOption = Path("runs")) -> None:
    """Say what this machine has for runs, and what is missing."""
    from runner.doctor import examine

    found = examine(runs)
    if as_json:
        print_json([line.model_dump() for line in found])
        return
    table(["", "Here", "To do"], [[line.name, line.told, line.remedy or ""] for line in found])
