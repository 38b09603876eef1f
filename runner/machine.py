"""What this machine is: its device, memory and package versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata

from runner.record import Machine

PACKAGES = (
    "torch", "transformers", "accelerate", "peft", "bitsandbytes", "datasets", "tokenizers", "huggingface-hub",
    "safetensors", "scikit-learn", "scipy", "numpy", "replicard",
)  # fmt: skip
"""Packages whose versions the record keeps."""


def detect() -> Machine:
    """The device that accelerate will choose, in its order: CUDA, XPU, MPS, CPU."""
    import torch

    threads = torch.get_num_threads()
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Machine(
            device="cuda",
            name=properties.name,
            count=torch.cuda.device_count(),
            memory_bytes=properties.total_memory,
            bf16=torch.cuda.is_bf16_supported(),
            cpu_threads=threads,
        )
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        intel = torch.xpu.get_device_properties(0)
        return Machine(
            device="xpu",
            name=intel.name,
            count=torch.xpu.device_count(),
            memory_bytes=intel.total_memory,
            bf16=True,
            cpu_threads=threads,
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if torch.backends.mps.is_available():
        # An older torch does not tell which chip it is.
        name = getattr(torch.backends.mps, "get_name", lambda: f"Apple {platform.machine()}")()
        return Machine(device="mps", name=name, count=1, memory_bytes=memory, bf16=True, cpu_threads=threads)
    return Machine(device="cpu", name=_cpu_name(), count=1, memory_bytes=memory, bf16=True, cpu_threads=threads)


def _cpu_name() -> str:
    """The processor's name, where Linux tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 (not a path of the user's)
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
