"""Which files of a run would be pushed: what belongs to a model, and nothing that could harm or tell too much."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.errors import InputError
from runner.publishing import select
from runner.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "hf_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3h"
PNG = b"\x89PNG\r\n\x1a\n and the rest"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run's files as training, evaluation and rendering leave them."""
    import torch
    from safetensors.torch import save_file

    run = Run(tmp_path / "runs", "tiny", "0123456789ab", 42)
    for folder in (run.model, run.plots, run.checkpoints / "checkpoint-1"):
        folder.mkdir(parents=True)
    (run.over_seeds / "README.md").write_text("# tiny\n")
    (run.over_seeds / "audit.json").write_text("{}")
    run.record.write_text('{"card": "tiny"}')
    run.predictions.write_bytes(b"PAR1 rows PAR1")
    save_file({"weight": torch.ones(2)}, run.model / "model.safetensors")
    (run.model / "config.json").write_text("{}")
    (run.model / "tokenizer.json").write_text('{"vocab": {}}')
    (run.model / "vocab.txt").write_text("[PAD]\nfilm\n")
    (run.plots / "loss.png").write_bytes(PNG)
    (run.folder / ".lock-1").touch()
    torch.save({}, run.checkpoints / "checkpoint-1/optimizer.pt")
    return run


def refused(run: Run) -> list[str]:
    """The problems, a line each."""
    with pytest.raises(InputError) as caught:
        select(run)
    return [str(problem) for problem in caught.value.problems]


def test_readme_audit_record_scores_plots_and_model_are_published(run: Run) -> None:
    assert [file.name for file in select(run)] == [
        "README.md",
        "audit.json",
        "seed42/record.json",
        "seed42/predictions.parquet",
        "seed42/model/config.json",
        "seed42/model/model.safetensors",
        "seed42/model/tokenizer.json",
        "seed42/model/vocab.txt",
        "seed42/plots/loss.png",
    ]


