"""A new card: from flags, from answers on a terminal, like another card."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command import replicard, write_reviews

from registry.card import Card
from registry.writing import WIDTH
from runner import plugins
from runner.plugins import load_card

if TYPE_CHECKING:
    from collections.abc import Callable

REPO = Path(__file__).parents[1]
SHIPPED = sorted(REPO.glob("cards/**/*.yaml"))
MUST = ("--base", "prajjwal1/bert-tiny", "--dataset", "stanfordnlp/imdb", "--labels", "negative,positive")
FILE = Path("cards/new.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(*flags: object) -> Card:
    answer = replicard("init", "new", *flags)
    assert (answer.code, answer.err) == (0, "")
    return load_card(FILE).card


def test_a_card_is_written_where_its_id_is_found() -> None:
    answer = replicard("init", "new", *MUST)
    assert answer.out.splitlines() == [
        "wrote cards/new.yaml, and cards/schema.json for editors",
        "next:  replicard validate new",
        "       replicard plan new  (needs base.architecture and data.rows in the card)",
        "       replicard reproduce new --set data.limit.train=200",
    ]
    assert replicard("validate", "new").code == 0


def test_every_flag_is_a_value_of_the_card() -> None:
    card = made(
        *MUST, "--text", "review", "--label", "stars", "--adapter", "lora", "--quantization", "8bit", "--epochs", "1.5",
        "--learning-rate", "2e-4", "--batch-size", "4", "--max-length", "64", "--license", "mit", "--language", "en,de",
        "--set", "training.seed=7",
    )  # fmt: skip
    assert (card.base.model, card.data.dataset, card.task.labels) == (MUST[1], MUST[3], ("negative", "positive"))
    assert (card.data.text, card.data.label, card.data.tokens.max_length) == ("review", "stars", 64)
    assert card.adapter is not None
    assert card.adapter.model_dump()["target_modules"] == ("query", "value")
    assert card.quantization is not None
    assert card.quantization.model_dump()["bits"] == 8
    assert (card.training.epochs, card.training.learning_rate, card.training.batch_size) == (1.5, 2e-4, 4)
    assert (card.training.seed, card.readme.license, card.readme.language) == (7, "mit", ("en", "de"))


def test_the_second_text_of_a_pair_is_a_flag() -> None:
    assert made(*MUST, "--text-pair", "hypothesis").data.text_pair == "hypothesis"


@pytest.mark.parametrize("name", plugins.names("adapters"))
def test_every_adapter_makes_a_valid_card_or_says_what_it_needs(name: str) -> None:
    answer = replicard("init", "new", *MUST, "--adapter", name)
    if answer.code:
        assert answer.code == 2
        fields = re.findall(r"add --set '(.+?)=\[…\]'", answer.err)
        sets = [word for field in fields for word in ("--set", f"{field}=[query]")]
        answer = replicard("init", "new", *MUST, "--adapter", name, *sets)
    assert answer.code == 0, answer.err
    adapter = load_card(FILE).card.adapter
    assert adapter is not None
    assert adapter.type == name


def test_what_is_missing_is_said_at_once() -> None:
    answer = replicard("init", "--epochs", 3, "--base", "")
    assert answer.code == 2
    assert [line.partition(";")[0] for line in answer.err.splitlines()] == [
        "ID is missing: the name of the new card",
        "--base  missing: base model, a Hub id or a folder",
        "--dataset  missing: dataset, a Hub id or a folder",
        "--labels  missing: labels, in the order of their numbers",
    ]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--epochs", "abc"], "--epochs abc  should be a valid number, not 'abc'"),
        (["--epochs", "0"], "--epochs 0  should be greater than 0, not 0"),
        (["--labels", "one"], "--labels one  should have at least 2 items, not [one]"),
        (["--adapter", "lorra"], "--adapter lorra  'lorra' is not known here; did you mean `lora`?"),
        (["--quantization", "4bit"], "--quantization 4bit  without `adapter`: quantized weights cannot be trained"),
        (["--license", "mitt"], "--license mitt  "),
        (["--set", "training.epoch=3"], "training.epoch: unknown key; did you mean `epochs`?"),
        (["--set", "training"], "--set training  write path=value"),
    ],
)
def test_a_wrong_flag_is_refused_by_the_card_s_own_rule(flags: list[str], said: str) -> None:
    answer = replicard("init", "new", *MUST, *flags)
    assert answer.code == 2
    assert answer.line.startswith(said)
    assert not FILE.exists()


def test_wrong_flags_are_said_together() -> None:
    answer = replicard("init", "new", *MUST, "--epochs", 0, "--batch-size", "x")
    assert [line.split("  ")[0] for line in answer.err.splitlines()] == ["--batch-size x", "--epochs 0"]


def test_a_card_that_is_there_is_written_over_only_by_force(here: Path) -> None:
    made(*MUST)
    before = FILE.read_bytes()
    answer = replicard("init", "new", *MUST, "--epochs", 9)
    assert (answer.code, FILE.read_bytes()) == (2, before)
    assert answer.line == "cards/new.yaml  is there; --force writes over it, or choose another name"
    assert made(*MUST, "--epochs", 9, "--force").training.epochs == 9


def test_a_dry_run_prints_the_card_and_writes_nothing(here: Path) -> None:
    answer = replicard("init", "new", *MUST, "--dry-run")
    assert answer.out.startswith("# yaml-language-server: $schema=schema.json\n# replicard reproduce new\nschema: 1 ")
    assert list(here.iterdir()) == []


def test_the_schema_is_written_once_and_named_from_the_card(here: Path) -> None:
    made(*MUST)
    schema = json.loads(Path("cards/schema.json").read_text())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    replicard("init", "deep", *MUST, "-o", "cards/deeper/deep.yaml")
    assert Path("cards/deeper/deep.yaml").read_text().startswith("# yaml-language-server: $schema=../schema.json\n")
    assert sorted(here.rglob("schema.json")) == [here / "cards/schema.json"]


def test_an_output_outside_of_cards_is_named_by_its_path() -> None:
    answer = replicard("init", *MUST, "-o", "some/new.yaml")
    assert "next:  replicard validate some/new.yaml" in answer.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "-o", "old.yaml"), "--output old.yaml  cards are found by file name; name it new.yaml"),
        (("new", "-o", "new.json"), "--output new.json  a card is a .yaml file"),
        (("../up",), "../up  use letters, digits, `.`, `_` and `-`"),
        (("new", "-o", "file/new.yaml"), "file/new.yaml  cannot be written: "),
        (("a b",), "a b  use letters, digits, `.`, `_` and `-`"),
    ],
)
def test_a_place_where_no_card_can_be_is_refused(arguments: tuple[str, ...], said: str, here: Path) -> None:
    (here / "file").touch()
    answer = replicard("init", *MUST, *arguments)
    assert answer.code == 2
    assert answer.line.startswith(said)


def test_a_written_card_is_commented_by_the_spec_and_keeps_to_the_width() -> None:
    made(*MUST, "--adapter", "lora")
    lines = FILE.read_text().splitlines()
    training = Card.model_fields["training"].annotation
    described = training.model_fields["epochs"].description.rstrip(".")  # type: ignore[union-attr]
    assert next(line for line in lines if line.startswith("  epochs:")).endswith(f"# {described}")
    assert max(map(len, lines)) <= WIDTH


def test_what_planning_needs_waits_in_comments_that_state_no_facts_of_another_model() -> None:
    made(*MUST)
    text = FILE.read_text()
    waiting = re.findall(r"^  # (?:architecture|rows): .*$", text, flags=re.MULTILINE)
    assert len(waiting) == 2
    assert not re.search(r"[0-9]", "".join(waiting))


def test_what_waits_in_comments_is_valid_once_it_is_filled_in_and_uncommented() -> None:
    made(*MUST)
    text = FILE.read_text()
    for key, facts in (
        ("architecture", "{model_type: bert, hidden_size: 384}"), ("rows", "{train: 9, test: 8}"), ("license", None),
    ):  # fmt: skip
        line = rf"  \1{facts}\3" if facts else r"  \1\2\3"
        text, count = re.subn(rf"^  # ({key}: )(\{{.*?\}}|\S+)(.*)$", line, text, flags=re.MULTILINE)
        assert count == 1
    FILE.write_text(text)
    card = load_card(FILE).card
    assert card.base.architecture is not None
    assert card.data.rows is not None
    assert card.readme.license == "apache-2.0"


# What local folders tell


def test_a_local_dataset_is_counted_and_named_from_the_card(here: Path) -> None:
    write_reviews(here / "reviews")
    data = made(*MUST[:2], *MUST[4:], "--dataset", "reviews").data
    assert data.dataset == "../reviews"
    assert data.rows is not None
    assert (data.rows.train, data.rows.test) == (200, 80)


def write_table(kind: str, folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    import pandas

    folder.mkdir(exist_ok=True)
    table = pandas.DataFrame(rows)
    if kind == "csv":
        table.to_csv(folder / f"{name}.csv", index=False)
    elif kind == "parquet":
        table.to_parquet(folder / f"{name}-00000-of-00001.parquet")
    else:
        table.to_json(folder / f"{name}.jsonl", orient="records", lines=True)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_columns_labels_and_splits_are_read_from_files(kind: str, here: Path) -> None:
    rows: list[dict[str, object]] = [
        {"review": f"a, b\n{i}", "stars": ("bad", "fair", "good")[i % 3]} for i in range(30)
    ]
    write_table(kind, here / "rows", "train", rows)
    write_table(kind, here / "rows", "validation", rows[:9])
    answer = replicard("init", "new", "--base", "a/b", "--dataset", "rows", "--label", "stars")
    assert answer.code == 0, answer.err
    card = load_card(FILE).card
    assert (card.data.text, card.task.labels) == ("review", ("bad", "fair", "good"))
    assert card.data.rows is not None
    assert (card.data.rows.train, card.data.rows.validation) == (30, 9)
    assert card.data.taken == {"train": "train", "test": "validation"}


def test_rows_without_a_test_split_are_divided(here: Path) -> None:
    write_reviews(here / "reviews")
    (here / "reviews/test.jsonl").unlink()
    data = made(*MUST[:2], *MUST[4:], "--dataset", "reviews").data
    assert data.taken == {"train": "train"}
    assert data.split is not None
    assert (data.split.test, data.split.stratify) == (0.2, True)


def test_a_local_base_tells_its_architecture(here: Path, base_repo: Callable[..., Path]) -> None:
    base_repo("llama")
    write_reviews(here / "reviews")
    card = made(*MUST[4:], "--base", "base", "--dataset", "reviews", "--adapter", "lora")
    assert card.base.model == "../base"
    assert card.base.architecture is not None
    assert (card.base.architecture.model_type, card.base.architecture.hidden_size) == ("llama", 16)  # type: ignore[union-attr]
    assert (card.base.pad_token, card.data.tokens.max_length) == ("eos", 64)
    assert card.adapter is not None
    assert card.adapter.model_dump()["target_modules"] == ("q_proj", "v_proj")


def test_what_a_local_base_and_dataset_tell_is_enough_to_plan(here: Path, base_repo: Callable[..., Path]) -> None:
    base_repo("bert")
    write_reviews(here / "reviews")
    answer = replicard("init", "new", "--base", "./base", "--dataset", "reviews")
    assert "       replicard plan new\n" in answer.out
    assert replicard("plan", "new").code == 0


def test_a_folder_that_is_not_there_is_a_warning(here: Path) -> None:
    answer = replicard("init", "new", *MUST[:2], *MUST[4:], "--dataset", "./none")
    assert answer.code == 0
    assert answer.line == "warning: data.dataset: no folder './none' here; put it there before the run"


def test_a_name_below_a_folder_that_is_there_is_a_warning(here: Path) -> None:
    write_reviews(here / "data/reviews")
    answer = replicard("init", "new", *MUST[:2], *MUST[4:], "--dataset", "data/review")
    assert answer.code == 0
    assert answer.line == (
        "warning: data.dataset: no folder 'data/review' here, though there is 'data', so it is a repo of the Hub; "
        "write ./data/review if not"
    )
    assert replicard("init", "new", *MUST[:2], *MUST[4:], "--dataset", "data/reviews", "--force").err == ""


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--text", "texts"], "data.text: ../rows has no column 'texts'; did you mean `text`?"),
        (["--label", "stars"], "data.label: ../rows has no column 'stars'; one of: label, text"),
        (["--set", "data.take.test=validation"], "data.take.test: ../rows has no split 'validation'; one of: t"),
    ],
)
def test_a_column_or_a_split_that_the_rows_do_not_have_is_a_warning(flags: list[str], said: str, here: Path) -> None:
    write_reviews(here / "rows")
    answer = replicard("init", "new", *MUST[:2], *MUST[4:], "--dataset", "rows", *flags)
    assert answer.code == 0
    assert answer.line.startswith(f"warning: {said}")


def test_the_only_column_of_a_few_words_is_the_label(here: Path) -> None:
    rows: list[dict[str, object]] = [{"review": f"a film {i}", "stars": ("bad", "good")[i % 2]} for i in range(12)]
    write_table("jsonl", here / "rows", "train", rows)
    card = made("--base", "org/base", "--dataset", "rows")
    assert (card.data.text, card.data.label, card.task.labels) == ("review", "stars", ("bad", "good"))


# Like another card


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_copy_of_a_shipped_card_is_valid_and_makes_no_claims(file: Path) -> None:
    new, old = made("--like", file), load_card(file).card
    assert (new.source, new.claims, new.stated, new.derived, new.assumed) == (None, (), {}, {}, {})
    assert (new.underspecified, new.readme.authors, new.hardware.hours) == ((), (), None)
    assert (new.training, new.task, new.adapter, new.evaluation) == (
        old.training,
        old.task,
        old.adapter,
        old.evaluation,
    )
    assert replicard("validate", "new").code == 0


def test_a_copy_leads_to_the_same_folder() -> None:
    card = made("--like", "quickstart")
    assert (FILE.parent / card.data.dataset).resolve() == REPO / "cards/data/reviews"


def test_a_copy_says_what_it_leaves_out_and_what_is_still_the_other_s() -> None:
    answer = replicard("init", "new", "--like", "jamander-project-blockbuster")
    (line,) = (line for line in answer.out.splitlines() if line.startswith("like "))
    assert line == (
        "like jamander-project-blockbuster: without its source, reported, stated, derived, assumed, "
        "underspecified, readme.authors; "
        "readme and hardware still say what jamander-project-blockbuster says; edit them"
    )


@pytest.fixture
def installed(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cards of a replicard that is installed elsewhere: one card and its rows."""
    from registry import finding

    cards = here / "site-packages/registry/cards"
    write_reviews(cards / "data/reviews")
    shutil.copy(REPO / "cards/quickstart.yaml", cards)
    monkeypatch.setattr(finding, "__file__", str(cards.parent / "finding.py"))
    (here / "mine").mkdir()
    monkeypatch.chdir(here / "mine")
    return cards


