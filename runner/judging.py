"""Statistics of the run verdicts: does a reported number agree with what the seeds of a run gave?

Every function works on a reported value known only to lie in [low, high], the ends of its rounding, and takes the end
that is hardest on the conclusion it draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean, stdev
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
        holdout: How far below and above the mean a value on another hold-out lies by sampling alone, with 95%
            confidence; zeros where both sides score the same rows.
        nearest: Signed distance of the mean to the nearest end of what may have been written so; 0 inside. Positive:
            reproduced higher.
        farthest: Distance of the mean to the farthest end of it.
        p: Two-sided p of `nearest` under seed noise and sampling; 1 where no spread is known.
    """

    mean: float
    sd: float | None
    degrees: int
    se_of_claim: float
    se_of_means: float
    holdout: tuple[float, float]
    nearest: float
    farthest: float
    p: float


def compare(
    low: float,
    high: float,
    values: Sequence[float],
    claimed_seeds: int | None = None,
    claimed_sd: float | None = None,
    holdout: tuple[float, float] = (0.0, 0.0),
    step: float = 0.0,
    cut: float | None = None,
) -> Comparison:
    """Set a reported value against the values that seeds gave.

    Args:
        low: Lower end of the reported value's rounding.
        high: Upper end.
        values: The metric of each seed.
        claimed_seeds: Seeds that the reported value is the mean of.
        claimed_sd: Standard deviation over those seeds.
        holdout: How far below and above the mean a value on another hold-out lies by sampling alone, with 95%
            confidence (`newcombe`); zeros where both sides score the same rows.
        step: What one row more or less changes the metric by. A spread is taken to be at least half of it, that of a
            value that falls on two neighbours alike: that a few seeds agree on a coarse grid does not mean that all do.
        cut: Largest value that is written so where digits are cut off: many are cut, not rounded. It counts as an end,
            so that nobody is accused of it and nothing is proven by it.
    """
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
    highest = max(high, cut if cut is not None else high)
    nearest = mean - highest if mean > highest else mean - low if mean < low else 0.0
    farthest = max(abs(mean - low), abs(mean - highest))
    if sd is None:
        return Comparison(mean, None, 0, math.nan, math.nan, holdout, nearest, farthest, 1.0)
    sd = max(sd, step / 2)
    fixed = share if claimed_seeds is not None else 0.0
    se_of_claim, se_of_means = sd * math.sqrt(share + 1 / count), sd * math.sqrt(fixed + 1 / count)
    p = _p(nearest, se_of_claim, degrees, holdout[0 if nearest > 0 else 1])
    return Comparison(mean, sd, degrees, se_of_claim, se_of_means, holdout, nearest, farthest, p)


def _half(confidence: float, se: float, degrees: int, sampling: float) -> float:
    """Half-width of an interval for seed noise and sampling together, at a one-sided confidence.

    The squares of the two add up, each at that confidence (MOVER: Zou and Donner 2008, doi:10.1002/sim.3095, from
    memory); for one alone it is exactly that one's.
    """
    seeds = _quantile(confidence, degrees) * se if se > 0 else 0.0
    return math.hypot(seeds, sampling * NormalDist().inv_cdf(confidence) / _Z)


@lru_cache
def _quantile(confidence: float, degrees: int) -> float:
    """Of Student's t."""
    from scipy.stats import t

    return float(t.ppf(confidence, degrees))


def _p(distance: float, se: float, degrees: int, sampling: float) -> float:
    """The two-sided level at which an interval for both kinds of noise just reaches a distance."""
    from scipy.optimize import brentq
    from scipy.stats import t

    if distance == 0.0:
        return 1.0
    if sampling == 0.0:
        return float(2 * t.sf(abs(distance) / se, degrees)) if se > 0 else 0.0
    least = 1e-12
    if _half(1 - least / 2, se, degrees, sampling) <= abs(distance):
        return least
    return float(brentq(lambda p: _half(1 - p / 2, se, degrees, sampling) - abs(distance), least, 1.0))


