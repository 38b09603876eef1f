"""The README follows from card, records and audit; nothing in a card can break out of its place."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from records import CARDS, finished

from registry.card import Card
from runner.audit import judge_runs
from runner.markup import escape, prose
from runner.plugins import load_card
from runner.record import Deviation, Record
from runner.rendering import front_matter, readme, render
from runner.reproducing import claim_findings
from runner.runs import Run, read_model, write_model

GOLDEN = Path(__file__).parent / "golden"


def page(card: Card, run: Run) -> str:
    return readme(card, run, judge_runs(card, run, claim_findings(card, run)))


SHIPPED = sorted(path.relative_to(CARDS).with_suffix("").as_posix() for path in CARDS.rglob("*.yaml"))
ACCURACIES = {
    "imdb/jamander-project-blockbuster": {42: 0.84},
    "imdb/gq-llama-2-7b-imdb": {0: 0.9, 1: 0.902, 2: 0.899, 3: 0.901, 4: 0.9},
    "quickstart": {42: 0.83},
}
"""What the seeds gave, where it is not 0.9 for the declared one."""


def shipped(name: str, root: Path) -> tuple[Card, Run]:
    """A shipped card, and a run of it with fixed numbers."""
    card = load_card(CARDS / f"{name}.yaml").card
    return card, finished(card, root, ACCURACIES.get(name, {card.training.seed: 0.9}), hub=name.startswith("imdb/"))


def rehearsed(name: str, root: Path) -> tuple[Card, Run]:
    """The same as a rehearsal."""
    card, run = shipped(name, root)
    record = read_model(run.record, Record)
    fewer = Deviation(
        field="base.architecture.num_hidden_layers", declared="12", actual="2", cause="rehearsal: a model of the class"
    )
    write_model(run.record, record.model_copy(update={"rehearsal": True, "deviations": (*record.deviations, fewer)}))
    return card, run


def compare_with_golden(text: str, name: str) -> None:
    golden = GOLDEN / f"{name}.md"
    if os.environ.get("REPLICARD_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    written = "`REPLICARD_GOLDEN=1 pytest tests/test_rendering.py` writes it; read it before it is committed"
    assert golden.exists(), f"{golden.name} is not there: {written}"
    assert text == golden.read_text(encoding="utf-8"), f"{golden.name} is another: {written}"


@pytest.mark.parametrize("name", SHIPPED)
def test_the_readme_of_a_shipped_card_is_the_golden_one(name: str, tmp_path: Path) -> None:
    card, run = shipped(name, tmp_path)
    compare_with_golden(page(card, run), card.id)


def test_the_readme_of_a_rehearsal_is_the_golden_one(tmp_path: Path) -> None:
    card, run = rehearsed("imdb/yash3056-llama-3.2-1b-imdb", tmp_path)
    compare_with_golden(page(card, run), "rehearsal")


def test_there_is_no_golden_readme_without_its_card() -> None:
    ids = {load_card(CARDS / f"{name}.yaml").card.id for name in SHIPPED}
    assert {path.stem for path in GOLDEN.glob("*.md")} == ids | {"rehearsal"}


def test_rendering_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    card = load_card(CARDS / "quickstart.yaml").card
    run = finished(card, tmp_path, {42: 0.83}, hub=False)
    first = render(card, run, judge_runs(card, run)).read_bytes()
    assert render(card, run, judge_runs(card, run)).read_bytes() == first


def test_the_declared_seed_is_shown_not_the_best(tmp_path: Path) -> None:
    card = load_card(CARDS / "quickstart.yaml").card
    run = finished(card, tmp_path, {1: 0.95, 42: 0.8, 99: 0.97}, hub=False)
    assert "\nSeed 42:\n" in page(card, run)


def test_reported_and_reproduced_rows_of_the_model_index_stay_apart(tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    card = load_card(CARDS / "imdb/jamander-project-blockbuster.yaml").card
    run = finished(card, tmp_path, {42: 0.84}, hub=True)
    record = read_model(run.record, Record)
    meta = YAML(typ="safe").load(front_matter(card, record))
    reproduced, reported = meta["model-index"][0]["results"]
    assert [m["value"] for m in reproduced["metrics"]] == [0.84] * 4 and "source" not in reproduced
    assert [m["value"] for m in reported["metrics"]] == [0.85, 0.87, 0.83, 0.85]
    assert reported["source"]["url"] == "https://huggingface.co/jamander/Project-Blockbuster"


def test_the_front_matter_is_what_the_hub_client_reads(tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    card = load_card(CARDS / "imdb/jamander-project-blockbuster.yaml").card
    text = page(card, finished(card, tmp_path, {42: 0.84}, hub=True))
    data = ModelCard(text).data
    assert (data.license, data.base_model, data.library_name) == ("mit", "prajjwal1/bert-tiny", "peft")
    assert data.to_dict()["base_model_relation"] == "adapter"
    assert {result.metric_type for result in data.eval_results} == {"accuracy", "precision", "recall", "f1"}


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "![x](https://example.org/pixel.png)",
        "{{ 7 * 7 }}{% for i in range(9) %}x{% endfor %}",
        "a | b\n| --- |\n| new row |",
        "# heading\n\n---\nlicense: mit\n---",
        "`code` **bold** [link](https://example.org)",
    ],
)
def test_text_of_a_card_is_shown_as_that_text(attack: str, tmp_path: Path) -> None:
    plain = load_card(CARDS / "quickstart.yaml").card
    words = plain.readme.model_copy(update={"description": attack, "limitations": attack, "authors": (attack,)})
    card = plain.model_copy(update={"readme": words})
    rendered = page(card, finished(card, tmp_path, {42: 0.83}, hub=False))
    body = rendered.split("\n---\n", 1)[1]
    assert "49" not in body.split("## Evaluation")[0].replace("143,", "")
    assert "<script" not in body and "](https://example.org" not in re.sub(r"\\\]\(", "", body)
    assert body.count("\n# ") == 1 and "\n| new row" not in body


def test_escaping_keeps_every_character_but_line_breaks() -> None:
    from markdown_it import MarkdownIt

    text = r"a*b_c `d` <e> [f](g) #h |i| ~j~ {k} \l & $m$ 1. n"
    inline = MarkdownIt("commonmark").renderInline(escape(text))
    shown = inline.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("&quot;", '"')
    assert shown == text


def test_a_list_in_a_description_stays_a_list_and_a_heading_does_not() -> None:
    assert prose("- one\n- two\n\n# no heading") == "- one\n- two\n\n\\# no heading"
