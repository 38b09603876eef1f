"""Bases and datasets, pinned: a folder, or a commit of the Hub through its cache."""

from __future__ import annotations

import contextlib
import glob
import logging
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from registry.errors import InputError, MissingError, Problem, ReplicardError, foreign
from registry.locking import COMMIT, SIGNS, fingerprint, inputs, lock_file, make_pin
from registry.secrets import redacted
from runner import progress
from runner.machine import require_no_checkout
from runner.record import Item, Snapshot
from runner.runs import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.loading import Loaded
    from registry.locking import Input, Pin, Role

_SMALL = ["*.json", "*.txt", "*.model"]
_WEIGHTS = ["*.safetensors"]
_PICKLED = ["pytorch_model*.bin"]
HUB_SECONDS = 5.0
"""How long the Hub may take to say that it is there."""

PREDICTIONS = "predictions.parquet"
"""What lies beside weights whose author published what they predict."""
_ROWS = ["*.parquet", "*.json", "*.jsonl", "*.csv", "*.arrow"]


class Hub(Item):
    """What the Hub says of itself and of who is asking.

    Attributes:
        endpoint: Its address.
        state: `ok`, or why it is not: it is not to be asked, does not answer, knows no token or refuses it.
        told: The same in words, with what the token may do; never the token.
    """

    endpoint: str
    state: Literal["ok", "offline", "unreachable", "no token", "refused"]
    told: str

    @property
    def answers(self) -> bool:
        """Whether it can be asked for what a run needs."""
        return self.state not in ("offline", "unreachable")


def ask_hub() -> Hub:
    """Ask the Hub once, with a short patience, who is asking; nothing where the user has said not to."""
    from huggingface_hub import constants, get_session, get_token
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    endpoint = redacted(str(constants.ENDPOINT))  # of a mirror, it may hold a password
    if offline():
        return Hub(endpoint=endpoint, state="offline", told="HF_HUB_OFFLINE is set: not asked, the cache is used")
    try:
        headers = build_hf_headers(token=get_token() or False)
        answer = get_session().get(f"{constants.ENDPOINT}/api/whoami-v2", headers=headers, timeout=HUB_SECONDS)
    except Exception as error:  # the client's network library is not ours to name
        told = f"cannot be reached ({type(error).__name__})"
        return Hub(endpoint=endpoint, state="unreachable", told=told)
    if "Authorization" not in {name.title() for name in headers}:
        return Hub(endpoint=endpoint, state="no token", told="answers; no token")
    if answer.status_code == 401:
        return Hub(endpoint=endpoint, state="refused", told="answers, and refuses the token (401)")
    if answer.status_code != 200:
        return Hub(endpoint=endpoint, state="unreachable", told=f"answers {answer.status_code}; try again later")
    account = answer.json()
    return Hub(endpoint=endpoint, state="ok", told=f"logged in as {account['name']}; {_scope(account)}")


def _scope(account: Mapping[str, Any]) -> str:
    """What a token may do, by the Hub's answer to `whoami`."""
    token = (account.get("auth") or {}).get("accessToken") or {}
    rights = token.get("fineGrained")
    if not rights:
        return f"the token may {token.get('role', 'do what the Hub does not say')}"
    scoped = [
        f"{', '.join(one.get('permissions') or ['nothing'])} on {(one.get('entity') or {}).get('name', '?')}"
        for one in rights.get("scoped") or ()
    ]
    everywhere = [f"{', '.join(rights['global'])} everywhere"] if rights.get("global") else []
    return "the token is fine-grained: " + ("; ".join([*scoped, *everywhere]) or "it may nothing")


