"""The plugin `uploads`."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanami_core import syncing
from hanami_core.access import Actor
from hanami_core.clock import SystemClock
from hanami_core.errors import NotFound
from hanami_core.storage.database import atomic
from hanami_plugins import uploads
from hanami_plugins.uploads import Upload, received
from hanami_plugins.uploads.messages import failure, read_piece
from hanami_plugins.uploads.received import Receiver, UploadFiles
from hanami_plugins.uploads.service import CleanUp, place_of
from tests.direct import told
from tests.plugins.data import ADMIN, ELSEWHERE, MEMBER, OTHER, Site, message, tree

SUCCESS = b"\x08\x01"
INVALID = b"\x12\x1eGot invalid FileUpload-Message"
NOT_WRITTEN = b"\x12\x1cFailed to write data to disc"
RELATED = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


@pytest.fixture
def place(tmp_path: Path) -> UploadFiles:
    return UploadFiles(tmp_path / "uploads", "file", 1000, "boot")


def create(site: Site, size: int, actor: Actor = MEMBER, name: str = "input") -> Upload:
    with atomic():
        return uploads.create_upload(site.runtime, actor, RELATED, size, name)


@dataclass
class Later(SystemClock):
    """The system's clock, ahead, or after another boot."""

    seconds: float = 0.0
    booted: str = ""

    def now(self) -> float:
        return super().now() + self.seconds

    def boot(self) -> str:
        return self.booted or super().boot()


# ---------------------------------------------------------------------------------------------------------------------
# Messages
# ---------------------------------------------------------------------------------------------------------------------


def test_messages_are_those_of_the_released_clients() -> None:
    assert read_piece(message(0, b"abc")) == (0, b"abc")
    assert read_piece(message(131_072, b"abc")) == (131_072, b"abc")
    assert read_piece(message((1 << 64) - 1, b"x")) == ((1 << 64) - 1, b"x")
    assert failure("text") == b"\x12\x04text"


@pytest.mark.parametrize("content", [b"", b"\x08\x05", b"\xff\xff", b"\x12\x05ab", message(0, b"abc")[:-1], "text", ""])
def test_anything_else_is_no_piece(content: bytes | str) -> None:
    assert read_piece(content) is None


def test_messages_agree_with_those_of_the_sdk() -> None:
    from hanami_sdk._messages import decode_response, encode_chunk

    assert read_piece(encode_chunk(77, b"data")) == (77, b"data")
    assert decode_response(SUCCESS) == (True, "")
    assert decode_response(failure("text")) == (False, "text")


# ---------------------------------------------------------------------------------------------------------------------
# Sockets
# ---------------------------------------------------------------------------------------------------------------------


def test_a_file_arrives(site: Site, tmp_path: Path) -> None:
    upload = create(site, 300_000)
    content = os.urandom(300_000)
    assert not uploads.complete(site.runtime, upload)
    site.send(upload.uuid, content)
    assert uploads.complete(site.runtime, upload)
    assert uploads.path(site.runtime, upload).read_bytes() == content
    assert uploads.path(site.runtime, upload).parent == tmp_path / "uploads"


def test_a_file_is_readable_for_the_server_only(site: Site) -> None:
    upload = create(site, 3)
    site.send(upload.uuid, b"abc")
    path = uploads.path(site.runtime, upload)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_refused_messages_leave_the_socket_usable(site: Site) -> None:
    upload = create(site, 10)
    session = site.socket(upload.uuid)
    assert session.receive("text") == INVALID
    assert session.receive(b"") == INVALID
    assert session.receive(b"\xff\xff\xff") == INVALID
    assert session.receive(message(0, b"too much data")) == NOT_WRITTEN
    assert session.receive(message(10, b"x")) == NOT_WRITTEN
    assert session.receive(message((1 << 64) - 1, b"x")) == NOT_WRITTEN
    assert uploads.missing(site.runtime, upload) == 10
    assert session.receive(message(0, b"0123456789")) == SUCCESS
    session.close()
    assert uploads.path(site.runtime, upload).read_bytes() == b"0123456789"


