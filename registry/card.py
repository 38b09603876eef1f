"""The card: one model, declared. Every section is a small frozen model; the text under a field is its documentation."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    SerializeAsAny,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from registry.architectures import Architecture
from registry.errors import did_you_mean
from registry.hardware import ACCELERATORS
from registry.languages import language_problem
from registry.licenses import license_problem
from registry.numbers import MASSES, TIMES, Number, read_number
from registry.part import Part, Plugin, Unit
from registry.vocabulary import (
    CLAIMS,
    SHARES,
    UNITS,
    Averaging,
    Cleaning,
    DType,
    Optimizer,
    PadToken,
    Precision,
    Scheduler,
    Split,
)

Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def _as_written(value: Any) -> Any:
    """A number in YAML keeps the text it was written with (`0.8500`); the loader attaches it."""
    return getattr(value, "text", value)


def _plugin(kind: str) -> BeforeValidator:
    """Validate a section by the plugin that its `type` names; who loads the card says which plugins there are."""

    def resolve(value: Any, info: ValidationInfo) -> Any:
        if value == "none" or (isinstance(value, dict) and value.get("type") == "none"):
            raise ValueError("none is `null`, or the section left out")
        if not isinstance(value, dict):
            return value
        table = (info.context or {}).get("plugins", {}).get(kind)
        if table is None:
            raise ValueError(f"no {kind} are known here")
        name = value.get("type")
        if not isinstance(name, str) or name not in table:
            wrong = InitErrorDetails(
                type="literal_error" if "type" in value else "missing",
                loc=("type",),
                input=name,
                ctx={"expected": ", ".join(map(repr, table))},
            )
            raise ValidationError.from_exception_data(kind, [wrong])
        plugin = table[name]()
        # A record holds the section as JSON, where a tuple is a list.
        return plugin.model_validate_json(json.dumps(value)) if info.mode == "json" else plugin.model_validate(value)

    return BeforeValidator(resolve)


class Source(Part):
    """Where the claims come from: a README somebody published."""

    repo: Text | None = None
    """Hub id of the model whose README this is; null where the README does not name it."""
    revision: Annotated[str | None, Field(examples=["0123456789abcdef0123456789abcdef01234567"])] = None
    """Commit of that repo, where it is known."""
    readme: Text
    """Verbatim copy of the README, relative to the card."""
    sha256: Sha256
    """SHA-256 of that copy."""


class TrainedTokenizer(Part):
    """A tokenizer trained on the card's own training rows, for a base without a model."""

    type: Literal["bpe"]
    """Kind of tokenizer: lower-casing byte-level BPE."""
    vocab_size: Annotated[int, Field(ge=300), Unit("tokens")]
    """Most tokens in the vocabulary."""


# Said which it is by the kind of value, so that an error is about that one alone.
_Tokenizer = Annotated[
    Annotated[str, Tag("name")] | Annotated[TrainedTokenizer, Tag("section")],
    Discriminator(lambda value: "section" if isinstance(value, (dict, TrainedTokenizer)) else "name"),
]
_Words = Annotated[
    Annotated[Text, BeforeValidator(_as_written), Tag("one")]
    | Annotated[Annotated[tuple[Text, ...], Field(min_length=1)], Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, (tuple, list)) else "one"),
]


class Base(Part):
    """What is fine-tuned."""

    model: str | None = None
    """A Hub id, or a folder relative to the card or the working directory; null builds `architecture` from scratch."""
    revision: Annotated[str | None, Field(examples=["main"])] = None
    """Branch, tag or commit of the Hub repo; null is its `main`. The commit it resolves to goes into the record."""
    tokenizer: _Tokenizer | None = None
    """Another id or folder where the tokenizer is not the model's; or how to train one."""
    pad_token: PadToken | None = None
    """What fills up short rows: the tokenizer's `own` padding token (as null), or `eos` or `unk` where it has none."""
    head: Literal["keep", "new"] | None = None
    """Whether the base's own classification head is kept, or a new one drawn; null where the base has none."""
    allow_pickle: bool = False
    """Consent to load pickled weights (read as weights only) where the base ships no safetensors."""
    dtype: DType = "float32"
    """Number type the weights are loaded and trained in."""
    architecture: Architecture | None = None
    """Facts of the base's configuration: planning then needs no network."""

    @model_validator(mode="after")
    def _something_to_build(self) -> Self:
        if self.model is None and self.architecture is None:
            raise ValueError("neither `model` nor `architecture`: name a base or describe one")
        if self.model is None and self.tokenizer is None:
            raise ValueError("a base without `model` needs `tokenizer`: {type: bpe, vocab_size: 4000}")
        return self


