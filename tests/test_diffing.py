"""What two cards say differently, and what has changed in one since a git revision."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import replicard
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.diffing import diff
from registry.writing import dump, render
from runner.plugins import load_card
from runner.runs import run_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.card import Card

REPO = Path(__file__).parents[1]
SHIPPED = sorted(REPO.glob("cards/**/*.yaml"))
SEED = REPO / "cards/imdb/jamander-project-blockbuster.yaml"

CLAIM = {"metric": "accuracy", "value": "85%", "split": "test"}
F1 = {"metric": "f1", "value": "0.850", "split": "test", "averaging": "macro"}


@pytest.fixture
def card(tmp_path: Path) -> Callable[..., Card]:
    """`card(training={…}, reported=[…])`: a small card that says this too."""
    base: dict[str, Any] = {
        "schema": 1,
        "id": "x",
        "base": {"model": "prajjwal1/bert-tiny"},
        "task": {"type": "text-classification", "labels": ["negative", "positive"]},
        "data": {"dataset": "rows"},
    }

    def make(**sections: Any) -> Card:
        for name, section in sections.items():
            sections[name] = {**base.get(name, {}), **section} if isinstance(section, dict) else section
        (tmp_path / "x.yaml").write_text(render({**base, **sections}), encoding="utf-8")
        return load_card(tmp_path / "x.yaml").card

    return make


def lines(old: Card, new: Card) -> list[str]:
    return [str(change) for change in diff(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({}, {"training": {"epochs": 5}}, ["  training.epochs: 3 → 5"]),
        ({}, {"training": {"learning_rate": 2e-5}}, ["  training.learning_rate: 5e-5 → 2e-5"]),
        ({}, {"data": {"config": "plain_text"}}, ["+ data.config: plain_text"]),
        ({"data": {"config": "plain_text"}}, {}, ["- data.config: plain_text"]),
        ({}, {"data": {"clean": ["strip_html"]}}, ["+ data.clean: [strip_html]"]),
        ({"readme": {"license": "mit"}}, {"readme": {"license": "apache-2.0"}}, ["  readme.license: mit → apache-2.0"]),
        ({"adapter": {"type": "lora", "target_modules": ["query"]}},
         {"adapter": {"type": "lora", "target_modules": ["query", "value"]}},
         ["  adapter.target_modules: [query] → [query, value]"]),
        ({}, {"evaluation": {"metrics": ["accuracy", "precision", "recall", "f1"]}}, ["- evaluation.metrics: roc_auc"]),
        ({"evaluation": {"metrics": ["accuracy", "f1"]}}, {"evaluation": {"metrics": ["f1", "accuracy"]}},
         ["  evaluation.metrics: [accuracy, f1] → [f1, accuracy]"]),
        ({"evaluation": {"metrics": ["f1"]}}, {"evaluation": {"metrics": [{"name": "f1", "averaging": "macro"}]}},
         ["- evaluation.metrics: f1", "+ evaluation.metrics: {name: f1, averaging: macro}"]),
        ({"reported": [CLAIM]}, {"reported": [{**CLAIM, "value": "0.85"}]},
         ["  reported[accuracy, test].value: 85% → 0.85"]),
        ({"reported": [CLAIM]}, {"reported": [CLAIM, F1]}, ["+ reported[f1, test, macro]: 0.850"]),
        ({"reported": [CLAIM]}, {"reported": [{**CLAIM, "headline": True}]},
         ["  reported[accuracy, test].headline: false → true"]),
        ({"reported": [CLAIM]}, {"reported": [{**CLAIM, "seeds": 3, "sd": 0.1}]},
         ["+ reported[accuracy, test].seeds: 3", "+ reported[accuracy, test].sd: 0.1"]),
        ({"reported": [CLAIM, CLAIM]}, {"reported": [CLAIM]}, ["- reported[accuracy, test, again 2]: 85%"]),
        ({"reported": [{**CLAIM, "epoch": 1}]}, {"reported": [{**CLAIM, "epoch": 2}]},
         ["+ reported[accuracy, test, epoch 2]: 85%", "- reported[accuracy, test, epoch 1]: 85%"]),
        ({"underspecified": ["the seed", "the split"]}, {"underspecified": ["the split"]},
         ["- underspecified: the seed"]),
    ],
)  # fmt: skip
def test_a_difference_is_one_line(old: Any, new: Any, said: list[str], card: Callable[..., Card]) -> None:
    assert lines(card(**old), card(**new)) == said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"training": {"epochs": 3.0, "seed": 42}, "reported": []}),
        ({}, {"adapter": None, "hardware": {}}),
        ({"training": {"learning_rate": 2e-5}}, {"training": {"learning_rate": 0.00002}}),
        ({"reported": [CLAIM, F1]}, {"reported": [F1, CLAIM]}),
        ({"evaluation": {"metrics": ["f1"]}}, {"evaluation": {"metrics": [{"name": "f1", "trust": False}]}}),
    ],
)
def test_what_means_the_same_is_no_difference(one: Any, other: Any, card: Callable[..., Card]) -> None:
    assert lines(card(**one), card(**other)) == []


def test_claims_that_changed_places_keep_what_shows_them() -> None:
    old = load_card(SEED).card
    swap = {"reported[0]": "reported[1]", "reported[1]": "reported[0]"}
    new = old.model_copy(
        update={
            "reported": (old.reported[1], old.reported[0], *old.reported[2:]),
            "stated": {swap.get(path[:11], path[:11]) + path[11:]: words for path, words in old.stated.items()},
        }
    )
    assert lines(old, new) == []


def test_a_value_that_was_assumed_and_is_now_stated_is_said_with_both_words() -> None:
    old = load_card(SEED).card
    assumed = {path: words for path, words in old.assumed.items() if path != "training.seed"}
    new = old.model_copy(update={"assumed": assumed, "stated": {**old.stated, "training.seed": "seed 42"}})
    (line,) = lines(old, new)
    assert line.startswith("  training.seed: assumed \"TrainingArguments.seed's default")
    assert line.endswith('→ stated "seed 42"')


def test_long_texts_are_cut_to_where_they_differ(card: Callable[..., Card]) -> None:
    long = "One of many words. " * 20
    (line,) = lines(card(readme={"uses": f"{long}Old{long}"}), card(readme={"uses": f"{long}New{long}"}))
    assert "Old" in line
    assert "New" in line
    assert len(line) < 130


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_order_layout_and_written_defaults_are_no_difference(file: Path, tmp_path: Path) -> None:
    def shuffled(value: Any, draw: random.Random) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key], draw) for key in draw.sample(list(value), len(value))}
        return value

    old = load_card(file).card
    raw = shuffled(old.model_dump(mode="json", by_alias=True), random.Random(1))
    shutil.copytree(REPO / "cards/imdb/sources", tmp_path / "sources")
    (tmp_path / file.name).write_text(render(raw), encoding="utf-8")
    assert lines(old, load_card(tmp_path / file.name).card) == []


@settings(max_examples=60)
@given(st.sampled_from(SHIPPED), st.sampled_from(SHIPPED))
def test_cards_without_a_difference_in_what_runs_are_the_same_run(a: Path, b: Path) -> None:
    old, new = load_card(a).card, load_card(b).card
    runs = ("base", "task", "data", "adapter", "quantization", "training", "evaluation")
    differ = [c for c in diff(old, new) if c.section in runs and c.path not in ("training.seed", "evaluation.margin")]
    assert (run_id(old) == run_id(new)) == (not differ)


# The verb


def git(folder: Path, *arguments: str) -> None:
    names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, env={**os.environ, **names, **settings}
    )


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with one committed card with a source; the working directory."""
    (tmp_path / "cards/sources").mkdir(parents=True)
    shutil.copy(SEED, tmp_path / "cards")
    shutil.copy(SEED.parent / "sources" / f"{SEED.stem}.md", tmp_path / "cards/sources")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(repo: Path, old: str, new: str) -> Path:
    file = repo / "cards" / SEED.name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def test_a_card_is_compared_with_its_last_commit(repo: Path) -> None:
    change(repo, "max_length: 512,", "max_length: 512, ")
    assert replicard("diff", SEED.stem).out == f"HEAD:cards/{SEED.name} and cards/{SEED.name} say the same\n"
    change(repo, "license: mit", "license: apache-2.0")
    assert replicard("diff", SEED.stem).out.splitlines() == [
        "  readme.license: mit → apache-2.0",
        "same run: results carry over",
    ]


