"""The pages: what the templates are given, and the few words that are derived for them."""

from __future__ import annotations

import functools
import json
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup, escape

from registry.errors import one_line
from registry.evidence import leaves, needs_evidence
from registry.listing import FULL
from runner import checks, plugins
from runner.claims import verdict_on
from runner.rendering import as_text, command, duration, metric, number, percent, rounded, scored, span, templates
from runner.website.charts import charts
from runner.website.source import Mark, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jinja2 import Environment

    from registry.card import Card, Claim
    from registry.document import Result
    from runner.audit import Finding as RunFinding
    from runner.record import Energy
    from runner.website.gathering import Known, Ran

FINDINGS, CLAIMS, VALUES, LABELS = 40, 80, 300, 16
"""Findings, claims, values and labels that a page has room for; what is left out is counted."""

NOTHING = "nothing reported"
"""What stands in the place of a verdict where the card reports no numbers."""

_LONGEST = 600
"""Characters of HTML that a text of a card takes in a table at most."""

_FOLDER = re.compile(r"(?:^|(?<=[\s'\"`=(]))(?:~|[A-Za-z]:)?[/\\](?:[\w.@+~-]+[/\\])+(?=[\w.@+~-])")
"""All but the last part of the path of a folder of some machine, which is nobody else's business."""

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


class Verdict(NamedTuple):
    """How a verdict is shown: never by its colour alone.

    Attributes:
        tone: `bad`, `warn`, `note`, `info`, `good` or `plain`, which the style knows.
        sign: A character before the word.
        means: What it means.
    """

    tone: str
    sign: str
    means: str


_CLAIMS = {
    "impossible": ("bad", "✕"), "suspicious": ("warn", "!"), "placeholder": ("warn", "…"),
    "underspecified": ("note", "○"), "ambiguous": ("note", "?"), "ok": ("good", "✓"),
}  # fmt: skip

CLAIM_VERDICTS: Mapping[str, Verdict] = {
    **{name: Verdict(*_CLAIMS[name], checks.MEANINGS[name]) for name in reversed(checks.VERDICTS)},
    "not checked": Verdict("plain", "–", "no check could test it"),
    NOTHING: Verdict("plain", "–", "the card reports no numbers"),
}
"""What arithmetic says of reported numbers, the worst first."""

RUN_VERDICTS: Mapping[str, Verdict] = {
    "lower": Verdict("bad", "↓", "lower than reported: more than the seeds explain, and more than the margin"),
    "higher": Verdict("warn", "↑", "higher than reported: more than the seeds explain, and more than the margin"),
    "inconclusive": Verdict("note", "~", "too few seeds to say"),
    "not comparable": Verdict("note", "≠", "another experiment, or a number that nothing can be compared with"),
    "consistent": Verdict(
        "info", "≈", "the spread over seeds explains the difference; equality within the margin is not shown"
    ),
    "reproduced": Verdict("good", "✓", "within the margin that was fixed before the run, with 95% confidence"),
    "exact": Verdict("good", "=", "the published weights give the number as it is written"),
    "not run": Verdict("plain", "–", "nothing was run that measures it"),
    NOTHING: Verdict("plain", "–", "the card reports no numbers"),
}
"""What runs say of reported numbers, the worst first."""


class Drawing(NamedTuple):
    """A reproduced value beside the reported one, in units of the margin from it: −5 to 5, and cut off there.

    Attributes:
        low: Lower end of the reported number's rounding.
        high: Upper end.
        dot: The reproduced mean.
        left: Lower end of its 95% interval; null where none is known.
        right: Upper end.
        said: The same in words.
    """

    low: float
    high: float
    dot: float
    left: float | None
    right: float | None
    said: str


