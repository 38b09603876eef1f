"""The Python interface: load a card, audit the text of a README, reproduce a card, read a run's record.

What goes wrong is a `registry.ReplicardError`, whose `problems` are what the command prints, one a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.loading import Loaded
    from runner.audit import Audit
    from runner.claims import Report
    from runner.record import Record


@dataclass(frozen=True)
class Reproduction:
    """What came of reproducing a card.

    Attributes:
        audit: What was reported against what was reproduced, with the verdicts.
        records: Everything that happened, by seed.
        folder: Where the run's files lie, one folder a seed in it.
        readme: The README model card.
    """

    audit: Audit
    records: tuple[Record, ...]
    folder: Path
    readme: Path


def load(card: str | Path, overrides: Sequence[str] = ()) -> Loaded:
    """Load a card: its values are in `.card`, where each stands in the file is `.where(path)`.

    Args:
        card: An id or a path.
        overrides: `path=value`, as `--set` takes them.

    Raises:
        InputError: There is no such card, or it is not valid; with all that is wrong with it.
    """
    from runner.cli.arguments import one_file
    from runner.plugins import load_card

    return load_card(one_file(str(card)), overrides)


def audit_readme(text: str, name: str = "README.md") -> Report:
    """Say which numbers that a README reports cannot be, by arithmetic alone; a matter of milliseconds.

    Args:
        text: The README.
        name: What the findings call it.
    """
    from registry.readme.reader import read
    from runner.claims import report

    return report(read(text, name))


def reproduce(
    card: str | Path,
    *,
    overrides: Sequence[str] = (),
    seeds: Iterable[int] | None = None,
    runs: str | Path = "runs",
    accept_deviations: bool = False,
    kernels: str = "fast",
    track: Sequence[str] = (),
    fresh: bool = False,
    quiet: bool = False,
) -> Reproduction:
    """Plan, train, evaluate, audit and render a card, as `replicard reproduce` does; what is done is not done again.

    Args:
        card: An id or a path.
        overrides: `path=value`, as `--set` takes them; each is a deviation.
        seeds: The seeds to run; the card's own by default. The first stands for the card.
        runs: Folder of all runs.
        accept_deviations: Run although this machine cannot do all that is declared.
        kernels: `fast` or `reference`.
        track: Reporters of the Trainer that the training is told: `tensorboard`, `trackio`, `wandb`.
        fresh: Do it again even if it is done.
        quiet: Show no progress on standard error.

    Raises:
        InputError: The card is not valid, or an input is not what it says.
        MissingError: Something needed is missing here: network, a device, memory, consent.
    """
    from runner import tracking
    from runner.audit import audit
    from runner.cli.arguments import prepared, set_quiet
    from runner.execution import Execution
    from runner.record import Record
    from runner.rendering import render
    from runner.reproducing import claims_of, train_and_evaluate
    from runner.runs import over_all_seeds, read_record, seeds_of

    set_quiet(quiet)
    tracking.choose(track)
    loaded = load(card, overrides)
    wanted = None if seeds is None else ",".join(map(str, seeds))
    execution = Execution(kernels=kernels, accept_deviations=accept_deviations)
    inputs = prepared(loaded, wanted, execution, Path(runs))
    for ready in inputs:
        train_and_evaluate(ready, fresh)
    run = inputs[0].run
    with over_all_seeds(run):
        result = audit(loaded.card, run, claims_of(loaded))
        page = render(loaded.card, run, result)
        records = tuple(read_record(seed, Record) for seed in seeds_of(run))
    return Reproduction(result, records, run.over_seeds, page)


def read(run: str, runs: str | Path = "runs") -> Record:
    """The record of a run: card, plan, environment, losses, scores with intervals, deviations.

    Args:
        run: `<card>`, `<card>/<run id>` or `<card>/<run id>/seed<k>`; the newest complete one where several fit.
        runs: Folder of all runs.

    Raises:
        InputError: There is none.
    """
    from runner.record import Record
    from runner.runs import find_run, read_record

    return read_record(find_run(Path(runs), run), Record)
