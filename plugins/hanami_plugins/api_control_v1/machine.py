"""Hosts, measurements and logs, as v0.4 shows them."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Empty, Listing, Paging, Route, TableAnswer, paged, rows_like, table
from hanami_core.ids import EXAMPLE_UUID, USER_ID_PATTERN
from hanami_plugins import hosts, logs, measurements
from hanami_plugins.api_control_v1.api import for_admins, route

AUDIT_HEADER = ("timestamp", "user_id", "endpoint", "request_type")
ERROR_HEADER = ("timestamp", "user_id", "component", "context", "input_values", "message")
PAGE = 100
NOBODY = ("", "None")
"""What released clients send for no user."""

UserOrNobody = Annotated[str, Meta(pattern=rf"^({USER_ID_PATTERN[1:-1]})?$", max_length=254, examples=["katherine"])]


class ControlOfLog(msgspec.Struct, forbid_unknown_fields=True):
    """A page of a log.

    Attributes:
        page: number of the page, from 0; each has a hundred rows, oldest first.
        user_id: id of the user; empty or `None` for no user.
    """

    page: Annotated[int, Meta(ge=0, le=1_000_000_000, examples=[0])]
    user_id: UserOrNobody = ""


HostRow = rows_like(Listing, uuid=EXAMPLE_UUID, type="cpu")
AuditRow = rows_like(
    TableAnswer, timestamp="2026-03-14 09:26:53", user_id="katherine", endpoint="v1/cluster", request_type="POST"
)
ErrorRow = rows_like(
    TableAnswer,
    timestamp="2026-03-14 09:26:53",
    user_id="katherine",
    component="http",
    context="GET v1/cluster",
    input_values="{}",
    message="VmFsdWVFcnJvcg==",
)


def routes() -> list[Route]:
    """Return the routes."""
    return [
        route("GET", "/host/all", "hosts.list", Paging, HostRow, list_hosts),
        route("GET", "/power_consumption", "measurements.power", Empty, dict[str, Any], power),
        route("GET", "/temperature_production", "measurements.temperature", Empty, dict[str, Any], temperature),
        route("GET", "/speed", "measurements.speed", Empty, dict[str, Any], speed),
        route("GET", "/system_info", "measurements.system", Empty, dict[str, Any], system_info),
        route("GET", "/threading", "measurements.threads", Empty, dict[str, Any], threads),
        route("GET", "/audit_log", "logs.audit", ControlOfLog, AuditRow, audit),
        for_admins("GET", "/error_log", "logs.errors", ControlOfLog, ErrorRow, errors),
    ]


def list_hosts(call: Call, request: Paging) -> Listing:
    """List all hosts: identity and kind."""
    rows = ([host.uuid, host.kind] for host in hosts.list_hosts(call.runtime))
    return paged(("uuid", "type"), enumerate(rows, 1), request)


def power(call: Call, request: Empty) -> dict[str, object]:
    """Return what the processors take, in W."""
    return {"power": measurements.measured(call.runtime, measurements.POWER)}


def temperature(call: Call, request: Empty) -> dict[str, object]:
    """Return how warm the processors are, in °C."""
    return {"temperature": measurements.measured(call.runtime, measurements.TEMPERATURE)}


def speed(call: Call, request: Empty) -> dict[str, object]:
    """Return how fast the cores run, in MHz."""
    return {"current_speed": measurements.measured(call.runtime, measurements.SPEED)}


def system_info(call: Call, request: Empty) -> dict[str, object]:
    """Describe the machine's processors."""
    return {"info": measurements.describe_machine(call.runtime)}


def threads(call: Call, request: Empty) -> dict[str, object]:
    """List the threads of the answering process and of the sidecars."""
    return {"thread_map": measurements.thread_map(call.runtime)}


def audit(call: Call, request: ControlOfLog) -> TableAnswer:
    """List the calls of a user that may have changed something; one's own, if no user is given."""
    entries = logs.read_audit(call.access, _user(request), offset=request.page * PAGE, limit=PAGE)
    return table(AUDIT_HEADER, [[one.at, one.user_id, one.endpoint, one.method] for one in entries])


def errors(call: Call, request: ControlOfLog) -> TableAnswer:
    """List internal errors, with messages in base64; those of all users, if no user is given."""
    entries = logs.read_errors(call.access, _user(request), offset=request.page * PAGE, limit=PAGE)
    return table(ERROR_HEADER, [_error(one) for one in entries])


def _error(one: logs.ErrorEntry) -> list[object]:
    message = base64.b64encode(one.message.encode()).decode()
    return [one.at, one.user_id, one.component, one.context, one.input_values, message]


def _user(request: ControlOfLog) -> str | None:
    return None if request.user_id in NOBODY else request.user_id
