"""From the bytes of a request to fields, the plain way: JSON bodies, queries, structs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from hanami_core.errors import BadRequest, TooLarge

if TYPE_CHECKING:
    import falcon

__all__ = ["Body", "Readable", "body_fields", "body_of", "convert", "query_fields", "read_body"]

S = TypeVar("S", bound=msgspec.Struct)


class Readable(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, less only at the end of the body."""


def read_body(stream: Readable, length: int | None, chunked: bool, limit: int) -> bytes:
    """Return the body of a request.

    Args:
        stream: where it comes from; ends with the body if it is chunked.
        length: value of the header ``Content-Length``.
        chunked: whether the body has no announced length.
        limit: the largest body that is accepted, in bytes.

    Raises:
        TooLarge: if the body is larger than `limit`.
        BadRequest: if the body is shorter than announced or its framing is broken.
    """
    if length is not None and length > limit:
        raise TooLarge("body_too_large", limit=limit)
    if length is None and not chunked:
        return b""
    try:
        body = stream.read(limit + 1 if length is None else length)
    except Exception as error:  # of whatever kind the server's parser has; the framing is the client's
        raise BadRequest("body_unreadable", reason=str(error)) from error
    if len(body) > limit:
        raise TooLarge("body_too_large", limit=limit)
    if length is not None and len(body) < length:
        raise BadRequest("body_incomplete")
    return body


class Body:
    """The body of a request, read piece by piece up to a limit; for handlers that do not want it in memory."""

    def __init__(self, request: falcon.Request, limit: int) -> None:
        """Read the body of `request`, of which at most `limit` bytes are accepted."""
        self._stream: Readable = request.env["wsgi.input"]
        self._length = request.content_length
        self._present = self._length is not None or "HTTP_TRANSFER_ENCODING" in request.env
        self._limit = limit
        self._read = 0

    def read(self, size: int = 1 << 16) -> bytes:
        """Return up to `size` bytes, none at the end of the body.

        Raises:
            TooLarge: if there is more than the limit.
            BadRequest: if the body ends too early or its framing is broken.
        """
        if self._length is not None and self._length > self._limit:
            raise TooLarge("body_too_large", limit=self._limit)
        wanted = size if self._length is None else min(size, self._length - self._read)
        data = self._next(wanted) if self._present and wanted > 0 else b""
        self._read += len(data)
        if self._read > self._limit:
            raise TooLarge("body_too_large", limit=self._limit)
        if wanted > 0 and not data and self._length is not None:
            raise BadRequest("body_incomplete")
        return data

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the pieces."""
        while piece := self.read():
            yield piece

    def _next(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except Exception as error:  # of whatever kind the server's parser has; the framing is the client's
            raise BadRequest("body_unreadable", reason=str(error)) from error


def body_of(request: falcon.Request, limit: int) -> bytes:
    """Return the body of one of Falcon's requests; see `read_body`."""
    environ = request.env
    return read_body(environ["wsgi.input"], request.content_length, "HTTP_TRANSFER_ENCODING" in environ, limit)


def body_fields(request: falcon.Request, limit: int) -> dict[str, Any]:
    """Return the object in a JSON body, an empty one if there is no body.

    Raises:
        BadRequest: if the body is no JSON object.
        TooLarge: if it is larger than `limit` bytes.
    """
    body = body_of(request, limit)
    if not body:
        return {}
    try:
        values = msgspec.json.decode(body)
    except RecursionError:
        raise BadRequest("body_invalid", reason="it is nested too deeply") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise BadRequest("body_invalid", reason=str(error)) from None
    if not isinstance(values, dict):
        raise BadRequest("body_invalid", reason="it must be a JSON object")
    return values


def query_fields(query: str, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the pairs of a query. A name that stands there more than once is a list if the struct wants one.

    Raises:
        BadRequest: if a name stands there twice and is no list, or the query is not UTF-8.
    """
    values: dict[str, Any] = {}
    lists = _lists(struct)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise BadRequest("query_invalid", reason=str(error)) from None
    for name, value in pairs:
        if name in lists:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise BadRequest("field_repeated", field=name)
        else:
            values[name] = value
    return values


@cache
def _lists(struct: type[msgspec.Struct]) -> frozenset[str]:
    fields = msgspec.inspect.type_info(struct).fields  # type: ignore[attr-defined]
    return frozenset(field.encode_name for field in fields if isinstance(field.type, msgspec.inspect.ListType))


def convert(struct: type[S], values: Mapping[str, Any]) -> S:
    """Return values as a struct; texts become numbers where the struct wants those.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
    """
    try:
        return msgspec.convert(dict(values), struct, strict=False)
    except RecursionError:
        raise BadRequest("field_invalid", field="", reason="nested too deeply") from None
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        raise BadRequest("field_invalid", field=place.strip("`.") or "body", reason=text) from None
