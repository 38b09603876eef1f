"""The audit: what was reported against what was reproduced, with a verdict on each claim."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import TYPE_CHECKING

from registry.errors import InputError
from registry.vocabulary import Split
from runner.judging import BADNESS, Comparison, Verdict, compare, holm, judge, prediction_interval
from runner.record import Item, Record
from runner.runs import Run, read_model, seeds_of, write_model
from runner.scoring import averaging_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Card, Claim
    from runner.record import EvaluationResult, Score

CHANGING = ("base", "task", "data", "adapter", "quantization", "training", "evaluation")
"""Sections of the card that an override of makes the run another experiment."""


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
        interval: Sampling interval of the first seed's value, where one is known.
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
        interval: Sampling interval of the first seed's value, where one is known.
        findings: Indices of the findings that compare it.
    """

    metric: str
    averaging: str | None
    values: tuple[float, ...]
    mean: float
    sd: float | None
    interval: tuple[float, float] | None
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


def audit(card: Card, run: Run) -> Audit:
    """Compare the card's claims with all complete seeds of a run, and keep the result as `audit.json`.

    Raises:
        InputError: No seed is complete.
    """
    runs = seeds_of(run)
    if not runs:
        raise InputError(f"{run} is not complete; `replicard reproduce {run.card}` finishes it")
    records = [read_model(found.record, Record) for found in runs]
    findings = [_look(card, index, claim, records) for index, claim in enumerate(card.reported)]
    compared = [(index, found) for index, found in enumerate(findings) if isinstance(found, Comparison)]
    adjusted = dict(zip((i for i, _ in compared), holm([c.p for _, c in compared]), strict=True))
    final = tuple(
        _conclude(card, index, found, records, adjusted[index]) if isinstance(found, Comparison) else found
        for index, found in enumerate(findings)
    )
    judged = [finding for finding in final if finding.headline] or list(final)
    first = records[0].evaluation
    assert first is not None
    result = Audit(
        card_id=card.id,
        run_id=run.id,
        split=first.split,
        rows=first.rows,
        seeds=tuple(record.seed for record in records),
        assumed=len(card.assumed),
        verdict=max((finding.verdict for finding in judged), key=BADNESS.index, default=None),
        summaries=_summaries(card, records, final),
        findings=final,
    )
    write_model(run.over_seeds / "audit.json", result)
    return result


def _summaries(card: Card, records: Sequence[Record], findings: Sequence[Finding]) -> tuple[Summary, ...]:
    """Every metric over the seeds."""
    evaluations = [record.evaluation for record in records if record.evaluation is not None]
    lines: list[tuple[str, str | None, list[float], tuple[float, float] | None]] = [
        (score.metric, score.averaging, [e.scores[index].value for e in evaluations], _interval(score))
        for index, score in enumerate(evaluations[0].scores)
    ]
    lines.append(("loss", None, [e.loss for e in evaluations], None))
    return tuple(
        Summary(
            metric=metric,
            averaging=averaging,
            values=tuple(values),
            mean=fmean(values),
            sd=stdev(values) if len(values) > 1 else None,
            interval=interval,
            findings=tuple(
                index
                for index, (claim, finding) in enumerate(zip(card.reported, findings, strict=True))
                if finding.mean is not None and claim.metric == metric and claim.averaging in (None, averaging)
            ),
        )
        for metric, averaging, values, interval in lines
    )


