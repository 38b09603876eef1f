"""`replicard diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from registry.errors import InputError
from runner.cli import completing
from runner.cli.app import app
from runner.cli.arguments import JsonOption, load_to_read, one_file
from runner.cli.output import print_json, short

if TYPE_CHECKING:
    from pathlib import Path

    from registry.card import Card

_COLOURS = {"+": "green", "-": "red", " ": "yellow"}


@app.command()
def diff(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="A card's id or path.", show_default=False, autocompletion=completing.cards),
    ],
    b: Annotated[
        str | None,
        typer.Argument(metavar="[B]", help="Another card.", show_default=False, autocompletion=completing.cards),
    ] = None,
    rev: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="Without B: the git revision of A. [HEAD]")
    ] = None,
    as_json: JsonOption = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where they differ.")] = False,
) -> None:
    """Say how two cards differ, or one since a git revision."""
    from registry.diffing import diff as compare
    from runner.revisions import load_revision
    from runner.runs import run_id

    file = one_file(a)
    if b is not None:
        if rev is not None:
            raise InputError("--rev compares A with itself at another time; leave out it, or B")
        other = one_file(b)
        old, new = load_to_read(file).card, load_to_read(other).card
        names = (short(file), short(other))
        folders = _folders_apart(old, file, other)
    else:
        revision = "HEAD" if rev is None else rev
        before, path = load_revision(file, revision)
        old, new = before.card, load_to_read(file).card
        names = (f"{revision}:{path}", short(file))
        folders = []
    changes = compare(old, new)
    same = run_id(old) == run_id(new)
    if as_json:
        print_json(
            {
                "old": names[0],
                "new": names[1],
                "same_run": same and old.training.seed == new.training.seed,
                "changes": [vars(change) for change in changes],
            }
        )
    else:
        for change in changes:
            _print(str(change))
        if not changes:
            typer.echo(f"{names[0]} and {names[1]} say the same")
        if changes or folders:
            typer.echo(_verdict(old, new, same, names, folders))
    if check and changes:
        raise typer.Exit(1)


def _print(line: str) -> None:
    """A change, coloured on a terminal."""
    typer.secho(line, fg=_COLOURS[line[0]])


def _folders_apart(card: Card, one: Path, other: Path) -> list[str]:
    """Fields that name a folder beside the card, where the two cards lie in different places."""
    if one.resolve().parent == other.resolve().parent:
        return []
    named = {"base.model": card.base.model, "base.tokenizer": card.base.tokenizer, "data.dataset": card.data.dataset}
    return [path for path, name in named.items() if isinstance(name, str) and (one.parent / name).is_dir()]


def _verdict(old: Card, new: Card, same: bool, names: tuple[str, str], folders: list[str]) -> str:
    """Whether results of the one are results of the other."""
    if not same:
        return f"another run: results of {names[0]} say nothing about {names[1]}"
    if old.training.seed != new.training.seed:
        return f"same run with another seed: {old.training.seed}, then {new.training.seed}"
    if folders:
        return f"same run, if the folders of {' and '.join(folders)} hold the same beside both cards"
    return "same run: results carry over"