def test_a_copy_of_an_installed_card_has_its_rows_beside_it(installed: Path) -> None:
    answer = replicard("init", "new", "--like", "quickstart")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("wrote cards/data/reviews, a copy of the rows that came with quickstart\n")
    assert load_card(FILE).card.data.dataset == "data/reviews"
    for file in (installed / "data/reviews").iterdir():
        assert Path("cards/data/reviews", file.name).read_bytes() == file.read_bytes()
    assert sorted(path.name for path in Path("cards/data").iterdir()) == ["reviews"]
    again = replicard("init", "other", "--like", "quickstart")
    assert (again.code, "a copy of the rows" in again.out) == (0, False)


def test_rows_are_not_copied_over_others(installed: Path) -> None:
    write_reviews(Path("cards/data/reviews").absolute())
    Path("cards/data/reviews/train.jsonl").write_text("{}\n")
    answer = replicard("init", "new", "--like", "quickstart")
    assert answer.code == 2
    assert "cards/data/reviews  is there and is not " in answer.line
    assert Path("cards/data/reviews/train.jsonl").read_text() == "{}\n"
    assert not FILE.exists()


def test_a_copy_of_an_installed_card_on_other_rows_copies_none(installed: Path) -> None:
    assert replicard("init", "new", "--like", "quickstart", "--dataset", "org/rows").code == 0
    assert load_card(FILE).card.data.dataset == "org/rows"
    assert not Path("cards/data").exists()


