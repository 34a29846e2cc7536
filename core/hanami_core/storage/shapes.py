"""What the text of a query depends on, told apart from the values that it is asked with.

Two queries of the same shape differ in nothing but values, so they share one text. Finding a shape takes a small part
of the time that peewee takes to write the text.

Knows what queries of peewee are made of. Whatever is not known here, or known to depend on more than its shape, such as
an alias of a model, is `Unusual`, and its text has to be written each time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import peewee

__all__ = ["PLAIN", "Parameters", "Unusual", "condition_of", "shape_of"]

PLAIN: dict[type, type] = {
    peewee.CharField: str,
    peewee.TextField: str,
    peewee.AutoField: int,
    peewee.IntegerField: int,
    peewee.BigIntegerField: int,
    peewee.DoubleField: float,
}
"""Columns whose values reach the database as they are, and come back so."""
_LISTS = (peewee.OP.IN, peewee.OP.NOT_IN)
_SINGLE = (str, int, float, bytes, type(None))
"""Values that are one parameter."""
_SELECTED = {"_where", "_limit", "_offset", "_order_by", "_returning", "_from_list", "_group_by", "_alias"}
_SELECTED |= {"_simple_distinct", "_is_default"}
"""Attributes of a selection that are part of its shape."""
_WRITTEN = {"_insert", "_update", "_where", "table"}
"""Attributes of a row that is added, changed or removed that are part of its shape."""
_ASIDE = {"_hash", "_cursor_wrapper", "_row_type", "_constructor", "_database", "_join_ctx", "_joins"}
"""Attributes that say how rows are made of an answer, or how the query was made."""


class Unusual(Exception):
    """A query whose text cannot be told from its shape."""


class Parameters(list[Any]):
    """The values that a shape leaves out, in the order of the text, as the database gets them."""

    def __init__(self, first: Iterable[object] = ()) -> None:
        """Begin with what the text begins with."""
        super().__init__(first)
        self.inner: set[int] = set()
        """Selections that were met; of one that occurs twice, the text depends on that."""


def shape_of(query: Any, values: Parameters) -> Hashable:
    """Return the shape of a query, and add the values that it leaves out.

    Raises:
        Unusual: if its text depends on more.
    """
    read = _QUERIES.get(type(query))
    if read is None:
        raise Unusual
    return read(query, values)


def condition_of(node: Any, values: Parameters) -> Hashable:
    """Return the shape of a condition, or of another part of a query, and add the values that it leaves out.

    Raises:
        Unusual: if its text depends on more.
    """
    kind = type(node)
    if kind in PLAIN:  # the most frequent ones first
        return node.model, node.column_name
    read = _PARTS.get(kind)
    if read is not None:
        return read(node, values)
    if not isinstance(node, peewee.Field):
        raise Unusual
    return node.model, node.column_name


def _expression(node: peewee.Expression, values: Parameters) -> Hashable:
    left, given, kind = node.lhs, node.rhs, type(node.lhs)
    shape = condition_of(left, values)
    if PLAIN.get(kind) is type(given):
        values.append(given)
        return node.op, node.flat, shape
    if isinstance(given, peewee.Node):
        return node.op, node.flat, shape, condition_of(given, values)
    if given is None and node.op in (peewee.OP.IS, peewee.OP.IS_NOT):
        return node.op, node.flat, shape, None
    if isinstance(left, peewee.ForeignKeyField):  # a value may be a row
        raise Unusual
    convert = left.db_value if isinstance(left, peewee.Field) else None
    if isinstance(given, list | tuple) and node.op in _LISTS:
        values.extend(_value(one, convert) for one in given)
        return node.op, node.flat, shape, len(given)
    values.append(_value(given, convert))
    return node.op, node.flat, shape


def _value(given: Any, convert: Callable[[Any], Any] | None) -> object:
    if not isinstance(given, _SINGLE):  # such as a set, of which peewee makes several
        raise Unusual
    value = given if convert is None else convert(given)
    if isinstance(value, peewee.Node):
        raise Unusual
    return value


def _negated(node: peewee.Negated, values: Parameters) -> Hashable:
    return "NOT", condition_of(node.node, values)


def _ordering(node: peewee.Ordering, values: Parameters) -> Hashable:
    if node.nulls:
        raise Unusual
    return node.direction, node.collation, condition_of(node.node, values)


def _sql(node: peewee.SQL, _: Parameters) -> Hashable:
    if node.params:
        raise Unusual
    return "", node.sql


def _function(node: Any, values: Parameters) -> Hashable:
    if node._filter is not None or node._order_by:
        raise Unusual
    return "()", node.name, tuple(_argument(one, values) for one in node.arguments)


def _argument(given: Any, values: Parameters) -> Hashable:
    if isinstance(given, peewee.Node):
        return condition_of(given, values)
    values.append(_value(given, None))
    return None


def _join(node: Any, values: Parameters) -> Hashable:
    if node._alias is not None:
        raise Unusual
    sides = _source(node.lhs, values), node.join_type, _source(node.rhs, values)
    return *sides, None if node._on is None else condition_of(node._on, values)


def _source(given: Any, values: Parameters) -> Hashable:
    if isinstance(given, type) and issubclass(given, peewee.Model):
        return given
    if type(given) is peewee.Join:
        return _join(given, values)
    if type(given) in _SELECTIONS:
        return _selection(given, values)
    raise Unusual


def _selection(query: Any, values: Parameters) -> Hashable:
    if id(query) in values.inner or (query._offset is not None and query._limit is None):
        raise Unusual
    values.inner.add(id(query))
    _refuse_more(query, _SELECTED)
    shape = (
        type(query),
        getattr(query, "_is_default", False),
        query._simple_distinct,
        query._alias,
        tuple(condition_of(column, values) for column in query._returning),
        tuple(_source(one, values) for one in query._from_list),
        None if query._where is None else condition_of(query._where, values),
        tuple(condition_of(one, values) for one in query._group_by or ()),
        tuple(condition_of(one, values) for one in query._order_by or ()),
    )
    ends = [end for end in (query._limit, query._offset) if end is not None]
    values.extend(_value(end, None) for end in ends)
    return *shape, query._limit is None, query._offset is None


def _addition(query: Any, values: Parameters) -> Hashable:
    _refuse_more(query, _WRITTEN)
    row, defaults = query._insert, query.model._meta.defaults
    # Peewee itself makes what is not given, which may be another value each time.
    if type(row) is not dict or not all(isinstance(column, peewee.Field) for column in row) or defaults.keys() - row:
        raise Unusual
    columns = sorted(row, key=lambda column: column.get_sort_key(None))
    if any(_assigned(column, row[column], values) for column in columns):
        raise Unusual
    return "INSERT", query.model, tuple(column.column_name for column in columns)


def _change(query: Any, values: Parameters) -> Hashable:
    _refuse_more(query, _WRITTEN)
    changes = sorted(query._update.items(), key=lambda change: change[0].get_sort_key(None))
    assigned = tuple((column.column_name, _assigned(column, value, values)) for column, value in changes)
    return "UPDATE", query.model, assigned, _where(query, values)


def _assigned(column: Any, value: Any, values: Parameters) -> Hashable:
    if isinstance(value, peewee.Node):
        return condition_of(value, values)
    if isinstance(column, peewee.ForeignKeyField):
        raise Unusual
    values.append(_value(value, column.db_value))
    return None


def _removal(query: Any, values: Parameters) -> Hashable:
    _refuse_more(query, _WRITTEN)
    return "DELETE", query.model, _where(query, values)


def _where(query: Any, values: Parameters) -> Hashable:
    return None if query._where is None else condition_of(query._where, values)


def _refuse_more(query: Any, known: set[str]) -> None:
    """Refuse whatever a query has besides."""
    if any(query.__dict__[name] for name in query.__dict__.keys() - known - _ASIDE - {"model"}):
        raise Unusual


_SELECTIONS = peewee.ModelSelect, peewee.Select
_PARTS: dict[type, Callable[[Any, Parameters], Hashable]] = {
    peewee.Expression: _expression,
    peewee.Negated: _negated,
    peewee.Ordering: _ordering,
    peewee.SQL: _sql,
    peewee.Function: _function,
    peewee.ModelSelect: _selection,
    peewee.Select: _selection,
}
_QUERIES: dict[type, Callable[[Any, Parameters], Hashable]] = {
    peewee.ModelSelect: _selection,
    peewee.Select: _selection,
    peewee.ModelInsert: _addition,
    peewee.ModelUpdate: _change,
    peewee.ModelDelete: _removal,
}
