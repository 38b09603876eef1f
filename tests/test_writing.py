"""Cards as text: what is written reads back, and a change touches what it is about and nothing else."""

from __future__ import annotations

import functools
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import yaml
from registry.card import Card
from registry.errors import InputError
from registry.writing import DELETE, WIDTH, dump, edit, render, scalar
from runner import plugins
from runner.plugins import load_card

SHIPPED = sorted(Path(__file__).parents[1].glob("cards/**/*.yaml"))
RUNS = settings(max_examples=60)


def read(text: str) -> Any:
    return yaml.read(text, "card")[0]


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def as_card(text: str) -> Card:
    return Card.model_validate(read(text), context={"plugins": plugins.sections()})


# Writing

# What no card may hold is refused when it is read: control characters, overrides of direction, tags.
REFUSED = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xE0000, 0xE0080))))
characters = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=REFUSED) | st.sampled_from(
    "\n\n\t #:-'\"[]{},&*!|>%@`0123"
)
texts = st.text(characters, max_size=300) | st.text(st.sampled_from("ab \n#:"), max_size=300)
numbers = st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
keys = st.text(characters, min_size=1, max_size=20).filter(lambda key: key != "<<" and "\n" not in key)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@pytest.mark.parametrize("defaults", [False, True])
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_card_that_is_written_reads_back_equal(file: Path, defaults: bool) -> None:
    card = load_card(file).card
    assert as_card(dump(card, defaults=defaults)) == card


