"""`cupy.cuda.Stream` and its kin. Work is done when it is asked for, or recorded while a stream captures a graph."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

from cupy._machine import check, process
from cupy.cuda import runtime

_numbers = itertools.count(1 << 20, 16)
_stack = threading.local()


class Event:
    """A point in a stream."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        check()
        self.time: float | None = None
        self.disable_timing = disable_timing

    @property
    def done(self) -> bool:
        check()
        return True

    def record(self, stream: Stream | None = None) -> None:
        check()
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        check()


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Return milliseconds between two events."""
    if start_event.time is None or end_event.time is None:
        raise runtime.CUDARuntimeError.named("cudaErrorInvalidValue")
    return (end_event.time - start_event.time) * 1000


class Graph:
    """Work that a stream captured."""

    def __init__(self, work: list[Callable[[], object]]) -> None:
        self._work = work

    def launch(self, stream: Stream | None = None) -> None:
        check()
        for action in self._work:
            action()

    def upload(self, stream: Stream | None = None) -> None:
        check()


class Stream:
    """A stream; work in it is done at once."""

    null: Stream

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: int | None = None
    ) -> None:
        self.is_non_blocking = non_blocking
        self.captured: list[Callable[[], object]] | None = None
        if null:
            self.ptr, self.device_id = 0, -1
        else:
            self.ptr, self.device_id = next(_numbers), runtime.getDevice()

    def __enter__(self) -> Stream:
        current = runtime.getDevice()
        if self.device_id not in (-1, current):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id})"
                f" does not match with the current device ({current})"
            )
        _streams().append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _streams().pop()

    def use(self) -> Stream:
        _streams()[-1:] = [self]
        return self

    @property
    def done(self) -> bool:
        check()
        return True

    def synchronize(self) -> None:
        check()
        if self.captured is not None:
            raise runtime.CUDARuntimeError.named("cudaErrorInvalidValue", "a stream that captures cannot be waited for")

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        check()

    def launch_host_func(self, callback: Callable[[Any], object], arg: Any) -> None:
        perform(lambda: callback(arg))

    def begin_capture(self, mode: int | None = None) -> None:
        check()
        if self.ptr == 0:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        self.captured = []

    def end_capture(self) -> Graph:
        check()
        work, self.captured = self.captured, None
        if work is None:
            raise runtime.CUDARuntimeError.named("cudaErrorInvalidValue")
        return Graph(work)

    def is_capturing(self) -> bool:
        return self.captured is not None


Stream.null = Stream(null=True)


def _streams() -> list[Stream]:
    if not hasattr(_stack, "streams"):
        _stack.streams = [Stream.null]
    streams: list[Stream] = _stack.streams
    return streams


def get_current_stream(device_id: int | None = None) -> Stream:
    return _streams()[-1]


def ready() -> Stream:
    """Return the stream of the work that is asked for now.

    Raises:
        CUDARuntimeError: if the device does not work.
        AssertionError: if it is the default stream, and the machine wants no work there.
    """
    check()
    stream = get_current_stream()
    assert stream.ptr or not process.machine.needs_stream, "work outside of the stream of the device"
    return stream


def perform(action: Callable[[], object]) -> None:
    """Do some work in the current stream, or record it."""
    stream = ready()
    if stream.captured is None:
        action()
    else:
        stream.captured.append(action)
