"""The rules of a card: each fires on the smallest card that breaks it and is silent on one that keeps it."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from registry.architectures import Bert, DistilBert, Llama
from registry.card import Card, Training
from registry.errors import InputError
from registry.vocabulary import CLAIMS, OPTIMIZERS, SCHEDULERS, SHARES, DType
from runner import plugins
from runner.plugins import load_card
from runner.record import Snapshot
from runner.runs import run_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from registry.loading import Loaded

SHIPPED = sorted(Path(__file__).parents[1].glob("cards/**/*.yaml"))

MINIMAL: dict[str, Any] = {
    "schema": 1,
    "id": "x",
    "base": {"model": "prajjwal1/bert-tiny"},
    "task": {"type": "text-classification", "labels": ["negative", "positive"]},
    "data": {"dataset": "rows"},
}
LORA = {"type": "lora", "target_modules": ["query"]}
FOUR_BITS = {"type": "bitsandbytes", "bits": 4}
BPE = {"type": "bpe", "vocab_size": 300}
POOLED = {"pool": ["train", "test"], "split": {"test": 0.2}}


def load(tmp_path: Path, sections: dict[str, Any]) -> Loaded:
    merged = {
        name: {**MINIMAL.get(name, {}), **given} if isinstance(given, dict) else given
        for name, given in sections.items()
    }
    (tmp_path / "x.yaml").write_text(json.dumps({**MINIMAL, **merged}), encoding="utf-8")
    return load_card(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("bad", "path", "message"),
    [
        ({"base": {"model": None}}, "base", "neither `model` nor `architecture`"),
        ({"base": {"model": None, "architecture": {"model_type": "bert"}}}, "base", "`model` needs `tokenizer`"),
        ({"task": {"labels": ["a", "a"]}}, "task", "`labels` repeats a name"),
        ({"task": {"positive": "good"}}, "task", "`positive` is not among the labels; one of: negative, positive"),
        ({"data": {"text_pair": "text"}}, "data", "`text`, `text_pair` and `label` name a column twice"),
        ({"data": {"text_pair": "label"}}, "data", "`text`, `text_pair` and `label` name a column twice"),
        ({"data": {"text": "label"}}, "data", "`text`, `text_pair` and `label` name a column twice"),
        ({"data": {"split": {"seed": 3}}}, "data.split", "give `test` or `validation`, a share between 0 and 1"),
        ({"data": {"pool": ["train", "test"]}}, "data", "`pool` needs `split.test`"),
        ({"data": {"pool": ["train"], "split": {"validation": 0.1}}}, "data", "`pool` needs `split.test`"),
        ({"data": {**POOLED, "take": {"train": "train"}}}, "data", "`pool` and `take` exclude each other"),
        ({"data": {**POOLED, "pool": ["train", "train"]}}, "data", "`pool` names a split twice"),
        ({"data": {**POOLED, "pool": []}}, "data.pool", "should have at least 1 item"),
        ({"data": {"split": {"test": 0.1}}}, "data", "`split.test` and a taken test split both make a test set"),
        ({"data": {"take": {"test": "test"}, "split": {"test": 0.1}}}, "data", "both make a test set"),
        ({"data": {"clean": ["strip_html", "strip_html"]}}, "data.clean", "a step is given twice"),
        ({"data": {"clean": ["strip_special_characters", "strip_html"]}}, "data.clean", "put strip_html first"),
        ({"training": {"warmup_steps": 0, "warmup_ratio": 0.1}}, "training", "warmup is given twice"),
        ({"training": {"select": "best"}}, "training.select", "`best` needs `evaluation.each_epoch`"),
        ({"quantization": FOUR_BITS}, "quantization", "quantized weights cannot be trained; add an adapter"),
        ({"evaluation": {"metrics": ["evaluate:wer"]}}, "evaluation.metrics[0]", "say `trust: true` to allow it"),
        ({"evaluation": {"slices": {"words": [50, 50]}}}, "evaluation.slices.words", "bounds must rise"),
        ({"evaluation": {"slices": {"words": [200, 50]}}}, "evaluation.slices.words", "bounds must rise"),
        ({"evaluation": {"slices": {"words": []}}}, "evaluation.slices", "give `words` or `columns`"),
        ({"evaluation": {"slices": {"columns": ["a", "a"]}}}, "evaluation.slices.columns", "a column is given twice"),
        (
            {
                "task": {"labels": ["a", "b", "c"]},
                "evaluation": {"metrics": ["accuracy", {"name": "f1", "averaging": "positive"}]},
            },
            "evaluation.metrics[1]",
            "averaging `positive` is for two labels",
        ),
        ({"reported": [{"metric": "f1", "value": "85%", "seeds": 5}]}, "reported[0]", "`seeds` and `sd` belong"),
        ({"reported": [{"metric": "f1", "value": "85%", "sd": 0.1}]}, "reported[0]", "`seeds` and `sd` belong"),
        ({"reported": [{"metric": "speed", "value": "85%"}]}, "reported[0].metric", "no claim named 'speed'; one of: "),
        ({"examples": [{"text": "a", "label": "Positive"}]}, "examples[0].label", "did you mean `positive`?"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_said_at_its_path(bad: dict[str, Any], path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, bad)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert message in problem.message
    assert problem.where.startswith(f"{tmp_path / 'x.yaml'}:1:")


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"base": {"model": None, "architecture": {"model_type": "bert"}, "tokenizer": "bert-base-uncased"}},
        {"base": {"model": None, "architecture": {"model_type": "llama"}, "tokenizer": BPE}},
        {"task": {"positive": "negative"}},
        {"data": {"split": {"validation": 0.1}}},
        {"data": {"take": {"train": "train"}, "split": {"test": 0.1, "validation": 0.1}}},
        {"data": POOLED},
        {"data": {"clean": ["strip_html", "strip_special_characters", "collapse_whitespace"]}},
        {"data": {"clean": ["strip_special_characters"]}},
        {"training": {"warmup_steps": 0}},
        {"training": {"warmup_ratio": 0.4}},
        {"training": {"select": "best"}, "evaluation": {"each_epoch": "test"}},
        {"adapter": LORA},
        {"adapter": LORA, "quantization": FOUR_BITS},
        {"evaluation": {"metrics": [{"name": "evaluate:wer", "trust": True}]}},
        {"evaluation": {"metrics": [{"name": "f1", "averaging": "positive"}]}},
        {"task": {"labels": ["a", "b", "c"]}, "evaluation": {"metrics": [{"name": "f1", "averaging": "macro"}]}},
        {"evaluation": {"slices": {"words": [50]}}},
        {"evaluation": {"slices": {"columns": ["genre", "label"]}}},
        {"reported": [{"metric": "f1", "value": "85%", "seeds": 5, "sd": 0.0}]},
        {"reported": [{"metric": "evaluate:wer", "value": "e.g., 3%"}]},
        {"examples": [{"text": "a", "label": "negative"}]},
    ],
)  # fmt: skip
def test_a_kept_rule_is_silent(good: dict[str, Any], tmp_path: Path) -> None:
    assert load(tmp_path, good).card.id == "x"


@pytest.mark.parametrize("kind", [Bert, DistilBert, Llama])
def test_architecture_defaults_are_those_of_transformers(kind: type[BaseModel]) -> None:
    from transformers import AutoConfig

    (name,) = get_args(kind.model_fields["model_type"].annotation)
    theirs = AutoConfig.for_model(name)
    for field, info in kind.model_fields.items():
        if field != "model_type" and info.default is not None:
            assert getattr(theirs, field) == info.default, field


@pytest.mark.parametrize("kind", [Bert, DistilBert, Llama])
def test_heads_are_the_layers_that_a_classifier_adds_to_its_base(kind: Any) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    (name,) = get_args(kind.model_fields["model_type"].annotation)
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(name, num_labels=2))
    added = {
        part for part, module in model.named_children() if part != model.base_model_prefix and list(module.parameters())
    }
    assert added == set(kind.heads)


def test_optimizers_are_names_of_the_trainer() -> None:
    from transformers.training_args import OptimizerNames

    assert set(OPTIMIZERS) <= {name.value for name in OptimizerNames}


def test_schedulers_are_names_of_the_trainer() -> None:
    from transformers import SchedulerType

    assert set(SCHEDULERS) <= {name.value for name in SchedulerType}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_need_no_further_arguments(name: str) -> None:
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    assert get_scheduler(name, optimizer, num_warmup_steps=2, num_training_steps=10).get_last_lr()


def test_number_types_are_those_of_torch() -> None:
    import torch

    assert all(isinstance(getattr(torch, name), torch.dtype) for name in get_args(DType))


def test_every_metric_can_be_claimed() -> None:
    assert set(plugins.names("metrics")) <= set(CLAIMS)


def test_every_share_can_be_claimed() -> None:
    assert set(SHARES) <= set(CLAIMS)


def test_training_defaults_are_those_of_the_trainer(tmp_path: Path) -> None:
    from transformers import TrainingArguments

    ours, theirs = Training(), TrainingArguments(output_dir=str(tmp_path))
    assert (ours.epochs, ours.learning_rate, ours.weight_decay, ours.max_grad_norm, ours.seed) == (
        theirs.num_train_epochs, theirs.learning_rate, theirs.weight_decay, theirs.max_grad_norm, theirs.seed,
    )  # fmt: skip
    assert (ours.batch_size, ours.eval_batch_size) == (
        theirs.per_device_train_batch_size, theirs.per_device_eval_batch_size,
    )  # fmt: skip
    assert ours.adam_betas == (theirs.adam_beta1, theirs.adam_beta2)
    assert (ours.adam_epsilon, ours.label_smoothing) == (theirs.adam_epsilon, theirs.label_smoothing_factor)
    assert ours.scheduler == theirs.lr_scheduler_type


def test_a_positive_label_is_the_last_one_where_none_is_named(tmp_path: Path) -> None:
    assert load(tmp_path, {}).card.task.positive_index == 1
    assert load(tmp_path, {"task": {"positive": "negative"}}).card.task.positive_index == 0


def test_a_card_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path, {}).card.id = "y"  # type: ignore[misc]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_card_in_a_record_is_read_back_equal(file: Path) -> None:
    card = load_card(file).card
    text = json.dumps(card.model_dump(mode="json", by_alias=True))
    assert Card.model_validate_json(text, context={"plugins": plugins.sections()}) == card


# The run id


def snapshot(revision: str = "1" * 40) -> Snapshot:
    return Snapshot(name="a", revision=revision, path="p", files={})


def id_of(loaded: Loaded) -> str:
    return run_id(loaded.card, snapshot(), snapshot())


def shuffled(value: Any, draw: random.Random) -> Any:
    """The same JSON with the keys of every mapping in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], draw) for key in draw.sample(list(value), len(value))}
    return [shuffled(item, draw) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_order_of_keys_does_not_change_the_run_id(file: Path, tmp_path: Path) -> None:
    loaded = load_card(file)
    given = loaded.card.model_dump(mode="json", by_alias=True)
    if loaded.card.source is not None:
        shutil.copytree(file.parent / "sources", tmp_path / "sources")
    for seed in range(3):
        again = tmp_path / file.name
        again.write_text(json.dumps(shuffled(given, random.Random(seed))), encoding="utf-8")
        assert id_of(load_card(again)) == id_of(loaded)


def test_a_default_that_is_written_out_does_not_change_the_run_id(tmp_path: Path) -> None:
    plain = id_of(load(tmp_path, {}))
    assert id_of(load(tmp_path, {"training": {"epochs": 3, "adam_epsilon": 0.00000001}})) == plain


@pytest.mark.parametrize(
    "words",
    [
        {"reported": [{"metric": "f1", "value": "85%"}]},
        {"readme": {"license": "mit"}},
        {"assumed": {"base.dtype": "a guess"}},
        {"underspecified": ["the seed"]},
        {"training": {"seed": 7}},
        {"evaluation": {"margin": 0.02}},
        {"hardware": {"accelerator": "nvidia-t4"}},
        {"examples": [{"text": "a", "label": "positive"}]},
    ],
)
def test_what_cannot_change_a_prediction_does_not_change_the_run_id(words: dict[str, Any], tmp_path: Path) -> None:
    assert id_of(load(tmp_path, words)) == id_of(load(tmp_path, {}))


@pytest.mark.parametrize(
    "change",
    [
        {"base": {"model": "other"}},
        {"base": {"dtype": "bfloat16"}},
        {"task": {"labels": ["positive", "negative"]}},
        {"data": {"limit": {"train": 3}}},
        {"data": {"tokens": {"max_length": 128}}},
        {"adapter": LORA},
        {"training": {"learning_rate": 1e-4}},
        {"evaluation": {"split": "validation"}},
    ],
)
def test_what_can_change_a_prediction_changes_the_run_id(change: dict[str, Any], tmp_path: Path) -> None:
    assert id_of(load(tmp_path, change)) != id_of(load(tmp_path, {}))


def test_another_revision_of_base_or_data_changes_the_run_id(tmp_path: Path) -> None:
    card = load(tmp_path, {}).card
    ids = {run_id(card, snapshot(a), snapshot(b)) for a in ("1" * 40, "2" * 40) for b in ("1" * 40, "2" * 40)}
    assert len(ids | {run_id(card, None, snapshot())}) == 5


def test_two_cards_of_the_same_recipe_have_the_same_run_id(tmp_path: Path, write_card: Callable[..., Loaded]) -> None:
    assert id_of(write_card(id="one")) == id_of(write_card(id="two"))


# The table of a log


TABLE = {"columns": ["train_loss", "epoch", "step", "loss", "accuracy"], "rows": [["0.74", 1.0, 12, 0.1208, "0.96"]]}


def test_a_table_gives_a_claim_for_every_measured_cell(tmp_path: Path) -> None:
    claims = load(tmp_path, {"epoch_table": TABLE}).card.claims
    assert [(c.metric, c.value, c.split, c.epoch, c.step) for c in claims] == [
        ("loss", "0.74", "train", 1.0, 12),
        ("loss", "0.1208", "validation", 1.0, 12),
        ("accuracy", "0.96", "validation", 1.0, 12),
    ]


def test_a_cell_without_a_number_gives_no_claim(tmp_path: Path) -> None:
    table = {"columns": ["epoch", "train_loss", "loss"], "rows": [[1, None, 0.5]]}
    assert [claim.value for claim in load(tmp_path, {"epoch_table": table}).card.claims] == ["0.5"]


def test_a_card_claims_what_it_reports_and_what_its_table_holds(tmp_path: Path) -> None:
    reported = [{"metric": "f1", "value": "0.9"}]
    claims = load(tmp_path, {"reported": reported, "epoch_table": TABLE}).card.claims
    assert [claim.metric for claim in claims] == ["f1", "loss", "loss", "accuracy"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"columns": ["epoch", "acc"], "rows": [[1, 2]]}, "no column 'acc'; did you mean `accuracy`?"),
        ({"columns": ["epoch", "epoch"], "rows": [[1, 1]]}, "a column is given twice"),
        ({"columns": ["loss", "accuracy"], "rows": [[1, 1]]}, "needs `epoch` or `step`"),
        ({"columns": ["epoch", "loss"], "rows": [[1]]}, "row 0 has 1 cells for 2 columns"),
        ({"columns": ["epoch", "loss"], "rows": [[None, 1]]}, "row 0 has no epoch"),
        ({"columns": ["step", "loss"], "rows": [[1.5, 1]]}, "row 0 has the step '1.5'"),
        ({"columns": ["epoch", "loss"], "rows": [[1, "none"]]}, "expected one number, found 0 in 'none'"),
    ],
)
def test_a_table_that_does_not_hold_together_is_refused(changed: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, {"epoch_table": changed})
    assert message in str(caught.value)


