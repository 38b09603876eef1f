"""Tasks as jobs of the Hub: cards get there, runs come home, no job is started twice, and nobody is told a token."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest
from command import REPO as CHECKOUT
from command import process, replicard, write_card
from engines import TOKEN, a_task, documented, ended, jobs_hub, submit
from hub_server import Account, Hub, Repo

from registry.errors import InputError, MissingError
from runner import asking, machine
from runner.executors import Settings, hf_jobs
from runner.runs import Run, is_complete

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from runner.executors import Task
    from runner.executors.hf_jobs import Jobs

RESULTS = "tester/runs"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub that this process takes for the real one."""
    with jobs_hub(tmp_path, monkeypatch) as hub:
        yield hub


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return write_card(tmp_path / "cards")


def started(**more: Any) -> Jobs:
    return hf_jobs.start(Settings(**{"at_once": 4, "results": RESULTS, "image": "replicard:test", **more}))


def submitted(task: Task, **more: Any) -> tuple[Jobs, str]:
    jobs = started(**more)
    return jobs, submit(jobs, task)


# The whole road


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Task, Run]]:
    """A task that a job has done, and the same run as it was made here."""
    folder = tmp_path_factory.mktemp("made")
    card = write_card(folder / "cards")
    assert replicard("reproduce", card, "--runs", folder / "here", "-q").code == 0
    (path,) = (folder / "here").glob("tiny/*/seed1")
    here = Run(folder / "here", "tiny", path.parent.name, 1)
    with pytest.MonkeyPatch.context() as monkeypatch, jobs_hub(folder, monkeypatch) as hub:
        task = a_task(card, "-q", run=str(here), runs=folder / "runs")
        jobs, handle = submitted(task)
        hub.inject("commit", "503")
        assert ended(jobs, handle).code == 0, list(jobs.logs(handle))
        assert hub.had == [("commit", "503")]
        jobs.fetch(task)
        yield hub, task, here


@pytest.mark.slow
def test_a_run_that_a_job_made_is_the_one_that_is_made_here(made: tuple[Hub, Task, Run]) -> None:
    _, task, here = made
    home = Run(task.runs, here.card, here.id, here.seed)
    assert is_complete(home)
    for path in (here.predictions, *(here.folder / "model").glob("*.safetensors")):
        assert (home.folder / path.relative_to(here.folder)).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_a_run_comes_home_in_one_commit_to_a_private_repo(made: tuple[Hub, Task, Run]) -> None:
    hub, _, here = made
    repo = hub.repos["datasets", RESULTS]
    assert repo.private
    assert [message for _, message in repo.log] == ["initial commit", "The card tiny", str(here)]
    assert not any("inputs.json" in path or "/." in path for path in repo.tree())


@pytest.mark.slow
def test_a_run_that_has_come_home_is_adopted_and_not_done_again_unless_afresh(made: tuple[Hub, Task, Run]) -> None:
    hub, task, _ = made
    jobs = started()
    assert jobs.adopt([task]) == {task.key: task.key}
    assert jobs.poll([task.key])[task.key].code == 0
    assert started(fresh=True).adopt([task]) == {}
    assert len(hub.jobs.all) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model/model.safetensors", "predictions.parquet", "record.json"])
def test_a_run_that_is_not_whole_in_the_repo_is_refused(name: str, made: tuple[Hub, Task, Run], tmp_path: Path) -> None:
    hub, task, here = made
    repo = hub.repos["datasets", RESULTS]
    before = repo.tree()
    path = f"runs/{here}/{name}"
    changed = {path: b"other weights"} if name.startswith("model") else {}
    repo.commit({**{one: content for one, content in before.items() if one != path}, **changed})
    with pytest.raises(MissingError):
        started().fetch(task.model_copy(update={"runs": tmp_path}))
    repo.commit(before)
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.slow
def test_the_token_is_a_secret_of_the_job_and_nowhere_else(made: tuple[Hub, Task, Run]) -> None:
    hub, task, _ = made
    (job,) = hub.jobs.all.values()
    assert job.wanted["secrets"] == {"HF_TOKEN": TOKEN}
    assert TOKEN not in str({**job.wanted, "secrets": {}}) + str(job.told) + str(job.lines)
    assert TOKEN not in (task.runs / "log-1").read_text()
    assert not any(TOKEN.encode() in content for content in hub.repos["datasets", RESULTS].tree().values())


