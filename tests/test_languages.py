"""Language codes: what the Hub and BCP-47 know, and what was meant by other words."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import timed

from registry.languages import _NAMES, language_problem


@pytest.mark.parametrize(
    "code",
    ["en", "zh", "yue", "fil", "eng", "ger", "pt-BR", "zh-Hant", "sr-Latn-RS", "es-419", "de-1996", "mul", "zxx",
     "multilingual", "code"],
)  # fmt: skip
def test_a_known_code_is_no_problem(code: str) -> None:
    assert language_problem(code) is None


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("English", "en"),
        ("german", "de"),
        ("Farsi", "fa"),
        ("spanisch", "es"),
        ("EN", "en"),
        ("en_US", "en-US"),
        ("pt-br", "pt-BR"),
        ("en-UK", "en-GB"),
        ("jp", "ja"),
        ("cn", "zh"),
        ("Multilingual", "multilingual"),
        ("python", "code"),
    ],
)
def test_what_meant_a_language_leads_to_its_code(code: str, meant: str) -> None:
    assert language_problem(code) == f"{code!r} is no language code; did you mean `{meant}`?"


@pytest.mark.parametrize("code", ["", "xx", "noinfo", "en-", "en US", "x-mine", "root", "en-Latn-Latn", "c++", "ｅｎ"])
def test_what_is_no_language_is_refused_with_examples(code: str) -> None:
    assert language_problem(code) == (
        f"{code!r} is no language code; write a BCP-47 tag: `en`, `pt-BR`, `yue`; or `multilingual` or `code`"
    )


def test_the_short_codes_and_their_names_are_those_of_the_iana_registry() -> None:
    registry = (resources.files("langcodes") / "data/language-subtag-registry.txt").read_text("utf-8")
    names = {
        found[1]: re.findall(r"^Description: (.*)$", record, re.MULTILINE)
        for record in registry.split("%%")
        if (found := re.search(r"^Subtag: ([a-z]{2})$", record, re.MULTILINE)) and "\nDeprecated:" not in record
    }
    assert _NAMES.keys() == names.keys() - {"bh", "sh"}  # a group of languages, and one that is three today
    for code, name in _NAMES.items():
        assert any(name in description for description in names[code]), code


@given(st.text(max_size=30) | st.text("enEN-_xX09", max_size=12))
def test_any_text_is_a_code_or_refused(text: str) -> None:
    problem = language_problem(text)
    assert problem is None or " is no language code; " in problem


def test_what_is_proposed_is_no_problem_itself() -> None:
    for text in (*_NAMES.values(), "EN_us", "ZH-hans", "en-UK", "zh-min-nan", "IW"):
        found = re.search("did you mean `(.*)`", language_problem(text) or "")
        assert found and language_problem(found[1]) is None


def test_a_long_text_is_refused_shortly_and_at_once() -> None:
    seconds, problem = timed(lambda: language_problem("en-" * 30_000))
    assert len(str(problem)) < 200
    assert seconds < 0.5


def test_a_common_code_needs_no_library() -> None:
    source = "import sys; from registry.languages import language_problem; language_problem('en'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert "langcodes" not in run.stdout
