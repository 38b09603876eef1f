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
"""Bootstrap resamples of a result."""

SLICE_RESAMPLES = 200
"""Bootstrap resamples of a slice, whose rows are few: the resampling adds little to its uncertainty."""


def scores(sample: Sample, metrics: Sequence[Metric], resamples: int = RESAMPLES) -> tuple[Score, ...]:
    """Each metric with its interval; one that is undefined on these rows is left out."""
    found = []
    for metric in metrics:
        score = (
            _foreign(sample, metric) if metric.name.startswith("evaluate:") else _built_in(sample, metric, resamples)
        )
        if score is not None and math.isfinite(score.value):
            found.append(score)
    return tuple(found)


def averaging_of(metric: Metric, labels: int) -> Averaging:
    """The declared averaging, else the positive class in a binary task and macro beyond."""
    return metric.averaging or ("positive" if labels == 2 else "macro")


def bootstrap(sample: Sample, metric: plugins.Metric, averaging: str, resamples: int) -> Interval | None:
    """95% percentile interval over rows drawn with replacement, seeded (Efron 1979, doi:10.1214/aos/1176344552)."""
    from sklearn import config_context

    generator = np.random.default_rng(0)
    with config_context(assume_finite=True, skip_parameter_validation=True):  # our own arrays, a thousand times
        values = [metric.compute(sample.resampled(generator), averaging) for _ in range(resamples)]
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < resamples / 2:
        return None
    low, high = np.quantile(finite, [0.025, 0.975])
    return Interval(low=float(low), high=float(high), level=0.95, method=f"bootstrap, {resamples:,} resamples")


def _built_in(sample: Sample, metric: Metric, resamples: int) -> Score:
    plugin = plugins.metric(metric.name)
    assert sample.probabilities is not None
    averaging = averaging_of(metric, sample.probabilities.shape[1])
    rows = sample if plugin.SCORES else sample.merged()
    value = plugin.compute(rows, averaging)
    own = getattr(plugin, "interval", None)
    interval = own(rows, averaging) if own else None
    return Score(
        metric=metric.name,
        averaging=averaging if plugin.AVERAGED else None,
        value=value,
        interval=interval or bootstrap(rows, plugin, averaging, resamples),
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
