"""Tokens are kept from run to run, and never taken for those of other texts, tokenizers or lengths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import word_tokenizer

from runner.data import load_parts
from runner.fetching import fetch_dataset
from runner.tokens import token_key, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded


def table_of(loaded: Loaded) -> Any:
    return load_parts(loaded, fetch_dataset(loaded)).splits["train"]


@pytest.fixture
def plain(write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]) -> Loaded:
    write_rows(train=reviews(20), test=reviews(4, 1))
    return write_card()


def kept(table: Any) -> Path:
    """The file that tokens lie in."""
    (cached,) = table.cache_files
    return Path(cached["filename"])


def test_tokens_are_made_once(plain: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.tasks import text_classification

    tokenizer = word_tokenizer("bert")
    first = tokenize(table_of(plain), tokenizer, plain.card, "tokenize", keep=True)
    again, key = table_of(plain), token_key(table_of(plain), tokenizer, plain.card)
    monkeypatch.setattr("runner.tokens.token_key", lambda *arguments: key)  # of the code before it fails
    monkeypatch.setattr(text_classification, "encode", lambda *arguments: pytest.fail("tokenized again"))
    assert tokenize(again, tokenizer, plain.card, "tokenize", keep=True)[:] == first[:]


def test_what_the_tokens_hang_on_is_in_their_name(
    plain: Loaded, write_rows: Callable[..., Path], write_card: Callable[..., Loaded], reviews: Callable[..., Any]
) -> None:
    tokenizer = word_tokenizer("bert")
    keys = [token_key(table_of(plain), tokenizer, plain.card)]
    assert token_key(table_of(plain), tokenizer, plain.card) == keys[0]
    for tokens in ({"max_length": 12}, {"max_length": 24, "truncation": False}):
        loaded = write_card(data={"tokens": tokens})
        keys.append(token_key(table_of(loaded), tokenizer, loaded.card))
    for data in ({"limit": {"train": 19}}, {"balanced": True, "limit": {"train": 18}}):
        loaded = write_card(data=data)
        keys.append(token_key(table_of(loaded), tokenizer, loaded.card))
    write_rows(train=reviews(20, seed=5))
    keys.append(token_key(table_of(plain), tokenizer, plain.card))
    write_rows(train=[{**row, "label": 1 - row["label"]} for row in reviews(20)])
    keys.append(token_key(table_of(plain), tokenizer, plain.card))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("change", ["vocabulary", "padding side", "special token", "inputs", "normalizer"])
def test_another_tokenizer_gives_another_name(plain: Loaded, change: str) -> None:
    from tokenizers import normalizers

    one, other = word_tokenizer("bert"), word_tokenizer("bert")
    if change == "vocabulary":
        other.add_tokens(["splendid"])
    elif change == "padding side":
        other.padding_side = "left"
    elif change == "special token":
        other.pad_token = "[UNK]"
    elif change == "inputs":
        other.model_input_names = ["input_ids", "attention_mask"]
    else:
        other.backend_tokenizer.normalizer = normalizers.Lowercase()
    table = table_of(plain)
    assert token_key(table, one, plain.card) != token_key(table, other, plain.card)


def test_how_a_tokenizer_was_last_called_is_no_part_of_it(plain: Loaded) -> None:
    tokenizer, table = word_tokenizer("bert"), table_of(plain)
    before = token_key(table, tokenizer, plain.card)
    tokenizer(["a film"], truncation=True, max_length=3, padding="max_length")
    assert token_key(table, tokenizer, plain.card) == before


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_off_is_made_again(plain: Loaded, share: float) -> None:
    tokenizer = word_tokenizer("bert")
    made = tokenize(table_of(plain), tokenizer, plain.card, "tokenize", keep=True)
    expected, file = made[:], kept(made)
    del made
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    assert tokenize(table_of(plain), tokenizer, plain.card, "tokenize", keep=True)[:] == expected


def test_a_file_with_another_bit_is_made_again(plain: Loaded) -> None:
    tokenizer = word_tokenizer("bert")
    made = tokenize(table_of(plain), tokenizer, plain.card, "tokenize", keep=True)
    expected, file = made[:], kept(made)
    del made
    content = bytearray(file.read_bytes())
    token = np.asarray(expected["input_ids"][0], np.int32).tobytes()
    content[content.index(token) + 4] ^= 1
    file.write_bytes(content)
    assert tokenize(table_of(plain), tokenizer, plain.card, "tokenize", keep=True)[:] == expected


def test_tokens_that_nobody_took_for_a_month_are_removed(plain: Loaded, write_card: Callable[..., Loaded]) -> None:
    tokenizer = word_tokenizer("bert")
    file = kept(tokenize(table_of(plain), tokenizer, plain.card, "tokenize", keep=True))
    long_ago = file.stat().st_mtime - 31 * 24 * 3600
    other = write_card(data={"tokens": {"max_length": 11}})
    tokenize(table_of(other), tokenizer, other.card, "tokenize", keep=True)
    assert file.exists()
    os.utime(file, (long_ago, long_ago))
    another = write_card(data={"tokens": {"max_length": 9}})
    tokenize(table_of(another), tokenizer, another.card, "tokenize", keep=True)
    assert not file.exists()


def test_where_nothing_can_be_kept_the_tokens_are_made_all_the_same(
    plain: Loaded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from datasets import config

    expected = tokenize(table_of(plain), word_tokenizer("bert"), plain.card, "tokenize")
    table = table_of(plain)
    (tmp_path / "file").touch()
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", str(tmp_path / "file"))
    assert tokenize(table, word_tokenizer("bert"), plain.card, "tokenize", keep=True)[:] == expected[:]
