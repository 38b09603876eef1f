"""Whether the words that are quoted for a value deny it: they hold a number, and not that one.

A false accusation is worse than silence. So what may accuse is read strictly, and what may acquit in every way that it
may have been meant: glued to letters, as a percentage, in thousands, as a power, as a word, as a time in other units.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from registry.numbers import hours_in

if TYPE_CHECKING:
    from collections.abc import Iterator

# The 4 of `T4` and the 16 of `fp16` are parts of names, the 40 of `40 GB` is of another quantity than any field's;
# `1,250` has a separator of thousands, `0,85` a decimal comma.
_NUMBER = re.compile(
    r"(?<![A-Za-z_\d.])(?P<digits>[1-9]\d{0,2}(?:,\d{3})+(?![\d,]*\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][-+]?\d{1,4})?(?![\d.]*\d)(?!\s?(?:[KMGT]i?B|k?W|[MG]Hz)\b)(?P<tail>\s*[kKM%](?![A-Za-z]))?"
)
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,]*\d)")
_VERSION = re.compile(r"(?<![\d.])\d+(?:\.\d+)+(?:[+.]?\w+)*")
# Loosely: digits wherever they stand, `2.e-5`, `5 e-5`, `2e^-5`; `25 000`, `25.000`, `25'000`; `2 x 10^-5`, `e-3`.
_DIGITS = re.compile(r"(?P<mantissa>\d+\.?\d*|\.\d+)(?:\s?[eE]\^?\s?(?P<exponent>[-+]?\d{1,3}))?")
_GROUPS = re.compile(r"\d{1,3}(?:[ .,'\u2019]\d{2,3})+(?!\d)")
_POWER = re.compile(r"(?:(\d+(?:\.\d+)?)\s*[x*·]\s*)?(\d{1,2})\s*\^\s*([-+]?\d{1,3})")
_BARE_EXPONENT = re.compile(r"(?<![\w.])[eE](-\d{1,2})(?!\d)")
_SCALE = re.compile(r"(\d+(?:\.\d+)?)\s?(k|K|M|hundred|thousand|million|billion)\b")
_SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "hundred": 100.0, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_RATIO = re.compile(r"(\d+)\s?[:/]\s?(\d+)")
_TAILS = {"k": 1e3, "K": 1e3, "M": 1e6, "%": 0.01, "": 1.0}
_SUPERSCRIPTS = re.compile("[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SHARE = re.compile(r"^data\.split\.|ratio$|dropout|smoothing|decay$|margin$")
"""Fields whose percent sign may be left out, as in a ratio of 80-20."""

_WORDS = {
    word: value
    for value, words in {
        0: "zero no none without never not off disabled",
        1: "one once a an single", 2: "two twice both double pair", 3: "three triple", 4: "four quad", 5: "five",
        6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen",
        14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty",
        30: "thirty",
        40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety", 100: "hundred",
        1000: "thousand", 0.5: "half", 1 / 3: "third", 0.25: "quarter", 0.2: "fifth", 0.1: "tenth",
    }.items()
    for word in words.split()
}  # fmt: skip


def contradiction(path: str, value: Any, words: str) -> str | None:
    """Say so if `words` hold numbers and not the value; a claim's also not with the digits it is written with.

    Args:
        path: Dotted path of the value.
        value: Only numbers, versions, the texts of claims, and lists or tables of these are looked at.
        words: What is quoted for it.
    """
    plain = _normalized(words)
    have = [found.group() for found in _NUMBER.finditer(plain)]
    items = list(_flat(value))
    denied = [item for item in items if _denies(path, item, words, plain, have)]
    # Of several values a source may name some: `--adam_beta2 0.999`.
    if not denied or (len(have) < len(items) and len(denied) < len(items) and not _is_claim(path)):
        return None
    if path.startswith("software."):
        have = _VERSION.findall(words)
    shown = ", ".join(text.strip() for text in have[:6])
    shown_item = denied[0] if isinstance(denied[0], str) else f"{denied[0]:.12g}"
    return f"is {shown_item}, but the quoted words have {shown}; correct it, or quote the words that state it"


def _denies(path: str, item: str | float, words: str, plain: str, have: list[str]) -> bool:
    """Whether words hold numbers, and in no reading this one.

    Args:
        path: Dotted path of the value.
        item: One of its numbers or texts.
        words: What is quoted.
        plain: The same without markup.
        have: The numbers in it, read strictly.
    """
    if isinstance(item, str):
        if re.search(rf"(?<![\d.]){re.escape(item)}(?!\w|[.,]\d)", words):
            return False
        if path.startswith("software."):
            return bool(_VERSION.fullmatch(item) and _VERSION.search(words))
        return bool(have) and _is_claim(path) and not _same_number(_written(_normalized(item)), _written(plain, True))
    if not have:
        return False
    if path.endswith("hours"):
        # In another unit it was rounded: 0.67 for 40 minutes.
        step = 0.5 * 10 ** -max(1, len(f"{item:.12g}".partition(".")[2]))
        if any(abs(item - read) <= step * (1 + 1e-9) for read in _hours(plain)):
            return False
    return not any(math.isclose(item, read, rel_tol=1e-9, abs_tol=1e-12) for read in _readings(path, plain))


def _is_claim(path: str) -> bool:
    return path.startswith(("reported[", "epoch_table"))


def _flat(value: Any) -> Iterator[str | float]:
    """The texts and numbers in a value."""
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield value


def _normalized(words: str) -> str:
    """Words without markup, with plain hyphens, and powers as `10^-5`."""
    for sign, digits in (("½", ".5"), ("¼", ".25"), ("¾", ".75")):
        words = words.replace(sign, digits)
    text = re.sub(r"<sup>\s*", "^", html.unescape(words))
    text = _SUPERSCRIPTS.sub(lambda found: "^" + unicodedata.normalize("NFKC", found.group()), text)
    text = unicodedata.normalize("NFKC", re.sub(r"<[^<>]*>", " ", text))
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", text.replace("\\times", "x").replace("×", "x"))
    return re.sub(r"[`$\\{}]|\*(?=[*\d.%])|(?<=[\d.%*])\*+|(?<=\d)_(?=\d)", "", text.replace("**", ""))


def _written(text: str, loosely: bool = False) -> set[tuple[float, str]]:
    """Each number in a text with its significant digits: (0.85, "850") for 0.850, (0.85, "85") for 85%."""
    pointed = _with_points(text)
    found = {
        (_read(match), re.sub(r"\D", "", match["digits"]).lstrip("0") or "0") for match in _NUMBER.finditer(pointed)
    }
    for match in _DIGITS.finditer(pointed) if loosely else ():
        value = float(f"{match['mantissa']}e{match['exponent'] or 0}")
        found.add((value, match["mantissa"].replace(".", "").lstrip("0") or "0"))
    return found


def _same_number(one: set[tuple[float, str]], other: set[tuple[float, str]]) -> bool:
    """Whether a number is in both with the same digits; the percent sign may stand elsewhere, in a table's head."""
    return any(
        digits == theirs
        and any(
            math.isclose(value * scale, read, rel_tol=1e-9)
            for scale in (1, 100, 0.01)
            if scale == 1 or max(value, read) > 1  # 0.85 is no percentage
        )
        for value, digits in one
        for read, theirs in other
    )


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
        for found in _DIGITS.finditer(text):
            yield float(f"{found['mantissa']}e{found['exponent'] or 0}")
        for found in _SCALE.finditer(text):
            yield from (float(found[1]) * _SCALES[found[2]], float(found[1]) * (1024.0 if found[2] in "kK" else 1.0))
    for found in _GROUPS.finditer(words):
        yield float(re.sub(r"\D", "", found.group()))
    for found in _POWER.finditer(words):
        yield float(found[1] or 1) * float(found[2]) ** int(found[3])
    for found in _BARE_EXPONENT.finditer(words):
        yield float(f"1e{found[1]}")
    for found in _RATIO.finditer(words):
        one, other = int(found[1]), int(found[2])
        yield from (one / other if other else math.inf, other / (one + other) if one + other else math.inf)
    yield from _in_words(words)


def _in_words(words: str) -> Iterator[float]:
    """Numbers that are written out, and those of two words: `thirty-two`, `five hundred`."""
    before = None
    for word in re.findall(r"[a-z]+", words.casefold()):
        number = _WORDS.get(word)
        if number is not None:
            yield number
            if before is not None:
                yield from (before + number, before * number)
        before = number


def _hours(words: str) -> Iterator[float]:
    """Every time that the words may mean, in hours; a number without a unit may be hours, minutes or seconds."""
    yield from hours_in(words)
    for found in _NUMBER.finditer(_with_points(words)):
        plain = _plain(found)
        yield from (plain, plain / 60, plain / 3600, plain * 24)
    if re.search(r"\bhalf an hour\b", words, re.IGNORECASE):
        yield 0.5
    for found in re.finditer(r"(\w+) and a half hours", words, re.IGNORECASE):
        whole = _WORDS.get(found[1].casefold()) or (float(found[1]) if found[1].isdigit() else 0.0)
        yield whole + 0.5
    if re.search(r"\b(?:a|one) day\b", words, re.IGNORECASE):
        yield 24.0
