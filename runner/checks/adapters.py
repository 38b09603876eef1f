"""Adapters and quantization against the sizes that they are said to save or train.

4-bit loading replaces the weights of linear layers (bitsandbytes `Linear4bit`); embeddings, norms and the head stay.
In a small model most parameters are embeddings, so that there is little to save. LoRA of rank r on a layer of i inputs
and o outputs trains r·(i + o) parameters (Hu et al. 2021, arXiv:2106.09685, section 4.1); its B starts at zero and it
is trained at rates of 1e-4 to 1e-3 there (tables 9 to 12: 2e-4 to 5e-4; from memory), ten times those of full
fine-tuning. Whether fewer will do is settled by running it, so these are suspicions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.shapes import SHAPES, linear_layers, matrix_parameters, parameters
from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document
    from registry.shapes import Shape

KINDS: Mapping[str, str] = {
    "quantized-share": "So few parameters sit in quantized layers that quantization saves next to nothing.",
    "learning-rate": "A learning rate for full fine-tuning on an adapter of very few parameters.",
    "optimizer": "LoRA with an optimizer of bitsandbytes: quantized weights are usual then, and none are declared.",
    "trainable-share": "Trainable parameters, all parameters and their share do not fit each other.",
}

_SMALL_SHARE = 0.25
_SMALL_ADAPTER = 100_000
_LOW_RATE = 1e-4
_DEFAULT_RANK = 8
_DEFAULT_TARGETS = frozenset({"query", "value", "q_lin", "v_lin", "q_proj", "v_proj"})
"""PEFT's rank, and its layers for these families (`TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING`)."""
_BITSANDBYTES = re.compile(r"\bpaged_\w+|\w+_bnb_\w+|\badamw?_8bit\b|\blion_8bit\b", re.IGNORECASE)
_PRINTED = re.compile(
    r"trainable params:?\s*([\d,]+)\s*\|+\s*all params:?\s*([\d,]+)\s*\|+\s*trainable\s*%:?\s*(\d+(?:\.\d+)?)",
    re.IGNORECASE,
)
"""What `PeftModel.print_trainable_parameters` prints."""


def check(document: Document) -> Iterator[Finding]:
    """What the sizes say."""
    yield from _optimizer(document)
    yield from _printed(document)
    shape = _shape(document)
    if shape is not None:
        yield from _share(document, shape)
        yield from _rate(document, shape)


def _shape(document: Document) -> Shape | None:
    """The base's shape: of the card, or of a base known by its id."""
    if document.card is not None:
        return document.card.base.architecture
    base = document.value("base_model")
    return SHAPES.get(base) if isinstance(base, str) else None


def _optimizer(document: Document) -> Iterator[Finding]:
    fact = document.fact("optimizer")
    if fact is None or fact.status == "assumed" or document.said("quantization.bits"):
        return
    found = _BITSANDBYTES.search(f"{fact.value} {fact.text}")
    if found is None or document.value("adapter.method") != "lora":
        return  # `qlora` says it, and in full fine-tuning it saves memory on its own
    yield Finding(
        id="adapters/optimizer",
        verdict="ambiguous",
        where=fact.place.where,
        message=f"{found.group()} is an optimizer of bitsandbytes; were the weights quantized, too? Nothing says so",
        remedy="say how the weights were loaded: in 4 or 8 bits, or in full",
    )


def _printed(document: Document) -> Iterator[Finding]:
    if "trainable" not in document.text:
        return
    for found in _PRINTED.finditer(document.text):
        trained, all_ = (int(found[group].replace(",", "") or 0) for group in (1, 2))
        decimals = len(found[3].partition(".")[2])
        if all_ and abs(100 * trained / all_ - float(found[3])) > 10**-decimals:
            yield Finding(
                id="adapters/trainable-share",
                verdict="suspicious",
                where=document.at(found.start(), found.end()).where,
                message="the share of trainable parameters is not that of the two numbers beside it",
                arithmetic=f"100 × {trained:,} / {all_:,} = {100 * trained / all_:.{decimals}f} ≠ {found[3]}",
                remedy="print it again",
            )


def _share(document: Document, shape: Shape) -> Iterator[Finding]:
    bits = document.fact("quantization.bits")
    if bits is None or bits.status == "assumed" or not isinstance(bits.value, int):
        return
    if document.card is not None and document.card.source is None:
        return  # nobody claims that it saves anything
    quantized, all_ = matrix_parameters(shape), parameters(shape)
    if quantized / all_ >= _SMALL_SHARE:
        return
    saved = quantized * (16 - bits.value) / 8 / 1e6
    yield Finding(
        id="adapters/quantized-share",
        verdict="suspicious",
        where=bits.place.where,
        message=f"{bits.value}-bit weights save {saved:.1f} MB here: only {quantized / all_:.0%} of the parameters "
        f"sit in "
        "layers that are quantized",
        arithmetic=f"{quantized / 1e6:.3f}M / {all_ / 1e6:.3f}M = {quantized / all_:.1%}; "
        f"{quantized / 1e6:.3f}M × {16 - bits.value} / 8 bytes = {saved:.1f} MB less than in 16 bits",
        remedy="confirm that it was quantized, and measure what that saved",
    )


def _rate(document: Document, shape: Shape) -> Iterator[Finding]:
    method, rate = document.value("adapter.method"), document.fact("learning_rate")
    if method not in ("lora", "qlora") or rate is None or rate.status == "assumed":
        return
    if not isinstance(rate.value, float) or rate.value >= _LOW_RATE:
        return
    rank, targets = document.value("adapter.r") or _DEFAULT_RANK, document.value("adapter.target_modules")
    names = _DEFAULT_TARGETS if targets is None else frozenset(targets)
    layers = [size for name, size in linear_layers(shape).items() if names & {name, name.rpartition(".")[2]}]
    trained = sum(count * rank * (inputs + outputs) for count, inputs, outputs in layers)
    if not 0 < trained < _SMALL_ADAPTER:
        return
    guessed = [
        f"rank {rank}" if name == "adapter.r" else "query and value layers"
        for name in ("adapter.r", "adapter.target_modules")
        if all(fact.status == "assumed" for fact in document.said(name))
    ]
    count, inputs, outputs = layers[0]
    yield Finding(
        id="adapters/learning-rate",
        verdict="suspicious",
        where=rate.place.where,
        message=f"a learning rate of {rate.value:g} on {trained:,} trained LoRA parameters is usually far too low"
        + (f" (under the assumed {' and '.join(guessed)})" if guessed else ""),
        arithmetic=f"{len(layers)} × {count} layers × {rank} × ({inputs} + {outputs}) = {trained:,} parameters; "
        f"{rate.value:g} < 1e-4",
        remedy="confirm the learning rate and what was trained; the head is trained, too",
    )
