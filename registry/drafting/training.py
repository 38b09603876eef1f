"""What a drafted card says of the training: the recipe, the hardware and the versions of packages."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from registry.card import Training
from registry.drafting.card import positive_number, share_of_one, whole_number
from registry.drafting.defaults import DEFAULTS
from registry.hardware import ACCELERATORS
from registry.vocabulary import OPTIMIZERS, SCHEDULERS

if TYPE_CHECKING:
    from registry.document import Fact
    from registry.drafting.card import Drafting


_TYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}


def _count(value: Any, _: Fact) -> int | None:
    return (
        int(value) if isinstance(value, (int, float)) and value >= 0 and value == int(value) and value < 2**32 else None
    )


def _optimizer(value: Any, fact: Fact) -> str | None:
    """The Trainer's name of an optimizer: the one the words have, else the plain one of its family."""
    words = re.sub(r"[\s-]+", "_", fact.text.lower())
    exact = [name for name in OPTIMIZERS if re.search(rf"(?<![a-z_]){name}(?![a-z_\d])", words)]
    if exact:
        return max(exact, key=len)
    if "paged" in words or "8bit" in words or "8_bit" in words:
        found = [name for name in OPTIMIZERS if str(value) in name and ("paged" in name) == ("paged" in words)]
        bits = [name for name in found if ("8bit" in name) == ("8bit" in words or "8_bit" in words)]
        return bits[0] if len(bits) == 1 else None
    return {
        "adamw": "adamw_torch",
        "sgd": "sgd",
        "adafactor": "adafactor",
        "adagrad": "adagrad",
        "rmsprop": "rmsprop",
    }.get(str(value))


def declare_training(draft: Drafting) -> None:
    """The recipe."""
    defaults = Training()
    steps = draft.facts.get("max_steps")
    # `epoch: 2.1` in a list of results is when they were measured.
    named = [fact for fact in draft.facts.get("num_epochs", ()) if _NUMBER_OF_EPOCHS.search(fact.text)]
    if named:
        draft.facts["num_epochs"] = named
    if steps and "num_epochs" not in draft.facts:
        _epochs_of(draft, steps[0])
    else:
        draft.take("training.epochs", "num_epochs", positive_number, default=defaults.epochs)
    draft.take("training.learning_rate", "learning_rate", positive_number, default=defaults.learning_rate)
    _batches(draft)
    draft.take("training.eval_batch_size", "eval_batch_size", whole_number, default=defaults.eval_batch_size)
    adam = draft.facts.get("optimizer", [])
    if adam and {fact.value for fact in adam} == {"adam"} and draft.by_trainer:
        written = 'the source\'s "Adam" is what transformers 4.x writes for all but Adafactor'
        draft.assume("training.optimizer", "adamw_torch", f"{written}; {DEFAULTS['training.optimizer']}")
    elif adam and {fact.value for fact in adam} == {"adam"} and not _any_decay(draft):
        same = "without weight decay, and none is stated, AdamW computes the same"
        draft.assume("training.optimizer", "adamw_torch", f"the source's Adam (line {draft.line_of(adam[0])}): {same}")
    else:
        draft.take("training.optimizer", "optimizer", _optimizer, default=defaults.optimizer)
    if (told := draft.facts.get("adam_betas")) is not None:  # of one beta, the default's, the other is assumed with it
        draft.facts["adam_betas"] = [fact for fact in told if not _half_of(fact.value, defaults.adam_betas)]
    draft.take("training.adam_betas", "adam_betas", _betas, default=defaults.adam_betas)
    draft.take("training.adam_epsilon", "adam_epsilon", positive_number, default=defaults.adam_epsilon)
    draft.take("training.weight_decay", "weight_decay", lambda v, _: v if 0 <= v < 10 else None, default=0.0)
    draft.assume("training.max_grad_norm", defaults.max_grad_norm)
    _unlisted(draft, "training.label_smoothing", 0.0, "a factor other than 0")
    draft.take(
        "training.scheduler", "lr_scheduler", lambda v, _: v if v in SCHEDULERS else None, default=defaults.scheduler
    )
    _warmup(draft)
    draft.take(
        "training.precision", "mixed_precision", lambda v, _: v if v in _TYPES else None, default=defaults.precision
    )
    draft.take("training.seed", "seed", _count, default=defaults.seed)
    draft.take("training.select", "select", default=defaults.select)


def _epochs_of(draft: Drafting, steps: Fact) -> None:
    """Epochs of a training that is stated in steps."""
    said = f"the source trains for {steps.value:,} steps (line {draft.line_of(steps)})"
    draft.decide("training.epochs", 1, f"{said}; write the epochs, steps × rows of a step / training rows")


def _any_decay(draft: Drafting) -> bool:
    return any(fact.value for fact in draft.facts.get("weight_decay", ()))


def _betas(value: Any, _: Fact) -> tuple[float, ...] | None:
    good = isinstance(value, tuple) and len(value) == 2 and all(beta is not None and 0 <= beta < 1 for beta in value)
    return value if good else None


def _half_of(betas: tuple[float | None, ...], default: tuple[float, ...]) -> bool:
    return None in betas and all(one in (None, other) for one, other in zip(betas, default, strict=True))


