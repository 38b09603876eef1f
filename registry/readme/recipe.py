"""The recipe that a README states: hyperparameters, adapter, quantization, hardware and time.

A value is read where a name of `NAMES` stands before it (a list, a table of two columns, code, options of a command),
or by `registry.readme.sentences`. Sections on use, on pretraining and on other models are passed over.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from registry.markdown import plain
from registry.numbers import PLACEHOLDER
from registry.readme.code import python_settings
from registry.readme.page import ELSEWHERE
from registry.readme.sentences import read_prose
from registry.readme.values import (
    NUMBER,
    bits,
    dtype,
    epochs,
    flag,
    hardware,
    hours,
    kilowatt_hours_alone,
    modules,
    moment,
    moments,
    name_alone,
    number_of_hours,
    optimizer,
    optimizer_alone,
    positive,
    precision,
    quant_type,
    rate,
    real,
    scheduler,
    seconds,
    share,
    some_steps,
    steps,
    tiny,
    truth,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.markdown import Grid, Line
    from registry.readme.code import Setting
    from registry.readme.page import Page

NAMES: dict[str, tuple[str, Callable[[str], Any]]] = {
    key: (fact, reader)
    for fact, reader, keys in (
        ("learning_rate", rate, "learning rate; lr; initial learning rate; peak learning rate; init lr; "
            "initial lr; learning rate lr"),
        ("num_epochs", epochs, "epochs; num epochs; number of epochs; num train epochs; training epochs; "
            "total epochs; "
         "train epochs; nepochs; n epochs; max epochs; max epoch; num training epochs; "
         "number of training epochs; no of epochs; "
             "epochs trained; epoch"),
        ("max_steps", some_steps, "training steps; max steps; total steps; train steps; number of training "
            "steps; num train steps; "
         "total training steps; total optimization steps; number of steps; train iters; max train steps"),
        ("train_batch_size", positive, "train batch size; batch size; per device train batch size; per gpu "
            "train batch size; "
         "training batch size; per device batch size; batch size per device; batchsize; train bs; batch; "
         "batch size per gpu; train batch size per device; per gpu batch size; micro batch size; mini batch size; "
         "batch size train"),
        ("eval_batch_size", positive, "eval batch size; per device eval batch size; per gpu eval batch size; "
         "evaluation batch size; validation batch size; batch size eval"),
        ("total_train_batch_size", positive, "total train batch size; effective batch size; global batch size; "
         "total batch size; effective train batch size; batch size effective; total effective batch size"),
        ("gradient_accumulation_steps", positive, "gradient accumulation steps; gradient accumulation; "
            "accumulation steps; "
         "grad accumulation steps; grad accumulation; grad accum steps; accum grad; "
         "gradient accumulate steps; gradient accumulation step"),
        ("optimizer", optimizer, "optimizer; optim; optimiser; optimizer name; optimization algorithm; "
            "optimizer type; optimizer class; optimization"),
        ("optimizer", optimizer_alone, "name"),
        ("lr_scheduler", scheduler, "lr scheduler type; lr scheduler; scheduler; learning rate scheduler; "
            "scheduler type; "
         "learning rate scheduler type; learning rate schedule; lr schedule; schedule; learning rate decay; "
             "scheduler name"),
        ("warmup_steps", steps, "warmup steps; lr scheduler warmup steps; num warmup steps; number of warmup "
            "steps; warm up steps"),
        ("warmup_steps", positive, "warmup"),
        ("warmup_ratio", share, "warmup ratio; lr scheduler warmup ratio; warm up ratio; warmup proportion"),
        ("weight_decay", real, "weight decay; weight decay rate; l2 weight decay"),
        ("seed", whole, "seed; random seed; training seed; manual seed; data seed"),
        ("adam_epsilon", real, "adam epsilon; adam eps"), ("adam_epsilon", tiny, "epsilon; eps"),
        ("mixed_precision", precision, "training precision; training regime; mixed precision; precision; "
            "mixed precision training; "
         "compute precision; training dtype; train dtype; train precision"),
        ("mixed_precision", flag("fp16"), "fp16; use fp16"), ("mixed_precision", flag("bf16"), "bf16; use bf16"),
        ("max_length", positive, "max length; max seq length; max sequence length; maximum sequence length; "
            "max length of input; max input length; maximum input length; sequence length; "
         "sequence len; block size; max seq len; model max length; model max len; cutoff len; maximum length; "
             "seq length; "
         "max token length; max len; cutoff length; seq len; max tokens length"),
        ("adapter.r", positive, "lora r; r; rank; lora rank; rank r; lora rank r; lora dim; adapter r; lora "
            "attention dimension"),
        ("adapter.alpha", positive, "lora alpha; alpha; lora alpha value; scaling alpha; adapter alpha"),
        ("adapter.dropout", share, "lora dropout; adapter dropout"),
        ("adapter.target_modules", modules, "target modules; lora target modules; lora modules; target layers"),
        ("quantization.bits", lambda value: 4 if truth(value) else None, "load in 4bit; 4 bit bnb; bnb 4bit; 4bit"),
        ("quantization.bits", lambda value: 8 if truth(value) else None, "load in 8bit"),
        ("quantization.bits", bits, "bits; quantization; quantization bits"),
        ("quantization.type", quant_type, "bnb 4bit quant type; quant type; 4bit quant type; quantization type"),
        ("quantization.double_quant", truth, "bnb 4bit use double quant; double quant; double quantization; "
            "use double quant"),
        ("quantization.compute_dtype", dtype, "bnb 4bit compute dtype; compute dtype"),
        ("hardware.count", positive, "num devices; num gpus; number of gpus; n gpus; gpu count; num gpu; "
            "number of devices"),
        ("hardware.provider", name_alone, "cloud provider; provider"),
        ("hardware.region", name_alone, "compute region"),
        ("training_time_hours", number_of_hours, "hours used; training hours; training time hours; hours"),
        ("training_time_hours", hours, "training time; training duration; run duration; train "
            "time; total training time; "
         "time; duration; durée de l entraînement; durée de l entrainement; time taken; "
         "wall clock time"),
        ("training_time_hours", seconds, "train runtime; training time in seconds; training time s"),
        ("energy_kwh", kilowatt_hours_alone, "energy; energy consumption; energy consumed; energy used; electricity; "
            "power consumption; total energy; energy kwh; energy consumption kwh; energy consumed kwh; energy usage"),
        ("rows.train", positive, "train samples; training samples; training examples; train size; training "
            "set; train set; "
         "training set size; training dataset; training dataset size; number of training samples; training "
             "data size; train examples"),
        ("rows.validation", positive, "eval samples; validation samples; validation examples; validation "
            "size; validation set; "
         "validation set size; validation dataset; dev set; evaluation samples"),
        ("rows.test", positive, "test samples; test examples; test size; test set; test set size; test "
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
        "name",
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
_HEADING = re.compile(
    r"([A-Za-z][\w -]{0,50}?)[*`_]{0,3}\s?:\s?[*`_]{0,3}([\d.][\w.-]{0,12})[*`_]{0,3}\s?$"
)  # `#### Epochs: **3**`
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
        moment(page, _MOMENTS[key], value, start, end)
    elif key not in NAMES:
        return False
    elif weak or key not in WEAK:
        return _read_named(page, key, value, start, end, offset)
    return True


def _read_named(page: Page, key: str, value: str, start: int, end: int, offset: int) -> bool:
    """Add what stands behind a name of `NAMES`; false where its value is none."""
    fact, reader = NAMES[key]
    value = plain(value) if "<class " not in value[:9] else value  # a class of Python is no tag
    if is_placeholder(value):
        page.say(fact, None, start, end, "placeholder")
        return True
    read = reader(value)
    if fact == "train_batch_size" and _TOTAL.match(value):
        fact = "total_train_batch_size"
    if read is not None and not (fact.startswith("rows.") and (read < 10 or not _ROWS.match(value))):
        page.say(fact, read, start, end)
    if fact == "optimizer":
        moments(page, value, start, end)
    elif fact == "training_time_hours":
        hardware(page, value, offset, start, end)
    elif key == "quantization" and (kind := quant_type(value)) in ("nf4", "fp4"):
        page.say("quantization.type", kind, start, end)
    return read is not None


_DEVICES = frozenset({
    "device", "hardware type", "hardware", "gpu", "gpus", "gpu type", "gpu model", "gpu used", "accelerator",
    "accelerators", "azureml sku", "cpu gpu",
})  # fmt: skip
_TOTAL = re.compile(r"[^a-z]{0,20}(?:total|effective|global)", re.IGNORECASE)
_ROWS = re.compile(
    rf"\W{{0,6}}{NUMBER}\s{{0,3}}(?!(?:k|%|classes|hours|gb|mb|epochs?|tokens|words)\b)(?:$|[a-z(,.])", re.IGNORECASE
)


def read_pairs(page: Page) -> None:
    """All names with values of the body's lists, lines, tables and code, and its sentences."""
    code: dict[int, list[Line]] = {}
    for line in page.lines:
        if line.kind == "code" and line.role != "use":
            code.setdefault(line.block, []).append(line)
        elif line.kind not in ("code", "table") and line.role not in ELSEWHERE:
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
        if grid.role not in ELSEWHERE and all(len(row) == 2 for row in rows):
            weak = sum(key_of(row[0].text) in NAMES for row in rows) > 1
            for name, value in rows:
                read_pair(page, name.text, value.text, name.start, value.end, weak=weak, offset=value.start)
        elif grid.role not in ELSEWHERE and len(grid.rows) == 1:
            _across(page, grid)


def _across(page: Page, grid: Grid) -> None:
    """A table of one row whose header names hyperparameters: `| Optimizer | Learning rate | … |`."""
    (row,) = grid.rows
    keys = [key_of(cell.text) for cell in grid.header]
    known = sum(key in NAMES for key in keys)
    of_recipe = known > max(2, len(keys) // 3) or (known > 1 and "hyperparam" in grid.title)
    for key, name, value in zip(keys, grid.header, row, strict=False):
        if of_recipe or key in _DEVICES:
            read_pair(page, name.text, value.text, value.start, value.end, weak=True, offset=value.start)


_INLINE = re.compile(r"`([A-Za-z]\w{0,40})\s?=\s?([^`\n]{1,100})`")  # `lr_scheduler_type = "linear"`


def _line(page: Page, line: Line) -> None:
    """A name with its value, and what else its words say; else sentences."""
    words = page.text[line.start : min(line.end, line.start + 2000)]
    found = _PAIR.match(words) if line.kind != "heading" else _HEADING.match(words)
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
