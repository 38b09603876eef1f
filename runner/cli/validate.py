"""`replicard validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from registry.errors import InputError, in_order
from runner.cli.app import app
from runner.cli.arguments import CardsArgument, SetOption, files_of, load
from runner.cli.output import annotation, print_json

if TYPE_CHECKING:
    from registry.errors import Problem

Format = Literal["text", "json", "github"]


@app.command()
def validate(
    cards: CardsArgument,
    set_: SetOption = None,
    format_: Annotated[
        Format, typer.Option("--format", help="Lines for people, JSON, or annotations of a GitHub workflow.")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are warnings.")] = False,
) -> None:
    """Check cards and say everything that is wrong with them."""
    from registry.finding import clashes

    files, problems = files_of(cards)
    total = len(files) + len(problems)  # an argument that names no card is a wrong one
    clashing = clashes(files)
    problems += clashing
    valid = {str(file) for file in files}
    for file in files:
        try:
            problems += load(file, set_).warnings
        except InputError as error:
            problems += in_order([*error.problems, *error.warnings])
            valid.discard(str(file))
    valid -= {problem.where for problem in clashing}
    wrong = any(problem.level == "error" for problem in problems)
    _print(format_, problems, total, len(valid))
    if wrong or (strict and problems):
        raise typer.Exit(2 if wrong else 1)


def _print(format_: Format, problems: list[Problem], cards: int, valid: int) -> None:
    """The same problems in the chosen format; people read them on standard error."""
    errors = sum(problem.level == "error" for problem in problems)
    if format_ == "json":
        print_json({"valid": valid, "problems": [_as_json(problem) for problem in problems]})
        return
    for problem in problems:
        if format_ == "github":
            typer.echo(_as_annotation(problem))
        else:
            typer.echo(str(problem), err=True)
    if not errors:
        warnings = f", with {_count(len(problems), 'warning')}" if problems else ""
        typer.echo(f"{valid} card{'s are' if valid > 1 else ' is'} valid{warnings}")
    elif format_ == "text" and cards > 1:
        found = _count(errors, "error")
        if errors < len(problems):
            found += f", {_count(len(problems) - errors, 'warning')}"
        wrong = cards - valid
        typer.echo(f"{wrong} of {cards} cards {'is' if wrong == 1 else 'are'} wrong: {found}", err=True)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _as_json(problem: Problem) -> dict[str, Any]:
    file, line, column = problem.place
    return {
        "level": problem.level,
        "file": file,
        "line": line,
        "column": column,
        "path": problem.path,
        "message": problem.message,
    }


def _as_annotation(problem: Problem) -> str:
    file, line, column = problem.place
    return annotation(problem.level, problem.message, file=file, line=line, col=column, title=problem.path)
