"""Asking again until something is done, at first quickly, then with longer pauses. It knows no server."""

from __future__ import annotations

import time
from collections.abc import Callable

from hanami_sdk.hanami_exceptions import WaitTimeoutException

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


def wait_until(done: Callable[[], bool], timeout: float | None, what: str) -> None:
    """Call `done` until it is true.

    Args:
        done: question to the server.
        timeout: seconds; None waits without end.
        what: subject of the error text.

    Raises:
        WaitTimeoutException: the time is over.
    """
    end = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while not done():
        if end is not None and time.monotonic() >= end:
            raise WaitTimeoutException(f"{what} did not end within {timeout:g} s")
        time.sleep(pause if end is None else max(0.0, min(pause, end - time.monotonic())))
        pause = min(1.5 * pause, _LONGEST_PAUSE)
