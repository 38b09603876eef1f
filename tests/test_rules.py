"""No regular expression of the README reader takes longer than the text grows, whatever the text."""

from __future__ import annotations

import ast
import re
import sys
from collections import deque

import pytest
from timing import timed

from bench.rules import anchored, file_of, hard, modules, rules

RULES = rules()
ANCHORED = {RULES[name] for name in anchored()}
LONGER = 8
SLACK = 24
"""So many times the text may take so many times as long: 8 for a linear rule, 64 for a quadratic one."""
QUICK = 0.004
"""Seconds that are too few to be measured."""


def spent(pattern, text):
    """Seconds of CPU for looking everywhere in a text; of a rule that is only matched, at its beginning."""
    if pattern in ANCHORED:
        return timed(lambda: (pattern.match(text), pattern.fullmatch(text)))[0]
    return timed(lambda: deque(pattern.finditer(text), maxlen=0))[0]


def repeated(piece, size):
    return (piece * (size // len(piece) + 1))[:size]


def slowest_piece(pattern, size):
    """The piece that keeps a rule busiest; what is busy for long already ends the search."""
    worst = (-1.0, "")
    for piece in hard(pattern):
        worst = max(worst, (spent(pattern, repeated(piece, size)), piece))
        if worst[0] > 0.5:
            break
    return worst[1]


def grows_as_the_text(pattern, piece, size=4000):
    """Whether a longer text takes longer by as much; each is measured three times, and the least counts."""
    once, longer = (min(spent(pattern, repeated(piece, n)) for _ in range(3)) for n in (size, LONGER * size))
    return longer < max(QUICK, SLACK * once)


def test_every_module_of_the_reader_is_looked_at():
    assert {name.rpartition(".")[0] for name in RULES} >= {
        "markdown",
        "numbers",
        "readme.completeness",
        "readme.recipe",
    }
    assert len(RULES) > 150


def test_a_rule_that_backtracks_would_be_found(monkeypatch):
    assert not grows_as_the_text(re.compile(r"\s*x"), " ", 2000)
    matched = re.compile(r"\s*\s*x")
    monkeypatch.setattr(sys.modules[__name__], "ANCHORED", {matched})
    assert not grows_as_the_text(matched, " ", 2000)


def test_rules_that_are_only_matched_are_told_from_those_that_are_searched():
    assert "readme.recipe._PAIR[0]" in anchored()
    assert not anchored() & {"readme.sentences._TOOK[0]", "readme.sentences._SENTENCES[1]", "markdown._BREAK[0]"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_takes_time_as_its_text_grows_and_seconds_for_a_megabyte(name):
    pattern = RULES[name]
    piece = slowest_piece(pattern, 1000)
    assert grows_as_the_text(pattern, piece), piece
    # A quadratic rule would need hours, not seconds.
    assert spent(pattern, repeated(piece, 1_000_000)) < 20, piece


@pytest.mark.parametrize("module", modules())
def test_no_rule_of_the_reader_hides_in_a_function(module):
    file = file_of(module)
    used = {"search", "match", "fullmatch", "findall", "finditer", "sub", "split", "compile"}
    for function in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef) and function.name != "_section":
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in used:
                    assert getattr(call.func.value, "id", "") != "re", f"{file.name}:{call.lineno}"
