"""Progress on standard error: a live bar on a terminal, elsewhere a line now and then; nothing when quiet."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Advance = Callable[[int, str], None]

console = Console(stderr=True, highlight=False)

EVERY = 60.0
"""Seconds between the lines of a long stage where no bar is shown."""

_NO_BARS = ("CI", "JPY_PARENT_PID")
"""Environment variables of what keeps output as a log though it looks like a terminal: CI, and a notebook's `!`."""


@contextlib.contextmanager
def stage(name: str, total: int | None = None) -> Iterator[Advance]:
    """Show that a stage is at work and how far it is; yields `advance(done, note)`.

    Args:
        name: What it does.
        total: Units of work; null where only the time can be shown.
    """
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
