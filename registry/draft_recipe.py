"""The recipe that a README states: hyperparameters, adapter, quantization, hardware and time.

A value is read where a name of `NAMES` stands before it (a list, a table of two columns, code, options of a command) or
in a sentence of one of the forms of `_SENTENCES`. What follows a number decides with it: `2e-5 to 5e-5` is no learning
rate. Sections on use, on pretraining and on other models are passed over.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.draft_code import python_settings
from registry.markdown import plain
from registry.numbers import PLACEHOLDER, hours_in, plain_characters

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.draft_code import Setting
    from registry.draft_page import Page
    from registry.markdown import Grid, Line

_N = r"(?<![\w.,])\d{1,12}(?:,\d{3}){0,3}(?:\.\d{1,20})?(?:[eE][-+]?\d{1,3})?"
# Not of a range, a list, a product or a name: `2e-5 to 5e-5`, `8, 16 or 32`, `4 x 8`, `3B`.
_ONE = r"(?![\w%])(?!\.\d)(?!\s{0,3}(?:-|–|—|to|or|and|/|,|->|→|x|×|\*)\s{0,3}[\d.])(?!\s{0,3}(?:x|×|\*)\s{0,3}\w)"
_LEAD = r"[=:~≈\s\"'(]{0,12}"
_FIRST = re.compile(rf"{_LEAD}({_N}){_ONE}")
_FIRST_WORD = re.compile(r"[=:~\s]{0,12}(\w{1,20})\b")
_PERCENT = re.compile(r"[=:~\s]{0,12}(\d{1,3}(?:\.\d{1,6})?)\s?%")
_THOUSANDS = re.compile(rf"{_LEAD}{_N}\s?(?:[kKMB]\b|GB|MB)")
_KILO = re.compile(rf"{_LEAD}(\d{{1,4}}(?:\.\d{{1,3}})?)\s?[kK]\b")
_POWER = re.compile(r"\*\*\s?(?=[-+]?\d)")
_NO_LETTER = re.compile(r"[\W_]")
_ONE_WORD = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50,
    "a": 1, "an": 1, "single": 1, "a single": 1,
}  # fmt: skip

_YES = ("true", "yes", "on", "1", "enabled", "✓", "✅")
_NO = ("false", "no", "off", "0", "disabled", "none", "null", "n/a", "-", "")


def number(value: str) -> float | int | None:
    """The one number that a value begins with."""
    if not value.isascii() or "^" in value or "**" in value:
        value = _POWER.sub("^", value)
        value = plain_characters(value[:200])
    found = _FIRST.match(value)
    if found is None:
        return None
    digits = found[1].replace(",", "")
    try:
        read = float(digits)
    except ValueError:
        return None
    return int(read) if read.is_integer() and "e" not in digits.lower() and "." not in digits else read


def _rate(value: str) -> float | None:
    read = number(value)
    return float(read) if read is not None and 0 < read < 30 else None


def _share(value: str) -> float | None:
    found = _PERCENT.match(value)
    if found is not None:
        return float(found[1]) / 100 if float(found[1]) <= 100 else None
    read = number(value)
    return float(read) if read is not None and 0 <= read < 1 else None


def _whole(value: str) -> int | None:
    read = number(value)
    if read is None:
        word = _FIRST_WORD.match(value)
        return (
            _ONE_WORD.get(word[1].lower())
            if word is not None and word[1].lower() not in ("a", "an", "single")
            else None
        )
    if _THOUSANDS.match(value):
        return None
    return int(read) if read == int(read) and 0 <= read < 1e12 else None


def _positive(value: str) -> int | None:
    read = _whole(value)
    return read if read else None


def _epochs(value: str) -> float | int | None:
    read: float | int | None = number(value)
    if read is None:
        read = _whole(value)
    if read is None or not 0 < read <= 100_000:
        return None
    return int(read) if read == int(read) else read


def _steps(value: str) -> float | int | None:
    """Steps, also in thousands: `10k`."""
    if (found := _KILO.match(value)) is not None:
        return round(float(found[1]) * 1000)
    read = number(value)
    if read is None or "%" in value[:20]:
        return None
    return int(read) if read == int(read) else read


def _some_steps(value: str) -> float | int | None:
    return _steps(value) or None


def _real(value: str) -> float | None:
    read = number(value)
    return float(read) if read is not None else None


_ALL_LINEAR = re.compile(r"\W{0,6}all[-_ ]linear\b")
_MODULE = re.compile(r"[A-Za-z_][\w.]{0,60}")
_QUANT_TYPE = re.compile(r"\b(nf4|fp4|int8|int4)\b", re.IGNORECASE)
_BITS = re.compile(r"\W{0,6}(?:int)?([2348])(?:[- ]?bits?\b|\s{0,3}$|\W)")
_PER = re.compile(r"\b(?:per|each|/)\s{0,3}(?:epoch|step|gpu)")
_TIME_RANGE = re.compile(r"\W{0,6}\d{1,6}\s?(?:-|–|to)\s?\d")
_TWO_PARTS = re.compile(r"(?<![:\d])\d{1,6}:\d\d(?![:\d])")
_BARE = re.compile(rf"\W{{0,6}}{_N}\s{{0,6}}")
_OPTIMIZER = re.compile(
    r"(?<![A-Za-z])(paged[_ ])?(adam_?w|adamax|adamweightdecay|adafactor|adadelta|adagrad|nadam|radam|adam|sgd"
        r"|rmsprop|lion|lamb|sophia|muon)"
    r"(?![A-Za-z])", re.IGNORECASE,
)  # fmt: skip


def _optimizer(value: str) -> str | None:
    found = {
        _NO_LETTER.sub("", one[2].lower()).replace("adamweightdecay", "adamw")
        for one in _OPTIMIZER.finditer(value[:300].replace("_", " ").replace("adam w", "adamw"))
    }
    if "adamw" in found:
        found.discard("adam")
    return found.pop() if len(found) == 1 else None


_SCHEDULERS = (
    ("reduce_lr_on_plateau", re.compile(r"reduce[\s_]*(?:lr|learning rate)?[\s_]*on[\s_]*plateau", re.I)),
    (
        "cosine_with_restarts",
        re.compile(r"cosine[\s_]*(?:annealing[\s_]*)?(?:with[\s_]*|warm[\s_]*)(?:hard[\s_]*)?restarts", re.I),
    ),
    ("cosine_with_min_lr", re.compile(r"cosine_with_min_lr", re.I)),
    ("warmup_decay", re.compile(r"WarmupDecayLR", re.I)),
    ("warmup_stable_decay", re.compile(r"warmup_stable_decay", re.I)),
    ("inverse_sqrt", re.compile(r"inverse[\s_](?:sqrt|square root)", re.I)),
    ("constant_with_warmup", re.compile(r"constant[\s_]*with[\s_]*warm-?up", re.I)),
    ("polynomial", re.compile(r"polynomial", re.I)),
    ("cosine", re.compile(r"\bcosine|WarmupCosine", re.I)),
    ("constant_with_warmup", re.compile(r"WarmupConstant", re.I)),
    ("linear", re.compile(r"\blinear|WarmupLinear", re.I)),
    ("constant", re.compile(r"\bconstant", re.I)),
)


def _scheduler(value: str) -> str | None:
    return next((name for name, pattern in _SCHEDULERS if pattern.search(value[:200])), None)


def _precision(value: str) -> str | None:
    low = value[:200].lower()
    found = {name for name, words in (
        ("bf16", ("bf16", "bfloat16")), ("fp16", ("fp16", "float16", "half precision")), ("fp32", ("fp32", "float32")),
    ) if any(word in low.replace("bfloat16", "bf16") for word in words)}  # fmt: skip
    return found.pop() if len(found) == 1 else None


def _flag(name: str) -> Callable[[str], str | None]:
    return lambda value: name if value.strip(" ,\"'").lower() in _YES else None


def _modules(value: str) -> tuple[str, ...] | None:
    if _ALL_LINEAR.match(value):
        return ("all-linear",)
    found = _MODULE.findall(value[:1000])
    named = [
        one
        for one in found
        if "_" in one
        or one in ("query", "key", "value", "dense", "all", "q", "v", "k", "o", "Wqkv", "wi", "wo", "fc1", "fc2")
    ]
    return tuple(named) if named and len(named) == len(found) else None


def _dtype(value: str) -> str | None:
    return {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}.get(_precision(value) or "")


def _quant_type(value: str) -> str | None:
    found = _QUANT_TYPE.search(value[:60])
    return found[1].lower() if found else None


def _bits(value: str) -> int | None:
    found = _BITS.match(value)
    return int(found[1]) if found else None


def _true(value: str) -> bool | None:
    low = value.strip(" ,\"'").split(" ")[0].lower()
    return True if low in _YES else False if low in _NO else None


def _hours(value: str) -> float | None:
    """Hours that are called so: `3 h`, `1:07:41`, `2 days`; of a bare number it is not said what it counts."""
    if _PER.search(value[:120]) or _TIME_RANGE.match(value):
        return None
    value = plain_characters(value[:200])
    found = sorted(set(hours_in(value)))
    if found and _TWO_PARTS.search(value):
        return None
    return found[0] if len(found) == 1 else None


def _number_of_hours(value: str) -> float | None:
    """What stands behind `Hours used`, also without a unit."""
    if _BARE.fullmatch(plain_characters(value[:200])):
        return _real(value)
    return _hours(value)


def _kilowatt_hours(value: str) -> float | None:
    read = number(value)
    size = {"k": 1.0, "m": 1000.0}.get(value.strip()[-3:-2].lower(), 0.001)
    return float(f"{read * size:.12g}") if read else None


_ENERGY = re.compile(rf"[=:~≈\s]{{0,12}}{_N}\s?[kM]?Wh\b", re.IGNORECASE)


def _kilowatt_hours_only(value: str) -> float | None:
    found = _ENERGY.match(value)
    return _kilowatt_hours(found.group()) if found is not None else None


def _seconds(value: str) -> float | None:
    if ":" in value:
        return _hours(value)
    read = number(value)
    return float(read) / 3600 if read is not None else None


ACCELERATOR = re.compile(
    r"(?:NVIDIA[®\s-]{1,3})?(?:(?:Tesla|GeForce|Quadro|Titan)[\s-]?)?"
    r"(?:(?<![A-Za-z0-9])|(?<=\d[xX]))(?:[AVHBL]\d{2,3}[Ss]?(?![A-Za-z\d_])|[TPK]\d{1,3}(?![A-Za-z\d_])|L4(?!\w)|A10G|GH200"
        r"|RTX[\s-]?(?:A?\d{4})(?:[\s-]?(?:Ti|Ada|SUPER))?|GTX[\s-]?\d{4}(?:[\s-]?Ti)?|"
    r"Titan[\s-]?(?:RTX|Xp?|V)|MI\d{3}X?|TPU[\s-]?v\d[\w-]{0,6}|Data Center GPU Max \d{4}|Gaudi\s?\d?"
        r"|M[1-4](?: (?:Pro|Max|Ultra))?(?!\w)|DGX[- ]\w+)"
    r"(?:[\s-]{1,2}(?:SXM\d?|PCIe|NVL))?(?:[\s-]{1,2}\d{2,3}\s?GB)?", re.IGNORECASE,
)  # fmt: skip
_KNOWN = re.compile(
    r"[AVHB]\d{2,3}|[TPK](?:4|100|40|80)\b|L4\b|L40|A10G|RTX|GTX|Titan|TPU|MI\d{3}|Data Center GPU|Gaudi|GH200"
    r"|\bM[1-4] ",
    re.IGNORECASE,
)
_MAKER = re.compile(r"nvidia|tesla|geforce|\W")
_HOURS_OF = re.compile(r"\s?(?:GPU[\s-])?hours")
_PRODUCT = re.compile(r"[\dx×*]\s?[x×*]\s?$")
_COUNT_BEFORE = re.compile(
    r"(\d{1,5}|\b(?:one|two|three|four|eight|an?|single))\s?(?:[x×*张块卡]\s?)?(?:NVIDIA\s)?$"
    r"|\b(\d{1,5})\s?[x×*]\s?(?:GPUs?\s)?(?:NVIDIA\s)?$",
    re.IGNORECASE,
)
_COUNT_AFTER = re.compile(r"\s?(?:GPUs?\s?)?(?:[x×*]\s?(\d{1,4})(?!\w)|\(\s?[x×]\s?(\d{1,4})\))", re.IGNORECASE)


def hardware(page: Page, value: str, offset: int, start: int, end: int) -> None:
    """The one accelerator that is named in a value, and how many of it."""
    found = [one for one in ACCELERATOR.finditer(value) if _KNOWN.search(one.group())]
    if not found or len({_MAKER.sub("", one.group().lower()) for one in found}) > 1:
        return
    one = found[0]
    if _HOURS_OF.match(value, one.end()):
        return
    page.say("hardware.accelerator", one.group().strip(), offset + one.start(), offset + one.end())
    before = _COUNT_BEFORE.search(value[max(0, one.start() - 30) : one.start()])
    after = _COUNT_AFTER.match(value, one.end())
    count = (after[1] or after[2]) if after else (before[1] or before[2]) if before else None
    if before and _PRODUCT.search(value[max(0, one.start() - 30) : one.start()][: before.start()]):
        return  # `32 x 8 x A100`
    if count is not None:
        page.say("hardware.count", int(count) if count.isdigit() else _ONE_WORD[count.lower()], start, end)


def _named(value: str) -> str | None:
    value = plain(value).strip(" .")
    return value if value and value.lower() not in _NO and len(value) < 80 else None


NAMES: dict[str, tuple[str, Callable[[str], Any]]] = {
    key: (fact, reader)
    for fact, reader, keys in (
        ("learning_rate", _rate, "learning rate; lr; initial learning rate; peak learning rate; init lr; "
            "initial lr; learning rate lr"),
        ("num_epochs", _epochs, "epochs; num epochs; number of epochs; num train epochs; training epochs; "
            "total epochs; "
         "train epochs; nepochs; n epochs; max epochs; max epoch; num training epochs; "
         "number of training epochs; no of epochs; "
             "epochs trained; epoch"),
        ("max_steps", _some_steps, "training steps; max steps; total steps; train steps; number of training "
            "steps; num train steps; "
         "total training steps; total optimization steps; number of steps; train iters; max train steps"),
        ("train_batch_size", _positive, "train batch size; batch size; per device train batch size; per gpu "
            "train batch size; "
         "training batch size; per device batch size; batch size per device; batchsize; train bs; batch; "
         "batch size per gpu; train batch size per device; per gpu batch size; micro batch size; mini batch size; "
         "batch size train"),
        ("eval_batch_size", _positive, "eval batch size; per device eval batch size; per gpu eval batch size; "
         "evaluation batch size; validation batch size; batch size eval"),
        ("total_train_batch_size", _positive, "total train batch size; effective batch size; global batch size; "
         "total batch size; effective train batch size; batch size effective; total effective batch size"),
        ("gradient_accumulation_steps", _positive, "gradient accumulation steps; gradient accumulation; "
            "accumulation steps; "
         "grad accumulation steps; grad accumulation; grad accum steps; accum grad; "
         "gradient accumulate steps; gradient accumulation step"),
        ("optimizer", _optimizer, "optimizer; optim; optimiser; optimizer name; optimization algorithm; "
            "optimizer type; optimizer class; optimization"),
        ("lr_scheduler", _scheduler, "lr scheduler type; lr scheduler; scheduler; learning rate scheduler; "
            "scheduler type; "
         "learning rate scheduler type; learning rate schedule; lr schedule; schedule; learning rate decay; "
             "scheduler name"),
        ("warmup_steps", _steps, "warmup steps; lr scheduler warmup steps; num warmup steps; number of warmup "
            "steps; warm up steps"),
        ("warmup_steps", _positive, "warmup"),
        ("warmup_ratio", _share, "warmup ratio; lr scheduler warmup ratio; warm up ratio; warmup proportion"),
        ("weight_decay", _real, "weight decay; weight decay rate; l2 weight decay"),
        ("seed", _whole, "seed; random seed; training seed; manual seed; data seed"),
        ("adam_epsilon", _real, "adam epsilon; epsilon; eps; adam eps"),
        ("mixed_precision", _precision, "training precision; training regime; mixed precision; precision; "
            "mixed precision training; "
         "compute precision; training dtype; train dtype; train precision"),
        ("mixed_precision", _flag("fp16"), "fp16; use fp16"), ("mixed_precision", _flag("bf16"), "bf16; use bf16"),
        ("max_length", _positive, "max length; max seq length; max sequence length; maximum sequence length; "
            "sequence length; "
         "sequence len; block size; max seq len; model max length; model max len; cutoff len; maximum length; "
             "seq length; "
         "max token length; max len; cutoff length; seq len; max tokens length"),
        ("adapter.r", _positive, "lora r; r; rank; lora rank; rank r; lora rank r; lora dim; adapter r; lora "
            "attention dimension"),
        ("adapter.alpha", _positive, "lora alpha; alpha; lora alpha value; scaling alpha; adapter alpha"),
        ("adapter.dropout", _share, "lora dropout; adapter dropout"),
        ("adapter.target_modules", _modules, "target modules; lora target modules; lora modules; target layers"),
        ("quantization.bits", lambda value: 4 if _true(value) else None, "load in 4bit; 4 bit bnb; bnb 4bit; 4bit"),
        ("quantization.bits", lambda value: 8 if _true(value) else None, "load in 8bit"),
        ("quantization.bits", _bits, "bits; quantization; quantization bits"),
        ("quantization.type", _quant_type, "bnb 4bit quant type; quant type; 4bit quant type; quantization type"),
        ("quantization.double_quant", _true, "bnb 4bit use double quant; double quant; double quantization; "
            "use double quant"),
        ("quantization.compute_dtype", _dtype, "bnb 4bit compute dtype; compute dtype"),
        ("hardware.count", _positive, "num devices; num gpus; number of gpus; n gpus; gpu count; num gpu; "
            "number of devices"),
        ("hardware.provider", _named, "cloud provider; provider"),
        ("hardware.region", _named, "compute region"),
        ("training_time_hours", _number_of_hours, "hours used; training hours; training time hours; hours"),
        ("training_time_hours", _hours, "training time; training duration; run duration; train "
            "time; total training time; "
         "time; duration; durée de l entraînement; durée de l entrainement; time taken; "
         "wall clock time"),
        ("training_time_hours", _seconds, "train runtime; training time in seconds; training time s"),
        ("energy_kwh", _kilowatt_hours_only, "energy; energy consumption; energy consumed; energy used; electricity; "
            "power consumption; total energy; energy kwh; energy consumption kwh; energy consumed kwh; energy usage"),
        ("rows.train", _positive, "train samples; training samples; training examples; train size; training "
            "set; train set; "
         "training set size; training dataset; training dataset size; number of training samples; training "
             "data size; train examples"),
        ("rows.validation", _positive, "eval samples; validation samples; validation examples; validation "
            "size; validation set; "
         "validation set size; validation dataset; dev set; evaluation samples"),
        ("rows.test", _positive, "test samples; test examples; test size; test set; test set size; test "
            "dataset; predict samples; "
         "number of test samples"),
    )
    for key in keys.split("; ")
}  # fmt: skip
"""Names in lower case, without marks, → the fact and how its value is read."""

WEAK = frozenset(
    {
        "epoch",
        "r",
        "rank",
        "alpha",
        "eps",
        "epsilon",
        "batch",
        "time",
        "duration",
        "schedule",
        "max length",
        "sequence length",
        "quantization",
        "bits",
        "optimization",
        "provider",
        "precision",
        "seq length",
        "max seq length",
        "maximum length",
        "learning rate decay",
        "max len",
        "bnb 4bit",
        "block size",
        "number of steps",
        "total steps",
    }
)
"""Names that mean something else elsewhere: they count in a section on training, or beside a learning rate."""
_MOMENTS = {f"{name}{which + 1}": which for name in ("adam beta", "adam beta ", "beta", "beta ") for which in (0, 1)}
_STRONG = ("learning_rate", "num_epochs", "adapter.alpha", "adapter.r")

# `**Learning Rate**: 3e-5`, `learning_rate = 2e-5`, `"lr": 2e-5,`, `per_gpu_train_batch_size 4 \`.
_PAIR = re.compile(
    r"[\s\"'`*_{(\[-]{0,5}((?:[48]-?bit )?[A-Za-zé][\w \-/().'’*`é]{0,50}?)[\"'`*_ \t\])]{0,6}"
    r"(?:[:=]|–|—| - | is (?=\d)|(?<=[a-z_])[ \t]{1,9}(?=\d))[\s*`_]{0,12}(.*)",
    re.DOTALL,
)
_BRACKETS = re.compile(r"\s?\([^()]{0,60}\)\s?")
_BOUNDARY = re.compile(r"[^a-zé0-9]+")
_OPTION = re.compile(r"(?<![\w-])--?([A-Za-z][\w-]{1,40})(?:[ \t=]+(?!-)(\"[^\"\n]{0,200}\"|[^\s\\`|;]{1,200}))?")
_KWARG = re.compile(r"(?<![\w.])([A-Za-z_]\w{0,40})\s{0,3}=\s{0,3}(\[[^\[\]\n]{0,300}\]|[^\s,()]{1,80})")


def is_placeholder(value: str) -> bool:
    """Whether a value is an example, or what the Hub's template has in its place."""
    return PLACEHOLDER.search(value[:80]) is not None or "more information needed" in value[:40].lower()


