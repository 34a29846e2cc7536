"""What several modules of tests of the engine use."""

from __future__ import annotations

import pytest

from hanami_plugins.host_numba import thread_pool


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call `step` after every slice."""
    monkeypatch.setattr(thread_pool, "CALL_SECONDS", 0.0)
