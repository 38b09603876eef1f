"""`replicard validate`."""

from __future__ import annotations

import typer

from runner.cli.app import app
from runner.cli.arguments import CardsArgument, SetOption, files_of, load_all


@app.command()
def validate(cards: CardsArgument, set_: SetOption = None) -> None:
    """Check cards and say everything that is wrong with them."""
    loaded = load_all(files_of(cards), set_)
    typer.echo(f"{len(loaded)} card{'s are' if len(loaded) > 1 else ' is'} valid")
