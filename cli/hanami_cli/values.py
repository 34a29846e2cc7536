"""How a JSON value reads in a table, in JSON output and in CSV.

Owns the notation: that of Go's `%v` in tables (`[a b]`, `map[k:v]`, `<nil>`), except that whole numbers stay whole and
never become `1e+06`. Must not know tables, files or the server.
"""

from __future__ import annotations

import json
from typing import Any

from hanami_cli.text import printable

__all__ = ["as_cell", "as_csv", "as_json", "as_text"]

# what Go's encoder escapes, so that the text may be pasted into HTML
HTML_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def as_text(value: Any) -> str:
    """Return `value` as the text of a table, nested values in Go's notation."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case float():
            return repr(_whole(value))
        case list():
            return "[" + " ".join(map(as_text, value)) + "]"
        case dict():
            return "map[" + " ".join(f"{printable(key)}:{as_text(value[key])}" for key in sorted(value)) + "]"
    return printable(str(value))


def as_cell(value: Any) -> str:
    """Return `value` as a cell of the single view, where a JSON object stays compact JSON."""
    return printable(_compact(value)) if isinstance(value, dict) else as_text(value)


def as_csv(value: Any) -> str:
    """Return `value` as a field of CSV: nothing for an absent value, JSON for a nested one."""
    if value is None:
        return ""
    return _compact(value) if isinstance(value, list | dict) else as_text(value)


def as_json(value: Any) -> str:
    """Return `value` as indented JSON with sorted keys, without a newline at the end."""
    text = json.dumps(_whole(value), indent=4, sort_keys=True, ensure_ascii=False)
    return text.translate(HTML_ESCAPES)


def _compact(value: Any) -> str:
    return json.dumps(_whole(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _whole(value: Any) -> Any:
    """Return `value` with floats that are whole numbers as integers, up to 1e21 where Go changes notation."""
    match value:
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {key: _whole(item) for key, item in value.items()}
    return value
