"""From what a README says to the card of its model: what is stated with its words, what is assumed, what is open.

Every value gets a status. *Stated* is what the README says, with its own words, if they can be quoted and do not deny
it. *Derived* follows by arithmetic. *Assumed* is what the README leaves out: the default of the library that most model
cards were made with, named. Where no default can stand in, where the README says two things, or one that no card can
declare, a stand-in is written and the reason begins with `TODO`: the card loads, and `replicard validate` lists it
until a person has decided. The text is a function of the README alone.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from registry.architectures import Llama
from registry.card import (
    Base,
    Card,
    Claim,
    Data,
    EpochTable,
    Evaluation,
    Hardware,
    HoldOut,
    Software,
    Take,
    Tokens,
    Training,
)
from registry.contradiction import contradiction, placeholder_of
from registry.datasets import known
from registry.document import Fact
from registry.draft_page import page_of
from registry.evidence import SECTIONS, TODO
from registry.front_matter import front_matter, index_of, scalars
from registry.hardware import ACCELERATORS
from registry.languages import language_problem
from registry.licenses import license_problem
from registry.numbers import numbers_in
from registry.preparation import preparation
from registry.secrets import find_secrets
from registry.shapes import SHAPES
from registry.vocabulary import CLAIMS, OPTIMIZERS, SCHEDULERS
from registry.writing import render, scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from registry.datasets import Dataset
    from registry.document import Document, Place, Result, Row, Table
    from registry.preparation import Kind

LONGEST_QUOTE = 160
"""Characters of the words that are quoted for a value; of longer ones the part with the value."""
_LONGEST_COMMENT = 72
"""Characters of the comment beside most values."""
_LONGEST_QUESTION = 300
_MOST_ROWS = 300
"""Rows of the longest epoch table that a card holds: more are beyond `registry.yaml.MAX_NODES`."""
_MOST_CLAIMS = 100

# Characters that a card cannot hold, and those that would show a comment otherwise than it stands there.
_UNQUOTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_BOTH = "in transformers 4.x and 5.23"
_DEFAULTS: Mapping[str, str] = {
    "base.dtype": "what from_pretrained of transformers 4.x loads where no torch_dtype is given",
    "base.allow_pickle": "no consent is given; a base that ships no safetensors is refused until it is",
    "data.balanced": "no such cut is described",
    "data.tokens.max_length": "not stated; the longest that most encoders have positions for",
    "data.tokens.truncation": "follows from assuming a max_length",
    "data.tokens.padding": "DataCollatorWithPadding.padding's default (True), the Trainer's collator for a tokenizer",
    "data.split.stratify": "not mentioned; train_test_split of datasets and of scikit-learn does not stratify by"
    " default",
    "data.split.seed": "not stated; the seed of TrainingArguments stands in",
    "adapter.r": "LoraConfig.r's default in peft 0.21",
    "adapter.alpha": "LoraConfig.lora_alpha's default in peft 0.21",
    "adapter.dropout": "LoraConfig.lora_dropout's default in peft 0.21",
    "adapter.rslora": "LoraConfig.use_rslora's default in peft 0.21",
    "adapter.dora": "LoraConfig.use_dora's default in peft 0.21",
    "quantization.quant_type": "BitsAndBytesConfig.bnb_4bit_quant_type's default in transformers 5.23",
    "quantization.double_quant": "BitsAndBytesConfig.bnb_4bit_use_double_quant's default in transformers 5.23",
    "quantization.compute_dtype": "BitsAndBytesConfig.bnb_4bit_compute_dtype's default in transformers 5.23",
    "training.epochs": f"TrainingArguments.num_train_epochs's default, {_BOTH}",
    "training.learning_rate": f"TrainingArguments.learning_rate's default, {_BOTH}",
    "training.batch_size": f"TrainingArguments.per_device_train_batch_size's default, {_BOTH}",
    "training.gradient_accumulation_steps": f"TrainingArguments.gradient_accumulation_steps's default, {_BOTH}",
    "training.eval_batch_size": f"TrainingArguments.per_device_eval_batch_size's default, {_BOTH}",
    "training.optimizer": "TrainingArguments.optim's default in transformers 4.x; in 5.23 with torch 2.8 or newer it is"
    " adamw_torch_fused, the same arithmetic",
    "training.adam_betas": f"the defaults of TrainingArguments.adam_beta1 and adam_beta2, {_BOTH}",
    "training.adam_epsilon": f"TrainingArguments.adam_epsilon's default, {_BOTH}",
    "training.weight_decay": f"TrainingArguments.weight_decay's default, {_BOTH}",
    "training.max_grad_norm": f"TrainingArguments.max_grad_norm's default, {_BOTH}",
    "training.label_smoothing": f"TrainingArguments.label_smoothing_factor's default, {_BOTH}",
    "training.scheduler": f"TrainingArguments.lr_scheduler_type's default, {_BOTH}",
    "training.warmup_steps": f"TrainingArguments.warmup_steps's default, {_BOTH}",
    "training.precision": f"the defaults of TrainingArguments.fp16 and bf16 (False), {_BOTH}",
    "training.seed": f"TrainingArguments.seed's default, {_BOTH}",
    "training.select": "TrainingArguments.load_best_model_at_end's default (False)",
    "hardware.count": "one, as no number is given",
    "evaluation.margin": "ours: one percentage point, fixed before any run",
}
"""What stands in for a value that a README leaves out, by path: where the default comes from."""

# Layers that PEFT adapts by default (TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING of peft 0.21), by a word in the
# base's name; the more special words first.
_ADAPTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("distilbert", ("q_lin", "v_lin")),
    ("deberta-v2", ("query_proj", "value_proj")), ("deberta-v3", ("query_proj", "value_proj")),
    ("deberta", ("in_proj",)), ("roberta", ("query", "value")), ("electra", ("query", "value")),
    ("bert", ("query", "value")), ("llama", ("q_proj", "v_proj")), ("mistral", ("q_proj", "v_proj")),
    ("gemma", ("q_proj", "v_proj")), ("qwen2", ("q_proj", "v_proj")), ("gpt2", ("c_attn",)), ("t5", ("q", "v")),
)  # fmt: skip
_DECODERS = re.compile(r"llama|mistral|gpt-?2|gpt-?neo|vicuna|alpaca", re.IGNORECASE)
# Bases that everybody names without their namespace.
_NAMESPACES = ((re.compile(r"Llama-(?:2|3)[\w.]*-", re.IGNORECASE), "meta-llama"),)
_SECTIONS: Mapping[str, Any] = {
    "base": Base, "data": Data, "data.take": Take, "data.split": HoldOut, "data.tokens": Tokens, "training": Training,
    "hardware": Hardware, "software": Software, "evaluation": Evaluation,
}  # fmt: skip
# Ids without a namespace are old ones: `bert-base-uncased`, `gpt2`; `BERT` and `DistilBert` are none.
_OLD_ID = re.compile(r"[a-z][a-z\d._]*[-\d][a-z\d._-]*")
_CONFIG = re.compile(r"[A-Za-z][\w.-]{0,60}")
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[\w.-]{1,96})?")
_TYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}


@dataclass(frozen=True)
class Draft:
    """A card that was made of a README.

    Attributes:
        text: The YAML, without its first line, the schema.
        stated: Number of values that the README states.
        derived: Number of those that follow from these.
        assumed: Number of those it leaves out.
        undecided: Paths of what a person must decide.
        contradictions: What it says in two ways.
    """

    text: str
    stated: int
    derived: int
    assumed: int
    undecided: tuple[str, ...]
    contradictions: tuple[str, ...]


@dataclass
class Drafting:
    """A card while it is made.

    Attributes:
        document: The README.
        name: The card's id.
        source: The card's section of that name.
        kind: What the model does.
        wrong: What cannot be of the numbers that it reports, each by its place.
    """

    document: Document
    name: str
    source: Mapping[str, Any]
    kind: Kind
    wrong: Mapping[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    stated: dict[str, Any] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    claims: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)
    table: tuple[dict[str, Any], tuple[str, ...]] | None = None

    def __post_init__(self) -> None:
        """Read the README's text as the card's evidence will be looked up in it."""
        self.text = self.document.text.replace("\r\n", "\n")
        found: dict[str, list[Fact]] = {}
        for fact in sorted((*self.document.facts, *preparation(self.document)), key=lambda one: one.place.start):
            if fact.status != "placeholder":
                found.setdefault(fact.name, []).append(fact)
        self.facts = found
        read = self.document.text[: len(self.document.text) - self.document.unread]
        self.page, self.body = page_of(read, self.document.name), front_matter(read)[1]
        if self.document.unread:
            self.notes.append(f"The last {self.document.unread:,} characters of the source were not read.")
        tags = {one.text.strip() for one in scalars(self.page.meta.get("tags"))}
        self.by_trainer = "generated_from_trainer" in tags or "generated automatically according to" in self.text[:5000]
        _base(self)
        _task(self)
        _data(self)
        _adapter(self)
        _quantization(self)
        _training(self)
        _hardware(self)
        _software(self)
        _evaluation(self)
        _epoch_table(self)
        for where, message in self.wrong.items():
            self.contradictions.append(f"{where}: {comment(message, _LONGEST_QUESTION)}")
            self.notes.append(f"Impossible as reported (line {where.rsplit(':', 2)[1]}): {message}")
        _reported(self)
        _splits_that_are_scored(self)

    def line_of(self, fact: Fact) -> int:
        """The line of a fact's words, counted from 1."""
        return _line(fact.place)

    def state(self, path: str, value: Any, *facts: Fact, default: Any = None) -> None:
        """Declare what the README says; where its words cannot be quoted for it, a person must look."""
        words = tuple(quoted for fact in facts if (quoted := self.quote(path, value, fact.place.start, fact.place.end)))
        if not words:
            where = f"line {self.line_of(facts[0])}"
            self.decide(path, default, f"{where} seems to say {_shown(value)}, but no words there can be quoted for it")
            return
        self._forget(path)
        self.values[path] = value
        self.stated[path] = words[0] if len(words) == 1 else words
        self.beside[path] = _quoted(facts[0].place, words[0])

    def derive(self, path: str, value: Any, formula: str) -> None:
        """Declare what follows from stated values."""
        self._forget(path)
        self.values[path], self.derived[path] = value, comment(formula, 400)
        self.beside[path] = comment(f"derived: {formula}")

    def assume(self, path: str, value: Any, reason: str = "") -> None:
        """Declare what the README leaves out."""
        self._forget(path)
        self.values[path], self.assumed[path] = value, comment(reason or _DEFAULTS[path], 600)
        self.beside[path] = comment(f"assumed: {self.assumed[path]}")

    def decide(self, path: str, value: Any, question: str) -> None:
        """Write a stand-in for what a person must decide."""
        self.assume(path, value, f"{TODO}: {question}")
        self.beside[path] = comment(self.assumed[path], _LONGEST_QUESTION)

    def _forget(self, path: str) -> None:
        for table in (self.values, self.stated, self.derived, self.assumed, self.beside):
            table.pop(path, None)

    def conflict(self, path: str, value: Any, facts: Iterable[tuple[Any, Fact]], default: Any = None) -> None:
        """Say that the README says two things, and ask for one."""
        told = {_shown(one): self.line_of(fact) for one, fact in reversed(list(facts))}
        said = " and ".join(f"{one} (line {line})" for one, line in list(reversed(told.items()))[:4])
        self.contradictions.append(f"{path}: the source says {said}.")
        self.notes.append(f"{path}: the source says {said}.")
        self.decide(
            path, value if value is not None else default, f"the source says {said}; keep the one it was made with"
        )

    def take(
        self,
        path: str,
        names: str | tuple[str, ...],
        read: Callable[[Any, Fact], Any] = lambda value, _: value,
        *,
        default: Any = None,
        reason: str = "",
    ) -> bool:
        """Declare the fact of a name as a value of the card: stated, open, or the default; false where it is left out.

        Args:
            path: The card's field.
            names: Names of the facts that mean it.
            read: From a fact's value to the card's; null where no card can declare it.
            default: What stands in where nothing is said; null leaves the field out.
            reason: Why, where `_DEFAULTS` does not say.
        """  # fmt: skip
        facts = [fact for name in ([names] if isinstance(names, str) else names) for fact in self.facts.get(name, ())]
        pairs = [(read(fact.value, fact), fact) for fact in facts]
        values = _distinct(value for value, _ in pairs if value is not None)
        if len(values) > 1:
            self.conflict(path, values[0], [pair for pair in pairs if pair[0] is not None], default)
        elif values:
            told = sorted((fact for value, fact in pairs if value is not None), key=lambda one: one.status == "derived")
            if told[0].status == "derived":
                self.derive(path, values[0], f"{told[0].text} (line {self.line_of(told[0])})")
            else:
                self.state(path, values[0], told[0], default=default)
        elif facts:
            named = f"{_shown(facts[0].value)} (line {self.line_of(facts[0])})"
            said = f"the source's {named} is nothing that a card can declare"
            self.notes.append(f"{path}: {said}.")
            if default is None:
                return False
            self.decide(path, default, f"{said}; choose what comes nearest")
        elif default is not None:
            self.assume(path, default, reason)
        else:
            return False
        return True

    def quote(self, path: str, value: Any, start: int, end: int) -> str | None:
        """Words of the README for a value, from where they stand; null where none can be quoted."""
        text = self.document.text
        for first, last in self._windows(start, end):
            words = text[first:last].replace("\r\n", "\n").strip()
            if (
                words in self.text
                and len(words) <= 4 * LONGEST_QUOTE
                and re.search(r"[^\W_]", unicodedata.normalize("NFKC", words[:1000]))
                and not _UNQUOTABLE.search(words)
                and not find_secrets(words)
                and contradiction(path, value, words) is None
                and placeholder_of(path, value, words) is None
            ):
                return words
        return None

    def _windows(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Parts of the README around words, the best to quote first."""
        text = self.document.text
        line = text.rfind("\n", 0, start) + 1
        key = re.search(r"[\w-]{1,40}:(?: {0,2}-)? {0,3}[\"'`]?$", text[max(line, start - 60) : start])
        if key is not None and start < self.body and end - start < LONGEST_QUOTE:
            yield start - len(key.group()), end
        if end - start <= LONGEST_QUOTE:
            yield start, end
            for over in (10, 40):  # a word or two more on each side
                yield max(line, text.rfind(" ", line, max(line, start - over)) + 1), end
        else:
            stop = text.rfind(" ", start, start + LONGEST_QUOTE)
            yield start, stop if stop > start else start + LONGEST_QUOTE
            for found in islice(re.finditer(r"\d[\d.,e%-]*", text[start:end]), 8):
                first = text.find(" ", max(start, start + found.start() - 60), start + found.start())
                yield first + 1 if first >= 0 else start + found.start(), min(end, start + found.end() + 40)
            yield start, end

    def doubt(self, path: str, message: str) -> bool:
        """Give up a value that the card's rules refuse beside the others; false where it is none of the draft's."""
        path = path.partition(" ")[0]
        for table in ("stated", "derived", "assumed"):
            path = path.removeprefix(f"{table}.")
        if path.startswith("reported[") and path.partition("]")[0][9:].isdigit():
            index = int(path.partition("]")[0][9:])
            if index >= len(self.claims):
                return False
            claim, _, where = self.claims.pop(index)
            self.notes.append(comment(f"{where}: {claim['metric']} {claim['value']}: {message}", 300))
            return True
        if path.startswith("epoch_table") and self.table is not None:
            self.table = None
            self.notes.append(comment(f"The epoch table is left out: {message}", 300))
            return True
        if path in self.values and not self.assumed.get(path, "").startswith(TODO):
            was, words = self.values[path], self.stated.get(path)
            said = f"{_shown(was)}, by “{comment(str(words), 80)}”," if words else _shown(was)
            if path in self.stated:
                self.contradictions.append(comment(f"{path}: {_shown(was)}: {message}", 300))
            self.decide(path, _default(path), f"{said} does not hold: {message}")
            return True
        below = [name for name in self.values if name.startswith((f"{path}.", f"{path}["))]
        if path in ("adapter", "quantization", "hardware", "software", "base.architecture", "data.split") and below:
            for name in below:
                self._forget(name)
            self.decide(path, None, message)
            return True
        return False

    def finished(self) -> Draft:
        """The card as YAML, with what it is made of in numbers."""
        raw: dict[str, Any] = {"schema": 1, "id": self.name, "source": dict(self.source)}
        values = dict(sorted(self.values.items(), key=lambda item: _order(item[0])))
        for section in SECTIONS:
            part = values[section] if section in values else _nested(section, values)
            if part or section in values:
                raw[section] = part
        beside = dict(self.beside)
        stated, derived, assumed = (
            dict(sorted(table.items(), key=lambda item: _order(item[0])))
            for table in (self.stated, self.derived, self.assumed)
        )
        raw["reported"] = [claim for claim, _, _ in self.claims]
        for index, (_, words, where) in enumerate(self.claims):
            stated[f"reported[{index}].value"] = words
            beside[f"reported[{index}]"] = where
        if self.table is not None:
            raw["epoch_table"], rows = self.table
            stated["epoch_table.rows"] = rows if len(rows) > 1 else rows[0]
        for name, table in (("stated", stated), ("derived", derived), ("assumed", assumed)):
            if table:
                raw[name] = table
        if self.notes:
            raw["underspecified"] = list(dict.fromkeys(comment(note, 400) for note in self.notes))
        raw["readme"] = _readme(self)
        undecided = tuple(path for path, reason in assumed.items() if reason.startswith(TODO))
        return Draft(
            text=render(raw, beside),
            stated=len(stated),
            derived=len(self.derived),
            assumed=len(self.assumed) - len(undecided),
            undecided=undecided,
            contradictions=tuple(self.contradictions),
        )


def comment(text: str, longest: int = _LONGEST_COMMENT) -> str:
    """A text as it may stand in a comment: one line, cut where it is long, what is no plain character spelled out."""
    shown = "".join(
        sign if sign.isprintable() and unicodedata.category(sign) not in ("Cf", "Cs") else f"\\u{ord(sign):04x}"
        for sign in " ".join(text[: 4 * longest].split())
    )
    if len(shown) <= longest and len(text) <= 4 * longest:
        return shown
    cut = shown[: longest - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[longest // 2 :] else cut}…"


def _quoted(place: Place, words: str) -> str:
    """A comment with words of the README and their line and column."""
    line, column = place.where.rsplit(":", 2)[1:]
    return f"{line}:{column} “{comment(words, _LONGEST_COMMENT - 12)}”"


def _line(place: Place) -> int:
    return int(place.where.rsplit(":", 2)[1])


def _order(path: str) -> tuple[int, ...]:
    """Where a value stands in the card: as the spec has its fields, those of a plugin behind them as they come."""
    at: Any = Card
    found = []
    for key in path.split("."):
        names = list(at.model_fields) if at is not None else []
        found.append(names.index(key) if key in names else len(names))
        at = _SECTIONS.get(path[: path.index(key) + len(key)])
    return tuple(found)


def _nested(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a section, each at its place."""
    raw: dict[str, Any] = {}
    for path, value in values.items():
        first, *keys = path.split(".")
        if first != section or not keys:
            continue
        at = raw
        for key in keys[:-1]:
            at = at.setdefault(key, {})
        at[keys[-1]] = value
    return raw


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once; numbers that differ in the seventh digit are one, written as 32 bits hold it."""
    found: list[Any] = []
    for value in values:
        alike = isinstance(value, float) and any(
            isinstance(o, float) and math.isclose(o, value, rel_tol=1e-6) for o in found
        )
        if not alike and value not in found:
            found.append(value)
    return found


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return comment(value if isinstance(value, str) else scalar(value), 80)


def _default(path: str) -> Any:
    """The spec's default of a field of the recipe; what stands in for the others."""
    section, _, name = path.partition(".")
    if section == "training" and name in Training.model_fields:
        return Training.model_fields[name].default
    return {
        "base.model": TODO, "data.dataset": TODO, "task.labels": (f"{TODO} 0", f"{TODO} 1"), "base.dtype": "float32",
        "data.tokens.max_length": 512, "hardware.count": 1, "adapter.r": 8, "adapter.alpha": 8, "adapter.dropout": 0.0,
        "adapter.target_modules": (TODO,), "evaluation.split": "test", "data.text": "text", "data.label": "label",
    }.get(path)  # fmt: skip


# The sections, in the order of the card


def _base(draft: Drafting) -> None:
    """The base model, and what of it is known here."""

    def read(name: Any, fact: Fact) -> str | None:
        names = name if isinstance(name, tuple) else (name,)
        one = str(names[0]).strip()
        if len(names) != 1 or not _ID.fullmatch(one) or "$" in one:
            return None
        for pattern, namespace in _NAMESPACES:
            if pattern.match(one):
                return f"{namespace}/{one}"
        return one if "/" in one or _OLD_ID.fullmatch(one) else None

    if not draft.take("base.model", "base_model", read):
        said = [_shown(fact.value) for fact in draft.facts.get("base_model", ())]
        why = f"the source's {said[0]} is no id of one model" if said else "the source names no base model"
        draft.decide("base.model", TODO, f"{why}; write the Hub's id of what was fine-tuned")
    name = str(draft.values["base.model"])
    shape = SHAPES.get(name)
    if isinstance(shape, Llama) or _DECODERS.search(name):
        reason = "not mentioned; such a tokenizer has no padding token, and its end-of-sequence token usually stands in"
        draft.assume("base.pad_token", "eos", reason)
    draft.take("base.dtype", "base.dtype", default="float32")
    draft.assume("base.allow_pickle", False)
    # Of a Llama, `SHAPES` has what parameters are counted by, and not what else its config.json says.
    if shape is not None and not isinstance(shape, Llama) and "base.model" in draft.stated:
        facts = shape.model_dump(exclude_defaults=True)
        for key, value in {"model_type": shape.model_type, **facts}.items():
            draft.values[f"base.architecture.{key}"] = value
        draft.assumed["base.architecture"] = "facts of the base's config.json on the Hub"


def _task(draft: Drafting) -> None:
    """Text classification, and the labels."""
    fact = draft.kind.fact
    if fact is not None:
        draft.state("task.type", draft.kind.task, fact, default=draft.kind.task)
    else:
        draft.assume("task.type", "text-classification", "what this card was asked for; the source does not say")
    data = _known(draft)
    own = data.labels if data is not None else ()

    def read(names: Any, _: Fact) -> tuple[str, ...] | None:
        by_name = {label.casefold(): label for label in own}
        short = tuple(str(name).strip() for name in names)
        return tuple(by_name.get(name.casefold(), name) for name in short) if len(set(short)) > 1 else None

    if "labels" in draft.facts:
        draft.take("task.labels", "labels", read, default=own or (f"{TODO} 0", f"{TODO} 1"))
    elif data is not None and own:
        whose = f"the classes of {data.repo}{f' ({data.config})' if data.config else ''}, in their order there"
        draft.assume("task.labels", own, whose)
    elif (named := draft.facts.get("task.labels")) is not None:
        where = _quoted(named[0].place, named[0].text)
        question = (
            "the source names classes, not their numbers; put them in the order of id2label, and add what is left out"
        )
        draft.decide("task.labels", named[0].value, f"{question}: {where}")
    else:
        question = "the source does not name the classes in the order of their numbers; write them so"
        draft.decide("task.labels", (f"{TODO} 0", f"{TODO} 1"), question)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)


