"""The rehearsal: the card's own road with small stand-ins, nothing else changed, and never taken for a reproduction."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import REPO, replicard
from conftest import CARD
from hub_server import Hub, take_for_the_hub

from registry.evidence import leaves
from runner import model as models
from runner import rehearsing
from runner.plugins import load_card
from runner.record import Record
from runner.runs import Run, read_record
from runner.stand_ins import VOCABULARY, smaller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.card import Card
    from registry.loading import Loaded
    from runner.stand_ins import StandIns

IMDB = sorted((REPO / "cards/imdb").glob("*.yaml"))
SEEDS = [file for file in IMDB if "source:" in file.read_text()]
OTHERS = [*sorted((REPO / "cards/tiny").glob("*.yaml")), *sorted((REPO / "cards").glob("*.yaml")), IMDB[-2]]

LLAMA = {
    "model_type": "llama",
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "intermediate_size": 4096,
    "max_position_embeddings": 2048,
}
LORA_ON_4_BITS: dict[str, Any] = {
    "base": {"model": "someone/some-llama", "pad_token": "eos", "tokenizer": None, "architecture": LLAMA},
    "data": {"dataset": "someone/reviews", "rows": {"train": 900_000, "test": 1000}},
    "adapter": {"type": "lora", "r": 4, "target_modules": ["q_proj", "v_proj"]},
    "quantization": {"type": "bitsandbytes", "bits": 4, "quant_type": "nf4"},
    "training": {"optimizer": "paged_adamw_8bit", "scheduler": "cosine", "warmup_ratio": 0.25, "precision": "fp16"},
    "hardware": {"accelerator": "nvidia-a100"},
    "reported": [{"metric": "accuracy", "value": "90%", "headline": True}],
}


@dataclass(frozen=True)
class Rehearsed:
    """A card that was rehearsed by the command, and what that left."""

    file: Path
    runs: Path
    told: dict[str, Any]

    @property
    def seed(self) -> Path:
        return Path(self.told["run"])

    @property
    def record(self) -> Record:
        card, identifier, seed = self.seed.parts[-3:]
        return read_record(Run(self.seed.parents[2], card, identifier, int(seed.removeprefix("seed"))), Record)

    @property
    def readme(self) -> str:
        return Path(self.told["readme"]).read_text()


def rehearse(file: Path, runs: Path) -> Rehearsed:
    answer = replicard("rehearse", file, "--runs", runs, "--json", "--quiet")
    assert answer.code == 0, answer.err
    return Rehearsed(file, runs, *json.loads(answer.out))


@pytest.fixture(scope="module", autouse=True)
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Hub that has nothing and knows who asks; its cache is empty."""
    from huggingface_hub import constants

    with pytest.MonkeyPatch.context() as patch, Hub() as served:
        take_for_the_hub(patch, served.endpoint)
        patch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
        assert served.requests == [], "a rehearsal asked the Hub"


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """LoRA on a Llama in 4 bits that cannot be had, with an optimizer of bitsandbytes, declared for a GPU."""
    folder = tmp_path_factory.mktemp("rehearsed")
    card = {**CARD, **LORA_ON_4_BITS}
    card |= {name: {**CARD[name], **LORA_ON_4_BITS[name]} for name in ("data", "training")}
    card["base"] = {name: value for name, value in card["base"].items() if value is not None}
    file = folder / "tiny.yaml"
    file.write_text(json.dumps(card))
    return rehearse(file, folder / "runs")


@pytest.fixture
def arrange(tmp_path: Path, one_thread: None) -> Callable[[Loaded], StandIns]:
    """`arrange(loaded)`: what stands in for a card's inputs."""
    return lambda loaded: rehearsing.arrange(loaded, tmp_path / "runs")


