"""Read millions of READMEs: one row each of what they say, of what the claim checks say of it, and counts at the end.

READMEs are streamed in parts of `PART`; a pool of processes reads them, and each part is written whole or not at all. A
run that was killed at any point is finished by the same command: parts that are there are kept, and no README is lost
or doubled.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections import Counter, deque
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from registry.document import FACTS
from registry.errors import InputError, Problem
from registry.readme.metrics import METRICS
from registry.readme.reader import read
from runner.facts import facts
from runner.record import Item
from runner.runs import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Format = Literal["jsonl", "parquet"]

PART = 1_000
"""READMEs of a part: a second's work, and little to lose."""

READMES = (".md", ".markdown", ".txt")
TEXT_COLUMNS = ("card", "text")
NAME_COLUMNS = ("name", "id", "modelId", "repo")
MAX_BYTES = 10_000_000
"""A larger file is no README, and is refused unread."""
BUFFER = 1 << 20
"""Bytes of a Parquet file's column that are in memory before they are decoded."""

_KNOWN = frozenset((*METRICS.values(), "co2_kg"))
_RUN, _SUMMARY = "run.json", "summary.json"


class Readme(NamedTuple):
    """A README on its way: its number in the source, what it is called, and its text; null where it has none."""

    row: int
    name: str
    text: str | None


class Share(Item):
    """How many READMEs something is true of.

    Attributes:
        count: How many.
        of: Of how many.
        share: The quotient.
        low: Lower end of its 95 % Wilson interval.
        high: Upper end.
    """

    count: int
    of: int
    share: float
    low: float
    high: float


class Summary(Item):
    """What was found in many READMEs.

    Attributes:
        format: Version of this format.
        readmes: READMEs of the source.
        refused: Those that could not be read, by the reason.
        cut: READMEs that are longer than what is read of one.
        facts: READMEs that state a fact, by its name; a placeholder states nothing.
        metrics: READMEs that report a metric, by its name; `other` for names that are not known here.
        reporting: READMEs that report any number.
        tables: READMEs with an epoch table.
        sections: READMEs that fill a section of the Hub's template, by its name.
        verdicts: READMEs by the worst verdict of the claim checks on them; empty without an audit.
        findings: READMEs with a finding, by verdict and id; likewise.
    """

    format: int = 1
    readmes: int
    refused: dict[str, int]
    cut: Share
    facts: dict[str, Share]
    metrics: dict[str, Share]
    reporting: Share
    tables: Share
    sections: dict[str, Share]
    verdicts: dict[str, Share]
    findings: dict[str, Share]