def _known(draft: Drafting) -> Dataset | None:
    """The one dataset that the source names, where it is known here."""
    found = [known(name) for fact in draft.facts.get("datasets", ()) for name in _names(fact.value)]
    return found[0] if found and all(one is found[0] for one in found) else None


def _data(draft: Drafting) -> None:
    """The dataset, its splits, and how its texts are cut."""
    data = _known(draft)
    facts = draft.facts.get("datasets", [])
    names = list(dict.fromkeys(name.strip() for fact in facts for name in _names(fact.value)))
    if data is not None:
        exact = next((n for n in names if n.casefold() == data.repo.casefold()), None)
        told = next((f for f in facts if any(n.casefold() in data.ids for n in _names(f.value))), facts[0])
        other = next(
            (n for n in names if "/" in n and known(n) is data and n.count("/") == 1 and not _task_of(n)), None
        )
        draft.state("data.dataset", exact or other or data.repo, told, default=data.repo)
        if data.config is not None and (exact or not other):
            draft.assume("data.config", data.config, f"the part of {data.repo} that is meant")
    elif len(names) == 1 and _is_data_id(names[0]):
        draft.state("data.dataset", names[0], facts[0], default=TODO)
    else:
        named = f"the source names {', '.join(map(comment, names[:6]))}" if names else "the source names no dataset"
        one = next(filter(_is_data_id, names), TODO)
        draft.decide("data.dataset", one, f"{named}; write the Hub's id, or a folder, of the rows it was trained on")
    if "data.config" not in draft.values and (config := _config(draft)) is not None:
        draft.state("data.config", config.value, config)
    whose = f"a column of {data.repo}" if data is not None else "the usual name; the source names no columns"
    draft.assume("data.text", data.text if data is not None else "text", whose)
    if data is not None and data.text_pair is not None:
        draft.assume("data.text_pair", data.text_pair, whose)
    draft.assume("data.label", data.label if data is not None else "label", whose)
    _rows(draft, data)
    _hold_outs(draft, data)
    draft.take("data.balanced", "data.balanced", default=False)
    draft.take("data.clean", "data.clean")
    default = _positions(draft)
    reason = "the most positions the base has" if default is not None else ""
    draft.take("data.tokens.max_length", "max_length", _whole, default=default or 512, reason=reason)
    draft.take("data.tokens.truncation", "data.tokens.truncation", default=True)
    draft.take("data.tokens.padding", "data.tokens.padding", default="longest")


