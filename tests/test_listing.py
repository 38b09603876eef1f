"""`ls` lists thousands of cards at once, remembers no card wrongly, and shows what was asked for."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pty
import resource
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command import REPO, replicard
from records import finished

from registry import listing
from registry.listing import cache_file, entries, in_order, matches
from runner.plugins import load_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded

CARD = """\
schema: 1
id: NAME
base:
  tokenizer: {type: bpe, vocab_size: 320}
  architecture: {model_type: bert}
task: {type: text-classification, labels: [negative, positive]}
data: {dataset: DATASET}
readme: {license: mit, language: [en], tags: [TAG, film]}
"""


def write(name: str, dataset: str = "rows", tag: str = "plain", more: str = "") -> Path:
    """A small card in `cards/`."""
    file = Path("cards", f"{name}.yaml")
    file.parent.mkdir(exist_ok=True)
    text = CARD.replace("NAME", file.stem).replace("DATASET", dataset).replace("TAG", tag)
    file.write_text(text + more)
    return file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and nothing remembered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def counted() -> tuple[Callable[[Path], Loaded], list[str]]:
    """How to load a card, and the names of those that were."""
    names: list[str] = []

    def load(file: Path) -> Loaded:
        names.append(file.stem)
        return load_card(file)

    return load, names


# What is remembered


def test_a_card_is_loaded_once(here: Path, counted: Any) -> None:
    load, loaded = counted
    files = [write("a"), write("b")]
    first = entries(files, load, here / "memory")
    assert entries(files, load, here / "memory") == first
    assert loaded == ["a", "b"]


def test_an_entry_says_what_the_card_does(here: Path) -> None:
    ((found,), problems) = entries([REPO / "cards/imdb/jamander-project-blockbuster.yaml"], load_card)
    assert problems == []
    assert (found.id, found.base, found.task, found.dataset) == (
        "jamander-project-blockbuster", "prajjwal1/bert-tiny", "text-classification", "stanfordnlp/imdb",
    )  # fmt: skip
    assert (found.adapter, found.quantization, found.language) == ("lora", "bitsandbytes", ("en",))


def test_a_remembered_entry_is_the_one_that_was_loaded(here: Path) -> None:
    files = sorted((REPO / "cards").rglob("*.yaml"))
    assert entries(files, load_card, here / "memory") == entries(files, load_card, here / "memory")


def test_a_card_that_changed_is_loaded_again(here: Path, counted: Any) -> None:
    load, loaded = counted
    entries([write("a")], load, here / "memory")
    ((found,), _) = entries([write("a", dataset="others")], load, here / "memory")
    assert (found.dataset, loaded) == ("others", ["a", "a"])


def test_the_same_text_under_another_name_is_another_card(here: Path) -> None:
    file = write("a")
    entries([file], load_card, here / "memory")
    (found, (problem,)) = entries([file.rename("cards/b.yaml")], load_card, here / "memory")
    assert found == []
    assert "the file is 'b.yaml'" in problem.message


def test_a_source_that_changed_makes_a_remembered_card_wrong(here: Path) -> None:
    file = Path("cards/jamander-project-blockbuster.yaml")
    source = Path("cards/sources/jamander-project-blockbuster.md")
    source.parent.mkdir(parents=True)
    for copy in (file, source):
        copy.write_bytes((REPO / "cards/imdb" / copy.relative_to("cards")).read_bytes())
    assert entries([file], load_card, here / "memory")[1] == []
    source.write_text(source.read_text() + "\n")
    assert "source.sha256" in str(entries([file], load_card, here / "memory")[1][0])
    source.unlink()
    assert "no such file" in str(entries([file], load_card, here / "memory")[1][0])


def test_a_source_that_is_replaced_by_a_link_out_of_the_folder_makes_a_remembered_card_wrong(here: Path) -> None:
    file = Path("cards/jamander-project-blockbuster.yaml")
    source = Path("cards/sources/jamander-project-blockbuster.md")
    source.parent.mkdir(parents=True)
    for copy in (file, source):
        copy.write_bytes((REPO / "cards/imdb" / copy.relative_to("cards")).read_bytes())
    entries([file], load_card, here / "memory")
    source.rename("elsewhere.md")
    source.symlink_to(here / "elsewhere.md")
    assert "leads out of the card's folder" in str(entries([file], load_card, here / "memory")[1][0])


def test_a_card_with_a_problem_is_asked_again_each_time(here: Path, counted: Any) -> None:
    load, loaded = counted
    file = write("a", more="taks: {}\n")
    for _ in range(2):
        found, problems = entries([file], load, here / "memory")
        assert (found, len(problems)) == ([], 1)
    assert loaded == ["a", "a"]


def test_a_lock_that_is_written_has_its_card_loaded_again(here: Path, counted: Any) -> None:
    load, loaded = counted
    file = write("a")
    entries([file], load, here / "memory")
    file.with_suffix(".lock").write_text("{}")
    entries([file], lambda file: load_card(file) if loaded.append("again") is None else None, here / "memory")
    assert loaded == ["a", "again"]


def test_a_change_of_the_code_makes_everything_forgotten(here: Path, counted: Any) -> None:
    load, loaded = counted
    files, code = [write("a")], Path("code.py")
    for text in ("1", "1", "22"):
        if not code.exists() or code.read_text() != text:
            code.write_text(text)
        entries(files, load, here / "memory", [code])
    assert loaded == ["a", "a"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "cards": []}),
        lambda text: json.dumps({**json.loads(text), "cards": dict.fromkeys(json.loads(text)["cards"], 1)}),
        lambda text: text.replace('"rows"', "7"),
        lambda text: text.replace('["plain", "film"]', "7"),
        lambda text: text.replace('"license"', '"licence"'),
        lambda text: text.replace('"readme": null', '"readme": "\\u0000"'),
    ],
)
def test_what_is_broken_is_not_trusted(broken: Callable[[str], str], here: Path, counted: Any) -> None:
    load, loaded = counted
    files = [write("a")]
    first = entries(files, load, here / "memory")
    before = (here / "memory").read_text()
    (here / "memory").write_text(broken(before))
    assert (here / "memory").read_text() != before
    assert entries(files, load, here / "memory") == first
    assert loaded == ["a", "a"]
    assert (here / "memory").read_text() == before


@pytest.mark.parametrize("place", ["file/below", "folder"])
def test_a_place_that_cannot_be_written_is_passed_over(place: str, here: Path) -> None:
    Path("file").write_text("")
    Path("folder").mkdir()
    (found, problems) = entries([write("a")], load_card, here / place)
    assert (found[0].id, problems) == ("a", [])
    assert sorted(path.name for path in here.iterdir()) == ["cards", "file", "folder"]


def test_the_oldest_is_forgotten_first(here: Path, counted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    load, loaded = counted
    monkeypatch.setattr(listing, "MOST", 2)
    for name in ("a", "b", "c"):
        entries([write(name)], load, here / "memory")
    entries([write("c"), write("b"), write("a")], load, here / "memory")
    assert loaded == ["a", "b", "c", "a"]


def test_processes_that_write_at_once_leave_a_file_that_can_be_read(here: Path) -> None:
    code = """
