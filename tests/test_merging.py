"""A merged model is one model, and scores what its base and adapter score; else there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from command import replicard, write_card

from registry.errors import InputError
from runner.merging import merge
from runner.reproducing import reload
from runner.runs import find_run

if TYPE_CHECKING:
    from pathlib import Path

CARDS = {
    "bert": ("training: {", "adapter: {type: lora, target_modules: [query, value]}\ntraining: {"),
    "ia3": (
        "training: {",
        "adapter: {type: ia3, target_modules: [query, value], feedforward_modules: []}\ntraining: {",
    ),
    "4-bit": (
        "training: {",
        "adapter: {type: lora, target_modules: [query]}\nquantization: {type: bitsandbytes, bits: 4}\ntraining: {",
    ),
    "full": ("", ""),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs of those cards, each trained once."""
    folder = tmp_path_factory.mktemp("merging")
    for name, (old, new) in CARDS.items():
        answer = replicard("reproduce", write_card(folder / name, old, new), "--runs", folder / name / "runs", "-q")
        assert answer.code == 0, answer.err
    return folder


def trained(runs: Path, name: str) -> tuple[Any, Any]:
    """The card of a run and its model."""
    card, _, _, model = reload(find_run(runs / name / "runs", "tiny"))
    return card, model


@pytest.mark.parametrize("name", ["bert", "ia3"])
def test_a_merged_model_is_read_without_peft_and_scores_as_base_and_adapter_do(
    name: str, runs: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    answer = replicard("merge", "tiny", "--out", tmp_path / "out", "--runs", runs / name / "runs")
    assert answer.code == 0, answer.err
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert type(model).__name__ == "BertForSequenceClassification"
    rows = tokenizer(["a superb film", "dull"], padding=True, return_tensors="pt")
    _, apart = trained(runs, name)
    with torch.no_grad():
        assert torch.allclose(model(**rows).logits, apart(**rows).logits, atol=1e-5)
    assert model.config.id2label == {0: "negative", 1: "positive"}


@pytest.mark.parametrize(
    ("name", "said"), [("4-bit", "quantization: the update was trained beside"), ("full", "adapter: null: all weights")]
)
def test_what_cannot_be_merged_is_refused(name: str, said: str, runs: Path, tmp_path: Path) -> None:
    answer = replicard("merge", "tiny", "--out", tmp_path / "out", "--runs", runs / name / "runs")
    assert answer.code == 2
    assert said in answer.line
    assert not (tmp_path / "out").exists()


def test_a_merge_that_changes_the_scores_is_refused(runs: Path) -> None:
    card, model = trained(runs, "bert")
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():  # updates large enough for the eight bits of the type to show
            if weight.ndim == 2:
                weight.normal_(0, 0.5, generator=drawn)
    coarse = model.to(torch.bfloat16)
    with pytest.raises(InputError, match=r"merged, a probability differs by 0\.\d+, more than 0\.001"):
        merge(card, coarse)


def test_a_folder_that_is_there_is_not_written_over(runs: Path, tmp_path: Path) -> None:
    answer = replicard("merge", "tiny", "--out", tmp_path, "--runs", runs / "bert" / "runs")
    assert (answer.code, list(tmp_path.iterdir())) == (2, [])
    assert "is there already" in answer.line