_NUMBER_OF_EPOCHS = re.compile(r"num\w*[_ ]epochs|\bnumber of (?:\w+ )?epochs", re.IGNORECASE)


def _unlisted(draft: Drafting, path: str, value: Any, what: str) -> None:
    """What the Trainer's card would have listed."""
    if draft.by_trainer:
        draft.derive(path, value, f"the card that the Trainer writes lists {what}, and lists none")
    else:
        draft.assume(path, value)


def _batches(draft: Drafting) -> None:
    """Batch size, accumulation and total, which have to agree."""
    facts = draft.facts
    defaults = Training()
    totals = {fact.value for fact in facts.get("total_train_batch_size", ())}
    total = totals.pop() if len(totals) == 1 else None
    if total and "train_batch_size" not in facts:
        others = [facts[name][0].value for name in ("gradient_accumulation_steps", "hardware.count") if name in facts]
        product = math.prod(others)
        if product and total % product == 0:
            draft.derive(
                "training.batch_size", total // product, f"{total:,} in total / {' / '.join(map(str, others)) or 1}"
            )
        else:
            question = f"{total:,} rows of a step in total do not divide by {' × '.join(map(str, others))}"
            draft.decide("training.batch_size", defaults.batch_size, question)
    else:
        draft.take("training.batch_size", "train_batch_size", whole_number, default=defaults.batch_size)
    if "gradient_accumulation_steps" in facts or not draft.by_trainer:
        draft.take("training.gradient_accumulation_steps", "gradient_accumulation_steps", whole_number, default=1)
    else:
        _unlisted(draft, "training.gradient_accumulation_steps", 1, "the steps above 1")
    if total and "train_batch_size" in facts:
        draft.take("training.total_batch_size", "total_train_batch_size", whole_number)


def _warmup(draft: Drafting) -> None:
    """Warmup in steps or as a share; transformers 5 takes a share for `warmup_steps` too."""
    steps = [fact.value for fact in draft.facts.get("warmup_steps", ())]
    ratio = draft.facts.get("warmup_ratio")
    if steps and all(0 < value < 1 for value in steps):
        draft.take("training.warmup_ratio", ("warmup_ratio", "warmup_steps"), share_of_one)
    elif ratio and not any(steps):
        draft.take("training.warmup_ratio", "warmup_ratio", share_of_one)
    else:
        draft.take("training.warmup_steps", "warmup_steps", _count, default=0)
        if ratio and draft.values.get("training.warmup_steps"):
            draft.notes.append(
                f"The source gives a warmup ratio too, {ratio[0].value:g}; the Trainer then takes the steps."
            )


def _accelerator(name: Any, _: Fact) -> str | None:
    """The one accelerator that a name means, the most exact; null for one that is not known here."""
    alike = [known_ for known_, device in ACCELERATORS.items() if device.match and device.is_named(str(name))]
    alike.sort(key=lambda one: -len(ACCELERATORS[one].match))
    return alike[0] if alike else None


def _exact(exact: str | None, name: Any, fact: Fact) -> str | None:
    """The accelerator that a name means, where another name says more of the same: an A100 is one of 40 GB."""
    found = _accelerator(name, fact)
    return found if exact is None or found is None or found == exact else None


def declare_hardware(draft: Drafting) -> None:
    """What the model was trained on."""
    cpu = next(
        (fact for fact in draft.facts.get("framework_versions.pytorch", ()) if str(fact.value).endswith("+cpu")), None
    )
    if "hardware.accelerator" in draft.facts:
        names = {_accelerator(fact.value, fact) for fact in draft.facts["hardware.accelerator"]} - {None}
        exact = next((one for one in names if one and all(one.startswith(str(other)) for other in names)), None)
        draft.take("hardware.accelerator", "hardware.accelerator", lambda value, fact: _exact(exact, value, fact))
    elif cpu is not None and draft.values["training.precision"] != "fp16":
        draft.derive("hardware.accelerator", "cpu", f"Pytorch {cpu.value} is the build without CUDA")
    if "hardware.count" in draft.facts:
        draft.take("hardware.count", "hardware.count", whole_number, default=1)
    else:
        _devices(draft)
    for name in ("provider", "region"):
        draft.take(f"hardware.{name}", f"hardware.{name}", lambda value, _: str(value).strip() or None)
    draft.take("hardware.hours", "training_time_hours", positive_number)


def _devices(draft: Drafting) -> None:
    """The number of devices: what is left of the total batch size, else one."""
    total = draft.values.get("training.total_batch_size")
    one = draft.values["training.batch_size"] * draft.values["training.gradient_accumulation_steps"]
    if total and total % one == 0 and total > one:
        formula = f"{total:,} rows of a step in total / {one:,} of one device"
        draft.derive("hardware.count", total // one, formula)
    else:
        _unlisted(draft, "hardware.count", 1, "num_devices above 1")


def declare_software(draft: Drafting) -> None:
    """Package versions."""
    for name, fact in (("transformers", "transformers"), ("torch", "pytorch"), ("datasets", "datasets"),
                       ("tokenizers", "tokenizers"), ("peft", "peft")):  # fmt: skip
        draft.take(f"software.{name}", f"framework_versions.{fact}", lambda value, _: str(value))
