"""The embedded corpora in the form of a card's dataset: what a rehearsal reads where the dataset is not here."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

from registry.finding import shipped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.card import Card

JOINED = (1, 3, 9, 27)
"""So many reviews or news are joined to one text, in turn: from a sentence to more than 512 tokens."""


def write_rows(card: Card, folder: Path, splits: Sequence[str], count: int) -> str:
    """Write rows of a corpus as if they were the card's dataset; returns the corpus: `reviews`, `topics` or `pairs`.

    Columns, labels, splits and configuration have the card's names, and every label is as frequent; a column that
    slices go by holds three values in turn. Where the card does
    not truncate, texts are cut to some words that fit instead of being joined.

    Args:
        card: The card.
        folder: Where to.
        splits: Names of the dataset's splits.
        count: Rows of each.
    """
    data, labels = card.data, card.task.labels
    paired, fits = data.text_pair is not None, max(1, data.tokens.max_length // 8)
    corpus = "pairs" if paired else "reviews" if len(labels) == 2 else "topics"
    texts = _by_label(corpus)
    names = {name.casefold(): name for name in texts}
    if not all(label.casefold() in names for label in labels):  # other classes: ours stand for them in turn
        names = {label.casefold(): list(texts)[index % len(texts)] for index, label in enumerate(labels)}
    sliced = card.evaluation.slices.columns if card.evaluation.slices is not None else ()
    rows_of = [cycle(texts[names[label.casefold()]]) for label in labels]
    for number, _ in enumerate(splits):
        lines = []
        for index in range(count):
            label = index % len(labels)
            several = 1 if paired or not data.tokens.truncation else JOINED[index // len(labels) % len(JOINED)]
            rows = [next(rows_of[label]) for _ in range(several)]
            written: dict[str, Any] = {**dict.fromkeys(sliced, f"part {index % 3}"), data.label: label}
            for column, key in ((data.text, "text"), (data.text_pair, "text_pair")):
                if column is not None:
                    words = " ".join(row[key] for row in rows).split()
                    written[column] = " ".join(words if data.tokens.truncation else words[:fits])
            lines.append(json.dumps(written))
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = [{"split": name, "path": f"{number}.jsonl"} for number, name in enumerate(splits)]
    configs = [{"config_name": data.config or "default", "data_files": files}]
    (folder / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n", encoding="utf-8")  # JSON is YAML
    return corpus


def _by_label(corpus: str) -> dict[str, list[dict[str, str]]]:
    """The training rows of a corpus, by label."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in (shipped() / "data" / corpus / "train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found.setdefault(row["label"], []).append(row)
    return found
