"""Rows: load → pool or take → label → hold out → balance → limit → clean."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from registry.card import Limit
from registry.errors import InputError, Problem, did_you_mean
from registry.evidence import MAX_BYTES
from registry.front_matter import Scalar, front_matter
from runner import plugins
from runner.cleaning import clean
from runner.record import Rows, Snapshot
from runner.slicing import PREFIX, carry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.card import Data
    from registry.loading import Loaded

SPLITS = ("train", "validation", "test")
TEXTS = ("text", "text_pair")
"""Columns of texts; the second one only where rows are pairs."""


@dataclass(frozen=True)
class Parts:
    """The rows of a run, by split.

    Attributes:
        splits: `train`, `validation`, `test` → `datasets.Dataset` with columns `text` (str, cleaned),
            `text_pair` (likewise, where rows are pairs), `label` (int, index into `task.labels`), `row` (str, `<the
            dataset's split>:<index in it>`), and for the scored split those that slices go by, named `slice_…`.
        rows: How many, and what was found about them.
    """

    splits: Mapping[str, Any]
    rows: Rows


def split_rows(data: Data, sizes: Mapping[str, int]) -> dict[str, int]:
    """Rows of each split by arithmetic alone, before labels are balanced (which can only take rows away).

    Args:
        data: The card's section.
        sizes: Rows of the dataset's own splits.
    """
    rows: dict[str, int]
    if data.pool is not None:
        rows = {"train": sum(sizes[name] for name in data.pool)}
    else:
        rows = {part: sizes[name] for part, name in data.taken.items()}
    for part in ("test", "validation"):
        share = getattr(data.split, part) if data.split else None
        if share is not None:
            # As datasets and scikit-learn round: the held-out side up, the other down.
            rows[part] = math.ceil(rows["train"] * share)
            rows["train"] -= rows[part]
    for part in rows:
        most = getattr(data.limit, part) if data.limit else None
        rows[part] = min(rows[part], most or rows[part])
    return {part: rows.get(part, 0) for part in SPLITS}


def stated_rows(data: Data) -> dict[str, int]:
    """Rows of the parts as they follow from the sizes that a card states of the dataset's splits.

    Raises:
        KeyError: The split of that name has none.
    """
    return split_rows(data, {name: rows for name in SPLITS if (rows := getattr(data.rows, name, None)) is not None})


def load_parts(loaded: Loaded, snapshot: Snapshot) -> Parts:
    """Load and divide the rows as the card says.

    Raises:
        InputError: The dataset has not what the card says: splits, columns, labels, rows.
    """
    card, data = loaded.card, loaded.card.data
    tables = read_splits(loaded, snapshot)
    label_map: dict[str, str] = {}
    columns = plugins.task(card.task.type).columns
    for name, source in tables.items():
        tables[name] = carry(loaded, name, source, columns(loaded, name, source, label_map))
    parts = _divide(loaded, tables)
    for part in parts:
        if part != card.evaluation.split:
            own = [name for name in parts[part].column_names if not name.startswith(PREFIX)]
            parts[part] = parts[part].select_columns(own)
        limit = data.limit or Limit()
        most = getattr(limit, part)
        if data.balanced:
            parts[part] = _balanced(parts[part], len(card.task.labels), most, limit.seed)
        elif most is not None and most < len(parts[part]):
            parts[part] = parts[part].shuffle(seed=limit.seed).select(range(most))
        if data.clean:
            parts[part] = parts[part].map(
                cleaned, batched=True, fn_kwargs={"steps": data.clean}, load_from_cache_file=False
            )
    needed = ("train", card.evaluation.split, card.evaluation.each_epoch)
    for part in dict.fromkeys(name for name in needed if name is not None):
        if not parts.get(part):
            raise InputError(Problem(loaded.where("data"), "data", f"the {part} split is empty; {_remedy(data, part)}"))
    shared = len(_distinct(parts["train"]) & _distinct(parts[card.evaluation.split]))
    counts = {part: len(parts[part]) if part in parts else 0 for part in SPLITS}
    return Parts(parts, Rows(**counts, shared_texts=shared, label_map=label_map))


def _remedy(data: Data, part: str) -> str:
    if part == "train":
        return "`data.pool` or `data.take.train` says where its rows come from"
    if data.pool is not None:
        return f"`data.split.{part}` holds rows out for it"
    return f"`data.take.{part}` or `data.split.{part}` says where its rows come from"


def read_splits(loaded: Loaded, snapshot: Snapshot) -> dict[str, Any]:
    """The dataset's own splits that the card uses, checked against the row counts it states.

    Raises:
        InputError: It cannot be read, or has not these splits or rows.
    """
    from datasets import DownloadConfig, config, load_dataset, load_dataset_builder
    from datasets.exceptions import DatasetGenerationError
    from yaml import YAMLError

    data = loaded.card.data
    _require_harmless_page(loaded, snapshot)
    options: dict[str, Any] = {
        "name": data.config,
        # By content: the package's own cache goes by path and would give the rows of files that have since changed.
        "cache_dir": str(Path(config.HF_DATASETS_CACHE) / "replicard" / snapshot.revision.removeprefix("sha256:")),
        "download_config": DownloadConfig(local_files_only=True),
    }
    try:
        _require_own_files(loaded, snapshot, load_dataset_builder(snapshot.path, **options).config.data_files or {})
        found = load_dataset(snapshot.path, **options)
    except (DatasetGenerationError, ValueError, TypeError, StopIteration, OSError, RecursionError, YAMLError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, OSError) and cause.errno is not None:
            raise cause from None
        message = f"cannot be read: {str(cause).splitlines()[0] if str(cause) else type(cause).__name__}"
        raise InputError(Problem(loaded.where("data.dataset"), "data.dataset", message)) from None
    wanted = _wanted(data)
    problems = []
    for path, name in wanted.items():
        if name not in found:
            message = f"{data.dataset} has no split {name!r}; {did_you_mean(name, found)}"
            problems.append(Problem(loaded.where(path), path, message))
    for name, stated in (data.rows.model_dump() if data.rows else {}).items():
        if stated is not None and (name not in found or len(found[name]) != stated):
            path = f"data.rows.{name}"
            have = f"{len(found[name]):,}" if name in found else "no such split"
            message = f"says {stated:,}, but {data.dataset} has {have}; another revision?"
            problems.append(Problem(loaded.where(path), path, message))
    if problems:
        raise InputError(problems)
    return {name: found[name] for name in dict.fromkeys(wanted.values())}


def _require_own_files(loaded: Loaded, snapshot: Snapshot, chosen: Mapping[str, Sequence[object]]) -> None:
    """Refuse rows of any file but those that were hashed, wherever the dataset's README says that they are.

    Raises:
        InputError: There is such a file.
    """
    folder = Path(snapshot.path).resolve()
    for name in (str(name) for names in chosen.values() for name in names):
        if os.path.relpath(name, folder) not in snapshot.files:
            raise _outside(loaded, PurePosixPath(name).name)


def _require_harmless_page(loaded: Loaded, snapshot: Snapshot) -> None:
    """Refuse code, and what the package would follow to other folders and hosts before it can be looked at.

    Raises:
        InputError: There is such a thing, or a README that is none.
    """
    folder, name = Path(snapshot.path), loaded.card.data.dataset

    def problem(message: str) -> InputError:
        return InputError(Problem(loaded.where("data.dataset"), "data.dataset", f"{name} {message}"))

    if (folder / f"{folder.name}.py").exists():
        raise problem(f"is loaded by code of its own ({folder.name}.py), which is never run; take the rows as files")
    page = folder / "README.md"
    if not page.is_file():
        return
    if page.stat().st_size > MAX_BYTES:
        raise problem(f"has a README larger than {MAX_BYTES:,} bytes; a README is not")
    meta, _ = front_matter(page.read_text(encoding="utf-8", errors="replace"))
    for place in _texts(meta.get("configs")):
        if ":" in place or place.startswith(("/", "~")) or ".." in PurePosixPath(place).parts:
            raise _outside(loaded, place)


def _outside(loaded: Loaded, place: str) -> InputError:
    message = f"{loaded.card.data.dataset} names rows outside of itself in its README ({place!r})"
    return InputError(Problem(loaded.where("data.dataset"), "data.dataset", f"{message}; only its own files are read"))


def _texts(value: object) -> Iterator[str]:
    """All texts of a front matter's value."""
    if isinstance(value, Scalar):
        yield value.text
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)


