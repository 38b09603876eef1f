"""A Ray cluster: each task a task of Ray Core with its cores, GPUs and memory, its process a child of Ray's worker.

Ray is asked to try nothing again: that is the driver's to decide. The nodes must see the folder of runs and the cards
under the same paths, and have the same replicard; both is tried out before anything is started. A task gets nothing of
the environment here: tokens are what each node has (docs/clusters.md).
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import MissingError, Problem
from runner.executors import OUT_OF_MEMORY, Settings, Status, Task
from runner.machine import INSTALL_RAY, code_commit, versions
from runner.record import Item
from runner.runs import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PATIENCE = 120.0
"""Seconds that the nodes have to start a worker and look at the folder of runs."""
_INTERVAL = 2.0
"""Seconds between two looks at the logs of tasks that wait: they may be thousands, on a file server."""
_OPEN = ("waiting", "running")
_OBJECT_STORE = 100 << 20
"""Bytes of Ray's store of objects where a cluster is started here: nothing passes through it but a status."""


class _Seen(Item):
    """What a node sees.

    Attributes:
        replicard: Version and commit of the code there.
        runs: What the file that the driver left in the folder of runs holds there; empty where it is not seen.
        cards: SHA-256 of each card's file there; empty where it is not seen.
    """

    replicard: str
    runs: str
    cards: dict[str, str]


