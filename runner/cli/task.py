"""A task of a set: what `replicard reproduce --task` does, which drivers start and nobody types."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from registry.errors import InputError, Problem
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


def as_task(run: str, loaded: Sequence[Loaded], seeds: str | None, execution: Execution, runs: Path) -> int:
    """Train and evaluate one card with one seed for a driver that concludes from all.

    Args:
        run: The run that the driver waits for, as a RUN argument names it; what would make another one is refused.
        loaded: The card.
        seeds: The seed.
        execution: How it is run.
        runs: Folder of all runs.

    Returns:
        The exit code of a task.
    """
    try:
        for one in loaded:
            for ready in prepared(one, seeds, execution, runs):
                if str(ready.run) != run:
                    message = f"would now make {ready.run}: the card was edited, or what it names has moved"
                    raise InputError(Problem(str(one.file), "", f"{message}; start the set again"))
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
