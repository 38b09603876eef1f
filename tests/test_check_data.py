"""The rows that a model was trained and scored on, against what the dataset has."""

from __future__ import annotations

import pytest
from documents import document, fact, facts, found, result, table, verdicts

from registry.datasets import DATASETS, dataset_of

IMDB = facts(datasets=("imdb",))


@pytest.mark.parametrize(
    "name", ["imdb", "stanfordnlp/imdb", "IMDb", "IMDB Dataset", "IMDb Movie Reviews", "imdb reviews"]
)
def test_imdb_is_known_by_its_names(name: str) -> None:
    assert dataset_of(document(facts(datasets=(name,)))) is DATASETS["imdb"]


@pytest.mark.parametrize("names", [("imdb", "sst2"), ("imdb", "mine"), ("someone/imdb-genres",), ("glue",), ()])
def test_several_or_unknown_datasets_are_none(names: tuple[str, ...]) -> None:
    assert dataset_of(document(facts(datasets=names))) is None


def test_more_rows_than_the_dataset_has_are_suspicious_where_it_was_counted() -> None:
    finding = found("data", document(IMDB, facts(rows_train=60_000)))["rows"]
    assert (finding.verdict, finding.arithmetic) == ("suspicious", "25,000 + 25,000 = 50,000 < 60,000")


def test_sizes_from_memory_lead_to_a_doubt_only() -> None:
    assert verdicts("data", document(facts(datasets=("rotten_tomatoes",), rows_train=60_000))) == {"rows": "ambiguous"}


def test_a_part_of_the_rows_is_in_order() -> None:
    assert found("data", document(IMDB, facts(rows_train=2_000, rows_test=50_000))) == {}


def test_a_validation_split_that_the_dataset_does_not_have_is_undefined() -> None:
    finding = found("data", document(IMDB, result("accuracy", "0.9268", split="validation")))["undefined-split"]
    assert (finding.verdict, finding.claims) == ("underspecified", (0,))


def test_a_validation_split_with_a_size_is_defined() -> None:
    assert (
        found("data", document(IMDB, facts(rows_validation=5_000), result("accuracy", "0.9", split="validation"))) == {}
    )


def test_a_split_that_the_dataset_has_is_defined() -> None:
    emotion = facts(datasets=("emotion",))
    assert found("data", document(emotion, result("accuracy", "0.92", split="validation"))) == {}


def test_rows_of_ones_own_drawing_are_not_the_datasets() -> None:
    finding = found("data", document(IMDB, facts(rows_test=5_000), result("accuracy", "0.9", split="test")))[
        "own-split"
    ]
    assert (finding.verdict, finding.arithmetic) == ("ambiguous", "5,000 ≠ 25,000")


def test_a_main_result_on_training_rows_is_named() -> None:
    of_train = document(result("accuracy", "0.99", split="train", headline=True))
    assert verdicts("data", of_train) == {"training-rows": "ambiguous"}
    both = document(of_train.results, result("accuracy", "0.9", split="test", headline=True))
    assert found("data", both) == {}


def test_an_epoch_that_the_test_rows_chose_is_named() -> None:
    log = table("1.0 10 0.3 0.9", split="test")
    parts = (log, result("accuracy", "0.9", split="test"))
    assert verdicts("data", document(*parts, fact("select", "best"))) == {"selected-on-test": "ambiguous"}
    assert found("data", document(*parts, fact("select", "best", status="assumed"))) == {}
    assert found("data", document(*parts, fact("select", "last"))) == {}


def test_repeated_texts_of_a_pool_get_on_both_sides_of_a_random_split() -> None:
    pooled = document(IMDB, facts(rows_train=40_000, rows_test=10_000), result("accuracy", "0.85", split="test"))
    finding = found("data", pooled)["duplicates"]
    assert finding.verdict == "ambiguous"
    assert finding.arithmetic == "2 × 418 × 0.2 × 0.8 = 134; 134 / 10,000 = 1.3% of the test rows"


def test_texts_of_both_official_splits_are_good_to_know() -> None:
    official = document(IMDB, facts(rows_test=25_000), result("accuracy", "0.93", split="test"))
    finding = found("data", official)["duplicates"]
    assert (finding.verdict, finding.arithmetic) == ("ok", "123 / 25,000 = 0.49%")
