"""A quote that denies its value is found, and one that may mean it is not accused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import takes_less_than

from registry.contradiction import contradiction, placeholder_of, unsaid


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
        # Value, unit and sign.
        ("reported[0].value", "4:32 h", "4:33 h", "have 4:33 h;"),
        ("reported[0].value", "4:32 h", "took 5:32 h on 8 GPUs", "have 5:32 h, 8;"),
        ("reported[0].value", "45 kg", "45 g", "have 45 g;"),
        ("reported[0].value", "4 h", "4 min", "have 4 min;"),
        ("reported[0].value", "0.12", "mcc \u22120.12", "have \u22120.12;"),
        ("reported[0].value", "-0.12", "mcc 0.12", "have 0.12;"),
        ("reported[0].value", "250", "1,250", "have 1,250;"),
        ("reported[0].value", "5", "1,5", "have 1,5;"),
        ("reported[0].value", "1", "1.0", "have 1.0;"),
        ("hardware.hours", 4.0, "4 minutes", "is 4, but"),
        # Words that are numbers only beside what the field counts.
        ("training.batch_size", 1, "a batch of 16 rows", "have 16;"),
        ("training.epochs", 1.0, "a batch of 16 for 3 epochs", "have 16, 3;"),
        ("training.batch_size", 2, "both with batch size 16", "have 16;"),
        ("training.warmup_steps", 0, "not frozen, 500 steps of warmup", "have 500;"),
        ("data.rows.train", 25000, "half of the 40,000 reviews", "have 40,000;"),
        ("data.rows.train", 24904, "~26k reviews", "have 26k;"),
        ("software.transformers", "4.41.1", "Transformers 4.41", "have 4.41;"),
        ("training.learning_rate", 3e-5, "lr = 2*10**-5", "have 2*10**-5;"),
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
        ("epoch_table.rows", (("1", "1,250"),), "| 1.0 | 1250 |"),
        ("training.learning_rate", 2e-5, "lr = 2*10**-5"),
        ("reported[0].value", "1.2e-3", "a loss of 1.2×10⁻³ after 3 epochs"),
        ("reported[0].value", "4.5 h", "4 and a half hours"),
        ("reported[0].value", "4:32 h", "took 4:32 on 8 GPUs"),
        ("reported[0].value", "3 days", "three days on 8 GPUs"),
        ("reported[0].value", "45 kg", "CO2 in kg: 45, on 8 GPUs"),
        ("reported[0].value", "5 h", "300 min on 8 GPUs"),
        ("reported[0].value", "0.85", "(0.9,0.85)"),
        ("reported[0].value", "1250", "1 250 steps"),
        ("reported[0].sd", 0.004, "±0.4"),
        ("hardware.hours", 48.0, "two days (3 epochs)"),
        ("hardware.hours", 1.25, "1 h 15"),
        ("hardware.hours", 1.5, "an hour and a half on 8 GPUs"),
        ("hardware.hours", 0.5, "half an hour on 8 GPUs"),
        ("hardware.count", 2, "dual 3090"),
        ("hardware.count", 1, "a Tesla T4 for 4 hours"),
        ("training.warmup_steps", 0, "warm-up off; 3 epochs"),
        ("data.rows.train", 25000, "half of the 50,000 reviews"),
        ("data.rows.train", 24904, "~25k reviews"),
        ("data.split.test", 0.2, "train 80%, the rest for testing"),
        ("training.batch_size", 32, "4×8"),
        ("software.transformers", "4.41.0", "Transformers 4.41"),
        ("software.torch", "2.0.1+cu118", "Pytorch 2.0.1"),
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


PATHS = ["training.epochs", "training.warmup_steps", "hardware.hours", "hardware.count", "reported[0].value"]


@pytest.mark.parametrize(
    "words",
    ["10^400", "0^-5", "9" * 400 + ":1", "1" * 5000 + "/2", "&#" + "9" * 5000 + ";", "1e9999"],
)
@pytest.mark.parametrize("path", PATHS)
def test_numbers_that_no_float_holds_are_passed_over(path: str, words: str) -> None:
    assert contradiction(path, "3" if path.startswith("reported") else 3.0, f"3, {words}") is None


@settings(max_examples=60)
@given(
    st.one_of(
        st.text("019.,:/-+^*_xe %~", min_size=1, max_size=12),
        st.text("⁰¹⁻½²×\u0301\u0323\u2212٣", min_size=1, max_size=12),
        st.lists(
            st.sampled_from(["1", "h", "d", " ", "a", "gpu", "and", "half of", "<sup>", "&#1", "not", "10**", "e-1"]),
            min_size=1,
            max_size=6,
        ).map("".join),
    ),
    st.sampled_from(PATHS),
)
def test_hostile_words_take_little_time(piece: str, path: str) -> None:
    words = (piece * 20_000)[:20_000]
    value = "0.5" if path.startswith("reported") else 0.5
    assert takes_less_than(3, lambda: contradiction(path, value, words))  # a tenth of that on a quiet core


def test_a_number_in_a_longer_quote_than_is_read_accuses_nothing() -> None:
    assert contradiction("training.epochs", 3.0, "4 " * 100_000) is None


@pytest.mark.parametrize("words", ["e.g., 89.20%", "Accuracy: eg 89.20%", "89.20% (TBD)", "placeholder 89.20%"])
def test_a_number_that_words_have_as_an_example_is_told(words: str) -> None:
    assert "as an example" in str(placeholder_of("reported[0].value", "89.20%", words))


@pytest.mark.parametrize(
    "words", ["89.20%", "89.20% on sets like IMDb, e.g., its 25,000 rows", "e.g. 80%, here 89.20%"]
)
def test_a_number_that_words_have_as_a_result_is_no_example(words: str) -> None:
    assert placeholder_of("reported[0].value", "89.20%", words) is None


@pytest.mark.parametrize(
    ("path", "value", "words", "lacking"),
    [
        ("training.epochs", 3.0, "fine-tuned", "3"),
        ("training.epochs", 3.0, "for three epochs", None),
        ("reported[0].value", "85%", "a good accuracy", "85%"),
        ("software.torch", "2.3.1", "with Pytorch", "2.3.1"),
        ("base.model", "bert", "fine-tuned", None),
    ],
)
def test_a_number_that_stands_nowhere_in_the_words_is_found(
    path: str, value: Any, words: str, lacking: str | None
) -> None:
    assert unsaid(path, value, words) == lacking
