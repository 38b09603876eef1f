"""`replicard init`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.errors import InputError, Problem
from runner.cli import completing
from runner.cli.app import app
from runner.cli.arguments import SetOption, load, one_file
from runner.cli.output import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from registry.card import Card
    from registry.loading import Loaded


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip()))


def _plain(text: str) -> Any:
    """A value as YAML reads it; what is no YAML stays text, for the card's rules to refuse."""
    from registry import yaml

    try:
        return yaml.read(text, "")[0]
    except InputError:
        return text


def _or_none(text: str) -> str | None:
    return None if text in ("", "none") else text


@dataclass(frozen=True)
class _Question:
    """Something a new card must or may say.

    Attributes:
        option: The flag that answers it.
        path: The field that it is about.
        asks: What is asked on a terminal; empty where it is not.
        read: From the answer to the field's value.
        example: What an answer looks like, where there is no answer to suggest.
    """

    option: str
    path: str
    asks: str
    read: Callable[[str], Any] = str
    example: str = ""


# The first three have no answer that fits every model.
_REQUIRED = (
    _Question("--base", "base.model", "Base model, a Hub id or a folder", example="distilbert/distilbert-base-uncased"),
    _Question("--dataset", "data.dataset", "Dataset, a Hub id or a folder", example="stanfordnlp/imdb"),
    _Question("--labels", "task.labels", "Labels, in the order of their numbers", _words, "negative,positive"),
)
_FURTHER = (
    _Question("--text", "data.text", "Column of the text"),
    _Question("--text-pair", "data.text_pair", ""),
    _Question("--label", "data.label", "Column of the label"),
    _Question("--adapter", "adapter", "Adapter"),
    _Question("--quantization", "quantization", "Quantization of the frozen base"),
    _Question("--epochs", "training.epochs", "Epochs", _plain),
    _Question("--learning-rate", "training.learning_rate", "Learning rate", _plain),
    _Question("--batch-size", "training.batch_size", "Batch size, rows of a device's step", _plain),
    _Question("--max-length", "data.tokens.max_length", "Longest text, in tokens", _plain),
    _Question("--license", "readme.license", "License of the model, the Hub's id", _or_none),
    _Question("--language", "readme.language", "Languages of the texts", _words),
)
_ANYTHING = {"base.model": "namespace/base", "data.dataset": "namespace/rows", "task.labels": ("negative", "positive")}
"""Stands in for what is not answered yet while the other answers are checked."""


def _flag(name: str, text: str, metavar: str = "", complete: Callable[[str], list[str]] | None = None) -> Any:
    return typer.Option(name, metavar=metavar or None, help=text, show_default=False, autocompletion=complete)