def test_a_dry_run_copies_no_rows(installed: Path) -> None:
    answer = replicard("init", "new", "--like", "quickstart", "--dry-run")
    assert (answer.code, answer.err) == (0, "")
    assert "dataset: data/reviews" in answer.out
    assert list(Path().iterdir()) == []


def test_a_copy_keeps_its_comments() -> None:
    made("--like", "jamander-project-blockbuster")
    assert "  allow_pickle: true                          # this base ships no safetensors\n" in FILE.read_text()


def test_a_copy_leaves_out_the_comments_of_the_other_s_claims() -> None:
    made("--like", "quickstart")
    text = FILE.read_text()
    assert "# replicard reproduce new\n" in text
    assert "quickstart" not in text
    assert "Measured" not in text


def test_a_card_in_json_can_be_copied(here: Path) -> None:
    card = load_card(REPO / "cards/quickstart.yaml").card
    raw = {**card.model_dump(mode="json", by_alias=True), "id": "old"}
    (here / "old.yaml").write_text(json.dumps(raw, indent=2))
    assert made("--like", "old.yaml", "--epochs", 7).training.epochs == 7


def test_flags_change_the_copy_and_what_hangs_on_them(here: Path) -> None:
    write_reviews(here / "reviews")
    card = made(
        "--like", "quickstart", "--dataset", "reviews", "--labels", "bad,good", "--epochs", "1", "--license", "mit"
    )
    assert (card.data.dataset, card.training.epochs, card.readme.license) == ("../reviews", 1, "mit")
    assert card.data.rows is not None
    assert card.data.rows.train == 200
    assert (card.task.labels, card.examples) == (("bad", "good"), ())


