"""The road: a card → plan → train → evaluate → audit → render, one flat function a stage, each done only once."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.card import RUN_SECTIONS, Card, TrainedTokenizer
from registry.errors import InputError, MissingError, Problem
from registry.finding import all_cards
from registry.loading import Loaded, Override
from registry.yaml import Place
from runner import deviations, fetching, launching, locking, plugins, progress, ranks
from runner import model as models
from runner.audit import Audit
from runner.claims import examine
from runner.data import load_parts, texts_of
from runner.documents import of_card
from runner.kernels import told
from runner.machine import code_commit, detect, packages, versions
from runner.plan import make_plan, require_memory
from runner.record import Deviation, Machine, Plan, Record, Snapshot, Spread
from runner.runs import (
    Run,
    exclusive,
    forget,
    is_intact,
    keep_places,
    read_model,
    read_record,
    run_id,
    write_model,
)
from runner.spreading import is_divided
from runner.spreading import spread as spread_over
from runner.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.locking import Role
    from runner.checks import Finding
    from runner.execution import Execution


@dataclass(frozen=True)
class Ready:
    """A card whose inputs are here.

    Attributes:
        loaded: The card.
        machine: The machine.
        base: The base's files; null for one built from its architecture.
        tokenizer: The tokenizer's files, where they are not the base's.
        dataset: The dataset's files.
        run: Where the run's files lie.
        spread: How the rows of a step are spread over processes and batches.
        substitutions: What stands in for what in a rehearsal; null in a reproduction.
        kernels: What shall compute the model where it can: `fast` or `reference`.
    """

    loaded: Loaded
    machine: Machine
    base: Snapshot | None
    tokenizer: Snapshot | None
    dataset: Snapshot
    run: Run
    spread: Spread
    substitutions: tuple[Deviation, ...] | None = None
    kernels: str = "fast"


@dataclass(frozen=True)
class Task:
    """What is left to do of a run, by this process or by several.

    Attributes:
        ready: The card and its inputs.
        stop_after_training: Leave the evaluation for later.
    """

    ready: Ready
    stop_after_training: bool = False

    def to_json(self) -> str:
        """For a process that reads it with `from_json`; of the card without what stands only in its file."""
        ready, loaded = self.ready, self.ready.loaded
        inputs = {name: getattr(ready, name) for name in ("base", "tokenizer", "dataset")}
        return json.dumps(
            {
                "card": loaded.card.model_dump(mode="json", by_alias=True),
                "file": str(loaded.file),
                "sha256": loaded.sha256,
                "places": {path: asdict(place) for path, place in loaded.places.items()},
                "overrides": [asdict(override) for override in loaded.overrides],
                "machine": ready.machine.model_dump(),
                "inputs": {name: one and {**one.model_dump(), "path": one.path} for name, one in inputs.items()},
                "root": str(ready.run.root),
                "run": ready.run.id,
                "spread": ready.spread.model_dump(),
                "kernels": ready.kernels,
                "stop_after_training": self.stop_after_training,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Task:
        """What `to_json` wrote."""
        told = json.loads(text)
        card = _card(told["card"])
        loaded = Loaded(
            card,
            Path(told["file"]),
            told["sha256"],
            {path: Place(**place) for path, place in told["places"].items()},
            tuple(Override(**override) for override in told["overrides"]),
        )
        inputs: dict[str, Any] = {name: one and Snapshot(**one) for name, one in told["inputs"].items()}
        run = Run(Path(told["root"]), card.id, told["run"], card.training.seed)
        machine, spread = Machine(**told["machine"]), Spread(**told["spread"])
        ready = Ready(loaded, machine, **inputs, run=run, spread=spread, kernels=told["kernels"])
        return cls(ready, told["stop_after_training"])


def prepare(loaded: Loaded, root: Path, execution: Execution) -> Ready:
    """See that the machine can do what the card declares, and fetch its inputs.

    Args:
        loaded: The card.
        root: Folder of all runs.
        execution: How it is run.

    Raises:
        MissingError: The machine cannot and nobody agreed, or an input cannot be had from here.
        InputError: An input is not what the card or its lock says, or the lock is of another state of the card.
    """
    models.quiet()
    pins = locking.pins(loaded)
    machine = detect()
    spread = spread_over(loaded.card, machine, execution.processes, execution.device_batch)
    with _alternative(loaded):
        _require_deepspeed(loaded, machine, spread)
        deviations.require_consent(loaded, deviations.before(loaded, machine, spread), execution.accept_deviations)
        if loaded.card.base.architecture is not None and loaded.card.data.rows is not None:
            require_memory(loaded, make_plan(loaded, machine, spread=spread), machine)
        locking.tell_unpinned(loaded, pins)
        base = fetching.fetch_base(loaded, pins.get("base"))
        tokenizer = fetching.fetch_tokenizer(loaded, pins.get("tokenizer"))
        dataset = fetching.fetch_dataset(loaded, pins.get("dataset"))
    run = Run(root, loaded.card.id, run_id(loaded.card, base, tokenizer, dataset), loaded.card.training.seed)
    return Ready(loaded, machine, base, tokenizer, dataset, run, spread, kernels=execution.kernels)


def _require_deepspeed(loaded: Loaded, machine: Machine, spread: Spread) -> None:
    """Refuse what the Trainer would import in vain, before anything is fetched.

    Raises:
        MissingError: DeepSpeed is to divide the weights, and is not installed.
    """
    declared = loaded.card.training.distributed
    if declared is None or declared.deepspeed is None or util.find_spec("deepspeed") is not None:
        return
    if is_divided(loaded.card, machine.device, spread.processes):
        path = "training.distributed.deepspeed"
        raise MissingError(Problem(loaded.where(path), path, "needs the package deepspeed; `pip install deepspeed`"))


def for_seed(ready: Ready, loaded: Loaded) -> Ready:
    """The same inputs for the card with another seed, which they do not hang on."""
    return replace(ready, loaded=loaded, run=replace(ready.run, seed=loaded.card.training.seed))


@contextlib.contextmanager
def _alternative(loaded: Loaded) -> Iterator[None]:
    """Where something needed is missing here, name what works without it."""
    try:
        yield
    except MissingError as error:
        *others, last = error.problems
        name = loaded.card.id if all_cards().get(loaded.card.id) == loaded.file else loaded.file
        message = f"{last.message}; `replicard rehearse {name}` tries a small one here"
        raise MissingError([*others, replace(last, message=message)]) from None


def train_and_evaluate(ready: Ready, fresh: bool = False, stop_after_training: bool = False) -> Record:
    """Train and evaluate one seed, resuming what was begun; a complete run is only read.

    Args:
        ready: The card and its inputs.
        fresh: Do it again even if it is complete.
        stop_after_training: Leave the evaluation for later.
    """
    run = ready.run
    with exclusive(run) as lease, progress.told_to(lease.tell):
        if fresh:
            forget(run)
        # Also for a run that is complete: its inputs may lie elsewhere by now.
        keep_places(run, base=ready.base, tokenizer=ready.tokenizer, dataset=ready.dataset)
        task = Task(ready, stop_after_training)
        if not _done(task):
            if ready.spread.processes > 1:
                launching.launch(task.to_json(), ready.spread.processes)
                if _divided(ready) and not stop_after_training:
                    work(task)
            else:
                work(task)
        return read_record(run, Record)


def _divided(ready: Ready) -> bool:
    """Whether ranks train a part of the weights each; they are then scored by one process, from what was saved."""
    return is_divided(ready.loaded.card, ready.machine.device, ready.spread.processes)


def _done(task: Task) -> bool:
    """Whether the run's record says that nothing is left to do, and its model is still the one that it names."""
    run = task.ready.run
    if not run.record.exists():
        return False
    record = read_record(run, Record)
    return (record.evaluation is not None or task.stop_after_training) and is_intact(run, record)


