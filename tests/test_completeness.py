"""Which sections of the template a README fills."""

from __future__ import annotations

import pytest

from registry.readme.reader import read


@pytest.mark.parametrize(
    ("words", "section"),
    [
        ("---\nlicense: mit\n---\n", "License"),
        ("- learning_rate: 2e-5\n", "Training Hyperparameters"),
        ("## Results\n- Accuracy: 0.91\n", "Results"),
        ("## Limitations\nIt was trained on English alone.\n", "Bias, Risks, and Limitations"),
        ("Code: https://github.com/owner/code\n", "Repository"),
        ("```\n@article{a, title={b}}\n```\n", "Citation"),
        ("A fine-tuned RoBERTa classifier.\n", "Finetuned from model"),
        ("- **Carbon Emitted:** 3 kg\n", "Environmental Impact"),
        ("## Labels\n0: bad, 1: good\n", "Label Information"),
        ("It was fine-tuned on the LETT dataset.\n", "Training Data"),
        ("It was trained on 10,000 annotated sentences.\n", "Training Data"),
        ("## Scores\n| Language | F1 |\n|---|---|\n| da | 0.8 |\n| de | 0.7 |\n", "Metrics"),
    ],
)
def test_a_section_is_filled_by_facts_headings_or_words(words, section):
    assert section in read(words, "x.md").sections


@pytest.mark.parametrize(
    "words",
    [
        "It was trained with [transformers](https://github.com/huggingface/transformers).\n",
        "## License\n[More Information Needed]\n",
        "## Results\n\n## Citation\n",
        "## Limitations\nMore information needed\n",
        "- **Hours used:** [More Information Needed]\n",
    ],
)
def test_a_heading_above_nothing_fills_no_section(words):
    assert read(words, "x.md").sections == ()


@pytest.mark.parametrize("words", ["---\ndatasets:\n- imdb\n---\nA model.\n", "It was trained on customer feedback.\n"])
def test_data_that_is_a_tag_or_has_no_name_is_not_described(words):
    assert "Training Data" not in read(words, "x.md").sections
