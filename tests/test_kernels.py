"""The fast kernels compute what the reference computes: logits, gradients, trained weights, predictions."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from conftest import on_base, word_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from test_oracle import EIGHT_BITS, FOUR_BITS, KINDS, NO_DROPOUT, ia3, lora
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification

from runner import kernels
from runner.kernels import attention, fused, native, plain
from runner.kernels.attention import PackedAttention, layout
from runner.kernels.dropout import FastDropout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Record

LENGTHS = (1, 7, 33, 512, 300, 64, 31, 2)
SIZES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96},
    "distilbert": {"dim": 64, "n_layers": 2, "n_heads": 2, "hidden_dim": 96},
    "llama": {  # two queries share a key, as in the larger ones
        **{"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96},
        "num_key_value_heads": 2,
    },
}
NEVER = {kind: dict.fromkeys(dropout, 0.0) for kind, dropout in NO_DROPOUT.items()}
WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "full": lambda kind: {},
    "LoRA": lambda kind: {"adapter": lora(kind, dropout=0.0)},
    "IA3": lambda kind: {"adapter": ia3(kind)},
    "LoRA on 4 bits": lambda kind: {"adapter": lora(kind, dropout=0.0), "quantization": FOUR_BITS},
    "LoRA on 8 bits": lambda kind: {"adapter": lora(kind, dropout=0.0), "quantization": EIGHT_BITS},
}


@pytest.fixture(params=["compiled", "plain"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The compiled kernels, and what runs without a compiler."""
    if request.param == "plain":
        monkeypatch.setattr(native, "library", lambda: None)
    elif native.library() is None:
        pytest.skip("there is no C++ compiler here")
    return str(request.param)


def classifier(kind: str, **facts: Any) -> Any:
    torch.manual_seed(0)
    facts = {**SIZES[kind], "vocab_size": 300, "pad_token_id": 0, **facts}
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, **facts)).train()


def fast(model: Any, precision: str = "fp32") -> Any:
    found = copy.deepcopy(model)
    assert kernels.enable(found, "fast", "cpu", precision).startswith("fast")
    return found


def batch(lengths: tuple[int, ...] = LENGTHS, longest: int | None = None, left: bool = False) -> dict[str, Any]:
    places = torch.arange(longest or max(lengths))
    mask = (places < torch.tensor(lengths)[:, None]).long()
    if left:
        mask = mask.flip(1)
    drawn = torch.Generator().manual_seed(1)
    tokens = torch.randint(5, 300, mask.shape, generator=drawn) * mask
    return {"input_ids": tokens, "attention_mask": mask, "labels": torch.arange(len(lengths)) % 2}


