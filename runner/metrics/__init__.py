"""Metrics, one file each: `compute` gives the value; `SCORES` says whether it needs probabilities, not just labels.

A file may also offer `interval(sample, averaging)`; without it, or where it gives none, the interval is a bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from runner.record import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SKLEARN_AVERAGE = {"positive": "binary", "macro": "macro", "micro": "micro", "weighted": "weighted"}
"""This project's names of averagings → scikit-learn's."""


@dataclass(frozen=True)
class Sample:
    """Scored rows with weights.

    Attributes:
        labels: True labels, shape (n,), indices.
        predicted: Predicted labels, shape (n,), indices.
        weights: How often each row counts, shape (n,).
        probabilities: Shape (n, labels); null where rows were merged into the cells of a confusion matrix.
        positive: Index of the positive class of a binary task.
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    weights: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    positive: int

    def merged(self) -> Sample:
        """The same rows as cells of their confusion matrix: what needs no probabilities is computed from those."""
        import numpy as np

        cells, index = np.unique(np.stack([self.labels, self.predicted]), axis=1, return_inverse=True)
        counts = np.bincount(index.ravel(), weights=self.weights).astype(np.int64)
        return replace(self, labels=cells[0], predicted=cells[1], weights=counts, probabilities=None)

    def resampled(self, generator: np.random.Generator) -> Sample:
        """As many rows drawn with replacement."""
        total = int(self.weights.sum())
        return replace(self, weights=generator.multinomial(total, self.weights / total))

    def arguments(self, averaging: str) -> dict[str, Any]:
        """The arguments that scikit-learn's per-class scores share."""
        arguments = {
            "y_true": self.labels,
            "y_pred": self.predicted,
            "sample_weight": self.weights,
            "average": SKLEARN_AVERAGE[averaging],
            "zero_division": 0.0,
        }
        return {**arguments, "pos_label": self.positive} if averaging == "positive" else arguments


def wilson(successes: int, trials: int) -> Interval | None:
    """95% score interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953); none without trials."""
    from scipy.stats import binomtest

    if trials == 0:
        return None
    ends = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return Interval(low=float(ends.low), high=float(ends.high), level=0.95, method="Wilson")
