"""`replicard explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.arguments import JsonOption, QuietOption, RunArgument, RunsOption, set_quiet
from runner.cli.output import print_json, table

if TYPE_CHECKING:
    from registry.card import Card
    from runner.explaining import Explained


@app.command()
def explain(
    run: RunArgument,
    budget: Annotated[
        float, typer.Option("--budget", metavar="MINUTES", min=0, help="Train with other values for at most so long.")
    ] = 0.0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Try what commonly explains that a claim is not reproduced."""
    from runner.explaining import explain as find_explanations
    from runner.record import Record
    from runner.reproducing import claim_findings, current_claims
    from runner.runs import find_run, read_record

    set_quiet(quiet)
    found = find_run(runs, run)
    card = current_claims(read_record(found, Record))
    result = find_explanations(card, found, claim_findings(card, found), budget)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _print(result, card)


def _print(result: Explained, card: Card) -> None:
    """The gaps, what reaches them with the chance that anything would, and what was not tried."""
    if not result.gaps:
        typer.echo(f"{result.card_id}: nothing to explain; no claim that was compared is missed")
        return
    named = {index: f"{card.claims[index].metric} {card.claims[index].value}" for index in result.gaps}
    if result.explanations:
        table(
            [f"{result.card_id}: if …", "it would be", "by chance", "odds"],
            [
                [
                    one.what,
                    ", ".join(f"{named[index]}: {one.values[index]:.4f}" for index in one.reaches),
                    f"{one.chance:.2g}",
                    f"{one.odds:.2g}",
                ]
                for one in result.explanations
            ],
        )
    reached = len(result.explanations)
    typer.echo(f"not reproduced: {', '.join(named.values())}")
    typer.echo(f"{reached} of {result.tried} tried make a reported number reachable; odds are against an unknown cause")
    for line in result.untried:
        typer.echo(f"not tried: if {line}")