@pytest.mark.slow
def test_a_job_says_whose_it_is(made: tuple[Hub, Task, Run]) -> None:
    hub, _, here = made
    (job,) = hub.jobs.all.values()
    labels = job.wanted["labels"]
    assert (labels["name"], labels["card"], labels["seed"], labels["attempt"]) == ("tiny-seed1", "tiny", "1", "1")
    assert here.id in labels["task"]
    assert job.wanted["timeoutSeconds"] == 600 + hf_jobs.MARGIN


@pytest.mark.slow
def test_the_documented_command_goes_on_with_its_jobs_after_it_was_killed(hub: Hub, tmp_path: Path) -> None:
    hub.accounts[TOKEN] = Account("tester", orgs=("my-team",))
    environment = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "runner.cli", *documented("hf-jobs")]
    first = process(command, tmp_path, **environment)
    while len(hub.jobs.all) < 2:
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    first.kill()
    first.communicate()
    again = process(command, tmp_path, **environment)
    _, err = again.communicate(timeout=400)
    assert again.returncode == 0, err
    assert [job.stage for job in hub.jobs.all.values()] == ["COMPLETED"] * 2
    assert len(list(tmp_path.glob("runs/tiny-full/*/seed*/record.json"))) == 2


# How a job ends


def test_the_code_of_the_command_is_the_job_s(hub: Hub, card: Path) -> None:
    jobs, handle = submitted(a_task(card))
    assert ended(jobs, handle).code == 2
    assert any("No such option" in line for line in jobs.logs(handle))
    assert "No such option" in (card.parent / "runs/log-1").read_text()


@pytest.mark.slow
def test_a_command_whose_time_is_up_is_lost(hub: Hub, card: Path) -> None:
    status = ended(*submitted(a_task(card, timeout_s=0.1)))
    assert (status.state, status.message.rpartition(", ")[2]) == ("lost", "its time was up")


def test_a_job_that_the_hub_ends_is_lost(hub: Hub, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_jobs, "MARGIN", -599.5)
    status = ended(*submitted(a_task(card)))
    assert status == hf_jobs.Status(state="lost", message="the job ended as ERROR: Job timeout")


def test_a_job_that_is_cancelled_is_lost(hub: Hub, card: Path) -> None:
    jobs, handle = submitted(a_task(card))
    jobs.cancel(handle)
    assert ended(jobs, handle) == hf_jobs.Status(state="lost", message="the job ended as CANCELED")


def test_a_job_that_was_deleted_is_lost(hub: Hub, card: Path) -> None:
    jobs, handle = submitted(a_task(card))
    hub.jobs.stop()
    hub.jobs.all.clear()
    assert ended(jobs, handle).state == "lost"


def test_a_job_that_was_killed_for_memory_says_so_by_its_code() -> None:
    assert hf_jobs._outcome("ERROR", "Job failed with exit code: 137", []).code == 137


def test_a_job_whose_image_holds_no_replicard_is_not_lost_but_wrong() -> None:
    said = ["/usr/bin/python: No module named runner"]
    status = hf_jobs._outcome("ERROR", "Job failed with exit code: 1", said)
    assert (status.state, status.code, status.message) == ("done", 1, said[0])


def test_a_job_that_has_ended_can_be_cancelled_once_more(hub: Hub, card: Path) -> None:
    jobs, handle = submitted(a_task(card))
    hub.jobs.stop()
    jobs.cancel(handle)
    assert ended(jobs, handle).state == "lost"


