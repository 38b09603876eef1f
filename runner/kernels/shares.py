"""The rows of a batch over a processor's cores: each computes some of them alone, from their tokens to what is read.

torch divides each operation instead, and the cores wait for one another after each.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from runner.kernels.dropout import draw_seed, drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

ROWS = 4
"""A batch has so many rows for each share at least: with fewer the shares come out uneven."""

TOKENS = 1024
"""A batch has so many tokens for each share at least, thrice as many where no gradients are computed, a third of the
work: with fewer, what a share costs whatever its rows (Python, that one thread runs at a time) outweighs the gain."""


def shared(compute: Callable[[list[int]], Tensor], lengths: Sequence[int], encoder: Any) -> Tensor:
    """What `compute` gives for all rows of a batch, by several threads where that is known to be right.

    Args:
        compute: From indices of rows to what is read of each, shape (rows, width).
        lengths: Tokens of each row.
        encoder: What computes; its parameters get the gradients.

    Returns:
        Shape (rows, width), in the order of the rows.
    """
    width, rows = encoder.config.hidden_size, len(lengths)
    learns = torch.is_grad_enabled() and any(weight.requires_grad for weight in encoder.parameters())
    # With as many tokens as the model is wide, the gradients of a share take about as much memory as its activations.
    fewest = max(width, TOKENS if learns else 3 * TOKENS)
    most = min(_cores(), rows // ROWS, sum(lengths) // fewest)
    count = 1 if most < 2 or _must_stay_whole(encoder) else _even(most, torch.get_num_threads())
    if count == 1:
        return compute(list(range(rows)))
    weights = [weight for weight in encoder.parameters() if weight.requires_grad] if learns else []
    shares = divided([length * (6 * width + length) for length in lengths], count)  # as the products of a layer
    crew = _crew(count, torch.get_num_threads() // count)
    found: Tensor = Shared.apply(compute, shares, crew, encoder.training, *weights)  # type: ignore[no-untyped-call]
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


def _cores() -> int:
    """Threads that torch computes with, and that may run on cores of their own: OpenMP can bind this one to its own."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else torch.get_num_threads()
    return min(allowed, torch.get_num_threads())


def _even(most: int, threads: int) -> int:
    """How many shares, at most so many, leave the fewest threads without work."""
    return max(range(1, most + 1), key=lambda count: (threads // count * count, count))


def _must_stay_whole(encoder: Any) -> bool:
    """Whether what an encoder computes hangs on more than its rows and weights."""
    return (
        (torch.distributed.is_available() and torch.distributed.is_initialized())  # gathers weights on the way
        or _rope(encoder) in ("dynamic", "longrope")  # rotates by the longest row
        or any(
            getattr(part, "gradient_checkpointing", False)  # would draw other masks when it computes again
            or type(part).__module__.startswith("bitsandbytes")  # keeps notes in its layers
            for part in encoder.modules()
        )
    )


def _rope(encoder: Any) -> str | None:
    """The kind of an encoder's rotation of queries and keys; null where it has none."""
    return (getattr(encoder.config, "rope_parameters", None) or {}).get("rope_type")


@cache
def _crew(count: int, threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work; torch divides an operation of theirs among so many of its own."""
    usual, all_there = torch.get_num_threads(), threading.Barrier(count)

    def begin() -> None:
        torch.get_num_threads()  # a thread that is first asked later begins with what another has set by then
        torch.set_num_threads(threads)
        all_there.wait()

    crew = ThreadPoolExecutor(count, "share", initializer=begin)
    list(crew.map(lambda _: None, range(count)))
    torch.set_num_threads(usual)  # what a thread sets for itself, later ones begin with
    return crew


class Shared(torch.autograd.Function):
    """Shares computed at once, forward and backward, each in a graph of its own."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Compute: what does it for some rows, the shares, the threads, whether it is training, the weights."""
        compute, shares, crew, training, *weights = arguments
        number, mixed = torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled("cpu")

        def run(share: list[int], seed: int | None) -> Tensor:  # a thread begins with torch's own settings
            # The cache of weights in 16 bits is one for all threads, which clear it when they end.
            with (
                torch.set_grad_enabled(bool(weights)),
                torch.autocast("cpu", number, mixed, cache_enabled=False),
                drawing(seed),
            ):
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

        sums: list[Tensor | None] = [None] * len(ctx.weights)
        for of_share in ctx.crew.map(run, ctx.shares, ctx.found):
            for index, gradient in enumerate(of_share):
                earlier = sums[index]
                if gradient is not None:
                    sums[index] = gradient if earlier is None else earlier.add_(gradient)
        return (*(None,) * 4, *sums)
