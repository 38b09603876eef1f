"""Rows: loaded, divided, labelled, cleaned and tokenized exactly as the card says, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.card import Data
from registry.errors import InputError
from runner.data import Parts, load_parts, split_rows, texts_of
from runner.fetching import fetch_dataset
from runner.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.loading import Loaded


def parts_of(loaded: Loaded) -> Parts:
    return load_parts(loaded, fetch_dataset(loaded))


def problem_of(loaded: Loaded) -> str:
    with pytest.raises(InputError) as caught:
        parts_of(loaded)
    (problem,) = caught.value.problems
    return str(problem)


def sizes(parts: Parts) -> dict[str, int]:
    return {name: getattr(parts.rows, name) for name in ("train", "validation", "test")}


def rows_of(parts: Parts, split: str) -> list[str]:
    return parts.splits[split]["row"][:]


# Splits


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    train=st.integers(2, 60),
    test=st.integers(1, 60),
    shares=st.tuples(st.none() | st.floats(0.01, 0.9), st.none() | st.floats(0.01, 0.9)).filter(any),
    pooled=st.booleans(),
    limit=st.none() | st.integers(1, 30),
)
@example(train=10, test=10, shares=(0.2, None), pooled=True, limit=None)
@example(train=7, test=3, shares=(0.29, 0.57), pooled=False, limit=3)
def test_split_arithmetic_is_what_datasets_does(
    train: int, test: int, shares: tuple[float | None, float | None], pooled: bool, limit: int | None
) -> None:
    from datasets import Dataset

    from runner.data import _divide

    held_test, held_validation = shares
    ways: dict[str, Any] = {"pool": ("train", "test")} if pooled and held_test else {"take": {"train": "train"}}
    split = {k: v for k, v in (("test", held_test), ("validation", held_validation)) if v}
    data = Data(dataset="d", split=split, limit={"train": limit} if limit else None, **ways)
    planned = split_rows(data, {"train": train, "test": test})
    tables = {name: Dataset.from_dict({"row": list(range(size))}) for name, size in (("train", train), ("test", test))}
    try:
        parts = _divide(_only(data), tables)
    except InputError:
        assert planned["train"] == 0  # datasets refuses to leave nothing
        return
    real = {name: len(parts.get(name, ())) for name in ("train", "validation", "test")}
    real["train"] = min(real["train"], limit or real["train"])
    assert planned == real


def _only(data: Data) -> Any:
    """As much of a loaded card as dividing reads."""
    from types import SimpleNamespace

    return SimpleNamespace(card=SimpleNamespace(data=data), where=lambda path: path)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, {"train": 30, "validation": 0, "test": 14}),
        ({"take": {"train": "test", "test": "train"}}, {"train": 14, "validation": 0, "test": 30}),
        ({"take": {"train": "train", "validation": "test"}}, {"train": 30, "validation": 14, "test": 0}),
        ({"pool": ["train", "test"], "split": {"test": 0.2}}, {"train": 35, "validation": 0, "test": 9}),
        ({"pool": ["train"], "split": {"test": 0.2}}, {"train": 24, "validation": 0, "test": 6}),
        ({"split": {"validation": 0.25, "stratify": True}}, {"train": 22, "validation": 8, "test": 14}),
        ({"limit": {"train": 7, "test": 100}}, {"train": 7, "validation": 0, "test": 14}),
        (
            {"pool": ["train", "test"], "split": {"test": 0.2, "validation": 0.5}, "limit": {"validation": 5}},
            {"train": 17, "validation": 5, "test": 9},
        ),
    ],
)
def test_rows_of_each_split_are_those_planned(
    data: dict[str, Any],
    expected: dict[str, int],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., list[dict[str, Any]]],
) -> None:
    write_rows(train=reviews(30), test=reviews(14, 1))
    loaded = write_card(data=data, evaluation={"split": "validation" if not expected["test"] else "test"})
    assert sizes(parts_of(loaded)) == expected
    assert split_rows(loaded.card.data, {"train": 30, "test": 14}) == expected


def test_pooled_rows_are_divided_without_loss_or_overlap(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(20), test=reviews(10, 1))
    parts = parts_of(write_card(data={"pool": ["train", "test"], "split": {"test": 0.3, "validation": 0.2}}))
    every = [row for split in ("train", "validation", "test") for row in rows_of(parts, split)]
    assert sorted(every) == sorted([f"train:{i}" for i in range(20)] + [f"test:{i}" for i in range(10)])


def test_a_row_is_named_by_where_it_comes_from(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    source = {"train": reviews(20), "test": reviews(10, 1)}
    write_rows(**source)
    parts = parts_of(write_card(data={"pool": ["train", "test"], "split": {"test": 0.3}}))
    for row in parts.splits["test"]:
        split, _, index = row["row"].partition(":")
        assert source[split][int(index)] == {"text": row["text"], "label": row["label"]}


def test_the_split_is_the_one_that_a_plain_script_draws(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    from datasets import concatenate_datasets, load_dataset

    folder = write_rows(train=reviews(24), test=reviews(16, 1))
    parts = parts_of(write_card(data={"pool": ["train", "test"], "split": {"test": 0.25, "stratify": True, "seed": 5}}))
    plain = load_dataset(str(folder))
    plain = concatenate_datasets([plain["train"], plain["test"]]).class_encode_column("label")
    halves = plain.train_test_split(test_size=0.25, seed=5, stratify_by_column="label")
    assert parts.splits["train"]["text"][:] == halves["train"]["text"][:]
    assert parts.splits["test"]["text"][:] == halves["test"]["text"][:]


def test_the_same_card_gives_the_same_rows_and_another_seed_others(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(40), test=reviews(10, 1))

    def drawn(seed: int) -> list[str]:
        data = {"split": {"validation": 0.5, "seed": seed}, "limit": {"train": 10, "seed": seed}}
        return rows_of(parts_of(write_card(data=data)), "train")

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_stratified_hold_out_keeps_the_share_of_each_label(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    rows = [row for row in reviews(80) if row["label"] == 1 or row["text"] < "m"]
    ones = sum(row["label"] for row in rows) / len(rows)
    assert 0.55 < ones < 0.95
    write_rows(train=rows, test=reviews(4))
    parts = parts_of(write_card(data={"split": {"validation": 0.5, "stratify": True}}))
    held = parts.splits["validation"]["label"][:]
    assert abs(sum(held) / len(held) - ones) <= 1 / len(held)


def test_balanced_splits_have_equally_many_rows_of_each_label(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    rows = reviews(30)
    write_rows(train=rows + [row for row in rows if row["label"]], test=rows[:7])
    parts = parts_of(write_card(data={"balanced": True}))
    assert sorted(parts.splits["train"]["label"][:]) == [0] * 15 + [1] * 15
    assert sorted(parts.splits["test"]["label"][:]) == [0] * 3 + [1] * 3


def test_a_limit_keeps_balanced_splits_balanced(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    rows = reviews(30)
    write_rows(train=rows + [row for row in rows if row["label"]], test=rows[:8])
    parts = parts_of(write_card(data={"balanced": True, "limit": {"train": 9}}))
    assert sorted(parts.splits["train"]["label"][:]) == [0] * 4 + [1] * 4


@pytest.mark.parametrize("most", [None, 9])
def test_a_balanced_cut_is_drawn_with_the_seed_of_the_limit(
    most: int | None, write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    rows = reviews(30)
    write_rows(train=rows + [row for row in rows if row["label"]], test=rows[:8])

    def drawn(limit: dict[str, Any]) -> list[str]:
        limit = {**limit, "train": most} if most else limit
        return parts_of(write_card(data={"balanced": True, "limit": limit or None})).splits["train"]["row"][:]

    assert drawn({}) == drawn({"seed": 42})
    assert drawn({}) != drawn({"seed": 7})


def test_rows_of_a_split_that_the_dataset_does_not_have_are_refused(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(8), test=reviews(8, 1))
    assert "says 9, but rows has no such split" in problem_of(write_card(data={"rows": {"validation": 9}}))


def test_a_limited_split_is_a_draw_and_not_the_first_rows(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    rows = sorted(reviews(60), key=lambda row: row["label"])  # as IMDb lies in its files: all of one label first
    write_rows(train=rows, test=reviews(4))
    parts = parts_of(write_card(data={"limit": {"train": 20}}))
    assert set(parts.splits["train"]["label"][:]) == {0, 1}


def test_a_class_with_too_few_rows_to_stratify_is_one_line(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=[{"text": "a", "label": 0}] * 9 + [{"text": "b", "label": 1}], test=reviews(4))
    message = problem_of(write_card(data={"split": {"validation": 0.2, "stratify": True}}))
    assert "tiny.yaml" in message
    assert "data.split.validation" in message


# What the dataset must have


def test_a_missing_column_is_refused_with_a_suggestion(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(4), test=reviews(4))
    message = problem_of(write_card(data={"text": "txt"}))
    assert "data.text: rows has no column 'txt' in train; did you mean `text`?" in message


def test_every_missing_column_is_told_at_once(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(4), test=reviews(4))
    with pytest.raises(InputError) as caught:
        parts_of(write_card(data={"text": "review", "label": "stars"}))
    assert {problem.path for problem in caught.value.problems} == {"data.label", "data.text"}


def test_a_missing_split_is_refused_with_a_suggestion(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(4), test=reviews(4))
    message = problem_of(write_card(data={"take": {"train": "train", "test": "tests"}}))
    assert "data.take.test: rows has no split 'tests'; did you mean `test`?" in message


def test_other_rows_than_the_card_states_are_refused(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(6), test=reviews(4))
    message = problem_of(write_card(data={"rows": {"train": 6, "test": 1400}}))
    assert "data.rows.test: says 1,400, but rows has 4" in message


def test_an_evaluation_split_that_nothing_fills_is_refused_with_the_remedy(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(6), test=reviews(4))
    message = problem_of(write_card(evaluation={"each_epoch": "validation"}))
    assert "the validation split is empty" in message
    assert "data.split.validation" in message


def test_a_label_without_rows_leaves_a_balanced_split_empty_and_is_refused(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(6), test=[row for row in reviews(8) if row["label"]])
    assert "the test split is empty" in problem_of(write_card(data={"balanced": True}))


def test_a_row_without_text_is_refused_by_its_number(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=[*reviews(3), {"text": None, "label": 0}], test=reviews(4))
    assert "data.text: row 3 of train holds NoneType, not a text" in problem_of(write_card())


def test_a_column_of_numbers_is_no_text(write_rows: Callable[..., Path], write_card: Callable[..., Loaded]) -> None:
    rows = [{"text": 5, "label": 0}]
    write_rows(train=rows, test=rows)
    assert "data.text: row 0 of train holds int, not a text" in problem_of(write_card())


def test_a_broken_file_is_one_line(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    folder = write_rows(train=reviews(4), test=reviews(4))
    (folder / "train.jsonl").write_text('{"text": "a", "label": 0}\n{"text": "b", ')
    message = problem_of(write_card())
    assert "data.dataset: cannot be read: " in message
    assert "\n" not in message


# Labels


def labelled(names: list[Any], reviews: Callable[..., Any], rows: int = 8) -> list[dict[str, Any]]:
    return [{"text": row["text"], "label": names[row["label"]]} for row in reviews(rows)]


def test_named_labels_go_by_their_name_whatever_the_case(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=labelled(["Negative", "POSITIVE"], reviews), test=labelled(["negative", "positive"], reviews))
    parts = parts_of(write_card())
    assert parts.splits["train"]["label"][:] == [0, 1] * 4
    assert parts.rows.label_map["POSITIVE"] == "positive"


def test_named_labels_in_another_order_on_the_card_change_the_index(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=labelled(["negative", "positive"], reviews), test=labelled(["negative", "positive"], reviews))
    parts = parts_of(write_card(task={"labels": ["positive", "negative"]}))
    assert parts.splits["train"]["label"][:] == [1, 0] * 4


def test_an_unknown_label_name_is_refused_with_both_lists(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    write_rows(train=labelled(["neg", "pos"], reviews), test=labelled(["neg", "pos"], reviews))
    message = problem_of(write_card())
    assert "task.labels" in message
    assert "['neg', 'pos']" in message
    assert "['negative', 'positive']" in message


@pytest.mark.parametrize(
    ("label", "message"), [(-1, "1 of 5 rows have no label"), (2, "labels are [0, 1, 2], the card has 2")]
)
def test_a_number_that_is_no_label_is_refused(
    label: int,
    message: str,
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
) -> None:
    write_rows(train=[*reviews(4), {"text": "unlabelled", "label": label}], test=reviews(4))
    assert message in problem_of(write_card())


@pytest.mark.parametrize("label", [0.5, True])
def test_a_label_that_is_neither_number_nor_name_is_refused(
    label: Any, write_rows: Callable[..., Path], write_card: Callable[..., Loaded]
) -> None:
    rows = [{"text": "a", "label": label}]
    write_rows(train=rows, test=rows)
    message = problem_of(write_card())
    assert (
        f"task.labels: the dataset's labels are of type {type(label).__name__}; they must be numbers or names"
        in message
    )


def class_labelled(folder: Path, names: list[str], labels: list[int | None]) -> None:
    """A parquet dataset whose label column knows the names of its numbers."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    for split in ("train", "test"):
        table = Dataset.from_dict({"text": [f"text {i}" for i in range(len(labels))], "label": labels}, features)
        (folder / "rows").mkdir(exist_ok=True)
        table.to_parquet(folder / "rows" / f"{split}-00000-of-00001.parquet")


