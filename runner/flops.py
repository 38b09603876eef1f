"""Products and sums of a training, and the hours that they take on a device."""

from __future__ import annotations

import time
from typing import Any

OF_PEAK = (0.1, 0.5)
"""Share of a device's peak that a training uses: an assumption, for an interval. The upper end is just above the best
in table 3 of Chowdhery et al. 2022 (PaLM, arXiv:2204.02311; 21 % for GPT-3, 46 % for PaLM; from memory), the lower one
half of its least, for a plain Trainer and small batches. A model of few million parameters uses less: a GPU then waits
for its next kernel to be started."""

OF_PRODUCT = (0.3, 1.0)
"""The same of what a large matrix product was measured to reach, which leaves out what no program reaches."""

_SECONDS = 0.1


def training_flops(model: Any, tokens: float, length: int) -> float:
    """Products and sums of the matrix products of a training, every text at full length: an upper bound.

    Two for each token and parameter of a product forward and two for the gradient of its input; two more for each
    trained one, for its own gradient (Kaplan et al. 2020, arXiv:2001.08361, section 2.1). Besides, every token meets
    every token in each layer, twice (scores and values), forward and two times backward.

    Args:
        model: The classifier, which may be on the meta device.
        tokens: Tokens over the training.
        length: Tokens of a text.
    """
    parameters = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    products = parameters - sum(m.weight.numel() for m in model.modules() if type(m).__name__ == "Embedding")
    attention = model.config.num_hidden_layers * length * model.config.hidden_size
    return float(tokens * (4 * products + 2 * min(trained, products) + 12 * attention))


def hours(flops: float, speed: float, share: tuple[float, float]) -> tuple[float, float]:
    """Fewest and most hours at `speed` FLOP/s, of which a training uses between the two shares."""
    least, most = share
    return flops / speed / most / 3600, flops / speed / least / 3600


def product_speed(device: str, precision: str) -> float:
    """FLOP/s of a square matrix product on this machine, measured in well under a second.

    Args:
        device: Kind of device.
        precision: `fp32`, `fp16` or `bf16`.
    """
    import torch

    kind = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    size = 1024 if device == "cpu" else 8192
    left, right = (torch.ones((size, size), dtype=kind, device=device) for _ in range(2))

    def once() -> float:
        started = time.perf_counter()
        (left @ right)[0, 0].item()  # waits for the device
        return time.perf_counter() - started

    once()  # loads the kernels
    best, ends = once(), time.perf_counter() + _SECONDS
    while time.perf_counter() < ends:
        best = min(best, once())
    return 2 * size**3 / best
