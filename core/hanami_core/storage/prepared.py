"""Queries that come up again and again: their texts are kept, because making one takes longer than answering it.

Must not know what is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import peewee

from hanami_core.storage.database import BlobField, NameField, Record, proxy
from hanami_core.storage.shapes import PLAIN, Parameters, Unusual, condition_of, shape_of

__all__ = ["Prepared", "first", "first_active", "tuples"]

Q = TypeVar("Q", bound=peewee.Model)
R = TypeVar("R", bound=Record)
Row = tuple[Any, ...]
Convert = Callable[[Any], Any]

_MOST_TEXTS = 1000
_READ = {*PLAIN, BlobField, NameField}
"""Columns whose values come back from the database as they are."""


@dataclass(frozen=True)
class _Text:
    """What the database is asked. `parameters` may hold blanks; `changes` are the columns that are not plain."""

    text: str
    parameters: list[Any]
    changes: list[tuple[int, Convert]]

    def ask(self, parameters: list[object]) -> Iterator[Row]:
        rows: Iterator[Row] = proxy.obj.execute_sql(self.text, parameters)
        return map(self._changed, rows) if self.changes else rows

    def _changed(self, row: Row) -> Row:
        cells = list(row)
        for place, convert in self.changes:
            cells[place] = convert(cells[place])
        return tuple(cells)


def _text(query: Any) -> _Text:
    text, parameters = query.sql()
    fields = ((n, column) for n, column in enumerate(query._returning) if isinstance(column, peewee.Field))
    return _Text(text, parameters, [(n, column.python_value) for n, column in fields if type(column) not in _READ])


class Prepared(Generic[Q]):
    """A query of every request.

    Args:
        build: returns the query for given values, which must be texts; called once for a kind of database. It selects
            columns of its model and nothing else, unless it is only asked for `tuples`.
    """

    def __init__(self, build: Callable[..., peewee.ModelSelect[Q]]) -> None:
        self._build = build
        self._known: dict[type, tuple[Any, _Text]] = {}

    def all(self, *values: str) -> list[Q]:
        """Return all rows for the given values."""
        model, text = self._prepared(len(values))
        return list(model.raw(text.text, *_filled(text, values)))

    def first(self, *values: str) -> Q | None:
        """Return the first row for the given values."""
        return next(iter(self.all(*values)), None)

    def tuples(self, *values: str) -> list[Row]:
        """Return the selected columns of all rows, which takes a third of the time of `all`."""
        _, text = self._prepared(len(values))
        return list(text.ask(_filled(text, values)))

    def _prepared(self, count: int) -> tuple[Any, _Text]:
        kind = type(proxy.obj)
        if kind not in self._known:
            query = self._build(*map(_Placeholder, range(count)))
            self._known[kind] = getattr(query, "model", None), _checked(_text(query), count)
        return self._known[kind]


def _checked(text: _Text, count: int) -> _Text:
    if {p.number for p in text.parameters if isinstance(p, _Placeholder)} != set(range(count)):
        raise TypeError(f"a value of a prepared query is not compared with a column of texts: {text.text}")
    return text


def _filled(text: _Text, values: tuple[str, ...]) -> list[object]:
    return [values[p.number] if isinstance(p, _Placeholder) else p for p in text.parameters]


class _Placeholder(str):
    """Stands for a value in a query that is not asked yet; a text, so that columns of texts take it as it is."""

    number: int

    def __new__(cls, number: int) -> _Placeholder:
        blank = super().__new__(cls)
        blank.number = number
        return blank


# -- queries of a shape that has come before --------------------------------------------------------------------------

_texts: dict[Hashable, _Text] = {}
_firsts: dict[Hashable, _Text] = {}


def tuples(query: peewee.ModelSelect[Any]) -> Iterator[Row]:
    """Return the selected columns of all rows of a query.

    Two queries that differ in nothing but the values that columns are compared with share one text. What else a query
    may have, such as joins, is answered all the same, with a text of its own.
    """
    values = Parameters()
    try:
        shape = _shape(query, values)
    except Unusual:
        return iter(query.tuples())
    text = _texts.get(shape)
    if text is None:
        text = _text(query)
        if text.parameters == values:
            if len(_texts) >= _MOST_TEXTS:
                _texts.clear()
            _texts[shape] = text
        return text.ask(text.parameters)
    return text.ask(values)


def first(query: peewee.ModelSelect[Q]) -> Q | None:
    """Return the first row of a query that selects all columns of its model, or None if it has no row.

    It is what `query.first()` returns, found by a text that is kept, see `tuples`.
    """
    row = next(tuples(query.limit(1)), None)
    return None if row is None else _made(query.model, row)


def first_active(model: type[R], conditions: Sequence[object]) -> R | None:
    """Return the oldest row that is not deleted and meets all conditions, or None if there is none.

    It is what ``model.active().where(*conditions).first()`` returns, and no query is made if one of the same shape has
    come before: that takes longer than the database does.
    """
    values = Parameters()
    try:
        shape = type(proxy.obj), model, tuple(condition_of(condition, values) for condition in conditions)
    except Unusual:
        return first(model.active().where(*conditions))
    values.append(1)
    text = _firsts.get(shape)
    if text is None:
        text = _text(model.active().where(*conditions).limit(1))
        if text.parameters != values:
            return first(model.active().where(*conditions))
        if len(_firsts) >= _MOST_TEXTS:
            _firsts.clear()
        _firsts[shape] = text
    row = next(text.ask(values), None)
    return None if row is None else _made(model, row)


def _made(model: Any, row: Row) -> Any:
    """Return the object of a row with all columns of its model."""
    found = model(__no_default__=True)
    # At once, and not by one descriptor after the other, which would note each of them as changed.
    found.__data__.update(zip(model._meta.sorted_field_names, row, strict=True))
    return found


def _shape(query: Any, values: Parameters) -> Hashable:
    """Return what text and cells of a query depend on; its columns must say how a cell becomes a value."""
    if not all(isinstance(column, peewee.Field) for column in query._returning):
        raise Unusual
    return type(proxy.obj), shape_of(query, values)
