"""From texts to tokens, kept from run to run: 25,000 reviews take some ten seconds, and every seed needs them."""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, Problem
from runner import plugins
from runner.runs import file_sha256, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.card import Card


DAYS = 30
"""Kept tokens that nobody took for so long are removed when others are written."""


def tokenize(table: Any, tokenizer: Any, card: Card, description: str, keep: bool = False) -> Any:
    """Add `input_ids` and `attention_mask` (and what else the tokenizer gives); padding is the collator's.

    Args:
        table: Rows, their texts cleaned.
        tokenizer: The tokenizer.
        card: The card.
        description: What progress calls it.
        keep: Keep the tokens beside what datasets keeps, under a name made from everything that goes into them, and
            take them from there the next time.

    Raises:
        InputError: A text is longer than `max_length` and truncation is off.
    """
    longest = card.data.tokens.max_length
    encode = plugins.task(card.task.type).encode

    def checked(batch: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
        encoded = encode(batch, tokenizer, card)
        found = max(map(len, encoded["input_ids"]), default=0)
        if found > longest:
            message = f"a text has {found} tokens and truncation is off; raise max_length or truncate"
            raise InputError(Problem("", "data.tokens.max_length", message))
        return encoded

    def mapped(**options: Any) -> Any:
        return table.map(checked, batched=True, desc=description, **options)

    if not keep:
        return mapped(load_from_cache_file=False)
    file = _folder() / f"{token_key(table, tokenizer, card)}.arrow"
    digest = file.with_suffix(".sha256")
    try:
        if digest.read_text() == file_sha256(file):
            for kept in (file, digest):
                kept.touch()
            return mapped(cache_file_name=str(file), load_from_cache_file=True)
    except OSError:
        pass  # not there yet
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _remove_old(file.parent)
        made = mapped(cache_file_name=str(file), load_from_cache_file=False)
        write(digest, file_sha256(file))
    except OSError:
        return mapped(load_from_cache_file=False)  # there is no room for it, or no leave to write
    return made


def _folder() -> Path:
    from datasets import config

    return Path(config.HF_DATASETS_CACHE) / "replicard" / "tokens"


def _remove_old(folder: Path) -> None:
    oldest = time.time() - DAYS * 24 * 3600
    for file in folder.iterdir():
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)


def token_key(table: Any, tokenizer: Any, card: Card) -> str:
    """Hash of all that the tokens of a table hang on, in 64 hexadecimal digits.

    That is the rows themselves (so also their order, cleaning and labels), the tokenizer with its vocabulary, rules and
    special tokens, how it is called, and the code that calls it.

    Args:
        table: The rows, their texts cleaned.
        tokenizer: The tokenizer; one without a backend in Rust is known by its vocabulary.
        card: The card.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:  # what the last call asked for is no part of the tokenizer
        backend.no_truncation()
        backend.no_padding()
    rules = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    names = ("model_input_names", "padding_side", "truncation_side", "special_tokens_map")
    called = {name: getattr(tokenizer, name) for name in names}
    task = plugins.task(card.task.type)
    code = inspect.getsource(inspect.getmodule(task.encode))  # type: ignore[arg-type]
    versions = [metadata.version(name) for name in ("transformers", "tokenizers", "datasets")]
    found = hashlib.sha256()
    asked = card.data.tokens.model_dump(exclude={"padding"})
    for part in (rules, type(tokenizer).__name__, called, asked, card.task.type, code, versions):
        found.update(json.dumps(part, sort_keys=True, default=str).encode() + b"\n")
    for name in sorted(table.column_names):
        found.update(json.dumps([name, table[name][:]]).encode() + b"\n")
    return found.hexdigest()
