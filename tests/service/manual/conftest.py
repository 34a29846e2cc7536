"""What the chapters of the manual begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import (
    dataset,
    hanami_token,
)
from hanami_server.local import LocalServer
from tests.service.manual.kit import Login


@pytest.fixture
def login(server: LocalServer) -> Login:
    """What all functions of the SDK begin with."""
    return hanami_token.request_token(server.address, server.user, server.passphrase), server.address


@pytest.fixture
def digits(login: Login, small_digits: tuple[Path, Path]) -> Iterator[str]:
    """UUID of 200 digits."""
    uuid = dataset.upload_mnist_files(*login, "digits of the manual", *map(str, small_digits))
    yield uuid
    dataset.delete_dataset(*login, uuid)
