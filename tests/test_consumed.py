"""Every declared field is consumed: another value of it changes what a run does, or is refused as not true.

The fields are found by walking the spec, so that a new one fails here by its name until it has an entry, and one that
nobody reads fails by its name too. What a run does is what torch itself is told: the batches that the classifier gets
and gives, the optimizer's groups at every step, and the scores that come out. A run id, a README, a saved configuration
or the record's copy of the card prove nothing.
"""

from __future__ import annotations

import copy
import gc
import hashlib
import json
import math
import re
import types
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import pytest
import torch
from conftest import CARD, SHAPES, draw_reviews, on_base, save_base, word_tokenizer
from hub_server import Hub, take_for_the_hub
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_pre_hook

from registry.card import RUN_SECTIONS, Card
from registry.errors import InputError
from registry.part import Part, Plugin
from registry.vocabulary import OPTIMIZERS, SCHEDULERS
from runner import plotting, plugins, reproducing, speed
from runner.execution import Execution
from runner.judging import compare, judge
from runner.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Machine


# The fields of the spec


def fields() -> dict[str, None]:
    """Every field of the sections that make a run, `adapter[lora].r` or `evaluation.metrics[].name`, in order."""
    return dict.fromkeys(path for name in RUN_SECTIONS for path in _fields(Card.model_fields[name].annotation, name))


def _fields(annotation: Any, path: str) -> Iterator[str]:
    """The fields at and below a path: of each section that may stand there, and the path itself for a plain value."""
    options = list(_options(annotation, path))
    sections = [option for option in options if isinstance(option, type) and issubclass(option, Part)]
    for section in sections:
        (kind,) = get_args(section.model_fields[_tag(section)].annotation) if _tag(section) else (None,)
        several = len(sections) > 1 or issubclass(section, Plugin)
        for name, info in section.model_fields.items():
            yield from _fields(info.annotation, f"{path}[{kind}].{name}" if several else f"{path}.{name}")
    for option in options:
        if option in sections:
            continue
        items = get_args(option) if get_origin(option) is tuple else ()
        if items and items[-1] is not ...:  # so many values
            yield from (f"{path}[{index}]" for index in range(len(items)))
        elif items and (inside := [inner for inner in _fields(items[0], f"{path}[]") if inner != f"{path}[]"]):
            yield from inside
        else:
            yield path


def _options(annotation: Any, path: str) -> Iterator[Any]:
    """What a field may hold besides null; the sections of all plugins where it is one of them."""
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0], path)
    elif get_origin(annotation) in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _options(argument, path)
    elif isinstance(annotation, type) and issubclass(annotation, Plugin):
        kind = {"task": "tasks", "adapter": "adapters", "quantization": "quantizers"}[path]
        yield from (section() for section in plugins.sections()[kind].values())
    elif annotation is not type(None):
        yield annotation


def _tag(section: type[Part]) -> str | None:
    """The field that tells a section from its alternatives."""
    return next((name for name in ("type", "model_type") if name in section.model_fields), None)


# For each of them another value, and the card in which it is changed


@dataclass(frozen=True)
class Change:
    """Another value of a field.

    Attributes:
        to: The other value; null leaves the field out.
        card: What the card it is changed in has beside the small card of all tests; merged one level deep.
        refused: Words of the refusal, for a field that says what is true: it is checked, not used.
        at: Where `to` goes, if that is not the field's own path: a value may need others beside it.
    """

    to: Any
    card: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None
    at: str | None = None


def on(kind: str, **base: Any) -> dict[str, Any]:
    """A card on a pretrained base of a kind."""
    return {"base": on_base(kind, **{"model": kind, **base})}


def shaped(kind: str, **more: Any) -> dict[str, Any]:
    return {"model_type": kind, **SHAPES[kind], "max_position_embeddings": 64, **more}


def scratch(kind: str, **more: Any) -> dict[str, Any]:
    """A card on a base that is built from its architecture."""
    return {"base": {"architecture": shaped(kind, **more)}}


def facts(kind: str, **more: Any) -> dict[str, Any]:
    """A card on a pretrained base whose architecture it states."""
    return on(kind, architecture=shaped(kind, **{"vocab_size": VOCABULARY[kind], **more}))


