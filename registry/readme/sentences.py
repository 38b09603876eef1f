"""The recipe that sentences state: `fine-tuned for three epochs with a learning rate of 2e-5`.

A sentence is read by one of the forms of `_SENTENCES`, unless it gives advice, or speaks of pretraining, of stages or
of other models.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.readme.metrics import SPLITS
from registry.readme.page import SENTENCE_ENDS
from registry.readme.values import (
    NUMBER,
    ONE,
    ONE_WORD,
    epochs,
    hardware,
    hours,
    kilowatt_hours,
    moments,
    optimizer,
    positive,
    precision,
    rate,
    real,
    share,
    steps,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.markdown import Line
    from registry.readme.page import Page


_W = r"(one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|fifty)"
_V = rf"[*`_]{{0,3}}(?:({NUMBER}){ONE}|{_W}\b)"
_VERBS = r"(?: was| is| set| used| value| initialized| equal| limited){0,4}"
_TO = r"(?: of| to| at| over| for|[:=])"


def _said(noun: str, *, bare: bool = False) -> str:
    """`The learning rate was set to 2e-5`; with `bare` also `learning rate 2e-5`."""
    return rf"\b{noun}[*`_]{{0,3}}{_VERBS}{_TO}{'?' if bare else ''}\s{{0,2}}{_V}"


_SENTENCES: tuple[tuple[str, str, Callable[[str], Any], re.Pattern[str]], ...] = tuple(
    (trigger, fact, reader, re.compile(pattern, re.IGNORECASE))
    for trigger, fact, reader, pattern in (
        ("learning rate", "learning_rate", rate, _said(r"learning rates?(?: \(lr\))?", bare=True)),
        ("learning rate", "learning_rate", rate, rf"{_V} learning rate"),
        ("epoch", "num_epochs", epochs, rf"(?:\bor (?:about|around|approximately|roughly)\s|, (?:and )?){_V} epochs\b"),
        ("epochs of", "num_epochs", epochs, rf"{_V} epochs of (?:fine-?tuning|training)\b"),
        ("batch", "train_batch_size", positive, rf"(?:\b(?:with|and|using)\s|, )(?:an? )?{_V} batch[- ]size\b"),
        ("epoch", "num_epochs", epochs,
            r"\b(?:for|over|during|in|with|on|using|of|to|just|only)\s(?:a )?(?:(?:total|maximum) of )?"
            rf"{_V}(?: full| training| complete)? (?:training )?epochs?\b"),
        ("epoch", "num_epochs", epochs, _said(r"(?:number of |training |train )epochs?")),
        ("batch", "train_batch_size", positive,
            r"(?=b)(?<!effective )(?<!total )(?<!global )(?<!eval )(?<!evaluation )(?<!validation )(?<!overall )"
            + _said(r"batch[- ]sizes?(?: per device| per gpu)?", bare=True)),
        ("batch", "total_train_batch_size", positive,
            _said(r"(?:effective|total|global|overall) (?:train(?:ing)? )?batch[- ]size", bare=True)),
        ("accumulat", "gradient_accumulation_steps", positive, _said(r"accumulat\w{0,4}(?: steps?)?")),
        ("accumulat", "gradient_accumulation_steps", positive, rf"{_V} (?:gradient )?accumulation steps?"),
        ("weight decay", "weight_decay", real, _said("weight decay(?: rate)?", bare=True)),
        ("warm", "warmup_ratio", share, _said("warm-?up ratio", bare=True)),
        ("warm", "warmup_ratio", share,
            r"\bwarm-?up (?:of|over|for)(?: the first)? (\d{1,3}(?:\.\d{1,3})?\s?%) of"),
        ("warm", "warmup_steps", steps, _said("warm-?up(?: steps?)?") + " steps"),
        ("warm", "warmup_steps", steps, rf"\b(?<![-.])({NUMBER}) warm-?up steps"),
        ("warm", "warmup_steps", steps, _said("warm-?up steps")),
        ("seed", "seed", whole, _said("(?:random |training )seed", bare=True)),
        ("length", "max_length", positive,
            _said("(?:max(?:imum)?(?: sequence| token| input)? length|max_length|(?:sequence|input) length)")
            + r"(?!\s?(?:s|sec\w{0,5}|words?|char\w{0,8}|new)\b)"),
        ("length", "max_length", positive,
            r"\b(?:chunked|truncated|cut|split|padded) (?:in)?to (?:an? |the )?(?:max\w* )?length of (\d{1,6}) tokens"),
        ("length", "max_length", positive,
            rf"(?:\b(?:with|and|using)\s|, )(?:an? )?{_V}(?: tokens)? "
            r"(?:max(?:imum)? )?(?:sequence|input|token) length\b"),
        ("steps", "max_steps", positive, rf"\btrained (?:on|with) [^.,;\n]{{1,80}}, {_V} (?:training )?steps\b"),
        ("steps", "max_steps", positive,
            r"\b(?:trained|fine-?tuned|training)(?: \w{1,30}){0,6} over "
            rf"{_V} (?:training |optimization |gradient |update )?steps\b"),
        ("steps of", "max_steps", steps, r"\b(?:with|for) (\d{1,9}(?:\.\d)?[kK]?) steps of training"),
        ("for", "max_steps", positive,
            r"\b(?:trained|fine-?tuned|tuned|training|run)(?: \w{1,30}){0,4} for(?: a total of)? "
            rf"{_V} (?:training |optimization |gradient |update )?(?:steps|iterations)"),
        ("for", "max_steps", steps,
            r"\b(?:trained|fine-?tuned|tuned|training|run)(?: \w{1,30}){0,4} for(?: a total of)? "
            r"(\d{1,4}(?:\.\d{1,3})?[kK]) (?:training |optimization |gradient |update )?(?:steps|iterations)"),
        ("energy", "energy_kwh", kilowatt_hours,
            rf"\b(?:energy|electricity)\b[^.\n\d]{{0,40}}?[:=\s~≈]\s{{0,3}}[*`_]{{0,3}}({NUMBER}\s?[kM]?Wh)\b"),
        ("consum", "energy_kwh", kilowatt_hours,
            rf"\b(?:consum\w+)\W{{1,3}}(?:(?:about|around|roughly|approximately)\s)?({NUMBER}\s?[kM]?Wh)\b"),
        ("rank", "adapter.r", positive, _said("rank")),
        ("alpha", "adapter.alpha", positive, _said("alpha")),
    )
)  # fmt: skip
_WORDS_OF = tuple(dict.fromkeys(trigger for trigger, *_ in _SENTENCES))
_NOT_OURS = re.compile(
    r"pre-?train(?:ed|ing) (?:for|on|with|using|was|of|procedure)|\b(?:you can|you may|you should|we recommend"
    r"|recommend|try |e\.g\.|for example|if you|"
    r"early stopping|patience|baseline|each of|per epoch|every|after epoch|grid|search|range|either|between (?=[\d*`])"
    r"|best epoch|previous|original model|"
    r"stage|phase|calibrat|first \d+ epochs|then for|followed by|teacher|respectively)",
    re.IGNORECASE,
)
_ASIDE = (
    "train", "can", "may", "should", "recommend", "try", "e.g", "example", "if you", "early", "patience", "baseline",
    "each", "per epoch", "every", "after", "grid", "search", "range", "either", "between", "best", "previous",
    "original", "stage", "phase", "calibrat", "first", "then", "followed", "teacher", "respectively",
)  # fmt: skip
"""Words one of which stands in whatever `_NOT_OURS` finds; to look for them is quicker."""
_AFTER = re.compile(r"\b(?:after|at|by|from|epoch)\s{0,3}$", re.IGNORECASE)
_TRAINED = re.compile(r"\b(?:train(?:ed|ing)?|fine-?tun\w+|finetun\w+|ran)\b", re.IGNORECASE)
_TOOK = re.compile(
    r"\b(?:took|takes|cost|lasted|finished in|completed in|training (?:time|duration)\s?(?:was|is|of|:)"
    r"|trained (?:\w+ ){0,6}?(?:for|in)|hours used)\W{0,3}(?:about |around |approximately |roughly |over "
    r"|nearly |~\s?)?(\d[\d.:]{0,12}\s?(?:h|hrs?|hours?|min|minutes?|days?)\b(?:(?:,"
    r"| and)? \d{1,2}\s?(?:min|minutes?|m)\b)?)",
    re.IGNORECASE,
)
_SCHEDULED = re.compile(
    r"\b(linear|cosine|constant|polynomial)(?: learning rate"
    r"| lr)?(?: warm-?up)?(?: and)?(?: with)? ?(?:schedul\w+|decay|annealing|learning rate|lr schedul)",
    re.IGNORECASE,
)
_OPTIMIZED = re.compile(
    r"\b(AdamW|Adam|SGD|Adafactor|RMSprop|Lion|AdaGrad|Adadelta)(?:_\w+)?(?:\s(?:8-?bit"
    r"|fused))?\s?(?:\[[^\]]*\]\([^)]*\)\s?)?optimi[sz]er|optimi[sz]er(?: was| is| used|:"
    r"| \w+ was)? (AdamW|Adam|SGD|Adafactor|RMSprop|Lion)\b|\busing (AdamW|Adam|SGD|Adafactor)\b",
    re.IGNORECASE,
)
_PRECISE = re.compile(
    r"\b(?:using|with|in|mixed[- ]precision)\W{1,3}(?:mixed[- ]precision\W{0,3})?(?:\w+ )?\(?(fp16|bf16"
    r"|bfloat16|float16|fp32|float32)\b",
    re.IGNORECASE,
)
_QUANTIZED = re.compile(
    r"\b(?:quanti[sz]ed (?:to|in|with|using) (?:an? )?(4|8)[- ]?bits?|(4|8)[- ]?bit quanti[sz]ation"
    r"|loaded in (4|8)[- ]?bit)",
    re.IGNORECASE,
)
_SAMPLES = re.compile(
    rf"(?<!~)\b({NUMBER}) (?:labell?ed |annotated |unique |different )?(train(?:ing)?|test(?:ing)?|validation|dev"
    rf"|evaluation)(?: (?:set|data))? (?:samples|examples|images|sentences|instances|rows|records|reviews"
    rf"|texts|documents|tweets|articles|questions|pairs)\b",
    re.IGNORECASE,
)
_SAMPLES_FOR = re.compile(
    rf"(?<!~)\b({NUMBER}) (?:labell?ed |annotated )?(?:samples|examples|images|sentences|instances|rows|records"
    rf"|reviews|texts|documents|tweets|articles|questions)? ?(?:were |was |are "
    rf"|is )?(?:used )?for (train(?:ing)?|test(?:ing)?|validation|evaluation)\b",
    re.IGNORECASE,
)
_UNNAMED = re.compile(
    r"\b(?:on|using|with) (an?|one|two|four|eight|a single|single|[1-9]\d{0,3}) (?:cloud )?GPUs?\b(?! hours)",
    re.IGNORECASE,
)
_PROVIDER = re.compile(
    r"\bGoogle Colab(?:oratory)?(?: Pro\+?)?|\bKaggle(?=(?:'s)? (?:free )?(?:[PT]\d+|GPU|notebook))|\b(?:AWS"
    r"|Azure|GCP|Google Cloud|Lambda Labs|RunPod|Vast\.ai)\b",
    re.IGNORECASE,
)


def read_prose(page: Page, line: Line) -> None:
    """What the sentences of a line say of the training."""
    text = page.text
    low = text[line.start : line.end].lower()
    if not any(word in low for word in _WORDS_OF) and not any(
        word in low for word in ("train", "tun", "quanti", "optimi")
    ):
        return
    at = line.start
    for cut in [*(found for found in SENTENCE_ENDS.finditer(text, line.start, line.end)), None]:
        end = cut.start() if cut is not None else line.end
        if end > at:
            _sentence(page, text[at : min(end, at + 2000)], at, line)
        at = cut.end() if cut is not None else end


def _sentence(page: Page, words: str, at: int, line: Line) -> None:
    low = words.lower()
    if not page.may_search(at, at + len(words)):
        return
    if any(word in low for word in _ASIDE) and _NOT_OURS.search(words):
        return
    shown = words if words.isascii() else plain_same_length(words)
    for trigger, fact, reader, pattern in _SENTENCES:
        if trigger not in low:
            continue
        found = list(pattern.finditer(shown))
        if len(found) == 1:
            one = found[0]
            read = reader(next(filter(None, one.groups()), ""))
            if fact in ("adapter.r", "adapter.alpha") and "lora" not in low and "lora" not in line.title:
                continue
            if fact == "num_epochs" and _AFTER.search(shown[max(0, one.start() - 12) : one.start()]):
                continue
            if read is not None:
                page.say(fact, read, at + one.start(), at + one.end())
    if "optimi" in low or "adam" in low or "sgd" in low:
        for one in _OPTIMIZED.finditer(words):
            kind = optimizer(one[1] or one[2] or one[3])
            if kind is not None:
                page.say("optimizer", kind, at + one.start(), at + one.end())
                moments(page, words, at, at + len(words))
    if line.role == "training" or _TRAINED.search(words):
        _of_training(page, words, at)
    _samples(page, words, at)


def _samples(page: Page, words: str, at: int) -> None:
    for pattern in (_SAMPLES, _SAMPLES_FOR):
        for one in pattern.finditer(words):
            rows = int(float(one[1].replace(",", "")))
            if rows >= 10:
                page.say(f"rows.{SPLITS[one[2].lower()]}", rows, at + one.start(), at + one.end())


_TOLD: tuple[tuple[str, Callable[[str], Any], re.Pattern[str]], ...] = (
    ("lr_scheduler", str.lower, _SCHEDULED),
    ("mixed_precision", precision, _PRECISE),
    ("quantization.bits", int, _QUANTIZED),
    ("training_time_hours", hours, _TOOK),
)
# What somebody may do with the model, not what was done: `it can be fine-tuned on a single GPU`.
_POSSIBLE = re.compile(r"\bfor (?:fine-?tuning|training)\b|tunable|\b(?:fits?|can|able|requires?)\b", re.IGNORECASE)
_DEVICE = re.compile(r"\bGPUs?\b|TPU|\b[AVH]100|[TPK]\d{1,3}\b|RTX")


def _of_training(page: Page, words: str, at: int) -> None:
    """What only a sentence on training may say: schedule, precision, quantization, time and hardware."""
    low = words.lower()
    for fact, reader, pattern in _TOLD:
        found = pattern.search(words)
        if found is None or (fact == "training_time_hours" and ("per epoch" in low or "each" in low)):
            continue
        read = reader(next(filter(None, found.groups())))
        if read is not None:
            page.say(fact, read, at + found.start(), at + found.end())
    if "inference" not in low and _DEVICE.search(words) and not _POSSIBLE.search(words):
        hardware(page, words, at, at, at + len(words))
        if (count := _UNNAMED.search(words)) is not None:
            told = count[1].lower()
            page.say("hardware.count", ONE_WORD.get(told) or int(told), at + count.start(), at + count.end())
        provider = _PROVIDER.search(words)
        if provider is not None:
            page.say("hardware.provider", provider.group(), at + provider.start(), at + provider.end())


_SAME = str.maketrans({"−": "-", "–": "-", "‑": "-", "％": "%", "’": "'", "\u00a0": " ", "×": "x"})


def plain_same_length(text: str) -> str:
    """Text with the signs of ASCII where others mean the same, each by one, so that offsets stay."""
    return text.translate(_SAME)
