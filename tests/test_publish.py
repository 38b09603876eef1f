"""A run goes to the Hub once, whole, and is checked after it has arrived; or the Hub stays as it was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from command import Answer, process, replicard, write_card
from hub_server import KINDS_OF_FAULT, UNANSWERED, Account, Hub, Repo, take_for_the_hub

from runner import asking, publication, pushing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "hf_" + "qW3eR5tY7uI9oP1aS3dF5gH7jK9lZ1xC3v"
REPO = "tester/reviews-classifier"
LOCAL = (".lock", "inputs.json", "publication.json")
"""What the names of files begin with that a run's folder holds and keeps; a killed process leaves its lease."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the small card with the seed 2, which it does not declare."""
    folder = tmp_path_factory.mktemp("trained")
    answer = replicard("reproduce", write_card(folder / "cards"), "--runs", folder / "runs", "--seeds", "2", "-q")
    assert answer.code == 0, answer.err
    return folder / "runs"


@pytest.fixture
def runs(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs, beside their card."""
    monkeypatch.chdir(trained.parent)
    return shutil.copytree(trained, tmp_path / "runs")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """An empty Hub, which this process takes for the real one and is logged in to."""
    from huggingface_hub import constants, file_download
    from huggingface_hub.utils import _http

    with Hub() as served:
        served.accounts = {TOKEN: Account("tester", orgs=("lab",))}
        take_for_the_hub(monkeypatch, served.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(asking, "PAUSE", 0.01)
        monkeypatch.setattr(asking, "LONGEST", 0.02)
        brief = {**vars(time), "sleep": lambda seconds: time.sleep(min(seconds, 0.01))}
        for module in (_http, file_download):
            monkeypatch.setattr(module, "time", SimpleNamespace(**brief))
        be_patient(monkeypatch, "")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield served


def be_patient(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Let the unmodified client of the Hub wait as tests have time for: not long for an answer that never comes."""
    from huggingface_hub import constants, file_download

    timeout = 0.25 if fault in UNANSWERED else 20.0
    monkeypatch.setattr(asking, "TIMEOUT", timeout)
    for name in ("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"):
        monkeypatch.setattr(constants, name, timeout)
    monkeypatch.setattr(file_download, "_ETAG_RETRY_TIMEOUT", timeout)


def publish(runs: Path, *more: str, to: str = REPO) -> Answer:
    return replicard("publish", "tiny", "--to", to, "--runs", runs, "-q", *more)


def repo(hub: Hub, id: str = REPO) -> Repo:
    return hub.repos["models", id]


def statement(runs: Path) -> Path:
    return next(runs.glob("tiny/*/seed*/publication.json"))


def files_of(runs: Path) -> dict[str, bytes]:
    """What a run's folder holds that is published."""
    root = next(runs.glob("tiny/*"))
    kept = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith(LOCAL))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in kept}


def whole(hub: Hub, runs: Path) -> bool:
    """Whether the repo holds the run, all of it."""
    return files_of(runs).items() <= repo(hub).tree().items()


# What is there afterwards


def test_a_run_is_published_in_one_commit_on_top_of_the_repo_s_own(hub: Hub, runs: Path) -> None:
    answer = publish(runs)
    assert (answer.code, answer.err) == (0, "")
    assert whole(hub, runs)
    run = next(runs.glob("tiny/*/seed2")).relative_to(runs)
    assert [message for _, message in repo(hub).log] == ["initial commit", f"Publish {run}"]


def test_a_new_repo_is_private(hub: Hub, runs: Path) -> None:
    assert publish(runs).code == 0
    assert repo(hub).private


def test_a_new_repo_is_public_where_that_is_asked_for(hub: Hub, runs: Path) -> None:
    assert publish(runs, "--public").code == 0
    assert not repo(hub).private


def test_the_commit_has_a_tag_that_names_run_and_seed(hub: Hub, runs: Path) -> None:
    assert publish(runs).code == 0
    run_id = next(runs.glob("tiny/*")).name
    assert repo(hub).tags == {f"replicard-{run_id}-seed2": repo(hub).refs["main"]}


def test_publication_json_says_where_it_is_what_it_is_and_how_it_was_checked(hub: Hub, runs: Path) -> None:
    assert publish(runs).code == 0
    said = json.loads(statement(runs).read_bytes())
    assert (said["endpoint"], said["repo"], said["commit"]) == (hub.endpoint, REPO, repo(hub).refs["main"])
    assert {file["name"]: file["size"] for file in said["files"]} == {n: len(c) for n, c in files_of(runs).items()}
    assert said["rows"] == publication.ROWS
    assert said["largest_difference"] < 1e-6


