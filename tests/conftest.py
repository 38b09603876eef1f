"""Small real things for tests that need them: rows in files, cards, base models with a tokenizer, finished runs."""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time, however slow the machine; `--hypothesis-profile=search` draws others.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

# Tests read and leave nothing in the user's own caches. Set before anything imports a library of theirs.
os.environ["HF_HOME"] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="replicard-tests-")
# codecarbon takes a second to start, which hundreds of runs need not wait for.
os.environ["REPLICARD_ENERGY"] = "estimate"
atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Machine, Record
    from runner.reproducing import Ready

WORDS = {
    "negative": ("dull", "tedious", "awful", "bland", "poor", "weak"),
    "positive": ("superb", "lovely", "bright", "moving", "great", "warm"),
    "either": ("the", "film", "plot", "acting", "was", "and", "a", "scene", "music", "of", "very", "long"),
}

CARD: dict[str, Any] = {
    "schema": 1,
    "id": "tiny",
    "base": {
        "tokenizer": {"type": "bpe", "vocab_size": 320},
        "architecture": {
            "model_type": "bert",
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 64,
        },
    },
    "task": {"type": "text-classification", "labels": ["negative", "positive"]},
    "data": {"dataset": "rows", "tokens": {"max_length": 24}},
    "training": {"epochs": 2, "learning_rate": 5e-3, "batch_size": 8, "eval_batch_size": 16},
    "evaluation": {"metrics": ["accuracy"]},  # whose interval needs no resampling
}

SHAPES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    "distilbert": {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2},
    "llama": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
}


def on_base(kind: str = "bert", **more: Any) -> dict[str, Any]:
    """The card's section for the folder that `base_repo(kind)` writes, its head kept."""
    pad_token = "eos" if kind == "llama" else None
    return {"model": "base", "tokenizer": None, "architecture": None, "head": "keep", "pad_token": pad_token, **more}


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """No progress lines between the dots of pytest; what a test sets is put back."""
    from runner import progress

    before, progress.console.quiet = progress.console.quiet, True
    yield
    progress.console.quiet = before


def draw_reviews(rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Short texts with the labels 0 and 1 in turn, told apart by one word each."""
    draw = random.Random(seed)
    texts = []
    for index in range(rows):
        words = draw.choices(WORDS["either"], k=draw.randint(3, 14))
        words.insert(draw.randrange(len(words)), draw.choice(WORDS["positive" if index % 2 else "negative"]))
        texts.append({"text": " ".join(words), "label": index % 2})
    return texts


@pytest.fixture
def reviews() -> Callable[..., list[dict[str, Any]]]:
    """`reviews(rows, seed)`: what `draw_reviews` gives."""
    return draw_reviews


@pytest.fixture
def pairs(reviews: Callable[..., list[dict[str, Any]]]) -> Callable[..., list[dict[str, Any]]]:
    """`pairs(rows, seed)`: two such texts a row, with the label 1 where both are of one kind."""

    def make(rows: int, seed: int = 0) -> list[dict[str, Any]]:
        first, second = reviews(rows, seed), reviews(2 * rows, seed + 100)
        kinds = [index // 2 % 2 for index in range(rows)]
        return [
            {"text": one["text"], "text_pair": second[2 * index + kind]["text"], "label": int(one["label"] == kind)}
            for index, (one, kind) in enumerate(zip(first, kinds, strict=True))
        ]

    return make


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """`write_rows(train=rows, test=rows)`: a dataset folder `rows/` of JSON lines beside the card."""

    def write(**splits: list[dict[str, Any]]) -> Path:
        folder = tmp_path / "rows"
        folder.mkdir(exist_ok=True)
        for name, rows in splits.items():
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def write_card(tmp_path: Path) -> Callable[..., Loaded]:
    """`write_card(data={…}, training={…})`: a small card with these keys changed, written, loaded.

    A section is merged one level deep into the default one; None leaves the section or the key out.
    """
    from runner.plugins import load_card

    def write(sets: tuple[str, ...] = (), **sections: Any) -> Loaded:
        card = dict(CARD)
        for name, given in sections.items():
            merged = {**CARD.get(name, {}), **given} if isinstance(given, dict) else given
            card[name] = {k: v for k, v in merged.items() if v is not None} if isinstance(merged, dict) else merged
        file = tmp_path / f"{card['id']}.yaml"
        # JSON is YAML 1.2.
        file.write_text(json.dumps({k: v for k, v in card.items() if v is not None}), encoding="utf-8")
        return load_card(file, sets)

    return write


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Models of a few thousand parameters: a second thread is only waited for."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()  # each training collects garbage, and went through all that was ever imported for it
    yield
    torch.set_num_threads(before)


@pytest.fixture
def base_repo(tmp_path: Path, one_thread: None) -> Callable[..., Path]:
    """`base_repo("llama", labels=3, …)`: what `save_base` writes, in the test's own folder."""

    def save(kind: str, labels: int = 2, name: str = "base", dtype: str = "float32", **facts: Any) -> Path:
        return save_base(tmp_path / name, kind, labels, dtype, **facts)

    return save


def save_base(
    folder: Path, kind: str, labels: int = 2, dtype: str = "float32", weights_seed: int = 7, **facts: Any
) -> Path:
    """A classifier with random weights and a word tokenizer, as a folder."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, set_seed

    tokenizer = word_tokenizer(kind)
    set_seed(weights_seed)
    config = AutoConfig.for_model(
        kind,
        **{**SHAPES[kind], "vocab_size": len(tokenizer), "max_position_embeddings": 64, **facts},
        num_labels=labels,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = AutoModelForSequenceClassification.from_config(config, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1)  # so that no bias or norm is left at its start
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def word_tokenizer(kind: str) -> Any:
    """One token a word; a decoder's has no padding token, as those of the Llama bases."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ("<unk>", "<s>", "</s>") if kind == "llama" else ("[UNK]", "[CLS]", "[SEP]", "[PAD]")
    words = [*special, *(word for group in WORDS.values() for word in group)]
    core = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=special[0]))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    inside = [(special[1], 1), (special[2], 2)]
    if kind == "llama":
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=inside[:1])
        return PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=inside
    )
    types = ["token_type_ids"] if kind == "bert" else []
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_input_names=["input_ids", *types, "attention_mask"],
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
    )


@pytest.fixture
def prepare(tmp_path: Path, one_thread: None) -> Callable[..., Ready]:
    """`prepare(loaded)`: its inputs, with runs in a temporary folder."""
    from runner import reproducing
    from runner.execution import Execution

    def ready(
        loaded: Loaded, runs: str = "runs", accept: bool = True, kernels: str = "fast", **spread: int | None
    ) -> Ready:
        return reproducing.prepare(loaded, tmp_path / runs, Execution(kernels, **spread, accept_deviations=accept))

    return ready


@pytest.fixture
def reproduce(prepare: Callable[..., Ready]) -> Callable[..., Record]:
    """`reproduce(loaded)`: train and evaluate, and the record of it."""
    from runner import reproducing

    def record(loaded: Loaded, runs: str = "runs", kernels: str = "fast", **options: Any) -> Record:
        return reproducing.train_and_evaluate(prepare(loaded, runs, kernels=kernels), **options)

    return record


@pytest.fixture
def cpu() -> Machine:
    """A machine without an accelerator."""
    from runner.record import Machine

    return Machine(device="cpu", name="a CPU", count=1, memory_bytes=8 << 30, bf16=True, cpu_threads=2)
