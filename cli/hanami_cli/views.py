"""The four shapes of an answer, each as a table, as JSON and as CSV.

Owns which shape looks how. Must not know commands, nor how the answer was fetched.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any, Literal, Protocol

from hanami_cli.errors import CliError
from hanami_cli.table import display_width, render, title
from hanami_cli.values import as_cell, as_csv, as_json, as_text

__all__ = ["FORMATS", "Content", "Format", "Listing", "Message", "Record", "View", "show"]

Format = Literal["table", "json", "csv"]
FORMATS: tuple[Format, ...] = ("table", "json", "csv")


class View(Protocol):
    """Something that a command puts out. No text ends with a newline."""

    def table(self) -> str:
        """Return the text for people."""

    def json(self) -> str:
        """Return JSON."""

    def csv(self) -> str:
        """Return CSV."""


def show(view: View, form: Format) -> None:
    """Print `view` in the given format."""
    if form == "table" and isinstance(view, Listing) and sys.stdout.isatty():
        print(view.table_within(get_terminal_size().columns))
        return
    texts = {"table": view.table, "json": view.json, "csv": view.csv}
    print(texts[form]())


@dataclass(frozen=True)
class Message:
    """A sentence; it reads the same in every format."""

    text: str

    def table(self) -> str:
        """Return the sentence."""
        return self.text

    json = table
    csv = table


@dataclass(frozen=True)
class Record:
    """A single object.

    Args:
        answer: the object of the server, put out whole as JSON.
        fields: what tables and CSV show, in this order; absent ones as `<nil>` and as nothing.
        shown: where tables and CSV take the fields from; None takes the answer.
    """

    answer: Mapping[str, Any]
    fields: Sequence[str]
    shown: Mapping[str, Any] | None = None

    def table(self) -> str:
        """Return two columns, without a header."""
        return render([(title(field), as_cell(self._get(field))) for field in self.fields])

    def json(self) -> str:
        """Return the whole answer."""
        return as_json(self.answer)

    def csv(self) -> str:
        """Return a line of names and a line of values."""
        return _csv([self.fields, [as_csv(self._get(field)) for field in self.fields]])

    def _get(self, field: str) -> object:
        return (self.answer if self.shown is None else self.shown).get(field)


@dataclass(frozen=True)
class Listing:
    """Many objects of one kind, one a row.

    Args:
        answer: the whole answer of the server, put out as JSON.
        columns: the names above the columns.
        rows: values in the order of `columns`.
    """

    answer: Mapping[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @classmethod
    def from_answer(cls, answer: Mapping[str, object], wanted: Sequence[str] = ()) -> Listing:
        """Read the server's `header` and `body`.

        Args:
            answer: the answer of the server.
            wanted: the columns to show, in this order, as far as the server sends them; none for all that it sends.

        Raises:
            CliError: the answer has another shape.
        """
        header, body = _header_and_body(answer)
        columns = [name for name in wanted if name in header] if wanted else header
        places = [header.index(name) for name in columns]
        return cls(answer, columns, [[row[place] for place in places] for row in body])

    @classmethod
    def from_objects(cls, answer: Mapping[str, object], key: str, columns: Sequence[str]) -> Listing:
        """Read a list of objects that the answer holds under `key`.

        Raises:
            CliError: the answer has another shape.
        """
        objects = answer.get(key)
        if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
            raise CliError(f"unexpected answer of the server: no list of objects in '{key}'")
        return cls(answer, columns, [[item.get(column) for column in columns] for item in objects])

    def followed_by(self, more: Listing) -> Listing:
        """Return the rows of both, which have the same columns; in JSON all else is that of the first."""
        body = [*self.answer["body"], *more.answer["body"]]
        return Listing({**self.answer, "body": body}, self.columns, [*self.rows, *more.rows])

    def table(self) -> str:
        """Return a table with a header."""
        return render([list(map(as_text, row)) for row in self.rows], self.columns)

    def table_within(self, width: int) -> str:
        """Return a table with a header, or one for each row if that is wider than a terminal of `width` columns."""
        table = self.table()
        if not self.rows or display_width(table.split("\n", 1)[0]) <= width:
            return table
        titles = [title(column) for column in self.columns]
        return "\n".join(render(list(zip(titles, map(as_text, row), strict=True))) for row in self.rows)

    def json(self) -> str:
        """Return the whole answer."""
        return as_json(self.answer)

    def csv(self) -> str:
        """Return a line of names, then a line for each row."""
        return _csv([self.columns, *(map(as_csv, row) for row in self.rows)])


@dataclass(frozen=True)
class Content:
    """Rows of numbers out of a dataset.

    Args:
        rows: float values, as many in each row.
        offset: the number of the first row.
    """

    rows: Sequence[Sequence[float]]
    offset: int

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], offset: int) -> Content:
        """Read the server's `data`.

        Raises:
            CliError: the answer has another shape.
        """
        try:
            rows = [[float(value) for value in row] for row in answer["data"]]
        except (KeyError, TypeError, ValueError) as error:
            raise CliError("unexpected answer of the server: no rows of numbers in 'data'") from error
        if len(set(map(len, rows))) > 1:
            raise CliError("unexpected answer of the server: rows of different lengths in 'data'")
        return cls(rows, offset)

    def table(self) -> str:
        """Return a table of six decimals, every row headed by its number."""
        rows = [[number, *(f"{value:.6f}" for value in row)] for number, row in self._numbered()]
        return render(rows, self._header(""))

    def json(self) -> str:
        """Return only the rows, an array of arrays."""
        return as_json(self.rows)

    def csv(self) -> str:
        """Return a line of column numbers, then the rows in full precision."""
        return _csv([self._header("row"), *([number, *map(as_csv, row)] for number, row in self._numbered())])

    def _numbered(self) -> Iterable[tuple[str, Sequence[float]]]:
        return ((str(number), row) for number, row in enumerate(self.rows, self.offset))

    def _header(self, first: str) -> list[str]:
        width = len(self.rows[0]) if self.rows else 0
        return [first, *map(str, range(width))]


def _header_and_body(answer: Mapping[str, object]) -> tuple[list[str], list[list[object]]]:
    header, body = answer.get("header"), answer.get("body")
    if not isinstance(header, list) or not isinstance(body, list):
        raise CliError("unexpected answer of the server: no list with 'header' and 'body'")
    if any(not isinstance(row, list) or len(row) != len(header) for row in body):
        raise CliError("unexpected answer of the server: a row does not fit the header")
    return header, body


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")
