"""CO2 against energy, and hours against the arithmetic that was done in them.

**CO2.** A device draws at most its board power P, so that n of them in h hours take n·P·h kWh. The rest of the machine
and the cooling multiply that: an eight-GPU server takes twice what its GPUs do (NVIDIA DGX A100: 6.5 kW for 8 × 400
W), and a data center of the worst kind twice what its servers do (power usage effectiveness; mean 1.6, Uptime
Institute survey 2022, from memory), so 4 is generous. A kilowatt-hour stands for at most 1.3 kg CO2eq as the mean of a
country (`registry/grid.py`), and for no plant for more than 2 (lignite 0.9 to 1.3: IPCC 2014, AR5 WG III, annex III;
from memory). `impossible` is more than n·P·h × 4 × 2 kg, with 20 % on top where hours or mass are said to be
approximate; `suspicious` more than twice the energy on the dirtiest country's mean. Of a device of several board
powers the highest counts.

**Hours.** Training takes 6 products and sums for each token and weight of a matrix product (Kaplan et al. 2020,
arXiv:2001.08361, section 2.1), and with an adapter at least the 2 of the way forward, of which a device does no more
than its peak. Only where rows, epochs, padded length, shape, device and hours are all stated is anything said.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.grid import GRIDS
from registry.hardware import ACCELERATORS
from registry.shapes import matrix_parameters
from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.document import Document, Result
    from registry.hardware import Accelerator
    from registry.numbers import Number

KINDS: Mapping[str, str] = {
    "too-much": "More CO2 than the devices could cause in the hours, whatever the grid.",
    "too-little": "Less CO2 than nearly idle devices cause on the cleanest of grids: often g written for kg or t.",
    "energy": "More CO2 than the stated energy can cause on any grid.",
    "too-fast": "Fewer hours than the devices need at their peak for the arithmetic of this training.",
}

DIRTIEST = max(GRIDS, key=lambda grid: grid.intensity)
"""The country whose electricity stands for most CO2."""
_ANY_PLANT = 2.0
"""kg CO2eq a kWh that no plant exceeds."""
_OVERHEAD = 4.0
"""Most times the devices' energy that machine and cooling take."""
_IDLE, _CLEAN = 0.1, 0.005
"""Share of its power that a device at work takes at the least; kg a kWh of the cleanest grids, below hydro's."""

_MOST_WATTS = {"nvidia-a100": 400, "nvidia-v100": 300, "nvidia-h100": 700}
"""Board power of the hungriest product, where a bare name means several (see `registry/hardware.py`)."""
_ONE = re.compile(r"\b(?:single|one|1|a)\b(?!\s*[x×*]?\s*\d)", re.IGNORECASE)


def check(document: Document) -> Iterator[Finding]:
    """CO2 and hours that the devices deny."""
    yield from _co2(document)
    yield from _hours(document)


def _device(document: Document) -> Accelerator | None:
    """The accelerator that is stated, by its name here or by its words."""
    name = document.value("hardware.accelerator")
    if not isinstance(name, str):
        return None
    if name in ACCELERATORS:
        return ACCELERATORS[name]
    alike = [one for one in ACCELERATORS.values() if one.match and one.is_named(name)]
    return max(alike, key=lambda one: len(one.match)) if alike else None


def _watts(device: Accelerator) -> int | None:
    """Most power of one device in W; null where that is not known."""
    family = next((watts for name, watts in _MOST_WATTS.items() if device.name.startswith(name)), None)
    return device.tdp_watts or family


def _count(document: Document) -> int | None:
    """How many devices; null where that is not said."""
    count = document.fact("hardware.count")
    if count is not None and count.status != "assumed" and isinstance(count.value, int):
        return count.value
    fact = document.fact("hardware.accelerator")
    return 1 if fact is not None and _ONE.search(fact.text) else None


def _time(document: Document) -> tuple[float, bool] | None:
    """Hours of the training, and whether they are said to be approximate."""
    fact = document.fact("training_time_hours")
    if fact is not None and fact.status == "stated" and fact.value > 0:
        return float(fact.value), "~" in fact.text or "about" in fact.text or "approx" in fact.text.lower()
    found = [result.number for result in document.results if result.metric == "training_hours"]
    return (found[0].value, found[0].approximate) if len(found) == 1 and found[0].value > 0 else None