import sys
from pathlib import Path
from registry.listing import entries
from runner.plugins import load_card
for _ in range(30):
    files = sorted(Path("cards").glob(f"{sys.argv[1]}*.yaml"))
    assert len(entries(files, load_card, Path("memory"))[0]) == 5
    Path("memory").unlink(missing_ok=True)
entries(files, load_card, Path("memory"))
"""
    for name in ("a", "b", "c"):
        for index in range(5):
            write(f"{name}{index}")
    processes = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("a", "b", "c")]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(json.loads(Path("memory").read_text())["cards"]) in (5, 10, 15)
    assert [path.name for path in here.iterdir() if path.name.startswith(".")] == []


def test_the_place_is_that_of_the_users_caches(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_file() == here / "cache/replicard/cards.json"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(here))
    assert cache_file() == here / ".cache/replicard/cards.json"


# What is chosen, and in which order


@pytest.mark.parametrize(
    ("patterns", "fits"),
    [
        (["BERT"], True),
        (["bert-*"], False),
        (["*BERT-*"], True),
        (["distil?ert-[a-c]ase"], True),
        (["lama", "distil"], True),
        (["lama"], False),
        ([""], True),
    ],
)
def test_a_pattern_is_a_part_or_a_glob_in_any_case(patterns: list[str], fits: bool) -> None:
    assert matches({"base": "DistilBERT-base"}, {"base": patterns}) is fits


def test_one_tag_of_several_is_enough() -> None:
    assert matches({"tags": ("a", "film")}, {"tags": ["fi*"]})
    assert not matches({"tags": ()}, {"tags": ["*"]})


def test_every_filter_must_fit() -> None:
    assert not matches({"base": "bert", "task": "x"}, {"base": ["bert"], "task": ["y"]})


def test_rows_without_a_value_come_last_either_way() -> None:
    rows = [{"id": "a", "license": "mit"}, {"id": "b", "license": None}, {"id": "c", "license": "Apache"}]
    assert [row["id"] for row in in_order(rows, "license")] == ["c", "a", "b"]
    assert [row["id"] for row in in_order(rows, "license", reverse=True)] == ["a", "c", "b"]


# The verb


def listed(*arguments: object) -> list[str]:
    """The ids that `ls` prints of the cards in the working directory."""
    answer = replicard("ls", "--json", *arguments)
    assert (answer.code, answer.err) == (0, "") or answer.out == "[]\n"
    return [row["id"] for row in json.loads(answer.out) if row["file"].startswith("cards/")]


@pytest.fixture
def three(here: Path) -> Path:
    """Three cards."""
    write("one", dataset="org/films", tag="Sentiment")
    write("two", dataset="org/news", tag="topics")
    write("three", dataset="org/films", more="adapter: {type: lora, target_modules: [query]}\n")
    return here


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], ["one", "three", "two"]),
        (["--dataset", "FILMS"], ["one", "three"]),
        (["--dataset", "org/*"], ["one", "three", "two"]),
        (["--dataset", "*news", "--dataset", "*films"], ["one", "three", "two"]),
        (["--dataset", "films", "--adapter", "full"], ["one"]),
        (["--adapter", "lora"], ["three"]),
        (["--adapter", "none", "--dataset", "films"], ["one"]),
        (["--adapter", "null", "--adapter", "lora"], ["one", "three", "two"]),
        (["--verdict", "–"], ["one", "three", "two"]),
        (["--tag", "sentiment"], ["one"]),
        (["--task", "text-*", "--base", "bert", "--tag", "film"], ["one", "three", "two"]),
        (["--verdict", "not run"], ["one", "three", "two"]),
        (["--sort", "dataset", "--reverse"], ["two", "three", "one"]),
        (["--reverse"], ["two", "three", "one"]),
        (["--sort", "adapter"], ["one", "two", "three"]),
    ],
)
def test_ls_filters_and_sorts(arguments: list[str], ids: list[str], three: Path) -> None:
    assert listed(*arguments) == ids


def test_no_match_is_said_and_no_error(three: Path) -> None:
    answer = replicard("ls", "--base", "nothing-like-it")
    assert (answer.code, answer.out, answer.line) == (0, "", "no card fits these filters; `replicard ls` lists all")
    answer = replicard("ls", "--base", "nothing-like-it", "--json")
    assert (answer.code, answer.out, answer.err) == (0, "[]\n", "")


def test_an_unknown_field_to_sort_by_is_refused_with_the_nearest(three: Path) -> None:
    answer = replicard("ls", "--sort", "datset")
    assert (answer.code, answer.line) == (2, "--sort datset  no such field; did you mean `dataset`?")


def test_the_fields_to_sort_by_are_in_the_help() -> None:
    told = " ".join(replicard("ls", "--help").out.split())
    assert "id, base, task, dataset, adapter, quantization, license, language, tags, file, verdict" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lowr", "--verdict lowr  no such verdict; did you mean `lower`?"),
        ("not runn", "--verdict not runn  no such verdict; did you mean `not run`?"),
        ("", None),
        ("un*", None),
        ("Reproduced", None),
        ("not", None),
    ],
)
def test_a_verdict_that_is_none_is_refused_with_the_nearest(text: str, said: str | None, three: Path) -> None:
    answer = replicard("ls", "--verdict", text, "--json")
    assert (answer.code, answer.err.rstrip("\n") if said else None) == (2 if said else 0, said)


def test_two_cards_of_one_id_are_listed_once_and_said(three: Path) -> None:
    Path("cards/more").mkdir()
    write("more/one")
    answer = replicard("ls", "--json")
    assert answer.code == 2
    assert [row["file"] for row in json.loads(answer.out) if row["id"] == "one"] == ["cards/one.yaml"]
    assert answer.line.startswith("cards/one.yaml  has the same id as cards/more/one.yaml; rename")


def test_the_verdict_is_that_of_the_runs(here: Path) -> None:
    Path("cards").mkdir()
    Path("cards/quickstart.yaml").write_bytes((REPO / "cards/quickstart.yaml").read_bytes())
    finished(load_card(Path("cards/quickstart.yaml")).card, Path("elsewhere"), {1: 0.2, 2: 0.21, 3: 0.19}, hub=False)
    verdict = json.loads(next(Path("elsewhere").glob("*/*/audit.json")).read_text())["verdict"]
    assert verdict == "lower"
    assert listed("--verdict", "lower", "--runs", "elsewhere") == ["quickstart"]
    assert listed("--verdict", "lower") == []


def test_cards_are_sorted_by_verdict_from_good_to_bad(three: Path) -> None:
    for name, verdict in (("one", "lower"), ("two", "reproduced"), ("three", "inconclusive")):
        run(name, "aa", 1, verdict=verdict)
    assert listed("--sort", "verdict", "--verdict", "*") == ["two", "three", "one"]


def run(card: str, run_id: str, age: int, verdict: str | None = "", complete: bool = True) -> None:
    """A run of that age in hours, with an audit where a verdict (or null) is given."""
    record = Path("runs", card, run_id, "seed1", "record.json")
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"evaluation": {} if complete else None}))
    os.utime(record, (time.time() - 3600 * age,) * 2)
    if verdict != "":
        record.parents[1].joinpath("audit.json").write_text(json.dumps({"verdict": verdict}))


def verdict_of_one() -> str:
    return next(row["verdict"] for row in json.loads(replicard("ls", "--json").out) if row["id"] == "one")


def test_the_newest_complete_run_counts(three: Path) -> None:
    run("one", "old", 3, verdict="lower")
    run("one", "new", 2, verdict="reproduced")
    run("one", "unfinished", 1, complete=False)
    assert verdict_of_one() == "reproduced"


def test_a_newer_run_that_nobody_judged_hides_an_older_verdict(three: Path) -> None:
    run("one", "old", 3, verdict="lower")
    run("one", "new", 2)
    assert verdict_of_one() == "not audited"


def test_a_run_of_a_card_that_reports_nothing_has_no_verdict(three: Path) -> None:
    run("one", "old", 3, verdict=None)
    assert verdict_of_one() == "nothing reported"


def test_an_audit_that_cannot_be_read_is_said(three: Path) -> None:
    run("one", "old", 3, verdict="lower")
    Path("runs/one/old/audit.json").write_text("{")
    assert verdict_of_one() == "unreadable"


def test_a_card_without_a_run_has_a_dash_in_the_table(three: Path) -> None:
    (line,) = [line for line in replicard("ls").out.splitlines() if line.startswith("one ")]
    assert line.split() == ["one", "bert", "full", "org/films", "–", "cards/one.yaml"]


def test_without_a_terminal_lines_are_whole_and_plain(three: Path) -> None:
    write("a" * 90, dataset="org/" + "d" * 90)
    lines = replicard("ls").out.splitlines()
    assert lines[0].split() == ["Card", "Base", "Adapter", "Dataset", "Verdict", "File"]
    assert any("d" * 90 in line and f"cards/{'a' * 90}.yaml" in line for line in lines)
    assert all(line.isprintable() and line == line.rstrip() for line in lines)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_on_a_terminal_a_card_is_a_line_that_fits(columns: int, three: Path) -> None:
    write("x" * 96, dataset="org/" + "映画" * 40)
    lines = on_a_terminal(["ls"], columns)
    assert len(lines) > 4
    assert all(len(line) + sum(ord(sign) > 0x2E80 for sign in line) <= columns for line in lines)
    shown = [line.split()[0] for line in lines]
    assert {"one", "two", "three"} <= set(shown)


def test_nothing_is_cut_on_a_wide_terminal(three: Path) -> None:
    lines = on_a_terminal(["ls"], 200)
    assert not any("…" in line for line in lines)
    assert any(line.endswith(" cards/one.yaml") for line in lines)


def test_an_id_is_not_cut_while_something_else_can_be(here: Path) -> None:
    assert any(line.startswith("jamander-project-blockbuster  ") for line in on_a_terminal(["ls"], 80))


def on_a_terminal(arguments: list[str], columns: int) -> list[str]:
    """The lines that a command prints on a terminal, without what makes them bold."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen([sys.executable, "-m", "runner.cli", *arguments], stdout=theirs, env=environment)
    os.close(theirs)
    output = b""
    while True:
        try:
            output += os.read(ours, 1 << 16)
        except OSError:  # the other end was closed
            break
    os.close(ours)
    assert process.wait() == 0
    return output.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()


