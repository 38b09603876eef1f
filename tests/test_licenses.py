"""License ids: the Hub's own, and what was meant by others."""

from __future__ import annotations

import pytest
from timing import timed

from registry.licenses import LICENSES, license_problem


@pytest.mark.parametrize("name", LICENSES)
def test_an_id_of_the_hub_is_no_problem(name: str) -> None:
    assert license_problem(name) is None


def test_the_list_is_whole_and_without_repetition() -> None:
    assert len(LICENSES) == len(set(LICENSES)) == 83


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Apache 2.0", "apache-2.0"),
        ("Apache License, Version 2.0", "apache-2.0"),
        ("apache2", "apache-2.0"),
        ("MIT", "mit"),
        ("The MIT License", "mit"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("CC-BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("GPLv3", "gpl-3.0"),
        ("LGPL v2.1", "lgpl-2.1"),
        ("BSD 3-Clause License", "bsd-3-clause"),
        ("Llama 3.2", "llama3.2"),
        ("llama-2", "llama2"),
    ],
)
def test_a_name_of_a_license_leads_to_its_id(name: str, meant: str) -> None:
    assert license_problem(name) == f"{name!r} is no license id of the Hub; did you mean `{meant}`?"


@pytest.mark.parametrize("name", ["", "proprietary", "ask me"])
def test_a_license_of_its_own_is_led_to_other(name: str) -> None:
    assert str(license_problem(name)).endswith(
        "write `other` with a `license_name`, or one of https://huggingface.co/docs/hub/repositories-licenses"
    )


def test_a_long_text_is_refused_shortly_and_at_once() -> None:
    seconds, problem = timed(lambda: license_problem("x " * 50_000))
    assert len(str(problem)) < 300
    assert seconds < 0.5
