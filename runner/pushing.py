"""Files to the Hub in one commit, and back from it into a cache of their own. All writing to the Hub is here.

Each round reads the branch's head, compares its files with those that should be there, and commits what differs with
that head as its parent. So an answer that was lost, a commit that somebody else made meanwhile and a second run after
everything went well are one case: the next round finds out what is still to do (docs/decisions/0009-publishing.md).
"""

from __future__ import annotations

import glob
import re
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, MissingError, Problem, foreign
from runner import asking, provenance
from runner.machine import require_no_checkout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runner.publishing import PublishedFile

SMALL = 10_000_000
"""Bytes of a file that is read whole; the Hub takes none that is larger but by git LFS."""


@dataclass(frozen=True)
class Wanted:
    """What is to be on the Hub.

    Attributes:
        repo: `namespace/name`.
        files: The files.
        title: Of the commit, and of the pull request; it names the run.
        tag: The tag for the run.
        public: Whether everybody may read it.
        create_pr: Whether to propose it only.
        overwrite: Whether files there that replicard did not write, or that were changed since, may be replaced.
    """

    repo: str
    files: tuple[PublishedFile, ...]
    title: str
    tag: str
    public: bool = False
    create_pr: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Pushed:
    """What is on the Hub.

    Attributes:
        endpoint: The Hub.
        commit: A commit that holds all the files.
        tag: The tag that names it; null for a pull request.
        pull_request: Address of the pull request, where it is one.
        sent: Files that were committed now.
        removed: Files of an earlier run of replicard that were removed.
        warnings: What the Hub says of the README.
    """

    endpoint: str
    commit: str
    tag: str | None
    pull_request: str | None
    sent: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _State:
    """The files of a commit: path → SHA-256 of a large one, git's id of a small one."""

    commit: str
    oids: Mapping[str, str]

    def holds(self, file: PublishedFile) -> bool:
        oid = self.oids.get(file.name)
        return oid is not None and oid in (file.sha256, file.git_blob)


def require_name(repo: str) -> None:
    """Refuse what is no `namespace/name`.

    Raises:
        InputError: It is none.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo)
        if "/" not in repo:
            raise HFValidationError
    except HFValidationError:
        message = f"is no repo of the Hub{_holds(repo)}; write namespace/name"
        raise InputError(Problem(f"--to {repo}", "", message)) from None


def push(wanted: Wanted) -> Pushed:
    """Bring files to the Hub in one commit, and tag it; nothing is sent that is there already.

    Raises:
        InputError: The repo holds files that are somebody else's, is not as private as wanted, or refuses the README.
        MissingError: The Hub cannot be reached, or forbids it.
    """
    from huggingface_hub import HfApi

    asking.require_login(wanted.repo)
    api = HfApi()
    _open(api, wanted)
    done = _commit(api, wanted)
    if not wanted.create_pr:
        done = _tagged(api, wanted, done)
    return done


def fetch(repo: str, revision: str | None, cache: Path, names: Sequence[str] | None = None) -> Path:
    """Download a repo, or some of its files, into a cache; returns the folder of the snapshot.

    Raises:
        InputError: There is no such repo or revision.
        MissingError: It cannot be reached, or may not be read.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    asking.prepare()
    require_no_checkout(cache)
    patterns = [glob.escape(name) for name in names] if names is not None else None

    def download() -> Path:
        return Path(snapshot_download(repo, revision=revision, cache_dir=cache, allow_patterns=patterns))

    try:
        return asking.ask(download, "reading", repo)
    except GatedRepoError:
        raise MissingError(f"{repo} is gated; ask for access on its page, then `hf auth login`") from None
    except RevisionNotFoundError:
        raise InputError(f"{repo} has no revision {revision!r}") from None
    except (RepositoryNotFoundError, HFValidationError):
        raise InputError(
            f"no model {repo!r} at {asking.endpoint()}, or a private one; check it, or `hf auth login`"
        ) from None
    except ValueError as error:
        if "Invalid filename" not in str(error):
            raise
        raise InputError(f"{repo} holds a file whose name leads out of it; nothing was fetched") from None


def _open(api: Any, wanted: Wanted) -> None:
    """See that the repo is there, and as private as it should be, before anything is sent to it."""
    info = _info(api, wanted.repo)
    if info is None:
        private = not wanted.public
        asking.ask(lambda: api.create_repo(wanted.repo, private=private, exist_ok=True), "creating", wanted.repo)
        info = _info(api, wanted.repo)
    if info is None:
        raise MissingError(f"{wanted.repo} is there, but the token may not read it; `hf auth login` with one that may")
    if info.private and wanted.public:
        message = f"{wanted.repo} is private; make it public in its settings, or leave --public out"
        raise InputError(Problem("--public", "", message))
    if not info.private and not wanted.public:
        raise InputError(f"{wanted.repo} is public; --public agrees to that")


