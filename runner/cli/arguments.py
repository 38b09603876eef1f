"""Arguments and options that several verbs share, and what they mean."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, Problem, did_you_mean
from runner.cli import completing
from runner.execution import Execution
from runner.kernels import Name
from runner.tracking import REPORTERS, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from registry.listing import Entry
    from registry.loading import Loaded
    from runner.reproducing import Ready

_ADDRESS = re.compile(
    r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?!(?:datasets|spaces)/)(?P<repo>[^/\s?#]+/[^/\s?#]+)"
    r"(?:/(?:tree|blob|resolve|raw)/(?P<revision>[^/\s?#]+))?(?:[/?#]\S*)?"
)

CardArgument = Annotated[
    str,
    typer.Argument(
        metavar="CARD", help="A card's id, a path, or a glob.", show_default=False, autocompletion=completing.cards
    ),
]
CardsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="CARD…", help="Cards: ids, paths or globs.", show_default=False, autocompletion=completing.cards
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="<card>, <card>/<run id> or <card>/<run id>/seed<k>; the newest that fits.",
        show_default=False,
        autocompletion=completing.runs,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Override a field, for example training.seed=1.",
        show_default=False,
        autocompletion=completing.fields,
    ),
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", metavar="A..B", help="Seeds: 0..4 or 1,2,3.", show_default=False)
]
RunsOption = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")]
AcceptOption = Annotated[
    bool, typer.Option("--accept-deviations", help="Run although this machine cannot do all that is declared.")
]
KernelsOption = Annotated[
    Name,
    typer.Option(
        "--kernels",
        envvar="REPLICARD_KERNELS",
        help="fast computes no padding, where it knows how; reference is transformers as it is.",
    ),
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        min=1,
        help="Devices that train one model together; by default as many as the card declares, where they are here.",
        show_default=False,
    ),
]
DeviceBatchOption = Annotated[
    int | None,
    typer.Option(
        "--device-batch",
        metavar="N",
        min=1,
        help="Rows a device takes at once, to save memory; a step is of as many rows as declared.",
        show_default=False,
    ),
]
FailOnOption = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="VERDICT,…",
        help="Exit with 1 at one of these verdicts.",
        show_default=False,
        autocompletion=completing.fail_on,
    ),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Do it again even if it is done.")]
PublicOption = Annotated[bool, typer.Option("--public", help="For everybody to read; private without it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, results only.")]


TrackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="NAME",
        envvar=VARIABLE,
        help=f"Report the training to {', '.join(REPORTERS)}; no part of the run.",
        show_default=False,
        autocompletion=lambda incomplete: [name for name in REPORTERS if name.startswith(incomplete)],
    ),
]


def hub_name(argument: str) -> str:
    """The `hub:owner/name` of a model's address on the Hub, as it is pasted from a browser; else the argument.

    >>> hub_name("https://huggingface.co/distilbert/distilbert-base-uncased/blob/main/README.md")
    'hub:distilbert/distilbert-base-uncased@main'
    """
    found = _ADDRESS.fullmatch(argument)
    if found is None:
        return argument
    return f"hub:{found['repo']}" + (f"@{found['revision']}" if found["revision"] else "")


_EXECUTION = {
    "kernels": KernelsOption,
    "processes": ProcessesOption,
    "device_batch": DeviceBatchOption,
    "accept_deviations": AcceptOption,
}


def executing(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb, instead of its parameter `execution`, an option for each field of one."""
    signature = inspect.signature(verb, eval_str=True)
    by_keyword = inspect.Parameter.KEYWORD_ONLY
    options = [
        inspect.Parameter(one.name, by_keyword, default=one.default, annotation=_EXECUTION[one.name])
        for one in fields(Execution)
    ]
    parameters = [parameter.replace(kind=by_keyword) for parameter in signature.parameters.values()]
    at = [parameter.name for parameter in parameters].index("execution")
    parameters[at : at + 1] = options

    @functools.wraps(verb)
    def with_options(**given: Any) -> None:
        verb(execution=Execution(**{name: given.pop(name) for name in _EXECUTION}), **given)

    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def load(file: Path, overrides: Sequence[str] | None = None) -> Loaded:
    """A card, with the plugins that are here."""
    from runner.plugins import load_card

    return load_card(file, overrides or ())


def load_to_read(file: Path, overrides: Sequence[str] | None = None) -> Loaded:
    """A card for a verb that runs nothing: a draft too, in which something is still to be decided."""
    from runner.plugins import load_card

    return load_card(file, overrides or (), drafts=True)


