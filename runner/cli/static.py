"""What `replicard audit --static` reads and prints: documents, and what the claim checks say of them."""

from __future__ import annotations

import glob
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from registry.errors import InputError, Problem, ReplicardError, json_text
from runner.cli.arguments import hub_name, listed, load_to_read
from runner.cli.output import annotation, print_json, print_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Set

    from registry.document import Document
    from registry.listing import Entry
    from runner.checks import Finding
    from runner.claims import Report

Format = Literal["text", "markdown", "json", "jsonl", "github"]

READMES = (".md", ".markdown", ".txt")
"""Endings of what is read as a README; anything else names a card."""

_PLACE = re.compile(r"(.*):(\d+):(\d+)", re.DOTALL)


def audit_documents(names: Sequence[str], format_: Format, wanted: Set[str]) -> int:
    """Check the claims of documents, one after the other; returns the exit code."""
    from runner.claims import report
    from runner.cli.failures import fail
    from runner.reports import lines, markdown, summary

    code, bad, several = 0, False, len(names) > 1
    reports: list[Report] = []
    for document in _documents(names):
        if isinstance(document, ReplicardError):
            code = max(code, fail(document))
            continue
        one = report(document)
        bad = bad or any(finding.verdict in wanted for finding in one.findings)
        if format_ == "jsonl":
            typer.echo(json_text(one.model_dump_json()))
            continue
        reports.append(one)
        if format_ == "markdown":
            typer.echo(markdown(one))
        elif format_ == "github":
            for _, finding in lines(one):
                typer.echo(_as_annotation(finding))
        elif format_ == "text":
            print_report(one)
    if format_ == "json":
        print_json([one.model_dump(mode="json") for one in reports])
    if format_ == "text" and (several or len(reports) > 1):
        typer.echo(f"{len(reports):,} document{'s' * (len(reports) != 1)}: {summary(reports)}")
    return code or int(bad)


def _as_annotation(finding: Finding) -> str:
    place = _PLACE.fullmatch(finding.where)
    file, line, column = place.groups() if place is not None else (finding.where, "", "")
    message = "; ".join(part for part in (finding.message, finding.arithmetic, finding.remedy) if part)
    title = f"{finding.verdict}: {finding.id}"
    return annotation(finding.severity, message, file=file, line=line, col=column, title=title)


def _documents(names: Sequence[str]) -> Iterator[Document | ReplicardError]:
    """What the arguments name, read as it is asked for; what cannot be read stops nothing."""
    for name in map(hub_name, names):
        try:
            sources = list(_sources(name))
        except ReplicardError as error:
            yield error
            continue
        for source in sources:
            try:
                yield source()
            except ReplicardError as error:
                yield error
            except OSError as error:
                yield InputError(Problem(name, "", f"cannot be read: {error.strerror}"))


def _sources(name: str) -> Iterator[Callable[[], Document]]:
    """How to get each document that an argument means."""
    from registry.finding import all_cards, find
    from runner.fetching import fetch_readme

    if name == "-":
        yield lambda: _read(sys.stdin.buffer.read(), "standard input")
    elif name.startswith("hub:"):
        yield lambda: _read(fetch_readme(name.removeprefix("hub:"))[0], name)
    elif name.endswith(READMES) or os.path.isdir(name):  # noqa: PTH112 - Path.is_dir fails for a name that is too long
        found = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        files = [Path(one) for one in found] or [Path(name)]
        for file in files:
            below = sorted(one for one in file.rglob("*") if one.suffix in READMES) if file.is_dir() else [file]
            if not below:
                raise InputError(Problem(str(file), "", f"holds no README: nothing there ends in {', '.join(READMES)}"))
            yield from (partial(_file, one) for one in below)
    else:
        files = find(name)
        cards, _ = listed(all_cards().values())
        yield from (partial(_card, file, cards) for file in files)


def _card(file: Path, cards: Sequence[Entry]) -> Document:
    """A card, with those of the registry that are of the same base and dataset."""
    from runner.documents import of_card

    loaded = load_to_read(file)
    own = (_name(loaded.card.base.model or ""), _name(loaded.card.data.dataset))
    kin = [Path(one.file) for one in cards if (_name(one.base), _name(one.dataset)) == own and one.id != loaded.card.id]
    return of_card(loaded, [load_to_read(one) for one in kin])


def _name(repo: str) -> str:
    """A repo's name without its namespace: old ids have none."""
    return repo.rpartition("/")[2].casefold()


def _file(file: Path) -> Document:
    from registry.evidence import MAX_BYTES

    if file.stat().st_size > MAX_BYTES:
        raise InputError(Problem(str(file), "", f"larger than {MAX_BYTES:,} bytes; a README is not"))
    return _read(file.read_bytes(), str(file))


def _read(content: bytes, name: str) -> Document:
    """A README as it is: what is no UTF-8 in it is replaced, nothing else."""
    from registry.readme.reader import read

    return read(content.decode("utf-8", "replace"), name)
