"""`replicard validate`: what it says of broken cards, word for word, and the same in each format."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import CARD, replicard, write_card

if TYPE_CHECKING:
    from command import Answer

ERRORS = Path(__file__).parent / "golden" / "errors"
BROKEN = sorted(ERRORS.glob("*.yaml"))
TOKEN = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi"  # of the Hub's shape, nobody's


def ask(*arguments: object, monkeypatch: pytest.MonkeyPatch, folder: Path = ERRORS) -> Answer:
    monkeypatch.chdir(folder)
    return replicard("validate", *arguments)


@pytest.mark.parametrize("card", BROKEN, ids=lambda file: file.stem)
def test_the_errors_of_a_card_read_as_its_golden_text(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """REPLICARD_GOLDEN=1 writes the files anew; read them before they are committed."""
    told = ask(card.name, monkeypatch=monkeypatch).err
    golden = card.with_suffix(".txt")
    if os.environ.get("REPLICARD_GOLDEN"):
        golden.write_text(told, encoding="utf-8")
    assert told == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("card", BROKEN, ids=lambda file: file.stem)
def test_every_problem_is_one_line_with_file_line_and_column(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ask(card.name, monkeypatch=monkeypatch).err.splitlines()
    assert lines
    for line in lines:
        assert re.match(rf"{card.name}:[0-9]+:[0-9]+  \S", line), line


@pytest.mark.parametrize("card", BROKEN, ids=lambda file: file.stem)
def test_every_format_says_the_same(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ask(card.name, monkeypatch=monkeypatch)
    as_json = ask(card.name, "--format", "json", monkeypatch=monkeypatch)
    github = ask(card.name, "--format", "github", monkeypatch=monkeypatch)
    assert text.code == as_json.code == github.code
    problems = json.loads(as_json.out)["problems"]
    lines, annotations = text.err.splitlines(), [line for line in github.out.splitlines() if line.startswith("::")]
    assert len(lines) == len(problems) == len(annotations)
    for line, problem, annotation in zip(lines, problems, annotations, strict=True):
        assert line.startswith(f"{problem['file']}:{problem['line']}:{problem['column']}  ")
        assert line.endswith(problem["message"])
        assert problem["path"] in line
        assert ("  warning: " in line) == (problem["level"] == "warning")
        properties, _, message = annotation.removeprefix(f"::{problem['level']} ").partition("::")
        assert message.replace("%25", "%") == problem["message"]
        assert f"file={problem['file']},line={problem['line']},col={problem['column']}" in properties


def test_problems_come_in_the_order_of_their_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask("*.yaml", "--format", "json", monkeypatch=monkeypatch).out
    by_file: dict[str, list[tuple[int, int]]] = {}
    for problem in json.loads(told)["problems"]:
        by_file.setdefault(problem["file"], []).append((problem["line"], problem["column"]))
    assert len(by_file) == len(BROKEN)
    for places in by_file.values():
        assert places == sorted(places)


def test_all_cards_are_told_about_not_only_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ask("typos.yaml", "no-such-card", "plugins.yaml", monkeypatch=monkeypatch)
    assert told.code == 2
    assert {"typos.yaml", "plugins.yaml"} < {line.partition(":")[0] for line in told.err.splitlines()}
    assert "no-such-card" in told.err


def test_warnings_are_no_errors(tmp_path: Path) -> None:
    told = replicard("validate", write_card(tmp_path))
    assert told.code == 0
    assert told.out == "1 card is valid, with 1 warning\n"
    assert "  warning: readme.license: " in told.line


def test_strict_makes_a_warning_bad_news(tmp_path: Path) -> None:
    assert replicard("validate", write_card(tmp_path), "--strict").code == 1


def test_strict_is_content_with_a_card_without_warnings(tmp_path: Path) -> None:
    card = write_card(tmp_path, "training:", "readme: {license: mit}\ntraining:")
    assert replicard("validate", card, "--strict").code == 0


def test_a_valid_card_is_an_empty_list_for_programs(tmp_path: Path) -> None:
    card = write_card(tmp_path, "training:", "readme: {license: mit}\ntraining:")
    assert json.loads(replicard("validate", card, "--format", "json").out) == {"valid": 1, "problems": []}


def test_an_annotation_escapes_what_github_reads_as_its_own(tmp_path: Path) -> None:
    file = tmp_path / "a,b.yaml"
    file.write_text(CARD.replace("id: tiny", "id: a,b").replace("seed: 1", "seed: '5%\\n::error::x'"))
    out = replicard("validate", file, "--format", "github").out
    lines = out.splitlines()
    assert len(lines) == 2  # the id, and the seed
    assert all(line.startswith(f"::error file={tmp_path}/a%2Cb.yaml,line=") for line in lines)
    assert "5%25" in lines[1]


@pytest.mark.parametrize("place", ["comment", "value", "key", "escapes", "folded", "broken yaml", "override"])
def test_a_secret_is_refused_and_never_repeated(place: str, tmp_path: Path) -> None:
    file = write_card(tmp_path)
    text = file.read_text()
    file.write_text(
        {
            "comment": f"{text}# {TOKEN}\n",
            "value": text.replace("dataset: reviews", f"dataset: {TOKEN}"),
            "key": f"{text}{TOKEN}: 1\n",
            "escapes": text.replace("dataset: reviews", f'dataset: "hf\\x5f{TOKEN[3:]}"'),
            "folded": text.replace("dataset: reviews", f'dataset: "{TOKEN[:9]}\\\n    {TOKEN[9:]}"'),
            "broken yaml": f"{text}{TOKEN}: [\n",
            "override": text,
        }[place]
    )
    override = ["--set", f"data.dataset={TOKEN}"] if place == "override" else []
    for style in ("text", "json", "github"):
        told = replicard("validate", file, "--format", style, *override)
        assert told.code == 2
        assert "Hugging Face" in told.out + told.err
        assert TOKEN not in told.out + told.err
        assert TOKEN[3:12] not in told.out + told.err


# Several cards


@pytest.mark.parametrize("format_", ["text", "github", "json"])
def test_of_several_cards_the_last_line_counts_what_is_wrong_for_people(format_: str, tmp_path: Path) -> None:
    wrong = write_card(tmp_path, "{epochs: 2, learning_rate: 1e-2", "{epoch: 2, learning_rate: fast", name="wrong")
    answer = replicard("validate", write_card(tmp_path), wrong, "no-such-card", "--format", format_)
    errors = 3 if format_ == "text" else None
    assert answer.code == 2
    last = (answer.err.splitlines() or [""])[-1]
    warnings = sum("  warning: " in line for line in answer.err.splitlines())
    said = f"2 of 3 cards are wrong: {errors} errors, {warnings} warning{'s' * (warnings != 1)}"
    assert (last == said) == (format_ == "text"), answer.err


def test_one_card_that_is_wrong_needs_no_total(tmp_path: Path) -> None:
    answer = replicard("validate", write_card(tmp_path, "{epochs: 2", "{epoch: 2"))
    assert " wrong: " not in answer.err
