"""From scored rows to metrics with intervals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.errors import InputError, MissingError, Problem
from runner import plugins
from runner.metrics import Sample
from runner.record import Interval, Score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Metric
    from registry.vocabulary import Averaging

RESAMPLES = 1000
"""Bootstrap resamples."""

_AT_ONCE = 2**18
"""Numbers that resamples may take together: 2 MiB, which stay in a processor's caches."""


def scores(sample: Sample, metrics: Sequence[Metric]) -> tuple[Score, ...]:
    """Each metric with its interval; one that is undefined on these rows is left out."""
    found = []
    for metric in metrics:
        score = _foreign(sample, metric) if metric.name.startswith("evaluate:") else _built_in(sample, metric)
        if score is not None and math.isfinite(score.value):
            found.append(score)
    return tuple(found)


def averaging_of(metric: Metric, labels: int) -> Averaging:
    """The declared averaging, else the positive class in a binary task and macro beyond."""
    return metric.averaging or ("positive" if labels == 2 else "macro")


def bootstrap(sample: Sample, metric: plugins.Metric, averaging: str) -> Interval | None:
    """95% percentile interval over rows drawn with replacement, seeded (Efron 1979, doi:10.1214/aos/1176344552).

    None where the resamples hardly differ or are mostly undefined: of five rows that are all right every resample gives
    1, which does not make the score certain.
    """
    generator = np.random.default_rng(0)
    cells = (1 + max(int(sample.labels.max()), int(sample.predicted.max()))) ** 2
    most = max(1, _AT_ONCE // max(len(sample.labels), cells))
    sizes = [min(most, RESAMPLES - done) for done in range(0, RESAMPLES, most)]
    values = np.concatenate([metric.compute(sample.resampled(generator, size), averaging) for size in sizes])
    finite = values[np.isfinite(values)]
    if len(finite) < RESAMPLES / 2:
        return None
    low, high = np.quantile(finite, [0.025, 0.975])
    if low == high:
        return None
    return Interval(low=float(low), high=float(high), level=0.95, method=f"bootstrap, {RESAMPLES:,} resamples")


def _built_in(sample: Sample, metric: Metric) -> Score:
    plugin = plugins.metric(metric.name)
    assert sample.probabilities is not None
    averaging = averaging_of(metric, sample.probabilities.shape[1])
    rows = sample if plugin.SCORES else sample.merged()
    value = float(plugin.compute(rows, averaging))
    own = getattr(plugin, "interval", None)
    interval = own(rows, averaging) if own else None
    return Score(
        metric=metric.name,
        averaging=averaging if plugin.AVERAGED else None,
        value=value,
        interval=interval or bootstrap(rows, plugin, averaging),
    )


def _foreign(sample: Sample, metric: Metric) -> Score:
    """A metric of the evaluate package; the card consented to run its code.

    Raises:
        MissingError: It cannot be loaded here.
        InputError: It does not give one number from predictions and references.
    """
    import evaluate

    name = metric.name.removeprefix("evaluate:")

    def problem(message: str) -> Problem:
        return Problem("", f"evaluation.metrics {metric.name}", message)

    try:
        loaded = evaluate.load(name)
    except (OSError, ConnectionError, ImportError, ValueError) as error:
        raise MissingError(problem(f"cannot be loaded: {str(error).strip().splitlines()[0]}")) from None
    try:
        result: Any = loaded.compute(predictions=sample.predicted, references=sample.labels)
    except Exception as error:  # code of somebody else may raise anything
        told = (str(error).strip().splitlines() or [""])[0]
        raise InputError(problem(f"failed: {type(error).__name__}: {told}")) from None
    if not isinstance(result, dict):
        raise InputError(problem(f"gave {type(result).__name__}; a name and a number are needed"))
    numbers = {key: value for key, value in result.items() if isinstance(value, int | float | np.number)}
    if len(numbers) != 1:
        raise InputError(problem(f"gave {len(numbers)} numbers ({', '.join(numbers)}); one is needed"))
    return Score(metric=metric.name, averaging=None, value=float(next(iter(numbers.values()))), interval=None)
