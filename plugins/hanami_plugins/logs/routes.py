"""REST routes of the logs."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.clock import Moment
from hanami_core.errors import Unauthorized
from hanami_core.http import Call, Route, Table, table
from hanami_plugins.logs import service
from hanami_plugins.logs.models import AuditLog, ErrorLog, LogRow

AUDIT_HEADER = ("created_at", "user_id", "endpoint", "request_type")
ERROR_HEADER = ("created_at", "user_id", "component", "context", "input_values", "message")
NOBODY = ("", "None")
"""What released clients send for no user."""

UserOrNobody = Annotated[str, Meta(pattern=r"^([a-zA-Z][a-zA-Z_0-9@]{3,253})?$", max_length=254)]


class OfLog(msgspec.Struct, forbid_unknown_fields=True):
    """Which hundred rows of a log, counted from 0, and of which user; an empty user and 'None' mean none."""

    page: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    user_id: UserOrNobody = ""


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("GET", "/audit_log", "logs.audit", OfLog, Table, audit),
        Route("GET", "/error_log", "logs.errors", OfLog, Table, errors, ("admin",)),
    ]


def audit(call: Call, request: OfLog) -> Table:
    """List the calls of a user that may have changed something; one's own, if no user is given."""
    given = request.user_id not in NOBODY
    if given and not call.actor.is_admin:
        raise Unauthorized("'user_id' can only be set by an admin")
    rows = service.read(AuditLog, request.user_id if given else call.actor.user_id, request.page)
    return table(AUDIT_HEADER, [_cells(row, AUDIT_HEADER) for row in rows])


def errors(call: Call, request: OfLog) -> Table:
    """List internal errors; those of all users, if no user is given."""
    if not call.actor.is_admin:
        raise Unauthorized("only an admin is allowed to request error-logs")
    rows = service.read(ErrorLog, request.user_id if request.user_id not in NOBODY else None, request.page)
    return table(ERROR_HEADER, [_error(row) for row in rows])


def _error(row: ErrorLog) -> list[Any]:
    return _cells(row, ERROR_HEADER, input_values=service.input_values(row))


def _cells(row: LogRow, header: tuple[str, ...], **given: Any) -> list[Any]:
    given["created_at"] = Moment(row.created_at)
    return [given.get(name, getattr(row, name)) for name in header]
