"""How fast training is beside the cards' own way: `python -m bench.train_speed [MiniLM|bert-tiny …] [--rounds N]`.

With `--profile` instead: where the time of a step of the fast kernels goes on one core, each of which works alone, and
how fast its products are.

Each variant trains in a process of its own, in turn, on the same random batches of 16 reviews, at most 512 tokens
each; what counts is the median of the rounds, of each the examples a second after the first step and the first seconds,
in which memory grows. FLOP/s are those of the real tokens alone, whatever is computed, and with the fast kernels of
the tokens alone that the last layer needs; the share is of a square bf16 product measured in between. Takes under ten
minutes for a shape with two rounds. With HF_HUB_CACHE the reviews are real ones.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import workload
from runner.flops import product_speed, training_flops
from runner.kernels.families import FAMILIES

BATCH, WARM, SECONDS, FEWEST = 16, 5, 10, 2

PARTS = {
    "products of the layers": ("aten::mm", "aten::addmm"),
    "products of attention": ("aten::bmm",),
    "softmax of attention": ("PackedAttention", "PackedAttentionBackward"),
    "dropout": ("Dropped", "DroppedBackward"),
    "GELU": ("aten::gelu", "aten::gelu_backward"),
    "copies between precisions and layouts": ("aten::copy_", "aten::index_select"),
    "optimizer": ("aten::_fused_adamw_",),
}
"""What the profiler names the parts of a step."""


def measure(variant: str, shape: str, way: str, file: Path) -> None:
    """Print examples a second."""
    from transformers import TrainerCallback

    worker, _ = workload.worker(shape, way, variant, file, BATCH)
    times: list[float] = []
    started = time.perf_counter()

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if (now := time.perf_counter()) > started + WARM:
                times.append(now)
            control.should_training_stop = len(times) > FEWEST and times[-1] - times[0] > SECONDS

    worker.add_callback(Watch())
    worker.train()
    print(BATCH * (len(times) - 1) / (times[-1] - times[0]))


def profile(shape: str, way: str, file: Path, warm: int = 12, steps: int = 12) -> None:
    """Print the share of each part in the time of a step, and what its products reach; memory grows before."""
    import torch
    from transformers import TrainerCallback

    torch.set_num_threads(1)
    worker, _ = workload.worker(shape, way, "fast", file, BATCH)
    profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], with_flops=True)

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == warm:
                profiler.start()
            if state.global_step == warm + steps:
                profiler.stop()
                control.should_training_stop = True

    worker.add_callback(Watch())
    worker.train()
    events = {event.key: event for event in profiler.key_averages()}
    whole = sum(event.self_cpu_time_total for event in events.values())
    print(f"\n{shape}, {way}: {whole / 1000 / steps:.0f} ms a step of {BATCH} rows\n")
    print("| | share | GFLOP/s |\n|---|---|---|")
    told = 0.0
    for part, names in PARTS.items():
        found = [events[name] for name in names if name in events]
        spent, done = sum(event.self_cpu_time_total for event in found), sum(event.flops for event in found)
        told += spent
        print(f"| {part} | {spent / whole:.0%} | {f'{done / spent / 1000:.0f}' if done else ''} |")
    print(f"| all else | {1 - told / whole:.0%} | |")
    print(f"\nA square bf16 product reaches {product_speed('cpu', 'bf16') / 1e9:.0f} GFLOP/s.", flush=True)


def flops(shape: str, way: str, file: Path) -> float:
    """Products and sums of an example's training, on average; attention goes by the square of the length."""
    import numpy as np

    lengths = np.load(file)["lengths"].astype(float)
    model = workload.classifier(shape, way)
    return training_flops(model, float(lengths.sum()), float((lengths**2).sum() / lengths.sum())) / len(lengths)  # type: ignore[arg-type]


def spared(shape: str, way: str, file: Path) -> float:
    """Those of them that the fast kernels spare: of the last layer all but keys and values, of all tokens but one."""
    import numpy as np

    lengths = np.load(file)["lengths"].astype(float)
    model = workload.classifier(shape, "full")
    family = FAMILIES[model.config.model_type]
    layer, attention = family.last(model.base_model)
    kept = sum(getattr(attention, name).weight.numel() for name in (family.key, family.value))
    products = sum(part.weight.numel() for part in layer.modules() if hasattr(part, "in_features")) - kept
    a_token = (6 if way == "full" else 4) * products
    return float(((lengths - 1) * a_token + 12 * lengths * (lengths - 1) * model.config.hidden_size).mean())


def main(shapes: list[str], rounds: int) -> None:
    """Print a table for each shape and way."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.npz"
        print(workload.tokens(file))
        for shape in shapes:
            for way in workload.WAYS:
                found: dict[str, list[float]] = {variant: [] for variant in workload.VARIANTS}
                peaks = []
                for _ in range(rounds):
                    peaks.append(product_speed("cpu", "bf16") / 1e9)
                    for variant, speeds in found.items():
                        speeds.append(workload.child("bench.train_speed", variant, shape, way, str(file)))
                needed = flops(shape, way, file) / 1e9, spared(shape, way, file) / 1e9
                table(f"{shape}, {way}", found, *needed, statistics.median(peaks))


def table(title: str, found: dict[str, list[float]], gflops: float, spared: float, peak: float) -> None:
    """Print examples a second with their ratios."""
    print(f"\n{title}: {gflops:.2f} GFLOP an example, {gflops - spared:.2f} with the fast kernels;", end=" ")
    print(f"a square bf16 product reaches {peak:.0f} GFLOP/s\n")
    print(
        "| | examples/s | GFLOP/s | of that | times the cards' way | times tuned |\n|---|---|---|---|---|---|",
        flush=True,
    )
    median = {variant: statistics.median(speeds) for variant, speeds in found.items()}
    for variant, speed in median.items():
        ratios = [speed / median[other] for other in (workload.CARDS, workload.TUNED)]
        done = speed * (gflops - spared * variant.startswith("fast"))
        shown = f"{speed:.2f} | {done:.0f} | {done / peak:.0%} | {ratios[0]:.1f} | {ratios[1]:.1f}"
        print(f"| {variant} | {shown} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(*sys.argv[2:5], Path(sys.argv[5]))
    elif sys.argv[1:2] == ["--profile"]:
        with tempfile.TemporaryDirectory() as folder:
            drawn = Path(folder) / "rows.npz"
            workload.tokens(drawn)
            for asked in sys.argv[2:] or workload.ON_A_CPU:
                profile(asked, "full", drawn)
    else:
        main(*workload.asked(sys.argv[1:]))
