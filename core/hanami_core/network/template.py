"""The template of a cluster, independent of the text it was written in.

A template dialect (see the hook ``hanami_template_dialects``) turns text into a `Template`; rule sets and the database
read it. Hexagons are referred to by their index in `Template.hexagons`, which is also their processing order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from hanami_core.errors import TemplateError

MAX_NAME_BYTES = 254
MAX_HEXAGONS = 1000
MAX_SIZE = 1 << 20
COORDINATE_LIMIT = 1 << 20

Value = bool | int | float | str
"""A value of a setting."""

T = TypeVar("T", bound=msgspec.Struct)


class Position(NamedTuple):
    """Integer coordinates of a hexagon."""

    x: int
    y: int
    z: int

    def __str__(self) -> str:
        """Write the position the way templates do."""
        return f"{self.x},{self.y},{self.z}"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings block of a template; every value has the documented default.

    `growth` names the rule set; without it, the first one that can run the template is used. `own` holds the settings
    that rule sets declare, see `hanami_core.network.declared`, and must not be changed.

    `blocks` and `precision` used to be common settings. They are still read as such from stored templates, and are in
    `own` like all others.
    """

    neuron_cooldown: float = 1e9
    refractory_time: int = 1
    max_connection_distance: int = 1
    enable_reduction: bool = False
    growth: str | None = None
    own: dict[str, Value] = {}
    blocks: int | UnsetType | None = UNSET
    precision: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Move what a stored template has at its former place."""
        former: dict[str, Value] = {}
        if isinstance(self.blocks, int):
            former["blocks"] = self.blocks
        if isinstance(self.precision, str) and self.precision != "float":
            former["precision"] = self.precision
        msgspec.structs.force_setattr(self, "own", self.own | former)
        msgspec.structs.force_setattr(self, "blocks", UNSET)
        msgspec.structs.force_setattr(self, "precision", UNSET)

    def __hash__(self) -> int:
        """Make templates usable as keys; equal settings have equal hashes."""
        return hash((self.growth, self.neuron_cooldown, self.max_connection_distance, frozenset(self.own.items())))

    def of(self, declared: type[T]) -> T:
        """Return the settings that a rule set declares with a struct, with its defaults for missing ones.

        Raises:
            TemplateError: if the template has other settings, or one has an invalid value.
        """
        try:
            return msgspec.convert(self.own, declared)
        except msgspec.ValidationError as error:
            raise TemplateError(f"settings of the template: {error}") from error


COMMON_SETTINGS = ("neuron_cooldown", "refractory_time", "max_connection_distance", "enable_reduction", "growth")
"""Settings that templates have whatever their rule set."""


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named input: the hexagon that holds its values and how they are taken.

    `size` is the number of values that its data must have; 0 accepts any number.
    """

    name: str
    hexagon: int
    mode: Literal["plain", "binary", "match"] = "plain"
    size: int = 0


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named output: the hexagon that it reads and the type of its values; `size` is that of an `Input`."""

    name: str
    hexagon: int
    type: Literal["plain", "bool", "int", "float"] = "plain"
    size: int = 0


class Axon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bridge: the search for targets of `source` starts at `target`."""

    source: int
    target: int


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """Structure of a cluster. `check` must have passed before a network is built from it."""

    settings: Settings
    hexagons: tuple[Position, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    axons: tuple[Axon, ...] = ()

    def check(self) -> None:
        """Raise `TemplateError` for the first rule that the template breaks."""
        _check_settings(self.settings)
        _check_positions(self.hexagons)
        _check_places(self)
        _check_interfaces(self)
        _check_axons(self)


def in_a_line(inputs: Sequence[str], outputs: Sequence[str]) -> Template:
    """Return the template for given names: inputs, one hidden hexagon and outputs along the x-axis.

    A single input and a single output are neighbours of the hidden hexagon. If there are more, axons lead all inputs to
    it, and connections are long enough for it to reach all outputs.

    Raises:
        TemplateError: if a name is empty, too long or used twice, there are too many, or none on one side.
    """
    if "" in (*inputs, *outputs):
        raise TemplateError("a name of an input or output is empty")
    count, hidden = len(inputs) + 1 + len(outputs), len(inputs)
    template = Template(
        Settings(max_connection_distance=max(1, len(outputs))),
        tuple(Position(x, 1, 1) for x in range(1, count + 1)),
        tuple(Input(name, number) for number, name in enumerate(inputs)),
        tuple(Output(name, hidden + number) for number, name in enumerate(outputs, 1)),
        tuple(Axon(number, hidden) for number in range(hidden)) if hidden > 1 else (),
    )
    # Positions come first: a thousand outputs would also make connections too long.
    _check_positions(template.hexagons)
    template.check()
    return template


def _check_settings(settings: Settings) -> None:
    rules = (
        (settings.neuron_cooldown > 1, "neuron_cooldown must be bigger than 1"),
        (settings.max_connection_distance >= 1, "max_connection_distance must be at least 1"),
        (settings.max_connection_distance <= 1000, "max_connection_distance must be at most 1000"),
        (1 <= settings.refractory_time <= 255, "refractory_time must be between 1 and 255"),
    )
    for holds, message in rules:
        if not holds:
            raise TemplateError(message)


def _check_positions(hexagons: tuple[Position, ...]) -> None:
    if len(hexagons) > MAX_HEXAGONS:
        raise TemplateError(f"a template has at most {MAX_HEXAGONS} hexagons, not {len(hexagons)}")
    seen: set[Position] = set()
    for position in hexagons:
        if position in seen:
            raise TemplateError(f"hexagon {position} is declared twice")
        if any(not 0 <= value < COORDINATE_LIMIT for value in position):
            raise TemplateError(f"hexagon {position}: coordinates must be between 0 and {COORDINATE_LIMIT - 1}")
        seen.add(position)


def _check_places(template: Template) -> None:
    used = [item.hexagon for item in template.inputs] + [item.hexagon for item in template.outputs]
    used += [place for axon in template.axons for place in (axon.source, axon.target)]
    for place in used:
        if not 0 <= place < len(template.hexagons):
            raise TemplateError(f"there is no hexagon with the number {place}")


def _check_interfaces(template: Template) -> None:
    interfaces: list[Input | Output] = [*template.inputs, *template.outputs]
    if not template.inputs or not template.outputs:
        raise TemplateError("a template needs at least one input and one output")
    for interface in interfaces:
        if len(interface.name.encode()) > MAX_NAME_BYTES:
            raise TemplateError(f"name '{interface.name[:16]}…' is longer than {MAX_NAME_BYTES} characters")
        if not 0 <= interface.size <= MAX_SIZE:
            raise TemplateError(f"'{interface.name}' must have at most {MAX_SIZE} values, not {interface.size}")
    for what, items in (("name", [i.name for i in interfaces]), ("hexagon", [i.hexagon for i in interfaces])):
        item, count = Counter(items).most_common(1)[0]
        if count > 1:
            shown = template.hexagons[item] if isinstance(item, int) else item
            raise TemplateError(f"{what} '{shown}' is used by {count} inputs or outputs, only one is allowed")


def _check_axons(template: Template) -> None:
    sources = Counter(axon.source for axon in template.axons)
    for axon in template.axons:
        where = template.hexagons[axon.source]
        if axon.source == axon.target:
            raise TemplateError(f"axon of hexagon {where} leads to itself")
        if sources[axon.source] > 1:
            raise TemplateError(f"hexagon {where} has {sources[axon.source]} axons, only one is allowed")
