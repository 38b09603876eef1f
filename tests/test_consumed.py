"""Every declared field is consumed: changing it changes what is built, fed, trained or predicted, or is refused.

The fields are found by walking the spec, so a new one fails here by its name until it has an entry, and one that nobody
reads fails by its name too. A changed run id, README or copy of the card in the record counts for nothing.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import pytest
import torch
from conftest import CARD, SHAPES, on_base
from hub_server import Hub, take_for_the_hub
from pydantic import BaseModel

from registry.card import RUN_SECTIONS, Card
from registry.errors import InputError
from runner import model as models
from runner import plugins, reproducing, trainer
from runner.runs import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.loading import Loaded

LORA = {"type": "lora", "r": 4, "alpha": 16, "target_modules": ["query"]}
IA3 = {"type": "ia3", "target_modules": ["query", "output.dense"], "feedforward_modules": []}
FOUR_BITS = {"type": "bitsandbytes", "bits": 4}
ROWS = {"train": 40, "validation": 8, "test": 16}
POOL = {"pool": ["train", "test"], "split": {"test": 0.25}}
BEST = {
    "training": {"select": "best", "epochs": 3, "learning_rate": 0.05},
    "data": {"take": {"test": "test", "validation": "extra"}},
}
FAMILIES: dict[str, dict[str, Any]] = {
    kind: {"model_type": kind, **shape, "max_position_embeddings": 64} for kind, shape in SHAPES.items()
}
WIDE = {"model_type": "llama", **SHAPES["llama"], "num_attention_heads": 4, "max_position_embeddings": 64}


@dataclass(frozen=True)
class Change:
    """A card, and another value of one of its fields.

    Attributes:
        to: The other value.
        card: Sections of the card that the change is made in, beside the small card of all tests.
        refused: What the refusal says, where a value that is not true has to be refused.
        hub: Whether base and dataset come from a (loopback) Hub.
    """

    to: Any
    card: dict[str, Any] = field(default_factory=dict)
    refused: str = ""
    hub: bool = False


def base(kind: str = "bert", **more: Any) -> dict[str, Any]:
    return {"base": {**on_base(kind), **more}}


def architecture(kind: str, **more: Any) -> dict[str, Any]:
    return {"base": {"architecture": {**FAMILIES[kind], **more}}}


CHANGES: dict[str, Change] = {
    "base.model": Change("other", base()),
    "base.revision": Change("v1", base(model="someone/base"), hub=True),
    "base.tokenizer": Change("other", base()),
    "base.tokenizer.vocab_size": Change(300),
    "base.pad_token": Change("unk", base("llama")),
    "base.head": Change("new", base()),
    "base.allow_pickle": Change(False, base(model="pickled", allow_pickle=True), "consents to its pickled weights"),
    "base.dtype": Change("bfloat16"),
    **{
        f"base.architecture({kind}).{name}": Change(value, architecture(kind))
        for kind, changed in {
            "bert": {
                "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 16,
                "max_position_embeddings": 32, "type_vocab_size": 3, "hidden_dropout_prob": 0.4,
                "attention_probs_dropout_prob": 0.4, "classifier_dropout": 0.4, "initializer_range": 0.1,
            },
            "distilbert": {
                "dim": 8, "hidden_dim": 16, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 32, "dropout": 0.4,
                "attention_dropout": 0.4, "seq_classif_dropout": 0.4,
            },
            "llama": {
                "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
                "num_key_value_heads": 1, "head_dim": 4, "max_position_embeddings": 32, "rms_norm_eps": 0.1,
                "tie_word_embeddings": True, "attention_dropout": 0.4,
            },
        }.items()
        for name, value in changed.items()
    },
    **{
        f"base.architecture({kind}).vocab_size": Change(
            99, base(kind, architecture={**FAMILIES[kind], "vocab_size": None}), "architecture.vocab_size: says 99"
        )
        for kind in FAMILIES
    },
    **{
        f"base.architecture({kind}).num_labels": Change(
            3, base(kind, head="new", architecture={**FAMILIES[kind], "vocab_size": None}), "num_labels: says 3, but"
        )
        for kind in FAMILIES
    },
    "task.labels": Change(["bad", "good"]),
    "task.positive": Change("negative", {"evaluation": {"metrics": ["precision"]}}),
    "data.dataset": Change("others"),
    "data.config": Change("turned", {"data": {"dataset": "configured", "config": "plain"}}),
    "data.revision": Change("v1", {"data": {"dataset": "someone/rows"}}, hub=True),
    "data.text": Change("second"),
    "data.text_pair": Change("second"),
    "data.label": Change("flipped"),
    "data.rows.train": Change(41, {"data": {"rows": ROWS}}, "says 41, but rows has 40"),
    "data.rows.validation": Change(41, {"data": {"rows": ROWS}}, "says 41, but rows has 8"),
    "data.rows.test": Change(41, {"data": {"rows": ROWS}}, "says 41, but rows has 16"),
    "data.pool": Change(["train", "test", "extra"], {"data": POOL}),
    "data.take.train": Change("extra", {"data": {"take": {"test": "test"}}}),
    "data.take.validation": Change("extra", {"data": {"take": {"test": "test", "validation": "validation"}},
                                             "evaluation": {"split": "validation"}}),
    "data.take.test": Change("extra", {"data": {"take": {"test": "test"}}}),
    "data.split.test": Change(0.5, {"data": POOL}),
    "data.split.validation": Change(0.5, {"data": {"split": {"validation": 0.25}}}),
    "data.split.stratify": Change(True, {"data": POOL}),
    "data.split.seed": Change(7, {"data": POOL}),
    "data.balanced": Change(True, {"data": {"dataset": "lopsided"}}),
    "data.limit.train": Change(24),
    "data.limit.validation": Change(4, {"evaluation": {"split": "validation"},
                                        "data": {"take": {"test": "test", "validation": "validation"}}}),
    "data.limit.test": Change(8),
    "data.limit.seed": Change(7, {"data": {"limit": {"train": 24}}}),
    "data.clean": Change(["strip_special_characters"], {"data": {"text": "marked"}}),
    "data.tokens.max_length": Change(6),
    "data.tokens.truncation": Change(False, {"data": {"tokens": {"max_length": 6}}}, "truncation is off"),
    "data.tokens.padding": Change("max_length"),
    "adapter(lora).r": Change(2, {"adapter": LORA}),
    "adapter(lora).alpha": Change(64.0, {"adapter": LORA}),
    "adapter(lora).dropout": Change(0.5, {"adapter": LORA}),
    "adapter(lora).target_modules": Change(["value"], {"adapter": LORA}),
    "adapter(lora).rslora": Change(True, {"adapter": LORA}),
    "adapter(lora).dora": Change(True, {"adapter": LORA}),
    "adapter(ia3).target_modules": Change(["value", "output.dense"], {"adapter": IA3}),
    "adapter(ia3).feedforward_modules": Change(["output.dense"], {"adapter": IA3}),
    "quantization(bitsandbytes).bits": Change(8, {"adapter": LORA, "quantization": FOUR_BITS}),
    "quantization(bitsandbytes).quant_type": Change("nf4", {"adapter": LORA, "quantization": FOUR_BITS}),
    "quantization(bitsandbytes).double_quant": Change(True, {"adapter": LORA, "quantization": FOUR_BITS}),
    "quantization(bitsandbytes).compute_dtype": Change("bfloat16", {"adapter": LORA, "quantization": FOUR_BITS}),
    "training.epochs": Change(2),
    "training.learning_rate": Change(1e-3),
    "training.batch_size": Change(4),
    "training.gradient_accumulation_steps": Change(2),
    "training.total_batch_size": Change(64, {"training": {"total_batch_size": 8}}, "says 64, but 8 rows"),
    "training.eval_batch_size": Change(4),
    "training.optimizer": Change("adafactor"),
    "training.adam_betas": Change([0.5, 0.9]),
    "training.adam_epsilon": Change(0.1),
    "training.weight_decay": Change(0.5),
    "training.max_grad_norm": Change(1e-3),
    "training.label_smoothing": Change(0.3),
    "training.scheduler": Change("constant"),
    "training.warmup_steps": Change(3),
    "training.warmup_ratio": Change(0.5),
    "training.precision": Change("bf16"),
    "training.seed": Change(7),
    "training.select": Change("last", {**BEST, "evaluation": {"each_epoch": "validation"}}),
    "training.select_metric": Change("accuracy", {**BEST, "evaluation": {"each_epoch": "validation"}}),
    "evaluation.split": Change("validation", {"data": {"take": {"test": "test", "validation": "validation"}}}),
    "evaluation.each_epoch": Change("test"),
    "evaluation.metrics.name": Change("f1"),
    "evaluation.metrics.averaging": Change("macro", {"evaluation": {"metrics": [{"name": "f1"}]}}),
    "evaluation.metrics.trust": Change(
        False, {"evaluation": {"metrics": [{"name": "evaluate:x", "trust": True}]}}, "runs code of its own"
    ),
    "evaluation.slices.columns": Change(["marked"], {"evaluation": {"slices": {"columns": ["second"]}}}),
    "evaluation.slices.words": Change([5, 9], {"evaluation": {"slices": {"words": [7]}}}),
}  # fmt: skip

ONLY_JUDGES = {"evaluation.margin": "judges a run that is done; `tests/test_audit.py` shows what it decides"}


# The spec's fields


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a field may hold."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in get_args(annotation) for model in models_in(part)]


def walk(model: type[BaseModel], path: str) -> Iterator[str]:
    """The fields of a section that can have more than one value."""
    for name, info in model.model_fields.items():
        below = models_in(info.annotation)
        if len(below) > 1:
            for kind in below:
                (family,) = get_args(kind.model_fields["model_type"].annotation)
                yield from walk(kind, f"{path}.{name}({family})")
        for kind in below if len(below) == 1 else ():
            yield from walk(kind, f"{path}.{name}")
        plain = not below or any(part is str for part in parts_of(info.annotation))
        if plain and len(get_args(info.annotation)) != 1:
            yield f"{path}.{name}"


def parts_of(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts_of(part)


def declared() -> list[str]:
    """Every field of the sections that make a run."""
    found: list[str] = []
    for section in RUN_SECTIONS:
        if section in ("adapter", "quantization"):
            kind = {"adapter": "adapters", "quantization": "quantizers"}[section]
            for name in plugins.names(kind):
                found += walk(plugins.sections()[kind][name](), f"{section}({name})")
        else:
            for model in models_in(Card.model_fields[section].annotation):
                found += walk(model, section)
    return found


def test_every_declared_field_has_a_change_here() -> None:
    fields = set(declared()) - {"task.type"}  # of which there is one
    assert len(plugins.names("tasks")) == 1
    assert fields - CHANGES.keys() - ONLY_JUDGES.keys() == set()
    assert (CHANGES.keys() | ONLY_JUDGES.keys()) - fields == set()


# What a run does


@pytest.fixture
def inputs(
    tmp_path: Path,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
) -> Path:
    """Folders for the cards: `rows`, `others`, `lopsided`, `configured`; `base`, `other`, `pickled`."""

    def more(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        turned = rows[1:] + rows[:1]
        return [
            {**row, "second": other["text"], "flipped": 1 - row["label"], "marked": row["text"].replace(" ", " <!> ")}
            for row, other in zip(rows, turned, strict=True)
        ]

    def written(name: str, rows: dict[str, list[dict[str, Any]]], **configs: dict[str, str]) -> None:
        write_rows(**{split: more(lines) for split, lines in rows.items()}).rename(tmp_path / name)
        front = [
            {"config_name": config, "data_files": [{"split": s, "path": f"{p}.jsonl"} for s, p in files.items()]}
            for config, files in (configs or {"default": {split: split for split in rows}}).items()
        ]
        (tmp_path / name / "README.md").write_text(f"---\nconfigs: {json.dumps(front)}\n---\n")

    rows = {"train": reviews(40), "test": reviews(16, 1), "validation": reviews(8, 2), "extra": reviews(24, 3)}
    written("others", {split: lines[::-1] for split, lines in rows.items()})
    written("lopsided", {**rows, "train": reviews(40) + [row for row in reviews(40, 5) if row["label"]]})
    plain = {"train": "train", "test": "test"}
    written("configured", rows, plain=plain, turned={"train": "extra", "test": "test"})
    written("rows", rows)
    return tmp_path


def prepare_base(folder: Path, base_repo: Callable[..., Path], section: dict[str, Any]) -> None:
    """The folders that a card's base may name, of the kind that its architecture or padding tells."""
    kind = (section.get("architecture") or {}).get("model_type") or ("llama" if section.get("pad_token") else "bert")
    made = base_repo(kind)
    other = base_repo(kind, name="other")
    weights = {name: value + 0.01 for name, value in torch.load(pickled(made, folder), weights_only=True).items()}
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    words["the"], words["film"] = words["film"], words["the"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    from safetensors.torch import save_file

    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})


