"""Reported numbers as data: a text as written, its value, its rounding and its unit."""

from __future__ import annotations

import math
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Unit = Literal["fraction", "percent", "raw", "g", "kg", "t", "ms", "s", "min", "h", "days", "weeks"]

MAX_CHARACTERS = 1000
"""A longer text is prose; the limit also bounds the time that the patterns below can take."""

# Of two units of a quantity one is a whole multiple of the other.
MASSES: dict[Unit, int] = {"g": 1, "kg": 1000, "t": 1_000_000}
"""Units of mass, in g."""
TIMES: dict[Unit, int] = {
    "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "days": 86_400_000, "weeks": 604_800_000,
}  # fmt: skip
"""Units of time, in ms."""

# `1,250` is a number with a separator of thousands, `0,85` one with a decimal comma; the 2 of `CO2` is none.
_NUMBER = re.compile(
    r"(?<![A-Za-z\d.,])[-+]?(?:[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?![\d,.]*\d)"
)
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
PLACEHOLDER = re.compile(
    r"\be\.\s?g\b|\beg\b|\bfor (?:example|instance)\b|\bplaceholder|\b(?:x+|\d+)[.,](?:x+|\d{1,9}xx+|[?_#]{2,})(?!\w)"
    r"|\[more information needed\]|\btbd\b|(?-i:\bTODO\b)",
    re.IGNORECASE,
)
_APPROXIMATE = re.compile(r"[~≈±]|\b(?:about|approx\w*|around|roughly|nearly)\b", re.IGNORECASE)

# What follows a number: `kg`, `kgCO2eq`, `-hour`. A single letter counts only as it is standardized: 5 S is no time.
_UNIT = re.compile(
    r"[\s-]?\s{0,2}(?:(?P<percent>%|(?i:percent|per cent|pct)(?!\w))"
    r"|(?:(?P<kg>(?i:kgs?|kilograms?|kilos?))|(?P<g>g|(?i:gr?ams?|grammes?))|(?P<t>t|(?i:tonnes?|metric tons?)))"
    r"(?=[\s._-]{0,9}CO[2₂]|(?!\w))"
    r"|(?:(?P<ms>(?i:ms|msecs?|milliseconds?))|(?P<s>s|(?i:secs?|seconds?))|(?P<min>(?i:mins?|minutes?))"
    r"|(?P<h>h|(?i:hrs?|hours?))|(?P<days>d|(?i:days?))|(?P<weeks>(?i:weeks?|wks?))"
    r"|(?P<none>m|(?i:lbs?|pounds?|oz|ounces?|tons?|months?|years?)))(?!\w))"
)
_NO_UNIT = "no unit of one fixed size that is read here; write g, kg, t, s, min, h or days"
_GLUED = re.compile(r"[dhmsx×]\d")  # `1h5`, `2x3`: more than one number, though the second begins inside a word

_N = r"\d+(?:[.,]\d+)?"
_AND = r"\s{0,9},?\s{0,9}(?:and\s{1,9})?"
_DAYS = rf"(?:(?P<days>{_N})\s?-?(?:days?|d)(?![A-Za-z]){_AND})?"
_CLOCK = re.compile(
    rf"(?<![\w.,:]){_DAYS}(?P<first>\d+):(?P<second>\d\d)(?::(?P<third>\d\d))?(?P<fraction>[.,]\d+)?(?![\d:]|[.,]\d)",
    re.IGNORECASE,
)
# `1h 23m`, `1 h 23 min 4 s`, `5 hours and 30 minutes`, and the French `1h30`.
_COMPOUND = re.compile(
    rf"(?<![\w.,:]){_DAYS}"
    rf"(?:(?P<h>{_N})\s?(?:hours?|hrs?|h)(?![A-Za-z]){_AND})?"
    rf"(?:(?P<min>{_N})\s?(?:minutes?|mins?|m)(?![A-Za-z]){_AND}|(?<=h)(?P<bare>\d\d)(?![\w.,]))?"
    rf"(?:(?P<s>{_N})\s?(?:seconds?|secs?|s)(?![A-Za-z\d]))?",
    re.IGNORECASE,
)

