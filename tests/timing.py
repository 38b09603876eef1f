"""Time as tests may look at it: by CPU, without the garbage of other tests, and the best of some tries.

The machines are shared, so that one measurement may be many times too long; nothing is too long three times by chance.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of this thread's CPU that a call takes, and what it gives.

    A collection of garbage would go through all that the tests before have left, which takes a second.
    """
    gc.disable()
    try:
        start = time.thread_time()
        found = work()
        return time.thread_time() - start, found
    finally:
        gc.enable()


def takes_less_than(seconds: float, work: Callable[[], object], tries: int = 3) -> bool:
    """Whether one of some calls takes less CPU than that."""
    return any(timed(work)[0] < seconds for _ in range(tries))
