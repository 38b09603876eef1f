"""The audit: what was reported against what was reproduced, with a verdict on each claim."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from registry.errors import InputError
from registry.evidence import assumptions
from registry.vocabulary import SHARES, Split
from runner import checks
from runner.claims import verdict_on
from runner.judging import (
    BADNESS,
    Comparison,
    Verdict,
    compare,
    further_seed_interval,
    holm,
    judge,
    mcnemar,
    mcnemar_bounds,
    mean_interval,
    newcombe,
    prediction_interval,
)
from runner.record import Deviation, Item, Record, WeightsRecord
from runner.runs import Run, read_model, read_record, seeds_of, write_model
from runner.scoring import averaging_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Card, Claim
    from runner.record import EvaluationResult, Interval, Plan, Score, TrainingResult


@dataclass(frozen=True)
class _Measured:
    """What the seeds gave of a claim.

    Attributes:
        values: The metric of each seed.
        interval: 95% interval: of sampling for one seed, of the mean over seeds for several; null where none is known.
        holdout: How far below and above their mean a value on another hold-out lies by sampling alone (95%), where the
            two sides drew theirs differently; else zeros.
        step: What one row more or less changes the metric by.
    """

    values: list[float]
    interval: tuple[float, float] | None
    holdout: tuple[float, float]
    step: float


class Paired(Item):
    """Our model of the first seed against theirs, row by row: whether the two models differ, not whether recipes do.

    Attributes:
        rows: Rows that both scored.
        only_ours: Rows that ours alone has right; null where their predictions are not known.
        only_theirs: Rows that theirs alone has right; likewise.
        p: Least and most that McNemar's exact p can be; the same where both sides' predictions are known.
    """

    rows: int
    only_ours: int | None
    only_theirs: int | None
    p: tuple[float, float]


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
        paired: The two models row by row, for an accuracy on the same rows; else null.
        claim_verdict: The worst that the claim checks say of the number itself; null where none could test it.
        verdict: The verdict of the runs.
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
    paired: Paired | None = None
    claim_verdict: checks.Verdict | None = None
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
        rehearsal: Whether small stand-ins ran.
        weights: The published weights that were scored in the place of trained ones; else null.
        split: The split that was scored.
        rows: Rows in it.
        seeds: Seeds that are complete; none for published weights.
        assumed: Number of values that somebody had to assume because the source does not state them.
        verdict: The worst verdict on a headline claim; null for a card that reports nothing.
        summaries: One for each metric, and the loss.
        findings: One for each claim.
        claims: What the claim checks say, the worst first.
        deviations: What ran otherwise than declared, in any of the runs.
    """

    format: int = 2
    card_id: str
    run_id: str
    rehearsal: bool = False
    weights: str | None = None
    split: Split
    rows: int
    seeds: tuple[int, ...]
    assumed: int
    verdict: Verdict | None
    summaries: tuple[Summary, ...]
    findings: tuple[Finding, ...]
    claims: tuple[checks.Finding, ...] = ()
    deviations: tuple[Deviation, ...]


def audit(card: Card, run: Run, claims: Sequence[checks.Finding] = (), theirs: Sequence[bool] | None = None) -> Audit:
    """Judge a card's claims by all complete seeds of a run, and keep the result as `audit.json`.

    Args:
        card: The card.
        run: One of its runs.
        claims: What the claim checks say of the card: what is impossible or a placeholder is compared with nothing.
        theirs: Whether the published predictions are right, by rows of the scored split; null where none are known.

    Raises:
        InputError: No seed is complete.
    """
    result = judge_runs(card, run, claims, theirs)
    write_model(run.over_seeds / "audit.json", result)
    return result


