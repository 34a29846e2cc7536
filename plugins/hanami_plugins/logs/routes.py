"""Native routes of the logs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Route, RouteGroup, TableAnswer, rows_like, table
from hanami_core.ids import USER_ID_PATTERN
from hanami_plugins.logs.service import PAGE, read_audit, read_errors

GROUP = RouteGroup("logs", "Read who changed what, and what went wrong.", 820)
AUDIT_HEADER = ("created_at", "user_id", "endpoint", "request_type")
ERROR_HEADER = ("created_at", "user_id", "component", "context", "input_values", "message")
NOBODY = ("", "None")
"""What released clients send for no user."""

UserOrNobody = Annotated[str, Meta(pattern=rf"^({USER_ID_PATTERN[1:-1]})?$", max_length=254, examples=["katherine"])]


class OfLog(msgspec.Struct, forbid_unknown_fields=True):
    """A page of a log.

    Attributes:
        page: number of the page, from 0; each has a hundred rows, oldest first.
        user_id: id of the user; empty or `None` for no user.
    """

    page: Annotated[int, Meta(ge=0, le=1_000_000_000, examples=[0])]
    user_id: UserOrNobody = ""


AuditRow = rows_like(
    TableAnswer,
    created_at="2026-03-14 09:26:53",
    user_id="katherine",
    endpoint="v1.0alpha/cluster",
    request_type="POST",
)
ErrorRow = rows_like(
    TableAnswer,
    created_at="2026-03-14 09:26:53",
    user_id="katherine",
    component="http",
    context="GET v1.0alpha/cluster",
    input_values="{}",
    message="ValueError: ...",
)


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("GET", "/audit_log", "logs.audit", OfLog, AuditRow, audit),
        Route("GET", "/error_log", "logs.errors", OfLog, ErrorRow, errors, ("admin",)),
    )


def audit(call: Call, request: OfLog) -> TableAnswer:
    """List the calls of a user that may have changed something; your own by default."""
    entries = read_audit(call.access, _user(request), offset=request.page * PAGE)
    return table(AUDIT_HEADER, [[one.at, one.user_id, one.endpoint, one.method] for one in entries])


def errors(call: Call, request: OfLog) -> TableAnswer:
    """List internal errors, by default those of all users."""
    entries = read_errors(call.access, _user(request), offset=request.page * PAGE)
    cells = [[one.at, one.user_id, one.component, one.context, one.input_values, one.message] for one in entries]
    return table(ERROR_HEADER, cells)


def _user(request: OfLog) -> str | None:
    return None if request.user_id in NOBODY else request.user_id
