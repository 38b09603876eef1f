"""The contract of plugins, over every file of every kind; and the layers that adapters may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from registry.architectures import Bert, DistilBert, Llama, missing_layers
from registry.part import Part, layer_names
from runner import plugins

if TYPE_CHECKING:
    from pydantic import BaseModel

SECTIONS = [(kind, name) for kind, table in plugins.sections().items() for name in table]


@pytest.mark.parametrize(("kind", "name"), SECTIONS)
def test_the_type_of_a_section_is_the_name_of_its_plugin(kind: str, name: str) -> None:
    config = plugins.sections()[kind][name]()
    assert get_args(config.model_fields["type"].annotation) == (name,)


@pytest.mark.parametrize(("kind", "name"), SECTIONS)
def test_a_section_is_frozen_and_refuses_unknown_keys(kind: str, name: str) -> None:
    config = plugins.sections()[kind][name]()
    assert issubclass(config, Part)
    assert (config.model_config["frozen"], config.model_config["extra"]) == (True, "forbid")


@pytest.mark.parametrize(("kind", "name"), SECTIONS)
def test_every_field_of_a_section_is_documented(kind: str, name: str) -> None:
    fields = plugins.sections()[kind][name]().model_fields
    assert [field for field, info in fields.items() if not info.description] == []


def test_the_defaults_of_lora_are_those_of_peft() -> None:
    from peft import LoraConfig

    ours, theirs = plugins.adapter("lora").Config(type="lora", target_modules=("query",)), LoraConfig()
    assert (ours.r, ours.alpha, ours.dropout) == (theirs.r, theirs.lora_alpha, theirs.lora_dropout)
    assert (ours.rslora, ours.dora) == (theirs.use_rslora, theirs.use_dora)


def test_the_defaults_of_bitsandbytes_are_those_of_transformers() -> None:
    from transformers import BitsAndBytesConfig

    ours, theirs = plugins.quantizer("bitsandbytes").Config(type="bitsandbytes", bits=4), BitsAndBytesConfig()
    assert (ours.quant_type, ours.double_quant) == (theirs.bnb_4bit_quant_type, theirs.bnb_4bit_use_double_quant)
    assert f"torch.{ours.compute_dtype}" == str(theirs.bnb_4bit_compute_dtype)


@pytest.mark.parametrize("family", [Bert, DistilBert, Llama])
def test_the_layers_of_a_family_are_all_that_its_model_has_beside_the_head(family: type[BaseModel]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    (kind,) = get_args(family.model_fields["model_type"].annotation)
    blocks = "n_layers" if family is DistilBert else "num_hidden_layers"
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, **{blocks: 2}))
    linear = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    ours = {name.format(block) for name in family.layers for block in range(2)}
    assert ours == {name for name in linear if name not in family.heads}


@pytest.mark.parametrize(
    ("architecture", "name", "hint"),
    [
        (Bert(model_type="bert"), "q_proj", "one of: dense, key, query, value"),
        (Bert(model_type="bert"), "qeury", "did you mean `query`?"),
        (Bert(model_type="bert", num_hidden_layers=2), "layer.2.attention.self.query", "one of: "),
        (DistilBert(model_type="distilbert"), "query", "one of: k_lin, lin1, lin2, out_lin, q_lin, v_lin"),
        (Llama(model_type="llama"), "proj", "did you mean"),
        (Llama(model_type="llama"), "score", "one of: "),
    ],
)
def test_a_name_of_no_layer_is_found_with_a_hint(architecture: Any, name: str, hint: str) -> None:
    ((wrong, told),) = missing_layers(architecture, [name])
    assert wrong == name
    assert told.startswith(hint)


@pytest.mark.parametrize(
    "name", ["query", "self.query", "attention.output.dense", "layer.1.attention.self.query", "bert.pooler.dense"]
)
def test_a_name_is_whole_or_the_end_of_one_after_a_dot(name: str) -> None:
    assert missing_layers(Bert(model_type="bert", num_hidden_layers=2), [name]) == []


def test_a_section_tells_which_of_its_fields_name_layers() -> None:
    section = plugins.adapter("ia3").Config(
        type="ia3", target_modules=("key", "output.dense"), feedforward_modules=("output.dense",)
    )
    assert layer_names(section) == {
        "target_modules": ("key", "output.dense"),
        "feedforward_modules": ("output.dense",),
    }
