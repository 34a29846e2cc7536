"""What all documented functions share: path prefixes, JSON bodies, queries, and keywords of older releases.

Must not know what any call is for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from hanami_sdk import _http, hanami_request
from hanami_sdk._http import API
from hanami_sdk._json import Json
from hanami_sdk._retry import DEFAULT_SECONDS
from hanami_sdk._upload import UPLOAD_PATH
from hanami_sdk.hanami_exceptions import BadRequestException, HanamiException

if TYPE_CHECKING:
    import requests

    from hanami_sdk._socket import Socket

P = ParamSpec("P")
R = TypeVar("R")


class Generation(NamedTuple):
    """How the servers of a generation are called.

    Attributes:
        prefix: prefix of all paths.
        upload_path: where uploads are announced; `{}` stands for the format.
    """

    prefix: str = API
    upload_path: str = UPLOAD_PATH


TODAY = Generation()

_generation: ContextVar[Generation] = ContextVar("generation", default=TODAY)


def generation() -> Generation:
    """Return the generation of the function that is running."""
    return _generation.get()


def speaking(generation: Generation) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function, and all that it calls, speak to servers of a generation."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            before = _generation.set(generation)
            try:
                return function(*args, **kwargs)
            finally:
                _generation.reset(before)

        return call

    return decorate


def get(token: str, address: str, path: str, verify: bool, /, **query: object) -> bytes:
    """Send a GET request with `query`."""
    return hanami_request.send_get_request(token, address, generation().prefix + path, _http.query_text(query), verify)


def get_in_detail(token: str, address: str, path: str, verify: bool, details: bool, /, **query: object) -> bytes:
    """Send a GET request with `query`, and with `details` if requested and if the server knows that field."""
    try:
        return get(token, address, path, verify, **query, **({"details": "true"} if details else {}))
    except BadRequestException as error:
        if not details or not _http.knows_not(error, "details"):
            raise
        return get(token, address, path, verify, **query)


def delete(token: str, address: str, path: str, verify: bool, /, **query: object) -> bytes:
    """Send a DELETE request with `query`."""
    return hanami_request.send_delete_request(
        token, address, generation().prefix + path, _http.query_text(query), verify
    )


def post(token: str, address: str, path: str, verify: bool, /, **body: object) -> bytes:
    """Send a POST request with `body` as JSON."""
    return hanami_request.send_post_request(token, address, generation().prefix + path, _http.json_text(body), verify)


def put(token: str, address: str, path: str, verify: bool, /, **body: object) -> bytes:
    """Send a PUT request with `body` as JSON."""
    return hanami_request.send_put_request(token, address, generation().prefix + path, _http.json_text(body), verify)


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
        """Seconds to keep trying to resume an upload when its connection breaks."""
        return DEFAULT_SECONDS

    def get(self, path: str, /, **query: object) -> Json:
        """Send a GET request and return its JSON value."""
        return _http.parse(get(self.token, self.address, path, self.verify, **query))

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """Send a POST request and return its JSON value."""
        return _http.parse(post(self.token, self.address, path, self.verify, **body))

    def put(self, path: str, body: Mapping[str, object]) -> Json:
        """Send a PUT request and return its JSON value."""
        return _http.parse(put(self.token, self.address, path, self.verify, **body))

    def put_bytes(self, path: str, content: bytes, /, **query: object) -> Json:
        """Send a PUT request with bytes as its body and return its JSON value."""
        url = _http.join(self.address, generation().prefix + path) + f"?{_http.query_text(query)}"
        return _http.parse(_http.send("PUT", url, token=self.token, body=content, verify=self.verify))

    def delete(self, path: str, /, **query: object) -> Json:
        """Send a DELETE request and return its JSON value."""
        return _http.parse(delete(self.token, self.address, path, self.verify, **query))

    def open_stream(self, path: str, headers: Mapping[str, str], /, **query: object) -> requests.Response:
        """Send a GET request with more headers; the answer, whatever its status, is read while it arrives."""
        url = _http.join(self.address, generation().prefix + path) + f"?{_http.query_text(query)}"
        return _http.open_stream(url, headers, token=self.token, verify=self.verify)

    def open_socket(self, target: str, uuid: str, refusal: type[HanamiException]) -> Socket:
        """Open a websocket to the resource `uuid`."""
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
