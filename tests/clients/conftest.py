"""A server with a trained cluster, for clients of the Open Inference Protocol, and the client of Backend.AI."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hanami_sdk import Client, Cluster, hanami_token
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.clients.backendai import backendai_client, backendai_environment
from tests.faults.victims import idx_digits

__all__ = ["INPUT", "OUTPUT", "SIDE", "backendai_client", "backendai_environment"]

SIDE = 12
INPUT, OUTPUT = "picture_hex", "label_hex"


@pytest.fixture(scope="session")
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as client:
        yield client


@pytest.fixture(scope="session")
def model(client: Client) -> Cluster:
    dataset = client.upload_mnist("digits", *idx_digits(100, SIDE))
    cluster = client.create_cluster("digits", TEMPLATE)
    client.train(cluster, {INPUT: dataset["picture"]}, {OUTPUT: dataset["label"]})
    return cluster


@pytest.fixture(scope="session")
def headers(server: LocalServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {hanami_token.request_token(server.address, server.user, server.passphrase)}"}


@pytest.fixture
def rows() -> np.ndarray:
    return (np.arange(3 * SIDE * SIDE, dtype=np.float32) % 251).reshape(3, SIDE * SIDE)
