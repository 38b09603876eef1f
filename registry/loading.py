"""From a YAML file to a Card, or to every error in it with its place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from registry import yaml
from registry.card import Card
from registry.errors import InputError, Problem, did_you_mean
from registry.evidence import Evidence, check_evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.part import Plugin

    Plugins = Mapping[str, Mapping[str, Callable[[], type[Plugin]]]]


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
    """

    card: Card
    file: Path
    sha256: str
    places: Mapping[str, yaml.Place]
    overrides: tuple[Override, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)

    def where(self, path: str) -> str:
        """`file:line:column` of a path, or of the nearest section above it."""
        return _where(str(self.file), self.places, path)


def load(file: Path, plugins: Plugins, overrides: Sequence[str] = ()) -> Loaded:
    """Load and validate a card.

    Args:
        file: The YAML file.
        plugins: By kind (`adapters`, `quantizers`) and name, how to get the model of the plugin's section.
        overrides: `path=value` pairs, the values in YAML.

    Raises:
        InputError: With every problem found.
    """
    name = str(file)
    content = read_bytes(file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Problem(name, "", f"not UTF-8 at byte {error.start}; save it as UTF-8")) from None
    raw, places = yaml.read(text, name)
    if not isinstance(raw, dict):
        raise InputError(Problem(f"{name}:1:1", "", "a card is a mapping: it begins with `schema: 1`"))
    changed = tuple(_override(raw, places, assignment) for assignment in overrides)
    card = _validate(raw, name, places, plugins, {o.path: f"--set {o.path}={o.actual}" for o in changed})
    if card.id != file.stem:
        message = f"is {card.id!r}, but the file is {file.name!r}; cards are found by file name, so the two must agree"
        raise InputError(Problem(_where(name, places, "id"), "id", message))
    evidence, problems = check_evidence(card, file, {o.root for o in changed})
    if problems:
        raise InputError([Problem(_where(name, places, at), path, message) for at, path, message in problems])
    return Loaded(card, file, hashlib.sha256(content).hexdigest(), places, changed, evidence)


def read_bytes(file: Path) -> bytes:
    """Read a small file, refusing what is not one.

    Raises:
        InputError: The file is missing, no regular file, unreadable or larger than a card can be.
    """
    try:
        if not file.is_file():
            raise InputError(Problem(str(file), "", "no such file"))
        if file.stat().st_size > yaml.MAX_BYTES:
            raise InputError(Problem(str(file), "", f"larger than {yaml.MAX_BYTES:,} bytes"))
        return file.read_bytes()
    except OSError as error:
        raise InputError(Problem(str(file), "", f"cannot be read: {error.strerror}")) from None


def _where(name: str, places: Mapping[str, yaml.Place], path: str) -> str:
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    place = places.get(path)
    return f"{name}:{place}" if place else name


def _override(raw: dict[str, Any], places: dict[str, yaml.Place], assignment: str) -> Override:
    """Write `path=value` into the raw card."""
    path, equals, text = assignment.partition("=")
    where = f"--set {assignment}"
    path = path.strip()
    if not equals or not path:
        raise InputError(Problem(where, "", "write path=value, for example training.seed=1"))
    value, _ = yaml.read(text if text.strip() else "null", where)
    keys = path.split(".")
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
    return Override(path, root, _show(declared), _show(value))


def _show(value: Any) -> str:
    """A raw value as one line of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(_show, value))}]"
        case dict():
            return "{" + ", ".join(f"{k}: {_show(v)}" for k, v in value.items()) + "}"
        case _:
            return str(getattr(value, "text", value))


def _validate(
    raw: dict[str, Any],
    name: str,
    places: Mapping[str, yaml.Place],
    plugins: Plugins,
    overridden: Mapping[str, str],
) -> Card:
    try:
        return Card.model_validate(raw, context={"plugins": plugins})
    except ValidationError as error:
        problems = []
        for detail in error.errors():
            path, model = _locate(raw, detail["loc"], plugins)
            where = overridden.get(path) or _where(name, places, path)
            problems.append(Problem(where, path, _explain(detail, path, model)))
        raise InputError(dict.fromkeys(problems)) from None


def _locate(raw: Any, loc: tuple[int | str, ...], plugins: Plugins) -> tuple[str, type[BaseModel] | None]:
    """The dotted path of an error, and the model that the last key belongs to.

    pydantic puts the names of union members into a location; what is not a key of the data and not the last part is one.
    """
    path, model, at = "", Card, raw
    owner: type[BaseModel] | None = Card
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        inside = (isinstance(at, dict) and part in at) or (isinstance(at, tuple) and isinstance(part, int))
        if not inside and not (last and isinstance(at, dict)):
            if isinstance(part, str) and model is not None:
                model = next((m for m in _models(model) if part in (m.__name__, _tag(m))), model)
            continue
        owner = model
        path = yaml.join(path, part)
        model = _below(model, part, at, plugins) if isinstance(part, str) else model
        if inside:
            at = at[part]
    return path, owner


def _tag(model: type[BaseModel]) -> str | None:
    """The value of a model's discriminator."""
    for key in ("model_type", "type"):
        if key in model.model_fields:
            return next(iter(get_args(model.model_fields[key].annotation)), None)
    return None


def _below(model: Any, key: str, at: Any, plugins: Plugins) -> Any:
    """The model of the section `key` of `model`, where there is one."""
    if model is None or not hasattr(model, "model_fields"):
        return None
    for name, info in model.model_fields.items():
        if key not in (name, info.alias):
            continue
        kind = {"adapter": "adapters", "quantization": "quantizers"}.get(key) if model is Card else None
        if kind:
            section = at.get(key)
            named = plugins.get(kind, {}).get(section.get("type", "") if isinstance(section, dict) else "")
            return named() if named else None
        models = list(_models(info.annotation))
        section = at.get(key) if isinstance(at, dict) else None
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
            return f"{_show(value)!r} is not known here; {did_you_mean(str(value), names)}"
        case "value_error":
            return str(context["error"])
        case "union_tag_not_found":
            return "`model_type` is missing; one of: bert, distilbert, llama"
        case _:
            message = str(detail["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
            shown = repr(given) if isinstance(given, str) else _show(given)
            return f"should be {message}, not {shown if len(shown) <= 60 else shown[:57] + '…'}"