def differences(before: Card, after: Card) -> set[str]:
    """Paths of the values that are not the same."""
    old, new = leaves(before), leaves(after)
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def check_that_it_ran_as_declared(card: Card, found: Rehearsed) -> None:
    """Adapter, optimizer, batch and schedule: read from what the run left."""
    import torch
    from transformers import get_scheduler

    record, training = found.record, card.training
    assert record.training is not None
    if card.adapter is not None:
        saved = json.loads((found.seed / "model/adapter_config.json").read_text())
        assert saved["peft_type"].casefold() == card.adapter.type
        assert (saved["r"], set(saved["target_modules"])) == (card.adapter.r, set(card.adapter.target_modules))
    assert record.training.optimizer == "AdamW"  # torch's and that of bitsandbytes, which all these cards name
    count = training.gradient_accumulation_steps * card.hardware.count
    assert record.plan.effective_batch == training.batch_size * count
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=training.learning_rate)
    schedule = get_scheduler(training.scheduler, optimizer, record.plan.warmup_steps, record.plan.steps)
    rates = []
    for _ in range(record.plan.steps):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    logged = {point.step: point.values for point in record.training.log if "loss" in point.values}
    assert record.training.steps == record.plan.steps == len(logged) > 2
    assert [logged[step + 1]["learning_rate"] for step in range(len(rates))] == pytest.approx(rates)


# What is rehearsed is the card


@pytest.mark.parametrize("file", SEEDS, ids=lambda file: file.stem)
def test_nothing_but_shape_rows_and_epochs_of_a_seed_card_is_changed(
    file: Path, arrange: Callable[[Loaded], StandIns]
) -> None:
    loaded = load_card(file)
    arranged = arrange(loaded)
    changed = differences(loaded.card, arranged.loaded.card)
    permitted = ("base.architecture.", "data.rows.", "data.limit")
    assert changed
    assert {path for path in changed if not path.startswith(permitted)} <= {"training.epochs"}
    assert "base.architecture.model_type" not in changed
    listed = {d.field for d in arranged.substitutions}
    assert changed - listed <= {"data.limit", "data.limit.seed"}
    assert {"base.model", "base.tokenizer", "data.dataset"} <= listed


@pytest.mark.slow
@pytest.mark.parametrize("file", SEEDS, ids=lambda file: file.stem)
def test_a_seed_card_is_rehearsed_in_under_two_minutes(file: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    found = rehearse(file, tmp_path / "runs")
    seconds = time.monotonic() - started
    print(f"{file.stem}: {seconds:.0f} s")
    assert seconds < 120
    check_that_it_ran_as_declared(load_card(file).card, found)
    audit = json.loads(found.seed.with_name("audit.json").read_bytes())
    assert {finding["verdict"] for finding in audit["findings"]} == {"not comparable"}


@pytest.mark.slow
@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.stem)
def test_every_other_card_is_rehearsed_too(file: Path, tmp_path: Path) -> None:
    assert rehearse(file, tmp_path / "runs").record.rehearsal


def test_adapter_optimizer_batch_and_schedule_are_the_declared_ones(rehearsed: Rehearsed) -> None:
    check_that_it_ran_as_declared(load_card(rehearsed.file).card, rehearsed)


def test_the_model_is_of_the_declared_class_and_quantization(rehearsed: Rehearsed) -> None:
    from runner.reproducing import card_of

    record = rehearsed.record
    assert record.base is not None
    _, model = models.load(card_of(record), record.base, rehearsed.seed / "model", rehearsed.seed / "base")
    assert type(model.get_base_model()).__name__ == "LlamaForSequenceClassification"
    kinds = [type(module).__name__ for name, module in model.named_modules() if name.endswith("base_layer")]
    assert kinds == ["Linear4bit"] * 4  # queries and values of two layers
    assert model.config.quantization_config.bnb_4bit_quant_type == "nf4"


def test_the_optimizer_is_that_of_bitsandbytes_in_8_bits(
    rehearsed: Rehearsed, tmp_path: Path, one_thread: None
) -> None:
    import bitsandbytes

    from runner import trainer
    from runner.reproducing import card_of

    record = rehearsed.record
    assert record.base is not None
    card = card_of(record)
    tokenizer = models.load_tokenizer(Path(record.base.path), card)
    worker = trainer.make_trainer(
        card, record.plan, models.build(card, record.base, tokenizer, tmp_path), tokenizer, tmp_path
    )
    optimizer = worker.create_optimizer()
    assert isinstance(optimizer, bitsandbytes.optim.AdamW)
    assert optimizer.args.optim_bits == 8


