"""`replicard schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from registry.errors import InputError, Problem
from runner.cli.app import app
from runner.cli.output import short

Format = Literal["json", "markdown"]


@app.command()
def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.", show_default=False)
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="JSON Schema for editors, or the reference for people.")
    ] = "json",
) -> None:
    """Print what a card may hold: JSON Schema or a reference.

    Editors complete and check cards by the schema; the reference of the fields is for people.

    An editor with a YAML language server finds the schema by the first line of a card:
    `# yaml-language-server: $schema=schema.json`.
    """
    text = _json() if format_ == "json" else _markdown()
    if output is None:
        typer.echo(text, nl=False)
        return
    from runner.runs import write

    try:
        write(output, text)
    except OSError as error:
        message = f"cannot be written: {error.strerror}; choose another place with --output FILE"
        raise InputError(Problem(str(output), "", message)) from None
    typer.echo(f"wrote {short(output)}")


def _json() -> str:
    from registry.schema import schema_text
    from runner.plugins import names, sections

    return schema_text(sections(), names("metrics"))


def _markdown() -> str:
    from registry.reference import reference
    from registry.schema import schema as spec
    from runner.plugins import names, sections

    return reference(spec(sections(), names("metrics")))
