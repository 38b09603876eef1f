"""The list of cards: what a person sorts and filters by, remembered so that thousands are listed at once.

An entry is remembered by the bytes it depends on: the card's file and name, the README it quotes and its lock. It says
that the card was valid; one with a problem is never remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InputError
from registry.yaml import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from registry.errors import Problem
    from registry.loading import Loaded

MOST = 20_000
"""Remembered entries; the oldest are forgotten first."""

FULL = "full"
"""What `Entry.adapter` says where all weights are trained."""


@dataclass(frozen=True)
class Entry:
    """A card in a list.

    Attributes:
        id: Its name.
        base: The base's id or folder, or the kind of its architecture.
        task: Type of the task.
        dataset: The dataset's id or folder.
        adapter: Type of the adapter, or `full`.
        quantization: Type of the quantization; null for none.
        license: The license's id; null where none is given.
        language: Languages of the texts.
        tags: Further tags.
        file: Its file.
    """

    id: str
    base: str
    task: str
    dataset: str
    adapter: str
    quantization: str | None
    license: str | None
    language: tuple[str, ...]
    tags: tuple[str, ...]
    file: str


def entries(
    files: Iterable[Path], load: Callable[[Path], Loaded], cache: Path | None = None, code: Iterable[Path] = ()
) -> tuple[list[Entry], list[Problem]]:
    """One entry for every card that is valid, and the problems of the others.

    Args:
        files: The cards' files.
        load: How to load one of which nothing is remembered.
        cache: The file that remembers; null for none. What is broken in it is ignored, and so is that it cannot be
            written.
        code: Files that make a card valid or not; when one changes, all that is remembered is void.
    """
    version = _version(code)
    remembered = _recall(cache, version)
    found: list[Entry] = []
    problems: list[Problem] = []
    fresh: dict[str, Any] = {}
    for file in files:
        key = _key(file)
        entry = _entry(file, remembered.get(key)) if key else None
        if entry is None:
            try:
                loaded = load(file)
            except InputError as error:
                problems += error.problems
                continue
            entry = _entry_of(loaded)
            readme = loaded.card.source.readme if loaded.card.source else None
            if key and key == _key(file):  # else somebody has just written it
                fresh[key] = {"entry": asdict(entry), "beside": _beside(file, readme), "readme": readme}
        found.append(entry)
    if cache is not None and fresh:
        _remember(cache, version, {**_recall(cache, version), **fresh})
    return found, problems


def cache_file() -> Path | None:
    """Where entries are remembered: below `$XDG_CACHE_HOME`, else `~/.cache`; null where there is no home."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # A relative one is to be ignored: https://specifications.freedesktop.org/basedir-spec/latest/
        folder = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return folder / "replicard" / "cards.json"