def _is_data_id(name: str) -> bool:
    """Whether a name is an id of the Hub: without a namespace an old one, `imdb`; `KAUST` is none."""
    return _ID.fullmatch(name) is not None and ("/" in name or name.islower())


def _config(draft: Drafting) -> Fact | None:
    """The one part of the dataset that the front matter's results are of: `args: qnli`."""
    parts = (result.get("dataset") for result in index_of(draft.page.meta))
    told = {
        one.text: one
        for part in parts if isinstance(part, dict)
        for one in (*scalars(part.get("config")), *scalars(part.get("args")))
        if one.text != "default" and _CONFIG.fullmatch(one.text)
    }  # fmt: skip
    if len(told) != 1:
        return None
    ((name, one),) = told.items()
    words = draft.document.text[one.start : one.end]
    return Fact("data.config", name, words, draft.document.at(one.start, one.end))


def _task_of(name: str) -> bool:
    """Whether a name is a task of a benchmark, `glue/sst2`, and no repo."""
    return name.partition("/")[0].casefold() in ("glue", "tweet_eval")


def _positions(draft: Drafting) -> int | None:
    shape = SHAPES.get(str(draft.values["base.model"]))
    return min(512, shape.max_position_embeddings) if shape is not None else None


def _whole(value: Any, _: Fact) -> int | None:
    return int(value) if isinstance(value, (int, float)) and value == int(value) and 0 < value < 1e9 else None


