"""A batch's real tokens as one row, inside the encoder only: collator and loss see padded batches as ever.

The encoder is given rows without padding, and the head what it reads of each. Attention, which transformers lets
anybody register, keeps the sequences apart; all else in an encoder goes token by token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from runner.kernels import attention
from runner.kernels.families import FAMILIES
from runner.kernels.last_layer import shorten
from runner.kernels.shares import shared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers.utils import ModelOutput

NAME = "replicard_packed"
"""How transformers knows this attention."""

BUCKET = 256
"""A row is filled up to a multiple of so many tokens: oneDNN compiles a product for each new shape."""


class Packing:
    """The packing of one model: what its encoder computes in the place of its own `forward`."""

    def __init__(self, model: Any):
        """Take the place of a classifier's encoder; model is one of transformers."""
        self.config, self.encoder = model.config, model.base_model
        self.family = FAMILIES[model.config.model_type]
        self.pooled = getattr(self.encoder, "pooler", None) is not None
        model.set_attn_implementation(NAME)
        shorten(self.encoder, self.family)
        if self.pooled:
            self.encoder.pooler.register_forward_pre_hook(_first)
        self.packed = self.encoder.forward
        self.encoder.forward = self.forward

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **given: Any) -> ModelOutput:
        """Compute a padded batch, without its padding.

        Args:
            input_ids: Shape (rows, longest).
            attention_mask: 1 where a token is real, of the same shape; null where all are.
            given: What else an encoder takes; `position_ids` and `token_type_ids` of the same shape.

        Returns:
            What a head reads, in each place, shape (rows, longest, width), and where there is a pooler as its output.
        """
        longest = input_ids.shape[1]
        mask = torch.ones_like(input_ids, dtype=torch.bool) if attention_mask is None else attention_mask.bool()
        places = torch.arange(longest, device=input_ids.device).expand_as(input_ids)
        if self.family.decoder:  # what comes after the token that is read, nobody sees
            mask = mask & (places <= self._last(input_ids, places))
        mask[:, 0] |= ~mask.any(1)  # a row without any token is read at its first place
        parts = {"input_ids": input_ids, "position_ids": places}
        parts |= {name: given[name] for name in ("position_ids", "token_type_ids") if given.get(name) is not None}
        lengths = mask.sum(1)

        def compute(rows: Any) -> Tensor:
            return self._packed({name: part[rows] for name, part in parts.items()}, mask[rows], lengths[rows], given)

        if input_ids.device.type == "cpu":
            read = shared(compute, lengths.tolist(), self.encoder)
        else:
            read = compute(slice(None))
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=read[:, None].expand(-1, longest, -1), pooler_output=read if self.pooled else None
        )

    def _packed(self, parts: Mapping[str, Tensor], mask: Tensor, lengths: Tensor, given: Mapping[str, Any]) -> Tensor:
        """What is read of some rows, shape (rows, width): their real tokens one after the other, shape (1, tokens)."""
        total = int(lengths.sum())
        filling = -total % BUCKET if mask.device.type == "cpu" else 0
        row = {name: torch.nn.functional.pad(part[mask], (0, filling))[None] for name, part in parts.items()}
        # A decoder would keep keys and values for a text that goes on; here none does.
        fixed = {"attention_mask": None, **({"use_cache": False} if "use_cache" in given else {})}
        ends = lengths.cumsum(0)
        read = ends - 1 if self.family.decoder else ends - lengths
        layout = attention.layout(lengths.tolist(), total + filling, self.config.num_attention_heads)
        found = self.packed(**{**given, **row, **fixed, "packed": layout, "read_positions": read})
        states: Tensor = found.pooler_output if self.pooled else found.last_hidden_state[0]
        return states

    def _last(self, ids: Tensor, places: Tensor) -> Tensor:
        """Where a decoder's classifier reads, shape (rows, 1): at the last token that is not the one of padding."""
        pad = self.config.get_text_config().pad_token_id
        return places[:, -1:] if pad is None else ((ids != pad) * places).amax(1, keepdim=True)


def _first(pooler: Any, arguments: tuple[Tensor, ...]) -> tuple[Tensor]:
    """Before a pooler, which reads the first token: those that are read, shape (rows, 1, width)."""
    return (arguments[0][0][:, None],)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    packed: attention.Layout,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it.

    Args:
        module: The attention layer.
        query: Shape (1, heads, tokens, size).
        key: Shape (1, heads or fewer, tokens, size).
        value: As the key.
        attention_mask: None: the layout says what sees what.
        packed: The layout.
        scaling: What scores are multiplied with; null is 1 / √size.
        dropout: Chance that a probability is dropped.
        others: What other kinds of attention need.

    Returns:
        Shape (1, tokens, heads, size), and no probabilities.
    """
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    causal = bool(getattr(module, "is_causal", False))
    query, key, value = (each[0].transpose(0, 1) for each in (query, key, value))
    return attention.packed_attention(query, key, value, packed, packed, scale, causal, dropout)[None], None


AttentionInterface.register(NAME, attend)
