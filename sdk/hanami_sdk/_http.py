"""One HTTP request: headers, time-out, status. It knows no endpoint and keeps no login."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import uuid4

from hanami_sdk._json import Json
from hanami_sdk._retry import call_with_retries
from hanami_sdk.hanami_exceptions import ConnectionFailedException, HanamiException, from_status

if TYPE_CHECKING:
    import requests

API = "/v1.0alpha"

KEY_HEADER, KEY_UNDERSTOOD = "Idempotency-Key", "Idempotency-Replayed"
"""A call with a key is carried out once, however often it is sent, by a server whose answers have the other header."""

_CREATING = (
    "/checkpoint/upload",
    "/cluster",
    "/cluster/save",
    "/cluster/load",
    "/dataset/export",
    "/dataset/import",
    "/folder",
    "/folder/clone",
    "/folder/directory",
    "/folder/invitation",
    "/project",
    "/task/request",
    "/task/train",
    "/user",
)
_CREATING_BELOW = "/dataset/upload/"

_BUSY = 409
_UNAUTHORIZED = 401
_NO_SERVER = (502, 503, 504)  # what a proxy says while the server behind it starts

_default_timeout = 60.0


def default_timeout() -> float:
    """Return the time-out of the documented functions, in seconds."""
    return _default_timeout


def set_default_timeout(seconds: float) -> None:
    """Set the time-out of the documented functions.

    Args:
        seconds: longest wait for a connection, for the next byte of an answer, and for the end of an upload.
    """
    global _default_timeout
    if not seconds > 0:
        raise ValueError("the time-out must be greater than 0 seconds")
    _default_timeout = float(seconds)


def query_text(values: Mapping[str, object]) -> str:
    """Return `values` as a query; `@` stays as it is, for servers that do not decode user ids."""
    return urlencode(values, safe="@", quote_via=quote)


def knows_not(error: Exception, field: str) -> bool:
    """Tell whether a server has refused a field because it does not know it."""
    return f"'{field}' is not in the list" in str(error)


def json_text(body: object) -> str:
    """Return `body` as compact JSON. NaN is refused because it is not JSON."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def parse(content: bytes) -> Json:
    """Return the JSON value of an answer."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise HanamiException(f"the answer is not JSON: {error}") from error


def item(answer: Json, name: str) -> Json:
    """Return a field of an answer that must be there."""
    try:
        return answer[name]
    except (KeyError, TypeError, IndexError) as error:
        raise HanamiException(f"the answer lacks {name}") from error


def rows(table: object) -> Iterator[dict[str, Any]]:
    """Return the rows of a list, each by the names of its header."""
    header, body = item(table, "header"), item(table, "body")
    return (dict(zip(header, row, strict=False)) for row in body)


def join(address: str, path: str) -> str:
    """Return the URL of `path` at `address`, with or without a slash at the end of the address."""
    return address.rstrip("/") + path


class Content(NamedTuple):
    """A body that is content of a media type."""

    media_type: str
    data: bytes


def creates(method: str, path: str) -> bool:
    """Tell whether a call, by its path below the prefix, creates something: it must not be carried out twice."""
    return method == "POST" and (path in _CREATING or path.startswith(_CREATING_BELOW))


class Keys:
    """What a client knows of keys: whether its server understands them."""

    def __init__(self) -> None:
        self.understood = False

    def look(self, response: requests.Response) -> None:
        """Learn from an answer to a call with a key."""
        if KEY_UNDERSTOOD in response.headers:
            self.understood = True


def connections(address: str) -> requests.Session:
    """Return connections to an address, by the proxies that the environment names.

    It is asked once. Otherwise each call would look for proxies, and for a file with passwords that nobody needs here.
    """
    import requests

    session = requests.Session()
    session.proxies.update(requests.utils.get_environ_proxies(address, None))
    session.trust_env = False
    return session


def _trusted(verify: bool | str) -> bool | str:
    """Return what requests believes certificates by, where it does not ask the environment itself."""
    if verify is not True:
        return verify
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True


def send(
    method: str,
    url: str,
    *,
    token: str = "",
    body: str | bytes | Content | None = None,
    verify: bool | str = True,
    timeout: float | None = None,
    session: requests.Session | None = None,
    key: str = "",
    keys: Keys | None = None,
) -> bytes:
    """Send one request and return the body of the answer.

    Args:
        method: HTTP method.
        url: complete URL with query.
        token: goes into `X-Auth-Token` if it is not empty.
        body: JSON text of POST and PUT, or bytes that are sent as they are, perhaps with their media type.
        verify: check the certificate; a path names a file of trusted certificates.
        timeout: seconds to wait for the connection and for each part of the answer; None takes the default.
        session: connections to use again; None opens a new one.
        key: says that this is the same call as others with the same key, if it is not empty.
        keys: learns whether the server understands keys.

    Raises:
        HanamiException: the status is not 200; the subclass tells which.
        requests.RequestException: there was no answer.
    """
    import requests

    response = (session or requests).request(
        method,
        url,
        data=body.data if isinstance(body, Content) else body.encode() if isinstance(body, str) else body,
        headers=_headers(token, body) | ({KEY_HEADER: key} if key else {}),
        verify=_trusted(verify),
        timeout=_default_timeout if timeout is None else timeout,
        allow_redirects=False,  # a redirect would carry the token to another host
    )
    if keys is not None:
        keys.look(response)
    if response.is_redirect:
        where = response.headers["location"]
        raise HanamiException(f"the address has moved to {where}", response.status_code)
    if response.status_code != 200:
        error = from_status(response.status_code, response.content)
        error.is_busy = bool(key) and response.status_code == _BUSY and "Retry-After" in response.headers
        raise error
    return response.content


def open_stream(
    url: str,
    headers: Mapping[str, str],
    *,
    token: str,
    verify: bool | str = True,
    timeout: float | None = None,
    session: requests.Session | None = None,
) -> requests.Response:
    """Send a GET request and return the answer, whose body is read by who closes it.

    Args:
        url: complete URL with query.
        headers: what is sent beside the token.
        token: goes into `X-Auth-Token`.
        verify: check the certificate; a path names a file of trusted certificates.
        timeout: seconds to wait for the connection and for each part of the answer; None takes the default.
        session: connections to use again; None opens a new one.

    Raises:
        UnauthorizedException: the token is refused.
        HanamiException: the address has moved.
        requests.RequestException: there was no answer.
    """
    import requests

    response = (session or requests).request(
        "GET",
        url,
        headers={**_headers(token, None), "Accept-Encoding": "identity", **headers},
        verify=_trusted(verify),
        timeout=_default_timeout if timeout is None else timeout,
        allow_redirects=False,
        stream=True,
    )
    if response.is_redirect or response.status_code == _UNAUTHORIZED:
        with response:
            if response.is_redirect:
                where = response.headers["location"]
                raise HanamiException(f"the address has moved to {where}", response.status_code)
            raise from_status(response.status_code, response.content)
    return response


def _headers(token: str, body: str | bytes | Content | None) -> dict[str, str]:
    headers = {"X-Auth-Token": token} if token else {}
    if isinstance(body, Content):
        return headers | {"Content-Type": body.media_type}
    if body is None:
        return headers
    return headers | {"Content-Type": "application/json" if isinstance(body, str) else "application/octet-stream"}


def send_over(
    session: requests.Session,
    method: str,
    url: str,
    retry: float,
    *,
    harmless: bool,
    once: bool,
    keys: Keys,
    **options: Any,
) -> bytes:
    """Send one request over `session`; no answer is a `ConnectionFailedException`.

    What is `harmless` is repeated for `retry` seconds when the connection broke off, a proxy found no server, or the
    server is too busy, at first at once: it may close an idle connection at the very moment it is used again. So is
    what is carried out `once` because of its key, if the server is known to understand keys. Others are not, they may
    have been carried out, and neither is what took too long.
    """
    import requests

    key = uuid4().hex if method == "POST" else ""

    def worth(error: Exception) -> bool:
        return (harmless or (once and keys.understood)) and _is_passing(error)

    try:
        return call_with_retries(
            lambda: send(method, url, session=session, key=key, keys=keys, **options), worth, retry
        )
    except requests.RequestException as error:
        raise ConnectionFailedException(f"{method} {url}: {error}") from error


def _is_passing(error: Exception) -> bool:
    """Tell whether an error may be over in a moment."""
    from requests import ConnectionError, Timeout
    from requests.exceptions import ChunkedEncodingError, SSLError

    if isinstance(error, HanamiException):
        return error.status in _NO_SERVER or error.is_busy
    return isinstance(error, ConnectionError | ChunkedEncodingError) and not isinstance(error, Timeout | SSLError)
