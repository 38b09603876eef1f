"""What is known of a card, for its page: what it declares and reports, what arithmetic says of it, and its runs."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InputError
from registry.evidence import source_text, statuses
from registry.loading import Loaded
from registry.secrets import blotted
from registry.shapes import SHAPES, parameters
from runner.audit import Audit, judge_runs
from runner.checks import VERDICTS
from runner.claims import examine
from runner.documents import of_card
from runner.record import Record, WeightsRecord
from runner.rehearsing import FOLDER as REHEARSALS
from runner.reproducing import card_of, claims_now
from runner.runs import Run, read_model, seeds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.card import Card
    from registry.document import Result
    from runner import checks
    from runner.judging import Verdict


@dataclass(frozen=True)
class Ran:
    """A run of a card over its complete seeds.

    Attributes:
        run: Where its files lie, of one of the seeds.
        card: The card as it ran, with what its file now reports.
        records: The record of each seed, the one that is shown first.
        audit: What they say of the card's claims.
        current: Whether it ran what the card's file now declares.
    """

    run: Run
    card: Card
    records: tuple[Record, ...]
    audit: Audit
    current: bool

    @property
    def shown(self) -> Record:
        """The declared seed where it ran, else the first: never the best."""
        return self.records[0]

    @property
    def started(self) -> str:
        """When the last of its seeds began, ISO 8601."""
        return max(record.started for record in self.records)


@dataclass(frozen=True)
class Known:
    """What is known of a card.

    Attributes:
        loaded: The card.
        source: Text of its source README, secrets blotted out; empty where there is none.
        results: Its reported numbers, with their places in the source.
        findings: What the claim checks say of it, the worst first.
        runs: Its runs: those of what the card now declares first, among them those without overrides, and the newest.
        rehearsals: Its rehearsals, likewise.
        weights: Published weights that were scored as it declares, with what they say of its claims.
    """

    loaded: Loaded
    source: str
    results: tuple[Result, ...]
    findings: tuple[checks.Finding, ...]
    runs: tuple[Ran, ...]
    rehearsals: tuple[Ran, ...]
    weights: tuple[tuple[WeightsRecord, Audit], ...]

    @property
    def card(self) -> Card:
        """The card."""
        return self.loaded.card

    @property
    def ran(self) -> Ran | None:
        """The run whose verdict is the card's; null where none is of what the card now declares."""
        return next((ran for ran in self.runs if ran.current), None)

    @cached_property
    def audit(self) -> Audit | None:
        """The audit whose verdict is the card's: of a run, else of published weights; null where nothing was scored."""
        return self.ran.audit if self.ran is not None else next((audit for _, audit in self.weights), None)

    @cached_property
    def values(self) -> list[dict[str, Any]]:
        """Every value of the card, with its status and what shows it."""
        return list(statuses(self.loaded))

    @property
    def claim_verdict(self) -> checks.Verdict | None:
        """The worst of the findings; null where no check found anything to test."""
        return max((finding.verdict for finding in self.findings), key=VERDICTS.index, default=None)

    @property
    def run_verdict(self) -> Verdict | None:
        """The verdict of the runs; null where the card reports nothing that a run could be compared with."""
        if self.audit is not None:
            return self.audit.verdict
        return "not run" if self.card.claims else None

    @property
    def size(self) -> int | None:
        """Parameters of the model, as planned for a run or as its architecture has them beside the head."""
        if self.ran is not None:
            return self.ran.shown.plan.parameters
        shape = self.card.base.architecture or SHAPES.get(self.card.base.model or "")
        return parameters(shape) if shape is not None else None


def gather(loaded: Loaded, root: Path, warn: Callable[[str], None]) -> Known:
    """Read all that is known of a card.

    Args:
        loaded: The card.
        root: Folder of all runs.
        warn: Told, in a line, of a run that cannot be read.
    """
    card, document = loaded.card, of_card(loaded)
    folder = f"{loaded.file.parent}/"
    findings = tuple(one.model_copy(update={"where": one.where.removeprefix(folder)}) for one in examine(document))
    text = source_text(card.source, loaded.file)[0] if card.source is not None else None
    return Known(
        loaded=loaded,
        source=blotted(text or ""),
        results=document.results,
        findings=findings,
        runs=_runs(loaded, root, findings, warn),
        rehearsals=_runs(loaded, root / REHEARSALS, findings, warn),
        weights=tuple(_weights(card, root, warn)),
    )


def _runs(
    loaded: Loaded, root: Path, findings: tuple[checks.Finding, ...], warn: Callable[[str], None]
) -> tuple[Ran, ...]:
    """The runs of a card that have a complete seed."""
    found = []
    for identifier, seed in sorted(_folders(root / loaded.card.id).items()):
        run = Run(root, loaded.card.id, identifier, seed)
        try:
            ran = _ran(loaded, run, findings)
        except (InputError, ValueError) as error:
            warn(f"{run.over_seeds}: left out: {str(error).splitlines()[0]}")
            continue
        if ran is not None:
            found.append(ran)
    found.sort(key=lambda ran: ran.started, reverse=True)
    # Stable: the newest of those that ran what is declared, whole.
    return tuple(sorted(found, key=lambda ran: (not ran.current, any(d.overridden for d in ran.audit.deviations))))


def _folders(folder: Path) -> dict[str, int]:
    """Ids of the runs below a card's folder, each with one of its seeds."""
    seeds: dict[str, list[int]] = defaultdict(list)
    for record in folder.glob("*/seed*/record.json"):
        if found := re.fullmatch(r"seed(\d+)", record.parent.name):
            seeds[record.parents[1].name].append(int(found[1]))
    return {name: min(numbers) for name, numbers in seeds.items()}


def _ran(loaded: Loaded, run: Run, findings: tuple[checks.Finding, ...]) -> Ran | None:
    runs = seeds_of(run)
    if not runs:
        return None
    records = [read_model(one.record, Record) for one in runs]
    now = claims_now(records[0], loaded)
    card = now or card_of(records[0])
    # Findings are about claims by their number; those of a card that reports something else are not about these.
    same = card.claims == loaded.card.claims
    about = findings if same else examine(of_card(Loaded(card, Path(f"{card.id}.yaml"), "", {})))
    records.sort(key=lambda record: (record.seed != card.training.seed, record.seed))
    return Ran(runs[0], card, tuple(records), judge_runs(card, runs[0], about), now is not None)


def _weights(card: Card, root: Path, warn: Callable[[str], None]) -> Iterator[tuple[WeightsRecord, Audit]]:
    """Published weights that were scored, with the audit that was made then."""
    for file in sorted((root / card.id).glob("weights-*/audit.json")):
        try:
            record, audit = read_model(file.with_name("record.json"), WeightsRecord), read_model(file, Audit)
        except InputError as error:
            warn(str(error))
            continue
        if [finding.reported for finding in audit.findings] == [claim.value for claim in card.claims]:
            yield record, audit
        else:
            warn(f"{file}: left out: the card has changed what it reports since; audit the weights again")
