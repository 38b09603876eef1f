"""The license of a model against that of the base it was made from.

A fine-tuned model is made from its base, and some licenses of bases say what the license of what is made from them
must carry on: the community licenses of Llama (section 1.b: a copy of the agreement goes with every distribution) and
the terms of Gemma (section 3.1: its use restrictions must be passed on), the RAIL licenses (use-based restrictions,
section 4 and attachment A), the NonCommercial and ShareAlike ones of Creative Commons, and the GPL family. Whether a
case is one of them is a question for somebody who may answer it: a finding says that it needs review, and why. The
licenses of the bases are those their pages on the Hub name, from memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document

KINDS: Mapping[str, str] = {
    "missing": "No license is named, so nobody knows whether the model may be used.",
    "base": "The license differs from the base's, which has terms that are passed on: needs review.",
}

_A_WORD = re.compile(r"licen[scz]|lizenz|许可|apache|\bmit\b|\bcc.?by|creative commons|\bgpl", re.IGNORECASE)

# The base by the end of its id or by its name in prose; the first that fits counts.
_BASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), license_)
    for pattern, license_ in (
        (r"(?:^|meta-llama/)(?:meta-)?llama-?4(?![\d.])", "llama4"),
        (r"(?:^|meta-llama/)(?:meta-)?llama-?3\.3(?![\d.])", "llama3.3"),
        (r"(?:^|meta-llama/)(?:meta-)?llama-?3\.2(?![\d.])", "llama3.2"),
        (r"(?:^|meta-llama/)(?:meta-)?llama-?3\.1(?![\d.])", "llama3.1"),
        (r"(?:^|meta-llama/)(?:meta-)?llama-?3(?![\d.])", "llama3"),
        (r"(?:^|meta-llama/)llama-?2(?![\d.])", "llama2"),
        (r"^(?:google/)?gemma(?:-?2)?-(?:1\.1-)?\d+b", "gemma"),
        (r"^google/gemma-[23]", "gemma"),
        (r"^bigscience/bloomz?(?:-\d|$)", "bigscience-bloom-rail-1.0"),
        (r"^bigcode/starcoder", "bigcode-openrail-m"),
        (r"^(?:facebook/nllb-|facebook/musicgen|facebook/mms-|cohereforai/c4ai-command-r|cohereforai/aya-23)",
         "cc-by-nc-4.0"),
    )
)  # fmt: skip

_REASONS = {
    "llama": "its agreement goes with every copy of what is made from it",
    "gemma": "its use restrictions must be passed on with every copy",
    "bigscience": "its use restrictions must be passed on with every copy",
    "bigcode": "its use restrictions must be passed on with every copy",
    "cc-by-nc": "it allows no commercial use",
}


def check(document: Document) -> Iterator[Finding]:
    """What the license of the base asks for."""
    base = document.fact("base_model")
    of_base = _of_base(base.value) if base is not None and isinstance(base.value, str) else None
    stated = {_id(str(value)) for fact in document.said("license") for value in _each(fact.value)}
    if not stated:
        if not (document.results or document.facts) or (document.card is None and _A_WORD.search(document.text)):
            return  # a README may name it in a way that is not read
        about = f"; its base {base.value} has `{of_base}`: {_reason(of_base)}" if base and of_base else ""
        yield Finding(
            id="licenses/missing",
            verdict="underspecified",
            where=base.place.where if base and of_base else document.name,
            message=f"no license is named{about}{', so this needs review' if of_base else ''}",
            remedy=f"name it: `license: {of_base}`, unless a review says otherwise" if of_base else "name the license",
        )
        return
    if base is None or of_base is None or len(stated) > 1:
        return
    (license_,) = stated
    if license_ == of_base or license_ in ("other", "unknown") or _carries(license_, of_base):
        return
    (fact, *_) = document.said("license")
    yield Finding(
        id="licenses/base",
        verdict="suspicious",
        where=fact.place.where,
        message=f"needs review: the license is `{license_}`, that of the base {base.value} is `{of_base}`: "
        + _reason(of_base),
        remedy=f"name `{of_base}`, or say which part of the model is under `{license_}`",
    )


def _each(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _id(license_: str) -> str:
    """An id of the Hub for a license as it is written."""
    plain = re.sub(r"\b(?:the|licen[cs]e|version|community)\b|[(),]", " ", license_.casefold()).split()
    joined = "-".join(plain).replace("llama-", "llama").replace("-v2.0", "-2.0")
    return {"apache": "apache-2.0", "apache2": "apache-2.0", "apache-2": "apache-2.0"}.get(joined, joined)


def _of_base(base: str) -> str | None:
    name = base.casefold().strip().replace(" ", "-")
    return next((license_ for pattern, license_ in _BASES if pattern.search(name)), None)


def _carries(license_: str, of_base: str) -> bool:
    """Whether one license says as much as the base's: a newer Llama's, another text without commercial use."""
    return of_base.startswith("cc-by-nc") and "-nc" in license_


def _reason(license_: str) -> str:
    return next(reason for start, reason in _REASONS.items() if license_.startswith(start))
