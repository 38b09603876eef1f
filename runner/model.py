"""Tokenizer and classifier: built as a card declares, saved, and loaded again."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.architectures import HEADS
from registry.card import TrainedTokenizer
from registry.errors import InputError, Problem, ReplicardError
from runner import plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.card import Card
    from runner.record import Snapshot


_SPECIAL = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


def quiet(rows: bool = True) -> None:
    """Silence what transformers and datasets say of themselves; this project says it once, and in its words.

    Args:
        rows: Whether rows are going to be read; else datasets, which takes half a second, is not imported.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if rows:
        import datasets

        datasets.logging.set_verbosity_error()
        datasets.disable_progress_bars()
    # Notes from one library to another.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|peft")
    warnings.filterwarnings("ignore", message="Paged optimizers are not supported on CPU")
    # Without the optional `kernels` package it says so at every import.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def load_tokenizer(folder: Path, card: Card) -> Any:
    """The tokenizer in a folder; one that has only a `vocab.txt`, as old repos do, is read as its model type's.

    Raises:
        InputError: There is none.
    """
    from transformers import AutoTokenizer

    name = card.base.tokenizer or card.base.model
    # Without files, transformers 5 makes an empty tokenizer that knows no word.
    if not any(next(folder.glob(sign), None) for sign in ("tokenizer.json", "vocab.*", "*.model")):
        raise InputError(Problem("", "base.tokenizer", f"{name} holds no tokenizer; name a repo or folder that does"))
    config = read_config(folder, card) if (folder / "config.json").exists() else None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, config=config, trust_remote_code=False)
    except Exception as error:
        _raise_unless_theirs(error)
        message = f"{name} holds no tokenizer that can be read: {_first_line(error)}"
        raise InputError(Problem("", "base.tokenizer", message)) from None
    _pad(tokenizer, card, str(name))
    return tokenizer


def _pad(tokenizer: Any, card: Card, name: str) -> None:
    """Give the tokenizer the padding token that the card declares.

    Raises:
        InputError: It has no such token.
    """
    declared = card.base.pad_token
    if declared in ("eos", "unk"):
        token = getattr(tokenizer, f"{declared}_token")
        if token is None:
            message = f"is `{declared}`, but the tokenizer of {name} has no such token"
            raise InputError(Problem("", "base.pad_token", message))
        tokenizer.pad_token = token
    elif tokenizer.pad_token is None:
        have = [f"`{kind}` ({token})" for kind in ("eos", "unk") if (token := getattr(tokenizer, f"{kind}_token"))]
        message = f"the tokenizer of {name} has no padding token; what fills up short rows is for the card to say: "
        raise InputError(Problem("", "base.pad_token", message + (" or ".join(have) or "another `base.tokenizer`")))


