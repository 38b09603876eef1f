"""`replicard audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunArgument, RunsOption, load, one_file
from runner.cli.output import print_audit, print_json

if TYPE_CHECKING:
    from registry.card import Card
    from runner.audit import Audit

WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="hub:owner/name | FOLDER",
        help="Score these published weights (safetensors) on a CARD's split, and compare them; nothing is trained.",
        show_default=False,
    ),
]
PredictionsOption = Annotated[
    Path | None,
    typer.Option(
        "--predictions",
        metavar="FILE",
        help="Published predictions of the scored rows, for an exact test of the two models.",
        show_default=False,
    ),
]


@app.command()
def audit(
    run: RunArgument,
    as_json: JsonOption = False,
    runs: RunsOption = Path("runs"),
    weights: WeightsOption = None,
    predictions: PredictionsOption = None,
) -> None:
    """Compare what a card reports with what its runs gave."""
    if weights is not None:
        result, card = _of_weights(run, weights, predictions, runs)
    else:
        result, card = _of_run(run, predictions, runs)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print_audit(result, card)


def _of_weights(name: str, source: str, predictions: Path | None, runs: Path) -> tuple[Audit, Card]:
    """Score published weights as a card declares, and judge its claims by them."""
    from runner import weights
    from runner.audit import audit_weights
    from runner.claims import examine
    from runner.documents import of_card
    from runner.fetching import PREDICTIONS
    from runner.predictions import published_predictions

    loaded = load(one_file(name))
    scored = weights.score(loaded, source, runs)
    beside = Path(weights.read(scored).weights.path) / PREDICTIONS
    file = predictions or (beside if beside.is_file() else None)
    theirs = published_predictions(loaded.card, scored, file) if file is not None else None
    return audit_weights(loaded.card, scored, examine(of_card(loaded)), theirs), loaded.card


def _of_run(run: str, predictions: Path | None, runs: Path) -> tuple[Audit, Card]:
    """Judge a card's claims by the seeds of a run."""
    from runner.audit import audit as make_audit
    from runner.predictions import published_predictions
    from runner.record import Record
    from runner.reproducing import claim_findings, current_claims
    from runner.runs import find_run, over_all_seeds, read_model, seeds_of

    found = find_run(runs, run)
    card = current_claims(read_model(found.record, Record))
    with over_all_seeds(found):
        seeds = seeds_of(found)
        theirs = published_predictions(card, seeds[0], predictions) if predictions is not None and seeds else None
        return make_audit(card, found, claim_findings(card), theirs), card