def load_all(names: Sequence[str], overrides: Sequence[str] | None) -> list[Loaded]:
    """All cards that arguments mean.

    Raises:
        InputError: With the problems of all.
    """
    files, problems = files_of(names)
    loaded = []
    for file in files:
        try:
            loaded.append(load(file, overrides))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return loaded


def files_of(names: Sequence[str]) -> tuple[list[Path], list[Problem]]:
    """The cards that arguments mean, each once, and what is wrong with the arguments."""
    from registry.finding import find

    files: dict[str, Path] = {}
    problems: list[Problem] = []
    for name in names:
        try:
            files.update((os.path.realpath(file), file) for file in find(name))
        except InputError as error:
            problems += error.problems
    return list(files.values()), problems


def _code() -> Iterable[Path]:
    """The files of replicard: what a card means may change with any of them."""
    return (file for package in ("registry", "runner") for file in (Path(__file__).parents[2] / package).rglob("*.py"))


def listed(files: Iterable[Path]) -> tuple[list[Entry], list[Problem]]:
    """What a list of cards says of each, remembered, and what is wrong with the others."""
    from registry.listing import cache_file, entries

    return entries(files, load_to_read, cache_file(), _code())


def one_file(name: str) -> Path:
    """The one card an argument means."""
    from registry.finding import find

    files = find(name)
    if len(files) > 1:
        named = [*(file.stem for file in files[:8]), *(["…"] if len(files) > 8 else [])]
        raise InputError(f"{name!r} means {len(files)} cards; name one: {', '.join(named)}")
    return files[0]


_MOST_SEEDS = 10_000
"""Of one card in one set: more are a slip of the hand, which would take hours only to be listed."""


def seeded(loaded: Loaded, seeds: str | None) -> list[Loaded]:
    """The card once for each seed; its own seed without `--seeds`."""
    from registry.loading import Override

    if seeds is None:
        return [loaded]
    low, dots, high = seeds.partition("..")
    try:
        wanted = range(int(low), int(high) + 1) if dots else [int(part) for part in seeds.split(",")]
        possible = 0 < len(wanted) <= _MOST_SEEDS and min(wanted) >= 0 and max(wanted) < 2**32
    except (ValueError, OverflowError):
        possible = False
    if not possible:
        message = f"write 0..4 or 1,2,3; at most {_MOST_SEEDS:,}, each below 2**32"
        raise InputError(Problem(f"--seeds {seeds}", "", message))
    declared = loaded.card.training.seed
    cards = {
        seed: loaded.card.model_copy(update={"training": loaded.card.training.model_copy(update={"seed": seed})})
        for seed in wanted
    }
    # A seed that the source states is a value like any other; else a set of seeds is nobody's deviation.
    told = {
        seed: (*loaded.overrides, Override("training.seed", "training.seed", str(declared), str(seed)))
        if "training.seed" in loaded.card.stated and seed != declared
        else loaded.overrides
        for seed in wanted
    }
    return [replace(loaded, card=cards[seed], overrides=told[seed]) for seed in wanted]


def prepared(loaded: Loaded, seeds: str | None, execution: Execution, runs: Path) -> list[Ready]:
    """The card with its inputs, once for each seed; the inputs are fetched and hashed once."""
    from runner.reproducing import for_seed, prepare

    first, *others = seeded(loaded, seeds)
    ready = prepare(first, runs, consented(first, execution))
    return [ready, *(for_seed(ready, other) for other in others)]


def consented(loaded: Loaded, execution: Execution) -> Execution:
    """The same, with the user's consent to what this machine cannot do as declared; asked for on a terminal."""
    from runner.deviations import before, told
    from runner.machine import detect

    if execution.accept_deviations or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return execution
    unmet = [d for d in before(loaded, detect()) if d.consent]
    for d in unmet:
        typer.echo(str(Problem(loaded.where(d.field), d.field, told(d))), err=True)
    try:
        agreed = not unmet or typer.confirm("Run it so, and say so in the record and the README?", err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
    return replace(execution, accept_deviations=agreed)


def verdicts(given: str | None, known: Sequence[str]) -> set[str]:
    """The verdicts that `--fail-on` names.

    Raises:
        InputError: One of them is none.
    """
    wanted = {part.strip() for part in given.split(",")} - {""} if given is not None else set()
    for name in sorted(wanted - {*known}):
        raise InputError(Problem(f"--fail-on {given}", "", f"no verdict {name!r}; {did_you_mean(name, known)}"))
    return wanted


def set_quiet(quiet: bool) -> None:
    """Show no progress."""
    from runner import progress

    progress.console.quiet = quiet
