"""A card is found by path, by id in the working directory or among the shipped ones, or by a glob over either."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.errors import InputError
from registry.finding import all_cards, find, shipped


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a card of its own, one named as a shipped one, and one outside `cards/`."""
    monkeypatch.chdir(tmp_path)
    for name in ("cards/mine.yaml", "cards/films/deep.yaml", "cards/quickstart.yaml", "loose.yaml", "cards/no.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("schema: 1\n")
    return tmp_path


def test_an_id_is_found_among_the_shipped_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("quickstart") == [shipped() / "quickstart.yaml"]


def test_an_id_is_found_in_folders_of_topics(here: Path) -> None:
    assert find("minilm-l6") == [shipped() / "imdb" / "minilm-l6.yaml"]
    assert find("deep") == [Path("cards/films/deep.yaml")]


def test_the_working_directory_comes_before_the_shipped_cards(here: Path) -> None:
    assert find("quickstart") == [Path("cards/quickstart.yaml")]


@pytest.mark.parametrize("name", ["loose.yaml", "./loose.yaml", "cards/no.yml"])
def test_a_path_is_that_file(name: str, here: Path) -> None:
    assert find(name) == [Path(name)]


def test_an_absolute_path_is_that_file(here: Path) -> None:
    assert find(str(here / "loose.yaml")) == [here / "loose.yaml"]


def test_a_card_outside_the_folders_is_no_id(here: Path) -> None:
    with pytest.raises(InputError, match="no card 'loose'"):
        find("loose")


def test_a_glob_over_ids_finds_the_shipped_ones(here: Path) -> None:
    assert {file.stem for file in find("*-distilbert")} == {"a790227-distilbert", "llm-project-distilbert"}


def test_a_glob_over_paths_finds_files(here: Path) -> None:
    assert find("cards/*/*.yaml") == [Path("cards/films/deep.yaml")]
    assert find("cards/**/deep*") == [Path("cards/films/deep.yaml")]
    assert find(f"{here}/l*.yaml") == [here / "loose.yaml"]


def test_a_file_that_a_glob_finds_as_id_and_path_is_one(here: Path) -> None:
    assert find("*") == [*all_cards().values(), Path("loose.yaml")]


def test_a_folder_with_the_name_of_a_card_is_none(here: Path) -> None:
    (here / "cards" / "folder.yaml").mkdir()
    assert "folder" not in all_cards()
    with pytest.raises(InputError, match="no card 'fold\\*'"):
        find("fold*")


@pytest.mark.parametrize("name", ["", "nothing", "[", "**x", "a/**b/*", "/**x", "..", "/", "cards", "a\0*", "*.toml"])
def test_what_names_no_card_is_refused(name: str, here: Path) -> None:
    with pytest.raises(InputError, match="no card "):
        find(name)


def test_a_misspelt_id_is_refused_with_the_nearest(here: Path) -> None:
    with pytest.raises(InputError, match=r"^no card 'quikstart'; did you mean `quickstart`\?$"):
        find("quikstart")


def test_ids_are_listed_in_order(here: Path) -> None:
    assert list(all_cards()) == sorted(all_cards())
    assert {"mine", "deep", "quickstart", "minilm-l6"} <= set(all_cards())
