"""The license ids that the Hub knows, as `readme.license` takes them.

From hub-docs `docs/hub/repositories-licenses.md` (https://huggingface.co/docs/hub/repositories-licenses), in its order:
the 69 ids of commit 008d54d08fd9d5d05ed2840bebb0b61111326a15, and the 14 that the Hub's OpenAPI description (v0.93.5,
`license` of `POST /api/repos/create`) has beyond them.
"""

from __future__ import annotations

import re

from registry.errors import did_you_mean

LICENSES = (
    "apache-2.0", "mit", "openrail", "bigscience-openrail-m", "creativeml-openrail-m", "bigscience-bloom-rail-1.0",
    "bigcode-openrail-m", "afl-3.0", "artistic-2.0", "bsl-1.0", "bsd", "bsd-2-clause", "bsd-3-clause",
    "bsd-3-clause-clear", "c-uda", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "wtfpl", "ecl-2.0", "epl-1.0", "epl-2.0",
    "etalab-2.0", "eupl-1.1", "eupl-1.2", "agpl-3.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1",
    "lgpl-3.0", "isc", "h-research", "intel-research", "lppl-1.3c", "ms-pl", "apple-ascl", "apple-amlr", "mpl-2.0",
    "odc-by", "odbl", "openmdw-1.0", "openmdw-1.1", "openrail++", "osl-3.0", "postgresql", "ofl-1.1", "ncsa",
    "unlicense", "zlib", "pddl", "lgpl-lr", "deepfloyd-if-license", "fair-noncommercial-research-license", "llama2",
    "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "grok2-community", "gemma", "unknown", "other",
)  # fmt: skip

_NOISE = re.compile(r"\b(?:the|licen[cs]e|version|international|public|v)\b|(?<=[\sa-z-])v(?=\d)")


def license_problem(name: str) -> str | None:
    """What is wrong with a license id, and which one was probably meant; null where nothing is.

    >>> license_problem("Apache 2.0")
    "'Apache 2.0' is no license id of the Hub; did you mean `apache-2.0`?"
    """
    if name in LICENSES:
        return None
    shown = name if len(name) <= 60 else f"{name[:60]}…"
    plain = "-".join(_NOISE.sub(" ", name[:200].casefold()).replace("_", " ").split())
    hint = f"did you mean `{plain}`?" if plain in LICENSES else did_you_mean(plain, LICENSES)
    if not hint.startswith("did you mean"):
        hint = "write `other` with a `license_name`, or one of https://huggingface.co/docs/hub/repositories-licenses"
    return f"{shown!r} is no license id of the Hub; {hint}"
