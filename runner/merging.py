"""An adapter merged into its base: one model that needs no PEFT, and scores what the two score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import InputError, Problem

if TYPE_CHECKING:
    from registry.card import Card

ROWS, LENGTH = 16, 32
TOLERANCE = 1e-3
"""Most that a probability may change: weights in bfloat16 round the update that an adapter adds after the product."""


def merge(card: Card, model: Any) -> tuple[Any, float]:
    """The classifier with its adapter's update added to the weights, and the largest change of a probability.

    The two are compared on tokens drawn at random, of which every row is as long as any other.

    Args:
        card: The card.
        model: The trained classifier with its adapter; taken apart.

    Raises:
        InputError: There is no adapter, its base is quantized, or the two do not agree.
    """
    import torch

    if card.adapter is None:
        raise InputError(Problem("", "adapter", "null: all weights were trained, there is nothing to merge"))
    if card.quantization is not None:
        message = "the update was trained beside rounded weights, which merging would round again; load base and "
        raise InputError(Problem("", "quantization", f"{message}adapter as the README shows"))
    longest = min(LENGTH, card.data.tokens.max_length)
    tokens = torch.randint(model.config.vocab_size, (ROWS, longest), generator=torch.Generator().manual_seed(0))
    rows = {"input_ids": tokens.to(model.device), "attention_mask": torch.ones_like(tokens).to(model.device)}

    def chances(classifier: Any) -> torch.Tensor:
        with torch.no_grad():
            scores: torch.Tensor = classifier(**rows).logits
            return scores.float().softmax(-1)

    model.eval()
    apart = chances(model)
    merged = model.merge_and_unload()
    change = float((chances(merged) - apart).abs().max())
    if not change <= TOLERANCE:
        message = f"merged, a probability differs by {change:.2g}, more than {TOLERANCE:g}: `base.dtype` rounds the sum"
        raise InputError(Problem("", "adapter", f"{message}; load base and adapter as the README shows"))
    return merged, change
