"""The functions of the SDK of OpenHanami v0.4.1: those of `hanami_sdk.v04`, some of them as coroutines.

Example::

    from hanami_sdk.v04.aio import hanami_token, cluster, direct_io

    ws = await cluster.switch_to_direct_mode(token, address, cluster_uuid)
    answer = await direct_io.send_request_input(ws, "test_input", values, True)
    await ws.close()

`cluster.switch_to_direct_mode`, `dataset.send_data` and the functions of `direct_io` are to be awaited; each waits in a
thread, so the event loop goes on. Must not know how a call is made.
"""

from __future__ import annotations

from hanami_sdk import hanami_exceptions, hanami_request
from hanami_sdk.v04 import checkpoint, hanami_token, hosts, logs, project, request_result, task, user
from hanami_sdk.v04.aio import cluster, dataset, direct_io

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
