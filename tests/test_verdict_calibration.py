"""How often run verdicts err, on fewer simulated cards than the benchmark."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from verdict_calibration import COARSE, FINE, TINY, Setting, coverage, reproduced

CARDS = 400


def error(share: float) -> float:
    """Three standard errors of a share of so many cards."""
    return 3 * math.sqrt(share * (1 - share) / CARDS)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(5, 4, rows=FINE),
        Setting(3, 2, cut=True, rows=COARSE),
        Setting(2, 3, rows=TINY),
        Setting(10, 5, rows=TINY),
        Setting(2, 4, rows=COARSE, drawn=True),
        Setting(5, 3, rows=TINY, drawn=True),
    ],
    ids=str,
)
def test_a_prediction_interval_holds_the_reported_number_and_reproduced_is_seldom_wrong(setting: Setting) -> None:
    inside, _ = coverage(setting, CARDS)
    assert inside >= 0.95 - error(0.95)
    if setting.rows == FINE and setting.decimals >= 4:
        assert inside <= 0.96 + error(0.95)
    assert reproduced(setting, CARDS) <= 0.05 + error(0.05)


@pytest.mark.parametrize(("claims", "rho", "seeds"), [(1, 0.0, 2), (4, 0.8, 5), (12, 0.0, 3)])
def test_an_honest_card_of_several_claims_is_seldom_accused(claims: int, rho: float, seeds: int) -> None:
    _, accused = coverage(Setting(seeds, 4, claims=claims, rho=rho), CARDS)
    assert accused <= 0.05 + error(0.05)
