"""How often a run verdict is wrong: retraining with seed noise, simulated.

    python bench/verdict_calibration.py [--cards 4000]

Models have a true accuracy and a spread over seeds; each is scored on rows of one test set, or on a hold-out that each
side draws for itself, so that scores are counts; the reported one is rounded or cut off to some digits. The first table
gives how often the 95% prediction interval holds the reported number, and how often `reproduced` is said of a claim
whose true difference is the margin; the second, how often `lower` or `higher` is said of any claim of an honest card.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import numpy as np

from runner.judging import compare, holm, judge, newcombe, prediction_interval

MARGIN = 0.01


@dataclass(frozen=True)
class Setting:
    """What is simulated.

    Attributes:
        seeds: Seeds that we ran.
        decimals: Digits of the reported share; 2 is whole percent.
        cut: Whether digits are cut off instead of rounded.
        rows: Fewest and most rows of the test set.
        drawn: Whether each side draws its hold-out for itself.
        claims: Claims of a card.
        rho: Correlation of the claims of one seed.
    """

    seeds: int
    decimals: int
    cut: bool = False
    rows: tuple[int, int] = (400, 50_000)
    drawn: bool = False
    claims: int = 1
    rho: float = 0.0


def scores(draw: np.random.Generator, models: np.ndarray, rows: int, hardness: float) -> np.ndarray:
    """Shares of right rows of models, as counts by rows.

    Args:
        draw: Random numbers.
        models: True accuracy of each.
        rows: Rows of the test set.
        hardness: How much easier this test set is than another of its size, for every model alike.
    """
    # Which rows are right is chance, so that their share is right on average.
    return np.clip(np.floor((models + hardness) * rows + draw.uniform(size=models.shape)), 0, rows) / rows


def written(value: float, decimals: int, cut: bool) -> tuple[float, float, float]:
    """Low and high end of what a value is written as, and the largest that is cut to the same digits."""
    unit = 10.0**-decimals
    digits = math.floor(value / unit + 1e-9) if cut else round(value / unit)
    return (digits - 0.5) * unit, (digits + 0.5) * unit, (digits + 1) * unit


def card(draw: np.random.Generator, setting: Setting) -> tuple[list[bool], bool]:
    """One honest card: whether each interval holds the reported number, and whether anything is accused."""
    rows = round(math.exp(draw.uniform(*np.log(setting.rows))))
    low, high = 0.55, 0.97
    compared, inside = [], []
    spread = math.exp(draw.uniform(math.log(1e-3), math.log(0.03)))
    shared = draw.normal(size=setting.seeds + 1)
    for _ in range(setting.claims):
        accuracy = draw.uniform(low, high)
        own = draw.normal(size=setting.seeds + 1)
        noise = math.sqrt(setting.rho) * shared + math.sqrt(1 - setting.rho) * own
        models = np.clip(accuracy + spread * noise, 0.0, 1.0)
        se = math.sqrt(accuracy * (1 - accuracy) / rows)
        ours, theirs = (draw.normal(0, se), draw.normal(0, se)) if setting.drawn else (0.0, 0.0)
        values = scores(draw, models[1:], rows, ours)
        reported = float(scores(draw, models[:1], rows, theirs)[0])
        ends = written(reported, setting.decimals, setting.cut)
        mean = float(values.mean())
        holdout = newcombe(mean, rows, min(max(mean, ends[0]), ends[1]), rows) if setting.drawn else (0.0, 0.0)
        found = compare(ends[0], ends[1], values.tolist(), None, None, holdout, 1 / rows, ends[2])
        interval = prediction_interval(found)
        assert interval is not None
        # Any number that is written so may be the reported one.
        inside.append(interval[0] <= ends[2] and ends[0] <= interval[1])
        compared.append(found)
    adjusted = holm([found.p for found in compared])
    verdicts = [judge(found, 1e-9, p) for found, p in zip(compared, adjusted, strict=True)]
    return inside, any(verdict in ("lower", "higher") for verdict in verdicts)


def wrongly_reproduced(draw: np.random.Generator, setting: Setting) -> bool:
    """Whether a claim whose true difference from our recipe's mean is the margin is called reproduced."""
    rows = round(math.exp(draw.uniform(*np.log(setting.rows))))
    accuracy = draw.uniform(0.6, 0.95)
    spread = math.exp(draw.uniform(math.log(5e-4), math.log(0.03)))
    reported = float(scores(draw, np.asarray([accuracy]), rows, 0.0)[0])
    # Ours is the margin away from what is reported, whatever the rounding shows of it.
    models = reported + draw.choice([-1, 1]) * MARGIN + spread * draw.normal(size=setting.seeds)
    se = math.sqrt(accuracy * (1 - accuracy) / rows)
    shift = draw.normal(0, math.sqrt(2) * se) if setting.drawn else 0.0
    values = scores(draw, np.clip(models, 0, 1), rows, shift)
    ends = written(reported, setting.decimals, setting.cut)
    mean = float(values.mean())
    holdout = newcombe(mean, rows, min(max(mean, ends[0]), ends[1]), rows) if setting.drawn else (0.0, 0.0)
    found = compare(ends[0], ends[1], values.tolist(), None, None, holdout, 1 / rows, ends[2])
    return judge(found, MARGIN, found.p) == "reproduced"


