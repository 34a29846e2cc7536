"""Conditions and orders of the small languages on lists of objects in memory; they mean the same as in SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from hanami_plugins.backendai_admin.language import AllOf, Condition, FieldComparison, Negation, OrderTerm
from hanami_plugins.backendai_admin.patterns import as_regex, containing

__all__ = ["Predicate", "ordered", "predicate"]

Item = Mapping[str, Any]
Predicate = Callable[[Item], bool]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, ">": gt, ">=": ge, "<": lt, "<=": le}


def predicate(condition: Condition) -> Predicate:
    """Return a function that tells whether a condition holds for an object with its fields."""
    if isinstance(condition, FieldComparison):
        return _comparison(condition)
    if isinstance(condition, Negation):
        holds = predicate(condition.part)
        return lambda item: not holds(item)
    parts = [predicate(part) for part in condition.parts]
    together = all if isinstance(condition, AllOf) else any
    return lambda item: together(part(item) for part in parts)


def ordered(items: Sequence[Item], terms: list[OrderTerm]) -> list[Item]:
    """Return objects sorted; values that are not there come first, and last where the order is a descending one."""
    found = list(items)
    for term in reversed(terms):
        found.sort(key=lambda item, name=term.field: _key(item[name]), reverse=term.descending)  # type: ignore[misc]
    return found


def _key(value: Any) -> tuple[bool, Any]:
    return value is not None, 0 if value is None else value


def _comparison(one: FieldComparison) -> Predicate:
    if one.operator == "is":
        return lambda item: bool(item[one.field] is one.value)
    if one.operator == "isnot":
        return lambda item: item[one.field] is not one.value
    compare = _compared(one)
    return lambda item: item[one.field] is not None and compare(item[one.field])


def _compared(one: FieldComparison) -> Callable[[Any], bool]:
    value = one.value
    if isinstance(value, list):
        return lambda found: found in value
    if one.operator in _COMPARE:
        compare = _COMPARE[one.operator]
        return lambda found: compare(found, value)
    pattern = containing(str(value)) if one.operator == "contains" else str(value)
    matches = as_regex(pattern, ignore_case=one.operator == "ilike").match
    return lambda found: matches(found) is not None