def key_of(words: str) -> str:
    """A name as `NAMES` has it.

    >>> key_of("**Per-device train_batch_size**")
    'per device train batch size'
    """
    return _BOUNDARY.sub(" ", plain(words).lower()).strip().replace("fine tuning ", "").replace("warm up", "warmup")


def read_pair(page: Page, words: str, value: str, start: int, end: int, *, weak: bool, offset: int = -1) -> bool:
    """Add what a name and the text behind it say; false where the name is none of a recipe's."""
    key = key_of(words)
    if key not in NAMES:
        key = key_of(_BRACKETS.sub(" ", words))
    if offset < 0:
        offset = start
    if key in _DEVICES:
        hardware(page, value, offset, start, end)
        if is_placeholder(value):
            page.say("hardware.accelerator", None, start, end, "placeholder")
    elif key in _MOMENTS:
        _moment(page, _MOMENTS[key], value, start, end)
    elif key not in NAMES:
        return False
    elif weak or key not in WEAK:
        return _read_named(page, key, value, start, end, offset)
    return True


def _read_named(page: Page, key: str, value: str, start: int, end: int, offset: int) -> bool:
    """Add what stands behind a name of `NAMES`; false where its value is none."""
    fact, reader = NAMES[key]
    value = plain(value) if not value.startswith("<class ") else value
    if is_placeholder(value):
        page.say(fact, None, start, end, "placeholder")
        return True
    read = reader(value)
    if fact == "train_batch_size" and _TOTAL.match(value):
        fact = "total_train_batch_size"
    if read is not None and not (fact.startswith("rows.") and (read < 10 or not _ROWS.match(value))):
        page.say(fact, read, start, end)
    if fact == "optimizer":
        _moments(page, value, start, end)
    elif fact == "training_time_hours":
        hardware(page, value, offset, start, end)
    elif key == "quantization" and (kind := _quant_type(value)) in ("nf4", "fp4"):
        page.say("quantization.type", kind, start, end)
    return read is not None


