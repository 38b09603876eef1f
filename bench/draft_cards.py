"""Draft the card of every README of a Parquet file, and hold each card against the facts it was made of.

    python -m bench.draft_cards READMES.parquet [--limit N] [--every K]

READMES has a column `card` or `text`. Every README has to give a card that loads, with each stated value equal to a
fact of the reader, or a refusal of one line; anything else is a fault and is printed. The table says how many of each.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from registry.document import FACTS
from registry.errors import InputError
from registry.evidence import leaves
from runner.drafting import document_of, make

if TYPE_CHECKING:
    from runner.drafting import Made

EQUAL = (
    "learning_rate", "train_batch_size", "eval_batch_size", "gradient_accumulation_steps", "seed", "weight_decay",
    "adam_epsilon", "max_length", "adapter.r", "adapter.alpha", "adapter.dropout", "num_epochs", "quantization.bits",
)  # fmt: skip
"""Facts that a card holds as they are."""


def wrong(made: Made, content: bytes, name: str) -> list[str]:
    """What a card states and its facts do not say."""
    document = document_of(content, name)
    values = leaves(made.loaded.card)
    found = []
    for fact in EQUAL:
        path = FACTS[fact]
        told = {one.value for one in document.said(fact)}
        if path in made.loaded.card.stated and values.get(path) not in told:
            found.append(f"{path} is {values.get(path)}, the facts have {told}")
    texts = {one.number.text.strip() for one in document.results}
    found += [
        f"reported {claim.value}"
        for claim in made.loaded.card.reported
        if claim.metric not in ("training_hours", "seconds_per_example") and claim.value not in texts
    ]
    return found


def main() -> None:
    """Draft them all."""
    import pyarrow.parquet as pq

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readmes", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--asked", action="store_true", help="take every README for one of text classification")
    arguments = parser.parse_args()
    table = pq.read_table(arguments.readmes)
    column = "card" if "card" in table.column_names else "text"
    texts = table[column].to_pylist()[:: arguments.every][: arguments.limit]
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    slowest = (0.0, 0)
    started = time.perf_counter()
    for index, text in enumerate(texts):
        content = (text or "").encode("utf-8", "replace")
        begun = time.process_time()
        try:
            made = make(
                content, "README.md", Path("draft.yaml"),
                {"repo": None, "revision": None, "readme": "sources/draft.md"}, asked=arguments.asked,
            )  # fmt: skip
        except InputError as error:
            what = re.sub(r"[\d,]+|“.*?”|'.*?'", "…", error.problems[0].message)
            kind = "other kind" if "a model for" in what else "unknown kind" if "does not say" in what else "refused"
            counts[kind] += 1
            if kind == "refused":
                reasons[what[:150]] += 1
                print(f"{index}: {error}")
        except Exception as error:
            counts["FAULT"] += 1
            print(f"{index}: {type(error).__name__}: {error}")
        else:
            counts["card"] += 1
            counts["card with decisions"] += bool(made.draft.undecided)
            counts["card with contradictions"] += bool(made.draft.contradictions)
            counts["stated values"] += made.draft.stated
            for problem in wrong(made, content, "README.md"):
                counts["WRONG"] += 1
                print(f"{index}: {problem}")
        slowest = max(slowest, (time.process_time() - begun, index))
    for name, count in counts.most_common():
        print(f"{count:>9,}  {name}")
    for reason, count in reasons.most_common(10):
        print(f"{count:>9,}  refused: {reason}")
    took = time.perf_counter() - started
    print(f"{len(texts):,} READMEs in {took:.0f} s; the slowest, {slowest[1]}, in {slowest[0]:.2f} s of CPU")


if __name__ == "__main__":
    main()
