"""How fast scoring is beside the Trainer's padded one: `python -m bench.eval_speed [MiniLM|bert-tiny …] [--rounds N]`.

Each variant scores the same reviews, at most 512 tokens each, in batches of 32, in a process of its own and in turn: as
many as it can in some ten seconds, after a first few batches. What counts is the median of the rounds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench import workload

BATCH, SECONDS = 32, 10


def measure(variant: str, shape: str, file: Path) -> None:
    """Print examples a second."""
    from runner import trainer

    worker, rows = workload.worker(shape, "full", variant, file, BATCH)

    def scored(count: int) -> float:
        started = time.perf_counter()
        trainer.score(worker, rows.select(range(count)), lambda done, note: None)
        return count / (time.perf_counter() - started)

    first = scored(4 * BATCH)
    print(scored(min(len(rows), max(4 * BATCH, int(first * SECONDS)))))


def main(shapes: list[str], rounds: int) -> None:
    """Print a table for each shape."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.npz"
        print(workload.tokens(file))
        for shape in shapes:
            found: dict[str, list[float]] = {variant: [] for variant in workload.VARIANTS}
            for _ in range(rounds):
                for variant, speeds in found.items():
                    speeds.append(workload.child("bench.eval_speed", variant, shape, str(file)))
            median = {variant: statistics.median(speeds) for variant, speeds in found.items()}
            print(f"\n{shape}\n\n| | examples/s | times the cards' way |\n|---|---|---|")
            for variant, speed in median.items():
                print(f"| {variant} | {speed:.1f} | {speed / median[workload.CARDS]:.1f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(*sys.argv[2:4], Path(sys.argv[4]))
    else:
        main(*workload.asked(sys.argv[1:]))