VOCABULARY = {"bert": 28, "distilbert": 28, "llama": 27}  # of `conftest.word_tokenizer`
LORA = {"adapter": {"type": "lora", "r": 4, "alpha": 16, "target_modules": ["query", "value"]}}
IA3 = {"adapter": {"type": "ia3", "target_modules": ["query", "output.dense"]}}
FOUR_BITS = {**LORA, "quantization": {"type": "bitsandbytes", "bits": 4}}
POOLED = {"data": {"pool": ["train", "test"], "split": {"test": 0.3}}}
VALIDATED = {
    "data": {"take": {"train": "train", "validation": "validation", "test": "test"}},
    "evaluation": {"each_epoch": "validation"},
}
BEST = {**VALIDATED, "training": {"select": "best", "epochs": 4, "learning_rate": 0.03}}
ROWS = {"data": {"rows": {"train": 24, "validation": 10, "test": 12}}}
F1 = {"evaluation": {"metrics": [{"name": "precision"}]}}

CHANGES: dict[str, Change] = {
    "base.model": Change("other", on("bert")),
    "base.revision": Change("v1", on("bert", model="someone/base")),
    "base.tokenizer": Change("turned", on("bert")),
    "base.tokenizer.type": Change("wordpiece", refused="not known here; one of: bpe"),
    "base.tokenizer.vocab_size": Change(300),
    "base.pad_token": Change("unk", on("bert")),
    "base.head": Change("new", on("bert")),
    "base.allow_pickle": Change(None, on("bert", model="pickled", allow_pickle=True), refused="allow_pickle: true"),
    "base.dtype": Change("bfloat16"),
    "base.architecture[bert].model_type": Change("llama"),
    "base.architecture[bert].num_labels": Change(3, facts("bert", num_labels=2), refused="head has 3 labels"),
    "base.architecture[bert].vocab_size": Change(29, facts("bert"), refused="says 29, but"),
    "base.architecture[bert].hidden_size": Change(8),
    "base.architecture[bert].num_hidden_layers": Change(2),
    "base.architecture[bert].num_attention_heads": Change(4),
    "base.architecture[bert].intermediate_size": Change(16),
    "base.architecture[bert].max_position_embeddings": Change(32),
    "base.architecture[bert].type_vocab_size": Change(1),
    "base.architecture[bert].hidden_dropout_prob": Change(0.4),
    "base.architecture[bert].attention_probs_dropout_prob": Change(0.4),
    "base.architecture[bert].classifier_dropout": Change(0.4),
    "base.architecture[bert].initializer_range": Change(0.1),
    "base.architecture[distilbert].model_type": Change(shaped("bert"), scratch("distilbert"), at="base.architecture"),
    "base.architecture[distilbert].num_labels": Change(
        3, facts("distilbert", num_labels=2), refused="head has 3 labels"
    ),
    "base.architecture[distilbert].vocab_size": Change(29, facts("distilbert"), refused="says 29, but"),
    "base.architecture[distilbert].dim": Change(8, scratch("distilbert")),
    "base.architecture[distilbert].hidden_dim": Change(16, scratch("distilbert")),
    "base.architecture[distilbert].n_layers": Change(2, scratch("distilbert")),
    "base.architecture[distilbert].n_heads": Change(4, scratch("distilbert")),
    "base.architecture[distilbert].max_position_embeddings": Change(32, scratch("distilbert")),
    "base.architecture[distilbert].dropout": Change(0.4, scratch("distilbert")),
    "base.architecture[distilbert].attention_dropout": Change(0.4, scratch("distilbert")),
    "base.architecture[distilbert].seq_classif_dropout": Change(0.4, scratch("distilbert")),
    "base.architecture[llama].model_type": Change("bert", scratch("llama")),
    "base.architecture[llama].num_labels": Change(3, facts("llama", num_labels=2), refused="head has 3 labels"),
    "base.architecture[llama].vocab_size": Change(28, facts("llama"), refused="says 28, but"),
    "base.architecture[llama].hidden_size": Change(8, scratch("llama")),
    "base.architecture[llama].intermediate_size": Change(16, scratch("llama")),
    "base.architecture[llama].num_hidden_layers": Change(2, scratch("llama")),
    "base.architecture[llama].num_attention_heads": Change(4, scratch("llama")),
    "base.architecture[llama].num_key_value_heads": Change(1, scratch("llama")),
    "base.architecture[llama].head_dim": Change(4, scratch("llama")),
    "base.architecture[llama].max_position_embeddings": Change(
        16, scratch("llama"), refused="24 is over the model's 16 positions"
    ),
    "base.architecture[llama].rms_norm_eps": Change(0.1, scratch("llama")),
    "base.architecture[llama].tie_word_embeddings": Change(True, facts("llama"), refused="says True, but"),
    "base.architecture[llama].attention_dropout": Change(0.4, scratch("llama")),
    "task[text-classification].type": Change("fill-mask", refused="not known here; one of: text"),
    "task[text-classification].labels": Change(["positive", "negative"], {"data": {"label": "named"}}),
    "task[text-classification].positive": Change("negative", F1),
    "data.dataset": Change("others"),
    "data.config": Change("turned", {"data": {"dataset": "configured", "config": "plain"}}),
    "data.revision": Change("v1", {"data": {"dataset": "someone/rows"}}),
    "data.text": Change("second"),
    "data.text_pair": Change("second"),
    "data.label": Change("flipped"),
    "data.rows.train": Change(25, ROWS, refused="says 25, but rows has 24"),
    "data.rows.validation": Change(25, ROWS, refused="says 25, but rows has 10"),
    "data.rows.test": Change(25, ROWS, refused="says 25, but rows has 12"),
    "data.pool": Change(["train", "validation"], POOLED),
    "data.take.train": Change("validation", {"data": {"take": {"train": "train", "test": "test"}}}),
    "data.take.validation": Change("test", VALIDATED),
    "data.take.test": Change("validation", {"data": {"take": {"train": "train", "test": "test"}}}),
    "data.split.validation": Change(0.5, {"data": {"split": {"validation": 0.25}}}),
    "data.split.test": Change(0.5, POOLED),
    "data.split.stratify": Change(True, POOLED),
    "data.split.seed": Change(7, POOLED),
    "data.balanced": Change(True),
    "data.limit.train": Change(12),
    "data.limit.validation": Change(5, VALIDATED),
    "data.limit.test": Change(5),
    "data.limit.seed": Change(7, {"data": {"limit": {"train": 12}}}),
    "data.clean": Change(["strip_html"], {"data": {"text": "marked"}}),
    "data.tokens.max_length": Change(6),
    "data.tokens.truncation": Change(False, {"data": {"tokens": {"max_length": 6}}}, refused="truncation is off"),
    "data.tokens.padding": Change("max_length"),
    "adapter[ia3].type": Change("lora", IA3),
    "adapter[ia3].target_modules": Change(["value", "output.dense"], IA3),
    "adapter[ia3].feedforward_modules": Change(["output.dense"], IA3),
    "adapter[lora].type": Change({"type": "ia3", "target_modules": ["query", "value"]}, LORA, at="adapter"),
    "adapter[lora].r": Change(2, LORA),
    "adapter[lora].alpha": Change(64, LORA),
    "adapter[lora].dropout": Change(0.5, LORA),
    "adapter[lora].target_modules": Change(["query"], LORA),
    "adapter[lora].rslora": Change(True, LORA),
    "adapter[lora].dora": Change(True, LORA),
    "quantization[bitsandbytes].type": Change("awq", FOUR_BITS, refused="not known here; one of: bits"),
    "quantization[bitsandbytes].bits": Change(8, FOUR_BITS),
    "quantization[bitsandbytes].quant_type": Change("nf4", FOUR_BITS),
    "quantization[bitsandbytes].double_quant": Change(True, FOUR_BITS),
    "quantization[bitsandbytes].compute_dtype": Change("bfloat16", FOUR_BITS),
    "training.epochs": Change(1.5),
    "training.learning_rate": Change(1e-3),
    "training.batch_size": Change(4),
    "training.gradient_accumulation_steps": Change(2),
    "training.total_batch_size": Change(64, {"training": {"total_batch_size": 8}}, refused="says 64, but 8 rows"),
    "training.eval_batch_size": Change(4),
    "training.optimizer": Change("adafactor"),
    "training.adam_betas[0]": Change([0.5, 0.999]),
    "training.adam_betas[1]": Change([0.9, 0.5]),
    "training.adam_epsilon": Change(0.1),
    "training.weight_decay": Change(0.5),
    "training.max_grad_norm": Change(1e-3),
    "training.label_smoothing": Change(0.3),
    "training.scheduler": Change("cosine"),
    "training.warmup_steps": Change(3),
    "training.warmup_ratio": Change(0.5),
    "training.precision": Change("bf16"),
    "training.seed": Change(7),
    "training.select": Change("last", BEST),
    "training.select_metric": Change("accuracy", BEST),
    "evaluation.split": Change("train"),
    "evaluation.each_epoch": Change("test"),
    "evaluation.metrics[].name": Change("recall", {"evaluation": {"metrics": [{"name": "accuracy"}]}}),
    "evaluation.metrics[].averaging": Change("macro", F1),
    "evaluation.metrics[].trust": Change(
        False,
        {"evaluation": {"metrics": [{"name": "evaluate:foreign.py", "trust": True}]}},
        refused="say `trust: true` to allow it",
    ),
    "evaluation.slices.columns": Change(["second"], {"evaluation": {"slices": {"columns": ["named"]}}}),
    "evaluation.slices.words": Change([5], {"evaluation": {"slices": {"words": [8]}}}),
}

