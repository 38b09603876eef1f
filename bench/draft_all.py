"""`replicard draft --all --audit` over a whole Parquet file, with one process and with two.

    python -m bench.draft_all READMES.parquet [--workers 1 2] [--of 3000000]

Prints READMEs a second from the first byte read to the summary written, those a second of CPU (what a core does that
has nothing else to do), the most memory that the run and its largest worker held, and how long so many READMEs would
take at either rate.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from runner.bulk import draft_all


def measured(source: Path, workers: int) -> tuple[int, float, float, float, float]:
    """READMEs, seconds, seconds of CPU, and MiB that this process and its largest worker held at most."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        summary = draft_all(source, Path(folder, "out"), audit=True, workers=workers)
        seconds = time.perf_counter() - started
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, below = (one.ru_maxrss / 1024 for one in spent)
    return summary.readmes, seconds, sum(one.ru_utime + one.ru_stime for one in spent), own, below


def main() -> None:
    """Measure in a fresh process each, so that memory is the run's own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--of", type=int, default=3_000_000)
    given = parser.parse_args()
    for workers in given.workers:
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            count, seconds, cpu, own, below = fresh.submit(measured, given.source, workers).result()
        rate = count / seconds
        print(
            f"{workers} worker{'s' * (workers > 1)}: {count:,} READMEs in {seconds:.1f} s, {rate:,.0f}/s; "
            f"{cpu:.1f} s of CPU, {count / cpu:,.0f} a second of CPU; "
            f"{own:,.0f} MiB, a worker {below:,.0f} MiB; {given.of:,} would take {given.of / rate / 3600:.1f} h, "
            f"or {given.of * cpu / count / 3600:.1f} h of CPU"
        )


if __name__ == "__main__":
    main()