def draft_all(
    source: Path,
    out: Path,
    *,
    audit: bool = False,
    form: Format = "jsonl",
    workers: int = 1,
    told: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Read every README of a folder or a Parquet file.

    Args:
        source: A folder, with READMEs and Parquet files anywhere below it, or a Parquet file.
        out: The folder that is written: `part-000000.jsonl`, …, with a row a README in the order of the source,
            `summary.json`, and `run.json`, which tells what it is of.
        audit: Whether each row has what the claim checks say.
        form: JSON lines, or Parquet of the same rows as JSON beside their number, name and verdict.
        workers: Processes that read.
        told: Called with the READMEs done so far whenever a part is.

    Returns:
        The counts, also of parts of an earlier run that was stopped.

    Raises:
        InputError: There is no README in the source, a Parquet file has no text column, or `out` holds another run.
    """
    files = _files(source)
    _begin(out, {"source": [_mark(source, file) for file in files], "audit": audit, "form": form, "part": PART})
    done = 0
    with ExitStack() as stack:
        submit = _pool(stack, workers)
        waiting: deque[tuple[int, Future[None] | None]] = deque()
        for number, part in enumerate(_parts(files)):
            there = _part(out, number, form).exists()
            waiting.append((len(part), None if there else submit(_write_part, part, out, number, audit, form)))
            while waiting and (len(waiting) > 2 * workers or waiting[0][1] is None):
                done += _finished(*waiting.popleft())
                told(done)
        while waiting:
            done += _finished(*waiting.popleft())
            told(done)
    summary = _summary(out)
    write(out / _SUMMARY, summary.model_dump_json(indent=2).encode())
    return summary


def _finished(size: int, future: Future[None] | None) -> int:
    if future is not None:
        future.result()
    return size


def _pool(stack: ExitStack, workers: int) -> Callable[..., Future[None]]:
    """How work is handed on: to a pool of processes, or for one worker done at once."""
    if workers == 1:

        def at_once(work: Callable[..., None], *arguments: Any) -> Future[None]:
            future: Future[None] = Future()
            work(*arguments)
            future.set_result(None)
            return future

        return at_once
    context = multiprocessing.get_context("spawn")  # pyarrow's threads do not survive a fork
    return stack.enter_context(ProcessPoolExecutor(workers, context, initializer=end_with_parent)).submit


def end_with_parent() -> None:
    """Let a worker end when the run is killed: it would wait for work forever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _files(source: Path) -> list[Path]:
    """The files of a source in their order.

    Raises:
        InputError: There are none.
    """
    if not source.exists():
        raise InputError(
            Problem(str(source), "", "no such file or folder; name a folder of READMEs, or a .parquet file")
        )
    wanted = (*READMES, ".parquet")
    files = [source]
    if source.is_dir():
        files = sorted(one for one in source.rglob("*") if one.suffix in wanted and one.is_file())
    if not files or files[0].suffix not in wanted:
        raise InputError(Problem(str(source), "", f"holds no README: nothing there ends in {', '.join(wanted)}"))
    return files


def _mark(source: Path, file: Path) -> list[Any]:
    """What tells whether a file is still the same."""
    name = file.relative_to(source).as_posix() if file != source else file.name
    return [name, file.stat().st_size, file.stat().st_mtime_ns]


def _begin(out: Path, run: dict[str, Any]) -> None:
    """Make the folder, or find in it the run that is to be finished.

    Raises:
        InputError: The folder holds something else.
    """
    marker = out / _RUN
    if marker.exists():
        if json.loads(marker.read_bytes()) != run:
            message = "holds another run: of other READMEs, or with other options; choose another folder with -o"
            raise InputError(Problem(str(out), "", message))
        return
    if out.exists() and (not out.is_dir() or any(not one.name.startswith(".") for one in out.iterdir())):
        raise InputError(Problem(str(out), "", "is there and holds no run; choose a new folder with -o"))
    out.mkdir(parents=True, exist_ok=True)
    write(marker, json.dumps(run).encode())


def _parts(files: Iterable[Path]) -> Iterator[list[Readme]]:
    part: list[Readme] = []
    for readme in _readmes(files):
        part.append(readme)
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


def _readmes(files: Iterable[Path]) -> Iterator[Readme]:
    row = 0
    for file in files:
        rows = _of_parquet(file) if file.suffix == ".parquet" else _of_file(file)
        for name, text in rows:
            yield Readme(row, name, text)
            row += 1


def _of_file(file: Path) -> Iterator[tuple[str, str | None]]:
    large = file.stat().st_size > MAX_BYTES
    yield str(file), None if large else file.read_bytes().decode("utf-8", "replace")


def _of_parquet(file: Path) -> Iterator[tuple[str, str | None]]:
    """The texts of a Parquet file, a few at a time.

    Raises:
        InputError: It is none, or has no column of texts.
    """
    import pyarrow
    import pyarrow.parquet as pq

    try:
        # Read ahead, as is the default, pyarrow holds the file whole before the last of it is read.
        table = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER)
    except pyarrow.ArrowInvalid as error:
        raise InputError(Problem(str(file), "", f"no Parquet: {str(error).splitlines()[0]}")) from None
    columns = table.schema_arrow.names
    text = next((one for one in TEXT_COLUMNS if one in columns), None)
    name = next((one for one in NAME_COLUMNS if one in columns), None)
    if text is None:
        message = f"has no column {' or '.join(TEXT_COLUMNS)}, only {', '.join(columns)[:200]}"
        raise InputError(Problem(str(file), "", message))
    row = 0
    for batch in table.iter_batches(256, columns=[text, *([name] if name else [])]):
        names = batch[name].to_pylist() if name else [None] * len(batch)
        for told, value in zip(names, batch[text].to_pylist(), strict=True):
            readme = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            yield str(told) if told else f"{file}#{row}", readme if isinstance(readme, str) else None
            row += 1


