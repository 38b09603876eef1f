"""What the speed benchmarks run: models of the cards' shapes with random weights, on reviews of real lengths.

Where a Hub cache with IMDb and MiniLM is named by HF_HUB_CACHE the tokens are those of its training reviews; elsewhere
they are random, with lengths drawn from a log-normal distribution of the same median and tail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

LONGEST, ROWS = 512, 4096
SHAPES: dict[str, dict[str, Any]] = {
    "MiniLM": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "bert-tiny": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512},
    "DistilBERT": {"model_type": "distilbert"},
    "Llama-3.2-1B": {
        **{"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32},
        **{"num_key_value_heads": 8, "intermediate_size": 8192, "head_dim": 64},
    },
}
ON_A_CPU = ("MiniLM", "bert-tiny")
WAYS = ("full", "LoRA")
CARDS, TUNED = "cards' way", "tuned Trainer"
# What a run is made of: kernels, padding, precision.
ON_A_GPU = {
    "Trainer, padded, bf16": ("plain", "max_length", "bf16"),
    "Trainer, dynamic padding, bf16": ("plain", "longest", "bf16"),
    "packed, bf16": ("fast", "longest", "bf16"),
}
VARIANTS = {
    CARDS: ("plain", "max_length", "fp32"),  # Trainer, every row padded to the longest there may be
    TUNED: ("plain", "longest", "bf16"),
    "reference": ("reference", "longest", "bf16"),  # ours; keeps freed memory, see bench/allocator.py
    "fast": ("fast", "longest", "bf16"),
    "fast, no compiler": ("uncompiled", "longest", "bf16"),
}
MADE_OF = {**VARIANTS, **ON_A_GPU}


def tokens(file: Path) -> str:
    """Write token lists as `.npz`; returns where they are from."""
    drawn = np.random.default_rng(0)
    try:
        os.environ["HF_HUB_OFFLINE"] = "1"
        from huggingface_hub import snapshot_download

        folder = snapshot_download("stanfordnlp/imdb", repo_type="dataset", local_files_only=True)
        base = snapshot_download("sentence-transformers/all-MiniLM-L6-v2", local_files_only=True)
    except OSError:
        lengths = np.exp(drawn.normal(5.45, 0.6, ROWS)).clip(20, LONGEST).astype(int)
        flat, source = drawn.integers(5, 30000, lengths.sum()), "drawn lengths"
    else:
        import pyarrow.parquet as pq
        from transformers import AutoTokenizer

        texts = pq.read_table(next(Path(folder).glob("**/train-*.parquet")), columns=["text"])["text"].to_pylist()
        chosen = [texts[index] for index in drawn.permutation(len(texts))[:ROWS]]
        tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
        rows = tokenizer(chosen, truncation=True, max_length=LONGEST)["input_ids"]
        lengths, flat, source = np.asarray([len(row) for row in rows]), np.concatenate(rows), "IMDb's reviews"
    np.savez(file, flat=flat, lengths=lengths)
    return f"{source}, {lengths.mean():.0f} tokens on average, {(lengths == LONGEST).mean():.0%} of them {LONGEST}"


def rows_of(file: Path) -> Any:
    """The rows as a `datasets.Dataset` with labels."""
    from datasets import Dataset

    found = np.load(file)
    ids = np.split(found["flat"], found["lengths"].cumsum()[:-1])
    labels = np.arange(len(ids)) % 2
    return Dataset.from_dict({"input_ids": ids, "attention_mask": [np.ones_like(row) for row in ids], "labels": labels})


def classifier(shape: str, way: str) -> Any:
    """A classifier with random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(0)
    config = AutoConfig.for_model(**{"model_type": "bert", "vocab_size": 30522, "pad_token_id": 0, **SHAPES[shape]})
    model = AutoModelForSequenceClassification.from_config(config)
    if way == "LoRA":
        from peft import LoraConfig, get_peft_model

        targets = {"bert": ["query", "value"], "distilbert": ["q_lin", "v_lin"], "llama": ["q_proj", "v_proj"]}
        wanted = targets[config.model_type]
        adapter = LoraConfig(task_type="SEQ_CLS", r=8, lora_alpha=16, target_modules=wanted, lora_dropout=0.1)
        model = get_peft_model(model, adapter)
    return model


def worker(shape: str, way: str, variant: str, file: Path, batch_size: int) -> tuple[Any, Any]:
    """A Trainer for a variant, and its rows."""
    from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast, Trainer, TrainingArguments

    from runner import kernels, trainer
    from runner.collating import Collator
    from runner.kernels import native
    from runner.machine import detect

    device = detect().device
    kind, padding, precision = MADE_OF[variant]
    model, rows = classifier(shape, way), rows_of(file)
    if kind == "uncompiled":
        native.library = lambda: None  # type: ignore[assignment]
    if kind != "plain":
        if device == "cpu":
            trainer._keep_freed_memory()
        told = kernels.enable(model, "reference" if kind == "reference" else "fast", device, precision)
        print(f"{variant}: {told}", file=sys.stderr)
    from tokenizers import Tokenizer, models

    pad = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"[PAD]": 0})), pad_token="[PAD]")
    arguments = TrainingArguments(
        output_dir=str(file.with_suffix("")),
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        bf16=precision == "bf16",
        optim=trainer._optimizer("adamw_torch", model, device),
        use_cpu=device == "cpu",
        dataloader_pin_memory=device != "cpu",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_steps=10**6,
    )
    longest = LONGEST if padding == "max_length" else None
    if kind == "plain":
        collator = DataCollatorWithPadding(pad, padding=padding, max_length=longest)
    else:
        collator = Collator(pad, longest)
    return Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=rows, data_collator=collator), rows


def asked(words: list[str]) -> tuple[list[str], int]:
    """Shapes and rounds that a command line names."""
    count = int(words.pop(words.index("--rounds") + 1)) if "--rounds" in words else 2
    return [word for word in words if word != "--rounds"] or list(ON_A_CPU), count


def child(script: str, variant: str, *arguments: str) -> float:
    """What a child process measured, the last word that it prints; ours waits for its threads as `replicard` does."""
    from runner.cli import SPINS

    ours = MADE_OF[variant][0] != "plain"
    words = [sys.executable, "-m", script, "--one", variant, *arguments]
    environment = {**os.environ, **({"GOMP_SPINCOUNT": SPINS} if ours else {})}
    return float(subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout.split()[-1])
