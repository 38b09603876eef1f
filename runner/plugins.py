"""Plugins: a folder is a table, a file in it an entry. Names are listed without importing; the named is imported."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from registry.errors import InputError, Problem, did_you_mean
from registry.loading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.loading import Loaded
    from registry.part import Plugin
    from runner.metrics import Sample


class Adapter(Protocol):
    """A file of `runner/adapters`."""

    Config: type[Plugin]

    def apply(self, config: Any, model: Any, heads: Sequence[str]) -> Any:
        """Wrap a `transformers` classifier so that only the adapter and the `heads` are trained."""


class Quantizer(Protocol):
    """A file of `runner/quantizers`."""

    Config: type[Plugin]

    def arguments(self, config: Any, heads: Sequence[str]) -> dict[str, Any]:
        """Keyword arguments of `from_pretrained` that quantize all but the `heads`."""

    def prepare(self, model: Any) -> Any:
        """Make the loaded model the frozen base of an adapter, in training and in scoring alike."""


class Metric(Protocol):
    """A file of `runner/metrics`."""

    SCORES: bool
    """Whether it needs probabilities, not just labels."""
    AVERAGED: bool
    """Whether an averaging changes it."""

    def compute(self, sample: Sample, averaging: str) -> float:
        """The metric of the scored rows."""


def names(kind: str) -> list[str]:
    """The plugins of a kind, a folder under `runner/`."""
    return sorted(file.stem for file in (Path(__file__).parent / kind).glob("[a-z]*.py"))


def module(kind: str, name: str) -> Any:
    """Import one plugin."""
    return importlib.import_module(f"runner.{kind}.{name}")


def adapter(name: str) -> Adapter:
    """The adapter of that name."""
    return cast("Adapter", module("adapters", name))


def quantizer(name: str) -> Quantizer:
    """The quantizer of that name."""
    return cast("Quantizer", module("quantizers", name))


def metric(name: str) -> Metric:
    """The built-in metric of that name."""
    return cast("Metric", module("metrics", name))


def _config(kind: str, name: str) -> type[Plugin]:
    return cast("type[Plugin]", module(kind, name).Config)


def sections() -> Mapping[str, Mapping[str, Callable[[], type[Plugin]]]]:
    """For `registry.loading.load`: how to get the section model of each plugin that has one."""
    return {kind: {name: partial(_config, kind, name) for name in names(kind)} for kind in ("adapters", "quantizers")}


def load_card(file: Path, overrides: Sequence[str] = ()) -> Loaded:
    """Load a card with the plugins that are here, and see that the metrics it names exist.

    Raises:
        InputError: With every problem found.
    """
    loaded = load(file, sections(), overrides)
    have = names("metrics")
    problems = []
    for index, wanted in enumerate(loaded.card.evaluation.metrics):
        if wanted.name not in have and not wanted.name.startswith("evaluate:"):
            path = f"evaluation.metrics[{index}]"
            message = f"no metric {wanted.name!r}; {did_you_mean(wanted.name, have)}"
            problems.append(Problem(loaded.where(path), path, message))
        elif wanted.averaging is not None and wanted.name in have and not metric(wanted.name).AVERAGED:
            path = f"evaluation.metrics[{index}].averaging"
            problems.append(Problem(loaded.where(path), path, f"{wanted.name} has nothing to average; leave it out"))
    if problems:
        raise InputError(problems)
    return loaded