def test_class_labels_of_the_same_names_are_the_card_s(tmp_path: Path, write_card: Callable[..., Loaded]) -> None:
    class_labelled(tmp_path, ["Negative", "Positive"], [0, 1, 1])
    parts = parts_of(write_card())
    assert parts.splits["train"]["label"][:] == [0, 1, 1]
    assert parts.rows.label_map == {"Negative": "negative", "Positive": "positive"}


def test_class_labels_in_another_order_are_mapped_by_name(tmp_path: Path, write_card: Callable[..., Loaded]) -> None:
    class_labelled(tmp_path, ["positive", "negative"], [0, 1, 1])
    assert parts_of(write_card()).splits["train"]["label"][:] == [1, 0, 0]


def test_abbreviated_class_labels_go_by_number(tmp_path: Path, write_card: Callable[..., Loaded]) -> None:
    class_labelled(tmp_path, ["neg", "pos"], [0, 1, 1])  # as stanfordnlp/imdb has them
    parts = parts_of(write_card())
    assert parts.splits["train"]["label"][:] == [0, 1, 1]
    assert parts.rows.label_map == {"neg": "negative", "pos": "positive"}


def test_abbreviated_class_labels_in_another_order_are_refused(
    tmp_path: Path, write_card: Callable[..., Loaded]
) -> None:
    class_labelled(tmp_path, ["pos", "neg"], [0, 1, 1])
    assert "label 0 is 'pos', the card's is 'negative'; reorder them" in problem_of(write_card())


