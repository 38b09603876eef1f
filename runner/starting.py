"""A new card: composed of a few answers and of what local folders tell, or copied from another card."""

from __future__ import annotations

import csv
import filecmp
import functools
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from registry import finding
from registry.architectures import Architecture
from registry.card import Base, Evaluation, Tokens, Training
from registry.errors import InputError, Problem, did_you_mean
from registry.writing import DELETE, edit, render
from registry.yaml import join
from runner import plugins
from runner.plugins import load_card

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.card import Card
    from registry.loading import Loaded
    from registry.part import Plugin

KINDS = {"adapter": "adapters", "quantization": "quantizers"}
"""Sections of plugins, with the folder of each."""

SCHEMA = "schema.json"
"""Name of the JSON Schema's file."""

_BESIDE = 72
"""Characters of a comment that fits beside most values."""
_MOST_BYTES = 200_000_000
"""Text files of a dataset are counted up to this size: about a second's reading."""
_SPLIT = re.compile(r"(train|validation|valid|val|dev|test)(?![a-z])", re.IGNORECASE)
_VALIDATION = ("valid", "val", "dev")
_MOST_LABELS = 50

# Layers that LoRA usually adapts, the queries and values of the attention (Hu et al. 2021, section 4.2), by a word in
# the name of the base or its `model_type`; the more special words first.
_QUERIES_AND_VALUES = {
    "distilbert": ("q_lin", "v_lin"),
    "bert": ("query", "value"),
    "llama": ("q_proj", "v_proj"),
}


# What local folders tell


@dataclass(frozen=True)
class Dataset:
    """What a folder of rows tells without loading it.

    Attributes:
        rows: Rows by split; empty where the files do not tell.
        columns: Names of the columns.
        labels: By column, its values where they are few words.
    """

    rows: dict[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)


@functools.cache
def look_at_dataset(folder: Path) -> Dataset:
    """Count and look through the files of a dataset, where that is cheap."""
    for kind, read in (("jsonl", _json_lines), ("csv", _csv), ("parquet", _parquet)):
        files = sorted({*folder.glob(f"*.{kind}"), *folder.glob(f"*/*.{kind}")})
        if not files:
            continue
        if kind != "parquet" and sum(file.stat().st_size for file in files) > _MOST_BYTES:
            return Dataset()
        rows: dict[str, int] = {}
        found = Dataset()
        for file in files:
            named = _SPLIT.match(file.stem)
            try:
                count, columns, labels = read(file)
            except (OSError, ValueError, csv.Error):
                return Dataset()
            if named is None:
                return Dataset(columns=columns, labels=labels)
            split = named[1].lower()
            split = "validation" if split in _VALIDATION else split
            rows[split] = rows.get(split, 0) + count
            if split == "train" or not found.columns:
                found = Dataset(columns=columns, labels=labels)
        order: dict[str, int] = {split: rows[split] for split in ("train", "validation", "test") if split in rows}
        return Dataset(order, found.columns, found.labels)
    return Dataset()


def _json_lines(file: Path) -> tuple[int, tuple[str, ...], dict[str, tuple[str, ...]]]:
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("not rows")
    return len(rows), tuple(rows[0]) if rows else (), _few_words(rows)


