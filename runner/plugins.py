"""Plugins: a folder is a table, a file in it an entry. Names are listed without importing; the named is imported."""

from __future__ import annotations

import importlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from registry import consistency
from registry.errors import did_you_mean
from registry.loading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from registry.card import Card
    from registry.document import Document
    from registry.loading import Loaded
    from registry.part import Plugin
    from runner.checks import Finding
    from runner.executors import Executor, Settings
    from runner.hypotheses import Case, Cost, Trial
    from runner.metrics import Sample


KINDS = ("tasks", "adapters", "quantizers")
"""Kinds of plugins that have a section of the card."""


class Task(Protocol):
    """A file of `runner/tasks`."""

    Config: type[Plugin]
    AUTO_CLASS: str
    """The class of transformers that loads its models."""

    def settings(self, config: Any) -> dict[str, Any]:
        """What a model's configuration says of the labels."""

    def columns(self, loaded: Loaded, name: str, table: Any, label_map: dict[str, str]) -> Any:
        """The rows of a split, in their order, with the columns of a run: the texts, `label` and `row`."""

    def encode(self, batch: Mapping[str, Sequence[str]], tokenizer: Any, card: Card) -> dict[str, Any]:
        """The model's inputs for a batch of such rows, not yet padded."""


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

    def held_bytes(self, config: Any, outputs: int, inputs: int) -> int:
        """Bytes of the quantized weight of a linear layer, whatever belongs to it included."""

    def keeps_input(self, config: Any) -> bool:
        """Whether such a layer, although frozen, keeps its input for the backward pass."""


class Check(Protocol):
    """A file of `runner/checks`."""

    KINDS: Mapping[str, str]
    """Kinds of its findings, each with what it means."""

    def check(self, document: Document) -> Iterator[Finding]:
        """What a document's own words and numbers say of one another."""


class Hypothesis(Protocol):
    """A file of `runner/hypotheses`."""

    COST: Cost
    """What it takes to try it."""
    PRIOR: float
    """How plausible it is before anything was tried, as a share of all gaps."""

    def trials(self, case: Case) -> Iterator[Trial]:
        """What to try on a run."""


class Metric(Protocol):
    """A file of `runner/metrics`."""

    SCORES: bool
    """Whether it needs probabilities, not just labels."""
    AVERAGED: bool
    """Whether an averaging changes it."""

    def compute(self, sample: Sample, averaging: str) -> Any:
        """The metric of the scored rows: one number, or one for each of their resamples."""


class Engine(Protocol):
    """A file of `runner/executors`."""

    def start(self, settings: Settings) -> Executor:
        """What hands tasks to it."""


def names(kind: str) -> list[str]:
    """The plugins of a kind, a folder under `runner/`; names of tasks and executors have hyphens for underscores."""
    stems = sorted(file.stem for file in (Path(__file__).parent / kind).glob("[a-z]*.py"))
    return [stem.replace("_", "-") for stem in stems] if kind in ("tasks", "executors") else stems


def module(kind: str, name: str) -> Any:
    """Import one plugin."""
    return importlib.import_module(f"runner.{kind}.{name.replace('-', '_')}")


def task(name: str) -> Task:
    """The task of that name."""
    return cast("Task", module("tasks", name))


def adapter(name: str) -> Adapter:
    """The adapter of that name."""
    return cast("Adapter", module("adapters", name))


def quantizer(name: str) -> Quantizer:
    """The quantizer of that name."""
    return cast("Quantizer", module("quantizers", name))


def metric(name: str) -> Metric:
    """The built-in metric of that name."""
    return cast("Metric", module("metrics", name))


def check(name: str) -> Check:
    """The claim check of that name."""
    return cast("Check", module("checks", name))


def hypothesis(name: str) -> Hypothesis:
    """The hypothesis of that name."""
    return cast("Hypothesis", module("hypotheses", name))


def engine(name: str) -> Engine:
    """The executor of that name."""
    return cast("Engine", module("executors", name))


def _config(kind: str, name: str) -> type[Plugin]:
    return cast("type[Plugin]", module(kind, name).Config)


def sections() -> Mapping[str, Mapping[str, Callable[[], type[Plugin]]]]:
    """For `registry.loading.load`: how to get the section model of each plugin that has one."""
    return {kind: {name: partial(_config, kind, name) for name in names(kind)} for kind in KINDS}


def load_card(file: Path, overrides: Sequence[str] = (), *, drafts: bool = False) -> Loaded:
    """Load a card with the plugins that are here.

    Args:
        file: The YAML file.
        overrides: `path=value` pairs.
        drafts: Whether values that a person must still decide on are let through, with a warning each.

    Raises:
        InputError: With every problem found.
    """
    return load(file, sections(), overrides, _check, drafts=drafts)


def _check(card: Card) -> Iterator[consistency.Finding]:
    """The registry's cross-checks, and that the metrics it names exist."""
    yield from consistency.inconsistencies(card)
    have = names("metrics")
    for index, wanted in enumerate(card.evaluation.metrics):
        path = f"evaluation.metrics[{index}]"
        if wanted.name not in have and not wanted.name.startswith("evaluate:"):
            yield consistency.Finding(path, f"no metric {wanted.name!r}; {did_you_mean(wanted.name, have)}")
        elif wanted.averaging is not None and wanted.name in have and not metric(wanted.name).AVERAGED:
            yield consistency.Finding(f"{path}.averaging", f"{wanted.name} has nothing to average; leave it out")
