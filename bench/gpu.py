"""What an accelerator makes of a card: `python -m bench.gpu` prints a table, in under ten minutes on one GPU.

Each case is a card, with random weights and this project's own reviews filled up to the longest sequence, and runs in a
process of its own through the runner's stages. Tokens a second and the share of the device's peak (MFU,
model FLOP/s by the plan's count over the datasheet's dense rate) are of the steps after the first five; memory is the
allocator's peak beside the plan. The kernels follow: Trainer padded, Trainer with dynamic padding and packed rows, in
bf16 on rows of 20 to 512 tokens; then the oracle's tests and those of the kernels, on the same device. `--small` runs
the same on any machine with models of a few thousand weights, to see that it runs: its figures mean nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).parents[1]
WARM = 5
LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
}  # fmt: skip
SMALL = {
    "llama": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
              "num_key_value_heads": 2},
    "bert": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2},
    "distilbert": {"dim": 64, "hidden_dim": 128, "n_layers": 2, "n_heads": 2},
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "Llama-2-7B shape, LoRA on nf4": {
        "base": {"architecture": LLAMA, "dtype": "bfloat16"},
        "adapter": {"type": "lora", "r": 8, "alpha": 16, "target_modules": ["q_proj", "v_proj"]},
        "quantization": {"type": "bitsandbytes", "bits": 4, "quant_type": "nf4", "compute_dtype": "bfloat16"},
        "training": {"batch_size": 8, "learning_rate": 2e-4},
        "data": {"limit": {"train": 240, "test": 8}},
    },
    "bert-tiny shape, all weights": {
        "base": {"architecture": {"model_type": "bert", "hidden_size": 128, "num_hidden_layers": 2,
                                  "num_attention_heads": 2, "intermediate_size": 512}},
        "training": {"batch_size": 64},
    },
    "DistilBERT shape, all weights": {
        "base": {"architecture": {"model_type": "distilbert"}},
        "training": {"batch_size": 64},
        "data": {"limit": {"train": 3200, "test": 64}},
    },
}  # fmt: skip


def card_of(name: str, small: bool) -> dict[str, Any]:
    """The card of a case, as it would stand in YAML."""
    given = CASES[name]
    base = {"tokenizer": {"type": "bpe", "vocab_size": 4000}, **given["base"]}
    if small:
        base["architecture"] = {**base["architecture"], **SMALL[base["architecture"]["model_type"]]}
    limit = {"train": 48, "test": 4} if small else None
    return {
        "schema": 1,
        "id": "bench",
        "base": base,
        "task": {"type": "text-classification", "labels": ["negative", "positive"]},
        "data": {
            "dataset": str(REPO / "cards/data/reviews"),
            "tokens": {"max_length": 32 if small else 512, "padding": "max_length"},
            **given.get("data", {}),
            **({"limit": limit} if limit else {}),
        },
        **{section: given[section] for section in ("adapter", "quantization") if section in given},
        "training": {
            "epochs": 1,
            "precision": "bf16",
            "eval_batch_size": 64,
            **given["training"],
            **({"batch_size": 4} if small else {}),
        },
        "evaluation": {"metrics": ["accuracy"]},
        "readme": {"license": "apache-2.0"},
    }


def measure(name: str, small: bool) -> None:
    """Train a case's card and print what it took, as JSON."""
    import torch
    from transformers import TrainerCallback

    from registry.hardware import ACCELERATORS
    from runner import model as models
    from runner import plugins, reproducing, trainer
    from runner.data import load_parts, texts_of
    from runner.plan import make_plan
    from runner.tokens import tokenize

    times: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *arguments: Any, **named: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times.append(time.perf_counter())

    folder = Path(tempfile.mkdtemp())
    (folder / "bench.yaml").write_text(json.dumps(card_of(name, small)))
    loaded = plugins.load_card(folder / "bench.yaml")
    ready = reproducing.prepare(loaded, folder / "runs", True)
    card, parts = loaded.card, load_parts(loaded, ready.dataset)
    tokenizer = reproducing._tokenizer(ready, texts_of(parts.splits["train"]))
    plan = make_plan(loaded, ready.machine, parts.rows, None, len(tokenizer))
    model = models.build(card, None, tokenizer, ready.run.base)
    rows = tokenize(parts.splits["train"], tokenizer, card, "tokenize")
    worker = trainer.make_trainer(card, plan, model, tokenizer, folder / "checkpoints", rows)
    worker.args.save_strategy = "no"
    worker.add_callback(Clock())
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    worker.train()
    steps, seconds = len(times) - WARM, times[-1] - times[WARM - 1]
    flops = plan.training_flops / plan.steps * steps / seconds
    peaks = [a.peak_flops for a in ACCELERATORS.values() if a.match and a.is_named(ready.machine.name)]
    peak = next((rates[plan.precision] for rates in peaks if plan.precision in rates), None)
    print(
        json.dumps(
            {
                "device": ready.machine.name,
                "ms a step": 1000 * seconds / steps,
                "tokens/s": plan.effective_batch * card.data.tokens.max_length * steps / seconds,
                "TFLOP/s": flops / 1e12,
                "MFU": flops / peak if peak else None,
                "peak GiB": torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None,
                "planned GiB": (plan.weight_bytes + plan.gradient_bytes + plan.optimizer_bytes) / 2**30,
                "precision": plan.precision,
                "parameters": plan.parameters,
            }
        )
    )


