"""What tests of the server and of plugins are given: a client of an application in their own process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcon.testing import TestClient

    from hanami_core.runtime import Runtime

__all__ = ["client"]


def client(runtime: Runtime) -> TestClient:
    """Return a client whose requests are answered by the application of a runtime, without a socket."""
    from falcon.testing import TestClient

    from hanami_server.app import create_app

    return TestClient(create_app(runtime))
