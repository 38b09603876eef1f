"""What a shell completes: cards, runs, fields, verdicts. Each takes what was typed, and gives what begins so.

A completer that fails says nothing: a shell has no place for an error while one types.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 200
"""More than so many choices help nobody."""


def cards(incomplete: str) -> list[str]:
    """Ids of the cards that can be named here; files, where none begins so, are the shell's own."""
    from registry.finding import all_cards

    return _beginning(incomplete, all_cards())


def runs(ctx: Any, incomplete: str) -> list[str]:
    """Finished and begun runs in the folder that `--runs` names: cards, then run ids, then seeds."""
    root = Path(ctx.params.get("runs") or "runs")
    depth = incomplete.count("/") + 1
    found = {
        "/".join(record.relative_to(root).parts[:depth])
        for record in root.glob("*/*/seed*/record.json")
    }  # fmt: skip
    return _beginning(incomplete, sorted(found))


def runs_and_cards(ctx: Any, incomplete: str) -> list[str]:
    """Both, for a verb that takes either."""
    return [*dict.fromkeys([*runs(ctx, incomplete), *cards(incomplete)])]


def fields(incomplete: str) -> list[str]:
    """Paths of the fields that `--set` overrides, with the sign that follows them."""
    from registry.card import RUN_SECTIONS
    from registry.loading import NOT_OF_THE_RUN
    from registry.reference import sections
    from registry.schema import schema
    from runner.plugins import names
    from runner.plugins import sections as plugins

    found = {
        f"{section.path}.{name}"
        for section in sections(schema(plugins(), names("metrics")))
        for name in section.definition["properties"]
        if section.path.partition(".")[0] in RUN_SECTIONS and "[]" not in section.path
    }
    return _beginning(incomplete, (f"{path}=" for path in sorted(found - set(NOT_OF_THE_RUN))))


def sections_of_a_card(incomplete: str) -> list[str]:
    """The sections of a card."""
    from registry.card import Card

    return _beginning(incomplete, (field.alias or name for name, field in Card.model_fields.items()))


def verdicts(incomplete: str) -> list[str]:
    """Run verdicts."""
    from runner.judging import BADNESS

    return _beginning(incomplete, BADNESS)


def fail_on(incomplete: str) -> list[str]:
    """Verdicts of claims and of runs, the last of a list parted by commas."""
    from runner.checks import VERDICTS
    from runner.judging import BADNESS

    done, comma, last = incomplete.rpartition(",")
    return [f"{done}{comma}{verdict}" for verdict in _beginning(last, (*VERDICTS, *BADNESS))]


def _beginning(incomplete: str, choices: Iterable[str]) -> list[str]:
    return [choice for choice in choices if choice.startswith(incomplete)][:_MOST]
