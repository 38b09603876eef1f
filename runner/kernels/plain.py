"""The kernels of `kernels.cpp` in torch and numpy: what runs without a compiler, and what tests hold the others to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

DRAWS = 1 << 16
"""Chances are counted in so many: a draw is 16 random bits."""


def softmax_forward(
    scores: Tensor, tokens: Tensor, scale: float, causal: bool, threshold: int, seed: int, call: int
) -> tuple[Tensor, Tensor]:
    """Probabilities with dropout, and those before it.

    Args:
        scores: Products of queries and keys, shape (sequences, heads, queries, length); queries are as many as keys, or
            one, which sees all tokens.
        tokens: Tokens of each sequence, shape (sequences,); those after them are padding, whose rows become zero.
        scale: What scores are multiplied with.
        causal: Whether a query sees no key after it.
        threshold: Chance of dropping, in 65,536ths.
        seed: Of the dropout.
        call: Number of the call under this seed.

    Returns:
        The dropped probabilities, scaled up, and the probabilities, negative where they are dropped: each of the shape
        and number type of the scores.
    """
    places = torch.arange(scores.shape[-1])
    queries, real = places[: scores.shape[-2]], places < tokens[:, None]
    seen = real[:, None, queries, None] & real[:, None, None, :]
    if causal:
        seen = seen & (places[None, :] <= queries[:, None])
    exact = scores.float().mul_(scale).masked_fill_(~seen, -torch.inf).softmax(-1).masked_fill_(~seen, 0)
    if not threshold:
        found = exact.to(scores.dtype)
        return found, found
    keep = _kept(exact.shape, threshold, seed, call)
    return (exact * keep).mul_(_up(threshold)).to(scores.dtype), torch.where(keep, exact, -exact).to(scores.dtype)


def softmax_backward(gradients: Tensor, kept: Tensor, scale: float, threshold: int) -> tuple[Tensor, Tensor]:
    """Gradients of the scores, and the dropped probabilities again.

    Args:
        gradients: Those of the dropped probabilities, shape (sequences, heads, queries, length).
        kept: What `softmax_forward` returned second.
        scale: As there.
        threshold: As there.
    """
    exact, up = kept.float(), _up(threshold)
    dropped = exact.clamp(min=0).mul_(up)
    weighted = (dropped * gradients).sum(-1, keepdim=True)
    found = exact.abs() * ((exact > 0) * up * gradients - weighted) * scale
    return found.to(gradients.dtype), dropped.to(kept.dtype)


def dropout(values: Tensor, threshold: int, seed: int) -> Tensor:
    """Values of any shape with some dropped and the others scaled up; the same seed drops the same places again."""
    return values * (_kept(values.shape, threshold, seed, 0) * _up(threshold)).to(values.dtype)


def _kept(shape: torch.Size, threshold: int, seed: int, call: int) -> Tensor:
    """Which places stay. numpy's generator takes a sixth of the time that torch's takes on a CPU."""
    bits = np.random.Generator(np.random.SFC64([seed, call])).bytes(2 * shape.numel())
    return torch.from_numpy(np.frombuffer(bits, np.uint16) >= threshold).view(shape)


def _up(threshold: int) -> float:
    return DRAWS / (DRAWS - threshold)
