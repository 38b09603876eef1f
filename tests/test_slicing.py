"""Slices: every row is in one of each way to divide, and columns of the dataset reach the scores beside their rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.card import Slices
from registry.errors import InputError
from runner.data import load_parts
from runner.fetching import fetch_dataset
from runner.runs import Run
from runner.slicing import MOST, divide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Record

GENRES = ("horror", "comedy", None)


def by(values: list[Any]) -> dict[str, list[int]]:
    """The slices of a column `c` that holds these values: name → rows."""
    parts = divide(Slices(columns=("c",)), np.zeros(len(values), dtype=np.int64), {"c": values})
    assert {part.column for part in parts} == {"c"}
    return {part.name: np.flatnonzero(part.inside).tolist() for part in parts}


@given(
    st.lists(st.none() | st.text(max_size=3), max_size=60)
    | st.lists(st.none() | st.integers(-30, 30) | st.just(10**18), max_size=60)
    | st.lists(st.none() | st.floats(), max_size=60)
    | st.lists(st.none() | st.booleans(), max_size=9)
)
def test_every_row_is_in_one_slice_of_a_column(values: list[Any]) -> None:
    parts = divide(Slices(columns=("c",)), np.zeros(len(values), dtype=np.int64), {"c": values})
    assert sum(part.inside.astype(int) for part in parts).tolist() == [1] * len(values) if parts else not values
    assert all(part.inside.any() for part in parts)
    assert len(parts) <= MOST + 2  # a single rarer value is named, and rows without one


@given(st.lists(st.integers(0, 300), max_size=50), st.sets(st.integers(1, 300), min_size=1).map(sorted))
def test_every_row_is_in_one_slice_of_its_length(words: list[int], bounds: list[int]) -> None:
    parts = divide(Slices(words=tuple(bounds)), np.asarray(words, dtype=np.int64), {})
    assert len(parts) == len(bounds) + 1
    assert sum(part.inside.astype(int) for part in parts).tolist() == [1] * len(words)


def test_values_are_slices_the_commonest_first_and_rows_without_one_the_last() -> None:
    found = by(["b", "a", "b", None, "b", "a"])
    assert list(found.items()) == [("c: b", [0, 2, 4]), ("c: a", [1, 5]), ("c is missing", [3])]


def test_values_beyond_the_commonest_are_one_slice_that_says_how_many() -> None:
    found = by([f"v{index:02}" for index in range(MOST)] * 2 + ["x", "y", "y"])
    assert list(found)[-1] == "c: 2 other values"
    assert found["c: 2 other values"] == [2 * MOST, 2 * MOST + 1, 2 * MOST + 2]
    assert len(found) == MOST + 1


def test_few_numbers_are_values_in_their_order() -> None:
    assert list(by([3, 1, 3, 2, 1])) == ["c: 1", "c: 2", "c: 3"]


def test_an_identifier_makes_no_slice_of_each_row() -> None:
    assert by(["r1", "r2", "r3"]) == {"c: 3 other values": [0, 1, 2]}


def test_many_numbers_are_quarters_of_as_many_rows() -> None:
    found = by([*range(1950, 2030), None])
    assert list(found) == ["c: 1950 to 1969", "c: 1970 to 1989", "c: 1990 to 2009", "c: 2010 to 2029", "c is missing"]
    assert [len(rows) for rows in found.values()] == [20, 20, 20, 20, 1]


@pytest.mark.parametrize("common", [-1, 7, 50])
def test_a_number_that_most_rows_hold_is_a_slice_of_its_own(common: int) -> None:
    others = [number for number in range(20) if number != common]
    assert by([common] * 100 + others)[f"c: {common}"] == list(range(100))


def test_no_number_is_a_missing_one() -> None:
    assert by([0.5, float("nan")]) == {"c: 0.5": [0], "c is missing": [1]}


def test_truth_values_and_blanks_are_named() -> None:
    assert set(by([True, False, True])) == {"c: true", "c: false"}
    assert set(by(["", "a b", ""])) == {'c: ""', "c: a b"}


def test_a_long_value_is_cut_in_the_name() -> None:
    (name,) = by(["long " * 40])
    assert len(name) < 70 and name.endswith("…")


# From the dataset to the record


@pytest.fixture
def genres(write_rows: Callable[..., Path], reviews: Callable[..., Any]) -> None:
    """Rows with a genre, the third of each three without, and a year."""
    rows = [{**row, "genre": GENRES[i % 3], "year": 2000 + i, "tags": ["a"]} for i, row in enumerate(reviews(56))]
    write_rows(train=rows[24:], test=rows[:24])


@pytest.mark.usefixtures("genres")
def test_the_scored_split_alone_holds_the_columns(write_card: Callable[..., Loaded]) -> None:
    loaded = write_card(evaluation={"slices": {"columns": ["genre", "year"]}})
    parts = load_parts(loaded, fetch_dataset(loaded)).splits
    assert {"slice_genre", "slice_year"} <= set(parts["test"].column_names)
    assert not any(name.startswith("slice_") for name in parts["train"].column_names)


def test_columns_keep_to_their_rows_through_pooling_splitting_limits_and_cleaning(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    rows = {name: [{**row, "n": i + 100 * k} for i, row in enumerate(reviews(40, k))] for k, name in enumerate("ab")}
    write_rows(**{"train": rows["a"], "test": rows["b"]})
    data = {"pool": ["train", "test"], "split": {"test": 0.5}, "limit": {"test": 20}, "clean": ["collapse_whitespace"]}
    loaded = write_card(data={**data, "balanced": True}, evaluation={"slices": {"columns": ["n"]}})
    test = load_parts(loaded, fetch_dataset(loaded)).splits["test"]
    assert len(test) == 20
    for row in test:
        split, _, index = row["row"].partition(":")
        assert row["slice_n"] == int(index) + 100 * (split == "test")


@pytest.mark.usefixtures("genres")
def test_each_slice_has_metrics_with_intervals(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record], tmp_path: Path
) -> None:
    evaluation = {"slices": {"words": [8], "columns": ["genre", "label"]}, "metrics": ["accuracy", "recall", "roc_auc"]}
    card = write_card(evaluation=evaluation, training={"epochs": 1})
    record = reproduce(card, kernels="reference")  # which separates no slice wholly: that has no interval
    assert record.evaluation is not None
    parts = {part.name: part for part in record.evaluation.slices}
    names = ["under 8 words", "8 words and more", "genre: comedy", "genre: horror", "genre is missing"]
    assert list(parts) == [*names, "label: 0", "label: 1"]
    assert [parts[name].rows for name in names[2:]] == [8, 8, 8]
    assert [parts[name].column for name in names] == [None, None, "genre", "genre", "genre"]
    table = pq.read_table(Run(tmp_path / "runs", record.card_id, record.run_id, record.seed).predictions).to_pydict()
    assert table["slice_genre"] == [GENRES[i % 3] for i in range(24)]
    right = [(p > 0.5) == label for p, label in zip(table["probability_positive"], table["label"], strict=True)]
    for genre, name in zip(GENRES, ("genre: horror", "genre: comedy", "genre is missing"), strict=True):
        accuracy, recall, area = parts[name].scores
        mine = [one for one, held in zip(right, table["slice_genre"], strict=True) if held == genre]
        assert accuracy.value == pytest.approx(sum(mine) / len(mine))
        for score in (accuracy, recall, area):
            assert score.interval is not None
            assert score.interval.low <= score.value <= score.interval.high
    # Where all rows are negative there is no recall of the positive ones, and no area.
    assert [score.metric for score in parts["label: 0"].scores] == ["accuracy"]
    assert [score.metric for score in parts["label: 1"].scores] == ["accuracy", "recall"]


@pytest.mark.usefixtures("genres")
def test_a_column_does_not_change_what_is_trained(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    plain, sliced = (
        reproduce(write_card(evaluation={"slices": slices}, training={"epochs": 1}))
        for slices in (None, {"columns": ["genre"]})
    )
    assert plain.training is not None and sliced.training is not None
    assert plain.training.files == sliced.training.files


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("gerne", "rows has no column 'gerne' in train; did you mean `genre`?"),
        ("tags", "'tags' of train holds List; a slice goes by one text, number or truth value a row"),
    ],
)
@pytest.mark.usefixtures("genres")
def test_a_column_that_gives_no_slices_is_refused_where_it_is_named(
    column: str, message: str, write_card: Callable[..., Loaded]
) -> None:
    loaded = write_card(evaluation={"slices": {"columns": ["genre", column]}})
    with pytest.raises(InputError) as caught:
        load_parts(loaded, fetch_dataset(loaded))
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == ("evaluation.slices.columns[1]", message)
    place = json.dumps(column)
    line = loaded.file.read_text().splitlines()[0]
    assert problem.where == f"{loaded.file}:1:{line.index(place) + 1}"


def test_a_withheld_class_is_a_missing_value(
    write_card: Callable[..., Loaded], reviews: Callable[..., Any], tmp_path: Path
) -> None:
    from datasets import ClassLabel, Dataset

    for split, count in (("train", 16), ("test", 8)):
        table = Dataset.from_list([{**row, "kind": index % 3 - 1} for index, row in enumerate(reviews(count))])
        (tmp_path / "rows").mkdir(exist_ok=True)
        table.cast_column("kind", ClassLabel(names=["x", "y"])).to_parquet(tmp_path / "rows" / f"{split}.parquet")
    loaded = write_card(evaluation={"slices": {"columns": ["kind"]}})
    test = load_parts(loaded, fetch_dataset(loaded)).splits["test"]
    assert test["slice_kind"][:] == [None, "x", "y", None, "x", "y", None, "x"]
