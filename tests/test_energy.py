"""Energy: what a training took, how that is known, and what it stands for where the machine is."""

from __future__ import annotations

import doctest
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import grid
from registry.errors import InputError
from registry.grid import GRIDS, WORLD, grid_of
from runner.energy import how_read, metering, spent
from runner.machine import detect
from runner.record import Machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.loading import Loaded
    from runner.record import Record
    from runner.reproducing import Ready


def machine(**changed: Any) -> Machine:
    facts = {"device": "cpu", "name": "a CPU", "count": 1, "memory_bytes": 16 << 30, "bf16": True, "cpu_threads": 4}
    return Machine.model_validate({**facts, **changed})


# Grids


def test_the_examples_of_the_grids_hold() -> None:
    assert doctest.testmod(grid).failed == 0


@given(st.sampled_from(GRIDS))
def test_a_country_is_found_by_either_code_and_by_its_name(wanted: grid.Grid) -> None:
    assert grid_of(wanted.code.lower()) is grid_of(wanted.alpha_3) is grid_of(f" {wanted.name.upper()} ") is wanted


def test_every_grid_is_of_another_country_and_within_what_generation_can_emit() -> None:
    assert len({one.code for one in GRIDS}) == len({one.alpha_3 for one in GRIDS}) == len(GRIDS) > 200
    assert all(0 <= one.intensity < 1400 for one in GRIDS)


def test_a_country_that_is_not_there_is_told_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICARD_COUNTRY", "Germny")
    with pytest.raises(InputError, match=r"REPLICARD_COUNTRY  'Germny' is no country.*did you mean `Germany`"):
        detect()


def test_the_machine_stands_where_its_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICARD_COUNTRY", "France")
    assert detect().country == "FR"
    monkeypatch.delenv("REPLICARD_COUNTRY")
    assert detect().country is None


# Meters


def test_an_hour_of_a_cpu_is_its_cores_and_its_memory() -> None:
    with metering(machine()) as meter:
        assert meter is not None
        assert not meter.measured
        assert meter.method == "estimate: time × 54 W (4 cores of 12 W, 16 GiB of 0.3725 W)"
        assert meter.kwh(3600) == pytest.approx((4 * 12 + 16 * 0.3725) / 1000)


def test_an_hour_of_a_known_gpu_is_its_board_power() -> None:
    with metering(machine(device="cuda", name="Tesla T4")) as meter:
        assert meter is not None
        assert "nvidia-t4" in meter.method
        assert meter.kwh(3600) == pytest.approx(0.070)


def test_the_energy_of_a_device_that_nobody_knows_is_unknown() -> None:
    with metering(machine(device="cuda", name="Some Other GPU")) as meter:
        assert meter is None


def test_codecarbon_reads_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REPLICARD_ENERGY")
    monkeypatch.chdir(tmp_path)
    with metering(machine()) as meter:
        assert meter is not None
        assert re.fullmatch(r"codecarbon [\d.]+; (CPU and )?RAM estimated", meter.method)
        assert meter.measured == ("CPU" not in meter.method)
        read = []
        for _ in range(2):
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                sum(range(10_000))
            read.append(meter.kwh(0.0))
    assert 0 < read[0] < read[1] < 1e-3  # a kilowatt for a second is 2.8e-4 kWh
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("device", "mode", "expected"),
    [
        ("cpu", "cpu_load", (False, "; CPU and RAM estimated")),
        ("cpu", "constant", (False, "; CPU and RAM estimated")),
        ("cpu", "intel_rapl", (True, "; RAM estimated")),
        ("cuda", "intel_rapl", (False, "; RAM estimated")),  # it does not see the GPU
    ],
)
def test_energy_is_measured_only_where_a_counter_of_the_device_is_read(
    device: str, mode: str, expected: tuple[bool, str], tmp_path: Path
) -> None:
    from codecarbon.external.hardware import CPU
    from codecarbon.external.ram import RAM

    cpu = CPU(output_dir=str(tmp_path), mode="constant", model="a CPU", tdp=90)
    cpu._mode = mode  # told only afterwards: for `intel_rapl` it looks for a counter, which few test machines have
    parts = [RAM(), cpu]
    assert how_read(machine(device=device), parts) == expected


@pytest.mark.parametrize(
    ("country", "intensity", "where"), [("FR", 56, "France, 2023"), (None, 481, "the world, 2023")]
)
def test_energy_stands_for_what_the_country_s_electricity_emits(
    country: str | None, intensity: int, where: str
) -> None:
    with metering(machine()) as meter:
        assert meter is not None
        found = spent(0.5, meter, machine(country=country))
    assert found.grams_co2 == pytest.approx(0.5 * intensity)
    assert found.intensity_source == f"{where}: Our World in Data and Ember"


def test_the_world_s_mean_lies_among_its_countries() -> None:
    assert min(one.intensity for one in GRIDS) < WORLD.intensity < max(one.intensity for one in GRIDS)


# In the record


@pytest.fixture
def rows(write_rows: Callable[..., Path], reviews: Callable[..., Any]) -> Path:
    return write_rows(train=reviews(24), test=reviews(8, 1))


@pytest.mark.usefixtures("rows")
def test_a_run_s_energy_is_its_time_on_this_machine(
    write_card: Callable[..., Loaded], reproduce: Callable[..., Record]
) -> None:
    record = reproduce(write_card())
    assert record.training is not None
    energy = record.training.energy
    assert energy is not None
    with metering(record.machine) as meter:
        assert meter is not None
        assert energy.kwh == pytest.approx(meter.kwh(record.training.seconds), rel=0.05)


@pytest.mark.usefixtures("rows")
def test_time_and_energy_before_a_resumption_are_counted(
    write_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    reproduce: Callable[..., Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from runner import trainer

    loaded = write_card(training={"epochs": 3})
    run = prepare(loaded).run

    class Killed(trainer.TrainerCallback):  # type: ignore[misc]
        def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.epoch >= 2:
                raise KeyboardInterrupt

    class Shown(Killed):
        def __init__(self, advance: Any):
            del advance

    monkeypatch.setattr(trainer, "ShowSteps", Shown)
    with pytest.raises(KeyboardInterrupt):
        reproduce(loaded)
    monkeypatch.undo()
    checkpoint = trainer.last_complete(run.checkpoints)
    assert checkpoint is not None
    (checkpoint / trainer.MARKER).write_text(trainer.Mark(cost=trainer.Cost(seconds=1000.0, kwh=2.0)).model_dump_json())
    record = reproduce(loaded)
    assert record.training is not None
    assert record.training.energy is not None
    assert 1000 < record.training.seconds < 1100
    assert 2 < record.training.energy.kwh < 2.1
