"""The GitHub Action and the pre-commit hooks in somebody else's repository: their real steps, really run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml
from command import CARD, REPO

if TYPE_CHECKING:
    from pathlib import Path

IMPOSSIBLE = """\
---
license: mit
---
# A classifier

- **Hardware Type:** 1 x NVIDIA A100
- **Hours used:** 5
- **Carbon Emitted:** 45 kg
"""


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A repository with a good card and a README that nothing speaks against."""
    folder = tmp_path / "their repo"
    (folder / "cards").mkdir(parents=True)
    (folder / "cards/tiny.yaml").write_text(CARD + "readme: {license: mit}\n")
    (folder / "README.md").write_text("# A classifier\n\nIt reports no numbers.\n")
    return folder


def step(name: str, cwd: Path, temp: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run a step of the action as a runner does: its script, in the workspace, with the inputs it names."""
    action = yaml.safe_load((REPO / "action.yml").read_text())
    (found,) = [one for one in action["runs"]["steps"] if one.get("name") == name]
    assert found["shell"] == "bash"
    values = {key: inputs.get(key.replace("-", "_"), one["default"]) for key, one in action["inputs"].items()}
    environment = {**os.environ, "RUNNER_TEMP": str(temp), "GITHUB_ACTION_PATH": str(REPO), "PYTHONPATH": ""}
    environment["GITHUB_STEP_SUMMARY"] = str(temp / "summary.md")
    for key, value in found.get("env", {}).items():
        environment[key] = values[value.removeprefix("${{ inputs.").removesuffix(" }}")]
    script = temp / "step.sh"
    script.write_text(found["run"])
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    return subprocess.run(shell, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def temp(tmp_path: Path) -> Path:
    """The runner's folder, where the first step has put a `replicard`: this one."""
    command = tmp_path / "temp/replicard/bin/replicard"
    command.parent.mkdir(parents=True)
    lines = [f"#!{sys.executable}", "import sys", f"sys.path.insert(0, {str(REPO)!r})"]
    command.write_text("\n".join([*lines, "from runner.cli import main", "main()\n"]))
    command.chmod(0o755)
    return tmp_path / "temp"


@pytest.mark.slow
def test_the_action_passes_where_nothing_is_wrong(theirs: Path, temp: Path) -> None:
    done = step("Validate and audit", theirs, temp)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 card is valid" in done.stdout
    assert "# README.md: reports no numbers" in (temp / "summary.md").read_text()


@pytest.mark.slow
def test_the_action_annotates_a_wrong_card_where_it_is_wrong_and_fails(theirs: Path, temp: Path) -> None:
    card = theirs / "cards/tiny.yaml"
    card.write_text(CARD.replace("epochs: 2", "epoch: 2"))
    done = step("Validate and audit", theirs, temp)
    assert done.returncode == 1
    line = CARD[: CARD.index("epochs: 2")].count("\n") + 1
    assert f"::error file=cards/tiny.yaml,line={line},col=" in done.stdout


@pytest.mark.slow
def test_the_action_annotates_an_impossible_number_fails_and_writes_the_summary(theirs: Path, temp: Path) -> None:
    (theirs / "README.md").write_text(IMPOSSIBLE)
    done = step("Validate and audit", theirs, temp)
    assert done.returncode == 1
    assert "::error file=README.md,line=" in done.stdout
    assert "title=impossible%3A carbon/too-much" in done.stdout
    assert "**impossible**" in (temp / "summary.md").read_text()


@pytest.mark.slow
def test_the_action_lets_pass_what_it_is_told_to(theirs: Path, temp: Path) -> None:
    (theirs / "README.md").write_text(IMPOSSIBLE)
    assert step("Validate and audit", theirs, temp, fail_on="").returncode == 0


@pytest.mark.slow
def test_the_action_says_that_it_found_nothing_to_look_at(tmp_path: Path, temp: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = step("Validate and audit", empty, temp)
    assert done.returncode == 1
    assert done.stdout.startswith("::error::neither a card nor a README here")


@pytest.mark.slow
def test_the_action_runs_nothing_that_a_file_is_named(theirs: Path, temp: Path) -> None:
    (theirs / "$(touch hacked).md").write_text(IMPOSSIBLE)
    (theirs / "--json.md").write_text(IMPOSSIBLE)
    done = step("Validate and audit", theirs, temp, readmes="*.md")
    assert "file=$(touch hacked).md" in done.stdout
    assert "file=--json.md" in done.stdout
    assert not (theirs / "hacked").exists()


def need_pypi() -> None:
    """Skip where no package can be had."""
    pip = [sys.executable, "-m", "pip", "index", "versions", "--disable-pip-version-check", "shellingham"]
    if subprocess.run(pip, capture_output=True, check=False).returncode:
        pytest.skip("PyPI cannot be reached")


@pytest.mark.slow
def test_the_action_installs_what_it_needs_and_no_more(theirs: Path, tmp_path: Path) -> None:
    need_pypi()
    temp = tmp_path / "temp"
    temp.mkdir()
    installed = step("Install replicard", theirs, temp)
    assert installed.returncode == 0, installed.stderr
    done = step("Validate and audit", theirs, temp)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(temp.glob("replicard/lib/*/site-packages/torch"))


@pytest.mark.slow
def test_the_hooks_stop_a_commit_with_a_wrong_card_or_an_impossible_number(theirs: Path, tmp_path: Path) -> None:
    """As `pre-commit` runs them: a clone of this repository at a commit, installed into an environment of its own."""
    pytest.importorskip("pre_commit")
    need_pypi()
    hooks = tmp_path / "hooks"
    ignored = shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__", ".*_cache")
    shutil.copytree(REPO, hooks, ignore=ignored)  # the working tree, committed or not

    def git(folder: Path, *arguments: str) -> str:
        given = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
        return subprocess.run(given, capture_output=True, text=True, check=True).stdout.strip()

    for folder in (hooks, theirs):
        git(folder, "init", "--quiet")
    git(hooks, "add", "--all")
    git(hooks, "commit", "--quiet", "--message", "hooks")
    (theirs / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks.as_uri()}\n  rev: {git(hooks, 'rev-parse', 'HEAD')}\n"
        "  hooks:\n  - id: replicard-validate\n  - id: replicard-audit\n"
    )
    git(theirs, "add", "--all")
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PYTHONPATH": ""}

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]
        return subprocess.run(command, cwd=theirs, env=environment, capture_output=True, text=True, check=False)

    good = run()
    assert good.returncode == 0, good.stdout + good.stderr
    (theirs / "cards/tiny.yaml").write_text(CARD.replace("epochs: 2", "epoch: 2"))
    (theirs / "README.md").write_text(IMPOSSIBLE)
    bad = run()
    assert bad.returncode == 1
    assert "training.epoch: unknown key; did you mean `epochs`?" in bad.stdout
    assert "impossible [carbon/too-much]" in bad.stdout
