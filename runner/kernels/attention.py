"""Attention of packed sequences: each token sees those of its own sequence."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from runner.kernels import fused
from runner.kernels.dropout import draw_seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

STEP = 32
"""Sequences are padded to a multiple of so many tokens within attention: like ones are computed together, and oneDNN,
which compiles a product for each new shape, sees few of them."""


SCORES = 3 << 20
"""A group has about so many scores at most, which then stay in the processor's cache: of sequences of 512 tokens with
twelve heads one, of such with 128 tokens sixteen. With four times as many the products take twice as long."""


@dataclass(frozen=True)
class Layout:
    """How attention lays out the tokens of a packed row: sequences of like length together, padded to the same one.

    Attributes:
        lengths: Tokens of each sequence, in the order of the row.
        total: Tokens of the row, filling counted.
        groups: Of each group the padded length and which sequences are in it.
    """

    lengths: tuple[int, ...]
    total: int
    groups: tuple[tuple[int, tuple[int, ...]], ...]
    _indices: dict[tuple[int, int], Tensor] = field(default_factory=dict, compare=False, repr=False)

    def into(self, heads: int, of: int) -> Tensor:
        """For each slot of all groups, laid out as (sequences, heads, length), the vector that it is filled from.

        Slots of padding take one that is there: what they hold has no weight.

        Args:
            heads: Query heads.
            of: Heads of the vectors, shape (tokens, of, size): as many, or fewer of keys and values, each for several
                queries.
        """
        if (heads, of) not in self._indices:
            starts, slots = torch.tensor((0, *self.lengths)).cumsum(0), []
            for (length, members), real in zip(self.groups, self.tokens, strict=True):
                places = torch.arange(length).minimum(real[:, None] - 1)
                tokens = starts[list(members)][:, None] + places
                slots.append((tokens[:, None, :] * of + (torch.arange(heads) // (heads // of))[:, None]).flatten())
            self._indices[heads, of] = torch.cat(slots)
        return self._indices[heads, of]

    def back(self, heads: int) -> Tensor:
        """For each vector, shape (tokens, heads, size), its slot; of the row's filling the one after the last."""
        if (heads, 0) not in self._indices:
            into, real = self.into(heads, heads), self._real(heads)
            found = torch.full((self.total * heads,), len(into))
            found[into[real]] = torch.arange(len(into))[real]
            self._indices[heads, 0] = found
        return self._indices[heads, 0]

    @cached_property
    def single(self) -> Layout:
        """The same sequences in the same groups, with one token each."""
        count = len(self.lengths)
        return Layout((1,) * count, count, tuple((1, members) for _, members in self.groups))

    @cached_property
    def tokens(self) -> tuple[Tensor, ...]:
        """Of each group the tokens of its sequences, shape (sequences,)."""
        return tuple(torch.tensor([self.lengths[member] for member in members]) for _, members in self.groups)

    def _real(self, heads: int) -> Tensor:
        """Which slots are no padding."""
        pairs = zip(self.groups, self.tokens, strict=True)
        real = [(torch.arange(length) < tokens[:, None])[:, None, :] for (length, _), tokens in pairs]
        return torch.cat([each.expand(-1, heads, -1).flatten() for each in real])

    def split(self, slots: Tensor, heads: int) -> Iterator[Tensor]:
        """The slots of each group, shape (sequences × heads, length, size), as views."""
        start = 0
        for length, members in self.groups:
            end = start + len(members) * heads * length
            yield slots[start:end].view(len(members) * heads, length, -1)
            start = end