def kernels(small: bool) -> None:
    """Print real tokens a second of training by shape and variant, and the share of the device's peak."""
    import numpy as np

    from bench import train_speed, workload
    from registry.hardware import ACCELERATORS
    from runner.machine import detect

    machine = detect()
    peaks = [a.peak_flops for a in ACCELERATORS.values() if a.match and a.is_named(machine.name)]
    peak = next((rates["bf16"] for rates in peaks if "bf16" in rates), None)
    cases = [("bert-tiny", "full")] if small else [("DistilBERT", "full"), ("Llama-3.2-1B", "LoRA")]
    print("\n| kernels | variant | tokens/s | MFU |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.npz"
        workload.tokens(file)
        mean = float(np.load(file)["lengths"].mean())
        for shape, way in cases:
            flops = train_speed.flops(shape, way, file)
            for variant in workload.ON_A_GPU:
                speed = workload.child("bench.train_speed", variant, shape, way, str(file))
                share = f"{speed * flops / peak:.0%}" if peak else "–"
                print(f"| {shape}, {way} | {variant} | {speed * mean:,.0f} | {share} |", flush=True)


def main() -> None:
    """Run every case in its own process, print the table, then the kernels, then run the oracle's tests."""
    small = "--small" in sys.argv
    header: list[str] | None = None
    for name in CASES:
        started = time.perf_counter()
        command = [sys.executable, "-m", "bench.gpu", "--case", name, *(["--small"] if small else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO)
        if done.returncode:
            print(f"{name}: failed\n{done.stderr[-3000:]}", flush=True)
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        if header is None:
            header = list(found)
            print("| case | " + " | ".join(header) + " | whole s |")
            print("|---|" + "---|" * (len(header) + 1))
        cells = [f"{value:,.3g}" if isinstance(value, float) else str(value) for value in found.values()]
        print(f"| {name} | {' | '.join(cells)} | {time.perf_counter() - started:.0f} |", flush=True)
    kernels(small)
    tests = [
        "-q",
        "-p",
        "no:cacheprovider",
        *(str(REPO / f"tests/test_{name}.py") for name in ("oracle", "kernels")),
        *(["-k", "full"] if small else []),
    ]
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", *tests], check=False).returncode)


if __name__ == "__main__":
    if "--case" in sys.argv:
        measure(sys.argv[sys.argv.index("--case") + 1], "--small" in sys.argv)
    else:
        main()
