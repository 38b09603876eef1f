"""The adapter's method that a README names, and which of its quantization settings are in effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.front_matter import scalars

if TYPE_CHECKING:
    from registry.readme.page import Page

_METHOD = re.compile(r"\b(qlora|lora)\b", re.IGNORECASE)
_LORA = re.compile(
    r"\b(?:with|using|via|through|by|used|including|included|employ\w*|is an?|sft方式)\b[^.\n]{0,60}\b(?:Q?LoRA"
    r"|Low-Rank Adapt\w+)\b|\bQ?LoRA\b[^.\n]{0,40}\b(?:fine-?tun\w+|adapter|training|config\w*|微调)"
    r"|low-rank adapter",
    re.IGNORECASE,
)
_NAMED = re.compile("lora|low-rank", re.IGNORECASE)


def adapter_method(page: Page) -> None:
    """`lora` or `qlora`, where a heading, a sentence, a tag or a setting says so."""
    if _NAMED.search(page.text) is None:
        return
    found: tuple[str, int, int] | None = None
    for line in page.lines:
        if line.role == "use" or line.kind == "code":
            continue
        stop = min(line.end, line.start + 1500)
        if _NAMED.search(page.text, line.start, stop) is None:
            continue
        words = page.text[line.start : stop]
        one = _LORA.search(words) or (_METHOD.search(words) if line.kind == "heading" else None)
        if one is None:
            continue
        method = "qlora" if "qlora" in words.lower() else "lora"
        if found is None or (method == "qlora" and found[0] == "lora"):
            found = method, line.start + one.start(), line.start + one.end()
    found = found or _tagged(page) or _ranked(page)
    if found is not None:
        page.say("adapter.method", *found)


def _tagged(page: Page) -> tuple[str, int, int] | None:
    tags = (one for one in scalars(page.meta.get("tags")) if one.text.lower() in ("lora", "qlora"))
    return next(((one.text.lower(), one.start, one.end) for one in tags), None)


def _ranked(page: Page) -> tuple[str, int, int] | None:
    """A rank or a scale that is called LoRA's."""
    for fact in page.facts:
        if fact.name in ("adapter.alpha", "adapter.r") and "lora" in fact.text.lower():
            return "lora", fact.place.start, fact.place.end
    return None


def quantization_in_effect(page: Page) -> None:
    """Leave out the settings of 4 bits where 8-bit weights are loaded, or none."""
    bits = {fact.value for fact in page.facts if fact.name == "quantization.bits" and fact.status != "placeholder"}
    if bits == {4}:
        return
    page.facts[:] = [
        fact
        for fact in page.facts
        if not (
            fact.name.startswith("quantization.")
            and fact.name != "quantization.bits"
            and ("bnb_4bit" in fact.text or (not bits and "quant" in fact.text))
        )
    ]
