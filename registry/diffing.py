"""What two cards say differently: effective values, claims, and what shows them; never order, comments or layout."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from registry.card import Card, Claim
from registry.writing import flow
from registry.yaml import join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TABLES = ("stated", "derived", "assumed")
_SAID_OF_A_CLAIM = ("value", "headline", "n", "seeds", "sd")
"""What a claim says; its other fields say what it is about."""
_ROOM = 60
"""Characters of a value that are shown whole."""
_AROUND = 20
"""Characters that are kept around the part that differs."""


@dataclass(frozen=True)
class Change:
    """One thing that two cards say differently.

    Attributes:
        section: The card's section; `status` for what shows a value.
        path: Dotted path, a claim named by what it is about: `reported[accuracy, test].value`.
        old: What the first card says; null where it says nothing.
        new: What the second card says; null where it says nothing.
    """

    section: str
    path: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """One line: `  training.epochs: 3 → 5`, `+ path: value` or `- path: value`."""
        if self.old is None:
            return f"+ {self.path}: {_shown(self.new)}"
        if self.new is None:
            return f"- {self.path}: {_shown(self.old)}"
        before, after = _said(self.old), _said(self.new)
        old, new = _apart(before[1], after[1])
        again = "" if after[0] == before[0] else after[0]
        return f"  {self.path}: {before[0]}{old} → {again}{new}"


def diff(old: Card, new: Card) -> list[Change]:
    """Every difference in meaning between two cards, in the order of the spec."""
    changes: list[Change] = []
    for name, info in Card.model_fields.items():
        if name in _TABLES:
            continue
        before, after = (dict(_values(getattr(card, name), info.alias or name)) for card in (old, new))
        changes += _compared(info.alias or name, before, after)
    changes += _compared("status", _statuses(old), _statuses(new))
    return changes


def _compared(section: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for path in _merged(before, after):
        one, other = before.get(path), after.get(path)
        if isinstance(one, _Claimed) and isinstance(other, _Claimed):
            yield from _compared(section, one.says, other.says)
        elif isinstance(one, Counter) or isinstance(other, Counter):
            yield from _of_items(section, path, one or Counter(), other or Counter())
        elif one != other or type(one) is not type(other):
            yield Change(section, path, getattr(one, "text", one), getattr(other, "text", other))


def _of_items(section: str, path: str, one: Counter[str], other: Counter[str]) -> Iterator[Change]:
    """Items that went and came; their order, where that is all that differs."""
    for item in (one - other).elements():
        yield Change(section, path, item, None)
    for item in (other - one).elements():
        yield Change(section, path, None, item)
    if one == other and list(one) != list(other):
        yield Change(section, path, list(one), list(other))


def _merged(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Paths of both, each new one behind the one it stands behind in its card."""
    merged = list(before)
    at = 0
    for path in after:
        if path in merged:
            at = merged.index(path) + 1
        else:
            merged.insert(at, path)
            at += 1
    return merged


@dataclass(frozen=True)
class _Claimed:
    """What a claim says, by path."""

    text: str
    says: dict[str, Any]


def _values(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value that says something, by path, defaults included; of a list of sections how often it holds each."""
    if isinstance(value, BaseModel) and hasattr(value, "claims"):  # a table of claims
        yield from _claims(value.claims, path)
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from _values(getattr(value, name), join(path, info.alias or name))
    elif isinstance(value, tuple) and value and isinstance(value[0], Claim):
        yield from _claims(value, path)
    elif isinstance(value, tuple) and value and (isinstance(value[0], BaseModel) or path == "underspecified"):
        yield path, Counter(map(_item, value))
    elif isinstance(value, tuple):
        if value:
            yield path, list(value)
    elif value is not None:
        yield path, value


def _item(value: Any) -> str:
    """An item of a list: `f1`, `{name: f1, averaging: macro}`."""
    if not isinstance(value, BaseModel):
        return str(value)
    said = value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return flow(said["name"] if set(said) == {"name"} else said)


def _claims(claims: Iterable[Claim], path: str) -> Iterator[tuple[str, _Claimed]]:
    for name, claim in zip(_names(claims), claims, strict=True):
        at = f"{path}[{name}]"
        yield at, _Claimed(claim.value, {f"{at}.{f}": getattr(claim, f) for f in _SAID_OF_A_CLAIM})


def _names(claims: Iterable[Claim]) -> list[str]:
    """What each claim is about: `accuracy, test`, `f1, macro, epoch 3`; counted where several are about the same."""
    seen: Counter[str] = Counter()
    names = []
    for claim in claims:
        words = []
        for field in type(claim).model_fields:
            value = getattr(claim, field)
            if field not in _SAID_OF_A_CLAIM and value is not None:
                plain = field in ("metric", "split", "averaging")
                words.append(str(value) if plain else f"{field} {flow(value)}")
        name = ", ".join(words)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}, again {seen[name]}")
    return names


def _statuses(card: Card) -> dict[str, Any]:
    """By path: whether it is stated, derived or assumed, and the words for that."""
    places = {f"reported[{index}]": f"reported[{name}]" for index, name in enumerate(_names(card.reported))}
    places |= {
        f"evaluation.metrics[{index}]": f"evaluation.metrics[{_item(metric)}]"
        for index, metric in enumerate(card.evaluation.metrics)
    }
    found = {}
    for status in _TABLES:
        for path, words in getattr(card, status).items():
            stem, bracket, rest = path.partition("]")
            at = places.get(stem + bracket, stem + bracket) + rest
            found[at] = {status: list(words) if isinstance(words, tuple) else words}
    return found


def _said(value: Any) -> tuple[str, str]:
    """A value as text of one line, behind its status if it is the words of one."""
    if isinstance(value, dict):
        ((status, words),) = value.items()
        return f"{status} ", json.dumps(words, ensure_ascii=False)
    return "", " ".join((value if isinstance(value, str) else flow(value)).split())


def _shown(value: Any) -> str:
    return _cut("".join(_said(value)))


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _ROOM else f"{text[:_ROOM]} … {text[-_ROOM:]}"


def _apart(old: str, new: str) -> tuple[str, str]:
    """Two texts, cut to where they differ if they are long."""
    if max(len(old), len(new)) <= _ROOM:
        return old, new
    least = min(len(old), len(new))
    head = next((i for i in range(least) if old[i] != new[i]), least)
    tail = next((i for i in range(least - head) if old[-1 - i] != new[-1 - i]), least - head)
    begin = head - _AROUND if head > _AROUND + 1 else 0
    end = tail - _AROUND if tail > _AROUND + 1 else 0
    return tuple(  # type: ignore[return-value]
        _cut("…" * bool(begin) + text[begin : len(text) - end] + "…" * bool(end)) for text in (old, new)
    )