def train_tokenizer(
    texts: Sequence[str], wanted: TrainedTokenizer, max_length: int, pairs: bool = False, types: bool = False
) -> Any:
    """A lower-casing byte-level BPE tokenizer learned from `texts`, the training rows only.

    Args:
        texts: What it learns from; of pairs both.
        wanted: The card's section.
        max_length: Longest sequence, special tokens counted.
        pairs: Whether it joins pairs: `[CLS] first [SEP] second [SEP]`.
        types: Whether it tells the model which text of a pair a token is of, by `token_type_ids`.

    Byte-level, because its training is repeatable: that of WordPiece in tokenizers 0.23 numbers the `##` pieces in the
    order of a randomly seeded hash table, and so gives another vocabulary in every process.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=wanted.vocab_size,
        special_tokens=list(_SPECIAL.values()),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    ends = [(token, core.token_to_id(token)) for token in (_SPECIAL["cls_token"], _SPECIAL["sep_token"])]
    joined = {"pair": "[CLS] $A [SEP] $B:1 [SEP]:1"} if pairs else {}
    core.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends, **joined)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=max_length,
        model_input_names=["input_ids", *(["token_type_ids"] if types else []), "attention_mask"],
        **_SPECIAL,
    )


def build(card: Card, base: Snapshot | None, tokenizer: Any, scratch: Path, write: bool = True) -> Any:
    """The classifier before training: base, head, quantization, adapter; random parts drawn from `training.seed`.

    Args:
        card: The card.
        base: The base's files; null builds it from `base.architecture`.
        tokenizer: The tokenizer; its size is the vocabulary of a base without weights.
        scratch: Folder that a base built from its architecture is written to where it is needed as files: it is the
            frozen part of an adapter.
        write: Whether it is written; else it is there.

    Raises:
        InputError: The base is no such model, its head is not as the card declares, or the adapter finds none of its
            layers.
    """
    from transformers import set_seed

    set_seed(card.training.seed)
    if base is None:
        model = from_architecture(card, len(tokenizer), tokenizer.pad_token_id)
        if card.adapter is not None:
            if write:
                model.save_pretrained(scratch)
            model = _from_folder(card, scratch, tokenizer)
    else:
        model = _from_folder(card, Path(base.path), tokenizer, its_head=True)
    return _adapted(card, model)


def from_architecture(card: Card, vocab_size: int | None = None, pad_token_id: int | None = None) -> Any:
    """A classifier of the card's `architecture` with random weights, or with none inside `torch.device("meta")`."""
    import torch
    from transformers import AutoConfig

    assert card.base.architecture is not None
    facts = card.base.architecture.model_dump(exclude_none=True, exclude={"num_labels"})  # the task's labels count
    if vocab_size is not None:
        facts["vocab_size"] = vocab_size
    config = AutoConfig.for_model(
        **facts, **plugins.task(card.task.type).settings(card.task), pad_token_id=pad_token_id
    )
    return auto_class(card).from_config(config, dtype=getattr(torch, card.base.dtype), trust_remote_code=False)


def planned(card: Card, base: Snapshot | None, vocabulary: int | None = None) -> tuple[Any, int]:
    """The classifier with its adapter on the meta device, exact sizes without weights; and the bytes of its base alone.

    Args:
        card: The card; its architecture counts, else that of the base's files.
        base: The base's files, where they have been fetched.
        vocabulary: Tokens of a tokenizer that was trained on the spot; its largest size until then.
    """
    import torch

    from runner import memory

    if isinstance(card.base.tokenizer, TrainedTokenizer):
        vocabulary = vocabulary or card.base.tokenizer.vocab_size
    else:
        vocabulary = None
    with torch.device("meta"):
        if card.base.architecture is not None:
            model = from_architecture(card, vocabulary)
        else:
            assert base is not None
            config = _labelled(read_config(Path(base.path), card), card)
            model = auto_class(card).from_config(config, dtype=getattr(torch, card.base.dtype), trust_remote_code=False)
        if card.quantization is not None:
            model = model.float()  # as what is not quantized will be held
            quantizer = plugins.quantizer(card.quantization.type)
            memory.hold_quantized(model, _heads(model.config.model_type), quantizer, card.quantization)
        alone = memory.held(model.parameters())
        return _adapted(card, model), alone


