"""The site: what its pages say, that nothing of a card becomes markup, and that it is written whole or not at all."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import site_cards
from command import replicard, write_card
from records import finished
from site_cards import README

from registry.errors import InputError, MissingError
from registry.evidence import leaves, needs_evidence
from runner.plugins import load_card
from runner.website import building, pages
from runner.website.building import build
from runner.website.charts import POINTS, charts
from runner.website.gathering import gather
from runner.website.serving import server
from runner.website.source import MOST, Mark, rows

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = Path("nowhere")


class Page(HTMLParser):
    """The elements of a page, with what could run, load or lead elsewhere."""

    def __init__(self, file: Path):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and tag == "a":
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of an impossible card, a hostile one, and one with a run over two seeds and a rehearsal's record."""
    folder = tmp_path_factory.mktemp("site")
    files = [site_cards.impossible(folder), site_cards.hostile(folder)]
    card = load_card(site_cards.impossible(folder, "ran")).card
    finished(card, folder / "runs", {1: 0.905, 2: 0.912}, hub=False)
    finished(card, folder / "runs" / "rehearsals", {1: 0.5}, hub=False)
    build([*files, folder / "ran.yaml"], folder / "out", folder / "runs")
    return folder / "out"


@pytest.fixture
def cards(tmp_path: Path) -> list[Path]:
    return [site_cards.impossible(tmp_path, name) for name in ("one", "two")]


# What the pages say


def test_a_claim_in_the_source_leads_to_the_arithmetic_that_condemns_it(site: Path) -> None:
    text = (site / "cards/impossible.html").read_text()
    link = re.search(r'<mark class="bad"><a href="#(finding-\d+)"[^>]*>0\.99</a></mark>', text)
    assert link
    finding = text[text.index(f'id="{link[1]}"') :].partition("</article>")[0]
    assert "impossible" in finding
    assert 'class="arithmetic"' in finding
    assert re.search(r'<aside class="beside" dir="ltr"><p class="bad">.*?class="arithmetic"', text, re.DOTALL)


def test_the_source_is_shown_letter_by_letter(site: Path) -> None:
    text = (site / "cards/impossible.html").read_text().partition('<div class="source"')[2].partition("</section>")[0]
    assert all(line.replace("&", "&amp;") in re.sub("<[^>]+>", "", text) for line in README.splitlines())


def test_every_link_within_a_page_leads_somewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        page = Page(file)
        assert len(page.ids) == len(set(page.ids)), file
        for link in page.links:
            path, _, anchor = link.partition("#")
            if path.startswith("https://"):
                continue
            target = (file.parent / path) if path else file
            assert target.is_file(), (file, link)
            if anchor and target.name != "compare.html":
                assert anchor in Page(target).ids, (file, link)


def test_a_value_shows_its_status_and_why(site: Path) -> None:
    text = Page(site / "cards/impossible.html").text
    assert "learning_rate 0.01 assumed chosen for this test" in text


def test_the_page_of_a_run_has_its_results(site: Path) -> None:
    page = Page(site / "cards/ran.html")
    for words in ("0.9085", "Confusion matrix", "Slices", "Some CPU", "training.precision", "replicard reproduce ran"):
        assert words in page.text, words
    assert {"curves", "confusion", "slices", "deviations", "environment", "files", "rehearsal"} <= set(page.ids)


def test_plots_stand_in_the_order_of_the_charts_that_take_their_place(tmp_path: Path) -> None:
    card = load_card(site_cards.impossible(tmp_path)).card
    finished(card, tmp_path / "runs", {1: 0.9}, hub=False)
    known = gather(load_card(tmp_path / "impossible.yaml"), tmp_path / "runs", print)
    assert known.ran is not None
    titles = [chart["plot"] for chart in charts(known.ran)]
    text = pages.card_page(known, ["calibration", "confusion_matrix", *reversed(titles)])
    assert re.findall(r'<figure data-plot="([^"]+)"', text) == titles


def test_what_was_run_is_not_said_to_be_untried(tmp_path: Path) -> None:
    loaded = load_card(site_cards.impossible(tmp_path))
    untried = "Whether it runs from end to end was not tried."
    assert untried in pages.card_page(gather(loaded, RUNS, print), [])
    finished(loaded.card, tmp_path / "runs", {1: 0.9}, hub=False)
    assert untried not in pages.card_page(gather(loaded, tmp_path / "runs", print), [])


