"""Results that papers report, for a few bases and datasets that model cards fine-tune and score again and again.

The figures are from memory unless their entry says otherwise; they lead no check to more than a suspicion.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A published result.

    Attributes:
        base: Beginnings of the names of the bases that it is of, in lower case, without the namespace.
        dataset: `Dataset.name`.
        accuracy: Share of right answers.
        rows: Rows it was measured on.
        source: Where it stands.
    """

    base: tuple[str, ...]
    dataset: str
    accuracy: float
    rows: int
    source: str


_DISTILBERT = "Sanh et al. 2019, arXiv:1910.01108"

PUBLISHED = (
    Published(("distilbert-base",), "IMDb", 0.9282, 25_000, f"{_DISTILBERT}, table 2"),
    # Their best ones, of weights that were pretrained further on the task; as Papers with Code lists them.
    Published(("bert-base",), "IMDb", 0.9563, 25_000, "Sun et al. 2019, arXiv:1905.05583"),
    Published(("bert-base",), "AG News", 0.9520, 7_600, "Sun et al. 2019, arXiv:1905.05583"),
    Published(("roberta-base",), "IMDb", 0.9530, 25_000, "Gururangan et al. 2020, arXiv:2004.10964, table 3"),
    Published(("distilbert-base",), "GLUE sst2", 0.913, 872, f"{_DISTILBERT}, table 1"),
    Published(("bert-base",), "GLUE sst2", 0.927, 872, f"{_DISTILBERT}, table 1"),
    Published(("roberta-base",), "GLUE sst2", 0.948, 872, "Liu et al. 2019, arXiv:1907.11692, with its code"),
)
"""Every result."""


def published_for(base: str, dataset: str) -> Published | None:
    """The result of a base on a dataset, the base by its name on the Hub.

    >>> published_for("distilbert/distilbert-base-uncased", "IMDb").accuracy
    0.9282
    """
    name = base.casefold().rpartition("/")[2]
    return next((one for one in PUBLISHED if one.dataset == dataset and name.startswith(one.base)), None)
