"""Reporters that a training tells its losses: the Trainer's own, chosen by `--track`. Off, nothing is sent anywhere.

The choice is no part of a run and does not stand in its id. It is kept in the environment, as processes that a run
starts track too.
"""

from __future__ import annotations

import contextlib
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from registry.errors import InputError, MissingError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

REPORTERS = ("tensorboard", "trackio", "wandb")
"""Names of the Trainer's `report_to`, and of the packages that they need."""

VARIABLE = "REPLICARD_TRACK"
"""Environment variable: the reporters, parted by blanks."""

FOLDER = "tensorboard"
"""Where TensorBoard's events lie, in the folder of a run's seed."""


def choose(names: Sequence[str]) -> None:
    """Let what is trained from now on, here and in processes started from here, tell these reporters.

    Raises:
        InputError: There is no such reporter.
        MissingError: Its package is not installed.
    """
    for name in names:
        if name not in REPORTERS:
            raise InputError(Problem(f"--track {name}", "", f"no such reporter; {did_you_mean(name, REPORTERS)}"))
        if find_spec(name) is None:
            raise MissingError(Problem(f"--track {name}", "", f"{name} is not installed; `pip install {name}`"))
    os.environ[VARIABLE] = " ".join(names)


def chosen() -> list[str]:
    """The reporters that were chosen."""
    return os.environ.get(VARIABLE, "").split()


@contextlib.contextmanager
def into(folder: Path) -> Iterator[None]:
    """Let a Trainer that is made now put TensorBoard's events there, unless the user has said where."""
    name = "TENSORBOARD_LOGGING_DIR"
    before = os.environ.get(name)
    os.environ[name] = before or str(folder / FOLDER)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