def load(card: Card, base: Snapshot | None, folder: Path, scratch: Path) -> tuple[Any, Any]:
    """The tokenizer and the trained classifier from a run's `model/`, for scoring."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if card.adapter is None:
        model = auto_class(card).from_pretrained(folder, trust_remote_code=False, use_safetensors=True, dtype="auto")
    else:
        from peft import PeftModel

        frozen = _from_folder(card, Path(base.path) if base else scratch, tokenizer)
        model = PeftModel.from_pretrained(frozen, folder)
    return tokenizer, model.eval()


@dataclass(frozen=True)
class Published:
    """Weights that somebody published, loaded for scoring.

    Attributes:
        tokenizer: The tokenizer.
        model: The classifier.
        labels: What the published configuration calls its labels, in their order.
        model_type: What it says it is.
    """

    tokenizer: Any
    model: Any
    labels: tuple[str, ...]
    model_type: str


def load_published(card: Card, weights: Snapshot, base: Snapshot | None, tokenizer: Snapshot) -> Published:
    """A published classifier, or the card's base with a published adapter on it; from safetensors alone.

    Args:
        card: The card.
        weights: The published files.
        base: The base's files, for an adapter.
        tokenizer: The files that hold the tokenizer.

    Raises:
        InputError: It is no classifier, not whole, or for another number of labels than the card's.
    """
    folder = Path(weights.path)
    words = load_tokenizer(Path(tokenizer.path), card)

    def problem(message: str) -> InputError:
        return InputError(Problem(f"--weights {weights.name}", "", message))

    try:
        if base is not None:
            return _published_adapter(card, folder, base, words, problem)
        kind = auto_class(card)
        config = read_config(folder, card)
        task = kind.__name__.removeprefix("AutoModel")
        if config.architectures and not any(name.endswith(task) for name in config.architectures):
            raise problem(f"holds a {config.architectures[0]}, not a model {task.removeprefix('For')} is made by")
        labels = tuple(str(label) for _, label in sorted(config.id2label.items()))
        _require_count(card, labels, problem)
        if config.pad_token_id is None:
            config.pad_token_id = words.pad_token_id  # a decoder's head reads the last token that is no padding
        model, loading = kind.from_pretrained(
            folder,
            config=config,
            dtype="auto",
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:
        _raise_unless_theirs(error)
        raise problem(f"cannot be loaded as a classifier: {_first_line(error)}") from None
    if missing := sorted(loading["missing_keys"]):
        raise problem(f"holds no weights for {len(missing)} parts of the model ({missing[0]}, …); is it a classifier?")
    return Published(words, model.eval(), labels, config.model_type)


def _published_adapter(
    card: Card, folder: Path, base: Snapshot, words: Any, problem: Callable[[str], InputError]
) -> Published:
    """The card's base with a published adapter, its head with it."""
    from peft import PeftModel
    from safetensors import safe_open

    frozen = _from_folder(card, Path(base.path), words)
    heads = _heads(frozen.config.model_type)
    with safe_open(folder / "adapter_model.safetensors", "pt") as tensors:
        kept = {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    own = {name: shape for name, shape in kept.items() if set(heads) & set(name.split("."))}
    if not own:
        raise problem(f"the adapter holds no classification head ({' or '.join(heads)}); it would be random")
    outputs = next((shape[0] for name, shape in own.items() if len(shape) == 1 or name.endswith("score.weight")), None)
    if outputs is not None and len(card.task.labels) not in {shape[0] for shape in own.values()}:
        raise problem(f"its head is for {outputs} labels, the card has {len(card.task.labels)}")
    model = PeftModel.from_pretrained(frozen, folder)
    return Published(words, model.eval(), card.task.labels, frozen.config.model_type)


def _require_count(card: Card, labels: Sequence[str], problem: Callable[[str], InputError]) -> None:
    if len(labels) != len(card.task.labels):
        told = f"{len(labels)} labels ({', '.join(labels[:8])})"
        raise problem(f"is for {told}, the card has {len(card.task.labels)} ({', '.join(card.task.labels[:8])})")


def save(
    model: Any, tokenizer: Any, card: Card, base: Snapshot | None, folder: Path, whole: dict[str, Any] | None = None
) -> None:
    """Write weights as safetensors and the tokenizer; an adapter names its base as the card does, no cache folder.

    Args:
        model: The classifier.
        tokenizer: Its tokenizer.
        card: The card.
        base: The base's files; null for one built from its architecture.
        folder: Where they go.
        whole: The weights, where the model holds only a part of them.
    """
    if card.adapter is not None:
        for config in model.peft_config.values():
            config.base_model_name_or_path = base.name if base is not None else "base"
            config.revision = base.revision if base is not None and not base.revision.startswith("sha256:") else None
    # No adapter changes the embeddings; left to itself, PEFT asks the Hub for the size of the base's vocabulary.
    adapted = {} if card.adapter is None else {"save_embedding_layers": False}
    model.save_pretrained(folder, state_dict=whole, **adapted)
    # PEFT's own card names the folder on this machine that the base was read from; the run's README is another.
    (folder / "README.md").unlink(missing_ok=True)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:  # what the last batch asked for is no part of the tokenizer
        backend.no_truncation()
        backend.no_padding()
    tokenizer.save_pretrained(folder)
    for name in ("tokenizer_config.json", "config.json"):
        if (folder / name).exists():
            _forget(folder / name)


_FORGOTTEN = ("is_local", "local_files_only", "name_or_path", "_name_or_path", "auto_map")
"""How it was loaded here, as offline and online runs give the same files; and code of others that a base named."""


def _forget(config: Path) -> None:
    """Take out of a saved configuration what is of this machine, or would run code of others."""
    told = json.loads(config.read_text(encoding="utf-8"))
    kept = {key: value for key, value in told.items() if key not in _FORGOTTEN}
    config.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _from_folder(card: Card, folder: Path, tokenizer: Any, its_head: bool = False) -> Any:
    """A pretrained classifier from a folder, with the card's labels, head and quantization.

    Args:
        card: The card.
        folder: Configuration and weights.
        tokenizer: The tokenizer.
        its_head: Whether the card says what becomes of the head that may be there; else a trained one will replace it.

    Raises:
        InputError: The folder holds no such model, not all of its weights but the head's, or another head than the
            card declares.
    """
    from pickle import UnpicklingError

    import torch

    config = read_config(folder, card)
    its_labels = tuple(config.id2label.values())
    if its_head:
        require_facts(card, config)
    config = _labelled(config, card)
    config.pad_token_id = tokenizer.pad_token_id  # a decoder's head reads the last token that is no padding
    heads = _heads(config.model_type)
    quantizer = plugins.quantizer(card.quantization.type) if card.quantization is not None else None
    pickled = card.base.allow_pickle and not list(folder.glob("*.safetensors"))

    def problem(message: str) -> Problem:
        return Problem("", "base.model", f"{card.base.model} {message}")

    try:
        model, loading = auto_class(card).from_pretrained(
            folder,
            config=config,
            dtype=getattr(torch, card.base.dtype),
            trust_remote_code=False,
            use_safetensors=not pickled,
            weights_only=True,
            # A head for another number of labels is replaced by a new one: see `_settle_head`.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **(quantizer.arguments(card.quantization, heads) if quantizer is not None else {}),
        )
    except UnpicklingError:
        raise InputError(
            problem("has pickled weights that hold more than tensors; they are refused, name a base with safetensors")
        ) from None
    except Exception as error:
        _raise_unless_theirs(error)
        raise InputError(problem(f"cannot be loaded as a text classifier: {_first_line(error)}")) from None
    new = {
        name
        for name in loading["missing_keys"] | {key[0] for key in loading["mismatched_keys"]}
        if not {*heads, "pooler"} & set(name.split("."))
    }
    if new:
        message = (
            f"holds no weights for {len(new)} parts of a {config.model_type} ({min(new)}, …), which would be random"
        )
        raise InputError(problem(message))
    if its_head:
        _settle_head(card, model, heads, its_labels, loading)
    return model if quantizer is None else quantizer.prepare(model)


def require_facts(card: Card, config: Any) -> None:
    """Refuse a base that is not what the card says of it: its plan would be another model's.

    Raises:
        InputError: With every fact that differs.
    """
    stated = card.base.architecture
    if stated is None:
        return
    problems = []
    # How many labels its head has is known by its weights: see `_settle_head`.
    for name in sorted(set(type(stated).model_fields) - {"num_labels"}):
        says, has = getattr(stated, name), getattr(config, name, None)
        if says is not None and says != has:
            message = f"says {says}, but the configuration of {card.base.model} says {has}; write that"
            problems.append(Problem("", f"base.architecture.{name}", message))
    if problems:
        raise InputError(problems)


def _settle_head(
    card: Card, model: Any, heads: Sequence[str], its_labels: Sequence[str], loading: dict[str, Any]
) -> None:
    """Keep the base's classification head, or draw a new one, as the card declares.

    Args:
        card: The card.
        model: The loaded base.
        heads: Names of the head's modules.
        its_labels: What the base's configuration calls its labels, in their order.
        loading: What `from_pretrained` says of the weights: `missing_keys`, and `mismatched_keys` with both shapes.

    Raises:
        InputError: The base has a head and the card does not say what becomes of it, or wants to keep one that is not
            there, is for another number of labels, or has them in another order.
    """
    other = {name: shape[0] for name, shape, _ in loading["mismatched_keys"]}
    names = {name for name in model.state_dict() if set(heads) & set(name.split("."))} - loading["missing_keys"]
    declared, wanted = card.base.head, len(card.task.labels)
    have = next(iter(other.values()), wanted)
    new = "`new` draws one from `training.seed`"
    stated = card.base.architecture.num_labels if card.base.architecture is not None else None
    if names and stated not in (None, have):
        message = f"says {stated}, but the head of {card.base.model} is for {have} labels; correct the card"
        raise InputError(Problem("", "base.architecture.num_labels", message))
    if names and declared is None:
        keep = "`keep` trains it further, " if have == wanted else ""
        message = f"{card.base.model} has a classification head for {have} labels, of which the card says nothing; "
        raise InputError(Problem("", "base.head", f"{message}{keep}{new}"))
    if declared == "keep" and not names:
        raise InputError(Problem("", "base.head", f"{card.base.model} has no classification head to keep; {new}"))
    if declared == "keep" and have != wanted:
        message = f"the head of {card.base.model} is for {have} labels, `task.labels` names {wanted}; {new}"
        raise InputError(Problem("", "base.head", message))
    ours, theirs = ([label.casefold() for label in labels] for labels in (card.task.labels, its_labels))
    if declared == "keep" and ours != theirs and sorted(ours) == sorted(theirs):
        message = f"the head of {card.base.model} is for {', '.join(its_labels)} in this order; reorder `task.labels`"
        raise InputError(Problem("", "base.head", f"{message}, or {new}"))
    if declared == "new":
        for name, module in model.named_modules():
            own = {f"{name}.{parameter}" for parameter, _ in module.named_parameters(recurse=False)}
            if own & (names - other.keys()):
                for parameter in module.parameters(recurse=False):
                    parameter._is_hf_initialized = False  # or transformers leaves it as it was loaded
                model._init_weights(module)


def auto_class(card: Card) -> Any:
    """The class of transformers that loads models of the card's task."""
    import transformers

    return getattr(transformers, plugins.task(card.task.type).AUTO_CLASS)


def read_config(folder: Path, card: Card) -> Any:
    """The base's configuration; one without `model_type`, as old repos have, is read as the card's architecture."""
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    _require_own_code(folder, card)
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        _raise_unless_theirs(error)
        if card.base.architecture is None or not (folder / "config.json").exists():
            message = f"{card.base.model}: no configuration that can be read ({_first_line(error)}); "
            message += "`base.architecture` can name its `model_type`"
            raise InputError(Problem("", "base.architecture", message)) from None
        return CONFIG_MAPPING[card.base.architecture.model_type].from_pretrained(folder, trust_remote_code=False)


def _require_own_code(folder: Path, card: Card) -> None:
    """Refuse a configuration that has the library fetch code to compute with, which it does without being trusted.

    Raises:
        InputError: `attn_implementation`, or another of the kind, names a repo.
    """
    try:
        text = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return  # what reads it next says what is wrong
    if repo := next(_repos_of_code(text), None):
        message = f"{card.base.model} has its configuration fetch code from {repo!r} (attn_implementation), which is "
        raise InputError(Problem("", "base.model", f"{message}never run; take the entry out of a copy of it"))


def _repos_of_code(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if "implementation" in key:
                yield from (name for name in _strings(one) if "/" in name)
            else:
                yield from _repos_of_code(one)


def _strings(value: Any) -> Iterator[str]:
    for one in value.values() if isinstance(value, dict) else [value]:
        if isinstance(one, str):
            yield one


def _raise_unless_theirs(error: Exception) -> None:
    """Raise again what is not the fault of files that somebody else wrote: ours, the disk's, the memory's.

    Over such files the libraries raise whatever their parsers do, Rust's a bare `Exception`.
    """
    if isinstance(error, ReplicardError | MemoryError) or getattr(error, "errno", None) is not None:
        raise error
    if "out of memory" in str(error).casefold():
        raise error


def _labelled(config: Any, card: Card) -> Any:
    """The configuration with the card's labels: they come from the card, never from the base."""
    for name, value in plugins.task(card.task.type).settings(card.task).items():
        setattr(config, name, value)
    return config


def _heads(model_type: str) -> tuple[str, ...]:
    """The head's modules; every name in use, for a model type that is not listed."""
    return HEADS.get(model_type, ("classifier", "score"))


def _adapted(card: Card, model: Any) -> Any:
    """The model with its adapter, where the card has one."""
    if card.adapter is None:
        return model
    try:
        return plugins.adapter(card.adapter.type).apply(card.adapter, model, _heads(model.config.model_type))
    except ValueError as error:
        raise InputError(Problem("", "adapter", _first_line(error))) from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
