"""Logs of the server."""

from __future__ import annotations

from hanami_sdk import logs
from hanami_sdk.v04._generation import shared

__all__ = ["list_audit_logs", "list_error_logs"]

list_audit_logs = shared(
    logs.list_audit_logs, '`{"header", "body"}` with the columns timestamp, user_id, endpoint, request_type.'
)
list_error_logs = shared(
    logs.list_error_logs,
    '`{"header", "body"}` with the columns timestamp, user_id, component, context, input_values, message; the message\n'
    "    is in base64.",
)