_Z = 1.959963984540054
"""Of the normal distribution, 97.5% lie below."""


def newcombe(ours: float, our_rows: int, theirs: float, their_rows: int) -> tuple[float, float]:
    """How far below and above our share one of other rows lies by sampling alone, with 95% confidence.

    The hybrid score interval of a difference of independent shares (Newcombe 1998, Statistics in Medicine 17:873,
    method 10; from memory): √((p₁ − l₁)² + (u₂ − p₂)²) below and √((u₁ − p₁)² + (p₂ − l₂)²) above, with Wilson's
    limits l and u of each share p.

    Args:
        ours: Share of one side.
        our_rows: Rows it is of.
        theirs: Share of the other side.
        their_rows: Rows it is of.
    """
    (low, high), (their_low, their_high) = _wilson(ours, our_rows), _wilson(theirs, their_rows)
    return math.hypot(ours - low, their_high - theirs), math.hypot(high - ours, theirs - their_low)


def _wilson(share: float, rows: int) -> tuple[float, float]:
    """95% score interval of a share that need not be of whole rows: it may be a mean over seeds."""
    share = min(max(share, 0.0), 1.0)
    squared = _Z * _Z / rows
    middle, half = share + squared / 2, math.sqrt(squared * (share * (1 - share) + squared / 4))
    return (middle - half) / (1 + squared), (middle + half) / (1 + squared)


def mcnemar(only_ours: int, only_theirs: int) -> float:
    """Exact two-sided p that two models are right alike often on the same rows (McNemar 1947, doi:10.1007/BF02295996).

    Args:
        only_ours: Rows that ours alone has right.
        only_theirs: Rows that theirs alone has right.
    """
    from scipy.stats import binomtest

    both = only_ours + only_theirs
    return float(binomtest(only_ours, both).pvalue) if both else 1.0


def mcnemar_bounds(our_errors: float, their_errors: float, rows: int) -> tuple[float, float]:
    """Least and most that the exact p of `mcnemar` can be, where their predictions are not known, only how many err.

    The rows that one side alone has right differ by the difference of the errors; they are fewest where the errors
    lie in one another, most where they have no row in common (or as few as the rows allow).
    """
    ours, theirs = round(our_errors), round(their_errors)
    apart = abs(ours - theirs)
    most = min(ours + theirs, 2 * rows - ours - theirs)
    fewer = (most - apart) // 2
    return mcnemar(apart, 0), mcnemar(apart + fewer, fewer)


def judge(comparison: Comparison, margin: float, p_adjusted: float) -> Verdict:
    """The verdict on a comparable claim, in the order of the design.

    Args:
        comparison: The comparison.
        margin: Largest difference that still counts as the same, declared before the run.
        p_adjusted: `comparison.p` after Holm's correction over the claims.
    """
    if comparison.sd is None:
        return "inconclusive"
    # Two one-sided tests at 5% each (Schuirmann 1987, doi:10.1007/BF01068419).
    doubt = _half(0.95, comparison.se_of_means, comparison.degrees, max(comparison.holdout))
    if comparison.farthest + doubt < margin:
        return "reproduced"
    if comparison.p > 0.05:
        return "consistent"
    if p_adjusted <= 0.05 and abs(comparison.nearest) > margin:
        return "lower" if comparison.nearest < 0 else "higher"
    return "inconclusive"


def prediction_interval(comparison: Comparison) -> tuple[float, float] | None:
    """95% interval in which the reported value is expected by what the seeds gave; of the same rows mean ± t · se."""
    if comparison.sd is None:
        return None
    below, above = (
        _half(0.975, comparison.se_of_claim, comparison.degrees, sampling) for sampling in comparison.holdout
    )
    return comparison.mean - below, comparison.mean + above


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
