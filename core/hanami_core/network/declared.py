"""Settings that rule sets add to templates: what each declares, and whether a value is one of it.

A rule set declares them as the fields of a struct::

    class MySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        depth: Annotated[int, Meta(ge=1, le=9)] = 3
        shape: Literal["cone", "cube"] = "cone"

A field is an int, float, bool or text, with limits, or a choice of texts, and has a default. Must not know which rule
sets there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import msgspec
import msgspec.inspect

from hanami_core.errors import PluginError
from hanami_core.network.template import COMMON_SETTINGS, Value

__all__ = ["Declarations", "Declared", "NoSettings", "declared"]

NAME = re.compile(r"[0-9]*[A-Za-z_][A-Za-z0-9_]*")
"""What a template can spell."""


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a rule set that adds none."""


@dataclass(frozen=True)
class Declared:
    """A setting.

    Attributes:
        name: as in a template.
        type: int, float, bool or str.
        choices: the allowed texts in alphabetical order, if there is a choice.
        least: least value; `most` is the greatest one, and `above` and `below` are exclusive limits.
    """

    name: str
    type: type[Value]
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    @property
    def expected(self) -> str:
        """Description of a value of the right type."""
        if self.choices:
            return either(self.choices)
        return {int: "an integer", float: "a number", bool: "true or false", str: "a name"}[self.type]

    def mistyped(self, value: Value) -> str | None:
        """Return what is wrong with the type of a value, or None."""
        types = (int, float) if self.type is float else (self.type,)
        if type(value) in types and (not self.choices or value in self.choices):
            return None
        return f"{self.name} must be {self.expected}, not '{value}'"

    def outside(self, value: Value) -> str | None:
        """Return which limit a value of the right type breaks, or None."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        holds = (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )
        return None if holds else f"{self.name} must be {self._limits()}"

    def _limits(self) -> str:
        if self.least is not None and self.most is not None:
            return f"between {self.least} and {self.most}"
        words = (
            ("at least", self.least),
            ("at most", self.most),
            ("bigger than", self.above),
            ("less than", self.below),
        )
        return " and ".join(f"{word} {limit}" for word, limit in words if limit is not None)


def either(words: Iterable[str]) -> str:
    """Write a choice the way messages do: ``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


@cache
def declared(struct: type[msgspec.Struct]) -> Mapping[str, Declared]:
    """Return the settings that a struct declares, by name.

    Raises:
        PluginError: if one of them cannot be written in a template.
    """
    info = msgspec.inspect.type_info(struct)
    if not isinstance(info, msgspec.inspect.StructType):
        raise PluginError(f"settings of a template are declared by a struct, not {struct!r}")
    return MappingProxyType({field.encode_name: _setting(field) for field in info.fields})


def _setting(field: msgspec.inspect.Field) -> Declared:
    name, kind = field.encode_name, field.type
    if not NAME.fullmatch(name) or name in COMMON_SETTINGS:
        raise PluginError(f"template setting '{name}' has a name that all templates use, or none that one can spell")
    if field.required:
        raise PluginError(f"template setting '{name}' needs a default")
    match kind:
        case msgspec.inspect.BoolType():
            return Declared(name, bool)
        case msgspec.inspect.StrType():
            return Declared(name, str)
        case msgspec.inspect.LiteralType(values=values) if all(isinstance(value, str) for value in values):
            return Declared(name, str, tuple(str(value) for value in values))
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            number = int if isinstance(kind, msgspec.inspect.IntType) else float
            return Declared(name, number, (), kind.ge, kind.le, kind.gt, kind.lt)
    raise PluginError(f"template setting '{name}' is neither a number, a bool, a text nor a choice of texts")


class Declarations:
    """What all installed rule sets declare."""

    def __init__(self, rule_sets: Iterable[tuple[str, type[msgspec.Struct]]]) -> None:
        """Take the names of the rule sets with what they declare; a name may come once for each kind of host."""
        self._rule_sets = [(name, declared(struct)) for name, struct in rule_sets]

    @property
    def growths(self) -> tuple[str, ...]:
        """The possible values of ``growth`` in a template."""
        return tuple(dict.fromkeys(name for name, _ in self._rule_sets))

    def names(self, growth: str | None) -> tuple[str, ...]:
        """Return all settings of a template with this growth, the common ones first; None means without growth."""
        own = (setting for declared in self._of(growth) for setting in declared)
        return tuple(dict.fromkeys((*COMMON_SETTINGS, *own)))

    def find(self, growth: str | None, name: str) -> list[Declared]:
        """Return the declarations of a setting in a template with this growth, from the rule sets that know it."""
        return list(dict.fromkeys(declared[name] for declared in self._of(growth) if name in declared))

    def _of(self, growth: str | None) -> Iterator[Mapping[str, Declared]]:
        return (declared for name, declared in self._rule_sets if growth in (None, name))
