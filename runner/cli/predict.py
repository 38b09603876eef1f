"""`replicard predict`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from registry.errors import InputError
from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunArgument, RunsOption


@app.command()
def predict(
    run: RunArgument,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT…]", help="Texts; else one a line from standard input.")
    ] = None,
    as_json: JsonOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Classify texts with a finished run."""
    from runner.reproducing import reload
    from runner.runs import find_run

    lines = [] if texts else sys.stdin.buffer.read().decode(errors="surrogateescape").splitlines()
    given = texts or [line for line in lines if line.strip()]
    if not given:
        raise InputError("no text; write it after the run, or one a line on standard input")
    for number, text in enumerate(given, start=1):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise InputError(f"text {number} is not UTF-8")
    found = find_run(runs, run)
    card, made, tokenizer, model = reload(found)
    from runner.evaluation import predict as classify

    chances = classify(card, made, found, model, tokenizer, given)
    for text, row in zip(given, chances, strict=True):
        label = card.task.labels[int(row.argmax())]
        if as_json:
            named = dict(zip(card.task.labels, map(float, row), strict=True))
            typer.echo(json.dumps({"text": text, "label": label, "probabilities": named}, ensure_ascii=False))
        else:
            typer.echo(f"{label}\t{row.max():.4f}\t{' '.join(text.split())}")
