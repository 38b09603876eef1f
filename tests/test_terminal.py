"""How the command behaves in a shell, a pipe, a log and a notebook: completion, colours, progress, quiet."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import replicard, write_card
from rich.console import Console

from runner import progress
from runner.cli.output import widths

if TYPE_CHECKING:
    from pathlib import Path

ESCAPE = "\x1b["


def completed(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What bash is told at the end of a line, by the protocol of `replicard --show-completion bash`."""
    words = line.split(" ")
    with monkeypatch.context() as patch:
        patch.setenv("_REPLICARD_COMPLETE", "complete_bash")
        patch.setenv("COMP_WORDS", "\n".join(words))
        patch.setenv("COMP_CWORD", str(len(words) - 1))
        return replicard().out.split()


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs, seen from beside it."""
    for run in ("quickstart/0a1b/seed0", "quickstart/0a1b/seed1"):
        (tmp_path / "runs" / run).mkdir(parents=True)
        (tmp_path / "runs" / run / "record.json").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ("replicard rep", ["reproduce"]),
        ("replicard show quick", ["quickstart", "quickstart-topics"]),
        ("replicard reproduce tiny-full tiny-l", ["tiny-lora", "tiny-lora-4bit", "tiny-lora-8bit"]),
        ("replicard init mine --like tiny-p", ["tiny-pairs"]),
        ("replicard plan quickstart --set training.see", ["training.seed="]),
        ("replicard plan quickstart --set base.architecture.hidden_s", ["base.architecture.hidden_size="]),
        ("replicard plan quickstart --set evaluation.mar", []),  # cannot be overridden
        ("replicard plan quickstart --set reported", []),
        ("replicard show quickstart train", ["training"]),
        ("replicard show quickstart --status as", ["assumed"]),
        ("replicard ls --verdict con", ["consistent"]),
        ("replicard ls --sort ba", ["base"]),
        ("replicard audit --static --fail-on impossible,sus", ["impossible,suspicious"]),
        ("replicard audit --format g", ["github"]),
        ("replicard render qui", ["quickstart"]),
        ("replicard render quickstart/", ["quickstart/0a1b"]),
        ("replicard render quickstart/0a1b/", ["quickstart/0a1b/seed0", "quickstart/0a1b/seed1"]),
        ("replicard render --runs elsewhere qui", []),
    ],
)
def test_a_shell_completes(line: str, choices: list[str], runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(line, monkeypatch) == choices


@pytest.mark.slow
def test_bash_itself_completes_by_the_script_it_is_given(runs: Path) -> None:
    """In a shell that has read `replicard --show-completion bash`, with a `replicard` on its path."""
    command = runs.parent / "replicard"
    command.write_text(f"#!{sys.executable}\nfrom runner.cli import main\nmain()\n")
    command.chmod(0o755)
    script = """
        eval "$(_REPLICARD_COMPLETE=source_bash replicard)"
        COMP_WORDS=(replicard plan quickstart-t); COMP_CWORD=2
        $(complete -p replicard | sed 's/.*-F \\([^ ]*\\) .*/\\1/') replicard
        echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "quickstart-topics", done.stderr


@pytest.mark.parametrize("arguments", [["ls"], ["show", "quickstart"], ["diff", "quickstart", "tiny-full"], ["--help"]])
def test_there_is_no_colour_in_a_pipe_unless_it_is_forced_and_not_denied(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert ESCAPE not in replicard(*arguments).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    if arguments != ["--help"]:  # which has no colours
        assert ESCAPE in replicard(*arguments).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in replicard(*arguments).out


def test_a_pipe_with_forced_colours_is_as_wide_as_one_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    plain = replicard("audit", "--static", "quickstart").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert re.sub(r"\x1b\[[0-9;]*m", "", replicard("audit", "--static", "quickstart").out) == plain


def test_a_table_breaks_no_word_in_a_terminal_of_80_columns() -> None:
    verdicts = ["reproduced", "not comparable", "not reported"]
    rows = [[name, "85%", "not checked", "0.9307 ± 0.0012", "0.9 to 1", "0.9 to 1", *verdicts[:1]] for name in verdicts]
    header = [
        "tickets (test, 200 rows, 3 seeds)",
        "Reported",
        "Claim check",
        "Reproduced",
        "Mean, 95%",
        "Further seed, 95%",
    ]
    found = widths([[*header, "Run verdict"], *rows], 60)
    assert sum(found) <= 60
    for width, cells in zip(found, zip([*header, "Run verdict"], *rows, strict=True), strict=True):
        assert width >= max(len(word) for cell in cells for word in cell.split())


def test_where_no_table_fits_the_longest_words_are_broken_alone() -> None:
    assert widths([["Card", "File"], ["tiny", "a" * 100]], 30) == [4, 26]
    assert widths([["Card", "File"]], 1) == [1, 1]


class Terminal(io.StringIO):
    """What says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO, monkeypatch: pytest.MonkeyPatch, every: float = 60.0) -> str:
    """What a stage of three units writes to a file."""
    monkeypatch.setattr(progress, "console", Console(file=file, highlight=False))
    monkeypatch.setattr(progress, "EVERY", every)
    with progress.stage("train", 3) as advance:
        advance(1, "loss 0.7")
        advance(3, "loss 0.5")
    return file.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal with nothing in the environment that speaks against bars."""
    for name in ("CI", "JPY_PARENT_PID", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


def test_a_terminal_has_a_bar(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3/3" in shown(terminal, monkeypatch)
    assert ESCAPE in terminal.getvalue()


@pytest.mark.parametrize("name", ["CI", "JPY_PARENT_PID"])
def test_a_log_of_ci_and_a_notebook_have_a_line_though_they_look_like_terminals(
    name: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert shown(terminal, monkeypatch).startswith("train: 0.0 s")
    assert terminal.getvalue().count("\n") == 1


def test_a_pipe_has_a_line_even_where_colours_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(io.StringIO(), monkeypatch).startswith("train: 0.0 s")


def test_a_long_stage_says_now_and_then_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(io.StringIO(), monkeypatch, every=0.0).splitlines() == [
        "train: 1 of 3, 0 s, loss 0.7",
        "train: 3 of 3, 0 s, loss 0.5",
        "train: 0.0 s",
    ]


def test_quiet_says_nothing_but_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = replicard("train", write_card(tmp_path), "--runs", tmp_path / "runs", "--quiet")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("trained ")
