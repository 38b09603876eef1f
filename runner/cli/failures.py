"""What went wrong, as lines on standard error and an exit code."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from pathlib import Path

from registry.errors import MissingError, Problem, ReplicardError
from registry.secrets import redacted
from runner.cli.output import print_problems, tell
from runner.machine import INSTALL

# What libraries say that keep no number: of C, of Rust, and of torch's writer of checkpoints, which knows no reason.
_NO_ROOM = ("No space left", "os error 28", "PytorchStreamWriter failed writing", ". unexpected pos ")

# What torch says of a CPU's memory, and libraries below it of a device's.
_NO_MEMORY = ("out of memory", "can't allocate memory")


def fail(error: Exception, logs: Path | None = None) -> int:
    """Say what went wrong in one line or, where much is wrong, in one line each; returns the exit code.

    Args:
        error: What went wrong.
        logs: Folder for the traceback of a fault; null for that of temporary files.
    """
    if isinstance(error, ReplicardError):
        return print_problems(error)
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith(("registry", "runner")):
        return print_problems(MissingError(f"{error.name} is not installed, and this needs it; {INSTALL}"))
    disk = _disk_problem(error)
    if disk is not None:
        where = str(getattr(error, "filename", None) or "")
        return print_problems(MissingError(Problem(where, "", disk)))
    if is_out_of_memory(error):
        message = "out of memory; --device-batch N takes fewer rows at once, and as many for a step"
        return print_problems(MissingError(message))
    log = (logs or Path(tempfile.gettempdir())) / f"replicard-{os.getpid()}.log"
    log.write_text(redacted(traceback.format_exc()), encoding="utf-8")
    reason = (str(error).splitlines() or [""])[0]
    tell(str(Problem("", "", f"a fault of replicard: {type(error).__name__}: {reason} (traceback in {log})")))
    return 4


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a device or of the machine, however deep the library that met it."""
    seen: BaseException | None = error
    while seen is not None:
        known = isinstance(seen, MemoryError) or type(seen).__name__ == "OutOfMemoryError"  # torch's
        if known or getattr(seen, "errno", None) == errno.ENOMEM or any(sign in str(seen) for sign in _NO_MEMORY):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _disk_problem(error: BaseException) -> str | None:
    """What a full or read-only disk is, however deep the library that met it."""
    seen: BaseException | None = error
    while seen is not None:
        number = getattr(seen, "errno", None)
        text = str(seen)
        if number in (errno.ENOSPC, errno.EDQUOT) or any(sign in text for sign in _NO_ROOM):
            return "the disk is full; make room and run it again, what is done is kept"
        if number in (errno.EROFS, errno.EACCES, errno.EPERM):
            reason = getattr(seen, "strerror", "")
            return f"cannot be written: {reason}; --runs DIR chooses another place for runs, HF_HOME one for caches"
        seen = seen.__cause__ or seen.__context__
    return None