def work(task: Task) -> None:
    """Do what is left of a run, as its only process or as one of its ranks, of which the first one writes."""
    from runner import evaluation, plotting, training

    ready = task.ready
    card, run = ready.loaded.card, ready.run
    record = read_record(run, Record) if run.record.exists() else None
    with progress.stage("read"), ranks.first_first():
        parts = load_parts(ready.loaded, ready.dataset)
    if record is not None and is_intact(run, record):
        tokenizer, model = models.load(card, ready.base, run.model, run.base)
        plan = _scoring_plan(card, record, ready.machine)
    else:
        with progress.stage("build"), ranks.first_first():
            tokenizer = _tokenizer(ready, texts_of(parts.splits["train"]))
            plan = make_plan(
                ready.loaded,
                ready.machine,
                parts.rows,
                ready.base,
                vocabulary=len(tokenizer),
                kernels=ready.kernels,
                spread=ready.spread,
            )
            record = _begin(ready, plan)
            model = models.build(card, ready.base, tokenizer, run.base, ranks.is_first())
        with progress.stage("tokenize"), ranks.first_first():
            rows = tokenize(parts.splits["train"], tokenizer, card, "tokenize", keep=True)
            scored = parts.splits.get(card.evaluation.each_epoch or "")
            scored = tokenize(scored, tokenizer, card, "tokenize", keep=True) if scored is not None else None
        result = training.train(card, plan, ready.machine, run, ready.base, model, tokenizer, rows, scored)
        happened = (*record.deviations, *deviations.of_training(card, plan, result))
        known = {"training": result, "deviations": happened, "kernels": told(model)}
        record = record.model_copy(update=known)
        if ranks.is_first():
            write_model(run.record, record)
    if ranks.is_first():
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    if task.stop_after_training or (_divided(ready) and ranks.together()):
        return
    with ranks.first_first():
        rows = tokenize(parts.splits[card.evaluation.split], tokenizer, card, "tokenize", keep=True)
    found = evaluation.evaluate(card, plan, ready.machine, run, model, tokenizer, rows)
    if found is None:
        return
    record = record.model_copy(update={"evaluation": found})
    plotting.plot(card, record, run)
    write_model(run.record, record)


