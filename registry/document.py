"""What a model card says of a model, as data: results, tables and facts, each with its words and their place.

`registry.readme.reader` reads one from a README, `runner.documents` makes one of a card. The claim checks of
`runner/checks` know only this form, so that a card and the README it was made from are judged alike.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.card import Card
    from registry.numbers import Number
    from registry.vocabulary import Averaging

Status = Literal["stated", "derived", "assumed", "placeholder"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where words stand.

    Attributes:
        where: `file:line:column`, both counted from 1.
        start: Offset of the words in the document's text, in characters; −1 where they stand in a card.
        end: Offset behind them.
    """

    where: str
    start: int = -1
    end: int = -1


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a document says of its model.

    Attributes:
        name: What it is about: a name of `FACTS`.
        value: A number, a text, or a tuple of them.
        text: The words that say it.
        place: Where they stand.
        status: Whether the document states it, it follows from that, somebody assumed it, or it is an example.
    """

    name: str
    value: Any
    text: str
    place: Place
    status: Status = "stated"


@dataclass(frozen=True, slots=True)
class Result:
    """One number that is reported of the model.

    Attributes:
        metric: The metric, by its name in `registry.vocabulary.CLAIMS`; another one (`wer`) as the source calls it.
        number: The number with its rounding; shares in 0..1.
        place: Where it stands.
        split: The split it was measured on; null where that is not said.
        averaging: How per-class scores became one; null where that is not said.
        label: The one class it is about.
        dataset: The dataset it was measured on, where that is said of this number.
        rows: Rows it was measured on, where that is said of this number.
        seeds: Runs that it is the mean of; null where that is not said.
        epoch: The epoch it was measured after; null for the final one.
        step: The optimizer step.
        headline: Whether it is a main result of this model.
        group: Results of one group were written as one result (a sentence, a list, the row of a table): they are of one
            model on one set of rows.
        field: The card's path of it (`reported[0]`); empty for a README's.
        placeholder: Whether it is an example, not a measurement.
    """

    metric: str
    number: Number
    place: Place
    split: str | None = None
    averaging: Averaging | None = None
    label: str | None = None
    dataset: str | None = None
    rows: int | None = None
    seeds: int | None = None
    epoch: float | None = None
    step: int | None = None
    headline: bool = False
    group: int = 0
    field: str = ""
    placeholder: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an epoch table.

    Attributes:
        epoch: The epoch; null where the table has no such column.
        step: The optimizer step; likewise.
        cells: Number by column: `train_loss`, `loss`, `accuracy`, …; what was not measured is left out.
        place: Where the row stands.
    """

    epoch: Number | None
    step: Number | None
    cells: Mapping[str, Number]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """The table that a training log ends in.

    Attributes:
        rows: In the order they are printed.
        split: The split that all but the `train_…` columns were measured on; null where that is not said.
        place: Where the table begins.
    """

    rows: tuple[Row, ...]
    split: str | None
    place: Place


@dataclass(frozen=True)
class Document:
    """A model card as data.

    Attributes:
        name: The file, or `hub:owner/name`.
        text: Text of the README; empty for a card without a source.
        results: The numbers it reports.
        tables: Its epoch tables.
        facts: Everything else, in the order it stands; one name several times where it is said more than once.
        card: The card, where it was made of one.
        text_file: The file that the text stands in; empty where that is `name`.
        others: Documents of other models, which it may be compared with.
        sections: Sections of the Hub's template that the README fills (`registry.readme.completeness`).
        unread: Characters at the end of the text that were not read, or in part: more than a model card has.
    """

    name: str
    text: str
    results: tuple[Result, ...] = ()
    tables: tuple[Table, ...] = ()
    facts: tuple[Fact, ...] = ()
    card: Card | None = field(default=None, compare=False)
    text_file: str = ""
    others: tuple[Document, ...] = field(default=(), compare=False)
    sections: tuple[str, ...] = ()
    unread: int = 0

    def at(self, start: int, end: int) -> Place:
        """The place of a part of the text."""
        line = self.text.count("\n", 0, start) + 1
        column = start - self.text.rfind("\n", 0, start)
        return Place(f"{self.text_file or self.name}:{line}:{column}", start, end)

    @cached_property
    def _by_name(self) -> Mapping[str, list[Fact]]:
        found = defaultdict(list)
        for fact in self.facts:
            if fact.status != "placeholder":
                found[fact.name].append(fact)
        return found

    def said(self, name: str) -> list[Fact]:
        """All facts of a name, examples left out."""
        return self._by_name.get(name, [])

    def fact(self, name: str) -> Fact | None:
        """The fact of a name; null where nothing is said, or different things are."""
        found = self.said(name)
        return found[0] if found and all(one.value == found[0].value for one in found) else None

    def value(self, name: str) -> Any:
        """Its value; null where nothing is said, or different things are."""
        fact = self.fact(name)
        return fact.value if fact is not None else None


FACTS: Mapping[str, str] = {
    "base_model": "base.model",
    "license": "readme.license",
    "language": "readme.language",
    "task": "task.type",
    "labels": "task.labels",
    "datasets": "data.dataset",
    "rows.train": "",
    "rows.validation": "",
    "rows.test": "",
    "positives.train": "",
    "positives.validation": "",
    "positives.test": "",
    "max_length": "data.tokens.max_length",
    "num_epochs": "training.epochs",
    "max_steps": "",
    "learning_rate": "training.learning_rate",
    "train_batch_size": "training.batch_size",
    "gradient_accumulation_steps": "training.gradient_accumulation_steps",
    "total_train_batch_size": "training.total_batch_size",
    "eval_batch_size": "training.eval_batch_size",
    "optimizer": "training.optimizer",
    "adam_betas": "training.adam_betas",
    "adam_epsilon": "training.adam_epsilon",
    "weight_decay": "training.weight_decay",
    "lr_scheduler": "training.scheduler",
    "warmup_steps": "training.warmup_steps",
    "warmup_ratio": "training.warmup_ratio",
    "mixed_precision": "training.precision",
    "seed": "training.seed",
    "select": "training.select",
    "adapter.method": "adapter.type",
    "adapter.r": "adapter.r",
    "adapter.alpha": "adapter.alpha",
    "adapter.dropout": "adapter.dropout",
    "adapter.target_modules": "adapter.target_modules",
    "quantization.bits": "quantization.bits",
    "quantization.type": "quantization.quant_type",
    "quantization.double_quant": "quantization.double_quant",
    "quantization.compute_dtype": "quantization.compute_dtype",
    "hardware.accelerator": "hardware.accelerator",
    "hardware.count": "hardware.count",
    "hardware.provider": "hardware.provider",
    "hardware.region": "hardware.region",
    "training_time_hours": "hardware.hours",
    "energy_kwh": "",
    "framework_versions.transformers": "software.transformers",
    "framework_versions.pytorch": "software.torch",
}
"""Names of facts → the card's field of the same meaning; empty where it has none or several. Further
`framework_versions.…` have the package's name in lower case."""
