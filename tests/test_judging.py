"""The statistics of the run verdicts, by worked examples and by simulation."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.numbers import read_number
from runner.judging import (
    BADNESS,
    Verdict,
    compare,
    further_seed_interval,
    holm,
    judge,
    mcnemar,
    mcnemar_bounds,
    newcombe,
    prediction_interval,
)


def verdict(
    text: str,
    values: list[float],
    margin: float = 0.01,
    seeds: int | None = None,
    sd: float | None = None,
    holdout: float = 0.0,
    step: float = 0.0,
) -> Verdict:
    """The verdict on one claim that stands alone."""
    number = read_number(text)
    comparison = compare(number.low, number.high, values, seeds, sd, (holdout, holdout), step)
    return judge(comparison, margin, comparison.p)


# Worked examples. Seeds 0.84, 0.85, 0.86: mean 0.85, sd 0.01, 2 degrees of freedom, t(0.95) 2.920, t(0.975) 4.303.
# Their mean has a standard error of 0.01/√3 = 0.005774, a further single seed one of 0.01·√(4/3) = 0.011547.
THREE = [0.84, 0.85, 0.86]


def test_equivalence_within_the_margin_is_reproduced() -> None:
    # farthest end 0.0005, + 2.920 × 0.005774 = 0.01736
    assert verdict("0.850", THREE, margin=0.0174) == "reproduced"
    assert verdict("0.850", THREE, margin=0.0173) == "consistent"


def test_a_coarsely_rounded_claim_is_judged_by_its_worst_end() -> None:
    # 85% may be 0.845 or 0.855: farthest 0.005, + 0.01686 = 0.02186
    assert verdict("85%", THREE, margin=0.0219) == "reproduced"
    assert verdict("85%", THREE, margin=0.0218) == "consistent"


def test_a_claim_inside_the_prediction_interval_is_consistent() -> None:
    # half-width 4.303 × 0.011547 = 0.04968 from the nearest end of the rounding
    assert verdict("0.8995", THREE) == "consistent"
    assert verdict("0.8999", THREE) == "lower"
    assert verdict("0.8005", THREE) == "consistent"
    assert verdict("0.8001", THREE) == "higher"


def test_a_claim_outside_the_interval_but_within_the_margin_is_neither_lower_nor_higher() -> None:
    # outside by 0.0034 > 4.303 × 0.0001155, and equivalence fails: farthest 0.0035 + 2.920 × 0.0000577 > 0.0035
    values = [0.8499, 0.8500, 0.8501]
    assert verdict("0.85345", values, margin=0.0035) == "inconclusive"
    assert verdict("0.85345", values, margin=0.0030) == "lower"
    assert verdict("0.85345", values, margin=0.0040) == "reproduced"


def test_one_seed_says_nothing_of_a_claim_without_a_spread() -> None:
    assert verdict("85%", [0.60]) == "inconclusive"
    assert prediction_interval(compare(0.845, 0.855, [0.60])) is None


def test_a_further_seed_is_expected_around_the_mean() -> None:
    # 4.303 × 0.01 × √(1 + 1/3)
    found = further_seed_interval(THREE)
    assert found == pytest.approx((0.85 - 0.04968, 0.85 + 0.04968), abs=1e-5)
    assert further_seed_interval([0.85]) is None


def test_a_further_seed_falls_where_it_is_expected_19_times_of_20() -> None:
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        *values, further = draw.normal(0.85, 0.01, size=6)
        found = further_seed_interval(values)
        assert found is not None
        inside += found[0] <= further <= found[1]
    assert abs(inside / 400 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 400)


def test_one_seed_is_judged_by_the_spread_that_the_claim_states() -> None:
    # 5 seeds, sd 0.002: 0.002 × √(1/5 + 1) = 0.0021909, t(0.975, 4) = 2.776: half-width 0.006083
    # equivalence: t(0.95, 4) = 2.132 × 0.0021909 = 0.00467
    assert verdict("0.9000", [0.9000], seeds=5, sd=0.002) == "reproduced"
    assert verdict("0.9000", [0.9060], seeds=5, sd=0.002) == "consistent"
    assert verdict("0.9000", [0.9062], seeds=5, sd=0.002, margin=0.006) == "higher"
    assert verdict("0.9000", [0.8800], seeds=5, sd=0.002) == "lower"


def test_spreads_of_both_sides_are_pooled() -> None:
    # 4 degrees with sd 0.02 and 2 with 0.01: √((4·0.0004 + 2·0.0001)/6) = 0.017321
    found = compare(0.85, 0.85, THREE, claimed_seeds=5, claimed_sd=0.02)
    assert found.sd == pytest.approx(math.sqrt(0.0018 / 6))
    assert found.degrees == 6
    assert found.se_of_claim == found.se_of_means == pytest.approx(0.0173205 * math.sqrt(1 / 5 + 1 / 3))


def test_a_different_hold_out_adds_its_sampling_in_squares() -> None:
    # seeds alone: 4.303 × 0.01 × √(4/3) = 0.049683; with 0.03 of sampling √(0.049683² + 0.03²) = 0.058038
    found = prediction_interval(compare(0.9, 0.9, THREE, holdout=(0.03, 0.0)))
    assert found == pytest.approx((0.85 - 0.058038, 0.85 + 0.049683), abs=1e-5)
    assert verdict("0.9050", THREE, holdout=0.03) == "consistent"
    assert verdict("0.9050", THREE) == "lower"


def test_p_under_both_kinds_of_noise_is_where_the_interval_reaches() -> None:
    assert compare(0.85 + 0.058038, 1, THREE, holdout=(0.03, 0.03)).p == pytest.approx(0.05, abs=1e-4)


def test_newcombes_interval_is_that_of_his_table() -> None:
    """56/70 against 48/80: 0.2 with 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    below, above = newcombe(56 / 70, 70, 48 / 80, 80)
    assert (0.2 - below, 0.2 + above) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_what_is_cut_off_is_neither_an_accusation_nor_a_proof() -> None:
    # "85%" is 0.845 to 0.855 rounded and up to 0.86 cut off
    assert compare(0.845, 0.855, [0.8590, 0.8592], cut=0.86).nearest == 0
    assert compare(0.845, 0.855, [0.8590, 0.8592]).nearest == pytest.approx(0.0041)
    assert compare(0.845, 0.855, [0.8490, 0.8492], cut=0.86).farthest == pytest.approx(0.0109)


