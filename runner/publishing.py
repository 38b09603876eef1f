"""Publishing: which files of a run go to the Hub, and which never do. The selection is pure: it reads, nothing else."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import InputError, Problem
from registry.secrets import find_secrets
from runner.runs import file_sha256, git_blob, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runner.runs import Run


@dataclass(frozen=True)
class PublishedFile:
    """A file that would be pushed.

    Attributes:
        name: Its path in the repo: as in the run's folder, so that the README's links and snippets hold.
        path: Where it lies here.
        size: Bytes.
        sha256: SHA-256 of its content.
    """

    name: str
    path: Path
    size: int
    sha256: str

    @cached_property
    def git_blob(self) -> str:
        """The id that git gives to its content."""
        return git_blob(self.path)


def select(run: Run) -> tuple[PublishedFile, ...]:
    """The files of a run that would be pushed, by name: README, audit, and of its seed record, scores, plots and model.

    A file is told by its content as well as by its name: a pickle does not become safetensors by being called so.

    Raises:
        InputError: Something lies there that is not published: a pickle, code, a link out of the run, a secret, or any
            file that no rule knows; or there is no README. With every such file.
    """
    root = run.over_seeds
    files: list[PublishedFile] = []
    problems = []
    candidates = list(_candidates(run))
    for path in candidates:
        name = path.relative_to(root).as_posix()
        wrong = _wrong(path, name, root, run)
        if wrong:
            problems.append(Problem(str(path), "", wrong))
        else:
            files.append(PublishedFile(name, path, path.stat().st_size, file_sha256(path)))
    if root / "README.md" not in candidates:
        problems.append(Problem(str(root), "", f"has no README.md; `replicard render {run}` writes it"))
    if not any(path.is_relative_to(run.model) for path in candidates):
        problems.append(Problem(str(run.model), "", f"holds no model; `replicard reproduce {run.card}` trains it"))
    if problems:
        raise InputError(problems)
    return tuple(files)


def _candidates(run: Run) -> Iterator[Path]:
    """Every file (and link) that is of the run's results; checkpoints, locks and parts of files are not."""
    own = (
        run.over_seeds / "README.md",
        run.over_seeds / "audit.json",
        run.record,
        run.predictions,
    )
    yield from (path for path in own if path.is_symlink() or path.exists())
    for folder in (run.base, run.model, run.plots):
        if folder.is_symlink():
            yield folder
            continue
        for at, folders, names in os.walk(folder):
            folders.sort()
            linked = [name for name in folders if (Path(at) / name).is_symlink()]
            yield from (Path(at) / name for name in sorted([*names, *linked]))


def _wrong(path: Path, name: str, root: Path, run: Run) -> str:
    """Why a file may not be pushed, with what to do about it; empty where it may."""
    if not path.resolve().is_relative_to(root.resolve()):
        return "is a link to a file outside the run; put the file itself there, or remove the link"
    if not path.is_file():
        return "is not a file; remove it"
    again = f"`replicard reproduce {run.card} --fresh` makes it anew"
    rule = next((rule for pattern, rule in _RULES if fnmatchcase(path.name, pattern)), None)
    if rule is None or name.count("/") > 2 or (path.name == "README.md" and name != "README.md"):
        if _is_pickle(path):
            return "is a pickle, which runs code when it is read; weights are published as safetensors"
        return f"is no file that a model is published with; remove it ({_KNOWN})"
    try:
        wrong = rule(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if wrong and _is_pickle(path):
        wrong = "is a pickle, whatever its name says"
    return f"{wrong}; {again}" if wrong else _private(_words(path), run)


def _private(text: str, run: Run) -> str:
    """What in a text is for nobody else: a token or a password, a folder of this machine; empty for nothing."""
    if found := find_secrets(text):
        offset, kind = found[0]
        return f"holds what looks like {kind} in line {_line(text, offset)}; take it out and revoke it"
    if place := _folders(run).search(text):
        said = f"names a folder of this machine in line {_line(text, place.start())}"
        return f"{said}; name it by its id or relative to the card, and `replicard reproduce {run.card} --fresh`"
    return ""


def _words(path: Path) -> str:
    """What a file says in words: all of a text, the header of weights; nothing of what is neither."""
    if path.suffix == ".safetensors":
        with path.open("rb") as file:
            return _unescaped(file.read(int.from_bytes(file.read(8), "little")).decode(errors="replace"))
    if path.suffix in _BINARY:
        return ""
    text = path.read_text(encoding="utf-8")
    return _unescaped(text) if path.suffix == ".json" else text


def _unescaped(text: str) -> str:
    """JSON with its escaped ASCII in plain letters, as its readers see it; lines stay."""
    return re.sub(r"\\(?:u00([2-7][0-9a-fA-F])|/)", lambda m: chr(int(m[1], 16)) if m[1] else "/", text)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _folders(run: Run) -> re.Pattern[str]:
    """Folders of whoever publishes: the home, the working directory, those of runs, inputs and the Hub's cache."""
    inputs = map(Path, places_of(run).values())
    folders = [
        Path("~").expanduser(),
        Path.cwd(),
        run.root,
        Path(os.environ.get("HF_HOME") or "~").expanduser(),
        *inputs,
    ]
    names = {str(path) for folder in folders for path in (folder.absolute(), folder.resolve())} - {os.sep}
    # `/root` alone is a word of some vocabularies, and `/data` a part of `https://host/data`.
    choices = (re.escape(name) + (r"/\w" if name.count(os.sep) == 1 else r"(?![\w.-])") for name in sorted(names))
    return re.compile(rf"(?<![\w.~-])(?:{'|'.join(choices)})")


def _is_pickle(path: Path) -> bool:
    """Whether a file is a pickle, or an archive as `torch.save` writes it, or is called one."""
    if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy"):
        return True
    with path.open("rb") as file:
        start = file.read(4)
    return start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or start == b"PK\x03\x04"


def _safetensors(path: Path) -> str:
    """The format begins with the length of its header, 8 bytes little-endian, and the header, a JSON object."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= path.stat().st_size - 8 or file.read(1) != b"{":
            return "is not safetensors"
    return ""


def _json(path: Path) -> str:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return "is not JSON"
    return ""


def _text(path: Path) -> str:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return "is not a text in UTF-8"
    return ""


def _begins(signature: bytes, what: str) -> Callable[[Path], str]:
    def rule(path: Path) -> str:
        with path.open("rb") as file:
            return "" if file.read(len(signature)) == signature else f"is not {what}"

    return rule


def _sentencepiece(path: Path) -> str:
    """A protobuf message whose first field, the pieces, is number 1 with a length: the byte 0x0A."""
    with path.open("rb") as file:
        return "" if file.read(1) == b"\x0a" else "is no SentencePiece model"


_BINARY = (".png", ".parquet", ".model")

_RULES: tuple[tuple[str, Callable[[Path], str]], ...] = (
    ("*.safetensors", _safetensors),
    ("*.json", _json),
    ("vocab.txt", _text),
    ("merges.txt", _text),
    ("*.jinja", _text),
    ("*.model", _sentencepiece),
    ("README.md", _text),
    ("predictions.parquet", _begins(b"PAR1", "a Parquet file")),
    ("*.png", _begins(b"\x89PNG\r\n\x1a\n", "a PNG")),
)
"""What is published, by file name, and what it must be inside."""

_KNOWN = "published are safetensors, JSON, tokenizers, plots, the record and the README"
