"""How well `registry.readme.reader` reads labelled READMEs: precision and recall by field, and READMEs a second.

    python -m bench.draft_accuracy CORPUS [--misses] [--field NAME] [--half odd|even]

CORPUS holds `dev.jsonl`, a label a line (`GUIDE.md` there tells the fields), and the READMEs it names. A value counts
as right where it equals the label or one of its `alt`; a value for an unlabelled field is wrong. Rules are written
with the READMEs of odd numbers in view, those of even numbers are held out: the last lines tell both apart.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.document import Document, Result
from registry.readme.reader import read

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = (
    "learning_rate", "num_epochs", "max_steps", "train_batch_size", "eval_batch_size", "total_train_batch_size",
    "gradient_accumulation_steps", "warmup_steps", "warmup_ratio", "weight_decay", "seed", "adam_betas",
    "adam_epsilon", "max_length", "training_time_hours",
)  # fmt: skip
TEXTS = ("base_model", "task", "license", "optimizer", "lr_scheduler", "mixed_precision")
NESTED = {
    "adapter": ("method", "r", "alpha", "dropout", "target_modules"),
    "quantization": ("bits", "type", "double_quant", "compute_dtype"),
    "hardware": ("accelerator", "count"),
}
NAMES = {"mcc": "matthews_correlation"}


def same(left: Any, right: Any) -> bool:
    """Equality of numbers to a millionth, of texts without case, marks and spaces, of lists without order."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return abs(left - right) <= 1e-4 * max(abs(left), abs(right))
    if isinstance(left, str) and isinstance(right, str):
        one, other = ("".join(c for c in text.casefold() if c.isalnum() or c == "/") for text in (left, right))
        return one == other or (len(one) > 2 and len(other) > 2 and (one in other or other in one))
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(any(same(a, b) for b in right) for a in left)
    return left is None and right is None


def compared(label: dict[str, Any], document: Document) -> Iterator[tuple[str, Any, Any, bool]]:
    """Field, label, what was read, and whether that is right."""
    alt = label.get("alt", {})
    for name in (*NUMBERS, *TEXTS, "datasets", "language"):
        yield one(
            name,
            label.get(name) or (label.get(name) if label.get(name) == 0 else None),
            document.value(name),
            alt.get(name, []),
        )
    for section, names in NESTED.items():
        for name in names:
            full = f"{section}.{name}"
            yield one(full, (label.get(section) or {}).get(name), document.value(full), alt.get(full, []))
    for name, version in label.get("framework_versions", {}).items():
        yield one("framework_versions", version, document.value(f"framework_versions.{name}"), [])
    yield from metrics(label, document)
    yield from table(label, document)


def one(name: str, wanted: Any, read_: Any, alt: list[Any]) -> tuple[str, Any, Any, bool]:
    """A field's line of `compared`."""
    right = same(wanted, read_) or any(same(other, read_) for other in alt)
    if read_ is None and None in alt:
        wanted = None
    if wanted is None and read_ is not None and right:
        wanted = read_
    return name, wanted, read_, right


def metrics(label: dict[str, Any], document: Document) -> Iterator[tuple[str, Any, Any, bool]]:
    """Metrics by name and number as written; of a repeated number each counts once."""
    body = [r for r in document.results if r.metric != "co2_kg" and not r.placeholder]
    left = list(body)
    for metric in label["metrics"]:
        name, written = NAMES.get(metric["name"], metric["name"]), metric["as_written"].strip("% ")
        match = next((r for r in left if r.metric == name and r.number.text.strip("%~ ") == written), None)
        if match is None:
            match = next(
                (
                    r
                    for r in left
                    if r.metric == name
                    and document.text.startswith("---")
                    and (
                        r.number.text == metric.get("model_index_value")
                        or r.number.text.rstrip("0") == written.rstrip("0")
                    )
                ),
                None,
            )
        yield "metrics", (name, written), match and match.number.text, match is not None
        if match is not None:
            left = [r for r in left if r is not match and not again(r, match)]
            for field in ("split", "averaging"):
                wanted, found = metric.get(field), getattr(match, field)
                yield f"metrics.{field}", wanted, found, wanted == found
            yield "metrics.headline", metric["headline"], match.headline, metric["headline"] == match.headline
    for extra in left:
        yield (
            "metrics",
            None,
            (extra.metric, extra.number.text, document.text[extra.place.start : extra.place.end][:60]),
            False,
        )


def again(result: Result, match: Result) -> bool:
    """Whether a result is another mention of one: the same number, rounded or not, of the same or an unnamed split."""
    near = abs(result.number.value - match.number.value) <= 1.01 * match.number.half_width
    return (
        near
        and (result.metric, result.averaging) == (match.metric, match.averaging)
        and (result.split == match.split or not (result.split and match.split))
        and result.group != match.group
    )


def table(label: dict[str, Any], document: Document) -> Iterator[tuple[str, Any, Any, bool]]:
    """Cells of the epoch table."""
    wanted = label.get("epoch_table", [])
    found = max(document.tables, key=lambda t: len(t.rows), default=None)
    rows = found.rows if found is not None else ()
    for index in range(max(len(wanted), len(rows))):
        row = wanted[index] if index < len(wanted) else {}
        got = {}
        if index < len(rows):
            cells = {"epoch": rows[index].epoch, "step": rows[index].step, **rows[index].cells}
            got = {("val_loss" if k == "loss" else k): v.value for k, v in cells.items() if v is not None}
        for key in sorted({*row, *got}):
            value = row.get(key)
            value = None if value == "nan" else value
            got_value = got.get(NAMES.get(key, key), got.get(key))
            if key in NAMES.values() and any(NAMES.get(k) == key for k in row):
                continue
            yield "epoch_table", value, got_value, same(value, got_value)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--misses", action="store_true", help="print every wrong and every missing value")
    parser.add_argument("--field", default="", help="only misses of this field")
    parser.add_argument("--half", default="all", choices=("odd", "even", "all"), help="only misses of these READMEs")
    given = parser.parse_args()
    counts = {half: (Counter[str](), Counter[str](), Counter[str]()) for half in ("odd", "even", "all")}
    texts = []
    for line in (given.corpus / "dev.jsonl").read_text("utf-8").splitlines():
        label = json.loads(line)
        text = (given.corpus / label["file"]).read_bytes().decode("utf-8", "replace")
        texts.append(text)
        half = "odd" if int(Path(label["file"]).stem) % 2 else "even"
        for name, wanted, got, good in compared(label, read(text, label["file"])):
            if wanted is None and got is None:
                continue
            for right, wrong, missing in (counts[half], counts["all"]):
                right[name] += good
                wrong[name] += not good and got is not None
                missing[name] += not good and wanted is not None
            if given.misses and not good and name.startswith(given.field) and given.half in (half, "all"):
                print(f"{label['file']}  {name}: labelled {wanted!r}, read {got!r}")
    print(f"{'field':32}{'right':>7}{'wrong':>7}{'missed':>7}{'precision':>11}{'recall':>9}")
    for name in [*sorted(counts["all"][0]), *counts]:
        r, w, m = (sum(c.values()) for c in counts[name]) if name in counts else (c[name] for c in counts["all"])
        print(f"{name:32}{r:7}{w:7}{m:7}{r / (r + w) if r + w else 1:11.3f}{r / (r + m) if r + m else 1:9.3f}")
    start = time.process_time()
    for text in texts:
        read(text, "")
    spent = time.process_time() - start
    print(f"{len(texts) / spent:.0f} READMEs/s of {sum(map(len, texts)) / len(texts):.0f} characters")


if __name__ == "__main__":
    main()
