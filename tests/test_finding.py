"""A card is found by path, by id in the working directory or among the shipped ones, or by a glob over either."""

from __future__ import annotations

from pathlib import Path

import pytest
from timing import takes_less_than, timed

from registry.errors import InputError
from registry.finding import all_cards, clashes, find, shipped


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
    assert {file.name for file in find("cards/**")} == {"deep.yaml", "mine.yaml", "no.yml", "quickstart.yaml"}
    assert find(f"{here}/l*.yaml") == [here / "loose.yaml"]


def test_a_glob_that_fits_ids_means_no_other_files_here(here: Path) -> None:
    assert find("*") == [*all_cards().values()]  # not whatever YAML lies here
    assert find("l*.yaml") == [Path("loose.yaml")]


def test_a_folder_with_the_name_of_a_card_is_none(here: Path) -> None:
    (here / "cards" / "folder.yaml").mkdir()
    assert "folder" not in all_cards()
    with pytest.raises(InputError, match="no card 'fold\\*'"):
        find("fold*")


@pytest.mark.parametrize(
    "name",
    ["", "nothing", "[", "**x", "a/**b/*", "/**x", "a\0*", "a\0/**", "a\0.yaml", "*.toml", "x" * 5000, "?" * 5000],
)
def test_what_names_no_card_is_refused_in_a_short_line(name: str, here: Path) -> None:
    with pytest.raises(InputError, match="no card ") as caught:
        find(name)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["..", "/", "cards", "cards/", "cards/films"])
def test_a_folder_is_refused_with_what_means_the_cards_in_it(name: str, here: Path) -> None:
    with pytest.raises(InputError) as caught:
        find(name)
    assert str(caught.value) == f"{name}  a folder; '{Path(name) / '**/*.yaml'}' means every card in it"


def test_a_file_that_is_no_yaml_is_refused(here: Path) -> None:
    Path("notes.txt").write_text("")
    for name in ("notes.txt", "./notes.txt", "/dev/null"):
        with pytest.raises(InputError, match=f"^{name}  no card: the name of one ends in `.yaml`$"):
            find(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lose.yaml", "did you mean `loose.yaml`?"),
        ("cards/deepp.yaml", "did you mean `deep`?"),
        ("cards/films/deepp.yaml", "did you mean `cards/films/deep.yaml`?"),
        ("cards/minilm-l6.yaml", "did you mean `minilm-l6`?"),
        ("quickstart.yaml", "did you mean `quickstart`?"),
        ("nowhere/x.yml", "`replicard ls` lists the cards"),
        ("owner/name", "`replicard ls` lists the cards"),
    ],
)
def test_a_file_that_is_not_there_is_said_to_be_missing_with_a_near_name(name: str, hint: str, here: Path) -> None:
    with pytest.raises(InputError) as caught:
        find(name)
    assert str(caught.value) == f"{name}  no such file; {hint}"


@pytest.mark.parametrize("name", [f"{'x' * 5000}.yaml", f"{'x/' * 5000}y.yaml", f"{'x/' * 300}y"])
def test_a_path_that_is_too_long_is_refused_in_a_short_line(name: str, here: Path) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        find(name)
    assert len(str(caught.value)) < 200


def test_a_link_that_leads_nowhere_is_found_for_the_loader_to_refuse(here: Path) -> None:
    (here / "cards" / "circle.yaml").symlink_to("circle.yaml")
    assert find("circle") == [Path("cards/circle.yaml")]
    assert find("cards/circle.yaml") == [Path("cards/circle.yaml")]


def test_a_card_may_end_in_yml(here: Path) -> None:
    assert find("no") == [Path("cards/no.yml")]


def test_links_to_folders_are_followed_and_circles_walked_once(
    here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "linked.yaml").write_text("schema: 1\n")
    (here / "cards" / "lab").symlink_to(elsewhere)
    for name in ("cards/one", "cards/films/two", "cards/three"):
        (here / name).symlink_to(here / "cards")
    seconds, found = timed(lambda: find("linked"))
    assert found == [Path("cards/lab/linked.yaml")]
    assert seconds < 10
    assert len(find("**/*.yaml")) == 5  # of the fixture's files, and this one
    assert clashes(all_cards().values()) == []


def test_hidden_files_and_folders_are_passed_over(here: Path) -> None:
    for name in ("cards/.hidden.yaml", "cards/.git/x.yaml"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text("")
    assert {".hidden", "x"}.isdisjoint(all_cards())
    assert {file.name for file in find("cards/**/*")} == {"mine.yaml", "deep.yaml", "quickstart.yaml", "no.yml"}


def test_an_id_of_two_cards_is_refused_with_both_files(here: Path) -> None:
    (here / "cards/films/mine.yaml").write_text("schema: 1\n")
    with pytest.raises(InputError) as caught:
        find("mine")
    assert str(caught.value) == (
        "the id 'mine' means 2 cards: cards/mine.yaml, cards/films/mine.yaml; rename one, or name it by its path"
    )


@pytest.mark.parametrize(
    "files", [["cards/mine.yaml"], ["cards/films/mine.yaml"], ["cards/films/mine.yaml", "cards/mine.yaml"]]
)
def test_cards_with_the_same_id_are_one_problem_with_both_files(files: list[str], here: Path) -> None:
    (here / "cards/films/mine.yaml").write_text("schema: 1\n")
    assert [str(problem) for problem in clashes(map(Path, files))] == [
        "cards/mine.yaml  has the same id as cards/films/mine.yaml; rename all but one, and their `id`"
    ]


def test_a_glob_finds_both_cards_of_an_id(here: Path) -> None:
    (here / "cards/films/mine.yaml").write_text("schema: 1\n")
    assert find("m*ne") == [Path("cards/mine.yaml"), Path("cards/films/mine.yaml")]


def test_a_link_beside_its_target_is_the_same_card(here: Path) -> None:
    (here / "cards/films/mine.yaml").symlink_to(here / "cards/mine.yaml")
    assert find("mine") == [Path("cards/mine.yaml")]


def test_a_card_that_shadows_a_shipped_one_is_no_clash(here: Path) -> None:
    assert clashes([*all_cards().values(), *shipped().rglob("*.yaml")]) == []


def test_an_id_among_thousands_of_files_is_found_quickly(here: Path) -> None:
    for index in range(5000):
        (here / "cards" / f"card-{index}.yaml").touch()

    def look() -> None:
        assert find("card-4999") == [Path("cards/card-4999.yaml")]
        with pytest.raises(InputError, match="did you mean `card-4999`"):
            find("crad-4999")

    assert takes_less_than(5, look)  # half a second where nothing else runs


def test_a_misspelt_id_is_refused_with_the_nearest(here: Path) -> None:
    with pytest.raises(InputError, match=r"^no card 'quikstart'; did you mean `quickstart`\?$"):
        find("quikstart")


def test_ids_are_listed_in_order(here: Path) -> None:
    assert list(all_cards()) == sorted(all_cards())
    assert {"mine", "deep", "quickstart", "minilm-l6"} <= set(all_cards())
