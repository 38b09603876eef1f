"""The contract of the claim checks' files, and docs/checks.md, which is made of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from registry.document import Document
from runner.checks_reference import reference
from runner.plugins import module, names

REPO = Path(__file__).parents[1]
IDS = [f"{name.replace('_', '-')}/{kind}" for name in names("checks") for kind in module("checks", name).KINDS]


def test_the_committed_reference_is_what_the_checks_generate() -> None:
    assert (REPO / "docs/checks.md").read_text() == reference(), "run `make docs`"


@pytest.mark.parametrize("id_", IDS)
def test_every_kind_of_finding_has_one_anchor(id_: str) -> None:
    assert reference().count(f'<a id="{id_.replace("/", "-")}"></a>') == 1


@pytest.mark.parametrize("name", names("checks"))
def test_the_first_line_of_a_check_is_a_sentence(name: str) -> None:
    assert re.fullmatch(r"[A-Z].*\.", module("checks", name).__doc__.splitlines()[0])


@pytest.mark.parametrize("name", names("checks"))
def test_a_check_is_silent_on_an_empty_document(name: str) -> None:
    assert list(module("checks", name).check(Document("README.md", ""))) == []


@pytest.mark.parametrize("name", names("checks"))
def test_every_finding_that_a_check_can_give_is_named_in_its_kinds(name: str) -> None:
    source = (REPO / "runner/checks" / f"{name}.py").read_text()
    given = set(re.findall(rf'id="{name.replace("_", "-")}/([a-z0-9-]+)"', source))
    assert given <= set(module("checks", name).KINDS)
