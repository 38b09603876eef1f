"""Small documents for the tests of the claim checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.document import Document, Fact, Place, Result, Row, Table
from registry.numbers import read_number
from runner.plugins import module

if TYPE_CHECKING:
    from runner.checks import Finding

HERE = Place("README.md:1:1")
CARDS = Path(__file__).parents[1] / "cards"
SEEDS = (
    "a790227-distilbert",
    "gq-llama-2-7b-imdb",
    "jamander-project-blockbuster",
    "llm-project-distilbert",
    "yash3056-llama-3.2-1b-imdb",
)


def fact(name: str, value: Any, text: str | None = None, status: Any = "stated") -> Fact:
    return Fact(name, value, str(value) if text is None else text, HERE, status)


def facts(**values: Any) -> tuple[Fact, ...]:
    """Stated facts; `rows_train` and the like name a dotted one."""
    dotted = ("rows", "adapter", "quantization", "hardware")
    named = {
        name.replace("_", ".", 1) if name.partition("_")[0] in dotted else name: value for name, value in values.items()
    }
    return tuple(fact(name, value) for name, value in named.items())


def result(metric: str, text: str, **more: Any) -> Result:
    number = read_number(text)
    return Result(metric, number, HERE, placeholder=number.placeholder, **more)


def table(*rows: str, columns: str = "epoch step loss accuracy", split: str = "validation") -> Table:
    """A table of rows such as `1.0 1250 0.1208 0.9696`."""
    made = []
    for line in rows:
        cells = {name: read_number(cell) for name, cell in zip(columns.split(), line.split(), strict=True)}
        epoch, step = cells.pop("epoch", None), cells.pop("step", None)
        made.append(Row(epoch, step, cells, HERE))
    return Table(tuple(made), split, HERE)


def document(*parts: Any, text: str = "", **more: Any) -> Document:
    """A document of results, tables and facts, in any order."""
    flat = [one for part in parts for one in (part if isinstance(part, tuple) else (part,))]
    return Document(
        "README.md",
        text,
        results=tuple(one for one in flat if isinstance(one, Result)),
        tables=tuple(one for one in flat if isinstance(one, Table)),
        facts=tuple(one for one in flat if isinstance(one, Fact)),
        **more,
    )


def found(check: str, of: Document) -> dict[str, Finding]:
    """What a check finds, by kind."""
    return {finding.id.partition("/")[2]: finding for finding in module("checks", check).check(of)}


def verdicts(check: str, of: Document) -> dict[str, str]:
    return {kind: finding.verdict for kind, finding in found(check, of).items()}
