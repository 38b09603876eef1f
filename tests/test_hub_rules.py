"""What the Hub would refuse of the metadata is told before anything is sent."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from runner.hub_rules import PIPELINE_TAGS, RULES, problems
from runner.plugins import names

GOOD: dict[str, Any] = {
    "language": ["en", "yue", "code"],
    "language_bcp47": ["pt-BR"],
    "license": "other",
    "license_name": "mine-1.0",
    "license_link": "LICENSE",
    "library_name": "peft",
    "pipeline_tag": "text-classification",
    "tags": ["replicard"],
    "datasets": ["imdb", "stanfordnlp/imdb"],
    "metrics": ["accuracy"],
    "base_model": "distilbert-base-uncased",
    "base_model_relation": "adapter",
    "co2_eq_emissions": {
        "emissions": 3.8, "source": "codecarbon", "training_type": "fine-tuning", "geographical_location": "France",
        "hardware_used": "1 T4",
    },
    "model-index": [
        {
            "name": "x",
            "results": [
                {
                    "task": {"type": "text-classification"},
                    "dataset": {
                        "name": "IMDb", "type": "stanfordnlp/imdb", "config": "plain_text", "split": "test",
                        "revision": "abc",
                    },
                    "metrics": [{"type": "accuracy", "value": 0.9, "name": "Accuracy"}],
                    "source": {"name": "Model card", "url": "https://huggingface.co/a/b"},
                }
            ],
        }
    ],
}  # fmt: skip

WRONG = [
    ("language[0]", "English"), ("language[0]", "EN"), ("language[0]", "pt-BR"), ("language", "python"),
    ("language_bcp47[0]", 1), ("license", "Apache 2.0"), ("license", None), ("license_name", ""), ("license_link", 1),
    ("library_name", None), ("pipeline_tag", "sentiment"), ("tags[0]", None), ("tags[0]", True), ("tags[0]", " "),
    ("datasets[0]", None), ("datasets[0]", "../data"), ("datasets[0]", "a/b/c"), ("metrics[0]", 1),
    ("base_model", "/workspace/model"), ("base_model", "Kokoro 82M"), ("base_model", None),
    ("base_model_relation", "finetuned"), ("co2_eq_emissions.emissions", "3.8 g"), ("co2_eq_emissions.emissions", -1),
    ("co2_eq_emissions.emissions", float("nan")), ("co2_eq_emissions.emissions", ...), ("co2_eq_emissions.source", 1),
    ("co2_eq_emissions.training_type", 1), ("co2_eq_emissions.geographical_location", 1),
    ("co2_eq_emissions.hardware_used", 8), ("model-index[0].name", ...),
    ("model-index[0].results[0].task", ...), ("model-index[0].results[0].task.type", ...),
    ("model-index[0].results[0].dataset", ...), ("model-index[0].results[0].dataset.name", ...),
    ("model-index[0].results[0].dataset.type", "my reviews"), ("model-index[0].results[0].dataset.type", ...),
    ("model-index[0].results[0].dataset.config", {"name": "x"}), ("model-index[0].results[0].dataset.split", 1),
    ("model-index[0].results[0].dataset.revision", 123), ("model-index[0].results[0].metrics", "high"),
    ("model-index[0].results[0].metrics", ...), ("model-index[0].results[0].metrics[0].type", ...),
    ("model-index[0].results[0].metrics[0].value", float("nan")), ("model-index[0].results[0].metrics[0].value", ...),
    ("model-index[0].results[0].metrics[0].name", 1), ("model-index[0].results[0].source.url", "a model card"),
    ("model-index[0].results[0].source.url", ...),
]  # fmt: skip


def changed(place: str, value: Any) -> dict[str, Any]:
    """Metadata with another value at a place, or without one."""
    meta = copy.deepcopy(GOOD)
    at: Any = meta
    *above, last = [int(key) if key.isdigit() else key for key in place.replace("[", ".").replace("]", "").split(".")]
    for key in above:
        at = at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return meta


def test_metadata_that_is_right_has_no_problem() -> None:
    assert list(problems(GOOD, "x")) == []
    assert list(problems({}, "x")) == []


@pytest.mark.parametrize(("place", "value"), WRONG, ids=str)
def test_what_is_wrong_is_told_with_its_place_and_a_remedy(place: str, value: Any) -> None:
    (problem,) = problems(changed(place, value), "README.md")
    assert (problem.where, problem.path) == ("README.md", place)
    what, _, remedy = problem.message.partition("; ")
    assert what and remedy
    assert ("is missing" in what) == (value is None or value is ...)


def test_every_rule_is_broken_by_one_of_these() -> None:
    places = {place.replace("[0]", "[]") for place, _ in WRONG}
    assert {rule.path.removesuffix("[]") for rule in RULES} == {place.removesuffix("[]") for place in places}


def test_every_task_of_replicard_is_one_of_the_hub() -> None:
    assert set(names("tasks")) <= {tag.replace("-", "_") for tag in PIPELINE_TAGS} | set(PIPELINE_TAGS)
