"""MLServer's types and codecs describe requests and answers of a cluster. `tox -e mlserver` runs it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import requests

from hanami_sdk import Client, Cluster
from hanami_server.local import LocalServer
from tests.clients.conftest import INPUT, OUTPUT, SIDE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    types = pytest.importorskip("mlserver.types", reason="mlserver is not installed")
    codecs = pytest.importorskip("mlserver.codecs", reason="mlserver is not installed")


def test_its_types_describe_a_model(server: LocalServer, model: Cluster, headers: dict[str, str]) -> None:
    answer = requests.get(f"{server.address}/v2/models/digits", headers=headers, timeout=10)
    told = types.MetadataModelResponse.model_validate(answer.json())
    assert [(tensor.name, tensor.datatype, tensor.shape) for tensor in told.inputs or []] == [
        (INPUT, "FP32", [-1, SIDE * SIDE])
    ]


def test_its_codecs_ask_and_read_the_answer(
    server: LocalServer, client: Client, model: Cluster, headers: dict[str, str], rows: np.ndarray
) -> None:
    question = types.InferenceRequest(id="mine", inputs=[codecs.NumpyCodec.encode_input(INPUT, rows)])
    content = question.model_dump(mode="json", exclude_none=True)
    answer = requests.post(f"{server.address}/v2/models/digits/infer", json=content, headers=headers, timeout=10)
    found = types.InferenceResponse.model_validate(answer.json())
    (output,) = found.outputs
    assert (found.id, found.model_name, output.name) == ("mine", "digits", OUTPUT)
    expected = np.float32(client.predict(model, rows).rows)
    assert np.array_equal(codecs.NumpyCodec.decode_output(output).astype(np.float32), expected)
