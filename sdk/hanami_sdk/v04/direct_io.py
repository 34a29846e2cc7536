"""Direct IO over the connection of `cluster.switch_to_direct_mode`.

Each call sends one message and waits for its answer.
"""

from __future__ import annotations

from typing import Any

from hanami_sdk._direct import exchange
from hanami_sdk._messages import Process, Values, decode_brick_values
from hanami_sdk._socket import Socket

__all__ = ["send_request_input", "send_train_input"]


def send_train_input(
    ws: Socket, brick_name: str, values: Values, is_last: bool, verify_connection: bool = True
) -> None:
    """Send values to train with.

    Args:
        ws: connection of `cluster.switch_to_direct_mode`.
        brick_name: name of an input, or of an output; the values are then its expected answer.
        values: numbers, an `array`, or an array of NumPy of any shape; all become float32.
        is_last: True starts the training with everything sent since the last time.
        verify_connection: has no effect, because the connection is already open.

    Raises:
        DirectIOException: the network refused the values, for example because of an unknown name.
        ConnectionFailedException: the connection broke, or there was no answer in time.
    """
    exchange(ws, brick_name, values, is_last, Process.TRAIN, None)


def send_request_input(
    ws: Socket, brick_name: str, values: Values, is_last: bool, verify_connection: bool = True
) -> Any:
    """Send values to query with; arguments and errors are those of `send_train_input`.

    Returns:
        Sequence of the values of the output. None if `is_last` is False.
    """
    answer = exchange(ws, brick_name, values, is_last, Process.REQUEST, None)
    return decode_brick_values(answer) if is_last else None
