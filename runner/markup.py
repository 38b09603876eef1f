"""Text as Markdown that shows exactly that text, wherever it comes from: no markup, no HTML, no template code."""

from __future__ import annotations

import json
import re

from registry.errors import one_line

# The Hub reads `\\(` as the begin of a formula before it reads Markdown, so that a backslash cannot be escaped by one.
_ESCAPED = str.maketrans(
    {sign: f"\\{sign}" for sign in "`*_{}[]#|~$"} | {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\\": "&#92;"}
)
# What would make a list, a heading or a table of a line that begins with it.
_BEGINNING = re.compile(r"[-+=:]|\d{1,9}(?=[.)])")


def escape(text: object) -> str:
    """Text as a part of a line that shows exactly that text: no markup, no HTML, no table cell ends."""
    return one_line(" ".join(str(text).split())).translate(_ESCAPED)


def prose(text: str) -> str:
    """Text as paragraphs without markup, parted by empty lines; a line that begins with `- ` stays a list's item."""
    return "\n\n".join(_paragraph(part) for part in re.split(r"\n\s*\n", text.strip()))


def _paragraph(text: str) -> str:
    """Items of lists and what stands between them, each in one line, so that no line is read with the one before."""
    lines: list[tuple[str, str]] = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        bullet = "- " if line.startswith("- ") else ""
        if bullet or not lines:
            lines.append((bullet, line.removeprefix(bullet)))
        else:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]} {line}")
    return "\n".join(bullet + _begun(escape(line)) for bullet, line in lines)


def _begun(shown: str) -> str:
    """The beginning of a line, which begins nothing else."""
    found = _BEGINNING.match(shown)
    if found is None:
        return shown
    # A number is told from that of a list by its dot alone.
    at = found.end() if found[0].isdigit() else 0
    return f"{shown[:at]}\\{shown[at:]}"


def verbatim(text: str) -> str:
    """Text as a block of code, its lines kept. Indented, because nothing in the text can end that."""
    return "\n".join(f"    {one_line(line.rstrip())}".rstrip() for line in text.strip("\n").split("\n"))


def code(text: object) -> str:
    """A Python string literal, in which nothing is that does not show; JSON's are such literals."""
    quoted = json.dumps(str(text), ensure_ascii=False)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in quoted)
