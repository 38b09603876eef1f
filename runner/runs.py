"""The folders of runs: `runs/<card>/<run id>/seed<k>/`, written atomically, one process at a time."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from registry.card import RUN_SECTIONS
from registry.errors import InputError, Problem, did_you_mean, json_text
from registry.finding import all_cards
from runner.leases import holding
from runner.record import Record, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.card import Card
    from runner.leases import Lease

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Run:
    """One run of a card with one seed, and where its files lie.

    Attributes:
        root: Folder of all runs.
        card: Id of the card.
        id: Hash of what can change weights or predictions.
        seed: The seed.
    """

    root: Path
    card: str
    id: str
    seed: int

    def __str__(self) -> str:
        """As a RUN argument names it."""
        return f"{self.card}/{self.id}/seed{self.seed}"

    @property
    def over_seeds(self) -> Path:
        """Folder of the results over all seeds: `audit.json`, `README.md`."""
        return self.root / self.card / self.id

    @property
    def folder(self) -> Path:
        """Folder of this seed."""
        return self.over_seeds / f"seed{self.seed}"

    @property
    def record(self) -> Path:
        """The record."""
        return self.folder / "record.json"

    @property
    def inputs(self) -> Path:
        """Where the inputs lie on this machine; it is of no use to others and never published."""
        return self.folder / "inputs.json"

    @property
    def model(self) -> Path:
        """The saved model: all weights, or the adapter and the head."""
        return self.folder / "model"

    @property
    def base(self) -> Path:
        """A base built from its architecture, where the saved model is an adapter on it."""
        return self.folder / "base"

    @property
    def predictions(self) -> Path:
        """Labels and probabilities of every scored row."""
        return self.folder / "predictions.parquet"

    @property
    def plots(self) -> Path:
        """Plots as PNG."""
        return self.folder / "plots"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of a training that is not done."""
        return self.folder / "checkpoints"


def run_named(root: Path, name: str) -> Run:
    """The run whose whole name, `<card>/<run id>/seed<k>`, is known."""
    card, identifier, seed = name.split("/")
    return Run(root, card, identifier, int(seed.removeprefix("seed")))