class Task(Plugin):
    """What the model does: the base of every task's section, whose `type` is the Hub's pipeline tag."""

    labels: Annotated[tuple[Text, ...], Field(min_length=2)]
    """Names of the classes, in the order of their indices."""
    positive: Annotated[str | None, Field(examples=["positive"])] = None
    """The class that precision, recall and F1 are about in a binary task; null is the last label."""

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("`labels` repeats a name")
        if self.positive is not None and self.positive not in self.labels:
            raise ValueError(f"`positive` is not among the labels; {did_you_mean(self.positive, self.labels)}")
        return self

    @property
    def positive_index(self) -> int:
        """Index of the positive class."""
        return len(self.labels) - 1 if self.positive is None else self.labels.index(self.positive)


class SplitRows(Part):
    """A number for each split."""

    train: Positive | None = None
    """Rows of the training split."""
    validation: Annotated[Positive | None, Field(examples=[1000])] = None
    """Rows of the validation split."""
    test: Positive | None = None
    """Rows of the test split."""


class Take(Part):
    """Which of the dataset's splits plays which part."""

    train: Text = "train"
    """The dataset's split to train on."""
    validation: str | None = None
    """The dataset's split to validate on."""
    test: str | None = None
    """The dataset's split to test on."""


class HoldOut(Part):
    """A random share of the rows that is held out."""

    validation: Share | None = None
    """Share of the training rows held out for validation (after `test`, where both are given)."""
    test: Share | None = None
    """Share of the rows held out for the test; needs `pool`, or a `take` without a test split."""
    stratify: bool = False
    """Whether each label keeps its share on both sides."""
    seed: Seed = 42
    """Seed of the shuffle."""

    @model_validator(mode="after")
    def _holds_something_out(self) -> Self:
        if self.validation is None and self.test is None:
            raise ValueError("give `test` or `validation`, a share between 0 and 1")
        return self


class Limit(SplitRows):
    """Use at most so many rows, drawn at random after the split."""

    seed: Seed = 42
    """Seed of the draw."""


class Tokens(Part):
    """How texts become tokens."""

    max_length: Annotated[Positive, Unit("tokens")] = 512
    """Longest sequence, special tokens counted."""
    truncation: bool = True
    """Whether longer texts are cut; without it a longer text is an error."""
    padding: Literal["longest", "max_length"] = "longest"
    """Pad to the longest of the batch, or always to `max_length`."""