def test_large_files_go_up_in_parts_where_the_hub_asks_for_it(hub: Hub, runs: Path) -> None:
    hub.part_size = 4096
    assert publish(runs).code == 0
    assert whole(hub, runs)
    weights = len(files_of(runs)["seed2/model/model.safetensors"])
    assert len([r for r in hub.asked("PUT") if "/1?" not in r]) >= weights // 4096


def test_publishing_again_sends_nothing_and_checks_nothing_again(hub: Hub, runs: Path) -> None:
    assert publish(runs).code == 0
    before, asked = statement(runs).read_bytes(), len(hub.requests)
    answer = publish(runs)
    assert (answer.code, answer.err) == (0, "")
    assert "nothing sent, all of it was there" in answer.out
    assert not [request for request in hub.requests[asked:] if not request.startswith("GET /api/")]
    assert statement(runs).read_bytes() == before


def test_publishing_again_sends_nothing_after_somebody_added_a_file(hub: Hub, runs: Path) -> None:
    assert publish(runs).code == 0
    commit = json.loads(statement(runs).read_bytes())["commit"]
    hub.add("models", REPO, {**repo(hub).tree(), "LICENSE": b"mine"})
    assert "nothing sent" in publish(runs).out
    assert json.loads(statement(runs).read_bytes())["commit"] == commit
    assert len(repo(hub).log) == 3


def test_json_says_the_same_for_programs(hub: Hub, runs: Path) -> None:
    answer = publish(runs, "--json")
    assert json.loads(answer.out)["commit"] == repo(hub).refs["main"]
    assert "seed2/model/model.safetensors" in json.loads(answer.out)["sent"]


def test_another_seed_takes_the_place_of_the_one_that_stood_for_it_and_the_rest_stays(hub: Hub, runs: Path) -> None:
    hub.add("models", REPO, {"LICENSE": b"mine"})
    repo(hub).private = True
    assert publish(runs).code == 0
    answer = replicard("reproduce", "tiny", "--runs", runs, "-q", "--seeds", "1,2")
    assert answer.code == 0, answer.err
    assert publish(runs).code == 0
    assert {name.partition("/")[0] for name in repo(hub).tree()} == {
        "LICENSE", "README.md", "audit.json", "provenance.json", "seed1"
    }  # fmt: skip
    assert len(repo(hub).log) == 3
    assert len(repo(hub).tags) == 2


def test_a_readme_that_was_rendered_anew_is_sent_alone_and_the_tag_follows(
    hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner import rendering

    assert publish(runs).code == 0
    was = rendering.readme
    more = "## Evaluation\n\nOne more line.\n"
    monkeypatch.setattr(rendering, "readme", lambda *inputs: was(*inputs).replace("## Evaluation\n", more))
    assert replicard("render", "tiny", "--runs", runs).code == 0
    answer = publish(runs, "--json")
    assert json.loads(answer.out)["sent"] == ["README.md", "provenance.json"]
    assert list(repo(hub).tags.values()) == [repo(hub).refs["main"]]
    assert len(repo(hub).log) == 3


def test_somebody_at_a_terminal_sees_how_far_a_large_file_is(
    hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner import progress

    monkeypatch.setattr(progress, "is_live", lambda: True)
    monkeypatch.setattr(progress.console, "quiet", False)
    monkeypatch.setattr(pushing, "SMALL", 0)  # only what is not read whole has a bar of its own
    answer = replicard("publish", "tiny", "--to", REPO, "--runs", runs)
    assert answer.code == 0
    assert "model.safetensors:" in answer.err


@pytest.mark.parametrize("step", ["whoami", "create", "commit", "tag"])
def test_the_hub_is_asked_again_after_as_long_as_it_says(
    step: str, hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(asking, "LONGEST", 300.0)
    for module in (asking, pushing):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=waited.append))
    hub.inject(step, "429")
    assert publish(runs).code == 0
    assert waited == [1.0]


# What is nobody else's business


def personal(folder: Path, hub: Hub) -> dict[str, str]:
    """An environment in which a name of one's own stands for every thing that could be given away."""
    home = folder / "home-of-jane"
    (home / "tmp").mkdir(parents=True)
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(home / "hugging"),
        "HF_TOKEN": TOKEN,
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "USER": "jane-the-user",
        "LOGNAME": "jane-the-user",
        "HOSTNAME": "host-of-jane",
        "PWD": str(folder),
    }


ADAPTED = """\
base: {model: tester/base, head: keep}
adapter: {type: lora, r: 2, target_modules: [query, value]}
"""


