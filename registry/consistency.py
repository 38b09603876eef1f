"""Cross-checks: what the values of a card say against each other. A check is one function, listed in `CHECKS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.architectures import missing_layers
from registry.card import TrainedTokenizer
from registry.errors import did_you_mean
from registry.part import layer_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.card import Card
    from registry.errors import Level


@dataclass(frozen=True)
class Finding:
    """Something that does not fit.

    Attributes:
        path: Dotted path of the field to look at.
        message: What is wrong and what to do about it.
        level: An error must be put right; a warning only be known.
    """

    path: str
    message: str
    level: Level = "error"


def inconsistencies(card: Card) -> Iterator[Finding]:
    """All that does not fit in a card, by its own values alone."""
    for check in CHECKS:
        yield from check(card)


def _quantized_without_adapter(card: Card) -> Iterator[Finding]:
    if card.quantization is not None and card.adapter is None:
        yield Finding("quantization", "without `adapter`: quantized weights cannot be trained; add an adapter")


def _layers_that_are_not_there(card: Card) -> Iterator[Finding]:
    if card.adapter is None or card.base.architecture is None:
        return
    for field, names in layer_names(card.adapter).items():
        for name, hint in missing_layers(card.base.architecture, names):
            kind = card.base.architecture.model_type
            yield Finding(f"adapter.{field}", f"a {kind} has no layer named {name!r}; {hint}")


def _heads_that_share_nothing_evenly(card: Card) -> Iterator[Finding]:
    shape = card.base.architecture
    if shape is None:
        return
    width, heads = (
        next((name, getattr(shape, name)) for name in names if hasattr(shape, name))
        for names in (("hidden_size", "dim"), ("num_attention_heads", "n_heads"))
    )
    if width[1] % heads[1] and getattr(shape, "head_dim", None) is None:
        yield Finding(f"base.architecture.{width[0]}", f"{width[1]:,} is no multiple of the {heads[1]:,} `{heads[0]}`")
    groups = getattr(shape, "num_key_value_heads", None)
    if groups is not None and heads[1] % groups:
        message = f"the {heads[1]:,} `{heads[0]}` are no multiple of {groups:,}"
        yield Finding("base.architecture.num_key_value_heads", message)


def _text_longer_than_positions(card: Card) -> Iterator[Finding]:
    if card.base.architecture is None:
        return
    positions, longest = card.base.architecture.max_position_embeddings, card.data.tokens.max_length
    if longest > positions:
        message = f"{longest:,} is over the model's {positions:,} positions (`max_position_embeddings`); shorten it"
        yield Finding("data.tokens.max_length", message)


def _total_batch_size(card: Card) -> Iterator[Finding]:
    training, count = card.training, card.hardware.count
    product = training.batch_size * training.gradient_accumulation_steps * count
    if training.total_batch_size not in (None, product):
        message = f"says {training.total_batch_size:,}, but {training.batch_size:,} rows × "
        message += f"{training.gradient_accumulation_steps:,} accumulated × {count:,} device{'s' * (count > 1)} = "
        yield Finding("training.total_batch_size", f"{message}{product:,}; correct one")


def _quantized_and_divided(card: Card) -> Iterator[Finding]:
    if card.quantization is not None and card.training.distributed is not None:
        message = (
            "quantized weights cannot be divided: accelerate leaves them whole on each device, which saves nothing"
        )
        yield Finding("training.distributed", f"{message}; leave it out, DDP holds them whole too")


def _moments_that_the_optimizer_does_not_keep(card: Card) -> Iterator[Finding]:
    # As transformers 5.23 hands them on: to Adam and its kin both, to Lion only the betas.
    for name, kin in (("adam_betas", ("adam", "ademamix", "lion")), ("adam_epsilon", ("adam", "ademamix"))):
        unused = not any(part in card.training.optimizer for part in kin)
        if unused and getattr(card.training, name) != type(card.training).model_fields[name].default:
            yield Finding(f"training.{name}", f"{card.training.optimizer} does not use it; leave it out")


def _warmup_to_a_constant_rate(card: Card) -> Iterator[Finding]:
    for name in ("warmup_steps", "warmup_ratio"):
        if card.training.scheduler == "constant" and getattr(card.training, name):
            message = "the `constant` schedule has no warmup; say `constant_with_warmup`, or leave it out"
            yield Finding(f"training.{name}", message)


def _fp16_on_a_cpu(card: Card) -> Iterator[Finding]:
    if card.hardware.accelerator == "cpu" and card.training.precision == "fp16":
        message = (
            "fp16 on a `cpu`, which cannot train in it; declare fp32 or bf16, or the accelerator it was trained on"
        )
        yield Finding("training.precision", message)


def _decoder_without_padding(card: Card) -> Iterator[Finding]:
    base = card.base
    if base.architecture is None or base.pad_token is not None or isinstance(base.tokenizer, TrainedTokenizer):
        return
    if base.architecture.decoder:
        message = f"missing: the tokenizer of a {base.architecture.model_type} rarely has a padding token; "
        yield Finding("base.pad_token", message + "say `eos` or `unk`, or `own` if this one has")


def _head_of_other_labels(card: Card) -> Iterator[Finding]:
    base = card.base
    if base.architecture is None:
        return
    have, want = base.architecture.num_labels, len(card.task.labels)
    if have is not None and base.head is None:
        message = f"missing: the base has a classification head of {have} labels; say `keep` or `new`"
        yield Finding("base.head", message)
    elif have is not None and base.head == "keep" and have != want:
        message = (
            f"the base's head has {have} labels and the task {want}; `head: new` draws one, or correct `task.labels`"
        )
        yield Finding("base.head", message)


def _choices_about_no_base(card: Card) -> Iterator[Finding]:
    for name in ("revision", "allow_pickle"):
        if card.base.model is None and getattr(card.base, name):
            yield Finding(f"base.{name}", "the base is built with random weights, and none are fetched; leave it out")
    if card.base.model is not None and isinstance(card.base.tokenizer, TrainedTokenizer):
        message = f"the weights of {card.base.model} are for the tokens of its own; leave it out, or name another"
        yield Finding("base.tokenizer", message)
    if card.base.model is None and card.base.head is not None:
        yield Finding("base.head", "the base is built with random weights and has no head of its own; leave it out")
    if card.base.model is None and card.base.architecture is not None:
        for name in ("num_labels", "vocab_size"):
            if getattr(card.base.architecture, name) == type(card.base.architecture).model_fields[name].default:
                continue
            whose = "task's labels count" if name == "num_labels" else "tokenizer's size counts"
            yield Finding(f"base.architecture.{name}", f"of a base with random weights the {whose}; leave it out")
    if isinstance(card.base.tokenizer, TrainedTokenizer) and card.base.pad_token in ("eos", "unk"):
        yield Finding("base.pad_token", "a tokenizer that the card trains pads with a token of its own; leave it out")


def _best_of_what(card: Card) -> Iterator[Finding]:
    if card.training.select == "best" and card.evaluation.each_epoch is None:
        yield Finding("training.select", "`best` needs `evaluation.each_epoch`: the split that says what is best")
    if card.training.select != "best" and card.training.select_metric is not None:
        message = "says what makes an epoch the best, but `select` keeps the last; `select: best`, or leave it out"
        yield Finding("training.select_metric", message)


def _best_on_what_is_scored(card: Card) -> Iterator[Finding]:
    split = card.evaluation.split
    if card.training.select == "best" and card.evaluation.each_epoch == split:
        message = f"the {split} split selects the epoch and is what the model is scored on: its scores are too good; "
        message += "select on another split if the source does"
        yield Finding("evaluation.each_epoch", message, "warning")


def _positive_of_many(card: Card) -> Iterator[Finding]:
    if card.task.positive is not None and len(card.task.labels) > 2:
        message = f"of {len(card.task.labels)} labels none is the positive one; leave it out"
        yield Finding("task.positive", message)


def _limit_of_no_split(card: Card) -> Iterator[Finding]:
    data = card.data
    for part in ("validation", "test"):
        there = part in data.taken or (data.split is not None and getattr(data.split, part) is not None)
        if data.limit is not None and getattr(data.limit, part) is not None and not there:
            message = f"there is no {part} split; `data.take` or `data.split` makes one, or leave it out"
            yield Finding(f"data.limit.{part}", message)


def _consent_to_no_code(card: Card) -> Iterator[Finding]:
    for index, metric in enumerate(card.evaluation.metrics):
        if metric.trust and not metric.name.startswith("evaluate:"):
            message = f"{metric.name} is replicard's own and runs no other code; leave it out"
            yield Finding(f"evaluation.metrics[{index}].trust", message)


def _averaging_of_two_labels(card: Card) -> Iterator[Finding]:
    for index, metric in enumerate(card.evaluation.metrics):
        if metric.averaging == "positive" and len(card.task.labels) > 2:
            message = "averaging `positive` is for two labels; use macro, micro or weighted"
            yield Finding(f"evaluation.metrics[{index}]", message)


def _slices_by_text(card: Card) -> Iterator[Finding]:
    slices = card.evaluation.slices
    for index, column in enumerate(slices.columns if slices is not None else ()):
        if column in (card.data.text, card.data.text_pair):
            path, what = f"evaluation.slices.columns[{index}]", f"{column!r} is the column of the texts"
            yield Finding(path, f"{what}; `words: [50, 200]` divides by length")


def _labels_that_are_not_there(card: Card) -> Iterator[Finding]:
    named = [(f"reported[{index}].label", claim.label) for index, claim in enumerate(card.reported)]
    named += [(f"examples[{index}].label", example.label) for index, example in enumerate(card.examples)]
    for path, label in named:
        if label is not None and label not in card.task.labels:
            yield Finding(path, f"{label!r} is not a label; {did_you_mean(label, card.task.labels)}")


def _pairs_of_texts(card: Card) -> Iterator[Finding]:
    paired = card.data.text_pair is not None
    for index, example in enumerate(card.examples):
        if paired and example.text_pair is None:
            yield Finding(f"examples[{index}]", "`text_pair` is missing: a row of `data` is a pair of texts")
        elif not paired and example.text_pair is not None:
            yield Finding(f"examples[{index}].text_pair", "`data.text_pair` names no column of second texts; remove it")


def _tested_on_training_rows(card: Card) -> Iterator[Finding]:
    train = card.data.taken.get("train")
    for part in ("validation", "test"):
        if train is not None and card.data.taken.get(part) == train:
            yield Finding(f"data.take.{part}", f"takes {train!r}, the rows that are trained on", "warning")


def _placeholders(card: Card) -> Iterator[Finding]:
    for index, claim in enumerate(card.reported):
        if claim.number.placeholder:
            message = f"{claim.value!r} reads like a placeholder and will not be compared"
            yield Finding(f"reported[{index}].value", message, "warning")


def _no_license(card: Card) -> Iterator[Finding]:
    if card.readme.license is None:
        message = "missing: without a license nobody may use the model; name the Hub's id of one"
        yield Finding("readme.license", message, "warning")


CHECKS: tuple[Callable[[Card], Iterator[Finding]], ...] = (
    _quantized_without_adapter,
    _layers_that_are_not_there,
    _heads_that_share_nothing_evenly,
    _text_longer_than_positions,
    _total_batch_size,
    _quantized_and_divided,
    _moments_that_the_optimizer_does_not_keep,
    _warmup_to_a_constant_rate,
    _fp16_on_a_cpu,
    _decoder_without_padding,
    _head_of_other_labels,
    _choices_about_no_base,
    _best_of_what,
    _best_on_what_is_scored,
    _positive_of_many,
    _limit_of_no_split,
    _consent_to_no_code,
    _averaging_of_two_labels,
    _slices_by_text,
    _labels_that_are_not_there,
    _pairs_of_texts,
    _tested_on_training_rows,
    _placeholders,
    _no_license,
)
