"""The application that the verbs register with."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="replicard",
    help="Model cards that run: reproduce a declared model, and audit what was reported of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
