"""The last layer, computed for the one token of each sequence that a classification head reads.

It attends to the keys and values of all tokens. Nobody reads what the others would become, so logits and gradients stay
what they are. Of the products of six layers this spares a seventh, of those of two layers two fifths.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from transformers.models.llama.modeling_llama import rotate_half

from runner.kernels import attention

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from runner.kernels.families import Family


def shorten(encoder: Any, family: Family) -> None:
    """Let the last layer of an encoder, which is given packed rows, compute the tokens at `read_positions` alone."""
    layer, module = family.last(encoder)
    layer.register_forward_pre_hook(_select, with_kwargs=True)
    module.forward = LastAttention(module, family, getattr(layer, family.norm) if family.norm else None)


def _select(layer: Any, arguments: tuple[Any, ...], given: Mapping[str, Any]) -> tuple[Any, ...]:
    """Before the layer: states of the tokens that are read, shape (1, sequences, width); those of all go beside."""
    states, *others = arguments
    return (states.index_select(1, given["read_positions"]), *others), {**given, "all_states": states}


@dataclass(frozen=True)
class LastAttention:
    """What the attention of the last layer computes in the place of its own `forward`.

    Attributes:
        module: The attention; its parts may be an adapter's, or quantized.
        family: How it names them.
        norm: The layer's norm before the attention; null where there is none.
    """

    module: Any
    family: Family
    norm: Any

    def __call__(
        self,
        hidden_states: Tensor,
        *masks: None,
        all_states: Tensor,
        read_positions: Tensor,
        packed: attention.Layout,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        **others: Any,
    ) -> tuple[Tensor, None]:
        """Attend.

        Args:
            hidden_states: Of the tokens that are read, after the norm, shape (1, sequences, width).
            masks: None: the layout says what sees what.
            all_states: Of all tokens, before the norm, shape (1, tokens, width).
            read_positions: Which tokens are read, shape (sequences,).
            packed: The layout of all tokens.
            position_embeddings: Cosines and sines by which queries and keys are rotated, shape (1, tokens, size).
            others: What other layers need.

        Returns:
            What the tokens that are read have attended to, shape (1, sequences, width), and no probabilities.
        """
        states = all_states if self.norm is None else self.norm(all_states)
        query = self._vectors(self.family.query, hidden_states)
        key, value = self._vectors(self.family.key, states), self._vectors(self.family.value, states)
        if position_embeddings is not None:
            query = _rotated(query, *(each.index_select(1, read_positions) for each in position_embeddings))
            key = _rotated(key, *position_embeddings)
        dropout = attrgetter(self.family.dropout)(self.module) if self.module.training else 0.0
        # The token that a decoder reads is the last one and sees all, so that there is nothing to hide from it.
        scale, queries = self.module.scaling, packed.single
        found = attention.packed_attention(query[0], key[0], value[0], queries, packed, scale, False, dropout)
        found = found.flatten(1)[None]
        return found if self.family.output is None else getattr(self.module, self.family.output)(found), None

    def _vectors(self, part: str, states: Tensor) -> Tensor:
        """The vectors of all heads, shape (1, tokens, heads, size)."""
        found: Tensor = getattr(self.module, part)(states)
        return found.view(*found.shape[:-1], -1, getattr(self.module, self.family.head_size))


def _rotated(vectors: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Vectors, shape (1, tokens, heads, size), at their positions, as Llama rotates them."""
    found: Tensor = vectors * cosines[:, :, None] + rotate_half(vectors) * sines[:, :, None]
    return found
