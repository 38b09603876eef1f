"""With a source, every value has one status that something shows; without one, nothing can be quoted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from timing import timed

from registry.errors import InputError
from registry.evidence import Evidence
from runner.plugins import load_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded

SOURCE = "# A model\nfine-tuned with lr 3e-5\nand again lr 3e-5, é, for 3 epochs\naccuracy 85%\n"
SECTIONS = ("base", "task", "data", "training", "hardware", "evaluation")

CARD: dict[str, Any] = {
    "schema": 1,
    "id": "x",
    "source": {"readme": "sources/x.md", "sha256": hashlib.sha256(SOURCE.encode()).hexdigest()},
    "base": {"model": "bert"},
    "task": {"type": "text-classification", "labels": ["negative", "positive"]},
    "data": {"dataset": "rows"},
    "training": {"learning_rate": 3e-5},
    "assumed": dict.fromkeys(SECTIONS, "not said"),
}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Loaded]:
    """`load(training={…}, sets=…, source_text=…)`: the card with these sections in place of its own."""

    def write(sets: tuple[str, ...] = (), source_text: str | bytes | None = SOURCE, **sections: Any) -> Loaded:
        if source_text is not None:
            (tmp_path / "sources").mkdir(exist_ok=True)
            content = source_text if isinstance(source_text, bytes) else source_text.encode()
            (tmp_path / "sources" / "x.md").write_bytes(content)
        card = {name: value for name, value in {**CARD, **sections}.items() if value is not None}
        (tmp_path / "x.yaml").write_text(json.dumps(card, indent=1), encoding="utf-8")
        return load_card(tmp_path / "x.yaml", sets)

    return write


@pytest.fixture
def refusal(load: Callable[..., Loaded]) -> Callable[..., list[str]]:
    """`refusal(…)`: what loading says, without the places."""

    def lines(**kwargs: Any) -> list[str]:
        with pytest.raises(InputError) as caught:
            load(**kwargs)
        return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]

    return lines


def without(*paths: str) -> dict[str, str]:
    return {path: reason for path, reason in CARD["assumed"].items() if path not in paths}


def test_an_entry_of_a_section_covers_all_that_is_in_it(load: Callable[..., Loaded]) -> None:
    evidence = load().evidence
    assert evidence["training.adam_epsilon"] == Evidence("assumed", "not said")
    assert evidence["data.tokens.max_length"] == Evidence("assumed", "not said")


def test_a_longer_entry_comes_before_a_shorter_one(load: Callable[..., Loaded]) -> None:
    evidence = load(stated={"training.learning_rate": "lr 3e-5"}).evidence
    assert evidence["training.learning_rate"].status == "stated"
    assert evidence["training.epochs"].status == "assumed"


def test_an_entry_covers_no_field_whose_name_begins_alike(refusal: Callable[..., list[str]]) -> None:
    assumed = {**without("training"), "training.warmup_steps": "none", "training.epochs": "guess"}
    lines = refusal(assumed=assumed)
    assert not any(line.startswith("training.epochs:") for line in lines)
    assert any(line.startswith("training: the defaults ") and ", seed 42, " in line for line in lines)


def test_stated_words_are_found_at_their_first_line_and_character(load: Callable[..., Loaded]) -> None:
    found = load(stated={"training.learning_rate": "lr 3e-5"}).evidence["training.learning_rate"]
    assert found == Evidence("stated", "lr 3e-5", 2, 17, SOURCE.index("lr 3e-5"))


def test_words_across_lines_and_after_other_alphabets_are_found(load: Callable[..., Loaded]) -> None:
    found = load(stated={"training.epochs": "3e-5, é, for 3 epochs\naccuracy"}).evidence["training.epochs"]
    assert (found.line, found.start) == (3, SOURCE.index("3e-5, é"))


def test_several_quotes_are_all_looked_for(load: Callable[..., Loaded], refusal: Callable[..., list[str]]) -> None:
    found = load(stated={"task.labels": ["A model", "accuracy"]}).evidence["task.labels"]
    assert found == Evidence("stated", "A model … accuracy", 1, 3, 2)
    (line,) = refusal(stated={"task.labels": ["A model", "f1 score"]})
    assert line == "task.labels: these words are not in sources/x.md: 'f1 score'; quote them exactly"


@pytest.mark.parametrize("words", ["LR 3e-5", "lr 3e-05", "lr  3e-5", "fine-tuned with lr 3e-5 and"])
def test_words_that_are_not_in_the_source_exactly_are_refused(words: str, refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(stated={"training.learning_rate": words})
    assert line.startswith("training.learning_rate: these words are not in sources/x.md")


@pytest.mark.parametrize("words", ["LR 3e-5", "lr  3e-5", "**lr** `3e-5`", "lr 3e–5"])
def test_words_that_are_there_in_another_form_are_told_with_their_line(
    words: str, refusal: Callable[..., list[str]]
) -> None:
    (line,) = refusal(stated={"training.learning_rate": words})
    assert line.endswith(f"; line 2 has {SOURCE.splitlines()[1]!r}; quote that")


def test_a_quote_may_end_in_the_line_break_of_a_block(load: Callable[..., Loaded]) -> None:
    assert load(stated={"training.learning_rate": "lr 3e-5\n"}).evidence["training.learning_rate"].words == "lr 3e-5"


def test_a_bare_number_is_a_quote(load: Callable[..., Loaded]) -> None:
    assert load(stated={"training.epochs": 3}).evidence["training.epochs"].words == "3"


def test_lines_of_a_source_with_other_line_ends_can_be_quoted(load: Callable[..., Loaded]) -> None:
    text = SOURCE.replace("\n", "\r\n")
    found = load(
        stated={"training.epochs": "for 3 epochs\naccuracy"},
        source={**CARD["source"], "sha256": hashlib.sha256(text.encode()).hexdigest()},
        source_text=text,
    ).evidence["training.epochs"]
    assert found.line == 3


def test_every_value_without_a_status_is_refused(refusal: Callable[..., list[str]]) -> None:
    lines = refusal(assumed=without("hardware", "task"))
    assert [line.split(":")[0] for line in lines] == ["hardware", "task.type", "task.labels"]


def test_defaults_without_a_status_are_refused_in_one_line_a_section(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(assumed=without("hardware"))
    assert line.startswith("hardware: the default count 1 is neither stated, derived nor assumed; ")


def test_a_value_without_a_status_is_refused_where_it_stands(load: Callable[..., Loaded], tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(assumed=without("task"))
    line = 1 + (tmp_path / "x.yaml").read_text().split("\n").index('  "labels": [')
    assert f"{tmp_path / 'x.yaml'}:{line}:3" in {problem.where for problem in caught.value.problems}


def test_null_and_empty_values_need_no_status(load: Callable[..., Loaded]) -> None:
    evidence = load().evidence
    assert "software.torch" not in evidence
    assert "adapter" not in evidence


def test_the_value_of_a_claim_needs_a_status_and_nothing_else_of_it(
    load: Callable[..., Loaded], refusal: Callable[..., list[str]]
) -> None:
    reported = [{"metric": "accuracy", "value": "85%", "headline": True}]
    (line,) = refusal(reported=reported)
    assert line.startswith("reported[0].value: 85% is neither stated, derived nor assumed; quote the source's words")
    assert load(reported=reported, stated={"reported[0].value": "accuracy 85%"}).evidence["reported[0].value"].line == 4


def test_an_entry_for_all_claims_covers_each(load: Callable[..., Loaded]) -> None:
    reported = [{"metric": "accuracy", "value": "85%"}, {"metric": "f1", "value": "85%"}]
    assert load(reported=reported, stated={"reported": "85%"}).evidence["reported[1].value"].status == "stated"


def test_a_derived_value_has_its_formula(load: Callable[..., Loaded]) -> None:
    evidence = load(derived={"training.epochs": "3 = 3"}).evidence
    assert evidence["training.epochs"] == Evidence("derived", "3 = 3")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("training.lerning_rate", "did you mean `training.learning_rate`?"),
        ("task.lables", "did you mean `task.labels`?"),
        ("adapter.r", "did you mean `adapter`?"),
        ("reported[0].value", "one of: adapter, "),
    ],
)
@pytest.mark.parametrize("table", ["stated", "derived", "assumed"])
def test_an_entry_of_a_field_that_is_not_there_is_refused(
    table: str, path: str, hint: str, refusal: Callable[..., list[str]]
) -> None:
    entries = {**CARD["assumed"], path: "lr 3e-5"} if table == "assumed" else {path: "lr 3e-5"}
    (line,) = refusal(**{table: entries})
    assert line.startswith(f"{table}.{path}: no such field; {hint}")


@pytest.mark.parametrize(("one", "other"), [("stated", "derived"), ("stated", "assumed"), ("derived", "assumed")])
def test_two_statuses_of_one_path_are_refused_at_both(one: str, other: str, load: Callable[..., Loaded]) -> None:
    tables = {one: {"training.epochs": "for 3 epochs"}, other: {"training.epochs": "3"}}
    if other == "assumed":
        tables["assumed"] = {**CARD["assumed"], "training.epochs": "3"}
    with pytest.raises(InputError) as caught:
        load(**tables)
    first, second = caught.value.problems
    assert {first.message, second.message} == {"has two statuses; keep one of stated, derived and assumed"}
    assert first.where != second.where


# Overrides


def test_an_overridden_value_is_overridden_whatever_the_card_says(load: Callable[..., Loaded]) -> None:
    loaded = load(("training.learning_rate=1e-4",), stated={"training.learning_rate": "lr 3e-5"})
    assert loaded.evidence["training.learning_rate"] == Evidence("overridden", "command line")


def test_all_of_a_section_that_an_override_brought_in_is_overridden(load: Callable[..., Loaded]) -> None:
    evidence = load(("adapter.type=lora", "adapter.target_modules=[query]", "data.limit.train=20")).evidence
    assert {evidence[path].status for path in ("adapter.r", "adapter.target_modules", "data.limit.seed")} == {
        "overridden"
    }
    assert evidence["data.dataset"].status == "assumed"


@pytest.mark.parametrize("option", ["adapter=null", "adapter="])
def test_entries_of_a_section_that_an_override_took_away_are_no_error(option: str, load: Callable[..., Loaded]) -> None:
    adapter = {"type": "lora", "target_modules": ["query"]}
    assumed = {**CARD["assumed"], "adapter.r": "a guess", "adapter": "not said"}
    assert load(adapter=adapter, assumed=assumed).evidence["adapter.r"].words == "a guess"
    assert load((option,), adapter=adapter, assumed=assumed).card.adapter is None


def test_overrides_of_a_card_without_a_source_are_evidence(load: Callable[..., Loaded]) -> None:
    loaded = load(("training.seed=1",), source=None, assumed=None)
    assert loaded.evidence == {"training.seed": Evidence("overridden", "command line")}


# The source


@pytest.mark.parametrize("table", ["stated", "derived"])
def test_a_card_without_a_source_has_nothing_to_quote(table: str, refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(source=None, assumed=None, **{table: {"training.epochs": "3"}})
    assert line == f"{table}: a card without a `source` has nothing to quote or derive from; remove it"


def test_a_card_without_a_source_may_say_why(load: Callable[..., Loaded]) -> None:
    assert load(source=None, assumed={"training.epochs": "ours"}).card.source is None


def test_a_card_that_comes_installed_travels_without_its_folder_of_sources(
    load: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("registry.evidence.shipped", lambda: tmp_path)
    evidence = load(source_text=None, stated={"training.learning_rate": "lr 3e-5"}).evidence
    assert evidence["training.learning_rate"] == Evidence("stated", "lr 3e-5")


def test_the_folder_of_a_source_that_is_not_there_is_refused(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(source_text=None, stated={"training.learning_rate": "words that nobody wrote"})
    assert line == "source.readme: no such file: sources/x.md"


def test_a_source_that_is_missing_from_its_folder_is_refused(tmp_path: Path, refusal: Callable[..., list[str]]) -> None:
    (tmp_path / "sources").mkdir()
    assert refusal(source_text=None) == ["source.readme: no such file: sources/x.md"]


def test_a_source_with_another_hash_is_refused_with_both(refusal: Callable[..., list[str]]) -> None:
    changed = SOURCE + " "
    (line,) = refusal(source_text=changed)
    digest = hashlib.sha256(changed.encode()).hexdigest()
    assert (
        line == f"source.sha256: is {CARD['source']['sha256']}, but sources/x.md has {digest}; "
        "keep it verbatim, or correct the hash"
    )


@pytest.mark.parametrize("readme", ["../x.md", "sources/../../x.md", "/etc/hostname", ".."])
def test_a_source_outside_the_cards_folder_is_refused(readme: str, refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(source={**CARD["source"], "readme": readme})
    assert line == "source.readme: leads out of the card's folder; keep the source beside the card"


def test_a_source_that_is_a_link_out_of_the_cards_folder_is_refused(
    tmp_path: Path, refusal: Callable[..., list[str]]
) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.md"
    outside.write_text(SOURCE, encoding="utf-8")
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "x.md").symlink_to(outside)
    assert refusal(source_text=None) == [
        "source.readme: leads out of the card's folder; keep the source beside the card"
    ]


def test_a_source_that_is_a_link_to_itself_is_refused(tmp_path: Path, refusal: Callable[..., list[str]]) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "x.md").symlink_to("x.md")
    (line,) = refusal(source_text=None)
    assert line.startswith("source.readme: cannot be read: ")


@pytest.mark.parametrize("readme", ["sources", ".", "sources/x.md/y"])
def test_a_source_that_is_no_file_is_refused(readme: str, refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(source={**CARD["source"], "readme": readme})
    assert line == f"source.readme: no such file: {readme}"


def test_a_source_that_is_not_utf8_is_refused(refusal: Callable[..., list[str]]) -> None:
    content = b"lr 3e-5 \xe9"
    source = {"readme": "sources/x.md", "sha256": hashlib.sha256(content).hexdigest()}
    (line,) = refusal(source_text=content, source=source)
    assert line.startswith("source.readme: cannot be read: 'utf-8' codec can't decode byte 0xe9")


# A quote and its value


def test_a_value_that_its_quoted_words_deny_is_refused_where_they_stand(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(training={"epochs": 5}, stated={"training.epochs": "for 3 epochs"})
    assert line == ("training.epochs: is 5, but the quoted words have 3; correct it, or quote the words that state it")


def test_words_for_a_whole_section_do_not_state_a_number_that_they_lack(refusal: Callable[..., list[str]]) -> None:
    (line,) = refusal(stated={"training": "for 3 epochs"}, assumed=without("training"))
    assert line.startswith("training: the words say nothing of learning_rate 3e-05, batch_size 8, ")


def test_words_for_a_whole_section_state_the_numbers_that_they_hold(load: Callable[..., Loaded]) -> None:
    text = "Test rows: 500, train rows: 1000"
    evidence = load(
        data={"dataset": "rows", "rows": {"train": 1000, "test": 500}},
        stated={"data.rows": text},
        source_text=text,
        source={**CARD["source"], "sha256": hashlib.sha256(text.encode()).hexdigest()},
    ).evidence
    assert evidence["data.rows.train"].status == "stated"


def test_a_number_of_a_section_that_has_an_entry_of_its_own_need_not_be_in_the_words(
    load: Callable[..., Loaded],
) -> None:
    assumed = {**without("hardware"), "hardware.count": "one"}
    evidence = load(stated={"hardware": "fine-tuned"}, assumed=assumed).evidence
    assert evidence["hardware.count"].status == "assumed"


def test_words_for_a_claim_as_a_whole_are_held_against_its_value(refusal: Callable[..., list[str]]) -> None:
    reported = [{"metric": "accuracy", "value": "99.9%"}]
    (line,) = refusal(reported=reported, stated={"reported[0]": "accuracy 85%"})
    assert line.startswith("reported[0]: is 99.9%, but the quoted words have 85%;")


def test_words_for_all_claims_are_held_against_each_value(refusal: Callable[..., list[str]]) -> None:
    reported = [{"metric": "accuracy", "value": "85%"}, {"metric": "f1", "value": "86%"}]
    (line,) = refusal(reported=reported, stated={"reported": "accuracy 85%"})
    assert line.startswith("reported: the words say nothing of [1].value 86%;")


EXAMPLE = "Accuracy on Test Set: e.g., 89.20%"


def source_of(text: str) -> dict[str, Any]:
    return {"source_text": text, "source": {**CARD["source"], "sha256": hashlib.sha256(text.encode()).hexdigest()}}


@pytest.mark.parametrize("path", ["reported[0].value", "reported[0]", "reported"])
def test_an_example_in_the_words_is_no_result(path: str, refusal: Callable[..., list[str]]) -> None:
    reported = [{"metric": "accuracy", "value": "89.20%"}]
    (line,) = refusal(reported=reported, stated={path: EXAMPLE}, **source_of(EXAMPLE))
    assert "is 89.20%, but the words have it as an example; write it as they do" in line


def test_an_example_may_be_quoted_for_an_example(load: Callable[..., Loaded]) -> None:
    reported = [{"metric": "accuracy", "value": "e.g., 89.20%"}]
    assert load(reported=reported, stated={"reported[0].value": EXAMPLE}, **source_of(EXAMPLE)).evidence


def test_a_result_beside_an_example_is_one(load: Callable[..., Loaded]) -> None:
    text = "Accuracy 85% on some sets, e.g., IMDb with 89.20% at its best"
    reported = [{"metric": "accuracy", "value": "85%"}]
    assert load(reported=reported, stated={"reported[0].value": text}, **source_of(text)).evidence


@pytest.mark.parametrize(
    ("table", "words"),
    [("stated", " "), ("stated", "—"), ("stated", "`**`"), ("stated", [" ", "lr 3e-5"]), ("assumed", " "),
     ("assumed", "..."), ("derived", "=")],
)  # fmt: skip
def test_an_entry_without_a_letter_or_digit_is_refused(
    table: str, words: str | list[str], refusal: Callable[..., list[str]]
) -> None:
    entries = {**CARD["assumed"], "training.epochs": words} if table == "assumed" else {"training.epochs": words}
    assert "training.epochs: has no letter or digit; " in " ".join(refusal(**{table: entries}))


def test_a_wrong_quote_of_a_long_source_is_refused_without_a_search_for_its_line(
    refusal: Callable[..., list[str]],
) -> None:
    text = SOURCE + "lorem ipsum é " * 600_000
    quotes = [f"LR 3e-5 {number}" for number in range(20)]
    seconds, lines = timed(lambda: refusal(stated={"training.learning_rate": quotes}, **source_of(text)))
    assert seconds < 2
    assert len(lines) == 20
    assert lines[0].endswith("; quote them exactly")


def test_a_table_needs_words_that_hold_its_cells(
    refusal: Callable[..., list[str]], load: Callable[..., Loaded]
) -> None:
    table = {"columns": ["epoch", "accuracy"], "rows": [["3", "85%"]]}
    (line,) = refusal(epoch_table=table)
    assert line.startswith("epoch_table.rows: ")
    quoted = {"epoch_table": "for 3 epochs\naccuracy 85%"}
    assert load(epoch_table=table, stated=quoted).evidence["epoch_table.rows"].status == "stated"
    (line,) = refusal(epoch_table={**table, "rows": [["3", "86%"]]}, stated=quoted)
    assert line.startswith("epoch_table: is 86%, but the quoted words have 3, 85%;")


def test_a_source_of_many_megabytes_is_refused_unread(tmp_path: Path, load: Callable[..., Loaded]) -> None:
    load()
    with (tmp_path / "sources/x.md").open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(InputError, match="larger than 10,000,000 bytes; keep the README alone"):
        load_card(tmp_path / "x.yaml")
