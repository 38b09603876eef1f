"""Bases and datasets, pinned: a folder, or a commit of the Hub through its cache. All reading of the Hub is here."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import InputError, MissingError, Problem
from runner import progress
from runner.record import Snapshot
from runner.runs import file_sha256

if TYPE_CHECKING:
    from registry.loading import Loaded

# Only files at the top of a repo: `onnx/`, `openvino/` and the like hold the same weights again.
_SMALL = ["*.json", "*.txt", "*.model"]
_WEIGHTS = ["*.safetensors"]
_PICKLED = ["pytorch_model*.bin"]


def fetch_base(loaded: Loaded) -> Snapshot | None:
    """The base model's files; null for a base that is built from its architecture.

    Raises:
        InputError: The base ships only pickled weights and the card does not consent, or does not exist.
        MissingError: It cannot be reached or may not be read from here.
    """
    base = loaded.card.base
    if base.model is None:
        return None
    where = Problem(loaded.where("base.model"), "base.model", "")
    local = _local(loaded, "base.model", base.model, "config.json")
    folder = local or _download(base.model, "model", base.revision, [*_SMALL, *_WEIGHTS], where)
    weights = _WEIGHTS
    if not list(folder.glob("*.safetensors")):
        weights = _PICKLED
        if not base.allow_pickle:
            message = f"{base.model} ships no safetensors; `base.allow_pickle: true` consents to its pickled weights"
            raise InputError(Problem(where.where, where.path, message))
        if not list(folder.glob("pytorch_model*.bin")):
            if local is None:
                folder = _download(base.model, "model", base.revision, [*_SMALL, *_PICKLED], where)
            if not list(folder.glob("pytorch_model*.bin")):
                raise InputError(Problem(where.where, where.path, f"{base.model} holds no weights"))
    return _pin(base.model, folder, [*_SMALL, *weights])


def fetch_tokenizer(loaded: Loaded) -> Snapshot | None:
    """The tokenizer's files, where the card names another repo or folder for it."""
    name = loaded.card.base.tokenizer
    if not isinstance(name, str):
        return None
    where = Problem(loaded.where("base.tokenizer"), "base.tokenizer", "")
    folder = _local(loaded, "base.tokenizer", name, "tokenizer_config.json", "tokenizer.json", "vocab.txt")
    return _pin(name, folder or _download(name, "model", None, _SMALL, where), _SMALL)


def fetch_dataset(loaded: Loaded) -> Snapshot:
    """The dataset's files.

    Raises:
        InputError: It does not exist.
        MissingError: It cannot be reached or may not be read from here.
    """
    data = loaded.card.data
    where = Problem(loaded.where("data.dataset"), "data.dataset", "")
    patterns = ["*.parquet", "*.json", "*.jsonl", "*.csv", "*.arrow", "README.md"]
    folder = _local(loaded, "data.dataset", data.dataset, "*.jsonl", "*.parquet", "*.csv", "*.json", "*/*.parquet")
    if folder is None:
        folder = _download(data.dataset, "dataset", data.revision, patterns, where)
    return _pin(data.dataset, folder, [pattern for pattern in patterns if pattern != "README.md"])


def _local(loaded: Loaded, path: str, name: str, *signs: str) -> Path | None:
    """A folder that the card names at `path`, beside it or in the working directory, that holds one of `signs`."""
    for root in (loaded.file.parent, Path()):
        folder = root / name
        if folder.is_dir() and any(next(folder.glob(sign), None) for sign in signs):
            return folder.resolve()
    if name.startswith((".", "/", "~")):
        message = f"no folder {name!r} beside the card or here with {' or '.join(signs)}"
        raise InputError(Problem(loaded.where(path), path, message))
    return None


def _download(name: str, kind: str, revision: str | None, patterns: list[str], where: Problem) -> Path:
    """Fetch a repo's files into the Hub's cache, or find them there; its errors in one line each."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    def problem(message: str) -> Problem:
        return Problem(where.where, where.path, message)

    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{name}"
    # The client says again in a warning what the error below says once.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if progress.console.is_terminal and not progress.console.quiet:
        enable_progress_bars()
    else:
        disable_progress_bars()
    try:
        return Path(
            snapshot_download(
                name, repo_type=kind, revision=revision, allow_patterns=patterns, ignore_patterns=_ignored(kind)
            )
        )
    except GatedRepoError:
        message = f"{name} is gated; ask for access at {page}, then log in with `hf auth login`"
        raise MissingError(problem(message)) from None
    except RevisionNotFoundError:
        raise InputError(problem(f"{name} has no revision {revision!r}; see {page}")) from None
    except RepositoryNotFoundError:
        message = f"no {kind} {name!r} at {constants.ENDPOINT}, or a private one; check the id, or `hf auth login`"
        raise InputError(problem(message)) from None
    except HFValidationError:
        message = f"{name!r} is neither a folder here nor a Hub id (`namespace/name`)"
        raise InputError(problem(message)) from None
    except Exception as error:
        if getattr(error, "errno", None) is not None:
            raise  # the disk's errors are told by the command
        # The client wraps some of the network's errors and some not.
        cause = error.__cause__ or error
        response = getattr(error, "response", None) or getattr(cause, "response", None)
        if response is not None:
            why = f"{constants.ENDPOINT} answered {response.status_code}; try again later"
        elif constants.HF_HUB_OFFLINE:
            why = "HF_HUB_OFFLINE is set; fetch it where there is network"
        else:
            why = f"{constants.ENDPOINT} cannot be reached ({type(cause).__name__}); fetch it where there is network"
        message = f"{name!r} is no folder here and not whole in the cache ({constants.HF_HUB_CACHE}), and {why}"
        raise MissingError(problem(message)) from None


def _ignored(kind: str) -> list[str] | None:
    return ["*/*"] if kind == "model" else None


def _pin(name: str, folder: Path, patterns: list[str]) -> Snapshot:
    """Hash what is read; a Hub snapshot's folder is named by its commit."""
    found = sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()})
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in found}
    if folder.parent.name == "snapshots" and re.fullmatch("[0-9a-f]{40}", folder.name):
        revision = folder.name
    else:
        revision = "sha256:" + hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    return Snapshot(name=name, revision=revision, path=str(folder), files=files)