def test_another_base_takes_the_facts_of_the_old_one_away() -> None:
    card = made("--like", "jamander-project-blockbuster", "--base", "namespace/other")
    assert (card.base.model, card.base.architecture, card.base.allow_pickle) == ("namespace/other", None, False)


def test_a_value_that_the_copy_cannot_have_is_refused() -> None:
    answer = replicard("init", "new", "--like", "quickstart", "--max-length", "4096")
    assert answer.code == 2
    assert answer.line.startswith("--max-length 4096  ")


# On a terminal


def _take_the_terminal() -> None:
    """Make standard input the terminal that keys interrupt; in the background of a shell, interrupts are ignored."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A `replicard` of its own on a pseudo-terminal."""

    def __init__(self, *arguments: str):
        self.main, side = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runner.cli", *arguments],
            stdin=side, stdout=side, stderr=side, env={**os.environ, "TERM": "dumb"},
            preexec_fn=_take_the_terminal,  # noqa: PLW1509
        )  # fmt: skip
        os.close(side)

    def read(self, until: str = "", seconds: float = 120) -> str:
        """What is printed from now on, up to a text, or to the end."""
        seen, end = "", time.monotonic() + seconds
        while not (until and until in seen) and time.monotonic() < end:
            if not select.select([self.main], [], [], 0.2)[0]:
                continue
            try:
                seen += os.read(self.main, 4096).decode()
            except OSError:  # the other side is closed
                break
        assert until in seen, seen
        return seen.replace("\r\n", "\n")

    def answer(self, question: str, text: str) -> str:
        """Wait for a question and answer it; returns what stood before it."""
        seen = self.read(question)
        os.write(self.main, f"{text}\n".encode())
        return seen

    def leave(self) -> int:
        code = self.process.wait(60)
        os.close(self.main)
        return code


