"""A card that is hostile, or spoilt at random, is refused in located lines: never a traceback, never a long wait.

`REPLICARD_FUZZ=20000 pytest --hypothesis-profile=search tests/test_fuzz.py` tries so many others instead of
a few hundred.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import replicard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timing import takes_less_than, timed

from registry.errors import ReplicardError
from runner.plugins import load_card

if TYPE_CHECKING:
    from collections.abc import Callable

CARDS = Path(__file__).parents[1] / "cards"
TEXTS = {file.stem: file.read_text() for file in sorted(CARDS.rglob("*.yaml"))}
EXAMPLES = int(os.environ.get("REPLICARD_FUZZ", "400"))

VALUES = [
    "", "~", "null", "[]", "{}", "[[]]", "[null]", "{a: }", "{a: {a: {a: {}}}}", "{type: lora}", "{type: [x]}",
    "[1, [2, [3]]]",
    "-1", "0", "1", "2", "1.5", "1e999", "1e-999", "-0.0", ".nan", ".inf", "9" * 20, "9" * 5000, "0x1F", "1_000",
    "2020-01-01",
    "true", "no", "''", "' '", '"\\ud83d"', '"\\0"', '"\\x9b"', "'", '"', "!!python/object:os.system x", "! 1",
    "&a x", "*a", ">-",
    "|", "? x", "- x", "x: y", "\u202e", "😀", "é" * 50, "x" * 300, "[" * 60, "{a: " * 60, "../../../etc/passwd",
    "/dev/zero", "/",
    ".", "..", "sources", "{{x}}", "${HOME}", "%s", "hf_" + "aB3" * 12, "85%", "e.g., 89%", "1/0", "bert", "llama",
    "lora", "text",
    "5e-5", "[train, train]", "[a, a]", "[1, 1]", "{train: 1}", "{words: [3, 2]}", "{metric: f1}",
    "[{metric: f1}]", "{name: }",
]  # fmt: skip
"""What a value is replaced by."""

PIECES = [
    *"[]{}&*!|>'\"%@`#,:?-~=<\\\n\t 0a.\r\x00\x07\x85\u2028\ufeff\ud7ff",
    "😀",
    "\n  ",
    "\n- ",
    ": ",
    "- ",
    "<<: ",
    "---\n",
]
"""What is written somewhere."""

POSITION = st.floats(0, 1, exclude_max=True)
CHANGES = st.one_of(
    st.tuples(st.sampled_from(["drop", "double", "indent", "dedent", "cut", "empty"]), POSITION, st.none()),
    st.tuples(st.just("swap"), POSITION, POSITION),
    st.tuples(st.just("move"), POSITION, POSITION),
    st.tuples(st.sampled_from(["value", "item", "line"]), POSITION, st.sampled_from(VALUES)),
    st.tuples(st.sampled_from(["insert", "replace"]), POSITION, st.sampled_from(PIECES)),
    st.tuples(st.just("insert"), POSITION, st.characters(exclude_categories=["Cs"])),
)


def spoilt(text: str, change: tuple[str, float, object]) -> str:
    """The text with one change."""
    kind, position, given = change
    lines = text.split("\n")
    at = int(position * len(lines))
    offset = int(position * len(text))
    match kind, given:
        case "drop", _:
            del lines[at]
        case "double", _:
            lines.insert(at, lines[at])
        case "indent", _:
            lines[at] = f"  {lines[at]}"
        case "dedent", _:
            lines[at] = lines[at][1:]
        case "empty", _:
            lines[at] = lines[at].split(":")[0] + ":"
        case "line", str(value):
            lines.insert(at, value)
        case "swap" | "move", float(other):
            to = int(other * len(lines))
            if kind == "swap":
                lines[at], lines[to] = lines[to], lines[at]
            else:
                lines.insert(to, lines.pop(at))
        case "value", str(value):
            lines[at] = re.sub(r": .*$", lambda _: f": {value}", lines[at])
        case "item", str(value):
            lines[at] = re.sub(r"(?<=: )[^,{}\[\]]+(?=[,}\]])", lambda _: value, lines[at], count=1)
        case "cut", _:
            return text[:offset]
        case "insert", str(piece):
            return text[:offset] + piece + text[offset:]
        case "replace", str(piece):
            return text[:offset] + piece + text[offset + 1 :]
        case _:
            raise AssertionError(kind)
    return "\n".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where spoilt cards are written, beside the sources that they quote."""
    folder = tmp_path_factory.mktemp("spoilt")
    for sources in CARDS.rglob("sources"):
        shutil.copytree(sources, folder / "sources", dirs_exist_ok=True)
    return folder


def check(file: Path, overrides: tuple[str, ...] = ()) -> None:
    """The card loads or is refused, quickly and in located lines."""

    def load() -> None:
        try:
            load_card(file, overrides)
        except ReplicardError as error:
            assert error.problems
            for problem in error.problems:
                assert problem.message
                assert len(str(problem).splitlines()) == 1
                assert problem.where.startswith((str(file), "--set"))

    assert takes_less_than(3, load)


