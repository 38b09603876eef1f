"""A quote that denies its value is found, and one that may mean it is not accused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.contradiction import contradiction


@pytest.mark.parametrize(
    ("path", "value", "words", "shown"),
    [
        ("training.epochs", 4.0, "num_epochs: 3", "is 4, but the quoted words have 3;"),
        ("training.warmup_ratio", 0.3, "a warmup of 40% of the steps", "have 40%;"),
        ("training.learning_rate", 3e-5, "learning_rate: 2e-05", "have 2e-05;"),
        ("training.adam_betas", (0.9, 0.99), "betas=(0.9,0.999)", "is 0.99, but the quoted words have 0.9, 0.999;"),
        ("adapter.r", 8, "LoRA with r=16", "have 16;"),
        ("hardware.hours", 5.0, "trained for 4:32 h", "is 5, but"),
        ("data.rows.train", 25000, "45,000 reviews", "have 45,000;"),
        ("software.torch", "2.3.1", "Pytorch 2.3.0+cu121", "is 2.3.1, but the quoted words have 2.3.0+cu121;"),
        ("reported[0].value", "85%", "accuracy of 86%", "is 85%, but the quoted words have 86%;"),
        ("reported[0].value", "0.8500", "Accuracy: 0.85", "is 0.8500, but the quoted words have 0.85;"),
        ("reported[0].value", "0.96", "Accuracy: 0.9604", "is 0.96, but the quoted words have 0.9604;"),
        ("reported[0].value", "0.85", "Accuracy: 0.8512", "have 0.8512;"),
        ("epoch_table.rows", (("0.1", "1"), ("0.3", "2")), "| 0.1 | 1 | … | 0.2 | 2 |", "is 0.3"),
    ],
)
def test_words_with_another_number_deny_the_value(path: str, value: Any, words: str, shown: str) -> None:
    assert shown in str(contradiction(path, value, words))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("training.epochs", 3.0, "num_epochs: 3"),
        ("training.epochs", 3.0, "trained for three epochs on 2 GPUs"),
        ("training.learning_rate", 2e-5, "learning_rate: 2e-05"),
        ("training.learning_rate", 2e-5, "a rate of 0.00002"),
        ("training.warmup_ratio", 0.4, "a warmup of 40% of the steps"),
        ("training.weight_decay", 0.0, "no weight decay, 16 rows a batch"),
        ("training.adam_betas", (0.9, 0.999), "betas=(0.9,0.999)"),
        ("data.split.validation", 0.2, "an 80-20 ratio"),
        ("data.limit.train", 25000, "25k reviews"),
        ("data.rows.train", 25000, "25,000 reviews"),
        ("hardware.count", 1, "a Tesla T4 with 16 GB"),
        ("hardware.hours", 0.75, "took 45 minutes"),
        ("hardware.hours", 4 + 32 / 60, "took 4:32 h"),
        ("data.tokens.max_length", 512, "MiniLM-L6, bert-base-512"),
        ("base.model", "org/base-2", "version 3 of the base"),
        ("training.precision", "fp16", "in 8 bit"),
        ("training.seed", 42, "a fixed seed"),
        ("training.select", True, "5 of them"),
        ("software.torch", "2.3.1+cpu", "Pytorch 2.3.1+cpu"),
        ("reported[0].value", "85%", "Accuracy: 0.85"),
        ("reported[0].value", "0.9", "Genauigkeit: 0,9"),
        ("reported[0].value", "~5 h", "5 h on an A100 40GB"),
        ("epoch_table.rows", (("0.1", "1.0"), (None, "2.0")), "| 0.1 | 1.0 | … | No log | 2.0 |"),
    ],
)
def test_words_that_may_mean_the_value_are_not_accused(path: str, value: Any, words: str) -> None:
    assert contradiction(path, value, words) is None


@given(st.floats(0, 1e9, allow_nan=False), st.text(alphabet="abc xyz,:()=", max_size=20))
def test_a_value_that_stands_in_its_words_is_never_accused(value: float, around: str) -> None:
    assert contradiction("training.learning_rate", value, f"{around} {value!r} {around}") is None


@given(st.text(max_size=300), st.sampled_from(["training.epochs", "reported[0].value", "hardware.hours"]))
def test_any_words_can_be_read(words: str, path: str) -> None:
    contradiction(path, "0.5" if path.startswith("reported") else 0.5, words)
