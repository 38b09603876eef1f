"""How much slower a training step is when glibc gives freed memory back: `python bench/allocator.py`.

Runs the two settings alternately in child processes, each a MiniLM-shaped classifier with random weights in bf16 on
batches of 16 × 128 tokens, and prints milliseconds a step and the ratio of the medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS, STEPS = 3, 10


def measure(keep: bool) -> None:
    """Print milliseconds a step."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from runner import trainer

    if keep:
        trainer._keep_freed_memory()
    config = AutoConfig.for_model(
        "bert", vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    model = AutoModelForSequenceClassification.from_config(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    tokens, labels = torch.randint(5, 30000, (16, 128)), torch.randint(0, 2, (16,))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=tokens, attention_mask=torch.ones_like(tokens), labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(3):
        step()
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    print(1000 * (time.perf_counter() - started) / STEPS)


def main() -> None:
    """Alternate the two settings and print both with their ratio."""
    times: dict[str, list[float]] = {"returned": [], "kept": []}
    for _ in range(ROUNDS):
        for name, found in times.items():
            done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
            found.append(float(done.stdout))
    for name, found in times.items():
        print(
            f"freed memory {name}: {statistics.median(found):7.0f} ms a step  ({', '.join(f'{t:.0f}' for t in found)})"
        )
    ratio = statistics.median(times["returned"]) / statistics.median(times["kept"])
    print(f"returned / kept: {ratio:.2f}")


if __name__ == "__main__":
    measure(sys.argv[1] == "kept") if len(sys.argv) > 1 else main()
