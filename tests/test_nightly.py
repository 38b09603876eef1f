"""What a nightly set leaves: exit codes, a JUnit report, a summary, and a workflow file that works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from command import REPO, replicard, write_card
from ruamel.yaml import YAML

from runner.audit import Audit, Finding
from runner.fanout import Outcome
from runner.nightly import Result, exit_code, github_summary, junit


def finding(verdict: Any, reported: str = "85%", claim_verdict: Any = None) -> Finding:
    return Finding(
        claim=0, metric="accuracy", split="test", reported=reported, low=0.845, high=0.855, headline=True, mean=0.8,
        claim_verdict=claim_verdict, verdict=verdict, reason="reproduced 0.8000 is 0.0500 below 0.85",
    )  # fmt: skip


def audit(*findings: Finding) -> Audit:
    return Audit(
        card_id="tiny", run_id="0" * 12, split="test", rows=80, seeds=(1,), assumed=0, verdict=None,
        summaries=(), findings=findings, deviations=(),
    )  # fmt: skip


DONE = Outcome(key="tiny/000000000000-seed1", code=0, attempts=1, seconds=12.5, log="runs/seed1-1.log")
FAILED = Outcome(key="tiny/000000000000-seed2", code=3, attempts=3, reason="out of <memory> & time", log="runs/a.log")


@pytest.mark.parametrize(
    ("outcomes", "verdict", "wanted", "code"),
    [
        ([DONE], "lower", set(), 0),
        ([DONE], "lower", {"lower"}, 1),
        ([DONE], "consistent", {"lower"}, 0),
        ([DONE, FAILED], "lower", {"lower"}, 3),
        ([], "not run", {"impossible"}, 1),
    ],
)
def test_a_set_ends_with_the_highest_code_of_its_runs(
    outcomes: list[Outcome], verdict: str, wanted: set[str], code: int
) -> None:
    claim_verdict = "impossible" if "impossible" in wanted else None
    assert exit_code([Result("tiny", outcomes, audit(finding(verdict, claim_verdict=claim_verdict)))], wanted) == code


def test_the_junit_report_has_a_case_for_each_task_and_for_each_reported_number() -> None:
    findings = (finding("lower", "85%"), finding("not run", "86%"), finding("reproduced", "80%\x00\u2028"))
    text = junit([Result("tiny", [DONE, FAILED], audit(*findings)), Result("other", [DONE])], {"lower"})
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    first, other = root
    counts = {name: first.get(name) for name in ("name", "tests", "errors", "failures", "skipped", "time")}
    assert counts == {
        "name": "tiny", "tests": "5", "errors": "1", "failures": "1", "skipped": "1", "time": "12.500"
    }  # fmt: skip
    assert (other.get("name"), other.get("tests"), other.get("errors")) == ("other", "1", "0")
    cases = {str(case.get("name")): [child.tag for child in case] for case in first.iter("testcase")}
    assert cases == {
        "000000000000-seed1": [],
        "000000000000-seed2": ["error"],
        "0: accuracy 85%": ["failure"],
        "0: accuracy 86%": ["skipped"],
        "0: accuracy 80%\\x00\\u2028": [],
    }
    (error,) = first.iter("error")
    assert error.text == "out of <memory> & time; log runs/a.log"
    assert {case.get("classname") for case in first.iter("testcase")} == {"tiny"}


def test_the_summary_is_a_markdown_table_with_what_failed_below_it() -> None:
    text = github_summary([Result("ti|ny", [DONE, FAILED], audit(finding("lower")))], "replicard reproduce cards/**")
    assert text == (
        "### replicard reproduce cards/\\*\\*\n\n"
        "| Card | Seeds | Claim | Reproduced | Claim check | Run verdict |\n"
        "|---|--:|---|---|---|---|\n"
        "| ti\\|ny | 1 of 2 | accuracy 85% | 0.8000 | not checked | lower |\n\n"
        "- **tiny/000000000000-seed2**: out of &lt;memory&gt; &amp; time (exit code 3)\n"
    )


def test_a_summary_outside_of_a_workflow_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    answer = replicard("reproduce", write_card(tmp_path), "--github-summary", "--runs", tmp_path / "runs")
    assert answer.code == 2
    assert answer.line == "--github-summary  GITHUB_STEP_SUMMARY names no file; a workflow of GitHub sets it"
    assert not (tmp_path / "runs").exists()


def test_a_set_in_this_process_leaves_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = write_card(tmp_path)
    card.write_text(card.read_text() + 'reported: [{metric: accuracy, value: "99%", split: train}]\n')
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page.md"))
    answer = replicard(
        "reproduce", card, "--runs", tmp_path / "runs", "-q", "--fail-on", "not run", "--junit", tmp_path / "junit.xml",
        "--github-summary",
    )  # fmt: skip
    assert (answer.code, answer.err) == (1, "")
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [(case.get("name"), [child.tag for child in case]) for case in suite] == [
        (next((tmp_path / "runs/tiny").iterdir()).name + "-seed1", []),
        ("0: accuracy 99%", ["failure"]),
    ]
    assert "| tiny | 1 of 1 | accuracy 99% | – | not checked | not run |" in (tmp_path / "page.md").read_text()


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(tmp_path: Path) -> None:
    card = write_card(tmp_path, "dataset: reviews", "dataset: reviews\n  rows: {train: 200, test: 80}")
    before = sorted(tmp_path.rglob("*"))
    answer = replicard(
        "reproduce",
        card,
        "--seeds",
        "0..2",
        "--dry-run",
        "--junit",
        tmp_path / "junit.xml",
        "--runs",
        tmp_path / "runs",
    )
    assert (answer.code, answer.err) == (0, "")
    first, *rest = answer.out.splitlines()
    assert re.fullmatch(
        r"3 tasks: 3 to do, 0 done, \S+ to \S+ core hours of training expected, \S+ to \S+ kWh", first
    ), first
    tasks = [line.split() for line in rest if "-seed" in line]
    assert [task[0].rpartition("-")[2] for task in tasks] == ["seed0", "seed1", "seed2"]
    assert {tuple(task[1:6]) for task in tasks} == {("to", "do", "1", "0.7", "GiB")}
    assert sorted(tmp_path.rglob("*")) == before


def workflow() -> dict[str, Any]:
    (text,) = re.findall(r"```yaml\n(.*?)```", (REPO / "docs/nightly.md").read_text(), re.DOTALL)
    return dict(YAML(typ="safe").load(text))


def test_the_workflow_is_one_as_github_reads_it() -> None:
    told = workflow()
    assert told["on"].keys() == {"schedule", "workflow_dispatch"}
    (job,) = told["jobs"].values()
    assert job["runs-on"]
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    (install,) = (step["run"] for step in job["steps"] if step.get("run", "").startswith("pip install"))
    assert install.endswith("'.[run]'")  # without the extra, nothing can be reproduced
    assert all(re.fullmatch(r"[\w./-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


def test_the_commands_of_the_workflow_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page.md"))
    steps = [step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step]
    commands = [shlex.split(step)[1:] for step in steps if step.startswith("replicard ")]
    assert [command[0] for command in commands] == ["reproduce", "reproduce", "runs"]
    for command in commands:
        dry = ["--dry-run"] if command[0] == "reproduce" and "--dry-run" not in command else []
        elsewhere = [str(tmp_path / part) if part.endswith((".xml", ".parquet")) else part for part in command]
        answer = replicard(*elsewhere, *dry, "--runs", tmp_path / "runs")
        assert answer.code == 0, answer.err
