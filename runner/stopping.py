"""Being asked to stop, by Ctrl-C or by a cluster that wants its machine back."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

from runner import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


asked: Callable[[], bool] | None = None
"""Whether the process that launched this one wants it to stop; null where signals say it to this one itself."""


@contextlib.contextmanager
def after_a_checkpoint() -> Iterator[Callable[[], bool]]:
    """Put off the first Ctrl-C or SIGTERM until a checkpoint is written; the second one interrupts at once.

    Yields what says whether one came: who is asked writes the checkpoint and raises KeyboardInterrupt, which is raised
    at the end otherwise. Signals that do not interrupt are left as they are, and so are those of other threads.
    """
    if asked is not None:
        yield asked
        return
    came: list[int] = []

    def put_off(number: int, frame: Any) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)
        progress.console.print("stopping once a checkpoint is written; again stops at once")

    mine = threading.current_thread() is threading.main_thread()
    signals = (signal.SIGINT, signal.SIGTERM) if mine else ()
    taken = [number for number in signals if signal.getsignal(number) is signal.default_int_handler]
    for number in taken:
        signal.signal(number, put_off)
    try:
        yield lambda: bool(came)
    finally:
        for number in taken:
            signal.signal(number, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt
