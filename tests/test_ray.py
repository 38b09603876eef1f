"""Tasks on a Ray cluster of two nodes: each is done once whatever dies, and nothing is said that nobody should know."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from command import REPO, process, write_card
from engines import SMALL_MEMORY, TOKEN, at_work, documented
from ray_cluster import Cluster, is_alone

from bench.altered import altered
from runner.leases import look

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from typing import Any

pytestmark = pytest.mark.ray


SEEDS = 3

SLOW_DISK = altered(
    "runner.trainer",
    "Checkpoints",
    """
import time
flush = it.flush

def slowly(folder):
    time.sleep(5)
    flush(folder)

it.flush = slowly
""",
)
"""A `sitecustomize` for processes whose checkpoints take seconds."""

TROUBLES = {"large.yaml": SMALL_MEMORY, "slow.yaml": SLOW_DISK}
"""What is wrong with a node, for the cards that are named so."""


@pytest.fixture(scope="module", autouse=True)
def _alone() -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed here")
    if not is_alone():
        pytest.skip("Ray listens on every interface; `make ray` runs this where there is none but the loopback's")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("nodes")
    code = f"import os, sys\nfor card, code in {TROUBLES!r}.items():\n"
    code += "    if any(os.path.basename(one) == card for one in sys.orig_argv):\n        exec(code)\n"
    (folder / "sitecustomize.py").write_text(code)
    with Cluster({"PYTHONPATH": f"{folder}:{REPO}"}) as made:
        made.add()
        yield made


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card that trains for some seconds, with checkpoints."""
    return write_card(tmp_path_factory.mktemp("cards"), "epochs: 2,", "epochs: 10,")


