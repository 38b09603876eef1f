"""A value that had to be assumed was another one.

What the source does not state was assumed; each such value with usual alternatives is trained anew with one of them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COST = "training"
PRIOR = 0.2

ALTERNATIVES: Mapping[str, tuple[str, ...]] = {
    "training.epochs": ("1", "2", "3", "4", "5", "10"),
    "training.learning_rate": ("1e-5", "2e-5", "3e-5", "5e-5", "1e-4", "2e-4"),
    "training.batch_size": ("8", "16", "32"),
    "training.scheduler": ("linear", "cosine", "constant"),
    "training.warmup_steps": ("0", "100", "500"),
    "training.weight_decay": ("0.0", "0.01", "0.1"),
    "training.select": ("last",),
    "adapter.r": ("4", "8", "16", "32", "64"),
    "adapter.alpha": ("8", "16", "32"),
    "data.tokens.max_length": ("128", "256", "512"),
    "data.split.seed": ("0", "1", "42"),
}
"""What scripts and tutorials use where the field is left to them, by judgement."""


def trials(case: Case) -> Iterator[Trial]:
    """Each alternative of each assumed value, one at a time."""
    for path in case.card.assumed:
        for value in ALTERNATIVES.get(path, ()):
            if not _same(case, path, value):
                override = f"{path}={value}"
                yield Trial(
                    f"`{path}` was {value}",
                    partial(_trained, case, override),
                    override,
                )


def _trained(case: Case, override: str) -> list[Mapping[int, float]]:
    return [case.measure(case.train(override)[0])]


def _same(case: Case, path: str, value: str) -> bool:
    found: object = case.card
    for part in path.split("."):
        found = getattr(found, part, None)
    return str(found) == value or (isinstance(found, int | float) and float(value) == found)
