"""Record what real commands show: `python bench/recording.py docs/images`.

They run one after the other in one empty folder, with a terminal of `COLUMNS` columns, of which an SVG is made. The
site that is built from what they made is seen by Chromium.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
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


def record(command: str, folder: Path) -> str:
    """What a terminal shows of a command in a folder, colours included.

    Raises:
        CalledProcessError: The command failed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    # CI: lines in the place of bars, whose redrawing no picture shows.
    environment = {**os.environ, "CI": "1", "TERM": "xterm-256color", "PYTHONPATH": str(REPO)}
    words = [sys.executable, "-m", "runner.cli", *command.split()[1:]]
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


def photograph(page: Path, file: Path) -> None:
    """The top of a page as PNG."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        seen = browser.new_page(viewport={"width": 1440, "height": 760}, color_scheme="light")
        seen.goto(page.as_uri())
        seen.locator("tbody tr").first.wait_for()
        seen.screenshot(path=file)
        browser.close()


def main(images: Path) -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "cards").symlink_to(REPO / "cards")
        for name, command in RECORDINGS.items():
            (images / f"{name}.svg").write_text(picture(command, record(command, folder)), encoding="utf-8")
        record("replicard site build --out site", folder)
        photograph(folder / "site/index.html", images / "site.png")
    for file in sorted(images.iterdir()):
        print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
