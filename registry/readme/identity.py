"""What a README says the model is: base model, license, language, datasets, task, classes and versions of software.

The front matter speaks first; the body is asked for what it leaves out, by `registry.readme.base` for the base model,
`registry.readme.data` for the data and `registry.readme.task` for the task and
`registry.readme.classes` for the classes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.front_matter import scalars
from registry.languages import code_of_name
from registry.markdown import plain
from registry.readme.base import read_base
from registry.readme.classes import read_classes
from registry.readme.data import read_data
from registry.readme.recipe import is_placeholder
from registry.readme.task import read_task

if TYPE_CHECKING:
    from registry.readme.page import Page

_LICENSES = (
    ("apache-2.0", re.compile(r"apache(?:[ -]?(?:license)?,?[ -]?(?:version )?2(?:\.0)?)", re.I)),
    ("mit", re.compile(r"^\W*mit\b(?: license)?", re.I)),
    ("cc-by-nc-sa-4.0", re.compile(r"cc[- ]by[- ]nc[- ]sa[- ]4", re.I)),
    ("cc-by-nc-4.0", re.compile(r"cc[- ]by[- ]nc[- ]4", re.I)),
    ("cc-by-sa-4.0", re.compile(r"cc[- ]by[- ]sa[- ]4", re.I)),
    ("cc-by-4.0", re.compile(r"cc[- ]by[- ]4", re.I)),
    ("gpl-3.0", re.compile(r"^\W*(?:gnu )?gpl[- ]?(?:v)?3", re.I)),
    ("bsd-3-clause", re.compile(r"bsd[- ]3", re.I)),
    ("llama2", re.compile(r"^\W*llama[- ]?2\b", re.I)),
    ("llama3", re.compile(r"^\W*(?:meta )?llama[- ]?3\b(?!\.\d)", re.I)),
    ("gemma", re.compile(r"^\W*gemma\b", re.I)),
)
_VERSION = re.compile(
    r"[*_`\s]{0,6}(transformers|pytorch|torch|datasets|tokenizers|peft|tensorflow|trl|python|accelerate"
        r"|bitsandbytes|sentence[- ]transformers|setfit|keras|unsloth)"
    r"[*_`\s]{0,4}(?:version)?(?:\s\(GPU\?\))?\s{0,3}[:=]{0,2}[*_`\s]{0,4}(?:\1 )?v?"
    r"(\d{1,3}(?:\.\d{1,4})+(?:[.+-]?[a-z]\w{0,20}|\+\w{1,20}){0,4}"
        r"|\d{1,3}\.\d{1,4}\S{0,12})", re.IGNORECASE,
)  # fmt: skip
_LABELLED = re.compile(
    r"[*_`\s]{0,6}(licen[sc]e|language\(s\)(?: \(nlp\))?|languages?)\s?(?:\[optional\])?[*_`\s]{0,6}:[*_`\s]{0,6}"
    r"(.{2,200})",
    re.IGNORECASE,
)
_AND = re.compile(r"\s?(?:,\s?and\s|,|;|&|/|\sand\s)\s?")


def read_identity(page: Page) -> None:
    """Base model, license, language, data, task, classes and versions: the front matter's, else the body's."""
    _of_meta(page)
    versions = _blocks_of_versions(page)
    for line in page.lines:
        if line.kind == "code" and line.block not in versions:
            continue
        if line.role == "use" and line.kind != "item":
            continue
        words = page.text[line.start : min(line.end, line.start + 400)]
        if line.kind != "heading" and "." in words and (found := _VERSION.match(words)) is not None:
            package = "pytorch" if found[1].lower() == "torch" else found[1].lower()
            page.say(f"framework_versions.{package}", found[2], line.start, line.end)
        if ":" in words[:60]:
            _labelled(page, words, line.start, line.end)
    for grid in page.grids:
        for row in (grid.header, *grid.rows):
            if len(row) == 2:
                _labelled(page, f"{row[0].text}: {row[1].text}", row[0].start, row[1].end)
    read_base(page)
    read_data(page)
    read_task(page)
    read_classes(page)


def _blocks_of_versions(page: Page) -> frozenset[int]:
    """Blocks of code that list versions."""
    return frozenset(
        line.block
        for line in page.lines
        if line.kind == "code" and page.text.find("Transformers", line.start, line.start + 16) >= 0
    )


def _of_meta(page: Page) -> None:
    one = next(scalars(page.meta.get("license")), None)
    if one is not None:
        page.say("license", one.text.strip(), one.start, one.end)
    for key in ("language", "datasets", "base_model"):
        values = list(scalars(page.meta.get(key)))
        texts = tuple(one.text.strip() for one in values)
        if values:
            only = key == "base_model" and len(values) == 1
            page.say(key, texts[0] if only else texts, values[0].start, values[-1].end)


def _labelled(page: Page, words: str, start: int, end: int) -> None:
    """`**License:** MIT`, and what else the Hub's template lists so."""
    found = _LABELLED.match(words)
    if found is None:
        return
    fact, value = "license" if found[1].lower().startswith("licen") else "language", found[2].strip()
    if is_placeholder(value):
        page.say(fact, None, start, end, "placeholder")
    elif not page.has(fact):
        bare = plain(value).strip(" .\\")
        told = _license(bare) if fact == "license" else _languages(bare)
        if told is not None:
            page.say(fact, told, start, end)


def _license(words: str) -> str | None:
    return next((tag for tag, pattern in _LICENSES if pattern.search(words)), None)


def _languages(words: str) -> tuple[str, ...] | None:
    """The codes of languages that are listed by name; null where one of the words is no language.

    >>> _languages("English, German and Dutch")
    ('en', 'de', 'nl')
    """
    codes = [code_of_name(one) for one in _AND.split(words[:120])]
    told = tuple(code for code in codes if code is not None)
    return told if told and len(told) == len(codes) else None
