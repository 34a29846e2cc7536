"""How a JSON value reads in a table, in JSON output and in CSV.

Owns the notation: that of Go's `%v` in tables (`[a b]`, `map[k:v]`, `<nil>`), except that whole numbers stay whole and
never become `1e+06`. Must not know tables, files or the server.
"""

from __future__ import annotations

import json
import math

from hanami_cli.text import Verbatim, printable

__all__ = ["as_cell", "as_csv", "as_json", "as_text"]

# what Go's encoder escapes, so that the text may be pasted into HTML
HTML_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def as_text(value: object) -> str:
    """Return `value` as the text of a table, nested values in Go's notation."""
    match value:
        case Verbatim():
            return value
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


def as_cell(value: object) -> str:
    """Return `value` as a cell of the single view, where a JSON object stays compact JSON."""
    return printable(_compact(value)) if isinstance(value, dict) else as_text(value)


def as_csv(value: object) -> str:
    """Return `value` as a field of CSV: nothing for an absent value, JSON for a nested one."""
    if value is None:
        return ""
    return _compact(value) if isinstance(value, list | dict) else as_text(value)


def as_json(value: object) -> str:
    """Return `value` as indented JSON with sorted keys, without a newline at the end; the notation is that of Go."""
    return _indented(value, "\n").translate(HTML_ESCAPES)


def _indented(value: object, line: str) -> str:
    """Return JSON; `line` is a line end and the blanks before the bracket that closes the value."""
    inner = line + 4 * " "
    match value:
        case dict() if value:
            pairs = (f"{_quoted(key)}: {_indented(value[key], inner)}" for key in sorted(value))
            return f"{{{inner}{f',{inner}'.join(pairs)}{line}}}"
        case list() | tuple() if value:
            return f"[{inner}{f',{inner}'.join(_indented(item, inner) for item in value)}{line}]"
        case float():
            return _number(value)
    return json.dumps(value, ensure_ascii=False)


def _quoted(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)


def _number(value: float) -> str:
    """Return a number as Go's encoder writes it: an exponent only below 1e-6 and from 1e21 on, without zeros before."""
    if not math.isfinite(value):
        return json.dumps(value)
    whole = _whole(value)
    text = repr(whole)
    if "e-" not in text:
        return text
    digits, exponent = text.split("e-")
    if int(exponent) > 6:
        return f"{digits}e-{int(exponent)}"
    return f"{value:.{int(exponent) + len(digits.partition('.')[2])}f}"


def _compact(value: object) -> str:
    return json.dumps(_whole(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _whole(value: object) -> object:
    """Return `value` with floats that are whole numbers as integers, up to 1e21 where Go changes notation."""
    match value:
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {key: _whole(item) for key, item in value.items()}
    return value
