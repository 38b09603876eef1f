"""A module that behaves otherwise in every process started: what must be counted or broken where no test can reach."""

from __future__ import annotations


def altered(module: str, ready: str, code: str) -> str:
    """A `sitecustomize` that alters a module as soon as it is imported.

    Args:
        module: The module's name.
        ready: An attribute that the module has once `code` can run.
        code: Python that finds the module under the name `it`.
    """
    return f"""
import builtins, sys
real = builtins.__import__

def importing(name, *more, **named):
    found = real(name, *more, **named)
    it = sys.modules.get({module!r})
    if hasattr(it, {ready!r}):
        builtins.__import__ = real
        exec({code!r}, {{"it": it}})
    return found

builtins.__import__ = importing
"""
