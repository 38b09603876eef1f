"""Locks: what is written, what a run takes from one, and what `--check` says in every state of the card and the Hub."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from command import Answer, records, replicard
from conftest import on_base
from hub_server import Hub, take_for_the_hub

from registry.errors import InputError
from registry.locking import fingerprint, read_lock, unpinned
from runner import progress
from runner.locking import lock, pins, write_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.loading import Loaded
    from runner.reproducing import Ready

BASE, TOKENIZER, DATASET = "tester/base", "tester/words", "tester/rows"
WEIGHTS = b"stands for weights"
FILES = {"config.json": b"{}", "tokenizer.json": b"[]", "model.safetensors": WEIGHTS, "README.md": b"a base"}
ROWS = {"train.jsonl": b'{"text": "a", "label": 0}\n', "test.parquet": b"stands for rows", "README.md": b"rows"}
NOBODY = "http://127.0.0.1:9"  # nobody listens on the discard port


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with a base, a tokenizer and a dataset, which this process takes for the real one; its cache is empty."""
    from huggingface_hub import constants

    with Hub() as served:
        served.add("models", BASE, FILES)
        served.add("models", TOKENIZER, {"tokenizer.json": b"{}"})
        served.add("datasets", DATASET, ROWS)
        take_for_the_hub(monkeypatch, served.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield served


@pytest.fixture
def hub_card(write_card: Callable[..., Loaded]) -> Callable[..., Loaded]:
    """`hub_card(base={…}, data={…})`: a card of what is on the Hub, with these keys changed."""

    def write(sets: tuple[str, ...] = (), **sections: dict[str, Any]) -> Loaded:
        base = {**on_base(model=BASE), **sections.pop("base", {})}
        return write_card(sets, base=base, data={"dataset": DATASET, **sections.pop("data", {})}, **sections)

    return write


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """`offline()`: from now on as with HF_HUB_OFFLINE=1."""
    from huggingface_hub import constants

    return lambda: monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def locked(loaded: Loaded) -> Loaded:
    write_lock(loaded.file, lock(loaded))
    return loaded


def main_of(hub: Hub, name: str = BASE, kind: str = "models") -> str:
    return hub.repos[kind, name].refs["main"]


def move(hub: Hub, name: str = BASE, kind: str = "models") -> str:
    """A new commit on `main`."""
    return hub.add(kind, name, {**hub.repos[kind, name].tree(), "added.txt": b"new"})


def lock_file(loaded: Loaded) -> Path:
    return loaded.file.with_suffix(".lock")


def check(loaded: Loaded, *more: str) -> Answer:
    return replicard("lock", loaded.file, "--check", *more)


def remedy(loaded: Loaded) -> str:
    """What a check says to do."""
    return f"restore what was locked, or `replicard lock {loaded.file}` renews it"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# What is written


def test_a_lock_names_the_commit_and_the_hash_of_every_file_that_a_run_reads(
    hub: Hub, hub_card: Callable[..., Loaded]
) -> None:
    loaded = hub_card()
    assert replicard("lock", loaded.file).code == 0
    held = read_lock(loaded.file)
    assert held is not None
    assert held.base is not None
    assert (held.base.name, held.base.revision, held.base.commit) == (BASE, "main", main_of(hub))
    assert held.base.files == {name: sha256(FILES[name]) for name in FILES if name != "README.md"}
    assert held.dataset.commit == main_of(hub, DATASET, "datasets")
    assert held.dataset.files == {name: sha256(ROWS[name]) for name in ROWS if name != "README.md"}
    assert held.tokenizer is None


def test_no_weights_are_downloaded_to_lock(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    lock(hub_card())
    fetched = {request.rpartition("/")[2] for request in hub.requests if "/resolve/" in request}
    assert fetched == {"config.json", "tokenizer.json", "train.jsonl"}


def test_a_lock_is_what_a_run_of_the_card_reads(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    loaded = hub_card(base={"tokenizer": TOKENIZER})
    made, ready = lock(loaded), prepare(loaded)
    for snapshot, pin in ((ready.base, made.base), (ready.tokenizer, made.tokenizer), (ready.dataset, made.dataset)):
        assert snapshot is not None
        assert pin is not None
        assert (snapshot.revision, snapshot.files) == (pin.commit, pin.files)


def test_a_base_with_pickled_weights_only_is_locked_with_consent_and_refused_without(
    hub: Hub, hub_card: Callable[..., Loaded]
) -> None:
    hub.add("models", BASE, {"config.json": b"{}", "pytorch_model.bin": WEIGHTS})
    made = lock(hub_card(base={"allow_pickle": True}))
    assert made.base is not None
    assert made.base.files["pytorch_model.bin"] == sha256(WEIGHTS)
    with pytest.raises(InputError, match="ships no safetensors"):
        lock(hub_card())


def test_what_lies_in_folders_of_a_base_is_not_part_of_its_lock(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    before = lock(hub_card()).base
    hub.add("models", BASE, {**FILES, "onnx/config.json": b"{}", "onnx/model.safetensors": b"other"})
    after = lock(hub_card()).base
    assert before is not None
    assert after is not None
    assert (after.fingerprint, after.files) == (before.fingerprint, before.files)
    assert after.commit != before.commit


def test_a_copy_of_a_dataset_has_the_fingerprint_of_the_repo(
    hub: Hub, hub_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    (tmp_path / "copy").mkdir()
    for name, content in ROWS.items():
        (tmp_path / "copy" / name).write_bytes(content)
    assert lock(hub_card()).dataset.fingerprint == lock(hub_card(data={"dataset": "copy"})).dataset.fingerprint


def test_many_files_are_locked_by_their_fingerprint_alone(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    many = {f"{index:03}.parquet": b"%d" % index for index in range(101)}
    hub.add("datasets", DATASET, many)
    dataset = lock(hub_card()).dataset
    assert dataset.files == {}
    assert dataset.fingerprint == fingerprint({name: sha256(content) for name, content in many.items()})


def test_folders_are_locked_by_the_hashes_of_their_files(
    write_card: Callable[..., Loaded], write_rows: Callable[..., Path], reviews: Callable[..., Any]
) -> None:
    folder, loaded = write_rows(train=reviews(4), test=reviews(4)), write_card()
    answer = replicard("lock", loaded.file)
    assert answer.code == 0, answer.err
    held = read_lock(loaded.file)
    assert held is not None
    assert (held.base, held.dataset.commit, held.dataset.revision) == (None, None, None)
    files = {name: sha256((folder / name).read_bytes()) for name in ("train.jsonl", "test.jsonl")}
    assert (held.dataset.files, held.dataset.fingerprint) == (files, fingerprint(files))
    assert f"dataset    rows → {fingerprint(files)[:19]}…" in answer.out


def test_locking_prints_a_line_for_each_input_and_says_what_became_of_the_file(
    hub: Hub, hub_card: Callable[..., Loaded]
) -> None:
    loaded, first = hub_card(), main_of(hub)
    assert replicard("lock", loaded.file).out.splitlines() == [
        f"base       {BASE} main → {first[:12]}…",
        f"dataset    {DATASET} main → {main_of(hub, DATASET, 'datasets')[:12]}…",
        f"{lock_file(loaded)}  written",
    ]
    before = lock_file(loaded).stat().st_mtime_ns
    assert replicard("lock", loaded.file).out.splitlines()[-1] == f"{lock_file(loaded)}  unchanged"
    assert lock_file(loaded).stat().st_mtime_ns == before
    second = move(hub)
    lines = replicard("lock", loaded.file).out.splitlines()
    assert lines[0] == f"base       {BASE} main → {second[:12]}…, was {first[:12]}…"
    assert lines[-1] == f"{lock_file(loaded)}  renewed"


def test_a_dry_run_says_the_same_and_writes_nothing(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded = hub_card()
    lines = replicard("lock", loaded.file, "--dry-run").out.splitlines()
    assert lines[0] == f"base       {BASE} main → {main_of(hub)[:12]}…"
    assert lines[-1] == f"{lock_file(loaded)}  would be written"
    assert not lock_file(loaded).exists()


def test_a_lock_reads_the_same_for_programs(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded = hub_card()
    (told,) = json.loads(replicard("lock", loaded.file, "--json").out)
    assert told["lock"] == json.loads(lock_file(loaded).read_bytes())
    assert (told["card"], told["state"], told["lock"]["base"]["commit"]) == ("tiny", "written", main_of(hub))


def test_a_lock_that_fails_leaves_the_one_before(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded = locked(hub_card())
    before = lock_file(loaded).read_bytes()
    move(hub)
    hub.faults[f"/api/datasets/{DATASET}"] = (503, "")
    assert replicard("lock", loaded.file).code == 3
    assert lock_file(loaded).read_bytes() == before
    assert sorted(path.name for path in loaded.file.parent.glob("*tiny*")) == ["tiny.lock", "tiny.yaml"]


def test_a_lock_that_cannot_be_written_says_what_to_do(
    hub: Hub, hub_card: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = hub_card()

    def refuse(path: Path, made: object) -> None:  # a folder that root itself may not write cannot be made here
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("runner.locking.write_model", refuse)
    answer = replicard("lock", loaded.file)
    assert (answer.code, answer.out) == (3, "")
    assert answer.line.startswith(f"{lock_file(loaded)}  cannot be written: Permission denied; a copy of the card")


# Where it cannot be known


def test_everything_that_cannot_be_resolved_is_said_at_once(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded = hub_card(base={"model": "tester/none"}, data={"dataset": "tester/nothing"})
    answer = replicard("lock", loaded.file)
    assert answer.code == 2
    assert [line.partition("  ")[2].partition(" at ")[0] for line in answer.err.splitlines()] == [
        "base.model: no model 'tester/none'",
        "data.dataset: no dataset 'tester/nothing'",
    ]
    assert not lock_file(loaded).exists()


def test_a_gated_base_ends_with_3_and_the_way_in(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    hub.repos["models", BASE].gated = True
    answer = replicard("lock", hub_card().file)
    assert answer.code == 3
    assert f"base.model: {BASE} is gated; ask for access at {hub.endpoint}/{BASE}" in answer.line


def test_a_hub_that_cannot_be_reached_ends_with_3_and_the_way_to_the_cache(
    hub: Hub, hub_card: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch, prepare: Callable[..., Ready]
) -> None:
    prepare(hub_card())
    take_for_the_hub(monkeypatch, NOBODY)
    answer = replicard("lock", hub_card().file)
    assert answer.code == 3
    for line, name in zip(answer.err.splitlines(), (BASE, DATASET), strict=True):
        assert line.endswith(
            f"{name!r} is no folder here, and {NOBODY} cannot be reached (ConnectError); HF_HUB_OFFLINE=1 takes the "
            "cache's"
        )


def test_offline_the_cache_is_locked_and_that_is_said(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready], offline: Callable[[], None]
) -> None:
    loaded, commit = hub_card(), main_of(hub)
    online = lock(loaded)
    prepare(loaded)
    move(hub)
    offline()
    asked = len(hub.requests)
    answer = replicard("lock", loaded.file)
    assert answer.code == 0
    assert read_lock(loaded.file) == online
    assert answer.out.startswith(f"base       {BASE} main → {commit[:12]}…, by the cache: HF_HUB_OFFLINE is set\n")
    assert len(hub.requests) == asked


def test_offline_without_a_cache_ends_with_3(
    hub: Hub, hub_card: Callable[..., Loaded], offline: Callable[[], None]
) -> None:
    offline()
    answer = replicard("lock", hub_card().file)
    assert answer.code == 3
    assert len(answer.err.splitlines()) == 2
    assert "not whole in the cache" in answer.err


# What a run takes from it


def test_a_locked_card_runs_on_what_was_locked_after_main_has_moved(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    loaded = locked(hub_card(base={"tokenizer": TOKENIZER}))
    first = prepare(loaded)
    moved = [move(hub), move(hub, TOKENIZER), move(hub, DATASET, "datasets")]
    again = prepare(loaded)
    assert (again.run.id, again.base, again.tokenizer, again.dataset) == (
        first.run.id,
        first.base,
        first.tokenizer,
        first.dataset,
    )
    lock_file(loaded).unlink()
    free = prepare(loaded)
    assert [s.revision for s in (free.base, free.tokenizer, free.dataset) if s] == moved
    assert free.run.id != first.run.id


def test_the_lock_does_not_make_another_run_of_the_same_files(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    loaded = hub_card()
    before = prepare(loaded).run.id
    assert prepare(locked(loaded)).run.id == before


def test_the_record_says_what_pinned_each_input(
    hub: Hub,
    hub_card: Callable[..., Loaded],
    base_repo: Callable[..., Path],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    tmp_path: Path,
) -> None:
    commit = hub.add("models", BASE, base_repo("bert", name="served"))
    hub.add("datasets", DATASET, write_rows(train=reviews(16), test=reviews(8)))
    loaded = locked(hub_card(base={"revision": commit}))
    for folder in ("locked", "free"):
        answer = replicard("train", loaded.file, "--runs", tmp_path / folder, "-q")
        assert (answer.code, answer.err) == (0, "")
        lock_file(loaded).unlink(missing_ok=True)
    told = [records(tmp_path / folder)[0] for folder in ("locked", "free")]
    assert [record["base"]["pinned"] for record in told] == ["lock", "card"]
    assert [record["dataset"]["pinned"] for record in told] == ["lock", None]


def test_a_run_without_a_lock_says_once_what_may_change(
    hub: Hub,
    hub_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress.console, "quiet", False)
    loaded = hub_card(base={"revision": main_of(hub), "tokenizer": TOKENIZER})
    for _ in range(3):  # as for three seeds
        prepare(loaded)
    (line,) = capsys.readouterr().err.splitlines()
    what = f"not pinned, so another day may bring others: main of {TOKENIZER}, main of {DATASET}"
    assert line == f"{what}; `replicard lock {loaded.file}` pins them"


@pytest.mark.parametrize("state", ["locked", "quiet", "local"])
def test_a_run_says_nothing_of_that_where_there_is_nothing_to_say_or_nobody_to_hear(
    state: str,
    hub: Hub,
    hub_card: Callable[..., Loaded],
    write_card: Callable[..., Loaded],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    prepare: Callable[..., Ready],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress.console, "quiet", state == "quiet")
    write_rows(train=reviews(4), test=reviews(4))
    loaded = write_card() if state == "local" else hub_card()
    prepare(locked(loaded) if state == "locked" else loaded)
    assert capsys.readouterr().err == ""


def test_an_override_takes_its_input_out_of_the_lock_and_leaves_the_others(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    first, rows = main_of(hub), main_of(hub, DATASET, "datasets")
    locked(hub_card())
    second = move(hub)
    move(hub, DATASET, "datasets")
    hub.repos["models", BASE].refs["next"] = second
    ready = prepare(hub_card(sets=("base.revision=next",)))
    assert ready.base is not None
    assert (ready.base.revision, ready.base.pinned) == (second, None)
    assert (ready.dataset.revision, ready.dataset.pinned) == (rows, "lock")
    unchanged = prepare(hub_card(sets=("training.epochs=1",))).base
    assert unchanged is not None
    assert unchanged.revision == first


@pytest.mark.parametrize(
    ("section", "role", "reason"),
    [
        ({"base": {"model": TOKENIZER}}, "base", f"{BASE} is locked, the card names {TOKENIZER}"),
        ({"base": {"revision": "next"}}, "base", f"{BASE} is locked at main, the card asks for next"),
        ({"base": {"tokenizer": TOKENIZER}}, "tokenizer", f"the card names {TOKENIZER}, the lock none"),
        ({"data": {"dataset": "tester/r"}}, "dataset", f"{DATASET} is locked, the card names tester/r"),
        ({"data": {"revision": "v1"}}, "dataset", f"{DATASET} is locked at main, the card asks for v1"),
    ],
)
def test_a_stale_lock_stops_the_run_and_fails_the_check(
    section: dict[str, Any],
    role: str,
    reason: str,
    hub: Hub,
    hub_card: Callable[..., Loaded],
    prepare: Callable[..., Ready],
) -> None:
    locked(hub_card())
    changed = hub_card(**section)
    asked = len(hub.requests)
    with pytest.raises(InputError) as raised:
        prepare(changed)
    (problem,) = raised.value.problems
    remedy = f"`replicard lock {changed.file}` renews it"
    assert str(problem) == f"{lock_file(changed)}  {role}: {reason}; {remedy}"
    assert len(hub.requests) == asked
    answer = check(changed)
    assert answer.code == 1
    (line,) = answer.out.splitlines()
    assert line == f"{lock_file(changed)}  {role}: {reason}; restore what was locked, or {remedy}"


def test_a_stale_lock_ends_a_run_with_2(hub: Hub, hub_card: Callable[..., Loaded], tmp_path: Path) -> None:
    locked(hub_card())
    changed = hub_card(data={"revision": "v1"})
    answer = replicard("train", changed.file, "--runs", tmp_path / "runs", "-q")
    assert (answer.code, answer.out) == (2, "")
    assert f"`replicard lock {changed.file}` renews it" in answer.line
    assert not (tmp_path / "runs").exists()


def test_a_lock_is_not_stale_because_main_is_spelt_out_or_other_fields_changed(
    hub: Hub, hub_card: Callable[..., Loaded]
) -> None:
    locked(hub_card())
    assert set(pins(hub_card(base={"revision": "main"}, training={"epochs": 1}))) == {"base", "dataset"}


def test_a_folder_that_takes_the_place_of_a_locked_repo_makes_the_lock_stale(
    hub: Hub, hub_card: Callable[..., Loaded], tmp_path: Path
) -> None:
    loaded = locked(hub_card())
    (tmp_path / BASE).mkdir(parents=True)
    (tmp_path / BASE / "config.json").write_text("{}")
    with pytest.raises(InputError, match=f"base: {BASE} was a repo of the Hub when it was locked, here is a folder"):
        pins(loaded)


def test_a_changed_row_of_a_locked_folder_stops_the_run_and_fails_the_check(
    write_card: Callable[..., Loaded],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    prepare: Callable[..., Ready],
) -> None:
    write_rows(train=reviews(4), test=reviews(4))
    loaded = locked(write_card())
    assert prepare(loaded).dataset.pinned == "lock"
    write_rows(train=reviews(4, seed=1))
    with pytest.raises(InputError) as raised:
        prepare(loaded)
    (problem,) = raised.value.problems
    assert problem.path == "data.dataset"
    assert problem.message.startswith(f"train.jsonl of rows is not what {lock_file(loaded)} says; restore what was")
    answer = check(loaded)
    assert (answer.code, answer.err) == (1, "")
    assert answer.out == f"{lock_file(loaded)}  dataset: train.jsonl of rows is not as locked; {remedy(loaded)}\n"
    locked(loaded)
    assert (check(loaded).code, prepare(loaded).dataset.pinned) == (0, "lock")


def test_a_path_into_the_cache_is_locked_as_the_folder_that_it_is(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    base = prepare(hub_card()).base
    assert base is not None
    loaded = locked(hub_card(base={"model": base.path}))
    assert check(loaded).code == 0
    pinned = prepare(loaded).base
    assert pinned is not None
    assert (pinned.pinned, pinned.files) == ("lock", base.files)


def test_a_damaged_file_in_the_cache_stops_a_locked_run(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    loaded = locked(hub_card())
    base = prepare(loaded).base
    assert base is not None
    weights = next(path for path in (loaded.file.parent / "cache").rglob("*") if path.name == sha256(WEIGHTS))
    weights.write_bytes(b"stands for Weights")
    with pytest.raises(InputError, match=r"model\.safetensors of tester/base is not what .*the copy in the cache"):
        prepare(loaded)


def test_a_locked_commit_that_is_gone_from_the_hub_is_said(
    hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready], tmp_path: Path
) -> None:
    loaded, commit = locked(hub_card()), main_of(hub)
    move(hub)
    del hub.repos["models", BASE].commits[commit]
    for tree in (tmp_path / "cache").rglob(f"{commit}*"):
        tree.rename(tree.with_name("lost"))
    with pytest.raises(InputError, match=f"{BASE} has no revision '{commit}'"):
        prepare(loaded)


def test_a_card_inside_an_installed_replicard_is_not_locked_there(
    write_card: Callable[..., Loaded],
    write_rows: Callable[..., Path],
    reviews: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from registry import finding

    write_rows(train=reviews(4), test=reviews(4))
    written = write_card().file
    cards = tmp_path / "registry" / "cards"
    cards.mkdir(parents=True)
    file = written.rename(cards / written.name)
    (tmp_path / "rows").rename(cards / "rows")
    monkeypatch.setattr(finding, "__file__", str(cards.parent / "finding.py"))
    answer = replicard("lock", file)
    assert (answer.code, answer.out) == (2, "")
    assert answer.line == (
        f"{file}  belongs to the installed replicard, which is not written to; "
        "`replicard init ID --like tiny` copies it"
    )
    assert not file.with_suffix(".lock").exists()
    assert replicard("lock", file, "--dry-run").code == 0
    monkeypatch.undo()
    assert replicard("lock", file).code == 0


# Comparing


def test_a_lock_holds_while_nothing_has_moved(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded = locked(hub_card())
    before = lock_file(loaded).read_bytes()
    answer = check(loaded)
    assert (answer.code, answer.out, answer.err) == (0, f"{lock_file(loaded)}  holds\n", "")
    assert lock_file(loaded).read_bytes() == before


def test_a_branch_that_moved_fails_the_check_with_both_commits(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded, then = locked(hub_card()), main_of(hub)
    before, now = lock_file(loaded).read_bytes(), move(hub)
    answer = check(loaded)
    line = f"base: {BASE}: main is now {now[:12]}…, the lock has {then[:12]}…"
    assert (answer.code, answer.out, answer.err) == (1, f"{lock_file(loaded)}  {line}; {remedy(loaded)}\n", "")
    assert lock_file(loaded).read_bytes() == before
    (told,) = json.loads(check(loaded, "--json").out)
    assert (told["state"], told["moved"], told["unknown"]) == ("moved", [line], [])


def test_a_card_without_a_lock_fails_the_check(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded = hub_card()
    answer = check(loaded)
    assert (answer.code, answer.err) == (1, "")
    assert answer.out == f"{lock_file(loaded)}  there is no lock; `replicard lock {loaded.file}` makes one\n"
    assert hub.requests == []


def test_what_the_card_itself_pins_needs_no_hub_to_be_compared(
    hub: Hub, hub_card: Callable[..., Loaded], offline: Callable[[], None]
) -> None:
    commits = main_of(hub), main_of(hub, DATASET, "datasets")
    loaded = locked(hub_card(base={"revision": commits[0]}, data={"revision": commits[1]}))
    move(hub)
    offline()
    assert check(loaded).code == 0


def test_offline_the_check_says_what_it_could_not_compare(
    hub: Hub, hub_card: Callable[..., Loaded], offline: Callable[[], None]
) -> None:
    loaded = locked(hub_card())
    offline()
    answer = check(loaded)
    assert (answer.code, answer.out) == (3, "")
    assert [
        line.partition("data.dataset: ")[2] or line.partition("base.model: ")[2] for line in answer.err.splitlines()
    ] == [f"whether main of {name} has moved is not known: HF_HUB_OFFLINE is set" for name in (BASE, DATASET)]


def test_a_check_that_cannot_reach_the_hub_ends_with_3_and_says_what_moved_all_the_same(
    hub: Hub, hub_card: Callable[..., Loaded]
) -> None:
    loaded = locked(hub_card())
    move(hub)
    hub.faults[f"/api/datasets/{DATASET}"] = (503, "")
    answer = check(loaded)
    assert answer.code == 3
    assert f"base: {BASE}: main is now" in answer.out
    assert f"{hub.endpoint} answered 503; try again later" in answer.line


def test_a_check_of_a_repo_that_is_gone_ends_with_2(hub: Hub, hub_card: Callable[..., Loaded]) -> None:
    loaded = locked(hub_card())
    del hub.repos["datasets", DATASET]
    answer = check(loaded)
    assert (answer.code, answer.out) == (2, "")
    assert f"data.dataset: no dataset '{DATASET}'" in answer.line


def test_a_check_of_several_cards_says_all_and_ends_with_the_highest_code(
    hub: Hub, hub_card: Callable[..., Loaded], write_card: Callable[..., Loaded]
) -> None:
    first = locked(hub_card())
    second = write_card(id="other", base=on_base(model=BASE), data={"dataset": DATASET})
    answer = replicard("lock", first.file, second.file, "--check")
    assert answer.code == 1
    assert [line.partition("  ")[2][:16] for line in answer.out.splitlines()] == ["holds", "there is no lock"]


# Broken locks


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"format": 1', '"format": 2', ":2:3  format: input should be 1; "),
        ('"base": {', '"base": {"odd": 1, ', ":3:12  base.odd: extra inputs are not permitted; "),
        ('"revision": "main"', '"revision": null', ":3:3  base: `revision` and `commit` go together; "),
        ('"revision": "main"', f'"revision": "{"0" * 40}"', ":3:3  base: `revision` and `commit` are two commits; "),
        ('"name": "tester/rows",', "<<<<<<< HEAD", ":17:15  not YAML: "),
        ('"sha256:', '"md5:', ":7:5  base.fingerprint: string should match pattern "),
        ("{", "", ":13:4  not YAML: "),
    ],
)
def test_a_broken_lock_stops_the_run_with_its_place_and_the_remedy(
    old: str, new: str, said: str, hub: Hub, hub_card: Callable[..., Loaded], prepare: Callable[..., Ready]
) -> None:
    loaded = locked(hub_card())
    text = lock_file(loaded).read_text()
    assert old in text
    lock_file(loaded).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as raised:
        prepare(loaded)
    lines = [str(problem) for problem in raised.value.problems]
    assert any(line.startswith(f"{lock_file(loaded)}{said}") for line in lines), lines
    assert all(line.endswith(f"; `replicard lock {loaded.file}` writes it anew") for line in lines)
    assert check(loaded).code == 2
    assert replicard("lock", loaded.file).out.endswith("  renewed\n")
    assert check(loaded).code == 0


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"x" * 200_000], ids=["empty", "binary", "list", "large"])
def test_what_is_no_lock_at_all_is_refused_in_one_line(
    content: bytes, hub: Hub, hub_card: Callable[..., Loaded]
) -> None:
    loaded = hub_card()
    lock_file(loaded).write_bytes(content)
    answer = check(loaded)
    assert (answer.code, answer.out) == (2, "")
    assert answer.line.startswith(str(lock_file(loaded)))
    assert answer.line.endswith(f"; `replicard lock {loaded.file}` writes it anew")


# What is not pinned


def test_every_repo_of_the_hub_without_a_commit_is_unpinned_until_it_is_locked(
    hub: Hub, hub_card: Callable[..., Loaded]
) -> None:
    loaded = hub_card(base={"tokenizer": TOKENIZER})
    assert list(unpinned(loaded.card, loaded.file)) == ["base.revision", "base.tokenizer", "data.revision"]
    locked(loaded)
    assert unpinned(loaded.card, loaded.file) == {}
    stale = hub_card(base={"tokenizer": TOKENIZER}, data={"revision": "v1"})
    assert unpinned(stale.card, stale.file) == {
        "data.dataset": f"{stale.file.stem}.lock is of another state of the card: "
        f"{stale.card.data.dataset} is locked at main, the card asks for v1; `replicard lock` renews it"
    }


def test_a_commit_in_the_card_is_pinned_and_a_tag_is_not(hub_card: Callable[..., Loaded]) -> None:
    loaded = hub_card(base={"revision": "0" * 40}, data={"revision": "v1.0"})
    assert list(unpinned(loaded.card, loaded.file)) == ["data.revision"]


def test_folders_and_bases_from_scratch_have_nothing_to_pin(
    write_card: Callable[..., Loaded], write_rows: Callable[..., Path], reviews: Callable[..., Any]
) -> None:
    write_rows(train=reviews(2), test=reviews(2))
    for dataset in ("rows", "./rows"):
        loaded = write_card(data={"dataset": dataset})
        assert unpinned(loaded.card, loaded.file) == {}


def test_a_broken_lock_pins_nothing_and_does_not_stop_the_card_from_being_read(hub_card: Callable[..., Loaded]) -> None:
    loaded = hub_card()
    lock_file(loaded).write_text("{")
    assert list(unpinned(loaded.card, loaded.file)) == ["base.revision", "data.revision"]
