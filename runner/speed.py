"""How fast a trained model scores: rows in batches, and one row alone."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from runner.record import Speed

if TYPE_CHECKING:
    from transformers import Trainer

ROWS, WARM = 64, 3
SECONDS = 1.0
"""Time after which no further row is timed, once there are ten."""


def speed(worker: Trainer, rows: Any, seconds: float) -> Speed:
    """Throughput of a scoring pass that is done, and the latency of single rows, timed one after the other.

    A row's latency is the time from its tokens in memory to its scores there: collating, the copies, the forward pass.

    Args:
        worker: The Trainer that scored.
        rows: Tokenized rows.
        seconds: What scoring all of them took.
    """
    import torch

    names = [name for name in rows.column_names if name in worker.processing_class.model_input_names]
    table = rows.select_columns(names)
    model = worker.model.eval()
    times: list[float] = []
    with torch.no_grad(), worker.accelerator.autocast():
        for index in range(WARM + min(ROWS, len(table))):
            row = table[index % len(table)]
            started = time.perf_counter()
            inputs = worker.data_collator([row]).to(worker.accelerator.device)
            model(**inputs).logits.float().cpu()  # waits for a device that computes on its own
            times.append(time.perf_counter() - started)
            if sum(times) > SECONDS and len(times) > WARM + 10:
                break
    timed = sorted(times[WARM:])
    tokens = sum(map(len, table["input_ids"]))
    return Speed(
        rows_per_second=len(table) / seconds,
        tokens_per_second=tokens / seconds,
        batch_size=worker.args.per_device_eval_batch_size,
        latency_ms=1000 * median(timed),
        latency_p95_ms=1000 * timed[min(len(timed) - 1, int(0.95 * len(timed)))],
        latency_rows=len(timed),
    )
