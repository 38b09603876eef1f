"""Locking a card, comparing its lock with what its names mean now, and what a run takes from it."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from registry.errors import InputError, MissingError, Problem
from registry.locking import SIGNS, Lock, fingerprint, inputs, lock_file, read_lock, stale
from runner import fetching, progress
from runner.runs import write_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry.errors import ReplicardError
    from registry.loading import Loaded
    from registry.locking import Pin, Role

_FIELDS: Mapping[Role, tuple[str, ...]] = {
    "base": ("base.model", "base.revision"),
    "tokenizer": ("base.tokenizer",),
    "dataset": ("data.dataset", "data.revision"),
}
"""The fields that say what an input is."""


def lock(loaded: Loaded) -> Lock:
    """What all names in a card mean now; no weights are fetched.

    Raises:
        InputError: Inputs that no run could use, all of them.
        MissingError: One cannot be reached or may not be read from here.
    """
    pins: dict[Role, Pin | None] = {}
    errors: list[ReplicardError] = []
    for role in SIGNS:
        try:
            pins[role] = fetching.resolve(loaded, role)
        except (InputError, MissingError) as error:
            errors.append(error)
    if errors:
        worst = max(errors, key=lambda error: error.exit_code)
        raise type(worst)(problem for error in errors for problem in error.problems)
    dataset = pins["dataset"]
    assert dataset is not None
    return Lock(base=pins["base"], tokenizer=pins["tokenizer"], dataset=dataset)


def write_lock(file: Path, made: Lock) -> None:
    """Write the lock of a card's file, whole or not at all.

    Raises:
        MissingError: It cannot be written there.
    """
    try:
        write_model(lock_file(file), made)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        message = f"cannot be written: {error.strerror}; a copy of the card in a folder of your own can be locked"
        raise MissingError(Problem(str(lock_file(file)), "", message)) from None


@dataclass(frozen=True)
class Checked:
    """What a lock was found to be.

    Attributes:
        moved: What is not as locked, a line each.
        unknown: What could not be compared, and why.
    """

    moved: tuple[str, ...]
    unknown: tuple[ReplicardError, ...] = ()


def check(loaded: Loaded) -> Checked:
    """Compare a card's lock with the card and with what its names mean now; nothing is written, no weights fetched.

    Raises:
        InputError: The lock is broken.
    """
    held = read_lock(loaded.file)
    if held is None:
        return Checked((f"there is no lock; `replicard lock {loaded.file}` makes one",))
    wrong = stale(held, loaded.card, loaded.file)
    moved = [f"{role}: {reason}" for role, reason in wrong.items()]
    unknown: list[ReplicardError] = []
    for role, pin in held.pins.items():
        if role not in wrong:
            try:
                moved += [f"{role}: {line}" for line in _moved(loaded, role, pin)]
            except (InputError, MissingError) as error:
                unknown.append(error)
    return Checked(tuple(moved), tuple(unknown))


def _moved(loaded: Loaded, role: Role, pin: Pin) -> list[str]:
    """How what a name means now differs from what was locked.

    Raises:
        InputError: It means nothing any more.
        MissingError: That cannot be known here.
    """
    if pin.commit is None:
        snapshot = fetching.fetch(loaded, role)
        assert snapshot is not None
        if fingerprint(snapshot.files) == pin.fingerprint:
            return []
        return [f"{fetching.changed(pin, snapshot.files)} not as locked"]
    wanted = inputs(loaded.card)[role]
    if wanted.is_commit:
        return []
    if fetching.offline():
        message = f"whether {pin.revision} of {pin.name} has moved is not known: HF_HUB_OFFLINE is set"
        raise MissingError(Problem(loaded.where(wanted.path), wanted.path, message))
    now = fetching.commit_of(loaded, wanted)
    if now == pin.commit:
        return []
    return [f"{pin.name}: {pin.revision} is now {now[:12]}…, the lock has {pin.commit[:12]}…"]


def pins(loaded: Loaded) -> dict[Role, Pin]:
    """What a run of the card takes from its lock: all but what the command line overrides.

    Raises:
        InputError: The lock is broken, or belongs to another state of the card.
    """
    held = read_lock(loaded.file)
    if held is None:
        return {}
    named = inputs(loaded.card)
    roots = [override.root for override in loaded.overrides]
    own = {
        role for role in SIGNS if any(f"{field}.".startswith(f"{root}.") for field in _FIELDS[role] for root in roots)
    }
    wrong = {role: reason for role, reason in stale(held, loaded.card, loaded.file).items() if role not in own}
    if wrong:
        remedy = f"`replicard lock {loaded.file}` renews it"
        path = str(lock_file(loaded.file))
        raise InputError(Problem(path, role, f"{reason}; {remedy}") for role, reason in wrong.items())
    return {role: pin for role, pin in held.pins.items() if role in named and role not in own}


def tell_unpinned(loaded: Loaded, pins: Mapping[Role, Pin]) -> None:
    """Say that a run's inputs may be others another day, in one line, once for all seeds."""
    named = inputs(loaded.card)
    names = [
        f"{one.revision or 'main'} of {one.name}"
        for role, one in named.items()
        if role not in pins and one.floats(loaded.file)
    ]
    if names:
        what = f"not pinned, so another day may bring others: {', '.join(names)}"
        _tell_once(f"{what}; `replicard lock {loaded.file}` pins them")


@cache
def _tell_once(line: str) -> None:
    progress.console.print(line, soft_wrap=True, markup=False)
