"""Text is shown as that text, whatever Markdown, the Hub's formulas or a terminal would make of it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown import MARKDOWN, kinds, plain, shown, texts

from registry.errors import one_line
from runner.markup import code, escape, prose, verbatim


@given(texts)
@example("title\n===")
@example("a | b\n:-: | :-:")
@example("a\n---\nb")
@example("+\tx")
@example("1) x")
def test_prose_is_paragraphs_and_lists_that_show_the_text(text: str) -> None:
    tokens = MARKDOWN.parse(prose(text))
    lists = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}
    assert kinds(tokens) <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "softbreak"} | lists
    assert shown(tokens) == plain(" ".join(line.strip().removeprefix("- ") for line in text.split("\n")))


@given(texts)
@example("a | b")
def test_a_cell_shows_the_text_and_ends_where_it_ends(text: str) -> None:
    tokens = MARKDOWN.parse(f"| a | b |\n|---|---|\n| x{escape(text)} | y |\n")
    cells = [shown([token]) for token in tokens if token.type == "inline"]
    assert cells == ["a", "b", f"x{plain(text)}", "y"]
    assert not kinds(tokens) & {"link_open", "image", "html_inline", "code_inline", "em_open", "strong_open", "s_open"}


@given(texts.filter(str.strip))
def test_a_block_of_code_holds_the_lines_of_the_text(text: str) -> None:
    tokens = MARKDOWN.parse(f"before\n\n{verbatim(text)}\n\nafter\n")
    assert {token.type for token in tokens} == {"paragraph_open", "inline", "paragraph_close", "code_block"}
    assert "".join(t.content for t in tokens if t.type == "code_block").split() == plain_lines(text)


def plain_lines(text: str) -> list[str]:
    return " ".join(one_line(line.rstrip()) for line in text.split("\n")).split()


@given(st.text())
def test_a_literal_is_that_text_in_python_and_hides_nothing(text: str) -> None:
    assert ast.literal_eval(code(text)) == text
    assert code(text).isprintable()


@pytest.mark.parametrize("text", ["\\(x\\)", "\\\\(x\\\\)", "$$x$$", "$x$"])
def test_no_formula_is_left_for_the_hub_to_read(text: str) -> None:
    assert "\\(" not in escape(text).replace("\\\\", "\\") and "$$" not in escape(text)


def test_a_list_stays_a_list_and_lines_of_a_paragraph_become_one() -> None:
    assert (
        prose("two\nlines\n\n- one\n  more\n- two\n\n# no heading")
        == "two lines\n\n- one more\n- two\n\n\\# no heading"
    )


def test_letters_that_change_the_direction_are_written_out() -> None:
    assert escape("safe\u202egnp.exe") == "safe&#92;u202egnp.exe"
