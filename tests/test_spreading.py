"""How a step's rows are spread over processes and batches, and what each batch then counts for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.card import Training
from registry.errors import InputError, MissingError
from runner import trainer
from runner.deviations import before
from runner.plan import make_plan, require_memory
from runner.record import Machine, Spread
from runner.runs import run_id
from runner.spreading import spread, weight

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded

ROWS = {"data": {"rows": {"train": 100, "test": 10}}}


def gpus(count: int, name: str = "Tesla T4") -> Machine:
    return Machine(device="cuda", name=name, count=count, memory_bytes=16 << 30, bf16=False, cpu_threads=2)


def factors(found: Spread) -> tuple[int, int | None, int, int]:
    return found.effective_batch, found.device_batch, found.processes, found.accumulation


@pytest.mark.parametrize(
    ("declared", "processes", "device_batch", "expected"),
    [
        ((4, 4), 1, None, (16, 4, 1, 4)),
        ((4, 4), 2, None, (16, 4, 2, 2)),
        ((32, 1), 2, None, (32, 16, 2, 1)),  # what the device batch gives up, nobody has to type
        ((32, 1), 1, 8, (32, 8, 1, 4)),
        ((32, 1), 2, 8, (32, 8, 2, 2)),
        ((4, 3), 2, None, (12, 2, 2, 3)),
    ],
)
def test_a_step_is_of_as_many_rows_whoever_takes_them(
    declared: tuple[int, int],
    processes: int,
    device_batch: int | None,
    expected: tuple[int, int, int, int],
    write_card: Callable[..., Loaded],
    cpu: Machine,
) -> None:
    batch, steps = declared
    card = write_card(training={"batch_size": batch, "gradient_accumulation_steps": steps}).card
    assert factors(spread(card, cpu, processes, device_batch)) == expected
    assert math.prod(expected[1:]) == expected[0]


@pytest.mark.parametrize(
    ("processes", "device_batch", "told"),
    [
        (3, None, "--processes 3  a step of 32 rows cannot be shared equally; 1, 2, 4, 8, 16 or 32 processes can"),
        (2, 3, "--device-batch 3  has to divide batches of 8 rows and a process's share of a step, 16 rows; 1, 2, 4"),
        (1, 16, "--device-batch 16  has to divide batches of 8 rows; 1, 2, 4 or 8 does"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_what_can(
    processes: int, device_batch: int | None, told: str, write_card: Callable[..., Loaded], cpu: Machine
) -> None:
    card = write_card(training={"batch_size": 8, "gradient_accumulation_steps": 4}).card
    with pytest.raises(InputError) as refused:
        spread(card, cpu, processes, device_batch)
    assert str(refused.value).startswith(told)


def test_more_processes_than_gpus_are_refused(write_card: Callable[..., Loaded]) -> None:
    with pytest.raises(
        InputError, match=r"--processes 4  this machine has 2 devices \(Tesla T4\); one process takes one"
    ):
        spread(write_card().card, gpus(2), 4)


@pytest.mark.parametrize(
    ("machine", "processes"),
    [(gpus(2), 2), (gpus(4), 2), (gpus(1), 1), (gpus(2, "NVIDIA L4"), 1)],
    ids=["as declared", "more are here", "fewer are here", "others are here"],
)
def test_the_declared_devices_are_taken_where_they_are_here(
    machine: Machine, processes: int, write_card: Callable[..., Loaded]
) -> None:
    hardware = {"accelerator": "nvidia-t4", "count": 2}
    loaded = write_card(training={"batch_size": 4, "gradient_accumulation_steps": 3}, hardware=hardware, **ROWS)
    found = spread(loaded.card, machine)
    assert factors(found) == (24, 4, processes, 6 // processes)
    fields = {d.field for d in before(loaded, machine) if d.field.startswith(("hardware.count", "training.grad"))}
    assert fields == (set() if processes == 2 else {"hardware.count", "training.gradient_accumulation_steps"})


def test_plan_and_deviations_tell_all_four_factors(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(training={"batch_size": 8, "gradient_accumulation_steps": 2, "epochs": 3}, **ROWS)
    plan = make_plan(loaded, cpu, spread=spread(loaded.card, cpu, 2, 2))
    assert factors(plan) == (16, 2, 2, 4)
    assert (plan.batches, plan.steps) == (25, 21)
    assert plan.here.memory_bytes == cpu.memory_bytes // 2
    assert plan.here.activation_bytes < make_plan(loaded, cpu).here.activation_bytes
    assert {d.field: (d.declared, d.actual, d.consent) for d in plan.deviations} == {
        "hardware.count": ("1", "2", False),
        "training.batch_size": ("8", "2 on each of 2", False),
        "training.gradient_accumulation_steps": ("2", "4 on each of 2", False),
    }


def test_memory_is_what_each_process_has(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(**ROWS)
    plan = make_plan(loaded, cpu, spread=spread(loaded.card, cpu, 2))
    held = plan.weight_bytes + plan.adapter_bytes + plan.gradient_bytes + plan.optimizer_bytes
    small = cpu.model_copy(update={"memory_bytes": held + 1})
    require_memory(loaded, make_plan(loaded, small), small)
    with pytest.raises(MissingError, match="GiB for each of 2 processes; run it on a larger device"):
        require_memory(loaded, plan, small)


# What a batch counts for


@given(
    rows=st.integers(1, 200),
    declared=st.integers(1, 12),
    steps=st.integers(1, 5),
    processes=st.integers(1, 6),
    pick=st.integers(0, 10),
)
def test_each_row_counts_once_and_as_much_as_in_one_process(
    rows: int, declared: int, steps: int, processes: int, pick: int
) -> None:
    effective = declared * steps
    processes = math.gcd(effective, processes)
    most = math.gcd(declared, effective // processes)
    batch = [one for one in range(1, most + 1) if most % one == 0][pick % 2 - 1]
    shared = Spread(
        effective_batch=effective,
        device_batch=batch,
        processes=processes,
        accumulation=effective // processes // batch,
    )
    counted: dict[int, float] = {}
    turns = math.ceil(math.ceil(rows / batch) / processes)
    for index in range(turns * processes):
        real, factor = weight(shared, declared, rows, index)
        # As the Trainer divides by the batches of a rank in this step, and DDP by the ranks.
        in_step = min(shared.accumulation, turns - index // processes // shared.accumulation * shared.accumulation)
        for row in range(index * batch, index * batch + real):
            counted[row] = factor / real / in_step / processes
        assert factor == pytest.approx(1.0) or (index * batch) // effective == (rows - 1) // effective or real == 0
    assert sorted(counted) == list(range(rows))
    for row, share in counted.items():
        first = row // effective * effective
        of_step = min(effective, rows - first)
        of_batch = min(declared, rows - row // declared * declared)
        assert share == pytest.approx(1 / of_batch / math.ceil(of_step / declared))


# What is no part of the run


def test_neither_option_is_part_of_what_a_run_is(write_card: Callable[..., Loaded]) -> None:
    one, two = (write_card(training={"batch_size": 8}).card for _ in range(2))
    assert run_id(one) == run_id(two)
    assert "distributed" in Training.model_fields
    divided = write_card(training={"batch_size": 8, "distributed": {"fsdp": True}}).card
    assert run_id(divided) != run_id(one)


# Weights that are divided


SETTINGS: dict[str, dict[str, Any]] = {
    "FSDP": {"fsdp": True, "fsdp_config": {"reshard_after_forward": False}},
    "DeepSpeed": {"deepspeed": {"zero_optimization": {"stage": 2}}},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_trainer_gets_the_settings_where_there_are_devices_to_divide_over(
    name: str, write_card: Callable[..., Loaded]
) -> None:
    loaded = write_card(training={"batch_size": 8, "distributed": SETTINGS[name]}, **ROWS)
    two = make_plan(loaded, gpus(2), spread=spread(loaded.card, gpus(2), 2))
    assert trainer._divided(loaded.card, two) == SETTINGS[name]
    assert "training.distributed" not in {d.field for d in two.deviations}
    one = make_plan(loaded, gpus(1))
    assert trainer._divided(loaded.card, one) == {}
    (told,) = (d for d in one.deviations if d.field == "training.distributed")
    assert (told.declared, told.actual) == (name, "all weights in one process")


def test_processes_of_a_cpu_hold_all_weights_each(write_card: Callable[..., Loaded], cpu: Machine) -> None:
    loaded = write_card(training={"batch_size": 8, "distributed": SETTINGS["FSDP"]}, **ROWS)
    plan = make_plan(loaded, cpu, spread=spread(loaded.card, cpu, 2))
    assert trainer._divided(loaded.card, plan) == {}
    (told,) = (d for d in plan.deviations if d.field == "training.distributed")
    assert (told.actual, told.cause) == ("all weights in each process", "a CPU has nothing to divide them over")


@pytest.mark.parametrize(
    ("distributed", "told"),
    [
        ({}, "say `fsdp: true` or give `deepspeed` its settings, one of the two"),
        ({"fsdp": True, "deepspeed": {}}, "one of the two"),
        ({"deepspeed": {}, "fsdp_config": {}}, "`fsdp_config` without `fsdp: true` does nothing"),
        ({"deepspeed": "ds.json"}, "should be a mapping of settings"),
    ],
)
def test_settings_that_say_nothing_or_two_things_are_refused(
    distributed: dict[str, Any], told: str, write_card: Callable[..., Loaded]
) -> None:
    with pytest.raises(InputError, match=told):
        write_card(training={"distributed": distributed})


@pytest.mark.parametrize("bits", [4, 8])
def test_quantized_weights_are_not_divided(bits: int, write_card: Callable[..., Loaded]) -> None:
    adapter = {"type": "lora", "r": 4, "target_modules": ["query", "value"]}
    quantized = {"adapter": adapter, "quantization": {"type": "bitsandbytes", "bits": bits}}
    with pytest.raises(InputError, match="quantized weights cannot be divided: accelerate leaves them whole"):
        write_card(training={"distributed": SETTINGS["FSDP"]}, **quantized)