def _rows(draft: Drafting, data: Dataset | None) -> None:
    """Rows of the dataset's own splits, where the dataset is known."""
    for split in ("train", "validation", "test"):
        facts = draft.facts.get(f"rows.{split}", [])
        count = data.rows.get(split) if data is not None else None
        same = [fact for fact in facts if fact.value == count]
        if count is not None and data is not None:
            if same:
                draft.state(f"data.rows.{split}", count, same[0], default=count)
            else:
                draft.assume(f"data.rows.{split}", count, f"a fact of {data.repo}")
        for fact in facts:
            if fact.value != count:
                words = f"{fact.value:,} rows for {split} (line {draft.line_of(fact)})"
                which = (
                    f"{data.repo} has {count:,}"
                    if data and count
                    else "whether of the dataset or of a part is not said"
                )
                draft.notes.append(f"The source counts {words}; {which}.")


def _hold_outs(draft: Drafting, data: Dataset | None) -> None:
    """Which rows play which part."""
    test, held = draft.facts.get("data.split.test"), draft.facts.get("data.split.validation")
    own = data.rows if data is not None else {}
    if test:
        total = sum(own.values())
        if {"train", "test"} <= set(own) and (f"{total:,}" in draft.text or str(total) in draft.text):
            parts = " + ".join(f"{count:,} ({split})" for split, count in own.items())
            draft.derive("data.pool", tuple(own), f"the source's {total:,} rows = {parts}, split anew")
        elif "test" in own:
            question = "whether the share is held out of all rows or of the training split alone, is not said"
            draft.decide("data.pool", tuple(own), f"{question}; for the latter, write `take: {{train: train}}` instead")
        else:
            draft.assume("data.take.train", "train", "the split that the shares are taken of is not named")
        draft.take("data.split.test", "data.split.test", default=0.2)
        if held:
            share, whole = held[0].value, 1 - float(test[0].value)
            formula = f"{share:g} of all rows is {share:g} / {whole:g} of those that the test leaves"
            draft.derive("data.split.validation", round(share / whole, 6), formula)
    else:
        draft.take("data.take.train", "data.take.train", default="train", reason="the split that is named so")
        if held:
            draft.take("data.split.validation", "data.split.validation", default=0.2)
    if test or held:
        draft.take("data.split.stratify", "data.split.stratify", default=False)
        draft.assume("data.split.seed", 42)


