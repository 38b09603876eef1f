"""Writing a site: into a folder beside the old one, which it replaces when it is whole.

The same cards, records and audits give the same bytes: nothing of the clock, of the machine or of the order in which
processes end is in a site.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import InputError, MissingError, Problem
from runner.bulk import end_with_parent
from runner.plugins import load_card
from runner.rendering import templates
from runner.website import pages
from runner.website.gathering import gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runner.website.gathering import Known

FIRST = 50
"""Rows of the front page that need no script."""

_MARKER = ".replicard-site.json"
_CHUNK = 20
"""Cards of a piece of work."""
_ALONE = 60
"""Cards up to which starting further processes takes longer than it saves."""


class Built(NamedTuple):
    """What was written.

    Attributes:
        cards: Cards that have a page.
        files: Files.
        bytes: Bytes of all of them.
        warnings: What was left out, a line each.
    """

    cards: int
    files: int
    bytes: int
    warnings: tuple[str, ...]


class _Part(NamedTuple):
    """What a piece of work gives back: rows of the front page, and what is wrong."""

    entries: list[dict[str, Any]]
    problems: list[Problem]
    warnings: list[str]


def build(files: Sequence[Path], out: Path, runs: Path, workers: int = 1) -> Built:
    """Write the site of some cards.

    Args:
        files: The cards.
        out: The folder to write: a new one, an empty one, or one that this function made.
        runs: Folder of all runs.
        workers: Processes that write.

    Raises:
        InputError: A card is not valid, or two have one id, or the folder holds something else; nothing is written.
        MissingError: It cannot be written there.
    """
    require_room(files, out)
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    except OSError as error:
        message = f"cannot be written: {error.strerror}; choose another place with --out"
        raise MissingError(Problem(str(out), "", message)) from None
    try:
        for folder in ("assets", "cards", "data", "plots"):
            (fresh / folder).mkdir()
        part = _write_cards(files, fresh, runs, workers)
        if part.problems:
            raise InputError(part.problems)
        _write_rest(fresh, sorted(part.entries, key=pages.order))
        written = [path for path in fresh.rglob("*") if path.is_file()]
        top = sorted(path.name for path in fresh.iterdir())
        _write(fresh / _MARKER, json.dumps({"made by": "replicard site build", "holds": top}) + "\n")
        fresh.chmod(0o755)
        built = Built(len(files), len(written), sum(path.stat().st_size for path in written), tuple(part.warnings))
        _replace(fresh, out)
        return built
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def require_room(files: Sequence[Path], out: Path) -> None:
    """Refuse cards that cannot stand side by side, and a folder that holds something else.

    Raises:
        InputError: With what is in the way.
    """
    _require_ours(out)
    _require_names(files)


def _require_ours(out: Path) -> None:
    """Refuse to write over what somebody else made."""
    if not os.path.lexists(out):
        return
    if out.is_symlink() or not out.is_dir():
        raise InputError(Problem(str(out), "", "is no folder; name a new one with --out"))
    there = {path.name for path in out.iterdir()}
    try:
        holds = set(json.loads((out / _MARKER).read_bytes())["holds"]) | {_MARKER}
    except (OSError, ValueError, KeyError, TypeError):
        holds = set()
    if foreign := sorted(there - holds):
        message = f"holds {foreign[0]!r}, which no `replicard site build` made; name a new folder with --out"
        raise InputError(Problem(str(out), "", message))


def _require_names(files: Iterable[Path]) -> None:
    """Each card has a page of its own name, on systems that do not tell large letters from small ones too."""
    seen: dict[str, Path] = {}
    problems = []
    for file in files:
        first = seen.setdefault(file.stem.casefold(), file)
        if first != file:
            problems.append(Problem(str(file), "id", f"a page of this name is that of {first}; rename one"))
    if problems:
        raise InputError(problems)


def _write_cards(files: Sequence[Path], out: Path, runs: Path, workers: int) -> _Part:
    chunks = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
    whole = _Part([], [], [])
    for part in _parts(chunks, out, runs, workers if len(files) > _ALONE else 1):
        whole.entries.extend(part.entries)
        whole.problems.extend(part.problems)
        whole.warnings.extend(part.warnings)
    return whole


def _parts(chunks: Sequence[Sequence[Path]], out: Path, runs: Path, workers: int) -> Iterator[_Part]:
    if workers == 1:
        yield from (_write_some(chunk, out, runs) for chunk in chunks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=end_with_parent) as pool:
        yield from pool.map(_write_some, chunks, [out] * len(chunks), [runs] * len(chunks))


def _write_some(files: Sequence[Path], out: Path, runs: Path) -> _Part:
    """Write the pages of some cards."""
    part = _Part([], [], [])
    for file in files:
        try:
            loaded = load_card(file, drafts=True)
        except InputError as error:
            part.problems.extend(error.problems)
            continue
        known = gather(loaded, runs, part.warnings.append)
        _write_card(known, out)
        part.entries.append(pages.entry(known))
    return part


def _write_card(known: Known, out: Path) -> None:
    name, plots = known.card.id, []
    if known.ran is not None:
        folder = known.ran.run.over_seeds / f"seed{known.ran.shown.seed}" / "plots"
        for plot in sorted(folder.glob("*.png")):
            if re.fullmatch(r"[a-z_]+", plot.stem) and not plot.is_symlink():
                plots.append(plot.stem)
                (out / "plots" / name).mkdir(exist_ok=True)
                shutil.copyfile(plot, out / "plots" / name / plot.name)
    _write(out / "cards" / f"{name}.html", pages.card_page(known, plots))
    _write(out / "data" / f"{name}.js", pages.data(known))


def _write_rest(out: Path, entries: Sequence[dict[str, Any]]) -> None:
    """The front page, what all pages share, and what makes the folder a Space."""
    _write(out / "index.html", pages.index_page(entries, FIRST))
    _write(out / "compare.html", pages.compare_page())
    _write(out / "checks.html", pages.checks_page())
    _write(out / "README.md", pages.space_readme(len(entries)))
    _write(out / ".nojekyll", "")  # GitHub Pages then serves the files as they are
    _write(out / "assets" / "cards.js", pages.index_data(entries))
    for name in ("site.css", "site.js", "icon.svg"):
        shutil.copyfile(templates() / "site" / name, out / "assets" / name)
    _write(out / "assets" / "plotly.min.js", pages.plotly_script())


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _replace(fresh: Path, out: Path) -> None:
    """Put a whole site in the place of the old one, which is back should that fail."""
    if not out.exists() or not any(out.iterdir()):
        fresh.replace(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".old", dir=out.parent))
    out.replace(old)
    try:
        fresh.replace(out)
    except OSError:
        old.replace(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