_SINGLE = re.compile(
    r"(?<![A-Za-z_\d.,])(?<![A-Za-z_\d.,][-+])(?:(?<![\w)\]%])[-+])?"
    r"(?:[1-9]\d{0,2}(?:,\d{3}){1,9}(?!,?\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:[eE][-+]?\d{1,4})?"
    r"(?![.,]{0,3}\d)(?![dhmsx]\d)"
)
"""As `_NUMBER`, in time that grows as the text does where runs of digits are bounded, and not glued to a word."""
_WEEKS = re.compile(rf"(?<![\d.,])({_N})\s?(?:weeks?|wks?)(?!\w)", re.IGNORECASE)

# A superscript behind a digit is a power, the 2 of `CO²` a digit, and one behind anything else a note: `85%¹`.
_SUPERSCRIPTS = "⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_POWER = re.compile(rf"(?<=\d)[{_SUPERSCRIPTS}]+")
_NOTE = re.compile(rf"(?<![A-Za-z^{_SUPERSCRIPTS}])[{_SUPERSCRIPTS}]+")
_TEN_TO = re.compile(r"(?:(?<=\d)\s{0,3}[x×*·⋅]\s{0,3}|(?<![\w.,^]))10\s?(?:\^|\*\*)\s?([-+]?\d{1,4})(?![.,]?\d)")
_FRACTIONS = str.maketrans({"½": ".5", "¼": ".25", "¾": ".75", "—": " - ", "―": " - "})
_DASHES = re.compile("[\u2010-\u2013\u2212]")
# In pieces, as ordering a long run of combining characters takes quadratic time.
_FOREIGN = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]{1,64}")


def plain_characters(text: str) -> str:
    """Text with the characters of ASCII where others mean the same, and powers of ten as exponents.

    >>> plain_characters("−0.12, 85％, 1.2×10⁻³")
    '-0.12, 85%, 1.2e-3'
    """
    text = text.translate(_FRACTIONS)
    text = _POWER.sub(lambda found: f"^{found.group()}", text)
    text = _FOREIGN.sub(lambda found: unicodedata.normalize("NFKC", found.group()), _NOTE.sub("", text))
    return _TEN_TO.sub(_as_exponent, _DASHES.sub("-", text))


def _as_exponent(found: re.Match[str]) -> str:
    """The `e-5` of `2 x 10^-5`, and `1e-5` for `10^-5`."""
    return f"{'' if found.group().lstrip()[0] in 'x×*·⋅' else 1}e{found[1]}"


@dataclass(frozen=True)
class Number:
    """A number somebody reported.

    Attributes:
        text: The text as written, `85%` or `e.g., 89.20%`.
        value: The number, percent divided by 100: 0.85. In its unit otherwise; a duration of several parts in the unit
            of the first: 4.53 for `4:32 h` and for `4 h 32 min`.
        half_width: Half a unit of the last written digit, in the units of `value`: 0.005. A value rounded to the
            written digits lies within `value ± half_width`.
        decimals: Digits written after the decimal mark.
        unit: The unit that follows the number: `percent`, a mass, or a time; without one `fraction` for a value in
            0..1, else `raw`.
        approximate: Whether the text itself says that the number is approximate (`~45`).
        placeholder: Whether the text itself says that the number is an example (`e.g., 89.20%`).
    """

    text: str
    value: float
    half_width: float
    decimals: int
    unit: Unit
    approximate: bool
    placeholder: bool

    @property
    def low(self) -> float:
        """Smallest true value that rounds to the text."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """Largest true value that rounds to the text."""
        return self.value + self.half_width

    def to(self, unit: Unit) -> Number:
        """The same number in another unit of the same quantity; one without a unit is taken to be in it.

        >>> read_number("450 g CO2eq").to("kg").value
        0.45

        Raises:
            ValueError: The number is of another quantity, or too large in that unit.
        """
        if self.unit in ("raw", "fraction") or self.unit == unit:
            return replace(self, unit=unit)
        for sizes in (MASSES, TIMES):
            if self.unit in sizes and unit in sizes:
                ratio = Fraction(sizes[self.unit], sizes[unit])
                value, half_width = (x * ratio.numerator / ratio.denominator for x in (self.value, self.half_width))
                return _checked(replace(self, value=value, half_width=half_width, unit=unit))
        raise ValueError(f"{self.text!r} is in {self.unit}, not in {unit}")


@lru_cache(maxsize=4096)
def read_number(text: str) -> Number:
    """Read the one number in `text`.

    >>> read_number("85%").value, read_number("85%").half_width
    (0.85, 0.005)
    >>> read_number("0.8500").decimals
    4
    >>> read_number("1h 30m").value, read_number("1h 30m").unit
    (1.5, 'h')

    Raises:
        ValueError: No number, more than one, one too large for a float, or one that can be read in two ways is in the
            text; or the text is longer than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"expected one number, found {len(text):,} characters")
    plain = plain_characters(text)
    if len(plain) > 2 * MAX_CHARACTERS:
        raise ValueError(f"expected one number, found {len(plain):,} characters")
    return _checked(replace(_duration(plain) or _plain(plain), text=text))


