"""Several threads that share the rows of a batch compute what one does."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_kernels import NEVER, batch, classifier, fast, outcome, relative, weights
from test_oracle import EIGHT_BITS, KINDS, lora

from runner.kernels import shares
from runner.kernels.shares import divided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Record


@pytest.fixture(autouse=True)
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "TOKENS", 1)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def computing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the threads that computed attention."""
    from runner.kernels import packing

    names: set[str] = set()
    usual = packing.attention.packed_attention

    def watched(*arguments: Any) -> Any:
        names.add(threading.current_thread().name)
        return usual(*arguments)

    monkeypatch.setattr(packing.attention, "packed_attention", watched)
    return names


def adapted(model: Any, kind: str) -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(2)
    targets = {"bert": "query", "distilbert": "q_lin", "llama": "q_proj"}[kind]
    return get_peft_model(model, LoraConfig(task_type="SEQ_CLS", target_modules=[targets], init_lora_weights=False))


@pytest.mark.parametrize("way", ["full", "LoRA"])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_gradients_are_those_of_the_reference(kind: str, way: str, computing: set[str]) -> None:
    reference, ours = classifier(kind, **NEVER[kind]), fast(classifier(kind, **NEVER[kind]))
    if way == "LoRA":
        reference, ours = adapted(reference, kind), adapted(ours, kind)
    (logits, gradients), (expected, theirs) = (outcome(model, batch()) for model in (ours, reference))
    assert computing and "MainThread" not in computing
    assert torch.allclose(logits, expected, atol=1e-5)
    assert relative(gradients, theirs) < 1e-5


def linear_layers(encoder: Any, look: Callable[[torch.Tensor], Any]) -> set[Any]:
    """What is seen of the outputs of an encoder's linear layers, from now on."""
    seen: set[Any] = set()
    for part in encoder.modules():
        if isinstance(part, torch.nn.Linear):
            part.register_forward_hook(lambda _, given, output: seen.add(look(output)))
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_in_bf16_each_thread_computes_in_bf16(kind: str) -> None:
    exact = classifier(kind, **NEVER[kind])
    true, far = outcome(exact, batch()), outcome(classifier(kind, **NEVER[kind]), batch(), bf16=True)
    shared = fast(classifier(kind, **NEVER[kind]), "bf16")
    seen = linear_layers(shared.base_model, lambda output: output.dtype)
    found = outcome(shared, batch(), bf16=True)
    assert seen == {torch.bfloat16}
    for ours, theirs, right in zip(found, far, true, strict=True):
        assert relative(ours, right) < 1.25 * relative(theirs, right)


def test_gradients_add_up_over_batches() -> None:
    reference = classifier("bert", **NEVER["bert"])
    ours = fast(reference)
    for model in (ours, reference):
        outcome(model, batch((33, 9, 80, 2, 30, 4, 50, 6)))
    (_, gradients), (_, theirs) = (outcome(model, batch()) for model in (ours, reference))
    assert relative(gradients, theirs) < 1e-5


def test_weights_that_are_frozen_get_no_gradient() -> None:
    reference = classifier("bert", **NEVER["bert"])
    for weight in reference.base_model.embeddings.parameters():
        weight.requires_grad = False
    ours = fast(reference)
    (_, gradients), (_, theirs) = (outcome(model, batch()) for model in (ours, reference))
    assert relative(gradients, theirs) < 1e-5
    assert all(weight.grad is None for weight in ours.base_model.embeddings.parameters())


def test_the_head_learns_on_an_encoder_that_is_frozen() -> None:
    reference = classifier("bert", **NEVER["bert"])
    for weight in reference.base_model.parameters():
        weight.requires_grad = False
    (_, gradients), (_, theirs) = (outcome(model, batch()) for model in (fast(reference), reference))
    assert relative(gradients, theirs) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_without_gradients_nothing_is_kept_for_them(kind: str) -> None:
    reference = classifier(kind).eval()
    ours = fast(reference)
    seen = linear_layers(ours.base_model, lambda output: output.requires_grad)
    with torch.no_grad():
        assert torch.allclose(ours(**batch()).logits, reference(**batch()).logits, atol=1e-5)
    assert seen == {False}


def test_the_same_seed_drops_the_same_in_whatever_order_threads_come() -> None:
    """One that waits has its seeds drawn later: they must not come from a generator that both take from."""
    import time

    found = []
    for slow in (0, 1):
        ours = fast(classifier("bert"))

        def wait(*_: Any, slow: int = slow) -> None:
            if threading.current_thread().name.endswith(f"_{slow}"):
                time.sleep(0.05)

        ours.base_model.embeddings.register_forward_hook(wait)
        torch.manual_seed(3)
        found.append(outcome(ours, batch()))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_the_shares_of_a_batch_drop_different_places() -> None:
    """Rows alike, half of them in each share: with the same masks they would become the same."""
    encoder = fast(classifier("bert", hidden_dropout_prob=0.5)).base_model
    found = encoder(batch((20,))["input_ids"].expand(8, -1)).pooler_output
    assert len({tuple(row) for row in found.tolist()}) == 8


