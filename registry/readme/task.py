"""What a README says that its model does.

The task is said by the front matter, else by a label, by code that shows how the model is used, or by the first words;
where it is one of several, nothing is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.front_matter import Scalar, index_of, scalars

if TYPE_CHECKING:
    from registry.readme.page import Page

TASKS = frozenset({
    "any-to-any", "audio-classification", "audio-text-to-text", "audio-to-audio", "automatic-speech-recognition",
    "depth-estimation", "document-question-answering", "feature-extraction", "fill-mask", "graph-ml",
    "image-classification", "image-feature-extraction", "image-segmentation", "image-text-to-text", "image-to-3d",
    "image-to-image", "image-to-text", "image-to-video", "keypoint-detection", "mask-generation", "multiple-choice",
    "object-detection", "question-answering", "reinforcement-learning", "robotics", "sentence-similarity",
    "summarization", "table-question-answering", "tabular-classification", "tabular-regression",
    "text-classification", "text-generation", "text-ranking", "text-to-audio", "text-to-image", "text-to-speech",
    "text-to-video", "text2text-generation", "time-series-forecasting", "token-classification", "translation",
    "unconditional-image-generation", "video-classification", "video-text-to-text", "visual-question-answering",
    "voice-activity-detection",
    "zero-shot-classification", "zero-shot-image-classification", "zero-shot-object-detection",
})  # fmt: skip
"""The Hub's tags of tasks (https://huggingface.co/tasks, and those it had before)."""

PIPELINES = {"sentiment-analysis": "text-classification", "ner": "token-classification",
             "vqa": "visual-question-answering"}  # fmt: skip
"""What else `transformers.pipeline` and tags call a task."""

HEADS: dict[str, str] = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "ForImageClassification": "image-classification",
    "ForAudioClassification": "audio-classification",
    "ForCTC": "automatic-speech-recognition",
    "ForSpeechSeq2Seq": "automatic-speech-recognition",
    "ForMultipleChoice": "multiple-choice",
    "ForObjectDetection": "object-detection",
}
"""Ends of model classes → task; `ForSeq2SeqLM` may summarize or translate, and tells none."""

# Words of a sentence, not of a name: `bert-finetuned-ner` implies a task, it states none.
_SPOKEN = re.compile(
    r"(?<![\w/.@-])(?:(?P<text_classification>(?:text|sequence|sentence|document|sentiment|emotion|topic|intent|news"
    r"|review|tweet|toxicity)[ -]classif\w+|sentiment[- ]analysis|(?:hate|offensive) speech detection)"
    r"|(?P<token_classification>named[- ]entity[- ]recognition|NER|part[- ]of[- ]speech[- ]tagging|POS[- ]tagging"
    r"|token[ -]classif\w+)"
    r"|(?P<table_question_answering>table[- ]question[- ]answering)"
    r"|(?P<visual_question_answering>visual[- ]question[- ]answering)"
    r"|(?P<question_answering>question[- ]answering|extractive QA)"
    r"|(?P<summarization>summari[sz]ation)|(?P<translation>machine translation|translation model)"
    r"|(?P<image_classification>image[ -]classif\w+)"
    r"|(?P<automatic_speech_recognition>speech[- ]recognition|speech[- ]to[- ]text))(?![\w/-])",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\btasks?,? (?:include|including|like|such)|\bsuch as\b|multi-?task|downstream tasks|\be\.g\.|\betc\b",
    re.IGNORECASE,
)
_ABOUT = 1500
"""Characters of the body in which a README says what its model is for; further down it speaks of other models too."""

_SPACES = re.compile(r"[\s_]+")
_PIPELINE = re.compile(r"\bpipeline\(\s{0,9}(?:task\s?=\s?)?[\"']([a-z0-9-]{3,40})[\"']")
_HEAD = re.compile(rf"\b\w{{2,40}}?({'|'.join(HEADS)})\b")


def read_task(page: Page) -> None:
    """The task of the front matter, of the code, or of the first words."""
    _of_meta(page)
    if page.has("task"):
        return
    calls: dict[str, tuple[int, int]] = {}
    heads: dict[str, tuple[int, int]] = {}
    for first, last in page.blocks_of_code():
        start, end = first.start, min(last.end, first.start + 20_000)
        for call in _PIPELINE.finditer(page.text, start, end):
            if (task := task_of(call[1])) is not None:
                calls.setdefault(task, call.span())
        heads.update((HEADS[one[1]], one.span()) for one in _HEAD.finditer(page.text, start, end))
    for told in (calls, heads, _spoken(page)):
        if len(told) == 1:
            ((task, place),) = told.items()
            page.say("task", task, *place)
            return


def task_of(name: str) -> str | None:
    """The Hub's tag of a task by what a tag or `pipeline` calls it; null for what is none.

    >>> task_of("Text Classification"), task_of("ner")
    ('text-classification', 'token-classification')
    """
    tag = _SPACES.sub("-", name.strip().lower())
    return tag if tag in TASKS else PIPELINES.get(tag)


def _of_meta(page: Page) -> None:
    """The front matter's `pipeline_tag`, the one task of its model index, or the one of its tags."""
    own = next(scalars(page.meta.get("pipeline_tag")), None)
    indexed = [one for result in index_of(page.meta) for one in _types(result)]
    tags = [one for one in scalars(page.meta.get("tags")) if task_of(one.text) is not None]
    for named in ([own] if own is not None else [], indexed, tags):
        known = [one for one in named if task_of(one.text) is not None] or named
        if len({task_of(one.text) or one.text for one in known}) == 1:
            one = known[0]
            page.say("task", task_of(one.text) or one.text.strip(), one.start, one.end)
            return


def _types(result: dict[str, Any]) -> list[Scalar]:
    task = result.get("task")
    return list(scalars(task.get("type"))) if isinstance(task, dict) else []


def _spoken(page: Page) -> dict[str, tuple[int, int]]:
    """The tasks that the README's beginning names; lists of examples left out."""
    told: dict[str, tuple[int, int]] = {}
    begin = page.lines[0].start if page.lines else 0
    for line in page.lines:
        if line.start > begin + _ABOUT:
            break
        if line.kind in ("text", "heading", "item") and line.role in ("", "training"):
            end = min(line.end, begin + _ABOUT)
            if _SEVERAL.search(page.text, line.start, end) is None:
                found = _SPOKEN.finditer(page.text, line.start, end)
                for one in found:
                    told.setdefault(str(one.lastgroup).replace("_", "-"), one.span())
    return told
