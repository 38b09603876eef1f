"""`replicard reproduce`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, Problem, did_you_mean
from runner import tracking
from runner.cli.app import app
from runner.cli.arguments import (
    CardsArgument,
    FailOnOption,
    FreshOption,
    JsonOption,
    PublicOption,
    QuietOption,
    RunsOption,
    SeedsOption,
    SetOption,
    TrackOption,
    executing,
    files_of,
    load,
    load_all,
    set_quiet,
    verdicts,
)
from runner.cli.failures import fail
from runner.cli.output import print_json
from runner.execution import Execution

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from registry.loading import Loaded
    from runner.cli.fanned import Made
    from runner.nightly import Result


@app.command()
@executing
def reproduce(
    cards: CardsArgument,
    *,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    execution: Execution,
    fresh: FreshOption = False,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="local|ray|hf-jobs",
            help="Run each card and seed as a task of its own there, several at once; in this process without it.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, help="Most tasks at once.", show_default=False),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option("--gpus", metavar="N", min=0, help="GPUs of a task; by default as declared.", show_default=False),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="HOURS", help="Longest time of a task.", min=0.01, show_default=False),
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", metavar="ADDRESS", help="The Ray cluster.", show_default=False)
    ] = None,
    results_repo: Annotated[
        str | None,
        typer.Option(
            "--results",
            metavar="NAMESPACE/NAME",
            envvar="REPLICARD_RESULTS",
            help="Private dataset repo through which runs come home from jobs.",
            show_default=False,
        ),
    ] = None,
    job_image: Annotated[
        str | None,
        typer.Option(
            "--job-image",
            metavar="IMAGE",
            envvar="REPLICARD_JOB_IMAGE",
            help="Image of a job; it holds replicard unless --job-install is given.",
            show_default=False,
        ),
    ] = None,
    job_install: Annotated[
        str | None,
        typer.Option(
            "--job-install",
            metavar="REQUIREMENT",
            envvar="REPLICARD_JOB_INSTALL",
            help="What pip installs in a job; by default what it installed here.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the tasks and what they need.")] = False,
    fail_on: FailOnOption = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write a JUnit report.", dir_okay=False, show_default=False),
    ] = None,
    github_summary: Annotated[
        bool, typer.Option("--github-summary", help="Append a table to $GITHUB_STEP_SUMMARY.")
    ] = False,
    track: TrackOption = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish it then, as `replicard publish` does.")] = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAMESPACE/NAME", help="The repo on the Hub.", show_default=False)
    ] = None,
    public: PublicOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
    task: Annotated[str | None, typer.Option("--task", metavar="RUN", hidden=True)] = None,
) -> None:
    """Plan, train, evaluate, audit and render cards.

    What was begun is resumed; what is done is not done again.
    """
    set_quiet(quiet)
    tracking.choose(track or ())
    if publish != (to is not None) or (public and not publish):
        raise InputError(Problem("--publish", "", "goes with --to namespace/name, and --public with both"))
    if on is None and (dry_run or any(option is not None for option in (jobs, gpus, timeout))):
        on = "local"  # what `-j` means anywhere
    if on is not None:
        _require_engine(on)
    if ray_address is not None and on != "ray":
        raise InputError(Problem(f"--ray-address {ray_address}", "", "goes with --on ray"))
    summary = _summary_file() if github_summary else None
    wanted = _verdicts(fail_on)
    if task is not None:
        from runner.cli.task import as_task

        raise typer.Exit(as_task(task, load_all(cards, set_), seeds, execution, runs))
    from runner.cli import fanned
    from runner.nightly import exit_code
    from runner.sets import Asked

    # Every card is validated before the first is run; of a set on an engine a wrong one stops no other.
    loaded, results = (load_all(cards, set_), []) if on is None else _load_good(cards, set_)
    if to is not None:
        _require_publishable(loaded, to)
    if on is None:
        found = fanned.one_by_one(loaded, seeds, execution, fresh, as_json, runs)
    else:
        asked = Asked(
            root=runs,
            overrides=tuple(set_ or ()),
            execution=execution,
            here=on == "local",
            gpus=gpus,
            timeout_s=timeout and 3600 * timeout,
            fresh=fresh,
        )
        where = {"address": ray_address, "results": results_repo, "image": job_image, "install": job_install}
        found = fanned.on_engine(loaded, seeds, asked, on, jobs, where, dry_run, as_json)
    results += [made.result for made in found]
    if not dry_run:
        _report(results, wanted, cards, junit, summary)
        done = [_told(made, to, public, as_json) for made in found if made.page is not None]
        if as_json:
            print_json(done)
    if code := exit_code(results, wanted):
        raise typer.Exit(code)


def _require_engine(name: str) -> None:
    from runner.plugins import names

    if name not in names("executors"):
        raise InputError(Problem(f"--on {name}", "", f"no such engine; {did_you_mean(name, names('executors'))}"))


def _verdicts(fail_on: str | None) -> set[str]:
    from runner.checks import VERDICTS
    from runner.judging import BADNESS

    return verdicts(fail_on, (*BADNESS, *VERDICTS))


def _summary_file() -> Path:
    """The page that a workflow of GitHub shows."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file or Path(file).is_dir():
        message = "GITHUB_STEP_SUMMARY names no file; a workflow of GitHub sets it"
        raise InputError(Problem("--github-summary", "", message))
    return Path(file)


def _report(
    results: Sequence[Result], wanted: Set[str], cards: Sequence[str], junit: Path | None, summary: Path | None
) -> None:
    """Write what a night leaves for those who look at it in the morning."""
    from runner import nightly
    from runner.runs import write

    if junit is not None:
        write(junit, nightly.junit(results, wanted))
    if summary is not None:
        with summary.open("a", encoding="utf-8") as page:
            page.write(nightly.github_summary(results, f"replicard reproduce {' '.join(cards)}"))


def _load_good(names: Sequence[str], overrides: Sequence[str] | None) -> tuple[list[Loaded], list[Result]]:
    """The cards that are valid, and what became of the others, whose problems are told."""
    from runner.nightly import Result, refused

    files, problems = files_of(names)
    if problems:
        raise InputError(problems)
    loaded, wrong = [], []
    for file in files:
        try:
            loaded.append(load(file, overrides))
        except InputError as error:
            wrong.append(Result(file.stem, [refused(file.stem, fail(error), error)]))
    return loaded, wrong


def _require_publishable(loaded: Sequence[Loaded], to: str) -> None:
    """Refuse what could not be published, before hours are spent on it."""
    from runner.asking import require_login
    from runner.pushing import require_name

    require_name(to)
    if len(loaded) > 1:
        raise InputError(Problem(f"--to {to}", "", f"is one repo for {len(loaded)} cards; publish them one by one"))
    require_login(to)


def _told(made: Made, to: str | None, public: bool, as_json: bool) -> dict[str, Any]:
    """A card that is done as JSON, published if that is wanted."""
    assert made.run is not None and made.result.audit is not None
    done = {"run": str(made.run), "readme": str(made.page), "audit": made.result.audit.model_dump(mode="json")}
    if to is not None:
        from runner.cli.publish import published
        from runner.publication import to_publish

        card = made.loaded.card
        done["publication"] = published(
            card, to_publish(card, made.run, named=False), to, public, False, False, as_json
        )
    return done
