"""IA3: learned vectors that scale activations (Liu et al. 2022, arXiv:2205.05638), through PEFT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from registry.part import LayerNames, Plugin
from runner.adapters import require_layers

if TYPE_CHECKING:
    from collections.abc import Sequence


class Config(Plugin):
    """Infused adapter by inhibiting and amplifying inner activations: one trained number for each feature."""

    type: Literal["ia3"]
    """IA3."""
    target_modules: Annotated[tuple[str, ...], Field(min_length=1), LayerNames()]
    """Ends of the names of the layers that are scaled: by default their outputs."""
    feedforward_modules: Annotated[tuple[str, ...], LayerNames()] = ()
    """Those of them whose inputs are scaled instead: in the paper, the second layer of each feed-forward block."""

    @model_validator(mode="after")
    def _among_the_targets(self) -> Self:
        if others := [name for name in self.feedforward_modules if name not in self.target_modules]:
            raise ValueError(f"`feedforward_modules` are some of the `target_modules`; add {', '.join(others)} there")
        return self


def apply(config: Config, model: Any, heads: Sequence[str]) -> Any:
    """Wrap `model` in IA3; the classification head is trained in full and saved with the adapter.

    Raises:
        InputError: No layer is named as one of the `target_modules`.
    """
    from peft import IA3Config, TaskType, get_peft_model

    require_layers(model, "adapter.target_modules", config.target_modules)
    return get_peft_model(
        model,
        IA3Config(
            task_type=TaskType.SEQ_CLS,
            target_modules=list(config.target_modules),
            feedforward_modules=list(config.feedforward_modules),
            modules_to_save=list(heads),
        ),
    )
