"""Record what a terminal shows of real commands as SVG pictures: `python bench/recording.py docs/images`.

Each command runs in an empty folder, with a terminal of `COLUMNS` columns for its output.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

REPO = Path(__file__).parents[1]
COLUMNS = 112

RECORDINGS = {
    "audit": "replicard audit --static cards/imdb/sources/gq-llama-2-7b-imdb.md",
    "reproduce": "replicard reproduce quickstart",
}
"""Name of the picture → what is typed."""


def record(command: str) -> str:
    """What a terminal shows of a command, colours included.

    Raises:
        CalledProcessError: The command failed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    # CI: lines in the place of bars, whose redrawing no picture shows.
    environment = {**os.environ, "CI": "1", "TERM": "xterm-256color", "PYTHONPATH": str(REPO)}
    words = [sys.executable, "-m", "runner.cli", *command.split()[1:]]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cards").symlink_to(REPO / "cards")
        with subprocess.Popen(words, cwd=folder, env=environment, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            shown = b""
            try:
                while part := os.read(ours, 65536):
                    shown += part
            except OSError:  # the end of a terminal
                pass
        os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, shown)
    return shown.decode().replace("\r\n", "\n")


def picture(command: str, shown: str) -> str:
    """An SVG of a terminal in which the command was typed; it loads no font from anywhere."""
    console = Console(record=True, width=COLUMNS, file=Path(os.devnull).open("w"), force_terminal=True)  # noqa: SIM115
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(shown.rstrip()))
    svg = console.export_svg(title="replicard", unique_id="replicard")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    for name, command in RECORDINGS.items():
        file = Path(sys.argv[1]) / f"{name}.svg"
        file.write_text(picture(command, record(command)), encoding="utf-8")
        print(f"{file}: {file.stat().st_size / 1000:.0f} kB")
