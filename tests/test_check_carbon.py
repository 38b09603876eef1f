"""CO2 against energy, and hours against the arithmetic done in them."""

from __future__ import annotations

from typing import Any

import pytest
from documents import CARDS, document, facts, found, result, verdicts

from registry.document import Document
from registry.loading import load
from runner.documents import of_card
from runner.plugins import sections

A100 = facts(hardware_accelerator="NVIDIA A100", hardware_count=1, training_time_hours=5.0)


def co2(text: str) -> Any:
    return result("co2_kg", text)


def test_more_than_any_grid_and_overhead_can_give_is_impossible() -> None:
    finding = found("carbon", document(A100, co2("~45 kg")))["too-much"]
    assert (finding.verdict, finding.claims) == ("impossible", (0,))
    assert finding.arithmetic.startswith("1 × 0.4 kW × 5 h = 2 kWh; 45 kg / 2 kWh = 22.5 kg/kWh")


def test_four_times_the_energy_on_the_dirtiest_plant_is_not_impossible() -> None:
    """2 kWh × 4 × 2 kg/kWh = 16 kg."""
    assert verdicts("carbon", document(A100, co2("15 kg"))) == {"too-much": "suspicious"}
    assert verdicts("carbon", document(A100, co2("17 kg"))) == {"too-much": "impossible"}


def test_about_so_much_may_be_a_fifth_less() -> None:
    assert verdicts("carbon", document(A100, co2("~17 kg"))) == {"too-much": "suspicious"}


@pytest.mark.parametrize("text", ["0.4 kg", "1 kg", "2.6 kg", "5 kg"])
def test_what_machine_and_grid_explain_is_in_order(text: str) -> None:
    assert found("carbon", document(A100, co2(text))) == {}


def test_an_unknown_number_of_devices_is_never_impossible() -> None:
    unsaid = facts(hardware_accelerator="A100", training_time_hours=5.0)
    assert verdicts("carbon", document(unsaid, co2("45 kg"))) == {"too-much": "ambiguous"}


def test_a_device_without_a_known_power_says_nothing() -> None:
    unknown = facts(hardware_accelerator="some GPU", hardware_count=1, training_time_hours=5.0)
    assert found("carbon", document(unknown, co2("45 kg"))) == {}


def test_less_than_idle_devices_cause_is_named() -> None:
    long = facts(hardware_accelerator="nvidia-a100", hardware_count=8, training_time_hours=100.0)
    assert verdicts("carbon", document(long, co2("0.05 kg"))) == {"too-little": "ambiguous"}


def test_co2_is_held_against_the_stated_energy() -> None:
    assert verdicts("carbon", document(facts(energy_kwh=2.0), co2("45 kg"))) == {"energy": "impossible"}
    assert verdicts("carbon", document(facts(energy_kwh=2.0), co2("6 kg"))) == {"energy": "suspicious"}
    assert found("carbon", document(facts(energy_kwh=2.0), co2("2 kg"))) == {}


def card_in(folder: Any, hours: float) -> Document:
    """The quickstart card's model at full length on an A100."""
    text = (CARDS / "quickstart.yaml").read_text()
    text = text.replace("hardware: {accelerator: cpu}", f"hardware: {{accelerator: nvidia-a100, hours: {hours}}}")
    file = folder / "quickstart.yaml"
    file.write_text(text.replace("dataset: data/reviews", f"dataset: {CARDS / 'data/reviews'}"))
    overrides = ["data.tokens.padding=max_length", "training.epochs=3000"]
    return of_card(load(file, sections(), overrides))


def test_hours_below_the_devices_peak_are_impossible(tmp_path: Any) -> None:
    assert verdicts("carbon", card_in(tmp_path, 0.0005)) == {"too-fast": "impossible"}


def test_hours_above_it_are_in_order(tmp_path: Any) -> None:
    assert found("carbon", card_in(tmp_path, 10.0)) == {}
