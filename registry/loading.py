"""From a YAML file to a Card, or to every error in it with its place."""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from registry import yaml
from registry.architectures import HEADS
from registry.card import RUN_SECTIONS, Card
from registry.consistency import inconsistencies
from registry.errors import InputError, Problem, did_you_mean, in_order
from registry.evidence import Evidence, check_evidence, undecided
from registry.locking import unpinned
from registry.secrets import find_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from registry.consistency import Finding
    from registry.part import Plugin

    Plugins = Mapping[str, Mapping[str, Callable[[], type[Plugin]]]]

_REVOKE = "take it out and revoke it; replicard logs in with `hf auth login`"
_INTERPOLATION = re.compile(r"\$\{[^}]*\}|\{\{.*?\}\}")


NOT_OF_THE_RUN = ("evaluation.margin", "training.total_batch_size")
"""Fields in a run's sections that judge or describe it, and so cannot be overridden."""


@dataclass(frozen=True)
class Override:
    """A value that the command line changed.

    Attributes:
        path: Dotted path of the field.
        root: The section that came with it where the card has none (`data.limit` for `data.limit.train`), else `path`.
        declared: What the card says, as text; `null` when it says nothing.
        actual: What was given instead, as text.
    """

    path: str
    root: str
    declared: str
    actual: str

    def __str__(self) -> str:
        """As the option that gives it."""
        return f"--set {self.path}={self.actual}"