def pickled(made: Path, folder: Path) -> Path:
    """A copy of a base with pickled weights only; their file."""
    from safetensors.torch import load_file

    shutil.copytree(made, folder / "pickled", dirs_exist_ok=True)
    torch.save(load_file(made / "model.safetensors"), folder / "pickled/pytorch_model.bin")
    (folder / "pickled/model.safetensors").unlink()
    return folder / "pickled/pytorch_model.bin"


def put(card: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The card with a value at a path; a kind in brackets is no part of it, of a list the first item is meant."""
    changed = copy.deepcopy(card)
    at: Any = changed
    *above, last = [part.partition("(")[0] for part in path.split(".")]
    for part in above:
        at = at.setdefault(part, {}) if at.get(part) is not None else at.update({part: {}}) or at[part]
        at = at[0] if isinstance(at, list) else at
    at[last] = value
    return changed


def sections_of(given: dict[str, Any]) -> dict[str, Any]:
    """The small card of all tests with these sections, each merged one level deep."""
    card = copy.deepcopy({**CARD, "training": {**CARD["training"], "epochs": 1}})
    for name, section in given.items():
        card[name] = {**card.get(name, {}), **section}
    if isinstance(card["evaluation"]["metrics"][0], str):
        card["evaluation"]["metrics"] = [{"name": name} for name in card["evaluation"]["metrics"]]
    return card


def clean(value: Any) -> Any:
    """Without nulls, which declare nothing."""
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items() if item is not None}
    return value


def behaviour(folder: Path, card: dict[str, Any], runs: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a run of a card is seen to do: the inputs of its model, its weights and configuration, its predictions.

    Two metrics may find the same epoch the best, so what they are asked for counts too.
    """
    file = folder / "tiny.yaml"
    file.write_text(json.dumps(clean(card)))
    loaded: Loaded = plugins.load_card(file)
    ready = reproducing.prepare(loaded, folder / runs, True)
    batches: list[tuple[bool, tuple[int, ...], str]] = []
    build = models.build

    def built(*arguments: Any) -> Any:
        model = build(*arguments)

        def seen(module: Any, given: Any, named: dict[str, Any]) -> None:
            rows = named["input_ids"]
            content = b"".join(named[name].numpy().tobytes() for name in sorted(named) if named[name] is not None)
            batches.append((module.training, tuple(rows.shape), hashlib.sha256(content).hexdigest()))

        model.register_forward_pre_hook(seen, with_kwargs=True)
        return model

    make, selected = trainer.make_trainer, []

    def made(*arguments: Any) -> Any:
        worker = make(*arguments)
        selected.append((worker.args.metric_for_best_model, worker.args.greater_is_better))
        return worker

    with monkeypatch.context() as patch:
        patch.setattr(models, "build", built)
        patch.setattr(trainer, "make_trainer", made)
        record = reproducing.train_and_evaluate(ready)
    assert record.training is not None
    assert record.evaluation is not None
    return {
        "batches": batches,
        "what the best epoch is the best in": selected,
        "losses and rates": [point.values for point in record.training.log],
        "model": {path.name: file_sha256(path) for path in ready.run.model.iterdir() if path.suffix != ".md"},
        "predictions": file_sha256(ready.run.predictions),
        "scores": record.evaluation.model_dump(exclude={"seconds", "speed"}),
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", CHANGES)
def test_changing_a_declared_field_changes_the_run(
    path: str, inputs: Path, base_repo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = CHANGES[path]
    card = sections_of(change.card)
    with Hub() as hub:
        if card["base"].get("model"):
            prepare_base(inputs, base_repo, card["base"])
            if card["base"].get("architecture"):
                vocabulary = len(json.loads((inputs / "base/tokenizer.json").read_text())["model"]["vocab"])
                card["base"]["architecture"]["vocab_size"] = vocabulary
        if change.hub:
            from huggingface_hub import constants

            monkeypatch.setattr(constants, "HF_HUB_CACHE", str(inputs / "cache"))
            take_for_the_hub(monkeypatch, hub.endpoint)
            for kind, name, old, new in (
                ("models", "someone/base", "other", "base"),
                ("datasets", "someone/rows", "others", "rows"),
            ):
                if (inputs / old).is_dir():
                    first = hub.add(kind, name, inputs / old)
                    hub.add(kind, name, inputs / new)
                    hub.repos[kind, name].refs["v1"] = first
        changed = put(card, path, change.to)
        assert changed != card
        if change.refused:
            with pytest.raises(InputError, match=change.refused):
                behaviour(inputs, changed, "changed", monkeypatch)
            return
        before = behaviour(inputs, card, "runs", monkeypatch)
        after = behaviour(inputs, changed, "changed", monkeypatch)
    assert [name for name in before if before[name] != after[name]], f"nothing reads {path}"


def test_a_run_of_the_same_card_behaves_the_same(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = sections_of({})
    assert behaviour(inputs, card, "runs", monkeypatch) == behaviour(inputs, card, "again", monkeypatch)
