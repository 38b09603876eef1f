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
        ("training.learning_rate", 2e-7, "learning_rate: 2e-05", "is 2e-07, but the quoted words have 2e-05;"),
        ("training.batch_size", 16, "a batch of 1600 rows", "have 1600;"),
        ("training.adam_betas", (0.8, 0.99), "beta2 = 0.999", "is 0.8, but"),
        ("reported[0].value", "92.3%", "| Accuracy (%) | 92.8 |", "have 92.8;"),
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
        ("training.learning_rate", 2.5e-4, "('learning_rate', 'lin_2.5e-4')"),
        ("training.learning_rate", 2e-5, "run `bert-lr2e-5-bs16`"),
        ("training.learning_rate", 0.97e-5, "| Learning Rate | 0.97 x 10<sup>-5</sup> |"),
        ("training.learning_rate", 2e-5, "a learning rate of 2×10⁻⁵"),
        ("training.learning_rate", 2e-5, r"a learning rate of $2 \times 10^{-5}$"),
        ("training.learning_rate", 5e-5, "learning rate 5e\u22125"),
        ("training.learning_rate", 3e-5, "LR: **3**e-5"),
        ("training.learning_rate", 1e-3, "| learning_rate | e-3 |"),
        ("training.epochs", 20.0, "trained for twenty epochs with batch size 16"),
        ("training.batch_size", 32, "batches of thirty-two, 3 epochs"),
        ("training.warmup_steps", 500, "five hundred steps, then 3 epochs"),
        ("data.tokens.max_length", 4096, "4k context"),
        ("data.tokens.max_length", 512, "2^9 tokens"),
        ("data.rows.train", 16000, "16_000 rows"),
        ("data.rows.train", 25000, "25.000 Texte in 2 Klassen"),
        ("data.rows.train", 25000, "25 000 reviews"),
        ("data.rows.train", 3600000, "3.6 million reviews"),
        ("data.split.test", 0.2, "a 4:1 ratio"),
        ("data.split.test", 0.25, "1/4 of the rows"),
        ("hardware.hours", 5.43175, "train_runtime = 5:25:54.30"),
        ("hardware.hours", 0.730847, "train_runtime | 43m 51.05s"),
        ("hardware.hours", 1.128056, "durée de l'entrainement : 1:07:41"),
        ("hardware.hours", 0.67, "took 40 minutes"),
        ("hardware.hours", 27.0, "1 day and 3 hours"),
        ("hardware.hours", 2.5, "2½ hours"),
        ("hardware.count", 1, "NVIDIA Titan RTX 24GB"),
        ("hardware.count", 8, "A100x8 80GB"),
        ("quantization.bits", 4, "load_in_8bit: False\nload_in_4bit: True\nllm_int8_threshold: 6.0"),
        ("adapter.r", 16, "LoRA r16, alpha 32"),
        ("training.adam_betas", (0.9, 0.999), "--adam_beta2 0.999"),
        ("evaluation.slices.words", (50, 200), "words [50,200]"),
        ("software.transformers", "4.35.2", "transformers v4.35.2, torch 2.0.1"),
        ("reported[0].value", "92.3%", "| Accuracy (%) | 92.3 |"),
        ("reported[0].value", "92.3%", "an accuracy of 92.3 percent"),
        ("reported[0].value", "92.3%", r"accuracy $92.3\%$"),
        ("reported[0].value", "0.98", "acc_0.98 at 5"),
        ("epoch_table.rows", (("1", "92.1%"),), "| Epoch | Acc (%) |\n| 1 | 92.1 |"),
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
