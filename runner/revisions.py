"""A card as it was in a revision of its git repository."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry import yaml
from registry.errors import InputError, MissingError, Problem
from runner.plugins import load_card

if TYPE_CHECKING:
    from registry.loading import Loaded


def load_revision(file: Path, revision: str) -> tuple[Loaded, str]:
    """Load a card as it was committed.

    Args:
        file: The card, in a git repository.
        revision: A commit, branch or tag.

    Returns:
        The card, and the path it had in the repository.

    Raises:
        InputError: The file is in no repository, there is no such revision, the file is not in it, or the card was not
            valid then.
        MissingError: There is no git.
    """
    try:
        real = file.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise InputError(Problem(str(file), "", f"cannot be read: {error}")) from None
    found = _git(real.parent, "rev-parse", "--show-toplevel")
    if found.returncode:
        reason = found.stderr.decode(errors="replace").strip().splitlines() or [""]
        unknown = "not a git repository" in reason[0]
        why = "is in no git repository; name a second card to compare it with" if unknown else reason[0]
        raise InputError(Problem(str(file), "", why))
    root = Path(os.fsdecode(found.stdout.rstrip(b"\n"))).resolve()
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit.returncode:
        empty = _git(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode
        hint = "nothing is committed yet" if empty else "`git log --oneline` lists commits"
        raise InputError(Problem(f"--rev {revision}", "", f"no such revision in {root}; {hint}"))
    sha = commit.stdout.decode().strip()
    path = real.relative_to(root).as_posix()
    content = _content(root, sha, path)
    if content is None:
        path = _former(root, sha, path) or path
        content = _content(root, sha, path)
    if content is None:
        raise InputError(Problem(str(file), "", f"not in {revision}; `git add` and commit it, or choose another --rev"))
    with tempfile.TemporaryDirectory(prefix="replicard-") as folder:
        then = Path(folder, "card", Path(path).name)
        then.parent.mkdir()
        then.write_bytes(content)
        _beside(root, sha, path, then)
        try:
            return load_card(then), path
        except InputError as error:
            raise InputError(_told(error, str(then), f"{revision}:{path}")) from None


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise MissingError("git is not installed here; it is needed to read a card's earlier revision") from None


def _content(root: Path, commit: str, path: str) -> bytes | None:
    """A file's bytes in a commit; null where it is not there."""
    found = _git(root, "cat-file", "blob", f"{commit}:{path}")
    return None if found.returncode else found.stdout


def _former(root: Path, commit: str, path: str) -> str | None:
    """The path of a file before it was renamed: by git's own judgement, else the only file of the same name."""
    renamed = _git(root, "diff", "--name-status", "-z", "--find-renames", "--diff-filter=R", commit)
    fields = renamed.stdout.decode(errors="surrogateescape").split("\0")
    for old, new in zip(fields[1::3], fields[2::3], strict=False):
        if new == path:
            return old
    listed = _git(root, "ls-tree", "-r", "-z", "--name-only", commit).stdout.decode(errors="surrogateescape")
    same = [other for other in listed.split("\0") if other and Path(other).name == Path(path).name]
    return same[0] if len(same) == 1 else None


def _beside(root: Path, commit: str, path: str, then: Path) -> None:
    """Put the source README that the card names beside it, so that its words can be found there."""
    raw: Any = None
    with contextlib.suppress(InputError, UnicodeDecodeError):  # which loading the card says with its place
        raw, _ = yaml.read(then.read_text(encoding="utf-8-sig"), "")
    source = raw.get("source") if isinstance(raw, dict) else None
    name = source.get("readme") if isinstance(source, dict) else None
    if not isinstance(name, str):
        return
    target = then.parent / name
    content = _content(root, commit, (Path(path).parent / name).as_posix())
    if content is not None and target.resolve().is_relative_to(then.parent.resolve()):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _told(error: InputError, file: str, name: str) -> list[Problem]:
    """The problems of a temporary file under the name that it has for the user."""
    return [Problem(p.where.replace(file, name), p.path, p.message, p.level) for p in error.problems]
