"""The README model card, rendered from card, records and audit; and nothing in it that does not follow from them."""

from __future__ import annotations

import functools
import io
import math
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.card import Example, TrainedTokenizer
from registry.errors import InputError, Problem
from registry.evidence import leaves, needs_evidence, status_of
from registry.writing import scalar
from runner import hub_rules, keeping, plugins
from runner.judging import BADNESS
from runner.markup import code, escape, prose, verbatim
from runner.record import Record
from runner.runs import Run, read_record, seeds_of, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from registry.card import Card, Claim
    from runner.audit import Audit
    from runner.audit import Finding as RunFinding
    from runner.judging import Verdict
    from runner.record import Score, Snapshot

_RECIPE = (
    "base.pad_token",
    "base.head",
    "training",
    "adapter",
    "quantization",
    "data.split",
    "data.limit",
    "data.tokens",
    "data.clean",
)
_HUB_COMMIT = re.compile("[0-9a-f]{40}")
_NAME = re.compile(r"[\w./:@\[\]-]+", re.ASCII)
"""What can stand as code in any place, a table's cell too."""

_WORDS: dict[Verdict, str] = {
    "exact": "**Reproduced** to the digit",
    "reproduced": "**Reproduced**",
    "consistent": "**Consistent**, though not shown to be equal",
    "inconclusive": "**Not reproduced so far**, inconclusive",
    "lower": "**Not reproduced**, lower than reported",
    "higher": "**Not reproduced**, higher than reported",
    "not comparable": "**Not compared**",
    "not run": "**Not measured**",
}
"""Each verdict as a reader is told it, who knows nothing of verdicts."""


def templates() -> Path:
    """The folder of templates: inside the installed package, or the checkout's."""
    installed = Path(__file__).parent / "templates"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "templates"


def render(card: Card, run: Run, audit: Audit, force: bool = False) -> Path:
    """Write the README of a run's seeds, with what is kept in the one that is there; returns its path.

    Args:
        card: The card.
        run: One of its runs.
        audit: What they say of its claims.
        force: Whether what was edited in it outside of the markers may be lost.

    Raises:
        InputError: Something would be lost, or the Hub would refuse its front matter.
    """
    path = run.over_seeds / "README.md"
    write(path, keeping.carried(path, readme(card, run, audit), f"replicard render {run}", force))
    return path


def difference(card: Card, run: Run, audit: Audit) -> Problem | None:
    """In what the README of a run does not follow from it; null where it does, whatever was written by hand into it.

    Raises:
        InputError: The Hub would refuse its front matter.
    """
    return keeping.difference(run.over_seeds / "README.md", readme(card, run, audit), f"replicard render {run}")


