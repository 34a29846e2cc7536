"""The client of Triton, unmodified, asks clusters over the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from hanami_sdk import Client, Cluster, hanami_token
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.faults.victims import idx_digits

SIDE = 12
INPUT, OUTPUT = "picture_hex", "label_hex"
NAME = "digits for triton"


@pytest.fixture
def headers(server: LocalServer) -> dict[str, str]:
    """Return those of a login, anew for each test, because the client writes to what it is given."""
    return {"Authorization": f"Bearer {hanami_token.request_token(server.address, server.user, server.passphrase)}"}


@pytest.fixture(scope="module")
def model(server: LocalServer) -> Cluster:
    with Client(server.address, server.user, server.passphrase) as client:
        dataset = client.upload_mnist(NAME, *idx_digits(100, SIDE))
        cluster = client.create_cluster(NAME, TEMPLATE)
        client.train(cluster, {INPUT: dataset["picture"]}, {OUTPUT: dataset["label"]})
        return cluster


@pytest.fixture
def foreign(server: LocalServer) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(server.address.removeprefix("http://"))
    yield client
    client.close()


@pytest.fixture
def rows() -> np.ndarray:
    return (np.arange(3 * SIDE * SIDE, dtype=np.float32) % 251).reshape(3, SIDE * SIDE)


def asked(rows: np.ndarray, datatype: str = "FP32", *, binary: bool = True) -> list[triton.InferInput]:
    tensor = triton.InferInput(INPUT, list(rows.shape), datatype)
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return [tensor]


def test_health_needs_no_login(foreign: triton.InferenceServerClient) -> None:
    assert foreign.is_server_live()
    assert foreign.is_server_ready()
    assert foreign.get_server_metadata()["name"] == "hanami"


def test_a_model_tells_its_shape(
    foreign: triton.InferenceServerClient, model: Cluster, headers: dict[str, str]
) -> None:
    for name in (model.uuid, NAME):
        assert foreign.is_model_ready(name, headers=headers)
        told = foreign.get_model_metadata(name, headers=headers)
        (version,) = told["versions"]
        assert told == {
            "name": name,
            "versions": [version],
            "platform": "hanami",
            "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, SIDE * SIDE]}],
            "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, 10]}],
        }
        assert foreign.is_model_ready(name, version, headers=headers)
        assert not foreign.is_model_ready(name, "1000000", headers=headers)


@pytest.mark.parametrize("binary", [True, False])
def test_it_answers_what_the_client_of_today_gets(
    client: Client,
    foreign: triton.InferenceServerClient,
    model: Cluster,
    headers: dict[str, str],
    rows: np.ndarray,
    binary: bool,
) -> None:
    expected = client.predict(model, rows)
    wanted = [triton.InferRequestedOutput(OUTPUT, binary_data=binary)]
    for outputs in (wanted, None):
        tensors = asked(rows, binary=binary)
        answer = foreign.infer(NAME, tensors, request_id="mine", outputs=outputs, headers=dict(headers))
        assert np.array_equal(answer.as_numpy(OUTPUT), np.float32(expected.rows))
        told = answer.get_response()
        assert (told["id"], told["model_name"], told["model_version"]) == ("mine", NAME, str(expected.version))


def test_types_and_shapes_of_others_are_read(
    foreign: triton.InferenceServerClient, model: Cluster, headers: dict[str, str], rows: np.ndarray
) -> None:
    expected = foreign.infer(NAME, asked(rows), headers=headers).as_numpy(OUTPUT)
    for kind, datatype in ((np.uint8, "UINT8"), (np.int64, "INT64"), (np.float64, "FP64"), (np.float16, "FP16")):
        found = foreign.infer(NAME, asked(rows.astype(kind), datatype), headers=headers).as_numpy(OUTPUT)
        assert np.array_equal(found, expected), datatype
    square = foreign.infer(NAME, asked(rows.reshape(3, SIDE, SIDE)), headers=headers).as_numpy(OUTPUT)
    assert np.array_equal(square, expected)


def test_what_is_wrong_is_told(
    foreign: triton.InferenceServerClient, model: Cluster, headers: dict[str, str], rows: np.ndarray
) -> None:
    def refusal(name: str = NAME, given: np.ndarray = rows, with_headers: dict[str, str] = headers) -> str:
        with pytest.raises(InferenceServerException) as caught:
            foreign.infer(name, asked(given), headers=with_headers)
        return str(caught.value)

    assert refusal("nothing") == "[404] there is no model 'nothing'"
    assert refusal(with_headers={}).startswith("[401] ")
    assert refusal(with_headers={"Authorization": "Bearer x.y.z"}).startswith("[401] ")
    text = f"[400] 'inputs': rows of '{INPUT}' have 2 values, but the cluster was trained with {SIDE * SIDE}"
    assert refusal(given=rows[:, :2]) == text
    broken = rows.copy()
    broken[1, 5] = np.nan
    assert refusal(given=broken) == f"[400] 'inputs': row 1 of '{INPUT}' has a value that is not finite"
