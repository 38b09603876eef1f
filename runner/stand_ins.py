"""Stand-ins: what a rehearsal puts in the place of a card's inputs, so that it needs no weights, no network and no GPU.

Nothing else may differ from the card: fewer and narrower layers of the same architecture, a tokenizer learned on the
spot where the real one is not here, fewer rows (embedded ones, where the dataset is not here) and fewer epochs. What
the machine cannot do as declared is no choice of the rehearsal, and is listed with them.
"""

from __future__ import annotations

import contextlib
import math
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.card import Limit, TrainedTokenizer
from registry.errors import InputError, Problem
from registry.locking import SIGNS, fingerprint, inputs
from registry.part import layer_names
from runner import deviations, embedded, fetching, plugins
from runner import model as models
from runner.data import read_splits, split_rows
from runner.record import Deviation, Snapshot
from runner.runs import file_sha256
from runner.spreading import spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from registry.card import Card
    from registry.loading import Loaded
    from registry.locking import Pin, Role
    from runner.record import Machine

CAUSE = "rehearsal"
"""What the cause of every substitution begins with."""

LAYERS, WIDTH, INNER, HEADS = 2, 64, 256, 4
"""Most layers, width of the hidden states, width inside the feed-forward blocks, attention heads."""
VOCABULARY = 1000
"""Most tokens of a tokenizer learned on the spot."""
EPOCHS = 2.0
"""Most epochs: two are enough to select one of them."""
TRAINED, MOST_TRAINED, SCORED, MOST_SCORED = 64, 96, 32, 2000
"""Rows: four optimizer steps are wanted, and every label about twelve times among those that are scored."""
LENGTH = 512
"""Longer sequences than this are trained on fewer rows, for time."""

_TOKENIZER_FILES = (
    "tokenizer*.json", "vocab.*", "merges.txt", "special_tokens_map.json", "added_tokens.json", "*.model",
)  # fmt: skip


@dataclass(frozen=True)
class StandIns:
    """A card with what stands in for its inputs.

    Attributes:
        loaded: The card as it is rehearsed.
        base: The small base; null for one that the card builds from its architecture.
        tokenizer: The tokenizer, where it is not the base's.
        dataset: The dataset: the card's own, or embedded rows.
        substitutions: Everything that differs from the card.
    """

    loaded: Loaded
    base: Snapshot | None
    tokenizer: Snapshot | None
    dataset: Snapshot
    substitutions: tuple[Deviation, ...]


def make(loaded: Loaded, machine: Machine, pins: Mapping[Role, Pin], store: Path) -> StandIns:
    """Make what stands in for a card's inputs; nothing is asked of the network.

    Args:
        loaded: The card.
        machine: The machine.
        pins: What its lock says of its inputs.
        store: Folder that what is made is kept in, by content.

    Raises:
        InputError: The card's shape is nowhere stated, or an input that is here is not as the card says.
    """
    card, told = loaded.card, _Told()
    dataset, texts, data = _dataset(loaded, pins.get("dataset"), store, told)
    config = _whole_config(loaded, pins.get("base"))
    facts = config.to_dict() if config is not None else _facts(card)
    small = smaller(facts, max(LAYERS, 1 + _deepest_layer_named(card)))
    for name, value in small.items():
        told(f"base.architecture.{name}", facts[name], value, "a smaller model of the same class")
    base = tokenizer = None
    if config is not None:
        base, tokenizer, small = _base(loaded, config, facts, small, texts, pins, store, told)
    training = card.training
    if training.epochs > EPOCHS:
        told("training.epochs", training.epochs, EPOCHS, "fewer steps")
        training = training.model_copy(update={"epochs": EPOCHS})
    architecture = card.base.architecture
    if architecture is not None:
        stated = {name: value for name, value in small.items() if getattr(architecture, name, None) is not None}
        architecture = architecture.model_copy(update=stated)
    rehearsed = card.model_copy(
        update={
            "base": card.base.model_copy(update={"architecture": architecture}),
            "data": data,
            "training": training,
        }
    )
    ready = replace(loaded, card=rehearsed)
    return StandIns(ready, base, tokenizer, dataset, (*told.found, *_by_the_machine(ready, machine)))


class _Told:
    """Collects the substitutions."""

    def __init__(self) -> None:
        self.found: list[Deviation] = []

    def __call__(self, field: str, declared: object, actual: object, why: str) -> None:
        cause = f"{CAUSE}: {why}"
        self.found.append(Deviation(field=field, declared=_shown(declared), actual=_shown(actual), cause=cause))