def _plain(text: str) -> Number:
    """Read a number with at most one unit."""
    numbers = list(_NUMBER.finditer(text))
    if len(numbers) != 1:
        raise ValueError(f"expected one number, found {len(numbers)} in {text!r}")
    found = numbers[0]
    if _GLUED.match(text, found.end()):
        raise ValueError(f"expected one number, found more in {text!r}")
    digits = found.group()
    mantissa, _, exponent = digits.lower().partition("e")
    mantissa = mantissa.replace(",", "" if _THOUSANDS.fullmatch(mantissa) else ".")
    decimals = len(mantissa.partition(".")[2])
    value = float(f"{mantissa}e{exponent or 0}")
    half_width = float(f"0.5e{int(exponent or 0) - decimals}")
    unit = _unit(text, found.end())
    if unit == "percent":
        # Scaled in decimal text, so that 92.68% is exactly the float nearest to 0.9268.
        value, half_width = float(f"{mantissa}e{int(exponent or 0) - 2}"), half_width / 100
    return _number(text, value, half_width, decimals, unit or ("fraction" if 0 <= value <= 1 else "raw"))


def _unit(text: str, at: int) -> Unit | None:
    """The unit that stands at a place of a text."""
    found = _UNIT.match(text, at)
    if found is None:
        return None
    if found["none"]:
        raise ValueError(f"{found['none']!r} is {_NO_UNIT}")
    unit: Unit = found.lastgroup  # type: ignore[assignment]  # the groups are named by the units
    return unit


def _duration(text: str) -> Number | None:
    """Read a time of several parts, `4:32 h` or `1 h 23 min`, if the text holds one and no other number."""
    clocks = list(_CLOCK.finditer(text))
    compounds = [found for found in _COMPOUND.finditer(text) if len([x for x in found.groups() if x]) > 1]
    if not clocks and not compounds:
        return None
    found = (clocks or compounds)[0]
    others = len(clocks or compounds) - 1 + len(_NUMBER.findall(f"{text[: found.start()]} {text[found.end() :]}"))
    if others:
        raise ValueError(f"expected one number, found {1 + others} in {text!r}")
    return _summed(text, _clock_parts(text, found) if clocks else _compound_parts(found))


def hours_in(text: str) -> Iterator[float]:
    """Every time of one or more parts in a text, in hours; a clock of two parts may be hours or minutes.

    >>> list(hours_in("5:25:54.30, that is 5 h 26 min"))
    [5.431749999999999, 5.433333333333334]
    """
    for found in _CLOCK.finditer(text):
        digits = [found["first"], found["second"], *filter(None, [found["third"]])]
        digits[-1] += found["fraction"] or ""
        days = float(found["days"].replace(",", ".")) * 24 if found["days"] else 0.0
        values = [float(part.replace(",", ".")) for part in digits]
        yield days + sum(value / 60**place for place, value in enumerate(values))
        if len(values) == 2:
            yield days + values[0] / 60 + values[1] / 3600
    for found in _COMPOUND.finditer(text):
        parts: dict[Unit, str | None] = {
            "days": found["days"], "h": found["h"], "min": found["min"] or found["bare"], "s": found["s"],
        }  # fmt: skip
        told = [(unit, float(value.replace(",", "."))) for unit, value in parts.items() if value]
        if told:
            yield sum(value * TIMES[unit] for unit, value in told) / TIMES["h"]
    for found in _WEEKS.finditer(text):
        yield float(found[1].replace(",", ".")) * TIMES["weeks"] / TIMES["h"]