def lacking(loaded: Loaded, role: Role, hub: Hub) -> str | None:
    """What keeps a run from having one of the card's inputs here, without fetching it; null for nothing.

    Args:
        loaded: The card.
        role: Which input.
        hub: What the Hub said when it was asked.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    wanted = inputs(loaded.card)[role]
    if wanted.folder(loaded.file) is not None:
        return None
    if wanted.is_path:
        return f"no folder {wanted.name!r}"
    patterns = {"dataset": _ROWS, "base": [*_WEIGHTS, *_PICKLED]}.get(role, _SMALL)
    with contextlib.suppress(LocalEntryNotFoundError, HFValidationError):
        kind = _kind(role)
        found = Path(snapshot_download(wanted.name, repo_type=kind, revision=wanted.revision, local_files_only=True))
        if _chosen(_names(found), kind, patterns):
            return None
    if not hub.answers:
        why = "the Hub is not asked" if hub.state == "offline" else "the Hub does not answer"
        return f"{wanted.name} is not here, {why}"
    return _forbidden(wanted.name, _kind(role))


def _forbidden(name: str, kind: str) -> str | None:
    """Why the Hub does not let the user read a repo; null where it does."""
    from huggingface_hub import HfApi

    try:
        with _told(name, kind, None, Problem("", "", ""), asked=True):
            HfApi().auth_check(name, repo_type=kind)
    except ReplicardError as error:
        return error.problems[0].message
    return None


def fetch_base(loaded: Loaded, pin: Pin | None = None) -> Snapshot | None:
    """The base model's files; null for a base that is built from its architecture.

    Args:
        loaded: The card.
        pin: What its lock says of the base.

    Raises:
        InputError: The base ships only pickled weights and the card does not consent, does not exist, or is not the
            one that was locked.
        MissingError: It cannot be reached or may not be read from here.
    """
    wanted = inputs(loaded.card).get("base")
    if wanted is None:
        return None
    folder = _folder(loaded, wanted, [*_SMALL, *_WEIGHTS], pin)
    patterns = _base_patterns(loaded, _names(folder))
    if wanted.folder(loaded.file) is None and patterns != [*_SMALL, *_WEIGHTS]:
        folder = _folder(loaded, wanted, patterns, pin)
    _require_weights(loaded, _names(folder))
    return _snapshot(loaded, wanted, folder, patterns, pin)


def fetch_tokenizer(loaded: Loaded, pin: Pin | None = None) -> Snapshot | None:
    """The tokenizer's files, where the card names another repo or folder for it."""
    wanted = inputs(loaded.card).get("tokenizer")
    if wanted is None:
        return None
    return _snapshot(loaded, wanted, _folder(loaded, wanted, _SMALL, pin), _SMALL, pin)


def fetch_weights(source: str) -> Snapshot:
    """Weights that somebody published: a model or an adapter as safetensors, its configuration and tokenizer.

    Args:
        source: `hub:owner/name`, with `@revision` behind it if wanted, or a folder.

    Raises:
        InputError: There is none, or it holds no safetensors: pickled weights are never read.
        MissingError: It cannot be reached or may not be read from here.
    """
    where = Problem(f"--weights {source}", "", "")
    patterns = [*_SMALL, *_WEIGHTS, PREDICTIONS]
    name, _, revision = source.removeprefix("hub:").partition("@")
    if source.startswith("hub:"):
        folder = _download(name, "model", revision or None, patterns, where)
    else:
        name, folder = source, Path(source).expanduser()
        if not folder.is_dir():
            raise InputError(Problem(where.where, "", "no such folder; a repo of the Hub is hub:owner/name"))
    names = _names(folder)
    if not _chosen(names, "model", _WEIGHTS):
        pickled = _chosen(names, "model", ["*.bin", "*.pt", "*.pth", "*.ckpt"])
        what = f"only pickled weights ({pickled[0]})" if pickled else "no safetensors"
        remedy = "only safetensors are read, as a pickle can run code"
        remedy += "; huggingface.co/spaces/safetensors/convert proposes them to a repo" if pickled else ""
        raise InputError(Problem(where.where, "", f"holds {what}; {remedy}"))
    files = {one: file_sha256(folder / one) for one in _chosen(names, "model", [*_SMALL, *_WEIGHTS])}
    commit = folder.name if folder.parent.name == "snapshots" and COMMIT.fullmatch(folder.name) else None
    return Snapshot(name=name, revision=commit or fingerprint(files), path=str(folder), files=files)