def test_another_number_of_class_labels_is_refused(tmp_path: Path, write_card: Callable[..., Loaded]) -> None:
    class_labelled(tmp_path, ["neg", "pos", "unsup"], [0, 1, 1])
    assert "['neg', 'pos', 'unsup'], the card has 2" in problem_of(write_card())


@pytest.mark.parametrize("names", [["negative", "positive"], ["neg", "pos"]])
@pytest.mark.parametrize("missing", [-1, None])
def test_an_unlabelled_row_among_class_labels_is_refused(
    names: list[str], missing: int | None, tmp_path: Path, write_card: Callable[..., Loaded]
) -> None:
    class_labelled(tmp_path, names, [0, 1, missing])
    assert "task.labels: 1 of 3 rows have no label" in problem_of(write_card())


# Pairs of texts


PAIRED = {"text_pair": "text_pair"}


def test_both_texts_of_a_pair_are_read_and_cleaned(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded]
) -> None:
    rows = [{"text": "A<br />film", "text_pair": "so<br />good", "label": 1}]
    write_rows(train=rows, test=rows)
    found = parts_of(write_card(data={**PAIRED, "clean": ["strip_html"]})).splits["train"]
    assert found[0] == {"text": "A film", "text_pair": "so good", "label": 1, "row": "train:0"}


