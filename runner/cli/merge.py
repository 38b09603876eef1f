"""`replicard merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.errors import InputError
from runner.cli.app import app
from runner.cli.arguments import RunArgument, RunsOption


@app.command()
def merge(
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; it must not be there yet.")],
    runs: RunsOption = Path("runs"),
) -> None:
    """Write the base and the adapter of a run as one model.

    It needs no PEFT, and is written only if it scores as the two do.
    """
    from runner.merging import merge as merged_model
    from runner.reproducing import reload
    from runner.runs import find_run

    if out.exists():
        raise InputError(f"{out} is there already; choose another folder")
    card, _, tokenizer, model = reload(find_run(runs, run))
    merged, change = merged_model(card, model)
    merged.save_pretrained(out)
    tokenizer.save_pretrained(out)
    typer.echo(f"{out}  (no probability differs by more than {change:.1g})")