def _info(api: Any, repo: str) -> Any:
    """What the Hub says of a repo; null where it says that there is none."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return asking.ask(lambda: api.repo_info(repo), "reading", repo)
    except RepositoryNotFoundError:
        return None


def _commit(api: Any, wanted: Wanted) -> Pushed:
    """Rounds of reading the head and committing what is missing from it, until nothing is."""
    sent: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    said: list[str] = []
    trouble: Exception | None = None
    for round_ in range(asking.ROUNDS + 1):
        head = _state(api, wanted.repo, "main")
        missing = [file for file in wanted.files if not head.holds(file)]
        written = _written(wanted, head)
        stale = sorted(name for name in written if _is_stale(name, written, head, wanted))
        if not missing and not stale:
            return Pushed(asking.endpoint(), head.commit, None, None, sent, removed, tuple(said))
        _refuse_overwriting(wanted, head, written, missing)
        if wanted.create_pr and (found := _proposed(api, wanted)):
            return Pushed(asking.endpoint(), found[0], None, found[1], sent, removed, tuple(said))
        if round_ == asking.ROUNDS or (trouble is not None and wanted.create_pr and asking.status(trouble) is None):
            # A proposal whose answer was lost may still be on its way: nothing tells the Hub that a second is the same.
            assert trouble is not None
            raise asking.explained(trouble, "committing to", wanted.repo)
        try:
            info = _send(api, wanted, head, missing, stale, said)
        except Exception as error:
            if not asking.may_pass(error):
                raise asking.explained(error, "committing to", wanted.repo) from None
            trouble = error
            time.sleep(asking.pause(error, round_))
            continue
        finally:
            sent, removed = tuple(file.name for file in missing), tuple(stale)
        # The answer alone proves nothing, and the head may be told late: what counts is the commit itself.
        kept = _state(api, wanted.repo, info.oid)
        if lacking := [file.name for file in wanted.files if not kept.holds(file)]:
            raise InputError(f"{_some(lacking)} changed while being published to {wanted.repo}; publish it again")
        return Pushed(asking.endpoint(), info.oid, None, info.pr_url, sent, removed, tuple(said))
    raise AssertionError("a round returns or raises")


def _send(
    api: Any, wanted: Wanted, head: _State, missing: Sequence[PublishedFile], stale: Sequence[str], said: list[str]
) -> Any:
    """One commit on top of a head."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    # What was looked through is what is sent: a small file as it is in memory now, a large one by its hash, which git
    # LFS compares with what arrives.
    additions = [
        CommitOperationAdd(file.name, file.path.read_bytes() if file.size <= SMALL else file.path) for file in missing
    ]
    pairs = zip(additions, missing, strict=True)
    if changed := [file.name for addition, file in pairs if addition.upload_info.sha256.hex() != file.sha256]:
        raise InputError(f"{_some(changed)} changed while being published to {wanted.repo}; publish it again")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if ".gitignore" in head.oids:
                _require_not_ignored(api, wanted, additions)
            return api.create_commit(
                wanted.repo,
                [*additions, *(CommitOperationDelete(name) for name in stale)],
                commit_message=wanted.title,
                parent_commit=head.commit,
                create_pr=wanted.create_pr,
            )
        finally:
            lines = [str(warning.message) for warning in caught if "validating metadata" in str(warning.message)]
            said[:] = [line.removeprefix("- ") for text in lines for line in text.splitlines()[1:]]


def _require_not_ignored(api: Any, wanted: Wanted, additions: Sequence[Any]) -> None:
    """Refuse what the repo ignores: the client would leave it out of the commit, and say nothing."""
    api.preupload_lfs_files(wanted.repo, additions, create_pr=wanted.create_pr, free_memory=False)
    ignored = [addition.path_in_repo for addition in additions if getattr(addition, "_should_ignore", False)]
    if ignored:
        raise InputError(f"the .gitignore of {wanted.repo} leaves out {_some(ignored)}; take it away there")


