r"""What the Hub asks of a model card's metadata, so far as it is known: a mirror that needs no network.

The Hub's own validator (`POST /api/validate-yaml`) is closed; the client asks it before every commit with a README.
What stands here is the specification of the metadata (hub-docs: `modelcard.md`, and of `docs/hub` `model-cards.md` and
`model-cards-co2.md`), the ids that huggingface_hub and huggingface.js know, and answers of the validator that were
published: to a `base_model` that is a path ("is not valid. Use a model id from https://hf.co/models"), to a
`dataset.type` (mteb issue 1111: `/^(?:[\w-]+\/)?[\w-.]+$/`), to metrics that are no list, to a language that is no
code. Where the Hub only warns (languages, pipeline tags), a README that is written anew has no reason to be warned of.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Problem
from registry.languages import HUB_ONLY, language_problem
from registry.licenses import LICENSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RELATIONS = ("adapter", "merge", "quantized", "finetune")
"""What a model can be of its base (https://huggingface.co/docs/hub/model-cards#specifying-a-base-model)."""

PIPELINE_TAGS = (
    "biology", "text-classification", "token-classification", "table-question-answering", "question-answering",
    "zero-shot-classification", "translation", "summarization", "feature-extraction", "text-generation",
    "text2text-generation", "fill-mask", "sentence-similarity", "text-to-speech", "text-to-audio",
    "automatic-speech-recognition", "audio-to-audio", "audio-classification", "audio-text-to-text",
    "voice-activity-detection", "depth-estimation", "image-classification", "object-detection", "image-segmentation",
    "text-to-image", "image-to-text", "image-to-image", "image-to-video", "unconditional-image-generation",
    "video-classification", "reinforcement-learning", "robotics", "tabular-classification", "tabular-regression",
    "tabular-to-text", "table-to-text", "multiple-choice", "text-ranking", "text-retrieval", "time-series-forecasting",
    "text-to-video", "image-text-to-text", "visual-question-answering", "document-question-answering",
    "zero-shot-image-classification", "graph-ml", "mask-generation", "zero-shot-object-detection", "text-to-3d",
    "image-to-3d", "image-feature-extraction", "video-text-to-text", "keypoint-detection", "visual-document-retrieval",
    "any-to-any", "other",
)  # fmt: skip
"""Tasks: `PIPELINE_DATA` of huggingface.js, `packages/tasks/src/pipelines.ts` at commit 0057f4042b57."""

DATASET_TYPE = re.compile(r"(?:[\w-]+/)?[\w.-]+", re.ASCII)
"""What the Hub takes as `dataset.type` of a result."""


class Rule(NamedTuple):
    """A rule.

    Attributes:
        path: What it is about; `[]` is each item of a list, or the one value that stands for it.
        holds: Whether a value keeps it.
        message: What is wrong with one that does not.
        remedy: What to do about it.
        required: Whether the value has to be there where what holds it is.
    """

    path: str
    holds: Callable[[Any], bool]
    message: str
    remedy: str
    required: bool = False


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _score(value: Any) -> bool:
    return _number(value) or _text(value)


def _grams(value: Any) -> bool:
    return _number(value) and value >= 0


def _repo(value: Any) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(value)
    except HFValidationError:
        return False
    return isinstance(value, str)


def _language(value: Any) -> bool:
    """An ISO 639 code, which has two or three letters, or one of the words that the Hub has beside."""
    known = isinstance(value, str) and language_problem(value) is None
    return known and (value in HUB_ONLY or re.fullmatch("[a-z]{2,3}", value) is not None)


def _page(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"https?://[^\s/]+(?:/\S*)?", value) is not None


def _section(value: Any) -> bool:
    return isinstance(value, dict)


def _several(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _dataset_type(value: Any) -> bool:
    return isinstance(value, str) and DATASET_TYPE.fullmatch(value) is not None


_RESULT = "model-index[].results[]"
_TEXT = "is no text", "write one, in quotes where YAML reads it as something else"
_SECTION = "is no section", "write its keys below it"

RULES: tuple[Rule, ...] = (
    Rule("language[]", _language, "is no ISO 639 code", "write two or three letters, `multilingual` or `code`"),
    Rule("language_bcp47[]", _text, *_TEXT),
    Rule("license[]", LICENSES.__contains__, "is no license id of the Hub", "write `other` with a `license_name`"),
    Rule("license_name", _text, *_TEXT),
    Rule("license_link", _text, *_TEXT),
    Rule("library_name", _text, *_TEXT),
    Rule("pipeline_tag", PIPELINE_TAGS.__contains__, "is no task of the Hub", "name the task after one of the Hub's"),
    Rule("tags[]", _text, *_TEXT),
    Rule("datasets[]", _repo, "is no dataset's id", "write namespace/name, or leave it out"),
    Rule("metrics[]", _text, *_TEXT),
    Rule("base_model[]", _repo, "is no model's id", "write namespace/name, or leave it out"),
    Rule("base_model_relation", RELATIONS.__contains__, "is no relation", f"one of: {', '.join(RELATIONS)}"),
    Rule("co2_eq_emissions.emissions", _grams, "is no mass", "write grams, as a number", required=True),
    Rule("co2_eq_emissions.source", _text, *_TEXT),
    Rule("co2_eq_emissions.training_type", _text, *_TEXT),
    Rule("co2_eq_emissions.geographical_location", _text, *_TEXT),
    Rule("co2_eq_emissions.hardware_used", _text, *_TEXT),
    Rule("model-index[].name", _text, *_TEXT, required=True),
    Rule(f"{_RESULT}.task", _section, *_SECTION, required=True),
    Rule(f"{_RESULT}.dataset", _section, *_SECTION, required=True),
    Rule(f"{_RESULT}.task.type", _text, *_TEXT, required=True),
    Rule(f"{_RESULT}.dataset.name", _text, *_TEXT, required=True),
    Rule(
        f"{_RESULT}.dataset.type",
        _dataset_type,
        "is no dataset's id",
        "write namespace/name, or a name of letters, digits, `.`, `_` and `-`",
        required=True,
    ),
    Rule(f"{_RESULT}.dataset.config", _text, *_TEXT),
    Rule(f"{_RESULT}.dataset.split", _text, *_TEXT),
    Rule(f"{_RESULT}.dataset.revision", _text, *_TEXT),
    Rule(f"{_RESULT}.metrics", _several, "is no list", "write one", required=True),
    Rule(f"{_RESULT}.metrics[].type", _text, *_TEXT, required=True),
    Rule(f"{_RESULT}.metrics[].value", _score, "is no number", "leave out what was not measured", required=True),
    Rule(f"{_RESULT}.metrics[].name", _text, *_TEXT),
    Rule(f"{_RESULT}.source.url", _page, "is no address of a page", "write https://…", required=True),
)
"""All of them. A new one is a line here."""


def problems(meta: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """What the Hub would refuse of a model card's metadata.

    Args:
        meta: The front matter, read.
        where: The README.
    """
    for rule in RULES:
        for place, value in _values(meta, rule.path, rule.required):
            if not rule.holds(value):
                said = "is missing" if value is None else f"{str(value)[:60]!r} {rule.message}"
                yield Problem(where, place, f"{said}; {rule.remedy}")


def _values(value: Any, path: str, required: bool, place: str = "") -> Iterator[tuple[str, Any]]:
    """The values at a path with their places; null for one that is missing and has to be there."""
    key, _, rest = path.partition(".")
    name = key.removesuffix("[]")
    if not isinstance(value, dict) or (name not in value and (rest or not required)):
        return
    at = f"{place}.{name}" if place else name
    items = [(at, value.get(name))]
    if key.endswith("[]") and isinstance(items[0][1], list):
        items = [(f"{at}[{index}]", item) for index, item in enumerate(items[0][1])]
    for there, item in items:
        if rest:
            yield from _values(item, rest, required, there)
        else:
            yield there, item