def test_the_page_of_the_verdicts_has_no_markup_left(site: Path) -> None:
    text = Page(site / "checks.html").text
    assert "**" not in text
    assert "`" not in text


def test_claim_verdict_run_verdict_and_rehearsal_stand_apart(site: Path) -> None:
    row = (site / "index.html").read_text().partition('href="cards/ran.html"')[2].partition("</tr>")[0]
    cells = re.findall(r'data-label="(Claims|Run|Rehearsed)">(.*?)</td>', row, re.DOTALL)
    said = [re.sub(r"<[^>]+>|\s", "", cell) for _, cell in cells]
    assert said[0].endswith("impossible")
    assert said[1] != said[0]
    assert said[2] == "yes"


def test_the_worst_card_stands_first(site: Path) -> None:
    text = (site / "index.html").read_text()
    assert text.index("cards/impossible.html") < text.index("cards/hostile.html")


def test_the_data_of_the_front_page_are_those_of_its_rows(site: Path) -> None:
    told = (site / "assets/cards.js").read_text()
    columns, entries = json.loads(f"[{told.removeprefix('replicard.cards(').removesuffix(');' + chr(10))}]")
    assert [entry[columns.index("id")] for entry in entries] == re.findall(
        r'data-pick="([^"]+)"', (site / "index.html").read_text()
    )


def test_curves_are_thinned_to_what_a_screen_shows(tmp_path: Path) -> None:
    from runner.record import Point

    card = load_card(site_cards.impossible(tmp_path)).card
    finished(card, tmp_path / "runs", {1: 0.9}, hub=False)
    ran = gather(load_card(tmp_path / "impossible.yaml"), tmp_path / "runs", print).runs[0]
    log = tuple(Point(step=step, epoch=step / 1e5, values={"loss": 1 / (1 + step)}) for step in range(100_000))
    training = ran.shown.training.model_copy(update={"log": log})
    record = ran.shown.model_copy(update={"training": training})
    trace = charts(ran.__class__(ran.run, ran.card, (record,), ran.audit, True))[0]["traces"][0]
    assert len(trace["x"]) <= POINTS + 1
    assert trace["x"][-1] == pytest.approx(0.99999)


def test_a_run_of_what_is_declared_comes_before_a_newer_one_of_something_else(tmp_path: Path) -> None:
    file = site_cards.impossible(tmp_path)
    finished(load_card(file).card, tmp_path / "runs", {1: 0.9}, hub=False)
    other = load_card(file, ["training.epochs=1"]).card
    run = finished(other, tmp_path / "elsewhere", {1: 0.9}, hub=False)
    there = tmp_path / "runs" / "impossible" / "bbbbbbbbbbbb"
    run.over_seeds.replace(there)
    record = there / "seed1" / "record.json"
    record.write_text(record.read_text().replace("2026-01-01", "2026-06-01"))
    known = gather(load_card(file), tmp_path / "runs", print)
    assert [(ran.run.id, ran.current) for ran in known.runs] == [("abcdefabcdef", True), ("bbbbbbbbbbbb", False)]


def test_a_run_of_an_earlier_state_of_the_card_says_nothing_of_what_it_reports_now(tmp_path: Path) -> None:
    file = site_cards.impossible(tmp_path)
    finished(load_card(file, ["training.epochs=1"]).card, tmp_path / "runs", {1: 0.9}, hub=False)
    known = gather(load_card(file), tmp_path / "runs", print)
    assert known.run_verdict == "not run"
    assert pages.entry(known)["reproduced"] == ""
    assert "one of an earlier state of the card" in pages.card_page(known, [])


def test_a_run_that_cannot_be_read_is_told_and_left_out(tmp_path: Path) -> None:
    file = site_cards.impossible(tmp_path)
    run = finished(load_card(file).card, tmp_path / "runs", {1: 0.9}, hub=False)
    run.record.write_text("{")
    built = build([file], tmp_path / "out", tmp_path / "runs")
    assert len(built.warnings) == 1
    assert "No run of it is recorded here" in Page(tmp_path / "out/cards/impossible.html").text


# Nothing of a card is markup


