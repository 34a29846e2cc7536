"""How objects look in a notebook: a small table of their fields. All text comes from a server, so it is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from html import escape
from typing import Any, TypeVar

_FEW = 32  # more numbers than that are no use in a cell
_CELL, _HEAD = '<td style="text-align:left">', '<th style="text-align:left">'

T = TypeVar("T")


class Shown:
    """A dataclass that notebooks show as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        rows = "".join(_row(name, value) for name, value in _known(self).items())
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


class ShownList(list[T]):
    """A list of such objects, which notebooks show as one table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        known = [_known(thing) for thing in self]
        names = list(dict.fromkeys(name for values in known for name in values))
        head = "".join(f"{_HEAD}{escape(_title(name))}</th>" for name in names)
        rows = ("".join(f"{_CELL}{_cell(name, values.get(name, ''))}</td>" for name in names) for values in known)
        kind = type(self[0]).__name__ if self else "nothing"
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><caption>{len(self)} × {kind}</caption><tr>{head}</tr>{body}</table>"


def _known(thing: Any) -> dict[str, object]:
    """Return the fields of an object that are known, and may be shown."""
    values = {entry.name: getattr(thing, entry.name) for entry in fields(thing) if entry.repr}
    return {name: value for name, value in values.items() if value not in (None, "", (), {})}


def _title(name: str) -> str:
    return name.replace("_", " ")


def _row(name: str, value: object) -> str:
    return f"<tr>{_HEAD}{escape(_title(name))}</th>{_CELL}{_cell(name, value)}</td></tr>"


def _cell(name: str, value: Any) -> str:
    if name == "fraction" and value != "":
        return f'<progress max="1" value="{float(value):.4f}"></progress> {float(value):.0%}'
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(str(key))}: {escape(_text(item))}" for key, item in value.items())
    if isinstance(value, tuple) and len(value) > _FEW and isinstance(value[-1], int | float):
        return f"{len(value)} values, the last one is {value[-1]:g}"
    if isinstance(value, tuple):
        return "<br>".join(escape(_text(item)) for item in value)
    return escape(_text(value))


def _text(value: object) -> str:
    if isinstance(value, range):
        return f"{len(value)} values from {value.start} on"
    if isinstance(value, Shown):
        return ", ".join(str(getattr(value, entry.name)) for entry in fields(value))  # type: ignore[arg-type]
    return str(value)
