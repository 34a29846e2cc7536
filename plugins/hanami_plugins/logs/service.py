"""What is written into the logs and read from them. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from hanami_core.access import Actor
from hanami_core.events import CallAllowed, CallFailed
from hanami_core.storage.database import relaxed
from hanami_plugins.logs.models import AuditLog, ErrorLog, LogRow

L = TypeVar("L", bound=LogRow)

PAGE = 100
TRIM_EVERY = 100
"""Rows between two looks at the length of a log, which so is at most this much longer than asked for."""
LONGEST_TEXT = 1024
LONGEST_VALUES = 16_384


def write_audit(event: CallAllowed, keep: int) -> None:
    """Add a call to the audit log, of which the last `keep` rows stay."""
    row = {"user_id": _user(event.actor), "endpoint": event.endpoint, "request_type": event.method}
    _write(AuditLog, row, keep)


def write_error(event: CallFailed, keep: int) -> None:
    """Add an internal error to the error log, of which the last `keep` rows stay."""
    row = {
        "user_id": _user(event.actor),
        "component": event.component,
        "context": _short(event.context),
        "input_values": _values(event.input_values),
        "message": _short(event.message),
    }
    _write(ErrorLog, row, keep)


def _write(model: type[LogRow], row: dict[str, Any], keep: int) -> None:
    # Not waiting for the disk costs nothing: what the call itself commits takes this row along.
    with relaxed():
        sequence = model.insert(row).execute()
        if sequence % TRIM_EVERY == 0:
            model.delete().where(model.sequence <= sequence - keep).execute()


def read(model: type[L], user_id: str | None, page: int) -> list[L]:
    """Return one page of a log, oldest rows first; `user_id` None means all users."""
    query = model.select() if user_id is None else model.select().where(model.user_id == user_id)
    return list(query.order_by(model.sequence).limit(PAGE).offset(page * PAGE))


def input_values(row: ErrorLog) -> dict[str, Any]:
    """Return the fields of the call that failed."""
    return dict(msgspec.json.decode(row.input_values, type=dict[str, Any]))


def _user(actor: Actor | None) -> str:
    return "" if actor is None else actor.user_id


def _values(values: Mapping[str, Any]) -> str:
    text = msgspec.json.encode({name: _short(value) for name, value in values.items()})
    return text.decode() if len(text) <= LONGEST_VALUES else "{}"


def _short(value: Any) -> Any:
    too_long = isinstance(value, str) and len(value) > LONGEST_TEXT
    return f"{value[:LONGEST_TEXT]}…" if too_long else value
