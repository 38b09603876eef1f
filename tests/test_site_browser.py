"""The site in a real browser: what a reader does with it, without a word on the console.

Debian's Chromium is driven by Playwright. Screenshots are kept in the folder that `REPLICARD_SCREENSHOTS` names.
"""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import site_cards
from command import replicard, write_card
from records import CARDS, finished

from runner.plugins import load_card
from runner.website import pages
from runner.website.building import build
from runner.website.gathering import gather
from runner.website.serving import server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser; pip install '.[test]'")
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium` on the path; apt-get install chromium"),
]

PATIENCE = 120_000
"""Milliseconds to wait for what a page does at once, on a machine that does much besides."""
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
SEEDS = sorted(file for file in (CARDS / "imdb").glob("*.yaml"))
MANY = 5000
LONG = "x" * 96
"""The longest id that a card may have, with no place to break it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five seed cards, a hostile one, one with two runs of fixed numbers, and one that was really trained."""
    folder = tmp_path_factory.mktemp("site")
    runs = folder / "runs"
    answer = replicard("reproduce", write_card(folder), "--runs", runs, "--seeds", "1..2", "-q")
    assert answer.code == 0, answer.err
    ran = site_cards.impossible(folder, "ran")
    finished(load_card(ran).card, runs, {1: 0.905, 2: 0.912}, hub=False)
    other = load_card(ran, ["training.epochs=1"]).card
    finished(other, folder / "others", {1: 0.7}, hub=False).over_seeds.replace(runs / "ran" / "bbbbbbbbbbbb")
    long = site_cards.impossible(folder, LONG)
    files = [*SEEDS, site_cards.hostile(folder), ran, long, folder / "tiny.yaml"]
    build(files, folder / "out", runs)
    return folder / "out"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    with served(site) as found:
        yield found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with server(folder, "127.0.0.1", 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, address: str) -> Iterator[Callable[..., Any]]:
    """`open_page("cards/x.html", viewport, dark)`: a page; the test fails by any word on its console."""
    said: list[str] = []
    contexts = []

    def open_(path: str = "index.html", viewport: dict[str, int] = DESKTOP, scheme: str = "light", **more: Any) -> Any:
        context = chromium.new_context(viewport=viewport, color_scheme=scheme, **more)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path if "://" in path else f"{address}/{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="module")
def keep(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any, str], None]:
    """`keep(page, name)`: a screenshot of the whole page."""
    folder = Path(os.environ.get("REPLICARD_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"{name}.png", full_page=True)


def settled(page: Any) -> None:
    """Wait until what scripts put together is there."""
    if page.locator("[data-compared]").count():
        page.locator("[data-compared] table").wait_for()
    if page.locator("#curves").count():
        page.locator("#curves").scroll_into_view_if_needed()
        page.locator("#curves .chart .main-svg").first.wait_for()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def names(page: Any) -> list[str]:
    return page.locator("[data-rows] .name a").all_text_contents()


# The list


def test_a_search_finds_by_any_word_and_says_how_many(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.locator("#q").press_sequentially("LLAMA lora")
    assert names(page) == ["gq-llama-2-7b-imdb"]
    assert page.locator("[data-status]").inner_text() == f"1 of {len(SEEDS) + 4} cards"
    page.locator("#q").fill("no such card")
    assert page.locator("[data-none]").is_visible()
    page.locator("[data-none] button").click()
    assert len(names(page)) == len(SEEDS) + 4


def test_a_verdict_shows_its_cards_alone_until_it_is_clicked_again(open_page: Callable[..., Any]) -> None:
    page = open_page()
    chip = page.locator('[data-only="claims"][data-verdict="impossible"]')
    chip.click()
    assert set(names(page)) == {"gq-llama-2-7b-imdb", "ran", LONG}
    assert chip.get_attribute("aria-pressed") == "true"
    page.reload()
    assert set(names(page)) == {"gq-llama-2-7b-imdb", "ran", LONG}, "the address keeps what is looked for"
    chip.click()
    assert len(names(page)) == len(SEEDS) + 4


def test_a_choice_narrows_the_list(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.locator("#by-adapter").select_option("lora")
    assert set(names(page)) == {"gq-llama-2-7b-imdb", "jamander-project-blockbuster"}
    page.locator("[data-find] [data-clear]").click()
    assert len(names(page)) == len(SEEDS) + 4


def test_a_column_sorts_both_ways_and_what_has_no_value_comes_last(open_page: Callable[..., Any]) -> None:
    page = open_page()
    size = page.locator('[data-sort="size"]')
    size.click()
    assert names(page)[0] == "gq-llama-2-7b-imdb"
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    size.click()
    assert names(page)[-1] == "gq-llama-2-7b-imdb"
    page.locator('[data-sort="reproduced"]').click()
    assert names(page)[0] == "ran"


def test_five_thousand_cards_are_searched_with_fifty_rows_drawn(
    open_page: Callable[..., Any], site: Path, tmp_path: Path
) -> None:
    many = shutil.copytree(site, tmp_path / "many", ignore=shutil.ignore_patterns("plotly.min.js"))
    one = pages.entry(gather(load_card(SEEDS[0]), tmp_path, print))
    entries = [{**one, "id": f"card-{index:04}", "words": f"tag-{index % 7}"} for index in range(MANY)]
    (many / "assets" / "cards.js").write_text(pages.index_data(entries))
    (many / "index.html").write_text(pages.index_page(entries, 50))
    assert (many / "index.html").stat().st_size < 300_000
    with served(many) as address:
        page = open_page(f"{address}/index.html")
        assert len(names(page)) == 50
        page.locator("[data-more] button").click()
        assert len(names(page)) == 100
        assert page.evaluate("document.activeElement.textContent") == "card-0050"
        page.locator("#q").press_sequentially("tag-3 card-49")
        assert page.locator("[data-status]").inner_text().startswith("14 of 5,000")
        page.close()


# A card


def test_a_claim_leads_from_the_source_to_the_arithmetic(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.get_by_role("link", name="gq-llama-2-7b-imdb").click()
    claim = page.locator(".source mark.bad a")
    assert claim.inner_text() == "~45 kg"
    claim.click()
    finding = page.locator(".finding:target")
    assert "impossible" in finding.inner_text()
    assert "45 kg / 2 kWh = 22.5 kg/kWh" in finding.inner_text()
    assert finding.locator(".arithmetic").evaluate("one => getComputedStyle(one).color") == "rgb(163, 18, 31)"
    finding.get_by_role("link", name="CO2 ~45 kg").click()
    assert page.evaluate("location.hash") == "#claim-6"


def test_the_verdict_is_on_the_first_screen(open_page: Callable[..., Any]) -> None:
    for viewport in (DESKTOP, PHONE):
        page = open_page("cards/gq-llama-2-7b-imdb.html", viewport)
        box = page.locator(".verdicts .arithmetic").bounding_box()
        assert box["y"] + box["height"] < viewport["height"]


def test_curves_are_drawn_from_the_run_and_are_images_without_script(open_page: Callable[..., Any]) -> None:
    page = open_page("cards/tiny.html", PHONE)
    page.locator("#curves").scroll_into_view_if_needed()
    page.locator("#curves .chart .main-svg").first.wait_for()
    page.wait_for_function("document.querySelectorAll('#curves .chart .main-svg .scatterlayer').length >= 3")
    assert page.locator("#curves img").count() == 0
    assert page.locator("#curves .legendtext").filter(has_text="seed 2").count() >= 3
    assert page.locator("#curves .legendtext").first.is_visible()
    before = page.locator("#curves .main-svg text").first.evaluate("one => getComputedStyle(one).fill")
    page.locator("[data-theme-toggle]").click()
    page.wait_for_function(f"getComputedStyle(document.querySelector('#curves .main-svg text')).fill !== '{before}'")
    still = open_page("cards/tiny.html", java_script_enabled=False)
    still.locator("#curves").scroll_into_view_if_needed()
    assert still.locator("#curves img").count() == 3
    for image in still.locator("#curves img").all():
        image.scroll_into_view_if_needed()
        assert image.bounding_box()["height"] > 100


def test_a_command_is_copied(open_page: Callable[..., Any]) -> None:
    page = open_page("cards/ran.html", permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("""() => {
        const button = document.querySelector("[data-copy]");
        window.told = new Promise((done) => {
            new MutationObserver(() => done(button.textContent)).observe(button, {childList: true});
        });
    }""")  # before the click: the word stands there for a moment
    page.locator("[data-copy]").click()
    assert page.evaluate("window.told") == "Copied"
    assert page.evaluate("navigator.clipboard.readText()").startswith("replicard reproduce ran")


def test_a_hostile_card_runs_nothing(open_page: Callable[..., Any]) -> None:
    for path in ("cards/hostile.html", "index.html", "compare.html#hostile,ran"):
        page = open_page(path)
        settled(page)
        assert page.evaluate("window.hacked") is None
        assert page.locator("img, #broken, [onerror]").count() == 0
    page.locator("[data-compared] th a", has_text="hostile").wait_for()


# Comparing


def test_cards_are_compared_by_what_differs(open_page: Callable[..., Any]) -> None:
    page = open_page()
    for name in ("a790227-distilbert", "llm-project-distilbert"):
        page.get_by_label(f"Compare {name}").check()
    page.locator("[data-tray-link]").click()
    row = page.locator("[data-compared] tr", has_text="training.epochs")
    row.wait_for()
    assert row.locator("td").all_text_contents() == ["1", "3"]
    assert page.locator("[data-compared] tr", has_text="training.learning_rate").count() == 0
    page.get_by_label("Also what is the same").check()
    row = page.locator("[data-compared] tr", has_text="training.learning_rate")
    row.wait_for()
    assert row.locator("td").all_text_contents() == ["2e-05", "2e-05"]


def test_runs_of_a_card_are_compared(open_page: Callable[..., Any]) -> None:
    page = open_page("cards/ran.html")
    page.locator("#runs a", has_text="bbbbbbbbbbbb").click()
    page.locator("[data-compared] select").nth(1).wait_for()
    assert page.locator("[data-compared] tr", has_text="training.epochs").locator("td").all_text_contents() == [
        "2",
        "1",
    ]
    accuracy = page.locator("[data-compared] tr", has_text="accuracy").first.locator("td").all_text_contents()
    assert [one[:6] for one in accuracy] == ["0.9085", "0.7000"]
    page.get_by_label("Take ran out").first.click()
    assert page.evaluate("location.hash") == "#ran/bbbbbbbbbbbb"


def test_a_card_is_added_by_its_name_and_a_strange_one_is_told(open_page: Callable[..., Any]) -> None:
    page = open_page("compare.html#tiny")
    page.locator("#add").fill("ran")
    page.keyboard.press("Enter")
    page.locator("[data-compared] th a", has_text="ran").wait_for()
    page.locator("#add").fill("<b>nobody")
    page.keyboard.press("Enter")
    page.locator("[data-status]", has_text="No card here is named <b>nobody").wait_for()


# Every reader


def test_the_theme_follows_the_system_until_one_is_chosen_and_is_remembered(open_page: Callable[..., Any]) -> None:
    page = open_page(scheme="dark")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(background) == "rgb(15, 18, 22)"
    page.locator("[data-theme-toggle]").click()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_the_keyboard_alone_reaches_a_finding(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("/")
    page.keyboard.type("llama-2")
    focused = "document.activeElement.matches('[data-rows] .name a')"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(focused):
            break
    assert page.evaluate(focused)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/cards/gq-llama-2-7b-imdb.html")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.source mark.bad a')"):
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "finding-1"


def test_no_page_is_wider_than_its_window(open_page: Callable[..., Any]) -> None:
    for path in (
        "index.html",
        "cards/gq-llama-2-7b-imdb.html",
        "cards/ran.html",
        f"cards/{LONG}.html",
        f"compare.html#ran,{LONG},tiny",
        "checks.html",
    ):
        for viewport in (DESKTOP, {"width": 1024, "height": 768}, PHONE):
            page = open_page(path, viewport)
            settled(page)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (path, viewport)
            page.close()


def test_on_a_phone_a_claim_is_read_without_scrolling_sideways(open_page: Callable[..., Any]) -> None:
    page = open_page("cards/ran.html", PHONE)
    for table in page.locator("table.stack").all():
        assert table.evaluate("one => one.scrollWidth <= innerWidth")
    row = page.locator("#reported-0")
    assert row.locator("[data-label='Run']").bounding_box()["x"] < PHONE["width"] / 2


def test_without_script_nothing_is_offered_that_needs_it(open_page: Callable[..., Any]) -> None:
    page = open_page(java_script_enabled=False)
    assert page.locator(".name a").first.is_visible()
    for control in (".find", "[data-pick]", "[data-theme-toggle]"):
        assert not page.locator(control).first.is_visible()


def test_axe_finds_no_serious_violation(open_page: Callable[..., Any], keep: Callable[[Any, str], None]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for path in (
        "index.html",
        "cards/gq-llama-2-7b-imdb.html",
        "cards/tiny.html",
        "cards/ran.html",
        "compare.html#ran/bbbbbbbbbbbb,ran,tiny",
        "checks.html",
    ):
        for scheme, viewport in (("light", DESKTOP), ("dark", PHONE)):
            page = open_page(path, viewport, scheme)
            settled(page)
            keep(page, f"{path.partition('#')[0].removesuffix('.html').replace('/', '-')}-{viewport['width']}-{scheme}")
            for one in Axe().run(page).response["violations"]:
                if one["impact"] in ("serious", "critical"):
                    found.append(
                        (path, scheme, viewport["width"], one["id"], [node["html"][:200] for node in one["nodes"][:3]])
                    )
            page.close()
    assert found == []


def test_a_site_opens_from_a_folder(open_page: Callable[..., Any], site: Path) -> None:
    page = open_page((site / "index.html").as_uri())
    page.locator("#q").fill("tiny")
    assert names(page) == ["jamander-project-blockbuster", "tiny"]
    page.get_by_role("link", name="tiny", exact=True).click()
    page.locator("#curves").scroll_into_view_if_needed()
    page.locator("#curves .chart .main-svg").first.wait_for()
    page.goto((site / "compare.html").as_uri() + "#tiny,ran")
    page.locator("[data-compared] tr", has_text="accuracy").first.wait_for()
