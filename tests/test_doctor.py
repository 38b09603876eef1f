"""`replicard doctor` says what is here and what to do about what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from command import replicard

from runner import doctor
from runner.kernels import native

if TYPE_CHECKING:
    from pathlib import Path


def lines(runs: Path) -> dict[str, dict[str, str | None]]:
    answer = replicard("doctor", "--json", "--runs", runs)
    assert answer.code == 0
    return {line["name"]: line for line in json.loads(answer.out)}


def test_the_device_the_packages_and_the_kernels_are_told(tmp_path: Path) -> None:
    found = lines(tmp_path)
    assert str(found["device"]["told"]).startswith("cuda" if torch.cuda.is_available() else "cpu")
    assert f"torch {torch.__version__}" in str(found["packages"]["told"])
    assert found["kernels"]["told"] == native.told()
    assert str(tmp_path) in str(found["runs"]["told"])


def test_the_table_has_a_line_for_each(tmp_path: Path) -> None:
    answer = replicard("doctor", "--runs", tmp_path)
    assert all(f"\n {name} " in answer.out or f"\n{name} " in answer.out for name in lines(tmp_path))


def test_what_to_do_without_a_compiler_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "told", lambda: "not compiled: no C++ compiler is installed")
    assert "g++" in str(lines(tmp_path)["kernels"]["remedy"])


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOM", 2**80)
    assert "make room" in str(lines(tmp_path)["runs"]["remedy"])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:  # to root every folder can be
        patch.setattr(doctor.os, "access", lambda *given: False)
        assert "cannot be written" in doctor._disk("runs", tmp_path).told
