"""How time and memory of a training grow: `python -m bench.growth`, in about five minutes on two CPU cores.

A BERT-shaped classifier of MiniLM's size is trained with the fast kernels in bf16; one quantity at a time is changed:
tokens of a row, rows of a batch, width and layers of the model, rows of the dataset. Each point is a process of its
own. Prints seconds a step (for rows of the dataset, of the whole training), the peak of resident memory, and the
exponents between the ends: 1 is linear.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import workload

USUAL = {"length": 256, "batch": 16, "width": 384, "layers": 6, "rows": 96}
POINTS = {
    "length": (64, 128, 256, 512),
    "batch": (4, 8, 16, 32),
    "width": (192, 384, 768),
    "layers": (3, 6, 12),
    "rows": (96, 192, 384),
}


def measure(length: int, batch: int, width: int, layers: int, rows: int) -> None:
    """Print seconds a step, seconds of the training and MiB of peak memory."""
    from transformers import TrainerCallback

    times: list[float] = []

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            times.append(time.perf_counter())

    shape = {"hidden_size": width, "num_attention_heads": width // 32, "intermediate_size": 4 * width}
    workload.SHAPES["grown"] = {**shape, "num_hidden_layers": layers}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.npz"
        drawn = np.random.default_rng(0)
        np.savez(file, flat=drawn.integers(5, 30000, rows * length), lengths=np.full(rows, length))
        worker, _ = workload.worker("grown", "full", "fast", file, batch)
        worker.args.num_train_epochs = 1
        worker.add_callback(Watch())
        started = time.perf_counter()
        worker.train()
        total = time.perf_counter() - started
    steps = np.diff(times) if len(times) > 1 else [total]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([float(np.median(steps)), total, peak]))


def main() -> None:
    """Print a table."""
    print("| Changed | Value | Seconds | Peak MiB |\n|---|--:|--:|--:|")
    fitted = []
    for name, values in POINTS.items():
        found = []
        for value in values:
            sizes = {**USUAL, name: value}
            sizes["rows"] = max(sizes["rows"], 6 * sizes["batch"])
            words = [sys.executable, "-m", "bench.growth", "--one", *(str(size) for size in sizes.values())]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            step, total, peak = json.loads(done.stdout.splitlines()[-1])
            found.append((total if name == "rows" else step, peak))
            print(f"| {name} | {value} | {found[-1][0]:.3f} | {peak:,.0f} |", flush=True)
        ends = math.log(values[-1] / values[0])
        slopes = [math.log(found[-1][which] / found[0][which]) / ends for which in (0, 1)]
        fitted.append(f"- {name}: time grows with the power {slopes[0]:.2f}, memory with {slopes[1]:.2f}")
    print("", *fitted, sep="\n")


if __name__ == "__main__":
    measure(*map(int, sys.argv[2:])) if sys.argv[1:2] == ["--one"] else main()
