"""`replicard audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.errors import InputError, Problem
from runner.cli import completing
from runner.cli.app import app
from runner.cli.arguments import FailOnOption, JsonOption, QuietOption, RunsOption, load, one_file, set_quiet, verdicts
from runner.cli.output import print_audit, print_json
from runner.cli.static import READMES, Format, audit_documents

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
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN | CARD | README…",
            help="A run; with --weights, a card; with --static, cards, READMEs, hub:owner/name or its address, or -.",
            show_default=False,
            autocompletion=completing.runs_and_cards,
        ),
    ],
    static: Annotated[
        bool, typer.Option("--static", help="Check what is reported by arithmetic alone: no run, nothing trained.")
    ] = False,
    format_: Annotated[
        Format, typer.Option("--format", help="With --static: for people, a page, programs, or a GitHub workflow.")
    ] = "text",
    fail_on: FailOnOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
    weights: WeightsOption = None,
    predictions: PredictionsOption = None,
) -> None:
    """Compare what a card reports with what its runs gave.

    With --static, say which of the reported numbers are impossible, suspicious or placeholders, before anything is run:
    of a card, of a README, or of hub:owner/name.
    """
    from runner.checks import VERDICTS
    from runner.judging import BADNESS

    set_quiet(quiet)
    shown: Format = "json" if as_json else format_
    if static:
        code = audit_documents(names, shown, verdicts(fail_on, VERDICTS))
        if code:
            raise typer.Exit(code)
        return
    wanted = verdicts(fail_on, (*BADNESS, *VERDICTS))
    if len(names) > 1:
        raise InputError(f"name one run, not {len(names)}; `--static` takes several cards")
    if weights is None and (names[0].startswith("hub:") or names[0].endswith(READMES)):
        raise InputError(Problem(names[0], "", f"is no run; `replicard audit --static {names[0]}` checks a README"))
    if shown not in ("text", "json"):
        raise InputError(Problem(f"--format {shown}", "", "an audit of runs is text or json; add --static"))
    if weights is not None:
        result, card = _of_weights(names[0], weights, predictions, runs)
    else:
        result, card = _of_run(names[0], predictions, runs)
    if shown == "json":
        print_json(result.model_dump(mode="json"))
    else:
        print_audit(result, card)
    if wanted & {verdict for finding in result.findings for verdict in (finding.verdict, finding.claim_verdict)}:
        raise typer.Exit(1)


def _of_weights(name: str, source: str, predictions: Path | None, runs: Path) -> tuple[Audit, Card]:
    """Score published weights as a card declares, and judge its claims by them."""
    from runner import weights
    from runner.audit import audit_weights
    from runner.fetching import PREDICTIONS
    from runner.predictions import published_predictions
    from runner.reproducing import claims_of

    loaded = load(one_file(name))
    scored = weights.score(loaded, source, runs)
    beside = Path(weights.read(scored).weights.path) / PREDICTIONS
    file = predictions or (beside if beside.is_file() else None)
    theirs = published_predictions(loaded.card, scored, file) if file is not None else None
    return audit_weights(loaded.card, scored, claims_of(loaded), theirs), loaded.card


def _of_run(run: str, predictions: Path | None, runs: Path) -> tuple[Audit, Card]:
    """Judge a card's claims by the seeds of a run."""
    from runner.audit import audit as make_audit
    from runner.predictions import published_predictions
    from runner.record import Record
    from runner.reproducing import claim_findings, current_claims
    from runner.runs import find_run, over_all_seeds, read_record, seeds_of

    found = find_run(runs, run)
    card = current_claims(read_record(found, Record))
    with over_all_seeds(found):
        seeds = seeds_of(found)
        theirs = published_predictions(card, seeds[0], predictions) if predictions is not None and seeds else None
        return make_audit(card, found, claim_findings(card, found), theirs), card
