"""Conditions and orders of the small languages as expressions of SQL, for lists whose rows are those of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any, NamedTuple

from peewee import OP, SQL, Expression, NodeList, Value

from hanami_core.storage.database import bound
from hanami_plugins.backendai_admin.language import AllOf, Condition, FieldComparison, Kind, Negation, OrderTerm
from hanami_plugins.backendai_admin.patterns import ESCAPE, as_glob, as_like, containing

__all__ = ["Columns", "FilterColumn", "order_by", "where"]

_COMPARE = {"==": eq, "!=": ne, ">": gt, ">=": ge, "<": lt, "<=": le}


class FilterColumn(NamedTuple):
    """What a field is in SQL: a column or another expression."""

    kind: Kind
    node: Any


Columns = Mapping[str, FilterColumn]


def where(condition: Condition, columns: Columns) -> Any:
    """Return a condition as an expression that is never NULL: no comparison holds for a value that is not there."""
    if isinstance(condition, FieldComparison):
        return _comparison(condition, columns[condition.field].node)
    if isinstance(condition, Negation):
        return ~where(condition.part, columns)
    parts = [where(part, columns) for part in condition.parts]
    return reduce(and_ if isinstance(condition, AllOf) else or_, parts)


def order_by(terms: list[OrderTerm], columns: Columns) -> list[Any]:
    """Return the expressions to sort by; values that are not there come first."""
    return [
        columns[term.field].node.desc(nulls="last") if term.descending else columns[term.field].node.asc(nulls="first")
        for term in terms
    ]


def _comparison(one: FieldComparison, node: Any) -> Any:
    is_null = Expression(node, OP.IS, None)
    if one.operator in ("is", "isnot"):
        holds = is_null if one.value is None else ~is_null & (node == one.value)
        return holds if one.operator == "is" else ~holds
    return ~is_null & _compared(one, node)


def _compared(one: FieldComparison, node: Any) -> Any:
    if one.operator == "in":
        return node.in_(one.value) if one.value else SQL("0 = 1")
    if one.operator in _COMPARE:
        compare: Callable[[Any, Any], Any] = _COMPARE[one.operator]
        return compare(node, one.value)
    pattern = containing(str(one.value)) if one.operator == "contains" else str(one.value)
    return _like(node, pattern, ignore_case=one.operator == "ilike")


def _like(node: Any, pattern: str, *, ignore_case: bool) -> Any:
    # peewee writes SQLite's GLOB for LIKE, because LIKE ignores case there.
    if not ignore_case and bound().driver.operations.get(OP.LIKE) == "GLOB":
        return Expression(node, OP.LIKE, as_glob(pattern))
    text = NodeList((Value(as_like(pattern), converter=False), SQL("ESCAPE"), Value(ESCAPE, converter=False)))
    return Expression(node, OP.ILIKE if ignore_case else OP.LIKE, text)
