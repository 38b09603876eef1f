"""How long the verbs that only read cards take, beside the most they may: `python bench/many_cards.py`.

Every line is a whole command on one core, from its start to its end: the best of several, in seconds. The thousand
cards are variations of the shipped ones, of the same sizes, most of them with a source that they quote.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CARDS = Path(__file__).parents[1] / "cards"
COUNT, ROUNDS = 1000, 5


def generate(folder: Path, count: int) -> None:
    """Write so many valid cards to `folder`, in folders of topics, with the sources they quote."""
    shipped = sorted(file for file in CARDS.rglob("*.yaml") if file.parent.name in ("cards", "imdb"))
    for index in range(count):
        model = shipped[index % len(shipped)]
        topic = folder / f"topic-{index % 10}"
        (topic / "sources").mkdir(parents=True, exist_ok=True)
        name = f"{model.stem}-{index:04}"
        text = re.sub(r"(?m)^id: .*$", f"id: {name}", model.read_text(encoding="utf-8"))
        text = re.sub(r"(?m)^  tags: \[", f"  tags: [topic-{index % 10}, variant-{index}, ", text)
        (topic / f"{name}.yaml").write_text(text, encoding="utf-8")
        for source in (model.parent / "sources").glob(f"{model.stem}.md"):
            shutil.copy(source, topic / "sources" / source.name)


def seconds(arguments: list[str], folder: Path, cache: Path, forget: bool = False) -> float:
    """The shortest time of a command in `folder`; with `forget`, nothing is remembered of the time before."""
    times = []
    for _ in range(ROUNDS):
        if forget:
            shutil.rmtree(cache, ignore_errors=True)
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "runner.cli", *arguments],
            cwd=folder,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
            capture_output=True,
            check=True,
        )
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure everything and print one table."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as temporary:
        many, few, cache = (Path(temporary) / name for name in ("many", "few", "cache"))
        few.mkdir()
        generate(many / "cards", COUNT)
        lines = [
            (f"validate {COUNT:,} cards", seconds(["validate", "cards/**/*.yaml"], many, cache), 10.0),
            (f"ls of {COUNT:,} cards, the first time", seconds(["ls"], many, cache, forget=True), None),
            (f"ls of {COUNT:,} cards, remembered", seconds(["ls"], many, cache), 2.0),
            ("--help", seconds(["--help"], few, cache), 0.35),
            ("ls of the shipped cards, the first time", seconds(["ls"], few, cache, forget=True), 0.35),
            ("ls of the shipped cards, remembered", seconds(["ls"], few, cache), 0.35),
        ]
    print(f"{f'best of {ROUNDS}, one core':42} {'seconds':>8} {'bound':>8}")
    for what, took, bound in lines:
        print(f"{what:42} {took:8.2f} {bound if bound is not None else '–':>8}")


if __name__ == "__main__":
    main()
