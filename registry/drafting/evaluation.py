"""What a drafted card says of the evaluation: which split is scored, when, by what, and where its rows come from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.drafting.card import quotation
from registry.drafting.data import known_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.document import Place, Result, Row
    from registry.drafting.card import Drafting


def declare_evaluation(draft: Drafting) -> None:
    """Which split is scored, when, and by what."""
    main = [one for one in draft.document.results if one.headline and not one.placeholder and one.split != "train"]
    splits = [split for split in ("test", "validation") if any(one.split == split for one in main)]
    if splits:
        result = next(one for one in main if one.split == splits[0])
        words = _words_of_split(draft, result)
        if words is not None:
            draft.values["evaluation.split"], draft.stated["evaluation.split"] = splits[0], words[0]
            draft.beside["evaluation.split"] = quotation(words[1], words[0])
        else:
            draft.assume("evaluation.split", splits[0], "the split of the results that the source gives as its own")
    elif "data.split.validation" in draft.values and "data.split.test" not in draft.values:
        draft.assume("evaluation.split", "validation", "the rows that the source holds out; its results name no split")
    elif "data.split.test" in draft.stated:
        draft.state("evaluation.split", "test", draft.facts["data.split.test"][-1], default="test")
    else:
        draft.assume("evaluation.split", "test", "the results name no split; the one that is meant for it")
    tables = [table for table in draft.document.tables if table.rows]
    if "evaluation.each_epoch" in draft.facts:
        draft.take("evaluation.each_epoch", "evaluation.each_epoch")
    elif tables and tables[0].split in ("validation", "test"):
        place = tables[0].place
        words_ = draft.quote("evaluation.each_epoch", tables[0].split, place.start, place.end)
        if words_ is not None:
            draft.values["evaluation.each_epoch"], draft.stated["evaluation.each_epoch"] = tables[0].split, words_
            draft.beside["evaluation.each_epoch"] = quotation(place, words_)
    _scored_by(draft)
    draft.take("evaluation.slices.words", "evaluation.slices.words")
    draft.assume("evaluation.margin", 0.01)


_SPLIT_WORDS = {
    split: re.compile(
        rf"(?<!\S)[^.\n|]{{0,60}}\b(?:{words})\b(?: ?(?:set|data|dataset|split))?[^.\n|:\d]{{0,40}}(?!\w)", re.I
    )
    for split, words in (("test", r"test(?:ing)?|hold-?out"), ("validation", "validation|val|evaluation|eval|dev"))
}


def _words_of_split(draft: Drafting, result: Result) -> tuple[str, Place] | None:
    """The nearest words before or just after a result that name its split, with their place."""
    place, text = result.place, draft.document.text
    line = text.find("\n", place.end)
    end = min(place.end + 80, line if line >= 0 else len(text))
    found = list(_SPLIT_WORDS[str(result.split)].finditer(text, max(0, place.start - 600), end))
    for one in sorted(found, key=lambda one: abs(one.start() - place.start)):
        words = draft.quote("evaluation.split", result.split, one.start(), one.end())
        if words is not None:
            return words, draft.document.at(one.start(), one.end())
    return None


def _scored_by(draft: Drafting) -> None:
    """The metrics: as listed, else those of the results, else the spec's."""
    scores = ("accuracy", "precision", "recall", "f1", "roc_auc", "specificity", "matthews_correlation", "cohen_kappa")
    if draft.take("evaluation.metrics", "evaluation.metrics", lambda names, _: names or None):
        return
    results: dict[str, Result] = {}
    for one in draft.document.results:
        if one.metric in scores and one.split != "train":
            results.setdefault(one.metric, one)
    words = [draft.quote("evaluation.metrics", name, one.place.start, one.place.end) for name, one in results.items()]
    if results and all(words):
        draft.values["evaluation.metrics"] = tuple(results)
        draft.stated["evaluation.metrics"] = tuple(map(str, words)) if len(words) > 1 else str(words[0])
        draft.beside["evaluation.metrics"] = quotation(next(iter(results.values())).place, str(words[0]))
    else:
        draft.assume(
            "evaluation.metrics", ("accuracy", "precision", "recall", "f1"), "the source names none; the usual ones"
        )