def layout(lengths: Sequence[int], total: int, heads: int) -> Layout:
    """The layout of sequences of these lengths, in tokens, in a row of `total` tokens, for so many heads."""
    alike: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        alike.setdefault(-(-length // STEP) * STEP, []).append(index)
    groups = []
    for length, members in sorted(alike.items()):
        most = max(1, SCORES // (heads * length**2))
        groups += [(length, tuple(members[first : first + most])) for first in range(0, len(members), most)]
    return Layout(tuple(lengths), total, tuple(groups))


def packed_attention(
    query: Tensor, key: Tensor, value: Tensor, queries: Layout, keys: Layout, scale: float, causal: bool, dropout: float
) -> Any:
    """Attention of packed sequences: fused on a CPU, flash attention on CUDA.

    Args:
        query: Shape (tokens, heads, size).
        key: Shape (tokens, heads or fewer, size); the tokens may be others.
        value: As the key.
        queries: Layout of the queries: that of the keys, or its `single`.
        keys: Layout of keys and values.
        scale: What scores are multiplied with.
        causal: Whether a query sees no key after it.
        dropout: Chance that a probability is dropped.

    Returns:
        Shape (tokens, heads, size), as the query.
    """
    if torch.is_autocast_enabled(query.device.type):  # rotated queries and keys come in 32 bits
        query, key, value = (each.to(torch.get_autocast_dtype(query.device.type)) for each in (query, key, value))
    if query.device.type == "cuda":
        return _on_cuda(query, key, value, queries, keys, scale, causal, dropout)
    chance = fused.threshold(dropout)
    seed = draw_seed() if chance else 0
    return PackedAttention.apply(query, key, value, queries, keys, scale, causal, chance, seed)  # type: ignore[no-untyped-call]


def _on_cuda(
    query: Tensor, key: Tensor, value: Tensor, queries: Layout, keys: Layout, scale: float, causal: bool, dropout: float
) -> Any:
    """The same by flash attention: that of torch, which has no dropout, or of the package `flash-attn`."""
    (starts, most), (key_starts, key_most) = (
        (torch.tensor((0, *each.lengths), device=query.device).cumsum(0, dtype=torch.int32), max(each.lengths))
        for each in (queries, keys)
    )
    if dropout:
        from flash_attn import flash_attn_varlen_func

        options = {"dropout_p": dropout, "softmax_scale": scale, "causal": causal}
        return flash_attn_varlen_func(query, key, value, starts, key_starts, most, key_most, **options)
    from torch.nn.attention.varlen import varlen_attn

    window = (-1, 0) if causal else (-1, -1)
    grouped = query.shape[1] != key.shape[1]
    return varlen_attn(
        query, key, value, starts, key_starts, most, key_most, scale=scale, window_size=window, enable_gqa=grouped
    )


class PackedAttention(torch.autograd.Function):
    """Softmax(scale · Q Kᵀ) V by sequence, with dropout of the probabilities: products by torch, the rest fused."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Attend.

        Args:
            ctx: For the gradient.
            arguments: Queries, shape (tokens, heads, size), keys and values, shape (tokens, heads or fewer, size); the
                layout of queries, and of keys; scale; whether it is causal; the dropout's threshold; its seed.
        """
        query, key, value, queries, keys, scale, causal, threshold, seed = arguments
        heads = query.shape[1]
        slots = (_gather(queries, query, heads), _gather(keys, key, heads), _gather(keys, value, heads))
        found = _empty(slots[0])
        probabilities = []
        parts = zip(*(queries.split(each, heads) for each in (slots[0], found)), strict=True)
        others = zip(*(keys.split(each, heads) for each in slots[1:]), strict=True)
        for call, ((q, out), (k, v)) in enumerate(zip(parts, others, strict=True)):
            tokens = keys.tokens[call]
            scores = torch.bmm(q, k.transpose(1, 2)).view(len(tokens), heads, -1, k.shape[1])
            dropped, kept = fused.softmax_forward(scores, tokens, scale, causal, threshold, seed, call)
            torch.bmm(dropped.flatten(0, 1), v, out=out)
            probabilities.append(kept)
        ctx.save_for_backward(*slots, *probabilities)
        ctx.queries, ctx.keys, ctx.heads, ctx.of = queries, keys, heads, key.shape[1]
        ctx.scale, ctx.threshold = scale, threshold
        return _return(queries, found, heads, heads)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of queries, keys and values."""
        queries, keys, heads = ctx.queries, ctx.keys, ctx.heads
        query, key, value, *probabilities = ctx.saved_tensors
        above = _gather(queries, gradients[0], heads)
        of_query, of_key, of_value = _empty(query), _empty(key), _empty(value)
        parts = zip(*(queries.split(each, heads) for each in (query, above, of_query)), strict=True)
        others = zip(*(keys.split(each, heads) for each in (key, value, of_key, of_value)), strict=True)
        for kept, (q, g, dq), (k, v, dk, dv) in zip(probabilities, parts, others, strict=True):
            scores = torch.bmm(g, v.transpose(1, 2)).view_as(kept)
            # Overwriting what was kept: a second pass backward, which nobody here asks for, would need a copy.
            scores, dropped = fused.softmax_backward(scores, kept, ctx.scale, ctx.threshold)
            scores, dropped = scores.flatten(0, 1), dropped.flatten(0, 1)
            torch.bmm(dropped.transpose(1, 2), g, out=dv)
            torch.bmm(scores, k, out=dq)
            torch.bmm(scores.transpose(1, 2), q, out=dk)
        return (
            _return(queries, of_query, heads, heads),
            *(_return(keys, each, heads, ctx.of) for each in (of_key, of_value)),
            *(None,) * 6,
        )


def _gather(packed: Layout, vectors: Tensor, heads: int) -> Tensor:
    """The vectors of all slots, shape (slots, size), from those of all tokens, shape (tokens, heads, size)."""
    _, of, size = vectors.shape
    return vectors.reshape(-1, size).index_select(0, packed.into(heads, of))


def _empty(slots: Tensor) -> Tensor:
    """Room for as many vectors and one of zeros."""
    found = slots.new_empty(len(slots) + 1, slots.shape[1])
    found[-1] = 0
    return found


def _return(packed: Layout, slots: Tensor, heads: int, of: int) -> Tensor:
    """The vectors of all tokens, shape (tokens, of, size), from those of all slots; summed where queries share one."""
    found = slots.index_select(0, packed.back(heads)).view(packed.total, heads, -1)
    return found if of == heads else found.view(packed.total, of, heads // of, -1).sum(2)