class Data(Part):
    """Rows, and how they become batches."""

    dataset: Text
    """A Hub id, or a folder relative to the card or the working directory."""
    config: Annotated[str | None, Field(examples=["plain_text"])] = None
    """Configuration (subset) of the dataset, where it has several."""
    revision: Annotated[str | None, Field(examples=["main"])] = None
    """Branch, tag or commit of the Hub repo; null is its `main`."""
    text: Text = "text"
    """Column of the text."""
    text_pair: Text | None = None
    """Column of the second text, where a row is a pair of texts."""
    label: Text = "label"
    """Column of the label: an index into `task.labels`, or one of those names."""
    rows: SplitRows | None = None
    """Rows of the dataset's own splits, a fact: planning needs no download, and a dataset that differs is refused."""
    pool: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Splits of the dataset that are put together before `split` divides them again."""
    take: Take | None = None
    """Which of the dataset's splits plays which part; null, without `pool`, trains on `train` and tests on `test`."""
    split: HoldOut | None = None
    """Random hold-outs."""
    balanced: bool = False
    """Cut every split to equally many rows of each label, drawn at random with `limit.seed` (or its default)."""
    limit: Limit | None = None
    """Use only so many rows."""
    clean: tuple[Cleaning, ...] = ()
    """What is removed from the texts, in this order."""
    tokens: Tokens = Tokens()
    """How texts become tokens."""

    @field_validator("label", mode="before")
    @classmethod
    def _labelled(cls, label: Any) -> Any:
        if label is None:
            raise ValueError("null, but training and `split.stratify` need labels; name the column that holds them")
        return label

    @field_validator("clean")
    @classmethod
    def _order_that_works(cls, clean: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(clean)) < len(clean):
            raise ValueError("a step is given twice")
        if {"strip_html", "strip_special_characters"} <= set(clean) and clean.index("strip_html") > clean.index(
            "strip_special_characters"
        ):
            raise ValueError(
                "strip_special_characters before strip_html leaves a stray `br` of every `<br />`; put strip_html first"
            )
        return clean

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        columns = [column for column in (self.text, self.text_pair, self.label) if column is not None]
        if len(set(columns)) < len(columns):
            raise ValueError("`text`, `text_pair` and `label` name a column twice; each has its own")
        return self

    @model_validator(mode="after")
    def _one_way_to_split(self) -> Self:
        if self.pool is not None:
            if len(set(self.pool)) < len(self.pool):
                raise ValueError("`pool` names a split twice")
            if self.split is None or self.split.test is None:
                raise ValueError("`pool` needs `split.test`: the share of the pooled rows to test on")
            if self.take is not None:
                raise ValueError("`pool` and `take` exclude each other: pooled rows are divided by `split`")
        elif self.split is not None and self.split.test is not None and "test" in self.taken:
            raise ValueError(
                "`split.test` and a taken test split both make a test set; `take: {train: train}` keeps one"
            )
        return self

    @property
    def taken(self) -> dict[Split, str]:
        """Which of the dataset's splits plays which part, where rows are not pooled."""
        if self.pool is not None:
            return {}
        take = self.take or Take(test="test")
        parts: dict[Split, str | None] = {"train": take.train, "validation": take.validation, "test": take.test}
        return {part: name for part, name in parts.items() if name is not None}


def _plain(value: Any) -> Any:
    """A mapping of plain values, as it stands in JSON: another library's settings, whose keys are not known here."""
    try:
        found = json.loads(json.dumps(value))
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("should be a mapping of settings, `{key: value}`")
    return found


_Settings = Annotated[dict[str, Any], BeforeValidator(_plain)]


class Distributed(Part):
    """How the weights are divided over several devices; null holds all of them on each (DDP)."""

    fsdp: Annotated[bool, Field(examples=[True])] = False
    """Whether PyTorch's FSDP divides them: the Trainer's `fsdp`."""
    fsdp_config: Annotated[_Settings | None, Field(examples=[{"reshard_after_forward": True}])] = None
    """Settings of FSDP: the Trainer's `fsdp_config`."""
    deepspeed: Annotated[_Settings | None, Field(examples=[{"zero_optimization": {"stage": 2}}])] = None
    """Settings of DeepSpeed, which then divides them: the Trainer's `deepspeed`."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.fsdp == (self.deepspeed is not None):
            raise ValueError("say `fsdp: true` or give `deepspeed` its settings, one of the two")
        if self.fsdp_config is not None and not self.fsdp:
            raise ValueError("`fsdp_config` without `fsdp: true` does nothing; leave it out")
        return self


class Training(Part):
    """The recipe."""

    epochs: Annotated[float, Field(gt=0), Unit("epochs")] = 3.0
    """Passes over the training rows."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    """Peak learning rate."""
    batch_size: Annotated[Positive, Unit("rows")] = 8
    """Training rows a device takes at once."""
    gradient_accumulation_steps: Positive = 1
    """Batches whose gradients are added up before a step."""
    total_batch_size: Annotated[Annotated[Positive, Unit("rows")] | None, Field(examples=[32])] = None
    """Rows of one step over all devices where a source says so; checked, not used: the product of the other factors."""
    eval_batch_size: Annotated[Positive, Unit("rows")] = 8
    """Rows a device scores at once."""
    optimizer: Optimizer = "adamw_torch"
    """Optimizer, by the Trainer's name."""
    adam_betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    """Decay rates of the moment estimates of Adam and its kin, AdEMAMix and Lion."""
    adam_epsilon: Annotated[float, Field(gt=0)] = 1e-8
    """Epsilon of Adam and its kin, AdEMAMix."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay, not applied to biases and layer norms: decoupled, but for SGD, Adagrad and RMSprop."""
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0
    """Norm that gradients are clipped to; 0 does not clip."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the target's weight spread over all labels."""
    scheduler: Scheduler = "linear"
    """Learning-rate schedule, by the Trainer's name."""
    warmup_steps: Annotated[int, Field(ge=0), Unit("steps")] | None = None
    """Steps over which the learning rate rises from 0."""
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] | None = None
    """The same as a share of all steps (rounded up, as the Trainer does)."""
    precision: Precision = "fp32"
    """fp16 and bf16 compute products in that type by autocast; fp32 computes in the weights' own type, `base.dtype`."""
    seed: Seed = 42
    """Seed of initialization, dropout and row order."""
    select: Literal["last", "best"] = "last"
    """Which epoch's weights are kept."""
    select_metric: Literal["loss", "accuracy"] | None = None
    """What makes an epoch the best on `evaluation.each_epoch`: the lowest loss (or null), the highest accuracy."""
    distributed: Distributed | None = None
    """How the weights are divided over several devices; null holds all of them on each (DDP)."""

    @model_validator(mode="after")
    def _warmup_once(self) -> Self:
        if self.warmup_steps is not None and self.warmup_ratio is not None:
            raise ValueError("warmup is given twice; keep `warmup_steps` or `warmup_ratio`")
        return self


