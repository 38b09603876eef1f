"""Cross-checks: each fires on the smallest card that breaks it, and all are silent on every good card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry.consistency import CHECKS
from registry.errors import InputError
from runner.plugins import load_card

if TYPE_CHECKING:
    from registry.loading import Loaded

SHIPPED = sorted(Path(__file__).parents[1].glob("cards/**/*.yaml"))

BERT = {"model_type": "bert"}
LLAMA = {"model_type": "llama"}
BPE = {"type": "bpe", "vocab_size": 400}
LORA = {"type": "lora", "target_modules": ["query", "value"]}
PAIRS = {"data": {"dataset": "rows", "text": "first", "text_pair": "second"}}
EXAMPLE = {"text": "a film", "label": "positive"}

GOOD: dict[str, Any] = {
    "schema": 1,
    "id": "x",
    "base": {"model": "org/base", "revision": "0" * 40, "architecture": BERT},
    "task": {"type": "text-classification", "labels": ["negative", "positive"]},
    "data": {"dataset": "org/rows", "revision": "1" * 40},
    "readme": {"license": "mit"},
}

# Check → cases of (sections that break it, path, words of the message, level).
BAD: dict[str, list[tuple[dict[str, Any], str, str, str]]] = {
    "_quantized_without_adapter": [
        ({"quantization": {"type": "bitsandbytes", "bits": 4}}, "quantization", "add an adapter", "error"),
    ],
    "_layers_that_are_not_there": [
        (
            {"adapter": {"type": "lora", "target_modules": ["query", "v_proj"]}},
            "adapter.target_modules",
            "a bert has no layer named 'v_proj'; ",
            "error",
        ),
        (
            {
                "adapter": {
                    "type": "ia3",
                    "target_modules": ["key", "down_proj"],
                    "feedforward_modules": ["down_proj"],
                }
            },
            "adapter.feedforward_modules",
            "a bert has no layer named 'down_proj'; ",
            "error",
        ),
    ],
    "_heads_that_share_nothing_evenly": [
        (
            {"base": {"architecture": {**BERT, "num_attention_heads": 7}}},
            "base.architecture.hidden_size",
            "768 is no multiple of the 7 `num_attention_heads`",
            "error",
        ),
        (
            {"base": {"architecture": {**LLAMA, "num_key_value_heads": 3}, "pad_token": "eos"}},
            "base.architecture.num_key_value_heads",
            "the 32 `num_attention_heads` are no multiple of 3",
            "error",
        ),
    ],
    "_text_longer_than_positions": [
        (
            {
                "base": {"architecture": {**BERT, "max_position_embeddings": 128}},
                "data": {"tokens": {"max_length": 512}},
            },
            "data.tokens.max_length",
            "512 is over the model's 128 positions",
            "error",
        ),
    ],
    "_moments_that_the_optimizer_does_not_keep": [
        (
            {"training": {"optimizer": "sgd", "adam_betas": [0.8, 0.9]}},
            "training.adam_betas",
            "sgd does not use it; leave it out",
            "error",
        ),
        (
            {"training": {"optimizer": "lion_32bit", "adam_epsilon": 1e-6}},
            "training.adam_epsilon",
            "lion_32bit does not use it; leave it out",
            "error",
        ),
    ],
    "_warmup_to_a_constant_rate": [
        (
            {"training": {"scheduler": "constant", name: value}},
            f"training.{name}",
            "has no warmup; say `constant_with_warmup`",
            "error",
        )
        for name, value in (("warmup_steps", 10), ("warmup_ratio", 0.1))
    ],
    "_positive_of_many": [
        (
            {"task": {"labels": ["a", "b", "c"], "positive": "b"}},
            "task.positive",
            "of 3 labels none is the positive one",
            "error",
        ),
    ],
    "_limit_of_no_split": [
        ({"data": {"limit": {"validation": 9}}}, "data.limit.validation", "there is no validation split", "error"),
        (
            {"data": {"take": {"train": "train"}, "split": {"validation": 0.1}, "limit": {"test": 9}}},
            "data.limit.test",
            "there is no test split",
            "error",
        ),
    ],
    "_consent_to_no_code": [
        (
            {"evaluation": {"metrics": [{"name": "f1", "trust": True}]}},
            "evaluation.metrics[0].trust",
            "f1 is replicard's own",
            "error",
        ),
    ],
    "_total_batch_size": [
        (
            {"training": {"batch_size": 16, "gradient_accumulation_steps": 2, "total_batch_size": 64}},
            "training.total_batch_size",
            "says 64, but 16 rows × 2 accumulated × 1 device = 32; correct one",
            "error",
        ),
        (
            {"training": {"total_batch_size": 8}, "hardware": {"accelerator": "nvidia-t4", "count": 2}},
            "training.total_batch_size",
            "says 8, but 8 rows × 1 accumulated × 2 devices = 16",
            "error",
        ),
    ],
    "_fp16_on_a_cpu": [
        (
            {"hardware": {"accelerator": "cpu"}, "training": {"precision": "fp16"}},
            "training.precision",
            "fp16 on a `cpu`",
            "error",
        ),
    ],
    "_quantized_and_divided": [
        (
            {
                "quantization": {"type": "bitsandbytes", "bits": 4},
                "adapter": LORA,
                "training": {"distributed": {"fsdp": True}},
            },
            "training.distributed",
            "quantized weights cannot be divided",
            "error",
        ),
    ],
    "_decoder_without_padding": [
        ({"base": {"architecture": LLAMA}}, "base.pad_token", "say `eos` or `unk`, or `own`", "error"),
    ],
    "_head_of_other_labels": [
        ({"base": {"architecture": {**BERT, "num_labels": 2}}}, "base.head", "say `keep` or `new`", "error"),
        (
            {"base": {"head": "keep", "architecture": {**BERT, "num_labels": 5}}},
            "base.head",
            "the base's head has 5 labels and the task 2",
            "error",
        ),
    ],
    "_choices_about_no_base": [
        (
            {"base": {"model": None, "revision": None, "tokenizer": BPE, "head": "keep"}},
            "base.head",
            "has no head of its own; leave it out",
            "error",
        ),
        (
            {"base": {"model": None, "revision": "main", "tokenizer": BPE}},
            "base.revision",
            "none are fetched; leave it out",
            "error",
        ),
        (
            {"base": {"model": None, "revision": None, "tokenizer": BPE, "allow_pickle": True}},
            "base.allow_pickle",
            "none are fetched; leave it out",
            "error",
        ),
        (
            {"base": {"tokenizer": BPE}},
            "base.tokenizer",
            "the weights of org/base are for the tokens of its own",
            "error",
        ),
        (
            {"base": {"model": None, "revision": None, "tokenizer": BPE, "pad_token": "eos"}},
            "base.pad_token",
            "pads with a token of its own; leave it out",
            "error",
        ),
    ],
    "_best_of_what": [
        ({"training": {"select": "best"}}, "training.select", "`best` needs `evaluation.each_epoch`", "error"),
        (
            {"training": {"select_metric": "accuracy"}},
            "training.select_metric",
            "but `select` keeps the last; `select: best`, or leave it out",
            "error",
        ),
    ],
    "_best_on_what_is_scored": [
        (
            {"training": {"select": "best"}, "evaluation": {"each_epoch": "test"}},
            "evaluation.each_epoch",
            "the test split selects the epoch and is what the model is scored on",
            "warning",
        ),
    ],
    "_slices_by_text": [
        (
            {"evaluation": {"slices": {"columns": ["genre", "text"]}}},
            "evaluation.slices.columns[1]",
            "'text' is the column of the texts; `words: [50, 200]` divides by length",
            "error",
        ),
    ],
    "_averaging_of_two_labels": [
        (
            {
                "task": {"labels": ["a", "b", "c"]},
                "evaluation": {"metrics": ["accuracy", {"name": "f1", "averaging": "positive"}]},
            },
            "evaluation.metrics[1]",
            "averaging `positive` is for two labels",
            "error",
        ),
    ],
    "_labels_that_are_not_there": [
        (
            {"examples": [{"text": "a film", "label": "positiv"}]},
            "examples[0].label",
            "did you mean `positive`?",
            "error",
        ),
        (
            {"reported": [{"metric": "f1", "value": "0.9", "label": "neutral"}]},
            "reported[0].label",
            "'neutral' is not a label; one of: negative, positive",
            "error",
        ),
    ],
    "_pairs_of_texts": [
        ({**PAIRS, "examples": [EXAMPLE]}, "examples[0]", "`text_pair` is missing", "error"),
        (
            {"examples": [{**EXAMPLE, "text_pair": "a play"}]},
            "examples[0].text_pair",
            "`data.text_pair` names no column",
            "error",
        ),
    ],
    "_tested_on_training_rows": [
        (
            {"data": {"take": {"train": "train", "test": "train"}}},
            "data.take.test",
            "takes 'train', the rows that are trained on",
            "warning",
        ),
    ],
    "_placeholders": [
        (
            {"reported": [{"metric": "accuracy", "value": "e.g., 89.20%"}]},
            "reported[0].value",
            "'e.g., 89.20%' reads like a placeholder",
            "warning",
        ),
    ],
    "_no_license": [
        ({"readme": {"license": None}}, "readme.license", "nobody may use the model", "warning"),
    ],
}

TWO_GPUS = {"accelerator": "nvidia-t4", "count": 2}
DECODER = {"model": None, "revision": None, "architecture": LLAMA, "tokenizer": BPE}

GOOD_ONES: dict[str, dict[str, Any]] = {
    "quantized with an adapter": {"quantization": {"type": "bitsandbytes", "bits": 4}, "adapter": LORA},
    "layers of another architecture": {
        "base": {"architecture": LLAMA, "pad_token": "eos"},
        "adapter": {**LORA, "target_modules": ["q_proj", "v_proj"]},
    },
    "layers by the end of their names": {"adapter": {**LORA, "target_modules": ["attention.output.dense"]}},
    "a text of all positions": {"data": {"tokens": {"max_length": 512}}},
    "the product of its factors": {
        "training": {"batch_size": 4, "gradient_accumulation_steps": 2, "total_batch_size": 16},
        "hardware": TWO_GPUS,
    },
    "bf16 on a CPU": {"hardware": {"accelerator": "cpu"}, "training": {"precision": "bf16"}},
    "fp16 on a GPU": {"hardware": {"accelerator": "nvidia-t4"}, "training": {"precision": "fp16"}},
    "a decoder with a tokenizer of its own": {"base": DECODER},
    "a new head": {"base": {"head": "new", "architecture": {**BERT, "num_labels": 5}}},
    "a kept head": {"base": {"head": "keep", "architecture": {**BERT, "num_labels": 2}}},
    "pairs": {**PAIRS, "examples": [{**EXAMPLE, "text_pair": "a play"}]},
    "slices by a column": {"evaluation": {"slices": {"columns": ["genre", "label"]}}},
    "best by validation": {
        "training": {"select": "best", "select_metric": "accuracy"},
        "evaluation": {"each_epoch": "validation"},
        "data": {"take": {"train": "a", "validation": "b", "test": "c"}},
    },
}


def load(tmp_path: Path, sections: dict[str, Any]) -> Loaded:
    card = {
        name: {**GOOD.get(name, {}), **given} if isinstance(given, dict) else given for name, given in sections.items()
    }
    (tmp_path / "x.yaml").write_text(json.dumps({**GOOD, **card}), encoding="utf-8")
    return load_card(tmp_path / "x.yaml")


def test_every_check_has_a_card_that_breaks_it() -> None:
    assert set(BAD) == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize(
    ("sections", "path", "words", "level"),
    [case for cases in BAD.values() for case in cases],
    ids=[f"{name}-{index}" for name, cases in BAD.items() for index in range(len(cases))],
)
def test_a_check_fires_where_its_rule_is_broken(
    sections: dict[str, Any], path: str, words: str, level: str, tmp_path: Path
) -> None:
    try:
        found = load(tmp_path, sections).warnings
    except InputError as error:
        found = (*error.problems, *error.warnings)
    (problem,) = [problem for problem in found if problem.path == path]
    assert words in problem.message
    assert problem.level == level
    assert problem.where.startswith(f"{tmp_path / 'x.yaml'}:1:")


@pytest.mark.parametrize("sections", GOOD_ONES.values(), ids=GOOD_ONES)
def test_all_checks_are_silent_on_a_card_that_keeps_their_rules(sections: dict[str, Any], tmp_path: Path) -> None:
    assert load(tmp_path, sections).warnings == ()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_no_shipped_card_breaks_a_rule(file: Path) -> None:
    told = {"readme.license", "base.revision", "data.revision", "evaluation.each_epoch"}
    warned = {problem.path for problem in load_card(file).warnings}
    assert {path for path in warned if path not in told} <= {f"reported[{index}].value" for index in range(20)}


def test_only_a_card_with_placeholders_is_told_so() -> None:
    warned = {
        file.stem
        for file in SHIPPED
        if any(problem.path.startswith("reported[") for problem in load_card(file).warnings)
    }
    assert warned == {"a790227-distilbert"}


def test_only_the_card_whose_source_selects_on_what_it_reports_is_told_so() -> None:
    warned = {
        file.stem
        for file in SHIPPED
        if any(problem.path == "evaluation.each_epoch" for problem in load_card(file).warnings)
    }
    assert warned == {"llm-project-distilbert"}


def test_errors_and_warnings_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, {"readme": {"license": None}, "training": {"select": "best"}})
    assert [problem.path for problem in caught.value.problems] == ["training.select"]
    assert [problem.path for problem in caught.value.warnings] == ["readme.license"]


def test_a_null_label_column_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"null, but training and `split\.stratify` need labels"):
        load(tmp_path, {"data": {"label": None, "pool": ["a"], "split": {"test": 0.1, "stratify": True}}})