def test_that_a_few_seeds_agree_on_a_coarse_grid_does_not_mean_that_all_do() -> None:
    """Of 50 rows: 43 and 43 right, and 44 reported."""
    assert verdict("0.8800", [0.86, 0.86]) == "lower"
    assert verdict("0.8800", [0.86, 0.86], step=1 / 50) == "consistent"


# Predictions of both sides


def test_mcnemars_p_is_that_of_a_coin() -> None:
    # of 10 rows that one alone has right, 9 of one side: 2 · (10 + 1) / 2¹⁰
    assert mcnemar(9, 1) == mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar(0, 0) == mcnemar(4, 4) == 1


@given(st.integers(1, 40).flatmap(lambda n: st.lists(st.tuples(st.booleans(), st.booleans()), min_size=n, max_size=n)))
def test_the_bounds_without_their_predictions_hold_for_any(rows: list[tuple[bool, bool]]) -> None:
    ours, theirs = (sum(not right for right in side) for side in zip(*rows, strict=True))
    only = [sum(a and not b for a, b in rows), sum(b and not a for a, b in rows)]
    least, most = mcnemar_bounds(ours, theirs, len(rows))
    assert least <= mcnemar(*only) <= most


def test_the_bounds_are_reached() -> None:
    # 2 and 4 errors of 10 rows: nested 2 against 0, apart 4 against 2
    assert mcnemar_bounds(2, 4, 10) == (mcnemar(2, 0), mcnemar(4, 2))
    # 9 and 7 errors of 10 rows share at least 6 rows: apart they are 3 and 1
    assert mcnemar_bounds(9, 7, 10) == (mcnemar(2, 0), mcnemar(3, 1))


def test_seeds_that_all_agree_leave_no_doubt() -> None:
    assert verdict("0.850", [0.85, 0.85, 0.85]) == "reproduced"
    assert verdict("0.870", [0.85, 0.85, 0.85]) == "lower"
    assert verdict("0.830", [0.85, 0.85, 0.85]) == "higher"


def test_distances_are_to_the_ends_of_the_rounding() -> None:
    below, inside, above = (compare(0.845, 0.855, [value, value]) for value in (0.80, 0.851, 0.90))
    assert (below.nearest, below.farthest) == (pytest.approx(-0.045), pytest.approx(0.055))
    assert (inside.nearest, inside.farthest) == (0, pytest.approx(0.006))
    assert (above.nearest, above.farthest) == (pytest.approx(0.045), pytest.approx(0.055))


def test_p_is_two_sided_of_student_s_t() -> None:
    # 0.04968 / 0.011547 = 4.303, the 97.5% point of t with 2 degrees
    assert compare(0.85 + 0.0496831, 1, THREE).p == pytest.approx(0.05, abs=1e-5)
    assert compare(0.85, 0.86, THREE).p == 1