def _shown(value: object) -> str:
    return f"{value:,.12g}" if isinstance(value, (int, float)) else str(value)


def _by_the_machine(loaded: Loaded, machine: Machine) -> Iterator[Deviation]:
    """What the machine does otherwise; a rehearsal asks nobody's consent to it."""
    for found in deviations.before(loaded, machine, spread(loaded.card, machine, processes=1)):
        own = found.overridden or found.field.startswith("software.")
        yield found if own else found.model_copy(update={"cause": f"{CAUSE}: {found.cause}", "consent": False})


# The model


def smaller(facts: Mapping[str, Any], layers: int) -> dict[str, int]:
    """The facts of an architecture that are others in its small form, under its own names for them.

    Heads stay in proportion: grouped-query attention stays grouped.

    Args:
        facts: The whole one's.
        layers: Most layers that are kept.
    """

    def have(*names: str) -> str | None:
        return next((name for name in names if isinstance(facts.get(name), int)), None)

    found: dict[str, int] = {}
    if name := have("num_hidden_layers", "n_layers"):
        found[name] = min(facts[name], layers)
    width, heads = have("hidden_size", "dim"), have("num_attention_heads", "n_heads")
    if width and heads and facts[width] > WIDTH:
        found[width] = WIDTH
        found[heads] = math.gcd(facts[heads], HEADS)
        if grouped := have("num_key_value_heads"):
            found[grouped] = max(1, found[heads] * facts[grouped] // facts[heads])
        if one := have("head_dim"):
            found[one] = WIDTH // found[heads]
    if name := have("intermediate_size", "hidden_dim"):
        found[name] = min(facts[name], INNER)
    return {name: value for name, value in found.items() if value != facts[name]}


def _deepest_layer_named(card: Card) -> int:
    """The highest number of a layer that the adapter names; -1 for none."""
    names = [name for part in layer_names(card.adapter).values() for name in part] if card.adapter is not None else []
    return max((int(number) for name in names for number in re.findall(r"(?:^|\.)(\d+)(?=\.)", name)), default=-1)


def _facts(card: Card) -> dict[str, Any]:
    """The architecture of a base that is built from it."""
    assert card.base.architecture is not None
    return card.base.architecture.model_dump(exclude_none=True)


def _whole_config(loaded: Loaded, pin: Pin | None) -> Any:
    """The configuration of the card's base: from its files, where they are here, else by the card; null for no base.

    Raises:
        InputError: Neither says what it is, or they do not agree.
    """
    from transformers import AutoConfig

    card = loaded.card
    if card.base.model is None:
        return None
    here = fetching.at_hand(loaded, "base", pin)
    if here is not None:
        config = models.read_config(Path(here.path), card)
        models.require_facts(card, config)
        if inputs(card)["base"].folder(loaded.file) is not None:  # a folder is all there is of it
            fetching.require_weights(loaded, Path(here.path))
        return config
    if card.base.architecture is None:
        message = f"missing, and the configuration of {card.base.model} is not here; a rehearsal needs its shape: "
        message += "`{model_type: bert, hidden_size: …}`"
        raise InputError(Problem(loaded.where("base"), "base.architecture", message))
    return AutoConfig.for_model(**card.base.architecture.model_dump(exclude_none=True, exclude={"num_labels"}))


def _base(
    loaded: Loaded,
    config: Any,
    facts: Mapping[str, Any],
    small: dict[str, int],
    texts: Sequence[str],
    pins: Mapping[Role, Pin],
    store: Path,
    told: _Told,
) -> tuple[Snapshot, Snapshot | None, dict[str, int]]:
    """The small base with its tokenizer, another tokenizer where the card names one, and what is smaller about them."""
    card = loaded.card
    own = isinstance(card.base.tokenizer, str)
    learned = isinstance(card.base.tokenizer, TrainedTokenizer)
    role: Role = "tokenizer" if own else "base"
    here = fetching.at_hand(loaded, role, pins.get(role))
    if not small and here is not None and inputs(card)["base"].folder(loaded.file) is not None:
        base = fetching.fetch_base(loaded, pins.get("base"))  # it is here and small: itself
        assert base is not None
        return base, here if own else None, small
    with _made(store) as folder, _made(store) as apart:
        size = None
        if not learned:
            files = apart if own else folder
            size = _tokenizer(loaded, config, here, texts, files, told)
        if size is not None and size != facts["vocab_size"]:
            why = "that of the tokenizer"
            told("base.architecture.vocab_size", facts["vocab_size"], size, why)
            small = {**small, "vocab_size": size}
        _write_base(loaded, config, facts, small, folder)
        told("base.model", card.base.model, "random weights of that shape", "no weights are fetched")
        base = _kept(folder, store, str(card.base.model))
        tokenizer = _kept(apart, store, str(card.base.tokenizer)) if own else None
    return base, tokenizer, small


def _tokenizer(
    loaded: Loaded, config: Any, here: Snapshot | None, texts: Sequence[str], folder: Path, told: _Told
) -> int:
    """Write the card's tokenizer, where it is here, else one learned from `texts`; returns the vocabulary's size."""
    card = loaded.card
    name = card.base.tokenizer or card.base.model
    wanted = inputs(card)["tokenizer" if isinstance(card.base.tokenizer, str) else "base"]
    if here is not None:
        for pattern in (*_TOKENIZER_FILES, "config.json"):
            for path in Path(here.path).glob(pattern):
                shutil.copyfile(path, folder / path.name)
        whole = wanted.folder(loaded.file) is not None  # of a repo in the cache, some files may not be here
        if whole or any(next(folder.glob(sign), None) for sign in SIGNS["tokenizer"]):
            return max(len(models.load_tokenizer(folder, card)), int(config.vocab_size))
    learned = stand_in_tokenizer(texts, card, config)
    learned.save_pretrained(folder)
    what = f"a byte-level BPE of {len(learned):,} tokens, learned from {len(texts):,} texts"
    told("base.tokenizer", name, what, "the real one is not here")
    return len(learned)


def stand_in_tokenizer(texts: Sequence[str], card: Card, config: Any) -> Any:
    """A tokenizer that marks and pads rows as that of such a base does.

    Args:
        texts: What it learns from.
        card: The card, which says what pads.
        config: The base's configuration.
    """
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    longest = card.data.tokens.max_length
    types = getattr(config, "type_vocab_size", 1) > 1
    wanted = TrainedTokenizer(type="bpe", vocab_size=VOCABULARY)
    learned = models.train_tokenizer(texts, wanted, longest, pairs=True, types=types)
    core = learned.backend_tokenizer
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]"}
    if config.model_type not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:  # a decoder, which marks beginnings alone
        special = {"bos_token": "[CLS]"}
        core.post_processor = TemplateProcessing(
            single="[CLS] $A", pair="[CLS] $A [CLS] $B", special_tokens=[("[CLS]", core.token_to_id("[CLS]"))]
        )
    # What the card pads with is that token; else the tokenizer has one for it.
    special |= {"eos": {"eos_token": "[SEP]"}, "unk": {"unk_token": "[PAD]"}}.get(
        card.base.pad_token or "", {"pad_token": "[PAD]"}
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, model_max_length=longest, model_input_names=learned.model_input_names, **special
    )


