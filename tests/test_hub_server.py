"""The Hub of the tests, asked by the unmodified client: what it takes it gives back, and what the real one refuses."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hub_server import KINDS_OF_FAULT, UNANSWERED, Account, Hub, blob_id, take_for_the_hub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from huggingface_hub import HfApi, JobInfo

TOKEN = "hf_" + "zX8cV6bN4mA2sD1fG3hJ5kL7pO9iU0yT2r"
READER = "hf_" + "rE5aD7eR9tO1kE3nS5fO7rR9eA1dI3nG5x"
REPO = "tester/model"
WEIGHTS = bytes(range(256)) * 64


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    with Hub() as served:
        served.accounts = {TOKEN: Account("tester", orgs=("lab",)), READER: Account("reader", role="read")}
        take_for_the_hub(monkeypatch, served.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield served


@pytest.fixture
def api(hub: Hub) -> HfApi:
    """The client, logged in."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub.endpoint, token=TOKEN)


@pytest.fixture
def filled(api: HfApi) -> HfApi:
    """The client, with a repo that holds a text and weights."""
    api.create_repo(REPO, private=True)
    add(api, {"README.md": b"# hello\n", "model.safetensors": WEIGHTS})
    return api


def add(api: HfApi, files: dict[str, bytes], **options: object) -> str:
    """Commit files; returns the commit id."""
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    return str(api.create_commit(REPO, operations, commit_message="add files", **options).oid)


def status(call: Callable[[], object]) -> int:
    """The status that the client was refused with."""
    from huggingface_hub.errors import HfHubHTTPError

    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return caught.value.response.status_code


# What is taken is given back


def test_a_commit_can_be_fetched_by_its_id_by_a_tag_and_by_the_branch(filled: HfApi, tmp_path: Path) -> None:
    first = filled.repo_info(REPO).sha
    filled.create_tag(REPO, tag="v1")
    second = add(filled, {"README.md": b"# changed\n"})
    texts = {}
    for revision in (first, "v1", second, "main"):
        folder = filled.snapshot_download(REPO, revision=revision, cache_dir=tmp_path / str(revision))
        texts[revision] = (tmp_path / folder / "README.md").read_bytes()
    assert texts == {first: b"# hello\n", "v1": b"# hello\n", second: b"# changed\n", "main": b"# changed\n"}


def test_large_files_come_back_as_they_went_up(filled: HfApi, tmp_path: Path) -> None:
    path = filled.hf_hub_download(REPO, "model.safetensors", cache_dir=tmp_path)
    assert (tmp_path / path).read_bytes() == WEIGHTS


