"""Publishing a run: pushed in one commit, fetched back, loaded as its README says, and compared with the record.

Only then does `publication.json` in the run's folder say that it is published. On the Hub nothing is changed any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from registry.errors import InputError, Problem
from registry.loading import Loaded
from registry.locking import COMMIT
from runner import keeping, model, progress, provenance, pushing
from runner.audit import Audit, judge_runs
from runner.data import TEXTS, cleaned, load_parts
from runner.publishing import PublishedFile, select
from runner.record import Item, Record
from runner.rendering import difference
from runner.reproducing import card_of, claim_findings
from runner.runs import (
    Run,
    exclusive,
    file_sha256,
    is_complete,
    over_all_seeds,
    read_record,
    seeds_of,
    write,
    write_model,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.card import Card
    from runner.record import Snapshot

ROWS = 32
"""Rows that are scored again."""
EXACT, ROUNDED = 1e-3, 0.02
"""Most that a probability may differ where the run computed in 32 bits, and where in fewer or from quantized weights.

bfloat16 has 8 significant bits, so a logit near 4 is off by up to 1/128, and a probability by a quarter of the error of
a difference of logits; the layers before it add to that.
"""


class File(Item):
    """A published file.

    Attributes:
        name: Its path in the repo.
        size: Bytes.
        sha256: SHA-256 of its content.
    """

    name: str
    size: int
    sha256: str


class Publication(Item):
    """That a run is on the Hub, and what was seen of it there.

    Attributes:
        format: Version of this format.
        run: The run.
        endpoint: The Hub.
        repo: `namespace/name`.
        commit: A commit that holds the files.
        tag: The tag that names it; null for a pull request.
        pull_request: Address of the pull request, where it is one.
        public: Whether it was published for everybody.
        files: What was published; each was fetched again and had this hash.
        rows: Rows that were scored again with what was fetched, loaded by the README's own code.
        largest_difference: Largest difference of a probability to the record's.
    """

    format: int = 1
    run: str
    endpoint: str
    repo: str
    commit: str
    tag: str | None
    pull_request: str | None
    public: bool
    files: tuple[File, ...]
    rows: int
    largest_difference: float


def tag_of(run: Run) -> str:
    """The tag of a run: `replicard-<run id>-seed<k>`."""
    return f"replicard-{run.id}-seed{run.seed}"


def to_publish(card: Card, run: Run, named: bool) -> Run:
    """The seed that stands for a run: the first declared one, never the best; it is the one that its README shows.

    Args:
        card: The card.
        run: The run that was asked for.
        named: Whether it was asked for by its seed.

    Raises:
        InputError: Another seed was asked for, or none is complete.
    """
    complete = seeds_of(run)
    if not complete:
        raise InputError(f"{run} is not complete; `replicard reproduce {run.card}` finishes it")
    shown = next((one for one in complete if one.seed == card.training.seed), complete[0])
    if named and run != shown:
        raise InputError(f"the README shows seed {shown.seed}, which is the one to publish; never the best of several")
    return shown


def collect(card: Card, run: Run) -> tuple[tuple[PublishedFile, ...], bytes]:
    """The files of a run as they would be on the Hub, and the text of `provenance.json`, the last of them.

    Raises:
        InputError: The audit or the README is not of the run as it is, or a file may not be published. With all.
    """
    record = read_record(run, Record) if is_complete(run) else None
    if record is None:
        raise InputError(f"{run} is not complete; `replicard reproduce {run.card}` finishes it")
    if record.rehearsal:
        raise InputError(
            f"{run} is a rehearsal, whose scores mean nothing; `replicard reproduce {run.card}` is the run"
        )
    audit = judge_runs(card, run, claim_findings(card, run))
    problems = list(_behind(card, run, audit))
    if card.adapter is not None and record.base is not None and not COMMIT.fullmatch(record.base.revision):
        message = f"{record.base.name} is a folder of this machine, and its adapter would load nowhere else"
        problems.append(Problem("", "base.model", f"{message}; name the base by its id on the Hub"))
    files: tuple[PublishedFile, ...] = ()
    try:
        files = select(run)
    except InputError as error:
        problems += error.problems
    assert record.training is not None
    here = {file.name: file.sha256 for file in files}
    changed = [name for name, sha in record.training.files.items() if here.get(f"{run.folder.name}/{name}", sha) != sha]
    problems += [
        Problem(str(run.folder / name), "", f"is not what was trained; `replicard reproduce {run.card}` makes it anew")
        for name in changed
    ]
    if problems:
        raise InputError(problems)
    text = provenance.statement(record, audit, files)
    path = run.over_seeds / provenance.NAME
    return (*files, PublishedFile(provenance.NAME, path, len(text), hashlib.sha256(text).hexdigest())), text


def _behind(card: Card, run: Run, audit: Audit) -> Sequence[Problem]:
    """What does not follow from the run any more: the audit, the README."""
    at = run.over_seeds / "audit.json"
    try:
        done = Audit.model_validate_json(at.read_bytes()) == audit
    except (FileNotFoundError, ValidationError):
        done = False
    problems = []
    if not done:
        message = f"the audit of these runs is not done; `replicard audit {run}` and `replicard render {run}` do it"
        problems.append(Problem(str(at), "", message))
    elif (run.over_seeds / "README.md").exists() and (behind := difference(card, run, audit)):
        problems.append(behind)
    return problems


def publish(
    card: Card, run: Run, repo: str, public: bool = False, create_pr: bool = False, overwrite: bool = False
) -> tuple[Publication, pushing.Pushed]:
    """Publish a run, and see that it arrived; what is there already is not sent again.

    Args:
        card: The card with the claims as they are now.
        run: The seed to publish.
        repo: `namespace/name`.
        public: Whether everybody may read it.
        create_pr: Whether to propose it as a pull request only.
        overwrite: Whether files there that replicard did not write may be replaced.

    Raises:
        InputError: The run, the repo or what arrived is not as it should be.
        MissingError: The Hub cannot be reached, or forbids it.
    """
    pushing.require_name(repo)
    with exclusive(run), over_all_seeds(run):
        files, text = collect(card, run)
        write(run.over_seeds / provenance.NAME, text)
        wanted = pushing.Wanted(repo, files, f"Publish {run}", tag_of(run), public, create_pr, overwrite)
        pushed = pushing.push(wanted)
        kept = run.folder / "publication.json"
        done = _already(kept, wanted, pushed)
        if done is None:
            with progress.stage("check what arrived"):
                rows, difference = _arrived(run, wanted, pushed)
            done = Publication(
                run=str(run),
                endpoint=pushed.endpoint,
                repo=repo,
                commit=pushed.commit,
                tag=pushed.tag,
                pull_request=pushed.pull_request,
                public=public,
                files=_files(files),
                rows=rows,
                largest_difference=difference,
            )
            write_model(kept, done)
    return done, pushed


def _files(files: Sequence[PublishedFile]) -> tuple[File, ...]:
    return tuple(File(name=file.name, size=file.size, sha256=file.sha256) for file in files)


def _already(kept: Path, wanted: pushing.Wanted, pushed: pushing.Pushed) -> Publication | None:
    """What an earlier publication saw, where it is the same that is on the Hub now."""
    try:
        before = Publication.model_validate_json(kept.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    same = (before.endpoint, before.repo, before.commit, before.tag, before.pull_request, before.files)
    now = (pushed.endpoint, wanted.repo, pushed.commit, pushed.tag, pushed.pull_request, _files(wanted.files))
    return before if same == now else None


def _arrived(run: Run, wanted: pushing.Wanted, pushed: pushing.Pushed) -> tuple[int, float]:
    """Fetch what was published into a fresh cache, load it and score rows; rows, and the largest difference.

    Raises:
        InputError: It is not what was sent, does not load, or scores otherwise.
    """
    record = read_record(run, Record)
    card = card_of(record)
    columns, expected = _sample(card, record, run)
    with tempfile.TemporaryDirectory(prefix="replicard-") as cache:
        folder = pushing.fetch(wanted.repo, pushed.commit, Path(cache), [file.name for file in wanted.files])
        where = f"{wanted.repo} at {pushed.commit[:12]}"
        if wrong := [file.name for file in wanted.files if not _same(folder / file.name, file)]:
            raise InputError(f"{where} is not what was sent: {', '.join(wrong)}; publish it again")
        classifier = _by_readme(folder / "README.md", where)
        given = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        inputs = given if len(columns) > 1 else [row["text"] for row in given]
        answers = classifier(inputs, truncation=True, max_length=card.data.tokens.max_length, top_k=None)
        found = [{one["label"]: float(one["score"]) for one in answer} for answer in answers]
    difference = max(
        abs(now.get(label, 0.0) - chance)
        for now, before in zip(found, expected, strict=True)
        for label, chance in before.items()
    )
    rounded = card.quantization is not None or record.plan.precision != "fp32" or card.base.dtype != "float32"
    most = ROUNDED if rounded else EXACT
    if not difference <= most:
        said = f"a probability differs by {difference:.2g} from the record's, more than {most:g}"
        raise InputError(f"{where} loads as its README says, but scores otherwise: {said}")
    return len(expected), difference


def _same(path: Path, file: PublishedFile) -> bool:
    return path.is_file() and file_sha256(path) == file.sha256


def _by_readme(page: Path, where: str) -> Any:
    """The classifier that the README's code makes, run in its folder; what was written by hand into it is not run.

    Raises:
        InputError: There is no such code, or it fails.
    """
    rendered = keeping.without(page.read_text(encoding="utf-8"))
    code = re.search(r"^```python\n(.*?)^```", rendered, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    model.quiet()
    try:
        with contextlib.chdir(page.parent), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code[1] if code else "", "README.md", "exec"), names)
        return names["classifier"]
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        said = f"the README's code does not load it ({type(error).__name__}: {reason})"
        raise InputError(f"{where} arrived whole, but {said}") from None


def _sample(card: Card, record: Record, run: Run) -> tuple[dict[str, list[str]], list[dict[str, float]]]:
    """Texts, cleaned as in training, and the probabilities that the record has of them, by label.

    Rows of the scored split, spread over all of it; the card's examples where the dataset is no longer here.
    """
    import pyarrow.parquet as pq

    assert record.evaluation is not None
    if _is_here(record.dataset):
        scored = pq.read_table(run.predictions)
        step = max(1, scored.num_rows // ROWS)
        chosen = list(range(0, scored.num_rows, step))[:ROWS]
        parts = load_parts(Loaded(card, run.record, record.card_sha256, {}), record.dataset)
        rows = parts.splits[card.evaluation.split].select(chosen)
        before, labels = scored.take(chosen), card.task.labels
        chances = zip(*(before[f"probability_{label}"].to_pylist() for label in labels), strict=True)
        columns = {name: rows[name][:] for name in TEXTS if name in rows.column_names}
        return columns, [dict(zip(labels, row, strict=True)) for row in chances]
    examples = record.evaluation.examples
    if not examples:
        message = f"the rows that {run} was scored on are no longer here"
        raise InputError(f"{message}; `replicard reproduce {run.card}` fetches them")
    columns = {"text": [example.text for example in examples]}
    if card.data.text_pair is not None:
        columns["text_pair"] = [example.text_pair or "" for example in examples]
    return cleaned(columns, card.data.clean), [{example.predicted: example.probability} for example in examples]


def _is_here(dataset: Snapshot) -> bool:
    """Whether the files that the run read are still where it read them."""
    files = ((Path(dataset.path) / name, sha256) for name, sha256 in dataset.files.items())
    return dataset.is_here and all(path.is_file() and file_sha256(path) == sha256 for path, sha256 in files)
