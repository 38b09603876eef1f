"""A README's draft card, held against the card's own rules until it loads, and what the README is asked for."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.document import Document
from registry.drafting.card import Drafting
from registry.drafting.drafter import draft_card
from registry.errors import InputError, Problem
from registry.readme.preparation import TEXT_CLASSIFICATION, Kind, kind_of
from registry.readme.reader import read
from registry.secrets import find_secrets
from registry.yaml import MAX_BYTES
from runner.claims import examine
from runner.plugins import load_card

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.drafting.card import Draft
    from registry.loading import Loaded

_ROUNDS = 40
"""Values that are given up, one after the other, before a README is refused."""


@dataclass(frozen=True)
class Made:
    """A card that was made of a README.

    Attributes:
        draft: The card.
        loaded: The same, loaded.
    """

    draft: Draft
    loaded: Loaded


def document_of(content: bytes, name: str) -> Document:
    """A README as data; what is no UTF-8 in it is replaced.

    Args:
        content: The README.
        name: What it is called: a path, or `hub:owner/name`.
    """
    return read(content.decode("utf-8", "replace"), name)


def make(content: bytes, name: str, file: Path, source: Mapping[str, str | None], *, asked: bool = False) -> Made:
    """Draft the card of a README.

    Args:
        content: The README.
        name: What messages call it.
        file: Where the card will lie; its stem is the id.
        source: `repo`, `revision` and `readme` of the card's source.
        asked: Whether the user says that the model classifies texts, where the README does not.

    Raises:
        InputError: No card can be made of it: another kind of model, no text, or nothing that could be quoted.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = "not UTF-8, so that its words cannot be quoted; save it as UTF-8. --json has the facts all the same"
        raise InputError(Problem(f"{name}:{line}:1", "", message)) from None
    secrets = find_secrets(text)
    if secrets:
        raise InputError(_secret(name, text, *secret) for secret in secrets)
    document = read(text, name)
    kind = Kind(TEXT_CLASSIFICATION, None) if asked else kind_of(document)
    if kind.task != TEXT_CLASSIFICATION:
        raise InputError(_other_kind(name, kind))
    whole = {**source, "sha256": hashlib.sha256(content).hexdigest()}
    wrong = {one.where: one.message for one in reversed(examine(document)) if one.verdict == "impossible"}
    drafting = Drafting(document, file.stem, whole, kind, wrong)
    draft_card(drafting)
    with tempfile.TemporaryDirectory(prefix="replicard-") as folder:
        readme = Path(folder, str(source["readme"]))
        readme.parent.mkdir(parents=True, exist_ok=True)
        readme.write_bytes(content)
        there = Path(folder, file.name)
        for _ in range(_ROUNDS):
            draft = drafting.finished()
            there.write_text(draft.text, encoding="utf-8")
            try:
                return Made(draft, load_card(there, drafts=True))
            except InputError as error:
                given_up = [drafting.doubt(problem.path, problem.message) for problem in error.problems]
                if not any(given_up):
                    raise InputError(
                        Problem(name, one.path, f"no card can be made of it: {one.message}; --json has the facts")
                        for one in error.problems
                    ) from None
    size = f"no card of under {MAX_BYTES:,} bytes whose values hold together can be made of it; --json has the facts"
    raise InputError(Problem(name, "", size))


def _secret(name: str, text: str, at: int, kind: str) -> Problem:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    message = f"holds what looks like {kind}, and a card keeps a copy of its README; take it out and revoke it"
    return Problem(f"{name}:{line}:{column}", "", message)


def _other_kind(name: str, kind: Kind) -> Problem:
    facts = "`--json` has its facts"
    if kind.task is None or kind.fact is None:
        message = "does not say what its model does, and a card is of text classification; "
        return Problem(name, "", f"{message}`--task {TEXT_CLASSIFICATION}` says that it is that, {facts}")
    words = " ".join(kind.fact.text.split())[:60]
    message = f"a model for {kind.task[:60]} (“{words}”), and a card can only be of {TEXT_CLASSIFICATION}; {facts}"
    return Problem(kind.fact.place.where, "", message)
