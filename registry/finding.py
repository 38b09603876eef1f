"""Finding cards: as a path, in the working directory's `cards/`, among the shipped ones."""

from __future__ import annotations

import difflib
import glob
import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SUFFIXES = (".yaml", ".yml")

_MAGIC = "*?["


def shipped() -> Path:
    """The folder of the cards that come with replicard: inside the installed package, or the checkout's."""
    installed = Path(__file__).parent / "cards"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "cards"


def all_cards() -> dict[str, Path]:
    """Every card that can be named by its id; the working directory's come before the shipped ones."""
    return {name: files[0] for name, files in _by_id().items()}


def clashes(files: Iterable[Path]) -> list[Problem]:
    """What is wrong with cards that an id alone does not tell apart.

    Args:
        files: The cards to look at; of those that no id names, nothing is said.
    """
    by_id = _by_id()
    several = {file.stem: found for file in files if file in (found := by_id.get(file.stem, [])) and len(found) > 1}
    return [
        Problem(str(first), "", f"has the same id as {', '.join(map(str, others))}; rename all but one, and their `id`")
        for first, *others in several.values()
    ]


def find(name: str) -> list[Path]:
    """The files that a CARD argument means: a path, an id, or a glob over either.

    Raises:
        InputError: There is none, or an id means several.
    """
    if "\0" in name:
        raise InputError(f"no card {_shown(name)!r}; no name holds such a character")
    path = Path(name)
    if path.suffix in SUFFIXES and os.path.lexists(path):
        return [path]
    cards = _by_id()
    if len(cards.get(name, ())) > 1:
        files = ", ".join(map(str, cards[name]))
        raise InputError(f"the id {name!r} means {len(cards[name])} cards: {files}; rename one, or name it by its path")
    if name in cards:
        return cards[name]
    if any(sign in name for sign in _MAGIC):
        matches = [file for card, files in cards.items() if fnmatchcase(card, name) for file in files]
        if not matches or "/" in name or path.suffix:  # else `*` would mean whatever YAML lies here, too
            matches += [file for file in _glob(name) if file.suffix in SUFFIXES and not file.is_dir()]
        if matches:
            return _unique(matches)
    raise InputError(_none(name, cards))


def _by_id() -> dict[str, list[Path]]:
    """The files of every id: several where those of one folder are not told apart."""
    found: dict[str, list[Path]] = {}
    own, installed = Path("cards"), shipped()
    for folder in [own] if os.path.realpath(own) == os.path.realpath(installed) else [own, installed]:
        here: dict[str, list[Path]] = {}
        for file in _below(folder):
            here.setdefault(file.stem, []).append(file)
        for name, files in here.items():
            found.setdefault(name, _unique(files) if len(files) > 1 else files)
    return dict(sorted(found.items()))


def _unique(files: Sequence[Path]) -> list[Path]:
    """Each file once, by the first of its paths: a link beside its target is the same card."""
    return list({os.path.realpath(file): file for file in reversed(files)}.values())[::-1]


def _below(folder: Path) -> Iterator[Path]:
    """The YAML files below a folder, in a fixed order; each folder once, wherever links lead."""
    seen = set()
    for top, folders, files in os.walk(folder, followlinks=True):
        status = Path(top).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        root = Path(top)
        yield from (root / name for name in sorted(files) if name.endswith(SUFFIXES) and not name.startswith("."))


def _glob(pattern: str) -> list[Path]:
    """The paths that a pattern means, in order; links that lead in a circle are walked once."""
    parts = Path(pattern).parts
    if "**" not in parts:
        return [Path(path) for path in sorted(glob.glob(pattern))]  # noqa: PTH207 - Path.glob takes no absolute pattern
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in _MAGIC))
    root = Path(*parts[:first])
    return [file for file in _below(root) if _matches(file.relative_to(root).parts, parts[first:])]


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path fit those of a pattern, in which `**` is any number of folders; at its end, all."""
    if not pattern or not path:
        return not pattern and not path
    if pattern[0] == "**":
        return len(pattern) == 1 or _matches(path, pattern[1:]) or _matches(path[1:], pattern)
    return fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def _shown(name: str) -> str:
    """A name, without the middle of a long one."""
    return name if len(name) <= 100 else f"{name[:60]}…{name[-30:]}"


def _none(name: str, cards: dict[str, list[Path]]) -> Problem:
    """Why an argument means no card."""
    shown, path = _shown(name), Path(name)
    if name and os.path.isdir(path):  # noqa: PTH112 - Path.is_dir fails for a name that is too long
        return Problem(shown, "", f"a folder; '{path / '**/*.yaml'}' means every card in it")
    if name and os.path.exists(path):  # noqa: PTH110 - the same
        return Problem(shown, "", "no card: the name of one ends in `.yaml`")
    if path.suffix in SUFFIXES or ("/" in name and not any(sign in name for sign in _MAGIC)):
        beside = _glob(str(Path(glob.escape(str(path.parent))) / "*.y*ml"))
        choices = {**{card: card for card in cards}, **{file.stem: str(file) for file in beside}}
        near = difflib.get_close_matches(path.stem, choices, n=1)
        hint = f"did you mean `{choices[near[0]]}`?" if near else "`replicard ls` lists the cards"
        return Problem(shown, "", f"no such file; {hint}")
    hint = did_you_mean(name, cards) if cards else "`replicard ls` lists the cards"
    return Problem("", "", f"no card {shown!r}; {hint}")