_DEVICES = frozenset({
    "hardware type", "hardware", "gpu", "gpus", "gpu type", "gpu model", "gpu used", "accelerator", "accelerators",
    "azureml sku", "cpu gpu",
})  # fmt: skip
_TOTAL = re.compile(r"[^a-z]{0,20}(?:total|effective|global)", re.IGNORECASE)
_ROWS = re.compile(
    rf"\W{{0,6}}{_N}\s{{0,3}}(?!(?:k|%|classes|hours|gb|mb|epochs?|tokens|words)\b)(?:$|[a-z(,.])", re.IGNORECASE
)


_BETAS = re.compile(r"betas?\d?\W{0,12}\(?\s?(0?\.\d{1,8})\s?,\s?(0?\.\d{1,8})\s?\)?", re.I)
_BETA = re.compile(r"(?:beta_?|β)\s?(?:<sub>)?([12₁₂])(?:</sub>)?['\"]?\s?[=:]?\s?(0?\.\d{1,8})", re.I)
_EPSILON = re.compile(
    r"(?:epsilon|\beps)['\"]?\s?[=:]?\s?(?:of\s)?(\d{1,3}(?:\.\d{1,12})?(?:e-?\d{1,3})?)(?![\d.]*\w)", re.I
)
_KERAS = re.compile(r"'(learning_rate|weight_decay(?:_rate)?|initial_learning_rate|warmup_steps)': ([\d.e-]{1,30})")


