"""LoRA: low-rank updates of chosen linear layers (Hu et al. 2021, arXiv:2106.09685), through PEFT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from registry.part import LayerNames, Plugin
from runner.adapters import require_layers

if TYPE_CHECKING:
    from collections.abc import Sequence


class Config(Plugin):
    """Low-rank adaptation. Defaults are those of `peft.LoraConfig`."""

    type: Literal["lora"]
    """LoRA."""
    r: Annotated[int, Field(gt=0)] = 8
    """Rank of the update."""
    alpha: Annotated[float, Field(gt=0)] = 8.0
    """The update is scaled by alpha / r."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout on the input of the update."""
    target_modules: Annotated[tuple[str, ...], Field(min_length=1), LayerNames()]
    """Ends of the names of the layers that are adapted."""
    rslora: bool = False
    """Scale by alpha / √r instead (rank-stabilized LoRA: Kalajdzievski 2023, arXiv:2312.03732)."""
    dora: bool = False
    """Train the weights' magnitudes beside the update (DoRA: Liu et al. 2024, arXiv:2402.09353)."""


def apply(config: Config, model: Any, heads: Sequence[str]) -> Any:
    """Wrap `model` in LoRA; the classification head is trained in full and saved with the adapter.

    Raises:
        InputError: No layer is named as one of the `target_modules`.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    require_layers(model, "adapter.target_modules", config.target_modules)
    return get_peft_model(
        model,
        LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=config.r,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=list(config.target_modules),
            use_rslora=config.rslora,
            use_dora=config.dora,
            # PEFT finds the heads it knows by the end of their names; named, they do not hang on that.
            modules_to_save=list(heads),
        ),
    )
