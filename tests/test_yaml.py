"""YAML 1.2 is read with places, and refused in one line where a card could not be read as it looks."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import takes_less_than, timed

from registry import yaml
from registry.errors import InputError


def value_of(text: str) -> object:
    return yaml.read(text, "x.yaml")[0]


def refusal(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        yaml.read(text, "x.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "word", ["no", "on", "off", "yes", "y", "n", "No", "ON", "2020-01-01", "1:30", "0b11", "1_000"]
)
def test_what_only_yaml_1_1_takes_for_something_else_is_text(word: str) -> None:
    assert value_of(f"a: {word}") == {"a": word}


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_the_five_ways_to_write_null_are_null(word: str) -> None:
    assert value_of(f"a: {word}") == {"a": None}


@pytest.mark.parametrize(("word", "value"), [("true", True), ("True", True), ("FALSE", False)])
def test_only_true_and_false_are_booleans(word: str, value: bool) -> None:
    assert value_of(f"a: {word}") == {"a": value}


@pytest.mark.parametrize(
    ("word", "value"), [("3", 3), ("-3", -3), ("+3", 3), ("010", 10), ("0o10", 8), ("0x1F", 31), ("007", 7)]
)
def test_integers_are_those_of_the_core_schema_and_keep_their_text(word: str, value: int) -> None:
    read = value_of(f"a: {word}")["a"]  # type: ignore[index]
    assert (type(read), read, read.text) == (yaml.WrittenInt, value, word)


@pytest.mark.parametrize(
    ("word", "value"),
    [("3e-5", 3e-5), ("0.8500", 0.85), ("1.", 1.0), (".5", 0.5), ("-.5e3", -500.0), ("1E3", 1000.0)],
)
def test_floats_are_those_of_the_core_schema_and_keep_their_text(word: str, value: float) -> None:
    read = value_of(f"a: {word}")["a"]  # type: ignore[index]
    assert (type(read), read, read.text) == (yaml.WrittenFloat, value, word)


@pytest.mark.parametrize(("word", "value"), [(".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf)])
def test_infinities_are_floats(word: str, value: float) -> None:
    assert value_of(f"a: {word}") == {"a": value}


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(value_of("a: .NaN")["a"])  # type: ignore[index]


@pytest.mark.parametrize("word", ["'3'", '"true"', "'null'", '"3e-5"'])
def test_quotes_make_text(word: str) -> None:
    assert value_of(f"a: {word}") == {"a": word[1:-1]}


def test_digits_that_no_machine_integer_holds_are_no_integer() -> None:
    assert type(value_of("a: " + "9" * 5000)["a"]) is yaml.WrittenFloat  # type: ignore[index]


def test_folded_lines_are_joined_by_one_space() -> None:
    assert value_of("a: >-\n  one\n  two\n") == {"a": "one two"}


def test_kept_lines_stay_lines() -> None:
    assert value_of("a: |\n  one\n  two\n") == {"a": "one\ntwo\n"}


def test_keys_are_text() -> None:
    assert value_of("1: a\ntrue: b\nno: c\n") == {"1": "a", "true": "b", "no": "c"}


def test_json_is_yaml_down_to_its_surrogate_pairs() -> None:
    data = {"a": [1, 2.5, None, True, "😀 é \n"], "b": {"c": ""}}
    assert json.loads(json.dumps(value_of(json.dumps(data)))) == data


def test_places_are_those_of_keys_and_items() -> None:
    _, places = yaml.read("a: 1\nb:\n  - x\n  - {c: 2}\n", "x.yaml")
    assert {path: str(place) for path, place in places.items()} == {
        "": "1:1", "a": "1:1", "b": "2:1", "b[0]": "3:5", "b[1]": "4:5", "b[1].c": "4:6",
    }  # fmt: skip


def test_a_duplicate_key_is_refused_with_both_places() -> None:
    assert refusal("a: 1\nb:\n  c: 1\n  c: 2\n") == ["x.yaml:4:3  b.c: given twice, first at 3:3; keep one"]


def test_a_key_given_three_times_is_refused_twice() -> None:
    assert [line.split()[0] for line in refusal("a: 1\na: 2\na: 3\n")] == ["x.yaml:2:1", "x.yaml:3:1"]


def test_an_anchor_and_its_alias_are_each_refused_where_they_stand() -> None:
    message = "anchors and aliases are refused; write the value out"
    assert refusal("a: &x 1\nb:\n- *x\n") == [f"x.yaml:1:4  a: {message}", f"x.yaml:3:3  b[0]: {message}"]


def test_an_anchored_key_is_refused() -> None:
    assert refusal("&x a: 1\n") == ["x.yaml:1:1  a: anchors and tags are refused; write the key alone"]


def test_a_billion_laughs_are_refused_quickly() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    seconds, lines = timed(lambda: refusal(bomb))
    assert lines[0].startswith("x.yaml:1:5  a0: anchors")
    assert seconds < 1


def test_a_merge_key_is_refused() -> None:
    assert refusal("a:\n  <<: {b: 1}\n  c: 2\n") == ["x.yaml:2:3  a: merge keys are refused; write the keys out"]


@pytest.mark.parametrize(
    "tagged",
    [
        "!foo x",
        "! 12",
        "!!str 3",
        "!!int abc",
        "!!float x",
        "!!python/object:os.system x",
        "!!set {x}",
        "!!binary YQ==",
    ],
)
def test_tags_are_refused(tagged: str) -> None:
    (line,) = refusal(f"a: {tagged}\n")
    assert line.startswith("x.yaml:1:4  a: the tag '")


def test_an_undefined_tag_handle_is_refused() -> None:
    assert refusal("a: 1\nb: !e!x 1\n") == [
        "x.yaml:2:4  not YAML: while parsing a node found undefined tag handle '!e!'"
    ]


@pytest.mark.parametrize("head", ["%YAML 1.1", "%YAML 1.2", "%YAML 1.3", "%TAG ! tag:x"])
def test_directives_are_refused(head: str) -> None:
    assert refusal(f"{head}\n---\na: no\n")[0].startswith("x.yaml:1:1  ")


@pytest.mark.parametrize("key", ["[a, b]", "{a: 1}"])
def test_a_key_that_is_no_word_is_refused(key: str) -> None:
    assert refusal(f"a: 1\n? {key}\n: 1\n")[0].startswith("x.yaml:2:3  a key must be a word")


def test_a_second_document_is_refused_where_it_begins() -> None:
    assert refusal("a: 1\n---\nb: 1\n") == ["x.yaml:2:1  a second document begins here; write one card a file"]


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment\n"])
def test_nothing_is_refused_as_empty(text: str) -> None:
    assert refusal(text) == ["x.yaml  empty"]


def test_a_tab_as_indentation_is_refused_where_it_stands() -> None:
    assert refusal("a:\n\tb: 1\n")[0].startswith(r"x.yaml:2:1  not YAML: a tab; indent with spaces")


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("a: | learning_rate | 2e-5 |", "|"),
        ("a: - learning_rate", "- "),
        ("a: * epochs", "*"),
        ("a: **epochs**", "*"),
        ("a: `epochs`", "`"),
    ],
)
def test_markdown_that_is_pasted_without_quotes_is_told_to_need_them(text: str, begins: str) -> None:
    assert f"a text cannot begin with {begins!r}; quote it" in refusal(text)[0]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_an_unclosed_quote_is_refused_where_it_opens(quote: str) -> None:
    told = "x.yaml:2:4  not YAML: the quotes opened at 2:4 are not closed"
    assert refusal(f"a: 1\nb: {quote}x\nc: 1\n") == [told]


def test_an_unclosed_list_is_refused_at_the_key_after_it() -> None:
    told = "x.yaml:3:2  not YAML: the `[` at 1:4 is not closed; expected ',' or ']'"
    assert refusal("a: [1,\n  2\nb: 3\n")[0].startswith(told)


@pytest.mark.parametrize("escape", [r"\0", r"\a", r"\e", r"\x7f", r"\x9b"])
def test_a_control_character_in_a_value_is_refused(escape: str) -> None:
    (line,) = refusal(f'a: 1\nb: "x{escape}"\n')
    assert line.startswith("x.yaml:2:4  b: holds the control character")


def test_a_raw_control_character_is_refused_where_it_stands() -> None:
    assert refusal("a: 1\nb: x\x07\n") == [r"x.yaml:2:5  not YAML: the character '\x07' is not allowed"]


def test_half_a_surrogate_pair_is_refused() -> None:
    assert refusal(r'a: "\ud83d"') == ["x.yaml:1:4  a: holds half a surrogate pair; write the character itself"]


@pytest.mark.parametrize("escape", [r"\UFFFFFFFF", r"\U00110000", r"\xZZ", r"\q"])
def test_an_impossible_escape_is_refused_on_its_line(escape: str) -> None:
    (line,) = refusal(f'a: 1\nb: "{escape}"\n')
    assert line.startswith("x.yaml:2:")


def test_a_key_with_a_line_break_is_named_in_one_line() -> None:
    (line,) = refusal('"a\\nb": 1\n"a\\nb": 2\n')
    assert line == r"x.yaml:2:1  a\nb: given twice, first at 1:1; keep one"


def test_what_was_found_before_a_syntax_error_is_said_too() -> None:
    assert [line.split()[0] for line in refusal("a: 1\na: &x 2\nb: }\n")] == ["x.yaml:2:1", "x.yaml:2:4", "x.yaml:3:4"]


def test_problems_come_in_the_order_of_their_lines() -> None:
    lines = [line.split()[0] for line in refusal("".join(f"- &a{i} x\n" for i in range(12)))]
    assert lines == [f"x.yaml:{line}:3" for line in range(1, 13)]


def filled(piece: str) -> str:
    return piece * (yaml.MAX_BYTES // len(piece))


HOSTILE = {
    "open lists": filled("["),
    "open mappings": filled("{a: "),
    "lists in lists": "[" * 900 + "]" * 900,
    "dashes in a line": filled("- "),
    "question marks": filled("? "),
    "indented keys": "".join(" " * depth + "a:\n" for depth in range(400)),
    "a wide list": f"[{filled('1,')[:-3]}]",
    "a wide mapping": "".join(f"{i}:\n" for i in range(14_000)),
    "a repeated key": filled("a: 1\n"),
    "anchors": filled("- &a x\n"),
    "a quote": "'" * (yaml.MAX_BYTES - 1),
    "exclamation marks": filled("!"),
    "colons": filled(":"),
    "comments": filled("#\n"),
    "too many bytes": "a" * (yaml.MAX_BYTES + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_quickly(name: str) -> None:
    assert refusal(HOSTILE[name])
    assert takes_less_than(1, lambda: refusal(HOSTILE[name]), tries=5)  # some half of it where nothing else runs


def test_depth_is_refused_at_the_level_that_is_too_deep() -> None:
    assert refusal("[" * 100 + "]" * 100) == [f"x.yaml:1:{yaml.MAX_DEPTH + 2}  nested too deeply"]


def test_the_deepest_allowed_nesting_is_read() -> None:
    depth = yaml.MAX_DEPTH
    assert str(value_of("[" * depth + "1" + "]" * depth)).count("(") == depth


PIECES = st.sampled_from(
    [*"[]{}&*!|>'\"%@`#,:?-~=<\\\n\t 0a.", "\n  ", "\n- ", ": ", "- ", "<<: ", "&a ", "*a ", "!!", "---\n", "...\n"]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
@settings(max_examples=1500)
def test_any_text_is_read_or_refused_in_single_lines(text: str) -> None:
    try:
        yaml.read(text, "x.yaml")
    except InputError as error:
        assert error.problems
        assert len(str(error).splitlines()) == len(error.problems)


def test_the_fast_parser_reads_the_shipped_cards() -> None:
    texts = [file.read_text() for file in (Path(__file__).parents[1] / "cards").rglob("*.yaml")]
    assert texts
    assert all(yaml._read_fast(text) for text in texts)


def test_without_libyaml_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: 1\nb: [x, 0.850]\n"
    fast = yaml._read_fast(text)
    monkeypatch.setitem(sys.modules, "yaml.cyaml", None)
    assert yaml._read_fast(text) is None
    assert yaml.read(text, "x.yaml") == fast


# Both parsers take most of these, so that what they make of them is compared, not what they refuse.
MILD = st.sampled_from(
    [
        "a", "k: ", "b: 1\n", "- ", "\n", "\n  ", "\n- ", "\n\n", " ", "  ", "x y", "é", "😀", "# c\n", " #", ": ",
        "{", "}", "[", "]", ", ", ",", '"', "'", '"x\\u00e9"', "'y'", '"\\\n"', "http://x", "0.850", "~", "null",
        "|\n  ", "|-\n", ">+\n", ">-\n  ", "|2\n", "x" * 1023, '"a":1', "? ", "! ", "...\n", "---\n", "\t", "\r\n",
        "\x85", "\u2028", "\ufeff", "&a ", "*a ", "!!str ", "%", ":",
    ]
)  # fmt: skip


@given(st.lists(MILD, max_size=14).map("".join))
@settings(max_examples=3000)
def test_what_the_fast_parser_reads_the_careful_one_reads_alike(text: str) -> None:
    fast = yaml._read_fast(text)
    if fast is not None:
        careful = yaml._read_with_care(text, "")
        assert shown(fast[0]) == shown(careful[0])
        assert list(fast[1].items()) == list(careful[1].items())


def shown(value: object) -> object:
    """A value with the types and the texts of everything in it, keys in their order."""
    if isinstance(value, dict):
        return [(key, shown(inner)) for key, inner in value.items()]
    if isinstance(value, tuple):
        return tuple(map(shown, value))
    return type(value), repr(value), getattr(value, "text", None)


LEAVES = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8)
KEYS = WORDS.filter(lambda key: key != "<<")
DATA = st.recursive(LEAVES | WORDS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12)


@given(DATA, st.booleans())
@settings(max_examples=300)
def test_what_json_writes_is_read_as_it_was(data: object, ascii_only: bool) -> None:
    text = json.dumps(data, ensure_ascii=ascii_only)
    assert json.loads(json.dumps(value_of(text))) == data
