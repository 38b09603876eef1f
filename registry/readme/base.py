"""The base model that a README names: behind a label, in a sentence or in code; its front matter speaks first.

A link to a model of the Hub says more than an id, and an id more than a name (`BERT`). Sentences that compare models,
or that name several bases, name none; neither does a link to the model itself.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from registry.markdown import plain
from registry.readme.recipe import is_placeholder

if TYPE_CHECKING:
    from registry.markdown import Line
    from registry.readme.page import Page

_ID = r"[\w.-]{1,96}/[\w.-]{1,96}"
_HUB = r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/"
_NO_MODEL = (
    r"(?!(?:datasets|spaces|papers|docs|blog|collections|tasks|models|metrics|transformers|course|learn|join)[/)?#])"
)
_LINKED = rf"\[[^\[\]\n]{{2,120}}\]\({_HUB}{_NO_MODEL}({_ID}|[\w.-]{{2,96}})(?:/tree/[\w.-]{{1,60}})?/?\)"

# `a fine-tuned version of [bert](…)`, as the Trainer has it, whatever the link.
_FINE_TUNED = re.compile(
    r"(?:fine-?tuned?|adapted|adapter|trained)\s(?:version|model|checkpoint|variant)?\s?(?:of|from|on top of"
    rf"|for)\s(?:the )?\[([^\[\]\n]{{2,120}})\]\(({_HUB}[^()\s]{{2,150}})?",
    re.IGNORECASE,
)
# `derived from [x](…)`, `initialized with the weights of [x](…)`, `a distilled version of [x](…)`.
_MADE_FROM = re.compile(
    r"\b(?:(?:fine|pre)-?t(?:un|rain)(?:ed|ing)|based|derived|initiali[sz]ed|distilled|pruned|quanti[sz]ed|converted|adapted|starting"
    r"|resumed|continued|retrained|further (?:pre-?)?trained|smaller|compressed|\d-?bit|onnx)"
    r"(?: (?:model|version|variant|checkpoint|weights|training|conversion|copy)s?)?"
    r"(?: (?:of|from|on|with|on top of|upon|by|using))? (?:the |an? |our )?(?:weights of (?:the )?)?"
    rf"(?:(?:original|pre-?trained|multilingual|base) ){{0,2}}[`*_]{{0,2}}{_LINKED}",
    re.IGNORECASE,
)
# `The base checkpoint is [x](…)`, `we used the pre-trained [x](…)`.
_BASE_IS = re.compile(
    r"\b(?:(?:base|backbone|starting|initial|parent|underlying|pre-?trained) (?:language )?(?:model|checkpoint|weights)"
    r"|backbone)(?: used)?(?: for (?:fine-?tuning|training))?(?: is| was|:) (?:the )?[`*_]{0,2}" + _LINKED,
    re.IGNORECASE,
)
# `This is the [x](…) model fine-tuned on …`, `[x](…) by its makers, fine-tuned on …`.
_LINK_TUNED = re.compile(
    r"(?:^\W{0,6}|is an? |the |based on (?:the )?|fine-?tun\w+ (?:of |from |on )?(?:the )?)"
    rf"{_LINKED}(?: checkpoint| model)?"
    r"(?:,? ?(?:and |that |which )?(?:was |is |has been )?(?:fine-?tun|(?:further|additionally) (?:pre-?)?trained"
    r"|model\b|checkpoint)|[^\n]{0,120}?\bfine-?tuned\b)",
    re.IGNORECASE,
)
# What was done is told in a section on use as well.
OUR_TRAINING = re.compile(r"\b(?:we|I)\s(?:have\s)?(?:fine-?\s?tuned|trained)\b", re.IGNORECASE)
_LISTED = re.compile(rf"(?:,|,? and|,? or|/|\|)\s?(?:the )?\[[^\[\]\n]{{2,120}}\]\({_HUB}{_NO_MODEL}", re.IGNORECASE)

# Names that tell a family; short ones only where more follows (`opt-350m`).
_FAMILY = (
    r"(?:bert|electra|t5|gpt|llama|mistral|mixtral|bart|pegasus|wav2vec|hubert|whisper|xlnet|xlm-?r|longformer|bigbird"
    r"|marian|nllb|mpnet|minilm|codegen|starcoder|bloomz?|falcon|qwen|gemma|pythia|layoutlm|trocr|resnet|efficientnet|mobilenet|convnext"
    r"|segformer|stable[ -]diffusion|(?:opus|vit|swin|deit|beit|detr|clip|blip|opt|phi)-)"
)
_NAMED = (
    rf"[`*_\"'\[]{{0,3}}((?:[\w-]{{1,40}}/)?[\w-]{{0,40}}?{_FAMILY}[\w.-]{{0,60}}(?:\([a-z]{{1,10}}\))?"
    r"(?:[ -](?:base|small|large|tiny|mini|medium|xx?l|v?\d[\d.]{0,4}[bm]?|(?:un)?cased)(?![\w/.])){0,3})(?![\w/])"
)
_FAMILY_ID = rf"[\w-]{{1,40}}/[\w-]{{0,40}}?{_FAMILY}[\w.-]{{0,60}}"
_FROM_ID = re.compile(
    rf"\b(?:fine-?tun(?:ed|e|ing)?|derived|initiali[sz]ed|trained)\s(?:version\s)?(?:of|from)\s(?:the )?[`*_]{{0,3}}"
    rf"({_ID})(?![\w/])|\bbased\son\s(?:the )?`({_ID})`|\bbased\son\s(?:the )?({_FAMILY_ID})(?![\w/])"
    rf"|\bis\san?\s[`*_]{{1,3}}({_ID})[`*_]{{1,3}}\smodel\b",
    re.IGNORECASE,
)
_FROM_NAME = re.compile(
    r"\b(?:fine-?tun(?:ed|ing)|derived|initiali[sz]ed|distilled|quanti[sz]ed)"
    r"(?: (?:model|version|variant|checkpoint))? (?:of|from|on top of) (?:the |an? )?"
    rf"(?:(?:original|pre-?trained|multilingual|base) ){{0,2}}{_NAMED}",
    re.IGNORECASE,
)
_TUNED_NAME = re.compile(
    rf"\b(?:is an?|this|an?) (?:\w+ )?fine-?tuned (?:version of )?(?:the )?{_NAMED}", re.IGNORECASE
)
_NAME_TUNED = re.compile(
    rf"(?:^\W{{0,6}}|[.:]\s)(?:the |an? |this is an? |we (?:took|used) (?:the )?)?{_NAMED}[`*_\"']{{0,3}},? "
    r"(?:(?:pre-?trained )?(?:language )?model,? )?(?:is |was )?(?:fine-?tuned)\b",
    re.IGNORECASE,
)
_IS_TUNED = re.compile(
    rf"\b(?:is|was) (?:an? |the ){_NAMED}[`*_\"']{{0,3}},? (?:pre-?trained )?(?:language )?model,? (?:that |which )?"
    r"(?:was |is |has been )?(?:further )?fine-?tuned\b",
    re.IGNORECASE,
)
_FROM_CHECKPOINT = re.compile(
    rf"\bfine-?tuned\b[^.\n]{{0,120}}? (?:from|using|with) (?:the |an? )?{_NAMED}[`*_\"']{{0,3}} "
    r"(?:checkpoint|weights|model|base)\b",
    re.IGNORECASE,
)
_USING = re.compile(
    rf"\b(?:trained|fine-?tuned?|built)\b[^.\n]{{0,100}}? using (?:an? |the |\w{{2,20}}['’]s )?{_NAMED}"
    r"[`*_\"']{0,3}(?: model)?(?=[.,;]|$)",
    re.IGNORECASE,
)
_USED_IS = re.compile(
    r"\b(?:(?:base|backbone|pre-?trained|parent) model"
    r"|(?:model|checkpoint) used (?:for|in) (?:fine-?\s?tuning|training))"
    rf"(?: used)?(?: is| was|:) (?:the |an? )?{_NAMED}",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"outperform|compar|baseline|better|unlike|similar|such as|e\.g\.|\blike\b|\bcan\b|\bcould\b|should|if you|\bcard\b"
    r"|how to|recommend|\bor\b|\bboth\b",
    re.IGNORECASE,
)
_TUNING_NAME = re.compile(
    rf"(?:^\W{{0,6}}|\b(?:by|we) )fine-?tun(?:ing|ed) (?:of )?(?:the |an? )?{_NAMED}[`*_\"'\]]{{0,3}}"
    r"(?: model)? (?:on|for|with)\b",
    re.IGNORECASE,
)
_ON_BACKBONE = re.compile(
    rf"\b(?:trained|fine-?tuned|built) (?:on|with|using|on top of) (?:the |an? )?{_NAMED}[`*_\"'\]]{{0,3}} backbone\b",
    re.IGNORECASE,
)
# `The original pre-trained model can be found here: https://huggingface.co/owner/name`
_FOUND_AT = re.compile(
    r"\b(?:original|base|pre-?trained|parent)(?: pre-?trained)? (?:language )?(?:model|checkpoint)"
    rf" (?:can be found|is available) (?:here|at|on)\W{{1,3}}{_HUB}{_NO_MODEL}({_ID})",
    re.IGNORECASE,
)
_BY_LINK = (_MADE_FROM, _BASE_IS, _LINK_TUNED)
_BY_NAME = (
    _FROM_NAME,
    _TUNED_NAME,
    _NAME_TUNED,
    _IS_TUNED,
    _FROM_CHECKPOINT,
    _USING,
    _USED_IS,
    _TUNING_NAME,
    _ON_BACKBONE,
)
_TRIGGERS = ("tun", "ased ", "rained", "erived", "nitiali", "istilled", "version", "ackbone", "ase ", "model")

_SETTING = re.compile(
    r"(?:--)?\b(?:model_checkpoint|model_name_or_path|base_model|base_LM_model|base_model_name|pretrained_model_name"
    r"|language_model)[\"']?(?:\s{0,3}[:=]\s{0,3}|\s{1,3})[\"']?"
    rf"({_ID}|[a-z][\w.-]{{2,96}})(?=[\"',\s]|$)"
)
_LABEL = re.compile(
    r"[*_`\s]{0,6}(?:(?:fine-?tuned|derived|adapted) from(?: model)?|(?:base|foundation|parent|pre-?trained|backbone"
    r"|language) (?:language )?model(?: used)?|backbone|base checkpoint)\s?(?:\[optional\])?[*_`\s]{0,6}"
    r"(?::|-\s(?=https?:))[*_`\s]{0,6}"
    r"(.{2,200})",
    re.IGNORECASE,
)
_ONE_ID = re.compile(rf"{_ID}|[\w.-]{{2,96}}")
_ID_LINKED = re.compile(rf"(?:huggingface|hf)\.co/{_NO_MODEL}({_ID}|[\w.-]{{2,96}})(?=[)/\s>]|$)")
_ID_IN_CODE = re.compile(r"`([\w.-]{1,96}(?:/[\w.-]{1,96})?)`")
_NONE = ("none", "n/a", "na", "unknown", "null", "tbd")
_TUNED = re.compile(r"tuned|trained|based|\bfrom\b", re.IGNORECASE)
_MARKS = re.compile(r"[\W_]+")
_LONG_NAME = 10
_LOOKED_AT = 1000
"""Characters of a line that are searched."""


def read_base(page: Page) -> None:
    """The base model of a README whose front matter names none."""
    if page.has("base_model"):
        return
    named: tuple[str, int, int] | None = None
    own = _own_name(page)
    for line in page.lines:
        if line.kind == "code":
            continue
        words = page.text[line.start : min(line.end, line.start + _LOOKED_AT)]
        if line.role == "use" and line.kind != "item" and OUR_TRAINING.search(words) is None:
            continue
        if _labelled(page, words, line.start, line.end) or _linked(page, words, line.start, own):
            return
        named = named or _by_name(words, line, own)
    for grid in page.grids:
        for row in (grid.header, *grid.rows):
            if len(row) == 2 and _labelled(page, f"{row[0].text}: {row[1].text}", row[0].start, row[1].end):
                return
    if not _in_code(page) and named is not None:
        page.say("base_model", *named)


_ABOUT = re.compile(r"about (?:the )?")


def leave_the_base(page: Page) -> None:
    """Make sections with the base model's name, `About BERT Large`, another model's: they tell how that was made."""
    bases = [_bare(str(fact.value)) for fact in page.facts if fact.name == "base_model" and fact.value]
    last = {line.title: line.title.rpartition("/")[2] for line in page.lines if line.kind == "heading"}
    names = {
        title: _bare(words.removesuffix(" model")[found.end() :])
        for title, words in last.items()
        if (found := _ABOUT.match(words))
    }
    others = {
        title
        for title, name in names.items()
        if len(name) > 3 and any(name in base or base in name for base in bases if len(base) > 3)
    }
    if others:
        page.lines = [replace(line, role="other") if line.title in others else line for line in page.lines]
        page.grids = [replace(grid, role="other") if grid.title in others else grid for grid in page.grids]


def _own_name(page: Page) -> str:
    """What the README calls its model: the first heading, without marks, in lower case."""
    title = next((line for line in page.lines[:5] if line.kind == "heading"), None)
    words = plain(page.text[title.start : title.end]) if title is not None else ""
    return _bare(words) if _TUNED.search(words) is None else ""


def _is_own(own: str, name: str) -> bool:
    """Whether a name is the model's own: `# Our base model: our-model-v2`, but not `# FoodBERT`, of `BERT`."""
    bare = _bare(name)
    return bare == own or (len(bare) > _LONG_NAME and own.endswith(bare))


