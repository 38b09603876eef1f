"""Areas under the ROC curve beside the operating point."""

from __future__ import annotations

from reported import BINARY, document, findings, ids, results

HARD = [("hard-labels", "suspicious")]


def test_an_area_that_equals_the_accuracy_to_four_digits_is_suspicious():
    assert ids("auc", "accuracy 0.9604; roc_auc 0.9604") == HARD


def test_the_chance_of_a_hit_is_said():
    [found] = findings("auc", document(results("accuracy 0.9604; roc_auc 0.9604")))
    assert "0.0002/0.0792 = 0.25%" in found.arithmetic


def test_an_area_that_equals_the_accuracy_in_whole_percent_says_nothing():
    assert ids("auc", "accuracy 96%; roc_auc 96%") == []


def test_an_area_that_is_nearly_one_may_equal_the_accuracy_by_chance():
    assert ids("auc", "accuracy 0.9999; roc_auc 0.9999") == []


def test_an_area_that_is_the_mean_of_recall_and_specificity_is_suspicious():
    assert ids("auc", "accuracy 0.9500; recall 0.9000; specificity 0.9600; roc_auc 0.9300", **BINARY) == HARD


def test_an_area_of_scores_says_nothing():
    assert ids("auc", "accuracy 0.9604; recall 0.9604; specificity 0.9604; roc_auc 0.9930", **BINARY) == []


def test_an_area_below_the_operating_point_is_impossible():
    scores = "positive recall 0.95; specificity 0.93; roc_auc 0.80"
    assert ids("auc", scores, **BINARY) == [("below-the-point", "impossible")]


def test_it_is_suspicious_where_the_recall_may_be_an_average():
    assert ids("auc", "recall 0.95; specificity 0.93; roc_auc 0.80", **BINARY) == [("below-the-point", "suspicious")]


def test_an_area_of_another_split_is_not_compared():
    what = document(results("accuracy 0.9604"), results("roc_auc 0.9604", split="validation"))
    assert findings("auc", what) == []
