"""The results that tables report: epoch tables, tables of a metric a row or a column, and of error rates.

Rows of classes and of other models are not results of this one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from registry.document import Row, Table
from registry.readme.metrics import (
    COUNTS,
    METRICS,
    SPLITS,
    WORD,
    Named,
    add,
    group_of,
    named,
    of_others,
    plain_number,
    split_of,
    title_split,
    value_of,
)

if TYPE_CHECKING:
    from registry.markdown import Cell, Grid
    from registry.numbers import Number
    from registry.readme.page import Page


_LETTER = re.compile("[a-z]")
_EPOCH_COLUMNS = {"epoch", "epochs", "step", "steps"}


def tables(page: Page) -> None:
    """Epoch tables, classification reports, and tables of a metric a row or a column."""
    for grid in page.grids:
        header = [cell.text for cell in grid.header]
        low = [words.strip().lower() for words in header]
        if any(words in _EPOCH_COLUMNS for words in low):
            _epoch_table(page, grid, low)
            continue
        if grid.role in ("use", "pretraining"):
            continue
        columns = _columns(header, low)
        count = sum(what is not None for what in columns[1:])
        by_data = any(what is not None and what.dataset is not None for what in columns)
        if by_data:  # then rows are models, whatever the first column is called
            low[0] = "model"
        if count and (own := _own_row(page, grid, low)) is not None:
            _row(page, own, columns, _context(grid), {}, headline=not by_data)
        elif grid.role == "other" or (count and len(grid.rows) > 1 and of_others(grid.before)):
            continue
        elif count:
            _by_column(page, grid, low, columns)
        elif len(header) == 2:
            _by_row(page, grid)
        elif "err" in low:
            _error_rates(page, grid, low)
        else:
            _by_row_and_column(page, grid, low)


_ABBREVIATED = {"p": "precision", "r": "recall", "f": "f1", "f1": "f1"}


def _columns(header: list[str], low: list[str]) -> list[Named | None]:
    """The metric of each column; of `| P | R | F |` together what the letters mean."""
    letters = _ABBREVIATED if {"p", "r"} < {*low} and {"f", "f1"} & {*low} else {}
    columns = [
        Named(letters[short]) if short in letters else named(words) if words else None
        for words, short in zip(header, low, strict=True)
    ]
    parted = [words.rpartition(" ") for words in header]
    of_data = [named(metric.strip("()")) if _DATA_NAME.fullmatch(data) else None for data, _, metric in parted]
    whole = {data for (data, _, _), what in zip(parted, of_data, strict=True) if what and what.metric in _OF_NO_CLASS}
    for at, ((data, _, metric), what) in enumerate(zip(parted, of_data, strict=True)):
        if columns[at] is None and what is not None and (data in whole or (whole and metric[0] == "(")):
            split = next((SPLITS[word] for word in WORD.findall(data.lower()) if word in SPLITS), None)
            columns[at] = replace(what, dataset=data, split=split)
    return columns


# `| LibriSpeech WER | Lambada PPL | Lambada Acc |`, `| STS (Pearson) | NER (F1) |`; `Loc F1` is a class's.
_DATA_NAME = re.compile(r"[A-Z][\w.-]{1,30}(?: [\w.-]{1,20})?")
_OF_NO_CLASS = frozenset({
    "perplexity", "wer", "cer", "bleu", "chrf", "rouge1", "rouge2", "rougeL", "exact_match", "bpc", "bpb",
    "pearson", "spearmanr", "matthews_correlation",
})  # fmt: skip
"""Metrics that no class has of its own: what stands before one is data."""


_PART_OF_TITLE = re.compile(r"[|:(),–—]| - | with | for | on | in ")
_MARKS = re.compile(r"[\W_]+")
_LONG_NAME = 5


def _own_row(page: Page, grid: Grid, low: list[str]) -> tuple[Cell, ...] | None:
    """The one row that the README's title names, `# Our-Model-2 for news`, beside those of other models."""
    names = {_MARKS.sub("", part) for part in _PART_OF_TITLE.split(_title(page).rpartition("/")[2])}
    keys = [_MARKS.sub("", row[0].text.casefold().rpartition("/")[2]) if row else "" for row in grid.rows]
    own = [row for key, row in zip(keys, grid.rows, strict=True) if len(key) >= _LONG_NAME and key in names]
    return own[0] if len(own) == 1 and len(grid.rows) > 1 and _MODELS.search(low[0]) is not None else None


def _context(grid: Grid) -> str | None:
    return split_of(grid.before) or title_split(grid.title)