def _adapter(draft: Drafting) -> None:
    """LoRA, where the source says so."""
    if "adapter.method" not in draft.facts:
        draft.assume("adapter", None, "none is named")
        return
    draft.take("adapter.type", "adapter.method", lambda value, _: "lora" if value in ("lora", "qlora") else None,
               default="lora")  # fmt: skip
    draft.take("adapter.r", "adapter.r", _whole, default=8)
    draft.take("adapter.alpha", "adapter.alpha", _positive, default=8)
    draft.take("adapter.dropout", "adapter.dropout", _share, default=0.0)
    base = str(draft.values["base.model"]).casefold()
    usual = next((layers for word, layers in _ADAPTED if word in base), None)

    def read(names: Any, _: Fact) -> tuple[str, ...] | None:
        return _names(names) if _names(names) != ("all-linear",) else None

    if "adapter.target_modules" in draft.facts or usual is not None:
        family = "peft's default for this family (TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING)"
        draft.take("adapter.target_modules", "adapter.target_modules", read, default=usual or (TODO,), reason=family)
    else:
        question = (
            "the source does not name the layers, and no default is known for this base; write the ends of their names"
        )
        draft.decide("adapter.target_modules", (TODO,), question)
    draft.assume("adapter.rslora", False)
    draft.assume("adapter.dora", False)


def _quantization(draft: Drafting) -> None:
    """4- or 8-bit weights, where the source says so."""
    qlora = any(fact.value == "qlora" for fact in draft.facts.get("adapter.method", ()))
    if "quantization.bits" not in draft.facts and not qlora:
        draft.assume("quantization", None, "none is named")
        return
    draft.take("quantization.type", "quantization.quantizer", default="bitsandbytes",
               reason="what transformers and PEFT quantize weights for training with")  # fmt: skip
    qlora_says = "of QLoRA, which is named (Dettmers et al. 2023, arXiv:2305.14314)" if qlora else ""
    draft.take("quantization.bits", "quantization.bits", lambda bits, _: bits if bits in (4, 8) else None, default=4,
               reason=qlora_says or "4 or 8")  # fmt: skip
    if draft.values["quantization.bits"] != 4:
        return
    draft.take("quantization.quant_type", "quantization.type", lambda kind, _: kind if kind in ("fp4", "nf4") else None,
               default="nf4" if qlora else "fp4", reason=qlora_says)  # fmt: skip
    draft.take("quantization.double_quant", "quantization.double_quant", default=False)
    draft.take("quantization.compute_dtype", "quantization.compute_dtype", default="float32")


def _positive(value: Any, _: Fact) -> float | None:
    return value if isinstance(value, (int, float)) and 0 < value < math.inf else None


def _share(value: Any, _: Fact) -> float | None:
    return value if isinstance(value, (int, float)) and 0 <= value < 1 else None


def _count(value: Any, _: Fact) -> int | None:
    return (
        int(value) if isinstance(value, (int, float)) and value >= 0 and value == int(value) and value < 2**32 else None
    )


def _optimizer(value: Any, fact: Fact) -> str | None:
    """The Trainer's name of an optimizer: the one the words have, else the plain one of its family."""
    words = re.sub(r"[\s-]+", "_", fact.text.lower())
    exact = [name for name in OPTIMIZERS if re.search(rf"(?<![a-z_]){name}(?![a-z_\d])", words)]
    if exact:
        return max(exact, key=len)
    if "paged" in words or "8bit" in words or "8_bit" in words:
        found = [name for name in OPTIMIZERS if str(value) in name and ("paged" in name) == ("paged" in words)]
        bits = [name for name in found if ("8bit" in name) == ("8bit" in words or "8_bit" in words)]
        return bits[0] if len(bits) == 1 else None
    return {
        "adamw": "adamw_torch",
        "sgd": "sgd",
        "adafactor": "adafactor",
        "adagrad": "adagrad",
        "rmsprop": "rmsprop",
    }.get(str(value))


def _training(draft: Drafting) -> None:
    """The recipe."""
    defaults = Training()
    steps = draft.facts.get("max_steps")
    # `epoch: 2.1` in a list of results is when they were measured.
    named = [fact for fact in draft.facts.get("num_epochs", ()) if _NUMBER_OF_EPOCHS.search(fact.text)]
    if named:
        draft.facts["num_epochs"] = named
    if steps and "num_epochs" not in draft.facts:
        _epochs_of(draft, steps[0])
    else:
        draft.take("training.epochs", "num_epochs", _positive, default=defaults.epochs)
    draft.take("training.learning_rate", "learning_rate", _positive, default=defaults.learning_rate)
    _batches(draft)
    draft.take("training.eval_batch_size", "eval_batch_size", _whole, default=defaults.eval_batch_size)
    adam = draft.facts.get("optimizer", [])
    if adam and {fact.value for fact in adam} == {"adam"} and draft.by_trainer:
        written = 'the source\'s "Adam" is what transformers 4.x writes for all but Adafactor'
        draft.assume("training.optimizer", "adamw_torch", f"{written}; {_DEFAULTS['training.optimizer']}")
    elif adam and {fact.value for fact in adam} == {"adam"} and not _any_decay(draft):
        same = "without weight decay, and none is stated, AdamW computes the same"
        draft.assume("training.optimizer", "adamw_torch", f"the source's Adam (line {draft.line_of(adam[0])}): {same}")
    else:
        draft.take("training.optimizer", "optimizer", _optimizer, default=defaults.optimizer)
    if (told := draft.facts.get("adam_betas")) is not None:  # of one beta, the default's, the other is assumed with it
        draft.facts["adam_betas"] = [fact for fact in told if not _half_of(fact.value, defaults.adam_betas)]
    draft.take("training.adam_betas", "adam_betas", _betas, default=defaults.adam_betas)
    draft.take("training.adam_epsilon", "adam_epsilon", _positive, default=defaults.adam_epsilon)
    draft.take("training.weight_decay", "weight_decay", lambda v, _: v if 0 <= v < 10 else None, default=0.0)
    draft.assume("training.max_grad_norm", defaults.max_grad_norm)
    _unlisted(draft, "training.label_smoothing", 0.0, "a factor other than 0")
    draft.take(
        "training.scheduler", "lr_scheduler", lambda v, _: v if v in SCHEDULERS else None, default=defaults.scheduler
    )
    _warmup(draft)
    draft.take(
        "training.precision", "mixed_precision", lambda v, _: v if v in _TYPES else None, default=defaults.precision
    )
    draft.take("training.seed", "seed", _count, default=defaults.seed)
    draft.take("training.select", "select", default=defaults.select)


