"""Queries that come up again and again: their texts are kept, because making one takes longer than answering it.

Must not know what is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import peewee

from hanami_core.storage.database import ACTIVE, BlobField, NameField, Record, proxy

__all__ = ["Prepared", "first", "first_active", "tuples"]

Q = TypeVar("Q", bound=peewee.Model)
R = TypeVar("R", bound=Record)
Row = tuple[Any, ...]
Convert = Callable[[Any], Any]

_MOST_TEXTS = 1000
_PLAIN: dict[type, type] = {
    peewee.CharField: str,
    BlobField: str,
    peewee.TextField: str,
    peewee.AutoField: int,
    peewee.IntegerField: int,
    peewee.BigIntegerField: int,
    peewee.DoubleField: float,
}
"""Columns whose values reach the database as they are, and come back so."""
_READ = {*_PLAIN, NameField}
"""Columns whose values come back from the database as they are."""
_HANDLED = {"_where", "_limit", "_order_by", "_returning", "_from_list", "_hash", "_cursor_wrapper", "_row_type"}
_HANDLED |= {"model", "_join_ctx", "_is_default", "_database"}
"""Attributes of a query that `_shape` looks at, or that do not change its text."""


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
    columns = enumerate(query._returning)
    return _Text(text, parameters, [(n, column.python_value) for n, column in columns if type(column) not in _READ])


class Prepared(Generic[Q]):
    """A query of every request.

    Args:
        build: returns the query for given values, which must be texts; called once for a kind of database. It selects
            columns of its model and nothing else.
    """

    def __init__(self, build: Callable[..., peewee.ModelSelect[Q]]) -> None:
        self._build = build
        self._known: dict[type, tuple[type[Q], _Text]] = {}

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

    def _prepared(self, count: int) -> tuple[type[Q], _Text]:
        kind = type(proxy.obj)
        if kind not in self._known:
            query = self._build(*map(_Placeholder, range(count)))
            self._known[kind] = query.model, _checked(_text(query), count)
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


class _Unusual(Exception):
    """A query whose text cannot be told from its shape."""


def tuples(query: peewee.ModelSelect[Any]) -> Iterator[Row]:
    """Return the selected columns of all rows of a query.

    Two queries that differ in nothing but the values that columns are compared with share one text. What else a query
    may have, such as joins, is answered all the same, with a text of its own.
    """
    values: list[object] = []
    try:
        shape = _shape(query, values)
    except _Unusual:
        return iter(query.tuples())
    text = _texts.get(shape)
    if text is None:
        text = _text(query)
        if text.parameters == values:
            if len(_texts) >= _MOST_TEXTS:
                _texts.clear()
            _texts[shape] = text
        values = text.parameters
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
    values: list[object] = [ACTIVE]
    try:
        shape = type(proxy.obj), model, tuple(_condition(condition, values) for condition in conditions)
    except _Unusual:
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


def _shape(query: Any, values: list[object]) -> Hashable:
    """Return what the text of a query depends on, and add the values that it leaves out, in the order of the text."""
    kind = type(query)
    if kind is not peewee.ModelSelect or query._from_list != [query.model]:
        raise _Unusual
    if any(query.__dict__[name] for name in query.__dict__.keys() - _HANDLED):
        raise _Unusual
    columns = tuple(_column(column) for column in query._returning)
    order = tuple(_column(column) for column in query._order_by or ())
    where = None if query._where is None else _condition(query._where, values)
    if query._limit is not None:
        values.append(query._limit)
    return type(proxy.obj), query.model, columns, where, order, query._limit is None


def _column(column: object) -> Hashable:
    if not isinstance(column, peewee.Field):
        raise _Unusual
    return column.model, column.column_name


def _condition(node: Any, values: list[object]) -> Hashable:
    kind = type(node)
    if kind is peewee.Expression:
        left = _condition(node.lhs, values)
        if _PLAIN.get(type(node.lhs)) is type(node.rhs):
            values.append(node.rhs)
            return node.op, node.flat, left
        return node.op, node.flat, left, _condition(node.rhs, values)
    if kind in _PLAIN:
        return _column(node)
    if kind is peewee.SQL and not node.params:
        return "", node.sql
    if kind is peewee.Negated:
        return "NOT", _condition(node.node, values)
    raise _Unusual
