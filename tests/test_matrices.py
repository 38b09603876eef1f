"""Confusion matrices that give reported scores: the enumeration against brute force, scikit-learn and mlscorecheck."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import takes_less_than

from registry.numbers import read_number
from runner.matrices import (
    AVERAGED,
    CONVENTIONS,
    STATISTICS,
    Interval,
    count,
    gives,
    interval,
    one_unit,
    possible,
    score,
    written,
)  # fmt: skip


def said(averaging: str = "positive", convention: str = "rounded", **scores: str) -> dict:
    """Statistic → interval of scores as a card writes them."""
    wanted: dict = {}
    for metric, text in scores.items():
        statistic = AVERAGED[metric][averaging] if metric in AVERAGED else metric.replace("_", " ")
        bounds = interval(read_number(text), convention)
        wanted[statistic] = wanted.get(statistic, bounds) & bounds
    return wanted


def brute(n: int, wanted: dict, positives: range) -> int:
    return sum(
        all(gives(statistic, bounds, tp, fp, n, p) for statistic, bounds in wanted.items())
        for p in positives
        for tp in range(p + 1)
        for fp in range(n - p + 1)
    )


@st.composite
def claims(draw):
    """A test set, and statistics near those of one of its matrices, to some digits."""
    n = draw(st.integers(2, 24))
    p = draw(st.integers(1, n - 1))
    tp, fp = draw(st.integers(0, p)), draw(st.integers(0, n - p))
    wanted = {}
    for statistic in draw(st.sets(st.sampled_from(STATISTICS), min_size=1, max_size=4)):
        # The coefficient is a root: any number near it will do.
        value = Fraction(draw(st.integers(-100, 100)), 100) if statistic == "mcc" else score(statistic, tp, fp, n, p)[0]
        digits = draw(st.integers(0, 4))
        text = f"{float(value) + draw(st.sampled_from([0, 0, 0, 0.01, -0.03])):.{digits}f}"
        wanted[statistic] = interval(read_number(text), draw(st.sampled_from(CONVENTIONS)))
    return n, p, wanted


@settings(max_examples=300)
@given(claims())
def test_the_count_is_that_of_brute_force(claim):
    n, p, wanted = claim
    assert count(n, wanted, p) == brute(n, wanted, range(p, p + 1))


@settings(max_examples=40)
@given(claims())
def test_the_count_over_every_prevalence_is_that_of_brute_force(claim):
    n, _, wanted = claim
    n = min(n, 14)
    assert count(n, wanted) == brute(n, wanted, range(1, n))


@settings(max_examples=200)
@given(claims())
def test_shares_are_never_called_impossible_where_counts_are_possible(claim):
    n, p, wanted = claim
    if count(n, wanted, p):
        assert possible(wanted) is not False


@settings(max_examples=50)
@given(st.integers(2, 400), st.data())
def test_statistics_are_those_of_scikit_learn(n, data):
    sklearn = pytest.importorskip("sklearn.metrics")
    p = data.draw(st.integers(1, n - 1))
    tp, fp = data.draw(st.integers(0, p)), data.draw(st.integers(0, n - p))
    true = [1] * p + [0] * (n - p)
    predicted = [1] * tp + [0] * (p - tp) + [1] * fp + [0] * (n - p - fp)
    theirs = {
        "accuracy": sklearn.accuracy_score(true, predicted),
        "balanced accuracy": sklearn.balanced_accuracy_score(true, predicted),
        "kappa": sklearn.cohen_kappa_score(true, predicted),
        "specificity": sklearn.recall_score(true, predicted, pos_label=0),
        "negative precision": sklearn.precision_score(true, predicted, pos_label=0, zero_division=0),
        "negative f1": sklearn.f1_score(true, predicted, pos_label=0),
    }
    for metric, averagings in AVERAGED.items():
        for averaging, statistic in averagings.items():
            average = "binary" if averaging == "positive" else averaging
            theirs[statistic] = getattr(sklearn, f"{metric}_score")(true, predicted, average=average, zero_division=0)
    for statistic, value in theirs.items():
        assert float(score(statistic, tp, fp, n, p)[0]) == pytest.approx(value, abs=1e-12), statistic
    coefficient = Fraction(sklearn.matthews_corrcoef(true, predicted))
    assert gives("mcc", Interval(coefficient - Fraction(1, 10**9), coefficient + Fraction(1, 10**9)), tp, fp, n, p)


def test_existence_agrees_with_mlscorecheck():
    check = pytest.importorskip("mlscorecheck.check.binary")
    draw = random.Random(0)
    # It ignores names that it does not know: these are the ones of its own table.
    theirs = {"accuracy": "acc", "precision": "ppv", "recall": "sens", "f1": "f1", "specificity": "spec"}
    theirs |= {"mcc": "mcc", "kappa": "kappa", "balanced accuracy": "bacc", "negative precision": "npv"}
    verdicts = []
    for _ in range(60):
        n = draw.randint(20, 300)
        p = draw.randint(5, n - 5)
        tp, fp = draw.randint(p // 2, p), draw.randint(0, (n - p) // 2)
        scores = {}
        for statistic in draw.sample(sorted(theirs), 4):
            value = float(score(statistic, tp, fp, n, p)[0]) if statistic != "mcc" else None
            if value is not None:
                scores[statistic] = round(value + draw.choice([0, 0, 0, 0.004]), 4)
        wanted = {one: interval(read_number(f"{value:.4f}"), "rounded") for one, value in scores.items()}
        found = check.check_1_testset_no_kfold(
            testset={"p": p, "n": n - p}, scores={theirs[one]: value for one, value in scores.items()}, eps=0.5e-4
        )
        assert bool(count(n, wanted, p)) == (not found["inconsistency"])
        verdicts.append(found["inconsistency"])
    assert 10 < sum(verdicts) < 50


@pytest.mark.parametrize(
    ("n", "p", "wanted", "matrices"),
    [
        (10_000, 5_000, said(accuracy="85%", precision="87%", recall="83%", f1="85%"), 2309),
        (25_000, 12_500, said(accuracy=".9604", precision=".9604", recall=".9604", f1=".9604"), 1),
        (25_000, 12_500, said("macro", accuracy=".9604", precision=".9604", recall=".9604", f1=".9604"), 363),
        (5_000, 2_500, said(accuracy="90%", precision="90.3%", recall="89.2%", f1="89.7%"), 4),
        (5_000, 2_500, said(accuracy="90.0%", precision="90.3%", recall="89.2%", f1="89.7%"), 0),
        (25_000, 12_500, said(accuracy="92.68%", f1="0.90") | said(negative_f1="0.89"), 0),
        (25_000, 12_500, said(accuracy="89.20%", f1="0.90") | said(negative_f1="0.89"), 1211),
    ],
)
def test_counts_for_published_scores(n, p, wanted, matrices):
    assert count(n, wanted, p) == matrices


def test_ninety_point_nought_percent_needs_another_balance():
    wanted = said(accuracy="90.0%", precision="90.3%", recall="89.2%", f1="89.7%")
    assert [p for p in range(2400, 2500) if count(5000, wanted, p)] == list(range(2434, 2465))


def test_a_micro_average_other_than_the_accuracy_is_impossible():
    assert count(1000, said("micro", accuracy="0.90", f1="0.93"), 500) == 0


def test_a_micro_average_other_than_the_accuracy_is_impossible_of_unknown_rows():
    assert possible(said("micro", accuracy="0.90", f1="0.93")) is False


def test_macro_recall_is_the_accuracy_where_classes_are_balanced():
    assert count(5000, said("macro", accuracy="0.900", recall="0.892"), 2500) == 0
    assert count(5000, said("macro", accuracy="0.900", recall="0.892"), 2000) > 0


def test_truncated_values_begin_where_they_are_written():
    cut = interval(read_number("0.92"), "truncated")
    assert (Fraction("0.92") in cut, Fraction("0.9299") in cut, Fraction("0.93") in cut) == (True, True, False)
    assert Fraction("0.9199") not in cut
    assert Fraction("-0.929") in interval(read_number("-0.92"), "truncated")


def test_ties_may_have_been_rounded_up_or_down():
    assert Fraction("0.925") in interval(read_number("0.92"), "rounded")
    assert Fraction("0.925") in interval(read_number("0.93"), "rounded")


def test_a_unit_is_one_of_the_last_digit_that_is_written():
    assert written(read_number("90%")) == (Fraction(9, 10), Fraction(1, 100))
    assert written(read_number("90.00%")) == (Fraction(9, 10), Fraction(1, 10_000))
    assert Fraction("0.91") not in one_unit(read_number("0.90"))


def test_sixteen_digits_are_counted_too():
    assert count(25_000, said(accuracy="0.9604000000000001", f1="0.9603881336"), 12_500) == count(
        25_000, said(accuracy="0.9604000", f1="0.9603881"), 12_500
    )


def test_a_search_that_ends_early_says_nothing():
    assert (
        possible(said("weighted", accuracy=".8123", precision=".8112", f1=".8123") | said(mcc=".6"), budget=500) is None
    )


def test_matrices_of_one_predicted_class_count_whatever_their_precision():
    wanted = said(accuracy="0.5000", recall="0.0000", precision="1.0000")
    assert count(10, wanted, 5) == 1


@pytest.mark.parametrize("positives", [25_000, None])
@pytest.mark.parametrize(
    "wanted",
    [
        said("macro", precision="0.9", f1="0.9"),
        said("weighted", accuracy="0.8123", precision="0.8112", f1="0.8123"),
        said("macro", precision="0.5123", f1="0.5105") | said(mcc="0.05", kappa="0.05"),
        said(accuracy="0.9000", precision="0.9031", recall="0.8922", f1="0.8976"),
        said(kappa="0", mcc="0"),
        said(precision="0.598") | said(kappa="0.62"),  # ties at every TP
    ],
)
def test_fifty_thousand_rows_take_at_most_half_a_second(wanted, positives):
    possible(wanted, 500, 250)  # numpy is imported
    assert takes_less_than(0.5, lambda: possible(wanted, 50_000, positives))
