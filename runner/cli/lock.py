"""`replicard lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, Problem
from runner.cli.app import app
from runner.cli.arguments import CardsArgument, JsonOption, QuietOption, load_all, set_quiet
from runner.cli.failures import fail
from runner.cli.output import print_json, print_problems, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.loading import Loaded
    from registry.locking import Lock, Pin


@app.command()
def lock(
    cards: CardsArgument,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a lock is missing or something has moved.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be locked; write nothing.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Pin what cards name: commits, and hashes of local files.

    They are written to `<card>.lock`, beside the card. A run of a locked card uses the same base, tokenizer and dataset
    on every machine and every day. No weights are downloaded.
    """
    set_quiet(quiet)
    if check and dry_run:
        raise InputError("--check writes nothing; leave out --dry-run")
    loaded = load_all(cards, None)
    if not (check or dry_run):
        _refuse_installed(loaded)
    done, worst = [], 0
    for one in loaded:
        try:
            result, code = _check(one, as_json) if check else (_lock(one, dry_run, as_json), 0)
            done.append(result)
            worst = max(worst, code)
        except Exception as error:
            if len(loaded) == 1:
                raise
            worst = max(worst, fail(error))
    if as_json:
        print_json(done)
    if worst:
        raise typer.Exit(worst)


def _refuse_installed(loaded: Sequence[Loaded]) -> None:
    """Refuse to write into an installed replicard, where nobody looks and the next install takes it away.

    Raises:
        InputError: With every card that lies there.
    """
    from runner.starting import installed_cards

    folder = installed_cards()
    problems = [
        Problem(
            str(one.file),
            "",
            "belongs to the installed replicard, which is not written to; "
            f"`replicard init ID --like {one.card.id}` copies it",
        )
        for one in loaded
        if folder is not None and folder.resolve() in one.file.resolve().parents
    ]
    if problems:
        raise InputError(problems)


def _lock(loaded: Loaded, dry_run: bool, as_json: bool) -> dict[str, Any]:
    """Lock a card; the result as JSON, printed for people unless that is wanted."""
    from registry.locking import lock_file, read_lock
    from runner.fetching import offline
    from runner.locking import lock as resolve
    from runner.locking import write_lock

    try:
        before = read_lock(loaded.file)
    except InputError:
        before = None  # written anew
    path = lock_file(loaded.file)
    state = "written" if not path.exists() else "renewed"
    made = resolve(loaded)
    if made == before:
        state = "unchanged"
    elif dry_run:
        state = f"would be {state}"
    else:
        write_lock(loaded.file, made)
    if not as_json:
        _print(made, before, offline())
        typer.echo(f"{short(path)}  {state}")
    return {"card": loaded.card.id, "file": str(path), "state": state, "lock": made.model_dump(mode="json")}


def _print(made: Lock, before: Lock | None, offline: bool) -> None:
    """What was resolved, a line each."""
    old = before.pins if before is not None else {}
    for role, pin in made.pins.items():
        was = old.get(role)
        line = f"{role:<10} {pin.name}{f' {pin.revision}' if pin.commit else ''} → {_short(pin)}"
        if was is not None and _short(was) != _short(pin):
            line += f", was {_short(was)}"
        if pin.commit is not None and offline:
            line += ", by the cache: HF_HUB_OFFLINE is set"
        typer.echo(line)


def _short(pin: Pin) -> str:
    """A commit or a fingerprint as people read it."""
    return f"{pin.commit[:12]}…" if pin.commit is not None else f"{pin.fingerprint[:19]}…"


def _check(loaded: Loaded, as_json: bool) -> tuple[dict[str, Any], int]:
    """Compare a lock with what its names mean now; the result as JSON, and the exit code."""
    from registry.locking import lock_file
    from runner.locking import check

    path = lock_file(loaded.file)
    found = check(loaded)
    codes = [print_problems(error) for error in found.unknown]
    if not as_json:
        # Without a lock there is nothing to restore, and the line says what makes one.
        remedy = f"; restore what was locked, or `replicard lock {loaded.file}` renews it" if path.exists() else ""
        for line in found.moved:
            typer.echo(f"{short(path)}  {line}{remedy}")
        if not found.moved and not found.unknown:
            typer.echo(f"{short(path)}  holds")
    result = {
        "card": loaded.card.id,
        "file": str(path),
        "state": "moved" if found.moved else "unknown" if found.unknown else "holds",
        "moved": list(found.moved),
        "unknown": [str(problem) for error in found.unknown for problem in error.problems],
    }
    return result, max([1 if found.moved else 0, *codes])
