"""What may be removed from texts, in the order a card gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TAG = re.compile(r"<[^<>]*>")
_SPECIAL = re.compile(r"[^\w\s]")


def strip_html(text: str) -> str:
    """Replace tags by a space: `a<br />b` → `a b`."""
    return _TAG.sub(" ", text)


def strip_special_characters(text: str) -> str:
    """Remove what is no letter, digit, underscore or white space."""
    return _SPECIAL.sub("", text)


def collapse_whitespace(text: str) -> str:
    """One space between words, none around."""
    return " ".join(text.split())


STEPS: dict[str, Callable[[str], str]] = {
    "strip_html": strip_html,
    "strip_special_characters": strip_special_characters,
    "collapse_whitespace": collapse_whitespace,
}


def clean(text: str, steps: Sequence[str]) -> str:
    """Apply the steps in their order."""
    for step in steps:
        text = STEPS[step](text)
    return text
