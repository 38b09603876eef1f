"""The table of accelerators: consistent figures with a source, and names that the system's own names fit."""

from __future__ import annotations

import pytest

from registry.hardware import ACCELERATORS, Accelerator


@pytest.mark.parametrize("entry", ACCELERATORS.values(), ids=ACCELERATORS)
def test_a_figure_has_a_source_and_a_plausible_size(entry: Accelerator) -> None:
    figures = (entry.memory_gib, entry.tdp_watts, *entry.peak_flops.values())
    assert entry.source.startswith("https://") or not any(figures)
    assert entry.memory_gib is None or 8 <= entry.memory_gib <= 512
    assert entry.tdp_watts is None or 50 <= entry.tdp_watts <= 1500
    assert all(1e12 <= flops <= 1e16 for flops in entry.peak_flops.values())


@pytest.mark.parametrize("entry", ACCELERATORS.values(), ids=ACCELERATORS)
def test_a_coarser_precision_is_no_slower(entry: Accelerator) -> None:
    peaks = [entry.peak_flops[precision] for precision in ("fp32", "tf32", "fp16") if precision in entry.peak_flops]
    assert peaks == sorted(peaks)
    assert entry.peak_flops.keys() <= {"fp32", "tf32", "fp16", "bf16"}


@pytest.mark.parametrize("name", ACCELERATORS)
def test_an_entry_is_found_by_its_own_name(name: str) -> None:
    assert ACCELERATORS[name].name == name


def test_peaks_are_dense_flops_a_second() -> None:
    assert ACCELERATORS["nvidia-a100-80gb"].peak_flops["bf16"] == 312e12


@pytest.mark.parametrize("name", ["nvidia-a100", "nvidia-h100", "nvidia-v100"])
def test_a_name_of_several_products_has_only_what_they_share(name: str) -> None:
    products = [entry for entry in ACCELERATORS.values() if entry.name.startswith(f"{name}-")]
    assert len(products) > 1
    for what in ("memory_gib", "tdp_watts", "peak_flops"):
        stated, found = getattr(ACCELERATORS[name], what), [getattr(entry, what) for entry in products]
        assert not stated or all(value == stated for value in found)


# Names as torch.cuda.get_device_name, torch.xpu and torch.backends.mps.get_name give them.
@pytest.mark.parametrize(
    ("device", "names"),
    [
        ("Tesla T4", {"nvidia-t4"}),
        ("NVIDIA L4", {"nvidia-l4"}),
        ("Tesla P100-PCIE-16GB", {"nvidia-p100"}),
        ("Tesla V100-SXM2-32GB", {"nvidia-v100", "nvidia-v100-sxm2-32gb"}),
        ("Tesla V100-PCIE-16GB", {"nvidia-v100", "nvidia-v100-pcie-16gb"}),
        ("NVIDIA A100-SXM4-40GB", {"nvidia-a100", "nvidia-a100-40gb"}),
        ("NVIDIA A100 80GB PCIe", {"nvidia-a100", "nvidia-a100-80gb"}),
        ("NVIDIA H100 80GB HBM3", {"nvidia-h100", "nvidia-h100-sxm"}),
        ("NVIDIA H100 PCIe", {"nvidia-h100", "nvidia-h100-pcie"}),
        ("NVIDIA H200", {"nvidia-h200"}),
        ("NVIDIA GeForce RTX 3090", {"nvidia-rtx-3090"}),
        ("NVIDIA GeForce RTX 4090", {"nvidia-rtx-4090"}),
        ("Intel(R) Data Center GPU Max 1550", {"intel-max-1550"}),
        ("Apple M1", {"apple-m1"}),
        ("Apple M3 Max", {"apple-m3-max"}),
        # Others that sound alike.
        ("NVIDIA T400", set()),
        ("NVIDIA L40S", set()),
        ("Tesla V100S-PCIE-32GB", set()),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", set()),
        ("NVIDIA H200 NVL", set()),
        ("NVIDIA GeForce RTX 3090 Ti", set()),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", set()),
        ("NVIDIA GeForce RTX 4090 D", set()),
        ("Intel(R) Data Center GPU Max 1100", set()),
    ],
)
def test_a_device_is_known_by_the_name_that_the_system_gives_it(device: str, names: set[str]) -> None:
    known = {entry.name for entry in ACCELERATORS.values() if entry.device != "cpu" and entry.is_named(device)}
    assert known == names
