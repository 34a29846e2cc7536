"""Large files are written and removed a piece at a time, and nobody who still has one loses it."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core import syncing
from hanami_core.syncing import MOST, PIECE, open_steadily, remove
from tests.server.harness import until

LARGE = 3 * PIECE + 12_345
CONTENT = np.arange(LARGE, dtype=np.uint8).tobytes()


@contextmanager
def watched(path: Path) -> Iterator[int]:
    """Give a descriptor that tells of a file, also once it is removed, and does not count as having it open."""
    descriptor = os.open(path, os.O_PATH)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def wait_for_removals() -> None:
    for thread in threading.enumerate():
        if thread.name == "removal":
            thread.join(10)


def held_removals(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Hold removals after their first piece; return what tells that one is there, and what lets it go on."""
    paused, go = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        paused.set()
        assert go.wait(10)

    monkeypatch.setattr(syncing, "time", SimpleNamespace(sleep=sleep))
    return paused, go


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "large"
    path.write_bytes(CONTENT)
    yield path
    wait_for_removals()


@given(st.lists(st.integers(0, 3 * PIECE), max_size=4))
def test_what_is_written_steadily_is_the_same(sizes: list[int]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        with open_steadily(path) as file:
            for size in sizes:
                assert file.write(CONTENT[:size]) == size
        assert path.read_bytes() == b"".join(CONTENT[:size] for size in sizes)


def test_arrays_of_several_dimensions_are_written(tmp_path: Path) -> None:
    array = np.arange(PIECE, dtype=np.float32).reshape(4, 2, -1)
    with open_steadily(tmp_path / "file") as file:
        file.write(array.data)
    assert (tmp_path / "file").read_bytes() == array.tobytes()


def test_no_more_than_a_piece_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = list[int]()
    monkeypatch.setattr(syncing.os, "fdatasync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    with open_steadily(tmp_path / "file") as file:
        file.write(CONTENT)
    assert synced == [PIECE, 2 * PIECE, 3 * PIECE]


def test_a_removed_file_gives_its_room_back_in_pieces(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, truncate = list[int](), os.ftruncate

    def noted(descriptor: int, size: int) -> None:
        sizes.append(size)
        truncate(descriptor, size)

    monkeypatch.setattr(syncing.os, "ftruncate", noted)
    with watched(large) as descriptor:
        remove(large)
        assert not large.exists()
        wait_for_removals()
        assert os.fstat(descriptor).st_size == LARGE - 3 * PIECE
    assert sizes == [LARGE - PIECE, LARGE - 2 * PIECE, LARGE - 3 * PIECE]


def test_who_reads_a_removed_file_keeps_it(large: Path) -> None:
    with large.open("rb") as file:
        remove(large)
        wait_for_removals()
        assert file.read() == CONTENT


def test_who_maps_a_removed_file_keeps_it(large: Path) -> None:
    with large.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    with closing(mapped):
        remove(large)
        wait_for_removals()
        assert mapped[:] == CONTENT


def test_another_name_of_a_removed_file_keeps_it(large: Path) -> None:
    other = large.with_name("other")
    other.hardlink_to(large)
    remove(large)
    wait_for_removals()
    assert not large.exists()
    assert other.read_bytes() == CONTENT


def test_many_files_are_removed_by_one_thread_and_keep_few_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(syncing, "time", SimpleNamespace(sleep=lambda seconds: go.wait(10)))
    before = len(os.listdir("/proc/self/fd"))
    for number in range(2 * MOST):
        path = tmp_path / str(number)
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, LARGE)
        remove(path)
    assert [thread.name for thread in threading.enumerate()].count("removal") == 1
    assert len(os.listdir("/proc/self/fd")) <= before + MOST
    go.set()
    wait_for_removals()
    assert len(os.listdir("/proc/self/fd")) == before


def test_whoever_opens_a_removed_file_late_ends_the_removal(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused, go = held_removals(monkeypatch)
    with watched(large) as descriptor, ThreadPoolExecutor(1) as threads:
        remove(large)
        assert paused.wait(10)
        late = threads.submit(os.open, f"/proc/self/fd/{descriptor}", os.O_RDONLY)
        until(lambda: "READ" in Path("/proc/locks").read_text() or "BREAKING" in Path("/proc/locks").read_text(), 10)
        go.set()
        os.close(late.result(10))
        wait_for_removals()
        assert os.fstat(descriptor).st_size == LARGE - PIECE


def test_a_copy_of_the_process_does_not_keep_removed_files(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused, go = held_removals(monkeypatch)
    inode = large.stat().st_ino
    remove(large)
    assert paused.wait(10)
    pid = os.fork()
    if pid == 0:
        inodes = [os.stat(f"/proc/self/fd/{name}").st_ino for name in os.listdir("/proc/self/fd") if _is_open(name)]
        os._exit(int(inode in inodes))
    go.set()
    assert os.waitpid(pid, 0)[1] == 0
    wait_for_removals()


def _is_open(name: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{name}")


@pytest.mark.parametrize("reason", ["small", "no room", "a link", "no thread"])
def test_other_files_are_removed_at_once(large: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    path = large
    if reason == "small":
        os.truncate(large, 2 * PIECE)
    elif reason == "no room":
        monkeypatch.setattr(syncing, "SCARCE", 1 << 60)
    elif reason == "a link":
        path = large.with_name("link")
        path.symlink_to(large)
    else:
        monkeypatch.setattr(threading.Thread, "start", _no_thread)
    with watched(large) as descriptor:
        remove(path)
        assert not path.is_symlink()
        assert not path.exists()
        assert os.fstat(descriptor).st_size == (2 * PIECE if reason == "small" else LARGE)
    if reason == "a link":
        assert large.read_bytes() == CONTENT


def _no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_file_in_an_open_folder_is_removed(large: Path) -> None:
    folder = os.open(large.parent, os.O_RDONLY)
    try:
        remove(large.name, folder)
        with pytest.raises(FileNotFoundError):
            remove(large.name, folder)
    finally:
        os.close(folder)
    assert not large.exists()


def test_who_removes_a_large_file_does_not_wait_for_it(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, go = held_removals(monkeypatch)
    with watched(large) as descriptor:
        remove(large)
        assert waiting.wait(10)
        assert os.fstat(descriptor).st_size == LARGE - PIECE
        go.set()
        wait_for_removals()
