"""What was published can be checked: every file by its hash, and each that differs by its name."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from command import Answer, replicard
from hub_server import Hub, take_for_the_hub
from records import CARDS, finished

from registry.errors import InputError
from runner import provenance
from runner.audit import judge_runs
from runner.plugins import load_card
from runner.publishing import PublishedFile
from runner.record import Record
from runner.runs import file_sha256, read_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runner.runs import Run

FILES = {
    "README.md": b"# a model\n",
    "seed42/record.json": b"{}",
    "seed42/model/config.json": b'{"hidden_size": 16}',
    "seed42/model/model.safetensors": bytes(range(256)),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with fixed numbers, of a card with claims, a base and a lock."""
    card = load_card(CARDS / "imdb/jamander-project-blockbuster.yaml").card
    return finished(card, tmp_path_factory.mktemp("runs"), {42: 0.86, 43: 0.85}, hub=True)


def make_statement(run: Run, folder: Path) -> bytes:
    """The statement about the files of a folder."""
    record = read_model(run.record, Record)
    card = load_card(CARDS / "imdb/jamander-project-blockbuster.yaml").card
    files = [
        PublishedFile(name, folder / name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    ]
    return provenance.statement(record, judge_runs(card, run), files)


@pytest.fixture
def published(run: Run, tmp_path: Path) -> Path:
    """A folder as it is published."""
    for name, content in FILES.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(content)
    (tmp_path / "model/provenance.json").write_bytes(make_statement(run, tmp_path / "model"))
    return tmp_path / "model"


@pytest.fixture
def said(published: Path) -> dict[str, Any]:
    """The statement as data."""
    return json.loads((published / "provenance.json").read_bytes())


def verify(folder: Path | str, *more: str) -> Answer:
    return replicard("verify", folder, *more)


# What it says


def test_it_is_an_in_toto_statement(said: dict[str, Any]) -> None:
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert set(said) == {"_type", "subject", "predicateType", "predicate"}


def test_every_file_stands_in_it_with_its_sha256(said: dict[str, Any]) -> None:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert {one["name"]: one["digest"]["sha256"] for one in said["subject"]} == hashes


def test_and_with_the_id_that_git_gives_it(said: dict[str, Any], published: Path) -> None:
    for one in said["subject"]:
        command = ["git", "hash-object", "--no-filters", str(published / one["name"])]
        git = subprocess.run(command, capture_output=True, text=True, check=True)
        assert one["digest"]["gitBlob"] == git.stdout.strip()


def test_card_plan_seeds_and_machine_stand_in_it(said: dict[str, Any], run: Run) -> None:
    record, predicate = json.loads(run.record.read_bytes()), said["predicate"]
    assert predicate["run"] == {
        "id": run.id, "seed": run.seed, "seeds": [42, 43], "started": record["started"]
    }  # fmt: skip
    assert predicate["card"]["sha256"] == record["card_sha256"]
    assert predicate["machine"] == record["machine"]
    plan = json.dumps(record["plan"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert predicate["plan_sha256"] == hashlib.sha256(plan.encode()).hexdigest()


def test_revisions_of_base_and_dataset_stand_in_it(said: dict[str, Any], run: Run) -> None:
    record, inputs = json.loads(run.record.read_bytes()), said["predicate"]["inputs"]
    assert {role: inputs[role]["revision"] for role in inputs} == {
        "base": record["base"]["revision"],
        "dataset": record["dataset"]["revision"],
    }


def test_the_verdict_on_every_claim_stands_in_it(said: dict[str, Any], run: Run) -> None:
    audit = json.loads((run.over_seeds / "audit.json").read_bytes())
    assert said["predicate"]["verdict"] == audit["verdict"]
    assert [one["verdict"] for one in said["predicate"]["verdicts"]] == [one["verdict"] for one in audit["findings"]]
    assert said["predicate"]["verdicts"]


def test_the_same_run_gives_the_same_bytes(published: Path, run: Run) -> None:
    assert make_statement(run, published) == (published / "provenance.json").read_bytes()


def test_a_run_records_all_packages_and_the_commit_of_the_code(tmp_path: Path) -> None:
    import pydantic

    from runner.machine import code_commit, packages

    assert packages()["pydantic"] == pydantic.VERSION
    assert len(packages()) > 50
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False, cwd=CARDS)
    if head.returncode == 0:
        assert (code_commit() or "").removesuffix("+") == head.stdout.strip()


# What is checked


def test_files_that_are_as_they_were_published_are_verified(published: Path) -> None:
    answer = verify(published)
    assert (answer.code, answer.err) == (0, "")
    assert "every file is as its provenance.json says" in answer.out


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_changed_file_is_named(name: str, published: Path) -> None:
    (published / name).write_bytes(FILES[name] + b" ")
    answer = verify(published)
    assert answer.code == 1
    assert answer.line.startswith(f"{name}  has SHA-256 {file_sha256(published / name)[:12]}…, published was ")


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_named(name: str, published: Path) -> None:
    (published / name).unlink()
    answer = verify(published)
    assert (answer.code, answer.line) == (1, f"{name}  is missing")


@pytest.mark.parametrize("name", ["seed42/model/modeling.py", "config.json", "model.safetensors", "seed42/model/.env"])
def test_a_file_that_lies_unnamed_beside_named_ones_is_named(name: str, published: Path) -> None:
    (published / name).write_bytes(b"{}")
    answer = verify(published)
    assert (answer.code, answer.line) == (1, f"{name}  is not in provenance.json")


def test_what_the_hub_and_the_runs_put_there_themselves_does_not_matter(published: Path) -> None:
    for name in (".gitattributes", "seed42/publication.json", "seed42/.lock-1", "seed7/record.json"):
        (published / name).parent.mkdir(exist_ok=True)
        (published / name).write_bytes(b"{}")
    assert verify(published).code == 0


def test_everything_that_differs_is_named_at_once(published: Path) -> None:
    (published / "README.md").write_bytes(b"# another\n")
    (published / "seed42/record.json").unlink()
    (published / "added.json").write_bytes(b"{}")
    answer = verify(published, "--json")
    assert answer.code == 1
    assert set(json.loads(answer.out)["differences"]) == {"README.md", "seed42/record.json", "added.json"}


def test_without_a_statement_there_is_nothing_to_check_by(published: Path) -> None:
    (published / "provenance.json").unlink()
    answer = verify(published)
    assert (answer.code, "no provenance.json" in answer.line) == (2, True)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    answer = verify(tmp_path / "gone")
    assert (answer.code, "no such folder; a repo of the Hub is hub:owner/name" in answer.line) == (2, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda said: said.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda said: said.update(subject=[]),
        lambda said: said.update(subject="README.md"),
        lambda said: said["subject"][0].update(digest={"sha1": "0" * 40}),
        lambda said: said["subject"][0].update(digest=None),
        lambda said: said.pop("subject"),
        lambda said: said["subject"][0].update(name="../../etc/passwd"),
        lambda said: said["subject"][0].update(name="/etc/passwd"),
        lambda said: said["subject"][0].update(name="seed42/../../x"),
        lambda said: said["subject"][0].update(name="..\\x"),
    ],
)
def test_a_statement_that_is_none_or_names_files_elsewhere_is_refused(
    change: Callable[[dict[str, Any]], object], said: dict[str, Any], published: Path
) -> None:
    change(said)
    (published / "provenance.json").write_text(json.dumps(said))
    answer = verify(published)
    assert answer.code == 2
    assert answer.line.startswith(f"{published / 'provenance.json'}  ")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(text: bytes, published: Path) -> None:
    (published / "provenance.json").write_bytes(text)
    with pytest.raises(InputError):
        provenance.differences(published)


# From the Hub


@pytest.fixture
def repo(published: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is published, on a Hub that this process takes for the real one."""
    from huggingface_hub import constants

    with Hub() as hub:
        first = hub.add("models", "tester/model", published)
        take_for_the_hub(monkeypatch, hub.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub, first


def test_a_repo_of_the_hub_is_verified_without_a_token(repo: Any) -> None:
    hub, _ = repo
    answer = verify("hub:tester/model")
    assert (answer.code, answer.err) == (0, "")
    assert not [headers for headers in hub.headers if "authorization" in headers]


def test_a_repo_is_verified_at_the_commit_that_is_named(repo: Any) -> None:
    hub, first = repo
    hub.add("models", "tester/model", {**hub.repos["models", "tester/model"].tree(), "README.md": b"# edited\n"})
    assert verify(f"hub:tester/model@{first}").code == 0
    answer = verify("hub:tester/model")
    assert (answer.code, answer.line.split("  ")[0]) == (1, "README.md")


def test_a_file_that_somebody_added_to_a_repo_is_named_wherever_it_lies(repo: Any) -> None:
    hub, _ = repo
    hub.add("models", "tester/model", {**hub.repos["models", "tester/model"].tree(), "onnx/model.onnx": b"\0"})
    answer = verify("hub:tester/model")
    assert (answer.code, answer.line) == (1, "onnx/model.onnx  is not in provenance.json")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hub:tester/nothing", "no model 'tester/nothing'"),
        ("hub:tester/model@gone", "has no revision 'gone'"),
        ("hub:nothing", "is no repo of the Hub; write hub:owner/name"),
    ],
)
def test_what_is_not_on_the_hub_is_told(name: str, said: str, repo: Any) -> None:
    answer = verify(name)
    assert (answer.code, said in answer.line) == (2, True)


def test_a_gated_repo_ends_with_3_and_the_way_in(repo: Any) -> None:
    hub, _ = repo
    hub.repos["models", "tester/model"].gated = True
    answer = verify("hub:tester/model")
    assert (answer.code, "tester/model is gated; ask for access" in answer.line) == (3, True)


def test_nothing_of_it_stays_here(repo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    assert verify("hub:tester/model").code == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_copy_of_the_folder_is_as_good(published: Path, tmp_path: Path) -> None:
    assert verify(shutil.copytree(published, tmp_path / "copy")).code == 0
