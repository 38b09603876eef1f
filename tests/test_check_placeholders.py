"""Placeholders and parts of a template that nobody filled in."""

from __future__ import annotations

import pytest
from documents import document, found, result

HUB = """\
# Model Card for Model ID

## Model Details
- **Repository:** [More Information Needed]
- **Paper [optional]:** [More Information Needed]

## Glossary [optional]

[More Information Needed]
"""


def test_a_number_that_is_an_example_is_a_placeholder() -> None:
    finding = found("placeholders", document(result("accuracy", "0.91"), result("f1", "e.g., 0.90")))["number"]
    assert (finding.verdict, finding.claims) == ("placeholder", (1,))


def test_sections_that_are_still_needed_are_counted_by_name() -> None:
    finding = found("placeholders", document(text=HUB))["sections"]
    assert finding.verdict == "underspecified"
    assert finding.message == (
        "`More Information Needed` stands 3 times: Repository, Paper [optional], Glossary [optional]"
    )
    assert finding.where == "README.md:4:19"


def test_the_words_of_the_trainer_count_too() -> None:
    finding = found("placeholders", document(text="## Model description\n\nMore information needed\n"))["sections"]
    assert finding.message.endswith("1 time: Model description")


def test_a_sentence_that_names_the_words_is_no_mark() -> None:
    assert found("placeholders", document(text="More information needed to use it is in the paper.")) == {}


@pytest.mark.parametrize(
    "text",
    [
        "# Model Card for Model ID\n",
        "TODO: add your results",
        "## Results\n\nTODO\n",
        "Lorem ipsum dolor sit amet",
        '{{ model_summary | default("", true) }}',
        "{{ model_id }} is a model",
    ],
)
def test_words_of_a_template_are_placeholders(text: str) -> None:
    assert found("placeholders", document(text=text))["template"].verdict == "placeholder"


@pytest.mark.parametrize(
    "text",
    [
        "```python\n# TODO: adapt\n```",
        "`{{ model_id }}`",
        "<!-- TODO: nobody sees this -->",
        "@article{a, title={{BERT}: Pre-training}}",
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        "# Model Card for my model",
        "a todo-list app, see https://x.y/#TODO",
        "un modelo para todo: en todo el mundo.",
    ],
)
def test_code_citations_and_names_are_no_placeholders(text: str) -> None:
    assert found("placeholders", document(text=text)) == {}
