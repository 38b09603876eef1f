"""The classifier a card declares: built, saved, loaded again, with the head, labels and weights it should have."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from conftest import SHAPES, on_base

from registry.errors import InputError
from runner import model as models
from runner.fetching import fetch_base, fetch_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded

TEXTS = ["the film was superb", "a very dull and tedious plot of a very long film", "music"]
LORA = {
    "bert": {"type": "lora", "r": 4, "target_modules": ["query", "value"]},
    "distilbert": {"type": "lora", "r": 4, "target_modules": ["q_lin", "v_lin"]},
    "llama": {"type": "lora", "r": 4, "target_modules": ["q_proj", "v_proj"]},
}
HEADS = {"bert": ["classifier"], "distilbert": ["pre_classifier", "classifier"], "llama": ["score"]}
KINDS = sorted(LORA)
FOUR_BITS = {"type": "bitsandbytes", "bits": 4}
EIGHT_BITS = {"type": "bitsandbytes", "bits": 8}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    models.quiet()


@pytest.fixture
def card_on(base_repo: Callable[..., Path], write_card: Callable[..., Loaded]) -> Callable[..., Loaded]:
    """`card_on("bert", labels=3, …)`: a card whose base is a small repo of that kind."""

    def card(kind: str, labels: int = 2, facts: dict[str, Any] | None = None, **sections: Any) -> Loaded:
        base_repo(kind, labels, **(facts or {}))
        base = on_base(kind, **sections.pop("base", {}))
        return write_card(base=base, **sections)

    return card


def built(loaded: Loaded, scratch: Path) -> tuple[Any, Any]:
    """Tokenizer and untrained classifier."""
    base = fetch_base(loaded)
    assert base is not None
    tokenizer = models.load_tokenizer(Path(base.path), loaded.card)
    return tokenizer, models.build(loaded.card, base, tokenizer, scratch).eval()


def logits(model: Any, tokenizer: Any, texts: list[str] = TEXTS) -> torch.Tensor:
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    batch.pop("token_type_ids", None)
    with torch.no_grad():
        return model.eval()(**batch).logits


def take_steps(model: Any, tokenizer: Any, steps: int = 3) -> None:
    """Train a little, so that the head and the adapter are not as they were built."""
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    batch.pop("token_type_ids", None)
    worker = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model.train()
    for _ in range(steps):
        worker.zero_grad()
        model(**batch, labels=torch.tensor([1, 0, 1])).loss.backward()
        worker.step()
    model.eval()


def saved_names(folder: Path) -> set[str]:
    from safetensors import safe_open

    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        return set(file.keys())


# Head and labels


@pytest.mark.parametrize("kind", KINDS)
def test_labels_come_from_the_card_not_from_the_base(kind: str, card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    loaded = card_on(kind)  # whose base calls them LABEL_0 and LABEL_1
    _, model = built(loaded, tmp_path / "scratch")
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert model.config.label2id == {"negative": 0, "positive": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_is_kept_where_the_card_says_so(kind: str, card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    tokenizer, model = built(card_on(kind), tmp_path / "scratch")
    base = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", pad_token_id=tokenizer.pad_token_id)
    assert torch.equal(logits(model, tokenizer), logits(base, tokenizer))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_head_takes_the_place_of_one_for_another_number_of_labels(
    kind: str, card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = card_on(kind, labels=5, base={"head": "new"}, task={"labels": ["a", "b", "c"]})
    tokenizer, model = built(loaded, tmp_path / "scratch")
    assert logits(model, tokenizer).shape == (len(TEXTS), 3)


def head_of(model: Any, kind: str) -> dict[str, torch.Tensor]:
    return {
        name: value.clone() for name, value in model.state_dict().items() if set(HEADS[kind]) & set(name.split("."))
    }


@pytest.mark.parametrize("labels", [2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_head_is_drawn_from_the_seed_and_nothing_else_is(
    kind: str, labels: int, card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    def build(seed: int) -> Any:
        loaded = card_on(kind, labels=labels, base={"head": "new"}, training={"seed": seed})
        return built(loaded, tmp_path / "scratch")[1]

    model, again, other = build(1), build(1), build(2)
    stored = load_file(tmp_path / "base" / "model.safetensors")
    for name, drawn in head_of(model, kind).items():
        assert not torch.equal(drawn, stored[name]), name
        assert torch.equal(drawn, again.state_dict()[name]), name
        if name.endswith("weight"):
            assert not torch.equal(drawn, other.state_dict()[name]), name
            assert 0.01 < drawn.std() < 0.04, name  # BERT, DistilBERT and Llama all draw with 0.02
        else:
            assert not drawn.any(), name
    kept = {name: value for name, value in model.state_dict().items() if name not in head_of(model, kind)}
    assert len(kept) > 8
    assert all(torch.equal(value, stored[name]) for name, value in kept.items())


def test_a_new_head_is_drawn_over_one_that_stays_as_it_was_under_quantized_layers(
    card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    wide = {"hidden_size": 64, "intermediate_size": 64}
    loaded = card_on("bert", facts=wide, base={"head": "new"}, adapter=LORA["bert"], quantization=FOUR_BITS)
    _, model = built(loaded, tmp_path / "scratch")
    drawn = model.get_base_model().classifier.modules_to_save["default"].weight
    assert 0.01 < drawn.std() < 0.04
    assert not torch.equal(drawn, load_file(tmp_path / "base" / "model.safetensors")["classifier.weight"])


def refusal(loaded: Loaded, scratch: Path) -> str:
    with pytest.raises(InputError) as caught:
        built(loaded, scratch)
    (problem,) = caught.value.problems
    return str(problem)


def test_a_head_that_the_card_says_nothing_of_is_refused_with_what_could_be_said(
    card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    assert refusal(card_on("bert", base={"head": None}), tmp_path / "scratch") == (
        "base.head: base has a classification head for 2 labels, of which the card says nothing; "
        "`keep` trains it further, `new` draws one from `training.seed`"
    )
    said = refusal(card_on("bert", labels=5, base={"head": None}), tmp_path / "scratch")
    assert "for 5 labels" in said
    assert "keep" not in said


def test_a_head_for_another_number_of_labels_cannot_be_kept(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    assert refusal(card_on("distilbert", labels=5), tmp_path / "scratch") == (
        "base.head: the head of base is for 5 labels, `task.labels` names 2; `new` draws one from `training.seed`"
    )


def test_a_head_for_the_labels_in_another_order_cannot_be_kept(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    loaded = card_on("bert", facts={"id2label": {0: "POSITIVE", 1: "NEGATIVE"}})
    assert refusal(loaded, tmp_path / "scratch") == (
        "base.head: the head of base is for POSITIVE, NEGATIVE in this order; reorder `task.labels`, "
        "or `new` draws one from `training.seed`"
    )


def test_a_head_that_is_not_there_cannot_be_kept(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    from transformers import AutoModel

    loaded = card_on("llama")
    AutoModel.from_pretrained(tmp_path / "base").save_pretrained(tmp_path / "base")
    assert refusal(loaded, tmp_path / "scratch") == (
        "base.head: base has no classification head to keep; `new` draws one from `training.seed`"
    )


def test_a_base_made_for_several_labels_at_once_is_trained_for_one(
    card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = card_on("bert", facts={"problem_type": "multi_label_classification"})
    tokenizer, model = built(loaded, tmp_path / "scratch")
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    target = torch.tensor([1, 0, 1])
    expected = torch.nn.functional.cross_entropy(logits(model, tokenizer), target)
    assert torch.allclose(model(**batch, labels=target).loss, expected)


def test_weights_that_do_not_fit_the_base_s_configuration_are_refused(
    card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = card_on("bert")
    file = tmp_path / "base" / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "num_hidden_layers": 2}))  # of which the file holds one
    with pytest.raises(
        InputError, match=r"base holds no weights for 16 parts of a bert .bert.encoder.layer.1.attention"
    ):
        built(loaded, tmp_path / "scratch")


def test_a_damaged_file_of_weights_is_one_line(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    loaded = card_on("bert")
    file = tmp_path / "base" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"base.model: base cannot be loaded as a text classifier") as caught:
        built(loaded, tmp_path / "scratch")
    assert "\n" not in str(caught.value)


def test_a_base_without_a_head_gets_one(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    from transformers import AutoModel

    loaded = card_on("distilbert", base={"head": None})
    AutoModel.from_pretrained(tmp_path / "base").save_pretrained(tmp_path / "base")
    tokenizer, model = built(loaded, tmp_path / "scratch")
    assert logits(model, tokenizer).shape == (len(TEXTS), 2)


def test_a_base_is_loaded_in_the_number_type_the_card_names(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    _, model = built(card_on("bert", base={"dtype": "bfloat16"}), tmp_path / "scratch")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_a_bfloat16_model_comes_back_as_it_was_saved(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    loaded = card_on("llama", base={"dtype": "bfloat16"})
    tokenizer, model = built(loaded, tmp_path / "scratch")
    take_steps(model, tokenizer)
    models.save(model, tokenizer, loaded.card, fetch_base(loaded), tmp_path / "out")
    _, back = models.load(loaded.card, fetch_base(loaded), tmp_path / "out", tmp_path / "scratch")
    assert {parameter.dtype for parameter in back.parameters()} == {torch.bfloat16}
    assert torch.equal(logits(back, tokenizer), logits(model, tokenizer))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_built_from_its_architecture_alone(
    kind: str, write_card: Callable[..., Loaded], base_repo: Callable[..., Path], tmp_path: Path
) -> None:
    from transformers import AutoConfig

    facts = AutoConfig.from_pretrained(base_repo(kind)).to_dict()
    architecture = {name: facts[name] for name in facts if name in _fields(kind)}
    loaded = write_card(base={"architecture": architecture})
    tokenizer = models.train_tokenizer(TEXTS, loaded.card.base.tokenizer, 24)
    model = models.build(loaded.card, None, tokenizer, tmp_path / "scratch")
    assert model.config.model_type == kind
    assert model.get_input_embeddings().num_embeddings == len(tokenizer)
    assert logits(model, tokenizer).shape == (len(TEXTS), 2)
    assert not (tmp_path / "scratch").exists()


def _fields(kind: str) -> set[str]:
    from registry import architectures

    family = {"bert": architectures.Bert, "distilbert": architectures.DistilBert, "llama": architectures.Llama}[kind]
    return set(family.model_fields) - {"classifier_dropout", "num_labels", "vocab_size"}


def test_facts_that_are_not_the_base_s_are_all_refused(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    facts = {**BERT, "hidden_size": 32, "hidden_dropout_prob": 0.3}
    with pytest.raises(InputError) as caught:
        built(card_on("bert", base={"architecture": facts}), tmp_path / "scratch")
    assert str(caught.value).splitlines() == [
        "base.architecture.hidden_dropout_prob: says 0.3, but the configuration of base says 0.1; write that",
        "base.architecture.hidden_size: says 32, but the configuration of base says 16; write that",
    ]


# Adapters


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_trains_itself_and_the_head_only(kind: str, card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    _, model = built(card_on(kind, adapter=LORA[kind]), tmp_path / "scratch")
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name or any(f".{head}.modules_to_save" in name for head in HEADS[kind]) for name in trained)
    for part in ("lora_A", "lora_B", *(f"{head}.modules_to_save" for head in HEADS[kind])):
        assert any(part in name for name in trained), part


@pytest.mark.parametrize("kind", KINDS)
def test_the_trained_head_is_saved_with_the_adapter_and_comes_back(
    kind: str, card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = card_on(kind, adapter=LORA[kind])
    base = fetch_base(loaded)
    tokenizer, model = built(loaded, tmp_path / "scratch")
    before = logits(model, tokenizer)
    take_steps(model, tokenizer)
    trained = logits(model, tokenizer)
    assert not torch.equal(trained, before)
    models.save(model, tokenizer, loaded.card, base, tmp_path / "out")
    for head in HEADS[kind]:
        assert any(f".{head}.weight" in name for name in saved_names(tmp_path / "out")), head
    again, back = models.load(loaded.card, base, tmp_path / "out", tmp_path / "scratch")
    assert torch.equal(logits(back, again), trained)


def test_an_adapter_on_a_base_from_its_architecture_comes_back(
    write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = write_card(adapter=LORA["bert"])
    tokenizer = models.train_tokenizer(TEXTS, loaded.card.base.tokenizer, 24)
    model = models.build(loaded.card, None, tokenizer, tmp_path / "scratch")
    take_steps(model, tokenizer)
    models.save(model, tokenizer, loaded.card, None, tmp_path / "out")
    again, back = models.load(loaded.card, None, tmp_path / "out", tmp_path / "scratch")
    assert torch.equal(logits(back, again), logits(model, tokenizer))


def test_a_saved_adapter_names_its_base_as_the_card_does(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    loaded = card_on("bert", adapter=LORA["bert"])
    tokenizer, model = built(loaded, tmp_path / "scratch")
    models.save(model, tokenizer, loaded.card, fetch_base(loaded), tmp_path / "out")
    assert json.loads((tmp_path / "out/adapter_config.json").read_text())["base_model_name_or_path"] == "base"


def test_saving_and_loading_an_adapter_asks_the_hub_nothing(
    card_on: Callable[..., Loaded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(host: str, *rest: Any, **more: Any) -> None:
        asked.append(host)
        raise OSError("no network")

    loaded = card_on("bert", adapter=LORA["bert"])
    tokenizer, model = built(loaded, tmp_path / "scratch")
    base = fetch_base(loaded)
    assert base is not None
    named = base.model_copy(update={"name": "somebody/base", "revision": "0" * 40})  # as a base from the Hub is
    monkeypatch.setattr(socket, "getaddrinfo", ask)
    models.save(model, tokenizer, loaded.card, named, tmp_path / "out")
    models.load(loaded.card, named, tmp_path / "out", tmp_path / "scratch")
    assert json.loads((tmp_path / "out/adapter_config.json").read_text())["base_model_name_or_path"] == "somebody/base"
    assert not asked


@pytest.mark.parametrize("planned", [True, False])
def test_a_target_module_that_is_no_layer_is_refused_though_others_are(
    planned: bool, card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = card_on("bert", adapter={"type": "lora", "target_modules": ["query", "q_proj"]})
    with pytest.raises(InputError) as caught:
        models.planned(loaded.card, fetch_base(loaded)) if planned else built(loaded, tmp_path / "scratch")
    (problem,) = caught.value.problems
    assert problem.path == "adapter.target_modules"
    assert problem.message.startswith("no layer is named 'q_proj'; one of: classifier, dense, key, query, value")


# Quantization


@pytest.mark.parametrize("quantization", [FOUR_BITS, {**FOUR_BITS, "double_quant": True}, EIGHT_BITS])
@pytest.mark.parametrize(("kind", "dtype"), [("bert", "float32"), ("llama", "float32"), ("bert", "bfloat16")])
def test_a_quantized_base_is_trained_through_its_adapter_saved_and_loaded_with_equal_scores(
    kind: str, dtype: str, quantization: dict[str, Any], card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    import bitsandbytes

    wide = {"hidden_size": 64, "intermediate_size": 64}
    loaded = card_on(kind, facts=wide, base={"dtype": dtype}, adapter=LORA[kind], quantization=quantization)
    base = fetch_base(loaded)
    tokenizer, model = built(loaded, tmp_path / "scratch")
    small = bitsandbytes.nn.Linear4bit if quantization["bits"] == 4 else bitsandbytes.nn.Linear8bitLt
    assert any(isinstance(module, small) for module in model.modules())
    (head,) = (module for name, module in model.named_modules() if name.endswith(f"{HEADS[kind][0]}.original_module"))
    assert type(head) is torch.nn.Linear
    before = logits(model, tokenizer)
    take_steps(model, tokenizer)
    trained = logits(model, tokenizer)
    assert not torch.equal(trained, before)
    models.save(model, tokenizer, loaded.card, base, tmp_path / "out")
    again, back = models.load(loaded.card, base, tmp_path / "out", tmp_path / "scratch")
    assert any(isinstance(module, small) for module in back.modules())
    assert torch.equal(logits(back, again), trained)


def test_the_head_of_a_quantized_distilbert_is_not_quantized(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    loaded = card_on("distilbert", adapter=LORA["distilbert"], quantization=FOUR_BITS)
    _, model = built(loaded, tmp_path / "scratch")
    heads = [m for name, m in model.named_modules() if name.endswith("classifier.original_module")]
    assert [type(head) for head in heads] == [torch.nn.Linear] * 2


# Old repos


@pytest.fixture
def old_repo(base_repo: Callable[..., Path]) -> Path:
    """As prajjwal1/bert-tiny is on the Hub: no `model_type`, only a `vocab.txt`, pickled weights."""
    folder = base_repo("bert", name="albert-keeps-it")  # whose name is that of another model type
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    for file in folder.glob("*"):
        if file.name != "config.json":
            file.unlink()
    config = json.loads((folder / "config.json").read_text())
    kept = (
        "hidden_size", "hidden_act", "initializer_range", "vocab_size", "hidden_dropout_prob", "num_attention_heads",
        "type_vocab_size", "max_position_embeddings", "num_hidden_layers", "intermediate_size",
        "attention_probs_dropout_prob",
    )  # fmt: skip
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "was", "super", "##b", "dull"]
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in pieces))
    (folder / "config.json").write_text(json.dumps({name: config[name] for name in kept}))
    body = {name: value for name, value in weights.items() if not name.startswith("classifier")}
    torch.save({**body, "cls.predictions.bias": torch.zeros(config["vocab_size"])}, folder / "pytorch_model.bin")
    return folder


BERT = {"model_type": "bert", **SHAPES["bert"], "max_position_embeddings": 64, "vocab_size": 28}


def test_an_old_repo_is_loaded_with_consent_and_its_architecture(
    old_repo: Path, write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    base = {"model": old_repo.name, "tokenizer": None, "allow_pickle": True, "architecture": BERT}
    tokenizer, model = built(write_card(base=base), tmp_path / "scratch")
    assert tokenizer("The FILM was superb")["input_ids"] == [2, 5, 6, 7, 8, 9, 3]
    assert model.config.model_type == "bert"
    weights = torch.load(old_repo / "pytorch_model.bin", weights_only=True)
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in weights.items() if name in loaded)
    assert sum(name in loaded for name in weights) == len(weights) - 1


def test_an_old_repo_is_trained_through_an_adapter_on_four_bits(
    old_repo: Path, write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    base = {"model": old_repo.name, "tokenizer": None, "allow_pickle": True, "architecture": BERT}
    loaded = write_card(base=base, adapter=LORA["bert"], quantization=FOUR_BITS)
    tokenizer, model = built(loaded, tmp_path / "scratch")
    take_steps(model, tokenizer)
    models.save(model, tokenizer, loaded.card, fetch_base(loaded), tmp_path / "out")
    again, back = models.load(loaded.card, fetch_base(loaded), tmp_path / "out", tmp_path / "scratch")
    assert torch.equal(logits(back, again), logits(model, tokenizer))


def test_pickled_weights_without_consent_are_refused_with_the_remedy(
    old_repo: Path, write_card: Callable[..., Loaded]
) -> None:
    loaded = write_card(base={"model": old_repo.name, "tokenizer": None})
    with pytest.raises(InputError, match=r"ships no safetensors; `base.allow_pickle: true` consents"):
        fetch_base(loaded)


def test_a_pickle_that_runs_code_is_refused_even_with_consent(
    old_repo: Path, write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"bert.pooler.dense.bias": Attack()}, old_repo / "pytorch_model.bin")
    loaded = write_card(base={"model": old_repo.name, "tokenizer": None, "allow_pickle": True, "architecture": BERT})
    with pytest.raises(InputError, match="pickled weights that hold more than tensors"):
        built(loaded, tmp_path / "scratch")
    assert not (tmp_path / "ran").exists()


def test_an_old_configuration_without_an_architecture_is_refused_with_the_remedy(
    old_repo: Path, write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    base = {"model": old_repo.name, "tokenizer": None, "allow_pickle": True, "architecture": None}
    with pytest.raises(InputError, match=r"`base.architecture` can name its `model_type`"):
        built(write_card(base=base), tmp_path / "scratch")


# Tokenizers


def test_a_tokenizer_without_a_padding_token_is_refused_with_those_it_has(
    card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    for declared in (None, "own"):
        assert refusal(card_on("llama", base={"pad_token": declared}), tmp_path / "scratch") == (
            "base.pad_token: the tokenizer of base has no padding token; what fills up short rows is for the card to "
            "say: `eos` (</s>) or `unk` (<unk>)"
        )


def test_a_padding_token_that_the_tokenizer_does_not_have_is_refused(
    card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    said = refusal(card_on("bert", base={"pad_token": "eos"}), tmp_path / "scratch")
    assert said == "base.pad_token: is `eos`, but the tokenizer of base has no such token"


@pytest.mark.parametrize(
    ("kind", "declared", "token"), [("llama", "eos", "</s>"), ("llama", "unk", "<unk>"), ("bert", "unk", "[UNK]")]
)
def test_short_rows_are_filled_up_with_the_declared_token_and_the_model_knows_it(
    kind: str, declared: str, token: str, card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = card_on(kind, base={"pad_token": declared})
    tokenizer, model = built(loaded, tmp_path / "scratch")
    row = tokenizer(TEXTS, padding=True)["input_ids"][2]
    assert tokenizer.convert_ids_to_tokens(row)[-1] == token
    assert model.config.pad_token_id == row[-1]
    models.save(model, tokenizer, loaded.card, fetch_base(loaded), tmp_path / "out")
    again, back = models.load(loaded.card, fetch_base(loaded), tmp_path / "out", tmp_path / "scratch")
    assert (again.pad_token, back.config.pad_token_id) == (token, row[-1])


def test_a_decoder_without_a_padding_token_scores_a_text_alone_and_padded_alike(
    card_on: Callable[..., Loaded], tmp_path: Path
) -> None:
    tokenizer, model = built(card_on("llama"), tmp_path / "scratch")
    assert tokenizer.pad_token == "</s>"
    assert model.config.pad_token_id == tokenizer.pad_token_id
    together = logits(model, tokenizer)
    alone = torch.cat([logits(model, tokenizer, [text]) for text in TEXTS])
    assert torch.allclose(together, alone, atol=1e-6)
    assert (together[0] - together[2]).abs().max() > 1e-3


def test_a_tokenizer_of_another_repo_is_used_where_the_card_names_one(
    base_repo: Callable[..., Path], write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    base_repo("bert")
    (tmp_path / "words").mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "base" / name).rename(tmp_path / "words" / name)
    loaded = write_card(base=on_base(tokenizer="words"))
    found = fetch_tokenizer(loaded)
    assert found is not None
    assert models.load_tokenizer(Path(found.path), loaded.card)("film")["input_ids"][0] == 1


def test_a_repo_without_a_tokenizer_is_refused(card_on: Callable[..., Loaded], tmp_path: Path) -> None:
    loaded = card_on("bert")
    for file in (tmp_path / "base").glob("tokenizer*"):
        file.unlink()
    with pytest.raises(InputError, match=r"base.tokenizer: base holds no tokenizer"):
        built(loaded, tmp_path / "scratch")


def test_a_trained_tokenizer_is_the_same_in_every_process(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from registry.card import TrainedTokenizer
from runner.model import train_tokenizer
texts = Path(sys.argv[1]).read_text().splitlines()
train_tokenizer(texts, TrainedTokenizer(type="bpe", vocab_size=400), 32).save_pretrained(sys.argv[2])
"""
    (tmp_path / "texts").write_text("\n".join(f"{text} {number}" for number in range(40) for text in TEXTS))
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "texts"), str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    first, second = ((tmp_path / seed / "tokenizer.json").read_bytes() for seed in ("1", "2"))
    assert first == second
    assert len(json.loads(first)["model"]["merges"]) > 20


