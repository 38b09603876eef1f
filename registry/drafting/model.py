"""What a drafted card says of the model: base, classes, adapter, quantization; and its license, languages and tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.architectures import Llama
from registry.drafting.card import UNQUOTABLE, as_text, positive_number, quotation, share_of_one, whole_number
from registry.drafting.data import ID, known_data, names_of
from registry.evidence import TODO
from registry.front_matter import scalars
from registry.languages import language_problem
from registry.licenses import license_problem
from registry.shapes import SHAPES

if TYPE_CHECKING:
    from registry.document import Fact
    from registry.drafting.card import Drafting


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
# Ids without a namespace are old ones: `bert-base-uncased`, `gpt2`; `BERT` and `DistilBert` are none.
_OLD_ID = re.compile(r"[a-z][a-z\d._]*[-\d][a-z\d._-]*")


def declare_base(draft: Drafting) -> None:
    """The base model, and what of it is known here."""

    def read(name: Any, fact: Fact) -> str | None:
        names = name if isinstance(name, tuple) else (name,)
        one = str(names[0]).strip()
        if len(names) != 1 or not ID.fullmatch(one) or "$" in one:
            return None
        for pattern, namespace in _NAMESPACES:
            if pattern.match(one):
                return f"{namespace}/{one}"
        return one if "/" in one or _OLD_ID.fullmatch(one) else None

    if not draft.take("base.model", "base_model", read):
        said = [as_text(fact.value) for fact in draft.facts.get("base_model", ())]
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


def declare_task(draft: Drafting) -> None:
    """Text classification, and the labels."""
    fact = draft.kind.fact
    if fact is not None:
        draft.state("task.type", draft.kind.task, fact, default=draft.kind.task)
    else:
        draft.assume("task.type", "text-classification", "what this card was asked for; the source does not say")
    data = known_data(draft)
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
        where = quotation(named[0].place, named[0].text)
        question = (
            "the source names classes, not their numbers; put them in the order of id2label, and add what is left out"
        )
        draft.decide("task.labels", named[0].value, f"{question}: {where}")
    else:
        question = "the source does not name the classes in the order of their numbers; write them so"
        draft.decide("task.labels", (f"{TODO} 0", f"{TODO} 1"), question)


def declare_adapter(draft: Drafting) -> None:
    """LoRA, where the source says so."""
    if "adapter.method" not in draft.facts:
        draft.assume("adapter", None, "none is named")
        return
    draft.take("adapter.type", "adapter.method", lambda value, _: "lora" if value in ("lora", "qlora") else None,
               default="lora")  # fmt: skip
    draft.take("adapter.r", "adapter.r", whole_number, default=8)
    draft.take("adapter.alpha", "adapter.alpha", positive_number, default=8)
    draft.take("adapter.dropout", "adapter.dropout", share_of_one, default=0.0)
    base = str(draft.values["base.model"]).casefold()
    usual = next((layers for word, layers in _ADAPTED if word in base), None)

    def read(names: Any, _: Fact) -> tuple[str, ...] | None:
        return names_of(names) if names_of(names) != ("all-linear",) else None

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


def declare_quantization(draft: Drafting) -> None:
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


def declare_readme(draft: Drafting) -> None:
    """License, languages and tags."""
    found: dict[str, Any] = {}
    license_ = next((str(fact.value) for fact in draft.facts.get("license", ())), None)
    named = next((one.text for one in scalars(draft.page.meta.get("license_name"))), None)
    if license_ is not None and license_problem(license_) is None and (license_ != "other" or named):
        found["license"] = license_
        if license_ == "other":
            found["license_name"] = named
    codes = [code for fact in draft.facts.get("language", ()) for code in names_of(fact.value)]
    found["language"] = list(dict.fromkeys(code for code in codes if language_problem(code) is None))
    tags = [one.text.strip() for one in scalars(draft.page.meta.get("tags"))]
    found["tags"] = [tag for tag in dict.fromkeys(tags) if not UNQUOTABLE.search(tag) and len(tag) < 100][:50]
    draft.readme = {name: value for name, value in found.items() if value} or {"license": None}
