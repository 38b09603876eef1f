"""The application that the verbs register with."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="replicard",
    help="Model cards that run: reproduce a declared model, and audit what was reported of it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"replicard {metadata.version('replicard')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of the command itself."""