def test_no_text_of_a_card_becomes_an_element_or_a_handler(site: Path) -> None:
    pages = [Page(site / "cards/hostile.html"), Page(site / "index.html")]
    for page in pages:
        assert "img" not in page.tags
        assert "h1 id=broken" not in page.attributes
        assert "broken" not in page.ids
        assert not [one for one in page.attributes if one[1].startswith("on") or one[1] == "style"]
        assert not [link for link in page.links if link.startswith(("javascript:", "data:", "//"))]
    # One script in the head, and the data of the charts, which do not run.
    assert pages[0].tags.count("script") == 1
    assert "<script>window.hacked = 1</script>" in pages[0].text


def test_a_policy_forbids_what_a_page_does_not_need(site: Path) -> None:
    for file in site.rglob("*.html"):
        policies = [value for tag, name, value in Page(file).attributes if tag == "meta" and name == "content"]
        assert any("default-src 'none'; script-src 'self'; style-src 'self'" in value for value in policies), file
        assert "unsafe" not in file.read_text()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        for tag, name, value in Page(file).attributes:
            if name in ("src", "srcset") or (tag == "link" and name == "href"):
                assert "//" not in value, (file, value)
                assert (file.parent / value).is_file(), (file, value)


def test_what_turns_or_hides_text_is_shown(site: Path) -> None:
    for file in [*site.rglob("*.html"), *site.glob("data/*.js")]:
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08]", file.read_text(encoding="utf-8")), file
    assert r"abc\u202egnp.exe" in Page(site / "cards/hostile.html").text


def test_templates_in_a_text_are_text(site: Path) -> None:
    assert "{{ 7 * 7 }} {% raw %}" in Page(site / "cards/hostile.html").text


def test_data_for_scripts_are_ascii_and_close_no_element(site: Path) -> None:
    for file in [*site.glob("data/*.js"), site / "assets/cards.js"]:
        assert file.read_bytes().isascii()
    for text in re.findall(r'type="application/json"[^>]*>(.*?)</script>', (site / "cards/ran.html").read_text(), re.S):
        assert isinstance(json.loads(text), list)


def test_a_token_in_a_source_is_blotted_out_and_the_rest_stays_in_its_place(tmp_path: Path) -> None:
    token = "hf_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3f"
    readme = README.replace("# A small model", f"# A small model, token {token}")
    file = site_cards.write(tmp_path, "token", readme, {"f1": "| F1 | 0.99 |"})
    build([file], tmp_path / "out", RUNS)
    text = (tmp_path / "out/cards/token.html").read_text()
    assert token not in text
    assert re.search(r"<mark[^>]*><a[^>]*>0\.99</a></mark>", text)


def test_folders_of_a_machine_are_not_told(site: Path, tmp_path: Path) -> None:
    for file in site.rglob("*"):
        if file.is_file() and file.suffix in (".html", ".js", ".json", ".md") and file.name != "plotly.min.js":
            text = file.read_text(encoding="utf-8")
            assert str(site.parent) not in text, file
            assert "/home/somebody" not in text, file
    assert "…/rows" in Page(site / "cards/hostile.html").text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice/rows", "…/rows"),
        ("~/data/imdb/train", "…/train"),
        (r"C:\Users\alice\rows", "…/rows"),
        ("from '/srv/data/rows' it", "from '…/rows' it"),
        ("stanfordnlp/imdb", "stanfordnlp/imdb"),
        ("../data/reviews", "../data/reviews"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("z = (0.9 − 0.8)/√(0.9·0.1/5,000 + 0.1)", "z = (0.9 − 0.8)/√(0.9·0.1/5,000 + 0.1)"),
    ],
)
def test_of_a_path_of_a_machine_the_last_part_is_told(text: str, shown: str) -> None:
    assert pages.line(text) == shown


# The source, cut into rows


def test_rows_hold_every_character_in_order() -> None:
    text = "# A\n\n- b: 1 " + "word " * 900 + "\n```\ncode\n```\n| a | b |\n|---|---|\n| 1 | 2 |"
    found = rows(text, [Mark(5, 9, 0), Mark(7, 12, 1)], [(7, 3)])
    assert "".join(part.text for row in found for part in row.segments) == text.replace("\n", "")


