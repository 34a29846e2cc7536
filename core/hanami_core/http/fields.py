"""From the bytes of a request to fields, the plain way: JSON bodies, queries, structs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from hanami_core.errors import BadRequest, TooLarge, UnsupportedMedia, VisibleError

if TYPE_CHECKING:
    import falcon

__all__ = [
    "Body",
    "Readable",
    "body_fields",
    "body_of",
    "convert",
    "expect_digest",
    "query_fields",
    "raw_target",
    "read_body",
    "value_type",
]

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
    except VisibleError:
        raise
    except Exception as error:  # of whatever kind the server's parser has; the framing is the client's
        raise BadRequest("body_unreadable", reason=str(error)) from error
    if len(body) > limit:
        raise TooLarge("body_too_large", limit=limit)
    if length is not None and len(body) < length:
        raise BadRequest("body_incomplete")
    return body


def raw_target(request: falcon.Request) -> str:
    """Return path and query as the client wrote them, nothing decoded: what a signature covers."""
    target, query = str(request.env.get("RAW_URI") or request.path), request.query_string
    # Not every server writes the query there.
    return target if "?" in target or not query else f"{target}?{query}"


def expect_digest(request: falcon.Request, algorithm: str, digest: bytes) -> None:
    """Let nobody read the body of a request to its end unless it has a digest.

    For authenticators: a signature covers the body, too, but they see the head of a request only, and a large body is
    read by its handler. Whoever reads another body gets an error instead of its end.

    Args:
        request: whose body.
        algorithm: name of the hash, as `hashlib` knows it.
        digest: what the client has signed; that of nothing, if there is to be no body.

    Raises:
        BadRequest: if there is no body, and the digest is that of something.
    """
    chunked = "HTTP_TRANSFER_ENCODING" in request.env
    length = None if chunked else request.content_length or 0
    expected = _Expected(request.env["wsgi.input"], length, hashlib.new(algorithm), digest)
    request.env["wsgi.input"] = request.stream = expected  # type: ignore[assignment]
    if length == 0:
        expected.read(0)


class _Expected:
    """A body whose end is handed out only if its digest is the expected one."""

    def __init__(self, stream: Readable, length: int | None, digest: hashlib._Hash, expected: bytes) -> None:
        self._stream, self._left, self._digest, self._expected = stream, length, digest, expected

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size) if size else b""
        self._digest.update(data)
        if self._left is not None:
            self._left -= len(data)
        # A body of unknown length ends with a piece that is shorter than asked for.
        ended = len(data) < size if self._left is None else self._left <= 0
        if ended and not hmac.compare_digest(self._digest.digest(), self._expected):
            raise BadRequest("body_digest_wrong")
        return data


class Body:
    """The body of a request, read piece by piece up to a limit; for handlers that do not want it in memory."""

    def __init__(self, request: falcon.Request, limit: int) -> None:
        """Read the body of `request`, of which at most `limit` bytes are accepted."""
        self._stream: Readable = request.env["wsgi.input"]
        self._length = request.content_length
        self._present = self._length is not None or "HTTP_TRANSFER_ENCODING" in request.env
        self._limit = limit
        self._read = 0

    def read(self, size: int = 1 << 18) -> bytes:
        """Return up to `size` bytes; no bytes at the end of the body.

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
        except VisibleError:
            raise
        except Exception as error:  # of whatever kind the server's parser has; the framing is the client's
            raise BadRequest("body_unreadable", reason=str(error)) from error


def body_of(request: falcon.Request, limit: int) -> bytes:
    """Return the body of one of Falcon's requests, for those who read a text from it; see `read_body`.

    Raises:
        UnsupportedMedia: if the body is packed.
    """
    environ = request.env
    encoding = str(environ.get("HTTP_CONTENT_ENCODING", "")).strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMedia("body_packed", encoding=encoding)
    return read_body(environ["wsgi.input"], request.content_length, "HTTP_TRANSFER_ENCODING" in environ, limit)


def body_fields(request: falcon.Request, limit: int) -> dict[str, Any]:
    """Return the object in a JSON body, an empty one if there is no body.

    Raises:
        BadRequest: if the body is not a JSON object.
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
        BadRequest: if a name stands there twice and is not a list, or the query is not UTF-8.
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
    return frozenset(field.encode_name for field in fields if _is_list(value_type(field.type)))


def value_type(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Return the type of a field without what is only for its readers, such as a description and examples."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return value_type(kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        return msgspec.inspect.UnionType(tuple(map(value_type, kind.types)))
    return kind


def _is_list(kind: msgspec.inspect.Type) -> bool:
    """Tell whether a type is one of lists, tuples or sets of any length, or a union with one, such as with None."""
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_list(one) for one in kind.types)
    return isinstance(kind, msgspec.inspect.CollectionType)


def convert(struct: type[S], values: Mapping[str, object]) -> S:
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
