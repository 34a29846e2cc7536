"""Routes and targets that the suite for Apis adds to the Api under test, one for each way to answer.

Must not know what the Api makes of the answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.access import ANY_ROLE
from hanami_core.clock import Moment
from hanami_core.errors import VisibleError
from hanami_core.http import (
    Api,
    Call,
    Empty,
    Events,
    File,
    Listing,
    Page,
    Route,
    ServerEvent,
    Stream,
    TableAnswer,
)
from hanami_core.plugin_host import EntryPoint
from hanami_core.testing.probes import ProbeTarget, probe_point

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["DEFECT", "SMALL", "WORD", "ApiProbe", "Fields", "Shown"]

PATH = "/conformance"
WORD = "gr\u00fc\u00dfe \u2713"
"""A text that answers contain."""
DEFECT = "conformance-defect"
"""Text of the exception that a handler raises."""
SMALL = 100
"""Largest body of one route, in bytes."""


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """What a request can say."""

    text: Annotated[str, Meta(min_length=1, max_length=16)]
    number: Annotated[int, Meta(ge=0, le=9)]
    flag: bool = False
    words: list[str] = []


class Shown(msgspec.Struct):
    """What an answer says."""

    text: str
    number: int
    flag: bool
    at: Moment
    never: Moment
    words: list[str]
    nothing: str | None = None


@dataclass
class ApiProbe:
    """What the suite has put into an Api, and what came there.

    Attributes:
        api: name of the Api.
        error: what the route ``/error`` raises.
        fields: what the route ``/fields`` was called with last, None if it was not.
        file: what the route ``/file`` sends.
        by_message: a target of websockets that first messages name.
        by_path: another one, at the path ``/socket``.
    """

    api: str
    file: Path
    error: VisibleError | None = None
    fields: Fields | None = None
    by_message: ProbeTarget = field(default_factory=lambda: ProbeTarget("conformance"))
    by_path: ProbeTarget = field(default_factory=lambda: ProbeTarget("conformance_path"))

    def point(self) -> EntryPoint:
        """Return the plugin."""
        return probe_point("conformance_api", routes=self._routes, targets=[self.by_message, self.by_path])

    def path(self, api: Api, name: str) -> str:
        """Return the whole path of a route."""
        return api.path_of(self._route("GET", name, lambda call: None))

    def _route(
        self,
        method: str,
        name: str,
        handler: Callable[[Call], object],
        response: object = None,
        *,
        anonymous: bool = True,
    ) -> Route:
        def handle(call: Call, request: object) -> object:
            """Answer in one of all ways."""
            return handler(call)

        action = f"conformance.{name}"
        return Route(
            method, f"{PATH}/{name}", action, Empty, response, handle, (ANY_ROLE,), anonymous=anonymous, api=self.api
        )

    def _routes(self, runtime: Runtime) -> list[Route]:
        route = self._route
        fields = partial(Route, action="conformance.fields", request=Fields, response=Shown, handler=self._read)
        made = [
            route("GET", "struct", lambda call: SHOWN, Shown),
            route("HEAD", "struct", lambda call: SHOWN, Shown),
            route("GET", "mapping", lambda call: {"text": WORD, "number": 7}, dict[str, Any]),
            route(
                "GET", "table", lambda call: TableAnswer(["name", "at"], [[WORD, Moment(1.5)], ["other", Moment(None)]])
            ),
            route("GET", "list", lambda call: Listing(["name"], [[WORD]], "4711"), Listing),
            route("GET", "last", lambda call: Listing(["name"], [[WORD]], None), Listing),
            route("GET", "page", lambda call: Page(b"<p>page", "text/html; charset=utf-8"), Page),
            route("GET", "file", lambda call: File(self.file, "application/x-conformance", "a \u00fc.bin"), File),
            route("GET", "stream", lambda call: Stream(iter([b"one", b"two"]), "text/plain"), Stream),
            route("GET", "events", lambda call: Events(iter([ServerEvent("hello"), None])), Events),
            route("GET", "nothing", lambda call: None),
            route("GET", "accepted", _accept, Shown),
            route("GET", "error", self._raise),
            route("GET", "defect", _fail),
            fields(method="GET", path=f"{PATH}/fields", anonymous=True, api=self.api),
            fields(method="POST", path=f"{PATH}/fields", anonymous=True, api=self.api),
            fields(method="POST", path=f"{PATH}/small", anonymous=True, api=self.api, max_body=SMALL),
        ]
        if runtime.apis[self.api].schemes:
            made.append(route("GET", "private", lambda call: {"text": call.actor.user_id}, anonymous=False))
        return made

    def _read(self, call: Call, request: Fields) -> Shown:
        """Remember what a request said."""
        self.fields = request
        return SHOWN

    def _raise(self, call: Call) -> object:
        assert self.error is not None
        raise self.error


SHOWN = Shown(WORD, 7, True, Moment(1.5), Moment(None), ["one", "two"])


def _accept(call: Call) -> Shown:
    call.resp.status = "202 Accepted"
    call.resp.set_header("X-Conformance", "kept")
    return SHOWN


def _fail(call: Call) -> object:
    raise ValueError(DEFECT)
