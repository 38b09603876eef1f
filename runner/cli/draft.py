"""`replicard draft`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from registry.errors import InputError, Problem
from runner.cli.app import app
from runner.cli.arguments import hub_name
from runner.cli.init import write_schema, writing
from runner.cli.output import print_json, short, table

if TYPE_CHECKING:
    from runner.drafting import Made

Task = Literal["text-classification"]

SOURCES = "sources"
"""The folder beside a card that the README it quotes is kept in."""


_SHOWN = 60
"""Lines of a group of the summary; all of them are in `summary.json`."""


@app.command()
def draft(
    readme: Annotated[
        str,
        typer.Argument(
            metavar="README",
            help="A README, hub:owner/name[@revision], or - for standard input; with --all a folder or .parquet file.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The card. [cards/NAME.yaml]", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all facts as JSON, of any kind of model; a card only with -o.")
    ] = False,
    task: Annotated[
        Task | None,
        typer.Option("--task", help="What the model does, where the README does not say.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the card and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a card and a README that are there.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Write the facts of all READMEs there into a folder; run again to resume.")
    ] = False,
    audit: Annotated[bool, typer.Option("--audit", help="With --all: what the claim checks say, too.")] = False,
    form: Annotated[Literal["jsonl", "parquet"], typer.Option("--format", help="With --all: of the rows.")] = "jsonl",
    workers: Annotated[int, typer.Option("--workers", min=1, help="With --all: processes that read.")] = 1,
) -> None:
    """Write the card of a model that has a README.

    What it states stands there with its words, what it leaves out with the default and where that comes from; what a
    person must decide is marked TODO, and `replicard validate` lists it. The README is kept beside the card.
    """
    if every:
        _draft_all(readme, output, as_json=as_json, audit=audit, form=form, workers=workers)
        return
    from runner import drafting

    content, name, repo, revision = _read(readme)
    if as_json:
        from runner.facts import facts

        print_json(facts(drafting.document_of(content, name)).model_dump(mode="json"))
        if output is None:
            return
    file = _file(readme, repo, output)
    if file.exists() and not (force or dry_run):
        raise InputError(Problem(str(file), "", "is there; --force writes over it, or choose another name with -o"))
    beside = _beside(readme, file)
    source = {"repo": repo, "revision": revision, "readme": beside.as_posix()}
    made = drafting.make(content, name, file, source, asked=task is not None)
    schema, text = _with_header(made, file, name)
    if dry_run:
        typer.echo(text, nl=False)
    else:
        _write(file, text, beside, content, schema, force=force)
    _say(made, file, err=dry_run or as_json)


def _draft_all(
    source: str, output: Path | None, *, as_json: bool, audit: bool, form: Literal["jsonl", "parquet"], workers: int
) -> None:
    """Read all READMEs of a folder or a Parquet file, and say what was found."""
    from runner.bulk import draft_all

    if output is None:
        raise InputError(Problem("--output", "", "missing: the folder to write, for example -o facts"))
    summary = draft_all(
        Path(source), output, audit=audit, form=form, workers=workers,
        told=lambda done: typer.echo(f"{done:,} READMEs", err=True),
    )  # fmt: skip
    if as_json:
        print_json(summary.model_dump(mode="json"))
        return
    groups = ("facts", "metrics", "sections", "verdicts", "findings")
    rows = [("cut off", summary.cut), ("report a number", summary.reporting), ("have an epoch table", summary.tables)]
    for group in groups:
        rows += [(f"{group}: {name}", one) for name, one in list(getattr(summary, group).items())[:_SHOWN]]
    table(
        ["", "READMEs", "share", "95 % interval"],
        [[name, f"{one.count:,}", f"{one.share:.2%}", f"{one.low:.2%} to {one.high:.2%}"] for name, one in rows],
    )
    refused = "".join(f"; {count:,} refused: {reason}" for reason, count in summary.refused.items())
    typer.echo(f"{summary.readmes:,} READMEs{refused}; wrote {short(output)}")


def _read(readme: str) -> tuple[bytes, str, str | None, str | None]:
    """The README, what it is called, and the repo of the Hub and its commit.

    Raises:
        InputError: It cannot be read.
    """
    from registry.evidence import MAX_BYTES
    from registry.loading import read_bytes
    from runner.fetching import fetch_readme

    readme = hub_name(readme)
    if readme == "-":
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(Problem("standard input", "", f"larger than {MAX_BYTES:,} bytes; a page of text is not"))
        return content, "standard input", None, None
    if readme.startswith(("http://", "https://")):
        raise InputError(Problem(readme, "", "a web address; a repo of the Hub is hub:owner/name, else give a file"))
    if readme.startswith("hub:"):
        repo = readme.removeprefix("hub:").partition("@")[0]
        content, commit = fetch_readme(readme.removeprefix("hub:"))
        return content, f"hub:{repo}", repo, commit
    return read_bytes(Path(readme), MAX_BYTES), readme, None, None


def _file(readme: str, repo: str | None, output: Path | None) -> Path:
    """Where the card will lie.

    Raises:
        InputError: It is not the name of a card.
    """
    stem = Path(repo or readme).name
    stem = stem.rpartition(".")[0] if repo is None and "." in stem else stem
    if stem.casefold() == "readme":  # the folder says more
        stem = Path(readme).resolve().parent.name
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")
    if output is None and (readme == "-" or not stem):
        raise InputError(Problem("--output", "", "missing: where to write the card, for example cards/mine.yaml"))
    file = output if output is not None else Path("cards") / f"{stem}.yaml"
    file = file / f"{stem}.yaml" if file.is_dir() else file
    if file.suffix != ".yaml" or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", file.stem):
        message = "a card is a .yaml file named by letters, digits, `.`, `_` and `-`, as it is its id"
        raise InputError(Problem(f"--output {file}", "", message))
    return file


def _beside(readme: str, file: Path) -> Path:
    """Where the README lies as seen from the card: where it is, if that is beside the card or below."""
    folder, here = file.parent.resolve(), Path(readme).resolve()
    inside = readme != "-" and not readme.startswith("hub:") and folder in here.parents
    return here.relative_to(folder) if inside else Path(SOURCES) / f"{file.stem}.md"


def _with_header(made: Made, file: Path, name: str) -> tuple[Path, str]:
    """The schema's file and the card's text with the lines that it begins with."""
    from registry.drafting.card import comment
    from runner import starting

    schema = starting.schema_beside(file)
    rel = Path(os.path.relpath(schema, file.parent.resolve())).as_posix()
    lines = starting.header(file.stem, rel).splitlines()
    drafted = f"# drafted from {comment(name)}; what is left to decide: replicard validate {file.stem}"
    return schema, "\n".join([lines[0], drafted, *lines[1:], made.draft.text])


def _write(file: Path, text: str, beside: Path, content: bytes, schema: Path, *, force: bool) -> None:
    """Write the README beside the card, then the card, and the schema where there is none."""
    from runner.runs import write

    there = file.parent / beside
    with writing(file):
        if not there.exists() or there.read_bytes() != content:
            if there.exists() and not force:
                message = "is there and is another README; --force writes over it, or choose another name with -o"
                raise InputError(Problem(str(there), "", message))
            write(there, content)
        write(file, text)
        wrote = f"wrote {short(file)} and {short(there)}{write_schema(schema)}"
    typer.echo(wrote, err=True)


def _say(made: Made, file: Path, *, err: bool) -> None:
    """What the card is made of, and the commands that one gives next."""
    from registry.finding import all_cards

    draft = made.draft
    for contradiction in draft.contradictions:
        typer.echo(f"contradiction: {contradiction}", err=err)
    derived = f", {draft.derived} derived" if draft.derived else ""
    many = len(draft.contradictions)
    told = f"{draft.stated} values stated{derived}, {draft.assumed} assumed, {len(draft.undecided)} to decide"
    typer.echo(f"{told}, {many} contradiction{'s' * (many != 1)}", err=err)
    found = all_cards().get(file.stem)
    known = file.stem if found is not None and found.resolve() == file.resolve() else short(file)
    typer.echo(f"next:  replicard validate {known}", err=err)
    typer.echo(f"       replicard rehearse {known}", err=err)
