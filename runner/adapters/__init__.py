"""Adapters, one file each: `Config` is the card's section, `apply` wraps the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable


def require_layers(model: Any, field: str, names: Iterable[str]) -> None:
    """Refuse names of no layer, which PEFT would pass over as long as one name fits.

    Args:
        model: The model.
        field: The card's field that holds the names.
        names: Ends of the names of layers.

    Raises:
        InputError: With each name that is none.
    """
    from torch import nn

    have = {name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    problems = [
        Problem("", field, f"no layer is named {wanted!r}; {did_you_mean(wanted, have)}")
        for wanted in names
        if not any(name == wanted or name.endswith(f".{wanted}") for name, _ in model.named_modules())
    ]
    if problems:
        raise InputError(problems)