def _epoch_table(page: Page, grid: Grid, low: list[str]) -> None:
    columns = [_column(words, cell.text) for words, cell in zip(low, grid.header, strict=True)]
    if any(words.startswith("overall ") for words in low):  # beside `Overall F1`, `Loc F1` is a class's
        columns = [(None, None) if _OF_CLASS.fullmatch(name or "") else (name, split) for name, split in columns]
    names = [name for name, _ in columns]
    if not any(name in _LOGGED for name in names) or names.count("epoch") > 1 or names.count("step") > 1:
        return
    rows = []
    for row in grid.rows:
        cells: dict[str, Number] = {}
        for name, cell in zip(names, row, strict=False):
            if name is not None and name not in cells and (number := plain_number(cell.text)) is not None:
                cells[name] = number
        if "epoch" in cells or "step" in cells:
            place = page.place(row[0].start, row[-1].end)
            rows.append(Row(cells.pop("epoch", None), cells.pop("step", None), cells, place))
    if rows:
        told = {split for _, split in columns if split not in (None, "train")}
        split = told.pop() if len(told) == 1 else None
        if split is None and not told and "training results" in grid.title:
            split = "validation"
        page.tables.append(Table(tuple(rows), split, page.place(grid.header[0].start, grid.header[-1].end)))


_OF_CLASS = re.compile(r"\w{1,60}_(?:precision|recall|f1|number|accuracy)")
_LOGGED = frozenset({"train_loss", *METRICS.values()})


def _column(low: str, words: str) -> tuple[str | None, str | None]:
    """A column's name, null for one that is not read, and its split."""
    if low in _EPOCH_COLUMNS:
        return low.removesuffix("s"), None
    what = named(words)
    if what is None:
        key = "_".join(WORD.findall(low))
        return (key if _LETTER.search(key) and not COUNTS.search(low) else None), None
    if what.label is not None:
        return None, None
    name = what.metric + (f"_{what.averaging}" if what.averaging else "")
    return (f"train_{name}" if what.split == "train" else name), what.split


def _by_row(page: Page, grid: Grid) -> None:
    """`| Accuracy | 85% |`."""
    split = _context(grid)
    told: list[tuple[Named, Number, Cell, Cell]] = []
    other = split_of(grid.header[1].text + " set") if len(grid.header[1].text) < 30 else None
    if of_others(" ".join(cell.text for cell in grid.header)):
        return
    for row in [grid.header, *grid.rows]:
        if len(row) != 2:
            continue
        what = named(row[0].text)
        if what is None and (snake := row[0].text.strip().lower()).startswith(
            ("eval_", "predict_", "test_", "train_", "val_")
        ):
            what = named(snake)
        read = value_of(row[1].text)
        if what is not None and read is not None and len(row[1].text) - read[1] < 25:
            told.append((what, read[0], row[0], row[1]))
    groups: dict[str | None, int] = {}
    for what, number, first, last in told:
        own = what.split or other or split
        group = group_of(page, groups, own, what)
        headline = own != "train" and what.label is None and what.metric != "gen_len"
        add(page, replace(what, split=own), number, first.start, last.end, group, headline=headline)


def _by_row_and_column(page: Page, grid: Grid, low: list[str]) -> None:
    """Rows of metrics below `| | Validation | Test |`, `| | Class A | Micro avg |`, `| | INT8 | FP32 |`.

    Columns of splits and of averagings are this model's, and the one column that the README's title names.
    """
    rows = [(what, row) for row in grid.rows if row and (what := named(row[0].text)) is not None and not what.label]
    others = sum(bool(row) and COUNTS.search(row[0].text) is not None for row in grid.rows)
    if not rows or len(rows) + others < len(grid.rows) or of_others(grid.before):
        return
    context, title = _context(grid), set(WORD.findall(_title(page)))
    ours = [name for name in low[1:] if len(name) > 2 and name in title]
    for at, name in enumerate(low[1:], start=1):
        averaging = _SUMMARIES.get(name.replace("-", " "))
        split = SPLITS.get(name.removesuffix(" set").removesuffix(" split"))
        if averaging is None and split is None and name != "overall" and ours != [name]:
            continue
        group = page.new_group()
        for what, row in rows:
            read = value_of(row[at].text) if at < len(row) else None
            if read is not None and len(row[at].text) - read[1] < 12:
                own = what.split or split or context
                settled = replace(what, split=own, averaging=what.averaging or averaging)
                add(page, settled, read[0], row[at].start, row[at].end, group, headline=own != "train")


def _title(page: Page) -> str:
    """The README's first heading, in lower case."""
    return next((line.title for line in page.lines if line.kind == "heading"), "")


_SPLIT_OF_KEY = re.compile(r"(?<![a-z])(test|dev|valid|eval)(?![a-z])")


def _error_rates(page: Page, grid: Grid, low: list[str]) -> None:
    """`| dataset | Snt | … | Err | S.Err |`, as sclite counts errors, below a heading of an error rate: `WER`."""
    what = named(grid.title.rpartition("/")[2])
    if what is None or what.metric not in ("wer", "cer", "ter") or any(len(row) != len(low) for row in grid.rows):
        return
    at = low.index("err")
    for row in grid.rows:
        read = value_of(row[at].text)
        splits = {SPLITS[one[1]] for one in _SPLIT_OF_KEY.finditer(row[0].text.lower().rpartition("/")[2])}
        if read is not None:
            split = splits.pop() if len(splits) == 1 else None
            add(
                page, replace(what, split=split), read[0], row[at].start, row[at].end, page.new_group(),
                dataset=row[0].text.strip() if len(grid.rows) > 1 else None, headline=split == "test",
            )  # fmt: skip