def coverage(setting: Setting, cards: int, seed: int = 0) -> tuple[float, float]:
    """Share of intervals that hold the reported number, and of cards on which anything is accused."""
    draw = np.random.default_rng([seed, setting.seeds, setting.decimals, setting.drawn, setting.cut])
    found = [card(draw, setting) for _ in range(cards)]
    return float(np.mean([one for inside, _ in found for one in inside])), float(np.mean([bad for _, bad in found]))


def reproduced(setting: Setting, cards: int, seed: int = 0) -> float:
    """Share of claims the margin away that are called reproduced."""
    draw = np.random.default_rng([seed, setting.seeds, setting.decimals, setting.drawn, setting.cut])
    return float(np.mean([wrongly_reproduced(draw, setting) for _ in range(cards)]))


FINE, COARSE, TINY = (10_000, 50_000), (400, 10_000), (20, 100)
"""Rows: of test sets whose scores have four digits, three, and hardly two."""

SETTINGS = [
    Setting(seeds, decimals, cut, rows, drawn)
    for rows, drawn in ((FINE, False), (COARSE, False), (TINY, False), (COARSE, True))
    for decimals, cut in ((2, False), (2, True), (3, False), (4, True), (5, False))
    for seeds in (2, 3, 5, 10)
]


def main() -> None:
    """Print the tables; exit with 1 where a bound is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cards", type=int, default=4000)
    cards = parser.parse_args().cards
    broken = 0
    print("rows          hold-out  digits    seeds  inside 95%  `reproduced` at the margin")
    for setting in SETTINGS:
        inside, _ = coverage(setting, cards)
        wrong = reproduced(setting, cards)
        noise = 3 * math.sqrt(0.05 * 0.95 / cards)
        exact = setting.decimals >= 4 and setting.rows == FINE
        bad = inside < 0.94 - noise / 3 or (exact and abs(inside - 0.95) > 0.01 + noise / 3)
        bad = bad or wrong > 0.05 + noise
        broken += bad
        rows = f"{setting.rows[0]}–{setting.rows[1]:,}"
        how = f"{setting.decimals} {'cut' if setting.cut else 'rounded'}"
        where = "drawn" if setting.drawn else "the same"
        print(f"{rows:13} {where:9} {how:9} {setting.seeds:5} {inside:10.1%} {wrong:10.1%}{'  BROKEN' if bad else ''}")
    print("\nclaims  correlation  seeds  honest cards with a claim called lower or higher")
    for claims in (1, 4, 12):
        for rho in (0.0, 0.8):
            for seeds in (2, 5):
                _, accused = coverage(Setting(seeds, 4, claims=claims, rho=rho), cards)
                bad = accused > 0.05 + 3 * math.sqrt(0.05 * 0.95 / cards)
                broken += bad
                print(f"{claims:6} {rho:12} {seeds:6} {accused:8.1%}{'  BROKEN' if bad else ''}")
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
