"""The base of every section of a card, and the base of a plugin's section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class Part(BaseModel):
    """A frozen section of a card: unknown keys, loosely typed values (`"3"` for 3) and infinite numbers are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Plugin(Part):
    """A section whose fields belong to the plugin that its `type` names (one file under `runner/`)."""

    type: str
    """Name of the plugin."""


@dataclass(frozen=True)
class Unit:
    """The unit of a field, for the JSON Schema and the generated reference."""

    name: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The field's schema with its unit."""
        return {**handler(core), "unit": self.name}


@dataclass(frozen=True)
class LayerNames:
    """Marks a field that holds names of the base's layers, so that names of none are found before a run."""


def layer_names(section: Part) -> dict[str, tuple[str, ...]]:
    """The names of layers that a section refers to, by field."""
    return {
        name: getattr(section, name) or ()
        for name, field in type(section).model_fields.items()
        if any(isinstance(mark, LayerNames) for mark in field.metadata)
    }
