"""The concepts show what happens."""

from __future__ import annotations

import os
from pathlib import Path

from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.docs.reading import Reader


def test_the_concepts_show_what_happens(desk: Path, server: LocalServer) -> None:
    with Reader(desk, os.environ) as reader:
        reader.names["client"] = Client(server.address, server.user, server.passphrase)
        assert reader.read("docs/concepts.md") == 5
