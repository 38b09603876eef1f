"""The accelerators that a card may name: memory, peak throughput and power, each with the vendor's page they stand on.

A closed table, so that a plan can count on its figures; a new accelerator is a new entry. A figure that the vendor does
not publish, or that differs between the products of one name, is null: a bare `nvidia-a100` says neither 40 nor 80 GB,
and a bare `nvidia-h100` not even its speed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Device = Literal["cuda", "xpu", "mps", "cpu"]

# Words that make another product of a name: an RTX 3090 Ti is no RTX 3090, a MIG slice of an A100 no A100.
_ANOTHER = frozenset({"ti", "super", "d", "laptop", "mobile", "q", "mig", "nvl", "pro", "max", "ultra"})


@dataclass(frozen=True)
class Accelerator:
    """A kind of device.

    Attributes:
        name: What `hardware.accelerator` calls it.
        device: The type of device that it is in torch.
        memory_gib: Memory of one device in GiB: the datasheet's "GB", of which error correction and the driver take
            some; null where it varies.
        peak_flops: Dense matrix throughput in FLOP/s by precision (`fp32`, `tf32`, `fp16`, `bf16`; fp32 by the plain
            cores, the others by the matrix units with fp32 accumulation); a precision that is missing is not
            published, or the device does not have it.
        tdp_watts: Board power in W; null where it varies.
        match: Words of torch's name of the device, in lower case, that say that it is this one.
        source: The vendor's page, or empty where it publishes no figures.
    """

    name: str
    device: Device
    memory_gib: int | None = None
    peak_flops: Mapping[str, float] = field(default_factory=dict)
    tdp_watts: int | None = None
    match: tuple[str, ...] = ()
    source: str = ""

    def is_named(self, name: str) -> bool:
        """Whether torch's name of a device, such as `NVIDIA A100-SXM4-40GB`, is the name of one of these."""
        words = set(re.split(r"[^a-z0-9]+", name.casefold()))
        return words.issuperset(self.match) and not words & _ANOTHER.difference(self.match)


_NVIDIA = "https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center"
_T4 = f"{_NVIDIA}/tesla-t4/t4-tensor-core-datasheet-951643.pdf"
_L4 = "https://resources.nvidia.com/en-us-data-center-overview/l4-gpu-datasheet"
_V100 = "https://images.nvidia.com/content/technologies/volta/pdf/volta-v100-datasheet-update-us-1165301-r5.pdf"
_A100 = f"{_NVIDIA}/a100/pdf/nvidia-a100-datasheet-nvidia-us-2188504-web.pdf"
_P100 = "https://images.nvidia.com/content/tesla/pdf/nvidia-tesla-p100-PCIe-datasheet.pdf"
_H100 = "https://resources.nvidia.com/en-us-tensor-core/nvidia-tensor-core-gpu-datasheet"
_H200 = "https://www.nvidia.com/en-us/data-center/h200/"
_RTX_3090 = "https://www.nvidia.com/content/PDF/nvidia-ampere-ga-102-gpu-architecture-whitepaper-v2.pdf"
_RTX_4090 = "https://images.nvidia.com/aem-dam/Solutions/geforce/ada/nvidia-ada-gpu-architecture.pdf"
_MAX_1550 = (
    "https://www.intel.com/content/www/us/en/products/sku/232873/intel-data-center-gpu-max-1550/specifications.html"
)


def _tera(**tera_flops: float) -> Mapping[str, float]:
    """Throughputs in 10¹² FLOP/s, as datasheets print them, in FLOP/s."""
    return MappingProxyType({precision: value * 1e12 for precision, value in tera_flops.items()})


_VOLTA_SXM2 = _tera(fp32=15.7, fp16=125)
_VOLTA_PCIE = _tera(fp32=14, fp16=112)
_AMPERE = _tera(fp32=19.5, tf32=156, fp16=312, bf16=312)
_HOPPER_SXM = _tera(fp32=66.9, tf32=494.7, fp16=989.4, bf16=989.4)
_HOPPER_PCIE = _tera(fp32=51, tf32=378, fp16=756, bf16=756)
_GEFORCE_3090 = _tera(fp32=35.6, tf32=35.6, fp16=71, bf16=71)
_GEFORCE_4090 = _tera(fp32=82.6, tf32=82.6, fp16=165.2, bf16=165.2)
_XE_HPC = _tera(fp32=52.4, tf32=419.4, fp16=838.9, bf16=838.9)