@dataclass(frozen=True)
class Loaded:
    """A card with where it came from.

    Attributes:
        card: The card, overrides applied.
        file: The YAML file.
        sha256: Hash of the file's bytes.
        places: Where each key stands.
        overrides: What the command line changed.
        evidence: For every value of a card with a source, whether it is stated, derived, assumed or overridden.
        warnings: What is no error, but should be known.
    """

    card: Card
    file: Path
    sha256: str
    places: Mapping[str, yaml.Place]
    overrides: tuple[Override, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    def where(self, path: str) -> str:
        """The option that gave a path, else `file:line:column` of it, or of the nearest section above it."""
        return _where(str(self.file), self.places, self.overrides, path)


def load(
    file: Path,
    plugins: Plugins,
    overrides: Sequence[str] = (),
    check: Callable[[Card], Iterable[Finding]] = inconsistencies,
    *,
    drafts: bool = False,
) -> Loaded:
    """Load and validate a card.

    Args:
        file: The YAML file.
        plugins: By kind (`tasks`, `adapters`, `quantizers`) and name, how to get the model of the plugin's section.
        overrides: `path=value` pairs, the values in YAML.
        check: What to hold its values against each other by.
        drafts: Whether values that a person must still decide on are let through, with a warning each.

    Raises:
        InputError: With every problem found.
    """
    name = str(file)
    content = read_bytes(file)
    text = _decode(content, name)
    _refuse_secrets(text, name, overrides)
    raw, places = yaml.read(text, name)
    if not isinstance(raw, dict):
        raise InputError(Problem(f"{name}:{places['']}", "", "a card is a mapping: it begins with `schema: 1`"))
    texts = list(_texts(raw, ""))
    _refuse_secret_values(texts, name, places)
    _refuse_interpolation(texts, name, places)
    changed = _overrides(raw, overrides)
    try:
        card = _validate(raw, name, places, plugins, changed)
    except InputError as error:
        raise InputError([*error.problems, *_beside(error, raw, file, places, plugins, changed)]) from None
    roots = {o.root for o in changed}
    evidence, problems = check_evidence(card, file, roots, places)
    if card.id != file.stem:
        message = f"is {card.id!r}, but the file is {file.name!r}; cards are found by file name, so the two must agree"
        problems.append(("id", "id", message))
    found = [Problem(_where(name, places, changed, at), path, message) for at, path, message in problems]
    found += [Problem(_where(name, places, changed, f.path), f.path, f.message, f.level) for f in check(card)]
    for path, message in undecided(card, roots).items():
        found.append(Problem(_where(name, places, changed, path), path, message, "warning" if drafts else "error"))
    for path, message in unpinned(card, file).items():
        found.append(Problem(_where(name, places, changed, path), path, message, "warning"))
    if any(problem.level == "error" for problem in found):
        raise InputError(found)
    return Loaded(card, file, hashlib.sha256(content).hexdigest(), places, changed, evidence, tuple(in_order(found)))


def _decode(content: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        InputError: It is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        *before, last = content[: error.start].decode("utf-8-sig", "replace").split("\n")
        place = yaml.Place(len(before) + 1, len(last) + 1)
        raise InputError(Problem(f"{name}:{place}", "", "not UTF-8; save it as UTF-8")) from None


def _refuse_secrets(text: str, name: str, overrides: Sequence[str]) -> None:
    """Stop at a token or a password, before anything could repeat it.

    Raises:
        InputError: With the place of each, never its text.
    """
    problems = []
    for offset, kind in find_secrets(text):
        before = text[:offset]
        place = yaml.Place(before.count("\n") + 1, offset - before.rfind("\n"))
        problems.append(Problem(f"{name}:{place}", "", f"holds what looks like {kind}; {_REVOKE}"))
    for override in overrides:
        for _, kind in find_secrets(override):
            problems.append(Problem("--set", "", f"holds what looks like {kind}; {_REVOKE}"))
    if problems:
        raise InputError(problems)


def read_bytes(file: Path, most: int = yaml.MAX_BYTES) -> bytes:
    """Read a small file, refusing what is not one.

    Args:
        file: The file.
        most: Bytes that it may have.

    Raises:
        InputError: The file is missing, no regular file, unreadable or larger than that.
    """
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(Problem(str(file), "", "a folder or a device; give a file"))
        if status.st_size > most:
            raise InputError(Problem(str(file), "", f"larger than {most:,} bytes; a page of text is not"))
        return file.read_bytes()
    except FileNotFoundError:
        raise InputError(Problem(str(file), "", "no such file")) from None
    except OSError as error:
        raise InputError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text and every key of a raw card, by its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield yaml.join(path, key), key
            yield from _texts(item, yaml.join(path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _texts(item, yaml.join(path, index))


def _refuse_secret_values(texts: Sequence[tuple[str, str]], name: str, places: Mapping[str, yaml.Place]) -> None:
    """Stop at a secret that shows only when the escapes and line breaks of YAML are read.

    Raises:
        InputError: With the place of each, never its text.
    """
    if not find_secrets("\n".join(text for _, text in texts)):
        return
    problems = [
        Problem(f"{name}:{places[path]}", "", f"holds what looks like {kind}; {_REVOKE}")
        for path, text in texts
        for _, kind in find_secrets(text)
    ]
    if problems:
        raise InputError(problems)


def _refuse_interpolation(texts: Iterable[tuple[str, str]], name: str, places: Mapping[str, yaml.Place]) -> None:
    """Refuse `${…}` in what makes the run: a card reads whole, from top to bottom, on every machine.

    Raises:
        InputError: With the place of each.
    """
    message = "interpolation (`${…}`) is refused; write the value out"
    problems = [
        Problem(f"{name}:{places[path]}", path, message)
        for path, text in texts
        if path.partition(".")[0].partition("[")[0] in RUN_SECTIONS and _INTERPOLATION.search(text)
    ]
    if problems:
        raise InputError(problems)


def _within(path: str, section: str) -> bool:
    return path == section or path.startswith((f"{section}.", f"{section}["))


def _where(name: str, places: Mapping[str, yaml.Place], overrides: Sequence[Override], path: str) -> str:
    for override in reversed(overrides):
        if _within(path, override.root):
            return str(override)
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    place = places.get(path)
    return f"{name}:{place}" if place else name


def _overrides(raw: dict[str, Any], assignments: Sequence[str]) -> tuple[Override, ...]:
    """Write every `path=value` into the raw card; the last one of a path counts."""
    changed: dict[str, Override] = {}
    problems: list[Problem] = []
    for assignment in assignments:
        try:
            new = _override(raw, assignment)
        except InputError as error:
            problems += error.problems
            continue
        old = changed.pop(new.path, new)
        changed[new.path] = replace(new, root=old.root, declared=old.declared)
    if problems:
        raise InputError(problems)
    return tuple(changed.values())


def _override(raw: dict[str, Any], assignment: str) -> Override:
    """Write `path=value` into the raw card."""
    path, equals, text = assignment.partition("=")
    where = f"--set {assignment}"
    path = path.strip()
    if not equals or not path:
        raise InputError(Problem(where, "", "write path=value, for example training.seed=1"))
    try:
        value, _ = yaml.read(text if text.strip() else "null", "")
    except InputError as error:
        raise InputError(Problem(where, path, problem.message) for problem in error.problems) from None
    for _, found in _texts({path: value}, ""):
        for _, kind in find_secrets(found):
            raise InputError(Problem("--set", "", f"holds what looks like {kind}; {_REVOKE}"))
    keys = path.split(".")
    if (keys[0] in Card.model_fields and keys[0] not in RUN_SECTIONS) or path in NOT_OF_THE_RUN:
        message = "judges or describes the run and is no part of it; edit the card instead"
        raise InputError(Problem(where, path, message))
    at, root = raw, path
    for depth, key in enumerate(keys[:-1], start=1):
        below = at.get(key)
        if below is None:
            below = at[key] = {}
            root = min(root, ".".join(keys[:depth]), key=len)
        if not isinstance(below, dict):
            raise InputError(Problem(where, path, f"`{key}` is a value, not a section"))
        at = below
    declared = at.get(keys[-1])
    at[keys[-1]] = value
    return Override(path, root, yaml.show(declared), yaml.show(value))


def _validate(
    raw: dict[str, Any],
    name: str,
    places: Mapping[str, yaml.Place],
    plugins: Plugins,
    overrides: Sequence[Override],
) -> Card:
    try:
        return Card.model_validate(raw, context={"plugins": plugins})
    except ValidationError as error:
        details = error.errors()
        problems = []
        for detail in details:
            loc = detail["loc"]
            if detail["type"] == "too_short" and any(
                other["loc"][: len(loc)] == loc != other["loc"] for other in details
            ):
                continue  # pydantic counts the valid items only, and what is wrong with the others is said
            path, model = _locate(raw, detail, plugins)
            # A rule between the fields of a section that was overridden in part is broken by the override.
            inside = [o for o in overrides if detail["type"] == "value_error" and _within(o.path, path)]
            where = str(inside[-1]) if inside else _where(name, places, overrides, path)
            problems.append(Problem(where, path, _explain(detail, path, model)))
        raise InputError(problems) from None


def _beside(
    error: InputError,
    raw: dict[str, Any],
    file: Path,
    places: Mapping[str, yaml.Place],
    plugins: Plugins,
    overrides: Sequence[Override],
) -> list[Problem]:
    """What is wrong with the evidence of a card's other values, so that it need not be mended in two rounds."""
    bad = {problem.path.partition("[")[0] for problem in error.problems}
    try:
        card = Card.model_validate(_pruned(raw, "", bad), context={"plugins": plugins})
    except ValidationError:
        return []
    _, problems = check_evidence(card, file, {o.root for o in overrides} | bad, places)
    return [Problem(_where(str(file), places, overrides, at), path, message) for at, path, message in problems]


def _pruned(raw: dict[str, Any], path: str, bad: Container[str]) -> dict[str, Any]:
    """The raw card without some of its keys."""
    return {
        key: _pruned(value, yaml.join(path, key), bad) if isinstance(value, dict) else value
        for key, value in raw.items()
        if yaml.join(path, key) not in bad
    }


def _locate(raw: Any, detail: Any, plugins: Plugins) -> tuple[str, type[BaseModel] | None]:
    """The dotted path of an error, and the model that its last key belongs to.

    pydantic puts the names of union members into a location: what is not in the data, nor missing there, is one.
    """
    path, at = "", raw
    model: type[BaseModel] | None = Card
    owner = model
    for index, part in enumerate(detail["loc"]):
        inside = part in at if isinstance(at, dict) else isinstance(at, tuple) and part in range(len(at))
        if inside or (detail["type"] == "missing" and index == len(detail["loc"]) - 1):
            path, owner = yaml.join(path, part), model
            model = _below(model, part, at, plugins) if isinstance(part, str) else model
        if inside:
            at = at[part]
    return (f"{path}.model_type" if detail["type"] == "union_tag_invalid" else path), owner


def _tag(model: type[BaseModel]) -> str | None:
    """The value of a model's discriminator."""
    for key in ("model_type", "type"):
        if key in model.model_fields:
            return next(iter(get_args(model.model_fields[key].annotation)), None)
    return None


def _below(model: type[BaseModel] | None, key: str, at: dict[str, Any], plugins: Plugins) -> type[BaseModel] | None:
    """The model of the section `key` of `model`, where there is one."""
    if model is None:
        return None
    section = at.get(key)
    for field_name, info in model.model_fields.items():
        if key not in (field_name, info.alias):
            continue
        kinds = {"task": "tasks", "adapter": "adapters", "quantization": "quantizers"}
        kind = kinds.get(key) if model is Card else None
        if kind:
            name = section.get("type") if isinstance(section, dict) else None
            named = plugins.get(kind, {}).get(name) if isinstance(name, str) else None
            return named() if named else None
        models = _models(info.annotation)
        if len(models) > 1 and isinstance(section, dict):
            return next((m for m in models if _tag(m) == section.get("model_type")), None)
        return models[0] if models else None
    return None


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models named anywhere in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    return [model for argument in arguments for model in _models(argument)]


def _explain(detail: Any, path: str, model: type[BaseModel] | None) -> str:
    """One pydantic error in the words of this project."""
    given, kind, context = detail["input"], detail["type"], detail.get("ctx", {})
    key = path.rpartition(".")[2]
    match kind:
        case "extra_forbidden":
            names = [info.alias or name for name, info in model.model_fields.items()] if model else []
            return f"unknown key; {did_you_mean(key, names)}" if names else "unknown key"
        case "missing":
            return "missing; it is required"
        case "literal_error" | "union_tag_invalid":
            choices = str(context.get("expected") or context.get("expected_tags")).replace(" or ", ", ")
            names = [choice.strip(" '") for choice in choices.split(",")]
            value = given.get("model_type") if kind == "union_tag_invalid" else given
            return f"{_quote(value)} is not known here; {did_you_mean(str(value), names)}"
        case "value_error":
            return str(context["error"])
        case "union_tag_not_found":
            return f"`model_type` is missing; one of: {', '.join(HEADS)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            should = "be a section of keys and values"
        case "tuple_type":
            should = "be a list"
        case "too_short":
            least = context["min_length"]
            should = f"have at least {least} item{'s' * (least != 1)}"
        case "too_long":
            should = f"have at most {context['max_length']} items"
        case _:
            should = str(detail["msg"]).partition(" should ")[2]
    return f"should {should}, not {_quote(given)}"


def _quote(value: Any) -> str:
    """A raw value as the card shows it, cut to a part of a line."""
    shown = repr(value) if isinstance(value, str) else yaml.show(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