def _accelerator(name: str) -> str:
    if name not in ACCELERATORS:
        alike = [known for known, device in ACCELERATORS.items() if device.match and device.is_named(name)]
        alike.sort(key=lambda known: -len(ACCELERATORS[known].match))  # the most exact first
        hint = did_you_mean(alike[0] if alike else name, ACCELERATORS)
        if not hint.startswith("did you mean"):
            hint = "registry/hardware.py lists what is known, and a new one is an entry there"
        raise ValueError(f"{name!r} is not known here; {hint}")
    return name


class Hardware(Part):
    """What the reported numbers were made on."""

    accelerator: Annotated[str, AfterValidator(_accelerator)] | None = None
    """Device, by its name in `registry/hardware.py`: `cpu`, `nvidia-t4`, `nvidia-a100`, `intel-max-1550`, …"""
    count: Positive = 1
    """How many of them."""
    provider: str | None = None
    """Cloud provider or service."""
    region: str | None = None
    """Compute region."""
    hours: Annotated[float, Field(gt=0), Unit("hours")] | None = None
    """Time the training took."""


class Software(Part):
    """Package versions that the source names; notes, not requirements."""

    transformers: str | None = None
    """Version of transformers."""
    torch: str | None = None
    """Version of torch."""
    datasets: str | None = None
    """Version of datasets."""
    tokenizers: str | None = None
    """Version of tokenizers."""
    peft: Annotated[str | None, Field(examples=["0.11.1"])] = None
    """Version of peft."""


class Metric(Part):
    """A metric that is computed."""

    name: Text
    """A file of `runner/metrics`, or `evaluate:<id or path>` for a metric of the evaluate package."""
    averaging: Averaging | None = None
    """How per-class scores become one; null is the positive class in a binary task, else macro."""
    trust: Annotated[bool, Field(examples=[True])] = False
    """Consent to run the code that `evaluate:…` loads."""

    @model_validator(mode="after")
    def _consent(self) -> Self:
        if self.name.startswith("evaluate:") and not self.trust:
            raise ValueError(f"{self.name} runs code of its own; say `trust: true` to allow it")
        return self


