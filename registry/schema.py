"""The JSON Schema (2020-12) of a card as people write it: what editors complete and check it by.

It is generated from `registry.card`. What a validator there checks in Python stands here again in the words of JSON
Schema, as far as it has any: whatever loads is valid by the schema, and the rest is left to `replicard validate`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from registry.card import Card
from registry.evidence import SECTIONS
from registry.hardware import ACCELERATORS
from registry.licenses import LICENSES
from registry.vocabulary import CLAIMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import core_schema

    from registry.loading import Plugins
    from registry.part import Plugin

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLUGINS = {"task": "tasks", "adapter": "adapters", "quantization": "quantizers"}
"""The sections that belong to a plugin, and its kind."""

_REF = "#/$defs/"
_TITLES = {"sd": "SD", "sha256": "SHA-256", "dtype": "Number type", "n": "Rows (n)", "r": "Rank (r)"}
"""Titles that are not the field's name in words."""

_EVALUATE = "^evaluate:"
"""Names of metrics of the evaluate package."""

_LANGUAGE = "^([a-z]{2,3}(-[A-Za-z0-9]{1,8}){0,6}|multilingual|code)$"
"""Shape of the codes that `registry.languages` takes."""

_PATHS = {"pattern": rf"^({'|'.join((*SECTIONS, 'reported', 'epoch_table'))})([.\[]|$)"}
"""What the paths under `stated`, `derived` and `assumed` begin with."""

