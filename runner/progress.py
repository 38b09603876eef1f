"""Progress on standard error: a live bar on a terminal, elsewhere a line now and then; nothing when quiet."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

    Advance = Callable[[int, str], None]
    Listener = Callable[[str, int, int | None, str], None]

console = Console(stderr=True, highlight=False)
_told_to: list[Listener] = []

_told_in: TextIO | None = None
"""Where this process tells what it is at, for another one that shows it; null where it shows it itself."""

EVERY = 60.0
"""Seconds between the lines of a long stage where no bar is shown."""

_NO_BARS = ("CI", "JPY_PARENT_PID")
"""Environment variables of what keeps output as a log though it looks like a terminal: CI, and a notebook's `!`."""


@contextlib.contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Tell `listener(stage, done, total, note)` of all progress within the block, quiet or not."""
    _told_to.append(listener)
    try:
        yield
    finally:
        _told_to.remove(listener)


_OFTEN = 0.2
"""Seconds between two reports of how far a stage is."""


@contextlib.contextmanager
def stage(name: str, total: int | None = None, lasting: bool = False) -> Iterator[Advance]:
    """Show that a stage is at work and how far it is; yields `advance(done, note)`.

    Args:
        name: What it does.
        total: Units of work; null where only the time can be shown.
        lasting: Whether it writes checkpoints, so that one asks it to stop rather than interrupt it.
    """
    with _shown(name, total) if _told_in is None else _told(name, total, lasting) as show:

        def tell(done: int, note: str) -> None:
            for listener in _told_to:
                listener(name, done, total, note)

        def advance(done: int, note: str) -> None:
            tell(done, note)
            show(done, note)

        tell(0, "")
        yield advance


@contextlib.contextmanager
def _told(name: str, total: int | None, lasting: bool) -> Iterator[Advance]:
    _tell("begin", name, total, lasting)
    yield _seldom(_tell)
    _tell("end")


@contextlib.contextmanager
def _shown(name: str, total: int | None) -> Iterator[Advance]:
    started = time.monotonic()
    if console.quiet:
        yield lambda done, note: None
        return
    if not is_live():
        yield _lines(name, total, started)
        console.print(f"{name}: {time.monotonic() - started:.1f} s", soft_wrap=True)
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=30),
        *((MofNCompleteColumn(),) if total else ()),
        TimeElapsedColumn(),
        *((TimeRemainingColumn(),) if total else ()),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    with Progress(*columns, console=console, refresh_per_second=5) as progress:
        task = progress.add_task(name, total=total, note="")
        yield lambda done, note: progress.update(task, completed=done, note=note)
        progress.update(task, completed=total or 1, total=total or 1)


def tell_to(file: Path) -> None:
    """Show nothing from here on, but tell it line by line into a file; `runner.launching` reads it."""
    global _told_in  # noqa: PLW0603 (a process has one place that it tells to)
    _told_in = file.open("a", encoding="utf-8")

    class Warn(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            _tell("warn", record.getMessage())

    logging.getLogger("replicard").addHandler(Warn())


def _tell(*words: object) -> None:
    assert _told_in is not None
    _told_in.write(json.dumps(words) + "\n")
    _told_in.flush()


def _seldom(tell: Callable[..., None]) -> Advance:
    told = 0.0

    def advance(done: int, note: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _OFTEN:
            told = time.monotonic()
            tell("at", done, note)

    return advance


def is_live() -> bool:
    """Whether somebody looks who sees a line redrawn; that colours are forced on a pipe makes it no terminal."""
    redraws = console.is_terminal and console.file.isatty() and not console.is_dumb_terminal
    return redraws and not any(os.environ.get(name) for name in _NO_BARS)


def _lines(name: str, total: int | None, started: float) -> Advance:
    """Say how far a stage is once in `EVERY` seconds."""
    told = started

    def advance(done: int, note: str) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= EVERY:
            told = now
            far = f"{done:,} of {total:,}" if total else f"{done:,}"
            console.print(f"{name}: {far}, {now - started:.0f} s" + (f", {note}" if note else ""), soft_wrap=True)

    return advance


def show_transfers() -> None:
    """Let the Hub's client show its own bars for large files where somebody looks, and nowhere else."""
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    if is_live() and not console.quiet:
        enable_progress_bars()
    else:
        disable_progress_bars()
