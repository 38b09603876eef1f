"""The `replicard` command inside this process, and a card that trains in a second: what the tests of the command share.

A process of its own costs seconds for importing torch; the tests that need one start one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from runner.cli import main

REPO = Path(__file__).parents[1]

CARD = """\
schema: 1
id: tiny
base:
  tokenizer: {type: bpe, vocab_size: 400}
  architecture:
    model_type: bert
    hidden_size: 16
    num_hidden_layers: 1
    num_attention_heads: 2
    intermediate_size: 16
    max_position_embeddings: 64
task: {type: text-classification, labels: [negative, positive]}
data:
  dataset: reviews
  take: {train: train, test: test}
  tokens: {max_length: 64}
training: {epochs: 2, learning_rate: 1e-2, batch_size: 32, eval_batch_size: 64, seed: 1}
evaluation: {metrics: [accuracy]}
"""


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, f"{len(lines)} lines: {self.err}"
        return lines[0]


def replicard(*arguments: object, stdin: bytes = b"") -> Answer:
    """Run `replicard` as its own process would, on one thread."""
    import torch

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    code = None
    try:
        with (
            mock.patch.object(sys, "argv", ["replicard", *map(str, arguments)]),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as leave:
        code = leave.code
    finally:
        torch.set_num_threads(threads)
    assert isinstance(code, int)
    return Answer(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def process(arguments: list[object], cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start a process on one thread."""
    return subprocess.Popen(
        list(map(str, arguments)),
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where tests run in the background of a shell, interrupts are ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def write_card(folder: Path, old: str = "", new: str = "", name: str = "tiny") -> Path:
    """Write the card, `old` in it replaced by `new`, and beside it its dataset; returns its file."""
    assert old in CARD
    write_reviews(folder / "reviews")
    file = folder / f"{name}.yaml"
    file.write_text(CARD.replace(old, new, 1).replace("id: tiny", f"id: {name}") if old else CARD)
    return file


def write_reviews(folder: Path) -> Path:
    """The first rows of the shipped reviews."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in (("train", 200), ("test", 80)):
        lines = (REPO / f"cards/data/reviews/{split}.jsonl").read_text().splitlines(keepends=True)
        (folder / f"{split}.jsonl").write_text("".join(lines[:rows]))
    return folder


def records(runs: Path) -> list[dict]:
    """The records of all runs in a folder."""
    return [json.loads(file.read_bytes()) for file in sorted(runs.glob("*/*/seed*/record.json"))]