def test_marks_that_overlap_share_their_characters() -> None:
    (row,) = rows("an accuracy of 0.91", [Mark(3, 19, 0), Mark(12, 19, 1)], [])
    assert [(part.text, part.claims) for part in row.segments] == [
        ("an ", ()),
        ("accuracy ", (0,)),
        ("of 0.91", (0, 1)),
    ]
    assert [part.first for part in row.segments] == [(), (0,), (1,)]


def test_of_a_huge_source_what_is_marked_is_kept() -> None:
    text = "<b> & 'quoted'\n" * 10_000 + "accuracy 0.91\n" + "</div>\n" * 10_000
    at = text.index("0.91")
    found = rows(text, [Mark(at, at + 4, 0)], [])
    assert [part.text for row in found for part in row.segments if part.claims] == ["0.91"]
    shown = sum(len(part.text) for row in found for part in row.segments)
    assert shown < MOST
    assert shown + sum(row.skipped for row in found) == len(text) - text.count("\n")


def test_a_page_stays_small_whatever_a_card_holds(tmp_path: Path) -> None:
    readme = README + "&<>\"'" * 200_000
    many = [f"placeholder {index} {'&' * 580}" for index in range(50)]
    table = {"columns": ["epoch", "loss", "accuracy"], "rows": [[epoch, "0.5", "0.91"] for epoch in range(1, 400)]}
    file = site_cards.write(
        tmp_path, "huge", readme, {"f1": "| F1 | 0.99 |"}, underspecified=many, epoch_table=table,
        task={"type": "text-classification", "labels": [f"{index}{'&' * 100}" for index in range(16)]},
    )  # fmt: skip
    card = json.loads(file.read_text())
    paths = [path for path, value in leaves(load_card(file).card).items() if needs_evidence(path, value)]
    ours = [path for path in paths if not path.startswith(("reported", "epoch_table", "task.labels"))]
    card["assumed"] = {**dict.fromkeys(ours, f"because {'&' * 290}"), "epoch_table": "chosen for this test"}
    file.write_text(json.dumps(card))
    finished(load_card(file).card, tmp_path / "runs", dict.fromkeys(range(9), 0.9), hub=False)
    build([file], tmp_path / "out", tmp_path / "runs")
    for page in (tmp_path / "out").rglob("*.html"):
        assert page.stat().st_size < 300_000, page
    assert "further numbers are left out" in Page(tmp_path / "out/cards/huge.html").text


# Written whole, or not at all


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_inputs_give_the_same_bytes(site: Path, tmp_path: Path) -> None:
    source = site.parent
    files = [source / f"{name}.yaml" for name in ("ran", "hostile", "impossible")]
    build(files, tmp_path / "again", source / "runs")
    assert state(tmp_path / "again") == state(site)


@pytest.mark.slow
def test_several_processes_give_the_same_bytes_as_one(tmp_path: Path) -> None:
    files = [site_cards.impossible(tmp_path, f"card-{index:03}") for index in range(80)]
    build(files, tmp_path / "one", RUNS)
    build(files, tmp_path / "two", RUNS, workers=2)
    assert state(tmp_path / "one") == state(tmp_path / "two")


def test_a_site_replaces_the_one_before_it(cards: list[Path], tmp_path: Path) -> None:
    build(cards, tmp_path / "out", RUNS)
    build(cards[:1], tmp_path / "out", RUNS)
    assert [file.stem for file in (tmp_path / "out" / "cards").iterdir()] == ["one"]
    assert not list(tmp_path.glob(".out*"))


