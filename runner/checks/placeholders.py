"""Placeholders and parts of a template that nobody filled in.

Three kinds of words are certain: a number that calls itself an example ("e.g., 89.20%"), the Hub's own mark `[More
Information Needed]` (huggingface_hub, `templates/modelcard_template.md`; the Trainer writes "More information
needed"), and what only an unfinished text has: the template's variables, `TODO`, lorem ipsum, and its title "Model
Card for Model ID". Code is left out: a `{{ … }}` or a TODO in a snippet is no hole in the card.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document

KINDS: Mapping[str, str] = {
    "number": "A number is written as an example (`e.g.`, `XX.X`, TBD): it is no result and is never compared.",
    "sections": "Sections say only `[More Information Needed]`.",
    "template": "Words of a template are left: `{{ … }}`, TODO, lorem ipsum, `Model Card for Model ID`.",
}

_NEEDED = re.compile(r"\[more information needed\]|^[ \t]*more information needed[ \t]*$", re.IGNORECASE | re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{2,6}[ \t]+(.+?)[ \t]*#*$|^\*\*(.{1,60}?):?\*\*:?[ \t]*$", re.MULTILINE)
_LABEL = re.compile(r"^[-*\s]*\*\*(.{1,60}?):?\*\*")
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`|<!--.*?-->|<script.*?</script>", re.DOTALL)
_LEFT = re.compile(
    r"\{\{\s*\w+\s*\|\s*default\(|\{\{\s*(?:model_\w+|base_model|license|card_data|developers|language)\s*\}\}"
    r"|(?-i:(?<![\w/#-])TODO(?=[:\s.)\]]|$))|\blorem ipsum\b|^#+ Model Card for Model ID\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_HINTS = ("{{", "lorem ipsum", "model card for model id")


def check(document: Document) -> Iterator[Finding]:
    """Numbers, sections and words that were never filled in."""
    for index, result in enumerate(document.results):
        if result.placeholder:
            yield Finding(
                id="placeholders/number",
                verdict="placeholder",
                claims=(index,),
                where=result.place.where,
                message=f"{result.metric} {result.number.text!r} is written as an example, not as a result",
                remedy="write the measured value, or take the line out",
            )
    lower = document.text.lower()
    if "more information needed" in lower:
        yield from _sections(document)
    if "TODO" in document.text or any(hint in lower for hint in _HINTS):
        yield from _left(document)


def _sections(document: Document) -> Iterator[Finding]:
    """One finding on all sections that are to be written."""
    text = document.text
    marks = list(_NEEDED.finditer(text))
    if not marks:
        return
    headings = [(found.start(), found[1] or found[2]) for found in _HEADING.finditer(text)]
    named: Counter[str] = Counter()
    at = -1
    for mark in marks:
        while at + 1 < len(headings) and headings[at + 1][0] < mark.start():
            at += 1
        line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
        label = _LABEL.match(line)
        named[label[1] if label else headings[at][1] if at >= 0 else ""] += 1
    times = f"{len(marks)} time{'s' * (len(marks) > 1)}"
    shown = ", ".join(f"{name[:40].strip(' :*')}{f' ×{n}' * (n > 1)}" for name, n in named.items() if name)
    yield Finding(
        id="placeholders/sections",
        verdict="underspecified",
        where=document.at(marks[0].start(), marks[0].end()).where,
        message=f"`More Information Needed` stands {times}{': ' if shown else ''}{_shortened(shown)}",
        remedy="fill the sections in, or take out those that do not apply",
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200].rpartition(',')[0]}, …"


def _left(document: Document) -> Iterator[Finding]:
    """One finding on all that is left of a template."""
    prose = _CODE.sub(lambda code: " " * len(code.group()), document.text)
    left = list(_LEFT.finditer(prose))
    if not left:
        return
    words = list(dict.fromkeys(" ".join(found.group().split()) for found in left))
    yield Finding(
        id="placeholders/template",
        verdict="placeholder",
        where=document.at(left[0].start(), left[0].end()).where,
        message=f"{len(left)} {'place' if len(left) == 1 else 'places'} of a template that nobody filled in: "
        + ", ".join(f"`{word}`" for word in words[:5]),
        remedy="replace the words, or take them out",
    )
