"""Uploads of v0.4: its progress tells the truth until a dataset can be used, and why it never will be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core import decoding
from hanami_core.queue import runner
from hanami_core.testing.requests import ClientRequest, open_socket
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from tests.plugins.data import message
from tests.plugins.datasets.kit import CSV, SlowDecoder
from tests.plugins.test_control_v1 import Old
from tests.plugins.test_native_routes import TOKEN, first_message
from tests.server.harness import until


@pytest.fixture
def app(tmp_path: Path) -> Iterator[NativeApp]:
    with NativeApp(tmp_path / "data", datasets__wait=0.0) as opened:
        yield opened


@pytest.fixture
def old(app: NativeApp) -> Old:
    return Old(app)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowDecoder:
    return SlowDecoder(monkeypatch)


def sent(old: Old, content: bytes = CSV) -> dict[str, str]:
    """Announce a table and send it; return what finalises it."""
    announced = old.ask("POST", "csv/dataset", name="table", input_data_size=len(content))
    request = ClientRequest().carrying(**{TOKEN: old.token})
    opened = open_socket(old.app, ClientRequest(), first_message(request, "file_upload", announced["uuid_input_file"]))
    assert opened.session is not None
    opened.session.receive(message(0, content))
    opened.session.close()
    return {name: announced[name] for name in ("uuid", "uuid_input_file")}


def progress(old: Old, files: dict[str, str]) -> Any:
    return old.ask("GET", "dataset/progress", uuid=files["uuid"])


def ended(old: Old, files: dict[str, str]) -> Any:
    """Finalise an upload, wait until its decoding has ended, and return the answer of progress."""
    old.ask("PUT", "csv/dataset", **files)
    until(lambda: old.app.call("GET", "dataset/progress", uuid=files["uuid"]).json.get("state") != "decoding")
    return old.send("GET", "dataset/progress", uuid=files["uuid"])


def test_an_upload_is_complete_before_it_is_finalised_and_again_when_it_can_be_used(
    old: Old, slow: SlowDecoder
) -> None:
    files = sent(old)
    uuid, arrived = files["uuid"], {files["uuid_input_file"]: len(CSV)}
    assert progress(old, files) == {"complete": True, "received": arrived, "uuid": uuid}
    assert old.ask("PUT", "csv/dataset", **files) == {"uuid": uuid, "state": "decoding"}
    assert slow.begun.wait(20)
    assert progress(old, files) == {
        "complete": False,
        "received": arrived,
        "uuid": uuid,
        "state": "decoding",
        "percentage": 100 * 7 / len(CSV),
    }
    slow.go_on.set()
    until(lambda: progress(old, files) == {"complete": True, "received": {}, "uuid": uuid})
    assert old.ask("GET", "dataset", uuid=uuid)["lines"] == 3


def test_progress_of_files_that_were_refused_is_the_reason(old: Old) -> None:
    answer = ended(old, sent(old, b"a,b\n1,x\n"))
    assert (answer.status_code, answer.text) == (400, "input, line 2, column 2 ('b'): 'x' is not a number")


class Failing:
    """A decoding that fails with an error of the process, not of the file."""

    def __init__(self, error: Exception) -> None:
        self._error, self.calls = error, 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        raise self._error


def test_progress_of_a_decoding_that_failed_is_the_reason(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FIRST_PAUSE", 0.01)
    files = sent(old)
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", Failing(RuntimeError("the decoder ended without an answer")))
        answer = ended(old, files)
    uuid = files["uuid"]
    reason = f"Data-set with uuid '{uuid}' could not be decoded, finalise it again: the decoder ended without an answer"
    assert (answer.status_code, answer.text) == (409, reason)
    assert ended(old, files).json == {"complete": True, "received": {}, "uuid": uuid}


def test_a_decoding_waits_for_a_disk_that_is_full(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STORAGE_PAUSE", 0.01)
    files, full = sent(old), Failing(OSError(28, "No space left on device", "/some/path"))
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", full)
        old.ask("PUT", "csv/dataset", **files)
        until(lambda: full.calls > 5)  # more often than tasks are retried that fail on their own
        assert progress(old, files)["state"] == "decoding"
    until(lambda: progress(old, files) == {"complete": True, "received": {}, "uuid": files["uuid"]})