@pytest.mark.parametrize("actor", [OTHER, ELSEWHERE, ADMIN])
def test_only_the_creator_may_send_and_only_in_that_project(site: Site, actor: Actor, tmp_path: Path) -> None:
    upload = create(site, 10)
    with pytest.raises(NotFound) as caught:
        site.socket(upload.uuid, actor)
    assert str(told(site.runtime, caught.value)) == f"Tempfile with UUID '{upload.uuid}' not found"
    assert tree(tmp_path) == set()


@pytest.mark.parametrize("uuid", ["", "../hanami.db", "%", "' OR 1=1 --", RELATED, "x" * 100_000])
def test_an_unknown_file_is_not_found(site: Site, uuid: str, tmp_path: Path) -> None:
    create(site, 10)
    with pytest.raises(NotFound) as caught:
        site.socket(uuid)
    assert str(told(site.runtime, caught.value)) == f"Tempfile with UUID '{uuid}' not found"
    assert tree(tmp_path) == set()


def test_upper_case_finds_the_file(site: Site) -> None:
    upload = create(site, 1)
    site.send(upload.uuid.upper(), b"x")
    assert uploads.complete(site.runtime, upload)


def test_any_sidecar_may_serve(site: Site) -> None:
    assert site.runtime.targets["file_upload"].host(site.runtime, RELATED) is None


def test_a_file_that_is_discarded_takes_no_more_pieces(site: Site, tmp_path: Path) -> None:
    upload = create(site, 10)
    session = site.socket(upload.uuid)
    assert session.receive(message(0, b"01234")) == SUCCESS
    with atomic():
        uploads.discard(site.runtime, RELATED)
    assert session.receive(message(5, b"56789")) == NOT_WRITTEN
    session.close()
    assert tree(tmp_path) == set()
    assert uploads.uploads_of(RELATED) == []


def test_a_full_disk_is_told_and_survived(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upload = create(site, 10)
    session = site.socket(upload.uuid)

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        assert session.receive(message(0, b"01234")).endswith(b"Failed to write data to disc: the disk is full")
        assert session.receive(message(0, b"01234")).endswith(b"Failed to write data to disc: the disk is full")
    assert uploads.missing(site.runtime, upload) == 10
    assert [record.message for record in caplog.records] == ["piece not written"]
    assert session.receive(message(0, b"0123456789")) == SUCCESS
    session.close()


def test_a_big_file_costs_no_room_until_it_is_sent(site: Site) -> None:
    upload = create(site, 10_000_000_000)
    session = site.socket(upload.uuid)
    assert session.receive(message(9_999_999_999, b"x")) == SUCCESS
    session.close()
    status = uploads.path(site.runtime, upload).stat()
    assert status.st_size == 10_000_000_000
    assert status.st_blocks * 512 < 1 << 20
    assert uploads.missing(site.runtime, upload) == 9_999_999_999


# ---------------------------------------------------------------------------------------------------------------------
# What has arrived
# ---------------------------------------------------------------------------------------------------------------------

ranges = st.lists(st.tuples(st.integers(0, 990), st.integers(1, 60)), max_size=25)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(ranges, min_size=1, max_size=3))
def test_exactly_what_was_acknowledged_counts(tmp_path: Path, sent: list[list[tuple[int, int]]]) -> None:
    """Several receivers take turns, in any order and with overlaps."""
    place = UploadFiles(tmp_path, "file", 1000, "boot")
    place.remove()
    content, known = np.zeros(1000, np.uint8), np.zeros(1000, bool)
    receivers = [Receiver(place) for _ in sent]
    for turn in range(max(map(len, sent))):
        for number, (receiver, pieces) in enumerate(zip(receivers, sent, strict=True)):
            if turn >= len(pieces):
                continue
            start, end = pieces[turn][0], min(1000, sum(pieces[turn]))
            content[start:end], known[start:end] = number + 1, True
            receiver.write(start, bytes([number + 1]) * (end - start))
            assert place.missing() == np.count_nonzero(~known)
    for receiver in receivers:
        receiver.close()
        assert place.missing() == np.count_nonzero(~known)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], known, [0]))))
    assert place.received().ravel().tolist() == edges.tolist()
    assert np.frombuffer(place.data.read_bytes(), np.uint8).tolist() == content.tolist()


