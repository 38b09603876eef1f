"""The `replicard` command: translates arguments, prints, and turns errors into lines and exit codes."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, MissingError, Problem, ReplicardError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.loading import Loaded
    from runner.audit import Audit
    from runner.record import Record

app = typer.Typer(
    name="replicard",
    help="Model cards that run: reproduce a declared model, and audit what was reported of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CardArgument = Annotated[
    str, typer.Argument(metavar="CARD", help="A card's id, a path, or a glob.", show_default=False)
]
CardsArgument = Annotated[
    list[str], typer.Argument(metavar="CARD…", help="Cards: ids, paths or globs.", show_default=False)
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="<card>, <card>/<run id> or <card>/<run id>/seed<k>; the newest that fits.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override a field, for example training.seed=1.", show_default=False
    ),
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", metavar="A..B", help="Seeds: 0..4 or 1,2,3.", show_default=False)
]
RunsOption = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")]
AcceptOption = Annotated[
    bool, typer.Option("--accept-deviations", help="Run although this machine cannot do all that is declared.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Do it again even if it is done.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, results only.")]


@app.command()
def ls(as_json: JsonOption = False) -> None:
    """List the cards that can be named here."""
    from registry.finding import all_cards

    rows, problems = [], []
    for name, file in all_cards().items():
        try:
            card = _load(file).card
        except InputError as error:
            problems += error.problems
            continue
        rows.append(
            {
                "id": name,
                "base": card.base.model or (card.base.architecture.model_type if card.base.architecture else ""),
                "adapter": card.adapter.type if card.adapter else "full",
                "dataset": card.data.dataset,
                "file": _short(file),
            }
        )
    if as_json:
        _print_json(rows)
    else:
        _table(["Card", "Base", "Trains", "Dataset", "File"], [list(row.values()) for row in rows])
    if problems:
        raise InputError(problems)


@app.command()
def show(card: CardArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Show a card as it resolves: every value, its status, and what shows it."""
    from registry.evidence import leaves, needs_evidence

    loaded = _load(_one(card), set_)
    rows = []
    for path, value in leaves(loaded.card).items():
        if needs_evidence(path, value):
            found = loaded.evidence.get(path)
            place = f"line {found.line}: " if found and found.line else ""
            rows.append((path, value, found.status if found else "declared", place + found.words if found else ""))
    if as_json:
        _print_json([dict(zip(("path", "value", "status", "evidence"), row, strict=True)) for row in rows])
        return
    shown = [[p, ", ".join(map(str, v)) if isinstance(v, tuple) else str(v), s, w] for p, v, s, w in rows]
    _table(["Field", "Value", "Status", "Evidence"], shown)


@app.command()
def validate(cards: CardsArgument, set_: SetOption = None) -> None:
    """Check cards and say everything that is wrong with them."""
    loaded = _load_all(_files(cards), set_)
    typer.echo(f"{len(loaded)} card{'s are' if len(loaded) > 1 else ' is'} valid")


