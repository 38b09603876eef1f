"""The audit: what was reported against what was reproduced, with a verdict on each claim."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from registry.errors import InputError
from registry.evidence import assumptions
from registry.vocabulary import SHARES, Split
from runner.judging import (
    BADNESS,
    Comparison,
    Verdict,
    compare,
    further_seed_interval,
    holm,
    judge,
    mean_interval,
    prediction_interval,
)
from runner.record import Deviation, Item, Record
from runner.runs import Run, read_model, seeds_of, write_model
from runner.scoring import averaging_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Card, Claim
    from runner.record import EvaluationResult, Interval, Score


@dataclass(frozen=True)
class _Measured:
    """What the seeds gave of a claim.

    Attributes:
        values: The metric of each seed.
        interval: 95% interval: of sampling for one seed, of the mean over seeds for several; null where none is known.
        holdout_se: Standard error of the metric on a hold-out that the two sides drew differently; else 0.
    """

    values: list[float]
    interval: tuple[float, float] | None
    holdout_se: float


class Finding(Item):
    """What the runs say of one claim.

    Attributes:
        claim: Index into the card's `reported`.
        metric: The metric.
        split: The split the claim is about.
        reported: The text as written.
        low: Lower end of its rounding.
        high: Upper end.
        headline: Whether it is a main result.
        values: What each seed gave; empty where nothing was measured.
        mean: Their mean; null where nothing was measured.
        interval: 95% interval: of sampling for one seed, of the mean over seeds for several; null where none is known.
        expected: Where a new value was expected by the spread over seeds (95%).
        verdict: The verdict.
        reason: Why, in one line with the arithmetic.
    """

    claim: int
    metric: str
    split: str | None
    reported: str
    low: float
    high: float
    headline: bool
    values: tuple[float, ...] = ()
    mean: float | None = None
    interval: tuple[float, float] | None = None
    expected: tuple[float, float] | None = None
    verdict: Verdict
    reason: str


class Summary(Item):
    """A metric over the seeds.

    Attributes:
        metric: The metric.
        averaging: How per-class scores became one; null where there is nothing to average.
        values: What each seed gave.
        mean: Their mean.
        sd: Their standard deviation (n − 1); null for one seed.
        interval: 95% interval: of sampling for one seed, of the mean over seeds for several; null where none is known.
        further: 95% interval in which a further seed's value is expected; null for one seed.
        findings: Indices of the findings that compare it.
    """

    metric: str
    averaging: str | None
    values: tuple[float, ...]
    mean: float
    sd: float | None
    interval: tuple[float, float] | None
    further: tuple[float, float] | None
    findings: tuple[int, ...]


class Audit(Item):
    """What the runs of a card give, and what that says of its claims.

    Attributes:
        format: Version of this format.
        card_id: The card.
        run_id: The runs.
        split: The split that was scored.
        rows: Rows in it.
        seeds: Seeds that are complete.
        assumed: Number of values that somebody had to assume because the source does not state them.
        verdict: The worst verdict on a headline claim; null for a card that reports nothing.
        summaries: One for each metric, and the loss.
        findings: One for each claim.
        deviations: What ran otherwise than declared, in any of the runs.
    """

    format: int = 1
    card_id: str
    run_id: str
    split: Split
    rows: int
    seeds: tuple[int, ...]
    assumed: int
    verdict: Verdict | None
    summaries: tuple[Summary, ...]
    findings: tuple[Finding, ...]
    deviations: tuple[Deviation, ...]


def audit(card: Card, run: Run) -> Audit:
    """Judge a card's claims by all complete seeds of a run, and keep the result as `audit.json`.

    Raises:
        InputError: No seed is complete.
    """
    result = judge_runs(card, run)
    write_model(run.over_seeds / "audit.json", result)
    return result


_REHEARSED: tuple[Verdict, str] = ("not comparable", "a rehearsal: small stand-ins ran, not what the card declares")


def judge_runs(card: Card, run: Run) -> Audit:
    """The audit, nothing written.

    Raises:
        InputError: No seed is complete.
    """
    runs = seeds_of(run)
    if not runs:
        raise InputError(f"{run} is not complete; `replicard reproduce {run.card}` finishes it")
    records = [read_model(found.record, Record) for found in runs]
    overridden = {d.root for record in records for d in record.deviations if d.overridden}
    assumed = len(assumptions(card, overridden))
    rehearsed = any(record.rehearsal for record in records)
    measured = [_REHEARSED if rehearsed else _measure(card, claim, records) for claim in card.claims]
    compared = {
        index: compare(claim.number.low, claim.number.high, found.values, claim.seeds, claim.sd, found.holdout_se)
        for index, (claim, found) in enumerate(zip(card.claims, measured, strict=True))
        if isinstance(found, _Measured)
    }
    adjusted = dict(zip(compared, holm([comparison.p for comparison in compared.values()]), strict=True))
    findings = tuple(
        _conclude(card, index, found, compared[index], adjusted[index], assumed)
        if isinstance(found, _Measured)
        else _finding(card, index, *found)
        for index, found in enumerate(measured)
    )
    judged = [finding for finding in findings if finding.headline] or list(findings)
    first = records[0].evaluation
    assert first is not None
    return Audit(
        card_id=card.id,
        run_id=run.id,
        split=first.split,
        rows=first.rows,
        seeds=tuple(record.seed for record in records),
        assumed=assumed,
        verdict=max((finding.verdict for finding in judged), key=BADNESS.index, default=None),
        summaries=_summaries(card, records, findings),
        findings=findings,
        deviations=tuple({(d.field, d.actual): d for record in records for d in record.deviations}.values()),
    )


def _summaries(card: Card, records: Sequence[Record], findings: Sequence[Finding]) -> tuple[Summary, ...]:
    """Every metric over the seeds."""
    evaluations = [record.evaluation for record in records if record.evaluation is not None]
    first = evaluations[0]
    lines: list[tuple[str, str | None, list[float], Interval | None]] = [
        (score.metric, score.averaging, [e.scores[index].value for e in evaluations], score.interval)
        for index, score in enumerate(first.scores)
    ]
    lines.append(("loss", None, [e.loss for e in evaluations], first.loss_interval))
    return tuple(
        Summary(
            metric=metric,
            averaging=averaging,
            values=tuple(values),
            mean=fmean(values),
            sd=stdev(values) if len(values) > 1 else None,
            interval=_interval_of(values, interval),
            further=further_seed_interval(values),
            findings=tuple(
                index
                for index, (claim, finding) in enumerate(zip(card.claims, findings, strict=True))
                # The same numbers: not those of another split, or of an epoch on the way.
                if claim.metric == metric and finding.values == tuple(values)
            ),
        )
        for metric, averaging, values, interval in lines
    )


def _interval_of(values: Sequence[float], sampling: Interval | None) -> tuple[float, float] | None:
    """Of the mean over several seeds; of sampling for one."""
    return mean_interval(values) or ((sampling.low, sampling.high) if sampling is not None else None)


def _measure(card: Card, claim: Claim, records: Sequence[Record]) -> _Measured | tuple[Verdict, str]:
    """What the seeds measured of a claim; else the verdict on what cannot be compared, and why."""
    if claim.number.placeholder:
        return "not comparable", f"{claim.value!r} is a placeholder, not a measurement"
    positive = card.task.labels[card.task.positive_index]
    if claim.label is not None and (len(card.task.labels) > 2 or claim.label != positive):
        return "not run", f"about the class {claim.label!r} alone, which the run does not score"
    split = claim.split or card.evaluation.split
    found = [_value(card, claim, split, record) for record in records]
    values = [value for value in found if isinstance(value, float)]
    if len(values) < len(found):
        return "not run", next(value for value in found if isinstance(value, str))
    rows = getattr(records[0].plan.rows, split)
    if claim.n is not None and claim.n != rows:
        return "not comparable", f"measured on {claim.n:,} rows, the run's {split} split has {rows:,}"
    changed = sorted(
        {d.field for record in records for d in record.deviations if d.overridden and d.field != "training.seed"}
    )
    if changed:
        return "not comparable", f"another experiment: {', '.join(changed)} overridden"
    sampling = _sampling_interval(card, claim, split, records[0])
    return _Measured(
        values=values,
        interval=_interval_of(values, sampling),
        holdout_se=_holdout_se(card, claim, split, values[0], rows, sampling),
    )


def _value(card: Card, claim: Claim, split: str, record: Record) -> float | str:
    """What one seed measured of a claim: at the end, or along the way; else why nothing was."""
    assert record.evaluation is not None and record.training is not None
    at_end = claim.epoch is None and claim.step is None
    if card.training.select == "last" and claim.step in (None, record.plan.steps):
        at_end = at_end or claim.epoch in (None, card.training.epochs)
    if at_end and split == card.evaluation.split:
        if claim.metric == "loss":
            return record.evaluation.loss
        score = _score(card, claim, record.evaluation)
        averaged = f" with averaging {claim.averaging}" if claim.averaging else ""
        return score.value if score is not None else f"the run does not measure {claim.metric}{averaged}"
    if split != card.evaluation.each_epoch:
        scored = " and ".join(sorted({card.evaluation.split, card.evaluation.each_epoch or card.evaluation.split}))
        return f"the run scores the {scored} split at its end, the claim is about another split or moment"
    points = [point for point in record.training.log if "eval_loss" in point.values]
    if claim.step is not None:
        points = [point for point in points if point.step == claim.step]
    elif claim.epoch is not None:
        points = [point for point in points if abs(point.epoch - claim.epoch) < 1e-6]
    elif record.training.best_step is not None:
        points = [point for point in points if point.step == record.training.best_step]
    name = f"eval_{claim.metric}" + (f"_{claim.averaging}" if claim.averaging else "")
    if not points or name not in points[-1].values:
        return f"the run has no {claim.metric} of that moment on the {split} split"
    return points[-1].values[name]


def _sampling_interval(card: Card, claim: Claim, split: str, record: Record) -> Interval | None:
    """The sampling uncertainty of what one seed measured at its end."""
    assert record.evaluation is not None
    if split != card.evaluation.split:
        return None
    if claim.metric == "loss":
        return record.evaluation.loss_interval
    score = _score(card, claim, record.evaluation)
    return score.interval if score is not None else None


def _holdout_se(card: Card, claim: Claim, split: str, value: float, rows: int, sampling: Interval | None) -> float:
    """Sampling error of a metric on a split that somebody else drew at random, even where its seed is guessed."""
    data = card.data
    drawn = data.balanced or getattr(data.split, split, None) or getattr(data.limit, split, None)
    if card.source is None or not drawn:
        return 0.0
    if sampling is not None:
        return (sampling.high - sampling.low) / (2 * 1.96)
    return math.sqrt(max(value * (1 - value), 0.0) / rows) if claim.metric in SHARES else 0.0


def _conclude(card: Card, index: int, measured: _Measured, found: Comparison, p: float, assumed: int) -> Finding:
    """The finding on a claim that was compared."""
    claim, margin = card.claims[index], card.evaluation.margin
    verdict = judge(found, margin, p)
    expected = prediction_interval(found)
    count = len(measured.values)
    number = claim.number
    away = f"reproduced {found.mean:.4f} ({count} seed{'s' if count > 1 else ''}) is "
    away += f"{abs(found.mean - number.value):.4f} {'below' if found.mean < number.value else 'above'} {number.value:g}"
    noise = "seeds and the drawn hold-out" if measured.holdout_se else "seeds"
    if verdict == "reproduced":
        reason = f"{away}; within ±{margin:g} with 95% confidence (TOST)"
    elif verdict == "consistent":
        assert expected is not None
        reason = f"{away}; {noise} explain it (95%: {expected[0]:.4f} to {expected[1]:.4f}), "
        reason += f"equality within ±{margin:g} is not shown"
    elif verdict in ("lower", "higher"):
        reason = f"{away}; more than {noise} explain (p = {p:.2g}) and more than ±{margin:g}"
        reason += f", under {assumed} assumed values" if assumed else ""
    elif found.sd is None:
        reason = f"{away}; one seed says nothing of the spread, run five (`--seeds 0..4`)"
    elif abs(found.nearest) > margin:
        reason = f"{away}; more than ±{margin:g}, but too little for as many claims as are compared (p = {p:.2g}, Holm)"
    else:
        reason = f"{away}; outside what {noise} explain, but not beyond ±{margin:g}"
    return _finding(card, index, verdict, reason, tuple(measured.values), found.mean, measured.interval, expected)


def _finding(
    card: Card,
    index: int,
    verdict: Verdict,
    reason: str,
    values: tuple[float, ...] = (),
    mean: float | None = None,
    interval: tuple[float, float] | None = None,
    expected: tuple[float, float] | None = None,
) -> Finding:
    claim = card.claims[index]
    return Finding(
        claim=index,
        metric=claim.metric,
        split=claim.split,
        reported=claim.value,
        low=claim.number.low,
        high=claim.number.high,
        headline=claim.headline,
        values=values,
        mean=mean,
        interval=interval,
        expected=expected,
        verdict=verdict,
        reason=reason,
    )


def _score(card: Card, claim: Claim, evaluation: EvaluationResult) -> Score | None:
    """The score that a claim is about."""
    for metric, score in zip(card.evaluation.metrics, evaluation.scores, strict=True):
        averaging = averaging_of(metric, len(card.task.labels))
        if score.metric == claim.metric and claim.averaging in (None, averaging, score.averaging):
            return score
    return None
