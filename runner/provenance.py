"""`provenance.json`: which files a run published, and what they were made of; written beside them, and checked.

An in-toto Statement v1 (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md): subjects with their
hashes, and a predicate that says of what run they are. It is not signed: it shows that files are those which the
statement names, not who wrote the statement.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from registry.errors import InputError, Problem
from registry.locking import fingerprint
from runner.runs import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runner.audit import Audit
    from runner.publishing import PublishedFile
    from runner.record import Record, Snapshot

NAME = "provenance.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:replicard:run:v1"

_BY_THE_HUB = (".gitattributes",)
"""Files that the Hub itself writes."""
_BY_RUNS = ("inputs.json", "publication.json")
"""Files that a run's folder holds and that are not published, beside its lease."""


def statement(record: Record, audit: Audit, files: Iterable[PublishedFile]) -> bytes:
    """The text of `provenance.json`. It follows from the run alone: the same run gives the same bytes.

    Args:
        record: The record of the seed that is published.
        audit: What its card's claims came to, over all seeds.
        files: What is published beside it.
    """
    predicate = {
        "card": {"id": record.card_id, "sha256": record.card_sha256, "as_run_sha256": _hash(record.card)},
        "run": {"id": record.run_id, "seed": record.seed, "seeds": list(audit.seeds), "started": record.started},
        "plan_sha256": _hash(record.plan.model_dump(mode="json")),
        "inputs": {
            role: _input(snapshot)
            for role, snapshot in (("base", record.base), ("tokenizer", record.tokenizer), ("dataset", record.dataset))
            if snapshot is not None
        },
        "code": {"name": "replicard", "version": record.versions.get("replicard"), "commit": record.code},
        "packages": record.packages or record.versions,
        "machine": record.machine.model_dump(mode="json"),
        "deviations": [deviation.model_dump(mode="json") for deviation in audit.deviations],
        "verdict": audit.verdict,
        "verdicts": [
            {
                "metric": finding.metric,
                "split": finding.split,
                "reported": finding.reported,
                "reproduced": finding.mean,
                "verdict": finding.verdict,
            }
            for finding in audit.findings
        ],
    }
    subjects = [{"name": file.name, "digest": {"sha256": file.sha256, "gitBlob": file.git_blob}} for file in files]
    whole = {"_type": STATEMENT, "subject": subjects, "predicateType": PREDICATE, "predicate": predicate}
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def digests(text: bytes | str) -> dict[str, dict[str, str]]:
    """The files that a statement names, with their hashes by algorithm.

    Raises:
        ValueError: It is no statement about a published run.
    """
    try:
        whole = json.loads(text)
        if whole["_type"] != STATEMENT or whole["predicateType"] != PREDICATE:
            raise ValueError(f"is {whole['_type']!r} about {whole['predicateType']!r}")
        found = {str(one["name"]): {str(k): str(v) for k, v in one["digest"].items()} for one in whole["subject"]}
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("is no in-toto statement about a run of replicard") from error
    if not found or any("sha256" not in digest for digest in found.values()):
        raise ValueError("names no files with their SHA-256")
    if outside := next((name for name in found if not _is_inside(name)), None):
        raise ValueError(f"names a file outside its folder: {outside!r}")
    return found


def differences(folder: Path, all_of_it: bool = False) -> dict[str, str]:
    """Files of a folder that are not as its `provenance.json` says, each with how it differs; empty where all are.

    A file that it does not name is one too where it lies beside named ones: what loads those would read it.

    Args:
        folder: The folder.
        all_of_it: Whether any other file is one as well: in a repo, where no other runs lie.

    Raises:
        InputError: There is no `provenance.json`, or it cannot be read.
    """
    path = folder / NAME
    try:
        named = digests(path.read_bytes())
    except FileNotFoundError:
        message = f"no {NAME}; `replicard publish` writes one beside the weights"
        raise InputError(Problem(str(folder), "", message)) from None
    except (ValueError, OSError) as error:
        raise InputError(Problem(str(path), "", str(error))) from None
    found = {}
    for name, digest in named.items():
        file = folder / name
        if not file.is_file():
            found[name] = "is missing"
        elif (actual := file_sha256(file)) != digest["sha256"]:
            found[name] = f"has SHA-256 {actual[:12]}…, published was {digest['sha256'][:12]}…"
    for name in _unnamed(folder, named) if all_of_it else _beside(folder, named):
        found[name] = f"is not in {NAME}"
    return found


def _unnamed(folder: Path, named: Iterable[str]) -> Sequence[str]:
    """All files that are not named, but those that the Hub writes."""
    known = {*named, NAME, *_BY_THE_HUB}
    present = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(name for name in present if name not in known)


def _beside(folder: Path, named: Iterable[str]) -> Sequence[str]:
    """Files next to named ones that are not named themselves; those that the Hub or a run keeps for itself aside."""
    known = {*named, NAME, *_BY_THE_HUB}
    folders = {PurePosixPath(name).parent for name in known}
    present = (
        (PurePosixPath(at) / entry.name).as_posix()
        for at in sorted(folders)
        if (folder / at).is_dir()
        for entry in sorted(os.scandir(folder / at), key=lambda entry: entry.name)
        if not entry.is_dir() and entry.name not in _BY_RUNS and not entry.name.startswith(".lock")
    )
    return [name for name in present if name not in known]


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and "\\" not in name and "\0" not in name and ".." not in path.parts and name != ""


def _input(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "name": snapshot.name,
        "revision": snapshot.revision,
        "fingerprint": fingerprint(snapshot.files),
        "files": snapshot.files,
    }


def _hash(value: Mapping[str, Any]) -> str:
    """SHA-256 of a value as JSON with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
