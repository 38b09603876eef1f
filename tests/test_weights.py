"""Published weights, scored on the declared split: they give the reported number, or so many predictions differ."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from command import Answer, replicard, write_card
from conftest import save_base

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLAIM = "evaluation: {metrics: [accuracy]}\nreported: [{metric: accuracy, value: %s, split: test, headline: true}]\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A folder with the card and a model that it gave, as somebody would publish it; and its accuracy on 80 rows."""
    folder = tmp_path_factory.mktemp("published")
    assert replicard("reproduce", write_card(folder), "--runs", folder / "runs", "-q").code == 0
    (record,) = (folder / "runs").glob("tiny/*/seed1/record.json")
    shutil.copytree(record.parent / "model", folder / "weights")
    return folder, json.loads(record.read_bytes())["evaluation"]["scores"][0]["value"]


def audit(trained: tuple[Path, float], claim: str, tmp_path: Path, *more: object, weights: Any = None) -> Answer:
    file = write_card(tmp_path, "evaluation: {metrics: [accuracy]}\n", CLAIM % claim)
    source = weights or trained[0] / "weights"
    return replicard("audit", file, "--weights", source, "--runs", tmp_path / "runs", "--quiet", *more)


def finding(answer: Answer) -> dict[str, Any]:
    assert answer.code == 0, answer.err
    return dict(json.loads(answer.out)["findings"][0])


def test_the_same_rounded_number_is_exact(trained: tuple[Path, float], tmp_path: Path) -> None:
    right = round(trained[1] * 80)
    found = finding(audit(trained, f"{trained[1]:.2f}", tmp_path, "--json"))
    assert found["verdict"] == "exact"
    assert f"{right}/80 = {trained[1]:.6f}" in found["reason"]


def test_another_number_says_how_many_predictions_differ(trained: tuple[Path, float], tmp_path: Path) -> None:
    right = round(trained[1] * 80)
    found = finding(audit(trained, f"{(right - 7) / 80:.4f}", tmp_path, "--json"))
    assert found["verdict"] == "higher"
    assert f"{right} of 80 rows are right, 7 predictions must have been wrong beside them" in found["reason"]


def test_a_number_that_no_count_of_rows_gives_is_said_to_be_none(trained: tuple[Path, float], tmp_path: Path) -> None:
    assert "no number of 80 rows is 0.5432" in finding(audit(trained, "0.5432", tmp_path, "--json"))["reason"]


def test_scores_of_published_weights_are_kept_apart_from_runs_and_not_made_twice(
    trained: tuple[Path, float], tmp_path: Path
) -> None:
    audit(trained, "0.9", tmp_path)
    (folder,) = (tmp_path / "runs/tiny").iterdir()
    assert folder.name.startswith("weights-")
    assert {file.name for file in folder.iterdir()} - {"inputs.json"} == {
        "record.json", "predictions.parquet", "audit.json"
    }  # fmt: skip
    before = (folder / "record.json").stat().st_mtime_ns
    answer = audit(trained, "0.8", tmp_path)
    assert f"weightsof{trained[0] / 'weights'}" in "".join(answer.out.split())  # a long path is folded
    assert (folder / "record.json").stat().st_mtime_ns == before
    assert replicard("audit", "tiny", "--runs", tmp_path / "runs").code == 2


@pytest.fixture
def edited(trained: tuple[Path, float], tmp_path: Path) -> Callable[..., Path]:
    """`edited(id2label=…)`: the published weights with these keys of their configuration changed."""

    def edit(**keys: Any) -> Path:
        folder = tmp_path / "edited"
        shutil.copytree(trained[0] / "weights", folder)
        config = json.loads((folder / "config.json").read_bytes())
        (folder / "config.json").write_text(json.dumps({**config, **keys}))
        return folder

    return edit


def test_outputs_are_read_by_the_published_names(
    trained: tuple[Path, float], edited: Callable[..., Path], tmp_path: Path
) -> None:
    """Named the other way round, the same weights are wrong where they were right, and the audit says why."""
    swapped = edited(id2label={"0": "positive", "1": "negative"}, label2id={"positive": 0, "negative": 1})
    answer = audit(trained, "0.9", tmp_path, "--json", weights=swapped)
    found = json.loads(answer.out)
    assert found["findings"][0]["mean"] == pytest.approx(1 - trained[1])
    (told,) = found["deviations"]
    assert (told["field"], told["actual"]) == ("task.labels", "positive, negative")


@pytest.mark.parametrize(
    ("names", "swapped", "cause"),
    [
        (("LABEL_0", "LABEL_1"), False, "does not name its labels"),
        (("NEG", "POS"), False, "alike"),
        (("pos", "neg"), True, "alike"),
        (("cat", "dog"), False, "taken in the card's order"),
    ],
)
def test_names_that_are_not_the_cards_are_reported(
    names: tuple[str, str],
    swapped: bool,
    cause: str,
    trained: tuple[Path, float],
    edited: Callable[..., Path],
    tmp_path: Path,
) -> None:
    folder = edited(id2label=dict(enumerate(names)), label2id={name: index for index, name in enumerate(names)})
    found = json.loads(audit(trained, "0.9", tmp_path, "--json", weights=folder).out)
    assert cause in found["deviations"][0]["cause"]
    assert found["findings"][0]["mean"] == pytest.approx(1 - trained[1] if swapped else trained[1])


def test_what_is_not_there_is_told_in_one_line(trained: tuple[Path, float], tmp_path: Path) -> None:
    answer = audit(trained, "0.9", tmp_path, weights=tmp_path / "nowhere")
    assert answer.code == 2 and "no such folder; a repo of the Hub is hub:owner/name" in answer.line