def test_a_total_that_is_only_checked_makes_no_other_run(tmp_path: Path) -> None:
    told = load(tmp_path, {"training": {"batch_size": 8, "total_batch_size": 8}}).card
    assert run_id(told) == run_id(load(tmp_path, {"training": {"batch_size": 8}}).card)


@pytest.mark.parametrize("path", ["training.total_batch_size=8", "evaluation.margin=0.1", "reported=[]"])
def test_what_judges_a_run_cannot_be_overridden(path: str, tmp_path: Path) -> None:
    load(tmp_path, {})
    with pytest.raises(InputError, match="judges or describes the run and is no part of it"):
        load_card(tmp_path / "x.yaml", [path])


def test_true_is_no_version_of_the_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="should be 1, the version of this format"):
        load(tmp_path, {"schema": True})


@pytest.mark.parametrize(
    ("metric", "value", "in_its_unit"),
    [
        ("training_hours", "4:32 h", 4 + 32 / 60),
        ("training_hours", "45 min", 0.75),
        ("training_hours", "5", 5.0),
        ("co2_kg", "~450 g", 0.45),
        ("seconds_per_example", "0.16 s", 0.16),
        ("accuracy", "85", 0.85),
    ],
)
def test_a_claim_is_in_the_unit_of_its_metric(metric: str, value: str, in_its_unit: float, tmp_path: Path) -> None:
    (claim,) = load(tmp_path, {"reported": [{"metric": metric, "value": value}]}).card.reported
    assert claim.number.value == pytest.approx(in_its_unit)


@pytest.mark.parametrize(("metric", "value"), [("accuracy", "5 h"), ("co2_kg", "5 h"), ("training_hours", "5 kg")])
def test_a_claim_in_the_unit_of_something_else_is_refused(metric: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, {"reported": [{"metric": metric, "value": value}]})
    assert caught.value.problems[0].path == "reported[0]"


@pytest.mark.parametrize(
    ("readme", "path"),
    [
        ({"license": "Apache 2.0"}, "readme.license"),
        ({"license": "other"}, "readme"),
        ({"license": "mit", "license_name": "mine"}, "readme"),
        ({"language": ["en", "English"]}, "readme.language[1]"),
    ],
)
def test_a_license_and_a_language_are_ids(readme: dict, path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, {"readme": readme})
    assert [problem.path for problem in caught.value.problems] == [path]
