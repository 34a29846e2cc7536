"""How large a query may be. Looks at what was parsed, before it is compared with the schema or anything is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

__all__ = ["MOST_FIELDS", "MOST_LEVELS", "parsed"]

MOST_FIELDS = 1_000
"""Fields of all operations together; those of a fragment count wherever it is used."""
MOST_LEVELS = 20
MOST_CALLS = 100
"""Fields of the first level: each of them is a question to the database, and all are compared with each other."""
MOST_TOKENS = 20_000
TOO_DEEP = f"a query has at most {MOST_LEVELS} levels of fields"
TOO_WIDE = f"a query has at most {MOST_FIELDS} fields, {MOST_CALLS} of them on the first level"


class Size(NamedTuple):
    """Number of fields, how many of them are on the first level, and how deep they lie in each other."""

    fields: int = 0
    calls: int = 0
    levels: int = 0


def parsed(text: str) -> DocumentNode:
    """Return a document.

    Raises:
        GraphQLError: if it cannot be read or is too large; the text says why.
    """
    try:
        document = parse(text, max_tokens=MOST_TOKENS)
        _SizeMeter(document).require()
    except RecursionError:
        raise GraphQLError(TOO_DEEP) from None
    return document


class _SizeMeter:
    """Measures the operations of a document; fragments are measured once."""

    def __init__(self, document: DocumentNode) -> None:
        nodes = document.definitions
        self._operations = [node for node in nodes if isinstance(node, OperationDefinitionNode)]
        self._fragments = {node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)}
        self._known: dict[str, Size] = {}
        self._open: set[str] = set()

    def require(self) -> None:
        """Raise if the document is too large."""
        names = [self._fragment(name) for name in self._fragments]
        sizes = [self._size(operation.selection_set) for operation in self._operations]
        if any(size.levels > MOST_LEVELS for size in (*names, *sizes)):
            raise GraphQLError(TOO_DEEP)
        total = _sum(sizes)
        if total.fields > MOST_FIELDS or total.calls > MOST_CALLS or any(size.fields > MOST_FIELDS for size in names):
            raise GraphQLError(TOO_WIDE)

    def _size(self, selected: SelectionSetNode | None) -> Size:
        if selected is None:
            return Size()
        return _sum(self._selection(node) for node in selected.selections)

    def _selection(self, node: object) -> Size:
        if isinstance(node, FieldNode):
            inner = self._size(node.selection_set)
            return Size(inner.fields + 1, 1, inner.levels + 1)
        if isinstance(node, InlineFragmentNode):
            return self._size(node.selection_set)
        assert isinstance(node, FragmentSpreadNode)
        return self._fragment(node.name.value)

    def _fragment(self, name: str) -> Size:
        if name not in self._fragments:
            return Size()  # which the schema has something to say about
        if name in self._open:
            raise GraphQLError(f"fragment '{name}' contains itself")
        if name not in self._known:
            self._open.add(name)
            self._known[name] = self._size(self._fragments[name].selection_set)
            self._open.discard(name)
        return self._known[name]


def _sum(sizes: Iterable[Size]) -> Size:
    found = Size()
    for size in sizes:
        found = Size(found.fields + size.fields, found.calls + size.calls, max(found.levels, size.levels))
    return found
