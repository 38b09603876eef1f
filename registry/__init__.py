"""Cards as data: the spec, loading with located errors, finding. Imports no torch and does no network.

>>> import registry
>>> registry.cards()["quickstart"].name
'quickstart.yaml'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.card import Card as Card
    from registry.errors import InputError as InputError
    from registry.errors import MissingError as MissingError
    from registry.errors import ReplicardError as ReplicardError
    from registry.finding import all_cards as cards
    from registry.finding import find as find
    from registry.loading import Loaded as Loaded

_PLACES = {
    "Card": ("registry.card", "Card"),
    "InputError": ("registry.errors", "InputError"),
    "Loaded": ("registry.loading", "Loaded"),
    "MissingError": ("registry.errors", "MissingError"),
    "ReplicardError": ("registry.errors", "ReplicardError"),
    "cards": ("registry.finding", "all_cards"),
    "find": ("registry.finding", "find"),
}
"""The public names, and where each is; imported when it is first asked for."""

__all__ = ["Card", "InputError", "Loaded", "MissingError", "ReplicardError", "cards", "find"]


def __getattr__(name: str) -> Any:
    """A public name of the package (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module 'registry' has no attribute {name!r}")
    import importlib

    module, inside = _PLACES[name]
    return getattr(importlib.import_module(module), inside)
