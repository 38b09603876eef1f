"""The ranks of a run: processes that share its work, one a device, and what they agree on. One alone is the first."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl", "xpu": "cpu:gloo,xpu:xccl"}
"""What carries data between devices of a kind; what ranks say to each other is always carried by the CPU."""

_PATIENCE = timedelta(days=7)
"""How long a rank waits for others, who may have texts to tokenize; of one that dies the launcher knows at once."""


def join(meeting: Path, device: str) -> None:
    """Become the rank that the environment says (`RANK`, `WORLD_SIZE`, `LOCAL_RANK`: torchrun's).

    Args:
        meeting: File where the ranks of one launch find each other: no port is opened for it.
        device: Kind of device.
    """
    import torch
    from torch import distributed

    if device != "cpu":
        getattr(torch, device).set_device(int(os.environ["LOCAL_RANK"]))
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = distributed.FileStore(str(meeting), size)  # type: ignore[attr-defined]
    distributed.init_process_group(BACKENDS[device], store=store, rank=rank, world_size=size, timeout=_PATIENCE)


def leave() -> None:
    """Stop being one of several ranks."""
    from torch import distributed

    distributed.destroy_process_group()


def together() -> bool:
    """Whether this process is one of several ranks."""
    from torch import distributed

    return distributed.is_available() and distributed.is_initialized()


def index() -> int:
    """This rank's number, from 0."""
    from torch import distributed

    return distributed.get_rank() if together() else 0


def is_first() -> bool:
    """Whether this is the rank that writes what a run leaves."""
    return index() == 0


def count() -> int:
    """How many ranks there are: each counts itself, and they add it up; every rank has to call it."""
    return _sum(1)


def agreed(wish: bool) -> bool:
    """Whether any rank wishes it; every rank has to call it, and all are told the same."""
    return _sum(int(wish)) > 0


def _sum(value: int) -> int:
    import torch
    from torch import distributed

    if not together():
        return value
    total = torch.tensor(value)
    distributed.all_reduce(total)
    return int(total)


def gathered(value: T) -> list[T]:
    """What each rank gives, in their order; every rank has to call it, and goes on when all have."""
    from torch import distributed

    if not together():
        return [value]
    found: list[T] = [value] * distributed.get_world_size()
    distributed.all_gather_object(found, value)
    return found


@contextlib.contextmanager
def first_first() -> Iterator[None]:
    """Let the first rank go through the block before the others, who then find in caches what it made."""
    if not is_first():
        gathered(None)
    yield
    if is_first():
        gathered(None)
