"""The low-level requests below the documented functions.

Each call opens a new connection. An unsuccessful answer raises a `HanamiException`; a connection problem raises the
exception of requests, as in the released SDKs.
"""

from __future__ import annotations

from hanami_sdk import _http
from hanami_sdk._http import set_default_timeout

__all__ = [
    "send_delete_request",
    "send_get_request",
    "send_post_request",
    "send_put_request",
    "set_default_timeout",
]


def send_post_request(token: str, address: str, path: str, body: str, verify: bool = True) -> bytes:
    """Send a POST request.

    Args:
        token: token of `hanami_token.request_token`.
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        path: path with its leading slash, such as `/v1.0alpha/cluster`.
        body: JSON text.
        verify: check the certificate of an https address.

    Returns:
        Body of the answer.

    Raises:
        HanamiException: the server refused the request.
    """
    return _http.send("POST", _http.join(address, path), token=token, body=body, verify=verify)


def send_put_request(token: str, address: str, path: str, body: str, verify: bool = True) -> bytes:
    """Send a PUT request; arguments, result and errors are those of `send_post_request`."""
    return _http.send("PUT", _http.join(address, path), token=token, body=body, verify=verify)


def send_get_request(token: str, address: str, path: str, values: str, verify: bool = True) -> bytes:
    """Send a GET request.

    Args:
        token: token of `hanami_token.request_token`.
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        path: path with its leading slash.
        values: query without the question mark, percent-encoded by the caller; may be empty.
        verify: check the certificate of an https address.

    Returns:
        Body of the answer.

    Raises:
        HanamiException: the server refused the request.
    """
    return _http.send("GET", _http.join(address, _with_query(path, values)), token=token, verify=verify)


def send_delete_request(token: str, address: str, path: str, values: str, verify: bool = True) -> bytes:
    """Send a DELETE request; arguments, result and errors are those of `send_get_request`."""
    return _http.send("DELETE", _http.join(address, _with_query(path, values)), token=token, verify=verify)


def _with_query(path: str, values: str) -> str:
    return f"{path}?{values}" if values else path
