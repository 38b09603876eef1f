"""Whether the fast kernels train models as good as the reference: `python -m bench.kernel_quality RUNS`.

Trains the card `minilm-l6` with both kernels over seeds, once on 2,000 reviews of at most 128 tokens and once on 1,000 of
at most 512, and scores each on all 25,000 test reviews; that takes hours on two CPU cores. RUNS is a folder of runs: what
is done there is only read, so that it can be stopped at any time. Prints a Markdown table, the difference of the mean
accuracies with its 90% interval (Welch's), and whether that lies within one point: two one-sided tests at 5%.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

MARGIN = 0.01
"""Accuracies that differ by less count as equal."""

STUDIES = {
    "2,000 reviews, 128 tokens": (("data.limit={train: 2000}", "data.tokens.max_length=128"), range(5)),
    "1,000 reviews, 512 tokens": (("data.limit={train: 1000}",), range(1)),
}


def accuracy(folder: Path, kernels: str, sets: tuple[str, ...], seed: int) -> float:
    """Accuracy of one run, made if it is not there."""
    words = [sys.executable, "-m", "runner.cli", "reproduce", "minilm-l6", "--kernels", kernels, "--seeds", str(seed)]
    words += ["--json", "--quiet", "--runs", str(folder / kernels), *(part for each in sets for part in ("--set", each))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    audit = json.loads(done.stdout)[0]["audit"]
    return float(next(line["values"][0] for line in audit["summaries"] if line["metric"] == "accuracy"))


def main(folder: Path) -> None:
    """Print the table."""
    from scipy.stats import ttest_ind

    print("| Study | Seed | Reference | Fast |\n|---|---|---|---|")
    for name, (sets, seeds) in STUDIES.items():
        found: dict[str, list[float]] = {"fast": [], "reference": []}
        for seed in seeds:
            for kernels, values in found.items():
                values.append(accuracy(folder, kernels, sets, seed))
            print(f"| {name} | {seed} | {found['reference'][-1]:.4f} | {found['fast'][-1]:.4f} |", flush=True)
        fast, reference = (np.asarray(found[kernels]) for kernels in ("fast", "reference"))
        if len(seeds) > 1:
            low, high = ttest_ind(fast, reference, equal_var=False).confidence_interval(0.90)
            verdict = "equivalent" if -MARGIN < low and high < MARGIN else "not shown to be equivalent"
            spread = f"{reference.mean():.4f} ± {reference.std(ddof=1):.4f} | {fast.mean():.4f} ± {fast.std(ddof=1):.4f}"
            print(f"| {name} | mean ± SD | {spread} |")
            print(f"\nfast - reference: {fast.mean() - reference.mean():+.4f}, 90% interval {low:+.4f} to {high:+.4f}: {verdict}")
            print(f"within ±{MARGIN}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