@app.command()
def init(
    id_: Annotated[str | None, typer.Argument(metavar="[ID]", help="Name of the new card.", show_default=False)] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="[cards/ID.yaml]")] = None,
    like: Annotated[
        str | None, _flag("--like", "Copy this card; the other flags change it.", "CARD", completing.cards)
    ] = None,
    base: Annotated[str | None, _flag("--base", "Base model: a Hub id or a folder.")] = None,
    dataset: Annotated[str | None, _flag("--dataset", "Dataset: a Hub id or a folder.")] = None,
    labels: Annotated[
        str | None, _flag("--labels", "In the order of their numbers: negative,positive.", "A,B,…")
    ] = None,
    text: Annotated[str | None, _flag("--text", "Column of the text.")] = None,
    text_pair: Annotated[str | None, _flag("--text-pair", "Column of the second text of a pair.")] = None,
    label: Annotated[str | None, _flag("--label", "Column of the label.")] = None,
    adapter: Annotated[str | None, _flag("--adapter", "none, lora, …")] = None,
    quantization: Annotated[str | None, _flag("--quantization", "none, 4bit, 8bit, …")] = None,
    epochs: Annotated[str | None, _flag("--epochs", "Passes over the training rows.")] = None,
    learning_rate: Annotated[str | None, _flag("--learning-rate", "Peak learning rate.")] = None,
    batch_size: Annotated[str | None, _flag("--batch-size", "Rows a device trains on at once.")] = None,
    max_length: Annotated[str | None, _flag("--max-length", "Longest text, in tokens.")] = None,
    license_: Annotated[str | None, _flag("--license", "The Hub's id of the model's license.")] = None,
    language: Annotated[str | None, _flag("--language", "Languages of the texts: en,de.")] = None,
    set_: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the card and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a card that is there.")] = False,
) -> None:
    """Write a new card: from flags, from answers, or like another.

    It is commented and valid. What no flag says is asked for on a terminal.
    """
    from runner import starting

    given = {
        "--base": base, "--dataset": dataset, "--labels": labels, "--text": text, "--text-pair": text_pair,
        "--label": label, "--adapter": adapter, "--quantization": quantization, "--epochs": epochs,
        "--learning-rate": learning_rate, "--batch-size": batch_size, "--max-length": max_length,
        "--license": license_, "--language": language,
    }  # fmt: skip
    required = [question.option for question in _REQUIRED]
    flags = {option: answer for option, answer in given.items() if answer or (answer == "" and option not in required)}
    terminal = sys.stdin.isatty() and sys.stderr.isatty()
    other = load(one_file(like)) if like is not None else None
    if not terminal:
        _require(id_ or output, flags, () if other is not None else _REQUIRED)
    name, file = _place(id_, output, force or dry_run, terminal)
    values = _answers(flags, set_ or (), name, file, terminal, other)
    schema = starting.schema_beside(file)
    rel = Path(os.path.relpath(schema, file.parent.resolve())).as_posix()
    arguments = (name, values, file, rel)
    made = starting.compose(*arguments) if other is None else starting.copy(other, *arguments)
    try:
        loaded = starting.check(made, file)
    except InputError as error:
        raise _by_option(error, flags) from None
    rows = starting.shipped_rows(other) if other is not None and "data.dataset" not in values else None
    for problem in _warnings(loaded.card, file, rows):
        typer.echo(str(problem), err=True)
    if dry_run:
        typer.echo(made, nl=False)
        return
    if rows is not None and starting.copy_rows(rows, file):
        typer.echo(f"wrote {short(starting.rows_beside(rows, file))}, a copy of the rows that came with {like}")
    _write(file, made, schema)
    if other is not None:
        _say_what_stays(other, values)
    _say_what_next(name, file, loaded.card)


def _warnings(card: Card, file: Path, rows: Path | None) -> Iterator[Problem]:
    """What is probably not meant so: folders, columns and splits that are not there.

    Args:
        card: The new card.
        file: Where it will lie.
        rows: Rows that will be copied beside it.
    """
    from runner import starting

    for path, named in (("base.model", card.base.model), ("data.dataset", None if rows else card.data.dataset)):
        reason = starting.missing_folder(named, file) if named is not None else None
        if reason is not None:
            yield Problem("", path, reason, "warning")
    yield from starting.doubts(card, file)


def _say_what_stays(other: Loaded, values: Mapping[str, Any]) -> None:
    """What a copy has not of the other card, and what in it is still about the other."""
    from runner import starting

    dropped = starting.left_out(other)
    said = [f"without its {', '.join(dropped)}"] if dropped else []
    written = [name for name in ("readme", "hardware") if name in other.places and name not in values]
    if written:
        said.append(f"{' and '.join(written)} still say what {other.card.id} says; edit them")
    if said:
        typer.echo(f"like {other.card.id}: {'; '.join(said)}")


def _require(named: Any, flags: Mapping[str, str], questions: Iterable[_Question]) -> None:
    """Refuse to go on where nobody can be asked for what is missing.

    Raises:
        InputError: Naming every flag.
    """
    from runner import starting

    known = {question.path: flags[question.option] for question in _FURTHER[:3] if question.option in flags}
    known |= {question.path: flags[question.option] for question in _REQUIRED if question.option in flags}
    suggested = starting.suggestions(known, Path("cards/any.yaml"))
    problems = []
    if named is None:
        problems.append(Problem("", "", "ID is missing: the name of the new card"))
    for question in questions:
        if question.path not in known and suggested.get(question.path) is None:
            asks = question.asks[0].lower() + question.asks[1:]
            problems.append(Problem(question.option, "", f"missing: {asks}; for example {question.example}"))
    if problems:
        raise InputError(problems)


