"""Memory of a training by part: what is held, what a step adds, and how much of both there is at once.

Weights, gradients and optimizer state are sums over parameters. Activations are not a formula here: one training step
runs on tensors that have sizes but no storage (`FakeTensorMode`), so that what counts is what this version of
transformers, PEFT and autograd really keeps, attention, adapter, autocast and all. For a layer in 16 bits with dropout
whose attention weights are kept, that comes near the well-known s·b·h·(34 + 5·a·s/h) bytes (Korthikanti et al. 2022,
arXiv:2205.05198, section 4.1); a test compares them, and others compare with what real forward passes keep.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from runner.plugins import Quantizer

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}

# Moments an optimizer keeps of each trained value: two for Adam and its kin, one for momentum and the rest.
_MOMENTS = {"adamw": 2, "ademamix": 3, "lion": 1, "sgd": 0, "adagrad": 1, "rmsprop": 1}
_OF_BITSANDBYTES = ("paged_", "bnb", "8bit", "32bit", "ademamix")
# bitsandbytes 0.50 (`optim/optimizer.py`): 8-bit states have an fp32 scale for each block; smaller tensors stay fp32.
_8BIT_BLOCK, _8BIT_LEAST = 256, 4096

_WORKING = 40 * 2**20
"""What a process that trains on a CPU takes besides, whatever the model: objects, pages of code and scratch that come
with the first step. Measured with a model of 1 M parameters, whose parts are 28 MiB and which took 64."""

_FEW = 2  # the first layer of a frozen base is another: nothing before it has a gradient


@dataclass(frozen=True)
class Parts:
    """What a training holds from step to step, in bytes.

    Attributes:
        weights: Of the base, quantized where declared.
        adapter: Weights that the adapter brings, the copy of the head that it trains included.
        gradients: Of all trained weights.
        state: Of the optimizer.
        unpacked: Of the weights that are unpacked for a product, one after the other; held by none.
    """

    weights: int
    adapter: int
    gradients: int
    state: int
    unpacked: int = 0


def peak(parts: Parts, activations: int, passing: int, step: int, largest: int, accumulates: bool, device: str) -> int:
    """Most memory at one time, in bytes above what the process takes before it has a model.

    An accelerator's allocator uses anew what was freed: gradients grow while activations go, unless those of an earlier
    batch are there already. The heap of a CPU, which keeps what is freed (`runner.trainer`), is cut up by the gradients
    and states that settle in the room of the first activations: the next ones, and whatever passes through, find no gap
    that fits, so that all parts add up. Nor does an unpacked weight fit into the gap of another of its size before
    glibc 2.38, whose aligned blocks need a little more than they leave (its bug 14581): each leaves one, forward and
    backward. `bench/memory.py` shows both.

    Args:
        parts: What is held.
        activations: What the forward pass of a batch keeps for the backward pass.
        passing: Most that the backward pass takes for a moment besides.
        step: Most that the optimizer takes for a moment.
        largest: The largest gradient; where they are added up, a second one of it passes through.
        accumulates: Whether the gradients of several batches are added up.
        device: Kind of device.
    """
    always = parts.weights + parts.adapter + parts.state
    if device == "cpu":
        gaps = 2 * parts.unpacked + (largest if accumulates else 0)
        return always + parts.gradients + activations + passing + step + gaps + _WORKING
    earlier = parts.gradients if accumulates else 0
    return always + max(earlier + activations + passing, parts.gradients + max(passing, step, largest))


def hold_quantized(model: Any, heads: Sequence[str], quantizer: Quantizer, config: Any) -> None:
    """Let the linear layers of a model without weights, all but the heads', weigh and work as quantized ones.

    Args:
        model: On the meta device; changed in place.
        heads: Names of the head's modules.
        quantizer: The quantizer.
        config: The card's section.
    """
    layers: list[tuple[str, Any]] = [pair for pair in model.named_modules() if isinstance(pair[1], nn.Linear)]
    for name, layer in layers:
        if not set(name.split(".")) & set(heads):
            layer.requires_grad_(False)
            layer.weight.held_bytes = quantizer.held_bytes(config, layer.out_features, layer.in_features)
            layer.forward = _unpacking(layer, quantizer.keeps_input(config))


def held(parameters: Iterable[nn.Parameter]) -> int:
    """Bytes of parameters, quantized ones as they are held."""
    return sum(getattr(parameter, "held_bytes", parameter.nbytes) for parameter in parameters)


def unpacked(model: Any) -> int:
    """Bytes that the quantized weights of a model have when they are unpacked."""
    return sum(parameter.nbytes for parameter in model.parameters() if hasattr(parameter, "held_bytes"))


def embeddings(model: Any) -> list[Any]:
    """Parameters of embeddings."""
    return [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]


def state_bytes(optimizer: str, trained: Iterable[nn.Parameter], embeddings: Iterable[nn.Parameter] = ()) -> int:
    """Bytes of optimizer state: torch keeps it in the weights' type, bitsandbytes in fp32 or in 8 bits.

    Adafactor keeps the means of rows and of columns, in fp32, instead of the whole second moment (Shazeer & Stern 2018,
    arXiv:1804.04235).

    Args:
        optimizer: Name of the optimizer.
        trained: Trained parameters.
        embeddings: Those of them that the Trainer keeps from 8-bit states: of embeddings.
    """
    of_embeddings = {id(parameter) for parameter in embeddings}
    total = 0
    for parameter in trained:
        shape = parameter.shape
        if optimizer == "adafactor":
            values = shape[:-1].numel() + (shape[:-2] + shape[-1:]).numel() if len(shape) > 1 else shape.numel()
            total += 4 * values
            continue
        moments = _MOMENTS[max((known for known in _MOMENTS if known in optimizer), key=len)]
        if not any(part in optimizer for part in _OF_BITSANDBYTES):
            total += moments * parameter.nbytes
        elif "8bit" in optimizer and shape.numel() >= _8BIT_LEAST and id(parameter) not in of_embeddings:
            total += moments * (shape.numel() + 4 * math.ceil(shape.numel() / _8BIT_BLOCK))
        else:
            total += 4 * moments * shape.numel()
    return total


def passing_through(optimizer: str, trained: Sequence[nn.Parameter], device: str) -> int:
    """Bytes an optimizer step takes beside gradients and state: torch's own work on copies.

    On an accelerator they work on all parameters at once (`foreach`: about the parameters' size more, says torch's
    page of `AdamW`), elsewhere on one after the other, with two copies of it; fused and bitsandbytes' ones on none.
    """
    if optimizer == "adamw_torch_fused" or any(part in optimizer for part in _OF_BITSANDBYTES) or not trained:
        return 0
    largest = max(parameter.nbytes for parameter in trained)
    if optimizer == "adafactor" or device not in ("cuda", "xpu"):
        return 2 * largest
    return sum(parameter.nbytes for parameter in trained)


def activations(model: Any, batch: int, length: int, precision: str, device: str) -> tuple[int, int]:
    """Bytes that the forward pass of a batch keeps for the backward pass, and most that passes through besides.

    Layers are alike, so that two and three of them tell what every further one adds: a large model takes no longer.

    Args:
        model: On the meta device; its parameters are replaced.
        batch: Rows.
        length: Tokens of each.
        precision: `fp32`, or the type of autocast.
        device: Kind of device: on a CPU, attention with dropout keeps its weights, because the fused one has none.
    """
    name, layers = max(
        ((name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)),
        key=lambda found: len(found[1]),
        default=("", nn.ModuleList()),
    )
    if len(layers) <= _FEW + 1:
        return _traced(model, batch, length, precision, device)
    found = []
    for count in (_FEW, _FEW + 1):
        model.set_submodule(name, layers[:count])
        found.append(_traced(model, batch, length, precision, device))
    model.set_submodule(name, layers)
    (few, _), (more, passing) = found
    return more + (len(layers) - _FEW - 1) * (more - few), passing


def _traced(model: Any, batch: int, length: int, precision: str, device: str) -> tuple[int, int]:
    """The same for a model as it is, run forward and backward."""
    with FakeTensorMode(allow_non_fake_inputs=True), _attention_of(device):
        _give_sizes(model)
        tokens = torch.ones((batch, length), dtype=torch.long)
        labels = torch.zeros(batch, dtype=torch.long)
        model.train()
        model.config.pad_token_id = 0  # a decoder wants one; which it is makes no difference
        with _Counting() as counting:
            cast = _AUTOCAST.get(precision)
            with torch.autocast("cpu", cast) if cast is not None else contextlib.nullcontext():
                loss = model(input_ids=tokens, attention_mask=torch.ones_like(tokens), labels=labels).loss
            kept = counting.now
            loss.backward()
            return kept, counting.most - kept


def _give_sizes(model: Any) -> None:
    """Put tensors without storage, but of the CPU and so within reach of its autocast, in the place of meta ones."""
    sized: dict[int, torch.Tensor] = {}

    def of(tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in sized:  # tied weights stay tied
            sized[id(tensor)] = torch.empty(tensor.shape, dtype=tensor.dtype)
        return sized[id(tensor)]

    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(of(parameter), parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = of(buffer)


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of every storage from the operation that makes it until nothing holds it any more."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self.known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for storage in _storages((args, kwargs)):
            self._know(storage, 0)  # what was there before
        out = func(*args, **(kwargs or {}))
        for storage in _storages(out):
            self._know(storage, storage.nbytes())
        self.most = max(self.most, self.now)
        return out

    def _know(self, storage: torch.UntypedStorage, size: int) -> None:
        key = id(storage)
        if key in self.known:
            return

        def gone(_: object) -> None:
            del self.known[key]
            self.now -= size

        self.known[key] = weakref.ref(storage, gone)
        self.now += size


def _storages(values: Any) -> Iterator[torch.UntypedStorage]:
    for leaf in tree_leaves(values):
        if isinstance(leaf, torch.Tensor):
            yield leaf.untyped_storage()


@contextlib.contextmanager
def _attention_of(device: str) -> Iterator[None]:
    """Let attention be that of the device: CUDA's and XPU's fused kernels know dropout, the CPU's does not."""
    if device not in ("cuda", "xpu"):
        yield
        return

    class Fused(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            given = dict(kwargs or {})
            if func is nn.functional.scaled_dot_product_attention:
                given["dropout_p"] = 0.0
            return func(*args, **given)

    with Fused():
        yield


class _Unpacked(torch.autograd.Function):
    """A product with a frozen weight that is unpacked for it, forward and backward, and not kept."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, keeps: bool) -> Any:
        ctx.weight, ctx.kept = weight, inputs if keeps else None
        return nn.functional.linear(inputs, _unpack(weight, inputs), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return gradients[0] @ _unpack(ctx.weight, gradients[0]), None, None, None


def _unpack(weight: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.empty(weight.shape, dtype=like.dtype, device=weight.device)


def _unpacking(layer: Any, keeps_input: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    def forward(inputs: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = _Unpacked.apply(inputs, layer.weight, layer.bias, keeps_input)  # type: ignore[no-untyped-call]
        return product.to(inputs.dtype)

    return forward