def tokenize_ahead(ready: Ready) -> None:
    """Make and keep the tokens that runs of a card take, whatever their seed.

    Raises:
        InputError: The dataset has not what the card says, or a text is too long.
    """
    card = ready.loaded.card
    parts = load_parts(ready.loaded, ready.dataset)
    tokenizer = _tokenizer(ready, texts_of(parts.splits["train"]))
    for name in {"train", card.evaluation.split, card.evaluation.each_epoch or "train"}:
        tokenize(parts.splits[name], tokenizer, card, "tokenize", keep=True)


def reload(run: Run) -> tuple[Card, Plan, Any, Any]:
    """The card, a plan for scoring here, the tokenizer and the trained model of a finished run.

    Raises:
        InputError: The run was not trained to its end, or its files were changed.
    """
    record = read_record(run, Record)
    if record.training is None or not is_intact(run, record):
        raise InputError(f"{run} holds no whole model; `replicard reproduce {run.card}` makes it")
    models.quiet()
    card = card_of(record)
    base = record.base
    if base is not None and card.adapter is not None and not base.is_here:
        raise InputError(f"the base of {run} is no longer here; `replicard reproduce {run.card}` fetches it")
    tokenizer, model = models.load(card, base, run.model, run.base)
    return card, _scoring_plan(card, record, detect()), tokenizer, model


def require_trained(ready: Ready) -> None:
    """Refuse to evaluate what is not there, rather than to train it.

    Raises:
        InputError: The run was not trained to its end, or its files were changed.
    """
    run = ready.run
    if not run.record.exists() or not is_intact(run, read_record(run, Record)):
        raise InputError(f"{run} is not trained, or its model was changed; `replicard train {run.card}` first")


def _scoring_plan(card: Card, record: Record, machine: Machine) -> Plan:
    """The run's plan for scoring on this machine, which need not be the one that trained; the record keeps its own."""
    precision = deviations.actual_precision(card, machine)
    here = {"device": machine.device, "precision": precision, "processes": ranks.count()}
    return record.plan.model_copy(update=here)


def card_of(record: Record) -> Card:
    """The card as it was run."""
    return _card(record.card)


def _card(told: dict[str, Any]) -> Card:
    return Card.model_validate_json(json.dumps(told), context={"plugins": plugins.sections()})