ENDURING = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@given(st.sampled_from(sorted(TEXTS)), st.lists(CHANGES, min_size=1, max_size=6))
@ENDURING
def test_a_spoilt_card_loads_or_is_refused_in_located_lines(folder: Path, name: str, changes: list[tuple]) -> None:
    text = TEXTS[name]
    for change in changes:
        text = spoilt(text, change) or "\n"
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    check(file)


PATHS = [
    "base", "base.model", "base.tokenizer", "base.tokenizer.type", "base.architecture",
    "base.architecture.model_type",
    "base.architecture.hidden_size", "task", "task.type", "task.labels", "data", "data.dataset", "data.take",
    "data.take.train",
    "data.rows.train", "data.split", "data.split.test", "data.limit.train", "data.limit.train.x",
    "data.tokens.max_length",
    "adapter", "adapter.type", "adapter.r", "adapter.target_modules", "quantization", "quantization.bits", "training",
    "training.epochs", "training.adam_betas", "training.seed", "training.nothing", "evaluation.metrics",
    "evaluation.slices",
    "evaluation.slices.words", "evaluation.margin", "reported", "id", "", ".", "..", "a.b.c", "training.", "x" * 300,
]  # fmt: skip


@given(st.sampled_from(sorted(TEXTS)), st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(VALUES)), max_size=4))
@ENDURING
def test_any_override_is_taken_or_refused_in_located_lines(
    folder: Path, name: str, overrides: list[tuple[str, str]]
) -> None:
    file = folder / f"{name}.yaml"
    file.write_text(TEXTS[name], encoding="utf-8")
    check(file, tuple(f"{path}={value}" for path, value in overrides))


SOURCE = """\
schema: 1
id: x
source: {readme: %s, sha256: 97a2c1e33241c8dad47b1728d7b96ab4867e945b1a4853fb1af7b9c54ad4f116}
base: {model: bert}
task: {type: text-classification, labels: [a, b]}
data: {dataset: rows}
"""


def bomb(file: Path) -> None:
    laughs = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
    file.write_text(f"a0: &a0 [x, x]\n{laughs}")


def hundred_megabytes(file: Path) -> None:
    with file.open("wb") as target:
        target.truncate(100_000_000)


def no_utf8(file: Path) -> None:
    file.write_bytes(b"schema: 1\n# \xe9" + b"\xff" * 90_000)


def deep(file: Path) -> None:
    file.write_text("[" * 99_000)


def circle(file: Path) -> None:
    file.symlink_to(file.name)


def dots(file: Path) -> None:
    file.write_text(SOURCE % "../../../etc/passwd")


def absolute(file: Path) -> None:
    file.write_text(SOURCE % "/etc/passwd")


def linked_out(file: Path) -> None:
    (file.parent / "out.md").symlink_to("/etc/passwd")
    file.write_text(SOURCE % "out.md")


def circle_of_sources(file: Path) -> None:
    (file.parent / "a.md").symlink_to("b.md")
    (file.parent / "b.md").symlink_to("a.md")
    file.write_text(SOURCE % "a.md")


def huge_source(file: Path) -> None:
    hundred_megabytes(file.parent / "a.md")
    file.write_text(SOURCE % "a.md")


def device_as_source(file: Path) -> None:
    (file.parent / "a.md").symlink_to("/dev/zero")
    file.write_text(SOURCE % "a.md")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (bomb, "anchors and aliases are refused"),
        (hundred_megabytes, "larger than 100,000 bytes"),
        (no_utf8, "x.yaml:2:3  not UTF-8"),
        (deep, "nested too deeply"),
        (circle, "Too many levels of symbolic links"),
        (dots, "x.yaml:3:10  source.readme: leads out of the card's folder"),
        (absolute, "x.yaml:3:10  source.readme: leads out of the card's folder"),
        (linked_out, "x.yaml:3:10  source.readme: leads out of the card's folder"),
        (circle_of_sources, "x.yaml:3:10  source.readme: cannot be read"),
        (huge_source, "x.yaml:3:"),
        (device_as_source, "x.yaml:3:10  source.readme: leads out of the card's folder"),
    ],
)
@pytest.mark.parametrize("verb", ["validate", "show"])
def test_a_hostile_file_is_refused_quickly(make: Callable[[Path], None], said: str, verb: str, tmp_path: Path) -> None:
    make(tmp_path / "x.yaml")
    seconds, answer = timed(lambda: replicard(verb, tmp_path / "x.yaml"))
    assert seconds < 10  # a second where nothing else runs
    assert answer.code == 2
    assert said in answer.err
    assert all(line.startswith(str(tmp_path / "x.yaml")) for line in answer.err.splitlines())
