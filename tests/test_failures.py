"""What cannot work ends in one line and the right code: bad datasets, a full disk, a read-only folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import CARD, Answer, process, records, replicard, write_card

REVIEWS = [{"text": text, "label": label} for text, label in (("warm", "positive"), ("dull", "negative"))] * 20


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def reproduce_with(folder: Path, card: str = CARD, **files: str | bytes) -> Answer:
    """Reproduce a card whose dataset is made of these files: `train__jsonl` is `train.jsonl`."""
    (folder / "reviews").mkdir()
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / "reviews" / name.replace("__", ".")).write_bytes(data)
    (folder / "tiny.yaml").write_text(card)
    return replicard("reproduce", folder / "tiny.yaml", "--runs", folder / "runs", "-q")


def with_labels(labels: str) -> str:
    return CARD.replace("[negative, positive]", labels)


# Datasets


def test_a_missing_column_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    renamed = lines([{"review": row["text"], "label": row["label"]} for row in REVIEWS])
    answer = reproduce_with(tmp_path, train__jsonl=renamed, test__jsonl=renamed)
    assert (answer.code, answer.out) == (2, "")
    assert "tiny.yaml:13:1  data.text: reviews has no column 'text' in train; one of: label, review" in answer.line


@pytest.mark.parametrize(
    ("labels", "rows", "said"),
    [
        ("[bad, good]", REVIEWS, "the dataset's labels are ['negative', 'positive'], the card's ['bad', 'good']"),
        (
            "[negative, positive]",
            [{"text": "a", "label": n % 3} for n in range(30)],
            "labels are [0, 1, 2], the card has 2",
        ),
        ("[negative, positive]", [{"text": "a", "label": n % 2 == 0} for n in range(30)], "bool"),
        ("[negative, positive]", [{"text": "a", "label": n % 2 / 3} for n in range(30)], "float"),
    ],
)
def test_labels_that_do_not_match_are_refused(tmp_path: Path, labels: str, rows: list[dict], said: str) -> None:
    answer = reproduce_with(tmp_path, with_labels(labels), train__jsonl=lines(rows), test__jsonl=lines(rows))
    assert (answer.code, answer.out) == (2, "")
    assert "tiny.yaml:12:35  task.labels: " in answer.line
    assert said in answer.line


@pytest.mark.parametrize("empty", ["train", "test"])
def test_an_empty_split_is_refused(tmp_path: Path, empty: str) -> None:
    files = {"train__jsonl": lines(REVIEWS), "test__jsonl": lines(REVIEWS), f"{empty}__jsonl": ""}
    answer = reproduce_with(tmp_path, **files)
    assert (answer.code, answer.out) == (2, "")
    assert "data" in answer.line


def test_a_split_that_is_not_there_is_refused(tmp_path: Path) -> None:
    answer = reproduce_with(tmp_path, train__jsonl=lines(REVIEWS))
    assert (answer.code, answer.out) == (2, "")
    assert "data.take.test: reviews has no split 'test'; one of: train" in answer.line


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train__jsonl", lines(REVIEWS)[:-9]),
        ("train__jsonl", b"\x00\xff" * 200),
        ("train__jsonl", "not json at all\n"),
        ("train__parquet", b"PAR1" + b"\x00" * 200),
        ("train__parquet", b""),
    ],
)
def test_a_corrupt_dataset_is_refused_in_one_line(tmp_path: Path, name: str, content: str | bytes) -> None:
    test = name.replace("train", "test")
    answer = reproduce_with(tmp_path, **{name: content, test: content})
    assert (answer.code, answer.out) == (2, "")
    assert "tiny.yaml:14:3  data.dataset: cannot be read: " in answer.line


def test_rows_that_are_not_as_many_as_the_card_says_are_refused(tmp_path: Path) -> None:
    card = CARD.replace("  take:", "  rows: {train: 41, test: 40}\n  take:")
    answer = reproduce_with(tmp_path, card, train__jsonl=lines(REVIEWS), test__jsonl=lines(REVIEWS))
    assert (answer.code, answer.out) == (2, "")
    assert "data.rows.train: says 41, but reviews has 40; another revision?" in answer.line


def test_a_dataset_that_is_no_folder_and_not_in_the_cache_says_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "tiny.yaml").write_text(CARD)
    answer = replicard("reproduce", tmp_path / "tiny.yaml", "--runs", tmp_path / "runs", "-q")
    assert (answer.code, answer.out) == (3, "")
    assert "data.dataset: 'reviews' is no folder here and not whole in the cache" in answer.line


# Places


@pytest.mark.parametrize("below", [".", "deeper/still"])
def test_a_file_where_the_runs_should_be_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    answer = replicard("reproduce", write_card(tmp_path), "--runs", tmp_path / "file" / below, "-q")
    assert (answer.code, answer.out) == (2, "")
    assert "a file is where the folder of runs should be; choose another with --runs DIR" in answer.line


def in_mount(folder: Path, options: str, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script (`$0` is `folder`) with a small file system at `folder` that nobody else sees."""
    folder.mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o {options} tmpfs "$0" || exit 99\n'
    command = ["unshare", "--mount", "bash", "-c", mount + script, folder, *arguments]
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    if subprocess.run([*command[:4], mount, folder], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system of its own")
    with process(command) as started:
        out, err = started.communicate(timeout=120)
    return subprocess.CompletedProcess(command, started.returncode, out, err)


@pytest.mark.slow
def test_a_full_disk_ends_with_3_and_leaves_what_was_done(tmp_path: Path) -> None:
    card = write_card(tmp_path / "work")
    assert replicard("reproduce", card, "--runs", tmp_path / "runs", "-q").code == 0
    (record,) = records(tmp_path / "runs")
    used = sum(path.stat().st_size for path in (tmp_path / "runs").rglob("*"))
    script = """
    cp -r "$1" "$0/runs"
    find "$0/runs" -type f ! -name '.lock*' -exec sha256sum {} + > "$2"
    "$3" -m runner.cli reproduce "$4" --runs "$0/runs" --seeds 1,2 -q
    code=$?
    sha256sum --check --quiet "$2" >&2 || exit 98
    cp "$0"/runs/tiny/*/seed1/record.json "$2"
    exit $code
    """
    kept = tmp_path / "kept"
    done = in_mount(tmp_path / "small", f"size={used + 200_000}", script, tmp_path / "runs", kept, sys.executable, card)
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "the disk is full; make room and run it again, what is done is kept" in line
    assert json.loads(kept.read_bytes()) == record


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit_ends_with_3_and_with_room_the_run_goes_on(tmp_path: Path) -> None:
    # The first checkpoint fits, which takes some 200 kB, and the next one beside it does not.
    card = write_card(tmp_path / "work")
    script = """
    "$1" -m runner.cli reproduce "$2" --runs "$0/runs" -q
    echo "$?" "$0"/runs/tiny/*/seed1/checkpoints/*/complete
    mount -o remount,size=20m "$0"
    "$1" -m runner.cli reproduce "$2" --runs "$0/runs" -q
    code=$?
    cp "$0"/runs/tiny/*/seed1/record.json "$3"
    exit $code
    """
    kept = tmp_path / "kept"
    done = in_mount(tmp_path / "small", "size=320k", script, sys.executable, card, kept)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert "the disk is full; make room and run it again, what is done is kept" in line
    code, *whole = done.stdout.splitlines()[0].split()
    assert (code, [Path(marker).parent.name for marker in whole]) == ("3", ["checkpoint-7"])
    assert json.loads(kept.read_bytes())["training"]["resumed_from"] == 7


def test_a_readme_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    card = write_card(tmp_path / "work")
    assert replicard("reproduce", card, "--runs", tmp_path / "runs", "-q").code == 0
    (readme,) = (tmp_path / "runs").rglob("README.md")
    script = """
    cp -r "$1" "$0/runs"
    cat /dev/zero > "$0/all the rest" 2> /dev/null
    "$2" -m runner.cli render tiny --runs "$0/runs"
    code=$?
    cp "$0"/runs/tiny/*/README.md "$3"
    ls -A "$0"/runs/tiny/*
    exit $code
    """
    kept = tmp_path / "kept"
    done = in_mount(tmp_path / "small", "size=2m", script, tmp_path / "runs", sys.executable, kept)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "the disk is full; make room and run it again, what is done is kept" in line
    assert kept.read_bytes() == readme.read_bytes()
    assert sorted(done.stdout.split()) == ["README.md", "audit.json", "seed1"]


def test_a_read_only_folder_of_runs_ends_with_3(tmp_path: Path) -> None:
    card = write_card(tmp_path / "work")
    script = '"$1" -m runner.cli reproduce "$2" --runs "$0/runs" -q'
    done = in_mount(tmp_path / "fixed", "ro,size=1m", script, sys.executable, card)
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert str(tmp_path / "fixed" / "runs") in line
    assert "cannot be written: Read-only file system; --runs DIR chooses another place for runs" in line


def test_a_finished_run_can_be_used_where_nothing_can_be_written(tmp_path: Path) -> None:
    card = write_card(tmp_path / "work")
    assert replicard("reproduce", card, "--runs", tmp_path / "runs", "-q").code == 0
    script = 'cp -r "$1" "$0/runs"; mount -o remount,ro "$0"; "$2" -m runner.cli predict tiny "a film" --runs "$0/runs"'
    done = in_mount(tmp_path / "fixed", "size=4m", script, tmp_path / "runs", sys.executable)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\ta film\n")


def test_a_package_that_is_not_installed_is_named_with_how_to_come_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)  # so Python notes what cannot be imported
    answer = replicard("plan", "tiny-lora")
    assert answer.code == 3
    assert answer.line.startswith("peft is not installed, and this needs it; ")
    assert "pip install" in answer.line
