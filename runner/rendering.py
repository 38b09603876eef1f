"""The README model card, rendered from card, records and audit; and nothing in it that does not follow from them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.evidence import covering, leaves, needs_evidence
from runner.audit import Audit
from runner.record import Record
from runner.runs import Run, read_model, seeds_of, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Card

_MARKUP = re.compile(r"([\\`*_{}\[\]#|~$])")
_RECIPE = ("training", "adapter", "quantization", "data.split", "data.limit", "data.tokens", "data.clean")
_HUB_COMMIT = re.compile("[0-9a-f]{40}")
_DATASET_TYPE = re.compile(r"^(?:[\w-]+/)?[\w.-]+$")


def templates() -> Path:
    """The folder of templates: inside the installed package, or the checkout's."""
    installed = Path(__file__).parent / "templates"
    return installed if installed.is_dir() else Path(__file__).parents[1] / "templates"


def render(card: Card, run: Run) -> Path:
    """Write the README of a run's seeds; returns its path."""
    path = run.over_seeds / "README.md"
    write(path, readme(card, run))
    return path


def readme(card: Card, run: Run) -> str:
    """The README of a run's seeds as text.

    The first declared seed is the one shown and published, never the best; the others stand beside it.
    """
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    runs = seeds_of(run)
    records = [read_model(found.record, Record) for found in runs]
    audit = read_model(run.over_seeds / "audit.json", Audit)
    shown = next((r for r in records if r.seed == card.training.seed), records[0])
    shown_run = runs[records.index(shown)]
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(md=escape, prose=prose, percent=percent, span=span, number=number, code=code)
    text = environment.get_template("model_card.md.jinja").render(
        front_matter=front_matter(card, shown),
        card=card,
        record=shown,
        records=records,
        audit=audit,
        findings=list(zip(card.reported, audit.findings, strict=True)),
        hyperparameters=hyperparameters(card, shown),
        model_path=f"{shown_run.folder.name}/model",
        base_path=_base_path(card, shown, shown_run),
        plots=[f"{shown_run.folder.name}/plots/{path.name}" for path in sorted(shown_run.plots.glob("*.png"))],
        deviations=_deviations(records),
        example_text=next((example.text for example in card.examples), "I absolutely loved every minute of this film."),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape(text: object) -> str:
    """Text as one line of Markdown that shows exactly that text: no markup, no HTML, no table cell ends."""
    line = " ".join(str(text).split())
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


def percent(value: float | None) -> str:
    """A score with four digits, or a dash."""
    return "–" if value is None else f"{value:.4f}"


def span(interval: Any) -> str:
    """An interval, or nothing."""
    if interval is None:
        return ""
    low, high = interval if isinstance(interval, tuple) else (interval.low, interval.high)
    return f"{low:.4f} to {high:.4f}"


def hyperparameters(card: Card, record: Record) -> list[tuple[str, str, str]]:
    """Every value of the recipe: path, value, and for a card with a source its status."""
    return [
        (path, _shown(value), _status(card, path, record))
        for path, value in leaves(card).items()
        if path.startswith(_RECIPE) and needs_evidence(path, value)
    ]


def _shown(value: Any) -> str:
    """A value of a card as one line."""
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else number(value)


def _status(card: Card, path: str, record: Record) -> str:
    """Whether a value is stated, derived, assumed or overridden; empty for a card without a source."""
    if any(d.field == path and d.cause.startswith("overridden") for d in record.deviations):
        return "overridden"
    if card.source is None:
        return ""
    tables: dict[str, dict[str, Any]] = {
        "stated": dict(card.stated), "derived": dict(card.derived), "assumed": dict(card.assumed),
    }  # fmt: skip
    entries = {name: covering(path, table) or "" for name, table in tables.items()}
    return max(entries, key=lambda name: len(entries[name]))


def front_matter(card: Card, shown: Record) -> str:
    """The YAML front matter that the Hub reads."""
    from ruamel.yaml import YAML

    meta: dict[str, Any] = {}
    if card.readme.language:
        meta["language"] = list(card.readme.language)
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
    meta["metrics"] = [s.metric for s in shown.evaluation.scores if not s.metric.startswith("evaluate:")]
    meta["tags"] = [*card.readme.tags, "replicard"]
    meta["model-index"] = [{"name": card.id, "results": model_index(card, shown)}]
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 200
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(meta, stream)
    return stream.getvalue()


def model_index(card: Card, shown: Record) -> list[dict[str, Any]]:
    """Reproduced and reported scores as separate results.

    Built directly: huggingface_hub groups results by task, dataset and split, and so would merge the two under one
    source.
    """
    assert shown.evaluation is not None
    name = shown.dataset.name
    kind = name if _DATASET_TYPE.fullmatch(name) else Path(name).name or "dataset"
    dataset: dict[str, Any] = {"name": name, "type": kind, "split": shown.evaluation.split}
    if _HUB_COMMIT.fullmatch(shown.dataset.revision):
        dataset["revision"] = shown.dataset.revision
    task = {"type": card.task.type, "name": card.task.type.replace("-", " ").capitalize()}
    reproduced = [
        {"type": s.metric, "value": round(s.value, 6), "name": f"{_title(s.metric)} (reproduced, seed {shown.seed})"}
        for s in shown.evaluation.scores
        if not s.metric.startswith("evaluate:")
    ]
    results = [{"task": task, "dataset": dataset, "metrics": reproduced}]
    reported = [
        {"type": c.metric, "value": c.number.value, "name": f"{_title(c.metric)} (reported)"}
        for c in card.reported
        if c.headline and not c.number.placeholder and not c.metric.startswith("evaluate:")
    ]
    if reported:
        result = {"task": dict(task), "dataset": dict(dataset), "metrics": reported}
        if card.source is not None and card.source.repo:
            result["source"] = {"name": "Model card", "url": f"https://huggingface.co/{card.source.repo}"}
        results.append(result)
    return results


def _title(metric: str) -> str:
    return {"roc_auc": "ROC-AUC", "f1": "F1"}.get(metric, metric.replace("_", " ").capitalize())


def _base_path(card: Card, record: Record, run: Run) -> str:
    """How the snippet names the frozen base of an adapter."""
    if record.base is None:
        return f"{run.folder.name}/base"
    return record.base.name if _HUB_COMMIT.fullmatch(record.base.revision) else record.base.path


def _deviations(records: Sequence[Record]) -> list[Any]:
    """Deviations of all seeds, each once."""
    return list({(d.field, d.actual): d for record in records for d in record.deviations}.values())
