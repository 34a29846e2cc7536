"""A distribution of somebody else is installed beside the project, and its format works everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from hanami_sdk import Client, dataset, hanami_token
from tests.local import LocalServer
from tests.service.third_party import EXAMPLES, installed, run_own_tests

pyarrow = pytest.importorskip("pyarrow", reason="the example reads Parquet with pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

EXAMPLE = EXAMPLES / "hanami-parquet"
TEMPLATE = """version: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    values: 1,1,1
outputs:
    kind: 3,1,1
"""


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed("hanami-parquet", tmp_path_factory.mktemp("third")):
        yield


@pytest.fixture(scope="module")
def server(environ: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Parquet file with a column of lists and a one-hot column."""
    random = np.random.default_rng(5)
    kinds = random.integers(0, 2, 400)
    values = random.random((400, 6)) + np.where(kinds[:, None] == 1, [3, 3, 3, 0, 0, 0], [0, 0, 0, 3, 3, 3])
    columns = {
        "values": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.astype(np.float32).ravel()), 6),
        "kind": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(np.eye(2, dtype=np.float32)[kinds].ravel()), 2),
    }
    path = tmp_path_factory.mktemp("parquet") / "table.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.mark.long
def test_its_own_tests_with_the_conformance_suite_pass(environ: None) -> None:
    run_own_tests("hanami-parquet")


def test_it_is_small() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in EXAMPLE.rglob("hanami_parquet*.py"))
    lines += sum(len(path.read_text().splitlines()) for path in EXAMPLE.rglob("hanami_parquet/*.py"))
    assert 0 < lines <= 120


def test_through_the_api(server: LocalServer) -> None:
    token = hanami_token.request_token(server.address, server.user, server.passphrase)
    url = f"{server.address}/v1.0alpha/dataset/upload/parquet"
    body = {"name": "by hand", "input_data_size": 100}
    answer = requests.post(url, json=body, headers={"X-Auth-Token": token}, timeout=10)
    assert answer.status_code == 200
    assert {"uuid", "uuid_input_file", "name"} <= set(answer.json())


def test_through_the_cli(server: LocalServer, table: Path) -> None:
    login = {"HANAMI_ADDRESS": server.address, "HANAMI_USER": server.user, "HANAMI_PASSPHRASE": server.passphrase}
    command = [Path(sys.executable).parent / "hanamictl", "dataset", "create", "parquet", "-i", table, "-j", "by cli"]
    done = subprocess.run(command, env={**os.environ, **login}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["number_of_rows"] == 400


def test_through_the_sdk_and_into_a_network(server: LocalServer, table: Path) -> None:
    token = hanami_token.request_token(server.address, server.user, server.passphrase)
    uuid = dataset.upload_files(token, server.address, "by function", "parquet", {"input": str(table)})
    with Client(server.address, server.user, server.passphrase) as client:
        assert client.dataset(uuid).number_of_columns == 8
        rows = client.upload("by client", "parquet", {"input": table})
        cluster = client.create_cluster("of parquet", TEMPLATE)
        for _ in range(5):
            client.train(cluster, {"values": rows["values"]}, {"kind": rows["kind"]})
        answers = client.request(cluster, {"values": rows["values"]}, {"kind": "answer"})
        assert client.check(answers.uuid, rows) > 95


def test_a_broken_file_is_refused_with_the_reason(server: LocalServer, table: Path) -> None:
    from hanami_sdk.hanami_exceptions import BadRequestException

    with Client(server.address, server.user, server.passphrase) as client, pytest.raises(BadRequestException):
        client.upload("broken", "parquet", {"input": table.read_bytes()[:-20]})
