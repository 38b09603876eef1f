"""`replicard evaluate`."""

from __future__ import annotations

from pathlib import Path

from runner.cli.app import app
from runner.cli.arguments import (
    AcceptOption,
    CardArgument,
    QuietOption,
    RunsOption,
    SeedsOption,
    SetOption,
    load,
    one_file,
    prepared,
    set_quiet,
)
from runner.cli.output import span, table
from runner.execution import Execution


@app.command()
def evaluate(
    card: CardArgument,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    accept: AcceptOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Evaluate what `train` trained."""
    from runner.reproducing import require_trained, train_and_evaluate

    set_quiet(quiet)
    loaded = load(one_file(card), set_)
    for ready in prepared(loaded, seeds, Execution(accept_deviations=accept), runs):
        require_trained(ready)
        record = train_and_evaluate(ready)
        assert record.evaluation is not None
        table(
            ["Metric", "Value", "95% interval"],
            [[s.metric, f"{s.value:.4f}", span(s.interval)] for s in record.evaluation.scores]
            + [["loss", f"{record.evaluation.loss:.4f}", ""]],
        )
