"""`replicard predict`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from registry.errors import InputError, json_text, one_line
from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunArgument, RunsOption


@app.command()
def predict(
    run: RunArgument,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT…]",
            help="Texts, two by two where the card classifies pairs; else one row a line from standard input, "
            "the texts of a pair parted by a tab.",
        ),
    ] = None,
    as_json: JsonOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Classify texts, or pairs of texts, with a finished run."""
    from runner.record import Record
    from runner.reproducing import card_of, reload
    from runner.runs import find_run, read_record

    lines = [] if texts else sys.stdin.buffer.read().decode(errors="surrogateescape").splitlines()
    if not texts and not any(line.strip() for line in lines):
        raise InputError("no text; write it after the run, or one a line on standard input")
    found = find_run(runs, run)
    # Before the model is loaded: what cannot be read is told at once.
    paired = card_of(read_record(found, Record)).data.text_pair is not None
    columns = dict(zip(("text", "text_pair"), zip(*_rows(texts, lines, paired), strict=True), strict=False))
    card, made, tokenizer, model = reload(found)
    from runner.evaluation import predict as classify

    chances = classify(card, made, found, model, tokenizer, columns)
    for given, row in zip(zip(*columns.values(), strict=True), chances, strict=True):
        label = card.task.labels[int(row.argmax())]
        if as_json:
            named = dict(zip(card.task.labels, map(float, row), strict=True))
            said = {**dict(zip(columns, given, strict=True)), "label": label, "probabilities": named}
            typer.echo(json_text(json.dumps(said, ensure_ascii=False)))
        else:
            typer.echo("\t".join((label, f"{row.max():.4f}", *(one_line(" ".join(text.split())) for text in given))))


def _rows(texts: list[str] | None, lines: list[str], paired: bool) -> list[tuple[str, ...]]:
    """What to classify, a row a tuple: one text, or two.

    Args:
        texts: The arguments; none reads the lines.
        lines: Lines of standard input, those without a text passed over.
        paired: Whether a row is a pair of texts.

    Raises:
        InputError: A text is missing, or not UTF-8.
    """
    rows: list[tuple[str, ...]] = []
    if texts and paired:
        if len(texts) % 2:
            message = f"{len(texts)} texts, but this model classifies pairs; give two texts for each"
            raise InputError(message)
        rows = list(zip(texts[::2], texts[1::2], strict=True))
    elif texts:
        rows = [(text,) for text in texts]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = tuple(line.split("\t")) if paired else (line,)
        if paired and len(row) != 2:
            message = (
                f"line {number} has {len(row) - 1} tabs, but this model classifies pairs; part two texts by one tab"
            )
            raise InputError(message)
        rows.append(row)
    for number, row in enumerate(rows, start=1):
        if any("\ud800" <= character <= "\udfff" for text in row for character in text):
            raise InputError(f"{'pair' if paired else 'text'} {number} is not UTF-8")
    return rows
