"""Hosts: the CPUs and GPUs that carry clusters."""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = ["list_hosts"]


def list_hosts(token: str, address: str, verify_connection: bool = True) -> bytes:
    """List the CPUs and GPUs of the server.

    Args:
        token: token.
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        verify_connection: check the certificate of an https address.

    Returns:
        `{"header", "body"}` with the columns uuid, type (`cpu` or `cuda`).

    Raises:
        HanamiException: the server refused the request.
    """
    return _calls.get(token, address, "/host/all", verify_connection)