@pytest.mark.slow
@pytest.mark.parametrize("base", ["base: {model: base, head: keep}\n", ADAPTED], ids=["folder", "hub"])
def test_nothing_that_is_published_names_a_folder_a_user_or_a_host(
    base: str, hub: Hub, tmp_path: Path, base_repo: Callable[..., Path]
) -> None:
    hub.add("models", "tester/base", base_repo("bert"))
    card = write_card(tmp_path / "cards")
    shutil.move(tmp_path / "base", tmp_path / "cards/base")
    text = card.read_text()
    card.write_text(text[: text.index("base:")] + base + text[text.index("task:") :])
    command = [sys.executable, "-m", "runner.cli", "reproduce", card, "--runs", tmp_path / "jane-runs", "-q"]
    with process([*command, "--publish", "--to", REPO], cwd=tmp_path, **personal(tmp_path, hub)) as running:
        out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    given_away = [str(tmp_path), "jane", str(Path.home()), socket.gethostname() + "/", "/tmp/", str(Path(sys.prefix))]
    for name, content in repo(hub).tree().items():
        assert not [words for words in given_away if len(words) > 5 and words.encode() in content], name
    assert not [name for name in repo(hub).tree() if name.rpartition("/")[2].startswith(LOCAL)]


# A dry run


def test_a_dry_run_lists_every_file_with_size_and_hash_and_asks_nobody(hub: Hub, runs: Path) -> None:
    answer = publish(runs, "--dry-run", "--json")
    said = {file["name"]: (file["size"], file["sha256"]) for file in json.loads(answer.out)["files"]}
    assert hub.requests == []
    assert not list(runs.rglob("provenance.json"))
    assert publish(runs).code == 0
    sent = json.loads(statement(runs).read_bytes())["files"]
    assert said == {file["name"]: (file["size"], file["sha256"]) for file in sent}


# Whose files


@pytest.mark.parametrize("edited", ["README.md", "audit.json", "seed2/model/model.safetensors"])
def test_a_file_that_was_changed_on_the_hub_is_not_replaced_unless_told(edited: str, hub: Hub, runs: Path) -> None:
    assert publish(runs).code == 0
    hub.add("models", REPO, {**repo(hub).tree(), edited: b"edited on the Hub"})
    answer = publish(runs)
    assert answer.code == 2
    assert f"{edited} in {REPO} was not written by replicard, or was changed since; --overwrite" in answer.line
    assert repo(hub).tree()[edited] == b"edited on the Hub"
    assert publish(runs, "--overwrite").code == 0
    assert whole(hub, runs)


def test_a_readme_that_was_there_before_is_not_replaced_unless_told(hub: Hub, runs: Path) -> None:
    hub.add("models", REPO, {"README.md": b"# mine", "notes.md": b"mine too"})
    repo(hub).private = True
    answer = publish(runs)
    assert (answer.code, "README.md in" in answer.line) == (2, True)
    assert repo(hub).tree() == {"README.md": b"# mine", "notes.md": b"mine too"}
    assert publish(runs, "--overwrite").code == 0
    assert repo(hub).tree()["notes.md"] == b"mine too"


def test_a_statement_that_is_none_makes_no_file_ours(hub: Hub, runs: Path) -> None:
    hub.add("models", REPO, {"README.md": b"# mine", "provenance.json": b'{"subject": []}'})
    repo(hub).private = True
    answer = publish(runs)
    assert answer.code == 2
    assert "README.md, provenance.json in" in answer.line


@pytest.mark.parametrize(
    ("private", "option", "said"),
    [(False, (), "is public; --public agrees to that"), (True, ("--public",), "is private; make it public in its")],
)
def test_a_repo_that_is_not_as_private_as_wanted_gets_nothing(
    private: bool, option: tuple[str, ...], said: str, hub: Hub, runs: Path
) -> None:
    hub.add("models", REPO, {"LICENSE": b"mine"})
    repo(hub).private = private
    answer = publish(runs, *option)
    assert (answer.code, said in answer.line) == (2, True)
    assert repo(hub).tree() == {"LICENSE": b"mine"}
    assert not hub.asked("PUT")


def test_a_file_that_the_repo_s_gitignore_would_leave_out_is_told_and_nothing_is_committed(
    hub: Hub, runs: Path
) -> None:
    hub.add("models", REPO, {".gitignore": b"*.png\n"})
    repo(hub).private = True
    answer = publish(runs)
    assert answer.code == 2
    assert f"the .gitignore of {REPO} leaves out seed2/plots/calibration.png" in answer.line
    assert list(repo(hub).tree()) == [".gitignore"]


# Pull requests


