"""The tiny shipped cards, whole: every task, adapter and quantization that a card may name is trained and reloaded."""

from __future__ import annotations

import json
import math
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from command import replicard
from markdown import MARKDOWN

from runner import plugins
from runner.plugins import load_card

CARDS = sorted((Path(__file__).parents[1] / "cards/tiny").glob("*.yaml"))
NAMES = [file.stem for file in CARDS]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs that all tests of this file share: each card is trained once."""
    return tmp_path_factory.mktemp("tiny") / "runs"


@pytest.fixture
def reproduced(request: pytest.FixtureRequest, runs: Path) -> Path:
    """The folder of a card's only run."""
    name = request.param
    answer = replicard("reproduce", name, "-q", "--runs", runs)
    assert answer.code == 0, answer.err
    (folder,) = (runs / name).glob("*/seed42")
    return folder


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_bytes())


def adapter_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "model/adapter_config.json").read_bytes())


def weights_of(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model/adapter_model.safetensors")


def test_every_plugin_of_a_card_has_a_tiny_card() -> None:
    shown = [load_card(file).card for file in CARDS]
    assert {card.task.type for card in shown} == set(plugins.names("tasks"))
    assert {card.adapter.type for card in shown if card.adapter} == set(plugins.names("adapters"))
    assert {card.quantization.type for card in shown if card.quantization} == set(plugins.names("quantizers"))
    assert {card.quantization.bits for card in shown if card.quantization} == {4, 8}
    assert {card.base.architecture.model_type for card in shown} == {"bert", "distilbert", "llama"}


@pytest.mark.parametrize("reproduced", NAMES, indirect=True)
def test_a_tiny_card_trains_and_is_evaluated(reproduced: Path) -> None:
    record = record_of(reproduced)
    losses = [point["values"]["loss"] for point in record["training"]["log"] if "loss" in point["values"]]
    assert all(math.isfinite(loss) for loss in losses)
    assert record["evaluation"]["rows"] == record["plan"]["rows"]["test"]


@pytest.mark.parametrize("reproduced", NAMES, indirect=True)
def test_a_reloaded_model_predicts_what_was_evaluated(reproduced: Path, runs: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(reproduced / "predictions.parquet").slice(0, 6).to_pylist()
    card = record_of(reproduced)["card"]
    file = Path(__file__).parents[1] / "cards/data" / Path(card["data"]["dataset"]).name / "test.jsonl"
    texts = file.read_text(encoding="utf-8").splitlines()
    chosen = [json.loads(texts[int(row["row"].partition(":")[2])]) for row in rows]
    columns = [card["data"]["text"], *([card["data"]["text_pair"]] if card["data"]["text_pair"] else [])]
    arguments = [row[column] for row in chosen for column in columns]
    answer = replicard("predict", reproduced.parts[-3], *arguments, "--json", "--runs", runs)
    assert answer.code == 0, answer.err
    told = [json.loads(line)["probabilities"] for line in answer.out.splitlines()]
    assert len(told) == len(rows)
    for row, chances in zip(rows, told, strict=True):
        for label, chance in chances.items():
            assert chance == pytest.approx(row[f"probability_{label}"], abs=1e-4)


@pytest.mark.parametrize("reproduced", NAMES, indirect=True)
def test_every_block_of_code_in_the_readme_runs_and_classifies_as_was_evaluated(
    reproduced: Path, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    row = pq.read_table(reproduced / "predictions.parquet").slice(0, 1).to_pylist()[0]
    card = record_of(reproduced)["card"]
    file = Path(__file__).parents[1] / "cards/data" / Path(card["data"]["dataset"]).name / "test.jsonl"
    given = json.loads(file.read_text(encoding="utf-8").splitlines()[int(row["row"].partition(":")[2])])
    pair = {"text": given["text"], "text_pair": given[card["data"]["text_pair"]]} if card["data"]["text_pair"] else None
    shutil.copytree(reproduced.parent, tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    page = Path("README.md").read_text(encoding="utf-8")
    blocks = [token for token in MARKDOWN.parse(page) if token.type == "fence"]
    names: dict[str, Any] = {}
    classified = []
    for block in blocks:
        if block.info == "python":
            exec(block.content, names)
            said = names["classifier"](pair or given["text"], truncation=True, max_length=64, top_k=None)
            classified.append({one["label"]: one["score"] for one in said})
    adapted, rounded = card["adapter"] is not None, card["quantization"] is not None
    assert len(classified) == (2 if adapted and not rounded else 1)
    for chances in classified:
        for label, chance in chances.items():
            assert chance == pytest.approx(row[f"probability_{label}"], abs=1e-3 if rounded else 1e-4)
    (command,) = (block.content for block in blocks if block.info == "bash")
    before = (reproduced / "record.json").stat().st_mtime_ns
    assert replicard(*shlex.split(command)[1:], "-q", "--runs", runs).code == 0
    assert (reproduced / "record.json").stat().st_mtime_ns == before  # it is that run, which is done


@pytest.mark.parametrize("reproduced", ["tiny-pairs"], indirect=True)
def test_what_takes_both_texts_of_a_pair_is_learned(reproduced: Path) -> None:
    found = {score["metric"]: score["value"] for score in record_of(reproduced)["evaluation"]["scores"]}
    assert found["accuracy"] > 0.8  # one text by itself gives 0.5: see tests/test_corpus.py


@pytest.mark.parametrize("reproduced", ["tiny-full"], indirect=True)
def test_without_an_adapter_all_weights_are_trained(reproduced: Path) -> None:
    plan = record_of(reproduced)["plan"]
    assert plan["trainable"] == plan["parameters"]


@pytest.mark.parametrize(
    ("reproduced", "expected"),
    [
        # Two blocks of two layers, each with rank × (in + out); the head has 64 × 2 + 2, DistilBERT's 64 × 65 besides.
        ("tiny-lora", 4 * 4 * (64 + 64) + 130),
        ("tiny-rslora", 4 * 16 * (64 + 64) + 130),
        ("tiny-lora-8bit", 4 * 4 * (64 + 64) + 130),
        ("tiny-lora-4bit", 4 * 4 * (64 + 64) + 128),
        # DoRA: a magnitude for each output besides.
        ("tiny-dora", 4 * (4 * (64 + 64) + 64) + 130 + 64 * 65),
        # IA3: one number for each of 64 keys, 64 values and 128 inner activations.
        ("tiny-ia3", 2 * (64 + 64 + 128) + 128),
    ],
    indirect=["reproduced"],
)
def test_an_adapter_trains_its_own_weights_and_the_head(reproduced: Path, expected: int) -> None:
    assert record_of(reproduced)["plan"]["trainable"] == expected
    assert sum(weight.numel() for weight in weights_of(reproduced).values()) == expected


@pytest.mark.parametrize(
    ("reproduced", "saved"),
    [
        ("tiny-lora", {"peft_type": "LORA", "use_rslora": False, "use_dora": False}),
        ("tiny-rslora", {"peft_type": "LORA", "use_rslora": True, "use_dora": False}),
        ("tiny-dora", {"peft_type": "LORA", "use_rslora": False, "use_dora": True}),
        ("tiny-ia3", {"peft_type": "IA3", "feedforward_modules": ["down_proj"]}),
    ],
    indirect=["reproduced"],
)
def test_the_saved_adapter_says_what_it_is(reproduced: Path, saved: dict[str, Any]) -> None:
    assert saved.items() <= adapter_of(reproduced).items()


@pytest.mark.parametrize("reproduced", ["tiny-lora", "tiny-dora", "tiny-lora-4bit", "tiny-lora-8bit"], indirect=True)
def test_the_update_of_lora_has_left_its_start(reproduced: Path) -> None:
    updates = [weight for name, weight in weights_of(reproduced).items() if "lora_B" in name]
    assert len(updates) == 4
    assert all(weight.abs().max() > 0 for weight in updates)  # LoRA's B begins at zero


@pytest.mark.parametrize("reproduced", ["tiny-ia3"], indirect=True)
def test_the_vectors_of_ia3_have_left_their_start(reproduced: Path) -> None:
    vectors = [weight for name, weight in weights_of(reproduced).items() if "ia3_l" in name]
    assert len(vectors) == 6
    assert all((weight - 1).abs().max() > 0 for weight in vectors)  # IA3's vectors begin at one


@pytest.mark.parametrize(("rank", "rslora", "scaling"), [(16, False, 8 / 16), (16, True, 8 / 4), (4, True, 8 / 2)])
def test_rslora_scales_by_the_root_of_the_rank(rank: int, rslora: bool, scaling: float) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    adapter = plugins.adapter("lora")
    config = AutoConfig.for_model("bert", hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    with torch.device("meta"):
        model = AutoModelForSequenceClassification.from_config(config)
    section = adapter.Config(type="lora", r=rank, alpha=8.0, target_modules=("query",), rslora=rslora)
    wrapped = adapter.apply(section, model, ("classifier",))
    (found,) = {m.scaling["default"] for name, m in wrapped.named_modules() if name.endswith("self.query")}
    assert found == pytest.approx(scaling)


def test_feedforward_modules_that_are_no_targets_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tiny-ia3.yaml"
    text = next(file for file in CARDS if file.stem == "tiny-ia3").read_text(encoding="utf-8")
    file.write_text(text.replace("feedforward_modules: [down_proj]", "feedforward_modules: [up_proj]"))
    answer = replicard("validate", file)
    assert answer.code == 2
    assert "`feedforward_modules` are some of the `target_modules`; add up_proj there" in answer.line


@pytest.mark.parametrize("option", ["quant_type: nf4", "double_quant: true", "compute_dtype: bfloat16"])
def test_what_only_4_bits_have_is_refused_with_8(option: str, tmp_path: Path) -> None:
    file = tmp_path / "tiny-lora-8bit.yaml"
    text = next(file for file in CARDS if file.stem == "tiny-lora-8bit").read_text(encoding="utf-8")
    file.write_text(text.replace("bits: 8}", f"bits: 8, {option}}}"))
    assert "is of 4-bit weights, and `bits` is 8; leave it out" in replicard("validate", file).line
