"""The rows of a batch over a processor's cores: each computes some of them alone, from their tokens to what is read.

torch divides each operation instead, and the cores wait for one another after each.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from runner.kernels.dropout import draw_seed, drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

FEWEST = 4
"""A share is of so many rows at least: with fewer the shares come out uneven."""


def shared(compute: Callable[[list[int]], Tensor], costs: Sequence[float], encoder: Any) -> Tensor:
    """What `compute` gives for all rows of a batch, by several threads where that is known to be right.

    Args:
        compute: From rows to what is read of each, shape (rows, width).
        costs: Of each row, how long it takes beside the others.
        encoder: What computes; its parameters get the gradients.

    Returns:
        Shape (rows, width), in the order of the rows.
    """
    threads = torch.get_num_threads()
    count = 1 if _must_stay_whole(encoder) else max(1, min(threads, len(costs) // FEWEST))
    if count == 1:
        return compute(list(range(len(costs))))
    weights = [weight for weight in encoder.parameters() if weight.requires_grad] if torch.is_grad_enabled() else []
    crew = _crew(count, threads // count)
    found: Tensor = Shared.apply(compute, divided(costs, count), crew, encoder.training, *weights)  # type: ignore[no-untyped-call]
    return found


def divided(costs: Sequence[float], count: int) -> list[list[int]]:
    """Indices of so many shares that cost about the same: the longest first, each to the share that costs least yet.

    At most a third more than the best division has its longest share (Graham, "Bounds on multiprocessing timing
    anomalies", SIAM J. Appl. Math. 17, 1969).
    """
    shares: list[list[int]] = [[] for _ in range(count)]
    sums = [0.0] * count
    for index in sorted(range(len(costs)), key=lambda index: -costs[index]):
        least = sums.index(min(sums))
        shares[least].append(index)
        sums[least] += costs[index]
    return [sorted(share) for share in shares]


def _must_stay_whole(encoder: Any) -> bool:
    """Whether what an encoder computes hangs on more than its rows and weights."""
    return (
        encoder.is_gradient_checkpointing  # would draw other masks when it computes again
        or (torch.distributed.is_available() and torch.distributed.is_initialized())  # gathers weights on the way
        or _rope(encoder) in ("dynamic", "longrope")  # rotates by the longest row
        or any(type(part).__module__.startswith("bitsandbytes") for part in encoder.modules())  # keeps notes in them
    )


def _rope(encoder: Any) -> str | None:
    """The kind of an encoder's rotation of queries and keys; null where it has none."""
    return (getattr(encoder.config, "rope_parameters", None) or {}).get("rope_type")


@cache
def _crew(count: int, threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work; torch divides an operation of theirs among so many of its own."""
    return ThreadPoolExecutor(count, "share", initializer=torch.set_num_threads, initargs=(threads,))


class Shared(torch.autograd.Function):
    """Shares computed at once, forward and backward, each in a graph of its own."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Compute: what does it for some rows, the shares, the threads, whether it is training, the weights."""
        compute, shares, crew, training, *weights = arguments
        number, mixed = torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled("cpu")

        def run(share: list[int], seed: int | None) -> Tensor:  # a thread begins with torch's own settings
            with torch.set_grad_enabled(bool(weights)), torch.autocast("cpu", number, mixed), drawing(seed):
                found: Tensor = compute(share)
                return found

        seeds = [draw_seed() if training else None for _ in shares]
        ctx.found = list(crew.map(run, shares, seeds))
        ctx.shares, ctx.crew, ctx.weights = shares, crew, weights
        order = torch.tensor([index for share in shares for index in share]).argsort()
        return torch.cat([each.detach() for each in ctx.found])[order]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the weights, summed in the order of the shares."""

        def run(share: list[int], output: Tensor) -> tuple[Tensor | None, ...]:
            return tuple(torch.autograd.grad(output, ctx.weights, gradients[0][share], allow_unused=True))

        found = zip(*ctx.crew.map(run, ctx.shares, ctx.found), strict=True)
        return (*(None,) * 4, *(_sum([each for each in of_one if each is not None]) for of_one in found))


def _sum(parts: list[Tensor]) -> Tensor | None:
    """The sum of gradients, in the place of the first."""
    for part in parts[1:]:
        parts[0] += part
    return parts[0] if parts else None
