"""How a card is run, which is no part of what it declares: what a command line says beside the card and its seeds."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Execution:
    """How a card is run.

    Attributes:
        kernels: What shall compute the model where it can: `fast` or `reference`.
        processes: Devices that share a step; null is the declared count where so many are here, else one.
        device_batch: Rows a device takes at once; null is the largest that works, at most the declared one.
        accept_deviations: Run although the machine cannot do all that is declared.
    """

    kernels: str = "fast"
    processes: int | None = None
    device_batch: int | None = None
    accept_deviations: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """The same as options of the command: each is named as its field."""
        named = [(f"--{field.name.replace('_', '-')}", getattr(self, field.name)) for field in fields(self)]
        said = [(name, value) for name, value in named if value is not None and value is not False]
        return tuple(name if value is True else f"{name}={value}" for name, value in said)
