"""Direct IO: values to a network and back over one websocket, without tasks and datasets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hanami_sdk import _messages
from hanami_sdk._endpoint import Endpoint
from hanami_sdk._messages import Buffer, Process, Values
from hanami_sdk.hanami_exceptions import DirectIOException

if TYPE_CHECKING:
    from hanami_sdk._socket import Socket


class DirectIO:
    """A cluster in direct mode; `Client.direct` gives one. Each message waits for its answer.

    Pings of the server are answered by a thread while nothing is sent, so the connection may stay open and idle.
    A problem of the connection closes it: open another one with `Client.direct`.
    """

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def train(self, inputs: Mapping[str, Values], outputs: Mapping[str, Values]) -> None:
        """Train the network with one sample.

        Args:
            inputs: values by the name of the input: numbers, an `array`, or an array of NumPy of any shape. All become
                float32.
            outputs: expected values by the name of the output.

        Raises:
            DirectIOException: the network refused a message, for example because of an unknown name.
            ConnectionFailedException: the connection broke, or there was no answer in time.
            ValueError: there is no output, or no input.
        """
        samples = [(name, values, Buffer.INPUT) for name, values in inputs.items()]
        samples += [(name, values, Buffer.EXPECTED) for name, values in outputs.items()]
        if not inputs or not outputs:
            raise ValueError("training needs at least one input and one output")
        for number, (name, values, buffer) in enumerate(samples, start=1):
            exchange(self._socket, name, values, number == len(samples), Process.TRAIN, buffer)

    def request(self, inputs: Mapping[str, Values]) -> list[float]:
        """Ask the network.

        Args:
            inputs: values by the name of the input, as for `train`.

        Returns:
            Values of the output. Several outputs come one after another, in the order of the template.

        Raises:
            DirectIOException: the network refused a message, for example because of an unknown name.
            ConnectionFailedException: the connection broke, or there was no answer in time.
            ValueError: there is no input.
        """
        if not inputs:
            raise ValueError("a request needs at least one input")
        answer = b""
        for number, (name, values) in enumerate(inputs.items(), start=1):
            answer = exchange(self._socket, name, values, number == len(inputs), Process.REQUEST, Buffer.INPUT)
        return list(_messages.decode_values(answer))

    def flush(self) -> None:
        """Return when all that was trained over this connection is stored.

        Without it a trained sample may be lost if the server is killed within some seconds.

        Raises:
            DirectIOException: it cannot be stored now, the network was replaced, or the server is older.
            ConnectionFailedException: the connection broke, or there was no answer in time.
        """
        self._socket.flush()

    def close(self) -> None:
        """Close the connection. `Client.direct` switches the cluster back, unless others talk to it."""
        self._socket.close()

    def __enter__(self) -> DirectIO:
        """Return the object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()


class DirectSocket:
    """The connection of `cluster.switch_to_direct_mode`, for the functions of `direct_io`."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def close(self) -> None:
        """Close the connection. The cluster stays in direct mode until `cluster.switch_to_task_mode`."""
        await in_thread(self._socket.close)

    def flush(self) -> None:
        """Return when all that was trained over this connection is stored."""
        self._socket.flush()

    def exchange(self, name: str, values: Values, is_last: bool, process: Process, target: Buffer | None) -> bytes:
        """Send values and return the message that answers them."""
        return exchange(self._socket, name, values, is_last, process, target)


def exchange(
    socket: Socket, name: str, values: Values, is_last: bool, process: Process, target: Buffer | None
) -> bytes:
    """Send values and return the message that answers them; without a target both are messages of v0.4."""
    return socket.exchange(_messages.encode_values(name, values, is_last, process, target))


def open_direct(endpoint: Endpoint, cluster_uuid: str, *, shared: bool | None = None) -> Socket:
    """Switch a cluster to direct mode and connect to it; without a connection it is switched back."""
    set_mode(endpoint, cluster_uuid, "DIRECT", shared)
    with ExitStack() as undone:
        undone.callback(_leave, endpoint, cluster_uuid, shared)
        socket = endpoint.open_socket("cluster", cluster_uuid, DirectIOException)
        undone.callback(socket.close)
        if shared:
            # A client that left before this connection counted has ended the mode.
            set_mode(endpoint, cluster_uuid, "DIRECT", shared)
        undone.pop_all()
    socket.keep_alive()
    return socket


def _leave(endpoint: Endpoint, cluster_uuid: str, shared: bool | None) -> None:
    with suppress(Exception):  # why there is no connection is what the user must see
        set_mode(endpoint, cluster_uuid, "TASK", shared)


def set_mode(endpoint: Endpoint, cluster_uuid: str, mode: str, shared: bool | None = None) -> None:
    """Switch a cluster to `TASK` or `DIRECT`; None is what released clients send."""
    more = {} if shared is None else {"shared": shared}
    endpoint.put("/cluster/set_mode", {"new_state": mode, "uuid": cluster_uuid, **more})


async def in_thread(function: Any, *args: object) -> Any:
    """Run a function in a thread: the event loop of the caller goes on while the server is waited for."""
    import asyncio  # loaded already when a coroutine runs; all others need not pay for it

    return await asyncio.to_thread(function, *args)
