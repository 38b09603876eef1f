"""How long the pages of thousands of cards take, and how large they are: `python bench/site.py [CARDS]`.

The cards are variations of the shipped ones (`bench/many_cards.py`), most with a source that they quote; one in eight
has a run, copied from a small real one. Building is a whole command, from its start to its end. With Chromium and
playwright at hand, a key pressed in the search of the front page is timed, too: from the event to the next frame.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from many_cards import generate

BOUNDS = {"seconds": 60.0, "page_kb": 300.0, "key_ms": 100.0}
SMALL = ("data.limit.train=64", "data.limit.test=64", "training.epochs=1")


def add_runs(folder: Path) -> int:
    """Give every quickstart card a run; returns how many."""
    run_command(folder, "reproduce", "quickstart", *(word for one in SMALL for word in ("--set", one)))
    model = next((folder / "runs" / "quickstart").iterdir())
    names = [file.stem for file in (folder / "cards").rglob("quickstart-[0-9]*.yaml")]
    for name in names:
        run = folder / "runs" / name / model.name
        shutil.copytree(model, run, ignore=shutil.ignore_patterns("model", "predictions.parquet"))
        for record in run.glob("seed*/record.json"):
            told = json.loads(record.read_bytes())
            told["card_id"] = told["card"]["id"] = name
            record.write_text(json.dumps(told), encoding="utf-8")
    shutil.rmtree(folder / "runs" / "quickstart")
    return len(names)


def run_command(folder: Path, *arguments: str) -> tuple[float, float]:
    """The seconds of a command: on the clock, and of processors, all its processes together."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "runner.cli", *arguments], cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, used


def keys(index: Path, words: str) -> tuple[list[float], float]:
    """Milliseconds from each key to the frame that shows what it found; of the page's thread for one, on average."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(index.as_uri())
        page.wait_for_function("document.querySelectorAll('[data-rows] tr').length > 0")
        page.evaluate("""() => {
            window.took = [];
            document.querySelector('#q').addEventListener('input', () => {
                const at = performance.now();
                requestAnimationFrame(() => setTimeout(() => window.took.push(performance.now() - at)));
            }, true);
        }""")
        thread = page.context.new_cdp_session(page)
        thread.send("Performance.enable", {"timeDomain": "threadTicks"})
        before = busy(thread)
        page.locator("#q").press_sequentially(words, delay=150)
        page.wait_for_function(f"window.took.length === {len(words)}")
        took: Any = page.evaluate("window.took")
        used = busy(thread) - before
        browser.close()
    return sorted(took), 1000 * used / len(words)


def busy(thread: Any) -> float:
    """Seconds that a page's thread has worked."""
    metrics = thread.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def main() -> None:
    """Measure everything and print one table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generate(folder / "cards", count)
        ran = add_runs(folder)
        took, used = run_command(folder, "site", "build", "cards/**/*.yaml", "--out", "site")
        pages = sorted((file.stat().st_size / 1000, file) for file in (folder / "site").rglob("*.html"))
        whole = sum(file.stat().st_size for file in (folder / "site").rglob("*") if file.is_file())
        lines = [
            (
                f"seconds to build {count:,} cards, {ran:,} with a run, {os.cpu_count()} processes",
                took,
                BOUNDS["seconds"],
            ),
            ("seconds of processors for that, all processes together", used, None),
            (f"kB of the largest page ({pages[-1][1].name})", pages[-1][0], BOUNDS["page_kb"]),
            ("kB of the front page", (folder / "site" / "index.html").stat().st_size / 1000, BOUNDS["page_kb"]),
            ("kB of its data", (folder / "site" / "assets" / "cards.js").stat().st_size / 1000, None),
            ("MB of the whole site", whole / 1e6, None),
        ]
        try:
            each, used = keys(folder / "site" / "index.html", "llama lora 4-bit")
            lines.append(
                ("ms from a key to the frame that shows what it found, the median", each[len(each) // 2], None)
            )
            lines.append(("the same, the slowest", each[-1], BOUNDS["key_ms"]))
            lines.append(("ms of the page's thread for a key, on average", used, None))
        except ImportError:
            print("no playwright here: the search was not timed")
    print(f"{'':82} {'':>9} {'bound':>7}")
    for what, value, bound in lines:
        print(f"{what:82} {value:9.1f} {bound if bound is not None else '–':>7}")


if __name__ == "__main__":
    main()
