"""Adapters and quantization against the sizes that they are said to save or train."""

from __future__ import annotations

import pytest
from documents import document, fact, facts, found, verdicts

from registry.architectures import Bert, DistilBert, Llama
from registry.shapes import Shape, matrix_parameters, parameters

TINY = facts(base_model="prajjwal1/bert-tiny")


@pytest.mark.parametrize(
    "shape",
    [
        Bert(model_type="bert", hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512),
        DistilBert(model_type="distilbert", n_layers=2),
        Llama(model_type="llama", hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
              intermediate_size=96, vocab_size=100),
    ],
    ids=["bert", "distilbert", "llama"],
)  # fmt: skip
def test_parameters_are_those_of_the_modules(shape: Shape) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    facts_ = {name: value for name, value in shape.model_dump().items() if value is not None}
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**facts_))
    heads = tuple(f"{head}." for head in type(shape).heads)
    body = [(name, module) for name, module in model.named_modules() if not f"{name}.".startswith(heads)]
    assert parameters(shape) == sum(p.numel() for n, p in model.named_parameters() if not n.startswith(heads))
    assert matrix_parameters(shape) == sum(m.weight.numel() for _, m in body if isinstance(m, torch.nn.Linear))


def test_4_bits_of_a_model_of_embeddings_save_next_to_nothing() -> None:
    finding = found("adapters", document(TINY, facts(quantization_bits=4)))["quantized-share"]
    assert finding.verdict == "suspicious"
    assert finding.arithmetic.startswith("0.410M / 4.386M = 9.3%; 0.410M × 12 / 8 bytes = 0.6 MB")


def test_4_bits_of_a_large_model_save_much() -> None:
    assert found("adapters", document(facts(base_model="meta-llama/Llama-2-7b-hf", quantization_bits=4))) == {}


def test_a_low_rate_on_few_parameters_is_suspicious_and_names_what_was_assumed() -> None:
    finding = found("adapters", document(TINY, facts(adapter_method="lora", learning_rate=3e-5)))["learning-rate"]
    assert finding.verdict == "suspicious"
    assert finding.arithmetic == "2 × 2 layers × 8 × (128 + 128) = 8,192 parameters; 3e-05 < 1e-4"
    assert "under the assumed rank 8" in finding.message


def test_a_usual_rate_a_large_adapter_or_full_fine_tuning_are_in_order() -> None:
    lora = facts(adapter_method="lora")
    assert found("adapters", document(TINY, lora, facts(learning_rate=2e-4))) == {}
    large = facts(base_model="meta-llama/Llama-2-7b-hf", learning_rate=2e-5)
    assert found("adapters", document(large, lora)) == {}
    assert found("adapters", document(TINY, facts(learning_rate=3e-5))) == {}


def test_an_optimizer_of_bitsandbytes_without_quantization_is_ambiguous() -> None:
    paged = fact("optimizer", "adamw", "**Optimizer:** paged_adamw_32bit")
    lora = facts(adapter_method="lora")
    assert verdicts("adapters", document(paged, lora)) == {"optimizer": "ambiguous"}
    assert found("adapters", document(paged, lora, facts(quantization_bits=4))) == {}
    assert found("adapters", document(fact("optimizer", "adamw_torch"), lora)) == {}
    assert found("adapters", document(paged)) == {}


def test_the_printed_share_of_trained_parameters_is_that_of_the_numbers() -> None:
    right = "trainable params: 294,912 || all params: 109,778,690 || trainable%: 0.2686"
    assert found("adapters", document(text=right)) == {}
    finding = found("adapters", document(text=right.replace("0.2686", "2.6864")))["trainable-share"]
    assert finding.arithmetic == "100 × 294,912 / 109,778,690 = 0.2686 ≠ 2.6864"