def judge_runs(
    card: Card, run: Run, claims: Sequence[checks.Finding] = (), theirs: Sequence[bool] | None = None
) -> Audit:
    """The audit, nothing written; see `audit`.

    Raises:
        InputError: No seed is complete.
    """
    runs = seeds_of(run)
    if not runs:
        raise InputError(f"{run} is not complete; `replicard reproduce {run.card}` finishes it")
    records = [read_record(found, Record) for found in runs]
    sides = [_Side(record.evaluation, record.plan, record.training) for record in records if record.evaluation]
    ours = _right(runs[0]) if theirs is not None else None
    deviations = tuple({(d.field, d.actual): d for record in records for d in record.deviations}.values())
    rehearsed = any(record.rehearsal for record in records)
    overridden = {d.root for d in deviations if d.overridden}
    summaries, findings = _judge(card, sides, deviations, claims, rehearsed, _pairing(ours, theirs))
    return Audit(
        card_id=card.id,
        run_id=run.id,
        rehearsal=rehearsed,
        split=sides[0].evaluation.split,
        rows=sides[0].evaluation.rows,
        seeds=tuple(record.seed for record in records),
        assumed=len(assumptions(card, overridden)),
        verdict=_worst(findings),
        summaries=summaries,
        findings=findings,
        claims=tuple(claims),
        deviations=deviations,
    )


def audit_weights(
    card: Card, run: Run, claims: Sequence[checks.Finding] = (), theirs: Sequence[bool] | None = None
) -> Audit:
    """Judge a card's claims by weights that were published; kept as `audit.json` beside their record.

    Args:
        card: The card.
        run: Where the scores of the weights lie.
        claims: What the claim checks say of the card.
        theirs: Whether the published predictions are right, by rows of the scored split; null where none are known.
    """
    record = read_model(run.record, WeightsRecord)
    ours = _right(run) if theirs is not None else None
    summaries, findings = _judge(
        card,
        [_Side(record.evaluation, record.plan, None)],
        record.deviations,
        claims,
        rehearsed=False,
        pairing=_pairing(ours, theirs),
    )
    result = Audit(
        card_id=card.id,
        run_id=run.id,
        weights=record.weights.name,
        split=record.evaluation.split,
        rows=record.evaluation.rows,
        seeds=(),
        assumed=0,  # no training, so nothing that the weights hang on was assumed here
        verdict=_worst(findings),
        summaries=summaries,
        findings=findings,
        claims=tuple(claims),
        deviations=record.deviations,
    )
    write_model(run.folder / "audit.json", result)
    return result


@dataclass(frozen=True)
class _Side:
    """What one seed gave, or published weights.

    Attributes:
        evaluation: Scores.
        plan: The plan.
        training: Its training; null for published weights.
    """

    evaluation: EvaluationResult
    plan: Plan
    training: TrainingResult | None


def _worst(findings: Sequence[Finding]) -> Verdict | None:
    """The verdict of a card: the worst of its headline claims, of all where it names none."""
    judged = [finding for finding in findings if finding.headline] or list(findings)
    return max((finding.verdict for finding in judged), key=BADNESS.index, default=None)


def _right(run: Run) -> list[bool]:
    """Whether the kept predictions are right, by rows."""
    import numpy as np
    import pyarrow.parquet as pq

    kept = pq.read_table(run.predictions)
    chances = [kept[name].to_numpy() for name in kept.column_names if name.startswith("probability_")]
    return [bool(one) for one in np.stack(chances).argmax(axis=0) == kept["label"].to_numpy()]


def _pairing(ours: Sequence[bool] | None, theirs: Sequence[bool] | None) -> Paired | None:
    if ours is None or theirs is None:
        return None
    only_ours = sum(a and not b for a, b in zip(ours, theirs, strict=True))
    only_theirs = sum(b and not a for a, b in zip(ours, theirs, strict=True))
    p = mcnemar(only_ours, only_theirs)
    return Paired(rows=len(ours), only_ours=only_ours, only_theirs=only_theirs, p=(p, p))


