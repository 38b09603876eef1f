"""Files to a private dataset repo of the Hub and back from it: how cards get to jobs, and their runs home.

Many jobs commit to the same repo, each to a folder of its own. So a commit names no parent: what somebody else has
committed meanwhile is none of its business. Each round looks what is there, and commits what is not.
"""

from __future__ import annotations

import glob
import shutil
import time
from typing import TYPE_CHECKING

from registry.errors import InputError, MissingError, Problem, foreign
from runner import asking
from runner.record import Record
from runner.runs import Run, exclusive, file_sha256, git_blob, read_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_OURS_ALONE = ("inputs.json", "checkpoints")
"""What of a run's folder is of no use elsewhere."""


def open_repo(repo: str) -> None:
    """See that there is a private dataset repo of this name, and make it where there is none.

    Raises:
        InputError: It is no name of a repo, or everybody may read it.
        MissingError: The Hub does not answer, or forbids it.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    where = f"--results {repo}"
    try:
        validate_repo_id(repo)
    except HFValidationError:
        message = f"is no repo of the Hub{f', as it holds {foreign(repo)}' if foreign(repo) else ''}"
        raise InputError(Problem(where, "", f"{message}; write namespace/name")) from None
    if "/" not in repo:
        raise InputError(Problem(where, "", "is no repo of the Hub; write namespace/name"))
    asking.require_login(repo)
    api = HfApi()
    asking.ask(
        lambda: api.create_repo(repo, repo_type="dataset", private=True, exist_ok=True), "creating the dataset", repo
    )
    if not asking.ask(lambda: api.repo_info(repo, repo_type="dataset"), "reading the dataset", repo).private:
        raise InputError(Problem(where, "", "is public; runs are kept in a private dataset repo, name another one"))


def held(repo: str, folder: str = "") -> dict[str, str]:
    """The files below a folder of a repo: SHA-256 of a large one, git's id of a small one."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    def read() -> dict[str, str]:
        try:
            tree = list(HfApi().list_repo_tree(repo, folder or None, repo_type="dataset", recursive=True))
        except EntryNotFoundError:
            return {}
        files = [file for file in tree if isinstance(file, RepoFile)]
        return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}

    return asking.ask(read, "reading the dataset", repo)


def send(repo: str, folder: str, files: Mapping[str, Path], title: str) -> None:
    """Bring files into a folder of a repo in one commit; nothing is sent that is there already.

    Args:
        repo: The dataset repo.
        folder: Folder in it.
        files: Files by their names in that folder.
        title: Title of the commit.

    Raises:
        MissingError: The Hub does not answer, or forbids it.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    trouble: Exception | None = None
    for round_ in range(asking.ROUNDS + 1):
        there = held(repo, folder)
        missing = {f"{folder}/{name}": path for name, path in files.items() if not _is(there, f"{folder}/{name}", path)}
        if not missing:
            return
        if trouble is not None and round_ == asking.ROUNDS:
            raise asking.explained(trouble, "committing to the dataset", repo)
        try:
            operations = [CommitOperationAdd(name, path) for name, path in missing.items()]
            HfApi().create_commit(repo, operations, commit_message=title, repo_type="dataset")
            return
        except Exception as error:
            if not asking.may_pass(error):
                raise asking.explained(error, "committing to the dataset", repo) from None
            trouble = error
            time.sleep(asking.pause(error, round_))
    raise AssertionError("a round returns or raises")


def receive(repo: str, folder: str, to: Path) -> None:
    """Fetch all files below a folder of a repo; they lie below the same folder of `to`."""
    from huggingface_hub import snapshot_download

    def download() -> str:
        pattern = f"{glob.escape(folder)}/*"
        # Into a folder and not into the cache: runs of which nobody will read a second copy.
        return str(snapshot_download(repo, repo_type="dataset", allow_patterns=[pattern], local_dir=to))

    asking.ask(download, "reading the dataset", repo)


def send_run(repo: str, run: Run) -> None:
    """Bring a run into a repo."""
    paths = (path for path in run.folder.rglob("*") if path.is_file())
    names = {path.relative_to(run.folder).as_posix(): path for path in paths}
    wanted = {name: path for name, path in names.items() if _travels(name)}
    send(repo, f"runs/{run}", wanted, f"{run}")


def receive_run(repo: str, run: Run) -> None:
    """Fetch a run to where it would lie had it been made here, its record last.

    Raises:
        MissingError: The repo does not hold it, or not as its own record says.
    """
    scratch = run.folder / ".incoming"
    arrived = Run(scratch / "runs", run.card, run.id, run.seed)
    with exclusive(run):
        shutil.rmtree(scratch, ignore_errors=True)  # of a driver that was killed
        try:
            receive(repo, f"runs/{run}", scratch)
            _require_whole(repo, arrived)
            for path in sorted(arrived.folder.iterdir(), key=lambda path: path.name == arrived.record.name):
                goal = run.folder / path.name
                if goal.is_dir():
                    shutil.rmtree(goal)
                path.replace(goal)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _require_whole(repo: str, run: Run) -> None:
    """Refuse a run that is not what its record says, as a run that was made here would be."""
    problem = Problem(f"{repo}/runs/{run}", "", "")
    if not run.record.exists():
        raise MissingError(Problem(problem.where, "", "is not there; the job has not brought its run home"))
    record = read_model(run.record, Record)
    files = record.training.files if record.training is not None else {}
    changed = [n for n, sha in files.items() if not (run.folder / n).is_file() or file_sha256(run.folder / n) != sha]
    if (record.card_id, record.run_id, record.seed) != (run.card, run.id, run.seed):
        raise MissingError(Problem(problem.where, "", f"holds another run, {record.run_id} seed {record.seed}"))
    if changed or record.evaluation is None or not run.predictions.is_file():
        what = f"{changed[0]} is not the file that its record names" if changed else "it was not evaluated to its end"
        raise MissingError(Problem(problem.where, "", f"is not whole: {what}; remove it there and run it again"))


def _travels(name: str) -> bool:
    parts = name.split("/")
    return parts[0] not in _OURS_ALONE and not any(part.startswith(".") for part in parts)


def _is(there: Mapping[str, str], name: str, path: Path) -> bool:
    return name in there and there[name] in (git_blob(path), file_sha256(path))


def whole_runs(repo: str) -> set[str]:
    """The runs that a repo holds, as RUN arguments name them: a run comes in one commit, so all of it or nothing."""
    return {
        name.removeprefix("runs/").removesuffix("/record.json")
        for name in held(repo, "runs")
        if name.endswith("/record.json")
    }
