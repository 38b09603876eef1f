"""Reported numbers as data: a text as written, its value, its rounding and its unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["fraction", "percent", "raw"]

# `1,250` is a number with a separator of thousands, `0,85` one with a decimal comma; the 2 of `CO2` is none.
_NUMBER = re.compile(
    r"(?<![A-Za-z\d.,])[-+]?(?:[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?![\d,.]*\d)"
)
_THOUSANDS = re.compile(r",(?=\d{3})")
_PLACEHOLDER = re.compile(r"\be\.?\s?g\.|\bfor example\b|\bx+\.x+\b|\[more information needed\]|\btbd\b", re.IGNORECASE)
_APPROXIMATE = re.compile(r"[~≈±]|\b(?:about|approx\w*|around|roughly|nearly)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Number:
    """A number somebody reported.

    Attributes:
        text: The text as written, `85%` or `e.g., 89.20%`.
        value: The number, percent divided by 100: 0.85.
        half_width: Half a unit of the last written digit, in the units of `value`: 0.005. A value rounded to the
            written digits lies within `value ± half_width`.
        decimals: Digits written after the decimal mark.
        unit: `percent` if a percent sign follows the number, else `fraction` for a value in 0..1, else `raw`.
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


def read_number(text: str) -> Number:
    """Read the one number in `text`.

    >>> read_number("85%").value, read_number("85%").half_width
    (0.85, 0.005)
    >>> read_number("0.8500").decimals
    4

    Raises:
        ValueError: No number, more than one, or one too large for a float is in the text.
    """
    found = list(_NUMBER.finditer(text))
    if len(found) != 1:
        raise ValueError(f"expected one number, found {len(found)} in {text!r}")
    digits = found[0].group()
    grouped = re.match(r"[-+]?[1-9]\d{0,2},\d{3}", digits)
    digits = _THOUSANDS.sub("", digits) if grouped else digits.replace(",", ".")
    mantissa, _, exponent = digits.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    percent = text[found[0].end() :].lstrip().startswith("%")
    value = float(digits)
    half_width = float(f"0.5e{int(exponent or 0) - decimals}")
    if percent:
        # Scaled in decimal text, so that 92.68% is exactly the float nearest to 0.9268.
        value, half_width = float(f"{mantissa}e{int(exponent or 0) - 2}"), half_width / 100
    if not (math.isfinite(value) and math.isfinite(half_width)):
        raise ValueError(f"too large a number: {text!r}")
    unit: Unit = "percent" if percent else "fraction" if 0 <= value <= 1 else "raw"
    return Number(
        text=text,
        value=value,
        half_width=half_width,
        decimals=decimals,
        unit=unit,
        approximate=bool(_APPROXIMATE.search(text)),
        placeholder=bool(_PLACEHOLDER.search(text)),
    )
