"""Direct IO of v0.4, waiting and with coroutines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from hanami_sdk.v04 import (
    aio,
    cluster,
    direct_io,
    hanami_exceptions,
)
from tests.service.manual_v04.kit import ABSENT, SMALL, Login

INPUT_VALUES, EXPECTED_VALUES = [0.0, 2.0, 0.0, 10.0, 0.5], [1.0, 0.0]


@pytest.fixture
def small_network(login: Login) -> Iterator[str]:
    uuid = json.loads(cluster.create_cluster(*login, "small cluster", SMALL))["uuid"]
    yield uuid
    cluster.delete_cluster(*login, uuid)


def test_direct_io(login: Login, small_network: str) -> None:
    ws = cluster.switch_to_direct_mode(*login, small_network)
    for _ in range(20):
        direct_io.send_train_input(ws, "test_input", INPUT_VALUES, False)
        direct_io.send_train_input(ws, "test_output", EXPECTED_VALUES, True)
    switched = json.loads(cluster.switch_to_task_mode(*login, small_network))
    assert switched == {"name": "small cluster", "new_state": "TASK", "uuid": small_network}
    ws.close()

    ws = cluster.switch_to_direct_mode(*login, small_network)
    assert direct_io.send_request_input(ws, "test_input", INPUT_VALUES, False) is None
    output_values = direct_io.send_request_input(ws, "test_input", INPUT_VALUES, True)
    check_output(list(output_values))
    cluster.switch_to_task_mode(*login, small_network)
    ws.close()


def test_direct_io_with_coroutines(login: Login, small_network: str) -> None:
    async def train() -> None:
        ws = await aio.cluster.switch_to_direct_mode(*login, small_network)
        for _ in range(20):
            await aio.direct_io.send_train_input(ws, "test_input", INPUT_VALUES, False)
            await aio.direct_io.send_train_input(ws, "test_output", EXPECTED_VALUES, True)
        await ws.close()
        aio.cluster.switch_to_task_mode(*login, small_network)

    async def request() -> list[float]:
        ws = await aio.cluster.switch_to_direct_mode(*login, small_network)
        output_values = await aio.direct_io.send_request_input(ws, "test_input", INPUT_VALUES, True)
        await ws.close()
        aio.cluster.switch_to_task_mode(*login, small_network)
        return list(output_values)

    asyncio.run(train())
    check_output(asyncio.run(request()))


def check_output(values: list[float]) -> None:
    """Check that the network has learned what it was shown; the manuals print [0.8, 0.0]."""
    assert len(values) == 2
    assert values[0] > 0.5 > values[1]


def test_direct_io_says_what_is_wrong(login: Login, small_network: str) -> None:
    ws = cluster.switch_to_direct_mode(*login, small_network)
    with pytest.raises(hanami_exceptions.DirectIOException, match="no_brick"):
        direct_io.send_train_input(ws, "no_brick", INPUT_VALUES, False)
    direct_io.send_train_input(ws, "test_input", INPUT_VALUES, False)
    direct_io.send_train_input(ws, "test_output", EXPECTED_VALUES, True)
    assert len(direct_io.send_request_input(ws, "test_input", INPUT_VALUES, True)) == 2
    ws.close()
    cluster.switch_to_task_mode(*login, small_network)
    with pytest.raises(hanami_exceptions.NotFoundException):
        cluster.switch_to_direct_mode(*login, ABSENT)
