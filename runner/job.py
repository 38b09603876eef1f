"""Inside of a job of the Hub: the card is fetched, our command run, and the run sent home.

`python -m runner.job REPO CARD RUN TIMEOUT ARGUMENTS…`; the last line that it prints says how the command has ended.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import MissingError, ReplicardError
from runner import asking, results
from runner.executors import Status, _child
from runner.executors.hf_jobs import MARK
from runner.runs import run_named

if TYPE_CHECKING:
    from collections.abc import Sequence

_FAULT = 4
_ROUNDS = 10
"""So often the Hub is asked again, a quarter of an hour in all: hours of a rented machine hang on the last answer."""


def main(arguments: Sequence[str]) -> int:
    """Run a task in a folder of its own, and tell how it ended; returns the exit code.

    Args:
        arguments: The dataset repo, the folder in it that holds the card, the run as a RUN argument names it, seconds
            that the command has, and its arguments, with paths below that folder and `runs`.
    """
    repo, folder, name, seconds, *command = arguments
    asking.prepare()
    asking.ROUNDS = _ROUNDS
    os.chdir(tempfile.mkdtemp(prefix="replicard-"))
    try:
        results.receive(repo, folder, Path())
        status = _child.run(command, sys.stdout.buffer, os.environ, float(seconds))
        if status.code == 0:
            results.send_run(repo, run_named(Path("runs"), name))
    except MissingError as error:
        status = Status(state="lost", message=str(error.problems[0]))
    except ReplicardError as error:
        status = Status(state="done", code=error.exit_code, message=str(error.problems[0]))
    print(f"{MARK}{status.model_dump_json()}", flush=True)  # noqa: T201
    return _FAULT if status.code is None else status.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
