"""The README model card, rendered from card, records and audit; and nothing in it that does not follow from them."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.card import Example
from registry.errors import one_line
from registry.evidence import leaves, needs_evidence, status_of
from runner import plugins
from runner.record import Record
from runner.runs import Run, read_record, seeds_of, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Card, Claim
    from runner.audit import Audit
    from runner.record import Score

_MARKUP = re.compile(r"([\\`*_{}\[\]#|~$])")
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
_DATASET_TYPE = re.compile(r"^(?:[\w-]+/)?[\w.-]+$")


def templates() -> Path:
    """The folder of templates: inside the installed package, or the checkout's."""
    installed = Path(__file__).parent / "templates"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "templates"


def render(card: Card, run: Run, audit: Audit) -> Path:
    """Write the README of a run's seeds; returns its path."""
    path = run.over_seeds / "README.md"
    write(path, readme(card, run, audit))
    return path


def readme(card: Card, run: Run, audit: Audit) -> str:
    """The README of a run's seeds as text.

    The first declared seed is the one shown and published, never the best; the others stand beside it.
    """
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    runs = seeds_of(run)
    records = [read_record(found, Record) for found in runs]
    shown = next((r for r in records if r.seed == card.training.seed), records[0])
    shown_run = runs[records.index(shown)]
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (prose, percent, scored, span, number, rounded, code)
    environment.filters.update({"md": escape, **{function.__name__: function for function in filters}})
    text = environment.get_template("model_card.md.jinja").render(
        front_matter=front_matter(card, shown),
        card=card,
        record=shown,
        records=records,
        audit=audit,
        findings=list(zip(card.claims, audit.findings, strict=True)),
        hyperparameters=hyperparameters(card, shown),
        model_path=f"{shown_run.folder.name}/model",
        base_path=_base_path(card, shown, shown_run),
        plots=[f"{shown_run.folder.name}/plots/{path.name}" for path in sorted(shown_run.plots.glob("*.png"))],
        deviations=audit.deviations,
        command=_command(card, records, shown),
        epochs=[point for point in shown.training.log if "eval_loss" in point.values] if shown.training else [],
        auto_class=plugins.task(card.task.type).AUTO_CLASS,
        first_example=_example(card),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _example(card: Card) -> Example:
    """What the snippet classifies: the card's first example, or one of ours."""
    pair = "Nobody liked it." if card.data.text_pair is not None else None
    ours = Example(text="I absolutely loved every minute of this film.", text_pair=pair, label=card.task.labels[0])
    return next(iter(card.examples), ours)


def escape(text: object) -> str:
    """Text as one line of Markdown that shows exactly that text: no markup, no HTML, no table cell ends."""
    line = one_line(" ".join(str(text).split()))
    return _MARKUP.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def prose(text: str) -> str:
    """Text as paragraphs of Markdown without markup; `- ` lists stay lists."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join("\n".join(_prose_line(line) for line in p.splitlines() if line.strip()) for p in paragraphs)


def _prose_line(line: str) -> str:
    bullet = "- " if line.lstrip().startswith("- ") else ""
    body = escape(line.lstrip()[len(bullet) :])
    return bullet + re.sub(r"^([-+]|\d+[.)])(?=\s)", r"\\\1", body)


def code(text: object) -> str:
    """A Python string literal; JSON's are such literals."""
    return json.dumps(str(text), ensure_ascii=False)


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
        (path, _shown(value), "rehearsal" if path in replaced else status_of(card, path, overridden) or "")
        for path, value in leaves(card.model_copy(update={"training": training})).items()
        if path.startswith(_RECIPE) and needs_evidence(path, value)
    ]


def _shown(value: Any) -> str:
    """A value of a card as one line."""
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else number(value)


def front_matter(card: Card, shown: Record) -> str:
    """The YAML front matter that the Hub reads."""
    from ruamel.yaml import YAML

    meta: dict[str, Any] = {}
    if card.readme.language:
        # The Hub takes ISO 639 codes under `language`, tags with a script or a region besides.
        meta["language"] = list(dict.fromkeys(code.partition("-")[0] for code in card.readme.language))
        if tagged := [code for code in card.readme.language if "-" in code]:
            meta["language_bcp47"] = tagged
    if card.readme.license:
        meta["license"] = card.readme.license
    meta["library_name"] = "peft" if card.adapter is not None else "transformers"
    meta["pipeline_tag"] = card.task.type
    if shown.base is not None and _HUB_COMMIT.fullmatch(shown.base.revision):
        meta["base_model"] = shown.base.name
        meta["base_model_relation"] = "adapter" if card.adapter is not None else "finetune"
    if _HUB_COMMIT.fullmatch(shown.dataset.revision):
        meta["datasets"] = [shown.dataset.name]
    assert shown.evaluation is not None
    if not shown.rehearsal:
        meta |= _results(card, shown)
    meta["tags"] = [*card.readme.tags, "replicard", *(["rehearsal"] if shown.rehearsal else [])]
    if not shown.rehearsal:
        meta["model-index"] = [{"name": card.id, "results": model_index(card, shown)}]
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 200
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(meta, stream)
    return stream.getvalue()


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
    kind = name if _DATASET_TYPE.fullmatch(name) else Path(name).name or "dataset"
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
        if not s.metric.startswith("evaluate:")
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
    name = {"roc_auc": "ROC-AUC", "f1": "F1"}.get(score.metric, score.metric.replace("_", " ").capitalize())
    return f"{name}, {score.averaging}" if score.averaging not in (None, "positive") else name


def _command(card: Card, records: Sequence[Record], shown: Record) -> str:
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
