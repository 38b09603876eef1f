"""A source README as it is, letter by letter, cut into rows that carry marks and notes.

The text is shown verbatim, not rendered: so every claim is highlighted at its very characters, and nothing in a README
can become markup.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from registry.errors import one_line
from registry.markdown import lines, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOM = 60_000
"""Bytes of HTML of a longer README that are shown from its begin; behind them what is marked, and what is around."""

MOST = 120_000
"""Bytes of HTML up to which a README is shown whole, and that are shown at most."""

_AROUND = 2
"""Rows that are shown before and after one with a mark."""

_LONG = 1200
"""A longer row is cut at a space: a page that lost its line breaks is still read beside its notes."""

_HEADING = 100
"""Characters of the longest line that is shown as a heading."""

_ROW = 60
"""Bytes of HTML that a row takes besides its text."""


class Mark(NamedTuple):
    """A part of the text that a claim stands in.

    Attributes:
        start: Offset of its first character.
        end: Offset behind its last one.
        claim: Number of the claim.
    """

    start: int
    end: int
    claim: int


class Segment(NamedTuple):
    """A run of characters that stand in the same claims.

    Attributes:
        text: The characters, as they are shown.
        claims: Numbers of the claims that they stand in.
        first: Those of them that begin here.
        notes: Numbers of the notes that begin here.
    """

    text: str
    claims: tuple[int, ...]
    first: tuple[int, ...]
    notes: tuple[int, ...]


class Row(NamedTuple):
    """A line of the text, or a part of a long one.

    Attributes:
        line: Number of the line, counted from 1; null for its further parts.
        kind: What it is: `text`, `item`, `heading`, `code` or `table`; empty for a gap.
        segments: Its characters.
        notes: Numbers of the notes beside it.
        skipped: Characters that are left out here; 0 but for a gap.
    """

    line: int | None
    kind: str
    segments: tuple[Segment, ...]
    notes: tuple[int, ...]
    skipped: int = 0


def rows(text: str, marks: Iterable[Mark], notes: Iterable[tuple[int, int]]) -> list[Row]:
    """Cut a text into rows.

    Args:
        text: The text.
        marks: What is highlighted in it; they may overlap.
        notes: Offsets at which a note begins, with its number.
    """
    marks = sorted(mark for mark in marks if 0 <= mark.start < mark.end <= len(text))
    starts = _starts(text)
    ends = [*starts[1:], len(text)]
    by_row = _by_row(starts, marks)
    noted: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for offset, number in sorted(notes):
        noted[bisect_right(starts, min(offset, len(text) - 1)) - 1].append((offset, number))
    kinds = _kinds(text, starts)
    shown, line, seen = [], 1, set[int]()
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        first = start == 0 or text[start - 1] == "\n"
        segments = _segments(text, start, end, by_row.get(index, ()), noted.get(index, ()), seen)
        beside = tuple(number for _, number in noted.get(index, ()))
        shown.append(Row(line if first else None, kinds[index], tuple(segments), beside))
        line += text.count("\n", start, end)
    return _within(shown)


def _starts(text: str) -> list[int]:
    """Where rows begin: lines, the blocks of a flattened page, and at spaces of what is still long."""
    begins = sorted({start for start, _, _ in spans(text, 0)} | {0}) if text else []
    found = []
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        at = begin
        while end - at > _LONG:
            found.append(at)
            space = text.rfind(" ", at + _LONG // 2, at + _LONG)
            at = space + 1 if space >= 0 else at + _LONG
        found.append(at)
    return found


def _kinds(text: str, starts: Sequence[int]) -> list[str]:
    found = ["text"] * len(starts)
    for line in lines(text)[0]:
        # The heading of a flattened page goes on into its paragraph.
        heading = line.kind == "heading" and line.end - line.start > _HEADING
        found[bisect_right(starts, line.start) - 1] = "text" if heading else line.kind
    for index, start in enumerate(starts):  # the fences around code are code
        if text.startswith(("```", "~~~"), start):
            found[index] = "code"
    return found


def _by_row(starts: Sequence[int], marks: Iterable[Mark]) -> dict[int, list[Mark]]:
    found: dict[int, list[Mark]] = defaultdict(list)
    for mark in marks:
        first, last = (bisect_right(starts, at) - 1 for at in (mark.start, mark.end - 1))
        for index in range(first, last + 1):
            found[index].append(mark)
    return found


def _segments(
    text: str, start: int, end: int, marks: Sequence[Mark], notes: Sequence[tuple[int, int]], seen: set[int]
) -> list[Segment]:
    """The characters of a row, cut wherever a mark begins or ends, or a note begins."""
    cuts = {start, end, *(offset for offset, _ in notes)}
    cuts |= {min(max(at, start), end) for mark in marks for at in (mark.start, mark.end)}
    places = sorted(cuts)
    found = []
    for begin, stop in pairwise(places):
        inside = tuple(mark.claim for mark in marks if mark.start <= begin and mark.end >= stop)
        first = tuple(claim for claim in inside if claim not in seen)
        seen.update(first)
        here = tuple(number for offset, number in notes if offset == begin)
        found.append(Segment(_shown(text[begin:stop]), inside, first, here))
    return found


def _shown(text: str) -> str:
    """Characters as they are shown: what would hide, turn round or break others is named instead."""
    return one_line(text.rstrip("\n").expandtabs(4))


def _within(shown: list[Row]) -> list[Row]:
    """The rows that there is room for: all of a short text; of a long one its beginning, and what is marked."""
    sizes = [
        _ROW + sum(len(escape(part.text).encode()) + _ROW * bool(part.claims) for part in row.segments) for row in shown
    ]
    if sum(sizes) <= MOST:
        return shown
    marked = [index for index, row in enumerate(shown) if row.notes or any(part.claims for part in row.segments)]
    near = {at for index in marked for at in range(index - _AROUND, index + _AROUND + 1)}
    kept, room, skipped = list[Row](), MOST, 0
    begun = 0
    for index, row in enumerate(shown):
        begun += sizes[index]
        if (begun <= ROOM or index in near) and sizes[index] <= room:
            if skipped:
                kept.append(Row(None, "", (), (), skipped))
                skipped = 0
            kept.append(row)
            room -= sizes[index]
        else:
            skipped += sum(len(part.text) for part in row.segments)
    return [*kept, Row(None, "", (), (), skipped)] if skipped else kept
