"""The answers of the stub plugin that last; a plugin of its own, whose routes belong to the other one's Api, too."""

from __future__ import annotations

import time

import msgspec

from hanami_core import hookimpl
from hanami_core.clock import Moment
from hanami_core.http import Events, Route, ServerEvent, Stream

requires = ("server_stub",)


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    count: int = 0


def events(call, request):
    return Events(ServerEvent(f"number\u2028{n}", event="count", id=str(n)) for n in range(request.count))


def moments(call, request):
    return Events([None, ServerEvent({"at": Moment(0.0)})])


def half(call, request):
    def parts():
        yield b"begin"
        raise RuntimeError("in the middle")

    return Stream(parts())


def silent(call, request):
    """Send one event, and then nothing for long."""

    def told():
        yield ServerEvent("begin")
        time.sleep(30.0)

    return Events(told())


def hold(call, request):
    """Stream until the client goes."""

    def parts():
        while True:
            time.sleep(0.02)
            yield b"."

    return Stream(parts())


@hookimpl
def hanami_routes(runtime):
    return [
        Route("GET", "/events", "events.get", Fields, Events, events),
        Route("GET", "/moments", "moments.get", Fields, Events, moments),
        Route("GET", "/moments", "moments.get", Fields, Events, moments, api="other"),
        Route("GET", "/silent", "silent.get", Fields, Events, silent),
        Route("GET", "/half", "half.get", Fields, Stream, half),
        Route("GET", "/hold", "hold.get", Fields, Stream, hold),
        Route("HEAD", "/hold", "hold.get", Fields, Stream, hold, api="other"),
    ]
