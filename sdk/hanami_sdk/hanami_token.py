"""Tokens, which all other functions need."""

from __future__ import annotations

import base64

from hanami_sdk import _calls, _http

__all__ = ["renew_token", "request_token"]


@_calls.renamed(pw="passphrase")
def request_token(address: str, user_id: str, passphrase: str, verify_connection: bool = True) -> str:
    """Log in.

    Args:
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        user_id: id of the user.
        passphrase: secret of the user; older releases call it `pw`, which is also accepted as a keyword.
        verify_connection: check the certificate of an https address.

    Returns:
        The token. It expires; how soon is a setting of the server.

    Raises:
        UnauthorizedException: wrong user or passphrase, or a user without project.
    """
    secret = base64.b64encode(passphrase.encode()).decode()
    return _token(_calls.post("", address, "/token", verify_connection, id=user_id, passphrase=secret))


def renew_token(token: str, address: str, project_id: str, verify_connection: bool = True) -> str:
    """Exchange a valid token for a new one, in the same project or in another one.

    Args:
        token: token that has not expired.
        address: `http://HOST:PORT` or `https://HOST:PORT`.
        project_id: id of a project of the user; an administrator may also give `admin`.
        verify_connection: check the certificate of an https address.

    Returns:
        The new token.

    Raises:
        UnauthorizedException: the token is not valid, or the user is not assigned to the project.
    """
    return _token(_calls.put(token, address, "/token", verify_connection, project_id=project_id))


def _token(content: bytes) -> str:
    return str(_http.item(_http.parse(content), "token"))