def _judge(
    card: Card,
    sides: Sequence[_Side],
    deviations: Sequence[Deviation],
    claims: Sequence[checks.Finding],
    rehearsed: bool,
    pairing: Paired | None,
) -> tuple[tuple[Summary, ...], tuple[Finding, ...]]:
    """Every metric over the seeds, and a finding on every claim."""
    changed = sorted({d.field for d in deviations if d.overridden and d.field != "training.seed"})
    assumed = len(assumptions(card, {d.root for d in deviations if d.overridden}))
    verdicts = [verdict_on(index, claims) for index in range(len(card.claims))]
    measured: list[_Measured | tuple[Verdict, str]] = []
    for index, claim in enumerate(card.claims):
        if rehearsed:
            measured.append(("not comparable", "a rehearsal: small stand-ins ran, not what the card declares"))
        elif (refused := _refused(claims, index)) is not None:
            measured.append(("not comparable", refused))
        else:
            measured.append(_measure(card, claim, sides, changed))
    exact = {
        index: reason
        for index, found in enumerate(measured)
        if isinstance(found, _Measured) and (reason := _exact(card.claims[index], sides[0], found)) is not None
    }
    compared = {
        index: _compare(claim, found, published=sides[0].training is None)
        for index, (claim, found) in enumerate(zip(card.claims, measured, strict=True))
        if isinstance(found, _Measured) and index not in exact
    }
    adjusted = dict(zip(compared, holm([comparison.p for comparison in compared.values()]), strict=True))
    findings = []
    for index, found in enumerate(measured):
        if not isinstance(found, _Measured):
            one = _finding(card, index, *found)
        elif index in exact:
            values = tuple(found.values)
            one = _finding(card, index, "exact", exact[index], values, fmean(values), found.interval)
        else:
            one = _conclude(card, index, found, compared[index], adjusted[index], assumed, sides)
        paired = _paired(card.claims[index], found, sides[0], pairing) if isinstance(found, _Measured) else None
        findings.append(one.model_copy(update={"claim_verdict": verdicts[index], "paired": paired}))
    return _summaries(card, sides, findings), tuple(findings)


def _refused(claims: Sequence[checks.Finding], index: int) -> str | None:
    """Why a number is compared with nothing, where the claim checks refuse it."""
    for verdict, what in (("impossible", "an impossible number"), ("placeholder", "a placeholder")):
        for finding in claims:
            if finding.verdict == verdict and index in finding.claims:
                arithmetic = f" ({finding.arithmetic})" if finding.arithmetic else ""
                return f"{what}: {finding.message}{arithmetic}"
    return None


def _compare(claim: Claim, found: _Measured, published: bool) -> Comparison:
    number = claim.number
    # Weights that were published are scored without any noise of seeds: the same value for every seed.
    values = found.values * 2 if published else found.values
    seeds, sd = (None, None) if published else (claim.seeds, claim.sd)
    step, cut = (0.0 if published else found.step), number.value + 2 * number.half_width
    return compare(number.low, number.high, values, seeds, sd, found.holdout, step, cut)


def _exact(claim: Claim, side: _Side, found: _Measured) -> str | None:
    """How published weights give the number as it is written, on the same rows; null where they do not."""
    if side.training is not None or any(found.holdout):
        return None
    number, value = claim.number, found.values[0]
    slack = 1e-9  # of binary fractions
    share = f"{value:.6f}"
    if claim.metric == "accuracy":
        rows = sum(map(sum, side.evaluation.confusion))
        share = f"{round(value * rows):,}/{rows:,} = {value:.6f}"
    if number.low - slack <= value <= number.high + slack:
        return f"the published weights give {share}, which rounds to {number.text}"
    if number.value - slack <= value < number.value + 2 * number.half_width - slack:
        return f"the published weights give {share}, which is {number.text} with the further digits cut off"
    return None


def _paired(claim: Claim, found: _Measured, side: _Side, pairing: Paired | None) -> Paired | None:
    """The two models row by row: by their predictions, or within the bounds that the numbers of errors leave."""
    at_end = claim.split in (None, side.evaluation.split) and claim.epoch is None and claim.step is None
    if claim.metric != "accuracy" or any(found.holdout) or not at_end:
        return None
    if pairing is not None:
        return pairing
    rows = side.evaluation.rows
    ours = rows * (1 - found.values[0])
    ends = [mcnemar_bounds(ours, rows * (1 - end), rows) for end in (claim.number.low, claim.number.high)]
    inside = claim.number.low <= found.values[0] <= claim.number.high
    return Paired(
        rows=rows,
        only_ours=None,
        only_theirs=None,
        p=(min(low for low, _ in ends), 1.0 if inside else max(high for _, high in ends)),
    )


