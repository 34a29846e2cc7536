"""A driver that keeps the texts of its statements, because writing one takes longer than most databases take to answer.

Must not know what is asked for.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import peewee

from hanami_core.storage.shapes import Parameters, Unusual, shape_of

__all__ = ["KeepsTexts"]

_MOST = 1000


class KeepsTexts(peewee.Database):
    """Base of a driver, to be named before the class of peewee, such as ``class Mine(KeepsTexts, PostgresqlDatabase)``.

    A statement that differs from an earlier one in nothing but values gets the text of that. Statements that this
    cannot be told of, such as those with aliases of models, are written by peewee each time.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin with no text; everything else is up to the other base."""
        self._texts: dict[Hashable, str] = {}
        super().__init__(*args, **options)

    def execute(self, query: Any, **context_options: Any) -> Any:
        """Execute a query, with the text of an earlier one if that differed in nothing but values."""
        values = Parameters()
        try:
            shape = None if context_options else shape_of(query, values)
        except Unusual:
            shape = None
        text = None if shape is None else self._texts.get(shape)
        if text is None:
            text, parameters = self._written(query, context_options)
            if shape is not None and parameters == values:
                self._keep(shape, text)
            values[:] = parameters
        return self.execute_sql(text, values)  # type: ignore[no-untyped-call]

    def _written(self, query: Any, options: dict[str, Any]) -> tuple[str, list[Any]]:
        context: Any = self.get_sql_context(**options)
        text, parameters = context.sql(query).query()
        return text, parameters

    def _keep(self, shape: Hashable, text: str) -> None:
        if len(self._texts) >= _MOST:
            self._texts.clear()
        self._texts[shape] = text
