"""A batch's real tokens as one row, inside the encoder only: collator and loss see padded batches as ever.

Hooks take the padding out before the encoder and show the head, after it, the tokens that it reads. Attention, which
transformers lets anybody register, keeps the sequences apart; all else in an encoder goes token by token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface

from runner.kernels import attention
from runner.kernels.families import FAMILIES
from runner.kernels.last_layer import shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

NAME = "replicard_packed"
"""How transformers knows this attention."""

BUCKET = 512
"""A row is filled up to a multiple of so many tokens: oneDNN compiles a product for each new shape."""


class Packing:
    """The packing of one model."""

    longest: int
    """Places of a sequence in the batch that is being computed, padding counted."""

    def __init__(self, model: Any):
        """Put the hooks on a classifier of transformers."""
        self.config, encoder = model.config, model.base_model
        self.family = FAMILIES[model.config.model_type]
        model.set_attn_implementation(NAME)
        encoder.register_forward_pre_hook(self.flatten, with_kwargs=True)
        shorten(encoder, self.family)
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler.register_forward_pre_hook(self.first)
        else:
            encoder.register_forward_hook(self.unflatten)

    def flatten(self, encoder: Any, arguments: tuple[Any, ...], given: Mapping[str, Any]) -> tuple[Any, ...]:
        """Before the encoder: the real tokens one after the other, shape (1, tokens), where its batch was padded."""
        ids = arguments[0] if arguments else given["input_ids"]
        mask, self.longest = given.get("attention_mask"), ids.shape[1]
        mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        places = torch.arange(self.longest, device=ids.device).expand_as(ids)
        if self.family.decoder:  # what comes after the token that is read, nobody sees
            mask = mask & (places <= self._last(ids, places))
        mask[:, 0] |= ~mask.any(1)  # a row without any token is read at its first place
        lengths = mask.sum(1)
        total = int(lengths.sum())
        filling = -total % BUCKET if ids.device.type == "cpu" else 0
        parts = {"input_ids": ids, "position_ids": places}
        # A decoder would keep keys and values for a text that goes on; here none does.
        parts |= {name: given[name] for name in ("position_ids", "token_type_ids") if given.get(name) is not None}
        rows = {name: torch.nn.functional.pad(part[mask], (0, filling))[None] for name, part in parts.items()}
        fixed = {"attention_mask": None, **({"use_cache": False} if "use_cache" in given else {})}
        ends = lengths.cumsum(0)
        read = ends - 1 if self.family.decoder else ends - lengths
        packed = attention.layout(lengths.tolist(), total + filling, self.config.num_attention_heads)
        return (), {**given, **rows, **fixed, "packed": packed, "read_positions": read}

    def _last(self, ids: Tensor, places: Tensor) -> Tensor:
        """Where a decoder's classifier reads, shape (rows, 1): at the last token that is not the one of padding."""
        pad = self.config.get_text_config().pad_token_id
        return places[:, -1:] if pad is None else ((ids != pad) * places).amax(1, keepdim=True)

    def first(self, pooler: Any, arguments: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Before a pooler, which reads the first token: those that are read, shape (rows, 1, width)."""
        return (arguments[0][0][:, None],)

    def unflatten(self, encoder: Any, arguments: tuple[Any, ...], output: Any) -> Any:
        """After an encoder without pooler: in each place the token that is read, shape (rows, longest, width)."""
        output.last_hidden_state = output.last_hidden_state[0][:, None].expand(-1, self.longest, -1)
        return output


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
