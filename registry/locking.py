"""The lock of a card: what the names in it meant when it was locked, in `<card>.lock` beside it."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from registry import yaml
from registry.errors import InputError, Problem
from registry.part import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.card import Card

Role = Literal["base", "tokenizer", "dataset"]

COMMIT = re.compile("[0-9a-f]{40}")

MAX_FILES = 100
"""A lock lists the files of an input up to so many; the fingerprint covers any number."""

SIGNS: Mapping[Role, tuple[str, ...]] = {
    "base": ("config.json",),
    "tokenizer": ("tokenizer_config.json", "tokenizer.json", "vocab.txt"),
    "dataset": ("*.jsonl", "*.parquet", "*.csv", "*.json", "*/*.parquet"),
}
"""What a folder holds that is meant by such a name; else the name is taken for a Hub id."""


@dataclass(frozen=True)
class Input:
    """Something that a card names and a run reads: a folder, or a repo of the Hub.

    Attributes:
        role: What it is for.
        path: Field of the card that names it.
        revision_path: Field that says at which revision; the name itself, for a tokenizer, which has no such field.
        name: As the card names it.
        revision: Branch, tag or commit; null is `main`.
    """

    role: Role
    path: str
    revision_path: str
    name: str
    revision: str | None

    @property
    def is_path(self) -> bool:
        """Whether the name can only be a folder's."""
        return self.name.startswith((".", "/", "~"))

    @property
    def is_commit(self) -> bool:
        """Whether the card says the commit itself."""
        return COMMIT.fullmatch(self.revision or "") is not None

    def floats(self, file: Path) -> bool:
        """Whether it is a repo of the Hub of which the card does not say the commit."""
        return not (self.is_commit or self.is_path or self.folder(file))

    def folder(self, file: Path) -> Path | None:
        """The folder of that name beside the card's file or in the working directory, where there is one."""
        for root in (file.parent, Path()):
            folder = root / self.name
            # Unlike `Path.is_dir`, false for a name that is too long.
            if os.path.isdir(folder) and any(next(folder.glob(sign), None) for sign in SIGNS[self.role]):  # noqa: PTH112
                return folder.resolve()
        return None


_FIELD: Mapping[Role, str] = {"base": "base.model", "tokenizer": "base.tokenizer", "dataset": "data.dataset"}
"""The field of a card that names it."""


def inputs(card: Card) -> dict[Role, Input]:
    """What a card names and a run reads."""
    base, data = card.base, card.data
    found: dict[Role, Input] = {}
    if base.model is not None:
        found["base"] = Input("base", _FIELD["base"], "base.revision", base.model, base.revision)
    if isinstance(base.tokenizer, str):
        found["tokenizer"] = Input("tokenizer", _FIELD["tokenizer"], "base.tokenizer", base.tokenizer, None)
    found["dataset"] = Input("dataset", _FIELD["dataset"], "data.revision", data.dataset, data.revision)
    return found


class Pin(Part):
    """What a name meant."""

    name: str
    """As the card names it."""
    revision: str | None
    """Branch, tag or commit that the card asks for; null for a folder."""
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None
    """The Hub's commit that this was; null for a folder."""
    fingerprint: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
    """Hash of the names and hashes of the files that a run reads: the same for a repo and a copy of it."""
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    """SHA-256 of each of those files, by name; empty where they are many."""

    @model_validator(mode="after")
    def _one_commit(self) -> Self:
        if (self.revision is None) != (self.commit is None):
            raise ValueError("`revision` and `commit` go together")
        if COMMIT.fullmatch(self.revision or "") and self.revision != self.commit:
            raise ValueError("`revision` and `commit` are two commits")
        return self


class Lock(Part):
    """What all inputs of a card meant; null for what the card does not have."""

    format: Literal[1] = 1
    """Version of this format."""
    base: Pin | None
    """The base model."""
    tokenizer: Pin | None
    """The tokenizer, where it is not the base's."""
    dataset: Pin
    """The dataset."""

    @property
    def pins(self) -> dict[Role, Pin]:
        """What is locked."""
        found: dict[Role, Pin | None] = {"base": self.base, "tokenizer": self.tokenizer, "dataset": self.dataset}
        return {role: pin for role, pin in found.items() if pin is not None}


def lock_file(file: Path) -> Path:
    """Where the lock of a card's file lies."""
    return file.with_suffix(".lock")


