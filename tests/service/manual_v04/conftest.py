"""What the chapters of the manuals of v0.4 begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk.v04 import (
    cluster,
    dataset,
    hanami_token,
)
from hanami_server.local import LocalServer
from tests.service.manual_v04.kit import TEMPLATE, Login


@pytest.fixture
def login(server: LocalServer) -> Login:
    """What all functions begin with."""
    return hanami_token.request_token(server.address, server.user, server.passphrase), server.address


@pytest.fixture
def digits(login: Login, small_digits: tuple[Path, Path]) -> Iterator[str]:
    """UUID of 200 digits."""
    uuid = dataset.upload_mnist_files(*login, "digits of v04", *map(str, small_digits))
    yield uuid
    dataset.delete_dataset(*login, uuid)


@pytest.fixture
def network(login: Login) -> Iterator[str]:
    """UUID of the manual's cluster."""
    uuid = json.loads(cluster.create_cluster(*login, "cluster of v04", TEMPLATE))["uuid"]
    yield uuid
    cluster.delete_cluster(*login, uuid)
