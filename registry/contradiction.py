"""Whether the words that are quoted for a value deny it: they hold a number, and not that one.

A false accusation is worse than silence, so a number counts as there however it may have been meant: as written, as a
percentage, in thousands, as a word, of a duration in another unit of time.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# The 4 of `T4` and the 16 of `fp16` are parts of names; `1,250` has a separator of thousands, `0,85` a decimal comma.
_NUMBER = re.compile(
    r"(?<![A-Za-z_\d.])(?P<digits>[1-9]\d{0,2}(?:,\d{3})+(?![\d,]*\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][-+]?\d{1,4})?(?P<tail>\s?[kKM%](?![A-Za-z]))?"
)
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,]*\d)")
_CLOCK = re.compile(r"(?<![\d:])(\d+):(\d{2})(?::(\d{2}))?(?![\d:])")
_VERSION = re.compile(r"(?<![\w.])\d+(?:\.\d+)+(?:[+.]?\w+)*")
_WORDS = {
    word: float(value)
    for value, words in enumerate(
        ("zero no none without never", "one once a an single", "two twice both double", "three", "four", "five", "six",
         "seven", "eight", "nine", "ten", "eleven", "twelve")
    )
    for word in words.split()
}  # fmt: skip
_TAILS = {"k": 1e3, "K": 1e3, "M": 1e6, "%": 0.01, "": 1.0}


def contradiction(path: str, value: Any, words: str) -> str | None:
    """Say so if `words` hold numbers and not the value; a claim's also not with the digits it is written with.

    Args:
        path: Dotted path of the value.
        value: Only numbers, versions, the texts of claims, and lists or tables of these are looked at.
        words: What is quoted for it.
    """
    for item in _flat(value):
        if isinstance(item, str):
            if re.search(rf"(?<![\w.]){re.escape(item)}(?!\w|[.,]\d)", words):
                continue
            if path.startswith("software."):
                have = _VERSION.findall(words) if _VERSION.fullmatch(item) else []
                denied = bool(have)
            else:
                have = [found.group() for found in _NUMBER.finditer(words)]
                denied = bool(have) and _is_claim(path) and not _written(item) & _written(words)
        else:
            have = [found.group() for found in _NUMBER.finditer(words)]
            meant = [*_readings(words, hours=path.endswith("hours"))]
            denied = bool(have) and not any(math.isclose(item, m, rel_tol=1e-9, abs_tol=1e-12) for m in meant)
        if denied:
            shown = ", ".join(text.strip() for text in have[:6])
            shown_item = item if isinstance(item, str) else f"{item:.12g}"
            return f"is {shown_item}, but the quoted words have {shown}; correct it, or quote the words that state it"
    return None


def _is_claim(path: str) -> bool:
    return path.startswith(("reported[", "epoch_table"))


def _flat(value: Any) -> Iterator[str | float]:
    """The texts and numbers in a value."""
    if isinstance(value, tuple):
        for item in value:
            yield from _flat(item)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield value


def _written(text: str) -> set[tuple[float, str]]:
    """Each number in a text with its significant digits: (0.85, "850") for 0.850, (0.85, "85") for 85%."""
    return {
        (float(f"{_read(found):.12g}"), re.sub(r"\D", "", found["digits"]).lstrip("0") or "0")
        for found in _NUMBER.finditer(_with_points(text))
    }


def _with_points(text: str) -> str:
    """Decimal commas as points, but not the commas of a list or of thousands."""
    return _DECIMAL_COMMA.sub(lambda f: f[0] if len(f[2]) == 3 and f[1] != "0" else f"{f[1]}.{f[2]}", text)


def _plain(found: re.Match[str]) -> float:
    return float(found["digits"].replace(",", "") + (found["exponent"] or ""))


def _read(found: re.Match[str]) -> float:
    return _plain(found) * _TAILS[(found["tail"] or "").strip()]


def _readings(words: str, hours: bool) -> Iterator[float]:
    """Every number that the words may mean."""
    for text in {words, _with_points(words)}:
        for found in _NUMBER.finditer(text):
            plain = _plain(found)
            # A ratio such as 80-20 leaves out the percent sign.
            yield from (plain, _read(found), plain / 100)
            if hours:
                yield from (plain / 60, plain / 3600, plain * 24)
    for word in re.findall(r"[a-z]+", words.casefold()):
        if word in _WORDS:
            yield _WORDS[word]
    for h, m, s in (found.groups(default="0") for found in _CLOCK.finditer(words) if hours):
        yield from (int(h) + int(m) / 60 + int(s) / 3600, int(h) / 60 + int(m) / 3600)