class Slices(Part):
    """Parts of the split with scores of their own: by length of the text, and by what other columns hold."""

    words: Annotated[tuple[Positive, ...], Unit("words")] = ()
    """Bounds of the length in words (white-space separated): [50, 200] makes <50, 50-199 and 200+."""
    columns: Annotated[tuple[Text, ...], Field(examples=[["genre"]])] = ()
    """Columns of the dataset: a slice for each value, for the rarer ones together, and for rows without one."""

    @field_validator("words")
    @classmethod
    def _rising(cls, words: tuple[int, ...]) -> tuple[int, ...]:
        if list(words) != sorted(set(words)):
            raise ValueError("bounds must rise")
        return words

    @field_validator("columns")
    @classmethod
    def _differ(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(columns)) < len(columns):
            raise ValueError("a column is given twice")
        return columns

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.words and not self.columns:
            raise ValueError("give `words` or `columns`: what the rows are divided by")
        return self


def _metric(value: Any) -> Any:
    """`accuracy` is short for `{name: accuracy}`."""
    return {"name": value} if isinstance(value, str) else value


class Evaluation(Part):
    """How the trained model is scored."""

    split: Split = "test"
    """The split whose scores are the result."""
    each_epoch: Split | None = None
    """A split that is scored after every epoch."""
    metrics: Annotated[tuple[Annotated[Metric, BeforeValidator(_metric)], ...], Field(min_length=1)] = (
        Metric(name="accuracy"),
        Metric(name="precision"),
        Metric(name="recall"),
        Metric(name="f1"),
        Metric(name="roc_auc"),
    )
    """What is computed, beside the loss and the confusion matrix."""
    slices: Slices | None = None
    """Parts of the split that are also scored on their own."""
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Largest difference to a reported value that still counts as the same, fixed before the run."""


class Claim(Part):
    """A number that was reported."""

    metric: Text
    """What it is a value of."""
    value: Annotated[Text, BeforeValidator(_as_written)]
    """The text as written, `85%`, `0.8500`, `e.g., 89.20%`: its digits say how it was rounded."""
    split: Split | None = None
    """The split it was measured on, where that is said."""
    headline: bool = False
    """Whether it is a main result."""
    averaging: Annotated[Averaging | None, Field(examples=["macro"])] = None
    """The averaging, where that is said."""
    label: str | None = None
    """The class it is about, where that is not the positive one."""
    n: Annotated[Annotated[Positive, Unit("rows")] | None, Field(examples=[25000])] = None
    """Rows it was measured on, where that is said."""
    epoch: Annotated[float, Field(gt=0)] | None = None
    """The epoch after which it was measured."""
    step: Annotated[Positive | None, Field(examples=[1250])] = None
    """The optimizer step after which it was measured."""
    seeds: Annotated[int, Field(ge=2)] | None = None
    """Number of seeds that it is the mean of."""
    sd: Annotated[float, Field(ge=0)] | None = None
    """Standard deviation over those seeds (n − 1)."""

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in CLAIMS and not name.startswith("evaluate:"):
            raise ValueError(f"no claim named {name!r}; {did_you_mean(name, CLAIMS)}")
        return name

    @field_validator("value")
    @classmethod
    def _has_a_number(cls, text: str) -> str:
        read_number(text)
        return text

    @model_validator(mode="after")
    def _spread(self) -> Self:
        if (self.seeds is None) != (self.sd is None):
            raise ValueError("`seeds` and `sd` belong together: the number of seeds and the SD over them")
        return self

    @model_validator(mode="after")
    def _is_of_its_metric(self) -> Self:
        _ = self.number  # raises where it is not
        return self

    @property
    def number(self) -> Number:
        """The value with its rounding, in the unit of its metric; a score above 1 is in percent even without the sign.

        Raises:
            ValueError: It is of another quantity than its metric.
        """
        number = read_number(self.value)
        if self.metric in UNITS:
            return number.to(UNITS[self.metric])
        if number.unit in (*MASSES, *TIMES):
            raise ValueError(f"{self.value!r} is in {number.unit}, but {self.metric} has no unit")
        if self.metric in SHARES and number.unit == "raw" and 1 < number.value <= 100:
            return read_number(f"{self.value} %")
        return number


_TRAIN = "train_"


class EpochTable(Part):
    """The table that a training log ends in, as the source prints it."""

    split: Split = "validation"
    """The split that the metrics were measured on, but for those of `train_…` columns."""
    columns: Annotated[tuple[Text, ...], Field(min_length=2)]
    """`epoch`, `step`, metrics (`loss`, `accuracy`, …), and metrics of the training rows (`train_loss`, …)."""
    rows: Annotated[tuple[tuple[Annotated[Text | None, BeforeValidator(_as_written)], ...], ...], Field(min_length=1)]
    """One row a line, each number as written; null for a cell without one (`No log`)."""

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        known = ("epoch", "step", *CLAIMS, *(f"{_TRAIN}{name}" for name in CLAIMS))
        for name in columns:
            if name not in known:
                raise ValueError(f"no column {name!r}; {did_you_mean(name, known)}")
        if len(set(columns)) < len(columns):
            raise ValueError("a column is given twice")
        if not {"epoch", "step"} & set(columns):
            raise ValueError("needs `epoch` or `step`: what says when a row was measured")
        return columns

    @model_validator(mode="after")
    def _whole_rows(self) -> Self:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(f"row {index} has {len(row)} cells for {len(self.columns)} columns")
            for name, cell in zip(self.columns, row, strict=True):
                if cell is None:
                    if name in ("epoch", "step"):
                        raise ValueError(f"row {index} has no {name}")
                    continue
                number = read_number(cell)
                if name in ("epoch", "step") and (number.value <= 0 or (name == "step" and number.value % 1)):
                    raise ValueError(f"row {index} has the {name} {cell!r}")
        assert self.claims  # each cell is of a unit that its metric can have
        return self

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Every measured cell as a claim about its epoch or step."""
        found = []
        for row in self.rows:
            cells = dict(zip(self.columns, row, strict=True))
            epoch, step = (cells.pop(name, None) for name in ("epoch", "step"))
            found += [
                Claim(
                    metric=name.removeprefix(_TRAIN),
                    value=cell,
                    split="train" if name.startswith(_TRAIN) else self.split,
                    epoch=read_number(epoch).value if epoch is not None else None,
                    step=int(read_number(step).value) if step is not None else None,
                )
                for name, cell in cells.items()
                if cell is not None
            ]
        return tuple(found)


