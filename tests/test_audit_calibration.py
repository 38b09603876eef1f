"""The claim checks on simulated honest cards; bench/audit_calibration.py does as much with 20,000."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def bench():
    spec = spec_from_file_location("bench_audit_calibration", Path(__file__).parents[1] / "bench/audit_calibration.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def said(bench):
    """Findings on each of some hundred honest cards."""
    cards = [bench.honest(seed, largest=5_000) for seed in range(10**6, 10**6 + 300)]
    return [(card, bench.findings(card.document)) for card in cards]


def test_no_honest_card_is_called_impossible(said):
    assert [(card, one) for card, found in said for one in found if one.verdict == "impossible"] == []


def test_false_alarms_are_rare(bench, said):
    false = [one for card, found in said for one in found if not bench.holds(one, card)]
    assert len(false) <= 3


def test_corruptions_are_found(bench):
    cards = [(bench.honest(seed, largest=5_000), seed) for seed in range(40)]
    found = [bool(bench.findings(document)) for card, seed in cards for _, document in bench.corrupted(card, seed)]
    assert sum(found) > 0.2 * len(found)
