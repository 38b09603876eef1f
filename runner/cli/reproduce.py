"""`replicard reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, Problem
from runner import tracking
from runner.cli.app import app
from runner.cli.arguments import (
    AcceptOption,
    CardsArgument,
    FreshOption,
    JsonOption,
    KernelsOption,
    PublicOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SetOption,
    TrackOption,
    load_all,
    prepared,
    set_quiet,
)
from runner.cli.failures import fail
from runner.cli.output import print_audit, print_json

if TYPE_CHECKING:
    from registry.loading import Loaded


@app.command()
def reproduce(
    cards: CardsArgument,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    accept: AcceptOption = False,
    fresh: FreshOption = False,
    kernels: KernelsOption = "fast",
    track: TrackOption = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish it then, as `replicard publish` does.")] = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAMESPACE/NAME", help="The repo on the Hub.", show_default=False)
    ] = None,
    public: PublicOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Plan, train, evaluate, audit and render cards.

    What was begun is resumed; what is done is not done again.
    """
    set_quiet(quiet)
    tracking.choose(track or ())
    if publish != (to is not None) or (public and not publish):
        raise InputError(Problem("--publish", "", "goes with --to namespace/name, and --public with both"))
    # Every card is validated before the first is run.
    loaded = load_all(cards, set_)
    if to is not None:
        _require_publishable(loaded, to)
    done, worst = [], 0
    for one in loaded:
        try:
            done.append(_reproduce(one, seeds, accept, fresh, kernels, to, public, as_json, runs))
        except Exception as error:
            if len(loaded) == 1:
                raise
            worst = max(worst, fail(error))
    if as_json:
        print_json(done)
    if worst:
        raise typer.Exit(worst)


def _require_publishable(loaded: list[Loaded], to: str) -> None:
    """Refuse what could not be published, before hours are spent on it."""
    from runner.pushing import require_login, require_name

    require_name(to)
    if len(loaded) > 1:
        raise InputError(Problem(f"--to {to}", "", f"is one repo for {len(loaded)} cards; publish them one by one"))
    require_login(to)


def _reproduce(
    loaded: Loaded,
    seeds: str | None,
    accept: bool,
    fresh: bool,
    kernels: str,
    to: str | None,
    public: bool,
    as_json: bool,
    runs: Path,
) -> dict[str, Any]:
    """One card, all its seeds; the result as JSON, printed for people unless that is wanted."""
    from runner.audit import audit as make_audit
    from runner.rendering import render as write_readme
    from runner.reproducing import claims_of, train_and_evaluate
    from runner.runs import over_all_seeds

    inputs = prepared(loaded, seeds, accept, runs, kernels)
    for ready in inputs:
        train_and_evaluate(ready, fresh)
    run = inputs[0].run  # the first seed is the one that stands for the card
    with over_all_seeds(run):
        result = make_audit(loaded.card, run, claims_of(loaded))
        if not as_json:
            # Before the README, which is not written over what was edited in it: the result is told in any case.
            print_audit(result, loaded.card)
        page = write_readme(loaded.card, run, result)
    if not as_json:
        typer.echo(f"README  {page}")
        typer.echo(f"record  {run.record}")
        typer.echo(f"model   {run.model}")
        typer.echo(f"plots   {', '.join(str(path) for path in sorted(run.plots.glob('*.png')))}")
    done = {"run": str(run), "readme": str(page), "audit": result.model_dump(mode="json")}
    if to is not None:
        from runner.cli.publish import published
        from runner.publication import to_publish

        shown = to_publish(loaded.card, run, named=False)
        done["publication"] = published(loaded.card, shown, to, public, False, False, as_json)
    return done
