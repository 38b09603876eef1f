"""What the text behind the name of a hyperparameter means: a number, a family, hours, an accelerator.

What follows a number decides with it: `2e-5 to 5e-5` is no learning rate, `8, 16 or 32` no batch size.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.markdown import plain
from registry.numbers import hours_in, plain_characters

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.readme.page import Page

NUMBER = r"(?<![\w.,])\d{1,12}(?:,\d{3}){0,3}(?:\.\d{1,20})?(?:[eE][-+]?\d{1,3})?"
# Not of a range, a list, a product or a name: `2e-5 to 5e-5`, `8, 16 or 32`, `4 x 8`, `3B`.
ONE = r"(?![\w%])(?!\.\d)(?!\s{0,3}(?:-|–|—|to|or|and|/|,|->|→|x|×|\*)\s{0,3}[\d.])(?!\s{0,3}(?:x|×|\*)\s{0,3}\w)"
_LEAD = r"[=:~≈\s\"'(]{0,12}"
_FIRST = re.compile(rf"{_LEAD}({NUMBER}){ONE}")
_FIRST_WORD = re.compile(r"[=:~\s]{0,12}(\w{1,20})\b")
_PERCENT = re.compile(r"[=:~\s]{0,12}(\d{1,3}(?:\.\d{1,6})?)\s?%")
_THOUSANDS = re.compile(rf"{_LEAD}{NUMBER}\s?(?:[kKMB]\b|GB|MB)")
_KILO = re.compile(rf"{_LEAD}(\d{{1,4}}(?:\.\d{{1,3}})?)\s?[kK]\b")
_POWER = re.compile(r"\*\*\s?(?=[-+]?\d)")
_NO_LETTER = re.compile(r"[\W_]")
ONE_WORD = {
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


def rate(value: str) -> float | None:
    """A learning rate."""
    read = number(value)
    return float(read) if read is not None and 0 < read < 30 else None


def share(value: str) -> float | None:
    """A share of one, also in percent."""
    found = _PERCENT.match(value)
    if found is not None:
        return float(found[1]) / 100 if float(found[1]) <= 100 else None
    read = number(value)
    return float(read) if read is not None and 0 <= read < 1 else None


def whole(value: str) -> int | None:
    """A whole number, also as a word; null for `10k`."""
    read = number(value)
    if read is None:
        word = _FIRST_WORD.match(value)
        return (
            ONE_WORD.get(word[1].lower()) if word is not None and word[1].lower() not in ("a", "an", "single") else None
        )
    if _THOUSANDS.match(value):
        return None
    return int(read) if read == int(read) and 0 <= read < 1e12 else None


def positive(value: str) -> int | None:
    """A whole number above 0."""
    read = whole(value)
    return read if read else None


def epochs(value: str) -> float | int | None:
    """Epochs, of which there may be half a one."""
    read: float | int | None = number(value)
    if read is None:
        read = whole(value)
    if read is None or not 0 < read <= 100_000:
        return None
    return int(read) if read == int(read) else read


def steps(value: str) -> float | int | None:
    """Steps, also in thousands: `10k`."""
    if (found := _KILO.match(value)) is not None:
        return round(float(found[1]) * 1000)
    read = number(value)
    if read is None or "%" in value[:20]:
        return None
    return int(read) if read == int(read) else read


def some_steps(value: str) -> float | int | None:
    """Steps, of which there is one at least."""
    return steps(value) or None


def real(value: str) -> float | None:
    """Any number."""
    read = number(value)
    return float(read) if read is not None else None


def tiny(value: str) -> float | None:
    """A number that an optimizer adds so as not to divide by 0; the `epsilon` of other methods is larger."""
    read = real(value)
    return read if read is not None and 0 < read <= 0.01 else None


_ALL_LINEAR = re.compile(r"\W{0,6}all[-_ ]linear\b")
_MODULE = re.compile(r"[A-Za-z_][\w.]{0,60}")
_QUANT_TYPE = re.compile(r"\b(nf4|fp4|int8|int4)\b", re.IGNORECASE)
_BITS = re.compile(r"\W{0,6}(?:int)?([2348])(?:[- ]?bits?\b|\s{0,3}$|\W)")
_PER = re.compile(r"\b(?:per|each|/)\s{0,3}(?:epoch|step|gpu)")
_TIME_RANGE = re.compile(r"\W{0,6}\d{1,6}\s?(?:-|–|to)\s?\d")
_TWO_PARTS = re.compile(r"(?<![:\d])\d{1,6}:\d\d(?![:\d])")
_BARE = re.compile(rf"\W{{0,6}}{NUMBER}\s{{0,6}}")
_OPTIMIZER = re.compile(
    r"(?<![A-Za-z])(paged[_ ])?(adam_?w|adamax|adamweightdecay|adafactor|adadelta|adagrad|nadam|radam|adam|sgd"
        r"|rmsprop|lion|lamb|sophia|muon)"
    r"(?![A-Za-z])", re.IGNORECASE,
)  # fmt: skip


def optimizer(value: str) -> str | None:
    """The one family of optimizers that is named."""
    found = {
        _NO_LETTER.sub("", one[2].lower()).replace("adamweightdecay", "adamw")
        for one in _OPTIMIZER.finditer(value[:300].replace("_", " ").replace("adam w", "adamw"))
    }
    if "adamw" in found:
        found.discard("adam")
    return found.pop() if len(found) == 1 else None


def optimizer_alone(value: str) -> str | None:
    """The family of a value that is an optimizer's name and nothing else: `name: Adam`, as Keras' settings have it."""
    found = _OPTIMIZER.fullmatch(value.strip(" \"'`,"))
    return optimizer(found.group()) if found is not None else None


_SCHEDULERS = (
    ("reduce_lr_on_plateau", re.compile(r"reduce[\s_]*(?:lr|learning rate)?[\s_]*on[\s_]*plateau", re.I)),
    (
        "cosine_with_restarts",
        re.compile(r"cosine[\s_]*(?:annealing[\s_]*)?(?:with[\s_]*|warm[\s_]*)(?:hard[\s_]*)?restarts", re.I),
    ),
    ("cosine_with_min_lr", re.compile(r"cosine_with_min_lr", re.I)),
    ("warmup_decay", re.compile(r"WarmupDecayLR", re.I)),
    ("warmup_stable_decay", re.compile(r"warmup_stable_decay", re.I)),
    ("noam", re.compile(r"\bnoam", re.I)),
    ("inverse_sqrt", re.compile(r"inverse[\s_](?:sqrt|square root)", re.I)),
    ("constant_with_warmup", re.compile(r"constant[\s_]*with[\s_]*warm-?up", re.I)),
    ("polynomial", re.compile(r"polynomial", re.I)),
    ("cosine", re.compile(r"\bcosine|WarmupCosine", re.I)),
    ("constant_with_warmup", re.compile(r"WarmupConstant", re.I)),
    ("linear", re.compile(r"\blinear|WarmupLinear", re.I)),
    ("constant", re.compile(r"\bconstant", re.I)),
)


def scheduler(value: str) -> str | None:
    """The schedule, by its name in transformers."""
    return next((name for name, pattern in _SCHEDULERS if pattern.search(value[:200])), None)


def precision(value: str) -> str | None:
    """The one number type that is named."""
    low = value[:200].lower()
    found = {name for name, words in (
        ("bf16", ("bf16", "bfloat16")), ("fp16", ("fp16", "float16", "half precision")), ("fp32", ("fp32", "float32")),
    ) if any(word in low.replace("bfloat16", "bf16") for word in words)}  # fmt: skip
    return found.pop() if len(found) == 1 else None


def flag(name: str) -> Callable[[str], str | None]:
    """A reader that says `name` where a value says yes."""
    return lambda value: name if value.strip(" ,\"'").lower() in _YES else None


def modules(value: str) -> tuple[str, ...] | None:
    """Names of layers."""
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


def dtype(value: str) -> str | None:
    """The number type as torch calls it."""
    return {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}.get(precision(value) or "")


def quant_type(value: str) -> str | None:
    """The kind of 4- or 8-bit numbers."""
    found = _QUANT_TYPE.search(value[:60])
    return found[1].lower() if found else None


def bits(value: str) -> int | None:
    """Bits of a number."""
    found = _BITS.match(value)
    return int(found[1]) if found else None


def truth(value: str) -> bool | None:
    """Yes or no."""
    low = value.strip(" ,\"'").split(" ")[0].lower()
    return True if low in _YES else False if low in _NO else None


def hours(value: str) -> float | None:
    """Hours that are called so: `3 h`, `1:07:41`, `2 days`; of a bare number it is not said what it counts."""
    if _PER.search(value[:120]) or _TIME_RANGE.match(value):
        return None
    value = plain_characters(value[:200])
    found = sorted(set(hours_in(value)))
    if found and _TWO_PARTS.search(value):
        return None
    return found[0] if len(found) == 1 else None


def number_of_hours(value: str) -> float | None:
    """What stands behind `Hours used`, also without a unit."""
    if _BARE.fullmatch(plain_characters(value[:200])):
        return real(value)
    return hours(value)


def kilowatt_hours(value: str) -> float | None:
    """Energy in kWh."""
    read = number(value)
    size = {"k": 1.0, "m": 1000.0}.get(value.strip()[-3:-2].lower(), 0.001)
    return float(f"{read * size:.12g}") if read else None


_ENERGY = re.compile(rf"[=:~≈\s]{{0,12}}{NUMBER}\s?[kM]?Wh\b", re.IGNORECASE)


def kilowatt_hours_alone(value: str) -> float | None:
    """Energy in kWh, of a value that begins with it."""
    found = _ENERGY.match(value)
    return kilowatt_hours(found.group()) if found is not None else None


def seconds(value: str) -> float | None:
    """Seconds as hours."""
    if ":" in value:
        return hours(value)
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
        page.say("hardware.count", int(count) if count.isdigit() else ONE_WORD[count.lower()], start, end)


def name_alone(value: str) -> str | None:
    """A short name."""
    value = plain(value).strip(" .")
    return value if value and value.lower() not in _NO and len(value) < 80 else None


_BETAS = re.compile(r"betas?\d?\W{0,12}\(?\s?(0?\.\d{1,8})\s?,\s?(0?\.\d{1,8})\s?\)?", re.I)
_BETA = re.compile(r"(?:beta_?|β)\s?(?:<sub>)?([12₁₂])(?:</sub>)?['\"]?\s?[=:]?\s?(0?\.\d{1,8})", re.I)
_EPSILON = re.compile(
    r"(?:epsilon|\beps)['\"]?\s?[=:]?\s?(?:of\s)?(\d{1,3}(?:\.\d{1,12})?(?:e-?\d{1,3})?)(?![\d.]*\w)", re.I
)
_KERAS = re.compile(r"'(learning_rate|weight_decay(?:_rate)?|initial_learning_rate|warmup_steps)': ([\d.e-]{1,30})")


def moments(page: Page, value: str, start: int, end: int) -> None:
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


def moment(page: Page, which: int, value: str, start: int, end: int) -> None:
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
