"""Published weights, scored as a card declares: no training, so what they give is the reported number or it is not.

Their record, predictions and audit lie in `runs/<card>/weights-<hash>/`, beside the runs and without a seed: nothing
was trained here, and no verb that looks for a run takes them for one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, Problem
from runner import evaluation, fetching, locking, progress
from runner import model as models
from runner.data import load_parts
from runner.machine import detect, versions
from runner.plan import make_plan
from runner.record import Deviation, Snapshot, WeightsRecord
from runner.runs import Run, exclusive, keep_places, read_record, run_id, write_model
from runner.spreading import spread
from runner.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.card import Card
    from registry.loading import Loaded


@dataclass(frozen=True)
class Scored(Run):
    """Where the scores of published weights lie: one folder, as there are no seeds."""

    def __str__(self) -> str:
        """The folder's name below that of all runs."""
        return f"{self.card}/{self.id}"

    @property
    def folder(self) -> Path:
        """Folder of the record, the predictions and the audit."""
        return self.over_seeds


def score(loaded: Loaded, source: str, root: Path) -> Scored:
    """Score published weights on the declared split; what was scored already is only found.

    Args:
        loaded: The card.
        source: `hub:owner/name`, or a folder.
        root: Folder of all runs.

    Raises:
        InputError: They are not there, pickled, no classifier, not whole, or for another number of labels.
        MissingError: They or another input cannot be had from here.
    """
    models.quiet()
    card, machine, pins = loaded.card, detect(), locking.pins(loaded)
    weights = fetching.fetch_weights(source)
    adapter = (Path(weights.path) / "adapter_config.json").is_file()
    base = _base(loaded, weights) if adapter else None
    dataset = fetching.fetch_dataset(loaded, pins.get("dataset"))
    where = Scored(root, card.id, f"weights-{run_id(card, weights, base, dataset)}", card.training.seed)
    with exclusive(where):
        keep_places(where, weights=weights, base=base, dataset=dataset)
        if where.record.exists() and where.predictions.exists():
            return where
        started = datetime.now(UTC).isoformat(timespec="seconds")
        words, told = _tokenizer(loaded, weights, base)
        with progress.stage("read"):
            published = models.load_published(card, weights, base, words)
            parts = load_parts(loaded, dataset)
        order, label_map, named = _labels(card, published.labels)
        one = spread(loaded.card, machine, processes=1)
        plan = make_plan(loaded, machine, parts.rows, base or weights, len(published.tokenizer), spread=one)
        with progress.stage("tokenize"):
            rows = tokenize(parts.splits[card.evaluation.split], published.tokenizer, card, "tokenize", keep=True)
        if order != list(range(len(order))):
            published.model.register_forward_hook(_reorder(order))
        found = evaluation.evaluate(card, plan, machine, where, published.model, published.tokenizer, rows)
        assert found is not None
        record = WeightsRecord(
            card_id=card.id,
            card_sha256=loaded.sha256,
            run_id=where.id,
            started=started,
            card=card.model_dump(mode="json", by_alias=True, exclude_unset=False),
            weights=weights,
            base=base,
            dataset=dataset,
            label_map=label_map,
            versions=versions(),
            machine=machine,
            plan=plan,
            deviations=(*told, *named, *_family(card, published.model_type), *_adapter_base(loaded, weights, base)),
            evaluation=found,
        )
        write_model(where.record, record)
    return where


def _base(loaded: Loaded, weights: Snapshot) -> Snapshot:
    """The base that a published adapter is laid on: the card's."""
    base = fetching.fetch_base(loaded, locking.pins(loaded).get("base"))
    if base is None:
        message = "is an adapter, but the card's base is built from random weights; name the published base's card"
        raise InputError(Problem(f"--weights {weights.name}", "", message))
    return base


def _tokenizer(loaded: Loaded, weights: Snapshot, base: Snapshot | None) -> tuple[Snapshot, list[Deviation]]:
    """The files that hold the tokenizer: the published ones, else those that the card names."""
    folder = Path(weights.path)
    if any(next(folder.glob(sign), None) for sign in ("tokenizer.json", "vocab.*", "*.model")):
        return weights, []
    pins = locking.pins(loaded)
    other = fetching.fetch_tokenizer(loaded, pins.get("tokenizer")) or base
    other = other or fetching.fetch_base(loaded, pins.get("base"))
    if other is None:
        message = "holds no tokenizer, and the card names none that could stand in"
        raise InputError(Problem(f"--weights {weights.name}", "", message))
    told = Deviation(
        field="base.tokenizer",
        declared="the published one",
        actual=other.name,
        cause="the published weights come without one",
    )
    return other, [told]


def _labels(card: Card, theirs: Sequence[str]) -> tuple[list[int], dict[str, str], list[Deviation]]:
    """Which of the published outputs is which of the card's labels, by their names.

    Returns:
        For each label of the card the published output, the map by names, and what does not agree.
    """
    ours = card.task.labels
    folded, names = [label.casefold() for label in ours], [name.casefold() for name in theirs]
    order, cause = list(range(len(ours))), ""
    if sorted(names) == sorted(folded):
        order = [names.index(label) for label in folded]
        cause = "the published order is another; read by its names" if order != list(range(len(ours))) else ""
    elif all(name == f"label_{index}" for index, name in enumerate(names)):
        cause = "the published configuration does not name its labels; taken in the card's order"
    else:
        # `neg` is the card's `negative`.
        alike = [[i for i, name in enumerate(names) if label.startswith(name) or name in label] for label in folded]
        if all(len(found) == 1 for found in alike) and len({found[0] for found in alike}) == len(ours):
            order, cause = [found[0] for found in alike], "read by its names, which are alike"
        else:
            cause = "its names are others; taken in the card's order"
    label_map = {theirs[order[index]]: label for index, label in enumerate(ours)}
    if not cause:
        return order, label_map, []
    told = Deviation(field="task.labels", declared=", ".join(ours), actual=", ".join(theirs), cause=cause)
    return order, label_map, [told]


def _reorder(order: Sequence[int]) -> Any:
    """A hook that puts a model's outputs into the order of the card's labels."""

    def hook(module: Any, inputs: Any, output: Any) -> Any:
        output.logits = output.logits[..., list(order)]
        return output

    return hook


def _family(card: Card, model_type: str) -> Iterator[Deviation]:
    """That the published model is of another kind than the card says."""
    declared = card.base.architecture
    if declared is not None and declared.model_type != model_type:
        cause = "what the published configuration says"
        yield Deviation(
            field="base.architecture.model_type", declared=declared.model_type, actual=model_type, cause=cause
        )


def _adapter_base(loaded: Loaded, weights: Snapshot, base: Snapshot | None) -> Iterator[Deviation]:
    """That a published adapter was trained on another base than the card names."""
    if base is None:
        return
    config = json.loads((Path(weights.path) / "adapter_config.json").read_bytes())
    named = config.get("base_model_name_or_path")
    if named and Path(str(named)).name != Path(base.name).name:
        cause = f"what the published adapter says it is for; scored on {base.name}"
        yield Deviation(field="base.model", declared=base.name, actual=str(named), cause=cause)


def read(where: Scored) -> WeightsRecord:
    """The record of scored weights."""
    return read_record(where, WeightsRecord)
