"""The table of a training log against its own arithmetic, the recipe and the results."""

from __future__ import annotations

from documents import document, facts, found, result, table, verdicts
from hypothesis import given
from hypothesis import strategies as st

from registry.document import Document

THREE = ("1.0 1250 0.1208 0.9696", "2.0 2500 0.0852 0.9804", "3.0 3750 0.1043 0.9822")
RECIPE = facts(train_batch_size=16, num_epochs=3.0)


def imdb(*parts: object) -> Document:
    return document(*parts, facts(datasets=("imdb",)))


def test_steps_that_mean_fewer_rows_than_the_dataset_has_are_a_hidden_split() -> None:
    finding = found("epoch_table", imdb(table(*THREE), RECIPE))["rows"]
    assert finding.verdict == "ambiguous"
    assert finding.arithmetic.startswith("1,250 steps × 16 rows = 19,985 to 20,000 rows an epoch ≠ 25,000")
    assert "80/20" in finding.message


def test_steps_that_go_through_the_whole_dataset_are_in_order() -> None:
    rows = ("1.0 1563 0.12 0.93", "2.0 3126 0.10 0.94", "3.0 4689 0.11 0.94")
    assert "rows" not in found("epoch_table", imdb(table(*rows), RECIPE))


def test_a_part_that_the_text_states_is_in_order() -> None:
    assert "rows" not in found("epoch_table", imdb(table(*THREE), RECIPE, facts(rows_train=20_000)))


def test_steps_that_deny_the_rows_of_the_text_are_suspicious() -> None:
    finding = found("epoch_table", document(table(*THREE), RECIPE, facts(rows_train=33_000)))["rows"]
    assert finding.verdict == "suspicious"
    assert finding.arithmetic == "1,250 steps × 16 rows = 19,985 to 20,000 rows an epoch ≠ 33,000"


def test_rows_of_the_text_of_which_a_round_share_was_trained_on_are_ambiguous() -> None:
    assert verdicts("epoch_table", document(table(*THREE), RECIPE, facts(rows_train=25_000)))["rows"] == "ambiguous"


def test_pieces_of_text_are_no_rows_of_the_dataset() -> None:
    """Language models are trained on texts that were put together and cut into pieces of one length."""
    pieces = table("1.0 157 2.7", "2.0 314 2.6", columns="epoch step loss")
    assert found("epoch_table", imdb(pieces, facts(train_batch_size=64))) == {}


def test_one_row_says_nothing_of_the_rows_where_the_training_may_have_gone_on() -> None:
    """Printed with two digits, 1.0 may be 0.995."""
    assert found("epoch_table", imdb(table("1.0 500 0.3 0.9"), facts(train_batch_size=16, num_epochs=3.0))) == {}