def test_scoring_leaves_the_generator_of_training_alone() -> None:
    ours = fast(classifier("bert")).eval()
    before = torch.get_rng_state()
    with torch.no_grad():
        ours(**batch())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("rows", [1, 7])
def test_a_batch_of_few_rows_is_not_shared(rows: int, computing: set[str]) -> None:
    fast(classifier("bert"))(**batch((100,) * rows))
    assert computing == {"MainThread"}


def test_layers_whose_activations_are_computed_again_are_not_shared(computing: set[str]) -> None:
    ours = fast(classifier("bert"))
    ours.gradient_checkpointing_enable()
    outcome(ours, batch())
    assert computing == {"MainThread"}


def test_a_rotation_by_the_longest_row_is_not_shared(computing: set[str]) -> None:
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    fast(classifier("llama", rope_parameters=rope))(**batch())
    assert computing == {"MainThread"}


def test_a_quantized_model_is_not_shared(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
    computing: set[str],
) -> None:
    write_rows(train=reviews(16), test=reviews(8, 1))
    torch.set_num_threads(2)  # runs of tests are of one
    reproduce(write_card(adapter=lora("bert"), quantization=EIGHT_BITS), "a")
    assert computing == {"MainThread"}


def test_an_error_of_a_thread_is_that_of_the_batch() -> None:
    inputs = batch()
    inputs["input_ids"][3, 0] = 300  # not in the vocabulary
    with pytest.raises(IndexError):
        fast(classifier("bert"))(**inputs)


def test_a_run_has_the_same_bits_with_the_same_threads(
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
    tmp_path: Path,
    computing: set[str],
) -> None:
    write_rows(train=reviews(44), test=reviews(21, 1))
    card = write_card(training={"gradient_accumulation_steps": 2})
    torch.set_num_threads(2)  # runs of tests are of one
    for name in ("first", "second"):
        reproduce(card, name)
    assert computing - {"MainThread"}
    first, second = (weights(tmp_path / name) for name in ("first", "second"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@given(costs=st.lists(st.integers(1, 1000), min_size=1, max_size=40), count=st.integers(1, 8))
def test_each_row_is_in_one_share_and_none_could_go_to_one_that_costs_less(costs: list[int], count: int) -> None:
    found = divided(costs, count)
    assert sorted(index for share in found for index in share) == list(range(len(costs)))
    sums = [sum(costs[index] for index in share) for share in found]
    for share, total in zip(found, sums, strict=True):
        assert all(total - costs[index] <= min(sums) for index in share)


def test_threads_that_come_later_have_as_many_as_ever() -> None:
    """torch hands what one thread sets for itself on to those that begin after it."""
    crew = shares._crew(2, 3)
    assert crew.submit(torch.get_num_threads).result() == 3
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == 2


@pytest.mark.parametrize(
    ("most", "threads", "expected"), [(2, 2, 2), (4, 8, 4), (4, 6, 3), (8, 12, 6), (16, 24, 12), (1, 5, 1)]
)
def test_no_core_is_idle_where_fewer_shares_come_out_even(most: int, threads: int, expected: int) -> None:
    assert shares._even(most, threads) == expected


def test_few_tokens_for_the_width_are_not_shared(computing: set[str]) -> None:
    """The gradients of each share would take more memory than what they are of."""
    fast(classifier("bert"))(**batch((5,) * 20))
    assert computing == {"MainThread"}


@pytest.mark.parametrize(
    ("gradients", "length", "shared"), [(True, 99, False), (True, 100, True), (False, 299, False), (False, 300, True)]
)
def test_shares_have_so_many_tokens_and_thrice_as_many_without_gradients(
    gradients: bool, length: int, shared: bool, computing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "TOKENS", 400)
    with torch.set_grad_enabled(gradients):
        fast(classifier("bert", max_position_embeddings=512))(**batch((length,) * 8))
    assert (computing != {"MainThread"}) is shared


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be bound here")
def test_a_thread_that_is_bound_to_its_core_shares_nothing(computing: set[str]) -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        fast(classifier("bert"))(**batch())
    finally:
        os.sched_setaffinity(0, cores)
    assert computing == {"MainThread"}


def test_nobody_is_warned_of_what_transformers_gives_up(recwarn: pytest.WarningsRecorder) -> None:
    fast(classifier("bert"))(**batch())
    assert not [each for each in recwarn if issubclass(each.category, FutureWarning)]
