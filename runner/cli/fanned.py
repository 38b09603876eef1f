"""Cards and seeds as a set: one after the other in this process, or as tasks on an engine; each is then concluded."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import typer

from registry.errors import InputError, Problem, ReplicardError
from runner import plugins, progress
from runner.cli.arguments import consented, prepared, seeded
from runner.cli.board import Board
from runner.cli.failures import fail
from runner.cli.output import print_audit, table
from runner.executors import Settings
from runner.fanout import FanOut, Outcome, key_of
from runner.nightly import Result, refused
from runner.sets import Asked, Planned, expected, preparing, tasks_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from registry.loading import Loaded
    from runner.execution import Execution
    from runner.fanout import Row
    from runner.runs import Run


@dataclass
class Made:
    """A card of a set.

    Attributes:
        loaded: The card.
        result: What became of it.
        run: Its first seed, which stands for it; null where it could not be begun.
        page: Its README; null where it was not written.
        left: Keys of the tasks that must be concluded before it is audited.
    """

    loaded: Loaded
    result: Result
    run: Run | None = None
    page: Path | None = None
    left: set[str] = field(default_factory=set)


def one_by_one(
    loaded: Sequence[Loaded], seeds: str | None, execution: Execution, fresh: bool, as_json: bool, runs: Path
) -> list[Made]:
    """One card after the other in this process, and one seed after the other; what fails stops no other card."""
    from runner.reproducing import train_and_evaluate

    cards = []
    for one in loaded:
        made, raised = Made(one, Result(one.card.id)), None
        cards.append(made)
        key, started = one.card.id, time.monotonic()
        try:
            for ready in prepared(one, seeds, execution, runs):
                made.run = made.run or ready.run
                key, started = key_of(ready.run), time.monotonic()
                train_and_evaluate(ready, fresh)
                made.result.outcomes.append(Outcome(key=key, code=0, seconds=time.monotonic() - started))
            key = one.card.id
            _conclude(made)
        except Exception as error:
            raised = error
        if not as_json:
            _show(made)
        if raised is not None:
            made.result.outcomes.append(refused(key, fail(raised), raised, time.monotonic() - started))
    return cards


def on_engine(
    loaded: Sequence[Loaded],
    seeds: str | None,
    asked: Asked,
    engine: str,
    jobs: int | None,
    where: Mapping[str, str | None],
    dry_run: bool,
    as_json: bool,
) -> list[Made]:
    """A task for each card and seed on an engine; what fails stops no other.

    Args:
        loaded: The cards.
        seeds: Seeds, as they were typed.
        asked: How the tasks are asked for.
        engine: Name of the executor.
        jobs: Most tasks at a time; null for as many as the engine takes.
        where: What else the command line says of the engine, by the fields of `Settings`.
        dry_run: Only say what would be done.
        as_json: Whether the results are printed as JSON later, not for people now.

    Raises:
        InputError: Two cards would make the same run.
        MissingError: The engine can never run some of the tasks.
        KeyboardInterrupt: It was interrupted.
    """
    count = sum(len(seeded(one, seeds)) for one in loaded)
    with ExitStack() as stack:
        executor = None
        if not dry_run:
            executor = plugins.engine(engine).start(
                Settings(at_once=min(jobs or count, max(count, 1)), fresh=asked.fresh, **where)
            )
            stack.callback(executor.close)
        sharing = executor is not None and executor.shares_files
        cards, tasks = _plan(loaded, seeds, replace(asked, fetch=sharing))
        if not tasks:
            return cards  # why, was told
        board = Board()

        def look(rows: Sequence[Row]) -> None:
            board.told(rows)
            ended = {row.member.task.key: row.outcome for row in rows if row.outcome is not None}
            for made in cards:
                if made.left and made.left <= ended.keys():
                    made.result.outcomes += [outcome for key, outcome in ended.items() if key in made.left]
                    made.left = set()
                    _conclude_fanned(made)

        prepare = preparing(tasks) if sharing else lambda member: None
        fan = FanOut([task.member for task in tasks], jobs, prepare, look, asked.fresh)
        waiting = {member.task.key for member in fan.waiting}
        to_do = [task for task in tasks if task.member.task.key in waiting]
        line = expected(to_do, len(tasks) - len(to_do))
        if executor is None:
            typer.echo(line)
            _print_tasks(tasks, waiting)
            return cards
        progress.console.print(line, soft_wrap=True, markup=False)
        with board.shown():
            fan.run(executor)
    for made in cards if not as_json else ():
        _show(made)
    return cards


def _plan(loaded: Sequence[Loaded], seeds: str | None, asked: Asked) -> tuple[list[Made], list[Planned]]:
    """The cards and the tasks of all of them.

    Raises:
        InputError: Two would make the same run.
    """
    cards: list[Made] = []
    tasks: dict[str, Planned] = {}
    for one in loaded:
        made = Made(one, Result(one.card.id))
        cards.append(made)
        try:
            execution = consented(one, asked.execution) if asked.here else asked.execution
            found = tasks_of(seeded(one, seeds), replace(asked, execution=execution))
        except ReplicardError as error:
            made.result.outcomes.append(refused(one.card.id, fail(error), error))
            continue
        made.run, made.left = found[0].ready.run, {task.member.task.key for task in found}
        if len(made.left) < len(found) or tasks.keys() & made.left:
            raise InputError(Problem(str(one.file), "", "would make a run twice; name each card and each seed once"))
        tasks |= {task.member.task.key: task for task in found}
    return cards, list(tasks.values())


def _conclude(made: Made) -> None:
    """Audit a card over its complete seeds, and render its README.

    Raises:
        InputError: Its README was edited; the audit stands all the same.
    """
    from runner.audit import audit
    from runner.rendering import render
    from runner.reproducing import claims_of
    from runner.runs import over_all_seeds

    assert made.run is not None
    card = made.loaded.card
    with over_all_seeds(made.run):
        made.result.audit = audit(card, made.run, claims_of(made.loaded))
        made.page = render(card, made.run, made.result.audit)


def _conclude_fanned(made: Made) -> None:
    """The same for what has a complete seed; what goes wrong stops no other card."""
    if any(outcome.code == 0 for outcome in made.result.outcomes):
        try:
            _conclude(made)
        except Exception as error:
            made.result.outcomes.append(refused(made.loaded.card.id, fail(error), error))


def _show(made: Made) -> None:
    """The result of a card, as far as it came."""
    if made.result.audit is not None:
        print_audit(made.result.audit, made.loaded.card)
    if made.page is not None and made.run is not None:
        run = made.run
        typer.echo(f"README  {made.page}")
        typer.echo(f"record  {run.record}")
        typer.echo(f"model   {run.model}")
        typer.echo(f"plots   {', '.join(str(path) for path in sorted(run.plots.glob('*.png')))}")


def _print_tasks(tasks: Sequence[Planned], waiting: set[str]) -> None:
    """Every task with what it needs."""
    rows = []
    for one in tasks:
        task, hours = one.member.task, "–"
        if one.expected is not None:
            hours = f"{one.expected.hours[0]:.2g} to {one.expected.hours[1]:.2g} {one.expected.device}"
        memory = f"{task.memory_bytes / 2**30:.1f} GiB"
        gpus = f"{task.gpus} × {task.device_bytes / 2**30:.1f} GiB" if task.gpus else "–"
        rows.append([task.key, "to do" if task.key in waiting else "done", str(task.cpus), memory, gpus, hours])
    table(["Task", "State", "Cores", "Memory", "GPUs", "Hours expected"], rows)