def matches(values: Mapping[str, Any], wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether a card is among those wanted.

    Args:
        values: Its fields; of a list, one item is enough.
        wanted: Patterns by field: each field must fit one of its own. A pattern with `*`, `?` or `[` is a glob over the
            whole value, any other a part of it; upper and lower case are the same.
    """
    return all(any(_fits(values[field], pattern) for pattern in patterns) for field, patterns in wanted.items())


def _fits(value: Any, pattern: str) -> bool:
    pattern = pattern.casefold()
    texts = [text.casefold() for text in ([value] if isinstance(value, str) else value or ())]
    if any(sign in pattern for sign in "*?["):
        return any(fnmatchcase(text, pattern) for text in texts)
    return any(pattern in text for text in texts)


def in_order(
    rows: Iterable[dict[str, Any]], field: str, reverse: bool = False, ranking: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Rows sorted by a field, and by id where that is the same; those without a value come last.

    Args:
        rows: The fields of each card.
        field: One of them.
        reverse: Whether the last come first.
        ranking: Values that have an order of their own, before all others.
    """
    rows = sorted(rows, key=lambda row: str(row["id"]))
    have = [row for row in rows if row[field] not in (None, ())]
    ranks = {value: rank for rank, value in enumerate(ranking)}
    have.sort(key=lambda row: (ranks.get(row[field], len(ranks)), str(row[field]).casefold()))
    if reverse:
        have.reverse()
    return have + [row for row in rows if row[field] in (None, ())]


def _entry_of(loaded: Loaded) -> Entry:
    card = loaded.card
    return Entry(
        id=card.id,
        base=card.base.model or (card.base.architecture.model_type if card.base.architecture else ""),
        task=card.task.type,
        dataset=card.data.dataset,
        adapter=card.adapter.type if card.adapter else FULL,
        quantization=card.quantization.type if card.quantization else None,
        license=card.readme.license,
        language=card.readme.language,
        tags=card.readme.tags,
        file=str(loaded.file),
    )


def _entry(file: Path, record: Any) -> Entry | None:
    """The entry that a record remembers; null where it is broken, or what lies beside the card has changed."""
    try:
        readme, values = record["readme"], record["entry"]
        if record["beside"] != _beside(file, readme):
            return None
        lists = {name: tuple(values[name]) for name in ("language", "tags")}
        entry = Entry(**{**values, **lists, "file": str(file)})
    except (TypeError, KeyError, ValueError):
        return None
    texts = [entry.id, entry.base, entry.task, entry.dataset, entry.adapter, *entry.language, *entry.tags]
    texts += [text for text in (entry.quantization, entry.license) if text is not None]
    return entry if all(isinstance(text, str) for text in texts) else None


def _key(file: Path) -> str | None:
    """Hash of a card's name and bytes; null for what is no card to remember."""
    content = _bytes(file)
    return None if content is None else hashlib.sha256(os.fsencode(file.stem) + b"\0" + content).hexdigest()


def _beside(file: Path, readme: str | None) -> list[str | None]:
    """The state of what else makes a card valid: its lock, the README it quotes, and where that really lies."""
    state: list[str | None] = []
    lock = _bytes(file.with_suffix(".lock"))
    state.append(None if lock is None else hashlib.sha256(lock).hexdigest())
    if readme is not None:
        folder = os.path.realpath(file.parent)
        path = os.path.realpath(os.path.join(folder, readme))  # noqa: PTH118 - Path.resolve raises on circles
        content = _bytes(Path(path), limit=None)
        state += [os.path.relpath(path, folder), None if content is None else hashlib.sha256(content).hexdigest()]
        state.append(str(os.path.exists(os.path.dirname(path))))  # noqa: PTH110, PTH120
    return state


def _bytes(file: Path, limit: int | None = MAX_BYTES) -> bytes | None:
    """The bytes of a regular file of at most so many; null for anything else."""
    with contextlib.suppress(OSError, ValueError):
        status = file.stat()
        if stat.S_ISREG(status.st_mode) and (limit is None or status.st_size <= limit):
            return file.read_bytes()
    return None


def _version(code: Iterable[Path]) -> str:
    """Hash of the names, sizes and times of files."""
    state = hashlib.sha256()
    for file in sorted(code):
        status = file.stat()
        state.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return state.hexdigest()


def _recall(cache: Path | None, version: str) -> dict[str, Any]:
    """What is remembered by the same code; nothing where the file is missing or broken."""
    if cache is None:
        return {}
    try:
        content = json.loads(cache.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("version") != version:
        return {}
    cards = content.get("cards")
    return cards if isinstance(cards, dict) else {}


def _remember(cache: Path, version: str, records: dict[str, Any]) -> None:
    """Write what is remembered, whole or not at all; without a place to write, not at all."""
    newest = dict(list(records.items())[-MOST:])
    part = cache.with_name(f".{cache.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(json.dumps({"version": version, "cards": newest}), encoding="utf-8")
            part.replace(cache)
        finally:
            part.unlink(missing_ok=True)
