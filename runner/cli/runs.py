"""`replicard runs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.app import app
from runner.cli.arguments import JsonOption, RunsOption
from runner.cli.output import print_json, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runner.gathering import Over, Row


@app.command("runs")
def list_runs(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            help="<card>, <card>/<run id>, or a glob over <card>/<run id>/seed<k>.",
            show_default=False,
        ),
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Gather the seeds of each card.")] = False,
    parquet: Annotated[
        Path | None,
        typer.Option(
            "--parquet",
            metavar="FILE",
            help="Write one table, a row for each run and metric.",
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """List runs: how they stand, and what they measured."""
    from runner.gathering import as_table, by_card, gather, row_of
    from runner.runs import write

    found = gather(runs, pattern)
    if parquet is not None:
        import pyarrow as pa
        from pyarrow import parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(as_table(found), sink)
        write(parquet, sink.getvalue().to_pybytes())
    rows: Sequence[Row] | Sequence[Over] = by_card(found) if summary else [row_of(one) for one in found]
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
    elif not found:
        typer.echo(f"no runs in {runs}" + (f" that fit {pattern!r}" if pattern is not None else ""), err=True)
    elif summary:
        _print_summary(by_card(found))
    else:
        _print_rows([row_of(one) for one in found])


def _print_rows(rows: Sequence[Row]) -> None:
    lines = []
    for row in rows:
        at, state = row.progress, str(row.state)
        if at is not None:
            done = f" {at.done:,}/{at.total:,}" if at.total else ""
            state = f"{state}: {at.stage}{done} on {row.where}"
        value = f"{row.metric} {row.value:.4f}" if row.value is not None else ""
        started = (row.started or "")[:16].replace("T", " ")
        lines.append([f"{row.card}/{row.run_id}/seed{row.seed}", state, started, value, row.verdict or "–"])
    table(["Run", "State", "Started (UTC)", "Measured", "Verdict"], lines)


def _print_summary(cards: Sequence[Over]) -> None:
    lines = []
    for card in cards:
        states = ", ".join(f"{count} {state}" for state, count in card.states.items())
        kwh = f"{card.kwh:.3g}" if card.kwh is not None else "–"
        start = [f"{card.card}/{card.run_id}", states]
        end = [card.verdict or "–", f"{card.hours:.3g}", kwh]
        for one in card.metrics or (None,):
            cells = ["–", "", ""]
            if one is not None:
                name = f"{one.metric} ({one.averaging})" if one.averaging not in (None, "positive") else one.metric
                spread = f" ± {one.sd:.4f}" if one.sd is not None else ""
                further = f"{one.further[0]:.4f} to {one.further[1]:.4f}" if one.further is not None else ""
                cells = [name, f"{one.mean:.4f}{spread}", further]
            lines.append([*start, *cells, *end])
            start, end = ["", ""], ["", "", ""]
    table(["Card", "Runs", "Metric", "Mean ± SD", "Further seed, 95%", "Verdict", "Hours", "kWh"], lines)
