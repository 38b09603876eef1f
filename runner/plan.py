"""The plan: what a run will do, by arithmetic alone. Pure: no network, no clock, no weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from registry.architectures import HEADS
from registry.errors import InputError, MissingError, Problem
from runner import model as models
from runner.data import SPLITS, split_rows
from runner.deviations import actual_accumulation, actual_precision, before
from runner.record import Plan, Rows

if TYPE_CHECKING:
    from registry.card import Card
    from registry.loading import Loaded
    from runner.record import Machine, Snapshot

# Values an optimizer keeps for each trained parameter: two moments for Adam and its kin, one for momentum and the rest.
_MOMENTS = {"adamw": 2, "ademamix": 3, "lion": 1, "sgd": 0, "adagrad": 1, "rmsprop": 1, "adafactor": 0}
_OF_BITSANDBYTES = ("paged_", "bnb", "8bit", "32bit", "ademamix")


def make_plan(
    loaded: Loaded,
    machine: Machine,
    rows: Rows | None = None,
    base: Snapshot | None = None,
    vocabulary: int | None = None,
) -> Plan:
    """Work out what a run of the card will do on a machine.

    Args:
        loaded: The card.
        machine: The machine.
        rows: Rows of each split, where they have been counted; else from the card's `data.rows`.
        base: The base's files, where they have been fetched: they hold the architecture if the card does not.
        vocabulary: Tokens of a tokenizer that was trained on the spot; its largest size until then.

    Raises:
        InputError: The card states too little to plan without fetching something, or leaves no training rows.
    """
    card = loaded.card
    if rows is None:
        rows = _declared_rows(loaded)
    if card.base.architecture is None and base is None:
        message = "planning needs no network when the card states it: `{model_type: bert, hidden_size: …}`"
        raise InputError(Problem(loaded.where("base"), "base.architecture", f"missing; {message}"))
    training = card.training
    batches, accumulation = math.ceil(rows.train / training.batch_size), actual_accumulation(card)
    # The Trainer takes a last, shorter accumulation at the end of an epoch.
    steps = math.ceil(training.epochs * math.ceil(batches / accumulation))
    if training.warmup_ratio is not None:
        warmup = math.ceil(steps * training.warmup_ratio)
    else:
        warmup = training.warmup_steps or 0

    model = models.planned(card, base, vocabulary)
    parameters = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    quantized, scales = _quantized(card, model)
    tokens = training.epochs * rows.train * card.data.tokens.max_length
    embedded = sum(m.weight.numel() for m in model.modules() if type(m).__name__ == "Embedding")
    # 2 for the forward pass and 2 for the gradient of the activations, by every parameter of a product; 2 more by
    # every trained one, for its own gradient (Kaplan et al. 2020, arXiv:2001.08361, section 2.1).
    products = parameters - embedded
    # Every token meets every token, twice (scores and values), forward and two times backward.
    attention = model.config.num_hidden_layers * card.data.tokens.max_length * model.config.hidden_size
    gradients = sum(p.nbytes for p in model.parameters() if p.requires_grad)
    return Plan(
        rows=rows,
        batches=batches,
        steps=steps,
        warmup_steps=warmup,
        accumulation=accumulation,
        effective_batch=training.batch_size * accumulation,
        device=machine.device,
        precision=actual_precision(card, machine),
        optimizer=training.optimizer,
        parameters=parameters,
        trainable=trainable,
        weight_bytes=sum(p.nbytes for p in model.parameters()) - 4 * quantized + scales,
        gradient_bytes=gradients,
        optimizer_bytes=_state_bytes(training.optimizer, gradients, trainable),
        training_flops=tokens * (4 * products + 2 * min(trainable, products) + 12 * attention),
        deviations=before(loaded, machine),
    )


def require_memory(loaded: Loaded, plan: Plan, machine: Machine) -> None:
    """Refuse what cannot fit, before anything is fetched: weights, gradients and optimizer state are a lower bound.

    Raises:
        MissingError: The device has less memory.
    """
    needed = plan.weight_bytes + plan.gradient_bytes + plan.optimizer_bytes
    if needed > machine.memory_bytes:
        message = f"weights, gradients and optimizer state take {needed / 2**30:.1f} GiB, {machine.name} has "
        message += f"{machine.memory_bytes / 2**30:.1f} GiB; run it on a larger device"
        raise MissingError(Problem(loaded.where("base"), "base", message))


def _declared_rows(loaded: Loaded) -> Rows:
    """Rows of each split by the card's own facts."""
    data = loaded.card.data
    if data.rows is None:
        message = "missing; planning needs no download when the card states the rows of the dataset's splits"
        raise InputError(Problem(loaded.where("data"), "data.rows", message))
    stated = {name: value for name in SPLITS if (value := getattr(data.rows, name)) is not None}
    try:
        rows = split_rows(data, stated)
    except KeyError as error:
        message = f"`data.rows` does not say how many rows {error.args[0]!r} has"
        raise InputError(Problem(loaded.where("data.rows"), "data.rows", message)) from None
    if rows["train"] <= 0:
        raise InputError(Problem(loaded.where("data"), "data", "no training rows are left"))
    return Rows(**rows)


def _quantized(card: Card, model: object) -> tuple[int, int]:
    """Parameters that are held quantized, and the bytes they take with their scales.

    bitsandbytes quantizes every linear layer but the head; 4-bit weights carry one fp32 scale for 64 of them (with
    double quantization one 8-bit scale for 64 and one fp32 for 256 of those), 8-bit ones one fp32 scale a row.
    """
    import torch

    if card.quantization is None:
        return 0, 0
    heads = {name for names in HEADS.values() for name in names}
    count, total = 0, 0.0
    bits = getattr(card.quantization, "bits", 8)
    double = getattr(card.quantization, "double_quant", False)
    assert isinstance(model, torch.nn.Module)
    for name, module in model.named_modules():
        parts = set(name.split("."))
        if not isinstance(module, torch.nn.Linear) or parts & heads or any(p.startswith("lora_") for p in parts):
            continue
        count += module.weight.numel()
        if bits == 4:
            total += module.weight.numel() * (0.5 + (1 / 64 + 4 / (64 * 256) if double else 4 / 64))
        else:
            total += module.weight.numel() + 4 * module.out_features
    return count, round(total)


def _state_bytes(optimizer: str, gradients: int, trainable: int) -> int:
    """Bytes of optimizer state: torch keeps it in the weights' type, bitsandbytes in fp32 or in 8 bits.

    Args:
        optimizer: Name of the optimizer.
        gradients: Bytes of the gradients, which are of the weights' type.
        trainable: Trained parameters.
    """
    moments = _MOMENTS[max((known for known in _MOMENTS if known in optimizer), key=len)]
    if not any(part in optimizer for part in _OF_BITSANDBYTES):
        return moments * gradients
    return moments * trainable * (1 if "8bit" in optimizer else 4)