def test_a_terminal_is_asked_for_what_is_missing_and_again_where_it_is_wrong(here: Path) -> None:
    write_reviews(here / "reviews")
    shutil.copy(REPO / "cards/quickstart.yaml", here)  # any file: the answers are checked, not the folder
    asked = Terminal("init", "--epochs", "2", "--license", "mit", "--language", "en")
    asked.answer("Name of the card: ", "my card")
    assert "use letters, digits" in asked.answer("Name of the card: ", "new")
    asked.answer("Base model", "")
    assert "an answer is needed" in asked.answer("Base model", "prajjwal1/bert-tiny")
    asked.answer("Dataset", "reviews")
    asked.answer("Labels", "one")
    assert "should have at least 2 items" in asked.answer("Labels", "negative,positive")
    asked.answer("Column of the text [text]", "")
    asked.answer("Column of the label [label]", "")
    asked.answer("Adapter (none, ", "lorra")
    assert "did you mean `lora`?" in asked.answer("Adapter (none, ", "lora")
    asked.answer("Quantization of the frozen base (none, 4bit, 8bit, ", "")
    asked.answer("Learning rate [5e-5]", "fast")
    assert "should be a valid number, not 'fast'" in asked.answer("Learning rate [5e-5]", "1e-3")
    asked.answer("Batch size", "16")
    asked.answer("Longest text, in tokens [512]", "")
    assert "wrote cards/new.yaml" in asked.read()
    assert asked.leave() == 0
    card = load_card(FILE).card
    assert card.adapter is not None
    assert (card.adapter.type, card.quantization) == ("lora", None)
    assert (card.training.epochs, card.training.learning_rate, card.training.batch_size) == (2, 1e-3, 16)


def test_a_question_can_be_left_with_nothing_written(here: Path) -> None:
    asked = Terminal("init", "new")
    asked.read("Base model")
    # Python's `input` does not see an interrupt that comes as it begins to wait: one is pressed again.
    while asked.process.poll() is None:
        os.write(asked.main, b"\x03")
        time.sleep(0.2)
    # A second one while Python ends is not caught, and a shell tells both alike.
    assert asked.leave() in (130, -signal.SIGINT)
    assert list(here.iterdir()) == []