def _moments(page: Page, value: str, start: int, end: int) -> None:
    """The betas and the epsilon that stand with an optimizer, and what Keras' generated cards put there."""
    if found := _BETAS.search(value):
        page.say("adam_betas", (float(found[1]), float(found[2])), start, end)
    else:
        both = {one[1].translate(str.maketrans("₁₂", "12")): float(one[2]) for one in _BETA.finditer(value)}
        if len(both) == 2:
            page.say("adam_betas", (both["1"], both["2"]), start, end)
    if found := _EPSILON.search(value):
        page.say("adam_epsilon", float(found[1]), start, end)
    if "'" in value:
        told = {one[1]: one[2] for one in _KERAS.finditer(value)}
        rate = told.get("initial_learning_rate") or told.get("learning_rate")
        try:
            if rate is not None:
                page.say("learning_rate", float(rate), start, end)
            decay = told.get("weight_decay_rate") or told.get("weight_decay")
            if decay is not None:
                page.say("weight_decay", float(decay), start, end)
            if "warmup_steps" in told:
                page.say("warmup_steps", int(float(told["warmup_steps"])), start, end)
        except (ValueError, OverflowError):
            return
        if "PolynomialDecay" in value:
            page.say("lr_scheduler", "polynomial", start, end)


def _moment(page: Page, which: int, value: str, start: int, end: int) -> None:
    """One of Adam's two betas, which are given apart: `adam_beta1: 0.9`; both are said where the second stands."""
    read = number(plain(value))
    if read is None or not 0 <= read < 1:
        return
    above = page.facts[-1] if page.facts else None
    if which == 1 and above is not None and above.name == "adam_betas" and above.value[1] is None:
        page.facts.pop()
        page.say("adam_betas", (above.value[0], float(read)), above.place.start, end)
    else:
        page.say("adam_betas", (None, float(read)) if which else (float(read), None), start, end)