def _csv(file: Path) -> tuple[int, tuple[str, ...], dict[str, tuple[str, ...]]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = list(reader)
    return len(rows), tuple(reader.fieldnames or ()), _few_words(rows)


def _parquet(file: Path) -> tuple[int, tuple[str, ...], dict[str, tuple[str, ...]]]:
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(file)
        names = tuple(table.schema_arrow.names)
        strings = (arrow.types.is_string, arrow.types.is_large_string)
        kinds = {name: table.schema_arrow.field(name).type for name in names}
        words = [name for name, kind in kinds.items() if any(is_string(kind) for is_string in strings)]
        first = next(table.iter_batches(batch_size=1_000, columns=words), None) if words else None
    except arrow.ArrowException as error:
        raise ValueError(str(error)) from None
    return table.metadata.num_rows, names, _few_words(first.to_pylist() if first is not None else [])


def _few_words(rows: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Columns that hold the same few words again and again, with those words."""
    found = {}
    for column in rows[0] if rows else ():
        values = {row.get(column) for row in rows if isinstance(row.get(column), (str, int))}
        words = sorted(value for value in values if isinstance(value, str) and value)
        if len(words) == len(values) and 2 <= len(words) <= min(_MOST_LABELS, len(rows) // 2):
            found[column] = tuple(words)
    return found


@functools.cache
def look_at_base(folder: Path) -> dict[str, Any] | None:
    """The facts of a base's `config.json` that a card states as its architecture; null for an unknown family."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = config.get("model_type") if isinstance(config, dict) else None
    for family in _families(Architecture):
        if name in get_args(family.model_fields["model_type"].annotation):
            fields = family.model_fields.items()
            facts = {key: config[key] for key, info in fields if key in config and config[key] != info.default}
            return {key: value for key, value in facts.items() if value is not None}
    return None


def _families(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [family for argument in get_args(annotation) for family in _families(argument)]


def local_folder(name: str, card: Path) -> Path | None:
    """The folder that is meant by a name typed here: below the working directory, else beside the card."""
    for root in (Path(), card.parent) if name else ():
        # The card's own folder need not be there yet, which `..` leads out of.
        folder = Path(os.path.normpath(root / Path(name).expanduser()))
        if folder.is_dir():
            return folder.resolve()
    return None


def from_card(folder: Path, card: Path) -> str:
    """A folder as the card names it, from where the card lies."""
    return Path(os.path.relpath(folder, card.parent.resolve())).as_posix()


def missing_folder(name: str, card: Path) -> str | None:
    """Why a name is probably meant to be that of a folder, and there is none; null where it is not."""
    if local_folder(name, card) is not None:
        return None
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        return f"no folder {name!r} here; put it there before the run"
    first, slash, _ = name.partition("/")
    if slash and local_folder(first, card) is not None:
        return f"no folder {name!r} here, though there is {first!r}, so it is a repo of the Hub; write ./{name} if not"
    return None


def doubts(card: Card, file: Path) -> Iterator[Problem]:
    """What a card names that its local rows do not have, as far as their files tell.

    Args:
        card: The card.
        file: Where it will lie.
    """
    folder = local_folder(card.data.dataset, file)
    seen = look_at_dataset(folder) if folder else Dataset()
    for key in ("text", "text_pair", "label") if seen.columns else ():
        column = getattr(card.data, key)
        if column is not None and column not in seen.columns:
            message = f"{card.data.dataset} has no column {column!r}; {did_you_mean(column, seen.columns)}"
            yield Problem("", f"data.{key}", message, "warning")
    named = {**{f"pool[{at}]": split for at, split in enumerate(card.data.pool or ())}, **_taken(card)}
    for key, split in named.items() if seen.rows else ():
        if split not in seen.rows:
            message = f"{card.data.dataset} has no split {split!r}; {did_you_mean(split, seen.rows)}"
            yield Problem("", f"data.{key}", message, "warning")


def _taken(card: Card) -> dict[str, str]:
    return {f"take.{part}": split for part, split in card.data.taken.items()}


# Sections of plugins


def choices(section: str) -> list[str]:
    """What `--adapter` and `--quantization` take: `none`, the plugins, and `4bit` and the like for their bits."""
    kind = KINDS[section]
    return ["none", *(f"{bits}bit" for bits in _bits(kind)), *plugins.names(kind)]


def _bits(kind: str) -> dict[int, str]:
    """Numbers of bits, with the first plugin that has them."""
    found: dict[int, str] = {}
    for name, config in plugins.sections()[kind].items():
        bits = config().model_fields.get("bits")
        for number in get_args(bits.annotation) if bits is not None else ():
            found.setdefault(number, name)
    return found


def family(base: str, file: Path) -> str:
    """What a base is called, to guess its layers by: the `model_type` of a folder, else its name."""
    folder = local_folder(base, file)
    facts = look_at_base(folder) if folder else None
    return str(facts["model_type"]) if facts else base


def plugin_section(section: str, choice: str, base: str) -> dict[str, Any] | None:
    """The section that a choice stands for, with what it requires where that can be told; null for `none`.

    Args:
        section: `adapter` or `quantization`.
        choice: One of `choices`; another name becomes a section that the card's rules refuse.
        base: Name of the base, or its `model_type`.
    """
    if choice == "none":
        return None
    kind = KINDS[section]
    by_bits = {f"{bits}bit": {"type": name, "bits": bits} for bits, name in _bits(kind).items()}
    raw: dict[str, Any] = by_bits.get(choice, {"type": choice})
    for name in required(section, raw):
        annotation = _config(section, raw).model_fields[name].annotation
        if get_origin(annotation) is Literal:
            raw[name] = get_args(annotation)[0]
    if choice == "lora" and "target_modules" in required(section, raw):
        layers = next((layers for word, layers in _QUERIES_AND_VALUES.items() if word in base.casefold()), None)
        raw |= {"target_modules": list(layers)} if layers else {}
    return raw


def required(section: str, raw: Mapping[str, Any] | None) -> list[str]:
    """Fields that a plugin's section must have and has not."""
    if raw is None or raw["type"] not in plugins.names(KINDS[section]):
        return []
    return [name for name, info in _config(section, raw).model_fields.items() if info.is_required() and name not in raw]


def described(section: str, raw: Mapping[str, Any], name: str) -> str:
    """What the spec says of a field of a plugin's section, in its first words."""
    return _first_words(_config(section, raw).model_fields[name].description or name)


def _config(section: str, raw: Mapping[str, Any]) -> type[Plugin]:
    return plugins.sections()[KINDS[section]][raw["type"]]()


# Composing


def suggestions(values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """By dotted path, what a new card says by default: what its folders tell, else the spec's defaults.

    Args:
        values: What is known already, by dotted path: its base and dataset, if any.
        file: Where the card will lie.
    """
    rows = local_folder(str(values.get("data.dataset", "")), file) if values.get("data.dataset") else None
    seen = look_at_dataset(rows) if rows else Dataset()
    base = local_folder(str(values.get("base.model", "")), file) if values.get("base.model") else None
    facts = (look_at_base(base) if base else None) or {}
    few = next(iter(seen.labels)) if len(seen.labels) == 1 else "label"
    label = values.get("data.label") or _column(seen, ("label", "labels", "class", "target"), few)
    texts = [column for column in seen.columns if column != label]
    text = _column(seen, ("text", "sentence", "review", "content"), texts[0] if texts else "text")
    longest = min(Tokens().max_length, facts.get("max_position_embeddings", Tokens().max_length))
    training = Training()
    return {
        "task.labels": seen.labels.get(label),
        "data.text": text,
        "data.label": label,
        "data.tokens.max_length": longest,
        **{f"training.{name}": getattr(training, name) for name in ("epochs", "learning_rate", "batch_size", "seed")},
        "readme.language": ("en",),
    }


def _column(seen: Dataset, names: Iterable[str], otherwise: str) -> str:
    return next((name for name in names if name in seen.columns), otherwise)


def compose(name: str, values: Mapping[str, Any], file: Path, schema: str) -> str:
    """The text of a new card, commented where it is valid.

    Args:
        name: Its id.
        values: By dotted path, what it says beside the suggestions; `base.model` and `data.dataset` at least.
        file: Where it will lie.
        schema: Path of the JSON Schema from there.
    """
    raw = _raw(name, {**suggestions(values, file), **values}, file)
    try:
        card = check(render(raw), file).card
    except InputError:
        return header(name, schema) + render(raw)
    return header(name, schema) + render(raw, dict(_comments(card, raw)), _examples(raw))


def header(name: str, schema: str) -> str:
    """The first lines of a card: what editors complete it by, and what to do with it."""
    return f"# yaml-language-server: $schema={schema}\n# replicard reproduce {name}\n"


def _raw(name: str, values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The card as plain values, in the order in which it is read best."""
    dataset, base = local_folder(values["data.dataset"], file), local_folder(values["base.model"], file)
    rows = look_at_dataset(dataset).rows if dataset else {}
    facts = look_at_base(base) if base else None
    raw: dict[str, Any] = {
        "schema": 1,
        "id": name,
        "base": {"model": None, "revision": None, "tokenizer": None, **_of_base(base)},
        "task": {"type": "text-classification", "labels": None},
        "data": {"dataset": None, "config": None, "text": None, "text_pair": None, "label": None},
        "adapter": None,
        "quantization": None,
        "training": {},
        "evaluation": {"split": "test", "metrics": [metric.name for metric in Evaluation().metrics]},
        "readme": {"license": None, "language": None},
    }
    raw["base"]["architecture"] = dict(facts) if facts else None
    raw["data"] |= {"rows": rows or None, **_parts(rows)}
    for path, value in values.items():
        put(raw, path, list(value) if isinstance(value, tuple) else value)
    if dataset:
        raw["data"]["dataset"] = from_card(dataset, file)
    if base:
        raw["base"]["model"] = from_card(base, file)
    kept = {"adapter": raw["adapter"], **raw}  # null says that all weights are trained
    return {key: _without_nulls(value) for key, value in raw.items() if kept[key] is not None or key == "adapter"}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def put(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set a value by its dotted path, making the sections on the way."""
    *sections, last = path.split(".")
    for section in sections:
        if not isinstance(raw.get(section), dict):
            raw[section] = {}
        raw = raw[section]
    raw[last] = value


def _of_base(folder: Path | None) -> dict[str, Any]:
    """What a base's files say about consent to pickles, padding and its head."""
    found: dict[str, Any] = {}
    if folder is None or not (folder / "config.json").is_file():
        return found
    if not list(folder.glob("*.safetensors")) and list(folder.glob("pytorch_model*.bin")):
        found["allow_pickle"] = True
    facts = look_at_base(folder) or {}
    if facts.get("model_type") == "llama":
        found["pad_token"] = "own" if _pads(folder) else "eos"
    if "num_labels" in facts:
        found["head"] = "new"
    return found


def _pads(folder: Path) -> bool:
    """Whether the tokenizer of a folder has a padding token."""
    try:
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(tokenizer, dict) and tokenizer.get("pad_token") is not None


def _parts(rows: Mapping[str, int]) -> dict[str, Any]:
    """Which splits are trained and tested on, by what splits there are."""
    if not rows or {"train", "test"} <= set(rows):
        return {"take": {split: split for split in rows or ("train", "test")}}
    if "validation" in rows:
        return {"take": {"train": "train", "test": "validation"}}
    return {"take": {"train": "train"}, "split": {"test": 0.2, "stratify": True, "seed": 42}}


def _comments(section: BaseModel, raw: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """For the sections and their fields, the first words of the spec's own description of each."""
    for name, info in type(section).model_fields.items():
        key = info.alias or name
        if key not in raw or key == "type":
            continue
        at = join(path, key)
        yield at, _first_words(info.description or "")
        below = getattr(section, name)
        if not path and isinstance(below, BaseModel):
            yield from _comments(below, raw[key], at)


def _first_words(text: str) -> str:
    """The part of a description that fits beside a value."""
    text = " ".join(text.split())
    for sign in ("; ", ". ", ": ", " (", ", "):
        if len(text) > _BESIDE:
            text = text.split(sign)[0]
    return text.rstrip(".")


def _examples(raw: Mapping[str, Any]) -> dict[str, str]:
    """Lines that wait for a value: the facts of a base and a dataset of the Hub, which nothing here tells."""
    found = {}
    if "architecture" not in raw["base"]:
        facts = "architecture: {model_type: …, hidden_size: …}"
        found["base.model"] = f"{facts}  # facts of its config.json; planning then needs no network"
    if "rows" not in raw["data"]:
        found["data.dataset"] = "rows: {train: …, test: …}  # of its own splits; planning then needs no download"
    if "license" not in raw["readme"]:
        found["readme.language"] = "license: apache-2.0  # without one, nobody may use the model"
    return found


# Copying


def installed_cards() -> Path | None:
    """The folder of the cards inside an installed replicard; null in a checkout, whose cards are one's own."""
    folder = finding.shipped()
    return folder if folder.parent == Path(finding.__file__).parent else None


def copy(like: Loaded, name: str, values: Mapping[str, Any], file: Path, schema: str) -> str:
    """The text of a card that is made like another, comments included.

    What the other reports of itself stays behind, and what says how it is known; folders are named from the new place.
    Rows inside an installed replicard, which the next install takes away, are named where `copy_rows` puts them.

    Args:
        like: The other card.
        name: The new id.
        values: By dotted path, what the new card says instead.
        file: Where it will lie.
        schema: Path of the JSON Schema from there.

    Raises:
        InputError: A value cannot be changed without losing a comment.
    """
    text = like.file.read_text(encoding="utf-8-sig")
    # The comments at the top are about the other card.
    body = "".join(dropwhile(lambda line: not line.strip() or line.startswith("#"), text.splitlines(keepends=True)))
    folders = {"base.model": like.card.base.model, "data.dataset": like.card.data.dataset}
    if isinstance(like.card.base.tokenizer, str):
        folders["base.tokenizer"] = like.card.base.tokenizer
    changes: dict[str, Any] = {"id": name, **dict.fromkeys(_OF_THE_OTHER, DELETE)}
    rows = shipped_rows(like)
    for path, folder in folders.items():
        found = next(
            (root / folder for root in (like.file.parent, Path()) if folder and (root / folder).is_dir()), None
        )
        if found is not None:
            changes[path] = from_card(found.resolve(), file)
    if rows is not None:
        changes["data.dataset"] = from_card(rows_beside(rows, file), file)
    for path, value in values.items():
        there = local_folder(value, file) if path in ("base.model", "data.dataset") else None
        changes |= _follows(like, path, value, there) | {path: from_card(there, file) if there else value}
    return header(name, schema) + edit(body, changes)


def left_out(like: Loaded) -> list[str]:
    """What of another card a copy of it does not have."""
    return [path for path in _OF_THE_OTHER if functools.reduce(getattr, path.split("."), like.card)]


def shipped_rows(like: Loaded) -> Path | None:
    """The folder of a card's rows where it lies inside an installed replicard; else null."""
    installed, rows = installed_cards(), like.file.parent / like.card.data.dataset
    inside = installed is not None and installed.resolve() in rows.resolve().parents
    return rows.resolve() if inside and rows.is_dir() else None


def rows_beside(rows: Path, file: Path) -> Path:
    """Where rows are copied to for a card: `data/<name>` beside it."""
    return file.parent.resolve() / "data" / rows.name


def copy_rows(rows: Path, file: Path) -> bool:
    """Copy rows beside a card, whole or not at all; false where the same ones are there.

    Raises:
        InputError: Something else is there.
    """
    there = rows_beside(rows, file)
    if there.exists():
        names = sorted(path.name for path in rows.iterdir())
        if there.is_dir() and not any(filecmp.cmpfiles(rows, there, names, shallow=False)[1:]):
            return False
        message = f"is there and is not {rows}, which the copy needs; move it, or name other rows with --dataset"
        raise InputError(Problem(str(there), "", message))
    there.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rows-", dir=there.parent) as folder:
        shutil.copytree(rows, Path(folder, rows.name)).rename(there)
    return True


_OF_THE_OTHER = (
    "source", "reported", "epoch_table", "stated", "derived", "assumed", "underspecified", "hardware.hours",
    "readme.authors", "readme.funded_by", "readme.shared_by", "readme.repository", "readme.paper", "readme.demo",
    "readme.citation", "readme.card_authors", "readme.contact",
)  # fmt: skip
"""What a card says of the one it describes: its claims, what shows them, and who made it."""


def _follows(like: Loaded, path: str, value: Any, folder: Path | None) -> dict[str, Any]:
    """What no longer holds where a value is another."""
    if path == "base.model" and value != like.card.base.model:
        old = dict.fromkeys((f"base.{name}" for name in Base.model_fields if name not in ("model", "dtype")), DELETE)
        facts = look_at_base(folder) if folder else None
        told = {f"base.{name}": found for name, found in _of_base(folder).items()}
        return old | told | ({"base.architecture": facts} if facts else {})
    if path == "data.dataset" and value != like.card.data.dataset:
        rows = look_at_dataset(folder).rows if folder else {}
        return {"data.rows": rows or DELETE, "data.config": DELETE, "data.revision": DELETE}
    if path == "task.labels" and tuple(value) != like.card.task.labels:
        return {"task.positive": DELETE, "examples": DELETE}
    return {}


# Checking and writing


def check(text: str, file: Path) -> Loaded:
    """Hold a text against the card's rules as if it lay in a file.

    Raises:
        InputError: With every problem found, under that file's name.
    """
    with tempfile.TemporaryDirectory(prefix="replicard-") as folder:
        there = Path(folder, file.name)
        there.write_text(text, encoding="utf-8")
        try:
            return load_card(there)
        except InputError as error:
            raise InputError(replace(p, where=p.where.replace(str(there), str(file))) for p in error.problems) from None


def schema_beside(file: Path) -> Path:
    """Where the JSON Schema lies for a card: in its folder, or one above it up to the working directory."""
    here = Path.cwd()
    folder = file.parent.resolve()
    above = [folder, *folder.parents]
    if here in above:
        above = above[: above.index(here) + 1]
        return next((at / SCHEMA for at in above if (at / SCHEMA).is_file()), folder / SCHEMA)
    return folder / SCHEMA