def _wanted(data: Data) -> dict[str, str]:
    """Path of the card → split of the dataset."""
    if data.pool is not None:
        return {f"data.pool[{index}]": name for index, name in enumerate(data.pool)}
    return {f"data.take.{part}": name for part, name in data.taken.items()}


def _divide(loaded: Loaded, tables: Mapping[str, Any]) -> dict[str, Any]:
    """The three splits, random hold-outs drawn by `datasets.Dataset.train_test_split`."""
    from datasets import concatenate_datasets

    data = loaded.card.data
    parts: dict[str, Any]
    if data.pool is not None:
        parts = {"train": concatenate_datasets([tables[name] for name in data.pool])}
    else:
        parts = {part: tables[name] for part, name in data.taken.items()}
    for part in ("test", "validation"):
        share = getattr(data.split, part) if data.split else None
        if data.split is None or share is None:
            continue
        try:
            halves = parts["train"].train_test_split(
                test_size=share,
                seed=data.split.seed,
                stratify_by_column="label" if data.split.stratify else None,
                load_from_cache_file=False,
            )
        except ValueError as error:
            path = f"data.split.{part}"
            raise InputError(Problem(loaded.where(path), path, str(error).splitlines()[0])) from None
        parts["train"], parts[part] = halves["train"], halves["test"]
    return parts


def _balanced(table: Any, labels: int, most: int | None, seed: int) -> Any:
    """Equally many rows of each label: the first ones after a shuffle, in their old order."""
    import numpy as np

    values = np.asarray(table["label"])
    each = min(int((values == label).sum()) for label in range(labels))
    if most is not None:
        each = min(each, most // labels)
    order = np.random.default_rng(seed).permutation(len(values))
    kept = [order[values[order] == label][:each] for label in range(labels)]
    return table.select(sorted(int(index) for group in kept for index in group))


def texts_of(table: Any) -> list[str]:
    """Every text of the rows: of pairs, the first ones and then the second ones."""
    return [text for name in TEXTS if name in table.column_names for text in table[name][:]]


def cleaned(batch: Mapping[str, Sequence[str]], steps: Sequence[str]) -> dict[str, list[str]]:
    """The columns of texts, cleaned."""
    return {name: [clean(text, steps) for text in batch[name]] for name in TEXTS if name in batch}


def _distinct(table: Any) -> set[tuple[str, ...]]:
    """The texts, or pairs of texts, each once."""
    return set(zip(*(table[name][:] for name in TEXTS if name in table.column_names), strict=True))
