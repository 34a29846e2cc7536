"""The Open Inference Protocol on the wire: its contract as an Api, and bodies that are not requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core.errors import BadRequest
from hanami_core.testing.apis import ApiConformance
from hanami_core.testing.requests import Credential, header
from hanami_plugins.api_inference.tensors import DATATYPES, decode
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from tests.plugins.test_native_routes import trained

TENSOR = {"name": "in", "shape": [2, 2], "datatype": "FP32", "data": [1, 0, 0, 1]}


class TestInferenceApi(ApiConformance):
    """The suite for Apis."""

    name = "inference"
    settings = NativeApp.settings

    @pytest.fixture
    def credential(self, app: Any) -> Credential:
        body = json.dumps({"id": "asdf", "password": "asdfasdf"})
        token = app.http.simulate_post("/v1.0alpha/token", body=body).json["token"]
        return header("authorization", f"Bearer {token}")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeApp]:
    with NativeApp(Path(tmp_path_factory.mktemp("app")) / "data", compute="cpu0") as opened:
        yield opened


@pytest.fixture(scope="module")
def cluster(app: NativeApp) -> str:
    return trained(app)


def infer(app: NativeApp, name: str, body: bytes, **headers: str) -> Any:
    named = {"X-Auth-Token": app.token} | {name.replace("_", "-"): value for name, value in headers.items()}
    return app.http.simulate_post(f"/v2/models/{name}/infer", body=body, headers=named)


def changed(**fields: Any) -> bytes:
    return json.dumps({"inputs": [TENSOR | fields]}).encode()


def test_an_answer(app: NativeApp, cluster: str) -> None:
    for body in (changed(), changed(data=[[1, 0], [0, 1]])):
        answer = infer(app, cluster, body).json
        (output,) = answer["outputs"]
        assert (output["name"], output["shape"], output["datatype"]) == ("out", [2, 2], "FP32")
        native = app.call("POST", "cluster/predict", uuid=cluster, inputs=[[1, 0], [0, 1]]).json
        assert np.array_equal(np.float32(output["data"]), np.float32(native["outputs"]["out"]).ravel())
        assert answer["model_version"] == str(native["version"])
        assert answer["model_name"] == cluster


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not a request for an inference: Input data was truncated"),
        (b"{}", "the body is not a request for an inference: Object missing required field `inputs`"),
        (changed(datatype="BYTES"), f"tensor 'in' has the datatype 'BYTES', known are: {', '.join(DATATYPES)}"),
        (changed(shape=[-2, -2]), "tensor 'in' has a negative dimension"),
        (changed(shape=[3, 2]), "tensor 'in' must have 6 values by its shape"),
        (changed(data=None), "tensor 'in' must have 4 values by its shape"),
        (changed(data=[[1], [0, 1]]), "the data of tensor 'in' are not numbers, or lists of different lengths"),
        (changed(data=["a", 0, 0, 1]), "the data of tensor 'in' are not numbers, or lists of different lengths"),
        (changed(data=[1e300, 0, 0, 1]), "'inputs': row 0 of 'in' has a value that is not finite"),
        (changed(shape=[4]), "tensor 'in' needs at least two dimensions, rows and their values"),
        (changed(shape=[1, 4]), "'inputs': rows of 'in' have 4 values, but the cluster was trained with 2"),
        (changed(shape=[0, 2], data=[]), "'inputs' has no rows for 'in'"),
        (changed(name="other"), "'inputs': the cluster has no input 'other', known are: in"),
        (changed(parameters={"binary_data_size": 16}), "tensor 'in' must have 16 bytes by its shape"),
        (changed(parameters={"binary_data_size": "x"}), "tensor 'in' must have 16 bytes by its shape"),
        (json.dumps({"inputs": [TENSOR, TENSOR]}).encode(), "tensor 'in' is given twice"),
        (json.dumps({"inputs": []}).encode(), "'inputs' has no rows for 'in', the cluster has the inputs: in"),
        (
            json.dumps({"inputs": [TENSOR], "outputs": [{"name": "other"}]}).encode(),
            "model '{uuid}' has no output 'other', known are: out",
        ),
    ],
)
def test_bodies_that_are_no_requests_are_refused(app: NativeApp, cluster: str, body: bytes, reason: str) -> None:
    answer = infer(app, cluster, body)
    assert (answer.status_code, answer.json) == (400, {"error": reason.replace("{uuid}", cluster)})


def test_the_length_of_the_json_fits_the_body(app: NativeApp, cluster: str) -> None:
    for length in ("-1", "x", "1000000", "²"):
        answer = infer(app, cluster, changed(), Inference_Header_Content_Length=length)
        assert answer.status_code == 400
        assert "Inference-Header-Content-Length" in answer.json["error"]
    behind = infer(app, cluster, changed() + b"123", Inference_Header_Content_Length=str(len(changed())))
    assert behind.json == {"error": "3 bytes are left behind the tensors"}


def test_a_name_that_two_models_have_is_refused(app: NativeApp, cluster: str) -> None:
    member = app.member("other_1", "some_project")
    for token in (app.token, member):
        app.call("POST", "cluster", token, name="twice")
    answer = app.http.simulate_get("/v2/models/twice", headers={"X-Auth-Token": app.token})
    assert (answer.status_code, answer.json) == (409, {"error": "several models have the name 'twice', use a UUID"})
    unknown = app.http.simulate_get(f"/v2/models/{cluster}", headers={"X-Auth-Token": member})
    assert unknown.status_code == 404


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 255), st.integers(0, 60))
def test_a_changed_request_is_read_or_refused(behind: bytes, place: int, value: int, length: int) -> None:
    whole = bytearray(changed(parameters={"binary_data_size": 16}) + behind)
    whole[place % len(whole)] = value
    for given_length in (None, len(whole) - len(behind), min(length, len(whole))):
        try:
            _, arrays = decode(bytes(whole), given_length)
        except BadRequest:
            continue
        assert all(array.size >= 0 for array in arrays.values())
