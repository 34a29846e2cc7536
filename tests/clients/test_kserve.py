"""The client of KServe, unmodified, asks a cluster over the Open Inference Protocol. `tox -e kserve` runs it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from hanami_sdk import Client, Cluster
from hanami_server.local import LocalServer
from tests.clients.conftest import INPUT, OUTPUT

kserve = pytest.importorskip("kserve", reason="kserve is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def asked(rows: np.ndarray, binary: bool) -> kserve.InferRequest:
    tensor = kserve.InferInput(INPUT, list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return kserve.InferRequest("digits", [tensor])


async def conversation(address: str, headers: dict[str, str], rows: np.ndarray, binary: bool) -> np.ndarray:
    client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
    try:
        assert await client.is_server_live(address)
        assert await client.is_server_ready(address)
        assert await client.is_model_ready(address, "digits", headers=dict(headers))
        answer = await client.infer(address, asked(rows, binary), "digits", headers=dict(headers))
    finally:
        await client.close()
    (output,) = answer.outputs
    assert (answer.model_name, output.name, output.datatype) == ("digits", OUTPUT, "FP32")
    return output.as_numpy()


@pytest.mark.parametrize("binary", [True, False])
def test_it_gets_what_the_client_of_today_gets(
    server: LocalServer, client: Client, model: Cluster, headers: dict[str, str], rows: np.ndarray, binary: bool
) -> None:
    found = asyncio.run(conversation(server.address, headers, rows, binary))
    assert np.array_equal(found, np.float32(client.predict(model, rows).rows))


def test_a_refusal_carries_the_reason(
    server: LocalServer, model: Cluster, headers: dict[str, str], rows: np.ndarray
) -> None:
    async def refused() -> str:
        foreign = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
        with pytest.raises(Exception, match="rows of 'picture_hex' have 2 values") as caught:
            await foreign.infer(server.address, asked(rows[:, :2], False), "digits", headers=dict(headers))
        await foreign.close()
        return str(caught.value)

    assert "400" in asyncio.run(refused())
