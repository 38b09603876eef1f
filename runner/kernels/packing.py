"""A batch's real tokens as one row, inside the model only: collator, heads and loss see padded batches as ever.

Hooks around the encoder take the padding out before it and put it back after it. Attention, which transformers lets
anybody register, keeps the sequences apart; all else in an encoder goes token by token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface

from runner.kernels.attention import Layout, PackedAttention, layout
from runner.kernels.dropout import draw_seed
from runner.kernels.fused import threshold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

NAME = "replicard_packed"
"""How transformers knows this attention."""

BUCKET = 512
"""A row is filled up to a multiple of so many tokens: oneDNN compiles a product for each new shape."""


class Packing:
    """The packing of one model. What it holds is of the batch that is being computed."""

    mask: Tensor
    """Which places of the batch are real, shape (rows, longest)."""
    packed: Layout
    """Where these are in the row."""

    def __init__(self, model: Any):
        """Put the hooks on a classifier of transformers."""
        model.set_attn_implementation(NAME)
        encoder = model.base_model
        encoder.register_forward_pre_hook(self.flatten, with_kwargs=True)
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler.register_forward_pre_hook(self.first)
        else:
            encoder.register_forward_hook(self.unflatten)

    def flatten(self, encoder: Any, arguments: tuple[Any, ...], given: Mapping[str, Any]) -> tuple[Any, ...]:
        """Before the encoder: the real tokens one after the other, shape (1, tokens), where its batch was padded."""
        ids = arguments[0] if arguments else given["input_ids"]
        mask = given.get("attention_mask")
        self.mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask.bool()
        self.mask[:, 0] |= ~self.mask.any(1)  # a row without any token is read at its first place
        lengths = self.mask.sum(1).tolist()
        filling = -sum(lengths) % BUCKET if ids.device.type == "cpu" else 0
        self.packed = layout(lengths, sum(lengths) + filling)
        parts = {"input_ids": ids, "position_ids": torch.arange(ids.shape[1], device=ids.device).expand_as(ids)}
        # A decoder would keep keys and values for a text that goes on; here none does.
        parts |= {name: given[name] for name in ("position_ids", "token_type_ids") if given.get(name) is not None}
        rows = {name: torch.nn.functional.pad(part[self.mask], (0, filling))[None] for name, part in parts.items()}
        fixed = {"attention_mask": None, **({"use_cache": False} if "use_cache" in given else {})}
        return (), {**given, **rows, **fixed, "packed": self.packed}

    def first(self, pooler: Any, arguments: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Before a pooler, which reads the first token: the first ones, shape (rows, 1, size)."""
        starts = torch.tensor((0, *self.packed.lengths[:-1]), device=arguments[0].device).cumsum(0)
        return (arguments[0][0, starts][:, None],)

    def unflatten(self, encoder: Any, arguments: tuple[Any, ...], output: Any) -> Any:
        """After an encoder without pooler: padded again, with zeros, shape (rows, longest, size)."""
        states = output.last_hidden_state
        padded = states.new_zeros(*self.mask.shape, states.shape[-1])
        padded[self.mask] = states[0, : sum(self.packed.lengths)]
        output.last_hidden_state = padded
        return output


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    packed: Layout,
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
    vectors = [each[0].transpose(0, 1) for each in (query, key, value)]
    if torch.is_autocast_enabled(query.device.type):  # rotated queries and keys come in 32 bits
        vectors = [each.to(torch.get_autocast_dtype(query.device.type)) for each in vectors]
    if query.device.type == "cuda":
        return _on_cuda(vectors, packed, scale, causal, dropout)[None], None
    chance = threshold(dropout)
    seed = draw_seed() if chance else 0
    found = PackedAttention.apply(*vectors, packed, scale, causal, chance, seed)  # type: ignore[no-untyped-call]
    return found[None], None


def _on_cuda(vectors: Sequence[Tensor], packed: Layout, scale: float, causal: bool, dropout: float) -> Any:
    """The same by flash attention: that of torch, which has no dropout, or of the package `flash-attn`."""
    query, key, value = vectors
    lengths = torch.tensor((0, *packed.lengths), device=query.device)
    bounds, longest = lengths.cumsum(0, dtype=torch.int32), max(packed.lengths)
    if dropout:
        from flash_attn import flash_attn_varlen_func

        options = {"dropout_p": dropout, "softmax_scale": scale, "causal": causal}
        return flash_attn_varlen_func(query, key, value, bounds, bounds, longest, longest, **options)
    from torch.nn.attention.varlen import varlen_attn

    window = (-1, 0) if causal else (-1, -1)
    grouped = query.shape[1] != key.shape[1]
    return varlen_attn(
        query, key, value, bounds, bounds, longest, longest, scale=scale, window_size=window, enable_gqa=grouped
    )


AttentionInterface.register(NAME, attend)