def current_claims(record: Record) -> Card:
    """The card as it was run, with what its file now reports: editing a claim does not invalidate a run.

    A file of the same id that declares another run says nothing of this one; the card is then the recorded one.
    """
    file = all_cards().get(record.card_id)
    try:
        now = plugins.load_card(file) if file is not None else None
    except InputError:
        now = None
    return (claims_now(record, now) if now is not None else None) or card_of(record)


def claims_now(record: Record, loaded: Loaded) -> Card | None:
    """The card as it was run, with what its file now reports; null where the file now declares another run."""
    card, now = card_of(record), loaded.card
    overrides = [f"{d.field}={d.actual}" for d in record.deviations if d.overridden]
    try:
        overridden = plugins.load_card(loaded.file, overrides).card if overrides else now
    except InputError:
        return None
    if run_id(overridden, None) != run_id(card, None):
        return None
    # Seed and margin are not of the run: the declared ones count.
    training = card.training.model_copy(update={"seed": now.training.seed})
    margin = card.evaluation.model_copy(update={"margin": now.evaluation.margin})
    kept = {name: getattr(now, name) for name in Card.model_fields if name not in RUN_SECTIONS}
    return card.model_copy(update={**kept, "training": training, "evaluation": margin})


def claims_of(loaded: Loaded) -> tuple[Finding, ...]:
    """What the claim checks say of a card.

    Places are those in the card's folder: where that lies on this machine is nobody's business.
    """
    folder = f"{loaded.file.parent}{os.sep}"
    findings = examine(of_card(loaded))
    return tuple(one.model_copy(update={"where": one.where.removeprefix(folder)}) for one in findings)


def claim_findings(card: Card, run: Run) -> tuple[Finding, ...]:
    """The same of a run's card: by its file where that still reports the same, as last audited, or by the card alone.

    A card that was named by its path is not found again by its id, and its source with it.
    """
    file = all_cards().get(card.id)
    if file is not None:
        with contextlib.suppress(InputError):
            found = plugins.load_card(file)
            if found.card.claims == card.claims:
                return claims_of(found)
    with contextlib.suppress(OSError, ValueError, InputError):
        kept = read_model(run.over_seeds / "audit.json", Audit)
        if [finding.reported for finding in kept.findings] == [claim.value for claim in card.claims]:
            return kept.claims
    return claims_of(Loaded(card, Path(f"{card.id}.yaml"), "", {}))


def _begin(ready: Ready, plan: Plan) -> Record:
    """The record of a run that begins now."""
    loaded = ready.loaded
    return Record(
        card_id=loaded.card.id,
        card_sha256=loaded.sha256,
        run_id=ready.run.id,
        seed=ready.run.seed,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        card=loaded.card.model_dump(mode="json", by_alias=True, exclude_unset=False),
        base=ready.base,
        tokenizer=ready.tokenizer,
        dataset=ready.dataset,
        versions=versions(),
        packages=packages(),
        code=code_commit(),
        machine=ready.machine,
        kernels=plan.kernels,
        plan=plan,
        deviations=(*_of_inputs(ready, plan), *deviations.of_rows(loaded.card, plan.rows)),
        rehearsal=ready.substitutions is not None,
    )


def _of_inputs(ready: Ready, plan: Plan) -> Iterator[Deviation]:
    """What is known to run otherwise than declared once all inputs are here."""
    if ready.substitutions is not None:
        yield from ready.substitutions
        return
    yield from plan.deviations
    resolved: dict[Role, Snapshot | None] = {"base": ready.base, "tokenizer": ready.tokenizer, "dataset": ready.dataset}
    yield from deviations.of_inputs(ready.loaded, resolved)


def _tokenizer(ready: Ready, texts: Sequence[str]) -> Any:
    """The card's tokenizer: its own, the base's, or one trained on the training rows."""
    card = ready.loaded.card
    if isinstance(card.base.tokenizer, TrainedTokenizer):
        pairs = card.data.text_pair is not None
        types = pairs and getattr(card.base.architecture, "type_vocab_size", 1) > 1
        return models.train_tokenizer(texts, card.base.tokenizer, card.data.tokens.max_length, pairs, types)
    files = ready.tokenizer or ready.base
    assert files is not None
    return models.load_tokenizer(Path(files.path), card)