class Example(Part):
    """A text, or a pair of texts, and the label the source says it gets."""

    text: Text
    """The text."""
    text_pair: Text | None = None
    """The second text, where `data.text_pair` is declared."""
    label: Text
    """The label."""


def _license(name: str) -> str:
    if problem := license_problem(name):
        raise ValueError(problem)
    return name


def _language(code: str) -> str:
    if problem := language_problem(code):
        raise ValueError(problem)
    return code


def _address(text: str) -> str:
    # In ASCII, so that a name that looks like another one is seen to be none; and without what would end a link.
    if not re.fullmatch(r"https?://[!-;=?-~]+", text):
        raise ValueError(f"{text[:60]!r} is no address of a page; write https://…")
    return text


_Address = Annotated[str, AfterValidator(_address)]


class Readme(Part):
    """What only the README shows, where the Hub's template has it; what the run knows is not asked."""

    license: Annotated[str, AfterValidator(_license)] | None = None
    """The Hub's id of the license; `other` with a name and a link where it is none of them."""
    license_name: Annotated[str | None, Field(examples=["my-license"])] = None
    """Name of a license that is `other`."""
    license_link: Annotated[str | None, Field(examples=["LICENSE"])] = None
    """Where the text of a license that is `other` stands: a URL, or a file of the repo."""
    language: tuple[Annotated[str, AfterValidator(_language)], ...] = ()
    """Languages of the texts, as BCP-47 codes."""
    tags: tuple[str, ...] = ()
    """Further tags for the Hub."""
    description: str | None = None
    """What the model is."""
    authors: tuple[str, ...] = ()
    """Who made it."""
    funded_by: Annotated[str | None, Field(examples=["a grant of the university"])] = None
    """Who paid for it."""
    shared_by: Annotated[str | None, Field(examples=["the university's library"])] = None
    """Who shares it, where somebody else made it."""
    repository: Annotated[_Address | None, Field(examples=["https://example.org/film-reviews"])] = None
    """Address of its code."""
    paper: Annotated[_Address | None, Field(examples=["https://example.org/film-reviews.pdf"])] = None
    """Address of its paper."""
    demo: Annotated[_Address | None, Field(examples=["https://example.org/film-reviews/demo"])] = None
    """Address of a demonstration."""
    uses: str | None = None
    """What it is for, as it is."""
    downstream_uses: str | None = None
    """What it is for as a part of something larger, or when fine-tuned further."""
    out_of_scope: str | None = None
    """What it is not for."""
    limitations: str | None = None
    """Biases, risks and limitations."""
    recommendations: str | None = None
    """What to do about them."""
    training_data: Annotated[str | None, Field(examples=["Reviews of 1990 to 2010, by their authors' stars."])] = None
    """What to know of the training data besides name and rows."""
    examination: Annotated[str | None, Field(examples=["Attention is mostly on adjectives."])] = None
    """What was found out about how it decides."""
    citation: Annotated[str | None, Field(examples=["Doe, J. (2026). Film reviews in two layers."])] = None
    """How to cite it: BibTeX, or a sentence."""
    glossary: Annotated[str | None, Field(examples=["Stars: what the author gave, of ten."])] = None
    """Terms that a reader may not know."""
    more: Annotated[str | None, Field(examples=["A version for German is under way."])] = None
    """Anything else."""
    card_authors: Annotated[tuple[str, ...], Field(examples=[["Jane Doe"]])] = ()
    """Who wrote this card, where others made the model."""
    contact: Annotated[str | None, Field(examples=["jane@example.org"])] = None
    """Whom to ask."""

    @model_validator(mode="after")
    def _other_license_has_a_name(self) -> Self:
        if (self.license == "other") != (self.license_name is not None):
            raise ValueError("`license: other` and `license_name` belong together: the name of a license without an id")
        return self


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", text):
        raise ValueError("use letters, digits, `.`, `_` and `-`, beginning with a letter or digit (it names a folder)")
    return text


