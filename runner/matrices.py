"""Confusion matrices of a two-class test set that give reported scores: counted exactly, or sought in the continuous.

TP, FN, FP, TN are its cells: n = TP + FN + FP + TN rows, p = TP + FN of them positive and q = n − p negative. TP is
enumerated, all else is closed: for fixed (n, p, TP) no score of `STATISTICS` rises with FP, so that the FP that give a
score within an interval are themselves an interval, and those that give several are what these have in common.
(Accuracy, precision, recall, F1 and specificity: plainly, and so for each class and every sum of classes with weights
fixed by n and p. Cohen's kappa (TP·q − p·FP) · 2 / (q·TP + p·FN + p·q + FP·(q − p)): a ratio of two linear terms, whose
derivative has the sign of −(p²·FN + p²·q + q²·TP). Matthews' coefficient (TP·n − p·m) / √(p·q·m·(n − m)), m = TP + FP:
d log/dm = −p/(TP·n − p·m) − (n − 2m)/(2m(n − m)) is negative where the coefficient is positive, as TP ≤ p, and positive
where it is negative, as TP ≥ 0.)

A test set is taken to have rows of both classes. Precision without predicted positives is undefined; scikit-learn calls
it 0, others 1, or they drop it: whatever is reported of such a matrix is accepted. Its coefficient, 0/0 too, is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.numbers import Number
    from registry.vocabulary import Averaging

Convention = Literal["rounded", "truncated"]
CONVENTIONS: tuple[Convention, ...] = ("rounded", "truncated")

Statistic = Literal[
    "accuracy", "precision", "recall", "f1", "specificity", "negative precision", "negative f1", "balanced accuracy",
    "macro precision", "macro f1", "weighted precision", "weighted f1", "kappa", "mcc",
]  # fmt: skip
STATISTICS: tuple[Statistic, ...] = Statistic.__args__  # type: ignore[attr-defined]
"""Scores of one confusion matrix; `recall` and `specificity` are those of the positive and of the negative class."""

AVERAGED: Mapping[str, Mapping[Averaging, Statistic]] = {
    "precision": {
        "positive": "precision", "macro": "macro precision", "micro": "accuracy", "weighted": "weighted precision",
    },
    "recall": {"positive": "recall", "macro": "balanced accuracy", "micro": "accuracy", "weighted": "accuracy"},
    "f1": {"positive": "f1", "macro": "macro f1", "micro": "accuracy", "weighted": "weighted f1"},
}  # fmt: skip
"""Metric → averaging → what it is of a confusion matrix: micro averages and weighted recall are the accuracy, macro
recall the balanced accuracy (user guide of scikit-learn 1.6, sections 3.4.4.4 and 3.4.4.9)."""

OF_CLASS: Mapping[str, tuple[Statistic, Statistic]] = {
    "precision": ("negative precision", "precision"),
    "recall": ("specificity", "recall"),
    "f1": ("negative f1", "f1"),
}
"""Metric → what it is of the negative and of the positive class."""

MOST_ROWS = 100_000
"""Larger test sets are not enumerated: shares of them are as good as continuous."""
MOST_PAIRS = 300_000
"""Pairs (p, TP) that are enumerated where p is unknown; some 0.1 s."""
FINEST = 10**7
"""Written digits beyond the seventh are widened away, so that products of counts and bounds fit 64 bits."""
_GUARD = 1e-11
_LAST_DIGIT = -12
_EXACT: frozenset[Statistic] = frozenset(STATISTICS[:8])


@dataclass(frozen=True, slots=True)
class Interval:
    """Values that are written alike.

    Attributes:
        low: The smallest one.
        high: The largest one.
        low_open: Whether `low` itself is written otherwise.
        high_open: Whether `high` is.
    """

    low: Fraction
    high: Fraction
    low_open: bool = False
    high_open: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing is in it."""
        return not self.meets(self.low, self.high)

    def __contains__(self, value: Fraction) -> bool:
        return (self.low < value or (self.low == value and not self.low_open)) and (
            value < self.high or (value == self.high and not self.high_open)
        )

    def __and__(self, other: Interval) -> Interval:
        """What both contain; `low` above `high` where that is nothing."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(
            low,
            high,
            any(one.low_open for one in (self, other) if one.low == low),
            any(one.high_open for one in (self, other) if one.high == high),
        )

    def meets(self, low: Fraction, high: Fraction) -> bool:
        """Whether any value of the closed interval from `low` to `high` is in it."""
        if low > high:
            return False
        under = self.low < high or (self.low == high and not self.low_open)
        return under and (low < self.high or (low == self.high and not self.high_open))


def written(number: Number) -> tuple[Fraction, Fraction]:
    """The value of a number and one unit of its last written digit, both exact; percent as shares.

    Digits beyond the twelfth are those of a float, whose last ones are noise of the computation: the unit ends there.

    >>> from registry.numbers import read_number
    >>> written(read_number("92.68%"))
    (Fraction(2317, 2500), Fraction(1, 10000))
    """
    unit = max(round(math.log10(2 * number.half_width)), _LAST_DIGIT)
    return Fraction(repr(number.value)), Fraction(10) ** unit


def interval(number: Number, convention: Convention) -> Interval:
    """The values that a number stands for: to ½ unit on both sides (either tie), or those cut off towards zero."""
    value, unit = written(number)
    if convention == "rounded":
        return Interval(value - unit / 2, value + unit / 2)
    return Interval(
        value - unit if value <= 0 else value, value + unit if value >= 0 else value, value <= 0, value >= 0
    )


def one_unit(number: Number) -> Interval:
    """Every value less than a whole unit of the last digit away: rounded, cut off, or rounded twice."""
    value, unit = written(number)
    return Interval(value - unit, value + unit, low_open=True, high_open=True)


def score(statistic: Statistic, tp: int, fp: int, n: int, p: int) -> tuple[Fraction, Fraction]:
    """The values that a statistic may take of one matrix: one, but where a precision is undefined; not for `mcc`."""
    q, fn, tn = n - p, p - tp, n - p - fp
    zero, one = Fraction(0), Fraction(1)
    positive = (Fraction(tp, tp + fp),) * 2 if tp + fp else (zero, one)
    negative = (Fraction(tn, tn + fn),) * 2 if tn + fn else (zero, one)
    f1, negative_f1 = Fraction(2 * tp, tp + fp + p), Fraction(2 * tn, tn + fn + q)
    if statistic == "precision":
        return positive
    if statistic == "negative precision":
        return negative
    if statistic == "macro precision":
        return (positive[0] + negative[0]) / 2, (positive[1] + negative[1]) / 2
    if statistic == "weighted precision":
        return (p * positive[0] + q * negative[0]) / n, (p * positive[1] + q * negative[1]) / n
    value = {
        "accuracy": lambda: Fraction(tp + tn, n),
        "recall": lambda: Fraction(tp, p),
        "specificity": lambda: Fraction(tn, q),
        "f1": lambda: f1,
        "negative f1": lambda: negative_f1,
        "balanced accuracy": lambda: (Fraction(tp, p) + Fraction(tn, q)) / 2,
        "macro f1": lambda: (f1 + negative_f1) / 2,
        "weighted f1": lambda: (p * f1 + q * negative_f1) / n,
        "kappa": lambda: Fraction(2 * (tp * tn - fp * fn), (tp + fp) * q + p * (fn + tn)),
    }[statistic]()
    return value, value


def gives(statistic: Statistic, wanted: Interval, tp: int, fp: int, n: int, p: int) -> bool:
    """Whether one matrix gives a statistic within an interval, in exact arithmetic."""
    if statistic != "mcc":
        return wanted.meets(*score(statistic, tp, fp, n, p))
    if tp + fp in (0, n):
        return Fraction(0) in wanted  # 0/0, and 0 by convention
    low, high = _compare_mcc(wanted.low, tp, fp, n, p), _compare_mcc(wanted.high, tp, fp, n, p)
    return (low > 0 or (low == 0 and not wanted.low_open)) and (high < 0 or (high == 0 and not wanted.high_open))


def _compare_mcc(bound: Fraction, tp: int, fp: int, n: int, p: int) -> int:
    """Sign of (Matthews' coefficient − bound); by squares, as the coefficient is a root."""
    m = tp + fp
    above = tp * n - p * m
    left = (above * bound.denominator) ** 2 * (1 if above >= 0 else -1)
    right = bound.numerator**2 * p * (n - p) * m * (n - m) * (1 if bound >= 0 else -1)
    return (left > right) - (left < right)


def count(n: int, wanted: Mapping[Statistic, Interval], p: int | None = None) -> int | None:
    """How many confusion matrices of n rows give all wanted statistics.

    Args:
        n: Rows.
        wanted: Statistic → interval.
        p: Positive rows; null where they are unknown, which counts the matrices of all 0 < p < n.

    Returns:
        The count; null where there are more than `MOST_ROWS` rows or `MOST_PAIRS` pairs (p, TP) to try.

    Raises:
        ValueError: Not 0 < p < n.
    """
    import numpy as np

    if p is not None and not 0 < p < n:
        raise ValueError(f"{p} positives of {n} rows: a test set of two classes has rows of both")
    if any(bounds.empty for bounds in wanted.values()):
        return 0
    if n > MOST_ROWS:
        return None
    wanted = {statistic: _coarse(bounds) for statistic, bounds in wanted.items()}
    positives = np.arange(1, n, dtype=np.int64) if p is None else np.array([p], dtype=np.int64)
    # The recall bounds TP before anything is enumerated.
    recall = wanted.get("recall", Interval(Fraction(0), Fraction(1)))
    first = np.maximum(0, _ceiling(positives, recall.low, recall.low_open))
    last = np.minimum(positives, -_ceiling(-positives, recall.high, recall.high_open))
    sizes = np.maximum(0, last - first + 1)
    pairs = int(sizes.sum())
    if pairs > MOST_PAIRS:
        return None
    p_of = np.repeat(positives, sizes)
    tp = np.arange(pairs, dtype=np.int64) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(first, sizes)
    low, high = np.zeros_like(tp), n - p_of
    # The two matrices without predicted positives, or without predicted negatives, are looked at one by one.
    low, high = np.where(tp == 0, 1, low), np.where(tp == p_of, high - 1, high)
    order = sorted((one for one in wanted if one != "recall"), key=lambda one: one not in _EXACT)
    for statistic in order:
        keep = low <= high
        tp, p_of, low, high = tp[keep], p_of[keep], low[keep], high[keep]
        bounds = wanted[statistic]
        above = _last(statistic, bounds.high, not bounds.high_open, tp, p_of, n, low, high)
        below = _last(statistic, bounds.low, bounds.low_open, tp, p_of, n, low, high)
        low, high = np.maximum(low, above + 1), np.minimum(high, below)
    found = int(np.maximum(0, high - low + 1).sum())
    return found + _constant_predictors(n, wanted, 1 if p is None else p, n - 1 if p is None else p)


def _constant_predictors(n: int, wanted: Mapping[Statistic, Interval], first: int, last: int) -> int:
    """How many of the matrices that predict one class for every row give all wanted, for first ≤ p ≤ last."""
    found = 0
    accuracy = wanted.get("accuracy", Interval(Fraction(0), Fraction(1)))
    for positive in (False, True):
        # Their accuracy is the share of that class, which bounds p; their recalls do not depend on p at all.
        fixed = [one for one in wanted if one in ("recall", "specificity", "balanced accuracy", "kappa")]
        if not all(gives(one, wanted[one], first * positive, (n - first) * positive, n, first) for one in fixed):
            continue
        bounds = (math.floor(accuracy.low * n), math.ceil(accuracy.high * n))
        low, high = bounds if positive else (n - bounds[1], n - bounds[0])
        for p in range(max(first, low), min(last, high) + 1):
            cells = (p * positive, (n - p) * positive)
            found += all(gives(one, limits, *cells, n, p) for one, limits in wanted.items())
    return found


def _coarse(bounds: Interval) -> Interval:
    """The same interval, widened to bounds whose denominator is at most 2 · `FINEST`."""
    scale = 2 * FINEST
    low, high = bounds.low, bounds.high
    if low.denominator <= scale and high.denominator <= scale:
        return bounds
    return Interval(Fraction(math.floor(low * scale), scale), Fraction(math.ceil(high * scale), scale))


def _ceiling(counts: Any, bound: Fraction, is_open: bool) -> Any:
    """Smallest whole number k ≥ counts · bound; > where the bound is open. Int64 array of the shape of `counts`."""
    top = counts * bound.numerator
    return top // bound.denominator + 1 if is_open else -((-top) // bound.denominator)


def _last(statistic: Statistic, bound: Fraction, strictly: bool, tp: Any, p: Any, n: int, low: Any, high: Any) -> Any:
    """The largest FP from `low` to `high` at which the statistic is at least (or above) a bound; `low` − 1 if none is.

    Args:
        statistic: One that does not rise with FP.
        bound: The bound.
        strictly: Whether the statistic must be above it.
        tp: True positives, an int64 array (rows,); `p`, `low` and `high` likewise.
        p: Positives.
        n: Rows of the test set.
        low: Smallest FP.
        high: Largest FP.
    """
    import numpy as np

    if statistic in _EXACT or (statistic == "kappa" and bound >= 0):
        # (a + b·FP) / (c + d·FP) ≥ u/v, with c + d·FP > 0, is FP · (u·d − v·b) ≤ v·a − u·c.
        a, b, c, d = _fractional(statistic, tp, p, n)
        u, v = bound.numerator, bound.denominator
        slope, rest = u * d - v * b, v * a - u * c - (1 if strictly else 0)
        slope = np.broadcast_to(slope, tp.shape)
        reached = np.where(slope > 0, rest // np.where(slope > 0, slope, 1), np.where(rest >= 0, high, low - 1))
        if u < 0:
            return high.copy()
        return np.clip(reached, low - 1, high)
    target = float(bound)
    inside, outside = low - 1, high + 1  # at `inside` it is reached, at `outside` it is not
    for _ in range(int(np.max(outside - inside, initial=1)).bit_length()):
        middle = (inside + outside) // 2
        reached = _floats(statistic, tp, np.clip(middle, low, high), p, n) >= target - _GUARD
        reached = (reached & (middle <= high)) | (middle < low)
        inside, outside = np.where(reached, middle, inside), np.where(reached, outside, middle)
    # Where floats cannot tell, whole numbers do.
    near = (inside >= low) & (np.abs(_floats(statistic, tp, np.maximum(inside, low), p, n) - target) <= 2 * _GUARD)
    side = Interval(bound, Fraction(2), low_open=strictly)
    for row in np.nonzero(near)[0].tolist():
        while inside[row] >= low[row] and not gives(statistic, side, int(tp[row]), int(inside[row]), n, int(p[row])):
            inside[row] -= 1
    return inside


def _fractional(statistic: Statistic, tp: Any, p: Any, n: int) -> tuple[Any, Any, Any, Any]:
    """Coefficients a, b, c, d of a statistic (a + b·FP) / (c + d·FP), in whole numbers."""
    q = n - p
    return {
        "accuracy": (tp + q, -1, n, 0),
        "precision": (tp, 0, tp, 1),
        "recall": (tp, 0, p, 0),
        "f1": (2 * tp, 0, tp + p, 1),
        "specificity": (q, -1, q, 0),
        "negative precision": (q, -1, q + p - tp, -1),
        "negative f1": (2 * q, -2, 2 * q + p - tp, -1),
        "balanced accuracy": (tp * q + p * q, -p, 2 * p * q, 0),
        "kappa": (2 * tp * q, -2 * p, tp * q + (p - tp) * p + p * q, q - p),
    }[statistic]


def _floats(statistic: Statistic, tp: Any, fp: Any, p: Any, n: int | float) -> Any:
    """A statistic in floats, NaN-free; undefined precisions are 0. Arrays of one shape, of counts or of shares."""
    import numpy as np

    q = n - p
    fn, tn = p - tp, q - fp
    positive, negative = tp + fp, tn + fn
    if statistic == "mcc":
        return (tp * n - p * positive) / np.sqrt(np.maximum(1.0 * p * q * positive * negative, 1e-300))
    if statistic == "kappa":
        return 2.0 * (tp * q - p * fp) / (positive * q + p * negative)
    if statistic.endswith("f1"):
        own, other = 2.0 * tp / (positive + p), 2.0 * tn / (negative + q)
    else:
        own, other = tp / np.maximum(positive, 1e-300), tn / np.maximum(negative, 1e-300)
    return (own + other) / 2 if statistic.startswith("macro") else (p * own + q * other) / n


def possible(
    wanted: Mapping[Statistic, Interval], n: int | None = None, p: int | None = None, budget: int = 40_000
) -> bool | None:
    """Whether any confusion matrix gives all wanted statistics.

    Args:
        wanted: Statistic → interval.
        n: Rows; null where they are unknown or too many to enumerate: matrices of shares, with 1 to 999 positives of
            1,000 rows.
        p: Positive rows; null where they are unknown.
        budget: Boxes of shares that are tried before giving up.

    Returns:
        Null where the search ended before it knew; `False` is a proof, for matrices of counts and of shares.
    """
    if any(bounds.empty for bounds in wanted.values()):
        return False
    if n is not None and (p is None or 0 < p < n):
        found = count(n, wanted, p)
        if found is not None:
            return found > 0
    if not all(
        _harmonic(wanted[f1], wanted[precision], wanted[recall])
        for precision, recall, f1 in _TRIPLES
        if precision in wanted and recall in wanted and f1 in wanted
    ):
        return False
    share = Fraction(p, n) if n is not None and p is not None else None
    ends = (share, share) if share is not None else (Fraction(1, n or 1000), 1 - Fraction(1, n or 1000))
    return _possible_shares(wanted, float(ends[0]), float(ends[1]), budget)


_TRIPLES: tuple[tuple[Statistic, Statistic, Statistic], ...] = (
    ("precision", "recall", "f1"),
    ("negative precision", "specificity", "negative f1"),
)


def harmonic(precision: Fraction, recall: Fraction) -> Fraction:
    """F1 of a class by its precision and recall: 2PR/(P + R), and 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision > 0 and recall > 0 else Fraction(0)


def _harmonic(f1: Interval, precision: Interval, recall: Interval) -> bool:
    """Whether the harmonic mean of two intervals, which rises with both, meets a third."""
    return f1.meets(harmonic(precision.low, recall.low), harmonic(precision.high, recall.high))


def _possible_shares(wanted: Mapping[Statistic, Interval], least: float, most: float, budget: int) -> bool | None:
    """Branch and prune over (prevalence, TPR, FPR): boxes that cannot give the statistics are dropped, others halved.

    Every statistic but kappa and the weighted ones rises with TP and TN and falls with FP and FN, so that its range
    over a box lies between its values at two corners; the weights of the weighted ones are bounded apart. The boxes
    whose middle misses least are halved first.
    """
    import numpy as np

    bounds = {one: (float(ends.low) - _GUARD, float(ends.high) + _GUARD) for one, ends in wanted.items()}
    low, high = np.array([[least, 0.0, 0.0]]), np.array([[most, 1.0, 1.0]])
    miss = np.zeros(1)
    tried = 0
    halves = np.array([[bit >> axis & 1 for axis in range(3)] for bit in range(8)], dtype=float)
    while len(low):
        if tried > budget:
            return None
        order = np.argsort(miss, kind="stable")
        now, later = order[:256], order[256:]
        width = (high[now] - low[now]) / 2
        lows = (low[now][:, None, :] + halves * width[:, None, :]).reshape(-1, 3)
        highs = lows + np.repeat(width, 8, axis=0)
        tried += len(lows)
        alive = np.ones(len(lows), dtype=bool)
        misses = np.zeros(len(lows))
        cells = _cells(lows, highs)
        tp, fn, fp, tn = (ends[0] for ends in _cells((lows + highs) / 2, (lows + highs) / 2))
        for statistic, (floor, ceiling) in bounds.items():
            bottom, top = _range(statistic, cells, lows[:, 0], highs[:, 0])
            alive &= (top >= floor) & (bottom <= ceiling)
            share = (lows[:, 0] + highs[:, 0]) / 2
            value = _of_cells(statistic, tp, fn, fp, tn, share, share, min)
            misses = np.maximum(misses, np.maximum(floor - value, value - ceiling) / (ceiling - floor))
        if np.any(alive & (misses <= 0)):
            return True
        if np.any(alive) and float(np.max(highs[alive] - lows[alive])) < 1e-9:
            return None
        low, high = np.concatenate([low[later], lows[alive]]), np.concatenate([high[later], highs[alive]])
        miss = np.concatenate([miss[later], misses[alive]])
    return False


Cells = tuple[tuple[Any, Any], tuple[Any, Any], tuple[Any, Any], tuple[Any, Any]]
"""Smallest and largest TP, FN, FP and TN of boxes, as shares of all rows: arrays (boxes,)."""


def _cells(low: Any, high: Any) -> Cells:
    """The cells over boxes (boxes, 3) of prevalence, TPR and FPR."""
    return (
        (low[:, 0] * low[:, 1], high[:, 0] * high[:, 1]),
        (low[:, 0] * (1 - high[:, 1]), high[:, 0] * (1 - low[:, 1])),
        ((1 - high[:, 0]) * low[:, 2], (1 - low[:, 0]) * high[:, 2]),
        ((1 - high[:, 0]) * (1 - high[:, 2]), (1 - low[:, 0]) * (1 - low[:, 2])),
    )


def _range(statistic: Statistic, cells: Cells, least: Any, most: Any) -> tuple[Any, Any]:
    """Bounds of a statistic over boxes whose prevalence is `least` to `most`."""
    tp, fn, fp, tn = cells
    if statistic == "kappa":
        return _kappa_range(tp, fn, fp, tn)
    worst = _of_cells(statistic, tp[0], fn[1], fp[1], tn[0], least, most, min)
    best = _of_cells(statistic, tp[1], fn[0], fp[0], tn[1], least, most, max)
    return worst, best


def _kappa_range(tp: Any, fn: Any, fp: Any, tn: Any) -> tuple[Any, Any]:
    """Bounds of 2(TP·TN − FP·FN) / ((TP + FP)(FP + TN) + (TP + FN)(FN + TN)); each cell is a pair of its ends.

    It rises with TP and TN, and falls with FP and FN while it is positive; numerator and denominator are monotone.
    """
    import numpy as np

    def parts(above: int, below: int) -> tuple[Any, Any]:
        # The numerator of one corner, and the denominator where cells are at their `below` ends.
        one = [cell[below] for cell in (tp, fn, fp, tn)]
        whole = (one[0] + one[2]) * (one[2] + one[3]) + (one[0] + one[1]) * (one[1] + one[3])
        return 2 * (tp[above] * tn[above] - fp[1 - above] * fn[1 - above]), np.maximum(whole, 1e-300)

    (least, smallest), (most, largest) = parts(0, 0), parts(1, 1)
    low = np.where(least >= 0, least / largest, np.maximum(least / smallest, -1.0))
    return low, np.where(most >= 0, np.minimum(most / smallest, 1.0), most / largest)


def _of_cells(statistic: Statistic, tp: Any, fn: Any, fp: Any, tn: Any, least: Any, most: Any, end: Any) -> Any:
    """A statistic of four cells that need not sum to 1; `end` picks the fill of 0/0 and the end of a weight."""
    import numpy as np

    pick = np.minimum if end is min else np.maximum

    def part(own: Any, rest: Any) -> Any:
        whole = own + rest
        return np.where(whole > 0, own / np.where(whole > 0, whole, 1), float(end(0, 1)))

    if statistic == "kappa":
        return 2 * (tp * tn - fp * fn) / np.maximum((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn), 1e-300)
    if statistic == "mcc":
        below = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return np.where(below > 0, (tp * tn - fp * fn) / np.where(below > 0, below, 1), float(end(-1, 1)))
    if statistic in _PARTS:
        return part(*_PARTS[statistic](tp, fn, fp, tn))
    if statistic in _OPPOSITE:
        return part(*_PARTS[_OPPOSITE[statistic]](tn, fp, fn, tp))
    name = "recall" if statistic == "balanced accuracy" else statistic.partition(" ")[2]
    own, other = part(*_PARTS[name](tp, fn, fp, tn)), part(*_PARTS[name](tn, fp, fn, tp))
    if not statistic.startswith("weighted"):
        return (own + other) / 2
    return pick(least * own + (1 - least) * other, most * own + (1 - most) * other)


_PARTS: Mapping[str, Callable[[Any, Any, Any, Any], tuple[Any, Any]]] = {
    "accuracy": lambda tp, fn, fp, tn: (tp + tn, fp + fn),
    "precision": lambda tp, fn, fp, tn: (tp, fp),
    "recall": lambda tp, fn, fp, tn: (tp, fn),
    "f1": lambda tp, fn, fp, tn: (2 * tp, fp + fn),
}
"""Score of the positive class → what counts for it and what against; with the cells turned round, of the negative."""
_OPPOSITE = dict(OF_CLASS.values())  # negative → positive
