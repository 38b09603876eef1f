"""Where a text holds what looks like a password or a token: told by place and kind, never by its text.

Precise rather than greedy: commit ids, checksums, names of models and examples such as `hf_xxxx` are none, and a value
without a known shape is one only where its name says so and it looks drawn at random. Every pattern takes time in
proportion to the text, whatever the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What each issuer's tokens look like, after its own documentation where it has one, else after the rules of gitleaks
# (https://github.com/gitleaks/gitleaks/blob/master/config/gitleaks.toml).
_SHAPES = (
    # https://huggingface.co/docs/hub/security-tokens, and gitleaks: 34 letters or digits (fewer where one was cut in
    # copying); OAuth tokens are JWTs.
    ("a Hugging Face token", r"(?:hf|api_org)_[A-Za-z0-9]{30,}|hf_(?:oauth|jwt)_[A-Za-z0-9_.-]{34,}"),
    # gitleaks; others than OpenAI issue `sk-` and 32 or more letters and digits too.
    ("an Anthropic API key", r"sk-ant-[A-Za-z0-9_-]{32,}"),
    ("an OpenAI API key", r"sk-(?:(?:proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{32,}|[A-Za-z0-9]{32,})"),
    # https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
    ("a GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}"),
    # https://docs.gitlab.com/security/tokens/#token-prefixes
    ("a GitLab token", r"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat)-[A-Za-z0-9_.-]{20,}"),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: base 32
    ("an AWS access key", r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    # gitleaks
    ("a Google API key", r"AIza[A-Za-z0-9_-]{35}"),
    # https://docs.slack.dev/authentication/tokens
    ("a Slack token", r"xox[abeoprs]-[A-Za-z0-9.-]{20,}"),
    # gitleaks; and the keys that https://wandb.ai/authorize gives since 2025. The older ones are known by name only.
    ("a PyPI token", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    ("an npm token", r"npm_[A-Za-z0-9]{36}"),
    ("a Weights & Biases API key", r"wandb_v\d_[A-Za-z0-9_]{40,}"),
    # gitleaks
    ("a Stripe key", r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    ("a DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}"),
    ("a Databricks token", r"dapi[a-f0-9]{32}(?:-\d)?"),
    # RFC 7519: a JSON object (`{"` is eyJ in base 64), another, and a signature.
    ("a JSON Web Token", r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
)
_TOKEN = re.compile(rf"(?:{'|'.join(f'(?P<k{i}>{shape})' for i, (_, shape) in enumerate(_SHAPES))})(?![A-Za-z0-9_-])")
_RUN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{13,}")  # a token is one of these, or begins with it, or ends it
# What begins a token and no word is looked for inside of a run too: `my_hf_…`, `"\nhf_…` in JSON, `%20hf_…` in a URL.
_INSIDE = re.compile(r"hf_|api_org_|gh[pousr]_|github_pat_|glpat-|npm_|pypi-AgE|xox[abeoprs]-|sk-(?:ant|proj|svcacct)-")
_MOST = 8
"""Beginnings that are tried in a run, so that a long one takes no longer."""
# The Hub signs the results that it verified with a public JWT.
_PUBLIC = re.compile(r"verifyToken[\"']?:\s{0,3}[\"']?$")
# RFC 7468
_PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
# RFC 3986: a scheme and `user:password@`
_LOGIN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@'\"<>]{0,100}:(?P<secret>[^\s/:@'\"]{3,200})@"
)
_VALUE = re.compile(r"(?<![A-Za-z0-9_+/-])[A-Za-z0-9_+/-]{16,}={0,2}(?![.(\[\\]\S)")
# What stands before it: `WANDB_API_KEY: `, `"password" = "`, `--token `, `Bearer `, `wandb.login(key="`.
_NAME = re.compile(
    r"(?:(?:(?<![a-z])(?:(?:api|access|secret|private|account|storage|service)[ _-]?key(?:[ _-]?id)?"
    r"|(?:(?:auth|access|api|hf|hub|bearer|refresh|session|bot|id)[_-]?)?token|(?:client[_-]?)?secret"
    r"|passw(?:or)?d|passphrase|credentials?)[\"'`*]{0,3}\s{0,3}[:=]{1,2}\s{0,3})"
    r"|--(?:[a-z]{1,10}-){0,3}(?:key|token|password|secret)[ =]|\bbearer\s{1,3}"
    r"|\bwandb\s{1,3}login\s{1,3}(?:--[a-z]{1,20}\s{1,3})?|\bwandb\.login\(\s{0,3}(?:key\s{0,3}=)?\s{0,3})[\"'`]?$",
    re.IGNORECASE,
)
_ALTERNATION = re.compile(r"(?<=[A-Za-z])[0-9]|(?<=[0-9])[A-Za-z]")
_PLACEHOLDER = re.compile(
    r"[$<{%*]|\.\.\.|…|x{4}|1234567|abcdef|example|password|passwd|pass$|pwd|secret|token|key$|your|change_?me",
    re.IGNORECASE,
)


def find_secrets(text: str) -> list[tuple[int, str]]:
    """Where secrets begin, as an offset in characters, and of what kind they are; in the order of the text.

    >>> find_secrets("revision: 4c9d5b9a6e7b6f0a3f2b1c8d7e6f5a4b3c2d1e0f")
    []
    """
    found: dict[int, str] = {}
    for run in _RUN.finditer(text):
        if _PUBLIC.search(text[max(0, run.start() - 20) : run.start()]):
            continue
        for start in _beginnings(text, run):
            token = _TOKEN.match(text, start)
            # Examples are written with one character over and over, or say that they are one; names in small letters.
            if token and start > run.start() and token.group().islower():
                continue
            if token and _bits(token.group()) > 3 and not token.group().endswith("EXAMPLE"):
                found[start] = _SHAPES[int(str(token.lastgroup)[1:])][0]
                break
    found.update((match.start(), "a private key") for match in _PEM.finditer(text))
    for match in _LOGIN.finditer(text):
        if not _PLACEHOLDER.search(match["secret"]):
            found.setdefault(match.start("secret"), "a password in a URL")
    for match in _VALUE.finditer(text):
        if len(match.group()) > 256 or not _alternates(match.group()):
            continue
        if _NAME.search(text[max(0, match.start() - 60) : match.start()]) and _looks_random(match.group()):
            found.setdefault(match.start(), "a key or a password")
    return sorted(found.items())


def _beginnings(text: str, run: re.Match[str]) -> Iterator[int]:
    """Where in a run a token may begin: with it, after an escape that it begins with, at what begins no word."""
    start = run.start()
    yield start
    before = text[start - 1 : start]
    if before in ("\\", "%"):
        yield start + (1 if before == "\\" else 2)
    for inside in islice(_INSIDE.finditer(text, start + 1, run.end()), _MOST):
        yield inside.start()


def redacted(text: str) -> str:
    """The text with an ellipsis in the place of each secret, to the next white space or quote."""
    for start, end in reversed(_places(text)):
        text = f"{text[:start]}…{text[end:]}"
    return text


def blotted(text: str) -> str:
    """The text with each character of a secret blotted out, so that all else stays where it is."""
    for start, end in _places(text):
        text = f"{text[:start]}{'•' * (end - start)}{text[end:]}"
    return text


def _places(text: str) -> list[tuple[int, int]]:
    """Where secrets begin, and where they end at the latest: at white space or a quote."""
    return [
        (start, next((at for at in range(start, len(text)) if text[at].isspace() or text[at] in "'\"`;,"), len(text)))
        for start, _ in find_secrets(text)
    ]


def _alternates(value: str) -> bool:
    """Whether letters and digits alternate as in no name."""
    return len(_ALTERNATION.findall(value)) >= 3


def _looks_random(value: str) -> bool:
    """Whether no character is overly frequent, and no word says that it is an example."""
    return _bits(value) > 3 and not _PLACEHOLDER.search(value)


def _bits(text: str) -> float:
    """Shannon entropy of the characters, in bits each: about 3.7 for 40 hexadecimal digits drawn at random."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