def test_every_stage_is_told(rehearsed: Rehearsed) -> None:
    stages = {stage["name"]: stage for stage in rehearsed.told["stages"]}
    names = [
        "plan as declared",
        "stand-ins",
        "train",
        "evaluate",
        "save, reload",
        "audit",
        "README",
        "publish, dry run",
    ]
    assert list(stages) == names
    assert stages["save, reload"]["proven"] == "from disk, the same probabilities"
    assert sum(stage["seconds"] for stage in stages.values()) == pytest.approx(rehearsed.told["seconds"])


def test_a_reloaded_model_that_is_not_the_trained_one_is_found(
    rehearsed: Rehearsed, tmp_path: Path, one_thread: None
) -> None:
    import shutil
    from dataclasses import replace

    import torch
    from safetensors.torch import load_file, save_file

    from runner.reproducing import Ready

    loaded = load_card(rehearsed.file)
    arranged = rehearsing.arrange(loaded, rehearsed.runs)
    card, identifier, seed = rehearsed.seed.parts[-3:]
    shutil.copytree(rehearsed.seed, tmp_path / card / identifier / seed)
    run = Run(tmp_path, card, identifier, rehearsed.record.seed)
    record = rehearsed.record
    ready = Ready(arranged.loaded, record.machine, arranged.base, None, arranged.dataset, run, record.plan)
    assert rehearsing.reload_difference(ready, record) == 0
    weights = load_file(run.model / "adapter_model.safetensors")
    changed = {
        name: weight + (0.1 if "score" in name else 0) * torch.randn_like(weight) for name, weight in weights.items()
    }
    save_file(changed, run.model / "adapter_model.safetensors")
    assert rehearsing.reload_difference(replace(ready), record) > rehearsing.TOLERANCE


# It is never taken for a reproduction


def test_the_record_says_that_it_is_a_rehearsal_and_lists_what_stood_in(rehearsed: Rehearsed) -> None:
    record = rehearsed.record
    assert record.rehearsal
    found = {d.field: (d.declared, d.actual) for d in record.deviations}
    assert found["base.architecture.num_hidden_layers"] == ("24", "2")
    assert found["data.rows.train"] == ("900,000", "64")
    assert found["data.limit.test"] == ("1,000", "32")
    assert found["hardware.accelerator"][0] == "nvidia-a100"
    assert found["training.precision"] == ("fp16", "fp32")
    assert found["training.optimizer"] == ("paged_adamw_8bit", "paged_adamw_8bit without paging")
    assert all(d.cause.startswith("rehearsal: ") and not d.consent for d in record.deviations)


def test_no_claim_is_compared(rehearsed: Rehearsed) -> None:
    audit = json.loads(rehearsed.seed.with_name("audit.json").read_bytes())
    assert audit["verdict"] == "not comparable"
    assert all(finding["reason"].startswith("a rehearsal") for finding in audit["findings"])


def test_the_readme_says_so_at_its_top_and_lists_what_stood_in(rehearsed: Rehearsed) -> None:
    top, _, _ = rehearsed.readme.partition("## Model Details")
    assert "> **This is a rehearsal, not a reproduction.**" in top
    for d in rehearsed.record.deviations:
        assert f"> - `{d.field}`: " in top
    assert "replicard rehearse tiny" in rehearsed.readme
    assert "replicard reproduce" not in rehearsed.readme


def test_the_readme_has_no_results_that_the_hub_would_show(rehearsed: Rehearsed) -> None:
    front = rehearsed.readme.split("---\n")[1]
    assert "rehearsal" in front
    assert not {"model-index", "metrics", "co2_eq_emissions"} & {line.partition(":")[0] for line in front.splitlines()}


@pytest.mark.parametrize("verb", ["audit", "render", "predict"])
def test_no_verb_finds_it_as_a_run(verb: str, rehearsed: Rehearsed) -> None:
    answer = replicard(verb, "tiny", *(["a text"] if verb == "predict" else []), "--runs", rehearsed.runs)
    assert answer.code == 2
    assert answer.line.startswith("no runs in ")


