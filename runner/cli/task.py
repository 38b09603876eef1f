"""A task of a set: what `replicard reproduce --task` does, which drivers start and nobody types."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from registry.secrets import redacted
from runner.cli.arguments import prepared
from runner.cli.failures import fail, is_out_of_memory
from runner.cli.output import tell
from runner.executors import HELD, OUT_OF_MEMORY
from runner.fanout import KILLED
from runner.launching import KilledError
from runner.leases import HeldError
from runner.reproducing import train_and_evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.loading import Loaded
    from runner.execution import Execution

_FAULT = 4


def as_task(loaded: Sequence[Loaded], seeds: str | None, execution: Execution, runs: Path) -> int:
    """Train and evaluate one card with one seed for a driver that concludes from all; the exit code of a task."""
    try:
        for one in loaded:
            for ready in prepared(one, seeds, execution, runs):
                train_and_evaluate(ready)
    except HeldError as error:
        fail(error)
        return HELD
    except KilledError as error:
        fail(error)
        return KILLED
    except Exception as error:
        code = fail(error)
        if is_out_of_memory(error):
            return OUT_OF_MEMORY
        if code == _FAULT:  # the log is all that comes back from another machine
            tell(redacted("".join(traceback.format_exception(error))))
        return code
    return 0
