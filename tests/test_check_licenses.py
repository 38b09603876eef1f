"""The license of a model against that of its base."""

from __future__ import annotations

import pytest
from documents import document, facts, found, verdicts


@pytest.mark.parametrize(
    ("base", "license_", "of_base"),
    [
        ("meta-llama/Llama-2-7b-hf", "apache-2.0", "llama2"),
        ("meta-llama/Llama-2-7b-hf", "Apache License 2.0", "llama2"),
        ("LLaMA 2 7B", "mit", "llama2"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "mit", "llama3"),
        ("meta-llama/Llama-3.2-1B", "llama3", "llama3.2"),
        ("google/gemma-2b", "apache-2.0", "gemma"),
        ("facebook/nllb-200-distilled-600M", "mit", "cc-by-nc-4.0"),
    ],
)
def test_another_license_than_one_that_is_passed_on_needs_review(base: str, license_: str, of_base: str) -> None:
    finding = found("licenses", document(facts(base_model=base, license=license_)))["base"]
    assert finding.verdict == "suspicious"
    assert finding.message.startswith("needs review: ")
    assert f"`{of_base}`" in finding.message


@pytest.mark.parametrize(
    ("base", "license_"),
    [
        ("meta-llama/Llama-2-7b-hf", "llama2"),
        ("meta-llama/Llama-3.2-1B", "Llama 3.2 Community License"),
        ("meta-llama/Llama-2-7b-hf", "other"),
        ("distilbert-base-uncased", "mit"),
        ("prajjwal1/bert-tiny", "mit"),
        ("facebook/nllb-200-distilled-600M", "cc-by-nc-sa-4.0"),
        ("openlm-research/open_llama_7b", "apache-2.0"),
        ("TinyLlama/TinyLlama-1.1B", "apache-2.0"),
        ("someone/my-llama-2-like-thing", "mit"),
    ],
)
def test_licenses_that_fit_or_that_nobody_knows_are_in_order(base: str, license_: str) -> None:
    assert found("licenses", document(facts(base_model=base, license=license_))) == {}


def test_no_license_is_named_with_what_the_base_asks_for() -> None:
    finding = found("licenses", document(facts(base_model="meta-llama/Llama-3.2-1B")))["missing"]
    assert finding.verdict == "underspecified"
    assert "`llama3.2`" in finding.message
    assert verdicts("licenses", document(facts(base_model="distilbert-base-uncased"))) == {"missing": "underspecified"}


def test_several_licenses_are_left_to_the_reader() -> None:
    assert found("licenses", document(facts(base_model="google/gemma-2b", license=("mit", "gemma")))) == {}
