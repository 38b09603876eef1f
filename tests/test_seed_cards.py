"""The shipped IMDb cards say what their sources say, and nothing else."""

from __future__ import annotations

import hashlib
import re
import shutil
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import InputError
from registry.evidence import covering, leaves, needs_evidence
from runner.plugins import load_card

if TYPE_CHECKING:
    from registry.loading import Loaded

FOLDER = Path(__file__).parents[1] / "cards" / "imdb"
SOURCES = FOLDER / "sources"
SEEDS = (
    "a790227-distilbert",
    "gq-llama-2-7b-imdb",
    "jamander-project-blockbuster",
    "llm-project-distilbert",
    "yash3056-llama-3.2-1b-imdb",
)
SHIPPED = sorted(file.stem for file in FOLDER.glob("*.yaml"))


def card_of(name: str) -> Loaded:
    return load_card(FOLDER / f"{name}.yaml")


def problems_of(file: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_card(file)
    return [str(problem) for problem in caught.value.problems]


def quotes(loaded: Loaded, path: str) -> tuple[str, ...]:
    given = loaded.card.stated[path]
    return given if isinstance(given, tuple) else (given,)


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """A folder with the cards and their sources that a test may damage."""
    shutil.copytree(FOLDER, tmp_path / "imdb")
    return tmp_path / "imdb"


def edit(file: Path, old: str, new: str) -> int:
    """Replace the one occurrence of `old`; the line it stands on."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


# Every shipped card


def test_there_is_a_card_for_every_seed_and_one_of_our_own() -> None:
    assert sorted([*SEEDS, "minilm-l6"]) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_card_loads(name: str) -> None:
    assert card_of(name).card.id == name


@pytest.mark.parametrize("name", SHIPPED)
def test_card_plans_without_network(name: str) -> None:
    card = card_of(name).card
    assert card.base.architecture is not None
    assert card.data.rows is not None
    assert (card.data.rows.train, card.data.rows.test) == (25000, 25000)


@pytest.mark.parametrize("name", SHIPPED)
def test_card_says_first_what_checks_it_and_how_to_run_it(name: str) -> None:
    schema, first = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[:2]
    assert schema == "# yaml-language-server: $schema=../schema.json"
    assert first.startswith("# ") and first.endswith(f"replicard reproduce {name}")


@pytest.mark.parametrize("name", SHIPPED)
def test_lines_fit_the_screen(name: str) -> None:
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120] == []


# Sources


@pytest.mark.parametrize("name", SEEDS)
def test_source_is_byte_identical_to_its_hash(name: str) -> None:
    source = card_of(name).card.source
    assert source is not None
    assert hashlib.sha256((FOLDER / source.readme).read_bytes()).hexdigest() == source.sha256


@pytest.mark.parametrize("name", SEEDS)
def test_source_is_attributed(name: str) -> None:
    assert f"`{name}.md`" in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SEEDS)
def test_source_is_the_seed_as_found(name: str) -> None:
    seed = FOLDER.parents[2] / "shared" / "seeds" / f"{name}.md"
    if not seed.exists():
        pytest.skip("no shared/seeds here")
    assert (SOURCES / f"{name}.md").read_bytes() == seed.read_bytes()


# What is stated


@pytest.mark.parametrize("name", SEEDS)
def test_quotes_stand_in_the_source_where_the_evidence_says(name: str) -> None:
    loaded = card_of(name)
    text = (SOURCES / f"{name}.md").read_text(encoding="utf-8")
    stated = {path: e for path, e in loaded.evidence.items() if e.status == "stated"}
    assert stated
    for path, evidence in stated.items():
        entry = covering(path, dict(loaded.card.stated))
        assert entry is not None and evidence.start is not None
        words = quotes(loaded, entry)[0]
        assert text[evidence.start :].startswith(words), path
        assert evidence.line == len(text[: evidence.start].split("\n")), path


def shows(value: Any, words: str) -> bool:
    """Whether a quote has the number in it: as it is, in percent, with commas, or as the word for one."""
    numbers = {float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?", words)}
    numbers |= {float(n) for n in re.findall(r"\.\d+|\d+", words)}
    if re.search(r"\b(?:single|an?|one)\b", words, re.IGNORECASE):
        numbers.add(1.0)
    return any(abs(number - wanted) < 1e-12 for number in numbers for wanted in (value, round(value * 100, 9)))


@pytest.mark.parametrize("name", SEEDS)
def test_quotes_of_numbers_show_the_number(name: str) -> None:
    loaded = card_of(name)
    values = leaves(loaded.card)
    missing = []
    for path in loaded.card.stated:
        value = values.get(path)
        words = " ".join(quotes(loaded, path))
        numbers = value if isinstance(value, tuple) else (value,)
        for number in numbers:
            if isinstance(number, (int, float)) and not isinstance(number, bool) and not shows(number, words):
                missing.append((path, number, words))
    assert missing == []


@pytest.mark.parametrize("name", SEEDS)
def test_claims_are_written_as_in_the_words_that_state_them(name: str) -> None:
    loaded = card_of(name)
    assert loaded.card.reported
    for index, claim in enumerate(loaded.card.reported):
        assert claim.value in " ".join(quotes(loaded, f"reported[{index}].value"))


@pytest.mark.parametrize("name", SEEDS)
def test_values_have_one_entry_each(name: str) -> None:
    loaded = card_of(name)
    values = leaves(loaded.card)
    sections = {"base.architecture", "evaluation.metrics", "adapter", "quantization"}
    for table in (loaded.card.stated, loaded.card.derived, loaded.card.assumed):
        assert [path for path in table if path not in values and path not in sections] == []


# Damage


@pytest.mark.parametrize("name", SEEDS)
def test_any_removed_reason_makes_the_card_refused_with_the_path(name: str, copies: Path) -> None:
    loaded, file = card_of(name), copies / f"{name}.yaml"
    whole = file.read_text(encoding="utf-8")
    lines = whole.splitlines(keepends=True)
    values = leaves(loaded.card)
    for path in loaded.card.assumed:
        if path in values and not needs_evidence(path, values[path]):
            continue  # `quantization: null` declares nothing; its reason is a courtesy
        start = loaded.places[f"assumed.{path}"].line - 1
        end = start + 1
        while lines[end].startswith("    "):
            end += 1
        file.write_text("".join(lines[:start] + lines[end:]), encoding="utf-8")
        problems = problems_of(file)
        assert problems and all(f"  {path}" in problem for problem in problems), path
        assert "neither stated, derived nor assumed" in problems[0]


@pytest.mark.parametrize("name", SEEDS)
def test_a_changed_byte_of_the_source_makes_the_card_refused(name: str, copies: Path) -> None:
    source = copies / "sources" / f"{name}.md"
    source.write_bytes(source.read_bytes() + b"\n")
    (problem,) = problems_of(copies / f"{name}.yaml")
    assert "source.sha256" in problem


@pytest.mark.parametrize("name", SEEDS)
def test_a_misquote_is_refused_with_its_place(name: str, copies: Path) -> None:
    file = copies / f"{name}.yaml"
    words = quotes(card_of(name), "training.learning_rate")[0]
    line = edit(file, words, words.replace("e-", "e-1"))
    (problem,) = problems_of(file)
    assert problem.startswith(f"{file}:{line}:3  training.learning_rate: ")


def test_a_source_that_is_gone_is_refused(copies: Path) -> None:
    (copies / "sources" / "gq-llama-2-7b-imdb.md").unlink()
    (problem,) = problems_of(copies / "gq-llama-2-7b-imdb.yaml")
    assert "source.readme" in problem


# What each of them declares


def test_yash_is_trained_as_its_procedure_says_not_as_its_snippets_do() -> None:
    card = card_of("yash3056-llama-3.2-1b-imdb").card
    assert card.data.tokens.max_length == 512
    assert card.data.tokens.padding == "max_length"
    recipe = card.training
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (3e-5, 8, 10)
    assert (recipe.weight_decay, recipe.warmup_ratio) == (0.0, 0.4)


def test_no_quote_of_yash_is_from_its_snippets() -> None:
    loaded = card_of("yash3056-llama-3.2-1b-imdb")
    text = (SOURCES / "yash3056-llama-3.2-1b-imdb.md").read_text(encoding="utf-8")
    begin, end = text.index("Downstream Use"), text.index("Bias, Risks, and Limitations")
    inside = [p for p, e in loaded.evidence.items() if e.start is not None and begin <= e.start < end]
    assert inside == []


def test_yash_is_tested_on_the_official_split_and_validated_on_a_fifth_of_the_training_rows() -> None:
    card = card_of("yash3056-llama-3.2-1b-imdb").card
    assert (card.data.take.train, card.data.take.test) == ("train", "test")
    assert card.data.split is not None
    assert (card.data.split.validation, card.data.split.test) == (0.2, None)
    assert (card.evaluation.split, card.evaluation.each_epoch) == ("test", "validation")


def test_yash_reports_loss_and_accuracy_of_all_three_splits() -> None:
    reported = card_of("yash3056-llama-3.2-1b-imdb").card.reported
    assert {(c.split, c.metric): c.value for c in reported if c.metric in ("loss", "accuracy")} == {
        ("train", "loss"): "0.0030",
        ("train", "accuracy"): "0.9999",
        ("validation", "loss"): "0.1196",
        ("validation", "accuracy"): "0.9628",
        ("test", "loss"): "0.1315",
        ("test", "accuracy"): "0.9604",
    }


def test_yash_keeps_the_zeros_that_were_written() -> None:
    loss = next(
        c for c in card_of("yash3056-llama-3.2-1b-imdb").card.reported if (c.split, c.metric) == ("train", "loss")
    )
    assert (loss.number.value, loss.number.decimals) == (0.003, 4)


def test_examples_in_place_of_results_are_placeholders() -> None:
    reported = card_of("a790227-distilbert").card.reported
    assert [(c.metric, c.label, c.number.value) for c in reported if c.number.placeholder] == [
        ("accuracy", None, 0.892),
        ("f1", "positive", 0.9),
        ("f1", "negative", 0.89),
    ]


@pytest.mark.parametrize("name", SEEDS)
def test_only_a790227_reports_placeholders(name: str) -> None:
    placeholders = any(c.number.placeholder for c in card_of(name).card.reported)
    assert placeholders == (name == "a790227-distilbert")


def test_a790227s_undefined_validation_set_is_assumed_to_be_the_test_split() -> None:
    card = card_of("a790227-distilbert").card
    assert card.data.taken == {"train": "train", "validation": "test"}
    assert "never defined" in card.assumed["data.take.validation"]
    assert [c.value for c in card.reported if c.split == "validation"] == ["92.68%", "0.2352"]
    assert "evaluation.split" in card.assumed
    assert any("validation set" in text for text in card.underspecified)


def test_gq_is_cleaned_in_the_order_that_works() -> None:
    assert card_of("gq-llama-2-7b-imdb").card.data.clean == (
        "strip_html",
        "strip_special_characters",
        "collapse_whitespace",
    )


def test_gq_holds_out_a_tenth_of_all_reviews() -> None:
    data = card_of("gq-llama-2-7b-imdb").card.data
    assert data.pool == ("train", "test")
    assert data.split is not None and data.split.test == 0.1
    assert data.balanced


def test_gq_says_why_no_quantization_is_declared() -> None:
    card = card_of("gq-llama-2-7b-imdb").card
    assert card.quantization is None and card.training.optimizer == "paged_adamw_32bit"
    assert "paged_adamw_32bit" in card.assumed["quantization"]


def test_gq_reports_its_emissions_time_and_speed_as_approximate() -> None:
    reported = {c.metric: c.number for c in card_of("gq-llama-2-7b-imdb").card.reported}
    facts = {name: reported[name] for name in ("co2_kg", "training_hours", "seconds_per_example")}
    assert {name: number.value for name, number in facts.items()} == {
        "co2_kg": 45,
        "training_hours": 5,
        "seconds_per_example": 0.3,
    }
    assert all(number.approximate for number in facts.values())


def test_gq_slices_by_length_and_only_notes_what_nobody_can_label() -> None:
    card = card_of("gq-llama-2-7b-imdb").card
    assert card.evaluation.slices is not None and card.evaluation.slices.words == (50, 200)
    notes = " ".join(card.underspecified).lower()
    assert all(word in notes for word in ("intensity", "style", "genre", "subset"))


def test_jamander_trains_lora_on_four_bits() -> None:
    card = card_of("jamander-project-blockbuster").card
    assert card.adapter is not None and card.quantization is not None
    assert (card.adapter.type, card.quantization.type) == ("lora", "bitsandbytes")
    assert leaves(card)["quantization.bits"] == 4


def test_jamander_assumes_all_of_lora_but_its_name() -> None:
    loaded = card_of("jamander-project-blockbuster")
    assert {p: e.status for p, e in loaded.evidence.items() if p.startswith("adapter.")} == {
        "adapter.type": "stated",
        "adapter.r": "assumed",
        "adapter.alpha": "assumed",
        "adapter.dropout": "assumed",
        "adapter.target_modules": "assumed",
        "adapter.rslora": "assumed",
        "adapter.dora": "assumed",
    }


def test_jamander_consents_to_a_pickled_base_and_no_other_card_does() -> None:
    assert [name for name in SHIPPED if card_of(name).card.base.allow_pickle] == ["jamander-project-blockbuster"]


def test_jamander_splits_all_reviews_and_keeps_the_labels_in_balance() -> None:
    data = card_of("jamander-project-blockbuster").card.data
    assert data.pool == ("train", "test")
    assert data.split is not None and (data.split.test, data.split.stratify) == (0.2, True)


def test_jamander_examples_are_the_source_words() -> None:
    card = card_of("jamander-project-blockbuster").card
    text = (SOURCES / "jamander-project-blockbuster.md").read_text(encoding="utf-8")
    assert [example.label for example in card.examples] == ["positive", "negative"]
    for example in card.examples:
        assert f'#### Input: "{example.text}" #### Prediction: **{example.label.capitalize()}**' in text


def test_llm_project_reports_three_epochs_of_1250_steps() -> None:
    rows = [c for c in card_of("llm-project-distilbert").card.claims if c.epoch is not None]
    table = {key: [c.value for c in group] for key, group in groupby(rows, lambda c: (c.epoch, c.step))}
    assert table == {
        (1, 1250): ["0.0743", "0.1208", "0.9696"],
        (2, 2500): ["0.145", "0.0852", "0.9804"],
        (3, 3750): ["0.0322", "0.1043", "0.9822"],
    }


def test_llm_project_steps_give_its_split() -> None:
    card = card_of("llm-project-distilbert").card
    assert card.data.split is not None and card.data.rows is not None
    assert card.data.split.validation is not None and card.data.rows.train is not None
    assert card_of("llm-project-distilbert").evidence["data.split.validation"].status == "derived"
    trained = card.data.rows.train * (1 - card.data.split.validation)
    assert trained / card.training.batch_size == 1250


def test_llm_project_headline_is_its_epoch_of_lowest_loss() -> None:
    card = card_of("llm-project-distilbert").card
    by_epoch = [c for c in card.claims if c.epoch and c.split == "validation"]
    best = min((c for c in by_epoch if c.metric == "loss"), key=lambda c: c.number.value)
    headline = {c.metric: c.value for c in card.reported if c.headline}
    assert headline == {c.metric: c.value for c in by_epoch if c.epoch == best.epoch}
    assert (card.training.select, card.training.select_metric) == ("best", "loss")


def test_llm_project_names_its_versions() -> None:
    software = card_of("llm-project-distilbert").card.software
    assert software.model_dump(exclude_none=True) == {
        "transformers": "4.41.2",
        "torch": "2.3.1+cpu",
        "datasets": "2.20.0",
        "tokenizers": "0.19.1",
    }


@pytest.mark.parametrize("name", sorted({*SEEDS} - {"llm-project-distilbert"}))
def test_versions_that_no_source_states_stay_open(name: str) -> None:
    assert card_of(name).card.software.model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(
    ("name", "license_"),
    [
        ("a790227-distilbert", None),
        ("gq-llama-2-7b-imdb", "apache-2.0"),
        ("jamander-project-blockbuster", "mit"),
        ("llm-project-distilbert", "apache-2.0"),
        ("yash3056-llama-3.2-1b-imdb", None),
    ],
)
def test_license_is_the_one_the_source_states(name: str, license_: str | None) -> None:
    assert card_of(name).card.readme.license == license_


def test_minilm_is_our_own_card_and_reports_the_mean_of_five_seeds() -> None:
    card = card_of("minilm-l6").card
    assert card.source is None and {claim.seeds for claim in card.reported} == {5}
    assert card.hardware.accelerator == "cpu" and card.training.precision == "bf16"
