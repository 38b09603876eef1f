"""From what a README says to the card of its model: what is stated with its words, what is assumed, what is open.

Every value gets a status. *Stated* is what the README says, with its own words, if they can be quoted and do not deny
it. *Derived* follows by arithmetic. *Assumed* is what the README leaves out: the default of the library that most model
cards were made with, named. Where no default can stand in, where the README says two things, or one that no card can
declare, a stand-in is written and the reason begins with `TODO`: the card loads, and `replicard validate` lists it
until a person has decided. The text is a function of the README alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.drafting.card import LONGEST_QUESTION, comment
from registry.drafting.claims import declare_epoch_table, declare_results
from registry.drafting.data import declare_data
from registry.drafting.evaluation import declare_evaluation, declare_scored_splits
from registry.drafting.model import declare_adapter, declare_base, declare_quantization, declare_readme, declare_task
from registry.drafting.training import declare_hardware, declare_software, declare_training

if TYPE_CHECKING:
    from registry.drafting.card import Drafting

_SECTIONS = (
    declare_base,
    declare_task,
    declare_data,
    declare_adapter,
    declare_quantization,
    declare_training,
    declare_hardware,
    declare_software,
    declare_evaluation,
    declare_epoch_table,
    declare_readme,
)
"""In the order of the card: a later one looks at what an earlier one declared."""


def draft_card(draft: Drafting) -> None:
    """Declare what the README says and leaves out."""
    for declare in _SECTIONS:
        declare(draft)
    for where, message in draft.wrong.items():
        draft.contradictions.append(f"{where}: {comment(message, LONGEST_QUESTION)}")
        draft.notes.append(f"Impossible as reported (line {where.rsplit(':', 2)[1]}): {message}")
    declare_results(draft)
    declare_scored_splits(draft)