def test_pickled_weights_are_never_read(
    trained: tuple[Path, float], edited: Callable[..., Path], tmp_path: Path
) -> None:
    folder = edited()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    answer = audit(trained, "0.9", tmp_path, weights=folder)
    assert answer.code == 2 and "only pickled weights (pytorch_model.bin)" in answer.line


def test_a_broken_file_is_told_in_one_line(
    trained: tuple[Path, float], edited: Callable[..., Path], tmp_path: Path
) -> None:
    folder = edited()
    (folder / "model.safetensors").write_bytes(b"nothing")
    answer = audit(trained, "0.9", tmp_path, weights=folder)
    assert answer.code == 2 and "cannot be loaded as a classifier" in answer.line


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"architectures": ["BertForMaskedLM"]}, "holds a BertForMaskedLM"),
        ({"model_type": "distilbert", "architectures": None}, "holds no weights for"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "is for 3 labels (a, b, c), the card has 2"),
    ],
)
def test_what_is_no_such_classifier_is_refused(
    keys: dict[str, Any], told: str, trained: tuple[Path, float], edited: Callable[..., Path], tmp_path: Path
) -> None:
    answer = audit(trained, "0.9", tmp_path, weights=edited(**keys))
    assert answer.code == 2 and told in answer.line


def test_offline_a_repo_that_is_not_in_the_cache_is_missing(
    trained: tuple[Path, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    answer = audit(trained, "0.9", tmp_path, weights="hub:nobody/nothing")
    assert answer.code == 3 and "--weights hub:nobody/nothing" in answer.line


# Published predictions


def test_published_predictions_are_compared_row_by_row(trained: tuple[Path, float], tmp_path: Path) -> None:
    """Theirs says positive always: 40 of 80 are right. McNemar's exact p follows from the two counts."""
    from runner.judging import mcnemar

    file = tmp_path / "theirs.csv"
    file.write_text("predicted\n" + "positive\n" * 80)
    found = finding(audit(trained, "0.9", tmp_path, "--json", "--predictions", file))["paired"]
    assert found["only_ours"] - found["only_theirs"] == round(trained[1] * 80) - positives(tmp_path)
    assert found["p"] == [pytest.approx(mcnemar(found["only_ours"], found["only_theirs"]))] * 2


def positives(tmp_path: Path) -> int:
    import pyarrow.parquet as pq

    (file,) = tmp_path.glob("runs/tiny/*/predictions.parquet")
    return int(sum(pq.read_table(file)["label"].to_pylist()))


def test_predictions_that_lie_beside_the_weights_are_taken(trained: tuple[Path, float], tmp_path: Path) -> None:
    (ours,) = (trained[0] / "runs").glob("tiny/*/seed1/predictions.parquet")
    folder = tmp_path / "both"
    shutil.copytree(trained[0] / "weights", folder)
    shutil.copy(ours, folder)
    found = finding(audit(trained, "0.9", tmp_path, "--json", weights=folder))["paired"]
    assert (found["only_ours"], found["only_theirs"], found["p"]) == (0, 0, [1, 1])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "predicted\npositive\n", "is of 1 rows, the run scored 80"),
        ("a.csv", "guess\n" + "positive\n" * 80, "has neither `predicted` nor `probability_negative`"),
        ("a.csv", "predicted\n" + "good\n" * 80, "predicts good, which are not the card's labels"),
        ("a.csv", "row,predicted\n" + "".join(f"other:{i},1\n" for i in range(80)), "is of other rows than the run's"),
        ("a.txt", "", ".txt is not read"),
        ("a.parquet", "no parquet", "cannot be read"),
    ],
)
def test_predictions_of_something_else_are_refused(
    name: str, text: str, told: str, trained: tuple[Path, float], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    answer = audit(trained, "0.9", tmp_path, "--predictions", tmp_path / name)
    assert answer.code == 2 and told in answer.line


# Adapters

LORA = {"type": "lora", "r": 2, "alpha": 4, "target_modules": ["query", "value"]}


@pytest.fixture
def adapter(tmp_path: Path, reproduce: Any, write_card: Any, write_rows: Any, reviews: Any) -> tuple[Path, float]:
    """A card's adapter as somebody would publish it, and its accuracy."""
    save_base(tmp_path / "base", "bert")
    write_rows(train=reviews(48), test=reviews(40, 1))
    claim = {"metric": "accuracy", "value": "0.5", "split": "test"}
    base = {"model": "base", "tokenizer": None, "architecture": None, "head": "keep"}
    record = reproduce(write_card(base=base, adapter=LORA, reported=[claim]))
    (saved,) = (tmp_path / "runs").glob("tiny/*/seed*/model")
    shutil.copytree(saved, tmp_path / "adapter")
    return tmp_path, record.evaluation.scores[0].value


def test_a_published_adapter_is_laid_on_the_cards_base(adapter: tuple[Path, float]) -> None:
    folder, accuracy = adapter
    answer = replicard("audit", folder / "tiny.yaml", "--weights", folder / "adapter", "--runs", folder / "r", "--json")
    assert finding(answer)["mean"] == pytest.approx(accuracy)


def test_an_adapter_without_its_head_is_refused(adapter: tuple[Path, float]) -> None:
    from safetensors.torch import load_file, save_file

    folder, _ = adapter
    file = folder / "adapter/adapter_model.safetensors"
    save_file({name: value for name, value in load_file(file).items() if "classifier" not in name}, file)
    answer = replicard("audit", folder / "tiny.yaml", "--weights", folder / "adapter", "--runs", folder / "r")
    assert answer.code == 2 and "holds no classification head" in answer.line
