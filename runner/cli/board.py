"""How a fan-out is shown: a live table on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING

import typer

from registry.errors import Problem, one_line
from runner import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.live import Live
    from rich.table import Table

    from runner.fanout import Row

_SHOWN = ("running", "elsewhere", "waiting")
"""States of the rows of the table, in its order; what is done is only counted."""
_LEFT_FREE = 6
"""Lines of the terminal that the table leaves to its head and to what stands above it."""


class Board:
    """Shows the rows of a fan-out whenever it is told of them; what failed it says in any case."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, int]] = {}
        self._live: Live | None = None
        self._began = time.monotonic()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show a table within the block, where somebody looks."""
        from rich.live import Live

        if progress.console.quiet or not progress.console.is_terminal:
            yield
            return
        with Live(console=progress.console, refresh_per_second=4, transient=True) as self._live:
            yield

    def told(self, rows: Sequence[Row]) -> None:
        """There may be news."""
        for row in rows:
            news = (row.state, row.attempts)
            if self._said.get(row.member.task.key, ("waiting", 0)) != news:
                self._said[row.member.task.key] = news
                self._say(row)
        if self._live is not None:
            self._live.update(self._table(rows))

    def _say(self, row: Row) -> None:
        key, log = row.member.task.key, f"; log {row.log}" if row.log else ""
        if row.state == "failed":
            typer.echo(str(Problem(key, "", f"{row.told}{log}")), err=True)
        elif self._live is None and row.state != "waiting" and not (row.outcome and row.outcome.again):
            what = f": {row.told}" if row.told else ""
            if row.outcome is not None and row.outcome.seconds is not None:
                what = f" in {_clock(row.outcome.seconds)}"
            progress.console.print(one_line(f"{row.state}  {key}{what}{log}"), soft_wrap=True, markup=False)

    def _table(self, rows: Sequence[Row]) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        counts = Counter(row.state for row in rows)
        told = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items()))
        passed = time.monotonic() - self._began
        table = Table(
            box=SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            header_style="bold",
            caption=f"{told}; {_clock(passed)}",
        )
        for name in ("Card", "Seed", "State", "At", "", "Left"):
            # Where a terminal is narrow, names and notes are cut, and no numbers.
            table.add_column(name, no_wrap=name not in ("Card", ""))
        shown = sorted((row for row in rows if row.state in _SHOWN), key=lambda row: _SHOWN.index(row.state))
        for row in shown[: max(1, progress.console.height - _LEFT_FREE)]:
            at, note, left = row.progress, row.told, ""
            if at is not None:
                note = at.note or note
                left = _clock(at.seconds_left) if at.seconds_left is not None else ""
            where = f"{at.stage} {at.done:,}/{at.total:,}" if at and at.total else at.stage if at else ""
            run = row.member.run
            cells = (run.card, str(run.seed), row.state, where, note, left)
            table.add_row(*(Text(one_line(cell), overflow="ellipsis", no_wrap=True) for cell in cells))
        return table


def _clock(seconds: float) -> str:
    """`1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