def test_a_site_that_fails_leaves_the_one_before_it(
    cards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(cards, tmp_path / "out", RUNS)
    before = state(tmp_path / "out")

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(building, "_write_rest", fail)
    with pytest.raises(OSError, match="no space"):
        build(cards[:1], tmp_path / "out", RUNS)
    assert state(tmp_path / "out") == before
    assert not list(tmp_path.glob(".out*"))


def test_a_card_with_an_error_stops_the_site(cards: list[Path], tmp_path: Path) -> None:
    cards[1].write_text(cards[1].read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(InputError, match="schema"):
        build(cards, tmp_path / "out", RUNS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "make", [lambda out: (out / "thesis.txt").write_text("mine"), lambda out: (out / ".git").mkdir()]
)
def test_a_folder_of_somebody_else_is_refused(
    make: Callable[[Path], object], cards: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out")
    with pytest.raises(InputError, match="which no `replicard site build` made"):
        build(cards, tmp_path / "out", RUNS)
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_file_that_was_put_into_a_site_is_not_lost(cards: list[Path], tmp_path: Path) -> None:
    build(cards, tmp_path / "out", RUNS)
    (tmp_path / "out" / "CNAME").write_text("cards.example.org")
    with pytest.raises(InputError, match="CNAME"):
        build(cards, tmp_path / "out", RUNS)


def test_a_place_that_cannot_be_written_is_told(cards: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MissingError, match="--out"):
        build(cards, tmp_path / "file" / "out", RUNS)


def test_two_cards_of_one_name_are_refused(tmp_path: Path) -> None:
    files = [site_cards.impossible(tmp_path / folder, "Same" if folder == "b" else "same") for folder in ("a", "b")]
    with pytest.raises(InputError, match="rename one"):
        build(files, tmp_path / "out", RUNS)


def test_a_site_is_a_static_space(site: Path) -> None:
    _, front, _ = (site / "README.md").read_text().split("---\n")
    assert "sdk: static\n" in front
    assert "app_file: index.html\n" in front


@pytest.mark.slow
def test_each_of_many_cards_is_read_once_for_a_small_front_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the time is in proportion to the cards; `bench/site.py` measures it."""
    files = [site_cards.impossible(tmp_path, f"card-{index:04}") for index in range(300)]
    read, texts = Counter[Path](), Counter[Path]()

    def load(file: Path, *arguments: Any, **more: Any) -> Any:
        read[file] += 1
        return load_card(file, *arguments, **more)

    def read_bytes(file: Path) -> bytes:
        texts[file] += 1
        return as_before(file)

    as_before = Path.read_bytes
    monkeypatch.setattr(building, "load_card", load)
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    build(files, tmp_path / "out", RUNS)
    assert read == dict.fromkeys(files, 1)
    assert max(texts.values()) <= 3  # a source: to find its words, to be checked, to be shown
    assert (tmp_path / "out/index.html").stat().st_size < 300_000


# The command


@pytest.mark.slow
def test_the_command_builds_pages_of_a_real_run(tmp_path: Path) -> None:
    file = write_card(tmp_path)
    runs = tmp_path / "runs"
    assert replicard("reproduce", file, "--runs", runs, "--seeds", "1..2", "-q").code == 0
    answer = replicard("site", "build", file, "--runs", runs, "-o", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert f"{tmp_path / 'out'}  1 cards" in answer.out
    page = Page(tmp_path / "out/cards/tiny.html")
    assert {"seed 1", "seed 2"} <= set(re.findall(r"seed \d", page.text))
    plots = sorted(path.stem for path in (tmp_path / "out/plots/tiny").iterdir())
    assert plots == ["calibration", "confusion_matrix", "loss", "roc"]
    drawn = json.loads(re.findall(r'id="charts">(.*?)</script>', (tmp_path / "out/cards/tiny.html").read_text())[0])
    assert [chart["plot"] for chart in drawn] == ["loss", "roc", "calibration"]
    assert all(trace["x"] for chart in drawn for trace in chart["traces"])


def test_a_site_is_served_to_this_machine_alone(site: Path) -> None:
    with server(site, "127.0.0.1", 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        host, port = serving.server_address[:2]
        assert host == "127.0.0.1"
        with urllib.request.urlopen(f"http://{host}:{port}/") as answer:
            assert b"Model cards, checked" in answer.read()
        with urllib.request.urlopen(f"http://{host}:{port}/assets/site.js") as answer:
            assert answer.headers["Content-Type"].startswith("text/javascript")
        for path in ("/cards/", "/../ran.yaml", "/nothing.html"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://{host}:{port}{path}")
        serving.shutdown()


def test_serving_a_port_that_is_taken_says_what_to_do(site: Path) -> None:
    with server(site, "127.0.0.1", 0) as serving:
        answer = replicard("site", "serve", site, "--port", serving.server_address[1])
    assert answer.code == 3
    assert "--port" in answer.line


def test_serving_what_is_no_site_names_the_command_that_makes_one(tmp_path: Path) -> None:
    answer = replicard("site", "serve", tmp_path)
    assert answer.code == 2
    assert "replicard site build" in answer.line