def test_a_steady_upload_needs_one_record(place: UploadFiles) -> None:
    receiver = Receiver(place)
    for position in range(0, 1000, 10):
        receiver.write(position, bytes(10))
    assert place.journal.stat().st_size == 32
    receiver.close()
    assert place.journal.stat().st_size == 64


def test_what_has_arrived_counts_up_to_the_first_gap(site: Site) -> None:
    upload = create(site, 300)
    session = site.socket(upload.uuid)
    steps = ((100, 0), (250, 0), (0, 200), (200, 300))
    for start, leading in steps:
        session.receive(message(start, bytes(100 if start < 250 else 50)))
        assert uploads.leading(site.runtime, upload) == leading
    session.close()


def test_a_scattered_upload_is_refused_in_the_end(place: UploadFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MAX_RECORDS", 3)
    receiver = Receiver(place)
    for position in (0, 10, 20):
        receiver.write(position, b"x")
    with pytest.raises(OSError, match="too scattered"):
        receiver.write(30, b"x")
    receiver.write(21, b"y")
    receiver.close()
    assert place.missing() == 1000 - 4


def test_what_could_not_be_synced_never_counts_for_ever(
    tmp_path: Path, place: UploadFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "PIECE", 20)
    receiver = Receiver(place)
    receiver.write(0, bytes(10))
    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
        patched.setattr(os, "fdatasync", lose)  # the system tells of it once
        receiver.write(10, bytes(10))
    with pytest.raises(OSError, match="Input/output error"):
        receiver.write(20, bytes(10))
    receiver.close()
    assert len(UploadFiles(tmp_path / "uploads", "file", 1000, "another boot").received()) == 0


def lose(descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_after_a_power_cut_only_what_was_synced_counts(tmp_path: Path, place: UploadFiles) -> None:
    synced, cut = Receiver(place), Receiver(place)
    synced.write(0, bytes(100))
    synced.close()
    cut.write(500, bytes(100))
    assert place.missing() == 800
    after = UploadFiles(tmp_path / "uploads", "file", 1000, "another boot")
    assert after.received().tolist() == [[0, 100]]
    cut.close()
    assert after.missing() == 800


def test_a_journal_without_its_data_is_not_believed(place: UploadFiles) -> None:
    receiver = Receiver(place)
    receiver.write(0, bytes(1000))
    assert place.missing() == 0
    place.data.unlink()
    assert place.missing() == 1000
    receiver.close()


def test_a_journal_that_ends_inside_a_record_counts_up_to_there(place: UploadFiles) -> None:
    receiver = Receiver(place)
    receiver.write(0, bytes(10))
    receiver.write(20, bytes(10))
    receiver.close()
    os.truncate(place.journal, 50)
    assert place.received().tolist() == [[0, 10]]


SENDER = """
import sys
from pathlib import Path
from hanami_plugins.uploads.received import UploadFiles, Receiver
receiver = Receiver(UploadFiles(Path(sys.argv[1]), "file", 10 ** 9, "boot"))
for position in range(0, 10 ** 9, 4096):
    receiver.write(position, (position % 251).to_bytes(1) * 4096)
    print(position + 4096, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 40, 200])
def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path, lines: int) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SENDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in process.stdout.read().split("\n") if line.isdigit()]
    count = max([*acknowledged, lines * 4096])
    place = UploadFiles(tmp_path, "file", 10**9, "boot")
    ((start, end),) = place.received().tolist()
    assert start == 0
    assert end >= count
    with place.data.open("rb") as file:
        for position in range(0, end, 4096):
            assert file.read(4096) == (position % 251).to_bytes(1) * 4096


# ---------------------------------------------------------------------------------------------------------------------
# Rows and clean-up
# ---------------------------------------------------------------------------------------------------------------------


def test_an_upload_is_found_for_its_resource_and_part_only(site: Site) -> None:
    upload = create(site, 10)
    assert uploads.upload_for(RELATED, "input", upload.uuid.upper()) == upload
    assert uploads.upload_for(RELATED, "label", upload.uuid) is None
    assert uploads.upload_for(upload.uuid, "input", upload.uuid) is None
    assert uploads.upload_for(RELATED, "input", RELATED) is None


def test_a_discard_that_is_rolled_back_changes_nothing(site: Site) -> None:
    upload = create(site, 3)
    site.send(upload.uuid, b"abc")
    with pytest.raises(RuntimeError), atomic():
        uploads.discard(site.runtime, RELATED)
        raise RuntimeError("rolled back")
    assert uploads.uploads_of(RELATED) == [upload]
    assert uploads.complete(site.runtime, upload)


def test_idle_uploads_are_dropped_together(site: Site, tmp_path: Path) -> None:
    first, second = create(site, 10), create(site, 10, name="label")
    site.socket(first.uuid).close()
    site.send(second.uuid, b"x")
    assert uploads.discard_idle(site.runtime, 0.0) == []
    assert uploads.discard_idle(site.runtime, 80_000) == []
    os.utime(place_of(site.runtime, second).journal, (time.time() - 50_000,) * 2)
    assert uploads.discard_idle(site.runtime, 80_000) == []
    assert uploads.discard_idle(site.runtime, 80_000) == []
    assert uploads.discard_idle(site.runtime, 80_000) == [RELATED]
    assert uploads.uploads_of(RELATED) == []
    assert tree(tmp_path) == set()


def test_uploads_that_somebody_still_needs_are_not_idle(site: Site) -> None:
    create(site, 10)
    uploads.discard_idle(site.runtime, 80_000)
    with atomic():
        uploads.touch(RELATED)
    assert uploads.discard_idle(site.runtime, 80_000) == []
    assert uploads.discard_idle(site.runtime, 80_000) == [RELATED]


@dataclass
class HandClock(SystemClock):
    """A clock that goes only when it is moved."""

    moment: float = 1000.0

    def monotonic(self) -> float:
        return self.moment


@pytest.mark.parametrize("seconds", [26 * 3600, 400 * 86_400, -30 * 86_400])
def test_a_clock_that_is_set_drops_nothing(site: Site, seconds: float) -> None:
    upload = create(site, 10)
    clean_up = CleanUp(600.0)
    clean_up(site.runtime)
    site.runtime.clock = Later(seconds)
    for _ in range(3):
        clean_up(site.runtime)
    assert uploads.uploads_of(RELATED) == [upload]


def test_only_time_that_the_server_watched_counts(site: Site) -> None:
    clock = HandClock()
    site.runtime.clock = clock
    upload = create(site, 10)
    clean_up = CleanUp(600.0)
    clean_up(site.runtime)
    for pause in (600, 86_400, 600):
        clock.moment += pause
        clean_up(site.runtime)
    assert Upload.get(Upload.uuid == upload.uuid).idle == 600 + 1200 + 600
    CleanUp(600.0)(site.runtime)
    assert Upload.get(Upload.uuid == upload.uuid).idle == 2400


def test_files_without_a_row_are_removed(site: Site, tmp_path: Path) -> None:
    upload = create(site, 3)
    site.send(upload.uuid, b"abc")
    files = tree(tmp_path)
    (tmp_path / "uploads" / RELATED).write_bytes(b"left")
    (tmp_path / "uploads" / f"{RELATED}.journal").write_bytes(b"left")
    schedule = site.runtime.plugins.schedules(site.runtime)["uploads.clean_up"]
    assert schedule.seconds == 600.0
    schedule.run(site.runtime)
    assert tree(tmp_path) == files
    assert uploads.complete(site.runtime, upload)


def test_an_upload_goes_on_after_a_restart(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        upload = create(site, 10)
        session = site.socket(upload.uuid)
        session.receive(message(0, b"01234"))
        session.close()
    with Site(tmp_path) as site:
        site.runtime.clock = Later(booted="another boot")
        assert uploads.missing(site.runtime, upload) == 5
        session = site.socket(upload.uuid)
        assert session.receive(message(5, b"56789")) == SUCCESS
        session.close()
        assert uploads.path(site.runtime, upload).read_bytes() == b"0123456789"