def fetch_dataset(loaded: Loaded, pin: Pin | None = None) -> Snapshot:
    """The dataset's files.

    Args:
        loaded: The card.
        pin: What its lock says of the dataset.

    Raises:
        InputError: It does not exist, or is not the one that was locked.
        MissingError: It cannot be reached or may not be read from here.
    """
    wanted = inputs(loaded.card)["dataset"]
    # The README of a dataset may say which file is which split.
    return _snapshot(loaded, wanted, _folder(loaded, wanted, [*_ROWS, "README.md"], pin), _ROWS, pin)


def resolve(loaded: Loaded, role: Role) -> Pin | None:
    """What the card's name means now; of a repo of the Hub, no weights are fetched. Null where there is no name.

    The Hub tells the SHA-256 of large files; the others are fetched. Offline, the cache is asked instead.

    Raises:
        InputError: It is not what a run could use.
        MissingError: It cannot be reached or may not be read from here.
    """
    wanted = inputs(loaded.card).get(role)
    if wanted is None:
        return None
    local = wanted.is_path or wanted.folder(loaded.file) is not None
    if local or offline():
        snapshot = fetch(loaded, role)
        assert snapshot is not None
        return make_pin(wanted, None if local else snapshot.revision, snapshot.files)
    commit = commit_of(loaded, wanted)
    listed = _listing(loaded, wanted, commit)
    patterns = {"tokenizer": _SMALL, "dataset": _ROWS}.get(role)
    if patterns is None:
        patterns = _base_patterns(loaded, listed)
        _require_weights(loaded, listed)
    chosen = _chosen(listed, _kind(role), patterns)
    hashes = {name: listed[name] for name in chosen}
    small = [glob.escape(name) for name in chosen if hashes[name] is None]
    if small:
        folder = _download(wanted.name, _kind(role), commit, small, _at(loaded, wanted))
        hashes = {name: sha or file_sha256(folder / name) for name, sha in hashes.items()}
    return make_pin(wanted, commit, {name: sha for name, sha in hashes.items() if sha is not None})


def at_hand(loaded: Loaded, role: Role, pin: Pin | None = None) -> Snapshot | None:
    """What is here of one of the card's inputs, without the Hub being asked; null for nothing. A base's weights aside.

    Args:
        loaded: The card.
        role: Which input.
        pin: What its lock says of it.

    Raises:
        InputError: The card names a folder that is not there, or what is here is not what was locked.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    wanted = inputs(loaded.card).get(role)
    if wanted is None:
        return None
    patterns = _ROWS if role == "dataset" else _SMALL
    if wanted.is_path or wanted.folder(loaded.file) is not None:
        folder = _folder(loaded, wanted, patterns, pin)
    else:
        revision = pin.commit if pin is not None else wanted.revision
        kind, named = _kind(role), [*patterns, "README.md"] if role == "dataset" else patterns
        try:
            found = snapshot_download(
                wanted.name, repo_type=kind, revision=revision, allow_patterns=named, local_files_only=True
            )
        except (LocalEntryNotFoundError, HFValidationError):
            return None
        folder = Path(found)
        if not any(next(folder.glob(sign), None) for sign in SIGNS[role]):
            return None
    # What was locked of a base is hashed with its weights.
    return _snapshot(loaded, wanted, folder, patterns, pin if role != "base" else None)


def require_weights(loaded: Loaded, folder: Path) -> None:
    """Refuse a base's folder whose weights a run could not or may not read; they are not looked into.

    Raises:
        InputError: There are none, or only pickled ones and the card does not consent.
    """
    names = _names(folder)
    _base_patterns(loaded, names)
    _require_weights(loaded, names)


def fetch(loaded: Loaded, role: Role, pin: Pin | None = None) -> Snapshot | None:
    """The files of one of the card's inputs."""
    return {"base": fetch_base, "tokenizer": fetch_tokenizer, "dataset": fetch_dataset}[role](loaded, pin)


