"""All runs of a folder: how each stands, what it measured, what its audit says; as rows, by card, and as one table."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from registry.errors import InputError
from runner.audit import Audit, Finding, Summary, judge_runs
from runner.leases import EXPIRES, Found, Progress, look
from runner.record import Item, Record
from runner.reproducing import claim_findings, current_claims
from runner.runs import Run, read_model, read_record, seeds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

State = Literal["running", "complete", "trained", "stale", "interrupted", "unreadable"]
"""`trained` is not evaluated yet; `stale` has a lease without a sign of life, `interrupted` has none and no end."""


@dataclass(frozen=True)
class Gathered:
    """A run.

    Attributes:
        run: The run.
        state: How it stands.
        record: Its record; null where there is none that can be read.
        audit: The audit over its seeds; null where none of them is complete.
        lease: The newest lease on it; null where there is none.
    """

    run: Run
    state: State
    record: Record | None
    audit: Audit | None
    lease: Found | None


class Row(Item):
    """A run in a list.

    Attributes:
        card: Its card.
        run_id: Hash of what can change weights or predictions.
        seed: The seed.
        state: How it stands.
        started: UTC time at which it began, ISO 8601; null where its record does not tell yet.
        where: The machine that it runs on; null where it does not run.
        progress: How far it is; null where it does not run.
        metric: The metric of the card's first main result, else the first that was measured; null where none was.
        value: Its value.
        verdict: The verdict on the card by all complete seeds; null where nothing was judged.
    """

    card: str
    run_id: str
    seed: int
    state: State
    started: str | None
    where: str | None
    progress: Progress | None
    metric: str | None
    value: float | None
    verdict: str | None


class Over(Item):
    """The runs of a card that differ by their seeds only.

    Attributes:
        card: The card.
        run_id: Hash of what can change weights or predictions.
        seeds: Seeds that are complete.
        states: How many runs stand how.
        metrics: Every metric over the complete seeds, as the audit has it.
        verdict: The verdict on the card; null where nothing is reported, or no seed is complete.
        hours: Hours of all trainings.
        kwh: Energy of all trainings; null where that of one is not known.
    """

    card: str
    run_id: str
    seeds: tuple[int, ...]
    states: dict[State, int]
    metrics: tuple[Summary, ...]
    verdict: str | None
    hours: float
    kwh: float | None


def gather(root: Path, pattern: str | None = None) -> list[Gathered]:
    """The runs of a folder, by card, run id and seed.

    Args:
        root: Folder of all runs.
        pattern: A glob over `<card>/<run id>/seed<k>`, or the beginning of it up to a slash; null for all.
    """
    found: dict[Run, list[Run]] = defaultdict(list)
    for folder in root.glob("*/*/seed*"):
        seed = folder.name.removeprefix("seed")
        if seed.isdigit():
            run = Run(root, folder.parts[-3], folder.parts[-2], int(seed))
            if pattern is None or fnmatchcase(str(run), pattern) or fnmatchcase(str(run), f"{pattern}/*"):
                found[Run(root, run.card, run.id, 0)].append(run)
    gathered = []
    for over in sorted(found, key=str):
        audit = _audit(over)
        for run in sorted(found[over], key=lambda run: run.seed):
            record = None
            with contextlib.suppress(InputError):
                record = read_record(run, Record)
            lease = next(reversed(look(run.folder)), None)
            gathered.append(Gathered(run, _state(run, record, lease), record, audit, lease))
    return gathered


def row_of(one: Gathered) -> Row:
    """A run in a list."""
    metric, value = _headline(one)
    running = (one.lease is not None and one.state == "running" and one.lease.holder) or None
    return Row(
        card=one.run.card,
        run_id=one.run.id,
        seed=one.run.seed,
        state=one.state,
        started=one.record.started if one.record is not None else None,
        where=running.host if running else None,
        progress=running.progress if running else None,
        metric=metric,
        value=value,
        verdict=one.audit.verdict if one.audit is not None else None,
    )


def by_card(gathered: Sequence[Gathered]) -> list[Over]:
    """The runs that differ by their seeds only, together."""
    together: dict[tuple[str, str], list[Gathered]] = defaultdict(list)
    for one in gathered:
        together[one.run.card, one.run.id].append(one)
    return [_over(*key, runs) for key, runs in together.items()]


def as_table(gathered: Iterable[Gathered]) -> Any:
    """One Arrow table of everything: a row for each run and metric; of a run without any, one row."""
    import pyarrow as pa

    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("card", "run_id")),
            ("seed", pa.int64()),
            *((name, pa.string()) for name in ("state", "started", "split")),
            ("rows", pa.int64()),
            *((name, pa.string()) for name in ("metric", "averaging")),
            *((name, pa.float64()) for name in ("value", "low", "high")),
            *((name, pa.string()) for name in ("reported", "claim_verdict", "verdict", "card_verdict")),
            *((name, pa.float64()) for name in ("hours", "kwh")),
            ("kwh_measured", pa.bool_()),
            *((name, pa.string()) for name in ("device", "device_name", "precision", "kernels", "code", "torch")),
        ]
    )
    return pa.Table.from_pylist([line for one in gathered for line in _lines(one)], schema)


def _audit(over: Run) -> Audit | None:
    """The audit over the seeds that are complete now: the kept one, or where seeds have been added, one made anew."""
    try:
        runs = seeds_of(over)
        if not runs:
            return None
        with contextlib.suppress(InputError):
            kept = read_model(over.over_seeds / "audit.json", Audit)
            if kept.seeds == tuple(run.seed for run in runs):
                return kept
        card = current_claims(read_record(runs[0], Record))
        return judge_runs(card, runs[0], claim_findings(card, runs[0]))
    except InputError:
        return None  # a record that cannot be read, which its row says


def _state(run: Run, record: Record | None, lease: Found | None) -> State:
    if lease is not None:
        holder = lease.holder
        if holder is not None and holder.is_here:
            alive = holder.lives
        else:
            # Only to be shown: who takes a run over compares no clocks.
            with contextlib.suppress(FileNotFoundError):
                alive = time.time() - lease.path.stat().st_mtime < EXPIRES
        if alive:
            return "running"
    if record is None and run.record.exists():
        return "unreadable"
    if record is not None and record.evaluation is not None:
        return "complete"
    if lease is not None:
        return "stale"
    return "trained" if record is not None and record.training is not None else "interrupted"


def _headline(one: Gathered) -> tuple[str | None, float | None]:
    """The metric of the first main result that was measured, else the first one."""
    if one.record is None or one.record.evaluation is None:
        return None, None
    scores = {score.metric: score.value for score in reversed(one.record.evaluation.scores)}
    scores["loss"] = one.record.evaluation.loss
    main = [finding.metric for finding in one.audit.findings if finding.headline] if one.audit is not None else []
    metric = next((metric for metric in main if metric in scores), one.record.evaluation.scores[0].metric)
    return metric, scores[metric]


def _over(card: str, run_id: str, runs: Sequence[Gathered]) -> Over:
    audit = runs[0].audit
    states: dict[State, int] = defaultdict(int)
    for one in runs:
        states[one.state] += 1
    trainings = [one.record.training for one in runs if one.record is not None and one.record.training is not None]
    energies = [training.energy for training in trainings]
    known = [energy.kwh for energy in energies if energy is not None]
    return Over(
        card=card,
        run_id=run_id,
        seeds=audit.seeds if audit is not None else (),
        states=dict(states),
        metrics=audit.summaries if audit is not None else (),
        verdict=audit.verdict if audit is not None else None,
        hours=sum(training.seconds for training in trainings) / 3600,
        kwh=sum(known) if len(known) == len(energies) > 0 else None,
    )


def _lines(one: Gathered) -> list[dict[str, Any]]:
    """A line for each metric of a run."""
    run, record = one.run, one.record
    line: dict[str, Any] = {"card": run.card, "run_id": run.id, "seed": run.seed, "state": one.state}
    line["card_verdict"] = one.audit.verdict if one.audit is not None else None
    if record is None:
        return [line]
    training, evaluation = record.training, record.evaluation
    energy = training.energy if training is not None else None
    line |= {
        "started": record.started,
        "hours": training.seconds / 3600 if training is not None else None,
        "kwh": energy.kwh if energy is not None else None,
        "kwh_measured": energy.measured if energy is not None else None,
        "device": record.machine.device,
        "device_name": record.machine.name,
        "precision": training.precision if training is not None else record.plan.precision,
        "kernels": record.kernels,
        "code": record.code,
        "torch": record.versions.get("torch"),
    }
    if evaluation is None:
        return [line]
    measured = [(score.metric, score.averaging, score.value, score.interval) for score in evaluation.scores]
    measured.append(("loss", None, evaluation.loss, evaluation.loss_interval))
    return [
        {
            **line,
            "split": evaluation.split,
            "rows": evaluation.rows,
            "metric": metric,
            "averaging": averaging,
            "value": value,
            "low": interval.low if interval is not None else None,
            "high": interval.high if interval is not None else None,
            **_judged(one.audit, metric, averaging),
        }
        for metric, averaging, value, interval in measured
    ]


def _judged(audit: Audit | None, metric: str, averaging: str | None) -> dict[str, str | None]:
    """What is reported of a metric, and the verdicts on it; of several numbers, all."""
    found: list[Finding] = []
    for summary in audit.summaries if audit is not None else ():
        if audit is not None and (summary.metric, summary.averaging) == (metric, averaging):
            found = [audit.findings[index] for index in summary.findings]
    return {
        "reported": ", ".join(one.reported for one in found) or None,
        "claim_verdict": ", ".join(one.claim_verdict for one in found if one.claim_verdict) or None,
        "verdict": ", ".join(one.verdict for one in found) or None,
    }
