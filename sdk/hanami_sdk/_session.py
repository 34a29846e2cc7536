"""The login of a `Client` and its requests. It knows no endpoint but that of the token."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from hanami_sdk import _http
from hanami_sdk._forks import separate
from hanami_sdk._http import API
from hanami_sdk._json import Json, JsonObject
from hanami_sdk._retry import DEFAULT_SECONDS
from hanami_sdk.hanami_exceptions import (
    BadRequestException,
    HanamiException,
    UnauthorizedException,
)
from hanami_sdk.names import only_one, uuid_of

if TYPE_CHECKING:
    import requests

    from hanami_sdk._socket import Socket

R = TypeVar("R")


class Session:
    """Requests with a token that is always fresh, over connections that are used again; safe to use from threads."""

    def __init__(
        self,
        address: str,
        user: str,
        passphrase: str,
        *,
        verify: bool | str = True,
        project: str | None = None,
        timeout: float = 60.0,
        retry: float = DEFAULT_SECONDS,
    ) -> None:
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"the address must begin with http:// or https://, not be '{address}'")
        if not timeout > 0:
            raise ValueError("the time-out must be greater than 0 seconds")
        if not retry >= 0:
            raise ValueError("there is no trying again for less than 0 seconds")
        self._address, self._verify, self._timeout, self._retry = address, verify, float(timeout), float(retry)
        self._user, self._passphrase = user, passphrase
        self._project = project
        self._token, self._renew_at = "", 0.0
        self._identity: Mapping[str, object] = {}
        self._lock = threading.RLock()
        self._connections: requests.Session | None = None
        self._keys = _http.Keys()
        self._tells_details = True
        separate(self)

    def _after_fork(self) -> None:
        """Open new connections in a forked process; the login stays valid."""
        self._lock = threading.RLock()
        self._connections = None

    @classmethod
    def from_environment(
        cls, *, address: str | None = None, user: str | None = None, passphrase: str | None = None, **options: Any
    ) -> Self:
        """Read missing arguments from HANAMI_ADDRESS, HANAMI_USER, HANAMI_PASSPHRASE and HANAMI_PROJECT.

        Where HANAMI_PASSPHRASE is missing, HANAMI_PW is read, its name in OpenHanami v0.5.0, or the first line of the
        file HANAMI_PASSPHRASE_FILE.

        Args:
            address: address of the server.
            user: id of the user.
            passphrase: secret of the user.
            options: `verify`, `project`, `timeout` and `retry`, as for the class.

        Raises:
            ValueError: a variable is missing, or as for the class. Only HANAMI_PROJECT may be.
            OSError: the file cannot be read.
        """
        return cls(
            address or _variable("HANAMI_ADDRESS"),
            user or _variable("HANAMI_USER"),
            passphrase or _passphrase(),
            **{"project": os.environ.get("HANAMI_PROJECT") or None, **options},
        )

    def __repr__(self) -> str:
        """Return address and user; the passphrase and the token are nobody's business."""
        project = "" if self._project is None else f", project {self._project!r}"
        return f"<{type(self).__name__} {self._address!r}, user {self._user!r}{project}>"

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return the object itself: copies of what holds a client share the login."""
        return self

    def __reduce__(self) -> Any:
        """Refuse to be pickled: the file would contain the passphrase."""
        raise TypeError("a Client holds a login and cannot be stored; make a new one, as with Client.from_environment")

    @property
    def address(self) -> str:
        """Address of the server, as it was given."""
        return self._address

    @property
    def timeout(self) -> float:
        """Seconds to wait for a connection and for each part of an answer."""
        return self._timeout

    @property
    def retry(self) -> float:
        """Seconds to go on trying when a connection broke off."""
        return self._retry

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections. The next call opens new ones."""
        with self._lock:
            if self._connections is not None:
                self._connections.close()
                self._connections = None

    def login(self) -> None:
        """Log in now; otherwise the first call does so.

        Raises:
            UnauthorizedException: wrong user or passphrase, a user without project, or the user is not in `project`.
        """
        with self._lock:
            secret = base64.b64encode(self._passphrase.encode()).decode()
            self._accept(self._send("POST", "/token", body={"id": self._user, "passphrase": secret}))
            if self._project is not None:
                self._accept(self._send("PUT", "/token", self._token, body={"project_id": self._project}))

    def switch_project(self, project_id: str) -> None:
        """Switch to another project for all following calls.

        Args:
            project_id: id of a project of the user; an administrator may also give `admin`.

        Raises:
            UnauthorizedException: the user is not assigned to the project.
        """
        with self._lock:
            self._accept(self.put("/token", {"project_id": project_id}))
            self._project = project_id

    def get(self, path: str, /, **query: object) -> Json:
        """Send a GET request.

        Args:
            path: path below `/v1.0alpha`, for endpoints that have no method of their own.
            query: query parameters.

        Returns:
            JSON value of the answer.
        """
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """Send a POST request with a JSON body; result as for `get`."""
        return self._call("POST", path, body=body)

    def _post_content(self, path: str, content: _http.Content, /, **query: object) -> Json:
        """Send a POST request with content of a media type; result as for `get`."""
        return self._call("POST", path, query=query, body=content)

    def put(self, path: str, body: Mapping[str, object]) -> Json:
        """Send a PUT request with a JSON body; result as for `get`."""
        return self._call("PUT", path, body=body)

    def put_bytes(self, path: str, content: bytes, /, **query: object) -> Json:
        """Send a PUT request with bytes as its body; result as for `get`."""
        return self._call("PUT", path, query=query, body=content)

    def delete(self, path: str, /, **query: object) -> Json:
        """Send a DELETE request; arguments and result as for `get`."""
        return self._call("DELETE", path, query=query)

    def rows(self, path: str, page: int = 1000, **query: object) -> Iterator[dict[str, Any]]:
        """Yield the rows of a list, which is read page by page: no answer grows with the list.

        Args:
            path: path below `/v1.0alpha`, such as `/dataset/all`.
            page: rows of a page, 1 to 10000.
            query: further fields of the call, such as `cluster_uuid` of `/task/all`.

        Yields:
            One dictionary for each row, by the names that the server gives.
        """
        after: dict[str, object] = {}
        while True:
            answer = self.get(path, **query, limit=page, **after)
            yield from _http.rows(answer)
            if answer.get("next") is None:
                return
            after = {"after": answer["next"]}

    def identity(self) -> JsonObject:
        """Return what the server said about the user at the last login: `id`, `name` and `is_admin`."""
        self._fresh_token()
        return {name: self._identity[name] for name in ("id", "name", "is_admin") if name in self._identity}

    def open_stream(self, path: str, headers: Mapping[str, str], /, **query: object) -> requests.Response:
        """Send a GET request with more headers; the answer, whatever its status, is read while it arrives."""
        url = _http.join(self._address, API + path) + f"?{_http.query_text(query)}"

        def ask(token: str) -> requests.Response:
            more: dict[str, Any] = {"verify": self._verify, "timeout": self._timeout, "session": self._pool()}
            return _http.open_stream(url, headers, token=token, **more)

        return self._with_token(ask)

    def open_socket(self, target: str, uuid: str, refusal: type[HanamiException]) -> Socket:
        """Open a websocket to the thing `uuid`; `refusal` is raised for later answers that are errors."""
        from hanami_sdk._socket import Socket

        return self._with_token(
            lambda token: Socket.open(self._address, token, target, uuid, refusal, self._verify, self._timeout)
        )

    def _get_in_detail(self, path: str, **query: object) -> Json:
        """Send a GET request with the field `details`, or without it to servers of OpenHanami, which do not know it."""
        if self._tells_details:
            try:
                return self.get(path, **query, details="true")
            except BadRequestException as error:
                if not _http.knows_not(error, "details"):
                    raise
                self._tells_details = False
        return self.get(path, **query)

    def _list(self, path: str, tag: str) -> object:
        return self._get_in_detail(path, **({"tag": tag} if tag else {}))

    def _named(self, noun: str, name: str) -> str:
        """Return the UUID of the only thing of a kind that has a name."""
        return only_one(noun, name, _http.rows(self.get(f"/{noun}/all")))

    def _uuid(self, noun: str, thing: object) -> str:
        """Return the UUID of a thing: an object, a UUID, or a name, which costs a question."""
        return self._uuids(noun)(thing)

    def _uuids(self, noun: str) -> Callable[[object], str]:
        """Return what does the same as `_uuid` for several things, and asks once for all names."""
        listed = cache(lambda: list(_http.rows(self.get(f"/{noun}/all"))))

        def uuid(thing: object) -> str:
            known = uuid_of(thing)
            return known if known is not None else only_one(noun, str(thing), listed())

        return uuid

    def _label(self, noun: str, uuid: str, name: str | None, about: str | None, tags: Iterable[str] | None) -> None:
        labels = {"name": name, "about": about, "tags": None if tags is None else list(tags)}
        given = {label: value for label, value in labels.items() if value is not None}
        self.put(f"/{noun}/labels", {"uuid": uuid, **given})

    def _lease(self, noun: str, uuid: str, seconds: int | None) -> None:
        self.put(f"/{noun}/lease", {"uuid": uuid, "lease": seconds})

    def _call(self, method: str, path: str, **content: Any) -> Json:
        return self._with_token(lambda token: self._send(method, path, token, **content))

    def _with_token(self, action: Callable[[str], R]) -> R:
        """Run `action`; if the token is refused, log in and run it once more."""
        token = self._fresh_token()
        try:
            return action(token)
        except UnauthorizedException:
            return action(self._fresh_token(refused=token))

    def _fresh_token(self, refused: str = "") -> str:
        with self._lock:  # of several threads only the first one logs in
            if self._token == refused or time.monotonic() >= self._renew_at:
                self.login()
            return self._token

    def _accept(self, answer: JsonObject) -> None:
        self._token = str(_http.item(answer, "token"))
        self._identity = {**self._identity, **answer}  # not every answer with a token tells all of the user
        self._renew_at = time.monotonic() + renewal_age(self._token)

    def _send(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | bytes | _http.Content | None = None,
    ) -> Json:
        url = _http.join(self._address, API + path) + (f"?{_http.query_text(query)}" if query else "")
        text = body if body is None or isinstance(body, bytes | _http.Content) else _http.json_text(body)
        content = _http.send_over(
            self._pool(),
            method,
            url,
            self._retry,
            harmless=method == "GET" or path in HARMLESS,
            once=_http.creates(method, path),
            keys=self._keys,
            token=token,
            body=text,
            verify=self._verify,
            timeout=self._timeout,
        )
        return _http.parse(content)

    def _pool(self) -> requests.Session:
        with self._lock:
            if self._connections is None:
                self._connections = _http.connections(self._address)
            return self._connections


HARMLESS = ("/token", "/cluster/predict")
"""What a POST to changes nothing, or nothing that matters: a login may be tried again."""


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ValueError(f"{name} is not set")
    return value


def _passphrase() -> str:
    known = os.environ.get("HANAMI_PASSPHRASE") or os.environ.get("HANAMI_PW")
    path = os.environ.get("HANAMI_PASSPHRASE_FILE")
    if path and not known:
        with open(path, encoding="utf-8") as file:
            known = file.readline().rstrip("\r\n")
    return known or _variable("HANAMI_PASSPHRASE")


def renewal_age(token: str) -> float:
    """Return after how many seconds a token should be renewed; without end if it does not tell.

    It is a hint only: a token that is refused is renewed anyway, whatever the clocks say.
    """
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        lifetime = float(claims["exp"] - claims.get("iat", time.time()))
    except (ValueError, LookupError, TypeError, AttributeError):
        return float("inf")
    # A clock that is far off would otherwise cause a login before each call.
    return lifetime - min(30.0, lifetime / 10) if lifetime > 1 else float("inf")