class Card(Part):
    """A model, declared: how it was made and what was reported of it."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    """Version of this format."""
    id: Annotated[str, AfterValidator(_identifier)]
    """Name of the card, of its file and of its folder of runs: letters, digits, `.`, `_` and `-`."""
    source: Source | None = None
    """The README that the claims come from."""
    base: Base
    """What is fine-tuned."""
    task: Annotated[SerializeAsAny[Task], _plugin("tasks")]
    """What the model does."""
    data: Data
    """Rows, and how they become batches."""
    adapter: Annotated[SerializeAsAny[Plugin], _plugin("adapters")] | None = None
    """Which weights are trained; null trains all."""
    quantization: Annotated[SerializeAsAny[Plugin], _plugin("quantizers")] | None = None
    """In how few bits the frozen base is held; null keeps `base.dtype`."""
    training: Training = Training()
    """The recipe."""
    hardware: Hardware = Hardware()
    """What the reported numbers were made on."""
    software: Software = Software()
    """Package versions that the source names."""
    evaluation: Evaluation = Evaluation()
    """How the trained model is scored."""
    reported: tuple[Claim, ...] = ()
    """Numbers that were reported."""
    epoch_table: EpochTable | None = None
    """The source's table of numbers by epoch."""
    stated: dict[str, _Words] = {}
    """Path of a value → the source's own words for it, found verbatim in `source.readme`."""
    derived: dict[str, Text] = {}
    """Path of a value → the formula that gives it from stated ones."""
    assumed: dict[str, Text] = {}
    """Path of a value that the source does not state → why this value; `TODO: …` is still to be decided."""
    underspecified: tuple[Text, ...] = ()
    """What the source reports but nobody could reproduce, and why."""
    examples: tuple[Example, ...] = ()
    """Texts with the label that the source says they get."""
    readme: Readme = Readme()
    """What only the README shows."""

    @field_validator("schema_version", mode="before")
    @classmethod
    def _number(cls, version: Any) -> Any:
        if isinstance(version, bool):  # true equals 1
            raise ValueError("should be 1, the version of this format")
        return version

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Everything that was reported: the rows of `reported`, then the cells of `epoch_table`."""
        return self.reported + (self.epoch_table.claims if self.epoch_table is not None else ())


RUN_SECTIONS = ("base", "task", "data", "adapter", "quantization", "training", "evaluation")
"""Sections that make the run; the others say where the numbers come from, what was reported, and how it is told."""
