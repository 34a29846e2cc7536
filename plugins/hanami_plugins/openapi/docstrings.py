"""What the docstrings of types say, for readers of the API. Knows no schemas."""

from __future__ import annotations

import inspect
import re

__all__ = ["attributes", "introduction"]

SECTION = "Attributes:"
_ENTRY = re.compile(r" {4}(\w+): (\S.*)")
_CODE = re.compile("``([^`]+)``")


def introduction(text: str) -> str:
    """Return a docstring without its section on attributes."""
    before, _, section = _split(text)
    after = re.split(r"\n(?=\S)", section, maxsplit=1)[1:]
    return "\n\n".join(part.strip() for part in (_plain(before), *map(_plain, after)) if part.strip())


def attributes(kind: type) -> dict[str, str]:
    """Return the description of each attribute that the docstring of a class, or of one of its bases, describes."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found |= _entries(_split(base.__doc__ or "")[2])
    return {name: _sentence(_plain(text)) for name, text in found.items()}


def _split(text: str) -> tuple[str, str, str]:
    return f"\n{inspect.cleandoc(text)}\n".partition(f"\n{SECTION}\n")


def _entries(section: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break  # another section
        if entry := _ENTRY.fullmatch(line):
            name = entry[1]
            found[name] = entry[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found


def _plain(text: str) -> str:
    return _CODE.sub(r"`\1`", text)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
