"""`replicard schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from registry.errors import InputError, Problem
from runner.cli.app import app
from runner.cli.output import short

if TYPE_CHECKING:
    from pydantic import BaseModel

Format = Literal["json", "markdown"]
Of = Literal["card", "report", "audit", "draft"]


@app.command()
def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.", show_default=False)
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="JSON Schema for editors, or the reference for people.")
    ] = "json",
    of: Annotated[
        Of, typer.Option("--of", help="A card, or what `audit --static`, `audit` or `draft` prints with --json.")
    ] = "card",
) -> None:
    """Print what a card may hold: JSON Schema or a reference.

    Editors complete and check cards by the schema; the reference of the fields is for people.

    An editor with a YAML language server finds the schema by the first line of a card:
    `# yaml-language-server: $schema=schema.json`.
    """
    if of != "card" and format_ == "markdown":
        raise InputError(Problem("--format markdown", "", "the reference is of cards; leave out --of or --format"))
    text = (
        {"card": _json, "report": _report, "audit": _audit, "draft": _facts}[of]() if format_ == "json" else _markdown()
    )
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


def _report() -> str:
    from runner.claims import Report

    return _of_model(Report, "What the claim checks say of a document: `replicard audit --static --json` prints a list")


def _audit() -> str:
    from runner.audit import Audit

    return _of_model(Audit, "What the runs of a card say of its claims: `replicard audit --json`")


def _facts() -> str:
    from runner.facts import Facts

    return _of_model(Facts, "What a README says: `replicard draft --json`")


def _of_model(model: type[BaseModel], title: str) -> str:
    """The JSON Schema of what a verb prints; its `format` is the version."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(), "title": title}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _markdown() -> str:
    from registry.reference import reference
    from registry.schema import schema as spec
    from runner.plugins import names, sections

    return reference(spec(sections(), names("metrics")))