def _epochs_of(draft: Drafting, steps: Fact) -> None:
    """Epochs of a training that is stated in steps."""
    said = f"the source trains for {steps.value:,} steps (line {draft.line_of(steps)})"
    draft.decide("training.epochs", 1, f"{said}; write the epochs, steps × rows of a step / training rows")


def _any_decay(draft: Drafting) -> bool:
    return any(fact.value for fact in draft.facts.get("weight_decay", ()))


def _betas(value: Any, _: Fact) -> tuple[float, ...] | None:
    good = isinstance(value, tuple) and len(value) == 2 and all(beta is not None and 0 <= beta < 1 for beta in value)
    return value if good else None


def _half_of(betas: tuple[float | None, ...], default: tuple[float, ...]) -> bool:
    return None in betas and all(one in (None, other) for one, other in zip(betas, default, strict=True))


_NUMBER_OF_EPOCHS = re.compile(r"num\w*[_ ]epochs|\bnumber of (?:\w+ )?epochs", re.IGNORECASE)


def _unlisted(draft: Drafting, path: str, value: Any, what: str) -> None:
    """What the Trainer's card would have listed."""
    if draft.by_trainer:
        draft.derive(path, value, f"the card that the Trainer writes lists {what}, and lists none")
    else:
        draft.assume(path, value)


def _batches(draft: Drafting) -> None:
    """Batch size, accumulation and total, which have to agree."""
    facts = draft.facts
    defaults = Training()
    totals = {fact.value for fact in facts.get("total_train_batch_size", ())}
    total = totals.pop() if len(totals) == 1 else None
    if total and "train_batch_size" not in facts:
        others = [facts[name][0].value for name in ("gradient_accumulation_steps", "hardware.count") if name in facts]
        product = math.prod(others)
        if product and total % product == 0:
            draft.derive(
                "training.batch_size", total // product, f"{total:,} in total / {' / '.join(map(str, others)) or 1}"
            )
        else:
            question = f"{total:,} rows of a step in total do not divide by {' × '.join(map(str, others))}"
            draft.decide("training.batch_size", defaults.batch_size, question)
    else:
        draft.take("training.batch_size", "train_batch_size", _whole, default=defaults.batch_size)
    if "gradient_accumulation_steps" in facts or not draft.by_trainer:
        draft.take("training.gradient_accumulation_steps", "gradient_accumulation_steps", _whole, default=1)
    else:
        _unlisted(draft, "training.gradient_accumulation_steps", 1, "the steps above 1")
    if total and "train_batch_size" in facts:
        draft.take("training.total_batch_size", "total_train_batch_size", _whole)


def _warmup(draft: Drafting) -> None:
    """Warmup in steps or as a share; transformers 5 takes a share for `warmup_steps` too."""
    steps = [fact.value for fact in draft.facts.get("warmup_steps", ())]
    ratio = draft.facts.get("warmup_ratio")
    if steps and all(0 < value < 1 for value in steps):
        draft.take("training.warmup_ratio", ("warmup_ratio", "warmup_steps"), _share)
    elif ratio and not any(steps):
        draft.take("training.warmup_ratio", "warmup_ratio", _share)
    else:
        draft.take("training.warmup_steps", "warmup_steps", _count, default=0)
        if ratio and draft.values.get("training.warmup_steps"):
            draft.notes.append(
                f"The source gives a warmup ratio too, {ratio[0].value:g}; the Trainer then takes the steps."
            )


def _accelerator(name: Any, _: Fact) -> str | None:
    """The one accelerator that a name means, the most exact; null for one that is not known here."""
    alike = [known_ for known_, device in ACCELERATORS.items() if device.match and device.is_named(str(name))]
    alike.sort(key=lambda one: -len(ACCELERATORS[one].match))
    return alike[0] if alike else None


def _exact(exact: str | None, name: Any, fact: Fact) -> str | None:
    """The accelerator that a name means, where another name says more of the same: an A100 is one of 40 GB."""
    found = _accelerator(name, fact)
    return found if exact is None or found is None or found == exact else None


def _hardware(draft: Drafting) -> None:
    """What the model was trained on."""
    cpu = next(
        (fact for fact in draft.facts.get("framework_versions.pytorch", ()) if str(fact.value).endswith("+cpu")), None
    )
    if "hardware.accelerator" in draft.facts:
        names = {_accelerator(fact.value, fact) for fact in draft.facts["hardware.accelerator"]} - {None}
        exact = next((one for one in names if one and all(one.startswith(str(other)) for other in names)), None)
        draft.take("hardware.accelerator", "hardware.accelerator", lambda value, fact: _exact(exact, value, fact))
    elif cpu is not None and draft.values["training.precision"] != "fp16":
        draft.derive("hardware.accelerator", "cpu", f"Pytorch {cpu.value} is the build without CUDA")
    if "hardware.count" in draft.facts:
        draft.take("hardware.count", "hardware.count", _whole, default=1)
    else:
        _devices(draft)
    for name in ("provider", "region"):
        draft.take(f"hardware.{name}", f"hardware.{name}", lambda value, _: str(value).strip() or None)
    draft.take("hardware.hours", "training_time_hours", _positive)


