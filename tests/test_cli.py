"""The command: what each verb prints, where, and the code it ends with."""

from __future__ import annotations

import json
import math
import os
import pty
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from statistics import fmean, stdev
from unittest import mock

import pytest
from command import CARD, Answer, records, replicard, write_card

from runner.cli import VERBS


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a card, its dataset and a finished run in `runs/`."""
    folder = tmp_path_factory.mktemp("trained")
    answer = replicard("reproduce", write_card(folder), "--runs", folder / "runs", "--quiet")
    assert answer.code == 0, answer.err
    return folder


# Help and usage


def test_help_lists_every_verb() -> None:
    answer = replicard("--help")
    assert answer.code == 0
    assert set(VERBS) <= set(answer.out.split())


def test_the_summary_of_every_verb_is_whole() -> None:
    lines = replicard("--help").out.partition("Commands:")[2].strip().splitlines()
    assert [line.split()[0] for line in lines] == list(VERBS)
    for line in lines:
        assert line.endswith("."), line
        assert not line.endswith("..."), line


def test_the_version_is_the_installed_one() -> None:
    answer = replicard("--version")
    assert (answer.code, answer.out) == (0, f"replicard {metadata.version('replicard')}\n")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_of_its_own(verb: str) -> None:
    answer = replicard(verb, "--help")
    assert answer.code == 0
    assert f"replicard {verb}" in answer.out


def test_without_a_verb_the_help_is_shown_and_the_code_says_that_nothing_was_done() -> None:
    answer = replicard()
    assert answer.code == 2
    assert "reproduce" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["validate", "quickstart", "--nope"], "No such option: --nope"),
        (["reproduce"], "Missing argument 'CARD…'"),
        (["reproduce", "quickstart", "--runs"], "'--runs' requires an argument"),
    ],
)
def test_wrong_usage_is_one_line_and_2(arguments: list[str], said: str) -> None:
    answer = replicard(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.line


# Cards


def test_a_missing_card_is_refused_with_the_name_that_was_meant() -> None:
    answer = replicard("validate", "quikstart")
    assert (answer.code, answer.line) == (2, "no card 'quikstart'; did you mean `quickstart`?")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("somewhere/else.yaml", "somewhere/else.yaml  no such file; "),
        ("", "no card ''; "),
        (".", ".  a folder; "),
        ("/dev/null", "/dev/null  no card: "),
        ("no*such", "no card 'no*such'; "),
    ],
)
@pytest.mark.parametrize("verb", ["validate", "show", "plan", "reproduce", "train", "evaluate"])
def test_what_is_no_card_is_refused_by_every_verb(verb: str, name: str, said: str) -> None:
    answer = replicard(verb, name)
    assert (answer.code, answer.out) == (2, "")
    assert answer.line.startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("task: {type", "task: {{type", r"tiny.yaml:12:8  task: a key must be a word"),
        ("positive]", "positive", r"tiny.yaml:\d+:\d+  not YAML"),
        ("schema: 1", "schema: 1\nschema: 1", r"tiny.yaml:2:1  schema: given twice"),
        ("{epochs: 2", "{epoch: 2", r"tiny.yaml:17:12  training.epoch: unknown key; did you mean `epochs`\?"),
        ("{epochs: 2", "{epochs: many", r"tiny.yaml:17:12  training.epochs: should be a valid number, not 'many'"),
        ("  dataset: reviews\n", "", r"tiny.yaml:13:1  data.dataset: missing"),
        ("[accuracy]", "[acuracy]", r"evaluation.metrics\[0\]: no metric 'acuracy'; did you mean `accuracy`\?"),
        ("id: tiny", "id: other", r"tiny.yaml:2:1  id: is 'other', but the file is 'tiny.yaml'"),
    ],
)
def test_a_bad_card_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "tiny.yaml"
    assert old in CARD
    file.write_text(CARD.replace(old, new, 1))
    answer = replicard("reproduce", file, "--runs", tmp_path / "runs")
    assert (answer.code, answer.out) == (2, "")
    assert re.search(said, answer.line)
    assert not (tmp_path / "runs").exists()


def test_all_that_is_wrong_with_several_cards_is_said_at_once(tmp_path: Path) -> None:
    one = write_card(tmp_path, "{epochs: 2", "{epoch: 2", name="one")
    two = write_card(tmp_path, "[accuracy]", "[nothing]", name="two")
    answer = replicard("validate", one, two, "quickstart")
    assert answer.code == 2
    *lines, total = answer.err.splitlines()
    errors = [line for line in lines if "  warning: " not in line]
    assert total.startswith("2 of 3 cards are wrong: 2 errors")
    assert [Path(line.partition(":")[0]).name for line in errors] == ["one.yaml", "two.yaml"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("training.epoch=3", "training.epoch: unknown key; did you mean `epochs`?"),
        ("trainin.epochs=3", "trainin: unknown key; did you mean `training`?"),
        ("training.epochs.more=3", "training.epochs.more: `epochs` is a value, not a section"),
        ("training.epochs=none of it", "training.epochs: should be a valid number, not 'none of it'"),
        ("training.epochs", "write path=value, for example training.seed=1"),
        ("training.epochs=[1", "not YAML"),
    ],
)
def test_an_override_that_cannot_be_is_refused_and_named(given: str, said: str) -> None:
    answer = replicard("validate", "quickstart", "--set", given)
    assert (answer.code, answer.out) == (2, "")
    assert answer.line.startswith(f"--set {given}")
    assert said in answer.line


def test_an_override_is_a_deviation_in_plan_and_record(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    assert replicard("reproduce", card, "--set", "training.epochs=1", "--runs", tmp_path / "runs", "-q").code == 0
    (record,) = records(tmp_path / "runs")
    (deviation,) = record["deviations"]
    assert (deviation["field"], deviation["declared"], deviation["actual"]) == ("training.epochs", "2", "1")


def test_a_verb_for_one_card_refuses_a_glob_that_means_two() -> None:
    answer = replicard("show", "quickstart*")
    assert answer.code == 2
    assert "means 2 cards; name one: quickstart, quickstart-topics" in answer.line


def test_a_card_with_spaces_in_its_path_is_found_in_the_cards_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_card(tmp_path / "my work" / "cards" / "some topic")
    monkeypatch.chdir(tmp_path / "my work")
    assert replicard("validate", "tiny").out.startswith("1 card is valid")
    files = {row["id"]: row["file"] for row in json.loads(replicard("ls", "--json").out)}
    assert files["tiny"] == "cards/some topic/tiny.yaml"


def test_a_card_named_twice_is_one_card(trained: Path) -> None:
    card = trained / "tiny.yaml"
    answer = replicard("reproduce", card, card, "--runs", trained / "runs", "-q")
    assert answer.code == 0
    assert answer.out.count("\nREADME ") == 1


# What is read by programs


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "--json"],
        ["show", "quickstart", "--json"],
        ["plan", "quickstart", "--json"],
        ["audit", "tiny", "--json", "--runs", "RUNS"],
        ["reproduce", "CARD", "--json", "--runs", "RUNS"],
    ],
)
def test_json_is_all_that_stands_on_standard_output(trained: Path, arguments: list[str]) -> None:
    places = {"RUNS": trained / "runs", "CARD": trained / "tiny.yaml"}
    answer = replicard(*(places.get(argument, argument) for argument in arguments))
    assert answer.code == 0
    assert json.loads(answer.out)


def test_the_json_of_several_cards_is_one_list(trained: Path, tmp_path: Path) -> None:
    other = write_card(tmp_path, "seed: 1", "seed: 2", name="other")
    answer = replicard("reproduce", trained / "tiny.yaml", other, "--json", "--runs", trained / "runs", "-q")
    assert [entry["audit"]["card_id"] for entry in json.loads(answer.out)] == ["tiny", "other"]


def test_ls_still_lists_the_good_cards_beside_a_bad_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "bad.yaml").write_text("schema: 1\n")
    monkeypatch.chdir(tmp_path)
    answer = replicard("ls", "--json")
    assert answer.code == 2
    assert "quickstart" in [row["id"] for row in json.loads(answer.out)]
    assert all(line.startswith("cards/bad.yaml") for line in answer.err.splitlines())


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    for verb in ("ls", "validate quickstart", "show quickstart --json"):
        command = f"{sys.executable} -m runner.cli {verb} | head -c 0; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), verb


# Progress


def test_progress_goes_to_standard_error_one_line_a_stage(tmp_path: Path) -> None:
    answer = replicard("reproduce", write_card(tmp_path), "--runs", tmp_path / "runs")
    assert answer.code == 0
    stages = [line.partition(":")[0] for line in answer.err.splitlines()]
    assert {"read", "train", "evaluate"} <= set(stages)
    assert len(stages) == len(set(stages))
    assert not re.search(r"^\w+: [\d.]+ s$", answer.out, re.MULTILINE)


def test_quiet_prints_results_only(tmp_path: Path) -> None:
    answer = replicard("reproduce", write_card(tmp_path), "--runs", tmp_path / "runs", "--quiet")
    assert answer.err == ""
    assert "accuracy" in answer.out


# Seeds


@pytest.mark.parametrize("seeds", ["4..2", "1,x", "", "..", "-1", "4294967296", "1..y", "1.5", "0..4294967295"])
def test_seeds_that_are_none_are_refused(seeds: str, trained: Path) -> None:
    answer = replicard("reproduce", trained / "tiny.yaml", f"--seeds={seeds}", "--runs", trained / "runs")
    assert (answer.code, answer.out) == (2, "")
    assert answer.line.startswith(f"--seeds {seeds}  write 0..4 or 1,2,3")


@pytest.fixture(scope="module")
def over_seeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path, int]:
    """What reproducing three seeds printed, the folder of runs, and how often the dataset was fetched and hashed."""
    from runner import fetching

    folder, fetch = tmp_path_factory.mktemp("seeds"), fetching.fetch_dataset
    card = write_card(folder)
    with mock.patch.object(fetching, "fetch_dataset", side_effect=fetch) as fetched:
        answer = replicard("reproduce", card, "--seeds", "0..2", "--runs", folder / "runs", "-q")
    assert answer.code == 0
    return answer, folder / "runs", fetched.call_count


def test_each_seed_is_a_run_of_its_own(over_seeds: tuple[Answer, Path, int]) -> None:
    _, runs, _ = over_seeds
    made = records(runs)
    assert [record["seed"] for record in made] == [0, 1, 2]
    assert len({record["run_id"] for record in made}) == 1
    assert len({record["training"]["files"]["model/model.safetensors"] for record in made}) == 3


def test_the_seeds_of_a_set_share_inputs_that_are_hashed_once(over_seeds: tuple[Answer, Path, int]) -> None:
    _, runs, hashed = over_seeds
    assert hashed == 1
    first, second, third = (record["dataset"] for record in records(runs))
    assert first == second == third


def test_audit_readme_and_terminal_say_what_a_further_seed_is_expected_to_give(
    over_seeds: tuple[Answer, Path, int],
) -> None:
    answer, runs, _ = over_seeds
    (file,) = runs.glob("tiny/*/audit.json")
    accuracy, loss = json.loads(file.read_bytes())["summaries"]
    assert (accuracy["metric"], loss["metric"]) == ("accuracy", "loss")
    assert accuracy["values"] == [record["evaluation"]["scores"][0]["value"] for record in records(runs)]
    values = [record["evaluation"]["loss"] for record in records(runs)]
    mean, sd = fmean(values), stdev(values)
    assert sd > 1e-4
    assert (loss["values"], loss["mean"], loss["sd"]) == (values, pytest.approx(mean), pytest.approx(sd))
    half = 4.3027 * sd * math.sqrt(1 + 1 / 3)  # t(0.975) of 2 degrees of freedom, by the table
    assert loss["further"] == pytest.approx([mean - half, mean + half], rel=1e-5)
    shown = "{:.4f} to {:.4f}".format(*loss["further"])
    assert "3 seeds" in answer.out and "Further seed, 95%" in answer.out and shown in answer.out
    assert shown in (file.parent / "README.md").read_text()


# Consent

PAGED = ("batch_size: 32", "batch_size: 32, optimizer: paged_adamw_32bit, precision: fp16")


def test_what_this_machine_cannot_do_needs_consent_field_by_field(tmp_path: Path) -> None:
    answer = replicard("reproduce", write_card(tmp_path, *PAGED), "--runs", tmp_path / "runs")
    assert (answer.code, answer.out) == (3, "")
    fields = [line.split("  ", 1)[1].split(":")[0] for line in answer.err.splitlines()]
    assert fields == ["training.optimizer", "training.precision"]
    assert all("--accept-deviations" in line for line in answer.err.splitlines())
    assert not (tmp_path / "runs").exists()


def test_with_consent_it_runs_and_the_record_says_so(tmp_path: Path) -> None:
    card = write_card(tmp_path, *PAGED)
    answer = replicard("reproduce", card, "--accept-deviations", "--runs", tmp_path / "runs", "-q")
    assert answer.code == 0
    (record,) = records(tmp_path / "runs")
    assert [d["field"] for d in record["deviations"] if d["consent"]] == ["training.precision", "training.optimizer"]


def test_on_a_terminal_consent_is_asked_and_no_is_an_answer(tmp_path: Path) -> None:
    card = write_card(tmp_path, *PAGED)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "runner.cli", "reproduce", card, "--runs", tmp_path / "runs"],
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as started:  # fmt: skip
        os.close(theirs)
        seen = b""
        while b"[y/N]" not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, b"n\n")
        assert started.wait(60) == 3
    os.close(ours)
    assert b"training.precision: fp16 is declared" in seen


# Sets


def test_a_set_goes_on_after_a_failure_and_ends_with_the_highest_code(tmp_path: Path) -> None:
    needs_consent = write_card(tmp_path / "a", *PAGED, name="first")
    wrong_column = write_card(tmp_path / "b", "dataset: reviews", "dataset: reviews\n  text: review", name="second")
    good = write_card(tmp_path / "c")
    answer = replicard("reproduce", needs_consent, wrong_column, good, "--runs", tmp_path / "runs", "-q")
    assert answer.code == 3
    assert "second.yaml:15:3  data.text: reviews has no column 'review' in train; " in answer.err
    assert [record["card_id"] for record in records(tmp_path / "runs")] == ["tiny"]


def test_a_card_that_is_not_valid_stops_the_set_before_the_first_run(tmp_path: Path) -> None:
    good = write_card(tmp_path / "a")
    bad = write_card(tmp_path / "b", "{epochs: 2", "{epoch: 2", name="bad")
    answer = replicard("reproduce", good, bad, "--runs", tmp_path / "runs", "-q")
    assert answer.code == 2
    assert "bad.yaml" in answer.line
    assert not (tmp_path / "runs").exists()


# The verbs that read a run


@pytest.mark.parametrize("verb", ["audit", "render", "predict"])
@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("tinny", "no run 'tinny' in RUNS; did you mean `tiny`?"),
        ("tiny/000000000000", "no finished run of 'tiny/000000000000' in RUNS; `replicard reproduce tiny` makes one"),
        ("tiny/000000000000/seed1/model", "is no run; write <card>, <card>/<run id> or <card>/<run id>/seed<k>"),
        ("../tiny", "is no run"),
        ("", "is no run"),
    ],
)
def test_a_run_that_is_not_there_is_refused(trained: Path, verb: str, run: str, said: str) -> None:
    answer = replicard(verb, run, *(["a text"] if verb == "predict" else []), "--runs", trained / "runs")
    assert (answer.code, answer.out) == (2, "")
    assert said.replace("RUNS", str(trained / "runs")) in answer.line


def test_a_run_is_also_found_by_its_folder(trained: Path) -> None:
    (folder,) = (trained / "runs" / "tiny").iterdir()
    by_folder = replicard("audit", folder / "seed1", "--json", "--runs", trained / "runs")
    assert by_folder.out == replicard("audit", "tiny", "--json", "--runs", trained / "runs").out


def test_render_check_is_0_on_what_render_wrote_and_1_on_what_was_edited(trained: Path) -> None:
    run = ["tiny", "--runs", trained / "runs"]
    rendered = replicard("render", *run)
    assert rendered.code == 0
    page = next((trained / "runs").glob("tiny/*/README.md"))
    assert rendered.out == f"{page}\n"
    assert replicard("render", "--check", *run).code == 0
    page.write_text(page.read_text().replace("tiny", "mighty", 1))
    edited = replicard("render", "--check", *run)
    assert edited.code == 1
    assert "was edited, and does not follow from its card and record; put text of your own between" in edited.line
    assert replicard("render", *run).code == 2
    again = replicard("reproduce", trained / "tiny.yaml", *run[1:], "-q")
    assert (again.code, "accuracy" in again.out, "was edited" in again.line) == (2, True, True)
    assert "mighty" in page.read_text()
    assert replicard("render", "--force", *run).code == 0
    assert replicard("render", "--check", *run).code == 0


def test_text_between_markers_stays_in_the_readme_and_is_no_difference(trained: Path) -> None:
    run = ["tiny", "--runs", trained / "runs"]
    assert replicard("render", *run).code == 0
    page = next((trained / "runs").glob("tiny/*/README.md"))
    kept = "<!-- replicard:keep -->\nOf use to *nobody*.\n<!-- /replicard:keep -->\n"
    page.write_text(page.read_text().replace("## Evaluation\n", f"## Evaluation\n\n{kept}"))
    assert replicard("render", "--check", *run).code == 0
    assert replicard("render", *run).code == 0
    assert page.read_text().count(kept) == 1
    page.write_text(page.read_text().replace("<!-- /replicard:keep -->", ""))
    broken = replicard("render", *run)
    assert (broken.code, "is never ended; put <!-- /replicard:keep --> below its text" in broken.line) == (2, True)
    assert replicard("render", "--check", *run).code == 1
    page.unlink()
    assert replicard("render", "--check", *run).code == 1
    assert replicard("render", *run).code == 0


# Predict


def test_predict_answers_each_text_of_the_command_line_in_order(trained: Path) -> None:
    answer = replicard("predict", "tiny", "a warm film", "a tedious mess", "--runs", trained / "runs")
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split("\t") for line in answer.out.splitlines()]
    assert [text for _, _, text in lines] == ["a warm film", "a tedious mess"]
    assert all(label in ("negative", "positive") and 0.5 <= float(p) <= 1 for label, p, _ in lines)


def test_predict_reads_one_text_a_line_from_standard_input_and_skips_empty_ones(trained: Path) -> None:
    answer = replicard("predict", "tiny", "--runs", trained / "runs", stdin=b"warm\n\n  \r\ntedious\r\n")
    assert [line.split("\t")[2] for line in answer.out.splitlines()] == ["warm", "tedious"]


def test_predict_without_any_text_is_refused(trained: Path) -> None:
    answer = replicard("predict", "tiny", "--runs", trained / "runs", stdin=b"\n")
    assert (answer.code, answer.out) == (2, "")
    assert answer.line == "no text; write it after the run, or one a line on standard input"


def test_predict_json_is_one_object_a_line_with_the_probability_of_every_label(trained: Path) -> None:
    text = "great \N{CLAPPING HANDS SIGN}\ttab\nand a second line"
    answer = replicard("predict", "tiny", text, "tedious", "--json", "--runs", trained / "runs")
    first, second = map(json.loads, answer.out.splitlines())
    assert (first["text"], second["text"]) == (text, "tedious")
    assert set(first["probabilities"]) == {"negative", "positive"}
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["label"] == max(first["probabilities"], key=first["probabilities"].get)


def test_a_text_with_line_breaks_and_tabs_is_still_one_line_of_three_columns(trained: Path) -> None:
    answer = replicard("predict", "tiny", "good\tfilm\nof\r\nthe year", "--runs", trained / "runs")
    (line,) = answer.out.splitlines()
    assert line.split("\t")[2] == "good film of the year"


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished run of a card of pairs."""
    folder = tmp_path_factory.mktemp("paired")
    card = write_card(folder, "  dataset: reviews\n", "  dataset: reviews\n  text_pair: text_pair\n")
    for file in (folder / "reviews").glob("*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps({**row, "text_pair": row["label"] * 2}) + "\n" for row in rows))
    answer = replicard("reproduce", card, "--runs", folder / "runs", "--quiet")
    assert answer.code == 0, answer.err
    return folder


def test_predict_takes_the_texts_of_pairs_two_by_two(paired: Path) -> None:
    texts = ["a warm film", "superb", "a warm film", "a tedious mess"]
    lines = replicard("predict", "tiny", *texts, "--runs", paired / "runs").out.splitlines()
    assert [line.split("\t")[2:] for line in lines] == [texts[:2], texts[2:]]
    assert lines[0].split("\t")[1] != lines[1].split("\t")[1]


def test_predict_reads_a_pair_a_line_parted_by_a_tab(paired: Path) -> None:
    answer = replicard("predict", "tiny", "--json", "--runs", paired / "runs", stdin=b"a film\twarm\n\nmusic\tdull\n")
    found = list(map(json.loads, answer.out.splitlines()))
    assert [(said["text"], said["text_pair"]) for said in found] == [("a film", "warm"), ("music", "dull")]
    assert list(found[0]) == ["text", "text_pair", "label", "probabilities"]


@pytest.mark.parametrize(
    ("texts", "stdin", "line"),
    [
        (["a", "b", "c"], b"", "3 texts, but this model classifies pairs; give two texts for each"),
        ([], b"a\tb\n\nc\n", "line 3 has 0 tabs, but this model classifies pairs; part two texts by one tab"),
        ([], b"a\tb\tc\n", "line 1 has 2 tabs, but this model classifies pairs; part two texts by one tab"),
        ([], b"a\tb\ncaf\xe9\td\n", "pair 2 is not UTF-8"),
        ([], b"\n", "no text; write it after the run, or one a line on standard input"),
    ],
)
def test_predict_refuses_half_a_pair(paired: Path, texts: list[str], stdin: bytes, line: str) -> None:
    answer = replicard("predict", "tiny", *texts, "--runs", paired / "runs", stdin=stdin)
    assert (answer.code, answer.out, answer.line) == (2, "", line)


def test_a_text_that_is_not_utf_8_is_refused_by_its_number(trained: Path) -> None:
    answer = replicard("predict", "tiny", "--runs", trained / "runs", stdin=b"good\ncaf\xe9\n")
    assert (answer.code, answer.out, answer.line) == (2, "", "text 2 is not UTF-8")


def test_a_text_far_longer_than_the_model_reads_is_cut_not_refused(trained: Path) -> None:
    answer = replicard("predict", "tiny", "--json", "--runs", trained / "runs", stdin=b"good film " * 100_000)
    assert answer.code == 0
    assert json.loads(answer.out)["label"] in ("negative", "positive")


# What a finished run says afterwards


@pytest.mark.parametrize("path", ["evaluation.margin=0.3", "reported=[]", "readme.license=mit", "hardware.count=2"])
def test_what_judges_or_describes_a_run_cannot_be_overridden(path: str, tmp_path: Path) -> None:
    answer = replicard("reproduce", write_card(tmp_path), "--set", path, "--runs", tmp_path / "runs")
    assert answer.code == 2
    assert "edit the card instead" in answer.line


def test_a_readme_no_longer_follows_once_the_card_claims_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = write_card(tmp_path / "cards")
    monkeypatch.chdir(tmp_path)
    assert replicard("reproduce", "tiny", "-q").code == 0
    assert replicard("render", "tiny", "--check").code == 0
    card.write_text(card.read_text() + "reported: [{metric: accuracy, value: 0.5}]\n")
    assert replicard("render", "tiny", "--check").code == 1
    assert replicard("render", "tiny").code == 0
    assert replicard("render", "tiny", "--check").code == 0


def test_a_card_of_the_same_id_that_declares_another_run_does_not_judge_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = write_card(tmp_path / "a")
    assert replicard("reproduce", here, "-q", "--runs", tmp_path / "runs").code == 0
    other = write_card(tmp_path / "cards", "epochs: 2", "epochs: 3")
    other.write_text(other.read_text() + "reported: [{metric: accuracy, value: 0.5}]\n")
    monkeypatch.chdir(tmp_path)
    assert json.loads(replicard("audit", "tiny", "--json").out)["findings"] == []


def test_over_seeds_the_readme_shows_the_declared_one_and_rendering_again_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_card(tmp_path / "cards")
    monkeypatch.chdir(tmp_path)
    assert replicard("reproduce", "tiny", "-q", "--seeds", "3,2").code == 0
    (page,) = tmp_path.glob("runs/tiny/*/README.md")
    assert "| `training.seed` | 2 |" in page.read_text()
    assert "--seeds 2,3" in page.read_text()
    assert replicard("render", "tiny", "--check").code == 0


def test_the_four_class_card_trains_and_its_readme_holds_every_epoch(tmp_path: Path) -> None:
    answer = replicard("reproduce", "quickstart-topics", "--runs", tmp_path, "-q")
    assert answer.code == 0
    (record,) = records(tmp_path)
    assert record["evaluation"]["scores"][0]["value"] > 0.75
    assert len(record["evaluation"]["confusion"]) == 4
    (page,) = tmp_path.glob("quickstart-topics/*/README.md")
    assert "#### By epoch, on the validation split" in page.read_text()
    plots = {path.stem for path in page.parent.glob("seed42/plots/*.png")}
    assert plots == {"loss", "accuracy", "confusion_matrix", "roc", "calibration"}


# The result table


def test_a_claim_that_an_override_makes_not_comparable_stands_in_its_metric_s_row(tmp_path: Path) -> None:
    card = write_card(tmp_path, "[accuracy]", "[accuracy, f1]")
    claims = """
  - {metric: accuracy, value: 0.84, split: test}
  - {metric: accuracy, value: 0.5, epoch: 1}
  - {metric: f1, value: "85%", averaging: macro}
"""
    card.write_text(f"{card.read_text()}reported:{claims}")
    answer = replicard("reproduce", card, "--set", "training.learning_rate=5e-3", "--runs", tmp_path / "runs", "-q")
    assert answer.code == 0, answer.err
    for out in (answer.out, replicard("audit", "tiny", "--runs", tmp_path / "runs").out):
        rows = {line.split()[0]: line for line in out.splitlines() if re.search(r"[0-9] to [0-9]", line)}
        assert re.match(r" ?accuracy +0\.84 +[a-z ]+ +0\.[0-9]{4} .*  not comparable *$", rows["accuracy"]), out
        assert "not reported" in rows["f1"]  # of the positive class, not over both
        assert "accuracy 0.84: another experiment: training.learning_rate overridden" in out
        assert "f1 85%: not run: " in out


# Show


def test_show_has_no_evidence_column_for_a_card_without_evidence(tmp_path: Path) -> None:
    card = write_card(tmp_path)
    header = replicard("show", card).out.splitlines()[1]
    assert header.split() == ["Field", "Value", "Status"]
    assert "Evidence" in replicard("show", "jamander-project-blockbuster").out.splitlines()[1]


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_show_never_folds_a_field_or_a_value(columns: int) -> None:
    from runner.cli.show import _lines

    evidence = "“a rather long sentence of the source that says what the value is, and why, and when”"
    rows = [
        ("training", "", "", ""),
        ("  gradient_accumulation_steps", "2", "stated", evidence),
        ("  epochs", "3.0", "assumed", "ours"),
        ("  target_modules", "[attention.query, q_proj]", "derived", ""),
    ]
    lines = list(_lines(rows, columns))
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    assert "gradient_accumulation_steps" in text
    assert "[attention.query, q_proj]" in text
    assert " ".join(text.split()).count(evidence) == (columns < 160 or len(evidence) < 100)
    beside = next(line for line in lines if line.startswith("  epochs")).endswith("ours")
    assert beside == (columns == 160)


def test_show_takes_a_section_and_a_status() -> None:
    paths = [v["path"] for v in json.loads(replicard("show", "quickstart", "data.tokens", "--json").out)["values"]]
    assert paths == ["data.tokens.max_length", "data.tokens.truncation", "data.tokens.padding"]
    answer = replicard("show", "jamander-project-blockbuster", "training", "--status", "assumed", "--json")
    values = json.loads(answer.out)["values"]
    assert {v["path"].partition(".")[0] for v in values} == {"training"}
    assert {v["status"] for v in values} == {"assumed"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trainin"], "the card has no value in 'trainin'; did you mean `training`?"),
        (["--status", "assumd"], "--status assumd  no such status; did you mean `assumed`?"),
    ],
)
def test_show_refuses_a_section_or_a_status_that_is_none(arguments: list[str], said: str) -> None:
    answer = replicard("show", "quickstart", *arguments)
    assert (answer.code, answer.out, answer.line) == (2, "", said)


def test_a_name_of_many_cards_shows_that_there_are_more_than_it_lists() -> None:
    answer = replicard("show", "*")
    assert re.fullmatch(r"'\*' means [0-9]+ cards; name one: ([^,]+, ){8}…", answer.line)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["repoduce"], "No such command 'repoduce'. Did you mean 'reproduce'? `replicard --help` lists what there is"),
        (["xyz"], "No such command 'xyz'; `replicard --help` lists what there is"),
        (["show"], "Missing argument 'CARD'; `replicard show --help` lists what there is"),
        (["audit", "README.md"], "README.md  is no run; `replicard audit --static README.md` checks a README"),
        (["render", "quickstart"], "no runs in RUNS yet; `replicard reproduce quickstart` makes one"),
        (["render", "nothing"], "no card is called 'nothing', `replicard ls` lists them"),
        (["ls", "--base", "nothing"], "no card fits these filters; `replicard ls` lists all"),
    ],
)
def test_an_error_names_the_next_command(arguments: list[str], told: str, tmp_path: Path) -> None:
    more = ["--runs", tmp_path / "runs"] if arguments[0] == "render" else []
    assert told in replicard(*arguments, *more).line.replace(str(tmp_path / "runs"), "RUNS")
