"""Whether the words that are quoted for a value deny it: they hold a number, and not that one.

A false accusation is worse than silence. So what may accuse is read strictly, and what may acquit in every way that it
may have been meant: glued to letters, as a percentage, in thousands, as a power, as a word, as a time in other units.
"""

from __future__ import annotations

import html
import math
import re
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.numbers import MASSES, PLACEHOLDER, TIMES, Number, hours_in, numbers_in, plain_characters, read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHARACTERS = 100_000
"""Of a longer quote nothing is read."""

# No number of a run has so many digits; this bounds the time that every pattern below can take, too.
_LONG = re.compile(r"\d{31,}")

# The 4 of `T4` and the 16 of `fp16` are parts of names, the 40 of `40 GB` is of another quantity than any field's;
# `1,250` has a separator of thousands, `0,85` a decimal comma.
_NUMBER = re.compile(
    r"(?<![A-Za-z_\d.])(?P<digits>[1-9]\d{0,2}(?:,\d{3}){1,9}(?!,?\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][-+]?\d{1,4})?(?!\.{0,3}\d)(?!\s?(?:[KMGT]i?B|k?W|[MG]Hz)\b)(?P<tail>\s*[kKM%](?![A-Za-z]))?"
)
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,]*\d)")
_VERSION = re.compile(r"(?<![\d.])\d+(?:\.\d+)+(?:[+.]?\w+)*")
# Loosely: digits wherever they stand, `2.e-5`, `5 e-5`, `2e^-5`; `25 000`, `25.000`, `25'000`; `2 x 10^-5`, `e-3`.
_DIGITS = re.compile(r"(?P<mantissa>\d+\.?\d*|\.\d+)(?:\s?[eE]\^?\s?(?P<exponent>[-+]?\d{1,3}))?")
_GROUPS = re.compile(r"\d{1,3}(?:[ .,'\u2019]\d{2,3}){1,9}(?!\d)")
_POWER = re.compile(r"(?:(\d+(?:\.\d+)?)\s{0,3}[x*·]\s{0,3})?(\d{1,2})\s{0,3}\^\s{0,3}([-+]?\d{1,3})")
_PRODUCT = re.compile(r"(?<![\d.])(\d+)\s?[x×]\s?(\d+)(?![\d.])")
_PART = re.compile(r"\b(half|third|quarter|fifth|tenth) of (?:the |all |its |our |these )?(?=\d)", re.IGNORECASE)
_ABOUT = re.compile(
    r"(?:[~≈]|\b(?:about|approx(?:imately|\.)?|around|roughly|nearly|almost|over|circa|ca\.))\s?(?=\d)", re.I
)
_SPACED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:[ '\u2019]\d{3}){1,9}(?![\d.,])")
# An example is the number that follows `e.g.` and the like, or that has it in brackets behind it.
_EXAMPLE = re.compile(
    rf"(?:{PLACEHOLDER.pattern})[^\d\n]{{0,20}}[-+]?\d[\d.,:]*\s?\S{{0,8}}"
    r"|\d[\d.,]*\s?%?\s?\(?(?:tbd|(?-i:TODO)|placeholder)\b",
    re.IGNORECASE,
)
_REST = re.compile(r"\b(?:rest|remaining|remainder)\b", re.IGNORECASE)
_BARE_EXPONENT = re.compile(r"(?<![\w.])[eE](-\d{1,2})(?!\d)")
_SCALE = re.compile(r"(\d+(?:\.\d+)?)\s?(k|K|M|hundred|thousand|million|billion)\b")
_SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "hundred": 100.0, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_RATIO = re.compile(r"(\d+)\s?[:/]\s?(\d+)")
_TAILS = {"k": 1e3, "K": 1e3, "M": 1e6, "%": 0.01, "": 1.0}
_SHARE = re.compile(r"^data\.split\.|ratio$|dropout|smoothing|decay$|margin$|\.sd$")
"""Fields whose percent sign may be left out, as in a ratio of 80-20."""

_WORDS = {
    word: value
    for value, words in {
        0: "zero no none without never disabled",
        1: "one once single", 2: "two twice double dual pair", 3: "three triple", 4: "four quad", 5: "five",
        6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen",
        14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty",
        30: "thirty",
        40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety", 100: "hundred",
        1000: "thousand", 0.5: "half", 1 / 3: "third", 0.25: "quarter", 0.2: "fifth", 0.1: "tenth",
    }.items()
    for word in words.split()
}  # fmt: skip


# Words that are numbers only beside the noun that the field counts: `a GPU`, `an epoch`; and `decay off`.
_NOUNS = {
    "training.epochs": r"epochs?|passes|pass",
    "training.gradient_accumulation_steps": r"(?:accumulation |gradient accumulation )?steps?",
    "training.warmup_steps": r"(?:warm-?up )?steps?",
    "hardware.count": r"(?:\w+ ){0,3}(?:gpus?|cards?|devices?|accelerators?|machines?|nodes?|[atlvh]\d{1,3}\w*|cpus?)",
}
_OFF = r"\W{1,3}(?:is |was |were )?(?:not|off)\b"
_TIME_WORDS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0, "week": 168.0}
_TIME = re.compile(r"\b(half an?|[a-z]+)[ -](?:(and) a half )?(minute|hour|day|week)s?\b( and a half)?", re.IGNORECASE)
_H_MIN = re.compile(r"(?<![\d.,:])(\d{1,4})\s?h(?:rs?|ours?)?\s(\d{1,2})(?![\w:]|[.,]\d)", re.IGNORECASE)


