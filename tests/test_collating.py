"""Batches are those of transformers' own collator."""

from __future__ import annotations

from typing import Any

import torch
from conftest import word_tokenizer
from hypothesis import given
from hypothesis import strategies as st
from transformers import DataCollatorWithPadding

from runner.collating import Collator


def both(tokenizer: Any, rows: list[dict[str, Any]], longest: int | None = None) -> tuple[dict[str, Any], ...]:
    theirs = DataCollatorWithPadding(tokenizer, padding="max_length" if longest else "longest", max_length=longest)
    return Collator(tokenizer, longest)([dict(row) for row in rows]), dict(theirs([dict(row) for row in rows]))


def same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return ours.keys() == theirs.keys() and all(
        torch.equal(ours[name], theirs[name]) and ours[name].dtype == theirs[name].dtype for name in theirs
    )


@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=8).filter(any),
    side=st.sampled_from(["left", "right"]),
    longest=st.sampled_from([None, 30, 41]),
    label=st.sampled_from([("labels", 1), ("label", 0), ("label_ids", 1), ("labels", 0.5), ("labels", [0.0, 1.0])]),
    names=st.sampled_from(
        [(), ("attention_mask",), ("token_type_ids", "attention_mask"), ("token_type_ids",), ("special_tokens_mask",)]
    ),
    known=st.sampled_from([("attention_mask",), ("token_type_ids", "attention_mask")]),
)
def test_batches_are_those_of_transformers(
    lengths: list[int],
    side: str,
    longest: int | None,
    label: tuple[str, Any],
    names: tuple[str, ...],
    known: tuple[str, ...],
) -> None:
    tokenizer = word_tokenizer("bert")
    tokenizer.padding_side, tokenizer.model_input_names = side, ["input_ids", *known]
    tokenizer._pad_token_type_id = 3
    name, value = label
    rows = [
        {"input_ids": [*range(5, 5 + length)], **{each: [1] * length for each in names}, name: value}
        for length in lengths
    ]
    assert same(*both(tokenizer, rows, longest))


def test_rows_without_labels_are_a_batch_too() -> None:
    rows = [{"input_ids": [5, 6], "attention_mask": [1, 1]}, {"input_ids": [7], "attention_mask": [1]}]
    assert same(*both(word_tokenizer("bert"), rows))