def run_id(card: Card, *resolved: Snapshot | None) -> str:
    """Hash of everything that can change weights or predictions, in 12 hexadecimal digits.

    The card's sections base, task, data, adapter, quantization, training and evaluation, and what they resolve to;
    not the seed, not the margin, which only judges, and not the total batch size, which is only checked.

    Args:
        card: The card.
        resolved: Its inputs, pinned; null for one that it does not have.
    """
    sections: dict[str, Any] = {
        name: getattr(card, name).model_dump(mode="json") if getattr(card, name) is not None else None
        for name in RUN_SECTIONS
    }
    for section, name in (("training", "seed"), ("training", "total_batch_size"), ("evaluation", "margin")):
        del sections[section][name]
    # How weights are divided may change them, as settings of DeepSpeed do; where they are not, the id is that of before
    # a card could say so.
    if sections["training"]["distributed"] is None:
        del sections["training"]["distributed"]
    # Over how many devices a step's rows were spread says how many rows it has.
    sections["training"]["devices"] = card.hardware.count
    revisions = [snapshot.revision if snapshot else None for snapshot in resolved]
    text = json.dumps([sections, revisions], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader, now or after a crash, sees all of it or the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # what is told names the file that was meant
        raise
    finally:
        part.unlink(missing_ok=True)


def flush(folder: Path) -> None:
    """See that all files of a folder are on the disk, and not only on their way."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def write_model(path: Path, model: BaseModel) -> None:
    """Write a frozen model as JSON that people can read."""
    write(path, json_text(model.model_dump_json(indent=2, by_alias=True)) + "\n")


def read_model(path: Path, kind: type[M]) -> M:
    """Read what `write_model` wrote.

    Raises:
        InputError: It is not there, or not of this version of replicard.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(Problem(str(path), "", "no such file")) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = f"not a {kind.__name__.lower()} this version reads ({place}: {first['msg']}); run the card again"
        raise InputError(Problem(str(path), "", message)) from None


def keep_places(run: Run, **inputs: Snapshot | None) -> None:
    """Write down where a run's inputs lie here, by the names of their fields in its record."""
    places = {name: snapshot.path for name, snapshot in inputs.items() if snapshot is not None}
    write(run.inputs, json.dumps(places, indent=2, ensure_ascii=False) + "\n")


def places_of(run: Run) -> dict[str, str]:
    """What `keep_places` wrote down; nothing where it did not, or elsewhere."""
    try:
        return TypeAdapter(dict[str, str]).validate_json(run.inputs.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}


def read_record(run: Run, kind: type[M]) -> M:
    """The record of a run, its inputs with the folders they lie in here.

    Args:
        run: The run.
        kind: The kind of record.

    Raises:
        InputError: It is not there, or not of this version of replicard.
    """
    record, places = read_model(run.record, kind), places_of(run)
    inputs = {name: value for name, value in record if isinstance(value, Snapshot)}
    found = {name: value.model_copy(update={"path": places.get(name, "")}) for name, value in inputs.items()}
    return record.model_copy(update=found)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob(path: Path) -> str:
    """The id that git gives to a file's content, 40 hexadecimal digits: what the Hub knows small files by."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def make(folder: Path) -> None:
    """Make a folder below that of all runs.

    Raises:
        InputError: There is a file in the way.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (NotADirectoryError, FileExistsError) as error:
        message = "a file is where the folder of runs should be; choose another with --runs DIR"
        raise InputError(Problem(str(error.filename), "", message)) from None


@contextlib.contextmanager
def exclusive(run: Run) -> Iterator[Lease]:
    """Hold the run's folder, until the process lets go of it or ends, however it ends.

    Raises:
        InputError: There is a file in the way.
        HeldError: Another process is at work on the same run.
    """
    make(run.folder)
    with holding(run.folder) as lease:
        _sweep(run.folder)
        yield lease


@contextlib.contextmanager
def over_all_seeds(run: Run) -> Iterator[None]:
    """Wait for one's turn to conclude from the seeds of a run, so that who comes last has seen them all."""
    with holding(run.over_seeds, wait=True):
        _sweep(run.over_seeds)
        yield


def forget(run: Run) -> None:
    """Remove what a run made, its lease left; it must be held."""
    for path in run.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif not path.name.startswith(".lock"):
            path.unlink()


def _sweep(folder: Path) -> None:
    """Remove what a process that was killed as it wrote left in a folder that is held by this one."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


def seeds_of(run: Run) -> list[Run]:
    """The runs of the same card and run id that are complete, by seed."""
    runs = []
    for folder in run.over_seeds.glob("seed*"):
        if folder.name.removeprefix("seed").isdigit():
            found = Run(run.root, run.card, run.id, int(folder.name.removeprefix("seed")))
            if is_complete(found):
                runs.append(found)
    return sorted(runs, key=lambda found: found.seed)


def is_complete(run: Run) -> bool:
    """Whether the run was trained and evaluated."""
    return run.record.exists() and read_model(run.record, Record).evaluation is not None


def is_intact(run: Run, record: Record, read: bool = True) -> bool:
    """Whether the saved model is the one that the record names.

    Args:
        run: The run.
        record: Its record.
        read: Whether the files are read; else it is enough that they are there.
    """
    if record.training is None:
        return False
    files = record.training.files
    if not all((run.folder / name).is_file() for name in files):
        return False
    return not read or all(file_sha256(run.folder / name) == sha for name, sha in files.items())


def find_run(root: Path, name: str) -> Run:
    """The run that a RUN argument means; the newest complete one where several fit.

    Args:
        root: Folder of all runs.
        name: `<card>`, `<card>/<run id>` or `<card>/<run id>/seed<k>`, with or without the root before it.

    Raises:
        InputError: There is none.
    """
    given = name.removesuffix("/")
    with contextlib.suppress(ValueError):
        given = str(Path(given).resolve().relative_to(root.resolve())) if Path(given).exists() else given
    parts = given.split("/")
    if not parts[0] or len(parts) > 3 or ".." in parts:
        raise InputError(f"{name!r} is no run; write <card>, <card>/<run id> or <card>/<run id>/seed<k>")
    pattern = "/".join([*map(glob.escape, parts), *("*", "seed*")[len(parts) - 1 :]])
    runs = []
    for record in sorted(root.glob(f"{pattern}/record.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        card, identifier, seed = record.parts[-4:-1]
        if re.fullmatch(r"seed\d+", seed):
            runs.append(Run(root, card, identifier, int(seed.removeprefix("seed"))))
    complete = next((run for run in runs if is_complete(run)), None)
    if complete or runs:
        return complete or runs[0]
    have = sorted({path.parts[-3] for path in root.glob("*/*/seed*")})
    if parts[0] in have:
        message = f"no finished run of {given!r} in {root}; `replicard reproduce {parts[0]}` makes one"
    elif have:
        message = f"no run {given!r} in {root}; {did_you_mean(parts[0], have)}"
    else:
        message = f"no runs in {root} yet; {_remedy(parts[0])}"
    raise InputError(message)


def _remedy(card: str) -> str:
    """How to come by a run of what was meant for a card."""
    if card in all_cards():
        return f"`replicard reproduce {card}` makes one"
    return f"`replicard reproduce CARD` makes one; no card is called {card!r}, `replicard ls` lists them"
