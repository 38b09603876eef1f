"""Which sections of the Hub's annotated model card template a README fills, wherever and however it does.

A section is present where a fact or a result of it is stated, where a heading of it has words below, or where the text
has what the section asks for (a link to the code, a citation). The sections are those of `modelcard_template.md` of
huggingface_hub, and the label information that Kadasi et al. (2025, arXiv 2503.15222) add.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.numbers import PLACEHOLDER

if TYPE_CHECKING:
    from registry.draft_page import Page

_LITTLE = 12
"""Characters below a heading from which on something is said there."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the template.

    Attributes:
        name: Its heading in the template.
        facts: Names of facts that fill it; one that ends in a dot stands for all that begin so.
        headings: Headings, in lower case, below which words fill it.
        words: What fills it wherever it stands, in lower case.
        triggers: Texts one of which stands in whatever `words` finds; to look for them is quicker.
        results: Whether a reported result fills it.
    """

    name: str
    facts: tuple[str, ...] = ()
    headings: re.Pattern[str] | None = None
    words: re.Pattern[str] | None = None
    triggers: tuple[str, ...] = ("",)
    results: bool = False


def _heads(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?m)^\W{{0,6}}(?:{pattern})")


_FAMILY = "(?:bert|electra|gpt|t5|llama|mistral|bloom|bart|vit|wav2vec|whisper)"
_HYPERPARAMETERS = (
    "learning_rate", "num_epochs", "max_steps", "train_batch_size", "total_train_batch_size", "optimizer", "weight_decay",
    "warmup_steps", "warmup_ratio", "lr_scheduler", "adapter.", "quantization.", "mixed_precision",
)  # fmt: skip

SECTIONS: tuple[Section, ...] = (
    Section("Developed by", words=re.compile(r"\b(?:developed|created|built|released) by\b"), triggers=("ed by", "built by")),
    Section("Funded by", words=re.compile(r"\bfunded by\b|\bfunding\b"), triggers=("fund",)),
    Section("Shared by", words=re.compile(r"\bshared by\b"), triggers=("shared by",)),
    Section(
        "Model type",
        headings=_heads("model type"),
        words=re.compile(
            rf"\bmodel type\W{{1,6}}\w|{_FAMILY}[\w-]{{0,30}}[*`_]{{0,2}} (?:based|model|classifier|encoder|architecture|network)\b"
        ),
        triggers=(" based", " model", "model type", " classifier", " encoder", " architecture", " network"),
    ),
    Section("Language(s) (NLP)", facts=("language",), headings=_heads("languages?")),
    Section("License", facts=("license",), headings=_heads("licen[sc]e")),
    Section(
        "Finetuned from model",
        facts=("base_model",),
        words=re.compile(
            rf"\bfine-?tun(?:ed|ing)\b[^.\n]{{0,80}}?{_FAMILY}"
            rf"|{_FAMILY}[\w-]{{0,30}}\W{{1,3}}(?:model )?(?:is |was )?(?:trained|fine-?tuned)"
        ),
        triggers=("tuned", "tuning"),
    ),
    Section("Repository", words=re.compile(r"github\.com/|gitlab\.com/"), triggers=("github.com/", "gitlab.com/")),
    Section("Paper", words=re.compile(r"arxiv\.org/|doi\.org/|aclanthology\.org|aclweb\.org|\bour paper\b"), triggers=("arxiv.org/", "doi.org/", "acl", "our paper")),
    Section("Demo", headings=_heads("(?:live )?demo"), words=re.compile(r"huggingface\.co/spaces/|\.hf\.space"), triggers=("/spaces/", ".hf.space")),
    Section(
        "Label Information",
        facts=("labels",),
        headings=_heads("labels?|classes|emotions|categories"),
        words=re.compile(
            r"label_\d\W{1,20}\w|id2label|(?:\blabels?\b[^.\n]{0,12}[:=]\W{0,6}(?:0|\w{3,14},))"
            r"|(?m:^[-*| ]{0,6}0\W{1,9}(?:negative|positive|neutral|sadness|anger|no|not)\b)"
        ),
        triggers=("label", "neg", "pos"),
    ),
    Section(
        "Training Data",
        facts=("rows.train",),
        headings=_heads("(?:training|train|fine-?tuning)(?: and (?:evaluation|validation))? (?:data|corpus|corpora)|data(?:sets?)?\\b"),
        words=re.compile(r"\b(?:fine-?tuned|trained) (?:\w{1,20} ){0,6}?(?:on|using|with) [^.\n]{0,80}\b(?:data(?:set)?s?|corpus|tweets|reviews)\b"),
        triggers=("tuned", "trained"),
    ),
    Section("Training Procedure", headings=_heads("(?:model )?(?:training|fine-?tuning)(?: procedure| process| details)?\\W*$")),
    Section("Preprocessing", headings=_heads("(?:data )?pre-?processing")),
    Section("Training Hyperparameters", facts=_HYPERPARAMETERS, headings=_heads(".{0,20}hyper-?parameters")),
    Section("Speeds, Sizes, Times", facts=("training_time_hours",), headings=_heads("speeds")),
    Section("Testing Data", facts=("rows.test", "rows.validation"), headings=_heads("(?:test(?:ing)?|eval(?:uation)?) (?:data|set|corpus)")),
    Section("Factors", headings=_heads("factors")),
    Section("Metrics", headings=_heads("(?:evaluation )?metrics"), results=True),
    Section("Results", headings=_heads("(?:evaluation |eval |training )?(?:results?|performances?)\\b"), results=True),
    Section("Summary", headings=_heads("summary")),
    Section("Direct Use", headings=_heads("direct use|intended uses?|uses?\\b")),
    Section("Downstream Use", headings=_heads("downstream use")),
    Section("Out-of-Scope Use", headings=_heads("out[- ]of[- ]scope")),
    Section("Bias, Risks, and Limitations", headings=_heads(".{0,30}(?:bias|risks?|limitations?|disclaimer|caveats?)")),
    Section("Recommendations", headings=_heads("recommendations?")),
    Section("How to Get Started with the Model", headings=_heads("how to (?:use|get)|usage|get(?:ting)? started|quick ?start|example")),
    Section("Model Examination", headings=_heads("model examination|interpretab|explainab")),
    Section("Environmental Impact", facts=("energy_kwh",), words=re.compile(r"\bco2(?:_eq)?[ _]emissions?\b|carbon emitted"), triggers=("emi",)),
    Section("Technical Specifications", headings=_heads("technical specifications?")),
    Section("Model Architecture and Objective", headings=_heads("(?:model )?architecture")),
    Section("Compute Infrastructure", facts=("hardware.accelerator",), headings=_heads("compute infra|infrastructure")),
    Section("Hardware", facts=("hardware.accelerator",), headings=_heads("hardware")),
    Section("Software", facts=("framework_versions.",), headings=_heads("software|framework versions")),
    Section(
        "Citation",
        headings=_heads(".{0,20}(?:citation|citing|cite)\\b|bibtex"),
        words=re.compile(r"@(?:article|inproceedings|misc|unpublished|techreport|phdthesis)\s?\{|please cite"),
        triggers=("@", "please cite"),
    ),
    Section("Glossary", headings=_heads("glossary")),
    Section("More Information", headings=_heads("more information")),
    Section("Model Card Authors", headings=_heads("(?:model card )?authors?\\b"), words=re.compile(r"\bmodel card authors?\W{1,6}\w"), triggers=("model card author",)),
    Section(
        "Model Card Contact",
        headings=_heads("(?:model card )?contact"),
        words=re.compile(r"[\w.-]{2,40}@[a-z\d-]{2,40}\.[a-z]{2,6}\b|\[email removed\]|twitter\.com/\w|linkedin\.com/in"),
        triggers=("@", "[email removed]", "twitter", "linkedin"),
    ),
)  # fmt: skip
"""The sections in the order of the template."""


def sections(page: Page) -> tuple[str, ...]:
    """Names of the sections that a README fills, in the order of `SECTIONS`.

    Args:
        page: The README, with the facts and the results that were found in it.
    """
    said = {fact.name for fact in page.facts if fact.status != "placeholder"}
    said |= {name[: name.index(".") + 1] for name in said if "." in name}
    reported = any(not one.placeholder and one.metric != "co2_kg" for one in page.results) or bool(page.tables)
    filled, low = _filled_headings(page), page.text.lower()
    return tuple(
        one.name
        for one in SECTIONS
        if not said.isdisjoint(one.facts)
        or (one.results and reported)
        or (one.headings is not None and one.headings.search(filled) is not None)
        or (one.words is not None and any(t in low for t in one.triggers) and one.words.search(low) is not None)
    )


def _filled_headings(page: Page) -> str:
    """Headings in lower case that have words of their own, or of a section below them, before the next of their rank; one a line."""
    found = []
    for line, below in zip(page.lines, page.lines[1:], strict=False):
        if line.kind == "heading" and below.kind != "heading":
            words = page.text[below.start : min(below.end, below.start + 80)]
            if len(words) >= _LITTLE and PLACEHOLDER.search(words) is None and "more information" not in words.lower():
                found.append(line.title.rpartition("/")[2])
    return "\n".join(found)