def _bare(name: str) -> str:
    return _MARKS.sub("", name.rpartition("/")[2].casefold())


def _linked(page: Page, words: str, start: int, own: str) -> bool:
    """The model of the Hub that a sentence says this one was made from."""
    if not any(trigger in words for trigger in _TRIGGERS):
        return False
    base = _FINE_TUNED.search(words)
    if base is not None and (base[2] or "tun" in base.group().lower()):
        name = base[2].partition(".co/")[2] if base[2] else plain(base[1])
        page.say("base_model", name.rstrip("/"), start + base.start(), start + base.end())
        return True
    for pattern in _BY_LINK if "](http" in words else ():
        found = pattern.search(words)
        if found is None or "card" in words[max(0, found.start() - 60) : found.end()].lower():
            continue
        if _LISTED.match(words, found.end(1) + 1) is None and _bare(found[1]) != own:
            page.say("base_model", found[1].rstrip("."), start + found.start(1), start + found.end(1))
            return True
    found = _FROM_ID.search(words) or _FOUND_AT.search(words)
    if found is not None:
        at = found.lastindex or 0
        page.say("base_model", found[at].rstrip("."), start + found.start(at), start + found.end(at))
    return found is not None


def _by_name(words: str, line: Line, own: str) -> tuple[str, int, int] | None:
    """A name that tells a family, as the base in the first sentence that has one so; with its place."""
    if line.role == "other" or not any(trigger in words for trigger in _TRIGGERS):
        return None
    for pattern in _BY_NAME:
        found = pattern.search(words) if pattern is not _USING or line.kind != "heading" else None
        if found is not None and not _is_own(own, found[1]):
            begin = max(words.rfind(mark, 0, found.start(1)) for mark in (". ", "! ", "? ")) + 1
            if _OTHERS.search(words, begin, found.end()) is None:
                return found[1].rstrip("."), line.start + found.start(1), line.start + found.end(1)
    return None


def _labelled(page: Page, words: str, start: int, end: int) -> bool:
    """`**Finetuned from model:** [bert](…)`, `Language model: albert-base`."""
    found = _LABEL.match(words) if ":" in words[:60] else None
    if found is None:
        return False
    value = found[1].strip().removesuffix("</br>").removesuffix("<br>").strip(" \\")
    if is_placeholder(value):
        page.say("base_model", None, start, end, "placeholder")
        return False
    link, code = _ID_LINKED.search(value), _ID_IN_CODE.search(value)
    bare = plain(value).strip(" .")
    name = link[1] if link else code[1] if code else bare if _ONE_ID.fullmatch(bare) else None
    if name is None or name.lower() in _NONE:
        return False
    page.say("base_model", name, start, end)
    return True


def _in_code(page: Page) -> bool:
    """The model that code which is not about use sets as its base."""
    for first, last in page.blocks_of_code():
        if first.role != "use":
            found = _SETTING.search(page.text, first.start, min(last.end, first.start + 20_000))
            if found is not None:
                page.say("base_model", found[1], found.start(), found.end())
                return True
    return False