_W = r"(one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|fifty)"
_V = rf"[*`_]{{0,3}}(?:({_N}){_ONE}|{_W}\b)"
_VERBS = r"(?: was| is| set| used| value| initialized| equal| limited){0,4}"
_TO = r"(?: of| to| at| over| for|[:=])"


def _said(noun: str, *, bare: bool = False) -> str:
    """`The learning rate was set to 2e-5`; with `bare` also `learning rate 2e-5`."""
    return rf"\b{noun}[*`_]{{0,3}}{_VERBS}{_TO}{'?' if bare else ''}\s{{0,2}}{_V}"


_SENTENCES: tuple[tuple[str, str, Callable[[str], Any], re.Pattern[str]], ...] = tuple(
    (trigger, fact, reader, re.compile(pattern, re.IGNORECASE))
    for trigger, fact, reader, pattern in (
        ("learning rate", "learning_rate", _rate, _said(r"learning rates?(?: \(lr\))?", bare=True)),
        ("learning rate", "learning_rate", _rate, rf"{_V} learning rate"),
        ("epoch", "num_epochs", _epochs,
            r"\b(?:for|over|during|in|with|on|using|of|to|just|only)\s(?:a )?(?:(?:total|maximum) of )?"
            rf"{_V}(?: full| training| complete)? (?:training )?epochs?\b"),
        ("epoch", "num_epochs", _epochs, _said(r"(?:number of |training |train )epochs?")),
        ("batch", "train_batch_size", _positive,
            r"(?=b)(?<!effective )(?<!total )(?<!global )(?<!eval )(?<!evaluation )(?<!validation )(?<!overall )"
            + _said(r"batch[- ]sizes?(?: per device| per gpu)?", bare=True)),
        ("batch", "total_train_batch_size", _positive,
            _said(r"(?:effective|total|global|overall) (?:train(?:ing)? )?batch[- ]size", bare=True)),
        ("accumulat", "gradient_accumulation_steps", _positive, _said(r"accumulat\w{0,4}(?: steps?)?")),
        ("accumulat", "gradient_accumulation_steps", _positive, rf"{_V} (?:gradient )?accumulation steps?"),
        ("weight decay", "weight_decay", _real, _said("weight decay(?: rate)?", bare=True)),
        ("warm", "warmup_ratio", _share, _said("warm-?up ratio", bare=True)),
        ("warm", "warmup_ratio", _share,
            r"\bwarm-?up (?:of|over|for)(?: the first)? (\d{1,3}(?:\.\d{1,3})?\s?%) of"),
        ("warm", "warmup_steps", _steps, _said("warm-?up(?: steps?)?") + " steps"),
        ("warm", "warmup_steps", _steps, rf"\b(?<![-.])({_N}) warm-?up steps"),
        ("warm", "warmup_steps", _steps, _said("warm-?up steps")),
        ("seed", "seed", _whole, _said("(?:random |training )seed", bare=True)),
        ("length", "max_length", _positive,
            _said("(?:max(?:imum)?(?: sequence| token| input)? length|max_length|(?:sequence|input) length)")
            + r"(?!\s?(?:s|sec\w{0,5}|words?|char\w{0,8}|new)\b)"),
        ("length", "max_length", _positive,
            r"\b(?:chunked|truncated|cut|split|padded) (?:in)?to (?:an? |the )?(?:max\w* )?length of (\d{1,6}) tokens"),
        ("steps of", "max_steps", _steps, r"\b(?:with|for) (\d{1,9}(?:\.\d)?[kK]?) steps of training"),
        ("for", "max_steps", _positive,
            r"\b(?:trained|fine-?tuned|tuned|training|run)(?: \w{1,30}){0,4} for(?: a total of)? "
            rf"{_V} (?:training |optimization |gradient |update )?(?:steps|iterations)"),
        ("for", "max_steps", _steps,
            r"\b(?:trained|fine-?tuned|tuned|training|run)(?: \w{1,30}){0,4} for(?: a total of)? "
            r"(\d{1,4}(?:\.\d{1,3})?[kK]) (?:training |optimization |gradient |update )?(?:steps|iterations)"),
        ("energy", "energy_kwh", _kilowatt_hours,
            rf"\b(?:energy|electricity)\b[^.\n\d]{{0,40}}?[:=\s~≈]\s{{0,3}}[*`_]{{0,3}}({_N}\s?[kM]?Wh)\b"),
        ("consum", "energy_kwh", _kilowatt_hours,
            rf"\b(?:consum\w+)\W{{1,3}}(?:(?:about|around|roughly|approximately)\s)?({_N}\s?[kM]?Wh)\b"),
        ("rank", "adapter.r", _positive, _said("rank")),
        ("alpha", "adapter.alpha", _positive, _said("alpha")),
    )
)  # fmt: skip
_WORDS_OF = tuple(dict.fromkeys(trigger for trigger, *_ in _SENTENCES))
_NOT_OURS = re.compile(
    r"pre-?train(?:ed|ing) (?:for|on|with|using|was|of|procedure)|\b(?:you can|you may|you should|we recommend"
    r"|recommend|try |e\.g\.|for example|if you|"
    r"early stopping|patience|baseline|each of|per epoch|every|after epoch|grid|search|range|either|between (?=[\d*`])"
    r"|best epoch|previous|original model|"
    r"stage|phase|calibrat|first \d+ epochs|then for|followed by|teacher|respectively)",
    re.IGNORECASE,
)
_ASIDE = (
    "train", "can", "may", "should", "recommend", "try", "e.g", "example", "if you", "early", "patience", "baseline",
    "each", "per epoch", "every", "after", "grid", "search", "range", "either", "between", "best", "previous",
    "original", "stage", "phase", "calibrat", "first", "then", "followed", "teacher", "respectively",
)  # fmt: skip
"""Words one of which stands in whatever `_NOT_OURS` finds; to look for them is quicker."""
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[A-Z\"'*(`])|\n")
_AFTER = re.compile(r"\b(?:after|at|by|from|epoch)\s{0,3}$", re.IGNORECASE)
_TRAINED = re.compile(r"\b(?:train(?:ed|ing)?|fine-?tun\w+|finetun\w+|ran)\b", re.IGNORECASE)
_TOOK = re.compile(
    r"\b(?:took|takes|cost|lasted|finished in|completed in|training (?:time|duration)\s?(?:was|is|of|:)"
    r"|trained (?:\w+ ){0,6}?(?:for|in)|hours used)\W{0,3}(?:about |around |approximately |roughly |over "
    r"|nearly |~\s?)?(\d[\d.:]{0,12}\s?(?:h|hrs?|hours?|min|minutes?|days?)\b(?:(?:,"
    r"| and)? \d{1,2}\s?(?:min|minutes?|m)\b)?)",
    re.IGNORECASE,
)
_SCHEDULED = re.compile(
    r"\b(linear|cosine|constant|polynomial)(?: learning rate"
    r"| lr)?(?: warm-?up)?(?: and)?(?: with)? ?(?:schedul\w+|decay|annealing|learning rate|lr schedul)",
    re.IGNORECASE,
)
_OPTIMIZED = re.compile(
    r"\b(AdamW|Adam|SGD|Adafactor|RMSprop|Lion|AdaGrad|Adadelta)(?:_\w+)?(?:\s(?:8-?bit"
    r"|fused))?\s?(?:\[[^\]]*\]\([^)]*\)\s?)?optimi[sz]er|optimi[sz]er(?: was| is| used|:"
    r"| \w+ was)? (AdamW|Adam|SGD|Adafactor|RMSprop|Lion)\b|\busing (AdamW|Adam|SGD|Adafactor)\b",
    re.IGNORECASE,
)
_PRECISE = re.compile(
    r"\b(?:using|with|in|mixed[- ]precision)\W{1,3}(?:mixed[- ]precision\W{0,3})?(?:\w+ )?\(?(fp16|bf16"
    r"|bfloat16|float16|fp32|float32)\b",
    re.IGNORECASE,
)
_QUANTIZED = re.compile(
    r"\b(?:quanti[sz]ed (?:to|in|with|using) (?:an? )?(4|8)[- ]?bits?|(4|8)[- ]?bit quanti[sz]ation"
    r"|loaded in (4|8)[- ]?bit)",
    re.IGNORECASE,
)
_SAMPLES = re.compile(
    rf"(?<!~)\b({_N}) (?:labell?ed |annotated |unique |different )?(train(?:ing)?|test(?:ing)?|validation|dev"
    rf"|evaluation)(?: (?:set|data))? (?:samples|examples|images|sentences|instances|rows|records|reviews"
    rf"|texts|documents|tweets|articles|questions|pairs)\b",
    re.IGNORECASE,
)
_SAMPLES_FOR = re.compile(
    rf"(?<!~)\b({_N}) (?:labell?ed |annotated )?(?:samples|examples|images|sentences|instances|rows|records"
    rf"|reviews|texts|documents|tweets|articles|questions)? ?(?:were |was |are "
    rf"|is )?(?:used )?for (train(?:ing)?|test(?:ing)?|validation|evaluation)\b",
    re.IGNORECASE,
)
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "validation": "validation",
    "dev": "validation",
    "evaluation": "validation",
}
_UNNAMED = re.compile(
    r"\b(?:on|using|with) (an?|one|two|four|eight|a single|single|[1-9]\d{0,3}) (?:cloud )?GPUs?\b(?! hours)",
    re.IGNORECASE,
)
_PROVIDER = re.compile(
    r"\bGoogle Colab(?:oratory)?(?: Pro\+?)?|\bKaggle(?=(?:'s)? (?:free )?(?:[PT]\d+|GPU|notebook))|\b(?:AWS"
    r"|Azure|GCP|Google Cloud|Lambda Labs|RunPod|Vast\.ai)\b",
    re.IGNORECASE,
)


