"""Read a README into a `Document`: what it reports, and what it states of the data, the recipe and the hardware.

Deterministic, without a network or a language model. A number is never invented: where the words leave open what a number
is, nothing is read. `registry.markdown` and `registry.front_matter` cut the README into parts, `registry.draft_recipe`
reads the recipe, `registry.draft_results` the results; what the model is, is read here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.document import Document
from registry.draft_page import Page, page_of
from registry.draft_recipe import is_placeholder, read_pairs
from registry.draft_results import read_results
from registry.front_matter import scalars
from registry.markdown import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.document import Fact

MAX_CHARACTERS = 2_000_000
"""What stands behind is not read; the longest of 10,000 model cards has under a million."""

_LICENSES = (
    ("apache-2.0", re.compile(r"apache(?:[ -]?(?:license)?,?[ -]?(?:version )?2(?:\.0)?)", re.I)),
    ("mit", re.compile(r"^\W*mit\b(?: license)?", re.I)),
    ("cc-by-nc-sa-4.0", re.compile(r"cc[- ]by[- ]nc[- ]sa[- ]4", re.I)),
    ("cc-by-nc-4.0", re.compile(r"cc[- ]by[- ]nc[- ]4", re.I)),
    ("cc-by-sa-4.0", re.compile(r"cc[- ]by[- ]sa[- ]4", re.I)),
    ("cc-by-4.0", re.compile(r"cc[- ]by[- ]4", re.I)),
    ("gpl-3.0", re.compile(r"^\W*(?:gnu )?gpl[- ]?(?:v)?3", re.I)),
    ("bsd-3-clause", re.compile(r"bsd[- ]3", re.I)),
    ("llama2", re.compile(r"^\W*llama[- ]?2\b", re.I)),
    ("llama3", re.compile(r"^\W*(?:meta )?llama[- ]?3\b(?!\.\d)", re.I)),
    ("gemma", re.compile(r"^\W*gemma\b", re.I)),
)
_VERSION = re.compile(
    r"[*_`\s]*(transformers|pytorch|torch|datasets|tokenizers|peft|tensorflow|trl|python|accelerate"
        r"|bitsandbytes|sentence[- ]transformers|setfit|keras|unsloth)"
    r"[*_`\s]{0,4}(?:version)?\s{0,3}[:=]{0,2}[*_`\s]{0,4}v?(\d{1,3}(?:\.\d{1,4})+(?:[.+-]?[a-z]\w*|\+\w+)*"
        r"|\d{1,3}\.\d{1,4}\S{0,12})", re.IGNORECASE,
)  # fmt: skip
_FINE_TUNED = re.compile(
    r"(?:fine-?tuned?|adapted|adapter|trained)\s(?:version|model|checkpoint|variant)?\s?(?:of|from|on top of"
    r"|for)\s(?:the )?\[([^\[\]\n]{2,120})\]\((https?://huggingface\.co/[^()\s]{2,150})?",
    re.IGNORECASE,
)
_TUNED_LINK = re.compile(
    r"(?:is an? |the |based on (?:the )?|fine-?tun\w+ (?:of |from "
    r"|on )?(?:the )?)\[[^\[\]\n]{2,120}\]\(https?://huggingface\.co/([\w.-]{1,96}/[\w.-]{1,96}"
    r"|[\w.-]{2,96})/?\)(?: checkpoint| model)?,? ?(?:and )?(?:was )?(?:fine-?tun|model\b|checkpoint)",
    re.IGNORECASE,
)
_ON = re.compile(
    r"\b(?:fine-?tuned|trained)[^.\n]{0,160}? (?:on|using) (?:the "
    r"|an? )?\[[^\[\]\n]{2,120}\]\(https?://huggingface\.co/datasets/([\w.-]{1,96}(?:/[\w.-]{1,96})?)/?\)",
    re.IGNORECASE,
)
_FIELDS = re.compile(
    r"\b(?:model_checkpoint|model_name_or_path|base_model|base_LM_model"
    r"|language_model)[\"']?\s{0,3}[:= ]\s{0,3}[\"']?([\w.-]{1,96}/[\w.-]{1,96}"
    r"|[a-z][\w.-]{2,96})(?=[\"'\s]|$)"
)
_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}|[\w.-]{2,96}")


def read(text: str, name: str) -> Document:
    """Read a README.

    Args:
        text: The README.
        name: What findings call it: a path, or `hub:owner/name`.

    Returns:
        What it says; of a text that is no model card, nothing.
    """
    page = page_of(text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS], name)
    _identity(page)
    read_pairs(page)
    _adapter(page)
    _quantization(page)
    read_results(page)
    return Document(name, text, tuple(page.results), tuple(page.tables), tuple(_once(page)))


def _once(page: Page) -> Iterator[Fact]:
    """Facts in the order they stand, one that is said twice in the same place once."""
    seen: set[tuple[str, Any, int]] = set()
    for fact in sorted(page.facts, key=lambda one: (one.place.start, one.place.end)):
        key = (fact.name, fact.value, fact.place.start)
        if key not in seen:
            seen.add(key)
            yield fact


def _identity(page: Page) -> None:
    meta = page.meta
    for key, fact in (("license", "license"), ("pipeline_tag", "task")):
        for one in scalars(meta.get(key)):
            page.say(fact, one.text.strip(), one.start, one.end)
            break
    for key, fact in (("language", "language"), ("datasets", "datasets")):
        values = list(scalars(meta.get(key)))
        if values:
            page.say(fact, tuple(one.text.strip() for one in values), values[0].start, values[-1].end)
    bases = list(scalars(meta.get("base_model")))
    if len(bases) == 1:
        page.say("base_model", bases[0].text.strip(), bases[0].start, bases[0].end)
    elif bases:
        page.say("base_model", tuple(one.text.strip() for one in bases), bases[0].start, bases[-1].end)
    for line in page.lines:
        if line.kind == "code" and "Transformers" not in page.text[line.start : line.end]:
            continue
        if line.role == "use" and line.kind != "item":
            continue
        words = page.text[line.start : min(line.end, line.start + 400)]
        low = words.lower()
        if line.kind != "heading" and "." in words and (found := _VERSION.match(words)) is not None:
            package = found[1].lower().replace("torch", "pytorch") if found[1].lower() == "torch" else found[1].lower()
            page.say(f"framework_versions.{package}", found[2], line.start, line.end)
        if "tuned" in low and not page.has("base_model") and (base := _FINE_TUNED.search(words)) is not None:
            named = base[2].removeprefix("https://huggingface.co/") if base[2] else plain(base[1])
            page.say("base_model", named.rstrip("/"), line.start + base.start(), line.start + base.end())
        if "huggingface.co/" in low:
            if (
                "tuned" in low
                and not page.has("base_model")
                and (base := _TUNED_LINK.search(words)) is not None
                and not base[1].startswith("datasets")
            ):
                page.say("base_model", base[1], line.start + base.start(), line.start + base.end())
            if "/datasets/" in low and not page.has("datasets") and (data := _ON.search(words)) is not None:
                page.say("datasets", (data[1],), line.start + data.start(), line.start + data.end())
        if ":" in low[:60]:
            _labelled(page, words, line.start, line.end)
    if not page.has("base_model"):
        for line in page.lines:
            if (
                line.kind == "code"
                and line.role != "use"
                and (one := _FIELDS.search(page.text, line.start, line.end)) is not None
            ):
                page.say("base_model", one[1], one.start(), one.end())
                break
    for grid in page.grids:
        for row in grid.rows:
            if len(row) == 2:
                _labelled(page, f"{row[0].text}: {row[1].text}", row[0].start, row[1].end)
    if not page.has("task"):
        index = meta.get("model-index")
        tasks = set()
        for model in index if isinstance(index, list) else []:
            results = model.get("results") if isinstance(model, dict) else None
            for result in results if isinstance(results, list) else []:
                task = result.get("task") if isinstance(result, dict) else None
                for one in scalars(task.get("type")) if isinstance(task, dict) else []:
                    tasks.add(one)
        if len({one.text for one in tasks}) == 1:
            one = tasks.pop()
            page.say("task", one.text, one.start, one.end)


_LABELLED = re.compile(
    r"[*_`\s]*(license|licence|finetuned from model|fine-?tuned from model|base model|finetuned from"
    r"|foundation model|language\(s\)(?: \(nlp\))?|language"
    r"|languages)\s?(?:\[optional\])?[*_`\s]*:[*_`\s]*(.{2,200})",
    re.IGNORECASE,
)


def _labelled(page: Page, words: str, start: int, end: int) -> None:
    found = _LABELLED.match(words)
    if found is None:
        return
    key, value = found[1].lower(), found[2].strip()
    if is_placeholder(value):
        fact = "license" if key.startswith("licen") else "language" if key.startswith("lang") else "base_model"
        page.say(fact, None, start, end, "placeholder")
        return
    if key.startswith("licen"):
        if not page.has("license"):
            bare = plain(value)
            known = next((tag for tag, pattern in _LICENSES if pattern.search(bare)), None)
            if known is not None:
                page.say("license", known, start, end)
    elif not key.startswith("lang") and not page.has("base_model"):
        link = re.search(r"huggingface\.co/([\w.-]+/[\w.-]+)", value)
        code = re.search(r"`([\w.-]+(?:/[\w.-]+)?)`", value)
        bare = plain(value).strip(" .")
        named = link[1] if link else code[1] if code else bare if _ID.fullmatch(bare) else None
        if named is not None and named.lower() not in ("none", "n/a", "na", "unknown", "null"):
            page.say("base_model", named, start, end)


_METHOD = re.compile(r"\b(qlora|lora)\b", re.IGNORECASE)
_LORA = re.compile(
    r"\b(?:with|using|via|through|by|used|including|included|employ\w*|is an?|sft方式)\b[^.\n]{0,60}\b(?:Q?LoRA"
    r"|Low-Rank Adapt\w+)\b|\bQ?LoRA\b[^.\n]{0,40}\b(?:fine-?tun\w+|adapter|training|config\w*|微调)"
    r"|low-rank adapter",
    re.IGNORECASE,
)


def _adapter(page: Page) -> None:
    if "ora" not in page.text and "Low-Rank" not in page.text and "LORA" not in page.text:
        return
    start = None
    method = None
    tags = [one for one in scalars(page.meta.get("tags")) if one.text.lower() in ("lora", "qlora")]
    for line in page.lines:
        if line.role == "use" or line.kind == "code":
            continue
        words = page.text[line.start : min(line.end, line.start + 1500)]
        if "ora" not in words and "Low-Rank" not in words and "ORA" not in words and "low-rank" not in words:
            continue
        found = _LORA.search(words)
        if found is not None or (line.kind == "heading" and _METHOD.search(words)):
            one = found or _METHOD.search(words)
            assert one is not None
            q = "qlora" in words.lower()
            if method is None or q:
                method, start = ("qlora" if q else method or "lora"), (line.start + one.start(), line.start + one.end())
    if method is None and tags:
        method, start = tags[0].text.lower(), (tags[0].start, tags[0].end)
    if method is None:
        rank = next(
            (
                fact
                for fact in page.facts
                if fact.name in ("adapter.alpha", "adapter.r") and "lora" in fact.text.lower()
            ),
            None,
        )
        if rank is not None:
            method, start = "lora", (rank.place.start, rank.place.end)
    if method is not None and start is not None:
        page.say("adapter.method", method, *start)


def _quantization(page: Page) -> None:
    """Settings in effect: where 8-bit weights are loaded, or none, those of 4 bits are not."""
    bits = {fact.value for fact in page.facts if fact.name == "quantization.bits" and fact.status != "placeholder"}
    if bits == {4}:
        return
    page.facts[:] = [
        fact
        for fact in page.facts
        if not (
            fact.name.startswith("quantization.")
            and fact.name != "quantization.bits"
            and ("bnb_4bit" in fact.text or (not bits and "quant" in fact.text))
        )
    ]
