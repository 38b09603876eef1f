"""`replicard ls`."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, Problem, did_you_mean, one_line
from registry.listing import FULL, Entry
from runner.cli import completing
from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunsOption, listed
from runner.cli.output import cell, print_json, short, width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOT_RUN = "not run"
_NOTHING_REPORTED, _NOT_AUDITED, _UNREADABLE = "nothing reported", "not audited", "unreadable"

FIELDS = (*Entry.__annotations__, "verdict")
"""What `--sort` takes."""

_NO_VERDICT = "–"
"""What the table shows of a card without a run."""
_NARROW = 3
"""No column of a table is cut to less."""


def _filter(flag: str, what: str, complete: Callable[[str], list[str]] | None = None) -> Any:
    return typer.Option(
        flag, metavar="TEXT", help=f"Only cards {what}.", show_default=False, autocompletion=complete
    )  # fmt: skip


_SORT = typer.Option(
    "--sort",
    metavar="FIELD",
    help=f"Sort by one of: {', '.join(FIELDS)}.",
    autocompletion=lambda incomplete: [field for field in FIELDS if field.startswith(incomplete)],
)


@app.command()
def ls(
    base: Annotated[list[str] | None, _filter("--base", "on this base")] = None,
    task: Annotated[list[str] | None, _filter("--task", "of this task")] = None,
    dataset: Annotated[list[str] | None, _filter("--dataset", "on this dataset")] = None,
    adapter: Annotated[list[str] | None, _filter("--adapter", "with this adapter (`full` or `none` for none)")] = None,
    verdict: Annotated[
        list[str] | None, _filter("--verdict", "with this verdict (`not run` or `–` for none)", completing.verdicts)
    ] = None,
    tag: Annotated[list[str] | None, _filter("--tag", "with this tag")] = None,
    sort: Annotated[str, _SORT] = "id",
    reverse: Annotated[bool, typer.Option("--reverse", help="Sort from last to first.")] = False,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """List the cards that can be named here, and their verdicts.

    A verdict is that of a card's newest run. The text of a filter is a part of the value, or a glob over all of it. A
    filter given twice wants either text; several filters must all fit.
    """
    from registry.finding import all_cards, clashes
    from registry.listing import in_order, matches

    if sort not in FIELDS:
        raise InputError(Problem(f"--sort {sort}", "", f"no such field; {did_you_mean(sort, FIELDS)}"))
    adapter = [FULL if text in ("none", "null") else text for text in adapter or ()]
    verdict = _known([NOT_RUN if text == _NO_VERDICT else text for text in verdict or ()])
    files = list(all_cards().values())
    found, problems = listed(files)
    given = {"base": base, "task": task, "dataset": dataset, "adapter": adapter, "verdict": verdict, "tags": tag}
    wanted = {field: patterns for field, patterns in given.items() if patterns}
    have_run = {folder.name for folder in runs.iterdir()} if runs.is_dir() else set()
    rows = []
    for entry in found:
        newest = newest_verdict(runs / entry.id) if entry.id in have_run else NOT_RUN
        row = {**vars(entry), "file": short(Path(entry.file)), "verdict": newest}
        if matches(row, wanted):
            rows.append(row)
    rows = in_order(rows, sort, reverse, _ranking() if sort == "verdict" else ())
    if as_json:
        print_json(rows)
    elif rows:
        _print_table(rows)
    else:
        typer.echo("no card fits these filters; `replicard ls` lists all" if found else "no cards here", err=True)
    problems += clashes(files)
    if problems:
        raise InputError(problems)


def _ranking() -> Sequence[str]:
    from runner.judging import BADNESS

    return tuple(verdict for verdict in BADNESS if verdict != NOT_RUN)


def _known(verdicts: list[str]) -> list[str]:
    """The same verdicts, if each is one, a part of one, or a glob.

    Raises:
        InputError: With those that are none.
    """
    if not verdicts:
        return []
    from runner.judging import BADNESS

    known = (*BADNESS, _NOTHING_REPORTED, _NOT_AUDITED, _UNREADABLE)
    problems = [
        Problem(f"--verdict {text}", "", f"no such verdict; {did_you_mean(text, known)}")
        for text in verdicts
        if not any(sign in text for sign in "*?[") and not any(text.casefold() in one for one in known)
    ]
    if problems:
        raise InputError(problems)
    return verdicts


def newest_verdict(folder: Path) -> str:
    """The verdict in the audit of a card's newest complete run, read without what makes a record a model."""
    records = [(file.stat().st_mtime, file) for file in folder.glob("*/seed*/record.json")]
    for _, record in sorted(records, reverse=True):
        audit = record.parents[1] / "audit.json"
        try:
            if audit.exists():
                return str(json.loads(audit.read_bytes())["verdict"] or _NOTHING_REPORTED)
            if json.loads(record.read_bytes())["evaluation"] is not None:
                return _NOT_AUDITED
        except (OSError, ValueError, LookupError, TypeError):
            return _UNREADABLE
    return NOT_RUN


def _print_table(rows: list[dict[str, Any]]) -> None:
    """One line a card: on a terminal as wide as it is, the paths left out where they do not fit; elsewhere whole."""
    columns = {
        "Card": [row["id"] for row in rows],
        "Base": [row["base"] for row in rows],
        "Adapter": [row["adapter"] for row in rows],
        "Dataset": [row["dataset"] for row in rows],
        "Verdict": [_NO_VERDICT if row["verdict"] == NOT_RUN else row["verdict"] for row in rows],
        "File": [row["file"] for row in rows],
    }
    cells = {name: [name, *map(one_line, column)] for name, column in columns.items()}
    widths = {name: max(map(width, column)) for name, column in cells.items()}
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns
        if sum(widths.values()) + 2 * (len(widths) - 1) > room:
            del widths["File"], cells["File"]
        while sum(widths.values()) + 2 * (len(widths) - 1) > room:
            # The longest is cut first, and the id, which is what one types, only where it is three times as long.
            name = max(widths, key=lambda name: widths[name] / 3 if name == "Card" else widths[name])
            if widths[name] <= _NARROW:
                break
            widths[name] -= 1
    lines = [
        "  ".join(cell(text, columns) for text, columns in zip(line, widths.values(), strict=True)).rstrip()
        for line in zip(*cells.values(), strict=True)
    ]
    typer.echo("\n".join([typer.style(lines[0], bold=True), *lines[1:]]))
