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
from registry.readme.metrics import named

if TYPE_CHECKING:
    from registry.readme.page import Page

_LITTLE = 12
"""Characters below a heading from which on something is said there."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the template.

    Attributes:
        name: Its heading in the template.
        facts: Names of facts that fill it; one that ends in a dot stands for all that begin so.
        told: Names of facts that fill it where the body states them: a tag of the front matter describes nothing.
        headings: Headings, in lower case, below which words fill it.
        words: What fills it wherever it stands, in lower case.
        triggers: Texts one of which stands in whatever `words` finds; to look for them is quicker.
        results: Whether a reported result fills it, or a table of metrics.
    """

    name: str
    facts: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    headings: re.Pattern[str] | None = None
    words: re.Pattern[str] | None = None
    triggers: tuple[str, ...] = ("",)
    results: bool = False


def _section(
    name: str,
    *,
    facts: tuple[str, ...] = (),
    told: tuple[str, ...] = (),
    headings: str = "",
    words: str = "",
    triggers: tuple[str, ...] = ("",),
    results: bool = False,
) -> Section:
    """A section by the sources of its expressions."""
    heads = re.compile(rf"(?m)^\W{{0,6}}(?:{headings})") if headings else None
    return Section(name, facts, told, heads, re.compile(words) if words else None, triggers, results)


_FAMILY = "(?:bert|electra|gpt|t5|llama|mistral|bloom|bart|vit|wav2vec|whisper)"
_HYPERPARAMETERS = (
    "learning_rate", "num_epochs", "max_steps", "train_batch_size", "total_train_batch_size", "optimizer",
    "weight_decay", "warmup_steps", "warmup_ratio", "lr_scheduler", "adapter.", "quantization.", "mixed_precision",
)  # fmt: skip

