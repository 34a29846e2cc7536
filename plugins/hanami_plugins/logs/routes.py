"""Native routes of the logs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Route, Table, table
from hanami_core.ids import USER_ID_PATTERN
from hanami_plugins.logs.service import PAGE, read_audit, read_errors

AUDIT_HEADER = ("created_at", "user_id", "endpoint", "request_type")
ERROR_HEADER = ("created_at", "user_id", "component", "context", "input_values", "message")
NOBODY = ("", "None")
"""What released clients send for no user."""

UserOrNobody = Annotated[str, Meta(pattern=rf"^({USER_ID_PATTERN[1:-1]})?$", max_length=254)]


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
    entries = read_audit(call.access, _user(request), offset=request.page * PAGE)
    return table(AUDIT_HEADER, [[one.at, one.user_id, one.endpoint, one.method] for one in entries])


def errors(call: Call, request: OfLog) -> Table:
    """List internal errors; those of all users, if no user is given."""
    entries = read_errors(call.access, _user(request), offset=request.page * PAGE)
    cells = [[one.at, one.user_id, one.component, one.context, one.input_values, one.message] for one in entries]
    return table(ERROR_HEADER, cells)


def _user(request: OfLog) -> str | None:
    return None if request.user_id in NOBODY else request.user_id