def commit_of(loaded: Loaded, wanted: Input) -> str:
    """The commit that the Hub means now by a repo's branch or tag.

    Raises:
        InputError: There is no such repo or revision.
        MissingError: The Hub cannot be asked from here.
    """
    from huggingface_hub import HfApi

    kind = _kind(wanted.role)
    with _told(wanted.name, kind, wanted.revision, _at(loaded, wanted), asked=True):
        return str(HfApi().repo_info(wanted.name, repo_type=kind, revision=wanted.revision).sha)


def offline() -> bool:
    """Whether the user has said that the Hub is not to be asked."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _listing(loaded: Loaded, wanted: Input, commit: str) -> dict[str, str | None]:
    """Names of a repo's files with the SHA-256 of those that the Hub keeps outside git, the large ones."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    kind = _kind(wanted.role)
    with _told(wanted.name, kind, commit, _at(loaded, wanted), asked=True):
        tree = HfApi().list_repo_tree(wanted.name, repo_type=kind, revision=commit, recursive=True)
        return {file.path: file.lfs.sha256 if file.lfs else None for file in tree if isinstance(file, RepoFile)}


def _kind(role: Role) -> str:
    return "dataset" if role == "dataset" else "model"


def _at(loaded: Loaded, wanted: Input) -> Problem:
    """Where a problem with an input belongs."""
    return Problem(loaded.where(wanted.path), wanted.path, "")


