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
        labels: Names of the classes in the order of their numbers, where they are few.
        text: Column of the text.
        text_pair: Column of the second text, where a row is a pair.
        label: Column of the label.
        config: Configuration of the repo on the Hub, where it has several.
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
    labels: tuple[str, ...] = ()
    text: str = "text"
    text_pair: str | None = None
    label: str = "label"
    config: str | None = None

    @property
    def repo(self) -> str:
        """Its id on the Hub."""
        return self.source.partition("/datasets/")[2]


_PAGES = {
    "emotion": "https://huggingface.co/datasets/dair-ai/emotion",
    "glue": "https://huggingface.co/datasets/nyu-mll/glue",
    "tweet_eval": "https://huggingface.co/datasets/cardiffnlp/tweet_eval",
}


def _rows(train: int, validation: int = 0, test: int = 0) -> Mapping[str, int]:
    rows = {"train": train, "validation": validation, "test": test}
    return MappingProxyType({split: count for split, count in rows.items() if count})


def _glue(task: str, labels: str, columns: str, train: int, validation: int, *ids: str) -> Dataset:
    """A task of GLUE: the labels of its test split are not public."""
    first, _, second = columns.partition(" ")
    return Dataset(
        f"GLUE {task}", (f"glue/{task}", f"nyu-mll/glue/{task}", *ids), _rows(train, validation), 2, False,
        _PAGES["glue"], labels=tuple(labels.split()), text=first, text_pair=second or None, config=task,
    )  # fmt: skip


def _tweets(task: str, labels: str, train: int, validation: int, test: int) -> Dataset:
    ids, names = (f"tweet_eval/{task}", f"cardiffnlp/tweet_eval/{task}"), tuple(labels.split())
    return Dataset(
        f"TweetEval {task}", ids, _rows(train, validation, test), len(names), False, _PAGES["tweet_eval"],
        labels=names, config=task,
    )  # fmt: skip


_ENTRIES = (
    Dataset(
        "IMDb", ("imdb", "stanfordnlp/imdb", "imdb movie", "large movie"), _rows(25_000, test=25_000), 2, True,
        "https://huggingface.co/datasets/stanfordnlp/imdb", shared=123, repeated=418, verified=True,
        labels=("negative", "positive"),
    ),
    Dataset(
        "AG News", ("ag_news", "fancyzhx/ag_news", "ag news"), _rows(120_000, test=7_600), 4, True,
        "https://huggingface.co/datasets/fancyzhx/ag_news", labels=("World", "Sports", "Business", "Sci/Tech"),
    ),
    Dataset(
        "Rotten Tomatoes", ("rotten_tomatoes", "cornell-movie-review-data/rotten_tomatoes", "rotten tomatoes"),
        _rows(8_530, 1_066, 1_066), 2, True,
        "https://huggingface.co/datasets/cornell-movie-review-data/rotten_tomatoes", labels=("negative", "positive"),
    ),
    Dataset(
        "Yelp polarity", ("yelp_polarity", "fancyzhx/yelp_polarity"), _rows(560_000, test=38_000), 2, True,
        "https://huggingface.co/datasets/fancyzhx/yelp_polarity", labels=("negative", "positive"),
    ),
    Dataset(
        "Yelp full", ("yelp_review_full", "yelp/yelp_review_full", "yelpreviewfull/yelp_review_full"),
        _rows(650_000, test=50_000), 5, True, "https://huggingface.co/datasets/Yelp/yelp_review_full",
    ),
    Dataset(
        "Amazon polarity", ("amazon_polarity", "fancyzhx/amazon_polarity"), _rows(3_600_000, test=400_000), 2, True,
        "https://huggingface.co/datasets/fancyzhx/amazon_polarity", labels=("negative", "positive"), text="content",
    ),
    Dataset(
        "DBpedia 14", ("dbpedia_14", "fancyzhx/dbpedia_14"), _rows(560_000, test=70_000), 14, True,
        "https://huggingface.co/datasets/fancyzhx/dbpedia_14", text="content",
    ),
    Dataset(
        "Emotion", ("emotion", "dair-ai/emotion"), _rows(16_000, 2_000, 2_000), 6, False, _PAGES["emotion"],
        labels=("sadness", "joy", "love", "anger", "fear", "surprise"),
    ),
    Dataset(
        "Banking77", ("banking77", "polyai/banking77"), _rows(10_003, test=3_080), 77, False,
        "https://huggingface.co/datasets/PolyAI/banking77",
    ),
    _glue("sst2", "negative positive", "sentence", 67_349, 872, "sst2", "stanfordnlp/sst2", "sst-2"),
    _glue("cola", "unacceptable acceptable", "sentence", 8_551, 1_043, "cola"),
    _glue("mrpc", "not_equivalent equivalent", "sentence1 sentence2", 3_668, 408, "mrpc"),
    _glue("qnli", "entailment not_entailment", "question sentence", 104_743, 5_463, "qnli"),
    _glue("qqp", "not_duplicate duplicate", "question1 question2", 363_846, 40_430, "qqp"),
    _glue("rte", "entailment not_entailment", "sentence1 sentence2", 2_490, 277, "rte"),
    _glue("wnli", "not_entailment entailment", "sentence1 sentence2", 635, 71, "wnli"),
    _tweets("sentiment", "negative neutral positive", 45_615, 2_000, 12_284),
    _tweets("emotion", "anger joy optimism sadness", 3_257, 374, 1_421),
    _tweets("irony", "non_irony irony", 2_862, 955, 784),
    _tweets("hate", "non-hate hate", 9_000, 1_000, 2_970),
    _tweets("offensive", "non-offensive offensive", 11_916, 1_324, 860),
)  # fmt: skip

DATASETS: Mapping[str, Dataset] = MappingProxyType({name: entry for entry in _ENTRIES for name in entry.ids})
"""Every dataset by each of its names."""

_NOISE = re.compile(r"\b(?:the|datasets?|reviews?|corpus|movie reviews?)\b|[^\w/ -]")


def known(name: str) -> Dataset | None:
    """The dataset that a name or an id means; null where that is not known here."""
    return DATASETS.get(" ".join(_NOISE.sub(" ", name[:200].casefold()).split()))


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
    found = [known(str(name)) for name in names]
    return found[0] if found and all(one is found[0] for one in found) else None
