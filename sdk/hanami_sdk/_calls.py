"""What all documented functions share: the path prefix, JSON bodies, queries, and keywords of older releases."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from hanami_sdk import _http, hanami_request
from hanami_sdk._http import API
from hanami_sdk._retry import DEFAULT_SECONDS
from hanami_sdk.hanami_exceptions import HanamiException

if TYPE_CHECKING:
    from hanami_sdk._socket import Socket

P = ParamSpec("P")
R = TypeVar("R")


def get(token: str, address: str, path: str, verify: bool, /, **query: object) -> bytes:
    """Send a GET request with `query`."""
    return hanami_request.send_get_request(token, address, API + path, _http.query_text(query), verify)


def delete(token: str, address: str, path: str, verify: bool, /, **query: object) -> bytes:
    """Send a DELETE request with `query`."""
    return hanami_request.send_delete_request(token, address, API + path, _http.query_text(query), verify)


def post(token: str, address: str, path: str, verify: bool, /, **body: object) -> bytes:
    """Send a POST request with `body` as JSON."""
    return hanami_request.send_post_request(token, address, API + path, _http.json_text(body), verify)


def put(token: str, address: str, path: str, verify: bool, /, **body: object) -> bytes:
    """Send a PUT request with `body` as JSON."""
    return hanami_request.send_put_request(token, address, API + path, _http.json_text(body), verify)


@dataclass(frozen=True)
class OneShot:
    """An `Endpoint` that opens a new connection for each call, as the documented functions do."""

    token: str
    address: str
    verify: bool

    @property
    def timeout(self) -> float:
        """Seconds to wait for the server."""
        return _http.default_timeout()

    @property
    def retry(self) -> float:
        """Seconds to go on with an upload when its connection broke off."""
        return DEFAULT_SECONDS

    def get(self, path: str, **query: object) -> Any:
        """Send a GET request and return its JSON value."""
        return _http.parse(get(self.token, self.address, path, self.verify, **query))

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Send a POST request and return its JSON value."""
        return _http.parse(post(self.token, self.address, path, self.verify, **body))

    def put(self, path: str, body: Mapping[str, object]) -> Any:
        """Send a PUT request and return its JSON value."""
        return _http.parse(put(self.token, self.address, path, self.verify, **body))

    def open_socket(self, target: str, uuid: str, refusal: type[HanamiException]) -> Socket:
        """Open a websocket to the thing `uuid`."""
        from hanami_sdk._socket import Socket

        return Socket.open(self.address, self.token, target, uuid, refusal, self.verify, self.timeout)


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keywords of older releases: `renamed(old="new")`."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old, new in names.items():
                if old in kwargs:
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
