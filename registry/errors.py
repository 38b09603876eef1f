"""What can go wrong, as data: problems with a place and a remedy, and errors with an exit code."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, in one line.

    Attributes:
        where: File, or `file:line:column` (both counted from 1), or a command-line option; empty when none applies.
        path: Dotted path of the card field, or empty.
        message: What is wrong and, after a semicolon, what to do about it.
    """

    where: str
    path: str
    message: str

    def __str__(self) -> str:
        """`where  path: message`, the parts that exist."""
        what = f"{self.path}: {self.message}" if self.path else self.message
        return f"{self.where}  {what}" if self.where else what


class ReplicardError(Exception):
    """Base of every error a user can cause; the command prints its problems, one a line, and no traceback."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem] | Problem | str):
        if isinstance(problems, str):
            problems = Problem("", "", problems)
        self.problems = [problems] if isinstance(problems, Problem) else sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class InputError(ReplicardError):
    """The user's input is wrong or refused (exit code 2)."""


class MissingError(ReplicardError):
    """Something needed is missing here: network, a gated repo, a device, memory, disk, consent (exit code 3)."""

    exit_code = 3


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Say what was probably meant: `did you mean …?` for a close name, else the list of valid ones."""
    choices = sorted(choices)
    folded = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if not close:  # an abbreviation either way: `rnk` for `r`, `lr` stays unmatched
        close = [c for c in folded if name.casefold().startswith(c) or c.startswith(name.casefold())]
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    return f"one of: {', '.join(choices)}"
