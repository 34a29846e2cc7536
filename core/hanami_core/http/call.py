"""One request as a handler sees it, and what a handler can answer with besides a struct.

What Falcon has is not built again: headers, cookies, the raw target and the stream of the body are those of `Call.req`,
status, headers and cookies of the answer those of `Call.resp`. Must not know any wire format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hanami_core.access import Access, Actor, Verb
from hanami_core.errors import PluginError
from hanami_core.http.fields import Body
from hanami_core.storage.database import Record

if TYPE_CHECKING:
    import falcon

    from hanami_core.runtime import Runtime

__all__ = ["Call", "Download", "Empty", "Events", "File", "Page", "ServerEvent", "Stream"]

M = TypeVar("M", bound=Record)


class Empty(msgspec.Struct, forbid_unknown_fields=True):
    """A request without fields, or the answer to a delete."""


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        runtime: the process' runtime.
        granted: what the caller may do; None on an anonymous route.
        req: Falcon's request.
        resp: Falcon's response; what a handler sets there is sent with its answer.
        address: network address that the request comes from, empty if unknown.
        params: parameters of the path.
        limit: largest body in bytes.
    """

    runtime: Runtime
    granted: Access | None
    req: falcon.Request
    resp: falcon.Response
    address: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    limit: int = 1 << 20

    @property
    def access(self) -> Access:
        """What the caller may do.

        Raises:
            PluginError: on an anonymous route, which has no actor.
        """
        if self.granted is None:
            raise PluginError(f"{self.req.method} {self.req.path} is anonymous, so nobody has access")
        return self.granted

    @property
    def actor(self) -> Actor:
        """The caller."""
        return self.access.actor

    @property
    def body(self) -> Body:
        """The body of the request, to be read only once, piece by piece."""
        return Body(self.req, self.limit)

    def get(self, model: type[M], identity: str, missing: str, verb: Verb | None = None) -> M:
        """Return one row that the actor may see; `missing` is the code of the error otherwise."""
        return self.access.get(model, identity, missing, verb)


@dataclass(frozen=True)
class Page:
    """An answer that no Api renders: bytes to display, sent unchanged."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True)
class File:
    """A file to send without loading it into memory.

    `name` is the file name for clients; `remove` deletes the file after it was sent. `done` is called at the end, even
    after a failure; it can release a lease.
    """

    path: Path
    content_type: str = "application/octet-stream"
    name: str = ""
    remove: bool = False
    done: Callable[[], object] | None = None


@dataclass(frozen=True)
class Download:
    """An answer whose parts clients can request, so that a client whose connection broke resumes where it stopped.

    Attributes:
        length: total size in bytes.
        tag: identifies the content: equal tags mean equal bytes, whatever happened between two requests.
        read: returns the bytes of a half-open range, piece by piece; the iterator is closed if it has `close`.
        content_type: media type.
        name: file name for clients.
        done: called at the end, even after a failure; it can release a lease.
    """

    length: int
    tag: str
    read: Callable[[int, int], Iterable[bytes]]
    content_type: str = "application/octet-stream"
    name: str = ""
    done: Callable[[], object] | None = None


@dataclass(frozen=True)
class Stream:
    """An answer that is produced while it is sent.

    `parts` is iterated in the thread of the request and closed if it has `close`. `length` is the size in bytes, if it
    is known in advance. If `parts` raises, the connection is broken, so that no client mistakes a part for the whole.
    `name` is the file name for clients; `tag` identifies the content, as for a `Download`.
    """

    parts: Iterable[bytes]
    content_type: str = "application/octet-stream"
    length: int | None = None
    name: str = ""
    tag: str = ""


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event.

    `data` is a text, possibly with several lines, or an answer as handlers return it, which the Api renders.
    """

    data: object
    event: str = ""
    id: str = ""


@dataclass(frozen=True)
class Events:
    """A stream of server-sent events; None among them is a keep-alive, which detects clients that have gone."""

    events: Iterable[ServerEvent | None]
