"""Texts were cut to another length when they were scored.

A pipeline or a snippet cuts at its own length, often 128 or the tokenizer's 512, whatever the training did.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runner.hypotheses import Case, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COST = "model"
PRIOR = 0.1

LENGTHS = (16, 32, 64, 128, 256, 512)


def trials(case: Case) -> Iterator[Trial]:
    """Usual lengths that the model's positions allow."""
    architecture = case.card.base.architecture
    most = getattr(architecture, "max_position_embeddings", None) or max(LENGTHS)
    declared = case.card.data.tokens.max_length
    if not case.card.data.tokens.truncation:
        return
    for length in LENGTHS:
        if length != declared and length <= most:
            yield Trial(
                f"texts were cut to {length} tokens, not {declared}, when they were scored",
                partial(_scored, case, length),
            )


def _scored(case: Case, length: int) -> list[Mapping[int, float]]:
    return [case.measure(case.again(case.card.evaluation.split, length))]
