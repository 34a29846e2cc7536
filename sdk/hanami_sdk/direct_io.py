"""Direct IO over the connection of `cluster.switch_to_direct_mode`.

Each call sends one message and waits for its answer in a thread, so the event loop goes on.
"""

from __future__ import annotations

from typing import Any

from hanami_sdk import _messages
from hanami_sdk._direct import DirectSocket, in_thread
from hanami_sdk._messages import Buffer, Process, Values

__all__ = ["flush", "send_request_input", "send_train_input"]


async def send_train_input(
    ws: DirectSocket,
    hexagon_name: str,
    values: Values,
    is_input: bool,
    is_last: bool | None = None,
    verify_connection: bool = True,
) -> None:
    """Send values to train with.

    Args:
        ws: connection of `cluster.switch_to_direct_mode`.
        hexagon_name: name of the input or output.
        values: numbers, an `array`, or an array of NumPy of any shape; all become float32.
        is_input: True for an input, False for expected values of an output.
        is_last: True starts the training with everything sent since the last time. If it is left out, the argument
            before
            it is taken for it, as the manual of OpenHanami has it: inputs first, then one output, which is the last.
        verify_connection: has no effect, because the connection is already open.

    Raises:
        DirectIOException: the network refused the values, for example because of an unknown name.
        ConnectionFailedException: the connection broke, or there was no answer in time.
    """
    if is_last is None:
        is_input, is_last = not is_input, is_input
    target = Buffer.INPUT if is_input else Buffer.EXPECTED
    await in_thread(ws.exchange, hexagon_name, values, is_last, Process.TRAIN, target)


async def send_request_input(
    ws: DirectSocket, hexagon_name: str, values: Values, is_last: bool, verify_connection: bool = True
) -> Any:
    """Send values to query with.

    Args:
        ws: connection of `cluster.switch_to_direct_mode`.
        hexagon_name: name of the input.
        values: numbers, an `array`, or an array of NumPy of any shape; all become float32.
        is_last: True starts the network with everything sent since the last time.
        verify_connection: has no effect, because the connection is already open.

    Returns:
        Sequence of the values of the output, several outputs one after another in the order of the template. None if
        `is_last` is False.

    Raises:
        DirectIOException: the network refused the values, for example because of an unknown name.
        ConnectionFailedException: the connection broke, or there was no answer in time.
    """
    answer = await in_thread(ws.exchange, hexagon_name, values, is_last, Process.REQUEST, Buffer.INPUT)
    return _messages.decode_values(answer) if is_last else None


async def flush(ws: DirectSocket) -> None:
    """Return when all that was trained over a connection is stored, so that no end of the server loses it.

    Args:
        ws: connection of `cluster.switch_to_direct_mode`.

    Raises:
        DirectIOException: it cannot be stored now, the network was replaced, or the server is older.
        ConnectionFailedException: the connection broke, or there was no answer in time.
    """
    await in_thread(ws.flush)