def _look(card: Card, index: int, claim: Claim, records: Sequence[Record]) -> Finding | Comparison:
    """A finding where nothing can be compared, else the comparison."""

    def end(verdict: Verdict, reason: str) -> Finding:
        return _finding(card, index, verdict, reason)

    if claim.number.placeholder:
        return end("not comparable", f"{claim.value!r} is a placeholder, not a measurement")
    values = _values(card, claim, records)
    if isinstance(values, str):
        return end("not run", values)
    changed = sorted(
        {
            d.field
            for record in records
            for d in record.deviations
            if d.cause.startswith("overridden") and d.field.split(".")[0] in CHANGING and d.field != "training.seed"
        }
    )
    if changed:
        return end("not comparable", f"another experiment: {', '.join(changed)} overridden")
    first = records[0].evaluation
    assert first is not None
    interval = _interval(_score(card, claim, first))
    # Somebody else's random hold-out is not ours, even where its seed is guessed.
    drawn = card.source is not None and (card.data.split is not None or card.data.limit is not None)
    holdout = (interval[1] - interval[0]) / (2 * 1.96) if drawn and interval is not None else 0.0
    number = claim.number
    return compare(number.low, number.high, values, claim.seeds, claim.sd, holdout)


def _conclude(card: Card, index: int, found: Comparison, records: Sequence[Record], p: float) -> Finding:
    """The finding on a claim that was compared."""
    claim, margin = card.reported[index], card.evaluation.margin
    verdict = judge(found, margin, p)
    values = _values(card, claim, records)
    assert not isinstance(values, str)
    first = records[0].evaluation
    assert first is not None
    expected = prediction_interval(found)
    seeds = f"{len(values)} seed{'s' if len(values) > 1 else ''}"
    number = claim.number
    away = f"reproduced {found.mean:.4f} ({seeds}) is {abs(found.mean - number.value):.4f} "
    away += f"{'below' if found.mean < number.value else 'above'} {number.value:g}"
    match verdict:
        case "reproduced":
            reason = f"{away}; within ±{margin:g} with 95% confidence (TOST)"
        case "consistent":
            assert expected is not None
            reason = f"{away}; seeds explain it (95%: {expected[0]:.4f} to {expected[1]:.4f}), "
            reason += f"equality within ±{margin:g} is not shown"
        case "lower" | "higher":
            reason = f"{away}; more than seeds explain (p = {p:.2g}) and more than ±{margin:g}"
            reason += f", under {len(card.assumed)} assumed values" if card.assumed else ""
        case _:
            few = found.sd is None
            reason = f"{away}; " + (
                "one seed says nothing of the spread, run five (`--seeds 0..4`)"
                if few
                else "outside the seeds' interval but not clearly beyond the margin"
            )
    return _finding(
        card,
        index,
        verdict,
        reason,
        values=tuple(values),
        mean=found.mean,
        interval=_interval(_score(card, claim, first)),
        expected=expected,
    )


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
    claim = card.reported[index]
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


def _values(card: Card, claim: Claim, records: Sequence[Record]) -> list[float] | str:
    """What each seed measured of a claim, or why nothing was."""
    split = claim.split or card.evaluation.split
    if split != card.evaluation.split:
        return f"the run scores the {card.evaluation.split} split, the claim is about {split}"
    if claim.epoch is not None and claim.epoch != card.training.epochs:
        return f"about epoch {claim.epoch:g}, the run scores the model it keeps"
    positive = card.task.labels[card.task.positive_index]
    if claim.label is not None and claim.label != positive:
        return f"about the class {claim.label!r}, the run's score is about {positive!r}"
    values = []
    for record in records:
        assert record.evaluation is not None
        if claim.metric == "loss":
            values.append(record.evaluation.loss)
            continue
        score = _score(card, claim, record.evaluation)
        if score is None:
            averaged = f" with averaging {claim.averaging}" if claim.averaging else ""
            return f"the run does not measure {claim.metric}{averaged}"
        values.append(score.value)
    return values


def _score(card: Card, claim: Claim, evaluation: EvaluationResult) -> Score | None:
    """The score that a claim is about."""
    for metric, score in zip(card.evaluation.metrics, evaluation.scores, strict=True):
        averaging = averaging_of(metric, len(card.task.labels))
        if score.metric == claim.metric and claim.averaging in (None, averaging, score.averaging):
            return score
    return None


def _interval(score: Score | None) -> tuple[float, float] | None:
    return (score.interval.low, score.interval.high) if score is not None and score.interval is not None else None
