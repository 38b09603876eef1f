"""Whether the fast kernels train models as good as the reference: `python -m bench.kernel_quality RUNS`.

Trains the card `minilm-l6` with both kernels: over five seeds on 2,000 reviews of at most 128 tokens, and with one seed
on 1,000 of at most 512; all are scored on the 25,000 test reviews. That takes hours on two CPU cores. RUNS is a folder
of runs: what is done there is only read, so it can be stopped at any time. Prints a Markdown table, the difference of
the mean accuracies with its 90% interval (Welch's), and whether that is within one point: two one-sided tests at 5%.
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
    words += ["--json", "--quiet", "--runs", str(folder / kernels)]
    words += [part for each in sets for part in ("--set", each)]
    # What goes wrong is said on standard error, which is the reader's.
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    audit = json.loads(done.stdout)[0]["audit"]
    # The audit is over all seeds that are there.
    place = audit["seeds"].index(seed)
    return float(next(line["values"][place] for line in audit["summaries"] if line["metric"] == "accuracy"))


def main(folder: Path) -> None:
    """Print the table."""
    from scipy.stats import ttest_ind

    print("| Study | Seed | Reference | Fast |\n|---|---|---|---|")
    told = []
    for name, (sets, seeds) in STUDIES.items():
        found: dict[str, list[float]] = {"fast": [], "reference": []}
        for seed in seeds:
            for kernels, values in found.items():
                values.append(accuracy(folder, kernels, sets, seed))
            print(f"| {name} | {seed} | {found['reference'][-1]:.4f} | {found['fast'][-1]:.4f} |", flush=True)
        if len(seeds) > 1:
            fast, reference = (np.asarray(found[kernels]) for kernels in ("fast", "reference"))
            low, high = ttest_ind(fast, reference, equal_var=False).confidence_interval(0.90)
            verdict = "equivalent" if max(-low, high) < MARGIN else "not shown to be equivalent"
            spread = [f"{values.mean():.4f} ± {values.std(ddof=1):.4f}" for values in (reference, fast)]
            print(f"| {name} | mean ± SD | {' | '.join(spread)} |")
            difference = f"{fast.mean() - reference.mean():+.4f}, 90% interval {low:+.4f} to {high:+.4f}"
            told.append(f"{name}: fast - reference {difference}: {verdict} within ±{MARGIN}")
    print("", *told, sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