@lru_cache(maxsize=16)
def numbers_in(text: str) -> tuple[tuple[Number, ...], str]:
    """Every number of a text of `plain_characters`, each with its unit, and the text with blanks in their place.

    >>> numbers, rest = numbers_in("4:32 h on 8 GPUs, acc_0.9")
    >>> [number.text for number in numbers], rest.split()
    (['4:32 h', '8'], ['on', 'GPUs,', 'acc_0.9'])
    """
    numbers: list[Number] = []
    for pattern in (_CLOCK, _COMPOUND, _SINGLE):
        kept, at = [], 0
        for found in pattern.finditer(text):
            if pattern is _COMPOUND and len([part for part in found.groups() if part]) < 2:
                continue
            unit = _UNIT.match(text, found.end()) if pattern is not _COMPOUND else None
            end = unit.end() if unit is not None else found.end()
            numbers += _readings(text[found.start() : end], found.group())
            kept += [text[at : found.start()], " " * (end - found.start())]
            at = end
        text = "".join([*kept, text[at:]])
    return tuple(numbers), text


def _readings(text: str, bare: str) -> Iterator[Number]:
    """What a number may mean: with its unit, or where that is none, bare; a clock as hours and as minutes."""
    found = False
    for written in (text, f"{bare} h", f"{bare} min") if ":" in bare else (text, bare):
        if not found or ":" in bare:
            with suppress(ValueError):
                yield read_number(written.strip())
                found = True
                if text != bare:
                    return


def _clock_parts(text: str, found: re.Match[str]) -> list[tuple[Unit, str]]:
    """The parts of `4:32 h`, `4:32 min`, `0:45:10` and `1 day, 2:03:04`."""
    unit = _unit(text, found.end())
    digits = [found["first"], found["second"], *filter(None, [found["third"]])]
    digits[-1] += found["fraction"] or ""
    clock = ":".join(digits)
    names: list[Unit] = ["h", "min", "s"]
    if len(digits) == 2 and unit == "min" and not found["days"]:
        names = ["min", "s"]
    elif len(digits) == 2 and unit != "h":
        raise ValueError(f"{clock!r} may be hours or minutes; write `{clock} h` or `{clock} min`")
    elif unit not in (None, "h"):
        raise ValueError(f"{clock!r} is hours, minutes and seconds, not {unit}; write it without a unit")
    parts = list(zip(names, digits, strict=False))
    return [("days", found["days"]), *parts] if found["days"] else parts


def _compound_parts(found: re.Match[str]) -> list[tuple[Unit, str]]:
    """The parts of `1 h 23 min 4 s`."""
    parts: list[tuple[Unit, str | None]] = [
        ("days", found["days"]), ("h", found["h"]), ("min", found["min"] or found["bare"]), ("s", found["s"]),
    ]  # fmt: skip
    return [(unit, digits) for unit, digits in parts if digits is not None]


def _summed(text: str, parts: list[tuple[Unit, str]]) -> Number:
    """The sum in the unit of the first part, rounded as the last one is written."""
    limits: dict[Unit, int] = {"h": 24, "min": 60, "s": 60}
    for index, (unit, digits) in enumerate(parts):
        if index and Fraction(digits.replace(",", ".")) >= limits[unit]:
            raise ValueError(f"{digits} {unit} in {text!r} is {limits[unit]} or more; correct it")
        if index < len(parts) - 1 and not digits.isdecimal():
            raise ValueError(f"{digits} {unit} in {text!r} has decimals, though a smaller unit follows; correct it")
    first, (last, digits) = parts[0][0], parts[-1]
    decimals = len(digits.replace(",", ".").partition(".")[2])
    total = sum(Fraction(written.replace(",", ".")) * TIMES[unit] for unit, written in parts)
    half = Fraction(TIMES[last], 2 * 10**decimals)
    try:
        value, half_width = (float(x / TIMES[first]) for x in (total, half))
    except OverflowError:
        value = half_width = math.inf
    return _number(text, value, half_width, decimals, first)


def _number(text: str, value: float, half_width: float, decimals: int, unit: Unit) -> Number:
    return Number(
        text=text,
        value=value,
        half_width=half_width,
        decimals=decimals,
        unit=unit,
        approximate=bool(_APPROXIMATE.search(text)),
        placeholder=bool(PLACEHOLDER.search(text)),
    )


def _checked(number: Number) -> Number:
    """The number itself, if floats hold it."""
    if not (math.isfinite(number.value) and math.isfinite(number.half_width)):
        raise ValueError(f"too large a number: {number.text!r}")
    return number