def _part(out: Path, number: int, form: Format) -> Path:
    return out / f"part-{number:06}.{form}"


def _counts(out: Path, number: int) -> Path:
    return out / f"part-{number:06}.counts.json"


def _write_part(part: list[Readme], out: Path, number: int, audit: bool, form: Format) -> None:
    """Read a part and write its rows; its counts are there before it is."""
    counts: Counter[str] = Counter()
    rows = [_row(readme, audit, counts) for readme in part]
    write(_counts(out, number), json.dumps(counts).encode())
    lines = [json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") for row in rows]
    if form == "jsonl":
        write(_part(out, number, form), b"".join(line + b"\n" for line in lines))
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({
        "row": [readme.row for readme in part],
        "name": [readme.name for readme in part],
        "verdict": pa.array([row.get("verdict") for row in rows], pa.string()),
        "facts": [line.decode() for line in lines],
    })  # fmt: skip
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    write(_part(out, number, form), sink.getvalue().to_pybytes())


def _row(readme: Readme, audit: bool, counts: Counter[str]) -> dict[str, Any]:
    """What is written of a README; one that the reader fails at stops nothing, and is counted."""
    counts["readmes"] += 1
    row: dict[str, Any] = {"row": readme.row, "document": readme.name}
    if readme.text is None:
        return _refused(row, f"no text, or more than {MAX_BYTES:,} bytes", counts)
    try:
        document = read(readme.text, readme.name)
        row |= facts(document).model_dump(mode="json")
        found: set[str] = {f"facts/{fact.name}" for fact in document.facts if fact.status != "placeholder"}
        reported = {
            f"metrics/{one.metric if one.metric in _KNOWN else 'other'}"
            for one in document.results
            if not one.placeholder
        }
        found |= reported | {f"sections/{name}" for name in document.sections}
        found |= {name for name, true in (
            ("reporting", reported), ("tables", document.tables), ("cut", document.unread)
        ) if true}  # fmt: skip
        if audit:
            from runner.claims import report

            told = report(document)
            row |= {"verdict": told.verdict, "findings": [one.model_dump(mode="json") for one in told.findings]}
            found.add(f"verdicts/{told.verdict or 'none'}")
            found |= {f"findings/{one.verdict} {one.id}" for one in told.findings}
    except Exception as error:  # a fault of ours on one README of millions: the counts show it
        return _refused({"row": readme.row, "document": readme.name}, f"{type(error).__name__}: {error}"[:300], counts)
    counts.update(found)
    return row


def _refused(row: dict[str, Any], reason: str, counts: Counter[str]) -> dict[str, Any]:
    counts[f"refused/{reason}"] += 1
    return {**row, "refused": reason}


def _summary(out: Path) -> Summary:
    """The counts of all parts together."""
    counts: Counter[str] = Counter()
    for file in sorted(out.glob("part-*.counts.json")):
        counts.update(json.loads(file.read_bytes()))
    refused = _below(counts, "refused/")
    of = counts["readmes"] - sum(refused.values())
    shares = {
        kind: {name: _share(count, of) for name, count in _below(counts, f"{kind}/").items()}
        for kind in ("metrics", "sections", "verdicts", "findings")
    }
    stated = _below(counts, "facts/")
    stated = {name: stated[name] for name in (*FACTS, *sorted(stated.keys() - FACTS.keys())) if name in stated}
    return Summary(
        readmes=counts["readmes"], refused=refused, facts={name: _share(count, of) for name, count in stated.items()},
        **shares, **{name: _share(counts[name], of) for name in ("cut", "reporting", "tables")},
    )  # fmt: skip


def _below(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in counts.most_common() if name.startswith(prefix)}


def _share(count: int, of: int) -> Share:
    from runner.metrics import wilson

    interval = wilson(count, of)
    low, high = (interval.low, interval.high) if interval is not None else (0.0, 1.0)
    return Share(count=count, of=of, share=count / of if of else 0.0, low=low, high=high)
