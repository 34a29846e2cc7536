"""Sites for tests of datasets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.data import Site
from tests.plugins.datasets.kit import SlowDecoder


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowDecoder:
    return SlowDecoder(monkeypatch)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Site]:
    """A site that answers at once, whether the table is there or not."""
    with Site(tmp_path, datasets__wait=0.0) as site:
        yield site