def outcome(model: Any, inputs: dict[str, Any], bf16: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and the gradients of all that is trained."""
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        found = model(**inputs)
    found.loss.backward()
    gradients = [p.grad.flatten() for p in model.parameters() if p.requires_grad and p.grad is not None]
    return found.logits.detach().float(), torch.cat(gradients)


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


# Without dropout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_logits_and_gradients_are_those_of_the_reference(
    way: str,
    kind: str,
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    write_card: Callable[..., Loaded],
    reviews: Callable[..., Any],
    prepare: Callable[..., Any],
) -> None:
    from runner import model as models
    from runner import reproducing

    write_rows(train=reviews(8), test=reviews(8, 1))
    base_repo(kind, **SIZES[kind], **NEVER[kind], max_position_embeddings=512)
    ready = prepare(write_card(base=on_base(kind), **WAYS[way](kind)))
    reference, ours = (
        models.build(ready.loaded.card, ready.base, reproducing._tokenizer(ready, []), ready.run.base).train()
        for _ in range(2)
    )
    assert kernels.enable(ours, "fast", "cpu", "fp32").startswith("fast")
    inputs = batch()
    pad = reference.config.pad_token_id
    tokens = inputs["input_ids"] % (reference.config.vocab_size - pad - 1) + pad + 1
    inputs["input_ids"] = torch.where(inputs["attention_mask"] == 1, tokens, pad)
    (logits, gradients), (expected, theirs) = outcome(ours, inputs), outcome(reference, inputs)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert relative(gradients, theirs) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_compiler_they_are_too(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library", lambda: None)
    reference = classifier(kind, **NEVER[kind])
    (logits, gradients), (expected, theirs) = (outcome(m, batch()) for m in (fast(reference), reference))
    assert torch.allclose(logits, expected, atol=1e-5)
    assert relative(gradients, theirs) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_in_bf16_they_are_no_further_from_the_exact_ones_than_those_of_autocast(kind: str, either: str) -> None:
    exact = classifier(kind, **NEVER[kind])
    usual, ours = copy.deepcopy(exact), fast(exact, "bf16")
    true, (far, wrong), (logits, gradients) = (
        outcome(exact, batch()),
        outcome(usual, batch(), bf16=True),
        outcome(ours, batch(), bf16=True),
    )
    assert relative(gradients, true[1]) < 1.25 * relative(wrong, true[1])
    assert relative(logits, true[0]) < 1.25 * relative(far, true[0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("lengths", "longest"),
    [((5,), None), ((1,), None), ((9, 9), 40)],
    ids=["one row", "one token", "padded to a length"],
)
def test_odd_batches_are_computed_alike(kind: str, lengths: tuple[int, ...], longest: int | None) -> None:
    reference = classifier(kind, **NEVER[kind])
    inputs = batch(lengths, longest)
    (logits, gradients), (expected, theirs) = (outcome(m, inputs) for m in (fast(reference), reference))
    assert torch.allclose(logits, expected, atol=1e-5)
    assert relative(gradients, theirs) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_that_fill_several_groups_are_computed_alike(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "SCORES", 2 * 4 * 32**2)  # two sequences of 32 tokens with four heads
    reference, inputs = classifier(kind, **NEVER[kind]), batch((9, 30, 5, 31, 40, 3, 70))
    (logits, gradients), (expected, theirs) = (outcome(m, inputs) for m in (fast(reference), reference))
    assert torch.allclose(logits, expected, atol=1e-5)
    assert relative(gradients, theirs) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_a_token_leaves_the_others_as_they_are(kind: str) -> None:
    reference = classifier(kind, **NEVER[kind])
    logits, expected = (outcome(model, batch((6, 0, 9)))[0][[0, 2]] for model in (fast(reference), reference))
    assert torch.allclose(logits, expected, atol=1e-5)


def test_a_decoder_may_be_padded_on_the_left() -> None:
    reference = classifier("llama")
    inputs = batch((4, 9, 1), left=True)
    (logits, gradients), (expected, theirs) = (outcome(m, inputs) for m in (fast(reference), reference))
    assert torch.allclose(logits, expected, atol=1e-5)
    assert relative(gradients, theirs) < 1e-5


def test_a_decoder_reads_before_tokens_at_the_end_that_look_like_padding() -> None:
    """Where the end of a text is marked by the token that pads, its classifier reads the one before."""
    reference = classifier("llama")
    inputs = batch((4, 9, 6))
    inputs["input_ids"][1, 7:9] = 0
    inputs["input_ids"][2, 2] = 0
    (logits, gradients), (expected, theirs) = (outcome(m, inputs) for m in (fast(reference), reference))
    assert torch.allclose(logits, expected, atol=1e-5)
    assert relative(gradients, theirs) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_of_a_fast_model_is_one_and_computes_with_its_own_weights(kind: str) -> None:
    first = fast(classifier(kind, **NEVER[kind]))
    second = fast(first)
    expected = outcome(first, batch())
    for weight in first.parameters():
        weight.data.zero_()
    for ours, theirs in zip(outcome(second, batch()), expected, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_layer_computes_one_token_of_each_sequence(kind: str) -> None:
    seen: dict[str, int] = {}
    ours = fast(classifier(kind))
    for name, part in ours.named_modules():
        if isinstance(part, torch.nn.Linear):
            part.register_forward_hook(lambda _, given, __, name=name: seen.update({name: given[0].shape[-2]}))
    ours(**batch((9, 20, 3)))
    last = {name: tokens for name, tokens in seen.items() if ".1." in name}
    whole = {name for name, tokens in last.items() if tokens == 256}
    assert {name.rpartition(".")[2][0] for name in whole} == {"k", "v"} and len(whole) == 2
    assert {tokens for name, tokens in last.items() if name not in whole} == {3}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", KINDS)
def test_layers_whose_activations_are_computed_again_have_the_same_gradients(kind: str) -> None:
    torch.manual_seed(0)
    once, twice = (fast(classifier(kind)) for _ in range(2))
    twice.gradient_checkpointing_enable()
    torch.manual_seed(1)
    expected = outcome(once, batch())
    torch.manual_seed(1)
    for ours, theirs in zip(outcome(twice, batch()), expected, strict=True):
        assert torch.equal(ours, theirs)


def test_an_encoder_that_is_padded_on_the_left_stays_as_it_is() -> None:
    """It reads its first token, which is then padding: no result that anybody wants, but the reference's."""
    words = word_tokenizer("bert")
    words.padding_side = "left"
    told = kernels.enable(classifier("bert"), "fast", "cpu", "fp32", words)
    assert told == "reference (an encoder that is padded on the left reads its padding)"


def test_segments_reach_the_model() -> None:
    reference = classifier("bert", **NEVER["bert"])
    inputs = batch((9, 20))
    segments = (torch.arange(20) > 4).long().expand(2, -1)
    both = [outcome(m, {**inputs, "token_type_ids": segments})[0] for m in (fast(reference), reference)]
    assert torch.allclose(*both, atol=1e-5)
    assert not torch.allclose(both[1], outcome(reference, inputs)[0], atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_gpu_they_are_no_further_from_the_exact_ones_than_those_of_autocast(kind: str) -> None:
    def on_gpu(model: Any, bf16: bool) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
            found = model.cuda()(**{name: values.cuda() for name, values in batch().items()})
        found.loss.backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        return found.logits.detach().float(), torch.cat(gradients)

    exact = classifier(kind, **NEVER[kind])
    usual, ours = copy.deepcopy(exact), copy.deepcopy(exact)
    assert kernels.enable(ours, "fast", "cuda", "bf16").startswith("fast")
    true, far, found = on_gpu(exact, False), on_gpu(usual, True), on_gpu(ours, True)
    assert relative(found[1], true[1]) < 1.25 * relative(far[1], true[1])
    assert relative(found[0], true[0]) < 1.25 * relative(far[0], true[0])


def test_label_smoothing_and_the_loss_are_computed_outside() -> None:
    """The Trainer smooths from the logits, which must be there for each row."""
    found = fast(classifier("bert"))(**batch((3, 5, 8)))
    assert found.logits.shape == (3, 2) and found.loss.ndim == 0


@pytest.mark.parametrize(("queries", "causal"), [(37, False), (37, True), (1, False)])
@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16])
def test_the_compiled_kernels_are_their_plain_twins(number: torch.dtype, queries: int, causal: bool) -> None:
    if native.library() is None:
        pytest.skip("there is no C++ compiler here")
    drawn = torch.Generator().manual_seed(0)
    scores = (torch.randn(3, 2, queries, 37, generator=drawn) * 4).to(number)
    above = torch.randn(scores.shape, generator=drawn).to(number)
    tokens = torch.tensor([37, 5, 1])
    exact = {torch.float32: 1e-6, torch.bfloat16: 2**-8}[number]
    ours, _ = fused.softmax_forward(scores.clone(), tokens, 0.3, causal, 0, 1, 0)
    theirs, also = plain.softmax_forward(scores.clone(), tokens, 0.3, causal, 0, 1, 0)
    assert torch.allclose(ours.float(), theirs.float(), rtol=exact, atol=1e-7)
    signed = also * torch.where(torch.rand(also.shape, generator=drawn) < 0.3, -1, 1)
    got = fused.softmax_backward(above.clone(), signed.to(number).clone(), 0.3, 1000)
    want = plain.softmax_backward(above.clone(), signed.to(number).clone(), 0.3, 1000)
    for one, other in zip(got, want, strict=True):
        assert torch.allclose(one.float(), other.float(), rtol=2 * exact, atol=2e-6 if exact < 1e-3 else 2e-3)