@RUNS
@given(st.dictionaries(keys, values, min_size=1, max_size=4))
def test_whatever_is_written_reads_back_with_its_types(raw: dict[str, Any]) -> None:
    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: whole(item) for key, item in value.items()}
        if isinstance(value, list):
            return [whole(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value

    assert canonical(read(render(raw))) == canonical(whole(raw))


@RUNS
@given(st.data())
def test_a_card_with_any_words_and_numbers_reads_back_equal(data: st.DataObject) -> None:
    card = load_card(SHIPPED[-1]).card
    words = texts.filter(bool)
    several = st.lists(words, max_size=3).map(tuple)
    readme = card.readme.model_copy(update={"description": data.draw(words), "tags": data.draw(several)})
    rate = data.draw(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
    training = card.training.model_copy(update={"learning_rate": rate})
    changed = card.model_copy(
        update={
            "readme": readme,
            "training": training,
            "underspecified": data.draw(several),
            "id": data.draw(st.just("x")),
        }
    )
    assert as_card(dump(changed)) == changed


def test_a_written_card_has_the_order_of_the_spec(tmp_path: Path) -> None:
    for file in SHIPPED:
        order = [info.alias or name for name, info in Card.model_fields.items()]
        written = list(read(dump(load_card(file).card, defaults=True)))
        assert written == order


def test_defaults_are_written_only_when_asked_for() -> None:
    card = load_card(SHIPPED[-1]).card
    assert "adam_epsilon" not in dump(card)
    assert "adam_epsilon: 1e-8" in dump(card, defaults=True)


def test_a_written_card_keeps_to_the_width_of_a_line() -> None:
    for file in SHIPPED:
        assert max(map(len, dump(load_card(file).card).splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2e-5, "2e-5"),
        (3.0, "3"),
        (0.01, "0.01"),
        (1e22, "1e22"),
        (True, "true"),
        (None, "null"),
        ("no", '"no"'),
        ("1e-3", '"1e-3"'),
        ("007", '"007"'),
        ("a # b", '"a # b"'),
        ("a: b", '"a: b"'),
        ("C#", "C#"),
        ("", '""'),
        ("prajjwal1/bert-tiny", "prajjwal1/bert-tiny"),
        ("Sci/Tech", "Sci/Tech"),
        ("2 + 2", '"2 + 2"'),
        ("line\nline", '"line\\nline"'),
        ("a\u2028b", '"a\\u2028b"'),
    ],
)
def test_a_scalar_is_quoted_where_it_could_be_read_as_something_else(value: Any, text: str) -> None:
    assert scalar(value) == text
    assert read(f"key: {text}")["key"] == value


def test_a_comment_stands_beside_its_value_or_above_where_there_is_no_room() -> None:
    text = render({"a": 1, "b": {"c": "x" * 99}}, {"a": "short", "b.c": "longer than the room"}, {"b.c": "d: 2"})
    assert text.splitlines() == [
        "a: 1                                          # short",
        "b:",
        "  # longer than the room",
        f"  c: {'x' * 99}",
        "  # d: 2",
    ]


# Changing

TEXT = """\
# A card.
schema: 1
id: x                     # its name
base:
  # where it comes from
  model: a/b
  architecture: {model_type: bert, hidden_size: 16,   # small
                 num_hidden_layers: 1}
data: {dataset: rows, tokens: {max_length: 64}}
training:
  epochs: 3   # enough
  seed: 42

# Measured by
# others.
reported:
  - {metric: accuracy, value: "85%"}

readme:
  description: >-
    Long
    words.
  tags:
    - a
    - b
# the end
"""


def changed(changes: dict[str, Any], text: str = TEXT) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came."""
    before, after = text.splitlines(), edit(text, changes).splitlines()
    return [line for line in before if line not in after], [line for line in after if line not in before]


@pytest.mark.parametrize(
    ("changes", "gone", "come"),
    [
        ({"id": "z"}, ["id: x                     # its name"], ["id: z                     # its name"]),
        ({"training.epochs": 5}, ["  epochs: 3   # enough"], ["  epochs: 5   # enough"]),
        ({"training.learning_rate": 2e-5}, [], ["  learning_rate: 2e-5"]),
        ({"training.seed": DELETE}, ["  seed: 42"], []),
        ({"reported[0].value": "0.850"},
         ['  - {metric: accuracy, value: "85%"}'], ['  - {metric: accuracy, value: "0.850"}']),
        ({"data.limit.train": 20}, ["data: {dataset: rows, tokens: {max_length: 64}}"],
         ["data: {dataset: rows, tokens: {max_length: 64}, limit: {train: 20}}"]),
        ({"data.tokens": DELETE}, ["data: {dataset: rows, tokens: {max_length: 64}}"], ["data: {dataset: rows}"]),
        ({"data.dataset": DELETE}, ["data: {dataset: rows, tokens: {max_length: 64}}"],
         ["data: {tokens: {max_length: 64}}"]),
        ({"data.tokens.max_length": DELETE}, ["data: {dataset: rows, tokens: {max_length: 64}}"],
         ["data: {dataset: rows, tokens: {}}"]),
        ({"readme.tags": ("a", "no")}, ["  tags:", "    - a", "    - b"], ['  tags: [a, "no"]']),
        ({"readme.tags": DELETE}, ["  tags:", "    - a", "    - b"], []),
        ({"readme.description": "Short."}, ["  description: >-", "    Long", "    words."], ["  description: Short."]),
        ({"adapter": {"type": "lora", "r": 8}}, [], ["adapter: {type: lora, r: 8}"]),
        ({"assumed.training.epochs": "why: not"}, [], ['assumed: {training.epochs: "why: not"}']),
        ({"reported": DELETE}, ["# Measured by", "# others.", "reported:", '  - {metric: accuracy, value: "85%"}'], []),
        ({"software": DELETE, "adapter.r": DELETE}, [], []),
    ],
)  # fmt: skip
def test_a_change_touches_its_own_lines_only(changes: dict[str, Any], gone: list[str], come: list[str]) -> None:
    assert changed(changes) == (gone, come)


def test_a_new_section_stands_where_the_spec_has_it() -> None:
    assert list(read(edit(TEXT, {"adapter": {"type": "lora"}}))) == [
        "schema", "id", "base", "data", "adapter", "training", "reported", "readme",
    ]  # fmt: skip


def test_new_prose_is_folded() -> None:
    new = edit(TEXT, {"readme.uses": "Some words. " * 20 + "End."})
    assert "  uses: >-\n    Some words. " in new
    assert max(map(len, new.splitlines())) <= WIDTH


def test_a_paragraph_that_goes_leaves_one_blank_line() -> None:
    assert "  seed: 42\n\nreadme:\n" in edit(TEXT, {"reported": DELETE})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"base.architecture": {"model_type": "llama"}}, "has comments inside that would be lost"),
        ({"base.architecture.num_hidden_layers": DELETE}, "has a comment beside it that would be lost"),
        ({"training": {"epochs": 1}}, "has comments inside that would be lost"),
        ({"reported[3].value": "1"}, "no such item"),
        ({"reported[0]": DELETE}, "no such item, or one that others are counted after"),
        ({"id.part": 1}, "no place for 'part': a value stands there, not a section"),
        ({"readme.tags.a": 1}, "no place for 'a'"),
    ],
)
def test_what_would_lose_a_comment_or_another_value_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=re.escape(why)):
        edit(TEXT, changes)


def test_a_text_without_a_last_line_break_can_be_added_to() -> None:
    assert edit("a: 1", {"b": 2}) == "a: 1\nb: 2\n"


def test_a_value_comes_behind_a_key_that_has_none() -> None:
    assert edit("a: 1\nb:  # why\n\nc: 2\n", {"b.d": 3}) == "a: 1\nb: {d: 3}  # why\n\nc: 2\n"
    assert edit("a: {b: , c: 2}\n", {"a.b": 3}) == "a: {b: 3 , c: 2}\n"


def test_line_ends_of_windows_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    new = edit(text, {"training.epochs": 5, "training.learning_rate": 1e-3, "reported": DELETE})
    assert new.count("\r\n") == new.count("\n")
    assert new.replace("\r\n", "\n") == edit(
        TEXT, {"training.epochs": 5, "training.learning_rate": 1e-3, "reported": DELETE}
    )


def paths(raw: Any, path: str = "") -> list[str]:
    """Every value of a card below its sections."""
    found = [path] if path else []
    if isinstance(raw, dict):
        found += [below for key, item in raw.items() for below in paths(item, yaml.join(path, key))]
    elif isinstance(raw, tuple):
        found += [below for index, item in enumerate(raw) for below in paths(item, yaml.join(path, index))]
    return found


def comments(text: str) -> list[str]:
    return [found.group().strip() for found in re.finditer(r"(^|(?<=\s))#\s.*$", text, re.MULTILINE)]


def leaf(raw: Any, path: str) -> Any:
    table, _, rest = path.partition(".")
    for key in (table, rest) if table in ("stated", "derived", "assumed") else re.findall(r"[^.\[\]]+", path):
        if key:
            raw = raw[int(key)] if isinstance(raw, tuple) else raw[key]
    return raw


@functools.cache
def places() -> list[tuple[str, str]]:
    """Every shipped text with every path in it."""
    return [
        (text, path) for file in SHIPPED for text in [file.read_text(encoding="utf-8")] for path in paths(read(text))
    ]


ANY_PATH = st.deferred(lambda: st.sampled_from(places()))


@RUNS
@given(ANY_PATH, values)
def test_any_change_keeps_every_comment_and_every_other_line(place: tuple[str, str], value: Any) -> None:
    text, path = place
    try:
        new = edit(text, {path: value})
    except InputError:
        assert isinstance(leaf(read(text), path), (dict, tuple))  # only what has comments inside
        return
    assert [c for c in comments(text) if c not in comments(new)] == []
    before, after = text.splitlines(), new.splitlines()
    same_before = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    rest = [line for line in before[same_before:] if line in after[same_before:]]
    value_lines = len(_lines_of(text, path))
    assert len(before) - same_before - len(rest) <= value_lines
    assert canonical(leaf(read(new), path)) == canonical(leaf(read(render({"a": value})), "a"))


def _lines_of(text: str, path: str) -> list[str]:
    """The lines from a value's key to the next key that is not below it."""
    _, places = yaml.read(text, "card")
    lines = text.splitlines()
    start = places[path].line
    after = [at.line for other, at in places.items() if not other.startswith(path) and at.line > start]
    return lines[start - 1 : min(after, default=len(lines) + 1)]


@RUNS
@given(ANY_PATH)
def test_any_key_that_goes_leaves_the_others_and_their_comments(place: tuple[str, str]) -> None:
    text, path = place
    try:
        new = edit(text, {path: DELETE})
    except InputError:
        assert path.endswith("]")  # an item that others are counted after, or a comment beside
        return
    gone = set(_lines_of(text, path))
    kept = [line for line in text.splitlines() if line.strip() and line not in gone]
    # A comment of a paragraph goes with it, and `{}` stands behind the name of a section that is empty now.
    left = {*new.splitlines(), *(line.removesuffix(" {}") for line in new.splitlines())}
    assert [line for line in kept if line not in left and not line.startswith("#")] == []
    assert math.isclose(len(read(new)), len(read(text)), abs_tol=1)
