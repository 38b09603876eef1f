"""Results against published ones and against other cards."""

from __future__ import annotations

from typing import Any

import pytest
from documents import document, facts, found, result, table

DISTILBERT = facts(base_model="distilbert-base-uncased", datasets=("imdb",), learning_rate=2e-5, train_batch_size=16)


def accuracy(text: str, **more: Any) -> Any:
    return result("accuracy", text, headline=True, split="validation", **more)


def test_an_accuracy_far_above_the_published_one_is_suspicious() -> None:
    finding = found("plausibility", document(DISTILBERT, facts(rows_validation=5_000), accuracy("0.9804")))["published"]
    assert (finding.verdict, finding.claims) == ("suspicious", (0,))
    assert finding.arithmetic == ("z = (0.9804 − 0.9282) / √(0.9804·0.0196/5,000 + 0.9282·0.0718/25,000) = 20.4")


@pytest.mark.parametrize("text", ["0.9268", "0.9350", "0.9440", "0.87", "95%"])
def test_accuracies_near_or_below_the_published_one_are_in_order(text: str) -> None:
    """95% may be 94.5%, which is 1.7 points above."""
    assert found("plausibility", document(DISTILBERT, facts(rows_validation=5_000), accuracy(text))) == {}


def test_few_rows_prove_nothing() -> None:
    """On 100 rows 0.98 is 3.7 standard errors above 0.9282."""
    assert found("plausibility", document(DISTILBERT, accuracy("0.98", rows=100))) == {}


def test_an_adapter_another_base_or_another_dataset_has_no_published_result() -> None:
    assert found("plausibility", document(DISTILBERT, facts(adapter_method="lora"), accuracy("0.98"))) == {}
    other = facts(base_model="mine", datasets=("imdb",))
    assert found("plausibility", document(other, accuracy("0.98"))) == {}


def test_the_same_recipe_with_far_less_on_another_card_is_suspicious() -> None:
    lower = document(DISTILBERT, facts(num_epochs=1, rows_validation=25_000), accuracy("92.68%", epoch=1.0))
    log = table("1.0 1250 0.1208 0.9696", "2.0 2500 0.0852 0.9704")
    higher = document(DISTILBERT, facts(num_epochs=2, rows_validation=5_000), log, others=(lower,))
    finding = found("plausibility", higher)["other-card"]
    assert finding.verdict == "suspicious"
    assert finding.arithmetic.endswith("= 14.6")


def test_another_learning_rate_is_another_recipe() -> None:
    lower = document(DISTILBERT, facts(num_epochs=1), accuracy("80.68%", epoch=1.0))
    mine = document(
        *DISTILBERT[:2], facts(learning_rate=5e-5, train_batch_size=16, num_epochs=1), accuracy("0.92"), others=(lower,)
    )
    assert found("plausibility", mine) == {}


def test_the_lower_card_is_not_accused() -> None:
    higher = document(DISTILBERT, facts(num_epochs=1), accuracy("0.97", epoch=1.0))
    lower = document(DISTILBERT, facts(num_epochs=1), accuracy("0.90", epoch=1.0), others=(higher,))
    assert found("plausibility", lower) == {}
