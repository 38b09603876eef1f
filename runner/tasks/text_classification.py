"""Text classification: one label for a text, or for a pair of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from registry.card import Task
from registry.errors import InputError, Problem, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.card import Card
    from registry.loading import Loaded

AUTO_CLASS = "AutoModelForSequenceClassification"


class Config(Task):
    """Give each row, a text or a pair of texts, one of the labels."""

    type: Literal["text-classification"]
    """The Hub's pipeline tag."""


def settings(config: Config) -> dict[str, Any]:
    """Number, names and kind of the labels, as a model's configuration holds them."""
    return {
        "id2label": dict(enumerate(config.labels)),
        "label2id": {label: index for index, label in enumerate(config.labels)},
        "problem_type": "single_label_classification",
    }


def columns(loaded: Loaded, name: str, table: Any, label_map: dict[str, str]) -> Any:
    """A split of the dataset with columns `text`, `text_pair` (for pairs), `label` (index into the labels) and `row`.

    Args:
        loaded: The card.
        name: The split.
        table: Its rows, a `datasets.Dataset`.
        label_map: The dataset's labels → the card's; those of this split are added.

    Raises:
        InputError: A column is not there, or does not hold texts or the card's labels.
    """
    from datasets import ClassLabel, Dataset, Features, Value

    card, data = loaded.card, loaded.card.data
    sources = {"text": data.text} | ({"text_pair": data.text_pair} if data.text_pair is not None else {})
    problems = []
    for key, column in {**sources, "label": data.label}.items():
        if column not in table.column_names:
            message = f"{data.dataset} has no column {column!r} in {name}; {did_you_mean(column, table.column_names)}"
            problems.append(Problem(loaded.where(f"data.{key}"), f"data.{key}", message))
    if problems:
        raise InputError(problems)
    texts = {key: table[column][:] for key, column in sources.items()}
    for key, found in texts.items():
        bad = next((index for index, text in enumerate(found) if not isinstance(text, str)), None)
        if bad is not None:
            message = f"row {bad} of {name} holds {type(found[bad]).__name__}, not a text"
            problems.append(Problem(loaded.where(f"data.{key}"), f"data.{key}", message))
    if problems:
        raise InputError(problems)
    labels, feature = table[data.label][:], table.features[data.label]
    index_of = _label_index(loaded, labels, feature.names if isinstance(feature, ClassLabel) else None, label_map)
    features = {key: Value("string") for key in texts}
    return Dataset.from_dict(
        {
            **texts,
            "label": [index_of[label] for label in labels],
            "row": [f"{name}:{index}" for index in range(len(labels))],
        },
        features=Features({**features, "label": ClassLabel(names=list(card.task.labels)), "row": Value("string")}),
    )


def _label_index(
    loaded: Loaded, labels: Sequence[Any], names: Sequence[str] | None, label_map: dict[str, str]
) -> dict[Any, int]:
    """The dataset's labels → indices into the card's. Named labels go by name, numbered ones by number."""
    wanted = loaded.card.task.labels
    by_name = {label.casefold(): index for index, label in enumerate(wanted)}
    seen = set(labels)

    def refuse(message: str) -> InputError:
        return InputError(Problem(loaded.where("task.labels"), "task.labels", message))

    if seen & {None, -1}:  # datasets gives -1 to rows whose label is withheld
        count = sum(label in (None, -1) for label in labels)
        raise refuse(f"{count:,} of {len(labels):,} rows have no label (null or -1); take a split whose rows have one")
    if names is not None and {name.casefold() for name in names} == set(by_name):
        result = {index: by_name[name.casefold()] for index, name in enumerate(names)}
    elif seen and all(isinstance(label, str) for label in seen):
        unknown = sorted(label for label in seen if label.casefold() not in by_name)
        if unknown:
            raise refuse(f"the dataset's labels are {sorted(seen)[:8]}, the card's {list(wanted)}; name them alike")
        result = {label: by_name[label.casefold()] for label in seen}
    elif all(isinstance(label, int) and not isinstance(label, bool) for label in seen):
        wrong = sorted(label for label in seen if not 0 <= label < len(wanted))
        if wrong or (names is not None and len(names) != len(wanted)):
            have = list(names) if names else sorted(seen)[:8]
            raise refuse(f"the dataset's labels are {have}, the card has {len(wanted)}: {list(wanted)}")
        for index, name in enumerate(names or ()):
            # `neg` is the card's `negative`: where such a likeness says another order, a model would look broken.
            alike = [other for other, label in enumerate(wanted) if label.casefold().startswith(name.casefold())]
            if len(alike) == 1 and alike[0] != index:
                raise refuse(f"the dataset's label {index} is {name!r}, the card's is {wanted[index]!r}; reorder them")
        result = {label: label for label in seen}
    else:
        kinds = sorted({type(label).__name__ for label in seen})
        raise refuse(f"the dataset's labels are of type {', '.join(kinds)}; they must be numbers or names")
    for label, index in sorted(result.items(), key=lambda item: item[1]):
        label_map[str(names[label]) if names is not None and isinstance(label, int) else str(label)] = wanted[index]
    return result


def encode(batch: Mapping[str, Sequence[str]], tokenizer: Any, card: Card) -> dict[str, Any]:
    """Token ids, attention mask and what else the tokenizer gives, not padded; of a pair the longer text is cut."""
    tokens = card.data.tokens
    return dict(
        tokenizer(batch["text"], batch.get("text_pair"), truncation=tokens.truncation, max_length=tokens.max_length)
    )
