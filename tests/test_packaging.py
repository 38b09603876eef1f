"""An installed replicard works outside the checkout: what the wheel holds, and what it does from an empty folder."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from command import REPO, process, records

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    built = subprocess.run([*pip, "-w", folder, REPO], capture_output=True, text=True, check=False)
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip("the build backend cannot be had here")
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("replicard-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel is installed to, its dependencies left out: they are here."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", folder, wheel], check=True, capture_output=True)
    return folder


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command: the wheel's folder comes before the checkout that is installed editable."""
    code = "import sys, runner.cli; assert runner.cli.__file__.startswith(sys.argv.pop(1)); runner.cli.main()"
    command = [sys.executable, "-c", code, installed, *arguments]
    with process(command, cwd=cwd, PYTHONPATH=str(installed)) as started:
        out, err = started.communicate(timeout=120)
    return subprocess.CompletedProcess(command, started.returncode, out, err)


def test_the_wheel_holds_every_card_template_and_corpus(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("cards", "registry/cards"), ("templates", "runner/templates")):
        files = [file.relative_to(REPO / folder) for file in (REPO / folder).rglob("*") if file.is_file()]
        wanted = {
            f"{inside}/{file.as_posix()}"
            for file in files
            if not {"sources", "__pycache__"} & set(file.parts) and file.suffix not in (".py", ".md")
        }
        assert wanted
        assert wanted <= held


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"registry", "runner"}
    strange = [name for name in held if "sources" in name or "__pycache__" in name or name.endswith("generate.py")]
    assert strange == []


def test_an_installed_replicard_validates_every_shipped_card(installed: Path, tmp_path: Path) -> None:
    shipped = {file.stem for file in (REPO / "cards").rglob("*.yaml")}
    listed = run(installed, tmp_path, "ls", "--json")
    assert {row["id"] for row in json.loads(listed.stdout)} == shipped
    assert all(row["file"].startswith(str(installed)) for row in json.loads(listed.stdout))
    valid = run(installed, tmp_path, "validate", *shipped)
    assert (valid.returncode, valid.stdout.partition(",")[0]) == (0, f"{len(shipped)} cards are valid"), valid.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_installed_replicard_reproduces_the_quickstart_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    # One metric without slices: the bootstrap of the others takes most of a run that is so small.
    small = ["training.epochs=1", "data.limit.train=200", "data.limit.test=100"]
    small += ["evaluation.metrics=[accuracy]", "evaluation.slices=null"]
    done = run(installed, tmp_path, "reproduce", "quickstart", *(word for one in small for word in ("--set", one)))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    (record,) = records(tmp_path / "runs")
    assert record["plan"]["rows"]["train"] == 200
    assert next(tmp_path.glob("runs/quickstart/*/README.md")).read_text().startswith("---\n")
