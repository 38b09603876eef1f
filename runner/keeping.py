"""Text that people write by hand into a README that was rendered, and how it stays when it is rendered anew.

It stands between two lines that Markdown does not show, anywhere below the front matter and outside of code:

    <!-- replicard:keep -->
    The model was made for a course on film criticism.
    <!-- /replicard:keep -->

and stays at the end of the section in which it was written; at the end of the README where that section is gone. The
last line of a README that was rendered seals what was: by it an edit outside of the markers, which the next rendering
would lose, is told from a README that its card has left behind.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

OPEN, CLOSE = "<!-- replicard:keep -->", "<!-- /replicard:keep -->"

_MARKER = re.compile(r"<!--\s*(/?)replicard:keep\s*-->\s*")
_SEAL = re.compile(r"<!-- Rendered by replicard \(([0-9a-f]{16})\).*-->")
_HINT = "Text of your own stays only between the comments replicard:keep and /replicard:keep."
_HEADING = re.compile(r"#{1,6} .*")
_AFTER = "what stands after it"


@dataclass(frozen=True)
class _Kept:
    """A block that is kept.

    Attributes:
        heading: The line of the heading below which it stands; empty above the first one.
        lines: The block with its markers.
    """

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Page:
    """A README, parted.

    Attributes:
        rendered: Its lines that were rendered, by their number from 1; without empty ones and the seal.
        kept: The blocks between markers, in order.
        seal: The hash of the lines as they were when it was rendered; empty where it never was.
    """

    rendered: dict[int, str]
    kept: tuple[_Kept, ...]
    seal: str


def sealed(text: str) -> str:
    """A README as it was rendered, with its last line."""
    return f"{text}\n<!-- Rendered by replicard ({_hash(_part(text, '').rendered)}). {_HINT} -->\n"


def without(text: str) -> str:
    """A README without what was written by hand.

    Raises:
        InputError: Markers that do not fit together.
    """
    return "\n".join(_part(text, "README.md").rendered.values())


def carried(page: Path, rendered: str, remedy: str, force: bool) -> str:
    """A README rendered anew, with the blocks that are kept in the one that is there.

    Args:
        page: Where it is, or will be.
        rendered: The README as it follows from card and record.
        remedy: The command that renders it in any case.
        force: Whether edits outside of the markers may be lost.

    Raises:
        InputError: The one that is there has such edits, or markers that do not fit together.
    """
    if not page.exists():
        return rendered
    old = _part(_read(page), str(page))
    if not force and (edit := _edited(page, old, rendered, remedy)):
        raise InputError(edit)
    return _with(rendered, old.kept)


def difference(page: Path, rendered: str, remedy: str) -> Problem | None:
    """In what a README does not follow from its card and record; null where it does, whatever is kept in it.

    Args:
        page: The README.
        rendered: The README as it follows.
        remedy: The command that renders it.
    """
    if not page.exists():
        return Problem(str(page), "", f"is not there; `{remedy}` renders it")
    try:
        old = _part(_read(page), str(page))
    except InputError as error:
        return error.problems[0]
    if list(old.rendered.values()) == list(_part(rendered, "").rendered.values()):
        return None
    behind = Problem(str(page), "", f"does not follow from its card and record any more; `{remedy}` renders it")
    return _edited(page, old, rendered, remedy) or behind


def _edited(page: Path, old: _Page, rendered: str, remedy: str) -> Problem | None:
    """What was changed by hand outside of the markers, and is not what would be rendered anyway."""
    new = list(_part(rendered, "").rendered.values())
    if old.seal == _hash(old.rendered) or list(old.rendered.values()) == new:
        return None
    if not old.seal:
        message = f"is a README that replicard did not render; move it away, or `{remedy} --force` writes over it"
        return Problem(str(page), "", message)
    numbers = [number for number, line in old.rendered.items() if line not in new]
    where = f"{page}:{numbers[0]}" if numbers else str(page)
    message = (
        f"was edited, and does not follow from its card and record; put text of your own between {OPEN} and {CLOSE}"
    )
    return Problem(where, "", f"{message}, or `{remedy} --force` renders it without the edits")


def _read(page: Path) -> str:
    try:
        return page.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(Problem(str(page), "", "is no text in UTF-8; save it as such, or move it away")) from None


def _hash(lines: dict[int, str]) -> str:
    return hashlib.sha256("\n".join(lines.values()).encode()).hexdigest()[:16]


def _part(text: str, where: str) -> _Page:
    """What was rendered, and what is kept.

    Raises:
        InputError: Markers that do not fit together, or stand where they would show or do harm.
    """

    def refuse(line: int, message: str) -> InputError:
        return InputError(Problem(f"{where}:{line}", "", message))

    rendered: dict[int, str] = {}
    blocks: list[tuple[int, int, tuple[str, ...]]] = []  # its line, the rendered lines above it, its lines
    block: list[str] = []
    seal, opened = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        marker = _MARKER.fullmatch(line)
        if marker and not marker[1]:
            if opened:
                raise refuse(number, f"{OPEN} within the one of line {opened}; end that with {CLOSE} before")
            opened = number
        elif marker and not opened:
            raise refuse(number, f"{CLOSE} without one that opens; put {OPEN} where the text begins, or remove it")
        if opened:
            block.append(line)
            if marker and marker[1]:
                blocks.append((opened, len(rendered), tuple(block)))
                opened, block = 0, []
        elif found := _SEAL.fullmatch(line):
            seal = found[1]
        elif line.strip():
            rendered[number] = line
    if opened:
        raise refuse(opened, f"{OPEN} is never ended; put {CLOSE} below its text")
    places = [("", ""), *_places(list(rendered.values()))]
    for number, above, lines in blocks:
        if inside := places[above][1]:
            raise refuse(number, f"{OPEN} within {inside}; put it below")
        if not _ends("\n".join(lines[1:-1])):
            raise refuse(number, "code, a comment or HTML begins in this block and goes on after it; end it there")
    return _Page(rendered, tuple(_Kept(places[above][0], lines) for _, above, lines in blocks), seal)


def _ends(text: str) -> bool:
    """Whether what follows a text is read as if the text were not there."""
    from markdown_it import MarkdownIt

    last = MarkdownIt("commonmark").parse(f"{text}\n\n{_AFTER}\n")[-2:]
    return [token.level for token in last] == [1, 0] and last[0].content == _AFTER


def _with(rendered: str, kept: Sequence[_Kept]) -> str:
    """A README with blocks at the end of the sections that they were written in, else at its end."""
    *body, seal, _ = rendered.split("\n")
    sections: list[tuple[str, list[str]]] = []
    for line, (heading, _) in zip(body, _places(body), strict=True):
        if not sections or sections[-1][0] != heading:
            sections.append((heading, []))
        sections[-1][1].append(line)
    named = {heading: lines for heading, lines in reversed(sections) if heading}
    title = next(lines for heading, lines in sections if heading)
    for block in kept:
        lines = named.get(block.heading, sections[-1][1]) if block.heading else title
        while not lines[-1]:
            lines.pop()
        lines += ["", *block.lines, ""]
    return "\n".join([*(line for _, lines in sections for line in lines), seal, ""])


def _places(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Of each line of a README: the heading that it stands below, and inside of what the next one stands."""
    heading, fenced, front = "", False, False
    for number, line in enumerate(lines):
        if line == "---" and (front or number == 0):
            front = not front
        fenced ^= line.startswith("```")
        if _HEADING.fullmatch(line) and not (front or fenced):
            heading = line
        yield heading, "the front matter" if front else "code" if fenced else ""
