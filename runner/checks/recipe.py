"""What a reader would have to guess to train the model again.

The list is ranked by how much a wrong guess can move the result. The order is ours: first what makes it another
experiment (rows, base, split), then what decides whether training works at all (learning rate, length of the training,
what is trained), then what moves scores by points on small data (seed: Dodge et al. 2020, arXiv:2002.06305), then the
rest. A value that somebody assumed for a card is a guess, too. Of a README, only that is missed of which it has no
word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.vocabulary import SHARES
from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document

KINDS: Mapping[str, str] = {
    "gaps": "Values of the recipe that are not given, the ones that can move the result most first.",
    "batch": "A batch size with gradient accumulation: of one device, or already the total?",
    "warmup": "The learning rate rises for a large part of the training.",
}

_GAPS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("datasets",), "the dataset", r"data|corpus|corpora|(?:trained|tuned) on"),
    (("base_model",), "the base model", r"base|fine-?tun|pre-?train|checkpoint"),
    (("rows.train", "rows.test", "rows.validation"), "the rows of the splits", r"\d[\d,.]*\s?k?\s(?:\w+\s){0,3}\w+s\b"),
    (("learning_rate",), "the learning rate", r"learning.?rate|\blr\b"),
    (("num_epochs", "max_steps"), "how long it was trained", "epoch|step|iteration"),
    (("train_batch_size", "total_train_batch_size"), "the batch size", "batch"),
    (("max_length",), "the maximum length", "length|max_?len|block.?size|tokens|truncat"),
    (("seed",), "the seed", "seed"),
    (("optimizer",), "the optimizer", "optim|adam|sgd|adafactor|lion"),
    (("lr_scheduler",), "the schedule", "schedul|decay|cosine|linear|constant"),
    (("warmup_steps", "warmup_ratio"), "the warmup", "warm.?up"),
    (("weight_decay",), "the weight decay", "decay|regulari[sz]"),
    (("mixed_precision",), "the precision", r"precision|(?:fp|bf|float) ?\d|half|\bamp\b|\bbits?\b"),
    (("hardware.accelerator",), "the hardware", "[gtc]pu|hardware|cuda|nvidia|[avth]100|rtx|colab|device|machine"),
    (("framework_versions.transformers",), "the versions", r"version|==|\d\.\d+\.\d"),
)
"""Facts, what they are called, and words of a README that may say them in a way that is not read."""
_ADAPTER_GAPS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("adapter.target_modules",), "the adapted layers", "module|_proj|query|linear|layer"),
    (("adapter.r",), "the adapter's rank", r"rank|\br\b"),
    (("adapter.alpha",), "the adapter's alpha", "alpha"),
)
_RECIPE = ("learning_rate", "num_epochs", "max_steps", "train_batch_size", "total_train_batch_size")
_PER_DEVICE = re.compile(r"per[\s_-]*(?:device|gpu)|micro|(?:train|eval)_batch_size|total|effective", re.IGNORECASE)
_LONG_WARMUP = 0.25
"""Share of the steps; recipes for fine-tuning have 0 to 0.1 (Devlin et al. 2019, appendix A.3; Liu et al. 2019, table
10: from memory)."""


def check(document: Document) -> Iterator[Finding]:
    """What the recipe leaves open."""
    if not _is_a_recipe(document):
        return
    yield from _gaps(document)
    yield from _batch(document)
    yield from _warmup(document)


def _is_a_recipe(document: Document) -> bool:
    """Whether a training is described whose result is reported."""
    return any(result.metric in (*SHARES, "loss") for result in document.results) and any(
        document.said(name) for name in _RECIPE
    )


def _given(document: Document, names: tuple[str, ...]) -> bool:
    return any(fact.status != "assumed" for name in names for fact in document.said(name))


def _may_say(document: Document, words: str) -> bool:
    """Whether a README may say something in a way that is not read; a card was read by somebody."""
    return document.card is None and re.search(words, document.text, re.IGNORECASE) is not None


def _gaps(document: Document) -> Iterator[Finding]:
    if document.card is not None and document.card.source is None:
        return  # a card without a source declares every value, defaults included
    wanted = list(_GAPS)
    if document.said("adapter.method"):
        wanted[4:4] = _ADAPTER_GAPS
    if document.said("quantization.bits"):
        wanted.insert(7, (("quantization.type",), "the quantization's type", "nf4|fp4|quant_type"))
    open_ = [what for names, what, words in wanted if not _given(document, names) and not _may_say(document, words)]
    if open_:
        yield Finding(
            id="recipe/gaps",
            verdict="underspecified",
            where=document.name,
            message=f"{len(open_)} of {len(wanted)} things a reader must know are not given, by their weight: "
            + ", ".join(open_),
            remedy="add them, the first ones above all",
        )


def _batch(document: Document) -> Iterator[Finding]:
    batch, added = document.fact("train_batch_size"), document.fact("gradient_accumulation_steps")
    if batch is None or added is None or added.status != "stated" or batch.status != "stated":
        return
    if document.said("total_train_batch_size") or _PER_DEVICE.search(batch.text):
        return
    if not isinstance(added.value, int) or not isinstance(batch.value, int) or added.value < 2 or batch.value < 1:
        return
    total, rows = batch.value * added.value, document.value("rows.train")
    steps = f"; {rows:,} rows are {-(-rows // total):,} or {-(-rows // batch.value):,} steps" if rows else ""
    yield Finding(
        id="recipe/batch",
        verdict="ambiguous",
        where=batch.place.where,
        message=f"a batch size of {batch.value} with {added.value} accumulation steps: {total} rows a step, or "
        f"{batch.value} in all?",
        arithmetic=f"{batch.value} × {added.value} = {total}{steps}",
        remedy="say the batch size of one device and the total",
    )


def _warmup(document: Document) -> Iterator[Finding]:
    ratio, epochs = document.fact("warmup_ratio"), document.value("num_epochs")
    if ratio is None or ratio.status != "stated" or not isinstance(ratio.value, float):
        return
    if _LONG_WARMUP <= ratio.value < 1:
        long = f"; {ratio.value:g} × {epochs:g} epochs = {ratio.value * epochs:g} epochs" if epochs else ""
        yield Finding(
            id="recipe/warmup",
            verdict="ambiguous",
            where=ratio.place.where,
            message=f"a warmup of {ratio.value:.0%} of the steps is unusual: 0 to 10% is common",
            arithmetic=f"{ratio.value:g} > 0.1{long}",
            remedy="confirm it, or correct the ratio",
        )
