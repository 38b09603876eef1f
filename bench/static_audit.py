"""The static audit of many READMEs: `python bench/static_audit.py FILE.parquet [--mutate SEED] [--show KIND [N]]`.

The table has columns `name` and `card`, a README each. Prints READMEs/s on one core (reading and checking, the table
read before), memory, and how many documents have each finding; `--show` prints findings of a kind too, to be read by
eye before a rate is believed. `--mutate` damages each README first: cut, doubled, characters changed, lines shuffled.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pyarrow.parquet as pq

from registry.readme.reader import read
from runner.claims import report


def readmes(file: str, seed: int | None) -> Iterator[tuple[str, str]]:
    """Name and text of each, damaged by a seed."""
    for batch in pq.ParquetFile(file).iter_batches(256, columns=["name", "card"]):
        for name, card in zip(batch["name"].to_pylist(), batch["card"].to_pylist(), strict=True):
            yield name, card if seed is None else damaged(card, random.Random(f"{seed} {name}"))


def damaged(text: str, draw: random.Random) -> str:
    """A README that something happened to."""
    kind = draw.randrange(5)
    if kind == 0:
        return text[: draw.randrange(len(text) + 1)]
    if kind == 1:
        return text + text
    if kind == 2:
        lines = text.split("\n")
        draw.shuffle(lines)
        return "\n".join(lines)
    if kind == 3:
        return text.replace("\n", " ")
    characters = list(text)
    for _ in range(len(text) // 50):
        characters[draw.randrange(len(text))] = draw.choice("0123456789.%|*-`<>[](){}\n\t\0é€")
    return "".join(characters)


def main(arguments: list[str]) -> None:
    """Run it."""
    file, *rest = arguments
    seed = int(rest[rest.index("--mutate") + 1]) if "--mutate" in rest else None
    shown = rest[rest.index("--show") + 1] if "--show" in rest else None
    most = int(rest[-1]) if shown and rest[-1].isdigit() else 20
    found: Counter[str] = Counter()
    texts = list(readmes(file, seed))
    started, slowest, count = time.perf_counter(), (0.0, ""), 0
    for name, text in texts:
        begun = time.perf_counter()
        one = report(read(text, name))
        slowest = max(slowest, (time.perf_counter() - begun, name))
        count += 1
        found.update({f"{finding.verdict:15}{finding.id}" for finding in one.findings})
        for finding in one.findings:
            if shown is not None and finding.id.startswith(shown) and most > 0:
                most -= 1
                print(f"{finding.where}  {finding.verdict}: {finding.message}\n    {finding.arithmetic}")
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:,} READMEs in {seconds:.1f} s: {count / seconds:,.0f}/s; {memory:,.0f} MiB")
    print(f"the slowest took {1000 * slowest[0]:.0f} ms: {slowest[1]}")
    for name, hits in sorted(found.items()):
        print(f"{name:50}{hits:8,} {hits / count:8.2%}")


if __name__ == "__main__":
    main(sys.argv[1:])
