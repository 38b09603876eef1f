"""`replicard audit --static`: what is read, in which forms the findings are told, and the exit codes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import REPO, replicard, write_card
from hub_server import Hub, take_for_the_hub
from jsonschema import Draft202012Validator

from runner import plugins
from runner.checks import VERDICTS
from runner.cli.arguments import hub_name
from runner.cli.schema import _report

SOURCES = sorted((REPO / "cards/imdb/sources").glob("*-*.md"))

IMPOSSIBLE = """\
---
license: mit
---
# Reviews

A classifier of film reviews, evaluated on the test set.

## Environmental Impact

- **Hardware Type:** 1 x NVIDIA A100
- **Hours used:** 5 hours
- **Carbon Emitted:** 45 kg CO2eq
"""
FINE = "# Reviews\n\nA classifier of film reviews.\n\n## Results\n\n- **Accuracy:** 84.2%\n"


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    """A README whose emissions no grid could have caused."""
    file = tmp_path / "impossible.md"
    file.write_text(IMPOSSIBLE)
    return file


def test_a_readme_is_told_what_is_impossible_in_it_with_its_line_and_arithmetic(readme: Path) -> None:
    answer = replicard("audit", "--static", readme)
    assert answer.code == 0
    found = next(line for line in answer.out.splitlines() if line.startswith(f"{readme}:12:"))
    assert "impossible [carbon/too-much]: " in found
    assert re.search(r"^    .*45.*kWh.*$", answer.out, re.MULTILINE)


def test_a_verdict_that_is_not_wanted_gives_the_exit_code_1(readme: Path) -> None:
    assert replicard("audit", "--static", readme, "--fail-on", "suspicious,impossible").code == 1
    assert replicard("audit", "--static", readme, "--fail-on", "placeholder").code == 0


def test_a_verdict_that_is_none_is_refused_with_the_nearest(readme: Path) -> None:
    answer = replicard("audit", "--static", readme, "--fail-on", "imposible")
    assert (answer.code, answer.line) == (2, "--fail-on imposible  no verdict 'imposible'; did you mean `impossible`?")


def test_json_is_what_its_schema_says(readme: Path) -> None:
    reports = json.loads(replicard("audit", "--static", readme, *SOURCES, "--json").out)
    assert len(reports) == 1 + len(SOURCES)
    schema = json.loads(_report())
    Draft202012Validator.check_schema(schema)
    for report in reports:
        Draft202012Validator(schema).validate(report)
        assert report["format"] == 1


def test_every_key_of_the_report_is_described() -> None:
    schema = json.loads(_report())
    for model in (schema, *schema["$defs"].values()):
        assert all(value["description"] for value in model["properties"].values())


def test_json_lines_are_written_as_they_are_found(readme: Path) -> None:
    lines = replicard("audit", "--static", readme, SOURCES[0], "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["document"] for line in lines] == [str(readme), str(SOURCES[0])]


def test_github_is_told_file_line_and_level(readme: Path) -> None:
    lines = replicard("audit", "--static", readme, "--format", "github").out.splitlines()
    assert any(
        re.match(rf"::error file={readme},line=12,col=\d+,title=impossible%3A [a-z/-]+::", line) for line in lines
    )
    assert all(re.match("::(error|warning|notice) ", line) for line in lines)


def test_markdown_escapes_what_it_quotes(tmp_path: Path) -> None:
    file = tmp_path / "hostile<b>.md"
    file.write_text(IMPOSSIBLE.replace("45 kg CO2eq", "45 kg CO2eq <script>alert(1)</script> | [x](http://x)"))
    text = replicard("audit", "--static", file, "--format", "markdown").out
    assert "<script>" not in text
    assert "| Claim | Reported | Split | Verdict |" in text
    assert not re.search(r"(?<!\\)\[\S+\]\(", text)  # a link of ours would lead nowhere in a summary of a job, either


def test_a_folder_means_the_readmes_in_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/README.md").write_text(FINE)
    (tmp_path / "b.md").write_text(IMPOSSIBLE)
    (tmp_path / "notes.py").write_text("")
    reports = json.loads(replicard("audit", "--static", tmp_path, "--json").out)
    assert [report["document"] for report in reports] == [str(tmp_path / "a/README.md"), str(tmp_path / "b.md")]


def test_standard_input_is_a_readme() -> None:
    (report,) = json.loads(replicard("audit", "--static", "-", "--json", stdin=IMPOSSIBLE.encode()).out)
    assert report["verdict"] == "impossible"


def test_what_cannot_be_read_stops_nothing_else(readme: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("schema: [1\n")
    answer = replicard("audit", "--static", tmp_path / "none.md", broken, readme, "--json")
    assert answer.code == 2
    assert [report["document"] for report in json.loads(answer.out)] == [str(readme)]
    assert answer.err.startswith(f"{tmp_path / 'none.md'}  ")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01", b"\x00" * 1000, b"---\n" * 50, "\ufeff# é\r\n".encode()])
def test_no_bytes_stop_it(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(content)
    assert replicard("audit", "--static", file).code == 0


def test_a_readme_of_the_hub_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with Hub() as server:
        take_for_the_hub(monkeypatch, server.endpoint)
        server.add("models", "tester/model", {"README.md": IMPOSSIBLE.encode()})
        (report,) = json.loads(replicard("audit", "--static", "hub:tester/model", "--json").out)
        assert (report["document"], report["verdict"]) == ("hub:tester/model", "impossible")
        (pasted,) = json.loads(replicard("audit", "--static", "https://huggingface.co/tester/model", "--json").out)
        assert pasted == report
        missing = replicard("audit", "--static", "hub:tester/none")
        assert missing.code == 2
        assert missing.line.startswith("hub:tester/none  no model 'tester/none'")


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ("https://huggingface.co/tester/model/tree/v1", "hub:tester/model@v1"),
        ("https://hf.co/tester/model?library=transformers#results", "hub:tester/model"),
        ("https://huggingface.co/datasets/tester/rows", "https://huggingface.co/datasets/tester/rows"),
        ("https://huggingface.co.example/tester/model", "https://huggingface.co.example/tester/model"),
    ],
)
def test_the_address_of_a_model_is_its_name(pasted: str, meant: str) -> None:
    assert hub_name(pasted) == meant


def test_a_card_is_checked_at_the_words_of_its_source() -> None:
    (report,) = json.loads(replicard("audit", "--static", "gq-llama-2-7b-imdb", "--json").out)
    assert report["verdict"] == "impossible"
    assert any(finding["where"].partition(":")[0].endswith("gq-llama-2-7b-imdb.md") for finding in report["findings"])


@pytest.mark.parametrize("arguments", [["gq-llama-2-7b-imdb"], [str(SOURCES[0])]])
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    heavy = {"torch", "transformers", "datasets", "scipy", "sklearn", "pandas", "peft", "huggingface_hub"}
    code = f"""
