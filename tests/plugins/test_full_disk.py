"""A disk that is nearly full: what would fill it is refused, and deleting works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import _ntuple_diskusage as Usage  # type: ignore[attr-defined]

import pytest

from hanami_core.errors import InsufficientStorage
from hanami_core.storage import reserve
from hanami_core.storage.reserve import BALLAST
from hanami_plugins import uploads
from hanami_plugins.datasets import Dataset
from hanami_plugins.uploads import Upload
from tests.plugins.test_quotas import announce
from tests.whole import Whole

MB = 1_000_000


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path, storage__reserve=8 * MB) as opened:
        yield opened


def left(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(reserve, "disk_usage", lambda path: Usage(100_000 * MB, 0, free))


def test_an_upload_that_does_not_fit_is_refused_when_it_is_announced(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(monkeypatch, 10 * MB)
    refused = announce(whole, 3 * MB)
    assert (refused.status_code, refused.text) == (
        503,
        "The disk of the server is too full: 3.0 MB are needed, 2.0 MB are left beside a reserve of 8.0 MB",
    )
    assert (Dataset.select().count(), Upload.select().count()) == (0, 0)
    assert announce(whole, MB).status_code == 200


def test_what_is_announced_and_not_sent_yet_counts(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    left(monkeypatch, 10 * MB)
    first = announce(whole, MB)
    assert announce(whole, 1_500_000).status_code == 503
    (upload,) = Upload.select()
    place = uploads.service.place_of(whole.runtime, upload)
    with uploads.Receiver(place) as receiver:
        receiver.write(0, bytes(MB))
    assert place.unwritten() == 0
    assert announce(whole, 1_500_000).status_code == 200
    assert whole.call("DELETE", "dataset", uuid=first.json["uuid"]).status_code == 200


def test_deleting_gets_the_room_of_the_ballast(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    ballast = whole.runtime.settings.data_dir / BALLAST
    whole.runtime.reserve.lay_ballast()
    assert ballast.stat().st_size == 2 * MB
    uuid = announce(whole, MB).json["uuid"]
    seen: list[int] = []
    discard = uploads.service.discard
    monkeypatch.setattr(uploads, "discard", lambda *given: (seen.append(ballast.stat().st_size), discard(*given)))
    left(monkeypatch, 0)
    assert whole.call("DELETE", "dataset", uuid=uuid).status_code == 200
    assert (seen, ballast.stat().st_size) == ([0], 0)
    left(monkeypatch, 100 * MB)
    assert whole.call("DELETE", "dataset", uuid=uuid).status_code == 404
    assert whole.call("DELETE", "dataset", uuid=announce(whole, MB).json["uuid"]).status_code == 200
    assert ballast.stat().st_size == 2 * MB


def test_a_state_that_took_long_may_use_half_of_the_reserve(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    left(monkeypatch, 6 * MB)
    whole.runtime.reserve.require(MB, urgent=True)
    with pytest.raises(InsufficientStorage):
        whole.runtime.reserve.require(MB)
