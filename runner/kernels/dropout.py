"""Dropout whose random numbers cost little, and whose mask is drawn again rather than kept."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from runner.kernels import fused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

_thread = threading.local()


class FastDropout(torch.nn.Dropout):
    """`torch.nn.Dropout` on a CPU; its chance is rounded to 1/65,536."""

    def forward(self, values: Tensor) -> Tensor:
        """Drop values of any shape in training; in evaluation return them as they are."""
        threshold = fused.threshold(self.p)
        if not self.training or threshold == 0:
            return values
        found: Tensor = Dropped.apply(values, threshold, draw_seed())  # type: ignore[no-untyped-call]
        return found


class Dropped(torch.autograd.Function):
    """Values with some dropped."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Drop: values of any shape, the chance in 65,536ths, the seed."""
        values, ctx.threshold, ctx.seed = arguments
        return fused.dropout(values, ctx.threshold, ctx.seed)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The same places dropped."""
        return fused.dropout(gradients[0], ctx.threshold, ctx.seed), None, None


def draw_seed() -> int:
    """A seed from torch's own generator, which a checkpoint keeps, or from what this thread is `drawing` from."""
    return int(torch.randint(2**63 - 1, (), generator=getattr(_thread, "generator", None)))


@contextmanager
def drawing(seed: int | None) -> Iterator[None]:
    """Draw this thread's seeds from a generator of its own: several would take those of torch's in an order of chance.

    Args:
        seed: Its seed; null where nothing is drawn.
    """
    _thread.generator = None if seed is None else torch.Generator().manual_seed(seed)
    try:
        yield
    finally:
        _thread.generator = None


def replace(model: torch.nn.Module) -> None:
    """Let every dropout of a model be a fast one, in training or not as the one it replaces."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(parent, name, FastDropout(child.p).train(child.training))
