"""The compiled kernels: `kernels.cpp`, built once a machine by its own C++ compiler, and called through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from ctypes import c_float, c_int, c_int64, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path

from registry.listing import cache_file

SOURCE = Path(__file__).with_name("kernels.cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")
WIDE = "-mprefer-vector-width=512"
"""Where the processor has AVX-512; by itself GCC takes half of it."""
SECONDS = 60
"""A compiler that takes longer is given up; GCC 12 takes one."""

_SIGNATURES = {
    "softmax_forward": [
        *(c_void_p, c_void_p, c_void_p),
        *(c_int64, c_int64, c_int64, c_int64),
        *(c_float, c_int, c_uint32, c_uint64, c_uint32, c_int),
    ],
    "softmax_backward": [c_void_p, c_void_p, c_int64, c_int64, c_float, c_uint32, c_int],
    "dropout": [c_void_p, c_void_p, c_int64, c_uint32, c_uint64, c_int],
}


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; null where there is no compiler, or it fails, which is logged."""
    found = _loaded()
    if isinstance(found, str):
        logging.getLogger("replicard").warning("the fast kernels are not compiled, so a run is slower: %s", found)
        return None
    return found


def told() -> str:
    """Whether the kernels are compiled and by what, or why not, in a line."""
    found = _loaded()
    return f"not compiled: {found}" if isinstance(found, str) else f"compiled by {compiler()}"


@cache
def _loaded() -> ctypes.CDLL | str:
    """The kernels, or why there are none."""
    try:
        return _typed(ctypes.CDLL(str(_built())))
    except (OSError, subprocess.SubprocessError) as error:
        words = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        return next(iter(words.strip().splitlines()), "the compiler failed without a word")


@cache
def compiler() -> str | None:
    """The C++ compiler: `$CXX`, or the first of g++, clang++ and c++ on the path."""
    return next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++", "c++"))), None)


def _built() -> Path:
    """The library for this source, compiler and processor, built where it is not there yet.

    Raises:
        OSError: There is no compiler, or no room.
        subprocess.SubprocessError: The compiler failed.
    """
    command = compiler()
    if command is None:
        raise FileNotFoundError("no C++ compiler is installed (for example: apt install g++)")
    flags = [*FLAGS, *([WIDE] if "avx512" in _processor() else [])]
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=SECONDS).stdout
    key = "\n".join((SOURCE.read_text(encoding="utf-8"), *flags, version, _processor()))
    file = _folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            made = Path(folder) / file.name
            line = [command, *flags, "-o", str(made), str(SOURCE)]
            subprocess.run(line, capture_output=True, text=True, check=True, timeout=SECONDS)
            made.replace(file)  # whole or not at all, also where several processes build it
    return file


def _processor() -> str:
    """What instructions the processor has: a home folder may be shared by machines with others."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())


def _folder() -> Path:
    remembered = cache_file()
    if remembered is None:
        raise FileNotFoundError("there is no home folder to keep them in")
    return remembered.with_name("kernels")


def _typed(found: ctypes.CDLL) -> ctypes.CDLL:
    for name, arguments in _SIGNATURES.items():
        for number in ("float32", "bfloat16"):
            function = getattr(found, f"{name}_{number}")
            function.argtypes, function.restype = arguments, None
    found.random_bits.argtypes, found.random_bits.restype = [c_uint64, c_uint32, c_uint32, c_int64, c_void_p], None
    return found
