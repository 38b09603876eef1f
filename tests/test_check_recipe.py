"""What a reader would have to guess to train the model again."""

from __future__ import annotations

from documents import document, fact, facts, found, result, verdicts

WHOLE = facts(
    datasets=("imdb",), base_model="a/b", rows_train=25_000, learning_rate=2e-5, num_epochs=3, train_batch_size=16,
    max_length=512, seed=1, optimizer="adamw_torch", lr_scheduler="linear", warmup_steps=0, weight_decay=0.0,
    mixed_precision="fp32", hardware_accelerator="cpu",
)  # fmt: skip
VERSIONS = fact("framework_versions.transformers", "5.23")
SCORE = result("accuracy", "0.9")


def test_a_whole_recipe_has_no_gaps() -> None:
    assert found("recipe", document(WHOLE, VERSIONS, SCORE)) == {}


def test_gaps_are_named_with_those_first_that_move_most() -> None:
    finding = found("recipe", document(WHOLE[2:-1], VERSIONS, SCORE))["gaps"]
    assert finding.verdict == "underspecified"
    assert finding.message.endswith("by their weight: the dataset, the base model, the hardware")


def test_what_somebody_assumed_is_a_gap() -> None:
    parts = [one for one in WHOLE if one.name != "seed"]
    finding = found("recipe", document(*parts, VERSIONS, fact("seed", 42, status="assumed"), SCORE))["gaps"]
    assert finding.message.endswith("by their weight: the seed")


def test_an_adapter_has_a_rank_and_layers() -> None:
    finding = found("recipe", document(WHOLE, VERSIONS, SCORE, fact("adapter.method", "lora")))["gaps"]
    assert finding.message.endswith("the adapted layers, the adapter's rank, the adapter's alpha")


def test_a_model_without_a_training_or_a_result_has_no_recipe() -> None:
    assert found("recipe", document(facts(datasets=("imdb",)), SCORE)) == {}
    assert found("recipe", document(WHOLE)) == {}


def test_a_batch_size_beside_accumulation_may_be_the_total() -> None:
    handwritten = document(
        fact("train_batch_size", 16, "**Batch Size**: 16"),
        facts(gradient_accumulation_steps=2, rows_train=40_000),
        SCORE,
    )
    finding = found("recipe", handwritten)["batch"]
    assert (finding.verdict, finding.arithmetic) == ("ambiguous", "16 × 2 = 32; 40,000 rows are 1,250 or 2,500 steps")


def test_a_batch_size_of_one_device_or_beside_the_total_is_clear() -> None:
    added = facts(gradient_accumulation_steps=2)
    for text in ("Batch size: 16 per device", "train_batch_size: 16"):
        assert "batch" not in found("recipe", document(fact("train_batch_size", 16, text), added, SCORE))
    both = (fact("train_batch_size", 16, "batch size 16"), fact("total_train_batch_size", 32))
    assert "batch" not in found("recipe", document(both, added, SCORE))


def test_a_long_warmup_is_named() -> None:
    finding = found("recipe", document(facts(warmup_ratio=0.4, num_epochs=10, learning_rate=1e-5), SCORE))["warmup"]
    assert (finding.verdict, finding.arithmetic) == ("ambiguous", "0.4 > 0.1; 0.4 × 10 epochs = 4 epochs")
    short = document(facts(warmup_ratio=0.1, num_epochs=10, learning_rate=1e-5), SCORE)
    assert "warmup" not in verdicts("recipe", short)


def test_what_a_readme_may_say_in_other_words_is_not_missed() -> None:
    said = facts(learning_rate=2e-5, num_epochs=3)
    text = "Trained on film reviews with a seed of forty-two, its batches of sixteen rows and a linear decay."
    gaps = found("recipe", document(said, SCORE, text=text))["gaps"]
    for word in ("seed", "batch", "dataset", "schedule", "weight decay"):
        assert word not in gaps.message
    assert "the maximum length" in gaps.message