@given(
    rows=st.integers(1, 5_000),
    batch=st.integers(1, 64),
    added=st.integers(1, 8),
    devices=st.integers(1, 4),
    drop_last=st.booleans(),
    drops_group=st.booleans(),
)
def test_no_way_in_which_the_trainer_counts_steps_denies_the_rows(
    rows: int, batch: int, added: int, devices: int, drop_last: bool, drops_group: bool
) -> None:
    batches = rows // (batch * devices) if drop_last else -(-rows // (batch * devices))
    steps = max(batches // added if drops_group else -(-batches // added), 1)
    recipe = facts(
        rows_train=rows,
        train_batch_size=batch,
        gradient_accumulation_steps=added,
        hardware_count=devices,
    )
    if batches == 0 or (drops_group and batches < added):
        return  # no step has its full number of batches
    log = table(f"1.0 {steps} 0.5 0.9", f"2.0 {2 * steps} 0.4 0.91")
    assert "rows" not in found("epoch_table", document(log, recipe))


def test_a_headline_of_the_best_epoch_was_chosen_by_the_rows_that_score_it() -> None:
    headline = (result("loss", "0.0852", headline=True), result("accuracy", "0.9804", headline=True))
    finding = found("epoch_table", document(table(*THREE), *headline))["selected"]
    assert (finding.verdict, finding.claims) == ("ambiguous", (0, 1))
    assert finding.arithmetic == "loss 0.0852, accuracy 0.9804 = epoch 2; epoch 3 has loss 0.1043, accuracy 0.9822"


def test_a_headline_of_the_last_row_is_in_order() -> None:
    assert found("epoch_table", document(table(*THREE), result("accuracy", "0.982", headline=True))) == {}


def test_a_headline_may_be_cut_off_where_the_table_rounds() -> None:
    log = table("1.0 10 0.30 0.8999", "2.0 20 0.29 0.9279")
    assert found("epoch_table", document(log, result("accuracy", "92.7%", headline=True))) == {}


def test_a_headline_may_be_a_share_where_the_table_is_in_percent() -> None:
    log = table("1.0 10 0.30 89.99", "2.0 20 0.29 92.79")
    parts = (result("loss", "0.29", headline=True), result("accuracy", "92.79%", headline=True))
    assert found("epoch_table", document(log, *parts)) == {}


def test_a_headline_that_mixes_rows_stands_in_no_row() -> None:
    headline = (result("loss", "0.0852", headline=True), result("accuracy", "0.9822", headline=True))
    finding = found("epoch_table", document(table(*THREE), *headline))["headline"]
    assert finding.verdict == "ambiguous"
    assert finding.arithmetic == "the row most like it (epoch 2): accuracy 0.9822 ≠ 0.9804"


def test_a_headline_of_another_split_is_not_looked_for() -> None:
    assert found("epoch_table", document(table(*THREE), result("accuracy", "0.91", headline=True, split="test"))) == {}


def test_a_number_of_an_epoch_is_that_of_the_table() -> None:
    wrong = result("accuracy", "0.99", split="validation", epoch=1.0)
    right = result("accuracy", "0.9696", split="validation", epoch=1.0)
    finding = found("epoch_table", document(table(*THREE), right, wrong))["claim"]
    assert (finding.verdict, finding.claims, finding.arithmetic) == ("suspicious", (1,), "0.99 ≠ 0.9696")


def test_steps_that_fall_are_of_several_runs() -> None:
    finding = found("epoch_table", document(table("1.0 100 0.5 0.9", "2.0 50 0.4 0.9")))["order"]
    assert (finding.verdict, finding.arithmetic) == ("ambiguous", "step 50 follows step 100")


def test_epochs_of_different_lengths_are_suspicious() -> None:
    finding = found("epoch_table", document(table("1.0 1080 0.5 0.9", "2.0 1080 0.4 0.9")))["pace"]
    assert finding.verdict == "suspicious"
    assert finding.arithmetic == "1,080 steps / 1 epochs = 1,080.0; 1,080 / 2 = 540.0"


def test_epochs_that_are_evaluated_every_so_many_steps_have_one_pace() -> None:
    assert found("epoch_table", document(table("4.0 500 0.5 0.9", "8.0 1000 0.4 0.9", "11.99 1500 0.4 0.9"))) == {}


def test_a_table_that_ends_early_is_named() -> None:
    log = document(table("1.0 10 0.5 0.9", "2.0 20 0.4 0.9"), facts(num_epochs=5.0))
    assert found("epoch_table", log)["epochs"].arithmetic == "2 < 5"


def test_a_last_evaluation_before_the_end_is_no_early_stop() -> None:
    log = document(table("4.0 500 0.5 0.9", "8.0 1000 0.4 0.9"), facts(num_epochs=10.0))
    assert found("epoch_table", log) == {}


def test_a_table_that_goes_on_after_the_last_epoch_or_step_is_named() -> None:
    log = table("1.0 10 0.5 0.9", "2.0 20 0.4 0.9")
    assert verdicts("epoch_table", document(log, facts(num_epochs=1.0))) == {"epochs": "ambiguous"}
    assert verdicts("epoch_table", document(log, facts(max_steps=15))) == {"epochs": "ambiguous"}


def test_a_table_whose_steps_are_no_whole_numbers_is_no_log() -> None:
    assert found("epoch_table", document(table("1.0 100 0.5 0.9", "0.9 0.91 0.9 0.9"))) == {}
