"""From the text of a template to plain values, JSON or YAML, and back. Knows nothing of what templates say.

YAML is the safe part of it without aliases and tags: a short text is a small value, however hostile.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import yaml

from hanami_core.errors import BadRequest

__all__ = ["DEEPEST", "MOST_BYTES", "dump", "parse"]

MOST_BYTES = 1 << 16
DEEPEST = 16
"""Lists and objects that may be nested."""


def parse(text: str) -> Any:
    """Return the value that a text stands for.

    Raises:
        BadRequest: if it is too long, nested too deeply, or neither JSON nor YAML.
    """
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise _invalid(f"it is larger than {MOST_BYTES} bytes")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _from_yaml(text)
    _expect_flat(value, DEEPEST)
    return value


def dump(value: Any, form: str) -> str:
    """Return a value as a text in one of the forms `yaml` and `json`, which `parse` reads."""
    if form == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    text = str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    # The library does not escape all line breaks of Unicode, and reads some of them as a blank.
    return text if yaml.safe_load(text) == value else str(yaml.safe_dump(value, sort_keys=False))


def _from_yaml(text: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - it is a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = "" if mark is None else f" in line {mark.line + 1}"
        raise _invalid(f"{', '.join(filter(None, (error.context, error.problem)))}{place}") from None
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        # Not all of what the library finds is told as its own error, such as the thirteenth month of a date.
        raise _invalid(str(error).partition("\n")[0]) from None


def _expect_flat(value: Any, deepest: int) -> None:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict | list) and not deepest:
        raise _invalid(f"it is nested more than {DEEPEST} deep")
    for one in inner:
        _expect_flat(one, deepest - 1)


def _invalid(reason: str) -> BadRequest:
    return BadRequest("field_invalid", field="payload", reason=reason)


def _refusal(problem: str, place: Any) -> yaml.MarkedYAMLError:
    """Return the error for an event or a node of a text."""
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


class _Loader(yaml.SafeLoader):
    """The safe loader, for texts that somebody else has written."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("aliases are not allowed", event)
        if getattr(event, "tag", None) is not None:
            raise _refusal("tags are not allowed", event)
        # A scalar does not nest.
        self._depth += not isinstance(event, yaml.ScalarEvent)
        if self._depth > DEEPEST:
            raise _refusal(f"it is nested more than {DEEPEST} deep", event)
        node = super().compose_node(parent, index)
        self._depth -= not isinstance(event, yaml.ScalarEvent)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping whose keys are texts, each given once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _refusal("a key must be text, put it in quotes", key)
            if key.value in seen:
                raise _refusal(f"'{key.value}' is given twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)
