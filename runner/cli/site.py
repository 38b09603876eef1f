"""`replicard site`."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from registry.errors import InputError, MissingError, Problem, one_line
from runner.cli.app import app
from runner.cli.arguments import RunsOption, files_of

CORES = os.cpu_count() or 1

site = typer.Typer(help="Show cards, runs and audits as web pages.", no_args_is_help=True)
app.add_typer(site, name="site")

CardsToShow = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CARD…]", help="Cards: ids, paths or globs; all without it.", show_default=False),
]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, help="Processes that write.", show_default="one a CPU core")
]


@site.command()
def build(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write: new, empty, or made by this command.")
    ],
    cards: CardsToShow = None,
    runs: RunsOption = Path("runs"),
    workers: WorkersOption = CORES,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
) -> None:
    """Write a static site: a list of cards and a page for each.

    It needs no server: open index.html, or put the folder on any static host. It is a static Space of the Hub, too.
    The folder is replaced as a whole, and only when all of the site is there.
    """
    from runner.website.building import build as write_site
    from runner.website.building import require_room

    files = _files(cards)
    require_room(files, out)
    with tempfile.TemporaryDirectory(prefix="replicard-site-") as temporary:
        built = write_site(files, Path(temporary) / "site" if dry_run else out, runs, workers)
    for warning in built.warnings:
        typer.echo(one_line(f"warning: {warning}"), err=True)
    typer.echo(f"{out}  {built.cards:,} cards, {built.files:,} files, {built.bytes / 1e6:,.1f} MB")
    typer.echo("nothing was written" if dry_run else f"open   {out / 'index.html'}")


@site.command()
def serve(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="A site that was built; without it all cards are built.", show_default=False
        ),
    ] = None,
    runs: RunsOption = Path("runs"),
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; by default only this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
) -> None:
    """Serve a site on this machine, for a look."""
    from runner.website.building import build as write_site
    from runner.website.serving import server

    with tempfile.TemporaryDirectory(prefix="replicard-site-") as temporary:
        if folder is None:
            folder = Path(temporary) / "site"
            write_site(_files(None), folder, runs, CORES)
        elif not (folder / "index.html").is_file():
            raise InputError(
                Problem(str(folder), "", f"holds no site; `replicard site build --out {folder}` makes one")
            )
        try:
            serving = server(folder, host, port)
        except OSError as error:
            message = f"cannot be listened at: {error.strerror}; choose another with --port, or 0 for a free one"
            raise MissingError(Problem(f"{host}:{port}", "", message)) from None
        with serving:
            typer.echo(f"http://{host}:{serving.server_address[1]}/  Ctrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                serving.serve_forever()


def _files(cards: list[str] | None) -> list[Path]:
    """The cards that arguments mean, or all.

    Raises:
        InputError: With what is wrong with the arguments.
    """
    from registry.finding import all_cards

    if cards is None:
        return list(all_cards().values())
    files, problems = files_of(cards)
    if problems:
        raise InputError(problems)
    return files