# Speed: bounds ten times as wide as those of bench/many_cards.py


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with the benchmark's thousand cards."""
    spec = importlib.util.spec_from_file_location("bench_many_cards", REPO / "bench/many_cards.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    folder = tmp_path_factory.mktemp("thousand")
    bench.generate(folder / "cards", 1000)
    return folder


def command(*arguments: str) -> float:
    """Seconds of CPU that the command takes in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "runner.cli", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout != "") == (0, True), done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_thousand_cards_are_valid_and_validated_quickly(thousand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(thousand)
    assert command("validate", "cards/**/*.yaml") < 100


def test_a_thousand_cards_are_listed_quickly_from_memory(
    thousand: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(thousand)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    command("ls")
    assert command("ls") < 20


@pytest.mark.parametrize("arguments", [["--help"], ["ls"]])
def test_the_command_answers_quickly(arguments: list[str], here: Path) -> None:
    assert min(command(*arguments) for _ in range(3)) < 2


def test_cards_from_memory_need_no_parser_and_no_model_of_a_card(here: Path) -> None:
    code = """
import sys
sys.argv = ["replicard", "ls"]
from runner.cli import main
try:
    main()
finally:
    print(*sorted({"ruamel.yaml", "yaml", "registry.card", "rich"} & set(sys.modules)), file=sys.stderr)
"""
    write("one")
    command("ls")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