def test_ls_shows_the_card_as_not_run(rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    (rehearsed.file.parent / "cards").mkdir(exist_ok=True)
    (rehearsed.file.parent / "cards/tiny.yaml").write_text(rehearsed.file.read_text())
    monkeypatch.chdir(rehearsed.file.parent)
    rows = json.loads(replicard("ls", "--runs", rehearsed.runs, "--json").out)
    assert {row["id"]: row["verdict"] for row in rows}["tiny"] == "not run"


# What would be published


def test_the_files_that_would_be_published_are_listed_with_size_and_hash(rehearsed: Rehearsed) -> None:
    import hashlib

    files = {file["name"]: file for file in rehearsed.told["files"]}
    assert {"README.md", "seed42/record.json", "seed42/model/adapter_model.safetensors"} <= set(files)
    for name, file in files.items():
        content = (rehearsed.seed.parent / name).read_bytes()
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


# Stand-ins


def test_grouped_attention_stays_grouped() -> None:
    found = smaller(LLAMA, 2)
    assert found["num_attention_heads"] == 4 * found["num_key_value_heads"]


def test_a_model_that_is_small_stays_as_it_is() -> None:
    facts = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 256}
    assert smaller(facts, 2) == {}


def test_a_layer_that_the_adapter_names_by_its_number_is_kept(
    write_card: Callable[..., Loaded], arrange: Callable[[Loaded], StandIns]
) -> None:
    named = {"type": "lora", "r": 4, "target_modules": ["layers.7.self_attn.q_proj"]}
    card = arrange(write_card(**{**LORA_ON_4_BITS, "adapter": named})).loaded.card
    assert card.base.architecture is not None
    assert card.base.architecture.num_hidden_layers == 8  # type: ignore[union-attr]


def test_the_stand_in_tokenizer_of_a_decoder_marks_beginnings_and_pads_with_the_declared_token(
    write_card: Callable[..., Loaded], arrange: Callable[[Loaded], StandIns]
) -> None:
    arranged = arrange(write_card(**LORA_ON_4_BITS))
    assert arranged.base is not None
    tokenizer = models.load_tokenizer(Path(arranged.base.path), arranged.loaded.card)
    assert tokenizer.pad_token == tokenizer.eos_token
    tokens = tokenizer("a superb film")["input_ids"]
    assert tokens[0] == tokenizer.bos_token_id
    assert tokenizer.eos_token_id not in tokens
    assert 300 < len(tokenizer) <= VOCABULARY


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c", "d", "e", "f", "g"], ["positive", "negative"]])
@pytest.mark.parametrize("pair", [None, "second"])
def test_embedded_rows_have_the_names_and_labels_of_the_card(
    labels: list[str], pair: str | None, write_card: Callable[..., Loaded], arrange: Callable[[Loaded], StandIns]
) -> None:
    from runner.data import load_parts

    data = {"dataset": "someone/rows", "config": "plain", "text": "first", "text_pair": pair, "label": "kind"}
    take = {"take": {"train": "train", "test": "validation_matched"}, "split": {"validation": 0.25, "stratify": True}}
    task = {"type": "text-classification", "labels": labels}
    arranged = arrange(write_card(data={**data, **take}, task=task))
    parts = load_parts(arranged.loaded, arranged.dataset)
    assert set(parts.splits) == {"train", "validation", "test"}
    assert set(parts.splits["test"]["label"][:]) == set(range(len(labels)))
    assert ("text_pair" in parts.splits["train"].column_names) == (pair is not None)


def test_embedded_reviews_keep_the_meaning_of_their_labels(
    write_card: Callable[..., Loaded], arrange: Callable[[Loaded], StandIns]
) -> None:
    from runner.data import load_parts

    def of(label: str, labels: list[str]) -> set[str]:
        task = {"type": "text-classification", "labels": labels}
        arranged = arrange(write_card(data={"dataset": "someone/rows"}, task=task))
        rows = load_parts(arranged.loaded, arranged.dataset).splits["train"]
        return {row["text"] for row in rows if row["label"] == labels.index(label)}

    assert of("positive", ["negative", "positive"]) & of("positive", ["positive", "negative"])
    assert not of("positive", ["negative", "positive"]) & of("negative", ["positive", "negative"])


