"""What is done with a card: plan, data, model, training, evaluation, audit, rendering.

The functions of `runner.api` are the package's own: `runner.load`, `runner.audit_readme`, `runner.reproduce`,
`runner.read`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.api import Reproduction as Reproduction
    from runner.api import audit_readme as audit_readme
    from runner.api import load as load
    from runner.api import read as read
    from runner.api import reproduce as reproduce

__all__ = ["Reproduction", "audit_readme", "load", "read", "reproduce"]


def __getattr__(name: str) -> Any:
    """A function of `runner.api`, imported when it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'runner' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("runner.api"), name)