def contradiction(path: str, value: Any, words: str) -> str | None:
    """Say so if `words` hold numbers and not the value; a claim's also not with the digits it is written with.

    Args:
        path: Dotted path of the value.
        value: Only numbers, versions, the texts of claims, and lists or tables of these are looked at.
        words: What is quoted for it.
    """
    items, have, denied = _compared(path, value, words)
    # Of several values a source may name some: `--adam_beta2 0.999`.
    some = len(have) < len(items) and len(denied) < len(items) and not _is_claim(path)
    if not have or not denied or some:
        return None
    have = [text.strip() for text in have]
    if not all(text in words for text in have):  # put in another form to be read
        have = [text.rstrip(".,;:)]") for text in re.findall(r"[-\u2212]?\d\S{0,40}", words)]
    return (
        f"is {_shown(denied[0])}, but the quoted words have {', '.join(have[:6])}; "
        "correct it, or quote the words that state it"
    )


def unsaid(path: str, value: Any, words: str) -> str | None:
    """The first number in `value` that stands nowhere in `words`; null where it has none."""
    _, _, denied = _compared(path, value, words)
    return _shown(denied[0]) if denied else None


def placeholder_of(path: str, value: Any, words: str) -> str | None:
    """Say so if words have the number of a claim as an example alone, and the claim has it as a result."""
    plain = _normalized(words[:MAX_CHARACTERS])
    if not _is_claim(path) or not PLACEHOLDER.search(plain):
        return None
    texts = [text for text in _flat(value) if isinstance(text, str) and not PLACEHOLDER.search(plain_characters(text))]
    examples = "".join(found.group() for found in _EXAMPLE.finditer(plain))
    results = _EXAMPLE.sub(" ", plain)
    for text in texts:
        if unsaid(path, text, results) and not unsaid(path, text, examples):
            return f"is {text}, but the words have it as an example; write it as they do, or quote the result"
    return None


def _shown(item: str | float) -> str:
    return item if isinstance(item, str) else f"{item:.12g}"