def test_a_column_that_slices_go_by_is_there(
    write_card: Callable[..., Loaded], rehearse_it: Callable[[Loaded], rehearsing.Rehearsal]
) -> None:
    evaluation = {"slices": {"words": [10], "columns": ["genre"]}}
    done = rehearse_it(write_card(data={"dataset": "someone/rows"}, evaluation=evaluation))
    record = Record.model_validate_json(done.run.record.read_bytes())
    assert record.evaluation is not None
    assert len(record.evaluation.slices) == 2 + 3


def test_texts_that_may_not_be_cut_fit(
    write_card: Callable[..., Loaded], rehearse_it: Callable[[Loaded], rehearsing.Rehearsal]
) -> None:
    rehearse_it(write_card(data={"dataset": "someone/rows", "tokens": {"max_length": 48, "truncation": False}}))


@pytest.fixture
def rehearse_it(tmp_path: Path, one_thread: None) -> Callable[[Loaded], rehearsing.Rehearsal]:
    """`rehearse_it(loaded)`: in a temporary folder."""
    return lambda loaded: rehearsing.rehearse(loaded, tmp_path / "runs")


def test_rows_base_and_tokenizer_that_are_here_are_the_cards_own(
    write_card: Callable[..., Loaded],
    write_rows: Callable[..., Path],
    reviews: Callable[..., list[dict[str, Any]]],
    base_repo: Callable[..., Path],
    rehearse_it: Callable[[Loaded], rehearsing.Rehearsal],
) -> None:
    write_rows(train=reviews(200), test=reviews(20, 1))
    folder = base_repo("bert")
    base = {"model": "base", "tokenizer": None, "architecture": None, "head": "keep"}
    done = rehearse_it(write_card(base=base, task={"type": "text-classification", "labels": ["LABEL_0", "LABEL_1"]}))
    assert {d.field for d in done.substitutions} == {"data.limit.train"}
    assert read_record(done.run, Record).base.path == str(folder)  # type: ignore[union-attr]


def test_a_rare_label_is_among_the_rows_that_are_scored(
    write_card: Callable[..., Loaded],
    write_rows: Callable[..., Path],
    reviews: Callable[..., list[dict[str, Any]]],
    arrange: Callable[[Loaded], StandIns],
) -> None:
    from runner.data import load_parts

    rows = [row for index, row in enumerate(reviews(2000)) if row["label"] == 0 or index % 40 == 1]
    write_rows(train=rows, test=rows)
    arranged = arrange(write_card())
    assert set(load_parts(arranged.loaded, arranged.dataset).splits["test"]["label"][:]) == {0, 1}


# What does not work is found