@functools.cache
def environment() -> Environment:
    """The templates, compiled once; whatever they are given is text, never markup."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    made = SandboxedEnvironment(
        loader=FileSystemLoader(templates() / "site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "metric": metric, "number": number, "percent": percent, "rounded": rounded, "duration": duration, "span": span,
        "scored": scored, "line": line, "said": said, "million": million, "energy": energy, "shade": shade,
    }  # fmt: skip
    made.filters.update(filters)
    made.globals.update(claim_verdicts=CLAIM_VERDICTS, run_verdicts=RUN_VERDICTS)
    return made


def line(text: object, most: int = _LONGEST) -> str:
    """A text of somebody's as one line of a page: nothing that turns or hides others, no folder of a machine."""
    shown = one_line(" ".join(_FOLDER.sub("…/", str(text)).split()))
    kept = shown[:most]
    while (size := len(escape(kept))) > most:  # a page is bounded by what it takes, and `&` takes five characters
        kept = kept[: len(kept) * most // size]
    return shown if kept == shown else f"{kept}… ({len(shown):,} characters)"


def said(text: str, most: int = _LONGEST) -> Markup:
    """What replicard says, its backticks as code; all else in it is text, since it may quote a card."""
    shown = line(text, most)
    parts = shown.split("`")
    if len(parts) % 2 == 0:  # one of them is a part of a quotation
        return escape(shown)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


def million(count: int | None) -> str:
    """A number of parameters: `174 k`, `4.39 M`, `6.74 B`."""
    if count is None:
        return "–"
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {sign}"
    return str(count)


def energy(kwh: float) -> str:
    """An energy with three digits: `1.02 Wh`, `0.35 kWh`."""
    return f"{kwh * 1000:.3g} Wh" if kwh < 0.1 else f"{rounded(kwh)} kWh"


def shade(share: float) -> int:
    """In which of ten steps a cell of the confusion matrix is shaded."""
    return min(9, int(share * 10))


def drawing(finding: RunFinding, margin: float) -> Drawing | None:
    """What is drawn of a claim; null where nothing was measured."""
    if finding.mean is None:
        return None
    middle = (finding.low + finding.high) / 2

    def place(value: float) -> float:
        return round(max(-5.0, min(5.0, (value - middle) / margin)), 2)

    left, right = finding.interval if finding.interval is not None else (None, None)
    around = f", 95 % {span(finding.interval)}" if finding.interval is not None else ""
    return Drawing(
        low=place(finding.low),
        high=place(finding.high),
        dot=place(finding.mean),
        left=None if left is None else place(left),
        right=None if right is None else place(right),
        said=f"reported {line(finding.reported)}, reproduced {percent(finding.mean)}{around}; margin ±{margin:g}",
    )


def _headline(known: Known) -> tuple[Claim | None, RunFinding | None]:
    """The claim that the front page shows: a headline if there is one, rather one that was measured, and no loss."""
    claims = known.card.reported
    if not claims:
        return None, None
    findings = known.audit.findings if known.audit is not None else None
    best = min(
        range(len(claims)),
        key=lambda index: (
            not claims[index].headline,
            findings is None or findings[index].mean is None,
            claims[index].metric == "loss",
        ),
    )
    return claims[best], findings[best] if findings is not None else None


def entry(known: Known) -> dict[str, Any]:
    """What the front page and its search know of a card."""
    card, ran = known.card, known.ran
    claim, finding = _headline(known)
    training = ran.shown.training if ran is not None else None
    seconds = training.seconds if training is not None else None
    used = training.energy if training is not None else None
    hours = seconds / 3600 if seconds is not None else card.hardware.hours
    drawn = drawing(finding, card.evaluation.margin) if finding is not None else None
    return {
        "id": card.id,
        "base": line(base_of(card)),
        "base_name": line(card.base.model or base_of(card).partition(",")[0]).rpartition("/")[2],
        "base_under": ", ".join(filter(None, [million(known.size) if known.size else "", _namespace(card)])),
        "size": known.size,
        "adapter": card.adapter.type if card.adapter is not None else FULL,
        "bits": f"{bits}-bit" if (bits := getattr(card.quantization, "bits", None)) else "",
        "dataset": line(card.data.dataset),
        "dataset_name": line(card.data.dataset).rpartition("/")[2],
        "dataset_under": line(card.data.dataset).rpartition("/")[0],
        "hardware": _hardware(card),
        "claims": _claim_verdict(known),
        "run": known.run_verdict or NOTHING,
        "rehearsed": bool(known.rehearsals),
        "metric": metric(claim.metric) if claim is not None else "",
        "reported": line(claim.value) if claim is not None else "",
        "value": claim.number.value if claim is not None else None,
        "reproduced": percent(finding.mean) if finding is not None and finding.mean is not None else "",
        "drawing": drawn,
        "hours": hours,
        "hours_text": duration(hours * 3600) if hours is not None else "",
        "kwh": used.kwh if used is not None else None,
        "energy_text": _energy(used) if used is not None else "as reported" if seconds is None and hours else "",
        "words": line(" ".join([card.task.type, card.readme.license or "", *card.readme.language, *card.readme.tags])),
    }


def _namespace(card: Card) -> str:
    return line(card.base.model).rpartition("/")[0] if card.base.model is not None else "random weights"


def _claim_verdict(known: Known) -> str:
    return known.claim_verdict or ("not checked" if known.card.claims else NOTHING)


def _energy(used: Energy) -> str:
    return energy(used.kwh) if used.measured else f"≈ {energy(used.kwh)}"


def base_of(card: Card) -> str:
    """What is fine-tuned, in words."""
    if card.base.model is not None:
        return card.base.model
    return f"{card.base.architecture.model_type}, from random weights" if card.base.architecture else "–"


def _hardware(card: Card) -> str:
    hardware = card.hardware
    if hardware.accelerator is None:
        return ""
    return hardware.accelerator if hardware.count == 1 else f"{hardware.count} × {hardware.accelerator}"


def order(one: Mapping[str, Any]) -> tuple[int, int, str]:
    """The order of the front page: the worst of the claims first, then of the runs."""
    return list(CLAIM_VERDICTS).index(one["claims"]), list(RUN_VERDICTS).index(one["run"]), one["id"].casefold()


def card_page(known: Known, plots: Sequence[str]) -> str:
    """The page of a card.

    Args:
        known: What is known of it.
        plots: Names of the plots of the shown run, which lie in `plots/<id>/`.
    """
    card, ran = known.card, known.ran
    shown = ran.shown if ran is not None else None
    findings = list(enumerate(known.findings, start=1))
    drawn = charts(ran) if ran is not None else []
    context = {
        "root": "../",
        "card": card,
        "entry": entry(known),
        "known": known,
        "findings": [(index, finding) for index, finding in findings if finding.verdict != "ok"][:FINDINGS],
        "held": [finding for _, finding in findings if finding.verdict == "ok"][:FINDINGS],
        "left_out": max(0, sum(finding.verdict != "ok" for _, finding in findings) - FINDINGS),
        "claims": _claims(known)[:CLAIMS],
        "claims_left_out": max(0, len(card.claims) - CLAIMS),
        "rows": _source_rows(known),
        "links": dict(_links(known)),
        "notes": dict(findings),
        "repo": card.source.repo if card.source and card.source.repo and _HUB_ID.fullmatch(card.source.repo) else None,
        "sections": _sections(known),
        "ran": ran,
        "record": shown,
        "audit": known.audit,
        "others": [one for one in known.runs if one is not ran],
        "command": command(card, ran.records, shown)
        if shown is not None and ran is not None
        else f"replicard reproduce {card.id}",
        "charts": drawn,
        "plots": _ordered(plots, {one["plot"]: one["title"] for one in drawn}),
        "labels": LABELS,
        "plotly_styles": plotly_styles(),
        "base": line(base_of(card)),
    }
    return environment().get_template("card.html.jinja").render(context)


@functools.cache
def plotly_script() -> str:
    """The script that draws charts, as the package brings it."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script


@functools.cache
def plotly_styles() -> list[str]:
    """Ids of the style elements that Plotly makes, unless it finds some: the pages allow none.

    The first is documented (https://github.com/plotly/plotly.js#content-security-policy); those of the libraries in it
    are hashes, which change with them.
    """
    return ["plotly.js-style-global", *sorted(set(re.findall(r'getElementById\("([0-9a-f]{64})"\)', plotly_script())))]


def _ordered(plots: Sequence[str], titles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Plots with their titles, in the order of the charts that take their place."""
    told = {**titles, **{plot: plot.replace("_", " ").capitalize() for plot in plots if plot not in titles}}
    return [(plot, title) for plot, title in told.items() if plot in plots]


def _claims(known: Known) -> list[dict[str, Any]]:
    """Every reported number with what arithmetic and the runs say of it."""
    told, audit = [], known.audit
    placed = {index for index, result in enumerate(known.results) if result.place.start >= 0}
    for index, claim in enumerate(known.card.claims):
        finding = audit.findings[index] if audit is not None else None
        told.append({
            "index": index,
            "claim": claim,
            "in_source": index in placed and bool(known.source),
            "verdict": verdict_on(index, known.findings) or "not checked",
            "finding": finding,
            "run": finding.verdict if finding is not None else "not run",
            "drawing": drawing(finding, known.card.evaluation.margin) if finding is not None else None,
        })  # fmt: skip
    return told


def _links(known: Known) -> Iterable[tuple[int, tuple[str, str]]]:
    """For each reported number its verdict, and the place on the page that a click on it leads to."""
    for index in range(len(known.results)):
        verdict = verdict_on(index, known.findings)
        worst = next(
            (
                number
                for number, finding in enumerate(known.findings[:FINDINGS], start=1)
                if index in finding.claims and finding.verdict == verdict != "ok"
            ),
            None,
        )
        yield index, (verdict or "not checked", f"finding-{worst}" if worst is not None else f"reported-{index}")


def _source_rows(known: Known) -> list[Any]:
    """The source with its claims marked, and each finding beside the words it is about."""
    if not known.source or known.card.source is None:
        return []
    marks = [
        _mark(known.source, index, result) for index, result in enumerate(known.results) if result.place.start >= 0
    ]
    starts = [0, *(found.end() for found in re.finditer("\n", known.source))]
    here = re.compile(re.escape(known.card.source.readme) + r":(\d+):(\d+)")
    notes = []
    for index, finding in enumerate(known.findings[:FINDINGS], start=1):
        found = here.fullmatch(finding.where)
        if found is not None and finding.verdict != "ok" and int(found[1]) <= len(starts):
            notes.append((starts[int(found[1]) - 1] + int(found[2]) - 1, index))
    return rows(known.source, marks, notes)


def _mark(text: str, index: int, result: Result) -> Mark:
    """The number itself where it stands once in the words that state it, else all of them."""
    start, end = result.place.start, result.place.end
    words = text[start:end]
    if words.count(result.number.text) == 1:
        start += words.index(result.number.text)
        end = start + len(result.number.text)
    return Mark(start, end, index)


def _sections(known: Known) -> list[tuple[str, list[dict[str, Any]]]]:
    """Every value of the card by section, with its status and what shows it, but for the reported numbers."""
    found: dict[str, list[dict[str, Any]]] = {}
    for value in known.values[:VALUES]:
        section, _, rest = value["path"].partition(".")
        section = section.partition("[")[0]
        if section not in ("reported", "epoch_table"):
            found.setdefault(section, []).append(
                {**value, "name": rest or section, "text": line(as_text(value["value"]))}
            )
    return list(found.items())


def data(known: Known) -> str:
    """What the compare page knows of a card, as a script: pages of a folder may not read other files."""
    values = {value["path"]: line(as_text(value["value"])) for value in known.values[:VALUES]}
    told = {
        "values": values,
        "claims": _claim_verdict(known),
        "run": known.run_verdict or NOTHING,
        "reported": [[_about(claim), line(claim.value)] for claim in known.card.reported[:CLAIMS]],
        "runs": [_run(ran, values) for ran in known.runs[:CLAIMS]],
    }
    return _script("card", known.card.id, told)


def _about(claim: Claim) -> str:
    """What a number is of: `accuracy (validation, epoch 2)`."""
    moment = f"epoch {claim.epoch:g}" if claim.epoch else f"step {claim.step}" if claim.step else ""
    parts = filter(None, [claim.label and line(claim.label), claim.averaging, claim.split, moment])
    about = ", ".join(parts)
    return f"{metric(claim.metric)} ({about})" if about else metric(claim.metric)


def _run(ran: Ran, values: Mapping[str, str]) -> dict[str, Any]:
    record = ran.shown
    now = {path: line(as_text(value)) for path, value in leaves(ran.card).items() if needs_evidence(path, value)}
    changed = {path: now.get(path) for path in [*values, *now] if now.get(path) != values.get(path)}
    training = record.training
    return {
        "id": ran.run.id,
        "started": record.started[:10],
        "verdict": ran.audit.verdict or NOTHING,
        "seeds": len(ran.audit.seeds),
        "changed": changed,
        "machine": line(record.machine.name),
        "time": duration(training.seconds) if training is not None else "",
        "energy": energy(training.energy.kwh) if training is not None and training.energy is not None else "",
        "metrics": {
            metric(one.metric) + (f" ({one.averaging})" if one.averaging not in (None, "positive") else ""): [
                percent(one.mean),
                span(one.interval),
            ]
            for one in ran.audit.summaries
            if math.isfinite(one.mean)
        },
    }


def index_page(entries: Sequence[Mapping[str, Any]], first: int) -> str:
    """The front page, with the first of its rows; the others are in its data.

    Args:
        entries: The cards, in order.
        first: How many rows are in the page itself.
    """
    counts = [
        ("claims", "Claims", CLAIM_VERDICTS, _counted(entries, "claims", CLAIM_VERDICTS)),
        ("run", "Runs", RUN_VERDICTS, _counted(entries, "run", RUN_VERDICTS)),
    ]
    chosen = {name: sorted({str(one[name]) for one in entries} - {""}) for name in ("adapter", "dataset", "hardware")}
    context = {
        "root": "",
        "entries": entries[:first],
        "total": len(entries),
        "counts": counts,
        "rehearsed": sum(one["rehearsed"] for one in entries),
        "chosen": {name: values for name, values in chosen.items() if 1 < len(values) <= 200},
    }
    return environment().get_template("index.html.jinja").render(context)


def _counted(entries: Iterable[Mapping[str, Any]], name: str, known: Iterable[str]) -> dict[str, int]:
    found = dict.fromkeys(known, 0)
    for one in entries:
        found[one[name]] += 1
    return {verdict: count for verdict, count in found.items() if count}


def index_data(entries: Sequence[Mapping[str, Any]]) -> str:
    """All rows of the front page, as a script: the names of the columns once, then the values."""
    columns = list(entries[0]) if entries else []
    return _script("cards", columns, [[one[name] for name in columns] for one in entries])


def _script(name: str, *arguments: Any) -> str:
    """A call with data, in ASCII: whatever the data hold, it is a text or a number."""
    return f"replicard.{name}({', '.join(json.dumps(one, separators=(',', ':')) for one in arguments)});\n"


def checks_page() -> str:
    """What the verdicts and the kinds of findings mean."""
    modules = ((name.replace("_", "-"), plugins.module("checks", name)) for name in plugins.names("checks"))
    described = [
        (name, [_prose(part) for part in check.__doc__.strip().split("\n\n")], check.KINDS) for name, check in modules
    ]
    return environment().get_template("checks.html.jinja").render(root="", checks=described)


def _prose(text: str) -> Markup:
    """A paragraph of a docstring: its backticks as code, what stands between `**` in bold."""
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", said(text, 9 * len(text))))


def compare_page() -> str:
    """The page that compares what its address names."""
    return environment().get_template("compare.html.jinja").render(root="")


def space_readme(count: int) -> str:
    """The README that makes a folder a static Space of the Hub."""
    return environment().get_template("README.md.jinja").render(count=count)
