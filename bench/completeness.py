"""How well `registry.completeness` agrees with human annotators.

    python -m bench.completeness CORPUS [--misses SECTION]

CORPUS holds `completeness.csv` (a README a row, a section of the template a column: FIA full, PIA partial, NIA no
information, U undecided) and `wild.parquet` with their texts. Full and partial count as present, undecided is left out.
Kappa is Cohen's; where both say one thing of all READMEs it is not defined.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import pyarrow.parquet as pq

from registry.completeness import SECTIONS
from registry.draft import read

FACTUAL = (
    "Language(s) (NLP)", "License", "Finetuned from model", "Repository", "Paper", "Label Information", "Training Data",
    "Training Hyperparameters", "Testing Data", "Metrics", "Results", "Environmental Impact", "Hardware", "Software",
    "Citation",
)  # fmt: skip
"""Sections that name facts, not prose."""


def kappa(pairs: list[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa of pairs of judgements; null where chance alone agrees always."""
    n = len(pairs)
    both = sum(one == other for one, other in pairs) / n
    ours, theirs = (sum(pair[at] for pair in pairs) / n for at in (0, 1))
    chance = ours * theirs + (1 - ours) * (1 - theirs)
    return (both - chance) / (1 - chance) if chance < 1 else None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--misses", default="", help="print where this section's judgements differ")
    given = parser.parse_args()
    table = pq.read_table(given.corpus / "wild.parquet", columns=["name", "card"]).to_pydict()
    cards = dict(zip(table["name"], table["card"], strict=True))
    pairs: dict[str, list[tuple[bool, bool]]] = {section.name: [] for section in SECTIONS}
    with (given.corpus / "completeness.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found = read(cards[row["name"]], row["name"]).sections
            for column, judged in row.items():
                name = column.removesuffix(" [optional]")
                if name in pairs and judged != "U":
                    pairs[name].append((name in found, judged != "NIA"))
                    if name == given.misses and (name in found) != (judged != "NIA"):
                        print(f"{row['name']}: {'present' if name in found else 'absent'} here, annotated {judged}")
    print(f"{'section':38}{'cards':>6}{'here':>6}{'theirs':>7}{'agree':>7}{'kappa':>7}")
    every = [pair for told in pairs.values() for pair in told]
    factual = [pair for name in FACTUAL for pair in pairs[name]]
    for name, told in [*pairs.items(), ("sections that name facts", factual), ("all", every)]:
        ours, theirs = (sum(pair[at] for pair in told) for at in (0, 1))
        agree, value = sum(a == b for a, b in told) / len(told), kappa(told)
        print(f"{name:38}{len(told):6}{ours:6}{theirs:7}{agree:7.2f}{'' if value is None else f'{value:.2f}':>7}")


if __name__ == "__main__":
    main()