def test_an_adapter_on_a_layer_that_the_stated_architecture_lacks_fails(
    write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    from registry.errors import InputError

    with pytest.raises(InputError):
        write_card(**{**LORA_ON_4_BITS, "adapter": {"type": "lora", "target_modules": ["query"]}})
    answer = replicard("rehearse", tmp_path / "tiny.yaml", "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 2
    assert "adapter.target_modules: a llama has no layer named 'query'" in answer.line
    assert not (tmp_path / "runs").exists()


def test_an_adapter_on_a_layer_that_the_base_lacks_fails(
    write_card: Callable[..., Loaded], base_repo: Callable[..., Path], tmp_path: Path
) -> None:
    base_repo("bert")
    base = {"model": "base", "tokenizer": None, "architecture": None, "head": "new"}
    adapter = {"type": "lora", "target_modules": ["q_proj"]}
    loaded = write_card(base=base, data={"dataset": "someone/rows"}, adapter=adapter)
    answer = replicard("rehearse", loaded.file, "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 2
    assert "no layer is named 'q_proj'" in answer.line


def test_a_column_that_the_dataset_lacks_fails(
    write_card: Callable[..., Loaded],
    write_rows: Callable[..., Path],
    reviews: Callable[..., list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    write_rows(train=reviews(40), test=reviews(20, 1))
    loaded = write_card(data={"label": "stars"})
    answer = replicard("rehearse", loaded.file, "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 2
    assert "data.label: rows has no column 'stars' in train" in answer.err


def test_facts_that_the_base_denies_fail(
    write_card: Callable[..., Loaded], base_repo: Callable[..., Path], tmp_path: Path
) -> None:
    base_repo("bert", hidden_size=128, num_attention_heads=4)
    facts = {"model_type": "bert", "hidden_size": 256, "num_hidden_layers": 1, "num_attention_heads": 4}
    facts |= {"vocab_size": 28, "intermediate_size": 32, "max_position_embeddings": 64}
    base = {"model": "base", "tokenizer": None, "architecture": facts, "head": "new"}
    loaded = write_card(base=base, data={"dataset": "someone/rows"})
    answer = replicard("rehearse", loaded.file, "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 2
    assert "base.architecture.hidden_size: says 256, but the configuration of base says 128" in answer.err


def test_a_folder_of_pickled_weights_without_consent_fails(
    write_card: Callable[..., Loaded], base_repo: Callable[..., Path], tmp_path: Path
) -> None:
    folder = base_repo("bert", hidden_size=128, num_attention_heads=4)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    base = {"model": "base", "tokenizer": None, "architecture": None, "head": "new"}
    loaded = write_card(base=base, data={"dataset": "someone/rows"})
    answer = replicard("rehearse", loaded.file, "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 2
    assert "base.model: base ships no safetensors" in answer.line


def test_a_base_of_unknown_shape_is_asked_for_it(write_card: Callable[..., Loaded], tmp_path: Path) -> None:
    base = {"model": "someone/something", "tokenizer": None, "architecture": None}
    loaded = write_card(base=base, data={"dataset": "someone/rows"})
    answer = replicard("rehearse", loaded.file, "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 2
    assert "base.architecture: missing, and the configuration of someone/something is not here" in answer.line


# The command


def test_a_dry_run_lists_what_would_stand_in_and_leaves_nothing(rehearsed: Rehearsed, tmp_path: Path) -> None:
    answer = replicard("rehearse", rehearsed.file, "--runs", tmp_path / "runs", "--dry-run", "--json", "--quiet")
    assert answer.code == 0
    (told,) = json.loads(answer.out)
    assert told["substitutions"] == rehearsed.told["substitutions"]
    assert not (tmp_path / "runs").exists()


def test_people_are_told_what_stood_in_what_went_well_and_where_it_lies(
    write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    file = write_card(data={"dataset": "someone/rows"}).file
    answer = replicard("rehearse", file, "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 0
    for said in (
        "data.dataset",
        "rehearsal: the real one is not here",
        "save, reload",
        "seed42/model/model.safetensors",
    ):
        assert said in answer.out
    assert f"README  {tmp_path / 'runs'}/rehearsals/tiny/" in answer.out


def test_of_several_cards_each_is_rehearsed_and_the_worst_code_counts(
    write_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    good = write_card(id="good", data={"dataset": "someone/rows"}).file
    bad = write_card(id="bad", data={"dataset": "./nowhere"}).file
    answer = replicard("rehearse", bad, good, "--runs", tmp_path / "runs", "--json", "--quiet")
    assert answer.code == 2
    assert [(one["card"], one["ok"]) for one in json.loads(answer.out)] == [("bad", False), ("good", True)]
    assert "no folder './nowhere'" in json.loads(answer.out)[0]["problems"][0]


def test_a_rehearsal_is_repeated_anew_in_the_same_place(write_card: Callable[..., Loaded], tmp_path: Path) -> None:
    file = write_card(data={"dataset": "someone/rows"}).file
    first, second = (rehearse(file, tmp_path / "runs") for _ in range(2))
    assert first.told["run"] == second.told["run"]
    assert sorted(path.name for path in (tmp_path / "runs").glob("*")) == ["rehearsals"]


def test_reproduce_names_the_rehearsal_where_this_machine_cannot(rehearsed: Rehearsed, tmp_path: Path) -> None:
    answer = replicard("reproduce", rehearsed.file, "--runs", tmp_path / "runs", "--quiet")
    assert answer.code == 3
    assert answer.err.count(f"`replicard rehearse {rehearsed.file}` tries a small one here") == 1
