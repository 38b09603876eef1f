"""`replicard publish`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from runner.cli.app import app
from runner.cli.arguments import JsonOption, PublicOption, QuietOption, RunArgument, RunsOption, set_quiet
from runner.cli.output import print_json, table

if TYPE_CHECKING:
    from registry.card import Card
    from runner.runs import Run


@app.command()
def publish(
    run: RunArgument,
    to: Annotated[str, typer.Option("--to", metavar="NAMESPACE/NAME", help="The repo on the Hub.", show_default=False)],
    public: PublicOption = False,
    create_pr: Annotated[bool, typer.Option("--create-pr", help="Propose it as a pull request.")] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace files there that replicard did not write, or that were changed."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files; send nothing.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Publish a run on the Hub, and check what arrived.

    README, audit, record, scores, plots, model and `provenance.json` go there in one commit, with a tag for the run.
    Then they are fetched again, their hashes compared, the model loaded as the README says and some rows scored. The
    token is the one of `hf auth login` or HF_TOKEN.
    """
    from runner.publication import to_publish
    from runner.pushing import require_name
    from runner.record import Record
    from runner.reproducing import current_claims
    from runner.runs import find_run, read_record

    set_quiet(quiet)
    require_name(to)
    found = find_run(runs, run)
    card = current_claims(read_record(found, Record))
    shown = to_publish(card, found, named=run.rstrip("/").endswith(f"/{found.folder.name}"))
    if dry_run:
        done = _listed(card, shown, to, as_json)
    else:
        done = published(card, shown, to, public, create_pr, overwrite, as_json)
    if as_json:
        print_json(done)


def _listed(card: Card, run: Run, to: str, as_json: bool) -> dict[str, Any]:
    """What would be published; the result as JSON, printed for people unless that is wanted."""
    from runner.publication import collect, tag_of

    files, _ = collect(card, run)
    if not as_json:
        table([f"Would go to {to}", "Bytes", "SHA-256"], [[f.name, f"{f.size:,}", f.sha256] for f in files])
    listed = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files]
    return {"run": str(run), "to": to, "tag": tag_of(run), "files": listed}


def published(
    card: Card, run: Run, to: str, public: bool, create_pr: bool, overwrite: bool, as_json: bool
) -> dict[str, Any]:
    """Publish a run; the result as JSON, printed for people unless that is wanted."""
    from registry.errors import Problem
    from runner.publication import publish as publish_run

    done, pushed = publish_run(card, run, to, public, create_pr, overwrite)
    for line in pushed.warnings:
        typer.echo(str(Problem("README.md", "", f"{to}: {line}", "warning")), err=True)
    if not as_json:
        what = f"{len(pushed.sent)} files" if pushed.sent else "nothing sent, all of it was there"
        removed = f", {len(pushed.removed)} of an earlier run removed" if pushed.removed else ""
        where = done.pull_request or f"{done.endpoint}/{done.repo}/tree/{done.commit}"
        typer.echo(f"published  {where}  ({what}{removed})")
        typer.echo(f"tag        {done.tag}" if done.tag else "tag        none before the pull request is merged")
        said = f"{len(done.files)} hashes; {done.rows} rows scored again, largest difference of a probability"
        typer.echo(f"checked    {said} {done.largest_difference:.1g}")
    return {**done.model_dump(mode="json"), "sent": list(pushed.sent), "removed": list(pushed.removed)}