def _compared(path: str, value: Any, words: str) -> tuple[list[str | float], list[str], list[str | float]]:
    """The numbers in a value, those that words hold when read strictly, and those of the value that they lack."""
    items = list(_flat(value))
    if len(words) > MAX_CHARACTERS or not items:
        return items, [], []
    if path.startswith("software."):
        have = _VERSION.findall(words)
        return items, have, [item for item in items if isinstance(item, str) and _is_other_version(item, have)]
    plain = _normalized(words)
    have = [found.group() for found in _NUMBER.finditer(plain)]
    texts = [item for item in items if isinstance(item, str)] if _is_claim(path) else []
    denied: list[str | float] = []
    if texts:
        claims, rest = numbers_in(plain)
        missing = _missing_claims(path, set(texts), plain, claims, rest)
        have = [number.text for number in claims] or have
        denied += [text for text in texts if text in missing]
    numbers = [item for item in items if not isinstance(item, str)]
    if numbers:
        read = list(_hours(plain) if path.endswith("hours") else _readings(path, plain))
        about = list(_approximate(plain))
        denied += [item for item in numbers if not _among(path, item, read, about)]
    return items, have, denied


def _among(path: str, item: float, read: list[float], about: list[tuple[float, float]]) -> bool:
    """Whether a number is one of those that words may mean, or near one that they give roughly."""
    # In another unit hours were rounded: 0.67 for 40 minutes.
    step = 0.5 * 10 ** -max(1, len(f"{item:.12g}".partition(".")[2])) if path.endswith("hours") else 0.0
    return any(math.isclose(item, other, rel_tol=1e-9, abs_tol=max(step * (1 + 1e-9), 1e-12)) for other in read) or any(
        abs(item - other) <= width for other, width in about
    )


def _is_other_version(item: str, have: list[str]) -> bool:
    """Whether words name versions and not this; zeros at the end and a local part may be left out on one side."""
    if not _VERSION.fullmatch(item):
        return False

    def parts(version: str) -> tuple[str, str]:
        release = re.match(r"\d+(?:\.\d+)*", version)
        digits = release[0] if release else ""
        return re.sub(r"(?:\.0)+$", "", digits), version[len(digits) :].lstrip("+.")

    release, suffix = parts(item)
    others = [parts(version) for version in have]
    return not any(release == other and (suffix == tail or not suffix or not tail) for other, tail in others)


def _missing_claims(path: str, texts: set[str], plain: str, numbers: tuple[Number, ...], rest: str) -> set[str]:
    """Texts of claims that are not in words.

    Args:
        path: Dotted path of the claim, or of a table of them.
        texts: What to look for; what is no number is not missed.
        plain: The words without markup.
        numbers: The numbers in it.
        rest: What is left of it: digits glued to a word, lists.
    """
    loose = {
        (float(f"{found['mantissa']}e{found['exponent'] or 0}"), len(found["mantissa"].partition(".")[2]))
        for found in _DIGITS.finditer(_with_points(rest))
    }
    told = {*_in_words(path, plain), *(float(re.sub(r"\D", "", group)) for group in _SPACED.findall(plain))}
    written = {number.text for number in numbers}
    distinct = {(number.value, number.half_width, number.unit): number for number in numbers}.values()
    cells = path.startswith("epoch_table")
    missing = set()
    for text in texts - written:
        with suppress(ValueError):
            claim = read_number(text)
            if not any(_same(claim, other, cells) for other in distinct) and not _loosely(claim, loose, told):
                missing.add(text)
    return missing


def _loosely(claim: Number, loose: set[tuple[float, int]], told: set[float]) -> bool:
    """Whether a claim is among digits that no strict reading took (each with its decimals), or written out."""
    shown = claim.value * (100 if claim.unit == "percent" else 1)
    if any(_equal(shown, value) for value in told):
        return True
    return not _parted(claim) and any(
        (places == claim.decimals and _equal(shown, value))
        or _scaled(claim.value, claim.half_width, value, 0.5 * 10.0**-places)
        for value, places in loose
    )


def _equal(one: float, other: float) -> bool:
    """Whether two numbers are written alike: scores of 16 digits differ in the last."""
    return math.isclose(one, other, rel_tol=1e-15)


def _parted(number: Number) -> bool:
    """Whether a time is of several parts, `4:32 h`."""
    return number.unit in TIMES and not math.isclose(number.half_width, 0.5 * 10.0**-number.decimals, rel_tol=1e-9)


