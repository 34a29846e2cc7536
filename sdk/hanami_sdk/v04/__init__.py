"""The functions of the SDKs of OpenHanami v0.4.0 and v0.4.1, which speak to `/control/v1`.

A program that was written for them changes its imports and nothing else::

    from hanami_sdk.v04 import hanami_token, cluster, direct_io

    token = hanami_token.request_token(address, "asdf", "asdfasdf")
    answer = json.loads(cluster.list_clusters(token, address))

Everything here waits for its answer. In v0.4.1, `cluster.switch_to_direct_mode`, `dataset.send_data` and the functions
of `direct_io` are coroutines; programs that await them import from `hanami_sdk.v04.aio` instead.

Each function is that of the same name in `hanami_sdk`, unless it says otherwise. Must not know a server of another
generation.
"""

from __future__ import annotations

from hanami_sdk import hanami_exceptions, hanami_request
from hanami_sdk.v04 import (
    checkpoint,
    cluster,
    dataset,
    direct_io,
    hanami_token,
    hosts,
    logs,
    project,
    request_result,
    task,
    user,
)

__all__ = [
    "checkpoint",
    "cluster",
    "dataset",
    "direct_io",
    "hanami_exceptions",
    "hanami_request",
    "hanami_token",
    "hosts",
    "logs",
    "project",
    "request_result",
    "task",
    "user",
]