def proposed(hub: Hub, runs: Path) -> Answer:
    return publish(runs, "--create-pr", "--public", to="other/model")


def test_a_pull_request_leaves_the_branch_as_it_is(hub: Hub, runs: Path) -> None:
    hub.add("models", "other/model", {"LICENSE": b"theirs"})
    answer = proposed(hub, runs)
    assert (answer.code, answer.err) == (0, "")
    theirs = repo(hub, "other/model")
    assert theirs.tree() == {"LICENSE": b"theirs"}
    assert files_of(runs).items() <= theirs.tree("refs/pr/1").items()
    assert f"{hub.endpoint}/other/model/discussions/1" in answer.out
    assert not theirs.tags


def test_proposing_again_finds_the_pull_request_that_is_there(hub: Hub, runs: Path) -> None:
    hub.add("models", "other/model", {"LICENSE": b"theirs"})
    assert proposed(hub, runs).code == 0
    statement(runs).unlink()
    assert proposed(hub, runs).code == 0
    assert len(repo(hub, "other/model").pulls) == 1


@pytest.mark.parametrize("fault", ["drop before", "drop after", "hang", "late", "truncated", "500", "503", "429"])
def test_a_proposal_that_got_no_answer_is_not_made_twice(
    fault: str, hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("models", "other/model", {"LICENSE": b"theirs"})
    hub.inject("commit", fault)
    be_patient(monkeypatch, fault)
    first = proposed(hub, runs)
    assert first.code in (0, 3)
    hub.settle()  # a late one is made meanwhile
    be_patient(monkeypatch, "")
    assert proposed(hub, runs).code == 0
    assert len(repo(hub, "other/model").pulls) == 1


def test_without_the_right_to_write_a_pull_request_is_named_as_the_way(hub: Hub, runs: Path) -> None:
    hub.add("models", "other/model", {"LICENSE": b"theirs"})
    answer = publish(runs, "--public", to="other/model")
    assert answer.code == 3
    assert "the Hub forbids committing to other/model" in answer.line
    assert "--create-pr proposes the files" in answer.line


# What is refused before anything is asked


def changed_audit(root: Path) -> None:
    (root / "audit.json").write_text("{}")


def no_audit(root: Path) -> None:
    (root / "audit.json").unlink()


def edited_readme(root: Path) -> None:
    with (root / "README.md").open("a") as file:
        file.write("And it won a prize.\n")


def other_weights(root: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    path = root / "seed2/model/model.safetensors"
    save_file({name: torch.zeros_like(value) for name, value in load_file(path).items()}, path)


def rehearsed(root: Path) -> None:
    path = root / "seed2/record.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "rehearsal": True}))


def unfinished(root: Path) -> None:
    path = root / "seed2/record.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "evaluation": None}))


def token_in_the_card(root: Path) -> None:
    path = root / "seed2/record.json"
    record = json.loads(path.read_bytes())
    record["card"]["readme"]["authors"] = [TOKEN]
    path.write_text(json.dumps(record))


def pickled(root: Path) -> None:
    import torch

    torch.save({}, root / "seed2/model/training_args.bin")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_audit, "the audit of these runs is not done"),
        (changed_audit, "the audit of these runs is not done"),
        (edited_readme, "was edited, and does not follow from its card and record; put text of your own between"),
        (other_weights, "is not what was trained"),
        (rehearsed, "is a rehearsal"),
        (unfinished, "is not complete; `replicard reproduce tiny` finishes it"),
        (token_in_the_card, "holds what looks like a Hugging Face token in line 1"),
        (pickled, "is a pickle"),
    ],
)
def test_a_run_that_is_not_ready_is_refused_before_the_hub_hears_of_it(
    spoil: Callable[[Path], None], said: str, hub: Hub, runs: Path
) -> None:
    spoil(next(runs.glob("tiny/*")))
    answer = publish(runs)
    assert answer.code == 2
    assert said in answer.err
    assert TOKEN not in answer.err
    assert hub.requests == []


def test_an_adapter_on_a_base_that_only_this_machine_has_is_refused(
    hub: Hub, tmp_path: Path, base_repo: Callable[..., Path]
) -> None:
    base_repo("bert")
    card = write_card(tmp_path)
    text = card.read_text()
    start, end = text.index("base:"), text.index("task:")
    adapter = "adapter: {type: lora, r: 2, target_modules: [query, value]}\n"
    card.write_text(f"{text[:start]}base: {{model: base, head: keep}}\n{adapter}{text[end:]}")
    assert replicard("reproduce", card, "--runs", tmp_path / "runs", "-q").code == 0
    answer = publish(tmp_path / "runs")
    assert (answer.code, "is a folder of this machine" in answer.line) == (2, True)
    assert hub.requests == []


