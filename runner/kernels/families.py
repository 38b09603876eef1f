"""The families of models that are known to compute token by token outside of attention, at the positions given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """What a family calls the parts of its last layer, which is computed for the tokens alone that are read.

    Attributes:
        layers: The list of layers, from the encoder.
        attention: Attention, from the layer.
        query: What makes queries of states, from the attention, as all that follows but the last two.
        key: What makes keys of states.
        value: What makes values of states.
        size: Numbers of a head's vector.
        dropout: Chance that a probability of attention is dropped in training.
        output: What is done with the values that were attended to; null where that is no part of the attention.
        before: What a layer does with states before its attention, from the layer; null for nothing.
        decoder: Whether a token sees none after it, and a classifier reads the last one instead of the first.
    """

    layers: str
    attention: str
    query: str
    key: str
    value: str
    size: str = "attention_head_size"
    dropout: str = "dropout.p"
    output: str | None = None
    before: str | None = None
    decoder: bool = False


FAMILIES = {
    "bert": Family("encoder.layer", "attention.self", "query", "key", "value"),
    "distilbert": Family("transformer.layer", "attention", "q_lin", "k_lin", "v_lin", output="out_lin"),
    "llama": Family(
        *("layers", "self_attn", "q_proj", "k_proj", "v_proj", "head_dim", "attention_dropout"),
        output="o_proj",
        before="input_layernorm",
        decoder=True,
    ),
}
"""By the `model_type` of their configuration."""
