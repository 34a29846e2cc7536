"""Asking again until something is done, at first quickly, then with longer pauses. It knows no server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from hanami_sdk.hanami_exceptions import WaitTimeoutException

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5
_GROWTH = 1.15
"""How much longer each pause is than the one before: what has ended is seen after about a tenth of the time it took."""


def pauses(timeout: float | None, what: str) -> Iterator[float]:
    """Yield how many seconds to sleep before the next question.

    Args:
        timeout: seconds; None yields without end.
        what: subject of the error text.

    Raises:
        WaitTimeoutException: the timeout expired.
    """
    end = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        yield pause if end is None else max(0.0, min(pause, end - time.monotonic()))
        if end is not None and time.monotonic() >= end:
            raise WaitTimeoutException(f"{what} did not end within {timeout:g} s")
        pause = min(_GROWTH * pause, _LONGEST_PAUSE)


def wait_until(done: Callable[[], bool], timeout: float | None, what: str) -> None:
    """Call `done` until it is true; `timeout`, `what` and errors are those of `pauses`."""
    for pause in pauses(timeout, what):
        if done():
            return
        time.sleep(pause)