def _same(claim: Number, other: Number, cells: bool) -> bool:
    """Whether words give the number of a claim: its value, sign and digits, in its unit where both have one.

    Args:
        claim: The number of the claim.
        other: One in the words.
        cells: Whether it is the cell of a table, where an epoch `1` may be written `1.0`.
    """
    measures = (*MASSES, *TIMES)
    if (claim.unit in measures and other.unit in (*measures, "percent")) or (
        other.unit in measures and claim.unit == "percent"
    ):
        return _same_quantity(claim, other)
    if cells and not claim.decimals and other.value == claim.value and other.value % 1 == 0:
        return True
    if _parted(claim) or _parted(other):
        return abs(claim.value - other.value) <= max(claim.half_width, other.half_width)
    if claim.value == other.value == 0:
        return claim.decimals == other.decimals or math.isclose(claim.half_width, other.half_width, rel_tol=1e-9)
    return _scaled(claim.value, claim.half_width, other.value, other.half_width)


def _same_quantity(claim: Number, other: Number) -> bool:
    """Whether two numbers with units are the same; in another unit one may be the other rounded."""
    if claim.unit == other.unit and _parted(claim) == _parted(other):
        close = math.isclose(claim.value, other.value, rel_tol=1e-9)
        return close and math.isclose(claim.half_width, other.half_width, rel_tol=1e-9)
    try:
        other = other.to(claim.unit)
    except ValueError:
        return False
    return abs(claim.value - other.value) <= max(claim.half_width, other.half_width) * (1 + 1e-9)


def _scaled(one: float, one_width: float, other: float, other_width: float) -> bool:
    """Whether two numbers have the same digits; the percent sign may stand elsewhere, in a table's head."""
    return any(
        _equal(one * scale, other) and math.isclose(one_width * scale, other_width, rel_tol=1e-9)
        for scale in (1, 100, 0.01)
        if scale == 1 or max(abs(one), abs(other)) > 1  # 0.85 is no percentage
    )


def _is_claim(path: str) -> bool:
    return path.startswith(("reported[", "epoch_table"))


def _flat(value: Any) -> Iterator[str | float]:
    """The texts and numbers in a value."""
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield value


@lru_cache(maxsize=16)  # an entry of a section is read once for each value in it
def _normalized(words: str) -> str:
    """Words without markup, with plain characters, and powers of ten as exponents."""
    # Before `html.unescape` too, which reads the digits of `&#1;` as one number.
    text = html.unescape(_LONG.sub(" ", words))
    text = re.sub(r"<sup>\s{0,9}", "^", text).replace("\\times", "x").replace("\\cdot", "x").replace("×", "x")
    text = re.sub(r"<[^<>]{0,200}>", " ", text)
    text = re.sub(r"(?<![\d.])(10|2)\*\*(?=[-+]?\d)", r"\1^", re.sub(r"[`$\\{}]", "", text))
    text = re.sub(r"(?<=\d) and a half\b", ".5", plain_characters(text).replace("×", "x"))
    text = re.sub(r"\*(?=[*\d.%])|(?<=[\d.%*])\*+|(?<=\d)_(?=\d)", "", text.replace("**", ""))
    return _LONG.sub(" ", text)


def _with_points(text: str) -> str:
    """Decimal commas as points, but not the commas of a list or of thousands."""
    return _DECIMAL_COMMA.sub(lambda f: f[0] if len(f[2]) == 3 and f[1] != "0" else f"{f[1]}.{f[2]}", text)


def _plain(found: re.Match[str]) -> float:
    return float(found["digits"].replace(",", "") + (found["exponent"] or ""))


def _read(found: re.Match[str]) -> float:
    return _plain(found) * _TAILS[(found["tail"] or "").strip()]