def test_what_changes_the_run_is_said(repo: Path) -> None:
    change(repo, "margin: 0.01", "margin: 0.01, slices: {words: [20]}")
    change(repo, "  evaluation.margin:", '  evaluation.slices: "ours"\n  evaluation.margin:')
    answer = replicard("diff", SEED.stem)
    assert answer.out.splitlines()[0] == "+ evaluation.slices.words: [20]"
    assert answer.out.splitlines()[-1].startswith("another run: ")


def test_another_seed_is_the_same_run(repo: Path) -> None:
    change(repo, "           seed: 42, select", "           seed: 7, select")
    assert replicard("diff", SEED.stem).out.splitlines()[-1] == "same run with another seed: 42, then 7"


def test_a_revision_can_be_named_and_is_seen_from_a_folder_below(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change(repo, "license: mit", "license: apache-2.0")
    git(repo, "commit", "-q", "-am", "two")
    monkeypatch.chdir(repo / "cards")
    assert replicard("diff", SEED.name).out.endswith("say the same\n")
    assert "mit → apache-2.0" in replicard("diff", SEED.name, "--rev", "HEAD~1").out
    assert "mit → apache-2.0" in replicard("diff", SEED.name, "--rev", "main^").out


def test_check_exits_with_1_where_cards_differ(repo: Path) -> None:
    assert replicard("diff", SEED.stem, "--check").code == 0
    change(repo, "license: mit", "license: apache-2.0")
    assert replicard("diff", SEED.stem, "--check").code == 1
    assert replicard("diff", SEED.stem).code == 0


def test_json_holds_every_change_whole(repo: Path) -> None:
    change(repo, "license: mit", "license: apache-2.0")
    told = json.loads(replicard("diff", SEED.stem, "--json").out)
    assert told["changes"] == [{"section": "readme", "path": "readme.license", "old": "mit", "new": "apache-2.0"}]
    assert told["same_run"] is True
    assert (told["old"], told["new"]) == (f"HEAD:cards/{SEED.name}", f"cards/{SEED.name}")


def test_two_cards_are_compared_by_id_and_by_path() -> None:
    answer = replicard("diff", "quickstart", REPO / "cards/quickstart-topics.yaml")
    assert answer.out.startswith("  id: quickstart → quickstart-topics\n")
    assert answer.code == 0


def test_a_card_that_moved_is_compared_with_where_it_was(repo: Path) -> None:
    (repo / "cards/imdb").mkdir()
    git(repo, "mv", "cards/sources", f"cards/{SEED.name}", "cards/imdb")
    answer = replicard("diff", SEED.stem)
    assert answer.out == f"HEAD:cards/{SEED.name} and cards/imdb/{SEED.name} say the same\n"


def test_a_card_that_was_renamed_is_compared_with_what_it_was_called(repo: Path) -> None:
    git(repo, "mv", f"cards/{SEED.name}", "cards/new.yaml")
    file = repo / "cards/new.yaml"
    file.write_text(file.read_text().replace(f"id: {SEED.stem}", "id: new"))
    assert replicard("diff", "new").out.splitlines()[0] == f"  id: {SEED.stem} → new"


def test_a_card_that_was_not_valid_then_is_refused_with_its_place_in_the_revision(repo: Path) -> None:
    change(repo, "adam_epsilon: 1e-8", "adam_epsilom: 1e-8")
    git(repo, "commit", "-q", "-am", "bad")
    change(repo, "adam_epsilom: 1e-8", "adam_epsilon: 1e-8")
    answer = replicard("diff", SEED.stem)
    assert answer.code == 2
    assert f"HEAD:cards/{SEED.name}:" in answer.err
    assert "did you mean `adam_epsilon`?" in answer.err
    assert "tmp" not in answer.err


@pytest.mark.parametrize("rev", ["nonsense", "--output=x", "HEAD~9", ""])
def test_a_revision_that_is_not_there_is_refused(repo: Path, rev: str) -> None:
    answer = replicard("diff", SEED.stem, f"--rev={rev}")
    assert answer.code == 2
    assert f"--rev {rev}  no such revision in {repo}; `git log --oneline` lists commits" in answer.line


def test_a_repository_without_a_commit_is_said(repo: Path) -> None:
    shutil.rmtree(repo / ".git")
    git(repo, "init", "-q")
    answer = replicard("diff", SEED.stem)
    assert (answer.code, answer.line.endswith("; nothing is committed yet")) == (2, True)


def test_a_card_that_was_never_committed_is_refused(repo: Path) -> None:
    shutil.copy(REPO / "cards/quickstart.yaml", repo / "cards/quickstart.yaml")
    answer = replicard("diff", "quickstart")
    assert answer.code == 2
    assert answer.line == "cards/quickstart.yaml  not in HEAD; `git add` and commit it, or choose another --rev"


def test_a_card_in_no_repository_is_refused(tmp_path: Path) -> None:
    shutil.copy(REPO / "cards/quickstart.yaml", tmp_path)
    answer = replicard("diff", tmp_path / "quickstart.yaml")
    assert answer.code == 2
    assert answer.line.endswith("is in no git repository; name a second card to compare it with")


def test_a_machine_without_git_is_said(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))
    answer = replicard("diff", SEED.stem)
    assert answer.code == 3
    assert answer.line == "git is not installed here; it is needed to read a card's earlier revision"


