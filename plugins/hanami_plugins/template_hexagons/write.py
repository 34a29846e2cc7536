"""From a template to a text of the language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from hanami_core.network import Input, Output, Settings, Template
from hanami_core.network.template import COMMON_SETTINGS, Value
from hanami_plugins.template_hexagons.build import RESERVED

__all__ = ["write"]

_NAME = re.compile("[0-9]*[A-Za-z_][A-Za-z0-9_]*")
_INDENT = "    "


def write(template: Template) -> str | None:
    """Return the text of a template, None if it has names or sizes that the language does not know."""
    interfaces: list[Input | Output] = [*template.inputs, *template.outputs]
    if any(item.size or item.name in RESERVED or not _NAME.fullmatch(item.name) for item in interfaces):
        return None
    places = template.hexagons
    blocks = {
        "settings": [f"{name}: {_value(value)}" for name, value in _settings(template.settings)],
        "hexagons": [str(place) for place in places],
        "axons": [f"{places[axon.source]} -> {places[axon.target]}" for axon in template.axons],
        "inputs": [_interface(item, template, item.mode) for item in template.inputs],
        "outputs": [_interface(item, template, item.type) for item in template.outputs],
    }
    return "\n".join(["version: 1", *_lines((name, lines) for name, lines in blocks.items() if lines), ""])


def _lines(blocks: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    for name, lines in blocks:
        yield f"{name}:"
        yield from (_INDENT + line for line in lines)


def _settings(settings: Settings) -> Iterator[tuple[str, Value]]:
    for name in COMMON_SETTINGS:
        value = getattr(settings, name)
        if value is not None:
            yield name, value
    yield from settings.own.items()


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # The language has no exponents.
    return np.format_float_positional(value, trim="0") if isinstance(value, float) else str(value)


def _interface(item: Input | Output, template: Template, option: str) -> str:
    place = f"{item.name}: {template.hexagons[item.hexagon]}"
    return place if option == "plain" else f"{place} ({option})"