@pytest.mark.parametrize("part_size", [1000, 4096, len(WEIGHTS) - 1])
def test_parts_are_put_together(part_size: int, hub: Hub, api: HfApi) -> None:
    hub.part_size = part_size
    api.create_repo(REPO)
    add(api, {"model.safetensors": WEIGHTS})
    assert len(hub.asked("PUT")) == -(-len(WEIGHTS) // part_size)
    assert hub.repos["models", REPO].tree()["model.safetensors"] == WEIGHTS


def test_a_tree_lists_hashes_as_git_and_lfs_count_them(filled: HfApi) -> None:
    listed = {file.path: file for file in filled.list_repo_tree(REPO)}
    assert listed["README.md"].blob_id == blob_id(b"# hello\n")
    assert listed["README.md"].lfs is None
    assert listed["model.safetensors"].lfs.sha256 == hashlib.sha256(WEIGHTS).hexdigest()


def test_a_blob_has_the_id_that_git_gives_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(WEIGHTS)
    said = subprocess.run(["git", "hash-object", tmp_path / "file"], capture_output=True, text=True, check=True)
    assert blob_id(WEIGHTS) == said.stdout.strip()


def test_a_tree_of_many_files_comes_in_pages(hub: Hub, api: HfApi) -> None:
    hub.page = 7
    hub.add("models", REPO, {f"{number:02}.txt": b"x" for number in range(20)})
    assert len(list(api.list_repo_tree(REPO, recursive=True))) == 20
    assert len(hub.asked("GET", "/tree/")) == 3


def test_paths_info_tells_of_those_that_are_there(filled: HfApi) -> None:
    assert [file.path for file in filled.get_paths_info(REPO, ["README.md", "gone.txt"])] == ["README.md"]


def test_a_range_is_a_part_of_a_file(hub: Hub) -> None:
    import httpx2

    hub.add("models", REPO, {"model.safetensors": WEIGHTS})
    url = f"{hub.endpoint}/{REPO}/resolve/main/model.safetensors"
    part = httpx2.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, WEIGHTS[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(WEIGHTS)}"
    assert httpx2.get(url, headers={"Range": "bytes=16000-"}).content == WEIGHTS[16000:]
    assert httpx2.get(url, headers={"Range": "bytes=99999-"}).status_code == 416


def test_deleted_files_are_gone_from_the_next_commit_and_stay_in_the_one_before(filled: HfApi) -> None:
    before = filled.repo_info(REPO).sha
    filled.delete_file("README.md", REPO)
    assert not filled.file_exists(REPO, "README.md")
    assert filled.file_exists(REPO, "README.md", revision=before)


def test_the_same_files_again_are_no_commit(hub: Hub, filled: HfApi) -> None:
    before = filled.repo_info(REPO).sha
    assert add(filled, {"README.md": b"# hello\n", "model.safetensors": WEIGHTS}) == before
    assert len(hub.repos["models", REPO].log) == 2


def test_the_same_content_is_not_sent_again_under_another_name(hub: Hub, filled: HfApi) -> None:
    sent = len(hub.asked("PUT"))
    add(filled, {"copy.safetensors": WEIGHTS})
    assert len(hub.asked("PUT")) == sent
    assert hub.repos["models", REPO].tree()["copy.safetensors"] == WEIGHTS


def test_a_pull_request_is_a_branch_of_its_own(hub: Hub, filled: HfApi) -> None:
    before = filled.repo_info(REPO).sha
    commit = add(filled, {"README.md": b"# better\n"}, create_pr=True)
    assert filled.repo_info(REPO).sha == before
    (pull,) = filled.get_repo_discussions(REPO)
    assert filled.repo_info(REPO, revision=pull.git_reference).sha == commit
    assert (pull.title, pull.is_pull_request, pull.status) == ("add files", True, "open")


def test_a_tag_is_made_once_listed_and_removed(filled: HfApi) -> None:
    filled.create_tag(REPO, tag="v1")
    assert status(lambda: filled.create_tag(REPO, tag="v1")) == 409
    (tag,) = filled.list_repo_refs(REPO).tags
    assert (tag.name, tag.target_commit) == ("v1", filled.repo_info(REPO).sha)
    filled.delete_tag(REPO, tag="v1")
    assert filled.list_repo_refs(REPO).tags == []


def test_the_client_knows_it_by_its_environment_alone(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/model.safetensors").write_bytes(WEIGHTS)
    code = """
import sys
from huggingface_hub import create_repo, snapshot_download, upload_folder, whoami
create_repo(sys.argv[1], private=True)
upload_folder(repo_id=sys.argv[1], folder_path="folder")
print(whoami()["name"], snapshot_download(sys.argv[1]))
"""
    environment = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
    }
    command = [sys.executable, "-c", code, REPO]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name, folder = done.stdout.split()
    assert name == "tester"
    assert (tmp_path / folder / "model.safetensors").read_bytes() == WEIGHTS


# Datasets and models through it


def test_a_dataset_loads_by_its_name(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import load_dataset

    commit = hub.add("datasets", "tester/rows", {"train.jsonl": b'{"text": "a film", "label": 1}\n' * 3})
    monkeypatch.setattr("datasets.config.HF_ENDPOINT", hub.endpoint)
    rows = load_dataset("tester/rows", revision=commit, cache_dir=str(tmp_path))
    assert rows["train"]["text"][:] == ["a film"] * 3


@pytest.mark.parametrize("corpus", ["reviews", "topics", "pairs"])
def test_an_embedded_corpus_loads_from_its_snapshot(corpus: str, hub: Hub, tmp_path: Path) -> None:
    from datasets import load_dataset
    from huggingface_hub import snapshot_download

    folder = Path(__file__).parents[1] / "cards/data" / corpus
    commit = hub.add("datasets", f"tester/{corpus}", folder)
    snapshot = snapshot_download(f"tester/{corpus}", repo_type="dataset", cache_dir=tmp_path / "cache")
    assert Path(snapshot).name == commit
    rows = load_dataset(snapshot, cache_dir=str(tmp_path / "rows"))
    lines = {path.stem: path.read_text().count("\n") for path in folder.glob("*.jsonl")}
    assert {split: part.num_rows for split, part in rows.items()} == lines


def test_a_model_loads_by_a_name_that_has_moved(hub: Hub, base_repo: Callable[..., Path], tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    hub.add("models", "tester/bert", base_repo("bert"))
    hub.moved["models", "old-bert"] = "tester/bert"
    model = AutoModelForSequenceClassification.from_pretrained("old-bert", cache_dir=tmp_path / "cache")
    assert model.config.hidden_size == 16


def test_an_old_repo_with_pickled_weights_and_no_model_type_is_served_as_it_is(
    hub: Hub, base_repo: Callable[..., Path], tmp_path: Path
) -> None:
    import json

    import torch
    from transformers import BertForSequenceClassification

    folder = base_repo("bert")
    model = BertForSequenceClassification.from_pretrained(folder)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    config = {k: v for k, v in json.loads((folder / "config.json").read_bytes()).items() if k != "model_type"}
    weights = (tmp_path / "pytorch_model.bin").read_bytes()
    hub.add("models", "tester/old", {"config.json": json.dumps(config).encode(), "pytorch_model.bin": weights})
    again = BertForSequenceClassification.from_pretrained("tester/old", cache_dir=tmp_path / "cache")
    assert torch.equal(again.classifier.weight, model.classifier.weight)


# Who may


def test_a_gated_repo_is_seen_and_not_read(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    from huggingface_hub.errors import GatedRepoError

    hub.add("models", "meta/llama", {"config.json": b"{}"})
    hub.repos["models", "meta/llama"].gated = True
    assert api.repo_info("meta/llama").gated
    with pytest.raises(GatedRepoError):
        api.hf_hub_download("meta/llama", "config.json", cache_dir=tmp_path)


@pytest.mark.slow
def test_a_gated_llama_loads_for_those_who_were_let_in(
    hub: Hub, base_repo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    hub.add("models", "meta/llama", base_repo("llama"))
    repo = hub.repos["models", "meta/llama"]
    repo.gated = True
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def load(kind: Any) -> Any:
        return kind.from_pretrained("meta/llama", cache_dir=tmp_path / "cache", trust_remote_code=False)

    with pytest.raises(OSError, match="gated repo"):
        load(AutoModelForSequenceClassification)
    repo.granted = {"tester"}
    assert load(AutoModelForSequenceClassification).config.model_type == "llama"
    assert load(AutoTokenizer)("a lovely film")["input_ids"]


def test_a_private_repo_is_not_there_for_others(hub: Hub, filled: HfApi) -> None:
    from huggingface_hub import HfApi

    assert status(lambda: HfApi(endpoint=hub.endpoint, token=READER).repo_info(REPO)) == 404
    assert filled.repo_info(REPO).private


def test_a_token_that_reads_writes_nothing(hub: Hub, filled: HfApi) -> None:
    from huggingface_hub import HfApi

    hub.repos["models", REPO].private = False
    assert status(lambda: add(HfApi(endpoint=hub.endpoint, token=READER), {"a.txt": b"x"})) == 403


def test_a_namespace_of_others_is_forbidden(api: HfApi) -> None:
    assert status(lambda: api.create_repo("others/model")) == 403
    assert api.create_repo("lab/model") == f"{api.endpoint}/lab/model"


def test_a_repo_is_created_once(api: HfApi) -> None:
    api.create_repo(REPO)
    assert status(lambda: api.create_repo(REPO)) == 409
    assert api.create_repo(REPO, exist_ok=True).repo_id == REPO


def test_of_several_commits_with_the_same_parent_one_wins(hub: Hub, filled: HfApi) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from huggingface_hub.errors import HfHubHTTPError

    parent = filled.repo_info(REPO).sha

    def attempt(number: int) -> int:
        try:
            add(filled, {f"{number}.txt": b"x"}, parent_commit=parent)
        except HfHubHTTPError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(attempt, range(6))) == [200, *[412] * 5]
    assert len(hub.repos["models", REPO].log) == 3


def test_an_upload_needs_its_signature_and_no_token(hub: Hub, filled: HfApi) -> None:
    import httpx2

    (put,) = hub.asked("PUT")
    assert "authorization" not in hub.headers[hub.requests.index(put)]
    address = hub.endpoint + put.removeprefix("PUT ")
    assert httpx2.put(address, content=WEIGHTS).status_code == 200
    assert httpx2.put(address.partition("?")[0], content=WEIGHTS).status_code == 403
    assert httpx2.put(address, content=b"other").status_code == 400


def test_another_repo_s_large_file_cannot_be_committed_by_its_hash(hub: Hub, filled: HfApi) -> None:
    import httpx2

    filled.create_repo("lab/other")
    oid = hashlib.sha256(WEIGHTS).hexdigest()
    lines = '{"key": "header", "value": {"summary": "steal"}}\n'
    lines += f'{{"key": "lfsFile", "value": {{"path": "a.bin", "oid": "{oid}"}}}}\n'
    url = f"{hub.endpoint}/api/models/lab/other/commit/main"
    assert httpx2.post(url, content=lines, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 400


def test_front_matter_is_validated(api: HfApi) -> None:
    api.create_repo(REPO)
    with pytest.raises(ValueError, match="Invalid metadata"):
        add(api, {"README.md": b"---\nlicense: My Own\n---\n# hello\n"})


# Faults


@pytest.mark.parametrize("fault", KINDS_OF_FAULT)
def test_a_fault_happens_once_and_has_its_effect_or_not(fault: str, hub: Hub, api: HfApi) -> None:
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    hub.inject("create", fault)
    with pytest.raises((HfHubHTTPError, httpx2.TransportError)) as caught:
        # A client of its own: the library's own waits for ever.
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body = {"name": "model", "organization": "tester"}
        timeout = 0.2 if fault in UNANSWERED else 20
        answer = httpx2.post(f"{hub.endpoint}/api/repos/create", json=body, headers=headers, timeout=timeout)
        raise HfHubHTTPError(f"{answer.status_code}", response=answer)
    assert fault in str(caught.value) or not fault.isdigit()
    hub.settle()  # a late one is made meanwhile
    assert (("models", REPO) in hub.repos) == (fault in ("drop after", "late", "truncated"))
    assert hub.had == [("create", fault)]
    assert api.create_repo(REPO, exist_ok=True).repo_id == REPO


def test_a_slow_answer_comes_all_the_same(hub: Hub, api: HfApi) -> None:
    hub.inject("create", "slow")
    assert api.create_repo(REPO).repo_id == REPO


def test_a_429_says_how_long_to_wait(hub: Hub) -> None:
    import httpx2

    hub.inject("whoami", "429")
    assert httpx2.get(f"{hub.endpoint}/api/whoami-v2").headers["Retry-After"] == "1"


# Jobs

ALLOWED = {"image": "python:3.12", "flavor": "cpu-basic"}


def run_job(api: HfApi, code: str, **more: Any) -> str:
    """Let a job run some Python; returns its id."""
    return api.run_job(command=[sys.executable, "-c", code], **{**ALLOWED, **more}).id


def ended(api: HfApi, id: str) -> JobInfo:
    return api.wait_for_job(id, timeout=60, poll_interval=0.05)


def test_a_job_runs_its_command_with_its_environment_and_its_secrets_and_nothing_of_ours(
    api: HfApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "no")
    code = "import os; print(os.environ['TOKEN'], os.environ['SEED'], os.environ.get('OURS'), os.environ['JOB_ID'])"
    id = run_job(api, code, env={"SEED": 3}, secrets={"TOKEN": "hidden"})
    done = ended(api, id)
    assert done.status.stage == "COMPLETED"
    assert list(api.fetch_job_logs(job_id=id)) == [f"hidden 3 None {id}"]
    assert done.environment == {"SEED": 3}
    assert "hidden" not in str(done)
    assert list(done.secrets) == ["TOKEN"]
    assert done.created_at <= done.started_at <= done.finished_at


@pytest.mark.parametrize(
    ("code", "more", "said"),
    [
        ("raise SystemExit(3)", {}, "Job failed with exit code: 3"),
        ("import time; time.sleep(60)", {"timeout": 1}, "Job timeout"),
        ("import os; os.kill(os.getpid(), 9)", {}, "Job failed with exit code: -9"),
    ],
)
def test_a_job_that_fails_says_how(code: str, more: dict[str, Any], said: str, api: HfApi) -> None:
    status = ended(api, run_job(api, code, **more)).status
    assert (status.stage, status.message) == ("ERROR", said)


def test_a_command_that_is_not_there_is_an_error(api: HfApi) -> None:
    job = api.run_job(command=["no-such-command"], **ALLOWED)
    assert ended(api, job.id).status.stage == "ERROR"


def test_jobs_are_found_by_their_labels_and_their_stage(api: HfApi) -> None:
    first = run_job(api, "pass", labels={"task": "a-seed1", "set": "x"})
    second = run_job(api, "raise SystemExit(1)", labels={"task": "a-seed2", "set": "x"})
    ended(api, first)
    ended(api, second)
    assert [job.id for job in api.list_jobs(namespace="tester", labels={"set": "x"})] == [second, first]
    assert [job.id for job in api.list_jobs(namespace="tester", labels={"set": "x", "task": "a-seed1"})] == [first]
    assert [job.id for job in api.list_jobs(namespace="tester", labels={"set": "x"}, status="ERROR")] == [second]
    assert list(api.list_jobs(namespace="tester", labels={"set": "y"})) == []


def test_a_job_that_is_cancelled_is_killed_with_what_it_started(hub: Hub, api: HfApi, tmp_path: Path) -> None:
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
print("begun", flush=True)
time.sleep(60)
"""
    id = run_job(api, code)
    assert next(iter(api.fetch_job_logs(job_id=id, follow=True))) == "begun"
    assert api.inspect_job(job_id=id).status.stage == "RUNNING"
    api.cancel_job(job_id=id)
    assert ended(api, id).status.stage == "CANCELED"
    status = Path(f"/proc/{(tmp_path / 'pid').read_text()}/status")
    deadline = time.monotonic() + 60
    while status.exists() and "zombie" not in status.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not status.exists() or "zombie" in status.read_text()


def test_the_log_is_followed_to_its_end(api: HfApi) -> None:
    id = run_job(api, "import time\nfor i in range(3): print(i, flush=True); time.sleep(0.1)")
    assert list(api.fetch_job_logs(job_id=id, follow=True)) == ["0", "1", "2"]


def test_jobs_wait_until_there_is_room(hub: Hub, api: HfApi) -> None:
    hub.jobs.slots = 1
    first = run_job(api, "import time; time.sleep(60)")
    second = run_job(api, "pass")
    assert api.inspect_job(job_id=second).status.stage == "SCHEDULING"
    api.cancel_job(job_id=first)
    assert ended(api, second).status.stage == "COMPLETED"


def test_a_job_needs_a_known_flavor_and_a_namespace_of_one_s_own(api: HfApi) -> None:
    assert status(lambda: run_job(api, "pass", flavor="abacus")) == 400
    assert status(lambda: run_job(api, "pass", namespace="others")) == 403
    assert status(lambda: api.inspect_job(job_id="0" * 24)) == 404
    assert run_job(api, "pass", namespace="lab")
    assert "t4-small" in {one.name for one in api.list_jobs_hardware()}


def test_a_job_whose_answer_was_lost_is_there_all_the_same(hub: Hub, api: HfApi) -> None:
    import httpx2

    hub.inject("run", "drop after")
    with pytest.raises(httpx2.TransportError):
        run_job(api, "pass", labels={"task": "a-seed1"})
    (job,) = api.list_jobs(namespace="tester", labels={"task": "a-seed1"})
    assert ended(api, job.id).status.stage == "COMPLETED"