@pytest.mark.parametrize("name", ["reviews", "a/b/c", "a/..", "", "https://huggingface.co/a/b"])
def test_what_is_no_repo_is_refused(name: str, hub: Hub, runs: Path) -> None:
    answer = publish(runs, to=name)
    assert (answer.code, "is no repo of the Hub; write namespace/name" in answer.line) == (2, True)


def test_the_best_of_several_seeds_cannot_be_chosen(hub: Hub, runs: Path) -> None:
    root = next(runs.glob("tiny/*"))
    shutil.copytree(root / "seed2", root / "seed3")
    record = json.loads((root / "seed3/record.json").read_bytes())
    (root / "seed3/record.json").write_text(json.dumps({**record, "seed": 3}))
    answer = replicard("publish", f"tiny/{root.name}/seed3", "--to", REPO, "--runs", runs)
    assert answer.code == 2
    assert "the README shows seed 2, which is the one to publish" in answer.line


# Who may


def test_without_a_token_the_way_to_one_is_named(hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    answer = publish(runs)
    assert (answer.code, answer.line) == (3, "not logged in to the Hub; `hf auth login`, or set HF_TOKEN")


def test_a_token_from_the_client_s_own_file_is_taken(
    hub: Hub, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    assert publish(runs).code == 0


@pytest.fixture
def trusted(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> str:
    """An identity token that is good for the repo; no other token is here."""
    from huggingface_hub.utils import _auth

    identity = "eyJ-of-the-workflow"
    hub.publishers[identity, REPO] = TOKEN
    monkeypatch.setattr(_auth, "_OIDC_TOKEN_CACHE", None)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("HF_OIDC_RESOURCE", REPO)
    return identity


def test_trusted_publishing_needs_no_token_here(
    hub: Hub, runs: Path, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_OIDC_ID_TOKEN", trusted)
    answer = publish(runs)
    assert (answer.code, answer.err) == (0, "")
    assert whole(hub, runs)


@pytest.mark.parametrize(
    ("identity", "said"),
    [("", "HF_OIDC_RESOURCE is set but no OIDC id token is available"), ("another", "the Hub refused the token when")],
)
def test_trusted_publishing_that_does_not_work_is_told(
    identity: str, said: str, hub: Hub, runs: Path, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_OIDC_ID_TOKEN", identity)
    answer = publish(runs)
    assert (answer.code, said in answer.line) == (3, True)


def test_a_token_that_may_only_read_is_told_before_anything_is_sent(hub: Hub, runs: Path) -> None:
    hub.accounts[TOKEN] = Account("tester", role="read")
    answer = publish(runs)
    assert answer.code == 3
    assert answer.line == f"the token may only read; `hf auth login` with one that may write to {REPO}"


def test_a_token_that_is_none_is_told(hub: Hub, runs: Path) -> None:
    hub.accounts.clear()
    answer = publish(runs)
    assert (answer.code, "the Hub refused the token when asking who you are" in answer.line) == (3, True)


def test_a_namespace_of_others_is_told(hub: Hub, runs: Path) -> None:
    answer = publish(runs, to="others/model")
    assert (answer.code, "the Hub forbids creating others/model" in answer.line) == (3, True)


def test_an_organization_of_one_s_own_is_taken(hub: Hub, runs: Path) -> None:
    assert publish(runs, to="lab/model").code == 0


def test_offline_says_so(hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    answer = publish(runs)
    assert (answer.code, answer.line) == (3, "HF_HUB_OFFLINE is set; publish where there is network")


def test_front_matter_that_the_hub_refuses_is_told_and_nothing_is_sent(
    hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner import hub_rules, rendering

    was = rendering.front_matter
    # The Hub's own rules are more than are known here.
    monkeypatch.setattr(hub_rules, "RULES", ())
    monkeypatch.setattr(rendering, "front_matter", lambda *inputs: was(*inputs) + "license: My Own\n")
    assert replicard("render", "tiny", "--runs", runs).code == 0
    answer = publish(runs)
    assert answer.code == 2
    assert 'refuses the README\'s front matter: "license" must be one of the known ones' in answer.line
    assert list(repo(hub).tree()) == [".gitattributes"]
    assert not hub.asked("PUT")


# What arrives


def test_a_file_that_arrives_changed_is_no_publication(hub: Hub, runs: Path) -> None:
    weights = files_of(runs)["seed2/model/model.safetensors"]
    hub.spoiled["seed2/model/model.safetensors"] = weights[:-4] + b"abcd"
    answer = publish(runs)
    assert answer.code == 2
    assert "is not what was sent: seed2/model/model.safetensors" in answer.line
    assert not list(runs.rglob("publication.json"))


def test_a_readme_whose_code_does_not_load_the_model_is_no_publication(
    hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner import rendering

    was = rendering.readme
    monkeypatch.setattr(rendering, "readme", lambda *inputs: was(*inputs).replace("seed2/model", "seed2/modell"))
    assert replicard("render", "tiny", "--runs", runs).code == 0
    answer = publish(runs)
    assert (answer.code, "arrived whole, but the README's code does not load it" in answer.line) == (2, True)
    assert not list(runs.rglob("publication.json"))


def test_text_that_was_written_by_hand_is_published_and_its_code_is_not_run(hub: Hub, runs: Path) -> None:
    page = next(runs.glob("tiny/*/README.md"))
    kept = "<!-- replicard:keep -->\n```python\nraise SystemExit\n```\n<!-- /replicard:keep -->\n"
    page.write_text(page.read_text().replace("## Model Details\n", f"## Model Details\n\n{kept}"))
    assert publish(runs).code == 0
    assert kept in repo(hub).tree()["README.md"].decode()
    assert replicard("verify", f"hub:{REPO}").code == 0


def test_a_model_that_scores_otherwise_is_no_publication(hub: Hub, runs: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = next(runs.glob("tiny/*/seed2/predictions.parquet"))
    table = pq.read_table(path)
    off = pa.array([1 - chance for chance in table["probability_positive"].to_pylist()])
    pq.write_table(
        table.set_column(table.column_names.index("probability_positive"), "probability_positive", off), path
    )
    answer = publish(runs)
    assert (answer.code, "loads as its README says, but scores otherwise" in answer.line) == (2, True)
    assert not list(runs.rglob("publication.json"))


def test_examples_stand_in_for_a_dataset_that_is_gone(hub: Hub, tmp_path: Path) -> None:
    card = write_card(tmp_path)
    card.write_text(card.read_text() + 'examples: [{text: "a lovely film", label: positive}]\n')
    assert replicard("reproduce", card, "--runs", tmp_path / "runs", "-q").code == 0
    shutil.rmtree(tmp_path / "reviews")
    assert publish(tmp_path / "runs").code == 0
    assert json.loads(statement(tmp_path / "runs").read_bytes())["rows"] == 1


def test_without_rows_or_examples_it_is_said_what_is_missing(hub: Hub, tmp_path: Path) -> None:
    assert replicard("reproduce", write_card(tmp_path), "--runs", tmp_path / "runs", "-q").code == 0
    shutil.rmtree(tmp_path / "reviews")
    answer = publish(tmp_path / "runs")
    assert (answer.code, "`replicard reproduce tiny` fetches them" in answer.line) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("card", ["tiny-lora", "tiny-lora-4bit", "tiny-lora-8bit", "tiny-pairs", "quickstart-topics"])
def test_every_kind_of_model_arrives_and_scores_as_the_run_did(card: str, hub: Hub, tmp_path: Path) -> None:
    options = ("--runs", tmp_path / "runs", "-q", "--accept-deviations", "--publish", "--to", f"tester/{card}")
    answer = replicard("reproduce", card, *options)
    assert (answer.code, answer.err) == (0, "")
    said = json.loads(next(tmp_path.glob("runs/*/*/seed*/publication.json")).read_bytes())
    assert said["rows"] == publication.ROWS
    assert said["largest_difference"] < (1e-3 if card.endswith("bit") else 1e-5)
    assert replicard("verify", f"hub:tester/{card}@{said['tag']}").code == 0


# Others at work


def test_a_commit_of_somebody_else_meanwhile_is_kept_and_ours_comes_on_top(hub: Hub, runs: Path) -> None:
    others = iter([b"theirs"])

    def meanwhile(step: str) -> None:
        if step == "commit" and (content := next(others, None)):
            hub.add("models", REPO, {**repo(hub).tree(), "LICENSE": content})

    hub.before = meanwhile
    assert publish(runs).code == 0
    assert repo(hub).tree()["LICENSE"] == b"theirs"
    assert whole(hub, runs)
    assert len(repo(hub).log) == 3


def test_a_readme_of_somebody_else_meanwhile_is_not_replaced(hub: Hub, runs: Path) -> None:
    def meanwhile(step: str) -> None:
        if step == "commit" and len(repo(hub).log) == 1:
            hub.add("models", REPO, {**repo(hub).tree(), "README.md": b"theirs"})

    hub.before = meanwhile
    answer = publish(runs)
    assert (answer.code, "README.md in" in answer.line) == (2, True)
    assert repo(hub).tree()["README.md"] == b"theirs"


def test_another_repo_being_made_is_waited_for_but_not_for_ever(hub: Hub, runs: Path) -> None:
    hub.inject("create", "conflict", 1000)
    answer = publish(runs)
    assert (answer.code, "creating tester/" in answer.line) == (3, True)
    assert len(hub.asked("POST", "/api/repos/create")) < 50
    hub.inject("create", "conflict", 2)
    assert publish(runs).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "when"), [("put", "before"), ("commit", "before"), ("commit", "after"), ("tag", "after")]
)
def test_killed_at_any_point_the_hub_holds_the_old_or_the_new_and_the_next_run_finishes(
    step: str, when: str, hub: Hub, runs: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "runner.cli", "publish", "tiny", "--to", REPO, "--runs", runs, "-q"]
    environment = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    with process(command, **environment) as publishing:

        def kill(at: str) -> None:
            if at == step:
                os.kill(publishing.pid, signal.SIGKILL)

        setattr(hub, when, kill)
        assert publishing.wait(60) == -signal.SIGKILL
    hub.before = hub.after = lambda at: None
    hub.settle()  # a commit that was sent is made, although nobody waits for it any more
    assert whole(hub, runs) == (step != "put")
    assert step != "put" or list(repo(hub).tree()) == [".gitattributes"]
    assert not list(runs.rglob("publication.json"))
    assert publish(runs).code == 0
    assert whole(hub, runs)
    assert len(repo(hub).log) == 2
    assert statement(runs).exists()


# The whole road, and where the token goes


@pytest.mark.slow
def test_a_card_is_reproduced_and_published_by_one_command_that_knows_the_hub_from_its_environment(
    tmp_path: Path,
) -> None:
    card = write_card(tmp_path)
    (tmp_path / "tmp").mkdir()
    with Hub() as served:
        served.accounts = {TOKEN: Account("tester")}
        command = [sys.executable, "-m", "runner.cli", "reproduce", card, "--runs", tmp_path / "runs"]
        environment = {
            "HF_ENDPOINT": served.endpoint,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": TOKEN,
            "HF_DEBUG": "1",
            "TMPDIR": str(tmp_path / "tmp"),
        }
        with process([*command, "--publish", "--to", REPO], **environment) as running:
            out, err = running.communicate(timeout=120)
        assert running.returncode == 0, err
        assert whole(served, tmp_path / "runs")
        published = b"".join(repo(served).tree().values())
    assert "published  " in out
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written + published + (out + err).encode()
    # It went where it belongs, and to no address that is signed.
    sent = dict(zip(served.requests, served.headers, strict=True))
    assert f"Bearer {TOKEN}" in {headers.get("authorization") for headers in sent.values()}
    assert not [r for r, headers in sent.items() if r.startswith("PUT") and "authorization" in headers]


def nowhere(secret: str, answer: Answer, *folders: Path) -> None:
    """See that a secret is in no file and in nothing that was said."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert secret not in answer.out + answer.err


@pytest.mark.parametrize(
    ("step", "fault"),
    [("whoami", "401"), ("create", "403"), ("commit", "401"), ("commit", "403"), ("tag", "500"), ("get", "403")],
)
def test_the_token_is_in_no_error(
    step: str, fault: str, hub: Hub, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ROUNDS", 1)
    hub.inject(step, fault, 100)
    answer = publish(runs)
    assert answer.code == 3
    assert len(answer.err.splitlines()) == 1
    nowhere(TOKEN, answer, tmp_path, Path(os.environ["HF_HOME"]))


def test_a_token_of_trusted_publishing_is_written_nowhere(
    hub: Hub, runs: Path, trusted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_OIDC_ID_TOKEN", trusted)
    answer = publish(runs)
    assert answer.code == 0
    for secret in (TOKEN, trusted):
        nowhere(secret, answer, tmp_path, Path(os.environ["HF_HOME"]))
    assert TOKEN.encode() not in b"".join(repo(hub).tree().values())


def test_a_password_in_the_address_of_a_hub_is_written_nowhere(
    hub: Hub, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_for_the_hub(monkeypatch, hub.endpoint.replace("://", "://me:hunter22@"))
    nowhere("hunter22", publish(runs), tmp_path)


# Changed meanwhile


def test_a_file_that_changes_before_it_is_sent_is_not_sent(hub: Hub, runs: Path) -> None:
    page = next(runs.glob("tiny/*/README.md"))

    def change(step: str) -> None:
        if step == "create":
            page.write_text(f"# another\n\n{TOKEN}\n")

    hub.after = change
    answer = publish(runs)
    assert (answer.code, "README.md changed while being published" in answer.line) == (2, True)
    assert list(repo(hub).tree()) == [".gitattributes"]


@pytest.mark.parametrize("name", ["README.md", "seed2/record.json", "seed2/model/config.json"])
def test_a_file_that_changes_while_it_is_sent_arrives_as_it_was_looked_through(name: str, hub: Hub, runs: Path) -> None:
    path = next(runs.glob("tiny/*")) / name
    before = path.read_bytes()

    def change(step: str) -> None:
        if step == "preupload":
            path.write_bytes(TOKEN.encode())

    hub.before = change
    publish(runs)
    assert repo(hub).tree()[name] == before
    assert TOKEN.encode() not in b"".join(repo(hub).tree().values())


def test_large_weights_that_change_while_they_are_sent_do_not_arrive(
    hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "SMALL", 0)
    path = next(runs.glob("tiny/*/seed2/model/model.safetensors"))
    hub.before = lambda step: path.write_bytes(bytes(path.stat().st_size)) if step == "batch" else None
    answer = publish(runs)
    assert answer.code in (2, 3)
    assert len(answer.err.splitlines()) == 1
    assert list(repo(hub).tree()) == [".gitattributes"]


def test_a_full_disk_is_told_and_nothing_counts_as_published(
    hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    answer = publish(runs)
    assert (answer.code, "the disk is full" in answer.line) == (3, True)
    assert not list(runs.rglob("publication.json"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--publish"], "goes with --to"),
        (["--to", REPO], "goes with --to"),
        (["--public"], "goes with --to"),
        (["--publish", "--to", "nowhere"], "is no repo of the Hub"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_the_training(
    options: list[str], said: str, hub: Hub, tmp_path: Path
) -> None:
    answer = replicard("reproduce", write_card(tmp_path), "--runs", tmp_path / "runs", *options)
    assert (answer.code, said in answer.line) == (2, True)
    assert not (tmp_path / "runs").exists()


def test_a_token_that_is_missing_is_told_before_the_training(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    answer = replicard("reproduce", write_card(tmp_path), "--runs", tmp_path / "runs", "--publish", "--to", REPO)
    assert (answer.code, "not logged in" in answer.line) == (3, True)
    assert not (tmp_path / "runs").exists()


# Every step, every fault

STEPS = ("whoami", "create", "preupload", "batch", "put", "commit", "tag", "head", "get")
ABOUT_ACCESS = ("401", "403")


def outcome(hub: Hub, runs: Path, step: str, fault: str, times: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Publish with a fault, and again without: what became of it, in a word. The Hub must be whole throughout."""
    hub.repos.clear()
    hub.had.clear()
    for left in (*runs.rglob("publication.json"), *runs.rglob("provenance.json")):
        left.unlink()
    hub.inject(step, fault, times)
    be_patient(monkeypatch, fault)
    first = publish(runs)
    assert hub.had, "the fault did not happen"
    assert first.code in (0, 3), first.err
    assert len(first.err.splitlines()) == (first.code == 3), first.err
    hub.injected.clear()
    hub.settle()  # a late one is made meanwhile
    be_patient(monkeypatch, "")
    here = hub.repos.get(("models", REPO))
    held = here.tree() if here else {}
    assert not held or list(held) == [".gitattributes"] or whole(hub, runs), f"half published: {sorted(held)}"
    assert bool(list(runs.rglob("publication.json"))) == (first.code == 0)
    if first.code == 0:
        assert whole(hub, runs)
    again = publish(runs)
    assert (again.code, again.err) == (0, "")
    assert whole(hub, runs), "lost"
    assert len(repo(hub).log) == 2, f"duplicated: {repo(hub).log}"
    assert list(repo(hub).tags.values()) == [repo(hub).refs["main"]]
    assert statement(runs).exists()
    return "done" if first.code == 0 else "exit 3, again done"


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 1000], ids=["once", "always"])
@pytest.mark.parametrize("step", STEPS)
def test_every_fault_leaves_the_hub_whole_and_the_next_run_finishes(
    step: str, times: int, hub: Hub, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if times > 1:
        monkeypatch.setattr(asking, "ROUNDS", 1)  # the client's own five retries come on top
    found = {}
    for fault in KINDS_OF_FAULT:
        try:
            found[fault] = outcome(hub, runs, step, fault, times, monkeypatch)
        except AssertionError as error:
            found[fault] = f"WRONG: {error}"
    assert not {fault: what for fault, what in found.items() if what.startswith("WRONG")}
    if times == 1:
        assert {what for fault, what in found.items() if fault not in ABOUT_ACCESS} == {"done"}
