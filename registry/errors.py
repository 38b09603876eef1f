"""What can go wrong, as data: problems with a place and a remedy, and errors with an exit code."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from registry.secrets import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["error", "warning"]

# What would break a line, move the cursor, or show a text in another order than it has or not at all: control
# characters, separators of lines, halves of surrogate pairs; embeddings, overrides and isolates of the bidirectional
# algorithm (UAX 9); the byte order mark, and tags.
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]")

_LONGEST = 100
"""A longer name is near to none, and would take long to compare."""

_PLACE = re.compile(r"((?!--).*\.(?:ya?ml|lock)):([0-9]+):([0-9]+)", re.DOTALL)


def one_line(text: str) -> str:
    """The text with what would break a line escaped."""
    return _NOT_IN_A_LINE.sub(lambda found: ascii(found.group())[1:-1], text)


def json_text(text: str) -> str:
    """JSON with the same escaped that `one_line` escapes; line breaks are its layout."""
    return _NOT_IN_A_LINE.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def foreign(name: str) -> str:
    """The characters of a name that are not ASCII, by code point: what looks like a letter may be another one.

    >>> foreign("mod\u0435l")
    'U+0435 (CYRILLIC SMALL LETTER IE)'
    """
    signs = dict.fromkeys(sign for sign in name if not sign.isascii())
    return ", ".join(f"U+{ord(sign):04X} ({unicodedata.name(sign, 'without a name')})" for sign in signs)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in one line.

    Attributes:
        where: File, or `file:line:column` (both counted from 1), or a command-line option; empty when none applies.
        path: Dotted path of the card field, or empty.
        message: What is wrong and, after a semicolon, what to do about it.
        level: Whether it must be put right, or only known.
    """

    where: str
    path: str
    message: str
    level: Level = "error"

    def __post_init__(self) -> None:
        """Whatever a user typed or a file held is said back, but never a token."""
        for name in ("where", "path", "message"):
            object.__setattr__(self, name, redacted(getattr(self, name)))

    def __str__(self) -> str:
        """`where  path: message`, the parts that exist, always one line."""
        what = f"{self.path}: {self.message}" if self.path else self.message
        if self.level == "warning":
            what = f"warning: {what}"
        return one_line(f"{self.where}  {what}" if self.where else what)

    @property
    def place(self) -> tuple[str, int | None, int | None]:
        """File (or option), line and column of `where`."""
        found = _PLACE.fullmatch(self.where)
        return (found[1], int(found[2]), int(found[3])) if found else (self.where, None, None)


class ReplicardError(Exception):
    """Base of every error a user can cause; the command prints its problems, one a line, and no traceback."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem] | Problem | str):
        if isinstance(problems, str):
            problems = Problem("", "", problems)
        found = [problems] if isinstance(problems, Problem) else in_order(problems)
        self.problems = [problem for problem in found if problem.level == "error"]
        self.warnings = [problem for problem in found if problem.level == "warning"]
        super().__init__("\n".join(map(str, self.problems)))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by file, line and column."""
    return sorted(problems, key=_order)


def _order(problem: Problem) -> list[str | int]:
    """Line 9 comes before line 10, and item 9 before item 10."""
    parts = re.split(r"([0-9]{1,18})", f"{problem.where} {problem.path} {problem.message}")
    return [int(part) if odd % 2 else part for odd, part in enumerate(parts)]


class InputError(ReplicardError):
    """The user's input is wrong or refused (exit code 2)."""


class MissingError(ReplicardError):
    """Something needed is missing here: network, a gated repo, a device, memory, disk, consent (exit code 3)."""

    exit_code = 3


_ALIASES = {
    "per_device_train_batch_size": "batch_size", "train_batch_size": "batch_size",
    "per_device_eval_batch_size": "eval_batch_size", "num_train_epochs": "epochs", "num_epochs": "epochs",
    "lr": "learning_rate", "lr_scheduler_type": "scheduler", "lr_scheduler": "scheduler", "optim": "optimizer",
    "gradient_accumulation": "gradient_accumulation_steps", "label_smoothing_factor": "label_smoothing",
    "fp16": "precision", "bf16": "precision", "max_seq_length": "max_length", "max_seq_len": "max_length",
    "lora_r": "r", "rank": "r", "lora_alpha": "alpha", "lora_dropout": "dropout", "use_rslora": "rslora",
    "use_dora": "dora", "load_in_4bit": "bits", "load_in_8bit": "bits", "bnb_4bit_quant_type": "quant_type",
    "bnb_4bit_compute_dtype": "compute_dtype", "bnb_4bit_use_double_quant": "double_quant",
    "adam": "adamw_torch", "adamw": "adamw_torch", "adamw_hf": "adamw_torch", "linear_with_warmup": "linear",
    "cosine_with_warmup": "cosine", "auroc": "roc_auc", "auc": "roc_auc", "mcc": "matthews_correlation",
    "kappa": "cohen_kappa", "acc": "accuracy",
}  # fmt: skip
"""What the Trainer, PEFT, bitsandbytes and papers call what a card calls otherwise."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Say what was probably meant: `did you mean …?` for a close name, else the list of valid ones."""
    choices = sorted(choices)
    folded = {choice.casefold(): choice for choice in choices}
    close = [alias] if (alias := _ALIASES.get(name.casefold())) in folded else []
    if not close:  # `a100-80gb` for `nvidia-a100-80gb`
        close = [choice for choice in folded if name and choice.endswith(f"-{name.casefold()}")]
    if not close and len(name) <= _LONGEST:
        close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if not close and name:  # an abbreviation either way: `rnk` for `r`, `lr` stays unmatched
        close = [c for c in folded if name.casefold().startswith(c) or c.startswith(name.casefold())]
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    return f"one of: {', '.join(choices[:20])}{', …' if len(choices) > 20 else ''}"
