"""The plan is what the model, the Trainer and the machine will really do, without network, clock or weights."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from conftest import on_base

from registry.errors import InputError, MissingError
from runner import model as models
from runner import plugins
from runner.fetching import fetch_base
from runner.machine import detect
from runner.plan import make_plan, require_memory
from runner.record import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded

CARDS = Path(__file__).parents[1] / "cards"
SHIPPED = sorted(CARDS.glob("**/*.yaml"))
LORA = {"bert": ["query", "value"], "distilbert": ["q_lin", "v_lin"], "llama": ["q_proj", "v_proj"]}
FOUR_BITS = {"type": "bitsandbytes", "bits": 4}
EIGHT_BITS = {"type": "bitsandbytes", "bits": 8}


def shipped(name: str) -> Loaded:
    (file,) = (file for file in SHIPPED if file.stem == name)
    return plugins.load_card(file)


# Parameters

SCALED_DOWN: dict[str, tuple[str, dict[str, Any], bool]] = {
    "jamander": ("bert", {"num_hidden_layers": 2}, True),
    "llm-project": ("distilbert", {"n_layers": 2}, False),
    "gq-llama-2": ("llama", {"num_hidden_layers": 2, "num_key_value_heads": 2}, True),
    "yash3056-llama-3.2": (
        "llama",
        {"num_key_value_heads": 1, "head_dim": 8, "tie_word_embeddings": True, "num_hidden_layers": 1},
        False,
    ),
    "minilm": ("bert", {"type_vocab_size": 2, "num_attention_heads": 4}, False),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("seed", SCALED_DOWN)
def test_parameters_are_those_of_the_model_that_is_built(
    seed: str,
    dtype: str,
    base_repo: Callable[..., Path],
    write_card: Callable[..., Loaded],
    cpu: Machine,
    tmp_path: Path,
) -> None:
    kind, facts, lora = SCALED_DOWN[seed]
    base_repo(kind, **facts)
    adapter = {"type": "lora", "r": 4, "target_modules": LORA[kind]} if lora else None
    loaded = write_card(
        base=on_base(kind, dtype=dtype, head="new"),
        task={"labels": ["World", "Sports", "Business", "Sci/Tech"]},
        data={"rows": {"train": 10, "test": 10}},
        adapter=adapter,
    )
    base = fetch_base(loaded)
    assert base is not None
    plan = make_plan(loaded, cpu, base=base)
    model = models.build(loaded.card, base, models.load_tokenizer(Path(base.path), loaded.card), tmp_path / "scratch")
    assert plan.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert plan.trainable == sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert (plan.trainable < plan.parameters) == lora
    assert plan.weight_bytes == sum(parameter.nbytes for parameter in model.parameters())
    assert plan.gradient_bytes == sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad)


def test_parameters_of_a_model_from_its_architecture_are_those_that_are_built(
    write_card: Callable[..., Loaded], cpu: Machine, tmp_path: Path
) -> None:
    loaded = write_card(data={"rows": {"train": 10, "test": 10}})
    tokenizer = models.train_tokenizer(["a b"] * 3, loaded.card.base.tokenizer, 24)
    assert len(tokenizer) < loaded.card.base.tokenizer.vocab_size
    model = models.build(loaded.card, None, tokenizer, tmp_path / "scratch")
    built = sum(parameter.numel() for parameter in model.parameters())
    assert make_plan(loaded, cpu, vocabulary=len(tokenizer)).parameters == built
    assert make_plan(loaded, cpu).parameters > built  # the tokenizer's largest size


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("quantization", [FOUR_BITS, EIGHT_BITS])
def test_memory_of_quantized_weights_is_that_of_the_model_that_is_built(
    quantization: dict[str, Any],
    dtype: str,
    base_repo: Callable[..., Path],
    write_card: Callable[..., Loaded],
    cpu: Machine,
    tmp_path: Path,
) -> None:
    base_repo("bert", hidden_size=64, intermediate_size=128)
    loaded = write_card(
        base=on_base(dtype=dtype),
        data={"rows": {"train": 10, "test": 10}},
        adapter={"type": "lora", "r": 4, "target_modules": LORA["bert"]},
        quantization=quantization,
    )
    base = fetch_base(loaded)
    assert base is not None
    plan = make_plan(loaded, cpu, base=base)
    model = models.build(loaded.card, base, models.load_tokenizer(Path(base.path), loaded.card), tmp_path / "scratch")
    total = 0
    for parameter in model.parameters():
        total += parameter.nbytes
        state = getattr(parameter, "quant_state", None)
        total += state.absmax.nbytes if state is not None else 0
        total += parameter.SCB.nbytes if getattr(parameter, "SCB", None) is not None else 0
    assert plan.weight_bytes == total


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("jamander-project-blockbuster", 4_386_178),
        ("llm-project-distilbert", 66_955_010),
        ("a790227-distilbert", 66_955_010),
        ("yash3056-llama-3.2-1b-imdb", 1_235_818_496),
        ("gq-llama-2-7b-imdb", 6_607_351_808),
        ("minilm-l6", 22_713_986),
    ],
)
def test_a_shipped_card_s_base_has_its_known_number_of_parameters(name: str, total: int) -> None:
    """As the Hub shows them for a two-label classifier on that base, without an adapter."""
    card = shipped(name).card.model_copy(update={"adapter": None, "quantization": None})
    assert sum(parameter.numel() for parameter in models.planned(card, None).parameters()) == total


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_card_plans_fast_and_without_network(
    file: Path, cpu: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"went to the network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    started = time.process_time()
    loaded = plugins.load_card(file)
    plan = make_plan(loaded, cpu)
    assert time.process_time() - started < 5
    assert plan.parameters >= plan.trainable > 0
    assert plan.steps > plan.warmup_steps
    assert plan.training_flops > 1e9


@pytest.mark.parametrize(
    ("name", "rows", "steps", "warmup"),
    [
        ("jamander-project-blockbuster", (40000, 0, 10000), 3 * 1250, None),
        ("yash3056-llama-3.2-1b-imdb", (20000, 5000, 25000), 25000, 10000),
        ("gq-llama-2-7b-imdb", (45000, 0, 5000), 22500, 675),
        ("a790227-distilbert", (25000, 25000, 0), 1563, None),
    ],
)
def test_a_shipped_card_s_steps_are_those_of_its_recipe(
    name: str, rows: tuple[int, int, int], steps: int, warmup: int | None, cpu: Machine
) -> None:
    plan = make_plan(shipped(name), cpu)
    assert (plan.rows.train, plan.rows.validation, plan.rows.test) == rows
    assert plan.steps == steps
    assert plan.warmup_steps == (warmup or 0)


# What a card must say to be planned


def test_a_card_without_rows_is_refused(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    with pytest.raises(InputError, match=r"data.rows: missing; planning needs no download when"):
        make_plan(write_card(), cpu)


def test_a_card_that_leaves_out_the_rows_of_a_split_is_refused(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    with pytest.raises(InputError, match=r"`data.rows` does not say how many rows 'test' has"):
        make_plan(write_card(data={"rows": {"train": 10}}), cpu)


def test_a_card_without_an_architecture_is_refused_until_its_base_is_here(
    base_repo: Callable[..., Path], write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    base_repo("bert")
    base = on_base()
    loaded = write_card(base=base, data={"rows": {"train": 10, "test": 10}})
    with pytest.raises(InputError, match=r"base.architecture: missing"):
        make_plan(loaded, cpu)
    assert make_plan(loaded, cpu, base=fetch_base(loaded)).parameters > 0


def test_a_card_that_holds_all_rows_out_is_refused(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(data={"rows": {"train": 1, "test": 10}, "split": {"validation": 0.5}})
    with pytest.raises(InputError, match="no training rows are left"):
        make_plan(loaded, cpu)


# Numbers that are arithmetic


@pytest.mark.parametrize(
    ("optimizer", "bytes_each"),
    [("adamw_torch", 8), ("paged_adamw_32bit", 8), ("adamw_bnb_8bit", 2), ("sgd", 0), ("lion_32bit", 4)],
)
def test_memory_of_gradients_and_optimizer_is_by_trained_parameter(
    optimizer: str, bytes_each: int, write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    plan = make_plan(write_card(data={"rows": {"train": 10, "test": 5}}, training={"optimizer": optimizer}), cpu)
    assert plan.gradient_bytes == 4 * plan.trainable
    assert plan.optimizer_bytes == bytes_each * plan.trainable


def test_every_optimizer_and_schedule_of_the_vocabulary_is_one_of_the_trainer_s(
    write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    from transformers import SchedulerType
    from transformers.training_args import OptimizerNames

    from registry.vocabulary import OPTIMIZERS, SCHEDULERS

    assert set(OPTIMIZERS) <= {name.value for name in OptimizerNames}
    assert set(SCHEDULERS) <= {name.value for name in SchedulerType}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["adamw_torch", "sgd", "adagrad", "adamw_bnb_8bit", "paged_adamw_32bit", "lion_32bit"])
def test_the_planned_optimizer_state_is_what_the_real_optimizer_holds(name: str, dtype: str) -> None:
    import torch
    from transformers import Trainer, TrainingArguments

    from runner.plan import _state_bytes

    weight = torch.nn.Parameter(torch.randn(256, 256, dtype=getattr(torch, dtype)))
    kind, options = Trainer.get_optimizer_cls_and_kwargs(TrainingArguments(optim=name, use_cpu=True))
    optimizer = kind([weight], **options)
    weight.grad = torch.randn_like(weight)
    optimizer.step()
    state = optimizer.state[weight]
    held = sum(t.nbytes for t in state.values() if isinstance(t, torch.Tensor) and t.shape == weight.shape)
    assert _state_bytes(name, weight.nbytes, weight.numel()) == held


def test_an_effective_batch_is_the_batches_that_are_added_up(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    training = {"batch_size": 16, "gradient_accumulation_steps": 2, "epochs": 3}
    plan = make_plan(write_card(data={"rows": {"train": 100, "test": 5}}, training=training), cpu)
    assert (plan.effective_batch, plan.batches, plan.steps) == (32, 7, 12)


# Memory


def test_what_cannot_fit_into_memory_is_refused_with_both_sizes(cpu: Machine) -> None:
    loaded = shipped("gq-llama-2-7b-imdb")
    with pytest.raises(MissingError, match=r"24\.7 GiB, a CPU has 8\.0 GiB"):
        require_memory(loaded, make_plan(loaded, cpu), cpu)


def test_what_fits_into_memory_is_not_refused(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(data={"rows": {"train": 10, "test": 5}})
    require_memory(loaded, make_plan(loaded, cpu), cpu)


def test_the_machine_is_the_one_torch_sees() -> None:
    machine = detect()
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    assert machine.device == (accelerator.type if accelerator else "cpu")
    assert machine.memory_bytes > 1 << 28
    assert machine.name


@pytest.mark.parametrize("length", [64, 512])
def test_the_planned_flops_are_an_upper_bound_close_to_those_counted(
    write_card: Callable[..., Loaded], cpu: Machine, length: int
) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from runner.model import from_architecture

    shape = {"model_type": "bert", "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    architecture = {**shape, "intermediate_size": 256, "max_position_embeddings": 512}
    data = {"rows": {"train": 8, "test": 8}, "tokens": {"max_length": length}}
    loaded = write_card(base={"architecture": architecture}, data=data, training={"epochs": 1})
    model = from_architecture(loaded.card)
    tokens = torch.randint(5, 200, (8, length))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=tokens, labels=torch.zeros(8, dtype=torch.long)).loss.backward()
    assert 1.0 <= make_plan(loaded, cpu).training_flops / counter.get_total_flops() < 1.15
