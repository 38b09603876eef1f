"""The README that keeps the reader busy longest, found by trying.

    python -m bench.draft_worst [--size 100000] [--of 24] [--every 1] [--show 5]

A README is made of each of the signs and words that the reader's rules look for, and of the beginnings and ends of
those words: a hundred thousand characters of one of them as text, list, table, headings, code, front matter, and behind
words that rules wait for. All are tried small, those that take longest at full size: what `--json` writes of it, and
the card that is drafted of it, which both begin anew. Prints the CPU time of the worst, each the best of three.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench.rules import hard, rules
from registry.errors import InputError
from runner.drafting import document_of, make
from runner.facts import facts

TASK = "---\npipeline_tag: text-classification\n---\n"
WAITED_FOR = (
    "- Trained, fine-tuned and evaluated for epochs with learning rate, batch size, accumulation, weight decay, "
    "warmup, seed, length, rank, alpha, LoRA, optimizer Adam, label 0 1, % split, accuracy, f1, loss, dataset, "
    "base model on GPU A100: "
)
"""Words that let the reader look closer at a line."""


class Shape(NamedTuple):
    """What a README of one piece looks like: lines of `first`, the piece so often that `length` is full, and `last`."""

    length: int
    first: str = ""
    last: str = ""
    above: str = ""
    below: str = ""


LONG = 1_000_000
TRAINING = "## Training\n"
WIDE = f"| Epoch {'| Accuracy ' * 200}|\n|{'---|' * 201}\n"
SHAPES = {
    "one line": Shape(LONG),
    "lines": Shape(80),
    "short lines": Shape(20),
    "paragraphs": Shape(2000, "", "\n"),
    "waited for": Shape(320, WAITED_FOR, "", TRAINING),
    "waited for, short": Shape(60, "- trained accuracy ", "", "## Training results\n"),
    "list": Shape(60, "- ", "", TRAINING),
    "named list": Shape(60, "- learning rate: ", "", TRAINING),
    "headings": Shape(40, "# ", "\nwords below it"),
    "table": Shape(30, "| 0.9 | ", " |", "## Results\n| Accuracy | Loss |\n|---|---|\n"),
    "wide table": Shape(2000, "| 1 |", " |", WIDE),
    "HTML table": Shape(60, "<tr><td>accuracy</td><td>", "</td></tr>", "<table>"),
    "code": Shape(60, "", "", f"{TRAINING}```\nlearning_rate = 1\n", "```\n"),
    "blocks of code": Shape(60, "```\nlr=(", ")\n```", TRAINING),
    "Python": Shape(60, "lr = 1 # ", "", f"{TRAINING}```python\n", "```\n"),
    "front matter": Shape(60, "- ", "", "---\n", "---\n"),
    "keys of front matter": Shape(60, "license: ", "", "---\n", "---\n"),
    "flat front matter": Shape(LONG, "", "", "--- license: mit ", " --- "),
}


def readme(name: str, piece: str, size: int) -> bytes:
    """A README of one shape and piece, which calls itself a text classifier's where it has no other front matter."""
    shape = SHAPES[name]
    room = min(shape.length, size) - len(shape.first)
    line = f"{shape.first}{piece * max(1, room // len(piece))}{shape.last}\n"
    task = "" if shape.above.startswith("---") else TASK
    text = f"{task}{shape.above}{(line * (size // len(line) + 1))[:size]}{shape.below}"
    return text.encode("utf-8", "replace")


FIRST = ("lines", "waited for", "code")
"""The shapes in which all pieces are tried."""


MORE = ("- ", "> > ", "```", "0 1 ", "[a](b)", "**a** ", "<b>", "&amp;", "0.9 ", "1e", "\\", '"', "'", "x=1,", "a.b(")


def pieces() -> list[str]:
    """What the rules look for."""
    found = {piece for pattern in rules().values() for piece in hard(pattern)}
    return sorted(found | set(MORE))


def spent(content: bytes, *, drafted: bool = True) -> float:
    """Seconds of CPU that a README takes: its card, or what `--json` writes of it."""
    start = time.process_time()
    if not drafted:
        facts(document_of(content, "x")).model_dump_json()
    else:
        with suppress(InputError):
            make(content, "x", Path("x.yaml"), {"repo": None, "revision": None, "readme": "sources/x.md"})
    return time.process_time() - start


def main() -> None:
    """Print the worst."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100_000, help="characters of the largest")
    parser.add_argument("--of", type=int, default=24, help="pieces tried in all shapes, and READMEs at full size")
    parser.add_argument("--every", type=int, default=1, help="try each so many-th piece, for a quick look")
    parser.add_argument("--show", type=int, default=5, help="lines printed")
    given = parser.parse_args()
    tried = pieces()[:: given.every]
    busy = Counter[str]()
    for piece in tried:
        for shape in FIRST:
            busy[piece] = max(busy[piece], spent(readme(shape, piece, given.size // 25), drafted=False))
    small = [
        (spent(readme(shape, piece, given.size // 4)), shape, piece)
        for piece, _ in busy.most_common(given.of)
        for shape in SHAPES
    ]
    worst = [
        (min(spent(readme(shape, piece, given.size)) for _ in range(3)), shape, piece)
        for _, shape, piece in sorted(small, reverse=True)[: given.of]
    ]
    count = len(tried) * len(FIRST) + len(small)
    print(f"{count:,} READMEs of {len(tried):,} pieces; the worst, of {given.size:,} characters:")
    for seconds, shape, piece in sorted(worst, reverse=True)[: given.show]:
        read = min(spent(readme(shape, piece, given.size), drafted=False) for _ in range(3))
        print(f"{seconds * 1000:.0f} ms of CPU for the card, {read * 1000:.0f} ms for its JSON: {shape} of {piece!r}")


if __name__ == "__main__":
    main()
