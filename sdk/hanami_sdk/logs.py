"""Logs of the server."""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = ["list_audit_logs", "list_error_logs"]


def list_audit_logs(token: str, address: str, user_id: str | None, page: int, verify_connection: bool = True) -> bytes:
    """List up to 100 calls that changed something.

    Args:
        token: token.
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        user_id: id of a user, for administrators only; empty or None means the owner of the token.
        page: which hundred, counted from 0.
        verify_connection: check the certificate of an https address.

    Returns:
        `{"header", "body"}` with the columns created_at, user_id, endpoint, request_type.

    Raises:
        UnauthorizedException: only an administrator may see those of other users.
    """
    query = {"user_id": user_id} if user_id else {}
    return _calls.get(token, address, "/audit_log", verify_connection, **query, page=page)


def list_error_logs(token: str, address: str, user_id: str | None, page: int, verify_connection: bool = True) -> bytes:
    """List up to 100 errors of the server; for administrators only.

    Args:
        token: token of an administrator.
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        user_id: id of a user; empty or None means all users.
        page: which hundred, counted from 0.
        verify_connection: check the certificate of an https address.

    Returns:
        `{"header", "body"}` with the columns created_at, user_id, component, context, input_values, message.

    Raises:
        UnauthorizedException: only an administrator may do this.
    """
    query = {"user_id": user_id} if user_id else {}
    return _calls.get(token, address, "/error_log", verify_connection, **query, page=page)
