"""Closed vocabularies of the card, each with the place it was read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from registry.numbers import Unit

Optimizer = Literal[
    "adamw_torch",
    "adamw_torch_fused",
    "adafactor",
    "sgd",
    "adagrad",
    "rmsprop",
    "adamw_bnb_8bit",
    "ademamix",
    "ademamix_8bit",
    "lion_32bit",
    "lion_8bit",
    "paged_adamw_32bit",
    "paged_adamw_8bit",
    "paged_ademamix_32bit",
    "paged_ademamix_8bit",
    "paged_lion_32bit",
    "paged_lion_8bit",
    "rmsprop_bnb",
    "rmsprop_bnb_8bit",
    "rmsprop_bnb_32bit",
]
"""Optimizers of transformers 5.23 (`transformers.training_args.OptimizerNames`) that torch and bitsandbytes provide."""

Scheduler = Literal[
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"
]
"""Learning-rate schedules of transformers 5.23 (`SchedulerType`) that need no further arguments."""

Precision = Literal["fp32", "fp16", "bf16"]
DType = Literal["float32", "float16", "bfloat16"]
PadToken = Literal["own", "eos", "unk"]
Averaging = Literal["positive", "macro", "micro", "weighted"]
Split = Literal["train", "validation", "test"]
Cleaning = Literal["strip_html", "strip_special_characters", "collapse_whitespace"]

SHARES = ("accuracy", "precision", "recall", "f1", "roc_auc", "specificity")
"""Scores that lie in 0..1."""

CLAIMS = (
    *SHARES, "loss", "matthews_correlation", "cohen_kappa", "co2_kg", "training_hours", "seconds_per_example",
)  # fmt: skip
"""What a `reported` row may be about: scores, and three facts of the training and use (kg CO2eq, h, s)."""

UNITS: dict[str, Unit] = {"co2_kg": "kg", "training_hours": "h", "seconds_per_example": "s"}
"""Units of those that have one; a text in another unit of the same quantity is converted."""

OPTIMIZERS: tuple[str, ...] = get_args(Optimizer)
SCHEDULERS: tuple[str, ...] = get_args(Scheduler)
