"""How fast the model scores: the pass over all rows, and one row at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from runner.record import Latency, Speed

if TYPE_CHECKING:
    from registry.card import Card
    from runner.record import Machine, Plan

ROWS = 100
"""Rows that are scored one at a time, at most."""

SECONDS = 0.5
"""Time after which no further row is begun."""

FEWEST_FOR_P95 = 20
"""Rows below which there is no 95th percentile."""

_WARM = 3


def speed(card: Card, plan: Plan, machine: Machine, trainer: Any, rows: Any, seconds: float) -> Speed:
    """What a scoring pass took, by row and by token, and the latency of single rows.

    Args:
        card: The card.
        plan: Its plan.
        machine: The machine that scores.
        trainer: The Trainer that scored.
        rows: The tokenized rows it scored.
        seconds: Wall time of that.
    """
    return Speed(
        device=machine.device,
        device_name=machine.name,
        threads=max(1, machine.cpu_threads // plan.processes),
        processes=plan.processes,
        precision=plan.precision,
        batch_size=card.training.eval_batch_size,
        rows_per_second=len(rows) / seconds,
        tokens_per_second=int(lengths(rows).sum()) / seconds,
        latency=_latency(trainer, rows),
    )


def lengths(rows: Any) -> np.ndarray:
    """Tokens of each tokenized row, special ones counted, padding not; shape (rows,)."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(rows.with_format("arrow")["input_ids"][:]))


def _latency(trainer: Any, rows: Any) -> Latency:
    """Forward passes of single rows, tokenized and collated: from the batch in main memory to the logits there.

    Three unmeasured passes come first; the rows are drawn at random, seeded.
    """
    import torch

    names = [name for name in rows.column_names if name in trainer.processing_class.model_input_names]
    drawn = np.random.default_rng(0).permutation(len(rows))[:ROWS].tolist()
    batches = [trainer.data_collator([{name: row[name] for name in names}]) for row in rows.select(drawn)]
    model = trainer.model.eval()
    found: list[float] = []

    def score(batch: Any) -> float:
        started = time.perf_counter()
        with torch.no_grad(), trainer.accelerator.autocast():
            model(**trainer._prepare_inputs(batch)).logits.cpu()  # the copy waits until they are computed
        return time.perf_counter() - started

    for batch in batches[:_WARM]:
        score(batch)
    for batch in batches:
        found.append(score(batch))
        if sum(found) > SECONDS:
            break
    p95 = float(np.quantile(found, 0.95)) if len(found) >= FEWEST_FOR_P95 else None
    return Latency(rows=len(found), median_ms=1000 * float(np.median(found)), p95_ms=p95 and 1000 * p95)
