"""`replicard draft`: what it writes and where, what it says last, what `validate` and `show` make of an open draft."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from command import REPO, replicard
from hub_server import Hub, take_for_the_hub
from jsonschema import Draft202012Validator

from registry import yaml
from runner.cli.schema import _facts

if TYPE_CHECKING:
    from pathlib import Path

OPEN = """\
---
license: mit
base_model: prajjwal1/bert-tiny
---
# Sentiment

A text classification model, trained with a learning rate of 3e-5 for 2 epochs.

## Training hyperparameters

- learning_rate: 5e-05
- train_batch_size: 16
"""
SPEECH = """\
---
language: it
tags:
- automatic-speech-recognition
model-index:
- name: mine
  results:
  - task: {type: automatic-speech-recognition}
    dataset: {name: Common Voice, type: common_voice}
    metrics:
    - {type: wer, value: 12.50}
---
# Wav2Vec2, Italian

### Training hyperparameters

- learning_rate: 0.0003
- lr_scheduler_type: reduce_lr_on_plateau
- num_epochs: 30

| Training Loss | Epoch | Step | Validation Loss | Wer    |
|:-------------:|:-----:|:----:|:---------------:|:------:|
| 4.2           | 1.0   | 400  | 0.61            | 0.5010 |
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with an open README in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/README.md").write_text(OPEN)
    return tmp_path


def test_a_card_and_a_copy_of_its_readme_are_written(here: Path) -> None:
    answer = replicard("draft", "model/README.md")
    assert answer.code == 0
    assert answer.err == "wrote cards/model.yaml and cards/sources/model.md, and cards/schema.json for editors\n"
    source, _ = yaml.read((here / "cards/model.yaml").read_text(), "")
    assert source["source"] == {
        "repo": None, "revision": None, "readme": "sources/model.md",
        "sha256": hashlib.sha256(OPEN.encode()).hexdigest(),
    }  # fmt: skip
    assert (here / "cards/sources/model.md").read_text() == OPEN


def test_the_last_lines_count_the_values_and_say_what_to_type_next() -> None:
    lines = replicard("draft", "model/README.md", "-o", "cards/mine.yaml").out.splitlines()
    assert lines == [
        "contradiction: training.learning_rate: the source says 3e-5 (line 7) and 5e-5 (line 11).",
        "4 values stated, 30 assumed, 3 to decide, 1 contradiction",
        "next:  replicard validate mine",
        "       replicard rehearse mine",
    ]


def test_validate_lists_what_is_left_to_do_and_nothing_else_is_wrong() -> None:
    replicard("draft", "model/README.md", "-o", "cards/mine.yaml")
    answer = replicard("validate", "mine", "--format", "json")
    assert answer.code == 2
    problems = [one for one in json.loads(answer.out)["problems"] if one["level"] == "error"]
    assert [one["path"] for one in problems] == ["task.labels", "data.dataset", "training.learning_rate"]
    assert all(one["line"] and one["message"].startswith("to be decided: ") for one in problems)
    assert all("write the value, and in the place of `TODO` why" in one["message"] for one in problems)


def test_a_draft_is_valid_once_its_decisions_are_made(here: Path) -> None:
    replicard("draft", "model/README.md", "-o", "cards/mine.yaml")
    file = here / "cards/mine.yaml"
    text = file.read_text()
    assert text.count("TODO") > 3
    decided = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("# TODO"))
    decided = decided.replace("dataset: TODO", "dataset: stanfordnlp/imdb")
    decided = decided.replace("[TODO 0, TODO 1]", "[negative, positive]").replace("TODO: ", "decided by hand, as ")
    file.write_text(decided)
    assert "TODO" not in decided.replace("# TODO", "").partition("assumed:")[2]
    assert replicard("validate", "mine").code == 0


def test_show_puts_the_evidence_beside_the_values_of_an_open_draft() -> None:
    replicard("draft", "model/README.md", "-o", "cards/mine.yaml")
    shown = json.loads(replicard("show", "mine", "--json").out)["values"]
    by_path = {one["path"]: one for one in shown}
    assert by_path["training.batch_size"]["evidence"] == "train_batch_size: 16"
    assert (by_path["training.batch_size"]["line"], by_path["training.batch_size"]["status"]) == (12, "stated")
    assert {path for path, one in by_path.items() if one["status"] == "undecided"} == {
        "task.labels", "data.dataset", "training.learning_rate",
    }  # fmt: skip
    assert replicard("show", "mine", "--status", "undecided").out.rstrip().endswith("3 undecided")


