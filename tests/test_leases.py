"""Leases: one process at a time in a folder, by what the system and the file itself tell, never by two clocks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command import process

from runner import leases
from runner.leases import HeldError, Holder, Progress, Watch, holding, look

HOLD = """
import sys, time
from pathlib import Path
from runner import leases
leases._SHOWN = leases.BEAT = 0.05
with leases.holding(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def write_lease(folder: Path, number: int = 1, beat: int = 0, machine: str = "elsewhere", pid: int = 1) -> Path:
    """A lease as another machine wrote it."""
    path = folder / f".lock-{number}"
    holder = Holder(owner="f" * 32, host="node7", machine=machine, pid=pid, born=1.0, beat=beat)
    path.write_text(holder.model_dump_json())
    return path


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "EXPIRES", 0.3)
    monkeypatch.setattr(leases, "_SHOWN", 0.05)


def test_a_lease_says_who_holds_it_and_is_gone_afterwards(tmp_path: Path) -> None:
    with holding(tmp_path):
        (found,) = look(tmp_path)
        assert found.holder is not None
        assert (found.holder.pid, found.holder.lives) == (os.getpid(), True)
    assert list(tmp_path.iterdir()) == []


def test_who_holds_it_is_named_to_who_wants_it(tmp_path: Path) -> None:
    with holding(tmp_path), pytest.raises(HeldError, match=rf"this run \(process {os.getpid()} on "), holding(tmp_path):
        pass


def test_progress_is_written_while_it_is_held(tmp_path: Path, short: None) -> None:
    with holding(tmp_path) as lease:
        lease.tell("train", 0, 100, "")
        before = time.monotonic()
        lease.tell("train", 40, 100, "loss 0.5")
        begun = time.monotonic()
        time.sleep(0.3)
        after = time.monotonic()
        lease.tell("train", 50, 100, "loss 0.4")
        shortest, longest = after - begun, time.monotonic() - before
        while (told := written(tmp_path)).done < 50:
            assert time.monotonic() < after + 60
            time.sleep(0.01)
        assert (told.stage, told.done, told.total, told.note) == ("train", 50, 100, "loss 0.4")
        assert told.seconds_left is not None
        assert 5 * shortest <= told.seconds_left <= 5 * longest  # that was ten steps, fifty are left


def written(folder: Path) -> Progress:
    """The progress that the one lease of a folder tells."""
    (found,) = look(folder)
    assert found.holder is not None
    return found.holder.progress


def test_who_waits_for_its_turn_has_it_when_the_other_one_is_done(tmp_path: Path) -> None:
    had = []

    def wait() -> None:
        with holding(tmp_path, wait=True):
            had.append("turn")

    waits = threading.Thread(target=wait)
    with holding(tmp_path):
        waits.start()
        time.sleep(0.2)
        assert had == []
    waits.join(60)
    assert had == ["turn"]


def test_a_process_that_goes_to_work_in_another_folder_keeps_its_lease(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    work = """
import os, time
from pathlib import Path
from runner import leases
leases.BEAT = leases._SHOWN = 0.01
with leases.holding(Path("run")) as lease:
    os.chdir("/")
    while lease.holder.beat < 3:
        time.sleep(0.01)
"""
    done = subprocess.run([sys.executable, "-c", work], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_lease_of_a_killed_process_is_free_at_once_even_while_nobody_has_waited_for_it(tmp_path: Path) -> None:
    with process([sys.executable, "-c", HOLD, tmp_path]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HeldError), holding(tmp_path):
            pass
        holder.kill()  # a zombie from here on
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        with holding(tmp_path):
            assert [found.path.name for found in look(tmp_path)] == [".lock-2"]


def test_another_process_under_the_id_of_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    write_lease(tmp_path, machine=leases._machine(), pid=os.getpid())
    with holding(tmp_path):
        assert [found.path.name for found in look(tmp_path)] == [".lock-2"]


def test_the_lease_of_another_machine_holds_as_long_as_it_changes(tmp_path: Path, short: None) -> None:
    watch = Watch()
    for beat in range(5):
        write_lease(tmp_path, beat=beat)
        assert watch.living(tmp_path) is not None
        time.sleep(0.1)
    time.sleep(0.4)
    assert watch.living(tmp_path) is None


@pytest.mark.parametrize("hours", [-48, 48])
def test_no_clock_but_the_watchers_decides(hours: int, tmp_path: Path, short: None) -> None:
    path = write_lease(tmp_path)
    os.utime(path, (time.time() + 3600 * hours,) * 2)
    watch = Watch()
    assert watch.living(tmp_path) is not None
    time.sleep(0.4)
    os.utime(path)
    assert watch.living(tmp_path) is None


@pytest.mark.parametrize("content", ["", '{"owner": "'])
def test_a_lease_that_was_never_written_to_its_end_expires(content: str, tmp_path: Path, short: None) -> None:
    (tmp_path / ".lock-1").write_text(content)
    with holding(tmp_path):
        assert [found.path.name for found in look(tmp_path)] == [".lock-2"]


def test_a_living_process_of_another_machine_is_not_taken_over(
    tmp_path: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "EXPIRES", 60.0)  # until that process has started
    beats = f"""
import time
from pathlib import Path
path = Path({str(write_lease(tmp_path))!r})
text = path.read_text()
for beat in range(1, 2000):
    part = path.with_suffix(".part")
    part.write_text(text.replace('"beat":0', f'"beat":{{beat}}'))
    part.replace(path)
    time.sleep(0.05)
"""
    with process([sys.executable, "-c", beats]) as other:
        with pytest.raises(HeldError, match=r"\(process 1 on node7\)"), holding(tmp_path):
            pass
        other.kill()


def test_a_process_that_was_taken_for_dead_ends_before_it_writes_anything_more(tmp_path: Path) -> None:
    with process([sys.executable, "-c", HOLD, tmp_path]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        write_lease(tmp_path, number=2)
        _, told = holder.communicate(timeout=60)
    assert holder.returncode == -signal.SIGKILL
    assert told == f"{tmp_path}: another process took this run over\n"
    assert (tmp_path / ".lock-2").exists()


@pytest.mark.slow
def test_of_many_who_want_what_a_dead_one_held_one_at_a_time_has_it(tmp_path: Path) -> None:
    contend = """
import sys, time
from pathlib import Path
from runner import leases
folder, inside = Path(sys.argv[1]), Path(sys.argv[1]) / "inside"
had = 0
ends = time.monotonic() + 1.5
while time.monotonic() < ends or not had:
    try:
        with leases.holding(folder):
            with inside.open("x"):  # fails where somebody else is in
                pass
            had += 1
            time.sleep(0.002)
            inside.unlink()
            if had % 7 == 0:  # as one that is killed leaves it
                lease = leases.look(folder)[-1]
                dead = lease.holder.model_copy(update={"owner": str(had), "born": 1.0})
                lease.path.with_name(f".lock-{int(lease.path.name[6:]) + 1}").write_text(dead.model_dump_json())
    except leases.HeldError:
        time.sleep(0.001)
print(had)
"""
    started = [process([sys.executable, "-c", contend, tmp_path]) for _ in range(4)]
    for one in started:
        out, err = one.communicate(timeout=60)
        assert (one.returncode, err) == (0, "")
        assert int(out) > 0
