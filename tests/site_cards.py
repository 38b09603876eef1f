"""Cards with sources of their own, for the tests of the site: one with an impossible claim, and a hostile one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

ARCHITECTURE = {
    "model_type": "bert",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}

README = """\
---
license: mit
---
# A small model

It tells negative from positive reviews. It was trained on 1,000 reviews & tested on 200 others.

| Metric | Value |
|---|---|
| Accuracy | 0.91 |
| Precision | 0.95 |
| Recall | 0.95 |
| F1 | 0.99 |
"""

LABELS = "negative from positive"

SCRIPT = "<script>window.hacked = 1</script>"
HANDLER = '"><img src=x onerror="window.hacked = 2">'
CLOSING = "</code></pre></mark></a></div></template></script><h1 id=broken>broken</h1>"
LINK = "[here](javascript:window.hacked=3) <a href='javascript:window.hacked=4'>there</a>"
BIDI = "abc\u202egnp.exe\u2066 hidden\u200b"
HOSTILE = f"""\
# {SCRIPT}

{HANDLER} {CLOSING}
{LINK}
{BIDI}
{{{{ 7 * 7 }}}} {{% raw %}}
An accuracy of 0.91, a precision of 0.95, a recall of 0.95 and an F1 of 0.99 {SCRIPT}.
"""


def write(folder: Path, name: str, words: str, quotes: dict[str, str], **sections: Any) -> Path:
    """Write a card and its source; returns its file.

    Args:
        folder: Where to.
        name: Its id.
        words: Text of the source.
        quotes: By metric the words of the source that report it; the number is what is behind the last space or `|`.
        sections: What else the card says.
    """
    source = folder / "sources" / f"{name}.md"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(words.encode())
    numbers = {metric: quote.strip(" |").rpartition(" ")[2] for metric, quote in quotes.items()}
    card = {
        "schema": 1,
        "id": name,
        "source": {"readme": f"sources/{name}.md", "sha256": hashlib.sha256(words.encode()).hexdigest()},
        "base": {"tokenizer": {"type": "bpe", "vocab_size": 400}, "architecture": ARCHITECTURE},
        "task": {"type": "text-classification", "labels": ["negative", "positive"]},
        "data": {"dataset": "reviews", "rows": {"train": 1000, "test": 200}, "tokens": {"max_length": 64}},
        "training": {"epochs": 2, "learning_rate": 1e-2, "batch_size": 32, "eval_batch_size": 64, "seed": 1},
        "evaluation": {"metrics": ["accuracy", "precision", "recall", "f1"]},
        "reported": [
            {"metric": metric, "value": number, "split": "test", "headline": metric == "accuracy"}
            for metric, number in numbers.items()
        ],
        "stated": {
            **({"task.labels": LABELS} if LABELS in words else {}),
            **{f"reported[{index}]": quote for index, quote in enumerate(quotes.values())},
        },
        "assumed": dict.fromkeys(
            (
                "base",
                "task",
                "data",
                "training",
                "hardware",
                "software",
                "evaluation",
                *({"epoch_table"} & {*sections}),
            ),
            "chosen for this test",
        ),
        **sections,
    }
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(card), encoding="utf-8")  # JSON is YAML 1.2
    return file


def impossible(folder: Path, name: str = "impossible") -> Path:
    """A card whose F1 its precision and recall rule out."""
    quotes = {"accuracy": "| Accuracy | 0.91 |", "precision": "| Precision | 0.95 |", "recall": "| Recall | 0.95 |"}
    return write(folder, name, README, {**quotes, "f1": "| F1 | 0.99 |"})


def hostile(folder: Path) -> Path:
    """A card that tries to bring script and markup into a page, wherever it may hold a text."""
    quotes = {
        "accuracy": "An accuracy of 0.91",
        "precision": "a precision of 0.95",
        "recall": "a recall of 0.95",
        "f1": "an F1 of 0.99",
    }
    tricks = f"{SCRIPT}{HANDLER}{CLOSING}{LINK}"  # what turns text round is refused in a card
    return write(
        folder,
        "hostile",
        HOSTILE,
        quotes,
        task={"type": "text-classification", "labels": [f"negative {SCRIPT}", f"positive {HANDLER}"]},
        data={"dataset": f"reviews {HANDLER}", "rows": {"train": 1000, "test": 200}, "tokens": {"max_length": 64}},
        hardware={"provider": tricks, "region": "/home/somebody/secret/rows"},
        examples=[{"text": tricks, "label": f"negative {SCRIPT}"}],
        underspecified=[tricks],
        readme={"description": tricks, "tags": [SCRIPT, CLOSING], "authors": [tricks]},
        source={
            "repo": f"javascript:{HANDLER}",
            "readme": "sources/hostile.md",
            "sha256": hashlib.sha256(HOSTILE.encode()).hexdigest(),
        },
    )