def read_prose(page: Page, line: Line) -> None:
    """What the sentences of a line say of the training."""
    text = page.text
    low = text[line.start : line.end].lower()
    if not any(word in low for word in _WORDS_OF) and not any(
        word in low for word in ("train", "tun", "quanti", "optimi")
    ):
        return
    at = line.start
    for cut in [*(found for found in _SENTENCE.finditer(text, line.start, line.end)), None]:
        end = cut.start() if cut is not None else line.end
        if end > at:
            _sentence(page, text[at : min(end, at + 2000)], at, line)
        at = cut.end() if cut is not None else end


def _sentence(page: Page, words: str, at: int, line: Line) -> None:
    low = words.lower()
    if not page.may_search(at, at + len(words)):
        return
    if any(word in low for word in _ASIDE) and _NOT_OURS.search(words):
        return
    shown = words if words.isascii() else plain_same_length(words)
    for trigger, fact, reader, pattern in _SENTENCES:
        if trigger not in low:
            continue
        found = list(pattern.finditer(shown))
        if len(found) == 1:
            one = found[0]
            read = reader(next(filter(None, one.groups()), ""))
            if fact in ("adapter.r", "adapter.alpha") and "lora" not in low and "lora" not in line.title:
                continue
            if fact == "num_epochs" and _AFTER.search(shown[max(0, one.start() - 12) : one.start()]):
                continue
            if read is not None:
                page.say(fact, read, at + one.start(), at + one.end())
    if "optimi" in low or "adam" in low or "sgd" in low:
        for one in _OPTIMIZED.finditer(words):
            kind = _optimizer(one[1] or one[2] or one[3])
            if kind is not None:
                page.say("optimizer", kind, at + one.start(), at + one.end())
                _moments(page, words, at, at + len(words))
    if line.role == "training" or _TRAINED.search(words):
        _of_training(page, words, at)
    _samples(page, words, at)