def _place(id_: str | None, output: Path | None, over: bool, terminal: bool) -> tuple[str, Path]:
    """The card's id and its file.

    Raises:
        InputError: The two do not agree, or the file is there.
    """
    while True:
        name = id_ or (output.stem if output is not None and not output.is_dir() else None) or _ask("Name of the card")
        file = output or Path("cards") / f"{name}.yaml"
        file = file / f"{name}.yaml" if file.is_dir() else file
        problems = []
        if file.suffix != ".yaml":
            problems.append(Problem(f"--output {output}", "", "a card is a .yaml file"))
        elif output is not None and file.stem != name:
            problems.append(Problem(f"--output {output}", "", f"cards are found by file name; name it {name}.yaml"))
        elif problems := _problems(name, {}, file, "id"):
            problems = [replace(problem, where=name, path="") for problem in problems]
        elif file.exists() and not over:
            problems.append(Problem(str(file), "", "is there; --force writes over it, or choose another name"))
        if not problems:
            return name, file
        error = InputError(problems)
        if not terminal or id_ is not None or output is not None:
            raise error
        _print(error)


def _answers(
    flags: Mapping[str, str], sets: Iterable[str], name: str, file: Path, terminal: bool, other: Loaded | None
) -> dict[str, Any]:
    """Values by dotted path: from flags, then, for a card that is like no other, from a terminal."""
    from runner import starting

    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for assignment in sets:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            problems.append(Problem(f"--set {assignment}", "", "write path=value, for example training.seed=1"))
        values[path.strip()] = _plain(text)
    # What flags say comes first, so that nobody answers ten questions to learn of a wrong flag; but plugins hang on
    # what is answered before them.
    for question in sorted((*_REQUIRED, *_FURTHER), key=lambda q: q.option not in flags or q.path in starting.KINDS):
        asked = terminal and other is None and bool(question.asks)
        if question.option not in flags and (not asked or question.path in values):
            continue
        if question.option not in flags and problems:
            break
        if question.path == "quantization" and question.option not in flags and values.get("adapter") is None:
            continue  # only a frozen base can be quantized
        while True:
            text = flags[question.option] if question.option in flags else _ask_for(question, values, file)
            try:
                values |= _value(question, text, values, file, terminal, other)
            except InputError as error:
                found = error.problems
            else:
                found = _problems(name, values, file, question.path) if other is None else []
            if question.option in flags or not found:
                problems += [replace(p, where=f"{question.option} {text}", path="") for p in found]
                break
            _print(InputError([replace(problem, where="", path="") for problem in found]))
    if problems:
        raise InputError(problems)
    if other is None:
        values = {path: value for path, value in values.items() if path not in starting.KINDS or value is not None}
    return values


def _value(
    question: _Question, text: str, values: Mapping[str, Any], file: Path, asking: bool, other: Loaded | None
) -> dict[str, Any]:
    """The fields that an answer settles.

    Raises:
        InputError: A plugin is unknown, or needs a field that nobody gave.
    """
    from registry.errors import did_you_mean
    from runner import starting

    if question.path not in starting.KINDS:
        return {question.path: question.read(text)}
    choices = starting.choices(question.path)
    if text not in choices:
        raise InputError(Problem("", "", f"{text!r} is not known here; {did_you_mean(text, choices)}"))
    old = other.card.base if other is not None else None
    base = starting.family(values.get("base.model") or (old.model if old and old.model else ""), file)
    if old is not None and old.architecture is not None and "base.model" not in values:
        base = old.architecture.model_type
    section = starting.plugin_section(question.path, text, base)
    problems = []
    for field in starting.required(question.path, section):
        path = f"{question.path}.{field}"
        if path in values:
            continue
        if asking and section is not None:
            told = starting.described(question.path, section, field)
            section[field] = list(_words(_ask(f"{field} of {text}, with commas between: {told}")))
        else:
            problems.append(Problem("", "", f"needs `{field}`; add --set '{path}=[…]'"))
    if problems:
        raise InputError(problems)
    nested = {path: value for path, value in values.items() if path.startswith(f"{question.path}.")}
    for path, value in nested.items():
        if section is not None:
            section[path.partition(".")[2]] = value
    return {question.path: section}