def test_an_open_draft_is_listed_and_compared_but_not_run() -> None:
    replicard("draft", "model/README.md", "-o", "cards/mine.yaml")
    assert any(row["id"] == "mine" for row in json.loads(replicard("ls", "--json").out))
    assert replicard("diff", "mine", "mine").code == 0
    for verb in ("plan", "rehearse", "train"):
        answer = replicard(verb, "mine")
        assert answer.code == 2 and "data.dataset: to be decided" in answer.err


def test_nothing_is_written_over_unless_that_is_wanted(here: Path) -> None:
    assert replicard("draft", "model/README.md", "-o", "cards/mine.yaml").code == 0
    (here / "cards/mine.yaml").write_text("by hand")
    again = replicard("draft", "model/README.md", "-o", "cards/mine.yaml")
    assert (again.code, again.line) == (
        2, "cards/mine.yaml  is there; --force writes over it, or choose another name with -o",
    )  # fmt: skip
    assert (here / "cards/mine.yaml").read_text() == "by hand"
    assert replicard("draft", "model/README.md", "-o", "cards/mine.yaml", "--force").code == 0
    assert (here / "cards/mine.yaml").read_text() != "by hand"


def test_another_readme_of_that_name_is_kept(here: Path) -> None:
    (here / "cards/sources").mkdir(parents=True)
    (here / "cards/sources/mine.md").write_text("another")
    answer = replicard("draft", "model/README.md", "-o", "cards/mine.yaml")
    assert answer.code == 2
    assert answer.line.startswith("cards/sources/mine.md  is there and is another README")
    assert not (here / "cards/mine.yaml").exists()


def test_a_readme_that_lies_below_the_card_stays_where_it_is(here: Path) -> None:
    replicard("draft", "model/README.md", "-o", "mine.yaml")
    assert "  readme: model/README.md\n" in (here / "mine.yaml").read_text()
    assert not (here / "sources").exists()


def test_a_dry_run_prints_the_card_and_writes_nothing(here: Path) -> None:
    answer = replicard("draft", "model/README.md", "--dry-run")
    assert answer.code == 0 and answer.out.startswith("# yaml-language-server: $schema=")
    assert sorted(path.name for path in here.rglob("*")) == ["README.md", "model"]


def test_standard_input_needs_a_name_for_the_card() -> None:
    answer = replicard("draft", "-", stdin=OPEN.encode())
    assert answer.code == 2 and answer.line.startswith("--output  missing")
    assert replicard("draft", "-", "-o", "cards/mine.yaml", stdin=OPEN.encode()).code == 0