def _samples(page: Page, words: str, at: int) -> None:
    for pattern in (_SAMPLES, _SAMPLES_FOR):
        for one in pattern.finditer(words):
            rows = int(float(one[1].replace(",", "")))
            if rows >= 10:
                page.say(f"rows.{SPLITS[one[2].lower()]}", rows, at + one.start(), at + one.end())


_TOLD: tuple[tuple[str, Callable[[str], Any], re.Pattern[str]], ...] = (
    ("lr_scheduler", str.lower, _SCHEDULED),
    ("mixed_precision", _precision, _PRECISE),
    ("quantization.bits", int, _QUANTIZED),
    ("training_time_hours", _hours, _TOOK),
)
# What somebody may do with the model, not what was done: `it can be fine-tuned on a single GPU`.
_POSSIBLE = re.compile(r"\bfor (?:fine-?tuning|training)\b|tunable|\b(?:fits?|can|able|requires?)\b", re.IGNORECASE)
_DEVICE = re.compile(r"\bGPUs?\b|TPU|\b[AVH]100|[TPK]\d{1,3}\b|RTX")


def _of_training(page: Page, words: str, at: int) -> None:
    """What only a sentence on training may say: schedule, precision, quantization, time and hardware."""
    low = words.lower()
    for fact, reader, pattern in _TOLD:
        found = pattern.search(words)
        if found is None or (fact == "training_time_hours" and ("per epoch" in low or "each" in low)):
            continue
        read = reader(next(filter(None, found.groups())))
        if read is not None:
            page.say(fact, read, at + found.start(), at + found.end())
    if "inference" not in low and _DEVICE.search(words) and not _POSSIBLE.search(words):
        hardware(page, words, at, at, at + len(words))
        if (count := _UNNAMED.search(words)) is not None:
            told = count[1].lower()
            page.say("hardware.count", _ONE_WORD.get(told) or int(told), at + count.start(), at + count.end())
        provider = _PROVIDER.search(words)
        if provider is not None:
            page.say("hardware.provider", provider.group(), at + provider.start(), at + provider.end())


_SAME = str.maketrans({"−": "-", "–": "-", "‑": "-", "％": "%", "’": "'", "\u00a0": " ", "×": "x"})


def plain_same_length(text: str) -> str:
    """Text with the signs of ASCII where others mean the same, each by one, so that offsets stay."""
    return text.translate(_SAME)


