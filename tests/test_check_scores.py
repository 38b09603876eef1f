"""Scores of one evaluation against confusion matrices."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reported import BINARY, document, findings, ids, results

from runner import plugins
from runner.matrices import AVERAGED, score

NO_MATRIX = [("no-single-matrix", "suspicious")]
IMPOSSIBLE = [("impossible", "impossible")]
IMDB = {"rows__test": 25_000, "positives__test": 12_500, **BINARY}


def test_scores_of_one_matrix_say_nothing():
    assert ids("scores", "accuracy 85%; precision 87%; recall 83%; f1 85%", **IMDB) == []


def test_an_accuracy_that_no_confusion_matrix_gives_with_its_f1_of_each_class_is_suspicious():
    assert ids("scores", "accuracy 92.68%; f1 of positive 0.90; f1 of negative 0.89", **IMDB) == NO_MATRIX


def test_the_same_f1_of_each_class_fit_a_lower_accuracy():
    assert ids("scores", "accuracy 89.20%; f1 of positive 0.90; f1 of negative 0.89", **IMDB) == []


def test_an_f1_above_half_of_one_plus_accuracy_is_impossible():
    assert ids("scores", "accuracy 0.80; f1 0.92", **BINARY) == IMPOSSIBLE


def test_the_same_is_not_impossible_of_classes_that_are_not_known_to_be_two():
    assert ids("scores", "accuracy 0.80; f1 0.92") == []


@pytest.mark.parametrize("averaging", ["macro", "weighted", "positive"])
def test_an_f1_above_the_harmonic_mean_of_p_and_r_averaged_alike_is_impossible(averaging):
    scores = f"{averaging} precision 0.80; {averaging} recall 0.82; {averaging} f1 0.88"
    assert ids("scores", scores) == IMPOSSIBLE


def test_an_f1_below_p_plus_r_minus_one_is_impossible_where_all_are_averaged_alike():
    assert ids("scores", "macro precision 0.95; macro recall 0.95; macro f1 0.85") == IMPOSSIBLE


def test_an_f1_outside_is_suspicious_where_no_averaging_is_said():
    assert ids("scores", "precision 0.80; recall 0.82; f1 0.88") == NO_MATRIX


def test_a_last_digit_that_is_off_by_one_is_not_impossible():
    assert ids("scores", "macro precision 0.80; macro recall 0.80; macro f1 0.81") == []


def test_an_accuracy_below_p_plus_r_minus_one_is_impossible():
    assert ids("scores", "accuracy 0.70; positive precision 0.95; positive recall 0.95", **BINARY) == IMPOSSIBLE


def test_a_kappa_above_the_accuracy_is_impossible():
    assert ids("scores", "accuracy 0.80; cohen_kappa 0.85", **BINARY) == IMPOSSIBLE


def test_a_matthews_coefficient_above_the_accuracy_is_impossible():
    assert ids("scores", "accuracy 0.80; matthews_correlation 0.85", **BINARY) == IMPOSSIBLE


def test_a_balanced_accuracy_above_half_of_one_plus_accuracy_is_impossible():
    assert ids("scores", "accuracy 0.60; balanced_accuracy 0.85", **BINARY) == IMPOSSIBLE


def test_nothing_is_impossible_that_rests_on_assumed_labels():
    what = document(results("accuracy 0.80; f1 0.92"), facts=BINARY)
    assumed = replace(what, facts=tuple(replace(fact, status="assumed") for fact in what.facts))
    assert [found.verdict for found in findings("scores", assumed)] == ["suspicious"]


def test_weighted_recall_that_is_not_the_accuracy_is_suspicious_of_many_classes():
    scores = "accuracy 0.90; weighted recall 0.85"
    assert ids("scores", scores, labels=("a", "b", "c")) == NO_MATRIX


def test_macro_recall_may_differ_from_the_accuracy():
    assert ids("scores", "accuracy 0.90; macro recall 0.85", labels=("a", "b", "c")) == []


def test_a_stated_averaging_excludes_the_others():
    scores = "accuracy 0.900; {0}recall 0.892"
    assert ids("scores", scores.format(""), **IMDB) == []
    assert ids("scores", scores.format("macro "), **IMDB) == NO_MATRIX


def test_truncated_scores_fit():
    # TP 880, FN 120, FP 121, TN 879: F1 0.87956 and P 0.87912 are cut off to four digits, not rounded.
    assert (
        ids("scores", "accuracy 0.8795; precision 0.8791; f1 0.8795", rows__test=2000, positives__test=1000, **BINARY)
        == []
    )


def test_the_finding_says_which_explanation_fits():
    scores = "accuracy 0.8000; precision 0.7000; recall 0.6000; f1 0.6462"
    what = document(results(scores), facts={"rows.test": 1000, "positives.test": 500, **BINARY})
    [found] = findings("scores", what)
    assert "another number of rows, or another share of positives" in found.message
    assert found.arithmetic.startswith("0 confusion matrices of 1,000 rows, 500 of them positive")


def test_an_f1_of_rounded_precision_and_recall_is_named():
    # TP 45 of 50, FP 7: P = 0.865, F1 = 0.882; of the rounded P it is 2 × 0.87 × 0.90 / 1.77 = 0.885.
    scores = "accuracy 0.88; positive precision 0.87; positive recall 0.90; positive f1 {}"
    facts = {"rows.test": 100, "positives.test": 50, **BINARY}
    [found] = findings("scores", document(results(scores.format("0.885")), facts=facts))
    assert "an F1 computed from the rounded, or from averaged, precision and recall" in found.message
    assert findings("scores", document(results(scores.format("0.882")), facts=facts)) == []


def test_scores_that_repeat_the_accuracy_to_four_digits_are_ambiguous():
    what = document(
        results("accuracy 0.9604; precision 0.9604; recall 0.9604; f1 0.9604"),
        facts={"rows.test": 25_000, "positives.test": 12_500, **BINARY},
    )
    [found] = findings("scores", what)
    assert (found.id, found.verdict, found.claims) == ("scores/repeats-accuracy", "ambiguous", (0, 1, 2, 3))
    assert "of the positive class, 1 of all matrices with 25,000 rows (12,500 positive) gives it" in found.arithmetic


def test_repeated_scores_say_nothing_where_they_are_micro_averages_or_coarse():
    assert ids("scores", "accuracy 0.96; precision 0.96; recall 0.96; f1 0.96", **IMDB) == []
    scores = "accuracy 0.9604; micro precision 0.9604; micro recall 0.9604; micro f1 0.9604"
    assert ids("scores", scores, **IMDB) == []


def test_scores_of_two_groups_are_not_held_against_each_other():
    what = document(results("accuracy 0.80", group=1), results("f1 0.92", group=2), facts=BINARY)
    assert findings("scores", what) == []


def test_placeholders_are_not_accused():
    what = document(results("accuracy 0.80; f1 0.92", placeholder=True), facts=BINARY)
    assert findings("scores", what) == []


def test_examples_without_a_split_that_do_not_fit_the_measured_accuracy_are_told_apart():
    examples = results("f1 of positive 0.90; f1 of negative 0.89", split=None, placeholder=True)
    what = document(results("accuracy 92.68%", split="validation", group=1), examples, facts=BINARY)
    assert [found.id for found in findings("scores", what)] == ["scores/other-evaluation"]


def test_examples_without_a_split_that_fit_say_nothing():
    examples = results("f1 of positive 0.90; f1 of negative 0.89", split=None, placeholder=True)
    what = document(results("accuracy 89.20%", split="validation", group=1), examples, facts=BINARY)
    assert findings("scores", what) == []


cells = st.tuples(*[st.integers(0, 30)] * 4).filter(lambda one: one[0] + one[1] > 0 and one[2] + one[3] > 0)


@settings(max_examples=300)
@given(st.lists(cells, min_size=1, max_size=4), st.data())
def test_no_mean_of_matrices_is_called_impossible(matrices, data):
    average = data.draw(st.sampled_from(["positive", "macro", "weighted", "micro"]))
    named = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "cohen_kappa": "kappa"}
    named |= {f"{average} {metric}": averagings[average] for metric, averagings in AVERAGED.items()}
    rows = []
    for tp, fn, fp, tn in matrices:
        # The lower end: 0 where a precision is undefined.
        row = {name: score(one, tp, fp, tp + fn + fp + tn, tp + fn)[0] for name, one in named.items()}
        below = math.sqrt((tp + fn) * (fp + tn) * (tp + fp) * (fn + tn))
        rows.append(row | {"matthews_correlation": (tp * tn - fp * fn) / below if below else 0.0})
    means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    digits = data.draw(st.integers(1, 4))
    text = "; ".join(f"{name} {float(value):.{digits}f}" for name, value in means.items())
    assert "impossible" not in dict(ids("scores", text, **BINARY))
    if len(rows) == 1:
        assert ids("scores", text, rows__test=sum(matrices[0]), positives__test=sum(matrices[0][:2]), **BINARY) == []


@pytest.mark.parametrize("high", [0.95, 0.99])
@pytest.mark.parametrize("low", [0.2, 0.6, 0.9])
def test_the_bounds_of_f1_hold_of_an_f1_computed_of_averages(low, high):
    mean = 2 * low * high / (low + high)
    assert ids("scores", f"macro precision {low:.4f}; macro recall {high:.4f}; macro f1 {mean:.4f}") == []


def test_scores_that_fit_are_told_with_the_number_of_matrices():
    facts = {**BINARY, "rows.test": 10_000, "positives.test": 5_000}
    what = document(results("accuracy 85%; precision 87%; recall 83%; f1 85%"), facts=facts)
    (found,) = plugins.check("scores").check(what)
    assert (found.id, found.verdict, found.claims) == ("scores/fits", "ok", (0, 1, 2, 3))
    assert found.arithmetic.startswith("2,309 confusion matrices of 10,000 rows, 5,000 of them positive, give ")


def test_the_last_digits_of_a_float_accuse_nobody():
    # As a training library prints them: the harmonic mean of P and R is one float away from F1.
    assert ids("scores", "micro precision 0.8979447200566973; micro recall 0.8979447200566973; "
               "micro f1 0.8979447200566975") == []  # fmt: skip


def test_means_over_stated_runs_are_of_no_matrix():
    reported = results("accuracy 0.8418; precision 0.8364; recall 0.8507; f1 0.8432", seeds=5)
    facts = {**BINARY, "rows.test": 1_200}
    assert findings("scores", document(reported, facts=facts)) == []
    once = results("accuracy 0.8418; precision 0.8364; recall 0.8507; f1 0.8432")
    assert findings("scores", document(once, facts=facts)) != []