def _write_base(loaded: Loaded, config: Any, facts: Mapping[str, Any], small: Mapping[str, int], folder: Path) -> None:
    """Write a classifier of the small shape with random weights; its head only where the card says there is one.

    Raises:
        InputError: Such a model cannot be made smaller.
    """
    import torch
    from transformers import set_seed

    card = loaded.card
    task = plugins.task(card.task.type)
    layers = next((name for name in ("num_hidden_layers", "n_layers") if name in small), None)
    # Some configurations list something for each layer.
    listed = {
        name: value[: small[layers]]
        for name, value in facts.items()
        if layers is not None and isinstance(value, list) and len(value) == facts[layers]
    }
    labels = getattr(card.base.architecture, "num_labels", None)
    settings = task.settings(card.task) if labels in (None, len(card.task.labels)) else {"num_labels": labels}
    ours = ("id2label", "label2id", "num_labels", "problem_type")
    kept = {name: value for name, value in facts.items() if name not in ours}
    set_seed(0)
    try:
        shape = type(config).from_dict({**kept, **listed, **small, **settings})
        dtype = getattr(torch, card.base.dtype)
        model = models.auto_class(card).from_config(shape, dtype=dtype, trust_remote_code=False)
    except (ValueError, TypeError, RuntimeError) as error:
        message = f"a {config.model_type} of {dict(small)} cannot be built: {str(error).splitlines()[0]}"
        raise InputError(Problem(loaded.where("base"), "base", message)) from None
    (model if card.base.head is not None else model.base_model).save_pretrained(folder)


# The rows


