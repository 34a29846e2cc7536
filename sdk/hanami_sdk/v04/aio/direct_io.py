"""Direct IO as coroutines, over the connection of `cluster.switch_to_direct_mode`."""

from __future__ import annotations

from typing import Any

from hanami_sdk._direct import DirectSocket, in_thread
from hanami_sdk._messages import Process, Values, decode_brick_values

__all__ = ["send_request_input", "send_train_input"]


async def send_train_input(
    ws: DirectSocket, brick_name: str, values: Values, is_last: bool, verify_connection: bool = True
) -> None:
    """Send values to train with; arguments and errors are those of `hanami_sdk.v04.direct_io.send_train_input`."""
    await in_thread(ws.exchange, brick_name, values, is_last, Process.TRAIN, None)


async def send_request_input(
    ws: DirectSocket, brick_name: str, values: Values, is_last: bool, verify_connection: bool = True
) -> Any:
    """Send values to query with; arguments, result and errors are those of `hanami_sdk.v04.direct_io`."""
    answer = await in_thread(ws.exchange, brick_name, values, is_last, Process.REQUEST, None)
    return decode_brick_values(answer) if is_last else None
