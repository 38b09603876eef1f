"""Text that was written by hand into a README stays, and nothing else that was is lost silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import CARDS, finished

from registry.card import Card
from registry.errors import InputError
from runner.audit import judge_runs
from runner.keeping import CLOSE, OPEN, carried, difference, sealed, without
from runner.plugins import load_card
from runner.rendering import readme, render
from runner.runs import Run

REMEDY = "replicard render x"
BODY = """\
---
license: mit
---

# x

Small.

## Uses

Films.

```python
# a comment
x = 1
```

That was all.

## End

Fin.
"""
RENDERED = sealed(BODY)


def block(*lines: str) -> str:
    return "\n".join([OPEN, *lines, CLOSE])


def put(after: str, text: str, page: str = RENDERED) -> str:
    """A page with text below one of its lines."""
    assert page.count(f"{after}\n") == 1
    return page.replace(f"{after}\n", f"{after}\n{text}\n")


def again(tmp_path: Path, old: str, rendered: str = RENDERED, force: bool = False) -> str:
    """What is written over an old page."""
    page = tmp_path / "README.md"
    page.write_text(old, encoding="utf-8")
    return carried(page, rendered, REMEDY, force)


def refused(tmp_path: Path, old: str, rendered: str = RENDERED) -> str:
    with pytest.raises(InputError) as caught:
        again(tmp_path, old, rendered)
    (problem,) = caught.value.problems
    told = difference(tmp_path / "README.md", rendered, REMEDY)
    assert told == problem
    return str(problem)


def test_a_readme_that_is_not_there_is_written_as_it_follows(tmp_path: Path) -> None:
    assert carried(tmp_path / "README.md", RENDERED, REMEDY, force=False) == RENDERED
    assert "is not there; `replicard render x` renders it" in str(difference(tmp_path / "README.md", RENDERED, REMEDY))


@pytest.mark.parametrize("after", ["Films.", "## Uses", "That was all."])
def test_a_block_stays_at_the_end_of_its_section(after: str, tmp_path: Path) -> None:
    new = again(tmp_path, put(after, block("By hand.")))
    assert new == put("That was all.", "\n" + block("By hand."))
    assert again(tmp_path, new) == new
    assert difference(tmp_path / "README.md", RENDERED, REMEDY) is None


def test_it_stays_when_the_page_is_rendered_otherwise(tmp_path: Path) -> None:
    other = sealed(BODY.replace("Films.", "Plays.").replace("## End", "## Risks\n\nSome.\n\n## End"))
    new = again(tmp_path, put("Films.", block("By hand.")), other)
    assert new == other.replace("## Risks", f"{block('By hand.')}\n\n## Risks")
    assert "does not follow from its card and record any more; `replicard render x` renders it" in str(
        difference(tmp_path / "README.md", other, REMEDY)
    )


def test_a_block_whose_section_is_gone_goes_to_the_end(tmp_path: Path) -> None:
    other = sealed(BODY.replace("## Uses", "## Purpose"))
    new = again(tmp_path, put("Films.", block("By hand.")), other)
    *lines, _ = other.split("\n")[:-1]
    assert new.startswith("\n".join(lines)) and new.split("\n")[-6:-2] == [OPEN, "By hand.", CLOSE, ""]
    assert again(tmp_path, new, other) == new


def test_a_block_above_the_title_goes_below_it(tmp_path: Path) -> None:
    new = again(tmp_path, RENDERED.replace("\n# x", f"\n{block('By hand.')}\n\n# x"))
    assert new == RENDERED.replace("## Uses", f"{block('By hand.')}\n\n## Uses")


def test_blocks_of_a_section_keep_their_order_and_their_headings_are_their_own(tmp_path: Path) -> None:
    old = put("## Uses", block("### Mine", "", "One.") + "\nFilms, too.\n" + block("Two."), sealed(BODY))
    new = again(tmp_path, old.replace("\nFilms, too.", ""))
    assert new == put("That was all.", f"\n{block('### Mine', '', 'One.')}\n\n{block('Two.')}")
    assert again(tmp_path, new) == new


def test_a_comment_that_names_a_marker_within_a_line_is_text(tmp_path: Path) -> None:
    kept = block(f"Write `{OPEN}` to keep it.", f"  {CLOSE}")
    assert kept in again(tmp_path, put("Films.", kept))


@pytest.mark.parametrize(
    ("old", "where", "what"),
    [
        (put("Films.", OPEN), 12, "is never ended"),
        (put("Films.", CLOSE), 12, "without one that opens"),
        (put("Films.", f"{OPEN}\n{OPEN}\n{CLOSE}"), 13, "within the one of line 12"),
        (put("license: mit", block("x")), 3, "within the front matter"),
        (put("x = 1", block("x")), 16, "within code"),
        (put("Films.", block("```python", "x")), 12, "goes on after it"),
        (put("Films.", block("<!-- x")), 12, "goes on after it"),
        (put("Films.", block("~~~")), 12, "goes on after it"),
    ],
)
def test_markers_that_do_not_fit_are_told_in_one_line(old: str, where: int, what: str, tmp_path: Path) -> None:
    told = refused(tmp_path, old)
    assert told.startswith(f"{tmp_path}/README.md:{where}  ") and what in told and "\n" not in told
    with pytest.raises(InputError):
        again(tmp_path, old, force=True)


def test_an_edit_outside_of_the_markers_is_not_written_over(tmp_path: Path) -> None:
    old = put("Films.", "And plays.", put("Small.", block("By hand.")))
    told = refused(tmp_path, old)
    assert told.startswith(f"{tmp_path}/README.md:15  was edited")
    assert f"{OPEN} and {CLOSE}, or `replicard render x --force`" in told
    assert again(tmp_path, old, force=True) == put("Small.", "\n" + block("By hand."))


def test_a_line_that_was_taken_out_is_an_edit_too(tmp_path: Path) -> None:
    assert "was edited" in refused(tmp_path, RENDERED.replace("Films.\n", ""))


def test_an_edit_is_told_also_when_the_card_has_changed(tmp_path: Path) -> None:
    other = sealed(BODY.replace("Fin.", "The end."))
    assert "was edited" in refused(tmp_path, put("Films.", "And plays."), other)


def test_an_edit_that_the_card_now_says_too_is_none(tmp_path: Path) -> None:
    other = sealed(put("Films.", "And plays.", BODY))
    assert again(tmp_path, put("Films.", "And plays."), other) == other


def test_a_readme_that_was_not_rendered_is_not_written_over(tmp_path: Path) -> None:
    told = refused(tmp_path, "# Mine\n")
    assert told == (
        f"{tmp_path}/README.md  is a README that replicard did not render; move it away, or "
        "`replicard render x --force` writes over it"
    )
    assert again(tmp_path, "# Mine\n", force=True) == RENDERED


def test_lines_that_are_empty_and_ends_of_lines_do_not_count(tmp_path: Path) -> None:
    assert again(tmp_path, RENDERED.replace("\n\n", "\n\n\n")) == RENDERED
    page = tmp_path / "README.md"
    page.write_bytes(RENDERED.replace("\n", "\r\n").encode())
    assert difference(page, RENDERED, REMEDY) is None


def test_a_readme_in_another_encoding_is_told(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_bytes(RENDERED.encode() + b"\xe9")
    assert "is no text in UTF-8" in str(difference(page, RENDERED, REMEDY))


def test_what_was_written_by_hand_is_no_code_of_the_readme() -> None:
    assert "evil" not in without(put("Small.", block("```python", "evil = 1", "```")))


@given(st.lists(st.sampled_from([OPEN, "a", "# b", "```", "<!--", "-->", "", "---", "| x |"]), max_size=8))
def test_whatever_stands_there_is_kept_whole_or_refused(lines: list[str]) -> None:
    old = put("Films.", block(*lines))
    try:
        kept = without(old)
    except InputError:
        return
    assert kept == without(RENDERED)


# On a real README


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Card, Run]:
    card = load_card(CARDS / "imdb/jamander-project-blockbuster.yaml").card
    return card, finished(card, tmp_path_factory.mktemp("runs"), {42: 0.84}, hub=True)


def test_a_block_can_stand_below_every_heading(rendered: tuple[Card, Run]) -> None:
    card, run = rendered
    audit = judge_runs(card, run)
    page = render(card, run, audit)
    fenced, lines = False, []
    for line in page.read_text().split("\n"):
        fenced ^= line.startswith("```")
        lines += [line, *([block(f"About {line.strip('# ')}.")] if line.startswith("#") and not fenced else [])]
    page.write_text("\n".join(lines))
    new = render(card, run, audit).read_text()
    assert new.count(OPEN) == page.read_text().count("\n#") > 20
    assert difference(page, readme(card, run, audit), REMEDY) is None
    assert render(card, run, audit).read_text() == new
    assert new.index("About Uses.") < new.index("## Bias") < new.index("About Bias")


def test_text_of_a_card_that_looks_like_a_marker_is_none(rendered: tuple[Card, Run]) -> None:
    card, run = rendered
    fields = ("description", "uses", "limitations", "citation", "glossary", "contact", "more")
    said = dict.fromkeys(fields, f"@misc\n{OPEN}\nx\n{CLOSE}")
    card = card.model_copy(update={"readme": card.readme.model_copy(update={**said, "tags": (f"a\n{OPEN}\nb",)})})
    text = readme(card, run, judge_runs(card, run))
    assert without(text).count("\n") == len([line for line in text.split("\n") if line]) - 2
