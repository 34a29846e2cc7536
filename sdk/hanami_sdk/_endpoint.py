"""What uploads and direct IO need of a server, whoever keeps the login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from hanami_sdk._json import Json

if TYPE_CHECKING:
    import requests

    from hanami_sdk._socket import Socket
    from hanami_sdk.hanami_exceptions import HanamiException


class Endpoint(Protocol):
    """A server and a login."""

    @property
    def timeout(self) -> float:
        """Seconds to wait for the server."""

    @property
    def retry(self) -> float:
        """Seconds to go on trying when a connection broke off."""

    def get(self, path: str, /, **query: object) -> Json:
        """Send a GET request and return its JSON value."""

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """Send a POST request and return its JSON value."""

    def put(self, path: str, body: Mapping[str, object]) -> Json:
        """Send a PUT request and return its JSON value."""

    def put_bytes(self, path: str, content: bytes, /, **query: object) -> Json:
        """Send a PUT request with bytes as its body and return its JSON value."""

    def delete(self, path: str, /, **query: object) -> Json:
        """Send a DELETE request and return its JSON value."""

    def open_stream(self, path: str, headers: Mapping[str, str], /, **query: object) -> requests.Response:
        """Send a GET request with more headers; the answer, whatever its status, is read while it arrives."""

    def open_socket(self, target: str, uuid: str, refusal: type[HanamiException]) -> Socket:
        """Open a websocket to the thing `uuid`; `refusal` is raised for later answers that are errors."""
