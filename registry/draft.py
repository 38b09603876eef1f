"""Read a README into a `Document`: what it reports, and what it states of the data, the recipe and the hardware.

Deterministic, without a network or a language model. A number is never invented: where the words leave open what it is,
nothing is read. `registry.markdown` and `registry.front_matter` cut the README into parts, `registry.draft_recipe`
reads the recipe, `registry.draft_results` the results; what the model is, is read here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.document import Document
from registry.draft_page import Page, page_of
from registry.draft_recipe import is_placeholder, read_pairs
from registry.draft_results import read_results
from registry.front_matter import Scalar, index_of, scalars
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
    """Base model, license, language, data, task and versions: the front matter's, else the body's."""
    _of_meta(page)
    for line in page.lines:
        if line.kind == "code" and "Transformers" not in page.text[line.start : line.end]:
            continue
        if line.role == "use" and line.kind != "item":
            continue
        words = page.text[line.start : min(line.end, line.start + 400)]
        if line.kind != "heading" and "." in words and (found := _VERSION.match(words)) is not None:
            package = "pytorch" if found[1].lower() == "torch" else found[1].lower()
            page.say(f"framework_versions.{package}", found[2], line.start, line.end)
        _linked(page, words, line.start)
        if ":" in words[:60]:
            _labelled(page, words, line.start, line.end)
    for grid in page.grids:
        for row in grid.rows:
            if len(row) == 2:
                _labelled(page, f"{row[0].text}: {row[1].text}", row[0].start, row[1].end)
    if not page.has("base_model"):
        _in_code(page)


def _of_meta(page: Page) -> None:
    for key, fact in (("license", "license"), ("pipeline_tag", "task")):
        one = next(scalars(page.meta.get(key)), None)
        if one is not None:
            page.say(fact, one.text.strip(), one.start, one.end)
    for key in ("language", "datasets", "base_model"):
        values = list(scalars(page.meta.get(key)))
        texts = tuple(one.text.strip() for one in values)
        if values:
            only = key == "base_model" and len(values) == 1
            page.say(key, texts[0] if only else texts, values[0].start, values[-1].end)
    if not page.has("task"):
        tasks = [one for result in index_of(page.meta) for one in _types(result)]
        if len({one.text for one in tasks}) == 1:
            page.say("task", tasks[0].text, tasks[0].start, tasks[0].end)


def _types(result: dict[str, Any]) -> list[Scalar]:
    task = result.get("task")
    return list(scalars(task.get("type"))) if isinstance(task, dict) else []


def _linked(page: Page, words: str, start: int) -> None:
    """`a fine-tuned version of [bert](https://huggingface.co/bert) on [data](https://huggingface.co/datasets/data)`."""
    if "tuned" not in words and "trained on" not in words:
        return
    if not page.has("base_model"):
        base = _FINE_TUNED.search(words)
        linked = _TUNED_LINK.search(words) if base is None and "huggingface.co/" in words else None
        if base is not None:
            named = base[2].removeprefix("https://huggingface.co/") if base[2] else plain(base[1])
            page.say("base_model", named.rstrip("/"), start + base.start(), start + base.end())
        elif linked is not None and not linked[1].startswith("datasets"):
            page.say("base_model", linked[1], start + linked.start(), start + linked.end())
    if "/datasets/" in words and not page.has("datasets") and (data := _ON.search(words)) is not None:
        page.say("datasets", (data[1],), start + data.start(), start + data.end())


def _in_code(page: Page) -> None:
    for line in page.lines:
        if line.kind == "code" and line.role != "use":
            found = _FIELDS.search(page.text, line.start, line.end)
            if found is not None:
                page.say("base_model", found[1], found.start(), found.end())
                return


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
