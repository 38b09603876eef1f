"""Well-known datasets: the rows of their labelled splits, and texts that stand in them twice.

What was counted here from the rows themselves says so (`verified`); the other entries are the sizes that the datasets'
pages give, from memory, and lead no check to more than a doubt. To count IMDb again, where the Hub can be reached:

    from datasets import load_dataset
    rows = load_dataset("stanfordnlp/imdb", revision="cf8435f64114bf604c12fe1e0f14da260779b3af")
    train, test = set(rows["train"]["text"]), set(rows["test"]["text"])
    len(train & test), 50_000 - len(train | test)     # 123, 418
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.document import Document


@dataclass(frozen=True)
class Dataset:
    """A dataset as everybody loads it.

    Attributes:
        name: What it is called.
        ids: Ids of the Hub and names that mean it, in lower case.
        rows: Rows by split (`train`, `validation`, `test`) that have labels.
        classes: Number of labels.
        balanced: Whether each label has as many rows of a split.
        source: The page that says so.
        shared: Distinct texts that stand in the training and in the test split; null where nobody counted.
        repeated: Rows whose text stands before them, of training and test split put together; likewise.
        verified: Whether this was counted from the rows.
    """

    name: str
    ids: tuple[str, ...]
    rows: Mapping[str, int]
    classes: int
    balanced: bool
    source: str
    shared: int | None = None
    repeated: int | None = None
    verified: bool = False


_PAGES = {
    "emotion": "https://huggingface.co/datasets/dair-ai/emotion",
    "glue": "https://huggingface.co/datasets/nyu-mll/glue",
    "tweet_eval": "https://huggingface.co/datasets/cardiffnlp/tweet_eval",
}


def _rows(train: int, validation: int = 0, test: int = 0) -> Mapping[str, int]:
    rows = {"train": train, "validation": validation, "test": test}
    return MappingProxyType({split: count for split, count in rows.items() if count})


def _glue(task: str, classes: int, train: int, validation: int, *ids: str) -> Dataset:
    """A task of GLUE: the labels of its test split are not public."""
    rows = _rows(train, validation)
    return Dataset(f"GLUE {task}", (f"glue/{task}", f"nyu-mll/glue/{task}", *ids), rows, classes, False, _PAGES["glue"])


def _tweets(task: str, classes: int, train: int, validation: int, test: int) -> Dataset:
    ids = (f"tweet_eval/{task}", f"cardiffnlp/tweet_eval/{task}")
    return Dataset(f"TweetEval {task}", ids, _rows(train, validation, test), classes, False, _PAGES["tweet_eval"])


_ENTRIES = (
    Dataset(
        "IMDb", ("imdb", "stanfordnlp/imdb", "imdb movie", "large movie"), _rows(25_000, test=25_000), 2, True,
        "https://huggingface.co/datasets/stanfordnlp/imdb", shared=123, repeated=418, verified=True,
    ),
    Dataset(
        "AG News", ("ag_news", "fancyzhx/ag_news", "ag news"), _rows(120_000, test=7_600), 4, True,
        "https://huggingface.co/datasets/fancyzhx/ag_news",
    ),
    Dataset(
        "Rotten Tomatoes", ("rotten_tomatoes", "cornell-movie-review-data/rotten_tomatoes", "rotten tomatoes"),
        _rows(8_530, 1_066, 1_066), 2, True,
        "https://huggingface.co/datasets/cornell-movie-review-data/rotten_tomatoes",
    ),
    Dataset(
        "Yelp polarity", ("yelp_polarity", "fancyzhx/yelp_polarity"), _rows(560_000, test=38_000), 2, True,
        "https://huggingface.co/datasets/fancyzhx/yelp_polarity",
    ),
    Dataset(
        "Yelp full", ("yelp_review_full", "yelp/yelp_review_full", "yelpreviewfull/yelp_review_full"),
        _rows(650_000, test=50_000), 5, True, "https://huggingface.co/datasets/Yelp/yelp_review_full",
    ),
    Dataset(
        "Amazon polarity", ("amazon_polarity", "fancyzhx/amazon_polarity"), _rows(3_600_000, test=400_000), 2, True,
        "https://huggingface.co/datasets/fancyzhx/amazon_polarity",
    ),
    Dataset(
        "DBpedia 14", ("dbpedia_14", "fancyzhx/dbpedia_14"), _rows(560_000, test=70_000), 14, True,
        "https://huggingface.co/datasets/fancyzhx/dbpedia_14",
    ),
    Dataset(
        "Emotion", ("emotion", "dair-ai/emotion"), _rows(16_000, 2_000, 2_000), 6, False, _PAGES["emotion"],
    ),
    Dataset(
        "Banking77", ("banking77", "polyai/banking77"), _rows(10_003, test=3_080), 77, False,
        "https://huggingface.co/datasets/PolyAI/banking77",
    ),
    _glue("sst2", 2, 67_349, 872, "sst2", "stanfordnlp/sst2", "sst-2"),
    _glue("cola", 2, 8_551, 1_043, "cola"),
    _glue("mrpc", 2, 3_668, 408, "mrpc"),
    _glue("qnli", 2, 104_743, 5_463, "qnli"),
    _glue("qqp", 2, 363_846, 40_430, "qqp"),
    _glue("rte", 2, 2_490, 277, "rte"),
    _glue("wnli", 2, 635, 71, "wnli"),
    _tweets("sentiment", 3, 45_615, 2_000, 12_284),
    _tweets("emotion", 4, 3_257, 374, 1_421),
    _tweets("irony", 2, 2_862, 955, 784),
    _tweets("hate", 2, 9_000, 1_000, 2_970),
    _tweets("offensive", 2, 11_916, 1_324, 860),
)  # fmt: skip

DATASETS: Mapping[str, Dataset] = MappingProxyType({name: entry for entry in _ENTRIES for name in entry.ids})
"""Every dataset by each of its names."""

_NOISE = re.compile(r"\b(?:the|datasets?|reviews?|corpus|movie reviews?)\b|[^\w/ -]")


def dataset_of(document: Document) -> Dataset | None:
    """The dataset that a document names; null where that is not known here, or it names several.

    >>> from registry.document import Document, Fact, Place
    >>> dataset_of(Document("a", "", facts=(Fact("datasets", ("IMDb Movie Reviews",), "", Place("a")),))).name
    'IMDb'
    """
    names = [
        name
        for fact in document.said("datasets")
        for name in ((fact.value,) if isinstance(fact.value, str) else fact.value)
    ]
    found = [DATASETS.get(" ".join(_NOISE.sub(" ", str(name)[:200].casefold()).split())) for name in names]
    return found[0] if found and all(one is found[0] for one in found) else None
