"""The `replicard` command: a verb is a file that registers itself; `main` turns errors into lines and exit codes."""

from __future__ import annotations

import importlib
import os
import signal
import sys

import typer

from registry.secrets import redacted
from runner.cli.app import app
from runner.cli.failures import fail
from runner.cli.output import silence, tell

VERBS = (
    "ls", "show", "init", "draft", "validate", "schema", "diff", "lock", "plan", "rehearse", "reproduce", "train",
    "evaluate", "audit", "explain", "render", "predict", "merge", "publish", "verify", "runs", "doctor",
    "site",
)  # fmt: skip
"""Files of this folder, in the order of `--help`."""

for verb in VERBS:
    importlib.import_module(f"{__name__}.{verb}")

# How long a waiting thread of GNU OpenMP spins before it sleeps. By its default, two runs on the same two cores keep
# each other waiting: training the quickstart in two terminals at once took 67 s each, and 36 s with this (alone 16
# and 14 s).
SPINS = "2000"


def _colours() -> bool | None:
    """Whether colours are written, by https://no-color.org and https://force-color.org; else where a terminal is."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _with_hint(message: str, error: typer.TyperException) -> str:
    """What is wrong with a command line, and what to type next; typer may have said what was meant."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "replicard"
    told = message if message.endswith("?") else f"{message.removesuffix('.')};"
    return f"{told} `{command} --help` lists what there is"


def main() -> None:
    """Run the command; the only place where errors become exit codes."""
    # A cluster that wants its machine back ends a run as Ctrl-C does; what is done is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # read when torch is loaded, which no verb has done yet
    try:
        # Returns the code of a `typer.Exit`, and 130 after Ctrl-C.
        code = app(prog_name="replicard", standalone_mode=False, color=_colours())
    except typer.TyperException as error:
        # Without a verb the message is the whole help.
        # What typer takes over from pydantic keeps pydantic's own words.
        message = redacted(error.format_message().strip().replace(": Value error, ", ": "))
        tell(message if "\n" in message else _with_hint(message, error))
        code = 2
    except SystemExit as error:
        # So typer and rich leave where nobody reads the output any more.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        silence(sys.stdout)
        code = 0
    except Exception as error:
        code = fail(error)
    if code == 130:
        resumed = "; the same command goes on from the last complete checkpoint, if there is one"
        tell("interrupted" + (resumed if sys.argv[1:2] in (["reproduce"], ["train"]) else ""))
    sys.exit(code if isinstance(code, int) else 0)