def _dataset(loaded: Loaded, pin: Pin | None, store: Path, told: _Told) -> tuple[Snapshot, list[str], Any]:
    """The card's dataset where it is here, else embedded rows; some texts of it; and the card's section for it."""
    card, data = loaded.card, loaded.card.data
    here = fetching.at_hand(loaded, "dataset", pin)
    if here is None:
        count = _enough(card)
        counted = data.rows.model_dump(exclude_none=True) if data.rows is not None else {}
        with _made(store) as folder:
            corpus = embedded.write_rows(card, folder, list(dict.fromkeys([*_splits(card), *counted])), count)
            here = _kept(folder, store, data.dataset)
        told("data.dataset", data.dataset, f"rows of the embedded {corpus}", "the real one is not here")
        for name, declared in counted.items():
            told(f"data.rows.{name}", declared, count, "as many as the embedded rows")
        if data.rows is not None:
            rows = data.rows.model_copy(update=dict.fromkeys(counted, count))
            data = data.model_copy(update={"rows": rows})
        loaded = replace(loaded, card=card.model_copy(update={"data": data}))
    tables = read_splits(loaded, here)
    return here, _sample(card, tables), _limited(card, data, tables, told)


def _splits(card: Card) -> list[str]:
    """The dataset's splits that the card uses."""
    return list(dict.fromkeys(card.data.pool or card.data.taken.values()))


def _sample(card: Card, tables: Mapping[str, Any]) -> list[str]:
    """Some hundred texts of each split, from all over it."""
    columns = [name for name in (card.data.text, card.data.text_pair) if name is not None]
    texts = []
    for table in tables.values():
        some = table.select(range(0, len(table), max(1, len(table) // 200)))
        texts += [text for name in columns if name in table.column_names for text in some[name][:]]
    return [text for text in texts if isinstance(text, str)]


def _limited(card: Card, data: Any, tables: Mapping[str, Any], told: _Told) -> Any:
    """The card's section with as many rows of each split as a rehearsal needs."""
    here = {name: len(table) for name, table in tables.items()}
    stated = {name: getattr(card.data.rows, name, None) or rows for name, rows in here.items()}
    declared, need = split_rows(card.data, stated), _needed(card, _rarest(card, tables))
    most = {part: need[part] for part, rows in split_rows(data, here).items() if rows > need[part]}
    for part, rows in most.items():
        told(f"data.limit.{part}", declared[part], rows, "fewer rows")
    if not most:
        return data
    limit = data.limit.model_copy(update=most) if data.limit is not None else Limit(**most)
    return data.model_copy(update={"limit": limit})


def _needed(card: Card, rarest: float) -> dict[str, int]:
    """Rows of each split that a rehearsal needs.

    Args:
        card: The card.
        rarest: Share of the rarest label.
    """
    labels, longest = len(card.task.labels), card.data.tokens.max_length
    training = card.training
    step = training.batch_size * training.gradient_accumulation_steps * card.hardware.count
    trained = min(max(4 * step, TRAINED), MOST_TRAINED) * min(1.0, LENGTH / longest)
    scored = max(SCORED, min(math.ceil(12 / rarest), MOST_SCORED))
    return {"train": max(8, labels, int(trained)), "validation": scored, "test": scored}


def _rarest(card: Card, tables: Mapping[str, Any]) -> float:
    """Share of the rarest label in the split that has fewest of it."""
    shares = [1 / len(card.task.labels)]
    for table in tables.values():
        if card.data.label in table.column_names:
            counts = Counter(map(str, table[card.data.label][:]))
            shares.append(min(counts.values()) / counts.total())
    return min(shares)


def _enough(card: Card) -> int:
    """Embedded rows of each of the dataset's splits, so that every split of the card has what it needs."""
    need = _needed(card, 1 / len(card.task.labels))
    plain = card.data.model_copy(update={"limit": None})
    used = [part for part, rows in split_rows(plain, dict.fromkeys(_splits(card), 1000)).items() if rows]
    count = max(need.values())
    while count < 100_000:
        have = split_rows(plain, dict.fromkeys(_splits(card), count))
        if all(have[part] >= need[part] for part in used):
            break
        count *= 2
    return count


# Keeping


@contextlib.contextmanager
def _made(store: Path) -> Iterator[Path]:
    """A new folder in the store, removed unless it is kept."""
    store.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=store, prefix="."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _kept(made: Path, store: Path, name: str) -> Snapshot:
    """Keep a folder under the hash of its files, so that the same one is there once."""
    files = {path.name: file_sha256(path) for path in sorted(made.iterdir())}
    revision = fingerprint(files)
    folder = store / revision.removeprefix("sha256:")[:12]
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():  # else it is there already
            raise
    return Snapshot(name=f"a stand-in for {name}", revision=revision, path=str(folder.resolve()), files=files)
