"""Peak memory of a training against its plan: `python -m bench.memory [NAME…]` in the checkout.

Trains six small cards for a few steps on the CPU through the stages of `replicard train`, each in a process of its own,
on bases with random weights that are written on the spot, and prints the plan, the high-water mark of resident memory
above that after the imports, and their ratio. The pages of the file that a quantized base was read from do not count:
they stay mapped, and the system takes them back when it needs them. Takes some ten minutes on two cores.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROWS = 24
BERT = {"model_type": "bert", "vocab_size": 30522}
DISTILBERT = {"model_type": "distilbert", "vocab_size": 30522}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 512,
}
TO_Q_AND_V = {"type": "lora", "r": 8, "alpha": 16, "target_modules": ["q_proj", "v_proj"]}
CARDS: dict[str, dict[str, Any]] = {
    "bert, all of it, fp32": {"base": BERT, "training": {"batch_size": 8}},
    "distilbert, all of it, bf16": {"base": DISTILBERT, "training": {"batch_size": 12, "precision": "bf16"}},
    "distilbert, Adafactor, accumulated": {
        "base": DISTILBERT,
        "training": {"batch_size": 4, "gradient_accumulation_steps": 2, "optimizer": "adafactor"},
    },
    "llama, LoRA": {"base": LLAMA, "adapter": TO_Q_AND_V, "training": {"batch_size": 4}},
    "llama, LoRA on 4 bits": {
        "base": LLAMA,
        "adapter": TO_Q_AND_V,
        "quantization": {"type": "bitsandbytes", "bits": 4, "quant_type": "nf4"},
        "training": {"batch_size": 8},
    },
    "bert, LoRA on 8 bits": {
        "base": BERT,
        "adapter": {"type": "lora", "r": 8, "target_modules": ["query", "value"]},
        "quantization": {"type": "bitsandbytes", "bits": 8},
        "training": {"batch_size": 8, "optimizer": "sgd"},
    },
}

IMPORTED = (
    "accelerate", "bitsandbytes", "peft", "sklearn.metrics", "runner.training",
    "transformers.models.bert.modeling_bert", "transformers.models.distilbert.modeling_distilbert",
    "transformers.models.llama.modeling_llama",
)  # fmt: skip
"""What a run imports beside what this file does."""


def high_water() -> int:
    """Most resident memory of this process so far, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])


def mapped() -> int:
    """Resident bytes of weights' files: of what was quantized from them, the system may take them back at any time."""
    inside, total = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(".safetensors")
        elif inside and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


def write_inputs(folder: Path, name: str) -> Path:
    """A base with random weights, rows and the card; returns the card."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from registry.card import TrainedTokenizer
    from runner.model import train_tokenizer

    wanted = CARDS[name]
    texts = [" ".join(f"word{(7 * row + 3 * index) % 90}" for index in range(400)) for row in range(ROWS)]
    rows = [json.dumps({"text": text, "label": index % 2}) for index, text in enumerate(texts)]
    (folder / "rows").mkdir()
    for split in ("train", "test"):
        (folder / "rows" / f"{split}.jsonl").write_text("\n".join(rows) + "\n")
    train_tokenizer(texts, TrainedTokenizer(type="bpe", vocab_size=400), 128).save_pretrained(folder / "base")
    config = AutoConfig.for_model(**wanted["base"], pad_token_id=0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder / "base")
    card = {
        "schema": 1,
        "id": "measured",
        "base": {"model": "base", "head": "new", "pad_token": "own", "architecture": wanted["base"]},
        "task": {"type": "text-classification", "labels": ["negative", "positive"]},
        "data": {
            "dataset": "rows",
            "rows": {"train": ROWS, "test": ROWS},
            "tokens": {"max_length": 128, "padding": "max_length"},
        },
        "training": {"epochs": 1, "eval_batch_size": 8, **wanted["training"]},
        **{key: wanted[key] for key in ("adapter", "quantization") if key in wanted},
    }
    file = folder / "measured.yaml"
    file.write_text(json.dumps(card))
    return file


def measure(file: Path) -> None:
    """Train the card and print its plan and what it took above the memory after the imports, as JSON."""
    for name in IMPORTED:
        importlib.import_module(name)

    from runner import model as models
    from runner import reproducing
    from runner.execution import Execution
    from runner.machine import detect
    from runner.plan import make_plan
    from runner.plugins import load_card

    models.quiet()
    loaded = load_card(file)
    plan = make_plan(loaded, detect())  # what it imports is no part of the run either
    before = high_water()
    ready = reproducing.prepare(loaded, file.parent / "runs", Execution(accept_deviations=True))
    reproducing.train_and_evaluate(ready, stop_after_training=True)
    taken = high_water() - before - (mapped() if loaded.card.quantization is not None else 0)
    print(json.dumps({"plan": plan.model_dump(mode="json"), "measured": taken}))


def main(names: list[str]) -> None:
    """One line a card."""
    mega = 2**20
    heads = ("weights", "gradients", "state", "activations", "plan", "measured", "ratio")
    print(f"{'MiB':36}" + "".join(f"{head:>13}" for head in heads))
    for name in names or CARDS:
        with tempfile.TemporaryDirectory(prefix="replicard-bench-") as folder:
            for what in (["--write", name, folder], ["--measure", folder]):
                done = subprocess.run(
                    [sys.executable, "-m", "bench.memory", *what], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    sys.exit(done.stderr)
        found = json.loads(done.stdout.splitlines()[-1])
        plan, measured = found["plan"], found["measured"]
        parts = (plan["weight_bytes"] + plan["adapter_bytes"], plan["gradient_bytes"], plan["optimizer_bytes"])
        weights, gradients, state = (part / mega for part in parts)
        peak = plan["here"]["peak_bytes"]
        sizes = (weights, gradients, state, plan["here"]["activation_bytes"] / mega, peak / mega, measured / mega)
        print(f"{name:36}" + "".join(f"{size:13,.0f}" for size in sizes) + f"{measured / peak:13.2f}", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--write", name, folder]:
            write_inputs(Path(folder), name)
        case ["--measure", folder]:
            measure(Path(folder) / "measured.yaml")
        case names:
            main(names)