def _co2(document: Document) -> Iterator[Finding]:
    found = [(i, one) for i, one in enumerate(document.results) if one.metric == "co2_kg" and not one.placeholder]
    if len(found) != 1 or found[0][1].number.value <= 0:
        return
    index, result = found[0]
    energy = document.value("energy_kwh")
    if isinstance(energy, (int, float)) and energy > 0:
        yield from _energy(index, result, float(energy))
        return
    device, time, count = _device(document), _time(document), _count(document)
    watts = _watts(device) if device is not None else None
    if watts is None or time is None:
        return
    hours, approximate = time
    number, devices = result.number, count or 1
    kwh = watts / 1000 * hours * devices
    least, most = _slack(number, approximate)
    product = f"{devices} × {watts / 1000:g} kW × {hours:g} h = {kwh:.3g} kWh"
    if least / kwh > DIRTIEST.intensity / 1000 * 2:
        certain = count is not None and least / (kwh * (1.2 if approximate else 1.0)) > _ANY_PLANT * _OVERHEAD
        yield Finding(
            id="carbon/too-much",
            verdict="impossible" if certain else "suspicious" if count is not None else "ambiguous",
            claims=(index,),
            where=result.place.where,
            message=f"{number.text.strip()} is more CO2 than {'that device' if devices == 1 else 'those devices'} can "
            f"cause in {hours:g} h"
            + (" on any grid" if certain else "" if count is not None else ", if it was one of them"),
            arithmetic=f"{product}; {number.value:g} kg / {kwh:.3g} kWh = {number.value / kwh:.3g} kg/kWh, with "
            f"{_OVERHEAD:g} times the energy for machine and cooling {number.value / kwh / _OVERHEAD:.2g}; the "
            f"dirtiest "
            f"grid, {DIRTIEST.name}'s, has {DIRTIEST.intensity / 1000:.1f}",
            remedy="compute it anew as energy × grid intensity, and give both; look for g, kg and t, and for a lost "
            "decimal mark",
        )
    elif most < kwh * _IDLE * _CLEAN:
        yield Finding(
            id="carbon/too-little",
            verdict="ambiguous",
            claims=(index,),
            where=result.place.where,
            message=f"{number.text.strip()} is less CO2 than that device causes nearly idle on the cleanest grid",
            arithmetic=f"{product}; × {_IDLE:g} of the power × {_CLEAN:g} kg/kWh = {kwh * _IDLE * _CLEAN:.2g} kg > "
            f"{number.value:g} kg",
            remedy="give energy and grid intensity; look for g, kg and t, or name the offset",
        )


def _slack(number: Number, approximate: bool) -> tuple[float, float]:
    """Least and most kg that a number may stand for."""
    slack = 0.2 if number.approximate or approximate else 0.0
    return number.low * (1 - slack), number.high * (1 + slack)


def _energy(index: int, result: Result, energy: float) -> Iterator[Finding]:
    least, _ = _slack(result.number, False)
    intensity = least / energy
    if intensity > DIRTIEST.intensity / 1000 * 2:
        yield Finding(
            id="carbon/energy",
            verdict="impossible" if intensity > _ANY_PLANT * _OVERHEAD else "suspicious",
            claims=(index,),
            where=result.place.where,
            message=f"{result.number.text.strip()} is more CO2 than {energy:g} kWh cause on any grid",
            arithmetic=f"{result.number.value:g} kg / {energy:g} kWh = {result.number.value / energy:.3g} kg/kWh; the "
            f"dirtiest grid, {DIRTIEST.name}'s, has {DIRTIEST.intensity / 1000:.1f}",
            remedy="correct the energy or the CO2; look for g, kg and t",
        )


def _hours(document: Document) -> Iterator[Finding]:
    card = document.card
    if card is None or card.base.architecture is None or card.data.tokens.padding != "max_length":
        return
    paths = ("data.tokens.padding", "training.precision", "adapter.type")
    names = ("rows.train", "num_epochs", "max_length", "hardware.accelerator", "hardware.count", "training_time_hours")
    facts = [document.fact(name) for name in names]
    stated = [fact for fact in facts if fact is not None and fact.status == "stated"]
    if len(stated) < len(names) or any(path in card.assumed for path in paths):
        return
    rows, epochs, length, _, count, hours = (fact.value for fact in stated)
    device = _device(document)
    peak = max(device.peak_flops.values(), default=None) if device is not None else None
    if peak is None:
        return
    weights = matrix_parameters(card.base.architecture)
    times = 6 if card.adapter is None else 2
    least = times * weights * rows * epochs * length / (peak * count) / 3600
    # A duration is rounded; half of it on top is more than any rounding takes.
    if hours * 1.5 < least:
        yield Finding(
            id="carbon/too-fast",
            verdict="impossible",
            where=stated[-1].place.where,
            message=f"{hours:g} h are too few for this training even at the peak of the device",
            arithmetic=f"{times} × {weights:,} weights × {rows:,} rows × {epochs:g} epochs × {length:,} tokens / "
            f"({count} × {peak:.3g} FLOP/s) = {least:.3g} h",
            remedy="correct the hours, the device, or what was trained on",
        )
