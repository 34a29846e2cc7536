"""Reads comma-separated numbers, a block of lines at a time.

A block goes through NumPy's reader, which is fast but takes more than the rules allow and does not tell columns. So
only a block of harmless characters is given to it, and whatever it refuses is read again cell by cell: that either
finds the fault and its place, or the value that was meant.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from hanami_core.datasets import MAX_COLUMNS, TableWriter
from hanami_core.errors import InvalidFile

MAX_LINE = 4 << 20
MAX_NAME = 254
_BLOCK = 1 << 20
_SHOWN = 40
_BLANKS = " \t"
_PLAIN = b"0123456789+-.eE, \t\n"
_CONTENT = re.compile(rb"[^ \t\r\n]")
_WORDS = {"true": 1.0, "false": 0.0, "null": 0.0}
_TRUE = re.compile(rb"(?<![^,\s])true(?![^,\s])")
_ZERO = re.compile(rb"(?<![^,\s])(?:false|null)(?![^,\s])")
_PART = re.compile(r"(.+)\[(\d+)\]", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TOO_BIG = float(np.finfo(np.float32).max) + 2.0**103  # from here on float32 rounds to infinity

Rows = npt.NDArray[np.float32]


class CsvFormat:
    """Comma-separated values; the rules stand in the docstring of the package."""

    name = "csv"
    parts = ("input",)

    def decode(self, files: Mapping[str, BinaryIO], table: TableWriter) -> None:
        """Write a row for each line after the header."""
        names: list[str] = []
        for number, block in _blocks(files["input"]):
            if not names:
                names, widths, end = _header(number, block)
                number, block = number + block.count(b"\n", 0, end), block[end:]
                if not names:
                    continue
                table.begin(widths, np.float32)
            rows = _quick(block, len(names))
            table.append(_careful(number, block, names) if rows is None else rows)
        if not names:
            raise InvalidFile("input: the file has no header")


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines, each with the number of its first line."""
    file.seek(0)
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    number, rest = 1, b""
    while block := file.read(_BLOCK):
        cut = block.rfind(b"\n") + 1
        if cut:
            lines, rest = rest + block[:cut], block[cut:]
            yield number, lines
            number += lines.count(b"\n")
        else:
            rest += block
        if len(rest) > MAX_LINE:
            raise InvalidFile(f"input, line {number}: the line is longer than {MAX_LINE} bytes")
    if rest:
        yield number, rest


def _header(number: int, block: bytes) -> tuple[list[str], dict[str, int], int]:
    """Return what stands in the first line with content: its cells, the widths of the columns that they name, its end.

    If there is no such line, there are no cells.
    """
    content = _CONTENT.search(block)
    if content is None:
        return [], {}, len(block)
    start = block.rfind(b"\n", 0, content.start()) + 1
    end = block.find(b"\n", start) + 1 or len(block)
    number += block.count(b"\n", 0, start)
    names = _cells(number, block[start:end].rstrip(b"\r\n"))
    _check_names(number, names)
    return names, _columns(number, names), end


def _check_names(number: int, names: Sequence[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise InvalidFile(f"input, line {number}: {len(names)} columns, at most {MAX_COLUMNS} are possible")
    seen: set[str] = set()
    for column, name in enumerate(names, 1):
        rules = (
            (bool(name), "the name is empty"),
            (len(name.encode()) <= MAX_NAME, f"the name is longer than {MAX_NAME} bytes"),
            (min(name, default=" ") >= " ", "the name holds a control character"),
            (name not in seen, f"the name {_shown(name)} stands there twice"),
        )
        for holds, message in rules:
            if not holds:
                raise InvalidFile(f"input, line {number}, column {column}: {message}")
        seen.add(name)


def _columns(number: int, names: Sequence[str]) -> dict[str, int]:
    """Return the widths of the columns: cells ``a[0]``, ``a[1]`` and so on, side by side, are one column ``a``."""
    widths: dict[str, int] = {}
    last = ""
    for place, cell in enumerate(names, 1):
        part = _PART.fullmatch(cell)
        name, index = (part[1].rstrip(_BLANKS), part[2]) if part else (cell, "0")
        continues = name == last and part is not None
        if index != str(widths[name] if continues else 0):
            raise InvalidFile(
                f"input, line {number}, column {place}: {_shown(cell)} does not continue a column, "
                "its parts are numbered from 0 on and stand side by side"
            )
        if not continues and name in widths:
            raise InvalidFile(f"input, line {number}, column {place}: the name {_shown(name)} stands there twice")
        widths[name] = widths.get(name, 0) + 1
        last = name if part else ""
    return widths


def _quick(block: bytes, width: int) -> Rows | None:
    """Return the values of a block without quotes and faults, shape (rows, width), or None."""
    block = block.replace(b"\r\n", b"\n")
    if block.translate(None, _PLAIN):
        block = _ZERO.sub(b"0", _TRUE.sub(b"1", block.lower()))
        if block.translate(None, _PLAIN):
            return None
    lines = [line for line in block.decode("ascii").split("\n") if line and not line.isspace()]
    if not lines:
        return np.empty((0, width), np.float32)
    try:
        rows = np.loadtxt(lines, np.float32, comments=None, delimiter=",", ndmin=2)
    except ValueError:
        return None
    return rows if rows.shape[1] == width and np.isfinite(rows).all() else None


def _careful(number: int, block: bytes, names: Sequence[str]) -> Rows:
    """Return the values of a block, shape (rows, width), or raise `InvalidFile` for its first fault."""
    rows = [
        _values(line_number, line.removesuffix(b"\r"), names)
        for line_number, line in enumerate(block.split(b"\n"), number)
        if _CONTENT.search(line)
    ]
    return np.array(rows, np.float32).reshape(-1, len(names))


def _values(number: int, line: bytes, names: Sequence[str]) -> list[float]:
    cells = _cells(number, line)
    if len(cells) != len(names):
        raise InvalidFile(f"input, line {number}: the line has {len(cells)} cells, the header {len(names)}")
    return [_value(number, column, cell, names) for column, cell in enumerate(cells)]


def _cells(number: int, line: bytes) -> list[str]:
    """Split a line into cells without the blanks around them."""
    try:
        text = line.decode()
        row = next(csv.reader([text], skipinitialspace=True, strict=True)) if '"' in text else text.split(",")
    except UnicodeDecodeError:
        raise InvalidFile(f"input, line {number}: the text is not UTF-8") from None
    except csv.Error as error:
        raise InvalidFile(f"input, line {number}: {error}") from None
    return [cell.strip(_BLANKS) for cell in row]


def _value(number: int, column: int, cell: str, names: Sequence[str]) -> float:
    word = _WORDS.get(cell.lower())
    if word is not None:
        return word
    place = f"input, line {number}, column {column + 1} ({_shown(names[column])})"
    if not _NUMBER.fullmatch(cell):
        raise InvalidFile(f"{place}: {_shown(cell)} is not a number")
    value = float(cell)
    if abs(value) >= _TOO_BIG:
        raise InvalidFile(f"{place}: {_shown(cell)} is too big for a number of 32 bits")
    return value


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