def test_the_end_of_a_driver_ends_its_jobs(hub: Hub, card: Path) -> None:
    submitted(a_task(card))[0].close()
    assert [job.stage for job in hub.jobs.all.values()] == ["CANCELED"]


# Once, however often it is tried


def test_a_driver_that_was_killed_finds_its_jobs_again(hub: Hub, card: Path) -> None:
    hub.jobs.slots = 0
    task = a_task(card)
    submitted(task)
    second = started()
    second.preflight([task])
    (handle,) = second.adopt([task]).values()
    assert second.poll([handle])[handle].state == "waiting"
    hub.jobs.make_room(1)
    assert ended(second, handle).code == 2
    assert any("No such option" in line for line in second.logs(handle))
    assert len(hub.jobs.all) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["503", "drop before", "drop after", "429"])
def test_a_job_is_started_once_whatever_becomes_of_the_answer(fault: str, hub: Hub, card: Path) -> None:
    hub.jobs.slots = 0
    hub.inject("run", fault)
    submitted(a_task(card))
    assert len(hub.jobs.all) == 1


def test_a_card_that_was_sent_is_not_sent_again(hub: Hub, card: Path) -> None:
    hub.jobs.slots = 0
    submitted(a_task(card))
    submitted(a_task(card, attempt=2))
    assert [message for _, message in hub.repos["datasets", RESULTS].log] == ["initial commit", "The card tiny"]