def _names(folder: Path) -> list[str]:
    """The files of a folder and those below it."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _chosen(names: Iterable[str], kind: str, patterns: Sequence[str]) -> list[str]:
    """The files that fit a pattern; of a model only those at the top: below it lie the same weights in other forms."""
    known = [name for name in names if kind == "dataset" or "/" not in name]
    return sorted(name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns))


def _base_patterns(loaded: Loaded, names: Iterable[str]) -> list[str]:
    """What is read of a base with these files.

    Raises:
        InputError: It ships only pickled weights and the card does not consent.
    """
    if _chosen(names, "model", _WEIGHTS):
        return [*_SMALL, *_WEIGHTS]
    base = loaded.card.base
    if not base.allow_pickle:
        message = f"{base.model} ships no safetensors; `base.allow_pickle: true` consents to its pickled weights"
        raise InputError(Problem(loaded.where("base.model"), "base.model", message))
    return [*_SMALL, *_PICKLED]


def _require_weights(loaded: Loaded, names: Iterable[str]) -> None:
    if not _chosen(names, "model", [*_WEIGHTS, *_PICKLED]):
        message = f"{loaded.card.base.model} holds no weights"
        raise InputError(Problem(loaded.where("base.model"), "base.model", message))


def _folder(loaded: Loaded, wanted: Input, patterns: list[str], pin: Pin | None) -> Path:
    """Where an input's files lie: its own folder, or that of a commit in the Hub's cache."""
    folder = wanted.folder(loaded.file)
    if folder is not None:
        return folder
    where = _at(loaded, wanted)
    if wanted.is_path:
        message = f"no folder {wanted.name!r} beside the card or here with {' or '.join(SIGNS[wanted.role])}"
        raise InputError(Problem(where.where, where.path, message))
    revision = pin.commit if pin is not None else wanted.revision
    return _download(wanted.name, _kind(wanted.role), revision, patterns, where)


def _snapshot(loaded: Loaded, wanted: Input, folder: Path, patterns: list[str], pin: Pin | None) -> Snapshot:
    """Hash what is read; a Hub snapshot's folder is named by its commit.

    Raises:
        InputError: It is not what was locked.
    """
    files = {name: file_sha256(folder / name) for name in _chosen(_names(folder), _kind(wanted.role), patterns)}
    hashed = fingerprint(files)
    if pin is not None and pin.fingerprint != hashed:
        where = _at(loaded, wanted)
        what = f"{changed(pin, files)} not what {lock_file(loaded.file)} says"
        remedy = f"restore what was locked, or `replicard lock {loaded.file}` takes it as it is"
        if pin.commit is not None:
            remedy = f"the copy in the cache is not whole; remove {folder} and run it again with network"
        raise InputError(Problem(where.where, where.path, f"{what}; {remedy}"))
    commit = folder.name if folder.parent.name == "snapshots" and COMMIT.fullmatch(folder.name) else None
    by_card = "card" if commit is not None and wanted.is_commit else None
    return Snapshot(
        name=wanted.name,
        revision=commit or hashed,
        path=str(folder),
        files=files,
        pinned="lock" if pin is not None else by_card,
    )


def changed(pin: Pin, files: Mapping[str, str]) -> str:
    """Which files are not the locked ones, as the beginning of a sentence with its verb."""
    names = sorted(name for name in {*pin.files, *files} if pin.files.get(name) != files.get(name))
    if not pin.files or not names:
        return f"{pin.name} is"
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown} of {pin.name} {'is' if len(names) == 1 else 'are'}"


def _download(name: str, kind: str, revision: str | None, patterns: list[str], where: Problem) -> Path:
    """Fetch a repo's files into the Hub's cache, or find them there."""
    from huggingface_hub import constants, snapshot_download

    require_no_checkout(Path(constants.HF_HUB_CACHE))
    progress.show_transfers()
    ignored = ["*/*"] if kind == "model" else None
    with _told(name, kind, revision, where, asked=False):
        return Path(
            snapshot_download(name, repo_type=kind, revision=revision, allow_patterns=patterns, ignore_patterns=ignored)
        )


def fetch_readme(name: str) -> tuple[bytes, str | None]:
    """The model card of a repo of the Hub and its commit, as it is there now; offline, as it is in the cache.

    Args:
        name: The repo, `owner/name`, with `@revision` behind it if wanted.

    Raises:
        InputError: There is no such repo, or it has no model card.
        MissingError: It cannot be reached or may not be read from here.
    """
    where = Problem(f"hub:{name}", "", "")
    repo, _, revision = name.partition("@")
    folder = _download(repo, "model", revision or None, ["README.md"], where)
    file = folder / "README.md"
    if not file.is_file():
        raise InputError(Problem(where.where, "", "has no README.md; nothing is reported there"))
    return file.read_bytes(), folder.name if COMMIT.fullmatch(folder.name) else None


@contextlib.contextmanager
def _told(name: str, kind: str, revision: str | None, where: Problem, asked: bool) -> Iterator[None]:
    """Tell the errors of the Hub's client in one line each.

    Args:
        name: The repo.
        kind: `model` or `dataset`.
        revision: What is asked for.
        where: The field that names the repo.
        asked: Whether the Hub itself has to answer, and its cache does not do.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    def problem(message: str) -> Problem:
        return Problem(where.where, where.path, message)

    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{name}"
    # The client says again in a warning what the error below says once.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        yield
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
        message += f"; it holds {foreign(name)}" if foreign(name) else ""
        raise InputError(problem(message)) from None
    except ValueError as error:
        if "Invalid filename" not in str(error):
            raise
        raise InputError(problem(f"{name} holds a file whose name leads out of it; nothing was fetched")) from None
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
            remedy = "HF_HUB_OFFLINE=1 takes the cache's" if asked else "fetch it where there is network"
            why = f"{constants.ENDPOINT} cannot be reached ({type(cause).__name__}); {remedy}"
        lacking = "" if asked else f" and not whole in the cache ({constants.HF_HUB_CACHE})"
        message = f"{name!r} is no folder here{lacking}, and {why}"
        raise MissingError(problem(message)) from None
