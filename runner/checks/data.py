"""The rows that a model was trained and scored on, against what the dataset has.

The sizes of well-known datasets stand in `registry/datasets.py`. An evaluation on rows that the model was trained on,
or that chose its epoch, says less of new texts than it seems to (Cawley and Talbot 2010, JMLR 11, 2079-2107); one on
rows that the author drew is not comparable with published results; and texts that stand in a dataset twice get into
both sides of a random split: of d repeated rows in a pool of which a share p is held out, about 2·d·p·(1 − p) held-out
rows have their copy among the training rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.datasets import dataset_of
from registry.vocabulary import SHARES
from runner.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.datasets import Dataset
    from registry.document import Document, Result

KINDS: Mapping[str, str] = {
    "rows": "More rows are said to be used than the dataset has.",
    "undefined-split": "Results are of a split that the dataset does not have, and nothing says how it was made.",
    "own-split": "The rows scored on were drawn by the author: not comparable with results on the dataset's own split.",
    "training-rows": "The main result was measured on the rows that the model was trained on.",
    "selected-on-test": "The test rows chose the epoch that they score.",
    "duplicates": "Texts are known to stand in this dataset twice, and then on both sides of a split.",
}


def check(document: Document) -> Iterator[Finding]:
    """What the rows say of the results."""
    results = [one for one in document.results if one.metric in SHARES and not one.placeholder]
    yield from _training_rows(document, results)
    yield from _selected(document, results)
    dataset = dataset_of(document)
    if dataset is None:
        return
    yield from _rows(document, dataset)
    yield from _undefined(document, dataset, results)
    if results:
        yield from _own_split(document, dataset)
        yield from _duplicates(document, dataset, results)


def _training_rows(document: Document, results: list[Result]) -> Iterator[Finding]:
    card = document.card
    if card is not None:
        taken = card.data.taken
        if card.evaluation.split != "train" and taken.get(card.evaluation.split) == taken.get("train", ""):
            yield Finding(
                id="data/training-rows",
                verdict="suspicious",
                where=document.name,
                message=f"the {card.evaluation.split} split is the dataset's {taken['train']!r}, which it is "
                f"trained on",
                remedy="score rows that it was not trained on",
            )
        return
    headline = [one for one in results if one.headline]
    if headline and all(one.split == "train" for one in headline):
        yield Finding(
            id="data/training-rows",
            verdict="ambiguous",
            claims=_claims(document, headline),
            where=headline[0].place.where,
            message="the results are said to be of the split `train`: of the rows it was trained on, or of a part "
            "held out",
            remedy="name the rows that were scored, and score rows that it was not trained on",
        )


def _selected(document: Document, results: list[Result]) -> Iterator[Finding]:
    card, select = document.card, document.fact("select")
    tested = [one for one in results if one.split == "test"]
    if select is None or select.value != "best" or select.status == "assumed" or not tested:
        return
    chose = card.evaluation.each_epoch if card is not None else next((t.split for t in document.tables), None)
    if chose == "test":
        yield Finding(
            id="data/selected-on-test",
            verdict="ambiguous",
            claims=_claims(document, tested),
            where=select.place.where,
            message="the best epoch was chosen on the test rows that then score it: the scores are too good",
            remedy="choose on a validation split, and score the test rows once",
        )


def _claims(document: Document, results: list[Result]) -> tuple[int, ...]:
    wanted = {id(one) for one in results}
    return tuple(index for index, one in enumerate(document.results) if id(one) in wanted)


def _rows(document: Document, dataset: Dataset) -> Iterator[Finding]:
    have = sum(dataset.rows.values())
    for split in ("train", "validation", "test"):
        for fact in document.said(f"rows.{split}"):
            if fact.status == "stated" and isinstance(fact.value, int) and fact.value > have:
                yield Finding(
                    id="data/rows",
                    verdict="suspicious" if dataset.verified else "ambiguous",
                    where=fact.place.where,
                    message=f"{fact.value:,} rows for {split}, but {dataset.name} has {have:,} labelled ones in all",
                    arithmetic=" + ".join(f"{rows:,}" for rows in dataset.rows.values())
                    + f" = {have:,} < {fact.value:,}",
                    remedy="correct the number, or name the other rows",
                )


def _undefined(document: Document, dataset: Dataset, results: list[Result]) -> Iterator[Finding]:
    for split in ("validation", "test"):
        scored = [one for one in results if one.split == split]
        if not scored or split in dataset.rows:
            continue
        if any(fact.status == "stated" for fact in document.said(f"rows.{split}")):
            continue
        others = " or ".join(name for name in dataset.rows if name != "train")
        yield Finding(
            id="data/undefined-split",
            verdict="underspecified",
            claims=_claims(document, scored),
            where=scored[0].place.where,
            message=f"{dataset.name} has no labelled {split} split: these may be its {others or 'training'} rows, "
            f"or a part of "
            "the training rows",
            remedy="say which rows they are and how many, and with which seed they were drawn",
        )


def _own_split(document: Document, dataset: Dataset) -> Iterator[Finding]:
    fact = document.fact("rows.test")
    official = dataset.rows.get("test")
    card = document.card
    if fact is None or official is None or fact.status == "assumed" or fact.value == official:
        return
    if card is not None and card.data.pool is None and (card.data.split is None or card.data.split.test is None):
        return
    yield Finding(
        id="data/own-split",
        verdict="ambiguous",
        where=fact.place.where,
        message=f"scored on {fact.value:,} rows of its own drawing, not on {dataset.name}'s {official:,} test rows",
        arithmetic=f"{fact.value:,} ≠ {official:,}",
        remedy="say with which seed they were drawn, or score the dataset's own test split",
    )


def _duplicates(document: Document, dataset: Dataset, results: list[Result]) -> Iterator[Finding]:
    if dataset.repeated is None or dataset.shared is None:
        return
    have = sum(dataset.rows.values())
    train, test = document.value("rows.train"), document.value("rows.test")
    pooled = document.card is not None and document.card.data.pool is not None
    if isinstance(test, int) and (pooled or (isinstance(train, int) and train + test == have and train != test)):
        share = test / have
        leaked = 2 * dataset.repeated * share * (1 - share)
        yield Finding(
            id="data/duplicates",
            verdict="ambiguous",
            where=document.said("rows.test")[0].place.where,
            message=f"{dataset.repeated} of {dataset.name}'s {have:,} texts stand in it before: a random split puts "
            f"the copies "
            f"of about {leaked:.0f} test rows among the training rows",
            arithmetic=f"2 × {dataset.repeated} × {share:g} × {1 - share:g} = {leaked:.0f}; "
            f"{leaked:.0f} / {test:,} = {leaked / test:.1%} of the test rows",
            remedy="take repeated texts out before splitting, or use the dataset's own split",
        )
        return
    tested = [one for one in results if one.split == "test"]
    if tested and test == dataset.rows.get("test"):
        rows = dataset.rows["test"]
        yield Finding(
            id="data/duplicates",
            verdict="ok",
            claims=_claims(document, tested),
            where=tested[0].place.where,
            message=f"{dataset.shared} texts of {dataset.name}'s test split stand in its training split, too: they "
            f"can move "
            f"the accuracy by at most {100 * dataset.shared / rows:.1f} points",
            arithmetic=f"{dataset.shared} / {rows:,} = {dataset.shared / rows:.2%}",
            remedy="",
        )