JUDGES = {"evaluation.margin"}
"""Fields that change nothing of a run, and what is concluded from it instead: each has a test of its own."""

OF_SEVERAL_GPUS = {f"training.distributed.{name}" for name in ("fsdp", "fsdp_config", "deepspeed")}
"""Fields that only several GPUs consume: `test_spreading.py` sees that the Trainer gets them."""


# What a run does


class DifferenceError(Exception):
    """A run does something else than the one it is compared with."""


class Witness:
    """What a run does, in order; with something to compare it with, the run is ended where it first differs."""

    def __init__(self, expected: Sequence[str] | None = None):
        self.seen: list[str] = []
        self.expected = expected

    def note(self, what: str, *content: bytes) -> None:
        event = f"{what} {hashlib.sha256(b'|'.join(content)).hexdigest()}"
        if self.expected is not None and self.expected[len(self.seen) :][:1] != [event]:
            raise DifferenceError(what)
        self.seen.append(event)

    def end(self) -> None:
        if self.expected is not None and len(self.seen) != len(self.expected):
            raise DifferenceError("ends earlier")

    def scored(self, module: torch.nn.Module, _: Any, inputs: dict[str, Any], output: Any) -> None:
        """A batch went through the classifier; what a plan counts with has no values."""
        if type(module).__name__.endswith("ForSequenceClassification") and _has_values(output.logits):
            given = [_bytes(name, inputs[name]) for name in sorted(inputs) if isinstance(inputs[name], torch.Tensor)]
            self.note("batch", *given, b"training" if module.training else b"scoring")
            self.note("logits", _bytes("logits", output.logits))

    def stepped(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """The optimizer is about to take a step."""
        groups = [
            {**{name: repr(group[name]) for name in sorted(group.keys() - {"params"})}, "tensors": len(group["params"])}
            for group in optimizer.param_groups
        ]
        self.note("optimizer", type(optimizer).__name__.encode(), json.dumps(groups).encode())


def _has_values(tensor: torch.Tensor) -> bool:
    return type(tensor) is torch.Tensor and not tensor.is_meta


def _bytes(name: str, tensor: torch.Tensor) -> bytes:
    values = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode() + values


@dataclass(frozen=True)
class Workshop:
    """A folder of cards, datasets and bases, with what the cards in it were seen to do."""

    folder: Path
    known: dict[str, list[str]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def load(self, card: Mapping[str, Any], sets: Sequence[str] = ()) -> Loaded:
        file = self.folder / "tiny.yaml"
        file.write_text(json.dumps(card))
        return plugins.load_card(file, sets)

    def watch(self, card: Mapping[str, Any], expected: Sequence[str] | None = None) -> list[str]:
        """Run a card, each time in a folder of its own.

        Raises:
            DifferenceError: It does not what is expected.
        """
        ready = reproducing.prepare(
            self.load(card), self.folder / f"runs{next(self.numbers)}", Execution(accept_deviations=True)
        )
        witness = Witness(expected)
        hooks = (
            register_module_forward_hook(witness.scored, with_kwargs=True),
            register_optimizer_step_pre_hook(witness.stepped),
        )
        try:
            record = reproducing.train_and_evaluate(ready)
        finally:
            for hook in hooks:
                hook.remove()
        assert record.evaluation is not None
        for name in ("scores", "slices"):
            witness.note(name, repr(getattr(record.evaluation, name)).encode())
        witness.end()
        return witness.seen

    def seen(self, card: Mapping[str, Any]) -> list[str]:
        """What a card does, run once."""
        key = json.dumps(card)
        if key not in self.known:
            self.known[key] = self.watch(card)
        return self.known[key]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Bases `bert`, `distilbert`, `llama`, `other` (weights), `turned` (tokenizer), `pickled`; datasets `rows`,
    `others`, `configured`; on a Hub `someone/base` and `someone/rows`, whose revision `v1` is not that of `main`.
    """
    from huggingface_hub import constants
    from safetensors.torch import load_file

    folder = tmp_path_factory.mktemp("workshop")
    for kind in SHAPES:
        save_base(folder / kind, kind)
    save_base(folder / "other", "bert", weights_seed=8)
    save_base(folder / "turned", "bert")
    words = json.loads((folder / "turned/tokenizer.json").read_text())
    vocabulary = words["model"]["vocab"]
    vocabulary["the"], vocabulary["film"] = vocabulary["film"], vocabulary["the"]
    (folder / "turned/tokenizer.json").write_text(json.dumps(words))
    save_base(folder / "pickled", "bert")
    torch.save(load_file(folder / "pickled/model.safetensors"), folder / "pickled/pytorch_model.bin")
    (folder / "pickled/model.safetensors").unlink()

    lopsided = draw_reviews(20) + [row for row in draw_reviews(8, 4) if row["label"]]
    rows = {"train": lopsided, "validation": draw_reviews(10, 1), "test": draw_reviews(12, 2)}
    write_dataset(folder / "rows", rows)
    others = {name: table[::-1] for name, table in rows.items()}
    write_dataset(folder / "others", others)
    write_dataset(folder / "configured", rows)
    configs = {"plain": {"train": "train", "test": "test"}, "turned": {"train": "validation", "test": "test"}}
    listed = [
        {"config_name": name, "data_files": [{"split": s, "path": f"{file}.jsonl"} for s, file in files.items()]}
        for name, files in configs.items()
    ]
    (folder / "configured/README.md").write_text(f"---\nconfigs: {json.dumps(listed)}\n---\n")
    (folder / "foreign.py").write_text(FOREIGN_METRIC)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()  # every training collects garbage, for which all that was imported need not be gone through again
    with Hub() as hub, pytest.MonkeyPatch.context() as patch:
        take_for_the_hub(patch, hub.endpoint)
        patch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.chdir(folder)  # where a metric's path begins
        patch.setattr(plotting, "plot", lambda *_: None)  # of what has been seen by then
        patch.setattr(speed, "SECONDS", math.inf)  # as many rows are timed whatever else the machine does
        for kind, name, old, new in (
            ("models", "someone/base", "other", "bert"),
            ("datasets", "someone/rows", "others", "rows"),
        ):
            commit = hub.add(kind, name, folder / old)
            hub.repos[kind, name].refs["v1"] = commit
            hub.add(kind, name, folder / new)
        yield Workshop(folder)
    torch.set_num_threads(threads)


FOREIGN_METRIC = """\
import datasets
import evaluate


class Share(evaluate.Metric):
    def _info(self):
        columns = {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="", features=datasets.Features(columns)
        )

    def _compute(self, predictions, references):
        return {"share": sum(p == r for p, r in zip(predictions, references)) / len(references)}
"""


def write_dataset(folder: Path, splits: Mapping[str, list[dict[str, Any]]]) -> None:
    """Each split as JSON lines, with further columns that a card may name instead."""
    folder.mkdir()
    for name, rows in splits.items():
        more = [
            {
                **row,
                "named": ("negative", "positive")[row["label"]],
                "flipped": 1 - row["label"],
                "second": rows[index - 1]["text"],
                "marked": row["text"].replace(" ", "<br />", 1),
            }
            for index, row in enumerate(rows)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in more))


def card_with(sections: Mapping[str, Any]) -> dict[str, Any]:
    """The small card of all tests with these sections, each merged one level deep."""
    card = copy.deepcopy(CARD)
    for name, section in copy.deepcopy(dict(sections)).items():
        merged = {**card.get(name, {}), **section}
        card[name] = {key: value for key, value in merged.items() if value is not None}
    return card


def changed(card: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The card with another value at a path; of a list, the first item is meant."""
    new = copy.deepcopy(dict(card))
    *above, last = re.sub(r"\[[^]]*\]", "", path).split(".")
    at: Any = new
    for name in above:
        at = at.get(name) if isinstance(at.get(name), (dict, list)) else at.setdefault(name, {})
        at = at[0] if isinstance(at, list) else at
    if value is None:
        del at[last]
    else:
        at[last] = value
    return new


@pytest.mark.parametrize("path", [path for path in fields() if path not in JUDGES | OF_SEVERAL_GPUS])
def test_another_value_changes_what_a_run_does_or_is_refused(path: str, workshop: Workshop) -> None:
    assert path in CHANGES, f"{path} is new: say in CHANGES what another value of it changes"
    change = CHANGES[path]
    card = card_with(change.card)
    other = changed(card, change.at or path, change.to)
    seen = workshop.seen(card)
    if change.refused is not None:
        with pytest.raises(InputError, match=re.escape(change.refused)):
            workshop.watch(other)
        return
    with pytest.raises(DifferenceError):
        workshop.watch(other, seen)
        pytest.fail(f"nothing reads {path}")


def test_no_entry_is_of_a_field_that_is_gone() -> None:
    gone = (CHANGES.keys() | JUDGES | OF_SEVERAL_GPUS) - fields().keys()
    assert not gone


@pytest.mark.parametrize("sections", [{}, on("llama"), LORA, FOUR_BITS, BEST], ids=repr)
def test_a_card_does_the_same_when_it_is_run_again(sections: dict[str, Any], workshop: Workshop) -> None:
    card = card_with(sections)
    assert workshop.watch(card) == workshop.seen(card)


def test_what_is_only_told_changes_nothing_that_a_run_does(workshop: Workshop) -> None:
    told = {
        "hardware": {"accelerator": "nvidia-t4", "provider": "a cloud", "region": "north", "hours": 3.0},
        "software": {"torch": "1.0", "peft": "0.1"},
        "readme": {"license": "mit", "description": "a model", "tags": ["reviews"]},
        "reported": [{"metric": "accuracy", "value": "99%"}],
        "underspecified": ["how it was made"],
    }
    card = card_with({})
    workshop.watch({**card, **told}, workshop.seen(card))


def test_the_margin_decides_what_is_concluded_from_a_run() -> None:
    (path,) = JUDGES
    assert path == "evaluation.margin"
    comparison = compare(0.84, 0.86, [0.851, 0.853, 0.852])
    assert [judge(comparison, margin, 1.0) for margin in (0.001, 0.05)] == ["consistent", "reproduced"]


# Values that only some of a vocabulary's words take


@dataclass(frozen=True)
class Trainers:
    """Trainers of cards that differ in their recipe, on one model."""

    workshop: Workshop
    machine: Machine

    def of(self, **training: Any) -> Any:
        """The Trainer of a recipe, though a card may not declare it."""
        from runner import model as models
        from runner.trainer import make_trainer

        loaded = self.workshop.load(card_with({"data": ROWS["data"]}))
        recipe = loaded.card.training.model_copy(update=training)
        loaded = replace(loaded, card=loaded.card.model_copy(update={"training": recipe}))
        plan = make_plan(loaded, self.machine)
        model, words = models.from_architecture(loaded.card, 320), word_tokenizer("bert")
        worker = make_trainer(loaded.card, plan, model, words, self.workshop.folder)
        worker.create_optimizer_and_scheduler(num_training_steps=10)
        return worker

    def refuses(self, path: str, **training: Any) -> bool:
        """Whether a card may not declare a recipe, for what it says of one of its fields."""
        try:
            self.workshop.load(card_with({"training": training}))
        except InputError as error:
            assert [problem.path for problem in error.problems] == [path]
            return True
        return False


@pytest.fixture
def trainers(workshop: Workshop, cpu: Machine) -> Trainers:
    return Trainers(workshop, cpu)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("name", "value"), [("adam_betas", (0.7, 0.8)), ("adam_epsilon", 0.5), ("weight_decay", 0.5)])
def test_an_optimizer_takes_what_is_declared_of_it_or_the_card_is_refused(
    name: str, value: Any, optimizer: str, trainers: Trainers
) -> None:
    def groups(**training: Any) -> list[str]:
        found = trainers.of(optimizer=optimizer, **training).optimizer.param_groups
        return [repr({key: item for key, item in group.items() if key != "params"}) for group in found]

    taken = groups() != groups(**{name: value})
    declared = list(value) if isinstance(value, tuple) else value
    assert trainers.refuses(f"training.{name}", optimizer=optimizer, **{name: declared}) != taken


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_schedule_has_the_declared_warmup_or_the_card_is_refused(scheduler: str, trainers: Trainers) -> None:
    def rates(**training: Any) -> list[float]:
        worker, found = trainers.of(scheduler=scheduler, **training), []
        for _ in range(10):
            found += worker.lr_scheduler.get_last_lr()
            worker.optimizer.step()
            worker.lr_scheduler.step()
        return found

    taken = rates() != rates(warmup_steps=4)
    assert trainers.refuses("training.warmup_steps", scheduler=scheduler, warmup_steps=4) != taken