@app.command()
def plan(card: CardArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Say what a run would do: steps, parameters, memory, and what this machine cannot do as declared."""
    from runner.machine import detect
    from runner.model import quiet
    from runner.plan import make_plan

    loaded = _load(_one(card), set_)
    quiet()
    made = make_plan(loaded, detect())
    if as_json:
        _print_json(made.model_dump(mode="json"))
        return
    rows = made.rows
    mega = 2**20
    lines = [
        ("rows", f"{rows.train:,} train, {rows.validation:,} validation, {rows.test:,} test"),
        ("steps", f"{made.steps:,} of {made.effective_batch} rows ({made.warmup_steps:,} warm-up)"),
        ("parameters", f"{made.parameters:,}, trained: {made.trainable:,}"),
        ("weights", f"{made.weight_bytes / mega:,.1f} MiB"),
        ("gradients", f"{made.gradient_bytes / mega:,.1f} MiB"),
        ("optimizer state", f"{made.optimizer_bytes / mega:,.1f} MiB ({made.optimizer})"),
        ("training", f"at most {made.training_flops:.2e} FLOPs, every text at full length"),
        ("runs on", f"{made.device}, {made.precision}"),
    ]
    _table(["", loaded.card.id], [list(line) for line in lines])
    for deviation in made.deviations:
        sign = "needs --accept-deviations" if deviation.consent else "noted"
        typer.echo(f"{deviation.field}: {deviation.declared} declared, {deviation.actual} here ({sign})")


@app.command()
def train(
    card: CardArgument,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    accept: AcceptOption = False,
    fresh: FreshOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Train a card; what was begun is resumed."""
    from runner.reproducing import prepare, train_and_evaluate

    _quiet(quiet)
    loaded = _load(_one(card), set_)
    for one in _seeded(loaded, seeds):
        ready = prepare(one, runs, _consent(one, accept))
        train_and_evaluate(ready, fresh, stop_after_training=True)
        typer.echo(f"trained {ready.run}: {ready.run.model}")


@app.command()
def evaluate(
    card: CardArgument,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    accept: AcceptOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Evaluate what `train` trained."""
    from runner.reproducing import prepare, require_trained, train_and_evaluate

    _quiet(quiet)
    loaded = _load(_one(card), set_)
    for one in _seeded(loaded, seeds):
        ready = prepare(one, runs, _consent(one, accept))
        require_trained(ready)
        record = train_and_evaluate(ready)
        assert record.evaluation is not None
        _table(
            ["Metric", "Value", "95% interval"],
            [[s.metric, f"{s.value:.4f}", _span(s.interval)] for s in record.evaluation.scores]
            + [["loss", f"{record.evaluation.loss:.4f}", ""]],
        )


@app.command()
def audit(run: RunArgument, as_json: JsonOption = False, runs: RunsOption = Path("runs")) -> None:
    """Compare what a card reports with what its runs gave."""
    from runner.audit import audit as make_audit
    from runner.record import Record
    from runner.reproducing import current_claims
    from runner.runs import find_run, read_model

    found = find_run(runs, run)
    record = read_model(found.record, Record)
    result = make_audit(current_claims(record), found)
    if as_json:
        _print_json(result.model_dump(mode="json"))
    else:
        _print_audit(record, result)


@app.command()
def render(
    run: RunArgument,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if the README no longer follows.")] = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Render the README of a run."""
    from runner.audit import audit as make_audit
    from runner.audit import judge_runs
    from runner.record import Record
    from runner.rendering import readme
    from runner.rendering import render as write_readme
    from runner.reproducing import current_claims
    from runner.runs import find_run, read_model

    found = find_run(runs, run)
    card = current_claims(read_model(found.record, Record))
    if check:
        path = found.over_seeds / "README.md"
        if not path.exists() or path.read_text(encoding="utf-8") != readme(card, found, judge_runs(card, found)):
            typer.echo(
                f"{path} does not follow from its card and record; `replicard render {run}` renders it", err=True
            )
            raise typer.Exit(1)
        typer.echo(f"{path} follows from its card and record")
        return
    typer.echo(str(write_readme(card, found, make_audit(card, found))))


@app.command()
def predict(
    run: RunArgument,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT…]", help="Texts; else one a line from standard input.")
    ] = None,
    as_json: JsonOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Classify texts with a finished run."""
    from runner.reproducing import reload
    from runner.runs import find_run

    lines = [] if texts else sys.stdin.buffer.read().decode(errors="surrogateescape").splitlines()
    given = texts or [line for line in lines if line.strip()]
    if not given:
        raise InputError("no text; write it after the run, or one a line on standard input")
    for number, text in enumerate(given, start=1):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise InputError(f"text {number} is not UTF-8")
    found = find_run(runs, run)
    card, made, tokenizer, model = reload(found)
    from runner.evaluation import predict as classify

    chances = classify(card, made, found, model, tokenizer, given)
    for text, row in zip(given, chances, strict=True):
        label = card.task.labels[int(row.argmax())]
        if as_json:
            named = dict(zip(card.task.labels, map(float, row), strict=True))
            typer.echo(json.dumps({"text": text, "label": label, "probabilities": named}, ensure_ascii=False))
        else:
            typer.echo(f"{label}\t{row.max():.4f}\t{' '.join(text.split())}")


@app.command()
def reproduce(
    cards: CardsArgument,
    set_: SetOption = None,
    seeds: SeedsOption = None,
    accept: AcceptOption = False,
    fresh: FreshOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    runs: RunsOption = Path("runs"),
) -> None:
    """Plan, train, evaluate, audit and render cards; what is done is not done again."""
    _quiet(quiet)
    # Every card is validated before the first is run.
    loaded = _load_all(_files(cards), set_)
    done, worst = [], 0
    for one in loaded:
        try:
            done.append(_reproduce(one, seeds, accept, fresh, as_json, runs))
        except Exception as error:
            if len(loaded) == 1:
                raise
            worst = max(worst, _fail(error))
    if as_json:
        _print_json(done)
    if worst:
        raise typer.Exit(worst)


def _reproduce(
    loaded: Loaded, seeds: str | None, accept: bool, fresh: bool, as_json: bool, runs: Path
) -> dict[str, Any]:
    """One card, all its seeds; the result as JSON, printed for people unless that is wanted."""
    from runner.audit import audit as make_audit
    from runner.rendering import render as write_readme
    from runner.reproducing import prepare, train_and_evaluate

    accepted = _consent(loaded, accept)
    done = []
    for one in _seeded(loaded, seeds):
        ready = prepare(one, runs, accepted)
        done.append((ready.run, train_and_evaluate(ready, fresh)))
    run, record = done[0]  # the first seed is the one that stands for the card
    result = make_audit(loaded.card, run)
    page = write_readme(loaded.card, run, result)
    if not as_json:
        _print_audit(record, result)
        typer.echo(f"README  {page}")
        typer.echo(f"record  {run.record}")
        typer.echo(f"model   {run.model}")
        typer.echo(f"plots   {', '.join(str(path) for path in sorted(run.plots.glob('*.png')))}")
    return {"run": str(run), "readme": str(page), "audit": result.model_dump(mode="json")}


def _print_audit(record: Record, result: Audit) -> None:
    """The result table: every metric over the seeds, with the claim about it and the verdict; then why."""
    rows: list[list[str]] = []
    shown: set[int] = set()
    for line in result.summaries:
        findings = [result.findings[index] for index in line.findings]
        shown.update(line.findings)
        rows.append(
            [
                f"{line.metric} ({line.averaging})" if line.averaging not in (None, "positive") else line.metric,
                ", ".join(f.reported for f in findings) or "–",
                f"{line.mean:.4f}" + (f" ± {line.sd:.4f}" if line.sd is not None else ""),
                f"{line.interval[0]:.4f} to {line.interval[1]:.4f}" if line.interval else "",
                ", ".join(f.verdict for f in findings) or "not reported",
            ]
        )
    seeds = f"{len(result.seeds)} seeds" if len(result.seeds) > 1 else f"seed {result.seeds[0]}"
    title = f"{result.card_id} ({result.split}, {result.rows:,} rows, {seeds})"
    _table([title, "Reported", "Reproduced", "95% interval", "Verdict"], rows)
    for index, finding in enumerate(result.findings):
        what = finding.metric + (f" ({finding.split})" if finding.split not in (None, result.split) else "")
        verdict = "" if index in shown else f"{finding.verdict}: "
        typer.echo(f"{what} {finding.reported}: {verdict}{finding.reason}")
    for d in record.deviations:
        typer.echo(f"deviation: {d.field}: {d.declared} declared, {d.actual} ran ({d.cause})")
    if result.verdict:
        under = f", under {result.assumed} assumed values" if result.assumed else ""
        typer.echo(f"verdict: {result.verdict}{under}")


def _span(interval: Any) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}" if interval else ""


def _load(file: Path, overrides: Sequence[str] | None = None) -> Loaded:
    from runner.plugins import load_card

    return load_card(file, overrides or ())


def _load_all(files: Sequence[Path], overrides: Sequence[str] | None) -> list[Loaded]:
    loaded, problems = [], []
    for file in files:
        try:
            loaded.append(_load(file, overrides))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return loaded


def _files(names: Sequence[str]) -> list[Path]:
    """The cards that arguments mean, each once."""
    from registry.finding import find

    return list({file.resolve(): file for name in names for file in find(name)}.values())


def _one(name: str) -> Path:
    """The one card an argument means."""
    from registry.finding import find

    files = find(name)
    if len(files) > 1:
        raise InputError(f"{name!r} means {len(files)} cards; name one: {', '.join(file.stem for file in files[:8])}")
    return files[0]


def _seeded(loaded: Loaded, seeds: str | None) -> list[Loaded]:
    """The card once for each seed; its own seed without `--seeds`."""
    from dataclasses import replace

    from registry.loading import Override

    if seeds is None:
        return [loaded]
    low, dots, high = seeds.partition("..")
    try:
        wanted = list(range(int(low), int(high) + 1)) if dots else [int(part) for part in seeds.split(",")]
    except ValueError:
        wanted = []
    if not wanted or min(wanted) < 0 or max(wanted) >= 2**32:
        raise InputError(Problem(f"--seeds {seeds}", "", "write 0..4 or 1,2,3; a seed is below 2**32"))
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


def _consent(loaded: Loaded, accept: bool) -> bool:
    """Whether the user agrees to what this machine cannot do as declared; asked on a terminal."""
    from runner.machine import detect, deviations

    if accept or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return accept
    unmet = [d for d in deviations(loaded.card, detect(), loaded.overrides) if d.consent]
    for d in unmet:
        typer.echo(f"{d.field}: {d.declared} is declared, this machine would run {d.actual} ({d.cause})", err=True)
    try:
        return not unmet or typer.confirm("Run it so, and say so in the record and the README?", err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None


def _quiet(quiet: bool) -> None:
    from runner import progress

    progress.console.quiet = quiet


def _table(header: list[str], rows: list[list[str]]) -> None:
    """A table that wraps on a terminal and is plain, tab-free text elsewhere."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(table)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _short(file: Path) -> str:
    """A path as seen from the working directory, where it lies below it."""
    try:
        return str(file.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _print_problems(error: ReplicardError) -> int:
    for problem in error.problems:
        typer.echo(str(problem), err=True)
    return error.exit_code


def _disk_problem(error: BaseException) -> str | None:
    """What a full or read-only disk is, however deep the library that met it."""
    seen: BaseException | None = error
    while seen is not None:
        number = getattr(seen, "errno", None)
        text = str(seen)
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "os error 28" in text:
            return "the disk is full; make room and run it again, what is done is kept"
        if number in (errno.EROFS, errno.EACCES, errno.EPERM):
            reason = getattr(seen, "strerror", "")
            return f"cannot be written: {reason}; --runs DIR chooses another place for runs, HF_HOME one for caches"
        seen = seen.__cause__ or seen.__context__
    return None


# How long a waiting thread of GNU OpenMP spins before it sleeps. By its default, two runs on the same two cores keep
# each other waiting: training the quickstart in two terminals at once took 67 s each, and 36 s with this (alone 16
# and 14 s).
_SPINS = "2000"


def main() -> None:
    """Run the command; the only place where errors become exit codes."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)  # read when torch is loaded, which no verb has done yet
    try:
        # Returns the code of a `typer.Exit`, and 130 after Ctrl-C.
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        # Without a verb the message is the whole help.
        message = error.format_message().strip()
        typer.echo(message if "\n" in message else f"{message.removesuffix('.')}; --help lists what there is", err=True)
        code = 2
    except SystemExit as error:
        # So typer and rich leave where nobody reads the output any more.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _fail(error)
    if code == 130:
        typer.echo("interrupted; the same command goes on from the last complete checkpoint, if there is one", err=True)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: Exception) -> int:
    """Say what went wrong in one line or, where much is wrong, in one line each; returns the exit code."""
    if isinstance(error, ReplicardError):
        return _print_problems(error)
    disk = _disk_problem(error)
    if disk is not None:
        where = str(getattr(error, "filename", None) or "")
        return _print_problems(MissingError(Problem(where, "", disk)))
    if isinstance(error, MemoryError) or "out of memory" in str(error).casefold():
        message = "out of memory; a smaller training.batch_size with more gradient_accumulation_steps keeps the recipe"
        return _print_problems(MissingError(message))
    log = Path(tempfile.gettempdir()) / f"replicard-{os.getpid()}.log"
    log.write_text(traceback.format_exc(), encoding="utf-8")
    reason = (str(error).splitlines() or [""])[0]
    typer.echo(f"a fault of replicard: {type(error).__name__}: {reason} (traceback in {log})", err=True)
    return 4


if __name__ == "__main__":
    main()
