"""The kernels on a CPU, compiled where that is possible, else in torch and numpy.

Those of softmax may overwrite what they get.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from runner.kernels import native, plain

if TYPE_CHECKING:
    from torch import Tensor

NUMBERS = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


def threshold(chance: float) -> int:
    """A chance of dropping in 65,536ths, to the nearest."""
    return round(chance * plain.DRAWS)


def softmax_forward(
    scores: Tensor, tokens: Tensor, scale: float, causal: bool, threshold: int, seed: int, call: int
) -> tuple[Tensor, Tensor]:
    """As `plain.softmax_forward`, in place."""
    if (compiled := _compiled("softmax_forward", scores)) is None:
        return plain.softmax_forward(scores, tokens, scale, causal, threshold, seed, call)
    kept = torch.empty_like(scores) if threshold else scores
    pointers = (scores.data_ptr(), kept.data_ptr(), tokens.data_ptr())
    compiled(*pointers, *scores.shape, scale, causal, threshold, seed, call, torch.get_num_threads())
    return scores, kept


def softmax_backward(gradients: Tensor, kept: Tensor, scale: float, threshold: int) -> tuple[Tensor, Tensor]:
    """As `plain.softmax_backward`, in place."""
    if (compiled := _compiled("softmax_backward", gradients)) is None:
        return plain.softmax_backward(gradients, kept, scale, threshold)
    length = gradients.shape[-1]
    rows = gradients.numel() // length
    compiled(gradients.data_ptr(), kept.data_ptr(), rows, length, scale, threshold, torch.get_num_threads())
    return gradients, kept


def dropout(values: Tensor, threshold: int, seed: int) -> Tensor:
    """As `plain.dropout`."""
    values = values.contiguous()
    if (compiled := _compiled("dropout", values)) is None:
        return plain.dropout(values, threshold, seed)
    found = torch.empty_like(values)
    compiled(values.data_ptr(), found.data_ptr(), values.numel(), threshold, seed, torch.get_num_threads())
    return found


def _compiled(name: str, values: Tensor) -> Any:
    library, number = native.library(), NUMBERS.get(values.dtype)
    return getattr(library, f"{name}_{number}") if library is not None and number is not None else None