def _summaries(card: Card, sides: Sequence[_Side], findings: Sequence[Finding]) -> tuple[Summary, ...]:
    """Every metric over the seeds."""
    evaluations = [side.evaluation for side in sides]
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
            interval=_possible(metric, _interval_of(values, interval)),
            further=_possible(metric, further_seed_interval(values)),
            findings=tuple(
                index
                for index, (claim, finding) in enumerate(zip(card.claims, findings, strict=True))
                # The same numbers: not those of another split, or of an epoch on the way.
                if claim.metric == metric and finding.values == tuple(values)
            ),
        )
        for metric, averaging, values, interval in lines
    )


def _possible(metric: str, interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """The part of an interval that a metric can lie in: normal intervals go beyond the ends of a scale."""
    if interval is None or metric not in (*SHARES, "loss"):
        return interval
    low, high = interval
    return max(low, 0.0), min(high, 1.0) if metric in SHARES else high


def _interval_of(values: Sequence[float], sampling: Interval | None) -> tuple[float, float] | None:
    """Of the mean over several seeds; of sampling for one."""
    return mean_interval(values) or ((sampling.low, sampling.high) if sampling is not None else None)


def _measure(
    card: Card, claim: Claim, sides: Sequence[_Side], changed: Sequence[str]
) -> _Measured | tuple[Verdict, str]:
    """What the seeds measured of a claim; else the verdict on what cannot be compared, and why."""
    if claim.number.placeholder:
        return "not comparable", f"{claim.value!r} is a placeholder, not a measurement"
    positive = card.task.labels[card.task.positive_index]
    if claim.label is not None and (len(card.task.labels) > 2 or claim.label != positive):
        return "not run", f"about the class {claim.label!r} alone, which the run does not score"
    split = claim.split or card.evaluation.split
    found = [_value(card, claim, split, side) for side in sides]
    values = [value for value in found if isinstance(value, float)]
    if len(values) < len(found):
        return "not run", next(value for value in found if isinstance(value, str))
    rows = getattr(sides[0].plan.rows, split)
    if claim.n is not None and claim.n != rows:
        return "not comparable", f"measured on {claim.n:,} rows, the run's {split} split has {rows:,}"
    if changed:
        return "not comparable", f"another experiment: {', '.join(changed)} overridden"
    sampling = _sampling_interval(card, claim, split, sides[0].evaluation)
    return _Measured(
        values=values,
        interval=_interval_of(values, sampling),
        holdout=_holdout(card, claim, split, fmean(values), rows, sampling),
        step=_step(claim, split, rows, sides[0].evaluation),
    )


def _value(card: Card, claim: Claim, split: str, side: _Side) -> float | str:
    """What one seed measured of a claim: at the end, or along the way; else why nothing was."""
    at_end = claim.epoch is None and claim.step is None
    if card.training.select == "last" and claim.step in (None, side.plan.steps):
        at_end = at_end or claim.epoch in (None, card.training.epochs)
    if at_end and split == card.evaluation.split:
        if claim.metric == "loss":
            return side.evaluation.loss
        score = _score(card, claim, side.evaluation)
        averaged = f" with averaging {claim.averaging}" if claim.averaging else ""
        return score.value if score is not None else f"the run does not measure {claim.metric}{averaged}"
    if side.training is None:
        scored = f"the published weights are scored on the {card.evaluation.split} split as they are"
        return f"{scored}; the claim is about another split or moment"
    if split != card.evaluation.each_epoch:
        scored = " and ".join(sorted({card.evaluation.split, card.evaluation.each_epoch or card.evaluation.split}))
        return f"the run scores the {scored} split at its end, the claim is about another split or moment"
    points = [point for point in side.training.log if "eval_loss" in point.values]
    if claim.step is not None:
        points = [point for point in points if point.step == claim.step]
    elif claim.epoch is not None:
        points = [point for point in points if abs(point.epoch - claim.epoch) < 1e-6]
    elif side.training.best_step is not None:
        points = [point for point in points if point.step == side.training.best_step]
    name = f"eval_{claim.metric}" + (f"_{claim.averaging}" if claim.averaging else "")
    if not points or name not in points[-1].values:
        return f"the run has no {claim.metric} of that moment on the {split} split"
    return points[-1].values[name]


def _sampling_interval(card: Card, claim: Claim, split: str, evaluation: EvaluationResult) -> Interval | None:
    """The sampling uncertainty of what one seed measured at its end."""
    if split != card.evaluation.split:
        return None
    if claim.metric == "loss":
        return evaluation.loss_interval
    score = _score(card, claim, evaluation)
    return score.interval if score is not None else None


def _holdout(
    card: Card, claim: Claim, split: str, mean: float, rows: int, sampling: Interval | None
) -> tuple[float, float]:
    """Sampling of both sides, on a split that somebody else drew at random, even where its seed is guessed."""
    data = card.data
    drawn = data.balanced or getattr(data.split, split, None) or getattr(data.limit, split, None)
    if card.source is None or not drawn:
        return 0.0, 0.0
    if claim.metric != "accuracy" and sampling is not None:
        # Theirs is unknown and taken to be ours.
        both = math.hypot(max(mean - sampling.low, 0.0), max(sampling.high - mean, 0.0))
        return both, both
    number = claim.number
    nearest = min(max(mean, number.low), number.high)
    return newcombe(mean, rows, nearest, rows) if claim.metric in SHARES else (0.0, 0.0)


def _step(claim: Claim, split: str, rows: int, evaluation: EvaluationResult) -> float:
    """What one row more or less changes a metric by; of a score of one class as much as of the rarest can."""
    if claim.metric not in SHARES or claim.metric == "roc_auc":
        return 0.0
    if claim.metric == "accuracy" or split != evaluation.split:
        return 1 / max(rows, 1)
    return 1 / min(total for line in evaluation.confusion if (total := sum(line)) > 0)


def _conclude(
    card: Card,
    index: int,
    measured: _Measured,
    found: Comparison,
    p: float,
    assumed: int,
    sides: Sequence[_Side],
) -> Finding:
    """The finding on a claim that was compared."""
    claim, margin = card.claims[index], card.evaluation.margin
    verdict = judge(found, margin, p)
    expected = _possible(claim.metric, prediction_interval(found))
    number, published = claim.number, sides[0].training is None
    away = f"{abs(found.mean - number.value):.4f} {'below' if found.mean < number.value else 'above'} {number.value:g}"
    drawn = any(measured.holdout)
    if published:
        return _conclude_weights(card, index, measured, found, verdict, expected, away, sides[0])
    count = len(measured.values)
    away = f"reproduced {found.mean:.4f} ({count} seed{'s' if count > 1 else ''}) is {away}"
    noise = "seeds and the drawn hold-out" if drawn else "seeds"
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


def _conclude_weights(
    card: Card,
    index: int,
    measured: _Measured,
    found: Comparison,
    verdict: Verdict,
    expected: tuple[float, float] | None,
    away: str,
    side: _Side,
) -> Finding:
    """The finding on a claim that published weights do not give exactly."""
    claim, margin = card.claims[index], card.evaluation.margin
    reason = f"the published weights give {found.mean:.6f}, {away}"
    if claim.metric == "accuracy" and not any(measured.holdout):
        rows = side.evaluation.rows
        right, low, high = round(found.mean * rows), *(rows * end for end in (claim.number.low, claim.number.high))
        flipped = math.ceil(low - 1e-6) - right if right < low else right - math.floor(high + 1e-6)
        rounds = math.ceil(low - 1e-6) <= math.floor(high + 1e-6)
        reason += f"; {right:,} of {rows:,} rows are right, "
        reason += (
            f"{flipped:,} predictions must have been {'right' if right < low else 'wrong'} beside them"
            if rounds
            else f"and no number of {rows:,} rows is {claim.value}"
        )
    if any(measured.holdout):
        reason += "; on a hold-out that somebody else drew"
        if verdict == "consistent" and expected is not None:
            reason += f", where {expected[0]:.4f} to {expected[1]:.4f} is expected (95%, Newcombe)"
    elif verdict == "reproduced":
        reason += f"; within ±{margin:g}"
    elif verdict in ("lower", "higher"):
        reason += f"; more than ±{margin:g}"
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