def test_a_score_that_is_no_number_is_not_hidden(either: str) -> None:
    scores = torch.zeros(1, 1, 20, 20)
    scores[0, 0, 3, 4] = torch.nan
    found, _ = fused.softmax_forward(scores, torch.tensor([20]), 1.0, False, 0, 0, 0)
    assert found[0, 0, 3].isnan().all() and not found[0, 0, 4].isnan().any()


# With dropout


def test_the_compiled_generator_is_philox() -> None:
    """Known answers of Random123 (`kat_vectors`): philox4x32 with 7 rounds, counter and key zero."""
    library = native.library()
    if library is None:
        pytest.skip("there is no C++ compiler here")
    out = np.zeros(4, np.uint32)
    library.random_bits(0, 0, 0, 1, out.ctypes.data)
    assert [f"{word:08x}" for word in out] == ["5f6fb709", "0d893f64", "4f121f81", "4f730a48"]


@pytest.mark.parametrize("chance", [0.1, 0.5])
def test_as_many_places_are_kept_as_shall_be(chance: float, either: str) -> None:
    count = 1_000_000
    kept = (fused.dropout(torch.ones(count), fused.threshold(chance), seed=11) != 0).double()
    error = math.sqrt(chance * (1 - chance) / count)
    assert abs(float(kept.mean()) - (1 - chance)) < 4 * error
    for lag in (1, 8, 4096):  # neighbours do not know of each other
        together = float((kept[lag:] * kept[:-lag]).mean())
        assert abs(together - (1 - chance) ** 2) < 6 * error


