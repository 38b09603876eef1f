"""What a fan-out itself costs: the engine's time for a task, what a finished set costs again, and shared tokens.

    python -m bench.fanout [--on local ray] [--tasks 500] [--seeds 5]

First, seeds of a small card are really trained on this machine, and the rows that any process tokenizes are counted.
Then tasks that do nothing (Python starts, and ends) go through the same driver and engine as real ones, each with a log
of its own, and leave the record of a run that was made before; and the same set is started again, of which everything
is done. The driver's own time on a processor tells what it costs where other work runs on the same cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.altered import altered
from runner import plugins
from runner.executors import Settings, Task
from runner.fanout import FanOut, Member, key_of
from runner.record import Record
from runner.runs import Run, read_record, write_model

CARD = Path(__file__).parents[1] / "cards/tiny/tiny-full.yaml"

NOTHING = """
import os, sys
if sys.orig_argv[1:3] == ["-m", "runner.cli"]:
    os._exit(0)
"""
"""A `sitecustomize` for processes that do nothing where they would run our command."""

COUNTED = altered(
    "runner.tasks.text_classification",
    "encode",
    """
import functools, os
encode = it.encode

@functools.wraps(encode)
def counted(batch, *more, **named):
    with open(os.environ["COUNTED"], "a") as file:
        file.write(f"{len(batch['text'])}\\n")
    return encode(batch, *more, **named)

it.encode = counted
""",
)
"""One for processes that write into a file how many rows they tokenize, a line a batch."""


def reproduce(runs: Path, *more: object, **environment: str) -> None:
    """Run the tiny card with the fast start of the reference kernels."""
    subprocess.run(
        [sys.executable, "-m", "runner.cli", "reproduce", CARD, "--kernels=reference", "-q", "--runs", runs, *more],
        env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def no_ops(engine: str, like: Run, count: int) -> tuple[float, float, float]:
    """Seconds of a fan-out of tasks that do nothing, the driver's on a processor, and those once all is done.

    Args:
        engine: Name of the executor.
        like: A finished run, whose record each of them leaves.
        count: How many.
    """
    record = read_record(like, Record)
    assert record.training is not None
    record = record.model_copy(update={"training": record.training.model_copy(update={"files": {}})})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        runs = [Run(root, like.card, like.id, seed) for seed in range(count)]
        for run in runs:
            write_model(run.folder / "made", record.model_copy(update={"seed": run.seed}))

        def task(run: Run) -> Task:
            return Task(key=key_of(run), card=CARD, runs=root, folder=run.folder.relative_to(root), timeout_s=60)

        def leave(task: Task) -> None:
            (root / task.folder / "made").rename(root / task.folder / "record.json")

        members = [Member(run, task(run)) for run in runs]
        executor = plugins.engine(engine).start(Settings(at_once=count))
        executor.fetch = leave  # type: ignore[method-assign]
        fan, started, spent = FanOut(members), time.perf_counter(), time.process_time()
        fan.run(executor)
        first, own = time.perf_counter() - started, time.process_time() - spent
        executor.close()
        assert all(row.outcome is not None and row.outcome.code == 0 for row in fan.rows), fan.rows[0]
        spent = time.process_time()
        assert not FanOut(members).waiting
        return first, own, time.process_time() - spent


def tokenized(folder: Path, seeds: int) -> list[int]:
    """Rows of each batch that is tokenized while so many seeds are trained."""
    (folder / "sitecustomize.py").write_text(COUNTED)
    counts = folder / "counts"
    paths = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    caches = {"HF_DATASETS_CACHE": str(folder / "cache"), "PYTHONPATH": paths, "COUNTED": str(counts)}
    reproduce(folder / "runs", "--seeds", f"0..{seeds - 1}", "--on", "local", **caches)
    return [int(line) for line in counts.read_text().split()]


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", nargs="+", default=["local"])
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batches = tokenized(folder, given.seeds)
        print(f"{given.seeds} seeds: {sum(batches):,} rows tokenized, in {len(batches)} batches")
        (record,) = folder.glob("runs/*/*/seed0/record.json")
        like = Run(folder / "runs", record.parts[-4], record.parts[-3], 0)
        (folder / "sitecustomize.py").write_text(NOTHING)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (name, os.environ.get("PYTHONPATH"))))
        for engine in given.on:
            first, own, again = no_ops(engine, like, given.tasks)
            wall, cpu, seen = (f"{1000 * seconds / given.tasks:.1f} ms" for seconds in (first, own, again))
            print(f"{engine}: {given.tasks:,} tasks, each {wall}, of which the driver's CPU {cpu}; done already {seen}")


if __name__ == "__main__":
    main()