def _state(api: Any, repo: str, revision: str) -> _State:
    from huggingface_hub.hf_api import RepoFile

    def read() -> _State:
        commit = str(api.repo_info(repo, revision=revision).sha)
        tree = api.list_repo_tree(repo, revision=commit, recursive=True)
        files = [file for file in tree if isinstance(file, RepoFile)]
        return _State(commit, {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files})

    return asking.ask(read, "reading", repo)


def _written(wanted: Wanted, head: _State) -> Mapping[str, Mapping[str, str]]:
    """What an earlier publication wrote there, by the statement that it left; nothing where that cannot be read."""
    if provenance.NAME not in head.oids or any(
        head.holds(file) for file in wanted.files if file.name == provenance.NAME
    ):
        return {}
    with tempfile.TemporaryDirectory(prefix="replicard-") as cache:
        text = (fetch(wanted.repo, head.commit, Path(cache), [provenance.NAME]) / provenance.NAME).read_bytes()
    try:
        return {**provenance.digests(text), provenance.NAME: {"sha256": head.oids[provenance.NAME]}}
    except ValueError:
        return {}


def _untouched(name: str, written: Mapping[str, Mapping[str, str]], head: _State) -> bool:
    """Whether a file there is as replicard left it."""
    return head.oids.get(name) in written.get(name, {}).values()


def _is_stale(name: str, written: Mapping[str, Mapping[str, str]], head: _State, wanted: Wanted) -> bool:
    """Whether a file is left of an earlier publication, unchanged, and is no part of this one."""
    return _untouched(name, written, head) and all(file.name != name for file in wanted.files)


def _refuse_overwriting(
    wanted: Wanted, head: _State, written: Mapping[str, Mapping[str, str]], missing: Sequence[PublishedFile]
) -> None:
    names = [file.name for file in missing if file.name in head.oids and not _untouched(file.name, written, head)]
    if not names or wanted.overwrite:
        return
    was = "was not written by replicard, or was" if len(names) == 1 else "were not written by replicard, or were"
    raise InputError(f"{_some(names)} in {wanted.repo} {was} changed since; --overwrite replaces what is there")


def _proposed(api: Any, wanted: Wanted) -> tuple[str, str] | None:
    """Commit and address of an open pull request that holds all the files already."""

    def pulls() -> list[Any]:
        found = api.get_repo_discussions(wanted.repo, discussion_type="pull_request", discussion_status="open")
        return [one for one in found if one.title == wanted.title and one.is_pull_request]

    for pull in asking.ask(pulls, "reading the pull requests of", wanted.repo):
        state = _state(api, wanted.repo, pull.git_reference)
        if all(state.holds(file) for file in wanted.files):
            return state.commit, str(pull.url)
    return None


def _tagged(api: Any, wanted: Wanted, done: Pushed) -> Pushed:
    """The tag on a commit that holds the files: on the one it is on, if that does; an older state's is moved."""
    trouble: Exception | None = None
    for round_ in range(asking.ROUNDS + 1):
        refs = asking.ask(lambda: api.list_repo_refs(wanted.repo), "reading the tags of", wanted.repo)
        commit = next((tag.target_commit for tag in refs.tags if tag.name == wanted.tag), None)
        if commit is not None:
            state = _state(api, wanted.repo, commit)
            if all(state.holds(file) for file in wanted.files):
                return Pushed(done.endpoint, commit, wanted.tag, None, done.sent, done.removed, done.warnings)
        if round_ == asking.ROUNDS:
            assert trouble is not None
            raise asking.explained(trouble, "tagging", wanted.repo)
        try:
            if commit is not None:
                api.delete_tag(wanted.repo, tag=wanted.tag)
            api.create_tag(wanted.repo, tag=wanted.tag, revision=done.commit, tag_message=wanted.title)
        except Exception as error:
            # Of two who tag at once, one is told that it is there (409), or that it is gone (404): look again.
            if not asking.may_pass(error) and asking.status(error) not in (404, 409):
                raise asking.explained(error, "tagging", wanted.repo) from None
            trouble = error
            time.sleep(asking.pause(error, round_))
    raise AssertionError("a round returns or raises")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def split_revision(name: str) -> tuple[str, str | None]:
    """`owner/name` and, after an `@`, a branch, tag or commit.

    Raises:
        InputError: It is no such name.
    """
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:@(.+))?", name, re.ASCII)
    if found is None:
        message = f"hub:{name} is no repo of the Hub{_holds(name)}; write hub:owner/name, or hub:owner/name@revision"
        raise InputError(message)
    return found[1], found[2]


def _holds(name: str) -> str:
    return f", as it holds {foreign(name)}" if foreign(name) else ""
