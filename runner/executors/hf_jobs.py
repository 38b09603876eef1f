"""Jobs of the Hugging Face Hub: each task a job on a machine that is rented for it; no cluster is needed.

Cards go, and runs come home, through a private dataset repo. A job is found again by its labels, so that a driver that
was killed goes on with the jobs it had; what jobs have brought home meanwhile is not done again. The token is a secret
of the job, which the Hub keeps and never shows (docs/clusters.md).
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import secrets
import shlex
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from registry.errors import InputError, MissingError, Problem
from registry.hardware import ACCELERATORS
from registry.locking import inputs, lock_file
from registry.secrets import find_secrets
from runner import asking, machine, plugins, results
from runner.executors import Settings, State, Status, Task
from runner.record import Item
from runner.runs import file_sha256, run_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.loading import Loaded

MARK = "replicard-job "
"""What the last line of a job begins with; how its task has ended follows."""
INTERVAL = 5.0
"""Seconds between two questions how the jobs stand."""
MARGIN = 1800.0
"""Seconds that a job has beside those of its task: to install replicard, to fetch and to send."""

PATIENCE = 3600.0
"""Seconds in which the Hub may say nothing of the jobs, which go on meanwhile."""

_PACKAGES = tuple(name for name in machine.PACKAGES if name != "replicard")
_LONGEST = 63
"""Characters of a label."""
_LAST = 20
"""Lines at the end of a log among which a job says how its task ended."""
_STATES: Mapping[str, State] = {"SCHEDULING": "waiting", "RUNNING": "running"}
_OVER = ("COMPLETED", "ERROR", "CANCELED", "DELETED")


class _Flavor(Item):
    """A kind of machine.

    Attributes:
        name: What the Hub calls it.
        cpus: Its cores.
        memory_bytes: Its memory.
        gpus: Its GPUs.
        gpu: Model and memory of one of them, as words of a name.
        gpu_bytes: Memory of one of them.
        cost: What it costs by the Hub's own price list, in USD a minute.
    """

    name: str
    cpus: int
    memory_bytes: float
    gpus: int = 0
    gpu: str = ""
    gpu_bytes: float = 0
    cost: float


@dataclass
class _Job:
    """A job of ours.

    Attributes:
        id: What the Hub knows it by; empty for one that is over, and whose run is in the repo.
        log: Where its output is written; null for one that an earlier driver began.
        lines: Its output so far.
        reader: The thread that reads it; null before it runs.
        status: How it stands.
    """

    id: str
    log: Path | None = None
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None
    status: Status = field(default_factory=lambda: Status(state="waiting"))

    @property
    def has_ended(self) -> bool:
        return self.status.state in ("done", "lost")


class Jobs:
    """The jobs of a namespace: that of the repo for the results."""

    shares_files = False
    places: int | None = None

    def __init__(self, settings: Settings) -> None:
        from huggingface_hub import HfApi

        if settings.results is None:
            message = "is missing; name a private dataset repo through which runs come home, it is made if need be"
            raise InputError(Problem("--results NAMESPACE/NAME", "", message))
        asking.prepare()
        self.repo = settings.results
        self.namespace = self.repo.partition("/")[0]
        self.fresh = settings.fresh
        self.image, self.install = _software(settings)
        self.api = HfApi()
        self.flavors: Mapping[str, str] = {}
        self.jobs: dict[str, _Job] = {}
        self._carried: dict[Path, tuple[str, str]] = {}
        self._asked = self._answered = time.monotonic() - INTERVAL

    def preflight(self, tasks: Sequence[Task]) -> None:
        """Refuse what no job could do: what fits no machine, and cards that name what only this machine has."""
        problems: list[Problem] = []
        results.open_repo(self.repo)
        flavors = self._priced()
        chosen = {}
        for task in tasks:
            loaded = plugins.load_card(task.card)
            problems += _elsewhere(loaded)
            fitting = [flavor for flavor in flavors if _fits(flavor, task)]
            if fitting:
                chosen[task.key] = min(fitting, key=lambda flavor: (not _is_declared(flavor, loaded), flavor.cost)).name
            else:
                problems.append(_too_large(task, flavors))
        if problems:
            raise MissingError(problems)
        self.flavors = chosen

    def adopt(self, tasks: Sequence[Task]) -> Mapping[str, str]:
        """Tasks whose jobs still wait or run, and, unless all is done anew, those whose runs have come home."""
        known = {_labels(self.repo, task)["task"]: task.key for task in tasks}
        for found in self._under_way():
            key = known.get((found.labels or {}).get("task", ""))
            if key is not None:
                self.jobs[key] = _Job(found.id)
        whole = set() if self.fresh else results.whole_runs(self.repo)
        home = {task.key for task in tasks if _run(task) in whole}.difference(self.jobs)
        self.jobs.update((key, _Job("", status=Status(state="done", code=0))) for key in home)
        return {key: key for key in self.jobs}

    def submit(self, task: Task, log: Path) -> str:
        """Start a job, once however often that is tried."""
        handle = f"{task.key}#{task.attempt}"
        folder, name = self._carry(plugins.load_card(task.card))
        arguments = (self.repo, folder, _run(task), f"{task.timeout_s:g}", *task.arguments(f"{folder}/{name}", "runs"))
        labels = {**_labels(self.repo, task), "submission": secrets.token_hex(8)}

        def once() -> Any:
            # What was asked for may be there although its answer was lost: then its labels tell.
            return next(iter(self._listed(labels, None)), None) or self._run(arguments, labels, task)

        made = asking.ask(once, "starting a job for", self.repo)
        self.jobs[handle] = _Job(made.id, log)
        return handle

    def poll(self, handles: Sequence[str]) -> Mapping[str, Status]:
        """How the jobs stand; the Hub is asked every few seconds."""
        if time.monotonic() - self._asked >= INTERVAL:
            try:
                self._look_at([one for handle in handles if not (one := self.jobs[handle]).has_ended])
                self._answered = time.monotonic()
            except MissingError:
                if time.monotonic() - self._answered > PATIENCE:
                    raise
            self._asked = time.monotonic()
        return {handle: self.jobs[handle].status for handle in handles}

    def fetch(self, task: Task) -> None:
        """Bring a run home."""
        results.receive_run(self.repo, run_named(task.runs, _run(task)))

    def cancel(self, handle: str) -> None:
        """End a job; a job knows no other end than at once."""
        one = self.jobs[handle]

        def call() -> None:
            try:
                self.api.cancel_job(job_id=one.id, namespace=self.namespace)
            except Exception as error:
                if asking.status(error) not in (400, 404, 409):  # it has ended by itself
                    raise

        if not one.has_ended:
            asking.ask(call, "cancelling a job of", self.repo)

    def logs(self, handle: str) -> Iterator[str]:
        """The lines of its output so far."""
        yield from list(self.jobs[handle].lines)

    def close(self) -> None:
        """End the jobs that have not ended: nobody waits for them any more, and they cost money."""
        for handle in self.jobs:
            with contextlib.suppress(MissingError):
                self.cancel(handle)

    def _run(self, arguments: Sequence[str], labels: dict[str, str], task: Task) -> Any:
        from huggingface_hub import constants, get_token

        command = f"exec python -m runner.job {shlex.join(arguments)}"
        if self.install is not None:
            failed = Status(state="done", code=3, message=f"pip cannot install {self.install} in {self.image}")
            told = shlex.quote(f"{MARK}{failed.model_dump_json()}")
            packages = shlex.join((self.install, *_pinned()))
            command = f"python -m pip install --quiet {packages} || {{ echo {told}; exit 3; }}; {command}"
        # The client in the job is to speak with the same Hub, in the same way.
        env = {"HF_ENDPOINT": constants.ENDPOINT, "OMP_NUM_THREADS": str(task.cpus)}
        if task.gpus:
            env["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(task.gpus)))
        if constants.HF_HUB_DISABLE_XET:
            env["HF_HUB_DISABLE_XET"] = "1"
        return self.api.run_job(
            image=self.image,
            command=["/bin/sh", "-c", command],
            env=env,
            secrets={"HF_TOKEN": get_token()},
            flavor=self.flavors[task.key],
            timeout=task.timeout_s + MARGIN,
            labels=labels,
            namespace=self.namespace,
        )

    def _listed(self, labels: Mapping[str, str], stages: Any) -> list[Any]:
        """Jobs with these labels at one of these stages, or at any, the newest first."""
        return list(self.api.list_jobs(status=stages, labels=dict(labels), namespace=self.namespace))

    def _under_way(self) -> list[Any]:
        """The jobs for this repo that wait or run."""
        labels = {"results": _label(self.repo)}
        return asking.ask(lambda: self._listed(labels, list(_STATES)), "listing the jobs for", self.repo)

    def _look_at(self, jobs: Sequence[_Job]) -> None:
        """See how jobs stand: by the list of those under way, or each by itself where it is not among them."""
        listed = {one.id: one for one in self._under_way()} if jobs else {}
        for one in jobs:
            found = listed.get(one.id) or self._inspected(one.id)
            if found is None:
                one.status = Status(state="lost", message="the Hub knows nothing of its job any more")
                continue
            stage = str(found.status.stage)
            if stage != "SCHEDULING" and one.reader is None:
                one.reader = threading.Thread(target=self._read, args=(one,), daemon=True)
                one.reader.start()
            if stage not in _OVER:
                one.status = Status(state=_STATES.get(stage, "running"), message=f"{found.flavor} {found.url}")
            elif one.reader is None or not one.reader.is_alive():
                one.status = _outcome(stage, found.status.message or "", one.lines)

    def _inspected(self, id: str) -> Any:
        """A job; null where it was deleted."""

        def read() -> Any:
            try:
                return self.api.inspect_job(job_id=id, namespace=self.namespace)
            except Exception as error:
                if asking.status(error) == 404:
                    return None
                raise

        return asking.ask(read, "asking for a job of", self.repo)

    def _read(self, one: _Job) -> None:
        """Write down what a job says until it has ended.

        Whatever goes wrong with that: how the job ended is told by its stage, and by what it has sent home.
        """
        for follow in (True, False):
            with contextlib.suppress(Exception):
                said = self.api.fetch_job_logs(job_id=one.id, namespace=self.namespace, follow=follow)
                for line in itertools.islice(said, 0 if follow else len(one.lines), None):
                    one.lines.append(line)
                    if one.log is not None:
                        with one.log.open("a", encoding="utf-8") as log:
                            log.write(f"{line}\n")
            if _told(one.lines) is not None:
                return

    def _carry(self, loaded: Loaded) -> tuple[str, str]:
        """Bring a card with what it names here into the repo; returns its folder there, and its file in that."""
        if loaded.file not in self._carried:
            files = _files(loaded)
            digest = hashlib.sha256(repr([(name, file_sha256(files[name])) for name in sorted(files)]).encode())
            folder = f"cards/{loaded.card.id}-{digest.hexdigest()[:12]}"
            results.send(self.repo, folder, files, f"The card {loaded.card.id}")
            name = next(name for name, path in files.items() if path == loaded.file)
            self._carried[loaded.file] = (folder, name)
        return self._carried[loaded.file]

    def _priced(self) -> list[_Flavor]:
        """The machines that the Hub rents."""
        found = asking.ask(self.api.list_jobs_hardware, "asking for the machines for", self.repo)
        flavors = []
        for one in found:
            more: dict[str, Any] = {}
            if one.accelerator is not None:
                count = int(_amount(one.accelerator.quantity))
                each = _amount(one.accelerator.vram) / count
                more = {"gpus": count, "gpu": f"{one.accelerator.model} {each / 1e9:g}GB", "gpu_bytes": each}
            cpus, memory = int(_amount(one.cpu)), _amount(one.ram)
            flavors.append(_Flavor(name=one.name, cpus=cpus, memory_bytes=memory, cost=one.unit_cost_usd, **more))
        return flavors


def start(settings: Settings) -> Jobs:
    """The jobs of the namespace of the repo for the results.

    Raises:
        InputError: It is not said which repo that is, or what a job installs.
    """
    return Jobs(settings)


def _software(settings: Settings) -> tuple[str, str | None]:
    """The image of a job, and what pip installs in it; null for an image that holds replicard."""
    for option, given in (("--job-image", settings.image), ("--job-install", settings.install)):
        if find_secrets(given or ""):
            message = "holds a token, which all would read who may see the job; an image with replicard needs none"
            raise InputError(Problem(option, "", message))
    if settings.image is not None:
        return settings.image, settings.install
    install = settings.install or machine.requirement()
    if install is None:
        message = "is missing, as pip did not install this replicard from a git repo: name one and its commit"
        message += ", `replicard[run] @ git+https://…@…`, or an image that holds it with --job-image"
        raise InputError(Problem("--job-install", "", message))
    return f"python:{sys.version_info.major}.{sys.version_info.minor}", install


def _pinned() -> list[str]:
    """The packages that matter, in the versions that they have here; a build for some device has no version there."""
    found = machine.versions()
    return [f"{name}=={found[name].partition('+')[0]}" for name in _PACKAGES if found[name] != "not installed"]


def _files(loaded: Loaded) -> dict[str, Path]:
    """What a card needs of this machine: itself, its lock, its source and the folders that it names.

    They are named by their places below the lowest folder that all of them lie in, so that `../rows` leads to the rows
    there as well. A folder that was found in the working directory lies beside the card there.
    """
    home = loaded.file.absolute().parent
    files = {home / loaded.file.name: loaded.file}
    if lock_file(loaded.file).is_file():
        files[home / lock_file(loaded.file).name] = lock_file(loaded.file)
    if loaded.card.source is not None:
        files[home / loaded.card.source.readme] = loaded.file.parent / loaded.card.source.readme
    for one in inputs(loaded.card).values():
        folder = one.folder(loaded.file)
        if folder is not None:
            found = (path for path in folder.rglob("*") if path.is_file())
            files.update({home / one.name / path.relative_to(folder): path for path in found})
    places = {os.path.normpath(place): path for place, path in files.items()}
    root = os.path.commonpath([str(home), *(os.path.dirname(place) for place in places)])  # noqa: PTH120
    return {Path(place).relative_to(root).as_posix(): path for place, path in places.items()}


def _elsewhere(loaded: Loaded) -> Iterator[Problem]:
    """Names in a card that cannot lead to the same in a job."""
    for one in inputs(loaded.card).values():
        if one.name.startswith(("/", "~")):
            message = f"{one.name} is a place on this machine; a path from the card takes it to a job"
            yield Problem(loaded.where(one.path), one.path, message)


def _labels(repo: str, task: Task) -> dict[str, str]:
    """What a job is found by, and what people see of it in the list of jobs."""
    card, _, seed = _run(task).split("/")
    return {
        "name": _label(f"{card}-{seed}"),
        "results": _label(repo),
        "task": _label(_run(task)),
        "card": _label(card),
        "seed": seed.removeprefix("seed"),
        "attempt": str(task.attempt),
    }


def _label(text: str) -> str:
    """A text as a label may be: letters, digits and hyphens, not too long, and another one for another text."""
    slug = re.sub(r"[^A-Za-z0-9_-]", "-", text)
    if slug == text and len(text) <= _LONGEST:
        return text
    return f"{slug[: _LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _run(task: Task) -> str:
    """The run of a task, as a RUN argument names it."""
    return "/".join(task.folder.parts[-3:])


def _fits(flavor: _Flavor, task: Task) -> bool:
    return (
        flavor.cpus >= task.cpus
        and flavor.memory_bytes >= task.memory_bytes
        and (flavor.gpus >= task.gpus > 0 or flavor.gpus == task.gpus)
        and flavor.gpu_bytes >= (task.device_bytes if task.gpus else 0)
    )


def _is_declared(flavor: _Flavor, loaded: Loaded) -> bool:
    """Whether a machine has the accelerator that the card declares."""
    name = loaded.card.hardware.accelerator
    return name is not None and bool(flavor.gpu) and ACCELERATORS[name].is_named(flavor.gpu)


def _too_large(task: Task, flavors: Sequence[_Flavor]) -> Problem:
    wanted = f"{task.cpus} cores, {task.memory_bytes / 1e9:.1f} GB"
    if task.gpus:
        wanted += f", {task.gpus} GPUs of {task.device_bytes / 1e9:.1f} GB"
    names = ", ".join(flavor.name for flavor in flavors)
    return Problem(task.key, "", f"needs {wanted}; no machine of the Hub has that ({names})")


def _amount(text: str) -> float:
    """The number of a quantity as the Hub writes it, its bytes where it is one of memory: `16 GB`, `2 vCPU`, `4`."""
    number, _, unit = text.strip().partition(" ")
    return float(number) * {"MB": 1e6, "GB": 1e9, "TB": 1e12}.get(unit, 1)


def _told(lines: Sequence[str]) -> Status | None:
    """What a job says of its end; null where it was ended before it could."""
    for line in reversed(lines[-_LAST:]):
        if line.startswith(MARK):
            with contextlib.suppress(ValidationError):
                return Status.model_validate_json(line.removeprefix(MARK))
    return None


def _outcome(stage: str, message: str, lines: Sequence[str]) -> Status:
    """How a task ended: by its job's own word, else by what the Hub says of the job."""
    if (told := _told(lines)) is not None:
        return told
    if stage == "COMPLETED":
        return Status(state="done", code=0)
    code = re.search(r"exit code:? (\d+)", message)
    if code is not None:  # nothing that another try would change: no replicard in the image, memory
        return Status(state="done", code=int(code[1]), message=lines[-1] if lines else message)
    return Status(state="lost", message=f"the job ended as {stage}{f': {message}' if message else ''}")