def test_texts_of_the_second_column_are_left_alone_where_the_card_names_none(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], pairs: Callable[..., Any]
) -> None:
    write_rows(train=pairs(4), test=pairs(4))
    assert parts_of(write_card()).splits["train"].column_names == ["text", "label", "row"]


def test_pairs_are_shared_only_where_both_texts_are(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded]
) -> None:
    def rows(*texts: tuple[str, str]) -> list[dict[str, Any]]:
        return [{"text": one, "text_pair": two, "label": index % 2} for index, (one, two) in enumerate(texts)]

    write_rows(
        train=rows(("a", "b"), ("a", "c"), ("d", "e")), test=rows(("a", "b"), ("d", "c"), ("e", "d"), ("a", "b"))
    )
    assert parts_of(write_card(data=PAIRED)).rows.shared_texts == 1
    assert parts_of(write_card()).rows.shared_texts == 2


def test_a_second_column_that_is_not_there_or_holds_no_texts_is_refused(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], pairs: Callable[..., Any]
) -> None:
    write_rows(train=[*pairs(3), {"text": "a", "text_pair": None, "label": 0}], test=pairs(4))
    said = problem_of(write_card(data={"text_pair": "text_pear"}))
    assert "data.text_pair: rows has no column 'text_pear' in train; did you mean `text_pair`?" in said
    assert "data.text_pair: row 3 of train holds NoneType, not a text" in problem_of(write_card(data=PAIRED))