def _readings(path: str, words: str) -> Iterator[float]:
    """Every number that the words may mean."""
    for text in {words, _with_points(words)}:
        for found in _NUMBER.finditer(text):
            yield from (_plain(found), _read(found))
            if _SHARE.search(path) and not found["exponent"]:
                yield _plain(found) / 100
                if _REST.search(words):
                    yield 1 - _plain(found) / 100
        for found in _DIGITS.finditer(text):
            yield float(f"{found['mantissa']}e{found['exponent'] or 0}")
        for found in _SCALE.finditer(text):
            yield from (float(found[1]) * _SCALES[found[2]], float(found[1]) * (1024.0 if found[2] in "kK" else 1.0))
    yield from _composed(words)
    yield from _in_words(path, words)


def _composed(words: str) -> Iterator[float]:
    """Numbers of several parts: groups of digits, powers, products, ratios, parts of a number."""
    for found in _GROUPS.finditer(words):
        yield float(re.sub(r"\D", "", found.group()))
    for found in _POWER.finditer(words):
        with suppress(OverflowError, ZeroDivisionError):  # no number that a card can have
            yield float(found[1] or 1) * float(found[2]) ** int(found[3])
    for found in _BARE_EXPONENT.finditer(words):
        yield float(f"1e{found[1]}")
    for found in _PRODUCT.finditer(words):
        yield float(found[1]) * float(found[2])
    for found in _RATIO.finditer(words):
        one, other = float(found[1]), float(found[2])
        yield from (one / other if other else math.inf, other / (one + other) if one + other else math.inf)
    for part in _PART.finditer(words):
        number = _NUMBER.match(words, part.end())
        if number is not None:
            yield _read(number) * _WORDS[part[1].casefold()]


def _approximate(words: str) -> Iterator[tuple[float, float]]:
    """Numbers that words give roughly, with half a unit of their last digit that is no zero: (25000, 500) for ~25k."""
    for about in _ABOUT.finditer(words):
        found = _NUMBER.match(words, about.end())
        if found is None:
            continue
        whole, _, places = found["digits"].replace(",", "").partition(".")
        zeros = len(whole) - len(whole.rstrip("0")) if not places else -len(places)
        value = _read(found)
        if value and math.isfinite(value):
            yield value, 0.5 * 10.0**zeros * value / _plain(found)


def _in_words(path: str, words: str) -> Iterator[float]:
    """Numbers that are written out, and those of two words: `thirty-two`, `five hundred`."""
    before = None
    for word in re.findall(r"[a-z]+", words.casefold()):
        number = _WORDS.get(word)
        if number is not None:
            yield number
            if before is not None:
                yield from (before + number, before * number)
        before = number
    noun = _NOUNS.get(path)
    if noun is not None:
        if re.search(rf"\b(?:a|an) (?:{noun})\b", words, re.IGNORECASE):
            yield 1.0
        if re.search(rf"\bboth (?:{noun})\b", words, re.IGNORECASE):
            yield 2.0
    for part in re.split(r"[._]", path.rpartition(".")[2]):
        name = part.replace("warmup", "warm-?up")
        if re.search(rf"\b{name}{_OFF}|\b(?:not|off)\W{{1,3}}(?:\w{{1,20}} ){{0,2}}{name}\b", words, re.IGNORECASE):
            yield 0.0


def _hours(words: str) -> Iterator[float]:
    """Every time that the words may mean, in hours; a number without a unit may be hours, minutes or seconds."""
    yield from hours_in(words)
    numbers, rest = numbers_in(words)
    for number in numbers:
        if number.unit in TIMES:
            yield number.to("h").value
        elif number.unit not in MASSES:
            yield from (number.value, number.value / 60, number.value / 3600, number.value * 24)
    for digits in _DIGITS.finditer(rest):  # glued to a word
        yield from (value := float(digits["mantissa"]), value / 60, value / 3600)
    for found in _H_MIN.finditer(words):
        yield int(found[1]) + int(found[2]) / 60
    for found in _TIME.finditer(words):
        one = found[1].casefold()
        count = 0.5 if one.startswith("half ") else 1.0 if one in ("a", "an") else _WORDS.get(one)
        if count is not None:
            yield (count + (0.5 if found[2] or found[4] else 0.0)) * _TIME_WORDS[found[3].casefold()]
