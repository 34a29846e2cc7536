"""Turns columns of moments that were stored as texts into numbers: seconds since 1970. For migrations.

The first edition stored moments the way it showed them, with a dash for one that has not come.
"""

from __future__ import annotations

from datetime import UTC, datetime

import peewee
from playhouse.migrate import SchemaMigrator, SqliteMigrator

from hanami_core.clock import NO_STAMP
from hanami_core.errors import StartupError

__all__ = ["texts_to_numbers"]

_BATCH = 10_000


def texts_to_numbers(migrator: SchemaMigrator, table: str, column: str, *, null: bool = False) -> None:
    """Turn a column of texts into one of numbers in its place, in the transaction of a migration.

    A column that is not of texts stays as it is.

    Args:
        migrator: what a migration gets.
        table: name of the table, which must have a primary key of one column.
        column: name of the column.
        null: whether a moment may be one that has not come, which becomes NULL.

    Raises:
        StartupError: if a text is not a moment; it names the row.
    """
    if not _holds_texts(migrator.database, table, column):
        return
    field: peewee.Field = peewee.DoubleField(null=True) if null else peewee.DoubleField()
    if isinstance(migrator, SqliteMigrator):
        # SQLite takes a text for a number once it looks like one, so the table is rewritten but once.
        migrator.migrate(migrator.alter_column_type(table, column, field))
        _write_digits(migrator.database, table, column, null)
        return
    if null:
        migrator.migrate(migrator.drop_not_null(table, column))
    _write_digits(migrator.database, table, column, null)
    cast = f'CAST("{column}" AS double precision)'
    migrator.migrate(migrator.alter_column_type(table, column, field, cast=cast))


def _holds_texts(db: peewee.Database, table: str, column: str) -> bool:
    kinds = {found.name: str(found.data_type).lower() for found in db.get_columns(table)}
    return any(word in kinds.get(column, "") for word in ("char", "text"))


def _write_digits(db: peewee.Database, table: str, column: str, null: bool) -> None:
    """Do it batch by batch in the order of the primary key: a log can be long."""
    (key,) = db.get_primary_keys(table)
    rows = peewee.Table(table, (key, column)).bind(db)
    identity, texts = getattr(rows, key), getattr(rows, column)
    query = rows.select(texts, identity).order_by(identity).limit(_BATCH).tuples()
    change, _ = rows.update({texts: ""}).where(identity == 0).sql()
    found = list(query)
    while found:
        digits = [(_digits(table, column, row, text, null), row) for text, row in found]
        db.cursor().executemany(change, digits)  # type: ignore[no-untyped-call]
        found = list(query.where(identity > found[-1][1]))


def _digits(table: str, column: str, row: object, text: str, null: bool) -> str | None:
    if null and text == NO_STAMP:
        return None
    try:
        return str(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise StartupError(f"table {table}, row {row}: {column} is {text!r}, which is not a moment") from None