@pytest.mark.parametrize("name", ["mine.yml", "my card.yaml", ".yaml"])
def test_a_name_that_no_card_can_have_is_refused(name: str) -> None:
    answer = replicard("draft", "model/README.md", "-o", name)
    assert answer.code == 2 and "a card is a .yaml file" in answer.line


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.md", None, "no such file"),
        ("model", None, "a folder or a device; give a file"),
        ("bytes.md", b"\x00\xff\xfe# Model", "not UTF-8, so that its words cannot be quoted"),
        ("empty.md", b"", "does not say what its model does"),
        ("long.md", b"# Model\n" * 1_300_000, "larger than 10,000,000 bytes; a page of text is not"),
        ("https://example.org/README.md", None, "a web address; a repo of the Hub is hub:owner/name"),
        ("hub:", None, "'' is neither a folder here nor a Hub id"),
    ],
)  # fmt: skip
def test_what_is_no_readme_is_refused_in_one_line(here: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (here / name).write_bytes(content)
    answer = replicard("draft", name, "-o", "cards/mine.yaml")
    assert answer.code == 2 and message in answer.line
    assert not (here / "cards").exists()


def test_more_than_a_page_on_standard_input_is_refused() -> None:
    answer = replicard("draft", "-", "-o", "cards/mine.yaml", stdin=b"# Model\n" * 1_300_000)
    assert answer.code == 2 and answer.line.startswith("standard input  larger than 10,000,000 bytes")


def test_a_place_that_cannot_be_written_is_refused_in_one_line() -> None:
    answer = replicard("draft", "model/README.md", "-o", "model/README.md/mine.yaml")
    assert answer.code == 2 and "cannot be written: Not a directory; choose another place" in answer.line


# Facts


def test_facts_of_any_kind_of_model_are_json_that_its_schema_describes(here: Path) -> None:
    (here / "speech.md").write_text(SPEECH)
    answer = replicard("draft", "speech.md", "--json")
    assert answer.code == 0 and not (here / "cards").exists()
    found = json.loads(answer.out)
    schema = json.loads(_facts())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(found)
    assert all(value["description"] for model in schema["$defs"].values() for value in model["properties"].values())
    assert found["task"] == "automatic-speech-recognition"
    by_name = {one["name"]: one for one in found["facts"]}
    assert by_name["lr_scheduler"]["value"] == "reduce_lr_on_plateau"  # nothing that a card can declare
    rate = by_name["learning_rate"]
    assert (rate["value"], rate["decimals"], rate["line"], rate["status"]) == (0.0003, 4, 17, "stated")
    assert SPEECH[rate["start"] : rate["end"]] == rate["text"] == "learning_rate: 0.0003"
    assert by_name["num_epochs"]["unit"] == "epochs"
    assert [(one["name"], one["as_written"], one["decimals"]) for one in found["metrics"]] == [("wer", "12.50", 2)]
    (table,) = found["epoch_tables"]
    assert table["rows"] == [{"epoch": 1.0, "step": 400.0, "train_loss": 4.2, "val_loss": 0.61, "wer": 0.501}]


def test_a_card_of_another_kind_of_model_is_refused_where_that_is_said(here: Path) -> None:
    (here / "speech.md").write_text(SPEECH)
    answer = replicard("draft", "speech.md", "-o", "cards/speech.yaml")
    assert answer.code == 2 and not (here / "cards").exists()
    assert answer.line.startswith("speech.md:")
    assert "a model for automatic-speech-recognition" in answer.line and "--json" in answer.line


def test_what_the_model_does_can_be_said_where_the_readme_does_not(here: Path) -> None:
    (here / "mine.md").write_text("# Mine\n\n- Learning rate: 3e-5\n")
    assert replicard("draft", "mine.md").code == 2
    assert replicard("draft", "mine.md", "--task", "text-classification").code == 0


def test_facts_come_beside_the_card_where_both_are_wanted(here: Path) -> None:
    answer = replicard("draft", "model/README.md", "-o", "cards/mine.yaml", "--json")
    assert answer.code == 0 and (here / "cards/mine.yaml").exists()
    assert json.loads(answer.out)["document"] == "model/README.md"
    assert "3 to decide" in answer.err


# The Hub


def test_a_repo_of_the_hub_is_pinned_to_its_commit_and_found_again_offline(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    with Hub() as server:
        take_for_the_hub(monkeypatch, server.endpoint)
        server.add("models", "tester/sentiment", {"README.md": OPEN.encode()})
        assert replicard("draft", "hub:tester/sentiment").code == 0
    card, _ = yaml.read((here / "cards/sentiment.yaml").read_text(), "")
    assert card["source"]["repo"] == "tester/sentiment"
    assert len(card["source"]["revision"]) == 40
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    answer = replicard("draft", f"hub:tester/sentiment@{card['source']['revision']}", "-o", "cards/again.yaml")
    assert answer.code == 0
    again, _ = yaml.read((here / "cards/again.yaml").read_text(), "")
    assert again["source"]["revision"] == card["source"]["revision"]


def test_a_repo_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with Hub() as server:
        take_for_the_hub(monkeypatch, server.endpoint)
        answer = replicard("draft", "hub:tester/none")
    assert answer.code == 2 and answer.line.startswith("hub:tester/none  no model 'tester/none'")


def test_a_shipped_readme_gives_a_card_that_plans_without_network(here: Path) -> None:
    source = REPO / "cards/imdb/sources/jamander-project-blockbuster.md"
    assert replicard("draft", source, "-o", "cards/blockbuster.yaml").code == 0
    assert replicard("validate", "blockbuster").code == 0
    assert replicard("plan", "blockbuster").code == 0