SECTIONS: tuple[Section, ...] = (
    _section("Developed by", words=r"\b(?:developed|created|built|released) by\b", triggers=("ed by", "built by")),
    _section("Funded by", words=r"\bfunded by\b|\bfunding\b", triggers=("fund",)),
    _section("Shared by", words=r"\bshared by\b", triggers=("shared by",)),
    _section(
        "Model type",
        headings="model type",
        words=(
            rf"\bmodel type\W{{1,6}}\w|{_FAMILY}[\w-]{{0,30}}[*`_]{{0,2}}"
            r" (?:based|model|classifier|encoder|architecture|network)\b"
        ),
        triggers=(" based", " model", "model type", " classifier", " encoder", " architecture", " network"),
    ),
    _section("Language(s) (NLP)", facts=("language",), headings="languages?"),
    _section("License", facts=("license",), headings="licen[sc]e"),
    _section(
        "Finetuned from model",
        facts=("base_model",),
        words=(
            rf"\bfine-?tun(?:ed|ing)\b[^.\n]{{0,80}}?{_FAMILY}"
            rf"|{_FAMILY}[\w-]{{0,30}}\W{{1,3}}(?:model )?(?:is |was )?(?:trained|fine-?tuned)"
        ),
        triggers=("tuned", "tuning"),
    ),
    _section(
        "Repository",
        # Of the model, not of a library or a course that is linked beside it.
        words=(
            r"\b(?:our|code|repo|repository|source|implementation|scripts?|github|git repo)\b[^\n]{0,60}?"
            r"(?:github|gitlab)\.com/(?!huggingface/)[\w.-]{1,60}/\w"
        ),
        triggers=("github.com/", "gitlab.com/"),
    ),
    _section(
        "Paper",
        words=r"arxiv\.org/|doi\.org/|aclanthology\.org|aclweb\.org|\bour paper\b",
        triggers=("arxiv.org/", "doi.org/", "acl", "our paper"),
    ),
    _section(
        "Demo",
        headings="(?:live )?demo",
        words=r"huggingface\.co/spaces/|\.hf\.space",
        triggers=("/spaces/", ".hf.space"),
    ),
    _section(
        "Label Information",
        facts=("labels",),
        headings="labels?|classes|emotions|categories",
        words=(
            r"label_\d\W{1,20}\w|id2label|(?:\blabels?\b[^.\n]{0,12}[:=]\W{0,6}(?:0|\w{3,14},))"
            r"|(?m:^[-*| ]{0,6}0\W{1,9}(?:negative|positive|neutral|sadness|anger|no|not)\b)"
            r"|[\"']label[\"']:\s?[\"'](?!label_)\w"
        ),
        triggers=("label", "neg", "pos"),
    ),
    _section(
        "Training Data",
        facts=("rows.train",),
        told=("datasets",),
        headings=r"(?:training|train|fine-?tuning)(?: and (?:evaluation|validation))?"
        r" (?:data|corpus|corpora)|data(?:sets?)?\b",
        # Data with a name or a number, not `trained on customer feedback`.
        words=r"\b(?:fine-?tuned|trained) (?:\w{1,20} ){0,6}?(?:on|using|with) (?:(?:the|an?) )?(?:\w{1,20} ){0,4}?"
        r"(?:[*`_]{0,3}\[[^\[\]\n]{2,80}\]\([^()\n]{4,200}\)[^.\n]{0,30}\b(?:data(?:set)?s?|corpus)\b"
        r"|[~\d][\d.,]{0,12}k? [^.\n]{0,60}\b(?:sentences|reviews|tweets|examples|samples|documents|texts|articles)\b)",
        triggers=("tuned", "trained"),
    ),
    _section(
        "Training Procedure", headings=r"(?:model )?(?:training|fine-?tuning)(?: procedure| process| details)?\W*$"
    ),
    _section("Preprocessing", headings="(?:data )?pre-?processing"),
    _section("Training Hyperparameters", facts=_HYPERPARAMETERS, headings=".{0,20}hyper-?parameters"),
    _section("Speeds, Sizes, Times", facts=("training_time_hours",), headings="speeds"),
    _section(
        "Testing Data",
        facts=("rows.test", "rows.validation"),
        headings="(?:test(?:ing)?|eval(?:uation)?) (?:data|set|corpus)",
    ),
    _section("Factors", headings="factors"),
    _section("Metrics", headings="(?:evaluation )?metrics", results=True),
    _section("Results", headings=r"(?:evaluation |eval |training )?(?:results?|performances?)\b", results=True),
    _section("Summary", headings="summary"),
    _section("Direct Use", headings=r"direct use|intended uses?|uses?\b"),
    _section("Downstream Use", headings="downstream use"),
    _section("Out-of-Scope Use", headings="out[- ]of[- ]scope"),
    _section("Bias, Risks, and Limitations", headings=".{0,30}(?:bias|risks?|limitations?|disclaimer|caveats?)"),
    _section("Recommendations", headings="recommendations?"),
    _section(
        "How to Get Started with the Model",
        headings="how to (?:use|get)|usage|get(?:ting)? started|quick ?start|example",
    ),
    _section("Model Examination", headings="model examination|interpretab|explainab"),
    _section(
        "Environmental Impact",
        facts=("energy_kwh",),
        words=r"\bco2(?:_eq)?[ _]emissions?\b|carbon emitted",
        triggers=("emi",),
    ),
    _section("Technical Specifications", headings="technical specifications?"),
    _section("Model Architecture and Objective", headings="(?:model )?architecture"),
    _section("Compute Infrastructure", facts=("hardware.accelerator",), headings="compute infra|infrastructure"),
    _section("Hardware", facts=("hardware.accelerator",), headings="hardware"),
    _section("Software", facts=("framework_versions.",), headings="software|framework versions"),
    _section(
        "Citation",
        headings=r".{0,20}(?:citation|citing|cite)\b|bibtex",
        words=r"@(?:article|inproceedings|misc|unpublished|techreport|phdthesis)\s?\{|please cite",
        triggers=("@", "please cite"),
    ),
    _section("Glossary", headings="glossary"),
    _section("More Information", headings="more information"),
    _section(
        "Model Card Authors",
        headings=r"(?:model card )?authors?\b",
        words=r"\bmodel card authors?\W{1,6}\w",
        triggers=("model card author",),
    ),
    _section(
        "Model Card Contact",
        headings="(?:model card )?contact",
        words=r"[\w.-]{2,40}@[a-z\d-]{2,40}\.[a-z]{2,6}\b|\[email removed\]|twitter\.com/\w|linkedin\.com/in",
        triggers=("@", "[email removed]", "twitter", "linkedin"),
    ),
)
"""The sections in the order of the template."""


def sections(page: Page) -> tuple[str, ...]:
    """Names of the sections that a README fills, in the order of `SECTIONS`.

    Args:
        page: The README, with the facts and the results that were found in it.
    """
    said = {fact.name for fact in page.facts if fact.status != "placeholder"}
    begin = page.lines[0].start if page.lines else 0
    told = {fact.name for fact in page.facts if fact.place.start >= begin}
    said |= {name[: name.index(".") + 1] for name in said if "." in name}
    reported = any(not one.placeholder and one.metric != "co2_kg" for one in page.results) or bool(page.tables)
    reported = reported or any(named(cell.text) for grid in page.grids for cell in grid.header[1:])
    filled, low = _filled_headings(page), page.text.lower()
    return tuple(
        one.name
        for one in SECTIONS
        if not (said.isdisjoint(one.facts) and told.isdisjoint(one.told))
        or (one.results and reported)
        or (one.headings is not None and one.headings.search(filled) is not None)
        or (one.words is not None and any(word in low for word in one.triggers) and one.words.search(low))
    )


def _filled_headings(page: Page) -> str:
    """Headings in lower case that have words below them, one a line."""
    found = []
    for line, below in zip(page.lines, page.lines[1:], strict=False):
        if line.kind == "heading" and below.kind != "heading":
            words = page.text[below.start : min(below.end, below.start + 80)]
            if len(words) >= _LITTLE and PLACEHOLDER.search(words) is None and "more information" not in words.lower():
                found.append(line.title.rpartition("/")[2])
    return "\n".join(found)