def _devices(draft: Drafting) -> None:
    """The number of devices: what is left of the total batch size, else one."""
    total = draft.values.get("training.total_batch_size")
    one = draft.values["training.batch_size"] * draft.values["training.gradient_accumulation_steps"]
    if total and total % one == 0 and total > one:
        formula = f"{total:,} rows of a step in total / {one:,} of one device"
        draft.derive("hardware.count", total // one, formula)
    else:
        _unlisted(draft, "hardware.count", 1, "num_devices above 1")


def _software(draft: Drafting) -> None:
    """Package versions."""
    for name, fact in (("transformers", "transformers"), ("torch", "pytorch"), ("datasets", "datasets"),
                       ("tokenizers", "tokenizers"), ("peft", "peft")):  # fmt: skip
        draft.take(f"software.{name}", f"framework_versions.{fact}", lambda value, _: str(value))


def _evaluation(draft: Drafting) -> None:
    """Which split is scored, when, and by what."""
    main = [one for one in draft.document.results if one.headline and not one.placeholder and one.split != "train"]
    splits = [split for split in ("test", "validation") if any(one.split == split for one in main)]
    if splits:
        result = next(one for one in main if one.split == splits[0])
        words = _words_of_split(draft, result)
        if words is not None:
            draft.values["evaluation.split"], draft.stated["evaluation.split"] = splits[0], words[0]
            draft.beside["evaluation.split"] = _quoted(words[1], words[0])
        else:
            draft.assume("evaluation.split", splits[0], "the split of the results that the source gives as its own")
    elif "data.split.validation" in draft.values and "data.split.test" not in draft.values:
        draft.assume("evaluation.split", "validation", "the rows that the source holds out; its results name no split")
    elif "data.split.test" in draft.stated:
        draft.state("evaluation.split", "test", draft.facts["data.split.test"][-1], default="test")
    else:
        draft.assume("evaluation.split", "test", "the results name no split; the one that is meant for it")
    tables = [table for table in draft.document.tables if table.rows]
    if "evaluation.each_epoch" in draft.facts:
        draft.take("evaluation.each_epoch", "evaluation.each_epoch")
    elif tables and tables[0].split in ("validation", "test"):
        place = tables[0].place
        words_ = draft.quote("evaluation.each_epoch", tables[0].split, place.start, place.end)
        if words_ is not None:
            draft.values["evaluation.each_epoch"], draft.stated["evaluation.each_epoch"] = tables[0].split, words_
            draft.beside["evaluation.each_epoch"] = _quoted(place, words_)
    _scored_by(draft)
    draft.take("evaluation.slices.words", "evaluation.slices.words")
    draft.assume("evaluation.margin", 0.01)


_SPLIT_WORDS = {
    split: re.compile(
        rf"(?<!\S)[^.\n|]{{0,60}}\b(?:{words})\b(?: ?(?:set|data|dataset|split))?[^.\n|:\d]{{0,40}}(?!\w)", re.I
    )
    for split, words in (("test", r"test(?:ing)?|hold-?out"), ("validation", "validation|val|evaluation|eval|dev"))
}


def _words_of_split(draft: Drafting, result: Result) -> tuple[str, Place] | None:
    """The nearest words before or just after a result that name its split, with their place."""
    place, text = result.place, draft.document.text
    line = text.find("\n", place.end)
    end = min(place.end + 80, line if line >= 0 else len(text))
    found = list(_SPLIT_WORDS[str(result.split)].finditer(text, max(0, place.start - 600), end))
    for one in sorted(found, key=lambda one: abs(one.start() - place.start)):
        words = draft.quote("evaluation.split", result.split, one.start(), one.end())
        if words is not None:
            return words, draft.document.at(one.start(), one.end())
    return None


def _scored_by(draft: Drafting) -> None:
    """The metrics: as listed, else those of the results, else the spec's."""
    scores = ("accuracy", "precision", "recall", "f1", "roc_auc", "specificity", "matthews_correlation", "cohen_kappa")
    if draft.take("evaluation.metrics", "evaluation.metrics", lambda names, _: names or None):
        return
    results: dict[str, Result] = {}
    for one in draft.document.results:
        if one.metric in scores and one.split != "train":
            results.setdefault(one.metric, one)
    words = [draft.quote("evaluation.metrics", name, one.place.start, one.place.end) for name, one in results.items()]
    if results and all(words):
        draft.values["evaluation.metrics"] = tuple(results)
        draft.stated["evaluation.metrics"] = tuple(map(str, words)) if len(words) > 1 else str(words[0])
        draft.beside["evaluation.metrics"] = _quoted(next(iter(results.values())).place, str(words[0]))
    else:
        draft.assume(
            "evaluation.metrics", ("accuracy", "precision", "recall", "f1"), "the source names none; the usual ones"
        )


def _splits_that_are_scored(draft: Drafting) -> None:
    """A split that is scored has to come from somewhere."""
    values = draft.values
    wanted = {values["evaluation.split"], values.get("evaluation.each_epoch")} - {None}
    data = _known(draft)
    own = data.rows if data is not None else None
    if "data.pool" not in values:
        for split in ("validation", "test"):
            if split not in wanted or f"data.split.{split}" in values:
                continue
            if own is None:
                draft.assume(
                    f"data.take.{split}", split, "the split that is named so; the source does not say which rows"
                )
            elif split in own:
                draft.take(f"data.take.{split}", f"data.take.{split}", default=split, reason=f"a split of {data.repo}"
                           if data else "")  # fmt: skip
            elif split == "validation" and _held_out_by_steps(draft, own):
                continue
            else:
                rest = next((name for name in ("test", "validation") if name in own), None)
                question = f"the source's {split} set is not described and {data.repo if data else ''} has none"
                if rest is not None:
                    question += f"; name a split, or hold out a share of the training rows by `data.split.{split}`"
                    draft.decide(f"data.take.{split}", rest, question)
    elif "validation" in wanted and "data.split.validation" not in values:
        question = "the source's validation set is not described; hold out a share, or name the split that is meant"
        draft.decide("data.split.validation", 0.1, question)
    _best(draft)


def _held_out_by_steps(draft: Drafting, own: Mapping[str, int]) -> bool:
    """The share of the training rows that the steps of an epoch leave for validation."""
    values = draft.values
    last = next((table.rows[-1] for table in draft.document.tables if table.rows), None)
    total = values["training.batch_size"] * values["training.gradient_accumulation_steps"] * values["hardware.count"]
    if last is None or last.epoch is None or last.step is None or last.epoch.value < 1 or "train" not in own:
        return False
    steps = last.step.value / last.epoch.value
    rows = steps * total
    for share in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        kept = own["train"] * (1 - share)
        if steps == int(steps) and rows - total < kept <= rows:
            formula = (
                f"{int(steps):,} steps an epoch × {total:,} rows = {int(rows):,} rows = {1 - share:.0%} of the "
                f"{own['train']:,} of `train`; the other {share:.0%} validate"
            )
            draft.derive("data.split.validation", share, formula)
            draft.assume("data.split.stratify", False)
            draft.assume("data.split.seed", 42)
            return True
    return False


def _best(draft: Drafting) -> None:
    """An epoch whose scores are the results, and is not the last: the best one was kept."""
    main = {
        one.metric: one.number.text
        for one in draft.document.results
        if one.headline and one.split in (None, "validation") and one.averaging is None and one.label is None
    }
    table = next((one for one in draft.document.tables if len(one.rows) > 1), None)
    if (
        table is None
        or not main
        or "select" in draft.facts
        or draft.values.get("evaluation.each_epoch") != "validation"
    ):
        return
    same = [row for row in table.rows if _is_row(row, main)]
    if len(same) != 1 or same[0] is table.rows[-1] or same[0].epoch is None:
        return
    for metric, best in (("loss", min), ("accuracy", max)):
        cells = {row.place.start: row.cells[metric].value for row in table.rows if metric in row.cells}
        if len(cells) == len(table.rows) and cells[same[0].place.start] == best(cells.values()):
            which = "lowest" if metric == "loss" else "highest"
            ends = f"epoch {same[0].epoch.text}, the {which} {metric} of {len(cells)}"
            draft.derive("training.select", "best", f"the results are those of {ends}, not of the last")
            draft.derive("training.select_metric", metric, f"the results are those of {ends}")
            return


def _is_row(row: Row, main: Mapping[str, str]) -> bool:
    shared = [metric for metric in main if metric in row.cells]
    return bool(shared) and all(row.cells[metric].text == main[metric] for metric in shared)


# What was reported


def _reported(draft: Drafting) -> None:
    """The numbers that the source reports of this model."""
    labels = {label.casefold(): label for label in draft.values["task.labels"]}
    main = [one for one in draft.document.results if one.headline and not one.placeholder]
    best = next((split for split in ("test", None, "validation") if any(one.split == split for one in main)), None)
    seen: set[tuple[Any, ...]] = set()
    if len(draft.document.results) > _MOST_CLAIMS:
        draft.notes.append(f"{len(draft.document.results):,} numbers are reported; the first {_MOST_CLAIMS} were read.")
    for one in draft.document.results[:_MOST_CLAIMS]:
        line = _line(one.place)
        where = _quoted(one.place, draft.document.text[one.place.start : one.place.end])
        if (wrong := draft.wrong.get(one.place.where)) is not None:
            where = f"{where}; impossible: {comment(wrong, _LONGEST_QUESTION)}"
        shown = f"{comment(one.metric, 40)} {comment(one.number.text, 40)} (line {line})"
        if one.metric not in CLAIMS:
            draft.notes.append(f"Also reported: {shown}, which no card can claim.")
            continue
        if _of_other_data(draft, one):
            draft.notes.append(f"Also reported: {shown}, on {_shown(one.dataset or '')}.")
            continue
        label = labels.get(one.label.casefold()) if one.label is not None else None
        if (one.label is not None and label is None) or one.averaging not in (
            None,
            "positive",
            "macro",
            "micro",
            "weighted",
        ):
            of = _shown(one.label or str(one.averaging))
            draft.notes.append(f"Also reported: {shown}, of {of}, which this card has no name for.")
            continue
        claim: dict[str, Any] = {"metric": one.metric, "value": one.number.text.strip()}
        claim |= {"split": one.split} if one.split in ("train", "validation", "test") else {}
        headline = one.headline and not one.placeholder and one.split == best
        claim |= {"headline": True} if headline else {}
        claim |= {
            name: value
            for name, value in (("averaging", one.averaging), ("label", label), ("n", one.rows),
                                ("epoch", one.epoch), ("step", one.step))
            if value is not None
        }  # fmt: skip
        _claim(draft, claim, (one.place.start, one.place.end), where, shown, seen)
    for name, metric in (("training_time_hours", "training_hours"), ("seconds_per_example", "seconds_per_example")):
        for fact in draft.facts.get(name, ())[:1]:
            text = _quantity(fact)
            if text is not None:
                where = _quoted(fact.place, fact.text)
                _claim(draft, {"metric": metric, "value": text}, (fact.place.start, fact.place.end), where, text, seen)


def _claim(
    draft: Drafting,
    claim: dict[str, Any],
    at: tuple[int, int],
    where: str,
    shown: str,
    seen: set[tuple[Any, ...]],
) -> None:
    """Add a claim that a card can hold, the same number once."""
    try:
        number = Claim.model_validate(claim).number
    except ValueError:
        draft.notes.append(f"Also reported: {shown}, which cannot be read as one number of its metric.")
        return
    words = draft.quote(f"reported[{len(draft.claims)}].value", claim["value"], *at)
    if words is None:
        draft.notes.append(f"Also reported: {shown}; its words cannot be quoted.")
        return
    what = tuple(claim.get(name) for name in ("averaging", "label", "epoch", "step", "n"))
    same = (claim["metric"], round(number.value, 12), number.decimals, number.unit, *what)
    for split in (claim.get("split"), None):
        if (*same, split) in seen and (split is not None or claim.get("split") is None):
            return
    if claim.get("split") is None and any(key[:-1] == same for key in seen):
        return
    seen.add((*same, claim.get("split")))
    draft.claims.append((claim, words, where))


def _of_other_data(draft: Drafting, result: Result) -> bool:
    """Whether a number was measured on another dataset than the card's."""
    if result.dataset is None:
        return False
    data, own = str(result.dataset), str(draft.values["data.dataset"])
    if known(data) is not None and known(data) is known(own):
        return False
    one, other = (re.sub(r"[\W_]+", "", name.rpartition("/")[2].casefold()) for name in (data, own))
    return not (one and other and (one in other or other in one))


def _quantity(fact: Fact) -> str | None:
    """The text of the one time in a fact's words."""
    if fact.name == "seconds_per_example":
        return str(fact.value)
    numbers = [number for number in numbers_in(fact.text)[0] if number.unit in ("h", "min", "s", "days")]
    if len(numbers) != 1:
        return None
    return f"~{numbers[0].text}" if re.search(r"[~≈]\s?" + re.escape(numbers[0].text), fact.text) else numbers[0].text


def _epoch_table(draft: Drafting) -> None:
    """The longest table of numbers by epoch."""
    tables = sorted((one for one in draft.document.tables if one.rows), key=lambda one: -len(one.rows))
    if not tables:
        return
    if len(tables) > 1:
        draft.notes.append(f"{len(tables)} tables by epoch; the longest is the card's.")
    table = tables[0]
    if len(table.rows) > _MOST_ROWS:
        draft.notes.append(f"The table by epoch has {len(table.rows):,} rows, more than a card holds; it is left out.")
        return
    raw = _table(table)
    words: list[str] = []
    for row, at in raw[1] if raw is not None else ():
        quoted = draft.quote("epoch_table.rows", row, at.place.start, at.place.end)
        if quoted is None:
            break
        words.append(quoted)
    if raw is None or len(words) < len(raw[1]):
        draft.notes.append("The source has a table by epoch that a card cannot hold; see its facts.")
        return
    dropped = sorted({name for row in table.rows for name in row.cells} - {*raw[0]})
    if dropped:
        draft.notes.append(f"Columns of the table by epoch that no card can claim: {', '.join(map(comment, dropped))}.")
    rows = [list(row) for row, _ in raw[1]]
    card = {"split": table.split or "validation", "columns": list(raw[0]), "rows": rows}
    try:
        EpochTable.model_validate({**card, "columns": raw[0], "rows": tuple(map(tuple, rows))})
    except ValueError:
        draft.notes.append("The source has a table by epoch that a card cannot hold; see its facts.")
        return
    draft.table = card, tuple(words)


def _table(table: Table) -> tuple[tuple[str, ...], list[tuple[tuple[str | None, ...], Row]]] | None:
    """Columns and rows that a card can hold: of epochs and steps above 0."""
    rows = [
        row for row in table.rows
        if all(number is None or number.value > 0 for number in (row.epoch, row.step))
    ]  # fmt: skip
    columns = [name for name in ("epoch", "step") if rows and all(getattr(row, name) is not None for row in rows)]
    cells = dict.fromkeys(name for row in rows for name in row.cells)
    columns += [name for name in cells if name.removeprefix("train_") in CLAIMS]
    if len(columns) < 2 or not {"epoch", "step"} & set(columns):
        return None
    made = []
    for row in rows:
        numbers = {"epoch": row.epoch, "step": row.step, **row.cells}
        made.append(
            (tuple(number.text if (number := numbers.get(name)) is not None else None for name in columns), row)
        )
    return tuple(columns), made


def _readme(draft: Drafting) -> dict[str, Any]:
    """License, languages and tags."""
    found: dict[str, Any] = {}
    license_ = next((str(fact.value) for fact in draft.facts.get("license", ())), None)
    named = next((one.text for one in scalars(draft.page.meta.get("license_name"))), None)
    if license_ is not None and license_problem(license_) is None and (license_ != "other" or named):
        found["license"] = license_
        if license_ == "other":
            found["license_name"] = named
    codes = [code for fact in draft.facts.get("language", ()) for code in _names(fact.value)]
    found["language"] = list(dict.fromkeys(code for code in codes if language_problem(code) is None))
    tags = [one.text.strip() for one in scalars(draft.page.meta.get("tags"))]
    found["tags"] = [tag for tag in dict.fromkeys(tags) if not _UNQUOTABLE.search(tag) and len(tag) < 100][:50]
    return {name: value for name, value in found.items() if value} or {"license": None}