def fingerprint(files: Mapping[str, str]) -> str:
    """Hash of files' names and SHA-256s."""
    return "sha256:" + hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def make_pin(wanted: Input, commit: str | None, files: Mapping[str, str]) -> Pin:
    """What a name means that has these files."""
    return Pin(
        name=wanted.name,
        revision=None if commit is None else wanted.revision or "main",
        commit=commit,
        fingerprint=fingerprint(files),
        files=dict(sorted(files.items())) if len(files) <= MAX_FILES else {},
    )


def read_lock(file: Path) -> Lock | None:
    """The lock of a card's file; null where there is none.

    Raises:
        InputError: It is broken, with the place of each problem.
    """
    path = lock_file(file)
    remedy = f"`replicard lock {file}` writes it anew"
    try:
        with path.open("rb") as opened:
            content = opened.read(yaml.MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(Problem(str(path), "", f"cannot be read: {error.strerror}; {remedy}")) from None
    places: dict[str, yaml.Place] = {}
    try:
        raw, places = yaml.read(content.decode(), str(path))
        return Lock.model_validate(raw)
    except UnicodeDecodeError:
        problems = [Problem(str(path), "", f"not UTF-8; {remedy}")]
    except InputError as error:
        problems = [Problem(p.where, p.path, f"{p.message.partition(';')[0]}; {remedy}") for p in error.problems]
    except ValidationError as error:
        problems = [_problem(path, places, detail["loc"], detail["msg"], remedy) for detail in error.errors()]
    raise InputError(problems)


def _problem(
    path: Path, places: Mapping[str, yaml.Place], loc: tuple[int | str, ...], message: str, remedy: str
) -> Problem:
    """One of pydantic's errors, at the nearest place above it that exists."""
    dotted, place = "", places.get("")
    for part in loc:
        dotted = yaml.join(dotted, part)
        place = places.get(dotted, place)
    what = message.removeprefix("Value error, ").partition(";")[0]
    return Problem(f"{path}:{place}" if place else str(path), dotted, f"{what[0].lower()}{what[1:]}; {remedy}")


def stale(lock: Lock, card: Card, file: Path) -> dict[Role, str]:
    """What in a lock no longer belongs to its card, and why; `replicard lock` renews it."""
    named, pins = inputs(card), lock.pins
    found: dict[Role, str] = {}
    for role in SIGNS:
        wanted, pin = named.get(role), pins.get(role)
        if wanted is None and pin is not None:
            found[role] = f"{pin.name} is locked, the card names none"
        elif wanted is not None and pin is None:
            found[role] = f"the card names {wanted.name}, the lock none"
        elif wanted is not None and pin is not None:
            local = wanted.is_path or wanted.folder(file) is not None
            asked = None if local else wanted.revision or "main"
            if wanted.name != pin.name:
                found[role] = f"{pin.name} is locked, the card names {wanted.name}"
            elif local != (pin.commit is None):
                was, now = ("a folder", "none") if pin.commit is None else ("a repo of the Hub", "a folder")
                found[role] = f"{pin.name} was {was} when it was locked, here is {now} of that name"
            elif asked != pin.revision:
                found[role] = f"{pin.name} is locked at {pin.revision}, the card asks for {asked}"
    return found


def unpinned(card: Card, file: Path) -> dict[str, str]:
    """The fields whose meaning may change, each with the reason and a remedy.

    Those are where a card names a repo of the Hub but neither it nor its lock says at which commit, and where its lock
    belongs to another state of the card. A broken lock counts as none: a run says what is wrong with it, and the card
    can still be locked again.
    """
    named = inputs(card)
    try:
        lock = read_lock(file)
    except InputError:
        lock = None
    wrong = stale(lock, card, file) if lock is not None else {}
    found = {}
    for role in SIGNS:
        wanted = named.get(role)
        if role in wrong:
            path = wanted.path if wanted is not None else _FIELD[role]
            found[path] = f"{file.stem}.lock is of another state of the card: {wrong[role]}; `replicard lock` renews it"
        elif lock is None and wanted is not None and wanted.floats(file):
            how = "`replicard lock` pins it" if role == "tokenizer" else "write one, or `replicard lock` the card"
            found[wanted.revision_path] = f"not pinned to a commit, so it may change; {how}"
    return found