def test_what_is_kept_is_scaled_so_that_the_mean_stays(either: str) -> None:
    found = fused.dropout(torch.ones(1000, dtype=torch.bfloat16), fused.threshold(0.25), seed=1)
    assert set(found.tolist()) == {0.0, float(torch.tensor(1 / 0.75).bfloat16())}


def test_seeds_draw_different_places_and_the_same_seed_the_same(either: str) -> None:
    first, again, other = (fused.dropout(torch.ones(4096), fused.threshold(0.5), seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert abs(float((first == other).double().mean()) - 0.5) < 0.04


def test_the_gradient_of_dropout_is_dropped_at_the_same_places(either: str) -> None:
    values = torch.ones(50, 7, requires_grad=True)
    found = FastDropout(0.3).train()(values)
    found.sum().backward()
    assert torch.equal(values.grad, found.detach())


@pytest.mark.parametrize("sees", ["all", "none after it", "all, one of each sequence"])
def test_attention_with_dropout_is_that_of_a_reference_with_the_same_mask(sees: str, either: str) -> None:
    lengths, heads, size, chance = (5, 40, 33, 1), 2, 16, 0.2
    packed, step, seed, causal = layout(lengths, 96, heads), fused.threshold(chance), 5, sees == "none after it"
    queries = packed.single if sees == "all, one of each sequence" else packed
    drawn = torch.Generator().manual_seed(3)
    query, key, value = (
        torch.randn(total, heads, size, generator=drawn).requires_grad_() for total in (queries.total, 96, 96)
    )
    above = torch.randn(query.shape, generator=drawn)
    ours = PackedAttention.apply(query, key, value, queries, packed, 0.25, causal, step, seed)
    ours.backward(above)
    got = [each.grad.clone() for each in (query, key, value)]

    expected, starts = torch.zeros_like(ours), np.cumsum((0, *lengths))
    asking = np.cumsum((0, *queries.lengths))
    for call, (length, members) in enumerate(packed.groups):
        tokens = packed.tokens[call]
        # The signs that the kernel gives to any scores tell what it drops.
        _, kept = fused.softmax_forward(
            torch.zeros(len(members), heads, queries.groups[call][0], length), tokens, 1.0, False, step, seed, call
        )
        for place, member in enumerate(members):
            rows, ours_of = slice(starts[member], starts[member + 1]), slice(asking[member], asking[member + 1])
            q, k, v = (each[of].transpose(0, 1) for each, of in ((query, ours_of), (key, rows), (value, rows)))
            scores = 0.25 * q @ k.transpose(1, 2)
            n = lengths[member]
            if causal:
                scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
            keep = (kept[place, :, : q.shape[1], :n] > 0) / (1 - step / 65536)
            expected[ours_of] = ((scores.softmax(-1) * keep) @ v).transpose(0, 1)
    for each in (query, key, value):
        each.grad = None
    expected.backward(above)
    real = slice(0, sum(queries.lengths))
    assert torch.allclose(ours[real], expected[real], atol=1e-5)
    for one, each in zip(got, (query, key, value), strict=True):
        assert torch.allclose(one, each.grad, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_dropped_in_evaluation(kind: str, either: str) -> None:
    reference = classifier(kind, **dict.fromkeys(NEVER[kind], 0.5)).eval()
    ours, inputs = fast(reference), batch()
    with torch.no_grad():
        assert torch.allclose(ours(**inputs).logits, reference(**inputs).logits, atol=1e-5)
        again = copy.deepcopy(reference.train())
        kernels.enable(again, "fast", "cpu", "fp32")  # of a model in training, put into evaluation afterwards
        assert torch.allclose(again.eval()(**inputs).logits, reference.eval()(**inputs).logits, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_something_is_dropped_in_training(layers: int, either: str) -> None:
    """Also of the attention of the last layer, which is computed apart."""
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.5}
    ours = fast(classifier("bert", num_hidden_layers=layers, **dropout))
    assert not torch.equal(ours(**batch()).logits, ours(**batch()).logits)


def test_dropout_in_an_adapter_is_fast_too() -> None:
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(classifier("bert"), LoraConfig(target_modules=["query"], lora_dropout=0.3))
    kernels.enable(adapted, "fast", "cpu", "fp32")
    dropouts = [type(part) for part in adapted.modules() if isinstance(part, torch.nn.Dropout)]
    assert set(dropouts) == {FastDropout} and len(dropouts) > 6


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=9),
    filling=st.integers(0, 40),
    heads=st.sampled_from([(1, 1), (2, 2), (4, 2), (3, 1)]),
)
def test_every_token_comes_back_from_its_slot(lengths: list[int], filling: int, heads: tuple[int, int]) -> None:
    queries, of = heads
    packed = layout(lengths, sum(lengths) + filling, heads[0])
    vectors = torch.arange(packed.total * of).view(packed.total, of)
    slots = vectors.flatten()[packed.into(queries, of)]
    back = torch.cat((slots, torch.tensor([-1])))[packed.back(queries)].view(packed.total, queries)
    real = sum(lengths)
    assert torch.equal(back[:real], vectors[:real].repeat_interleave(queries // of, 1))
    assert (back[real:] == -1).all()


# Runs

DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}


@pytest.fixture
def rows(write_rows: Callable[..., Path], reviews: Callable[..., Any]) -> None:
    write_rows(train=reviews(44), test=reviews(21, 1))


def weights(run: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    (file,) = run.glob("tiny/*/seed*/model/*.safetensors")
    return load_file(file)


@pytest.mark.usefixtures("rows")
def test_the_same_seed_gives_the_same_bits(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record], tmp_path: Path, either: str
) -> None:
    for name in ("first", "second"):
        assert reproduce(write_card(), name).kernels.startswith("fast")
    first, second = (weights(tmp_path / name) for name in ("first", "second"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("kind", KINDS)
def test_without_dropout_a_run_ends_with_the_weights_of_the_reference(
    kind: str,
    base_repo: Callable[..., Path],
    rows: None,
    write_card: Callable[..., Loaded],
    reproduce: Callable[..., Record],
    tmp_path: Path,
) -> None:
    base_repo(kind, **NEVER[kind])
    training = {"learning_rate": 1e-3, "gradient_accumulation_steps": 2, "max_grad_norm": 0.5, "label_smoothing": 0.1}
    card = write_card(base=on_base(kind), training=training)
    losses = [reproduce(card, name, name).training.loss for name in ("fast", "reference")]  # type: ignore[union-attr]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    ours, theirs = weights(tmp_path / "fast"), weights(tmp_path / "reference")
    assert all(torch.allclose(value, theirs[name], atol=2e-5) for name, value in ours.items())


@pytest.mark.usefixtures("rows")
def test_a_trained_model_predicts_the_same_with_either(
    write_card: Callable[..., Loaded], prepare: Callable[..., Any]
) -> None:
    from runner import evaluation, reproducing

    ready = prepare(write_card())
    reproducing.train_and_evaluate(ready)
    texts = {"text": ["a superb film", "a dull and tedious scene of the plot", "music"] * 5}
    found = []
    for name in kernels.NAMES:
        card, plan, tokenizer, model = reproducing.reload(ready.run)
        plan = plan.model_copy(update={"kernels": name})
        found.append(evaluation.predict(card, plan, ready.run, model, tokenizer, texts))
        assert kernels.told(model).startswith(name)
    assert np.allclose(*found, atol=1e-5)


@pytest.mark.usefixtures("rows")
def test_the_record_says_which_ran_and_why(write_card: Callable[..., Loaded], reproduce: Callable[..., Record]) -> None:
    assert reproduce(write_card(), "a", "reference").kernels == "reference (asked for)"
    how = "compiled" if native.library() is not None else "in torch, not compiled"
    assert reproduce(write_card(), "b").kernels == f"fast (packed rows, fused kernels {how})"


@pytest.mark.usefixtures("rows")
def test_a_run_goes_on_with_the_kernels_that_it_began_with(
    write_card: Callable[..., Loaded], prepare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner import reproducing, trainer

    ready = prepare(write_card(training={"epochs": 2}), kernels="reference")

    def stop(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.epoch > 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Checkpoints, "on_step_begin", stop)
        with pytest.raises(KeyboardInterrupt):
            reproducing.train_and_evaluate(ready)
    assert trainer.last_complete(ready.run.checkpoints) is not None
    again = prepare(ready.loaded, kernels="fast")
    assert reproducing.train_and_evaluate(again).kernels == "reference (asked for)"


def test_the_saved_configuration_does_not_tell(tmp_path: Path) -> None:
    reference = classifier("bert")
    reference.save_pretrained(tmp_path / "reference")
    fast(reference).save_pretrained(tmp_path / "fast")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "fast" / name).read_bytes() == (tmp_path / "reference" / name).read_bytes()


# Where it cannot be


def config(kind: str = "bert", **facts: Any) -> Any:
    return AutoConfig.for_model(kind, **facts)


def shape_of(facts: Any) -> Any:
    """A classifier without weights."""
    with torch.device("meta"):
        return AutoModelForSequenceClassification.from_config(facts)


@pytest.mark.parametrize(
    ("facts", "device", "precision", "reason"),
    [
        (config("roberta"), "cpu", "fp32", "packing is not known to be right for roberta"),
        (config(), "cpu", "fp16", "fp16 is not fused"),
        (config(is_decoder=True), "cpu", "fp32", "an encoder that decodes reads a token that sees no other"),
        (config(chunk_size_feed_forward=8), "cpu", "fp32", "its feed-forward layers compute in chunks"),
        (config(), "mps", "bf16", "there is no packed attention for mps"),
        (config(), "cuda", "fp32", "flash attention computes in 16 bits"),
        (config(), "cuda", "bf16", "dropout within attention needs the package flash-attn here"),
    ],
)
def test_what_cannot_be_fast_is_told(facts: Any, device: str, precision: str, reason: str) -> None:
    assert kernels.unfit(shape_of(facts), device, precision) == reason


def test_on_cuda_what_has_no_dropout_is_packed() -> None:
    assert kernels.unfit(shape_of(config("llama")), "cuda", "bf16") is None


def test_a_head_that_reads_every_token_gets_every_token() -> None:
    with torch.device("meta"):
        model = AutoModelForTokenClassification.from_config(config())
    assert str(kernels.unfit(model, "cpu", "fp32")).startswith("only of a sequence classifier")


def test_a_decoder_that_takes_another_token_for_padding_than_its_tokenizer_stays_as_it_is() -> None:
    words = word_tokenizer("llama")
    words.pad_token = words.eos_token
    model = shape_of(config("llama", pad_token_id=words.eos_token_id))
    assert kernels.unfit(model, "cpu", "fp32", words) is None
    model.config.pad_token_id = 0
    assert str(kernels.unfit(model, "cpu", "fp32", words)).startswith("a decoder whose tokenizer pads")


def test_a_model_of_another_family_stays_as_it_is() -> None:
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = AutoModelForSequenceClassification.from_config(config("roberta", **small))
    before = {name: type(part) for name, part in model.named_modules()}
    assert kernels.enable(model, "fast", "cpu", "fp32").startswith("reference (packing")
    assert {name: type(part) for name, part in model.named_modules()} == before


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Nothing is compiled yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    forget()
    yield tmp_path / "replicard" / "kernels"
    forget()


def forget() -> None:
    for each in (native.library, native._loaded, native.compiler):
        each.cache_clear()


def test_kernels_are_compiled_once(fresh: Path) -> None:
    if native.compiler() is None:
        pytest.skip("there is no C++ compiler here")
    assert native.library() is not None
    (file,) = fresh.iterdir()
    made = file.stat().st_mtime_ns
    forget()
    assert native.library() is not None
    assert [each.stat().st_mtime_ns for each in fresh.iterdir()] == [made]


def test_without_a_compiler_it_is_said_once_and_the_run_goes_on(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert kernels.enable(classifier("bert"), "fast", "cpu", "fp32") == (
        "fast (packed rows, fused kernels in torch, not compiled)"
    )
    assert native.library() is None
    (line,) = caplog.messages
    assert "no C++ compiler is installed" in line


def test_a_compiler_that_fails_is_a_warning(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    broken = tmp_path / "cxx"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "no such header" >&2\nexit 1\n')
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert native.library() is None
    assert "not compiled, so a run is slower: no such header" in caplog.messages[0]
    assert list(fresh.iterdir()) == []