@pytest.mark.slow
def test_a_hub_that_does_not_answer_for_a_while_loses_no_job(
    hub: Hub, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ROUNDS", 0)
    jobs, handle = submitted(a_task(card))
    hub.inject("jobs", "503", times=3)
    assert ended(jobs, handle).code == 2
    assert hub.had == [("jobs", "503")] * 3


# What a job gets


@pytest.mark.slow
def test_a_card_travels_with_its_lock_and_its_data(hub: Hub, card: Path) -> None:
    hub.jobs.slots = 0
    assert replicard("lock", card).code == 0
    submitted(a_task(card))
    tree = hub.repos["datasets", RESULTS].tree()
    sent = {path.split("/", 2)[2]: content for path, content in tree.items() if path.startswith("cards/")}
    home = card.parent
    names = ("tiny.yaml", "tiny.lock", "reviews/train.jsonl", "reviews/test.jsonl")
    assert sent == {name: (home / name).read_bytes() for name in names}


@pytest.mark.slow
def test_data_beside_the_folder_of_a_card_are_found_in_a_job_too(hub: Hub, card: Path) -> None:
    inner = write_card(card.parent / "deeper", "dataset: reviews", "dataset: ../reviews", "inner")
    hub.jobs.slots = 0
    submitted(a_task(inner))
    tree = hub.repos["datasets", RESULTS].tree()
    sent = {path.split("/", 2)[2] for path in tree if path.startswith("cards/")}
    assert sent == {"deeper/inner.yaml", "reviews/train.jsonl", "reviews/test.jsonl"}


@pytest.mark.slow
def test_pip_installs_replicard_and_the_packages_that_matter_as_they_are_here(hub: Hub, card: Path) -> None:
    jobs, handle = submitted(a_task(card), image=None, install="replicard @ git+https://example.com/r@0123")
    assert ended(jobs, handle).code == 2
    asked = (card.parents[1] / "pip").read_text().split()
    assert asked[:7] == ["-m", "pip", "install", "--quiet", "replicard", "@", "git+https://example.com/r@0123"]
    assert f"transformers=={machine.versions()['transformers']}" in asked
    (job,) = hub.jobs.all.values()
    assert job.wanted["dockerImage"] == f"python:{sys.version_info.major}.{sys.version_info.minor}"


def test_what_cannot_be_installed_is_told(hub: Hub, card: Path) -> None:
    status = ended(*submitted(a_task(card), image="python:3.12", install="broken"))
    assert (status.code, status.message) == (3, "pip cannot install broken in python:3.12")


@pytest.mark.parametrize(
    ("needs", "flavor"),
    [
        ({}, "cpu-basic"),
        ({"cpus": 4}, "cpu-upgrade"),
        ({"memory_bytes": 20e9}, "cpu-upgrade"),
        ({"gpus": 1, "device_bytes": 10e9}, "t4-small"),
        ({"gpus": 1, "device_bytes": 20e9}, "l4x1"),
        ({"gpus": 1, "device_bytes": 30e9}, "a100-large"),
        ({"gpus": 2, "device_bytes": 20e9}, "l4x4"),
    ],
)
def test_a_task_gets_the_cheapest_machine_that_it_fits_on(
    needs: dict[str, Any], flavor: str, hub: Hub, card: Path
) -> None:
    hub.jobs.slots = 0
    submitted(a_task(card, **{name: int(amount) for name, amount in needs.items()}))
    assert [job.wanted["flavor"] for job in hub.jobs.all.values()] == [flavor]


def test_the_accelerator_that_a_card_declares_comes_before_a_cheaper_one(hub: Hub, tmp_path: Path) -> None:
    hub.jobs.slots = 0
    card = write_card(tmp_path / "a100", "evaluation:", "hardware: {accelerator: nvidia-a100-80gb}\nevaluation:")
    submitted(a_task(card, gpus=1))
    assert [job.wanted["flavor"] for job in hub.jobs.all.values()] == ["a100-large"]


# What is refused before anything is started


def test_what_fits_no_machine_is_refused(hub: Hub, card: Path) -> None:
    with pytest.raises(MissingError, match=r"needs 1 cores, 0.0 GB, 8 GPUs of 10.0 GB; no machine of the Hub has that"):
        started().preflight([a_task(card, gpus=8, device_bytes=10**10)])


def test_a_card_whose_data_lie_elsewhere_on_this_machine_is_refused(hub: Hub, card: Path, tmp_path: Path) -> None:
    elsewhere = write_card(tmp_path / "cards", "dataset: reviews", f"dataset: {card.parent / 'reviews'}", "elsewhere")
    with pytest.raises(MissingError, match=r"data.dataset: .* is a place on this machine"):
        started().preflight([a_task(elsewhere)])


def test_a_public_repo_is_refused(hub: Hub, card: Path) -> None:
    hub.repos["datasets", RESULTS] = Repo()
    hub.add("datasets", RESULTS, {"README.md": b""})
    with pytest.raises(InputError, match="is public; runs are kept in a private dataset repo"):
        started().preflight([a_task(card)])


@pytest.mark.parametrize("name", ["runs", "a/b/c", "tester/ru ns"])
def test_what_is_no_repo_is_refused(name: str, hub: Hub, card: Path) -> None:
    with pytest.raises(InputError, match="write namespace/name"):
        started(results=name).preflight([a_task(card)])


def test_a_token_in_what_a_job_installs_is_refused(hub: Hub) -> None:
    with pytest.raises(InputError, match="--job-install  holds a token") as refused:
        started(install=f"git+https://x:{TOKEN}@example.com/r")
    assert TOKEN not in str(refused.value)


def test_it_must_be_said_where_runs_come_home(hub: Hub) -> None:
    with pytest.raises(InputError, match="--results NAMESPACE/NAME  is missing"):
        started(results=None)


def test_it_must_be_said_what_a_job_installs_where_pip_did_not_install_this_code(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_direct_url", dict)
    with pytest.raises(InputError, match="--job-install  is missing"):
        started(image=None)


def test_a_job_installs_the_commit_that_pip_installed_here(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = {"url": "https://example.com/r", "vcs_info": {"vcs": "git", "commit_id": "0123"}}  # as in PEP 610
    monkeypatch.setattr(machine, "_direct_url", lambda: origin)
    assert started(image=None).install == "replicard[run] @ git+https://example.com/r@0123"
