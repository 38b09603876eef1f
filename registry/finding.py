"""Finding cards: as a path, in the working directory's `cards/`, among the shipped ones."""

from __future__ import annotations

import glob
from fnmatch import fnmatchcase
from pathlib import Path

from registry.errors import InputError, Problem, did_you_mean


def shipped() -> Path:
    """The folder of the cards that come with replicard: inside the installed package, or the checkout's."""
    installed = Path(__file__).parent / "cards"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "cards"


def all_cards() -> dict[str, Path]:
    """Every card that can be named by its id; the working directory's come before the shipped ones."""
    found: dict[str, Path] = {}
    for folder in (Path("cards"), shipped()):
        for file in sorted(folder.glob("**/*.yaml")):
            if file.is_file():
                found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def find(name: str) -> list[Path]:
    """The files that a CARD argument means: a path, an id, or a glob over either.

    Raises:
        InputError: There is none.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and path.exists():
        return [path]
    cards = all_cards()
    if name in cards:
        return [cards[name]]
    if any(sign in name for sign in "*?["):
        matches = [file for card, file in cards.items() if fnmatchcase(card, name)]
        files = map(Path, sorted(glob.glob(name, recursive=True)))  # noqa: PTH207 - Path.glob takes no absolute pattern
        matches += [file for file in files if file.suffix == ".yaml" and file.is_file()]
        unique = list({file.resolve(): file for file in matches}.values())
        if unique:
            return unique
    hint = did_you_mean(name, cards) if cards else "`replicard ls` lists the cards"
    raise InputError(Problem("", "", f"no card {name!r}; {hint}"))