def declare_scored_splits(draft: Drafting) -> None:
    """A split that is scored has to come from somewhere."""
    values = draft.values
    wanted = {values["evaluation.split"], values.get("evaluation.each_epoch")} - {None}
    data = known_data(draft)
    own = data.rows if data is not None else None
    if "data.pool" not in values:
        for split in ("validation", "test"):
            if split not in wanted or f"data.split.{split}" in values:
                continue
            if own is None:
                draft.assume(
                    f"data.take.{split}", split, "the split that is named so; the source does not say which rows"
                )
            elif split in own:
                draft.take(f"data.take.{split}", f"data.take.{split}", default=split, reason=f"a split of {data.repo}"
                           if data else "")  # fmt: skip
            elif split == "validation" and _held_out_by_steps(draft, own):
                continue
            else:
                rest = next((name for name in ("test", "validation") if name in own), None)
                question = f"the source's {split} set is not described and {data.repo if data else ''} has none"
                if rest is not None:
                    question += f"; name a split, or hold out a share of the training rows by `data.split.{split}`"
                    draft.decide(f"data.take.{split}", rest, question)
    elif "validation" in wanted and "data.split.validation" not in values:
        question = "the source's validation set is not described; hold out a share, or name the split that is meant"
        draft.decide("data.split.validation", 0.1, question)
    _best(draft)


def _held_out_by_steps(draft: Drafting, own: Mapping[str, int]) -> bool:
    """The share of the training rows that the steps of an epoch leave for validation."""
    values = draft.values
    last = next((table.rows[-1] for table in draft.document.tables if table.rows), None)
    total = values["training.batch_size"] * values["training.gradient_accumulation_steps"] * values["hardware.count"]
    if last is None or last.epoch is None or last.step is None or last.epoch.value < 1 or "train" not in own:
        return False
    steps = last.step.value / last.epoch.value
    rows = steps * total
    for share in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        kept = own["train"] * (1 - share)
        if steps == int(steps) and rows - total < kept <= rows:
            formula = (
                f"{int(steps):,} steps an epoch × {total:,} rows = {int(rows):,} rows = {1 - share:.0%} of the "
                f"{own['train']:,} of `train`; the other {share:.0%} validate"
            )
            draft.derive("data.split.validation", share, formula)
            draft.assume("data.split.stratify", False)
            draft.assume("data.split.seed", 42)
            return True
    return False


def _best(draft: Drafting) -> None:
    """An epoch whose scores are the results, and is not the last: the best one was kept."""
    main = {
        one.metric: one.number.text
        for one in draft.document.results
        if one.headline and one.split in (None, "validation") and one.averaging is None and one.label is None
    }
    table = next((one for one in draft.document.tables if len(one.rows) > 1), None)
    if (
        table is None
        or not main
        or "select" in draft.facts
        or draft.values.get("evaluation.each_epoch") != "validation"
    ):
        return
    same = [row for row in table.rows if _is_row(row, main)]
    if len(same) != 1 or same[0] is table.rows[-1] or same[0].epoch is None:
        return
    for metric, best in (("loss", min), ("accuracy", max)):
        cells = {row.place.start: row.cells[metric].value for row in table.rows if metric in row.cells}
        if len(cells) == len(table.rows) and cells[same[0].place.start] == best(cells.values()):
            which = "lowest" if metric == "loss" else "highest"
            ends = f"epoch {same[0].epoch.text}, the {which} {metric} of {len(cells)}"
            draft.derive("training.select", "best", f"the results are those of {ends}, not of the last")
            draft.derive("training.select_metric", metric, f"the results are those of {ends}")
            return


def _is_row(row: Row, main: Mapping[str, str]) -> bool:
    shared = [metric for metric in main if metric in row.cells]
    return bool(shared) and all(row.cells[metric].text == main[metric] for metric in shared)
