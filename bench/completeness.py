"""How well `registry.readme.completeness` agrees with human annotators.

    python -m bench.completeness CORPUS [--misses SECTION]

CORPUS holds `completeness.csv` (a README a row, a section of the template a column: FIA full, PIA partial, NIA no
information, U undecided) and `wild.parquet` with their texts. Full and partial count as present, undecided is left out.
Kappa is Cohen's; where both say one thing of all READMEs it is not defined. The last columns leave out judgements
against the very words of the README (`SETTLED`: a license in the front matter that is judged absent, results of a text
without a number): how many, and the kappa of the rest.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

import pyarrow.parquet as pq

from registry.readme.completeness import SECTIONS
from registry.readme.reader import read

FACTUAL = (
    "Language(s) (NLP)", "License", "Finetuned from model", "Repository", "Paper", "Label Information", "Training Data",
    "Training Hyperparameters", "Testing Data", "Metrics", "Results", "Environmental Impact", "Hardware", "Software",
    "Citation",
)  # fmt: skip
"""Sections that name facts, not prose."""

SETTLED: dict[str, tuple[re.Pattern[str] | None, re.Pattern[str] | None]] = {
    "Language(s) (NLP)": (re.compile(r"(?m)^language:"), None),
    "License": (re.compile(r"(?m)^licen[sc]e:"), re.compile(r"(?i)licen[sc]e|apache|\bmit\b|cc-by")),
    "Training Hyperparameters": (re.compile("learning_rate:"), None),
    "Metrics": (None, re.compile(r"\d[.,]\d|\d ?%|(?i:metric)")),
    "Results": (re.compile(r"(?m)^\W{0,4}(?:Accuracy|Loss)\W{1,6}\d"), re.compile(r"\d[.,]\d|\d ?%|(?i:result)")),
    "Environmental Impact": (re.compile("CO2"), re.compile(r"(?i)co2|carbon|energy|emission|kwh")),
    "Software": (re.compile("Framework versions"), None),
    "Citation": (re.compile(r"@\w+ ?\{"), re.compile(r"(?i)@\w+ ?\{|cite|citation|doi\.org|arxiv")),
    "Repository": (None, re.compile(r"(?i)git|https?://")),
}
"""Words with which a section is there, and words without one of which it cannot be."""


def settled(section: str, text: str, judged: bool) -> bool:
    """Whether the words of a README alone settle a section, against what was judged."""
    certain, needed = SETTLED.get(section, (None, None))
    return (certain is not None and not judged and certain.search(text) is not None) or (
        needed is not None and judged and needed.search(text) is None
    )


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
    kept: dict[str, list[tuple[bool, bool]]] = {section.name: [] for section in SECTIONS}
    pairs: dict[str, list[tuple[bool, bool]]] = {section.name: [] for section in SECTIONS}
    with (given.corpus / "completeness.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found = read(cards[row["name"]], row["name"]).sections
            for column, judged in row.items():
                name = column.removesuffix(" [optional]")
                if name in pairs and judged != "U":
                    pair = (name in found, judged != "NIA")
                    pairs[name].append(pair)
                    if not settled(name, cards[row["name"]], pair[1]):
                        kept[name].append(pair)
                    if name == given.misses and (name in found) != (judged != "NIA"):
                        print(f"{row['name']}: {'present' if name in found else 'absent'} here, annotated {judged}")
    print(f"{'section':38}{'cards':>6}{'here':>6}{'theirs':>7}{'agree':>7}{'kappa':>7}{'against':>9}{'without':>9}")
    for name, names in [
        *((one, (one,)) for one in pairs),
        ("sections that name facts", FACTUAL),
        ("all", tuple(pairs)),
    ]:
        told, rest = ([pair for one in names for pair in some[one]] for some in (pairs, kept))
        ours, theirs = (sum(pair[at] for pair in told) for at in (0, 1))
        agree, (value, other) = sum(a == b for a, b in told) / len(told), (kappa(told), kappa(rest))
        shown, then = ("" if one is None else f"{one:.2f}" for one in (value, other))
        against = len(told) - len(rest)
        print(f"{name:38}{len(told):6}{ours:6}{theirs:7}{agree:7.2f}{shown:>7}{against or '':>9}{then:>9}")


if __name__ == "__main__":
    main()
