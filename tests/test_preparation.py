"""What a README says of its data, its classes and its scoring, rule by rule, and the words that say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from registry.readme.preparation import kind_of, preparation
from registry.readme.reader import read

HEAD = "# Reviews\n\nA text classification model.\n\n## Training\n\n"


def told(words: str) -> dict[str, Any]:
    """The facts of a README with these words, as name → value; several values of a name as a set."""
    found: dict[str, set[Any]] = {}
    for fact in preparation(read(f"{HEAD}{words}\n", "README.md")):
        found.setdefault(fact.name, set()).add(fact.value)
    return {name: values.pop() if len(values) == 1 else values for name, values in found.items()}


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("split into training (80%) and test (20%) sets", "data.split.test", 0.2),
        ("We used 80% of the data for training and 20% for testing.", "data.split.test", 0.2),
        ("A 90/10 train-test split was made.", "data.split.test", 0.1),
        ("train/validation split: 85/15", "data.split.validation", 0.15),
        ("evaluated on a 10% hold-out set", "data.split.test", 0.1),
        ("The training data was split into training and validation sets with an 80-20 ratio.", "data.split.validation",
         0.2),
        ("The data was split using stratified sampling.", "data.split.stratify", True),
        ("It was trained on a balanced subset.", "data.balanced", True),
        ("We removed HTML tags.", "data.clean", ("strip_html",)),
        ("Texts were cleaned of HTML, special characters.", "data.clean", ("strip_html", "strip_special_characters")),
        ("Texts were truncated and padded to a maximum length of 128 tokens.", "data.tokens.truncation", True),
        ("Texts were truncated and padded to a maximum length of 128 tokens.", "data.tokens.padding", "max_length"),
        ("It was fine-tuned on the training split.", "data.take.train", "train"),
        ("It was evaluated on the official test set.", "data.take.test", "test"),
        ("The final model was saved after the last epoch.", "select", "last"),
        ("Validation scores were computed after every epoch.", "evaluation.each_epoch", "validation"),
        ("Short (under 50 words), medium (50-200 words), long (200+ words).", "evaluation.slices.words", (50, 200)),
        ("Inference speed: ~0.3 seconds per review", "seconds_per_example", "~0.3 seconds"),
        ("Weights were quantized with the bitsandbytes library.", "quantization.quantizer", "bitsandbytes"),
        ("0 for negative and 1 for positive", "labels", ("negative", "positive")),
        ("- LABEL_0: World\n- LABEL_1: Sports\n- LABEL_2: Business", "labels", ("World", "Sports", "Business")),
        ('```python\nprint("Good" if label == 1 else "Bad")\n```', "labels", ("Bad", "Good")),
        ("We report accuracy, precision and F1.", "evaluation.metrics", ("accuracy", "precision", "f1")),
        ("Training used the distilroberta-base model as its start.", "base_model", "distilroberta-base"),
    ],
)  # fmt: skip
def test_words_give_a_fact(words: str, name: str, value: Any) -> None:
    assert told(words).get(name) == value


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("For pre-training we split the data into train (95%) and validation (5%).", "data.split.validation"),
        ("Accuracy rose by 20% on the test set and 80% on training.", "data.split.test"),
        ("Precision 70/20 train-test split", "data.split.test"),
        ("The split was not stratified.", "data.split.stratify"),
        ("The classes are balanced.", "data.balanced"),
        ("Contact: [removed](https://a.b/page.html)", "data.clean"),
        ("It was not fine-tuned on the training split.", "data.take.train"),
        ("0: at least one word is wrong, 1: all are right", "labels"),
        ("1: one\n2: two", "labels"),
        ("Scores are given after training.", "evaluation.each_epoch"),
        ("bert-base-uncased-finetuned-sst-2-english is another model.", "datasets"),
    ],
)
def test_words_that_say_no_such_thing_give_none(words: str, name: str) -> None:
    assert name not in told(words)


def test_code_for_the_reader_is_not_how_the_rows_were_prepared() -> None:
    page = read(f"{HEAD}\n## How to use\n\nTexts are truncated and padded to a maximum length of 64.\n", "README.md")
    assert not [fact for fact in preparation(page) if fact.name.startswith("data.")]


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("---\npipeline_tag: fill-mask\n---\n", "fill-mask"),
        ("---\ntags:\n- reinforcement-learning\n---\n", "reinforcement-learning"),
        ("# M\n\nIt classifies film reviews as good or bad.\n", "text-classification"),
        ("# M\n\nA model for binary classification of reviews.\n", "text-classification"),
        ("# M\n\nIt performs better on binary classification than others.\n", None),
        ("# M\n\nA stable diffusion checkpoint.\n", "text-to-image"),
        ("# M\n\nNothing here.\n", None),
    ],
)
def test_the_kind_of_model_is_told_by_tag_or_words(text: str, task: str | None) -> None:
    assert kind_of(read(text, "README.md")).task == task
