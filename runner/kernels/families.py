"""The families of models that are known to compute token by token outside of attention, at the positions given."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any


@dataclass(frozen=True)
class Family:
    """How a family names the parts of its last layer, of which `last_layer.py` computes one token of each sequence.

    Attributes:
        layers: The encoder's list of layers.
        attention: The layer's attention.
        query: The attention's projection of states to queries.
        key: Its projection to keys.
        value: Its projection to values.
        head_size: Its numbers of a head's vector.
        dropout: Its chance that a probability is dropped in training.
        output: Its projection of what was attended to; null where that is no part of it.
        norm: The layer's norm before the attention; null where there is none.
        decoder: Whether a token sees none after it, and a classifier reads the last one instead of the first.
    """

    layers: str
    attention: str
    query: str
    key: str
    value: str
    head_size: str = "attention_head_size"
    dropout: str = "dropout.p"
    output: str | None = None
    norm: str | None = None
    decoder: bool = False

    def last(self, encoder: Any) -> tuple[Any, Any]:
        """An encoder's last layer, and its attention."""
        layer = attrgetter(self.layers)(encoder)[-1]
        return layer, attrgetter(self.attention)(layer)


FAMILIES = {
    "bert": Family(
        layers="encoder.layer",
        attention="attention.self",
        query="query",
        key="key",
        value="value",
    ),
    "distilbert": Family(
        layers="transformer.layer",
        attention="attention",
        query="q_lin",
        key="k_lin",
        value="v_lin",
        output="out_lin",
    ),
    "llama": Family(
        layers="layers",
        attention="self_attn",
        query="q_proj",
        key="k_proj",
        value="v_proj",
        head_size="head_dim",
        dropout="attention_dropout",
        output="o_proj",
        norm="input_layernorm",
        decoder=True,
    ),
}
"""By the `model_type` of their configuration."""
