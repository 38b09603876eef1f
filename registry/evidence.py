"""The status of every value of a card: stated, derived, assumed, overridden or undecided, and what shows it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from registry.contradiction import contradiction, placeholder_of, unsaid
from registry.errors import did_you_mean
from registry.finding import shipped
from registry.yaml import join, show

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Set
    from pathlib import Path

    from registry.card import Card, Source
    from registry.loading import Loaded

Status = Literal["stated", "derived", "assumed", "overridden", "undecided"]

TODO = "TODO"
"""What a reason under `assumed` begins with while the value is only a stand-in that a person must decide on."""

SECTIONS = (
    "base", "task", "data", "adapter", "quantization", "training", "hardware", "software", "evaluation",
)  # fmt: skip
"""Sections of which every value of a card with a source needs a status, beside the numbers it reports."""

MAX_BYTES = 10_000_000
"""Largest source README; the longest of 10,000 model cards has under a megabyte."""

MAX_HINT = 1_000_000
"""Characters of the longest source in which the line is looked for that a wrong quote may mean."""

_LONGEST_HINT = 200
_NAMES = ("", ".value", ".rows")
"""What an entry is about: a value, or that of the claim, or that of the table, that it names."""
_UNKNOWN = (
    "neither stated, derived nor assumed; quote the source's words under `stated` or give the reason under `assumed`"
)


@dataclass(frozen=True)
class Evidence:
    """Why a value is what it is.

    Attributes:
        status: Whether the source states it, it follows from stated values, or somebody chose it, or still has to.
        words: The source's words, the formula, or the reason.
        line: Line of the source that the words stand on, counted from 1; null unless stated.
        column: Column of the source that they begin at, counted from 1: some sources are one line.
        start: Offset of the words in the source, in characters, a line end counted as one; null unless stated.
    """

    status: Status
    words: str
    line: int | None = None
    column: int | None = None
    start: int | None = None


def leaves(card: Card) -> dict[str, Any]:
    """Every value of the card that makes the run, by dotted path, defaults included; null and empty ones too."""
    found: dict[str, Any] = {}
    for section in SECTIONS:
        found.update(_walk(getattr(card, section), section))
    for index, claim in enumerate(card.reported):
        found.update(_walk(claim, f"reported[{index}]"))
    found.update(_walk(card.epoch_table, "epoch_table"))
    return found


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Models are walked; everything else, lists too, is one value."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _walk(getattr(value, name), join(path, name))
    elif isinstance(value, tuple) and value and all(isinstance(item, BaseModel) for item in value):
        for index, item in enumerate(value):
            yield from _walk(item, join(path, index))
    else:
        yield path, value


def statuses(loaded: Loaded) -> Iterator[dict[str, Any]]:
    """Every value with its status; of a card without a source, whether it is written there or a default."""
    for path, value in leaves(loaded.card).items():
        if not needs_evidence(path, value):
            continue
        found = loaded.evidence.get(path)
        written = path in loaded.places or path.removesuffix(".name") in loaded.places  # `accuracy`: {name: accuracy}
        status = found.status if found else "declared" if written else "default"
        place = {"line": found.line, "column": found.column} if found and found.line else {}
        yield {"path": path, "value": value, "status": status, "evidence": found.words if found else None, **place}


def needs_evidence(path: str, value: Any) -> bool:
    """Whether a value must have a status: what is null or empty declares nothing, of a claim only the value counts."""
    if value is None or value == ():
        return False
    if path.startswith("epoch_table."):
        return path == "epoch_table.rows"
    if path.endswith("].trust"):  # ours: consent to run a metric's code
        return bool(value)
    return not path.startswith("reported[") or path.endswith(".value")


def covering(path: str, table: Container[str]) -> str | None:
    """The longest entry of `table` that names `path` or a section above it."""
    while path:
        if path in table:
            return path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None


def status_of(card: Card, path: str, overridden: Set[str]) -> Status | None:
    """The status of a value; null for a value of a card without a source that the command line left alone."""
    found = _evidence(path, _tables(card), None, overridden)
    return found.status if found is not None else None


def assumptions(card: Card, overridden: Set[str] = frozenset()) -> list[str]:
    """Paths of what had to be assumed about the source's run: not the margin, which is this project's own."""
    declared = [path for path, value in leaves(card).items() if needs_evidence(path, value)]
    return [
        path
        for path in card.assumed
        if path != "evaluation.margin"
        and not covering(path, overridden)
        and any(covering(leaf, {path}) for leaf in declared)
    ]


def undecided(card: Card, overridden: Set[str] = frozenset()) -> dict[str, str]:
    """Paths of the values that a person must still decide on, each with what to do."""
    done = f"write the value, and in the place of `{TODO}` why"
    return {
        path: f"to be decided: {' '.join(reason.removeprefix(TODO).strip(' :').split()) or 'nothing says'}; {done}"
        for path, reason in card.assumed.items()
        if reason.startswith(TODO) and not covering(path, overridden)
    }


def _tables(card: Card) -> dict[str, dict[str, Any]]:
    return {"stated": dict(card.stated), "derived": dict(card.derived), "assumed": dict(card.assumed)}


def check_evidence(
    card: Card, file: Path, overridden: Set[str], written: Container[str]
) -> tuple[dict[str, Evidence], list[tuple[str, str, str]]]:
    """Find what shows each value of a card.

    Args:
        card: The card, overrides applied.
        file: Its file, which `source.readme` is relative to.
        overridden: Paths, of values or of whole sections, that the command line brought in.
        written: Paths that stand in the file; the other values are defaults.

    Returns:
        The evidence by path, and the problems as (path to point at, path to name, message).
    """
    values = leaves(card)
    tables = _tables(card)
    problems = list(_wrong_entries(tables, values, overridden))
    if card.source is None:
        problems += [
            (name, name, "a card without a `source` has nothing to quote or derive from; remove it")
            for name in ("stated", "derived")
            if tables[name]
        ]
        return {path: Evidence("overridden", "command line") for path in overridden}, problems

    text, trouble = source_text(card.source, file)
    problems += trouble
    evidence: dict[str, Evidence] = {}
    defaults: dict[str, list[str]] = {}
    for path, value in values.items():
        found = _evidence(path, tables, text, overridden)
        if found is not None:
            evidence[path] = found
        elif needs_evidence(path, value):
            section, _, name = path.rpartition(".")
            if path in written:
                problems.append((path, path, f"{show(value)} is {_UNKNOWN}"))
            elif section.endswith("]"):  # an item in its short form, or a default in one
                defaults.setdefault(section.rpartition("[")[0], [])
            else:
                defaults.setdefault(section, []).append(f"{name} {show(value)}")
    for section, names in defaults.items():
        many = len(names) != 1
        what = f"the default{'s' * many} {', '.join(names)}" if names else "its items"
        problems.append((section, section, f"{what} {'are' if many else 'is'} {_UNKNOWN}"))
    return evidence, [*problems, *_wrong_quotes(card, values, text, overridden)]


def _wrong_quotes(
    card: Card, values: dict[str, Any], text: str | None, overridden: Set[str]
) -> Iterator[tuple[str, str, str]]:
    """Quotes that are not in the source, and those that deny a value or say nothing of it."""
    assert card.source is not None
    lines: list[tuple[str, str]] | None = None  # made for the first wrong quote alone
    tables = _tables(card)
    for path, given in card.stated.items():
        quotes = _quotes(given)
        missing = [words for words in quotes if text is not None and words not in text and _letters(words)]
        for words in missing:
            if lines is None:
                lines = _lines(text or "")
            message = f"these words are not in {card.source.readme}: {words!r}; {_exactly(words, lines)}"
            yield f"stated.{path}", path, message
        if missing or covering(path, overridden):
            continue
        words = " … ".join(quotes)
        leaf = next((name for name in _NAMES if f"{path}{name}" in values), None)
        if leaf is not None:
            one = f"{path}{leaf}"
            denied = contradiction(one, values[one], words) or placeholder_of(one, values[one], words)
            if denied is not None:
                yield f"stated.{path}", path, denied
                continue
        if leaf != "":
            yield from _unsaid_of_section(path, _covered(path, values, tables, overridden), words)


def _covered(
    path: str, values: dict[str, Any], tables: dict[str, dict[str, Any]], overridden: Set[str]
) -> dict[str, Any]:
    """The values that an entry of a section speaks for: those without a longer entry."""
    found = {}
    for leaf, value in values.items():
        if covering(leaf, {path}) and needs_evidence(leaf, value) and not covering(leaf, overridden):
            entries = [entry for table in tables.values() if (entry := covering(leaf, table))]
            if max(entries, key=len, default="") == path:
                found[leaf] = value
    return found


def _unsaid_of_section(path: str, covered: dict[str, Any], words: str) -> Iterator[tuple[str, str, str]]:
    """Words about a whole section have to hold its numbers, or they would make any value of it a stated one."""
    lacking = []
    for leaf, value in covered.items():
        example = placeholder_of(leaf, value, words)
        if example is not None:
            yield f"stated.{path}", leaf, example
        elif (number := unsaid(leaf, value, words)) is not None:
            lacking.append(f"{leaf[len(path) :].lstrip('.')} {number}".lstrip())
    if lacking:
        message = f"the words say nothing of {', '.join(lacking)}; quote those that do, or give an entry of its own"
        yield f"stated.{path}", path, message


def _wrong_entries(
    tables: dict[str, dict[str, Any]], values: dict[str, Any], overridden: Set[str]
) -> Iterator[tuple[str, str, str]]:
    """Entries of fields that are not there, unless the command line took them away, and second entries of a field."""
    sections = {path[:i] for path in values for i, c in enumerate(path) if c in ".["} | set(SECTIONS)
    for name, table in tables.items():
        for path in table:
            at = f"{name}.{path}"
            if path not in values and path not in sections:
                if not covering(path, overridden):
                    yield at, at, f"no such field; {did_you_mean(path, values)}"
            elif not all(map(_letters, _quotes(table[path]))):
                what = {"stated": "quote the source's words", "derived": "give the formula", "assumed": "say why"}
                yield at, path, f"has no letter or digit; {what[name]}"
            elif sum(path in table for table in tables.values()) > 1:
                yield at, path, "has two statuses; keep one of stated, derived and assumed"


def _evidence(path: str, tables: dict[str, dict[str, Any]], text: str | None, overridden: Set[str]) -> Evidence | None:
    """What shows a value: the command line, or the entry that names it or the nearest section above it."""
    if covering(path, overridden):
        return Evidence("overridden", "command line")
    entries = [(entry, name) for name, table in tables.items() if (entry := covering(path, table))]
    if not entries:
        return None
    entry, name = max(entries, key=lambda pair: len(pair[0]))
    given = tables[name][entry]
    if name == "derived":
        return Evidence("derived", given)
    if name == "assumed":
        return Evidence("undecided" if given.startswith(TODO) else "assumed", given)
    quotes = _quotes(given)
    start = text.find(quotes[0]) if text is not None else -1
    if text is None or start < 0:
        return Evidence("stated", " … ".join(quotes))
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    return Evidence("stated", " … ".join(quotes), line, column, start)


def _quotes(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """What is quoted; a block of YAML ends in a line break that the source need not have there."""
    return tuple(words.strip() for words in (given if isinstance(given, tuple) else (given,)))


def _lines(text: str) -> list[tuple[str, str]]:
    """The lines of a source with the letters and digits in each; none where it is too long to be searched."""
    if len(text) > MAX_HINT:
        return []
    return [(line.strip(), _letters(line)) for line in text.split("\n")]


def _exactly(words: str, lines: list[tuple[str, str]]) -> str:
    """How to put right a quote: by the line that has the same letters and digits, where there is one."""
    wanted = _letters(words)
    for number, (line, letters) in enumerate(lines, start=1):
        if wanted in letters:
            if len(line) <= _LONGEST_HINT:
                return f"line {number} has {line!r}; quote that"
            return f"line {number} has such words; quote them exactly"
    return "quote them exactly"


def _letters(text: str) -> str:
    # In pieces, as ordering a long run of combining characters takes quadratic time.
    pieces = (unicodedata.normalize("NFKC", text[at : at + 1000]) for at in range(0, len(text), 1000))
    return re.sub(r"[\W_]+", "", "".join(pieces)).casefold()


def source_text(source: Source, file: Path) -> tuple[str | None, list[tuple[str, str, str]]]:
    """The source README; null where the card travels without it (an installed replicard)."""
    at = "source.readme"
    try:
        root = file.parent.resolve()
        path = (root / source.readme).resolve()
        if not path.is_relative_to(root):
            return None, [(at, at, "leads out of the card's folder; keep the source beside the card")]
        if not path.is_file():
            travelled = file.resolve().is_relative_to(shipped()) and not path.parent.exists()
            return None, [] if travelled else [(at, at, f"no such file: {source.readme}")]
        if path.stat().st_size > MAX_BYTES:
            return None, [(at, at, f"larger than {MAX_BYTES:,} bytes; keep the README alone")]
        content = path.read_bytes()
        text = content.decode("utf-8").replace("\r\n", "\n")
    except (OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: links that lead in a circle
        return None, [(at, at, f"cannot be read: {error}")]
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.sha256:
        message = f"is {source.sha256}, but {source.readme} has {digest}; keep it verbatim, or correct the hash"
        return None, [("source.sha256", "source.sha256", message)]
    return text, []