def test_of_a_pair_the_longer_text_is_cut_and_each_token_has_its_type(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], words_tokenizer: Any
) -> None:
    rows = [{"text": "film film", "text_pair": " ".join(["plot"] * 20), "label": 0}]
    write_rows(train=rows, test=rows)
    loaded = write_card(data={**PAIRED, "tokens": {"max_length": 10}})
    row = tokenize(parts_of(loaded).splits["train"], words_tokenizer, loaded.card, "tokenize")[0]
    names = words_tokenizer.convert_ids_to_tokens(row["input_ids"])
    assert names == ["[CLS]", "film", "film", "[SEP]", *["plot"] * 5, "[SEP]"]
    assert row["token_type_ids"] == [0] * 4 + [1] * 6


def test_texts_of_pairs_to_learn_a_tokenizer_from_are_all_of_both(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], pairs: Callable[..., Any]
) -> None:
    rows = pairs(4)
    write_rows(train=rows, test=rows)
    every = [row[name] for name in ("text", "text_pair") for row in rows]
    assert texts_of(parts_of(write_card(data=PAIRED)).splits["train"]) == every
    assert texts_of(parts_of(write_card()).splits["train"]) == every[:4]


# Texts


def test_texts_of_both_splits_are_counted_once_each(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    both = [{"text": "the same", "label": 0}, {"text": "the same", "label": 1}, {"text": "another", "label": 0}]
    write_rows(train=[*reviews(5), *both], test=[*both, {"text": "only here", "label": 1}])
    assert parts_of(write_card()).rows.shared_texts == 2


def test_texts_are_shared_if_they_are_after_cleaning(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded]
) -> None:
    write_rows(train=[{"text": "so<br />good", "label": 1}], test=[{"text": "so good", "label": 1}])
    assert parts_of(write_card()).rows.shared_texts == 0
    assert parts_of(write_card(data={"clean": ["strip_html"]})).rows.shared_texts == 1


def test_texts_are_cleaned_as_the_card_says(write_rows: Callable[..., Path], write_card: Callable[..., Loaded]) -> None:
    rows = [{"text": "A  <br /><br />fine, film!", "label": 1}, {"text": "No.", "label": 0}]
    write_rows(train=rows, test=rows)
    steps = ["strip_html", "strip_special_characters", "collapse_whitespace"]
    assert parts_of(write_card(data={"clean": steps})).splits["train"]["text"][:] == ["A fine film", "No"]
    assert parts_of(write_card()).splits["train"]["text"][:] == [row["text"] for row in rows]


@pytest.fixture
def words_tokenizer(base_repo: Callable[..., Path]) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base_repo("bert"))


@pytest.mark.parametrize(("length", "tokens"), [(3, 5), (8, 10), (20, 10)])
def test_a_text_is_cut_to_the_longest_sequence_special_tokens_counted(
    length: int,
    tokens: int,
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    words_tokenizer: Any,
) -> None:
    rows = [{"text": " ".join(["film"] * length), "label": 0}]
    write_rows(train=rows, test=rows)
    loaded = write_card(data={"tokens": {"max_length": 10}})
    table = tokenize(parts_of(loaded).splits["train"], words_tokenizer, loaded.card, "tokenize")
    assert len(table[0]["input_ids"]) == len(table[0]["attention_mask"]) == tokens
    assert words_tokenizer.convert_ids_to_tokens(table[0]["input_ids"])[-1] == "[SEP]"


def test_a_text_that_is_too_long_is_refused_where_truncation_is_off(
    write_rows: Callable[..., Path], write_card: Callable[..., Loaded], words_tokenizer: Any
) -> None:
    rows = [{"text": "film film", "label": 0}, {"text": " ".join(["film"] * 9), "label": 0}]
    write_rows(train=rows, test=rows)
    loaded = write_card(data={"tokens": {"max_length": 10, "truncation": False}})
    with pytest.raises(InputError, match="a text has 11 tokens and truncation is off"):
        tokenize(parts_of(loaded).splits["train"], words_tokenizer, loaded.card, "tokenize")
