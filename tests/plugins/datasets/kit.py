"""What several modules of tests of datasets use."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from hanami_core import decoding
from hanami_core.access import Actor
from hanami_core.datasets import TableWriter
from hanami_core.decoding import DecodeResult
from hanami_core.ids import new_uuid
from hanami_core.storage.database import atomic
from hanami_plugins.datasets import (
    add_result,
    finalise_result,
)
from tests.plugins.data import MEMBER, Site
from tests.server.harness import until

UNKNOWN = "11111111-1111-1111-1111-111111111111"
CSV = b"first,b\n1,2.5\n3,4\n5,6\n"


def stored(site: Site, columns: dict[str, int], values: Any, name: str = "result", dtype: Any = np.float32) -> str:
    """Store a table the way a task does and return the dataset's uuid."""
    with site.runtime.blobs.staging() as staged:
        with TableWriter(staged) as table:
            table.begin(columns, dtype)
            table.append(np.array(values, dtype))
        shape, owner = finalise_result(site.runtime, staged), {"owner_id": "tsugumi", "project_id": "room"}
        with atomic():
            dataset = add_result(site.runtime, uuid=new_uuid(), name=name, staged=staged, shape=shape, **owner)
    return dataset.uuid


def refused(site: Site, kind: type[Exception], method: str, path: str, actor: Actor = MEMBER, **fields: Any) -> str:
    with pytest.raises(kind) as caught:
        site.call(method, path, actor, **fields)
    return str(caught.value)


class SlowDecoder:
    """Holds decoding up until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.calls = 0
        self._real = decoding.decode
        monkeypatch.setattr(decoding, "decode", self._decode)

    def _decode(self, *arguments: Any) -> DecodeResult:
        self.calls += 1
        step = arguments[-1]
        assert step(7)
        self.begun.set()
        assert self.go_on.wait(20)
        return self._real(*arguments)


def sent(site: Site, content: bytes = CSV, actor: Actor = MEMBER) -> dict[str, str]:
    """Announce a file and send it."""
    announced = site.announce("csv", actor, input=content)
    site.send(announced["uuid_input_file"], content, actor)
    return announced


def ready(site: Site, uuid: str) -> None:
    until(lambda: "state" not in site.call("GET", "/progress", uuid=uuid))
