"""Tokens, which all other functions need. One of `hanami_sdk.hanami_token` opens direct IO of another kind."""

from __future__ import annotations

from hanami_sdk import _calls, _http
from hanami_sdk.v04._generation import in_v04

__all__ = ["request_token"]


@in_v04
def request_token(address: str, user_id: str, pw: str, verify_connection: bool = True) -> str:
    """Log in.

    Args:
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        user_id: id of the user.
        pw: secret of the user.
        verify_connection: check the certificate of an https address.

    Returns:
        The token. It expires; how soon is a setting of the server.

    Raises:
        UnauthorizedException: wrong user or password, or a user without project.
    """
    answer = _calls.post("", address, "/token", verify_connection, id=user_id, password=pw)
    return str(_http.item(_http.parse(answer), "token"))
