"""Read a README into a `Document`: what it reports, and what it states of the data, the recipe and the hardware.

Deterministic, without a network or a language model. A number is never invented: where the words leave open what it is,
nothing is read. `registry.markdown` and `registry.front_matter` cut the README into parts, `registry.readme.identity`
reads what the model is, `registry.readme.recipe` how it was trained, `registry.readme.results` what it reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.document import Document
from registry.readme.adapter import adapter_method, quantization_in_effect
from registry.readme.base import leave_the_base
from registry.readme.completeness import sections
from registry.readme.identity import read_identity
from registry.readme.page import Page, page_of
from registry.readme.recipe import read_pairs
from registry.readme.results import read_results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.document import Fact

MAX_CHARACTERS = 100_000
"""What stands behind is not read, as what stands behind `registry.markdown.MAX_EFFORT` and, of sentences, behind
`registry.readme.page.MAX_SENTENCES`; `Document.unread` says how much that is."""


def read(text: str, name: str) -> Document:
    """Read a README.

    Args:
        text: The README.
        name: What findings call it: a path, or `hub:owner/name`.

    Returns:
        What it says; of a text that is no model card, nothing.
    """
    page = page_of(text[:MAX_CHARACTERS], name)
    read_identity(page)
    leave_the_base(page)
    read_pairs(page)
    adapter_method(page)
    quantization_in_effect(page)
    read_results(page)
    if len(page.text) < len(text):
        _without_cut_table(page)
    return Document(
        name, text, tuple(page.results), tuple(page.tables), tuple(_once(page)), sections=sections(page),
        unread=len(text) - page.stop,
    )  # fmt: skip


def _without_cut_table(page: Page) -> None:
    """Drop the table that the text that is read ends in: whoever counts its epochs would count wrong."""
    last = [line.start for line in page.lines if line.block == page.lines[-1].block]
    if last and page.lines[-1].kind == "table":
        page.tables[:] = [table for table in page.tables if table.place.start < last[0]]


def _once(page: Page) -> Iterator[Fact]:
    """Facts in the order they stand, one that is said twice in the same place once."""
    seen: set[tuple[str, Any, int]] = set()
    for fact in sorted(page.facts, key=lambda one: (one.place.start, one.place.end)):
        key = (fact.name, fact.value, fact.place.start)
        if key not in seen:
            seen.add(key)
            yield fact
