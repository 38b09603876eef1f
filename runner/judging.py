"""Statistics of the run verdicts: does a reported number agree with what the seeds of a run gave?

Every function works on a reported value known only to lie in [low, high], the ends of its rounding, and takes the end
that is hardest on the conclusion it draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Verdict = Literal["not run", "not comparable", "exact", "reproduced", "consistent", "lower", "higher", "inconclusive"]

BADNESS: tuple[Verdict, ...] = (
    "exact", "reproduced", "consistent", "not run", "not comparable", "inconclusive", "higher", "lower",
)  # fmt: skip
"""Verdicts from good to bad; a card's is the worst of its headline claims."""


@dataclass(frozen=True)
class Comparison:
    """A reported value against reproduced ones.

    Attributes:
        mean: Mean of the reproduced values.
        sd: Standard deviation over seeds; null where none is known.
        degrees: Degrees of freedom of `sd`.
        se_of_claim: Standard error of (one reported value − mean): seed noise on both sides.
        se_of_means: Standard error of (reported value as a fixed target − mean).
        nearest: Signed distance of the mean to the nearest end of the rounding; 0 inside. Positive: reproduced higher.
        farthest: Distance of the mean to the farthest end.
        p: Two-sided p of `nearest` under the seed noise; 1 where no spread is known.
    """

    mean: float
    sd: float | None
    degrees: int
    se_of_claim: float
    se_of_means: float
    nearest: float
    farthest: float
    p: float


def compare(
    low: float,
    high: float,
    values: Sequence[float],
    claimed_seeds: int | None = None,
    claimed_sd: float | None = None,
    holdout_se: float = 0.0,
) -> Comparison:
    """Set a reported value against the values that seeds gave.

    Args:
        low: Lower end of the reported value's rounding.
        high: Upper end.
        values: The metric of each seed.
        claimed_seeds: Seeds that the reported value is the mean of.
        claimed_sd: Standard deviation over those seeds.
        holdout_se: Standard error of the metric on one hold-out, where the two sides drew different ones; else 0.
    """
    from scipy.stats import t

    mean, count = fmean(values), len(values)
    own = stdev(values) if count > 1 else None
    if claimed_sd is not None and claimed_seeds is not None:
        # One spread for both sides: the recipe is the same, so its seeds vary alike.
        parts = [(claimed_seeds - 1, claimed_sd)] + ([(count - 1, own)] if own is not None else [])
        degrees = sum(part for part, _ in parts)
        sd: float | None = math.sqrt(sum(part * value**2 for part, value in parts) / degrees)
        share = 1 / claimed_seeds
    else:
        degrees, sd, share = count - 1, own, 1.0
    nearest = mean - high if mean > high else mean - low if mean < low else 0.0
    farthest = max(abs(mean - low), abs(mean - high))
    if sd is None:
        return Comparison(mean, None, 0, math.nan, math.nan, nearest, farthest, 1.0)
    extra = 2 * holdout_se**2
    se_of_claim = math.sqrt(sd**2 * (share + 1 / count) + extra)
    fixed = share if claimed_seeds is not None else 0.0
    se_of_means = math.sqrt(sd**2 * (fixed + 1 / count) + extra)
    if nearest == 0.0 or se_of_claim == 0.0:
        p = 1.0 if nearest == 0.0 else 0.0
    else:
        p = float(2 * t.sf(abs(nearest) / se_of_claim, degrees))
    return Comparison(mean, sd, degrees, se_of_claim, se_of_means, nearest, farthest, p)


def judge(comparison: Comparison, margin: float, p_adjusted: float) -> Verdict:
    """The verdict on a comparable claim, in the order of the design.

    Args:
        comparison: The comparison.
        margin: Largest difference that still counts as the same, declared before the run.
        p_adjusted: `comparison.p` after Holm's correction over the claims.
    """
    from scipy.stats import t

    if comparison.sd is None:
        return "inconclusive"
    # Two one-sided tests at 5% each (Schuirmann 1987, doi:10.1007/BF01068419).
    if comparison.farthest + float(t.ppf(0.95, comparison.degrees)) * comparison.se_of_means < margin:
        return "reproduced"
    if comparison.p > 0.05:
        return "consistent"
    if p_adjusted <= 0.05 and abs(comparison.nearest) > margin:
        return "lower" if comparison.nearest < 0 else "higher"
    return "inconclusive"


def prediction_interval(comparison: Comparison) -> tuple[float, float] | None:
    """95% interval in which the reported value is expected by what the seeds gave: mean ± t · `se_of_claim`."""
    from scipy.stats import t

    if comparison.sd is None:
        return None
    half = float(t.ppf(0.975, comparison.degrees)) * comparison.se_of_claim
    return comparison.mean - half, comparison.mean + half


def further_seed_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95% interval in which the value of a further seed is expected; none for one seed.

    mean ± t(0.975, S−1) · s · √(1 + 1/S) over S seeds (Hahn and Meeker 1991, Statistical Intervals, section 4.7): what
    `prediction_interval` gives for a claim of one seed. It rests on the seeds' values being normal.
    """
    mean = fmean(values)
    return prediction_interval(compare(mean, mean, values))


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95% interval of the mean over seeds: mean ± t·s/√S; none for one seed."""
    from scipy.stats import t

    if len(values) < 2:
        return None
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - half, fmean(values) + half


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979, doi:10.2307/4615733): adjusted p-values in the given order."""
    order = sorted(range(len(ps)), key=lambda index: ps[index])
    adjusted, running = [0.0] * len(ps), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = running
    return adjusted