import sys
sys.argv = ["replicard", "audit", "--static", *{arguments}]
from runner.cli import main
try:
    main()
finally:
    print("heavy:", *sorted({heavy} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=REPO)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy:"


def test_every_finding_of_the_sources_is_of_a_kind_that_its_check_names() -> None:
    reports = json.loads(replicard("audit", "--static", *SOURCES, "cards/imdb/*.yaml", "--json").out)
    findings = [finding for report in reports for finding in report["findings"]]
    assert len(findings) > 20
    for finding in findings:
        check, _, kind = finding["id"].partition("/")
        assert kind in plugins.check(check.replace("-", "_")).KINDS
        assert finding["verdict"] in VERDICTS


def test_an_audit_of_runs_takes_one_run_and_no_pages() -> None:
    assert "name one run, not 2" in replicard("audit", "a", "b").line
    assert "add --static" in replicard("audit", "quickstart", "--format", "github").line


def test_the_readme_of_a_card_that_was_named_by_its_path_follows_from_its_run(tmp_path: Path) -> None:
    # Its source says more than the card: what is left of the template is found only where that lies.
    card = write_card(tmp_path)
    readme = tmp_path / "source.md"
    readme.write_text("# Reviews\n\n## Bias\n\n[More Information Needed]\n")
    digest = hashlib.sha256(readme.read_bytes()).hexdigest()
    reasons = "".join(
        f"  {path}: ours\n" for path in ("base", "task", "data", "training", "evaluation", "hardware", "software")
    )
    source = f"source: {{readme: source.md, sha256: {digest}}}\nassumed:\n{reasons}"
    card.write_text(card.read_text() + source)
    runs = tmp_path / "runs"
    made = replicard("reproduce", card, "--runs", runs, "-q")
    assert made.code == 0, made.err
    (page,) = runs.rglob("README.md")
    assert "More Information Needed" in page.read_text()
    assert replicard("render", "tiny", "--check", "--runs", runs).code == 0
    assert str(tmp_path) not in next(runs.rglob("audit.json")).read_text()


def test_a_folder_without_a_readme_is_told(tmp_path: Path) -> None:
    answer = replicard("audit", "--static", tmp_path)
    assert (answer.code, answer.line) == (2, f"{tmp_path}  holds no README: nothing there ends in .md, .markdown, .txt")


def test_a_readme_without_numbers_is_not_called_sound(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("Hello.\n")
    assert replicard("audit", "--static", file).out == f"{file}: reports no numbers\n"
