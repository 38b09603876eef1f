"""`replicard audit`."""

from __future__ import annotations

from pathlib import Path

from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunArgument, RunsOption
from runner.cli.output import print_audit, print_json


@app.command()
def audit(run: RunArgument, as_json: JsonOption = False, runs: RunsOption = Path("runs")) -> None:
    """Compare what a card reports with what its runs gave."""
    from runner.audit import audit as make_audit
    from runner.record import Record
    from runner.reproducing import claim_findings, current_claims
    from runner.runs import find_run, over_all_seeds, read_model

    found = find_run(runs, run)
    card = current_claims(read_model(found.record, Record))
    with over_all_seeds(found):
        result = make_audit(card, found, claim_findings(card))
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print_audit(result, card)