def _problems(name: str, values: Mapping[str, Any], file: Path, path: str) -> list[Problem]:
    """What the card's own rules say of one value, whatever the others will be."""
    from runner import starting

    try:
        starting.check(starting.compose(name, {**_ANYTHING, **values}, file, ""), file)
    except InputError as error:
        return [
            p
            for p in error.problems
            if p.level == "error" and (p.path == path or p.path.startswith((f"{path}.", f"{path}[")))
        ]
    return []


def _by_option(error: InputError, flags: Mapping[str, str]) -> InputError:
    """The problems of a card that is not written yet, each at the flag that brought it."""
    options = {question.path: question.option for question in (*_REQUIRED, *_FURTHER) if question.option in flags}
    problems = []
    for problem in error.problems:
        at = next((path for path in options if problem.path == path or problem.path.startswith(f"{path}.")), None)
        where = f"{options[at]} {flags[options[at]]}" if at else ""
        problems.append(replace(problem, where=where))
    return InputError(problems)


def _ask_for(question: _Question, values: Mapping[str, Any], file: Path) -> str:
    from registry.writing import scalar
    from runner import starting

    suggested = starting.suggestions(values, file).get(question.path)
    if question.path in starting.KINDS:
        return _ask(f"{question.asks} ({', '.join(starting.choices(question.path))})", "none")
    if question.path == "readme.license":
        return _ask(question.asks, "none")
    if isinstance(suggested, tuple):
        suggested = ",".join(suggested)
    if suggested is None and question.example:
        return _ask(f"{question.asks}, such as {question.example}")
    return _ask(question.asks, suggested if isinstance(suggested, str) else scalar(suggested))


def _ask(what: str, default: str | None = None) -> str:
    """An answer from the terminal; the question goes to standard error, where it is in no card's way."""
    try:
        while True:
            # Without a default of its own, `prompt` repeats the question and does not say why.
            answer = str(typer.prompt(what, default=default or "", show_default=bool(default), err=True)).strip()
            if answer or default is not None:
                return answer
            typer.echo("  an answer is needed: nothing fits every model; Ctrl-C leaves", err=True)
    except typer.Abort:
        typer.echo("", err=True)
        raise KeyboardInterrupt from None


def _print(error: InputError) -> None:
    for problem in error.problems:
        typer.echo(f"  {problem}", err=True)


def _write(file: Path, text: str, schema: Path) -> None:
    """Write the card, and the schema that its first line names where there is none."""
    from runner.runs import write

    with writing(file):
        write(file, text)
        wrote = f"wrote {short(file)}{write_schema(schema)}"
    typer.echo(wrote)


@contextlib.contextmanager
def writing(file: Path) -> Iterator[None]:
    """Refuse a card's place in which nothing can be written.

    Raises:
        InputError: It is one.
    """
    try:
        yield
    except (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        message = f"cannot be written: {error.strerror}; choose another place with --output FILE"
        raise InputError(Problem(str(file), "", message)) from None


def write_schema(schema: Path) -> str:
    """Write the schema that a card's first line names where there is none; returns the words for it."""
    from runner.runs import write

    if schema.exists():
        return ""
    write(schema, schema_text())
    return f", and {short(schema)} for editors"


def schema_text() -> str:
    """The JSON Schema as text."""
    from registry import schema
    from runner.plugins import names, sections

    return schema.schema_text(sections(), names("metrics"))


def _say_what_next(name: str, file: Path, card: Card) -> None:
    """The commands that one gives next."""
    from registry.finding import all_cards

    found = all_cards().get(name)
    known = name if found is not None and found.resolve() == file.resolve() else short(file)
    typer.echo(f"next:  replicard validate {known}")
    missing = [
        path
        for path, fact in (("base.architecture", card.base.architecture), ("data.rows", card.data.rows))
        if not fact
    ]
    typer.echo(f"       replicard plan {known}" + (f"  (needs {' and '.join(missing)} in the card)" if missing else ""))
    typer.echo(f"       replicard reproduce {known} --set data.limit.train=200")
