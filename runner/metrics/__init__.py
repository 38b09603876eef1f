"""Metrics, one file each: `compute` gives the value; `SCORES` says whether it needs probabilities, not just labels.

Rows carry weights, and weights may hold many resamples at once: `compute` gives one value for each. The definitions
are scikit-learn's, which the tests hold them to; scikit-learn itself takes one set of weights a call, and a bootstrap
makes a thousand. A file may also offer `interval(sample, averaging)`; without it, or where it gives none, the interval
is a bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from runner.record import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """Scored rows with weights.

    Attributes:
        labels: True labels, shape (n,), indices.
        predicted: Predicted labels, shape (n,), indices.
        weights: How often each row counts, shape (n,); of resamples, (resamples, n).
        probabilities: Shape (n, labels); null where rows were merged into the cells of a confusion matrix.
        positive: Index of the positive class of a binary task.
    """

    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    weights: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None
    positive: int

    def part(self, inside: NDArray[np.bool_]) -> Sample:
        """Some of the rows, by a mask of shape (n,)."""
        chances = self.probabilities[inside] if self.probabilities is not None else None
        return replace(
            self,
            labels=self.labels[inside],
            predicted=self.predicted[inside],
            weights=self.weights[..., inside],
            probabilities=chances,
        )

    def merged(self) -> Sample:
        """The same rows as cells of their confusion matrix: what needs no probabilities is computed from those."""
        import numpy as np

        cells, index = np.unique(np.stack([self.labels, self.predicted]), axis=1, return_inverse=True)
        counts = np.bincount(index.ravel(), weights=self.weights).astype(np.int64)
        return replace(self, labels=cells[0], predicted=cells[1], weights=counts, probabilities=None)

    def resampled(self, generator: np.random.Generator, resamples: int) -> Sample:
        """As many rows drawn with replacement, so many times."""
        import numpy as np

        count, total = len(self.weights), int(self.weights.sum())
        if total == count and np.all(self.weights == 1):  # to draw rows one by one is faster than `multinomial` here
            drawn = generator.integers(count, size=(resamples, count))
            drawn += count * np.arange(resamples)[:, None]
            weights = np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count)
        else:
            weights = generator.multinomial(total, self.weights / total, size=resamples)
        return replace(self, weights=weights)

    def confusion(self) -> NDArray[np.int64]:
        """Rows by true and predicted label, shape (labels, labels); of resamples, (resamples, labels, labels)."""
        import numpy as np

        size = 1 + max(int(self.labels.max()), int(self.predicted.max()), self.positive)
        counts = np.zeros((*self.weights.shape[:-1], size * size), dtype=np.int64)
        np.add.at(counts, (..., self.labels * size + self.predicted), self.weights)  # type: ignore[arg-type]
        return counts.reshape(*self.weights.shape[:-1], size, size)


@dataclass(frozen=True)
class Counts:
    """Rows of each label, each of shape (labels,) or (resamples, labels).

    Attributes:
        hits: Rows of the label that are predicted so.
        predicted: Rows that are predicted so.
        true: Rows of the label.
    """

    hits: NDArray[np.int64]
    predicted: NDArray[np.int64]
    true: NDArray[np.int64]


def counts(sample: Sample) -> Counts:
    """The sums of the confusion matrix that scores of a label are made of."""
    import numpy as np

    matrix = sample.confusion()
    return Counts(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-2), matrix.sum(axis=-1))


def ratio(numerator: Any, denominator: Any, undefined: float) -> Any:
    """Their quotient, element by element; `undefined` where the denominator is 0."""
    import numpy as np

    whole = np.asarray(denominator, dtype=np.float64)
    result = np.full(whole.shape, undefined)
    np.divide(numerator, whole, out=result, where=whole != 0)
    return result[()]


def averaged(numerator: Any, denominator: Any, found: Counts, sample: Sample, averaging: str) -> Any:
    """One score of a ratio of each label, as scikit-learn averages; 0 for a label whose ratio is undefined.

    Args:
        numerator: Of each label's ratio, shape (…, labels).
        denominator: Likewise.
        found: Rows of each label: the macro average is over labels that are there, true or predicted.
        sample: The rows.
        averaging: Which average.
    """
    if averaging == "micro":
        return ratio(numerator.sum(axis=-1), denominator.sum(axis=-1), 0.0)
    values = ratio(numerator, denominator, 0.0)
    if averaging == "positive":
        return values[..., sample.positive][()]
    weights = found.true if averaging == "weighted" else (found.true + found.predicted > 0)
    return ratio((values * weights).sum(axis=-1), weights.sum(axis=-1), 0.0)


def wilson(successes: int, trials: int) -> Interval | None:
    """95% score interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953); none without trials."""
    from scipy.stats import binomtest

    if trials == 0:
        return None
    ends = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return Interval(low=float(ends.low), high=float(ends.high), level=0.95, method="Wilson")