def driver(card: Path, runs: Path, *more: object, seeds: int = SEEDS, **environment: str) -> subprocess.Popen[str]:
    """The command, with a token that is nobody's business."""
    command = [sys.executable, "-m", "runner.cli", "reproduce", card, "--seeds", f"0..{seeds - 1}", "--runs", runs]
    given = {"PYTHONPATH": str(REPO), "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "1", **environment}
    return process([*command, *more], **given)


def until(condition: Callable[[], Any], of: subprocess.Popen[str], within: float = 300) -> Any:
    """Wait for something while a driver runs."""
    end = time.monotonic() + within
    while not (found := condition()):
        assert of.poll() is None, of.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def trains(folder: Path) -> bool:
    """Whether a run has made a step."""
    told = [found.holder.progress for found in look(folder) if found.holder is not None]
    return any(progress.stage == "train" and progress.done for progress in told)


def trained(runs: Path) -> dict[str, bytes]:
    """The records that are complete, by seed."""
    records = {path.parent.name: path.read_bytes() for path in runs.glob("tiny/*/seed*/record.json")}
    return {seed: content for seed, content in records.items() if json.loads(content)["evaluation"]}


def digests(runs: Path) -> dict[str, str]:
    """What a run gives: its weights and its predictions."""
    files = [*runs.glob("tiny/*/seed*/model/model.safetensors"), *runs.glob("tiny/*/seed*/predictions.parquet")]
    return {str(path.relative_to(runs)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def survived(cluster: Cluster, card: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A set that loses a worker, then a node, then its driver, and is started again."""
    runs = tmp_path_factory.mktemp("ray") / "runs"
    head, second = cluster.nodes
    first = driver(card, runs, "--on", "ray", "--ray-address", cluster.address)
    victim = until(lambda: at_work(head), first)[0]
    victim.parent().kill()  # Ray's worker
    assert psutil.wait_procs([victim], timeout=30)[1] == []
    on_second = until(lambda: at_work(second), first)
    cluster.kill(second)
    assert psutil.wait_procs(on_second, timeout=30)[1] == []
    before = until(lambda: trained(runs), first)
    first.kill()
    first.communicate()
    cluster.add()
    again = driver(card, runs, "--on", "ray", "--ray-address", cluster.address)
    out, err = again.communicate(timeout=600)
    return {"runs": runs, "before": before, "code": again.returncode, "out": out, "err": err}


def test_a_set_that_lost_a_worker_a_node_and_its_driver_is_done_when_started_again(survived: dict[str, Any]) -> None:
    assert survived["code"] == 0, survived["err"]
    assert sorted(trained(survived["runs"])) == [f"seed{seed}" for seed in range(SEEDS)]


def test_what_was_done_before_is_not_done_again(survived: dict[str, Any]) -> None:
    after = trained(survived["runs"])
    assert {seed: after[seed] for seed in survived["before"]} == survived["before"]


def test_each_task_is_done_once(survived: dict[str, Any]) -> None:
    logs = [log.read_text() for log in survived["runs"].glob("tiny/*/logs/*.log")]
    assert len(logs) > SEEDS  # attempts that were lost
    assert sum("evaluate: " in log for log in logs) == SEEDS


def test_the_results_are_those_of_this_machine(survived: dict[str, Any], card: Path, tmp_path: Path) -> None:
    here = driver(card, tmp_path / "runs", "--on", "local", "-q")
    _, err = here.communicate(timeout=600)
    assert here.returncode == 0, err
    assert digests(survived["runs"]) == digests(tmp_path / "runs")
    assert len(digests(tmp_path / "runs")) == 2 * SEEDS


def test_no_file_holds_the_driver_s_token(survived: dict[str, Any], cluster: Cluster) -> None:
    looked = [path for folder in (cluster.folder, survived["runs"]) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "raylet.out" for path in looked)
    assert not [path for path in looked if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in survived["out"] + survived["err"]


def test_an_interrupted_set_ends_with_checkpoints_however_long_they_take(cluster: Cluster, tmp_path: Path) -> None:
    card = write_card(tmp_path / "cards", "epochs: 2,", "epochs: 1000,", name="slow")
    asked = driver(card, tmp_path / "runs", "--on", "ray", "--ray-address", cluster.address, seeds=1)
    until(lambda: any(trains(folder) for folder in tmp_path.glob("runs/slow/*/seed0")), asked)
    (task,) = [one for node in cluster.nodes for one in at_work(node)]
    asked.send_signal(signal.SIGINT)
    _, err = asked.communicate(timeout=300)
    assert asked.returncode == 130, err
    assert list(tmp_path.glob("runs/slow/*/seed0/checkpoints/checkpoint-*/complete"))
    assert [path.name for path in tmp_path.glob("runs/slow/*/logs/*")] == ["seed0-1.log"]
    assert psutil.wait_procs([task], timeout=30)[1] == []


def test_a_task_that_fits_no_node_is_refused(cluster: Cluster, card: Path, tmp_path: Path) -> None:
    refused = driver(card, tmp_path / "runs", "--on", "ray", "--ray-address", cluster.address, "--gpus", "1")
    _, err = refused.communicate(timeout=300)
    assert refused.returncode == 3
    assert "needs 1 CPUs, 1 GPUs" in err
    assert "on one node; the cluster has 1 CPUs, 0 GPUs" in err


def test_a_node_that_does_not_see_the_runs_is_refused(cluster: Cluster, card: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    blind = cluster.add(hidden=tmp_path / "here")
    try:
        refused = driver(card, tmp_path / "here/runs", "--on", "ray", "--ray-address", cluster.address)
        _, err = refused.communicate(timeout=300)
    finally:
        cluster.kill(blind)
    assert refused.returncode == 3
    assert f"does not see {tmp_path / 'here/runs'}, where the runs are to lie; --runs names a folder" in err


def test_where_no_cluster_is_the_command_says_so(card: Path, tmp_path: Path) -> None:
    refused = driver(card, tmp_path / "runs", "--on", "ray", "--ray-address", "127.0.0.1:1")
    _, err = refused.communicate(timeout=300)
    assert refused.returncode == 3
    assert "--ray-address 127.0.0.1:1  no Ray cluster there" in err


def test_a_task_that_the_memory_monitor_kills_is_tried_with_a_smaller_batch(tmp_path: Path) -> None:
    card = write_card(
        tmp_path / "cards", "epochs: 2, learning_rate: 1e-2, batch_size: 32", "epochs: 999, batch_size: 2"
    )
    full = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "200"}
    with Cluster({"PYTHONPATH": str(REPO), **full}, port=6391) as cluster:
        failed = driver(card, tmp_path / "runs", "--on", "ray", "--ray-address", cluster.address, seeds=1)
        _, err = failed.communicate(timeout=300)
    assert failed.returncode == 3
    assert "killed by Ray's memory monitor; and no smaller batch is left to try" in err
    assert len(list((tmp_path / "runs").glob("tiny/*/logs/seed0-*.log"))) == 2  # with two rows at once, and with one


def test_a_task_that_runs_out_of_memory_is_done_with_a_smaller_batch(cluster: Cluster, tmp_path: Path) -> None:
    card = write_card(tmp_path / "cards", "batch_size: 32", "batch_size: 32", name="large")
    done = driver(card, tmp_path / "runs", "--on", "ray", "--ray-address", cluster.address, seeds=1)
    _, err = done.communicate(timeout=600)
    assert done.returncode == 0, err
    (record,) = [json.loads(path.read_bytes()) for path in tmp_path.glob("runs/large/*/seed0/record.json")]
    assert (record["plan"]["device_batch"], record["plan"]["effective_batch"]) == (8, 32)
    assert len(list(tmp_path.glob("runs/large/*/logs/*.log"))) == 3


def test_the_documented_command_starts_a_cluster_here_and_tells_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE")
    tmp = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    environment = {"PYTHONPATH": str(REPO), "HF_TOKEN": TOKEN, "HOME": str(tmp), "RAY_TMPDIR": str(tmp)}
    done = process([sys.executable, "-m", "runner.cli", *documented("ray")], tmp_path, **environment)
    out, err = done.communicate(timeout=400)
    looked = [path for folder in (tmp, tmp_path) for path in folder.rglob("*") if path.is_file()]
    told = [path for path in looked if TOKEN.encode() in path.read_bytes()]
    shutil.rmtree(tmp)
    assert done.returncode == 0, err
    assert {"raylet.out", "auth_token"} <= {path.name for path in looked}  # nobody is let in without Ray's own token
    assert not told
    assert TOKEN not in out + err
    assert len(list(tmp_path.glob("runs/tiny-full/*/seed*/record.json"))) == 2
