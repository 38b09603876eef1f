"""4-bit (Dettmers et al. 2023, arXiv:2305.14314) and 8-bit (arXiv:2208.07339) weights, through bitsandbytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import model_validator

from registry.part import Plugin
from registry.vocabulary import DType

if TYPE_CHECKING:
    from collections.abc import Sequence


class Config(Plugin):
    """Quantized weights of the frozen base. Defaults are those of `transformers.BitsAndBytesConfig`."""

    type: Literal["bitsandbytes"]
    """bitsandbytes."""
    bits: Literal[4, 8]
    """Bits of a weight."""
    quant_type: Literal["fp4", "nf4"] = "fp4"
    """Number type of the 4-bit weights."""
    double_quant: bool = False
    """Whether the scales of 4-bit weights are quantized too."""
    compute_dtype: DType = "float32"
    """Number type of the products with 4-bit weights."""

    @model_validator(mode="after")
    def _of_four_bits(self) -> Self:
        if self.bits == 8:
            for name in ("quant_type", "double_quant", "compute_dtype"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"`{name}` is of 4-bit weights, and `bits` is 8; leave it out")
        return self


def arguments(config: Config, heads: Sequence[str]) -> dict[str, Any]:
    """Keyword arguments of `from_pretrained`; the heads stay as they are, because PEFT trains them."""
    import torch
    from transformers import BitsAndBytesConfig

    if config.bits == 8:
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=list(heads))}
    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=config.quant_type,
            bnb_4bit_use_double_quant=config.double_quant,
            bnb_4bit_compute_dtype=getattr(torch, config.compute_dtype),
            llm_int8_skip_modules=list(heads),
        )
    }


def prepare(model: Any) -> Any:
    """Freeze the quantized model, with its norms in float32, so that an adapter can be trained on it.

    Its 4-bit layers are kept from repacking their weights when they first score on a CPU that has AVX512-BF16:
    bitsandbytes 0.50 does not undo that, so that training fails or goes wrong after the scores of an epoch.
    """
    from peft import prepare_model_for_kbit_training

    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    # Checkpointing trades time for memory and is no part of any card.
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def held_bytes(config: Config, outputs: int, inputs: int) -> int:
    """Bytes of the weight of a linear layer with its scales.

    4-bit weights carry one fp32 scale for 64 of them; with double quantization one 8-bit scale for 64 and one fp32 for
    256 of those. 8-bit ones carry one fp32 scale a row.
    """
    if config.bits == 8:
        return outputs * inputs + 4 * outputs
    scales = math.ceil(outputs * inputs / 64)
    return math.ceil(outputs * inputs / 2) + (
        scales + 4 * math.ceil(scales / 256) if config.double_quant else 4 * scales
    )


def keeps_input(config: Config) -> bool:
    """Whether a frozen layer keeps its input for the backward pass: the 8-bit product of bitsandbytes 0.50 does."""
    return config.bits == 8
