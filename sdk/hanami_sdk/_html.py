"""How objects look in a notebook: a small table of their fields. All text comes from a server, so it is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from html import escape
from typing import Any

_FEW = 32  # more numbers than that are no use in a cell
_CELL = '<td style="text-align:left">'


class Shown:
    """A dataclass that notebooks show as a table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        known = {entry.name: getattr(self, entry.name) for entry in fields(self)}  # type: ignore[arg-type]
        rows = "".join(_row(name, value) for name, value in known.items() if value not in (None, "", (), {}))
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"


def _row(name: str, value: Any) -> str:
    title = name.replace("_", " ")
    return f'<tr><th style="text-align:left">{escape(title)}</th>{_CELL}{_cell(name, value)}</td></tr>'


def _cell(name: str, value: Any) -> str:
    if name == "fraction":
        return f'<progress max="1" value="{float(value):.4f}"></progress> {float(value):.0%}'
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(str(key))}: {escape(_text(item))}" for key, item in value.items())
    if isinstance(value, tuple) and len(value) > _FEW and isinstance(value[-1], int | float):
        return f"{len(value)} values, the last one is {value[-1]:g}"
    if isinstance(value, tuple):
        return "<br>".join(escape(_text(item)) for item in value)
    return escape(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, range):
        return f"{len(value)} values from {value.start} on"
    if isinstance(value, Shown):
        return ", ".join(str(getattr(value, entry.name)) for entry in fields(value))  # type: ignore[arg-type]
    return str(value)