def test_each_file_has_its_size_and_hash(run: Run) -> None:
    for file in select(run):
        content = (run.over_seeds / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_checkpoints_locks_and_other_seeds_stay_here(run: Run) -> None:
    other = run.over_seeds / "seed7"
    other.mkdir()
    (other / "record.json").write_text("{}")
    (run.folder / ".record.json.1.part").write_text("{")
    assert not {
        file.name for file in select(run) if "checkpoint" in file.name or "seed7" in file.name or ".part" in file.name
    }


def test_the_base_of_an_adapter_is_published_with_it(run: Run) -> None:
    (run.model / "model.safetensors").rename(run.model / "adapter_model.safetensors")
    run.base.mkdir()
    (run.base / "config.json").write_text("{}")
    assert "seed42/base/config.json" in {file.name for file in select(run)}


@pytest.mark.parametrize("name", ["training_args.bin", "optimizer.pt", "pytorch_model.bin", "scores.pkl"])
def test_a_pickle_is_refused(name: str, run: Run) -> None:
    import torch

    torch.save({"lr": 1}, run.model / name)
    assert refused(run) == [
        f"{run.model / name}  is a pickle, which runs code when it is read; weights are published as safetensors"
    ]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "vocab.txt"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_a_pickle_is_known_by_its_content_whatever_its_name(name: str, protocol: int, run: Run) -> None:
    (run.model / name).write_bytes(pickle.dumps({"weight": [1.0] * 9}, protocol))
    assert f"{run.model / name}  is a pickle, whatever its name says" in refused(run)[0]


def test_an_archive_of_torch_is_a_pickle_too(run: Run) -> None:
    import torch

    torch.save({}, run.model / "model.safetensors")
    assert "is a pickle" in refused(run)[0]


@pytest.mark.parametrize(
    ("place", "content", "said"),
    [
        ("model/model.safetensors", b"weights", "is not safetensors"),
        ("model/config.json", b"{", "is not JSON"),
        ("model/vocab.txt", b"\xff\xfe", "is not a text in UTF-8"),
        ("model/spiece.model", b"pieces", "is no SentencePiece model"),
        ("plots/loss.png", b"<svg>", "is not a PNG"),
        ("predictions.parquet", b"rows", "is not a Parquet file"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(place: str, content: bytes, said: str, run: Run) -> None:
    (run.folder / place).write_bytes(content)
    (line,) = refused(run)
    assert line == f"{run.folder / place}  {said}; `replicard reproduce tiny --fresh` makes it anew"


@pytest.mark.parametrize(
    "place", ["model/modeling.py", "model/notes", "plots/loss.svg", "base/run.sh", "model/a/b.json", "model/README.md"]
)
def test_a_file_that_no_rule_knows_is_refused(place: str, run: Run) -> None:
    (run.folder / place).parent.mkdir(exist_ok=True)
    (run.folder / place).write_text("{}")
    (line,) = refused(run)
    assert "is no file that a model is published with; remove it" in line


def outside(tmp_path: Path) -> Path:
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/config.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("model/config.json", "secret.json"),
        ("record.json", "secret.json"),
        ("model/more", "folder"),
        ("base", "folder"),
    ],
)
def test_a_link_out_of_the_run_is_refused(place: str, target: str, run: Run, tmp_path: Path) -> None:
    link = run.folder / place
    link.unlink(missing_ok=True)
    link.symlink_to(outside(tmp_path) / target)
    assert refused(run) == [
        f"{link}  is a link to a file outside the run; put the file itself there, or remove the link"
    ]


def test_a_seed_that_is_a_link_out_of_the_run_is_refused(run: Run, tmp_path: Path) -> None:
    run.folder.rename(tmp_path / "elsewhere")
    run.folder.symlink_to(tmp_path / "elsewhere")
    assert all("is a link to a file outside the run" in line for line in refused(run))


def test_a_link_that_stays_inside_is_followed(run: Run) -> None:
    (run.model / "config.json").rename(run.over_seeds / "shared.json")
    (run.model / "config.json").symlink_to(run.over_seeds / "shared.json")
    assert "seed42/model/config.json" in {file.name for file in select(run)}


def test_a_broken_link_is_refused(run: Run) -> None:
    (run.model / "config.json").unlink()
    (run.model / "config.json").symlink_to(run.model / "gone.json")
    assert "is not a file; remove it" in refused(run)[0]


@pytest.mark.parametrize(
    "write",
    [
        lambda run: (run.over_seeds / "README.md").write_text(f"# tiny\n\nlogin with {TOKEN}\n"),
        lambda run: (run.model / "config.json").write_text(json.dumps({"_name": "x", "auth": TOKEN}, indent=1)),
        lambda run: run.record.write_text(json.dumps({"command": [TOKEN]}, indent=1)),
        lambda run: (run.model / "vocab.txt").write_text(f"film\n{TOKEN}\n"),
    ],
)
def test_what_looks_like_a_token_is_refused_by_its_line_and_never_repeated(
    write: Callable[[Run], object], run: Run
) -> None:
    write(run)
    (line,) = refused(run)
    assert "holds what looks like a Hugging Face token in line" in line
    assert TOKEN not in line


@pytest.mark.parametrize("place", ["README.md", "seed42/record.json", "seed42/model/config.json"])
@pytest.mark.parametrize("folder", ["~/models/mine", ".", "data/rows"])
def test_a_folder_of_this_machine_is_refused_by_its_line(place: str, folder: str, run: Run) -> None:
    named = Path(folder).expanduser().absolute()
    (run.over_seeds / place).write_text(json.dumps({"a": 1, "b": str(named)}, indent=1))
    (line,) = refused(run)
    assert "names a folder of this machine in line 3; name it by its id or relative to the card" in line
    assert str(named) not in line.partition("  ")[2]


def test_the_folder_of_an_input_is_refused_wherever_it_is(run: Run) -> None:
    from runner.record import Snapshot
    from runner.runs import keep_places

    keep_places(run, dataset=Snapshot(name="rows", revision="sha256:0", path="/srv/share/rows", files={}))
    run.record.write_text('{"dataset": "/srv/share/rows"}')
    assert "names a folder of this machine" in refused(run)[0]


def test_a_folder_in_the_header_of_weights_is_refused(run: Run) -> None:
    from safetensors.numpy import save_file

    save_file({}, run.model / "model.safetensors", metadata={"from": str(Path.cwd() / "checkpoint")})
    assert "names a folder of this machine" in refused(run)[0]


@pytest.mark.parametrize(
    "text", ["https://huggingface.co{}/x", "see a{}", "~{}", "/elsewhere/rows", "/", "runs/tiny", "{}-of-others"]
)
def test_what_only_looks_like_a_folder_of_this_machine_is_none(text: str, run: Run) -> None:
    (run.over_seeds / "README.md").write_text(text.format(Path.cwd()))
    assert select(run)


def test_a_run_without_readme_or_model_is_refused(run: Run) -> None:
    (run.over_seeds / "README.md").unlink()
    for path in run.model.iterdir():
        path.unlink()
    first, second = sorted(refused(run))
    assert "has no README.md; `replicard render tiny/0123456789ab/seed42` writes it" in first
    assert "holds no model; `replicard reproduce tiny` trains it" in second


def test_everything_that_is_wrong_is_told_at_once(run: Run) -> None:
    (run.model / "config.json").write_text("{")
    (run.model / "code.py").write_text("")
    (run.plots / "loss.png").write_bytes(b"")
    assert len(refused(run)) == 3