def readme(card: Card, run: Run, audit: Audit) -> str:
    """The README of a run's seeds as text.

    The first declared seed is the one shown and published, never the best; the others stand beside it.

    Raises:
        InputError: The Hub would refuse its front matter.
    """
    runs = seeds_of(run)
    records = [read_record(found, Record) for found in runs]
    shown = next((r for r in records if r.seed == card.training.seed), records[0])
    shown_run = runs[records.index(shown)]
    text = _template().render(
        front_matter=front_matter(card, shown),
        card=card,
        record=shown,
        records=records,
        audit=audit,
        standing=_standing(card, audit),
        findings=list(zip(card.claims, audit.findings, strict=True)),
        hyperparameters=hyperparameters(card, shown),
        model_path=f"{shown_run.folder.name}/model",
        base_path=_base_path(card, shown, shown_run),
        plots=[f"{shown_run.folder.name}/plots/{path.name}" for path in sorted(shown_run.plots.glob("*.png"))],
        deviations=audit.deviations,
        command=command(card, records, shown),
        epochs=[point for point in shown.training.log if "eval_loss" in point.values] if shown.training else [],
        auto_class=plugins.task(card.task.type).AUTO_CLASS,
        first_example=_example(card),
        **_told(card, shown),
    )
    return keeping.sealed(re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


@functools.cache
def _template() -> Template:
    """The template, compiled once; it takes longer than to render it."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=FileSystemLoader(templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (prose, said, verbatim, code, tick, metric, snapshot, percent, scored, span, number, rounded, duration)
    environment.filters.update({"md": escape, **{function.__name__: function for function in filters}})
    return environment.get_template("model_card.md.jinja")


def _told(card: Card, shown: Record) -> dict[str, Any]:
    """What the card and the record say together, in words."""
    assert shown.training is not None and shown.evaluation is not None
    averaged = {score.averaging for score in shown.evaluation.scores}
    hardware = card.hardware
    device = f"{hardware.count} × {hardware.accelerator}" if hardware.accelerator else None
    hours = f"{number(hardware.hours)} hours" if hardware.hours else None
    software = card.software.model_dump(exclude_none=True)
    precision, dtype = shown.training.precision, card.base.dtype
    return {
        "tokenizer": _tokenizer(card, shown),
        "regime": f"{precision}, weights in {dtype}, with {shown.training.optimizer}",
        "heldout": bool(card.data.split and getattr(card.data.split, card.evaluation.split, None)),
        "metrics": dict.fromkeys(metric(wanted.name) for wanted in card.evaluation.metrics),
        "positive": card.task.labels[card.task.positive_index] if "positive" in averaged else None,
        "architecture": _architecture(card),
        "reported_on": ", ".join(filter(None, (device, hardware.provider, hardware.region, hours))),
        "reported_with": ", ".join(f"{name} {version}" for name, version in software.items()),
    }


def _tokenizer(card: Card, shown: Record) -> str:
    if isinstance(trained := card.base.tokenizer, TrainedTokenizer):
        return f"byte-level BPE of at most {trained.vocab_size:,} tokens, trained on the training rows"
    return snapshot(shown.tokenizer) if shown.tokenizer is not None else "the base model's"


def _architecture(card: Card) -> str:
    """The facts of the configuration that are not its family's defaults."""
    shape = card.base.architecture
    if shape is None:
        return ""
    facts = [f"{name} {as_text(value)}" for name, value in shape.model_dump(exclude_defaults=True).items()]
    return ", ".join([shape.model_type, *facts[1:]])


class Standing(NamedTuple):
    """How the claims stand, for the top of the page.

    Attributes:
        headline: Whether it is about headline claims alone.
        groups: Words, with the claims of which they are true; the worst last.
        impossible: What arithmetic rules out.
    """

    headline: bool
    groups: list[tuple[str, list[str]]]
    impossible: list[str]


def _standing(card: Card, audit: Audit) -> Standing:
    headline = [finding for finding in audit.findings if finding.headline]
    judged = headline or audit.findings
    groups = [
        (_WORDS[verdict], [_outcome(finding) for finding in judged if finding.verdict == verdict])
        for verdict in sorted({finding.verdict for finding in judged}, key=BADNESS.index)
    ]
    false = {index for doubt in audit.claims if doubt.verdict == "impossible" for index in doubt.claims}
    impossible = [f"{metric(card.claims[index].metric)} {card.claims[index].value}" for index in sorted(false)]
    return Standing(bool(headline), groups, impossible)


def _outcome(finding: RunFinding) -> str:
    """A claim and what became of it: `accuracy 85% (measured 0.8400)`."""
    claim = escape(f"{metric(finding.metric)} {finding.reported}")
    return claim if finding.mean is None else f"{claim} (measured {percent(finding.mean)})"


def _example(card: Card) -> Example:
    """What the snippet classifies: the card's first example, or one of ours."""
    pair = "Nobody liked it." if card.data.text_pair is not None else None
    ours = Example(text="I absolutely loved every minute of this film.", text_pair=pair, label=card.task.labels[0])
    return next(iter(card.examples), ours)


def tick(text: str) -> str:
    """A name as code; as text where it holds what would not stand there."""
    return f"`{text}`" if _NAME.fullmatch(text) else escape(text)


def said(text: str) -> str:
    """What replicard says: names in backticks as code, all else as text, since it may quote a card."""
    parts = re.split(r"`([\w./:@\[\]-]+(?: [\w./:@\[\]-]+)*)`", " ".join(text.split()), flags=re.ASCII)
    # Between two letters a part keeps the spaces at its ends.
    return "".join(f"`{part}`" if odd % 2 else escape(f"x{part}x")[1:-1] for odd, part in enumerate(parts))


def metric(name: str) -> str:
    """A metric or another quantity, as people write it."""
    return {"roc_auc": "ROC-AUC", "f1": "F1", "co2_kg": "CO2"}.get(name, name.replace("_", " "))


def snapshot(pinned: Snapshot) -> str:
    """What was pinned, with the revision: `name` at `commit`. Of a folder the last part of its path is enough."""
    if _HUB_COMMIT.fullmatch(pinned.revision):
        return f"{tick(pinned.name)} at `{pinned.revision}`"
    return f"the folder {tick(_folder(pinned.name))} at {tick(pinned.revision[:47])}"


def _folder(name: str) -> str:
    return Path(name).name or "rows"


def number(value: float) -> str:
    """A number as people write it: `2e-05`, `0.1`, `25,000`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}"


def _digits(value: float) -> float:
    """Three significant digits: an estimate has no more."""
    return float(f"{value:.3g}")


def percent(value: float | None) -> str:
    """A score with four digits, or a dash."""
    return "–" if value is None else f"{value:.4f}"


def scored(score: Score | None) -> str:
    """A score with its interval, or a dash."""
    if score is None or score.interval is None:
        return percent(score.value if score is not None else None)
    return f"{percent(score.value)} ({span(score.interval)})"


def rounded(value: float) -> str:
    """A measurement with three significant digits: `4.32`, `235,000`."""
    return f"{_digits(value):,.0f}" if value >= 100 else f"{_digits(value):g}"


def duration(seconds: float) -> str:
    """A time as people say it: `43 s`, `21 min`, `3.4 h`."""
    if seconds < 120:
        return f"{_digits(seconds):g} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{_digits(seconds / 3600):g} h"


def span(interval: Any) -> str:
    """An interval, or nothing."""
    if interval is None:
        return ""
    low, high = interval if isinstance(interval, tuple) else (interval.low, interval.high)
    return f"{low:.4f} to {high:.4f}"


def hyperparameters(card: Card, record: Record) -> list[tuple[str, str, str]]:
    """Every value of the recipe as it ran: path, value, and for a card with a source its status."""
    overridden = {d.root for d in record.deviations if d.overridden}
    replaced = {d.field for d in record.deviations if record.rehearsal and not d.overridden}
    training = card.training.model_copy(update={"seed": record.seed})
    return [
        (path, as_text(value), "rehearsal" if path in replaced else status_of(card, path, overridden) or "")
        for path, value in leaves(card.model_copy(update={"training": training})).items()
        if path.startswith(_RECIPE) and needs_evidence(path, value)
    ]


def as_text(value: Any) -> str:
    """A value of a card as one line."""
    if isinstance(value, tuple):
        return ", ".join(map(as_text, value))
    return value if isinstance(value, str) else number(value)


def front_matter(card: Card, shown: Record) -> str:
    """The YAML front matter that the Hub reads, by readers of YAML 1.1 and 1.2 in the same way.

    Raises:
        InputError: The Hub would refuse it.
    """
    from ruamel.yaml import YAML

    meta = metadata(card, shown)
    if found := list(hub_rules.problems(meta, f"{card.id}: front matter of the README")):
        raise InputError(found)
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(_quoted(meta), stream)
    return stream.getvalue()


def _quoted(value: Any) -> Any:
    """Texts in quotes where one of the two YAML would not read them as texts: `no`, `1e5`."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) and scalar(value) != value else value


def metadata(card: Card, shown: Record) -> dict[str, Any]:
    """What the front matter says."""
    meta: dict[str, Any] = {}
    if card.readme.language:
        # The Hub takes ISO 639 codes under `language`, tags with a script or a region besides.
        meta["language"] = list(dict.fromkeys(code.partition("-")[0] for code in card.readme.language))
        if tagged := [code for code in card.readme.language if "-" in code]:
            meta["language_bcp47"] = tagged
    for name in ("license", "license_name", "license_link"):
        if said := getattr(card.readme, name):
            meta[name] = said
    meta["library_name"] = "peft" if card.adapter is not None else "transformers"
    meta["pipeline_tag"] = card.task.type
    if shown.base is not None and _HUB_COMMIT.fullmatch(shown.base.revision):
        meta["base_model"] = shown.base.name
        # Of a quantized base too: its rounded weights are not published, and a merge is of several models.
        meta["base_model_relation"] = "adapter" if card.adapter is not None else "finetune"
    if _HUB_COMMIT.fullmatch(shown.dataset.revision):
        meta["datasets"] = [shown.dataset.name]
    if not shown.rehearsal:
        meta |= _results(card, shown)
    meta["tags"] = [*card.readme.tags, "replicard", *(["rehearsal"] if shown.rehearsal else [])]
    if not shown.rehearsal:
        meta["model-index"] = [{"name": card.id, "results": model_index(card, shown)}]
    return meta


def _results(card: Card, shown: Record) -> dict[str, Any]:
    """The metrics that were computed, and what the training emitted."""
    assert shown.evaluation is not None
    names = [s.metric for s in shown.evaluation.scores if not s.metric.startswith("evaluate:")]
    meta: dict[str, Any] = {"metrics": list(dict.fromkeys(names))}
    if shown.training is not None and shown.training.energy is not None:
        energy = shown.training.energy
        meta["co2_eq_emissions"] = {
            "emissions": _digits(energy.grams_co2),  # grams, as the Hub reads them
            "source": energy.method,
            "training_type": "fine-tuning" if shown.base is not None else "pre-training",
            "geographical_location": energy.intensity_source.partition(",")[0],
            "hardware_used": shown.machine.name,
        }
    return meta


def model_index(card: Card, shown: Record) -> list[dict[str, Any]]:
    """Reproduced and reported scores as separate results.

    Built directly: huggingface_hub groups results by task, dataset and split, and so would merge the two under one
    source.
    """
    assert shown.evaluation is not None
    name = shown.dataset.name
    if not _HUB_COMMIT.fullmatch(shown.dataset.revision):
        name = _folder(name)
    kind = name if hub_rules.DATASET_TYPE.fullmatch(name) else re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
    dataset: dict[str, Any] = {"name": name, "type": kind}
    data, split = card.data, shown.evaluation.split
    if split in data.taken and not (data.split or data.limit or data.balanced):
        dataset["split"] = data.taken[split]  # the dataset's own, whole
    task = {"type": card.task.type, "name": card.task.type.replace("-", " ").capitalize()}
    ours = dict(dataset)
    if _HUB_COMMIT.fullmatch(shown.dataset.revision):
        ours["revision"] = shown.dataset.revision
    reproduced = [
        {"type": s.metric, "value": round(s.value, 6), "name": f"{_title(s)} (reproduced, seed {shown.seed})"}
        for s in shown.evaluation.scores
        if not s.metric.startswith("evaluate:") and math.isfinite(s.value)
    ]
    results = [{"task": task, "dataset": ours, "metrics": reproduced}]
    reported = [
        {"type": c.metric, "value": c.number.value, "name": f"{_title(c)} (reported)"}
        for c in card.reported
        if c.headline and c.split in (None, split) and not c.number.placeholder and not c.metric.startswith("evaluate:")
    ]
    if reported:
        result: dict[str, Any] = {"task": dict(task), "dataset": dict(dataset), "metrics": reported}
        if card.source is not None and card.source.repo:
            result["source"] = {"name": "Model card", "url": f"https://huggingface.co/{card.source.repo}"}
        results.append(result)
    return results


def _title(score: Score | Claim) -> str:
    """The metric's name as people write it, with an averaging that is not the usual one."""
    name = metric(score.metric)
    name = name[:1].upper() + name[1:]
    return f"{name}, {score.averaging}" if score.averaging not in (None, "positive") else name


def command(card: Card, records: Sequence[Record], shown: Record) -> str:
    """The command that redoes the runs."""
    words = ["replicard", "rehearse" if shown.rehearsal else "reproduce", card.id]
    for d in shown.deviations:
        if d.overridden and d.field != "training.seed":
            words += ["--set", f"{d.field}={d.actual}"]
    if [record.seed for record in records] != [card.training.seed]:
        words += ["--seeds", ",".join(str(record.seed) for record in records)]
    if any(d.consent for d in shown.deviations):
        words.append("--accept-deviations")
    return shlex.join(words)


def _base_path(card: Card, record: Record, run: Run) -> str:
    """How the snippet names the frozen base of an adapter."""
    if record.base is None:
        return f"{run.folder.name}/base"
    if _HUB_COMMIT.fullmatch(record.base.revision):
        return record.base.name
    return os.path.relpath(record.base.path, run.over_seeds) if record.base.path else record.base.name
