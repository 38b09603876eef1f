"""Time as tests may look at it: by CPU, without the garbage of other tests, and the best of some tries.

The machines are shared, so that one measurement may be many times too long; nothing is too long three times by chance.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Seconds of this thread's CPU that a call takes."""
    with _no_collection():
        start = time.thread_time()
        work()
        return time.thread_time() - start


def takes_less_than(seconds: float, work: Callable[[], Any], tries: int = 3) -> bool:
    """Whether one of some calls takes less CPU than that."""
    return any(cpu_seconds(work) < seconds for _ in range(tries))


@contextmanager
def _no_collection() -> Iterator[None]:
    """A collection of garbage goes through all that the tests before have left, which takes a second."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
