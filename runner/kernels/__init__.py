"""Fast training and scoring with the same result: no padding is computed, and what is not a product is fused.

The rest of the runner asks for it by `enable` and about it by `told` and `is_fast`. A classifier that this changes is
still transformers' own, with or without adapter and quantization; batches, loss and schedule are untouched.
"""

from __future__ import annotations

from importlib import util
from typing import Any, Literal, get_args

from runner.kernels.families import FAMILIES

Name = Literal["fast", "reference"]
"""`fast` computes no padding, where it knows how; `reference` is transformers as it is."""

NAMES: tuple[Name, ...] = get_args(Name)

_TOLD = "_replicard_kernels"
"""Where a model carries what computes it, so that a copy of it does too."""


def enable(model: Any, wanted: str, device: str, precision: str, tokenizer: Any = None) -> str:
    """Let a classifier compute fast where that is wanted and known to be right.

    Args:
        model: A classifier of transformers, or PEFT's around one; changed in place, once.
        wanted: `fast` or `reference`.
        device: Kind of device.
        precision: Number type of the products: `fp32`, `bf16` or `fp16`.
        tokenizer: What fills up its rows; null is one that does so on the right, with the token that the model knows.

    Returns:
        What computes it, in a line for the record: begins with `fast` or `reference`, and tells why.
    """
    classifier = inner(model)
    if not is_fast(classifier):
        reason = unfit(classifier, device, precision, tokenizer) if wanted == "fast" else "asked for"
        setattr(classifier, _TOLD, f"reference ({reason})" if reason else f"fast ({_enable(model, device)})")
    return told(classifier)


def told(model: Any) -> str:
    """What computes a classifier, as `enable` told."""
    return str(getattr(inner(model), _TOLD, "reference (nobody asked for another)"))


def is_fast(model: Any) -> bool:
    """Whether a classifier computes fast."""
    return told(model).startswith("fast")


def _enable(model: Any, device: str) -> str:
    """Change a model; returns how."""
    from runner.kernels import dropout, native, packing

    if device == "cpu":
        dropout.replace(model)
    packing.Packing(inner(model))
    if device != "cpu":
        return "packed rows, flash attention"
    return "packed rows, fused kernels " + ("compiled" if native.library() is not None else "in torch, not compiled")


def inner(model: Any) -> Any:
    """The model of transformers, within an adapter's."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def unfit(model: Any, device: str, precision: str, tokenizer: Any = None) -> str | None:
    """Why a model cannot be computed fast; null where it can.

    Args:
        model: The model of transformers.
        device: Kind of device.
        precision: Number type of the products.
        tokenizer: As of `enable`.
    """
    config, on_cpu = model.config, device == "cpu"
    kind, family = config.model_type, FAMILIES.get(config.model_type)
    decoder, on_the_left = family is not None and family.decoder, getattr(tokenizer, "padding_side", None) == "left"
    pad = config.get_text_config().pad_token_id
    inside = [getattr(config, name, 0.0) for name in ("attention_probs_dropout_prob", "attention_dropout")]
    reasons = {
        f"packing is not known to be right for {kind}": family is None,
        "only of a sequence classifier is it known what its head reads": (
            not type(model).__name__.endswith("ForSequenceClassification")
        ),
        "an encoder that is padded on the left reads its padding": on_the_left and not decoder,
        "a decoder whose tokenizer pads with another token than it knows reads its padding": (
            decoder and tokenizer is not None and tokenizer.pad_token_id != pad
        ),
        "an encoder that decodes reads a token that sees no other": getattr(config, "is_decoder", False)
        and not decoder,
        "its feed-forward layers compute in chunks": bool(getattr(config, "chunk_size_feed_forward", 0)),
        "fp16 is not fused": on_cpu and precision == "fp16",
        f"there is no packed attention for {device}": device not in ("cpu", "cuda"),
        "flash attention computes in 16 bits": not on_cpu and precision == "fp32",
        "dropout within attention needs the package flash-attn here": (
            not on_cpu and any(inside) and util.find_spec("flash_attn") is None
        ),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