_FIELDS: dict[str, dict[str, Any]] = {
    "Card.id": {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"},
    "Card.stated": {"propertyNames": _PATHS},
    "Card.derived": {"propertyNames": _PATHS},
    "Card.assumed": {"propertyNames": _PATHS},
    "Data.clean": {"uniqueItems": True},
    "Data.pool": {"uniqueItems": True},
    "Slices.words": {"uniqueItems": True},
    "Slices.columns": {"uniqueItems": True},
    "Hardware.accelerator": {"enum": [*ACCELERATORS, None]},
    "Claim.metric": {"type": "string", "anyOf": [{"enum": [*CLAIMS]}, {"pattern": _EVALUATE}]},
    "Claim.value": {"type": ["string", "number"]},
    "EpochTable.columns": {
        "uniqueItems": True,
        "items": {"enum": ["epoch", "step", *CLAIMS, *(f"train_{name}" for name in CLAIMS)]},
        "anyOf": [{"contains": {"const": name}} for name in ("epoch", "step")],
    },
    "EpochTable.rows": {
        "items": {"type": "array", "minItems": 2, "items": {"type": ["string", "number", "null"], "minLength": 1}}
    },
    "Readme.license": {"enum": [*LICENSES, None]},
    "Readme.language": {"items": {"type": "string", "pattern": _LANGUAGE}},
}
"""What validators of single fields say."""


# Editors propose what stands under `properties`, of conditions too and in a poorer form; so here it is a pattern.
def _given(*names: str, **sections: Any) -> dict[str, Any]:
    """A section in which these keys are there and not null, or are as said."""
    said = {name: {"not": {"type": "null"}} for name in names} | sections
    rules = {f"^{name}$": rule for name, rule in said.items()}
    return {"type": "object", "required": [*said], "patternProperties": rules}


def _absent(name: str) -> dict[str, Any]:
    """A section in which this key is null or missing."""
    return {"type": "object", "patternProperties": {f"^{name}$": {"type": "null"}}}


def _if(condition: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": condition, "then": then}


_SECTIONS: dict[str, list[dict[str, Any]]] = {
    "Card": [
        _if(_given("quantization"), _given("adapter")),
        _if(_given(stated={"minProperties": 1}), _given("source")),
        _if(_given(derived={"minProperties": 1}), _given("source")),
        _if(_given(training=_given(select={"const": "best"})), _given(evaluation=_given("each_epoch"))),
    ],
    "Base": [
        _if({"not": _given("model")}, _given("architecture", "tokenizer")),
    ],
    "Data": [
        _if(_given("pool"), {**_given(split=_given("test")), "allOf": [_absent("take")]}),
        _if(
            {**_given(split=_given("test")), "allOf": [_absent("pool")]},
            _given(take=_absent("test")),
        ),
    ],
    "HoldOut": [_if({"not": _given("validation")}, _given("test"))],
    "Training": [
        _if(_given("warmup_steps"), _absent("warmup_ratio")),
        _if(_given("select_metric"), _given(select={"const": "best"})),
    ],
    "Slices": [_if({"not": _given(words={"minItems": 1})}, _given(columns={"minItems": 1}))],
    "Metric": [_if(_given(name={"pattern": _EVALUATE}), _given(trust={"const": True}))],
    "Claim": [_if(_given("seeds"), _given("sd")), _if(_given("sd"), _given("seeds"))],
    "Readme": [
        _if(_given(license={"const": "other"}), _given("license_name")),
        _if(_given("license_name"), _given(license={"const": "other"})),
    ],
}
"""What validators of sections say: which keys need each other, and which exclude each other."""


class _Generator(GenerateJsonSchema):
    """pydantic's generator, with titles that read well and as little nesting as editors like."""

    def get_title_from_name(self, name: str) -> str:
        return _title(name)

    def get_union_of_schemas(self, schemas: list[dict[str, Any]]) -> dict[str, Any]:
        """A choice; `null` beside a single type is one of its types."""
        *others, last = schemas
        if last != {"type": "null"} or len(others) != 1:
            return super().get_union_of_schemas(schemas)
        (one,) = others
        if isinstance(one.get("type"), str):
            values = {"enum": [*one["enum"], None]} if "enum" in one else {}
            return {**one, "type": [one["type"], "null"], **values}
        for choice in ("oneOf", "anyOf"):
            if choice in one:
                return {**one, choice: [*one[choice], last]}
        return {"oneOf": schemas} if "$ref" in one else super().get_union_of_schemas(schemas)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> dict[str, Any]:
        """A choice without the `discriminator`, which is OpenAPI's."""
        made = super().tagged_union_schema(schema)
        made.pop("discriminator", None)
        return made

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        """A default as people write it; a section has none, its fields have, and none is told where it is nothing."""
        made = super().default_schema(schema)
        default = schema.get("default")
        if default in (None, (), {}) or isinstance(default, BaseModel):
            made.pop("default", None)  # editors would write it out where something is to be filled in
        elif isinstance(default, tuple) and isinstance(default[0], BaseModel):
            made["default"] = [next(iter(item.model_dump(exclude_defaults=True).values())) for item in default]
        return made


def schema(plugins: Plugins, metrics: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of a card.

    Args:
        plugins: By kind (`tasks`, `adapters`, `quantizers`) and name, how to get the model of the plugin's section.
        metrics: Names of the metrics that are computed here.
    """
    configs = {f"{key}.{name}": get() for key, kind in PLUGINS.items() for name, get in plugins[kind].items()}
    definitions = _definitions(configs)
    _add_what_validators_say(definitions, [*metrics])
    card = definitions["Card"]
    for key in PLUGINS:
        choices: list[dict[str, Any]] = [{"$ref": _REF + name} for name in configs if name.startswith(f"{key}.")]
        null: list[dict[str, Any]] = [{"type": "null"}] if key not in card["required"] else []
        card["properties"][key] = {"description": card["properties"][key]["description"], "oneOf": choices + null}
    for name in ("Card", "Task", "Plugin"):
        del definitions[name]
    for definition in (card, *definitions.values()):
        _finish(definition, definitions)
    head = {"$schema": DIALECT, "$id": f"urn:replicard:card:{card['properties']['schema']['const']}"}
    return {**head, **card, "title": "Model card", "$defs": dict(sorted(definitions.items()))}


def schema_text(plugins: Plugins, metrics: Iterable[str]) -> str:
    """The JSON Schema as text, ending in a line break."""
    return json.dumps(schema(plugins, metrics), indent=2, ensure_ascii=False) + "\n"


def _definitions(configs: Mapping[str, type[Plugin]]) -> dict[str, Any]:
    """The definition of every section by name; those of plugins by the section's key and the plugin's name."""
    models: list[type[BaseModel]] = [Card, *configs.values()]
    refs, made = models_json_schema([(model, "validation") for model in models], schema_generator=_Generator)
    text = json.dumps(made["$defs"])
    for name, model in configs.items():
        old = refs[model, "validation"]["$ref"].removeprefix(_REF)
        text = text.replace(json.dumps(old), json.dumps(name)).replace(json.dumps(_REF + old), json.dumps(_REF + name))
    definitions: dict[str, Any] = json.loads(text)
    for name in configs:
        definitions[name]["title"] = name.partition(".")[2]
    return definitions


def _add_what_validators_say(definitions: dict[str, Any], metrics: list[str]) -> None:
    for path, more in _FIELDS.items():
        section, _, name = path.partition(".")
        definitions[section]["properties"][name].update(more)
    for section, rules in _SECTIONS.items():
        definitions[section]["allOf"] = rules
    for name, definition in definitions.items():
        if name.startswith("task."):
            definition["properties"]["labels"]["uniqueItems"] = True
    definitions["Metric"]["properties"]["name"]["anyOf"] = [{"enum": metrics}, {"pattern": _EVALUATE}]
    name_or_section = [{"type": "string", "enum": metrics}, {"$ref": f"{_REF}Metric"}]
    definitions["Evaluation"]["properties"]["metrics"]["items"] = {"anyOf": name_or_section}


def _finish(definition: dict[str, Any], definitions: Mapping[str, Any]) -> None:
    """What editors show and need: titles, the unit, and the types of a choice, or they write no colon behind a key."""
    if re.match("([A-Z][a-z]+)+", definition["title"]):
        definition["title"] = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", definition["title"]).capitalize()
    for name, field in definition["properties"].items():
        field.setdefault("title", _title(name))
        if "$ref" in field:
            field.setdefault("description", definitions[field["$ref"].removeprefix(_REF)]["description"])
        if "oneOf" in field:
            field["type"] = [*dict.fromkeys(choice.get("type", "object") for choice in field["oneOf"])]
        if "unit" in field:
            field["description"] = f"{field['description']} Unit: {field['unit']}."


def _title(name: str) -> str:
    """The title of a field."""
    return _TITLES.get(name) or (name[0].upper() + name[1:]).replace("_", " ")