_SUMMARIES = {
    "macro avg": "macro",
    "weighted avg": "weighted",
    "micro avg": "micro",
    "samples avg": "samples",
    "macro average": "macro",
    "weighted average": "weighted",
    "macro": "macro",
    "weighted": "weighted",
    "micro": "micro",
    "micro average": "micro",
}
_OURS = re.compile(r"\b(?:ours?|this model|this)\b|\(ours?\)", re.IGNORECASE)
_CLASSES = re.compile(
    r"^(?:class(?:es)?|label|labels|category|entity|entities|tag|type|emotion|sentiment|ner|intent|support"
    r"|relation|aspect)\b",
    re.IGNORECASE,
)
_MODELS = re.compile(
    r"model|system|method|approach|version|checkpoint|name|architecture|run|experiment|size|backbone|variant"
    r"|config|setting|fold|seed",
    re.IGNORECASE,
)


def _by_column(page: Page, grid: Grid, low: list[str], columns: list[Named | None]) -> None:
    """`| Set | Accuracy |`: rows of splits, of averagings, of datasets, or the one row of this model."""
    split = _context(grid)
    keys = [row[0].text.strip() if columns[0] is None and row else "" for row in grid.rows]
    for key, row in zip(keys, grid.rows, strict=True):
        if key.lower() == "accuracy":
            _accuracy_row(page, row, split)
    for row, averaging, more in _rows_of_the_model(grid, keys, low):
        headline = more.get("dataset") is None or len(grid.rows) == 1
        _row(page, row, columns, split, more, averaging=averaging, headline=headline)


def _row(
    page: Page, row: tuple[Cell, ...], columns: list[Named | None], split: str | None, more: dict[str, str | None],
    *, averaging: str | None = None, headline: bool = True,
) -> None:  # fmt: skip
    """The results of a row of this model; `more` is the split and the dataset that the row itself names."""
    group = page.new_group()
    for what, cell in zip(columns, row, strict=False):
        read = value_of(cell.text) if what is not None else None
        if what is None or read is None or len(cell.text) - read[1] > 12:
            continue
        own = what.split or more.get("split") or split
        settled = replace(what, averaging=what.averaging or averaging, split=own)
        add(
            page, settled, read[0], cell.start, cell.end, group, dataset=what.dataset or more.get("dataset"),
            headline=headline and own != "train",
        )  # fmt: skip


def _accuracy_row(page: Page, row: tuple[Cell, ...], split: str | None) -> None:
    """The row of a classification report that has one share, and counts at most beside it."""
    for cell in row[1:]:
        number = plain_number(cell.text)
        if number is not None and number.value <= 1 and number.decimals:
            add(page, Named("accuracy", split), number, cell.start, cell.end, page.new_group(), headline=True)
            return


def _rows_of_the_model(
    grid: Grid, keys: list[str], low: list[str]
) -> list[tuple[tuple[Cell, ...], str | None, dict[str, str | None]]]:
    """Rows of this model's results, none of classes or other models, each with averaging, split and dataset."""
    keyed = any(keys)
    summaries = [_SUMMARIES.get(key.lower().replace("_", " ")) for key in keys]
    if any(summaries):
        return [(row, averaging, {}) for row, averaging in zip(grid.rows, summaries, strict=True) if averaging]
    if any("support" in words for words in low) or (keyed and _CLASSES.search(low[0])):
        return [(row, None, {}) for key, row in zip(keys, grid.rows, strict=True) if key.lower() == "overall"]
    splits = [SPLITS.get(key.lower().removesuffix(" set").removesuffix(" split")) for key in keys]
    if any(splits):
        return [(row, None, {"split": own}) for row, own in zip(grid.rows, splits, strict=True) if own]
    of_data = keyed and _DATASETS.match(low[0]) is not None
    of_test = "test" if _TEST_SETS.match(low[0]) else None
    if len(keys) == 1:
        told = {"dataset": keys[0] if of_data else None, "split": of_test}
        return [] if of_others(keys[0]) else [(grid.rows[0], None, told)]
    if of_data:
        return [
            (row, None, {"dataset": key, "split": of_test}) for key, row in zip(keys, grid.rows, strict=True) if key
        ]
    ours = [row for key, row in zip(keys, grid.rows, strict=True) if _OURS.search(key)]
    named_as_models = _MODELS.search(low[0]) is not None or not low[0]
    return [(ours[0], None, {})] if keyed and named_as_models and len(ours) == 1 else []


_TEST_SETS = re.compile(r"test ?sets?$")
_DATASETS = re.compile(r"data ?set|domain|corpus|test ?set|benchmark|task")
