"""The record: everything that happened in a run, as frozen models that travel as `record.json`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.vocabulary import Averaging, Split

_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def _described(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Let the JSON Schema say of each key what the docstring says of it."""
    for one in reversed(model.__mro__):
        told = inspect.getdoc(one) if issubclass(one, Item) else None
        schema["description"], _, attributes = (told or "").partition("\n\nAttributes:\n")
        for name, text in _ATTRIBUTE.findall(attributes):
            schema["properties"][name]["description"] = " ".join(text.split())


class Item(BaseModel):
    """A frozen piece of a record; keys it does not know are refused, so that a record says all it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_described)


class Deviation(Item):
    """Something that ran otherwise than the card declares.

    Attributes:
        field: Dotted path of the card's field.
        root: The section that the command line brought in with it, where the card has none; else the field.
        declared: What the card says.
        actual: What ran.
        cause: Why.
        consent: Whether the machine could not do what is declared, so that the user had to agree.
    """

    field: str
    root: str = ""
    declared: str
    actual: str
    cause: str
    consent: bool = False

    @property
    def overridden(self) -> bool:
        """Whether the command line asked for it."""
        return self.root != ""


class Machine(Item):
    """What runs: one device of a kind that torch knows.

    Attributes:
        device: `cuda`, `xpu`, `mps` or `cpu`.
        name: Name of the device as the system gives it.
        count: Devices of that kind that are visible.
        memory_bytes: Memory of one device; of the machine, for `cpu`.
        bf16: Whether bf16 products are supported.
        cpu_threads: Threads torch computes with.
        country: Whose electricity it uses: what `REPLICARD_COUNTRY` says; null where nothing is said.
    """

    device: str
    name: str
    count: int
    memory_bytes: int
    bf16: bool
    cpu_threads: int
    country: str | None = None


class Snapshot(Item):
    """A base model or a dataset, pinned.

    Attributes:
        name: As the card names it.
        revision: Commit of the Hub repo; `sha256:…` over the files of a local folder.
        path: Folder the files lie in here; empty where that is not known. It is in no record, which others read too.
        files: SHA-256 of each file that is read, by name.
        pinned: What said which one it must be: the commit in the card, or its lock; null where nothing did.
    """

    name: str
    revision: str
    path: str = Field(default="", exclude=True)
    files: dict[str, str]
    pinned: Literal["card", "lock"] | None = None

    @property
    def is_here(self) -> bool:
        """Whether its folder is still there."""
        return self.path != "" and Path(self.path).is_dir()


class Rows(Item):
    """Rows that were used, by split.

    Attributes:
        train: Training rows.
        validation: Validation rows, 0 if there is no such split.
        test: Test rows, 0 if there is no such split.
        shared_texts: Distinct texts, or pairs of texts, of the evaluated split that also stand in the training split.
        label_map: The dataset's labels → the card's.
    """

    train: int
    validation: int
    test: int
    shared_texts: int = 0
    label_map: dict[str, str] = {}


class Point(Item):
    """One line of the training log.

    Attributes:
        step: Optimizer steps done.
        epoch: Epochs done.
        values: `loss`, `learning_rate`, `grad_norm`; where a split was scored `eval_loss`, `eval_accuracy` and so on.
    """

    step: int
    epoch: float
    values: dict[str, float]


class Estimate(Item):
    """What a training will take on a machine.

    Attributes:
        name: The machine's device, or what the card calls it.
        count: How many of them.
        precision: Number type of the products there.
        activation_bytes: Memory of what the forward pass of a batch keeps for the backward pass, every text at full
            length, on each device.
        peak_bytes: Most memory at one time on each device, above what the process takes before it has a model.
        memory_bytes: Memory of a device; null where it is not known.
        hours: Fewest and most hours of the training loop, without scoring; null where the device's speed is not known.
    """

    name: str
    count: int
    precision: str
    activation_bytes: int
    peak_bytes: int
    memory_bytes: int | None
    hours: tuple[float, float] | None

    @property
    def fits(self) -> bool | None:
        """Whether there is memory enough; null where that is not known."""
        return None if self.memory_bytes is None else self.peak_bytes <= self.memory_bytes


class Spread(Item):
    """How the rows of an optimizer step are spread; see `runner.spreading`.

    Attributes:
        effective_batch: Rows per optimizer step, the product of the other three.
        device_batch: Rows a device takes at once; null in plans of before this was told.
        processes: Processes that share a step, one a device.
        accumulation: Batches of a device whose gradients are added up for a step.
    """

    effective_batch: int
    device_batch: int | None = None
    processes: int = 1
    accumulation: int


class Plan(Spread):
    """What a run will do; see `runner.plan`.

    Attributes:
        rows: Rows by split.
        batches: Batches of an epoch on each device.
        steps: Optimizer steps in all.
        warmup_steps: Steps over which the learning rate rises.
        device: Kind of device.
        precision: Number type of the products, as it will run.
        optimizer: Optimizer, as it will run.
        kernels: What shall compute the model where it can: `fast` or `reference`.
        parameters: Parameters of the model, the adapter's included.
        trainable: Parameters that are trained.
        weight_bytes: Memory of the base's weights, quantized where declared.
        adapter_bytes: Memory of the weights that the adapter brings.
        gradient_bytes: Memory of the gradients.
        optimizer_bytes: Memory of the optimizer's state.
        training_flops: Products and sums of the matrix products over the training, at full length, upper bound.
        here: What it will take on the machine it was planned for.
        declared: What it would take on the declared hardware; null where the card names none, or a CPU.
        deviations: What will run otherwise than declared.
    """

    rows: Rows
    batches: int
    steps: int
    warmup_steps: int
    device: str
    precision: str
    optimizer: str
    kernels: str = "reference"
    parameters: int
    trainable: int
    weight_bytes: int
    adapter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    training_flops: float
    here: Estimate
    declared: Estimate | None
    deviations: tuple[Deviation, ...]


class Energy(Item):
    """Energy of the training.

    Attributes:
        kwh: kWh, over all resumptions.
        grams_co2: Grams of CO2-equivalent that they stand for.
        method: How the kWh were come by.
        measured: Whether they were measured; else they are an estimate.
        intensity: Grams of CO2-equivalent a kWh.
        intensity_source: Whose electricity that is, and who says so.
    """

    kwh: float
    grams_co2: float
    method: str
    measured: bool
    intensity: float
    intensity_source: str


class TrainingResult(Item):
    """What training did.

    Attributes:
        steps: Optimizer steps done.
        seconds: Wall time of the training loop, over all resumptions; what a killed one had done since its last
            checkpoint is not in it.
        energy: What that took; null where neither a meter nor the device's power is known.
        resumed_from: Step of the checkpoint that was resumed; null when trained in one go.
        begun_with: Processes that had trained it until then, where those were not as many; else null.
        loss: Mean training loss.
        best_step: Step whose weights were kept, with `select: best`.
        log: Losses and scores along the way.
        processes: Processes that trained it together, as they counted themselves.
        precision: What the accelerator really computed in.
        optimizer: Class of the optimizer that really ran.
        files: SHA-256 of each file of the saved model, by path.
    """

    steps: int
    seconds: float
    energy: Energy | None
    resumed_from: int | None
    begun_with: int | None = None
    loss: float
    best_step: int | None
    log: tuple[Point, ...]
    processes: int = 1
    precision: str
    optimizer: str
    files: dict[str, str]


class Interval(Item):
    """A confidence interval.

    Attributes:
        low: Lower end.
        high: Upper end.
        level: Confidence level.
        method: How it was computed.
    """

    low: float
    high: float
    level: float
    method: str


class Score(Item):
    """A metric's value on a set of rows.

    Attributes:
        metric: Name of the metric.
        averaging: How per-class scores became one; null where there is nothing to average.
        value: The value.
        interval: Its sampling uncertainty; null where none is known.
    """

    metric: str
    averaging: Averaging | None
    value: float
    interval: Interval | None


class SliceScores(Item):
    """Scores on a part of the split.

    Attributes:
        name: Name of the part, for example `under 50 words` or `genre: horror`.
        column: Column of the dataset that it goes by; null for the length in words.
        rows: Rows in it.
        scores: Scores on them; without those that need a label it has no rows of, and empty where it is empty.
    """

    name: str
    column: str | None = None
    rows: int
    scores: tuple[Score, ...]


class RocCurve(Item):
    """A ROC curve, thinned for the plot.

    Attributes:
        label: The label, against all others.
        area: Area under it.
        points: False and true positive rates.
    """

    label: str
    area: float
    points: tuple[tuple[float, float], ...]


class CalibrationBin(Item):
    """Rows of about the same confidence.

    Attributes:
        rows: How many.
        confidence: Mean probability of their predicted labels.
        accuracy: Share of them whose prediction is right.
        interval: Its sampling uncertainty.
    """

    rows: int
    confidence: float
    accuracy: float
    interval: Interval


class Calibration(Item):
    """Whether the probabilities of the predicted labels are as often right as they say; see `runner.calibration`.

    Attributes:
        ece: Expected calibration error.
        by_chance: What a calibrated model stays below on as many rows, 95 times of 100.
        bins: Bins of equally many rows, by confidence.
    """

    ece: float
    by_chance: float
    bins: tuple[CalibrationBin, ...]


class Latency(Item):
    """Time of forward passes of single rows; see `runner.speed`.

    Attributes:
        rows: Rows that were timed.
        median_ms: Their median, in milliseconds.
        p95_ms: Their 95th percentile; null where they are too few for one.
    """

    rows: int
    median_ms: float
    p95_ms: float | None


class Speed(Item):
    """How fast the model scored.

    Attributes:
        device: Kind of the device.
        device_name: Its name.
        threads: Threads torch computed with on the CPU, in each process.
        processes: Processes that shared the pass over all rows; latency is of one.
        precision: Number type of the products.
        batch_size: Rows scored at once in that pass, by each process.
        rows_per_second: Of that pass, from tokens to probabilities.
        tokens_per_second: Likewise, special tokens counted, padding not.
        latency: Of single rows.
    """

    device: str
    device_name: str
    threads: int
    processes: int = 1
    precision: str
    batch_size: int
    rows_per_second: float
    tokens_per_second: float
    latency: Latency


class ExampleResult(Item):
    """One of the card's examples, run.

    Attributes:
        text: The text.
        text_pair: The second text, of a pair.
        expected: The label the source says.
        predicted: The label the model gives.
        probability: Its probability.
    """

    text: str
    text_pair: str | None = None
    expected: str
    predicted: str
    probability: float


class EvaluationResult(Item):
    """What evaluation found.

    Attributes:
        split: The split that was scored.
        rows: Rows in it.
        scores: Metrics with intervals.
        loss: Mean cross-entropy, natural logarithm.
        loss_interval: Its sampling uncertainty.
        confusion: Rows by true label, columns by predicted label, in the order of `task.labels`.
        roc: ROC curves of the positive class of two labels, else of every label; without labels that no row has.
        calibration: Whether the probabilities can be believed.
        slices: Scores on parts.
        examples: The card's examples, run.
        seconds: Wall time of the scoring.
        speed: Throughput of the scoring, and latency of single rows.
    """

    split: Split
    rows: int
    scores: tuple[Score, ...]
    loss: float
    loss_interval: Interval
    confusion: tuple[tuple[int, ...], ...]
    roc: tuple[RocCurve, ...]
    calibration: Calibration
    slices: tuple[SliceScores, ...]
    examples: tuple[ExampleResult, ...]
    seconds: float
    speed: Speed


class Record(Item):
    """A run.

    Attributes:
        format: Version of this format.
        card_id: The card.
        card_sha256: Hash of its YAML file.
        run_id: Hash of everything that can change weights or predictions, the seed left out.
        seed: The seed.
        started: UTC time at which the run began, ISO 8601.
        card: The resolved card, as it was run.
        base: The base, pinned; null for one built from its architecture.
        tokenizer: The tokenizer, pinned, where the card names another than the base's.
        dataset: The dataset, pinned.
        versions: Versions of Python and of the packages that matter.
        packages: Versions of all packages that were installed, as `pip freeze` lists them.
        code: The commit of replicard's own checkout, with a `+` where its files differ from it; null where unknown.
        machine: What it ran on.
        kernels: What computed the model, see `runner.kernels`: `fast` or `reference`, and why.
        plan: What was planned.
        deviations: What ran otherwise than declared.
        training: What training did; null until it is done.
        evaluation: What evaluation found; null until it is done.
        rehearsal: Whether small stand-ins ran in the place of the card's inputs; `deviations` lists each.
    """

    format: int = 1
    card_id: str
    card_sha256: str
    run_id: str
    seed: int
    started: str
    card: dict[str, Any]
    base: Snapshot | None
    tokenizer: Snapshot | None = None
    dataset: Snapshot
    versions: dict[str, str]
    packages: dict[str, str] = {}
    code: str | None = None
    machine: Machine
    kernels: str
    plan: Plan
    deviations: tuple[Deviation, ...]
    training: TrainingResult | None = None
    evaluation: EvaluationResult | None = None
    rehearsal: bool = False


class WeightsRecord(Item):
    """Published weights, scored as a card declares.

    Attributes:
        format: Version of this format.
        card_id: The card.
        card_sha256: Hash of its YAML file.
        run_id: Hash of the weights and of everything else that can change predictions.
        started: UTC time at which the scoring began, ISO 8601.
        card: The resolved card.
        weights: What was published, pinned.
        base: The base of a published adapter, pinned; else null.
        dataset: The dataset, pinned.
        label_map: The labels of the published configuration → the card's.
        versions: Versions of Python and of the packages that matter.
        machine: What it ran on.
        plan: The plan of the card with these weights.
        deviations: Where the published files are not what the card declares.
        evaluation: What evaluation found.
    """

    format: int = 1
    card_id: str
    card_sha256: str
    run_id: str
    started: str
    card: dict[str, Any]
    weights: Snapshot
    base: Snapshot | None
    dataset: Snapshot
    label_map: dict[str, str]
    versions: dict[str, str]
    machine: Machine
    plan: Plan
    deviations: tuple[Deviation, ...]
    evaluation: EvaluationResult