def test_a_revision_and_a_second_card_exclude_each_other() -> None:
    answer = replicard("diff", "quickstart", "quickstart-topics", "--rev", "HEAD")
    assert (answer.code, answer.line) == (2, "--rev compares A with itself at another time; leave out it, or B")


def test_a_card_that_is_not_valid_is_refused_with_its_problems(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("schema: 1\nid: bad\n")
    answer = replicard("diff", "quickstart", bad)
    assert answer.code == 2
    assert "base: missing; it is required" in answer.err


def test_a_written_card_is_the_same_card(tmp_path: Path) -> None:
    old = load_card(REPO / "cards/quickstart.yaml").card
    (tmp_path / "quickstart.yaml").write_text(dump(old), encoding="utf-8")
    assert "say the same\n" in replicard("diff", "quickstart", tmp_path / "quickstart.yaml").out


def test_the_same_words_for_two_folders_are_no_promise(tmp_path: Path) -> None:
    shutil.copy(REPO / "cards/quickstart.yaml", tmp_path)
    answer = replicard("diff", "quickstart", tmp_path / "quickstart.yaml")
    assert answer.out.endswith("same run, if the folders of data.dataset hold the same beside both cards\n")


@pytest.mark.parametrize(
    "arguments", [["diff", "quickstart", "quickstart-topics"], ["init", "new", "--like", "quickstart", "--dry-run"]]
)
def test_the_command_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from runner.cli import main\n"
        f"sys.argv = ['replicard', *{arguments!r}]\n"
        "try: main()\n"
        "finally: print('heavy:', {'torch', 'transformers', 'datasets', 'huggingface_hub'} & {*sys.modules} or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: None"
