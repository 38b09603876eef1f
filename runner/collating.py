"""Rows of tokens as one batch of tensors.

As those of transformers' `DataCollatorWithPadding`, which tests hold it to, without its way through lists of numbers:
that takes 4 ms a batch, a tenth of the time in which a small model scores it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Collator:
    """Fills up the short rows of a batch."""

    def __init__(self, tokenizer: Any, longest: int | None = None):
        """Take from a tokenizer what rows are filled with, and on which side.

        Args:
            tokenizer: With a padding token.
            longest: Tokens to fill up to; null is those of the longest row.
        """
        self.on_the_left, self.longest = tokenizer.padding_side == "left", longest
        self.filling = dict.fromkeys(tokenizer.model_input_names, 0) | {
            "input_ids": tokenizer.pad_token_id,
            "token_type_ids": tokenizer.pad_token_type_id,
            "special_tokens_mask": 1,
        }
        self.masked = "attention_mask" in tokenizer.model_input_names

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Tensors of shape (rows, longest) of what the tokenizer gives, (rows, …) of labels and all else."""
        lengths = [len(row["input_ids"]) for row in rows]
        shape = (len(rows), max(lengths) if self.longest is None else self.longest)
        found = {}
        names = [*rows[0]]
        if self.masked and "attention_mask" not in names:
            names.append("attention_mask")
        for name in names:
            if name in self.filling:
                filled = np.full(shape, self.filling[name])
                for place, row, length in zip(filled, rows, lengths, strict=True):
                    place[shape[1] - length if self.on_the_left else 0 :][:length] = row.get(name, 1)
                found[name] = torch.from_numpy(filled)
            else:
                found["labels" if name in ("label", "label_ids") else name] = torch.tensor([row[name] for row in rows])
        return found