def test_a_trained_tokenizer_reads_what_it_has_never_seen(write_card: Callable[..., Loaded]) -> None:
    tokenizer = models.train_tokenizer(TEXTS, write_card().card.base.tokenizer, 24)
    text = "ein völlig anderer text 映画 🎬"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True).strip() == text


def test_a_trained_tokenizer_pads_and_cuts_with_its_special_tokens(write_card: Callable[..., Loaded]) -> None:
    tokenizer = models.train_tokenizer(TEXTS, write_card().card.base.tokenizer, 24)
    batch = tokenizer(["film", "a very long film " * 9], padding=True, truncation=True, max_length=8)
    first, second = (tokenizer.convert_ids_to_tokens(ids) for ids in batch["input_ids"])
    assert (first[0], first[-1]) == ("[CLS]", "[PAD]")
    assert (second[0], second[-1], len(second)) == ("[CLS]", "[SEP]", 8)


def test_a_tokenizer_trained_on_pairs_joins_them_and_tells_their_tokens_apart(
    write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    wanted = write_card().card.base.tokenizer
    models.train_tokenizer(TEXTS, wanted, 24, pairs=True, types=True).save_pretrained(tmp_path / "words")
    from transformers import AutoTokenizer

    batch = AutoTokenizer.from_pretrained(tmp_path / "words")("film", "music")
    names = AutoTokenizer.from_pretrained(tmp_path / "words").convert_ids_to_tokens(batch["input_ids"])
    middle = names.index("[SEP]")
    assert (names[0], names[-1], names.count("[SEP]")) == ("[CLS]", "[SEP]", 2)
    assert batch["token_type_ids"] == [0] * (middle + 1) + [1] * (len(names) - middle - 1)
    assert "token_type_ids" not in models.train_tokenizer(TEXTS, wanted, 24, pairs=True)("film", "music")
    assert "token_type_ids" not in models.train_tokenizer(TEXTS, wanted, 24)("film")
