"""`replicard verify`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from registry.errors import InputError, Problem
from runner.cli.app import app
from runner.cli.arguments import JsonOption, QuietOption, hub_name, set_quiet
from runner.cli.output import print_json


@app.command()
def verify(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|hub:OWNER/NAME",
            help="A folder with `provenance.json`, or a repo of the Hub (`@` a branch, tag or commit).",
            show_default=False,
        ),
    ],
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check published files by their `provenance.json`.

    Exits with 1 where one differs, is missing, or lies beside them unnamed; of a repo, anywhere in it.
    """
    from runner.provenance import NAME, differences
    from runner.pushing import fetch, split_revision

    set_quiet(quiet)
    what = hub_name(what)
    with tempfile.TemporaryDirectory(prefix="replicard-") as cache:
        if what.startswith("hub:"):
            folder = fetch(*split_revision(what.removeprefix("hub:")), Path(cache))
        else:
            folder = Path(what)
            if not folder.is_dir():
                raise InputError(Problem(what, "", "no such folder; a repo of the Hub is hub:owner/name"))
        found = differences(folder, all_of_it=what.startswith("hub:"))
    if as_json:
        print_json({"verified": what, "ok": not found, "differences": found})
    else:
        for name, how in found.items():
            typer.echo(str(Problem(name, "", how)), err=True)
        if not found:
            typer.echo(f"{what}: every file is as its {NAME} says")
    if found:
        raise typer.Exit(1)
