"""What a drafted card says of the data: the dataset, its rows and columns, what is held out, how texts are cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.datasets import known
from registry.document import Fact
from registry.drafting.card import comment, whole_number
from registry.evidence import TODO
from registry.front_matter import index_of, scalars
from registry.shapes import SHAPES

if TYPE_CHECKING:
    from registry.datasets import Dataset
    from registry.drafting.card import Drafting


_CONFIG = re.compile(r"[A-Za-z][\w.-]{0,60}")
ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[\w.-]{1,96})?")


def names_of(value: Any) -> tuple[str, ...]:
    """The names that a fact tells, of which there may be one."""
    return tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)


def known_data(draft: Drafting) -> Dataset | None:
    """The one dataset that the source names, where it is known here."""
    found = [known(name) for fact in draft.facts.get("datasets", ()) for name in names_of(fact.value)]
    return found[0] if found and all(one is found[0] for one in found) else None


def declare_data(draft: Drafting) -> None:
    """The dataset, its splits, and how its texts are cut."""
    data = known_data(draft)
    facts = draft.facts.get("datasets", [])
    names = list(dict.fromkeys(name.strip() for fact in facts for name in names_of(fact.value)))
    if data is not None:
        exact = next((n for n in names if n.casefold() == data.repo.casefold()), None)
        told = next((f for f in facts if any(n.casefold() in data.ids for n in names_of(f.value))), facts[0])
        other = next(
            (n for n in names if "/" in n and known(n) is data and n.count("/") == 1 and not _task_of(n)), None
        )
        draft.state("data.dataset", exact or other or data.repo, told, default=data.repo)
        if data.config is not None and (exact or not other):
            draft.assume("data.config", data.config, f"the part of {data.repo} that is meant")
    elif len(names) == 1 and _is_data_id(names[0]):
        draft.state("data.dataset", names[0], facts[0], default=TODO)
    else:
        named = f"the source names {', '.join(map(comment, names[:6]))}" if names else "the source names no dataset"
        one = next(filter(_is_data_id, names), TODO)
        draft.decide("data.dataset", one, f"{named}; write the Hub's id, or a folder, of the rows it was trained on")
    if "data.config" not in draft.values and (config := _config(draft)) is not None:
        draft.state("data.config", config.value, config)
    whose = f"a column of {data.repo}" if data is not None else "the usual name; the source names no columns"
    draft.assume("data.text", data.text if data is not None else "text", whose)
    if data is not None and data.text_pair is not None:
        draft.assume("data.text_pair", data.text_pair, whose)
    draft.assume("data.label", data.label if data is not None else "label", whose)
    _rows(draft, data)
    _hold_outs(draft, data)
    draft.take("data.balanced", "data.balanced", default=False)
    draft.take("data.clean", "data.clean")
    default = _positions(draft)
    reason = "the most positions the base has" if default is not None else ""
    draft.take("data.tokens.max_length", "max_length", whole_number, default=default or 512, reason=reason)
    draft.take("data.tokens.truncation", "data.tokens.truncation", default=True)
    draft.take("data.tokens.padding", "data.tokens.padding", default="longest")


def _is_data_id(name: str) -> bool:
    """Whether a name is an id of the Hub: without a namespace an old one, `imdb`; `KAUST` is none."""
    return ID.fullmatch(name) is not None and ("/" in name or name.islower())


def _config(draft: Drafting) -> Fact | None:
    """The one part of the dataset that the front matter's results are of: `args: qnli`."""
    parts = (result.get("dataset") for result in index_of(draft.page.meta))
    told = {
        one.text: one
        for part in parts if isinstance(part, dict)
        for one in (*scalars(part.get("config")), *scalars(part.get("args")))
        if one.text != "default" and _CONFIG.fullmatch(one.text)
    }  # fmt: skip
    if len(told) != 1:
        return None
    ((name, one),) = told.items()
    words = draft.document.text[one.start : one.end]
    return Fact("data.config", name, words, draft.document.at(one.start, one.end))


def _task_of(name: str) -> bool:
    """Whether a name is a task of a benchmark, `glue/sst2`, and no repo."""
    return name.partition("/")[0].casefold() in ("glue", "tweet_eval")


def _positions(draft: Drafting) -> int | None:
    shape = SHAPES.get(str(draft.values["base.model"]))
    return min(512, shape.max_position_embeddings) if shape is not None else None


def _rows(draft: Drafting, data: Dataset | None) -> None:
    """Rows of the dataset's own splits, where the dataset is known."""
    for split in ("train", "validation", "test"):
        facts = draft.facts.get(f"rows.{split}", [])
        count = data.rows.get(split) if data is not None else None
        same = [fact for fact in facts if fact.value == count]
        if count is not None and data is not None:
            if same:
                draft.state(f"data.rows.{split}", count, same[0], default=count)
            else:
                draft.assume(f"data.rows.{split}", count, f"a fact of {data.repo}")
        for fact in facts:
            if fact.value != count:
                words = f"{fact.value:,} rows for {split} (line {draft.line_of(fact)})"
                which = (
                    f"{data.repo} has {count:,}"
                    if data and count
                    else "whether of the dataset or of a part is not said"
                )
                draft.notes.append(f"The source counts {words}; {which}.")


def _hold_outs(draft: Drafting, data: Dataset | None) -> None:
    """Which rows play which part."""
    test, held = draft.facts.get("data.split.test"), draft.facts.get("data.split.validation")
    own = data.rows if data is not None else {}
    if test:
        total = sum(own.values())
        if {"train", "test"} <= set(own) and (f"{total:,}" in draft.text or str(total) in draft.text):
            parts = " + ".join(f"{count:,} ({split})" for split, count in own.items())
            draft.derive("data.pool", tuple(own), f"the source's {total:,} rows = {parts}, split anew")
        elif "test" in own:
            question = "whether the share is held out of all rows or of the training split alone, is not said"
            draft.decide("data.pool", tuple(own), f"{question}; for the latter, write `take: {{train: train}}` instead")
        else:
            draft.assume("data.take.train", "train", "the split that the shares are taken of is not named")
        draft.take("data.split.test", "data.split.test", default=0.2)
        if held:
            share, whole = held[0].value, 1 - float(test[0].value)
            formula = f"{share:g} of all rows is {share:g} / {whole:g} of those that the test leaves"
            draft.derive("data.split.validation", round(share / whole, 6), formula)
    else:
        draft.take("data.take.train", "data.take.train", default="train", reason="the split that is named so")
        if held:
            draft.take("data.split.validation", "data.split.validation", default=0.2)
    if test or held:
        draft.take("data.split.stratify", "data.split.stratify", default=False)
        draft.assume("data.split.seed", 42)
