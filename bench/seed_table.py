"""The table of the seed cards in README.md: `python bench/seed_table.py README.md [RUNS]` writes it anew.

A card's row says what arithmetic makes of its claims, what its newest run made of them, and whether it was rehearsed:
each from what is there now. `make table` rehearses the cards first.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from registry.finding import find
from runner.checks import VERDICTS
from runner.claims import report
from runner.cli.ls import NOT_RUN, newest_verdict
from runner.documents import of_card
from runner.plugins import load_card
from runner.rehearsing import FOLDER

SEEDS = (
    "jamander-project-blockbuster",
    "llm-project-distilbert",
    "a790227-distilbert",
    "yash3056-llama-3.2-1b-imdb",
    "gq-llama-2-7b-imdb",
)
BEGIN, END = "<!-- seeds: written by `make table` -->", "<!-- /seeds -->"

_HEAD = """\
| Card | What | Declared for | Claim verdict | Run verdict | Rehearsal |
|---|---|---|---|---|---|"""


def table(runs: Path) -> str:
    """The table of the seed cards.

    Args:
        runs: Folder of all runs.
    """
    return "\n".join([BEGIN, _HEAD, *(_row(seed, runs) for seed in SEEDS), END])


def _row(seed: str, runs: Path) -> str:
    loaded = load_card(find(seed)[0])
    card = loaded.card
    counts = Counter(claim.verdict for claim in report(of_card(loaded)).claims)
    told = [f"{counts[verdict]} {verdict}" for verdict in reversed(VERDICTS) if counts[verdict]]
    told += [f"{counts[None]} not checked"] if counts[None] else []
    adapter = card.adapter.type if card.adapter else "full"
    what = f"{(card.base.model or '').rpartition('/')[2]}, {adapter}"
    rehearsed = newest_verdict(runs / FOLDER / seed) != NOT_RUN
    cells = (f"`{seed}`", what, card.hardware.accelerator or "–", ", ".join(told))
    return "| " + " | ".join([*cells, newest_verdict(runs / seed), "passes" if rehearsed else "not rehearsed"]) + " |"


def written(page: str, made: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    return before + made + rest.partition(END)[2]


if __name__ == "__main__":
    file = Path(sys.argv[1])
    made = table(Path(sys.argv[2] if len(sys.argv) > 2 else "runs"))
    file.write_text(written(file.read_text(encoding="utf-8"), made), encoding="utf-8")
    print(made)