class Cluster:
    """A cluster that we are connected to.

    Attributes:
        ray: The package.
        tasks: References to tasks and their logs, by handle.
        known: How they stand, as far as that was seen.
    """

    shares_files = True
    places: int | None = None

    def __init__(self, settings: Settings) -> None:
        self.ray = _connected(settings.address)
        self.tasks: dict[str, tuple[Any, Path]] = {}
        self.known: dict[str, Status] = {}
        self._run = self.ray.remote(_run)
        self._looked = 0.0

    def preflight(self, tasks: Sequence[Task]) -> None:
        """Refuse what fits no node, and nodes that do not see what the tasks read and write, or have other code."""
        nodes = [node for node in self.ray.nodes() if node["Alive"]]
        problems = [problem for task in tasks if (problem := _too_large(task, nodes))]
        if problems:
            raise MissingError(problems)
        used = [node for node in nodes if any(_fits(task, node) for task in tasks)]
        problems = list(self._strangers(tasks, used))
        if problems:
            raise MissingError(problems)

    def adopt(self, tasks: Sequence[Task]) -> Mapping[str, str]:
        """None: Ray ends the tasks of a driver that is gone."""
        return {}

    def submit(self, task: Task, log: Path) -> str:
        """Queue a task; Ray keeps it until a node has room."""
        handle = f"{task.key}#{task.attempt}"
        options = {**_resources(task), "max_retries": 0, "name": handle}
        reference = self._run.options(**options).remote(task.model_dump_json(), str(log))
        self.tasks[handle], self.known[handle] = (reference, log), Status(state="waiting")
        return handle

    def poll(self, handles: Sequence[str]) -> Mapping[str, Status]:
        """How tasks stand."""
        open_ = {self.tasks[handle][0]: handle for handle in handles if self.known[handle].state in _OPEN}
        if open_:
            ended, _ = self.ray.wait(list(open_), num_returns=len(open_), timeout=0)
            self.known.update((open_[reference], self._outcome(reference)) for reference in ended)
        if time.monotonic() - self._looked >= _INTERVAL:
            for handle in handles:
                if self.known[handle].state == "waiting":
                    self.known[handle] = _under_way(self.tasks[handle][1])
            self._looked = time.monotonic()
        return {handle: self.known[handle] for handle in handles}

    def fetch(self, task: Task) -> None:
        """Nothing to do: it is here."""

    def cancel(self, handle: str) -> None:
        """Take a task out of the queue; one that runs finds a sign beside its log.

        Ray would interrupt it, which does nothing in a cluster that a shell has started in its background: there,
        interrupts are ignored.
        """
        reference, log = self.tasks[handle]
        _sign(log).touch()
        if _under_way(log).state == "waiting":
            self.ray.cancel(reference)

    def logs(self, handle: str) -> Iterator[str]:
        """The lines of its log."""
        with self.tasks[handle][1].open(encoding="utf-8", errors="replace") as lines:
            yield from lines

    def close(self) -> None:
        """Leave the cluster, which ends our tasks; one that was started here is stopped."""
        self.ray.shutdown()
        for _, log in self.tasks.values():
            _sign(log).unlink(missing_ok=True)

    def _outcome(self, reference: Any) -> Status:
        """How a task ended by what Ray gives for it."""
        errors = self.ray.exceptions
        try:
            return Status.model_validate_json(self.ray.get(reference))
        except errors.OutOfMemoryError:
            return Status(state="done", code=OUT_OF_MEMORY, message="killed by Ray's memory monitor")
        except errors.TaskCancelledError:
            return Status(state="lost", message="cancelled")
        except errors.RayError as error:
            return Status(state="lost", message=_line(error))

    def _strangers(self, tasks: Sequence[Task], nodes: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
        """What is wrong with the nodes: each looks at a file of the runs folder, at the cards and at its own code."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        runs = tasks[0].runs
        runs.mkdir(parents=True, exist_ok=True)
        sign, said = runs / f".{secrets.token_hex(8)}.part", secrets.token_hex(16)
        cards = {str(task.card): _sha256(task.card) for task in tasks}
        sign.write_text(said, encoding="ascii")
        try:
            look, asked = self.ray.remote(_look), {}
            for node in nodes:
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                on_it = look.options(num_cpus=0, max_retries=0, scheduling_strategy=there)
                asked[on_it.remote(str(sign), sorted(cards))] = node["NodeManagerAddress"]
            answered, silent = self.ray.wait(list(asked), num_returns=len(asked), timeout=_PATIENCE)
            for one in silent:
                yield Problem(asked[one], "", f"no worker answers there within {_PATIENCE:g} s; see Ray's logs on it")
            for one in answered:
                try:
                    seen = _Seen.model_validate_json(self.ray.get(one))
                except self.ray.exceptions.RayTaskError as error:
                    message = f"cannot run replicard: {_line(error)}; install it on every node as it is here"
                    yield Problem(asked[one], "", message)
                except self.ray.exceptions.RayError:
                    continue  # the node went away meanwhile; tasks go to the others
                else:
                    yield from _differences(asked[one], seen, said, runs, cards)
        finally:
            sign.unlink(missing_ok=True)


def start(settings: Settings) -> Cluster:
    """Connect to the cluster at the address, or at RAY_ADDRESS; without either, start one on this machine.

    Raises:
        MissingError: Ray is not installed, or the cluster cannot be reached.
    """
    return Cluster(settings)


def _connected(address: str | None) -> Any:
    """Ray, connected."""
    # Set before the import: Ray reads it then.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError:
        raise MissingError(f"Ray is not installed; {INSTALL_RAY}") from None
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    here = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE} if address == "local" else {}
    asked_to_stop = signal.getsignal(signal.SIGTERM)
    try:
        _require_listening(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **here)
    except (OSError, ValueError, RuntimeError, ImportError, ray.exceptions.RayError) as error:
        message = f"no Ray cluster there, or none that knows the token here: {_line(error)}"
        message += "; `ray start --head` starts one (docs/clusters.md)"
        raise MissingError(Problem(f"--ray-address {address}", "", message)) from None
    finally:
        signal.signal(signal.SIGTERM, asked_to_stop)  # Ray takes it, and would leave at once
    return ray


def _under_way(log: Path) -> Status:
    """How a task stands that has not ended: it runs, once its log says where."""
    if log.stat().st_size == 0:
        return Status(state="waiting")
    with log.open(encoding="utf-8", errors="replace") as lines:
        return Status(state="running", message=lines.readline().strip())


def _sign(log: Path) -> Path:
    """The file that tells the task with a log, wherever it runs, to stop."""
    return log.with_suffix(".stop")


def _require_listening(address: str) -> None:
    """Find out in seconds that nobody is there, for which Ray takes minutes.

    Raises:
        OSError: Nobody is.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _run(task_json: str, log: str) -> str:
    """On a node: run a task to its end."""
    from runner.executors import _child

    task, stop = Task.model_validate_json(task_json), _sign(Path(log)).exists
    own = {"OMP_NUM_THREADS": str(task.cpus), **({} if task.gpus else {"CUDA_VISIBLE_DEVICES": ""})}
    with Path(log).open("ab") as output:
        output.write(f"on {socket.gethostname()}\n".encode())  # that something is there says that the task runs
        output.flush()
        return _child.run(task.arguments(), output, {**os.environ, **own}, task.timeout_s, stop).model_dump_json()


def _look(sign: str, cards: Sequence[str]) -> str:
    """On a node: what it sees of a file that the driver left, and of the cards."""
    try:
        runs = Path(sign).read_text(encoding="ascii")
    except OSError:
        runs = ""
    known = {card: _sha256(Path(card)) for card in cards}
    return _Seen(replicard=_code(), runs=runs, cards=known).model_dump_json()


def _differences(node: str, seen: _Seen, said: str, runs: Path, cards: Mapping[str, str]) -> Iterator[Problem]:
    """What a node sees otherwise than this machine."""
    if seen.runs != said:
        message = f"does not see {runs}, where the runs are to lie; --runs names a folder that all nodes share"
        yield Problem(node, "", message)
    for card, sha in cards.items():
        if seen.cards[card] != sha:
            message = f"does not see {card} as it is here; keep the cards in a folder that all nodes share"
            yield Problem(node, "", message)
    if seen.replicard != _code():
        yield Problem(node, "", f"has replicard {seen.replicard}, here is {_code()}; install the same on all nodes")


def _resources(task: Task) -> dict[str, float]:
    """What a task asks of Ray."""
    return {"num_cpus": task.cpus, "num_gpus": task.gpus, "memory": task.memory_bytes}


def _fits(task: Task, node: Mapping[str, Any]) -> bool:
    have = node["Resources"]
    wanted = {"CPU": task.cpus, "GPU": task.gpus, "memory": task.memory_bytes}
    return all(have.get(name, 0) >= amount for name, amount in wanted.items())


def _too_large(task: Task, nodes: Sequence[Mapping[str, Any]]) -> Problem | None:
    """That a task fits no single node, where Ray would wait for one for ever."""
    if any(_fits(task, node) for node in nodes):
        return None
    message = f"needs {_amounts(task.cpus, task.gpus, task.memory_bytes)} on one node; the cluster has "
    sizes = [node["Resources"] for node in nodes]
    kinds = {_amounts(size.get("CPU", 0), size.get("GPU", 0), size.get("memory", 0)) for size in sizes}
    return Problem(task.key, "", f"{message}{'; '.join(sorted(kinds))} a node; add a larger one")


def _amounts(cpus: float, gpus: float, memory: float) -> str:
    return f"{cpus:g} CPUs, {gpus:g} GPUs, {memory / 2**30:.1f} GiB"


def _code() -> str:
    """Version and commit of the code."""
    return f"{versions()['replicard']} {code_commit() or ''}".strip()


def _sha256(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError:
        return ""


def _line(error: BaseException) -> str:
    """The line of Ray's message that says what happened: the last of a traceback, the first of anything else."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1 if "Traceback" in str(error) or "ray::" in lines[0] else 0][:300]
