"""`replicard draft --all --audit` over a whole Parquet file, with one process and with two.

    python -m bench.draft_all READMES.parquet [--workers 1 2] [--of 3000000] [--times 1]

Prints READMEs a second from the first byte read to the summary written, those a second of CPU (what a core does that
has nothing else to do), the most memory that the run and its largest worker held, and how long so many READMEs would
take at either rate. With `--times 5` each README is read in five versions, all but the first with words left out at
random, and the memory that the run holds after a tenth of them and at the end is printed too: with one process that
reads all of them.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runner import bulk
from runner.bulk import draft_all

PAGE = resource.getpagesize() / 2**20


def versions(source: Path, target: Path, times: int) -> None:
    """Write each README so many times: as it is, and with a twentieth of its words left out, others each time."""
    with pq.ParquetWriter(target, pa.schema([("name", pa.string()), ("card", pa.string())])) as writer:
        chance = random.Random(0)
        for batch in pq.ParquetFile(source).iter_batches(1000):
            columns = batch.to_pydict()
            texts = columns.get("card") or columns["text"]
            for number in range(times):
                told = [
                    "".join(word for word in re.split(r"(\s)", text) if not number or chance.random() > 0.05)
                    for text in texts
                ]
                names = [f"{name}/{number}" for name in columns["name"]]
                writer.write_table(pa.table({"name": names, "card": told}))


def held() -> float:
    """MiB that this process holds now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE


def watch(out: Path, done: threading.Event, seen: dict[int, float]) -> None:
    """Note the memory held when so many parts of the output are written."""
    while not done.wait(0.2):
        seen.setdefault(len(list(out.glob("part-*.counts.json"))), held())


def measured(source: Path, workers: int, times: int = 1) -> tuple[int, float, float, float, float, float, float]:
    """READMEs, seconds, seconds of CPU, and MiB: at most here and in a worker, after a tenth, at the end."""
    with tempfile.TemporaryDirectory() as folder:
        if times > 1:
            versions(source, Path(folder, "all.parquet"), times)
            source = Path(folder, "all.parquet")
        out, done, seen = Path(folder, "out"), threading.Event(), dict[int, float]()
        watching = threading.Thread(target=watch, args=(out, done, seen))
        watching.start()
        started = time.perf_counter()
        summary = draft_all(source, out, audit=True, workers=workers)
        seconds = time.perf_counter() - started
        done.set()
        watching.join()
        tenth = next((seen[part] for part in sorted(seen) if part * bulk.PART * 10 >= summary.readmes), 0.0)
        last = seen[max(seen)]
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, below = (one.ru_maxrss / 1024 for one in spent)
    return summary.readmes, seconds, sum(one.ru_utime + one.ru_stime for one in spent), own, below, tenth, last


def main() -> None:
    """Measure in a fresh process each, so that memory is the run's own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--of", type=int, default=3_000_000)
    parser.add_argument("--times", type=int, default=1, help="versions of each README")
    given = parser.parse_args()
    for workers in given.workers:
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            found = fresh.submit(measured, given.source, workers, given.times).result()
        count, seconds, cpu, own, below, tenth, last = found
        rate = count / seconds
        print(
            f"{workers} worker{'s' * (workers > 1)}: {count:,} READMEs in {seconds:.1f} s, {rate:,.0f}/s; "
            f"{cpu:.1f} s of CPU, {count / cpu:,.0f} a second of CPU; "
            f"{own:,.0f} MiB, a worker {below:,.0f} MiB, {tenth:,.0f} MiB after a tenth and {last:,.0f} at the end; "
            f"{given.of:,} would take {given.of / rate / 3600:.1f} h, "
            f"or {given.of * cpu / count / 3600:.1f} h of CPU"
        )


if __name__ == "__main__":
    main()
