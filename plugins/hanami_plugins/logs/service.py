"""What is written into the logs, and read from them by routes of any Api and by other plugins. Knows no HTTP.

Everybody reads what they did themselves; what others did, and internal errors, are for global admins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import peewee

from hanami_core.access import Access, Actor
from hanami_core.clock import Moment
from hanami_core.events import CallAllowed, CallFailed
from hanami_core.runtime import Runtime
from hanami_core.storage.database import relaxed
from hanami_plugins.logs.models import AuditLog, ErrorLog, LogRow

__all__ = [
    "PAGE",
    "AuditEntry",
    "ErrorEntry",
    "count_errors",
    "read_audit",
    "read_errors",
    "trim",
    "write_audit",
    "write_error",
]

L = TypeVar("L", bound=LogRow)

PAGE = 100
"""Rows that are read if nothing else is said."""
TRIM_SECONDS = 60.0
"""Time between two looks at the lengths of the logs."""
LONGEST_TEXT = 1024
LONGEST_VALUES = 16_384


@dataclass(frozen=True)
class AuditEntry:
    """A call that may have changed something; `endpoint` is what policies call it, `method` the HTTP method."""

    at: Moment
    user_id: str
    endpoint: str
    method: str


@dataclass(frozen=True)
class ErrorEntry:
    """A call that ended with an internal error; see `hanami_core.events.CallFailed`."""

    at: Moment
    user_id: str
    component: str
    context: str
    input_values: Mapping[str, Any]
    message: str


def read_audit(access: Access, user_id: str | None = None, *, offset: int = 0, limit: int = PAGE) -> list[AuditEntry]:
    """Return calls of a user, the oldest first; those of the actor, if no user is given.

    Raises:
        Forbidden: if a user is given and the actor is not an admin.
    """
    if user_id is not None:
        access.require_admin("audit_of_others")
    rows = _read(AuditLog, access.actor.user_id if user_id is None else user_id, offset, limit)
    return [AuditEntry(Moment(row.created_at), row.user_id, row.endpoint, row.request_type) for row in rows]


def read_errors(
    access: Access, user_id: str | None = None, *, offset: int = 0, limit: int = PAGE, newest_first: bool = False
) -> list[ErrorEntry]:
    """Return internal errors, the oldest first unless told otherwise; those of all users, if no user is given.

    Raises:
        Forbidden: if the actor is not an admin.
    """
    access.require_admin("errors_for_admins")
    return [_error(row) for row in _read(ErrorLog, user_id, offset, limit, newest_first=newest_first)]


def count_errors(access: Access) -> int:
    """Return how many internal errors there are.

    Raises:
        Forbidden: if the actor is not an admin.
    """
    access.require_admin("errors_for_admins")
    return int(ErrorLog.select().count())


def _read(model: type[L], user_id: str | None, offset: int, limit: int, *, newest_first: bool = False) -> list[L]:
    query = model.select() if user_id is None else model.select().where(model.user_id == user_id)
    order = model.sequence.desc() if newest_first else model.sequence
    return list(query.order_by(order).limit(limit).offset(offset))


def _error(row: ErrorLog) -> ErrorEntry:
    values = msgspec.json.decode(row.input_values, type=dict[str, Any])
    return ErrorEntry(Moment(row.created_at), row.user_id, row.component, row.context, values, row.message)


def write_audit(event: CallAllowed) -> None:
    """Add a call to the audit log."""
    row = {"user_id": _user(event.actor), "endpoint": event.endpoint, "request_type": event.method}
    _write(AuditLog, row)


def write_error(event: CallFailed) -> None:
    """Add an internal error to the error log."""
    row = {
        "user_id": _user(event.actor),
        "component": event.component,
        "context": _short(event.context),
        "input_values": _values(event.input_values),
        "message": _short(event.message),
    }
    _write(ErrorLog, row)


def _write(model: type[LogRow], row: dict[str, Any]) -> None:
    # Not waiting for the disk costs nothing: what the call itself commits takes this row along.
    with relaxed():
        model.insert(row).execute()


def trim(runtime: Runtime) -> None:
    """Remove the oldest rows of both logs, so that the latest ones stay that the settings ask for."""
    for model, setting in ((AuditLog, "logs.audit_rows"), (ErrorLog, "logs.error_rows")):
        latest = model.select(peewee.fn.MAX(model.sequence)).scalar() or 0
        with relaxed():
            model.delete().where(model.sequence <= latest - runtime.settings[setting]).execute()


def _user(actor: Actor | None) -> str:
    return "" if actor is None else actor.user_id


def _values(values: Mapping[str, object]) -> str:
    text = msgspec.json.encode({name: _short(value) for name, value in values.items()})
    return text.decode() if len(text) <= LONGEST_VALUES else "{}"


def _short(value: Any) -> object:
    too_long = isinstance(value, str) and len(value) > LONGEST_TEXT
    return f"{value[:LONGEST_TEXT]}…" if too_long else value
