"""A card while it is made of a README: values, each with its status, its words and what is asked of a person.

The sections are declared by the modules beside this one, in the order that `drafter` calls them in; here is what they
declare with, and how the card becomes text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from registry.card import Base, Card, Data, Evaluation, Hardware, HoldOut, Software, Take, Tokens, Training
from registry.contradiction import contradiction, placeholder_of
from registry.drafting.defaults import DEFAULTS, stand_in
from registry.evidence import SECTIONS, TODO
from registry.front_matter import front_matter, scalars
from registry.readme.page import page_of
from registry.readme.preparation import preparation
from registry.secrets import find_secrets
from registry.writing import render, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from registry.document import Document, Fact, Place
    from registry.readme.preparation import Kind


LONGEST_QUOTE = 160
"""Characters of the words that are quoted for a value; of longer ones the part with the value."""
_LONGEST_COMMENT = 72
"""Characters of the comment beside most values."""
LONGEST_QUESTION = 300
# Characters that a card cannot hold, and those that would show a comment otherwise than it stands there.
UNQUOTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SECTIONS: Mapping[str, Any] = {
    "base": Base, "data": Data, "data.take": Take, "data.split": HoldOut, "data.tokens": Tokens, "training": Training,
    "hardware": Hardware, "software": Software, "evaluation": Evaluation,
}  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """A card that was made of a README.

    Attributes:
        text: The YAML, without its first line, the schema.
        stated: Number of values that the README states.
        derived: Number of those that follow from these.
        assumed: Number of those it leaves out.
        undecided: Paths of what a person must decide.
        contradictions: What it says in two ways.
    """

    text: str
    stated: int
    derived: int
    assumed: int
    undecided: tuple[str, ...]
    contradictions: tuple[str, ...]


@dataclass
class Drafting:
    """A card while it is made.

    Attributes:
        document: The README.
        name: The card's id.
        source: The card's section of that name.
        kind: What the model does.
        wrong: What cannot be of the numbers that it reports, each by its place.
    """

    document: Document
    name: str
    source: Mapping[str, Any]
    kind: Kind
    wrong: Mapping[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    stated: dict[str, Any] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    claims: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)
    table: tuple[dict[str, Any], tuple[str, ...]] | None = None
    readme: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the README's text as the card's evidence will be looked up in it."""
        self.text = self.document.text.replace("\r\n", "\n")
        found: dict[str, list[Fact]] = {}
        for fact in sorted((*self.document.facts, *preparation(self.document)), key=lambda one: one.place.start):
            if fact.status != "placeholder":
                found.setdefault(fact.name, []).append(fact)
        self.facts = found
        read = self.document.text[: len(self.document.text) - self.document.unread]
        self.page, self.body = page_of(read, self.document.name), front_matter(read)[1]
        if self.document.unread:
            self.notes.append(f"The last {self.document.unread:,} characters of the source were not read.")
        tags = {one.text.strip() for one in scalars(self.page.meta.get("tags"))}
        self.by_trainer = "generated_from_trainer" in tags or "generated automatically according to" in self.text[:5000]

    def line_of(self, fact: Fact) -> int:
        """The line of a fact's words, counted from 1."""
        return line_at(fact.place)

    def state(self, path: str, value: Any, *facts: Fact, default: Any = None) -> None:
        """Declare what the README says; where its words cannot be quoted for it, a person must look."""
        words = tuple(quoted for fact in facts if (quoted := self.quote(path, value, fact.place.start, fact.place.end)))
        if not words:
            said = f"line {self.line_of(facts[0])} seems to say {as_text(value)}"
            self.decide(path, default, f"{said}, but no words there can be quoted for it")
            return
        self._forget(path)
        self.values[path] = value
        self.stated[path] = words[0] if len(words) == 1 else words
        self.beside[path] = quotation(facts[0].place, words[0])

    def derive(self, path: str, value: Any, formula: str) -> None:
        """Declare what follows from stated values."""
        self._forget(path)
        self.values[path], self.derived[path] = value, comment(formula, 400)
        self.beside[path] = comment(f"derived: {formula}")

    def assume(self, path: str, value: Any, reason: str = "") -> None:
        """Declare what the README leaves out."""
        self._forget(path)
        self.values[path], self.assumed[path] = value, comment(reason or DEFAULTS[path], 600)
        self.beside[path] = comment(f"assumed: {self.assumed[path]}")

    def decide(self, path: str, value: Any, question: str) -> None:
        """Write a stand-in for what a person must decide."""
        self.assume(path, value, f"{TODO}: {question}")
        self.beside[path] = comment(self.assumed[path], LONGEST_QUESTION)

    def _forget(self, path: str) -> None:
        for table in (self.values, self.stated, self.derived, self.assumed, self.beside):
            table.pop(path, None)

    def conflict(self, path: str, value: Any, facts: Iterable[tuple[Any, Fact]], default: Any = None) -> None:
        """Say that the README says two things, and ask for one."""
        told = {as_text(one): self.line_of(fact) for one, fact in reversed(list(facts))}
        said = " and ".join(f"{one} (line {line})" for one, line in list(reversed(told.items()))[:4])
        self.contradictions.append(f"{path}: the source says {said}.")
        self.notes.append(f"{path}: the source says {said}.")
        self.decide(
            path, value if value is not None else default, f"the source says {said}; keep the one it was made with"
        )

    def take(
        self,
        path: str,
        names: str | tuple[str, ...],
        read: Callable[[Any, Fact], Any] = lambda value, _: value,
        *,
        default: Any = None,
        reason: str = "",
    ) -> bool:
        """Declare the fact of a name as a value of the card: stated, open, or the default; false where it is left out.

        Args:
            path: The card's field.
            names: Names of the facts that mean it.
            read: From a fact's value to the card's; null where no card can declare it.
            default: What stands in where nothing is said; null leaves the field out.
            reason: Why, where `DEFAULTS` does not say.
        """  # fmt: skip
        facts = [fact for name in ([names] if isinstance(names, str) else names) for fact in self.facts.get(name, ())]
        pairs = [(read(fact.value, fact), fact) for fact in facts]
        values = _distinct(value for value, _ in pairs if value is not None)
        if len(values) > 1:
            self.conflict(path, values[0], [pair for pair in pairs if pair[0] is not None], default)
        elif values:
            told = sorted((fact for value, fact in pairs if value is not None), key=lambda one: one.status == "derived")
            if told[0].status == "derived":
                self.derive(path, values[0], f"{told[0].text} (line {self.line_of(told[0])})")
            else:
                self.state(path, values[0], told[0], default=default)
        elif facts:
            named = f"{as_text(facts[0].value)} (line {self.line_of(facts[0])})"
            said = f"the source's {named} is nothing that a card can declare"
            self.notes.append(f"{path}: {said}.")
            if default is None:
                return False
            self.decide(path, default, f"{said}; choose what comes nearest")
        elif default is not None:
            self.assume(path, default, reason)
        else:
            return False
        return True

    def quote(self, path: str, value: Any, start: int, end: int) -> str | None:
        """Words of the README for a value, from where they stand; null where none can be quoted."""
        text = self.document.text
        for first, last in self._windows(start, end):
            words = text[first:last].replace("\r\n", "\n").strip()
            if (
                words in self.text
                and len(words) <= 4 * LONGEST_QUOTE
                and re.search(r"[^\W_]", unicodedata.normalize("NFKC", words[:1000]))
                and not UNQUOTABLE.search(words)
                and not find_secrets(words)
                and contradiction(path, value, words) is None
                and placeholder_of(path, value, words) is None
            ):
                return words
        return None

    def _windows(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Parts of the README around words, the best to quote first."""
        text = self.document.text
        line = text.rfind("\n", 0, start) + 1
        key = re.search(r"[\w-]{1,40}:(?: {0,2}-)? {0,3}[\"'`]?$", text[max(line, start - 60) : start])
        if key is not None and start < self.body and end - start < LONGEST_QUOTE:
            yield start - len(key.group()), end
        if end - start <= LONGEST_QUOTE:
            yield start, end
            for over in (10, 40):  # a word or two more on each side
                yield max(line, text.rfind(" ", line, max(line, start - over)) + 1), end
        else:
            stop = text.rfind(" ", start, start + LONGEST_QUOTE)
            yield start, stop if stop > start else start + LONGEST_QUOTE
            for found in islice(re.finditer(r"\d[\d.,e%-]*", text[start:end]), 8):
                first = text.find(" ", max(start, start + found.start() - 60), start + found.start())
                yield first + 1 if first >= 0 else start + found.start(), min(end, start + found.end() + 40)
            yield start, end

    def doubt(self, path: str, message: str) -> bool:
        """Give up a value that the card's rules refuse beside the others; false where it is none of the draft's."""
        path = path.partition(" ")[0]
        for table in ("stated", "derived", "assumed"):
            path = path.removeprefix(f"{table}.")
        if path.startswith("reported[") and path.partition("]")[0][9:].isdigit():
            index = int(path.partition("]")[0][9:])
            if index >= len(self.claims):
                return False
            claim, _, where = self.claims.pop(index)
            self.notes.append(comment(f"{where}: {claim['metric']} {claim['value']}: {message}", 300))
            return True
        if path.startswith("epoch_table") and self.table is not None:
            self.table = None
            self.notes.append(comment(f"The epoch table is left out: {message}", 300))
            return True
        if path in self.values and not self.assumed.get(path, "").startswith(TODO):
            was, words = self.values[path], self.stated.get(path)
            said = f"{as_text(was)}, by “{comment(str(words), 80)}”," if words else as_text(was)
            if path in self.stated:
                self.contradictions.append(comment(f"{path}: {as_text(was)}: {message}", 300))
            self.decide(path, stand_in(path), f"{said} does not hold: {message}")
            return True
        below = [name for name in self.values if name.startswith((f"{path}.", f"{path}["))]
        if path in ("adapter", "quantization", "hardware", "software", "base.architecture", "data.split") and below:
            for name in below:
                self._forget(name)
            self.decide(path, None, message)
            return True
        return False

    def finished(self) -> Draft:
        """The card as YAML, with what it is made of in numbers."""
        raw: dict[str, Any] = {"schema": 1, "id": self.name, "source": dict(self.source)}
        values = dict(sorted(self.values.items(), key=lambda item: _order(item[0])))
        for section in SECTIONS:
            part = values[section] if section in values else _nested(section, values)
            if part or section in values:
                raw[section] = part
        beside = dict(self.beside)
        stated, derived, assumed = (
            dict(sorted(table.items(), key=lambda item: _order(item[0])))
            for table in (self.stated, self.derived, self.assumed)
        )
        raw["reported"] = [claim for claim, _, _ in self.claims]
        for index, (_, words, where) in enumerate(self.claims):
            stated[f"reported[{index}].value"] = words
            beside[f"reported[{index}]"] = where
        if self.table is not None:
            raw["epoch_table"], rows = self.table
            stated["epoch_table.rows"] = rows if len(rows) > 1 else rows[0]
        for name, table in (("stated", stated), ("derived", derived), ("assumed", assumed)):
            if table:
                raw[name] = table
        if self.notes:
            raw["underspecified"] = list(dict.fromkeys(comment(note, 400) for note in self.notes))
        raw["readme"] = self.readme
        undecided = tuple(path for path, reason in assumed.items() if reason.startswith(TODO))
        return Draft(
            text=render(raw, beside),
            stated=len(stated),
            derived=len(self.derived),
            assumed=len(self.assumed) - len(undecided),
            undecided=undecided,
            contradictions=tuple(self.contradictions),
        )


def comment(text: str, longest: int = _LONGEST_COMMENT) -> str:
    """A text as it may stand in a comment: one line, cut where it is long, what is no plain character spelled out."""
    shown = "".join(
        sign if sign.isprintable() and unicodedata.category(sign) not in ("Cf", "Cs") else f"\\u{ord(sign):04x}"
        for sign in " ".join(text[: 4 * longest].split())
    )
    if len(shown) <= longest and len(text) <= 4 * longest:
        return shown
    cut = shown[: longest - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[longest // 2 :] else cut}…"


def quotation(place: Place, words: str) -> str:
    """A comment with words of the README and their line and column."""
    line, column = place.where.rsplit(":", 2)[1:]
    return f"{line}:{column} “{comment(words, _LONGEST_COMMENT - 12)}”"


def line_at(place: Place) -> int:
    """The line of a place, counted from 1."""
    return int(place.where.rsplit(":", 2)[1])


def _order(path: str) -> tuple[int, ...]:
    """Where a value stands in the card: as the spec has its fields, those of a plugin behind them as they come."""
    at: Any = Card
    found = []
    for key in path.split("."):
        names = list(at.model_fields) if at is not None else []
        found.append(names.index(key) if key in names else len(names))
        at = _SECTIONS.get(path[: path.index(key) + len(key)])
    return tuple(found)


def _nested(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a section, each at its place."""
    raw: dict[str, Any] = {}
    for path, value in values.items():
        first, *keys = path.split(".")
        if first != section or not keys:
            continue
        at = raw
        for key in keys[:-1]:
            at = at.setdefault(key, {})
        at[keys[-1]] = value
    return raw


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once; numbers that differ in the seventh digit are one, written as 32 bits hold it."""
    found: list[Any] = []
    for value in values:
        alike = isinstance(value, float) and any(
            isinstance(o, float) and math.isclose(o, value, rel_tol=1e-6) for o in found
        )
        if not alike and value not in found:
            found.append(value)
    return found


def as_text(value: Any) -> str:
    """A value as it stands in a question: as YAML has it, those of a list side by side."""
    if isinstance(value, tuple):
        return ", ".join(map(as_text, value))
    return comment(value if isinstance(value, str) else scalar(value), 80)


# What numbers a card can declare


def whole_number(value: Any, _: Fact) -> int | None:
    """A whole number above 0; null for what is none."""
    return int(value) if isinstance(value, (int, float)) and value == int(value) and 0 < value < 1e9 else None


def positive_number(value: Any, _: Fact) -> float | None:
    """A finite number above 0; null for what is none."""
    return value if isinstance(value, (int, float)) and 0 < value < math.inf else None


def share_of_one(value: Any, _: Fact) -> float | None:
    """A number from 0 up to 1; null for what is none."""
    return value if isinstance(value, (int, float)) and 0 <= value < 1 else None
