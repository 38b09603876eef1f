"""What the checks of tables, data, recipes and the rest say of the shipped cards."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from documents import CARDS, SEEDS, document, facts, result

from registry.datasets import DATASETS
from registry.document import Document
from registry.published import published_for
from runner.checks import VERDICTS
from runner.documents import of_card
from runner.plugins import load_card, module

CHECKS = ("adapters", "carbon", "data", "epoch_table", "licenses", "placeholders", "plausibility", "recipe")

# Quantized layers of bert-tiny: its encoder's 393,216 weights are 9.0% of 4.386M; with the pooler's 16,384, which
# bitsandbytes replaces as well, they are 409,600 and 9.3%. The z of .9804 is 20.4 with the lowest value that rounds to
# .9804 (.98035) and 5,000 rows.
GOLDEN = {
    "a790227-distilbert": {
        "data/undefined-split": "underspecified",
        "licenses/missing": "underspecified",
        "placeholders/number": "placeholder",
        "recipe/gaps": "underspecified",
    },
    "gq-llama-2-7b-imdb": {
        "adapters/optimizer": "ambiguous",
        "carbon/too-much": "impossible",
        "data/own-split": "ambiguous",
        "data/duplicates": "ambiguous",
        "licenses/base": "suspicious",
        "placeholders/sections": "underspecified",
        "placeholders/template": "placeholder",
        "recipe/gaps": "underspecified",
    },
    "jamander-project-blockbuster": {
        "adapters/quantized-share": "suspicious",
        "adapters/learning-rate": "suspicious",
        "data/own-split": "ambiguous",
        "data/duplicates": "ambiguous",
        "recipe/gaps": "underspecified",
        "recipe/batch": "ambiguous",
    },
    "llm-project-distilbert": {
        "data/undefined-split": "underspecified",
        "epoch-table/rows": "ambiguous",
        "epoch-table/selected": "ambiguous",
        "plausibility/published": "suspicious",
        "plausibility/other-card": "suspicious",
        "recipe/gaps": "underspecified",
    },
    "yash3056-llama-3.2-1b-imdb": {
        "data/duplicates": "ok",
        "licenses/missing": "underspecified",
        "placeholders/sections": "underspecified",
        "recipe/gaps": "underspecified",
        "recipe/warmup": "ambiguous",
    },
}


@cache
def document_of(name: str) -> Document:
    return of_card(load_card(CARDS / f"{name}.yaml"))


def seeds() -> dict[str, Document]:
    return {name: document_of(f"imdb/{name}") for name in SEEDS}


@pytest.mark.parametrize("name", SEEDS)
def test_what_fires_on_a_seed_card_and_nothing_else(name: str) -> None:
    others = tuple(one for other, one in seeds().items() if other != name)
    of = replace(seeds()[name], others=others)
    fired = {finding.id: finding.verdict for check in CHECKS for finding in module("checks", check).check(of)}
    assert fired == GOLDEN[name]


@pytest.mark.parametrize("name", SEEDS)
def test_a_finding_on_a_seed_points_into_its_files(name: str) -> None:
    of = seeds()[name]
    for check in CHECKS:
        for finding in module("checks", check).check(of):
            file, *at = finding.where.split(":")
            assert file in (of.name, of.text_file)
            assert not at or 1 <= int(at[0]) <= len(open(file, encoding="utf-8").read().split("\n"))  # noqa: PTH123, SIM115


SHIPPED = sorted(
    str(file.relative_to(CARDS).with_suffix("")) for file in CARDS.rglob("*.yaml") if file.stem not in SEEDS
)


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_worse_than_a_gap_is_said_of_the_other_shipped_cards(name: str) -> None:
    worst = VERDICTS.index("underspecified")
    found = [finding for check in CHECKS for finding in module("checks", check).check(document_of(name))]
    assert [finding.id for finding in found if VERDICTS.index(finding.verdict) > worst] == []


def test_rows_of_an_assumed_split_are_not_called_stated() -> None:
    status = {name: {fact.name: fact.status for fact in one.facts} for name, one in seeds().items()}
    assert status["a790227-distilbert"]["rows.validation"] == "assumed"
    assert status["llm-project-distilbert"]["rows.validation"] == "derived"
    assert status["yash3056-llama-3.2-1b-imdb"]["rows.validation"] == "stated"


@pytest.mark.parametrize("name", sorted({entry.ids[0] for entry in DATASETS.values() if not entry.verified}))
def test_a_dataset_from_memory_leads_to_no_accusation(name: str) -> None:
    """Every number that its entry could deny is denied at once."""
    rows = facts(datasets=(name,), rows_train=10**9, rows_test=10**9)
    of = document(rows, result("accuracy", "0.9", split="validation", headline=True))
    verdicts = {finding.verdict for finding in module("checks", "data").check(of)}
    assert verdicts <= {"ok", "ambiguous", "underspecified"}


def test_a_published_result_is_of_a_known_dataset() -> None:
    names = {entry.name for entry in DATASETS.values()}
    assert published_for("distilbert-base-uncased", "IMDb") is not None
    from registry.published import PUBLISHED

    assert {one.dataset for one in PUBLISHED} <= names