# The prediction interval


@pytest.mark.parametrize(("seeds", "factor"), [(2, 15.6), (3, 4.97), (5, 3.04), (10, 2.37)])
def test_the_prediction_interval_is_the_tabled_multiple_of_the_spread(seeds: int, factor: float) -> None:
    values = [0.8 + 0.01 * (-1) ** index + 0.001 * index for index in range(seeds)]
    interval = prediction_interval(compare(0.9, 0.9, values))
    assert interval is not None
    half = (interval[1] - interval[0]) / 2
    assert sum(interval) / 2 == pytest.approx(fmean(values))
    assert half / stdev(values) == pytest.approx(factor, rel=0.004)


# Holm


def test_holm_s_adjustment_by_hand() -> None:
    # 4·0.01; 3·0.02; max(0.06, 2·0.03); max(0.06, 0.2)
    assert holm([0.03, 0.01, 0.2, 0.02]) == pytest.approx([0.06, 0.04, 0.2, 0.06])


def test_holm_s_adjustment_is_monotone_and_at_most_one() -> None:
    assert holm([0.9, 0.6, 0.5]) == [1, 1, 1]
    assert holm([0.02, 0.021]) == pytest.approx([0.04, 0.04])


def test_one_p_alone_and_none_stay_as_they_are() -> None:
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_nor_swaps_two(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(after >= before for before, after in zip(ps, adjusted, strict=True))
    order = sorted(range(len(ps)), key=lambda index: ps[index])
    assert [adjusted[index] for index in order] == sorted(adjusted)


def test_a_claim_among_many_needs_more_to_be_lower() -> None:
    number = read_number("0.9020")
    found = compare(number.low, number.high, THREE)
    assert 0.0125 < found.p < 0.05
    assert judge(found, 0.01, found.p) == "lower"
    assert judge(found, 0.01, holm([found.p, 1, 1, 1])[0]) == "inconclusive"


# How often it errs

TRIALS = 1500


def rate(verdicts: list[Verdict], *wrong: Verdict) -> float:
    return sum(found in wrong for found in verdicts) / len(verdicts)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("claimed", [None, 5])
def test_an_honest_claim_is_called_lower_or_higher_at_most_one_time_in_twenty(seeds: int, claimed: int | None) -> None:
    draw = np.random.default_rng(seeds)
    verdicts = []
    for _ in range(TRIALS):
        theirs = draw.normal(0.85, 0.02, claimed or 1)
        text, sd = f"{theirs.mean():.3f}", float(theirs.std(ddof=1)) if claimed else None
        verdicts.append(verdict(text, list(draw.normal(0.85, 0.02, seeds)), margin=1e-6, seeds=claimed, sd=sd))
    # 5% and three standard errors of a share of 1,500
    assert 0.02 < rate(verdicts, "lower", "higher") <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_claim_just_outside_the_margin_is_called_reproduced_at_most_one_time_in_twenty(seeds: int, side: int) -> None:
    draw = np.random.default_rng(seeds)
    text = f"{0.85 + side * 0.02:.4f}"
    verdicts = [verdict(text, list(draw.normal(0.85, 0.004, seeds)), margin=0.02) for _ in range(TRIALS)]
    assert rate(verdicts, "reproduced") <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)


def test_four_honest_claims_together_are_called_lower_or_higher_at_most_one_time_in_twenty() -> None:
    draw, wrong = np.random.default_rng(0), 0
    for _ in range(TRIALS):
        found = [compare(value, value, list(draw.normal(0.85, 0.02, 3))) for value in draw.normal(0.85, 0.02, 4)]
        adjusted = holm([comparison.p for comparison in found])
        verdicts = [judge(one, 1e-6, p) for one, p in zip(found, adjusted, strict=True)]
        wrong += any(v in ("lower", "higher") for v in verdicts)
    assert wrong / TRIALS <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)


def test_a_claim_that_is_far_off_is_found_with_enough_seeds() -> None:
    draw = np.random.default_rng(1)
    verdicts = [verdict("0.900", list(draw.normal(0.85, 0.005, 5))) for _ in range(200)]
    assert rate(verdicts, "lower") > 0.95


def test_every_verdict_has_a_place_between_good_and_bad() -> None:
    from typing import get_args

    assert sorted(BADNESS) == sorted(get_args(Verdict))
    assert BADNESS.index("reproduced") < BADNESS.index("consistent") < BADNESS.index("inconclusive")
    assert BADNESS[-2:] == ("higher", "lower")