def read_pairs(page: Page) -> None:
    """All names with values of the body's lists, lines, tables and code, and its sentences."""
    code: dict[int, list[Line]] = {}
    for line in page.lines:
        if line.kind == "code" and line.role != "use":
            code.setdefault(line.block, []).append(line)
        elif line.kind not in ("code", "table") and line.role not in _SKIPPED:
            _line(page, line)
    for block in code.values():
        if page.text.startswith(_ARCHITECTURE, block[0].start):
            _architecture(page, block)
        else:
            _code(page, block)
        if any(page.text.startswith("Transformers", line.start) for line in block):
            _environment(page, block)
    for grid in page.grids:
        rows = [grid.header, *grid.rows]
        if grid.role not in _SKIPPED and all(len(row) == 2 for row in rows):
            weak = sum(key_of(row[0].text) in NAMES for row in rows) > 1
            for name, value in rows:
                read_pair(page, name.text, value.text, name.start, value.end, weak=weak, offset=value.start)
        elif grid.role not in _SKIPPED and len(grid.rows) == 1:
            _across(page, grid)


def _across(page: Page, grid: Grid) -> None:
    """A table of one row whose header names hyperparameters: `| Optimizer | Learning rate | … |`."""
    (row,) = grid.rows
    keys = [key_of(cell.text) for cell in grid.header]
    of_recipe = sum(key in NAMES for key in keys) > max(2, len(keys) // 3)
    for key, name, value in zip(keys, grid.header, row, strict=False):
        if of_recipe or key in _DEVICES:
            read_pair(page, name.text, value.text, value.start, value.end, weak=True, offset=value.start)


_INLINE = re.compile(r"`([A-Za-z]\w{0,40})\s?=\s?([^`\n]{1,100})`")  # `lr_scheduler_type = "linear"`
_SKIPPED = ("use", "pretraining", "other")


def _line(page: Page, line: Line) -> None:
    """A name with its value, and what else its words say; else sentences."""
    words = page.text[line.start : min(line.end, line.start + 2000)]
    found = _PAIR.match(words) if line.kind != "heading" else None
    weak = line.role == "training"
    before = len(page.facts)
    if found is not None:
        at = line.start + found.start(2)
        if read_pair(page, found[1], found[2], line.start, line.end, weak=weak, offset=at) and found[2].count(" ") < 3:
            return
    elif line.title.endswith("hardware") and line.kind != "heading":
        hardware(page, words, line.start, line.start, line.end)
        return
    if "`" in words:
        for one in _INLINE.finditer(page.text, line.start, line.start + len(words)):
            if line.start + (found.start(1) if found is not None else 0) != one.start(1):
                read_pair(page, one[1], one[2].strip("\"' "), one.start(1), one.end(2), weak=weak)
    known = {fact.name for fact in page.facts[before:]}
    between = len(page.facts)
    read_prose(page, line)
    page.facts[between:] = [fact for fact in page.facts[between:] if fact.name not in known]


def _code(page: Page, block: list[Line]) -> None:
    """Hyperparameters of a block of code: assignments, arguments, options of a command, YAML."""
    start, end = block[0].start, block[-1].end
    whole = page.text[start : min(end, start + 20_000)]
    if not any(word in whole for word in ("rate", "epoch", "batch", "lora", "load_in", "lr", "EPOCH", "LR")):
        return
    if ".generate(" in whole or "pipeline(" in whole:
        return
    before = len(page.facts)
    if "--" in whole:
        for one in _OPTION.finditer(whole):
            value = one[2] or "true"
            if "$" not in value:
                read_pair(page, one[1], value.strip("\"'"), start + one.start(), start + one.end(), weak=True)
    python = python_settings(whole) if "=" in whole or (whole.startswith("{") and len(block) == 1) else None
    if python is not None:
        _python(page, python, start)
    elif len(block) == 1 or "(" in whole:
        shown = _COMMENT.sub(lambda one: " " * len(one.group()), whole) if "\n" in whole else whole
        for one in _KWARG.finditer(shown):
            if one[1].islower():
                read_pair(page, one[1], one[2], start + one.start(), start + one.end(), weak=True)
    else:
        _settings(page, block)
    of_loader = block[0].role == "training" and whole.startswith("{")  # a `DataLoader`'s parameters
    if not of_loader and not any(fact.name in _STRONG for fact in page.facts[before:]):
        del page.facts[before:]


_ARCHITECTURE = "SentenceTransformer("
"""How sentence-transformers' generated cards begin the listing of a model, which says how many tokens it reads."""
_LONGEST = re.compile(r"Transformer\(\{'max_seq_length': (\d{1,6})\b")


def _architecture(page: Page, block: list[Line]) -> None:
    """The longest input of a model that sentence-transformers lists part by part."""
    for one in _LONGEST.finditer(page.text, block[0].start, min(block[-1].end, block[0].start + 2000)):
        page.say("max_length", int(one[1]), one.start(), one.end())


def _python(page: Page, settings: list[Setting], start: int) -> None:
    """What Python code sets; `start` is where the code begins."""
    for name, value, first, last, derived in settings:
        before = len(page.facts)
        read_pair(page, name, value.strip("\"'"), start + first, start + last, weak=True)
        if derived:
            page.facts[before:] = [replace(fact, status="derived") for fact in page.facts[before:]]


def _environment(page: Page, block: list[Line]) -> None:
    """The hardware that stands beside the versions of the software."""
    for line in block:
        found = _PAIR.match(page.text[line.start : min(line.end, line.start + 300)])
        if found is not None and key_of(found[1]) in _DEVICES:
            hardware(page, found[2], line.start + found.start(2), line.start, line.end)


_COMMENT = re.compile(r"#[^\n]*")


def _settings(page: Page, block: list[Line]) -> None:
    """Code without calls: a setting a line, as in YAML."""
    for line in block:
        words = page.text[line.start : min(line.end, line.start + 300)]
        found = _PAIR.match(words) if not words.startswith(("--", "#")) else None
        if found is not None and not found[2].startswith(("$", "args.")):
            value = found[2].partition("#")[0].rstrip(" ,;\\")
            read_pair(page, found[1], value, line.start, line.end, weak=True)
