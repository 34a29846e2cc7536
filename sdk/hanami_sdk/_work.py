"""Work that a call has begun, and that the server goes on with after its answer. It knows no endpoint."""

from __future__ import annotations

import time

from hanami_sdk._download import failures
from hanami_sdk._endpoint import Endpoint
from hanami_sdk._http import item
from hanami_sdk._json import JsonObject
from hanami_sdk._retry import Backoff
from hanami_sdk._waiting import pauses
from hanami_sdk.hanami_exceptions import BadRequestException

_GOING_ON = ("queued", "active")


def wait_for_work(endpoint: Endpoint, path: str, answer: JsonObject, title: str) -> None:
    """Wait until the work that an answer tells of has ended, however long that takes.

    Args:
        endpoint: where to.
        path: path that tells what has become of it.
        answer: what has begun it, with `task_uuid` and `state`.
        title: what is waited for, for errors.

    Raises:
        BadRequestException: it came to nothing.
        ConnectionFailedException: the connection was lost for too long. On the server it goes on.
    """
    task, backoff = str(item(answer, "task_uuid")), Backoff(endpoint.retry)
    for pause in pauses(None, title):
        if item(answer, "state") not in _GOING_ON:
            break
        time.sleep(pause)
        try:
            answer = endpoint.get(path, task_uuid=task)
            backoff.renew()
        except failures():
            if not backoff.pause():
                raise
    if "error" in answer:
        raise BadRequestException(answer["error"])