# "Halved" names what the datasheet prints with 2:4 sparsity, twice the dense rate. "Checked" names the figures that
# pages beside the datasheet agreed with when they were entered; the others are the datasheet's, from memory.
_ENTRIES = (
    Accelerator("cpu", "cpu"),  # any; its figures are the machine's
    # Turing's tensor cores know fp16 alone. Checked: all.
    Accelerator("nvidia-t4", "cuda", 16, _tera(fp32=8.1, fp16=65), 70, ("t4",), _T4),
    # Halved: tf32 120, fp16 and bf16 242. Checked: fp32, memory, power.
    Accelerator("nvidia-l4", "cuda", 24, _tera(fp32=30.3, tf32=60, fp16=121, bf16=121), 72, ("l4",), _L4),
    # The PCIe card of 16 GB; Pascal has no tensor cores, its fp16 is that of the plain ones. Checked: none.
    Accelerator("nvidia-p100", "cuda", 16, _tera(fp32=9.3, fp16=18.7), 250, ("p100", "pcie", "16gb"), _P100),
    # As SXM2 and PCIe, each with 16 or 32 GB; the V100S is another product. Checked: all but the 32 GB.
    Accelerator("nvidia-v100", "cuda", match=("v100",), source=_V100),
    Accelerator("nvidia-v100-sxm2-16gb", "cuda", 16, _VOLTA_SXM2, 300, ("v100", "sxm2", "16gb"), _V100),
    Accelerator("nvidia-v100-sxm2-32gb", "cuda", 32, _VOLTA_SXM2, 300, ("v100", "sxm2", "32gb"), _V100),
    Accelerator("nvidia-v100-pcie-16gb", "cuda", 16, _VOLTA_PCIE, 250, ("v100", "pcie", "16gb"), _V100),
    Accelerator("nvidia-v100-pcie-32gb", "cuda", 32, _VOLTA_PCIE, 250, ("v100", "pcie", "32gb"), _V100),
    # Every form has the same peaks, but 250 W (PCIe, 40 GB), 300 W (PCIe, 80 GB) or 400 W (SXM4). Checked: all.
    Accelerator("nvidia-a100", "cuda", None, _AMPERE, None, ("a100",), _A100),
    Accelerator("nvidia-a100-40gb", "cuda", 40, _AMPERE, None, ("a100", "40gb"), _A100),
    Accelerator("nvidia-a100-80gb", "cuda", 80, _AMPERE, None, ("a100", "80gb"), _A100),
    # Halved: SXM tf32 989.4, fp16 and bf16 1978.9; PCIe 756, 1513. Checked: SXM all; PCIe fp16, memory, power.
    Accelerator("nvidia-h100", "cuda", match=("h100",), source=_H100),
    Accelerator("nvidia-h100-sxm", "cuda", 80, _HOPPER_SXM, 700, ("h100", "hbm3"), _H100),
    Accelerator("nvidia-h100-pcie", "cuda", 80, _HOPPER_PCIE, 350, ("h100", "pcie"), _H100),
    # The SXM module, an H100 with more memory; the H200 NVL is another product. Checked: all.
    Accelerator("nvidia-h200", "cuda", 141, _HOPPER_SXM, 700, ("h200",), _H200),
    # A GeForce's tensor cores accumulate in fp32 at half their rate: the whitepapers' rows "with FP32 accumulate".
    # Halved: 3090 tf32 71, fp16 and bf16 142; 4090 165.2, 330.4. Checked: 3090 fp32, memory, power; 4090 all.
    Accelerator("nvidia-rtx-3090", "cuda", 24, _GEFORCE_3090, 350, ("rtx", "3090"), _RTX_3090),
    Accelerator("nvidia-rtx-4090", "cuda", 24, _GEFORCE_4090, 450, ("rtx", "4090"), _RTX_4090),
    # The whole card; torch may show its two stacks as two devices. 128 Xe cores at 1.6 GHz do 256 fp32, 2048 tf32, or
    # 4096 fp16 or bf16 operations a clock each. Checked: cores, clock, fp32, memory, power.
    Accelerator("intel-max-1550", "xpu", 128, _XE_HPC, 600, ("max", "1550"), _MAX_1550),
    # Apple publishes no figures by precision and sells each chip with several GPUs; the memory is the machine's.
    *(
        Accelerator("-".join(("apple", *match)), "mps", match=match)
        for chip in ("m1", "m2", "m3", "m4")
        for match in ((chip,), (chip, "pro"), (chip, "max"), (chip, "ultra"))
        if match != ("m4", "ultra")
    ),
)

ACCELERATORS: Mapping[str, Accelerator] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Every accelerator by its name."""
