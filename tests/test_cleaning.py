"""What cleaning takes out of a text, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InputError
from registry.vocabulary import Cleaning
from runner.cleaning import STEPS, clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.loading import Loaded

REVIEW = "It's <b>great</b>!<br /><br />I'd  see it\tagain\n(and again): 10/10"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], REVIEW),
        (["strip_html"], "It's  great !  I'd  see it\tagain\n(and again): 10/10"),
        (["strip_special_characters"], "Its bgreatbbr br Id  see it\tagain\nand again 1010"),
        (["collapse_whitespace"], "It's <b>great</b>!<br /><br />I'd see it again (and again): 10/10"),
        (["strip_html", "strip_special_characters", "collapse_whitespace"], "Its great Id see it again and again 1010"),
    ],
)
def test_the_steps_are_applied_in_their_order(steps: list[str], expected: str) -> None:
    assert clean(REVIEW, steps) == expected


def test_tags_stripped_first_leave_no_br_behind() -> None:
    assert "br" not in clean("good<br />bad", ["strip_html", "strip_special_characters"])
    assert "br" in clean("good<br />bad", ["strip_special_characters", "strip_html"])


def test_a_card_with_the_order_that_leaves_br_behind_is_refused(write_card: Callable[..., Loaded]) -> None:
    with pytest.raises(InputError, match="put strip_html first"):
        write_card(data={"clean": ["strip_special_characters", "strip_html"]})


def test_a_comparison_in_a_text_is_no_tag() -> None:
    assert clean("3 < 4 and <i>more</i> of it", ["strip_html"]) == "3 < 4 and  more  of it"


def test_letters_of_every_script_stay() -> None:
    assert (
        clean("Amélie — 映画 «très» bon", ["strip_special_characters", "collapse_whitespace"]) == "Amélie 映画 très bon"
    )


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    steps: list[Any] = ["strip_html", "strip_special_characters", "collapse_whitespace"]
    assert clean(clean(text, steps), steps) == clean(text, steps)


def test_every_step_that_a_card_may_name_exists() -> None:
    from typing import get_args

    assert set(STEPS) == set(get_args(Cleaning))
