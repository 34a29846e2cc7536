"""Hosts: the CPUs and GPUs that carry clusters."""

from __future__ import annotations

from hanami_sdk import _calls

__all__ = ["list_hosts"]


def list_hosts(token: str, address: str, verify_connection: bool = True, *, details: bool = False) -> bytes:
    """List the CPUs and GPUs of the server.

    Args:
        token: token.
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        verify_connection: check the certificate of an https address.
        details: whether the columns name, state (`ready`, or what the host prepares, or what is wrong with it),
            threads, memory and free memory (in bytes) are returned, too; OpenHanami's servers do not know them.

    Returns:
        `{"header", "body"}` with the columns uuid, type (`cpu`, or a type that a plugin adds).

    Raises:
        HanamiException: the server refused the request.
    """
    return _calls.get_in_detail(token, address, "/host/all", verify_connection, details)
