"""The storage ``files``: the suite for all storages, and what makes it safe against what lies in its folders."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanami_core.errors import BadRequest
from hanami_core.ids import new_uuid
from hanami_core.testing.storage import storage_context
from hanami_plugins.folders.files import FilesBackend
from hanami_plugins.folders.paths import ROOT, FolderPath, parse_name, parse_path, path_text
from hanami_plugins.folders.reading import LocalFolderFile
from hanami_plugins.folders.storages import FolderEntry, FolderStorage, FolderUsage, NotAFile
from hanami_plugins.folders.testing import FolderStorageConformance, add_file, read_file, tree
from tests.lengths import choose

SECRET = b"nobody may read this"
EXAMPLES = choose(60, 2000)
ROUNDS = choose(60, 20_000)


class TestFiles(FolderStorageConformance):
    """The suite."""

    @pytest.fixture
    def backend(self) -> FilesBackend:
        return FilesBackend()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[FolderStorage]:
    opened = FilesBackend().open(storage_context(tmp_path / "data"))
    yield opened
    opened.close()


@pytest.fixture
def folder(storage: FolderStorage) -> str:
    name = new_uuid()
    storage.create(name)
    return name


@pytest.fixture
def inside(tmp_path: Path, folder: str) -> Path:
    """The directory of the folder, for somebody who works there without the server."""
    return tmp_path / "data" / "folders" / "content" / folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that no folder may lead to."""
    place = tmp_path / "outside"
    (place / "deeper").mkdir(parents=True)
    (place / "secret").write_bytes(SECRET)
    (place / "deeper" / "secret").write_bytes(SECRET)
    return place


def state(place: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(place)): path.read_bytes() if path.is_file() else None for path in place.rglob("*")}


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["/etc/passwd", "..", "../x", "a/..", "a/../b", "a\0b", "\0", "x" * 256, "ü" * 128, "a/" * 2049, "\udc80", "", "."],
)
def test_a_path_that_leads_out_or_breaks_a_rule_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as raised:
        parse_path(text)
    assert raised.value.code == "folder_path_invalid"


@pytest.mark.parametrize(
    ("text", "path"),
    [("a", ("a",)), ("./a//b/", ("a", "b")), ("...", ("...",)), (".ssh/id", (".ssh", "id")), ("a b\n", ("a b\n",))],
)
def test_a_path_is_read(text: str, path: tuple[str, ...]) -> None:
    assert parse_path(text) == path
    assert parse_path(path_text(FolderPath(path))) == path


def test_the_folder_itself_is_a_path_only_where_that_makes_sense() -> None:
    assert parse_path(".", root=True) == parse_path("", root=True) == ROOT
    assert path_text(ROOT) == "."


@pytest.mark.parametrize("text", ["a/b", "a/", "", ".", ".."])
def test_a_name_is_a_single_one(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_name(text)


@given(st.text(max_size=40))
def test_whatever_is_a_path_stays_below_its_folder(text: str) -> None:
    try:
        path = parse_path(text)
    except BadRequest:
        return
    top = "/top/folder"
    assert os.path.normpath(os.path.join(top, *path)).startswith(top + "/")
    assert len(Path(*path).parts) == len(path)


# -- links and other things in a folder -------------------------------------------------------------------------------


def operations(storage: FolderStorage, folder: str, path: str) -> list[Callable[[], object]]:
    """Everything that can be done with a path that somebody else has made."""
    at, below = parse_path(path), parse_path(f"{path}/secret")
    return [
        lambda: storage.entries(folder, at),
        lambda: storage.stat(folder, below),
        lambda: storage.open(folder, below),
        lambda: storage.open(folder, at),
        lambda: storage.make_directory(folder, parse_path(f"{path}/new"), parents=True, exist_ok=True),
        lambda: storage.make_directory(folder, at, parents=True, exist_ok=True),
        lambda: storage.rename(folder, below, parse_path("taken")),
        lambda: storage.rename(folder, parse_path("own"), parse_path(f"{path}/own")),
        lambda: storage.delete(folder, below, recursive=True),
        lambda: add_file(storage, folder, f"{path}/secret", b"overwritten"),
        lambda: list(storage.walk(folder, at)),
    ]


@pytest.mark.parametrize("number", range(11))
@pytest.mark.parametrize("target", ["outside", "/", "outside/secret", "missing", "."])
def test_no_link_is_followed(
    tmp_path: Path, storage: FolderStorage, folder: str, inside: Path, outside: Path, number: int, target: str
) -> None:
    before = state(outside)
    (inside / "own").write_bytes(b"own")
    (inside / "link").symlink_to(target if target in ("/", ".") else tmp_path / target)
    with pytest.raises(OSError, match=r".") as raised:
        operations(storage, folder, "link")[number]()
    assert isinstance(raised.value, FileNotFoundError | NotADirectoryError | FileExistsError | NotAFile)
    assert state(outside) == before
    assert (inside / "own").read_bytes() == b"own"
    assert (inside / "link").is_symlink()


def test_a_link_can_be_seen_renamed_and_replaced(
    storage: FolderStorage, folder: str, inside: Path, outside: Path
) -> None:
    before = state(outside)
    for name in ("one", "two", "three"):
        (inside / name).symlink_to(outside / "secret")
    assert tree(storage, folder) == {"one": "link", "two": "link", "three": "link"}
    assert storage.usage(folder) == FolderUsage(0, 0)
    storage.rename(folder, parse_path("one"), parse_path("renamed"))
    assert add_file(storage, folder, "two", b"file") == FolderUsage(0, 0)
    assert storage.delete(folder, parse_path("three"), recursive=False) == FolderUsage(0, 0)
    assert tree(storage, folder) == {"renamed": "link", "two": "file"}
    copy = new_uuid()
    storage.create(copy)
    assert storage.copy(folder, copy) == FolderUsage(1, 4)
    assert tree(storage, copy) == {"renamed": "link", "two": "file"}
    for name in (folder, copy):
        storage.remove(name)
    assert state(outside) == before


def test_special_files_are_neither_opened_nor_copied(storage: FolderStorage, folder: str, inside: Path) -> None:
    os.mkfifo(inside / "pipe")  # whoever opens it waits for somebody at the other end
    assert tree(storage, folder) == {"pipe": "other"}
    with pytest.raises(NotAFile):
        storage.open(folder, parse_path("pipe"))
    copy = new_uuid()
    storage.create(copy)
    assert storage.copy(folder, copy) == FolderUsage(0, 0)
    assert tree(storage, copy) == {}
    storage.delete(folder, parse_path("pipe"), recursive=False)
    assert tree(storage, folder) == {}


def test_names_that_are_no_text_are_listed_and_removed(storage: FolderStorage, folder: str, inside: Path) -> None:
    (inside / os.fsdecode(b"a\xff")).write_bytes(b"1")
    assert [os.fsencode(entry.name) for entry in storage.entries(folder, ROOT)] == [b"a\xff"]
    assert storage.remove(folder) == FolderUsage(1, 1)


def test_everything_is_for_its_owner_only(tmp_path: Path, storage: FolderStorage, folder: str) -> None:
    former = os.umask(0)
    try:
        add_file(storage, folder, "a/file", b"1")
        storage.make_directory(folder, parse_path("b/c"), parents=True, exist_ok=False)
        storage.append(new_uuid(), 0, [b"1"], 2)
        copy = new_uuid()
        storage.create(copy)
        storage.copy(folder, copy)
    finally:
        os.umask(former)
    for path in (tmp_path / "data" / "folders").rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_a_tree_of_any_depth_is_removed(storage: FolderStorage, folder: str, inside: Path) -> None:
    opened = os.open(inside, os.O_RDONLY)
    for _ in range(3000):  # deeper than a path can be long
        os.mkdir("d", dir_fd=opened)
        inner = os.open("d", os.O_RDONLY, dir_fd=opened)
        os.close(opened)
        opened = inner
    os.close(opened)
    storage.remove(folder)
    assert list(storage.folders()) == []


def test_what_a_killed_process_left_is_cleaned(tmp_path: Path, storage: FolderStorage, folder: str) -> None:
    add_file(storage, folder, "a/b/file", b"1")
    removed = tmp_path / "data" / "folders" / "removed"
    removed.mkdir()
    (tmp_path / "data" / "folders" / "content" / folder).rename(removed / "left")
    storage.clean()
    assert list(removed.iterdir()) == []


def test_nothing_stays_open(storage: FolderStorage, folder: str, inside: Path, outside: Path) -> None:
    (inside / "link").symlink_to(outside)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        add_file(storage, folder, "a/file", b"1")
        read_file(storage, folder, "a/file")
        tree(storage, folder)
        for attempt in operations(storage, folder, "link"):
            with contextlib.suppress(OSError):
                attempt()
    assert len(os.listdir("/proc/self/fd")) == before


NAMES = st.sampled_from(["a", "b", "link", "out", ".x", "ü"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: FolderPath(tuple(names)))
CALLS = st.one_of(
    st.tuples(st.sampled_from(["mkdir", "write", "read", "list", "delete", "tree"]), PATHS, PATHS),
    st.tuples(st.sampled_from(["rename", "plant"]), PATHS, PATHS),
)


def call(
    storage: FolderStorage, folder: str, inside: Path, outside: Path, name: str, one: FolderPath, two: FolderPath
) -> None:
    """Do one thing, or put a link there as somebody else could."""
    match name:
        case "mkdir":
            storage.make_directory(folder, one, parents=True, exist_ok=True)
        case "write":
            add_file(storage, folder, path_text(one), b"mine")
        case "read":
            assert read_file(storage, folder, path_text(one)) == b"mine"
        case "list":
            assert "secret" not in {entry.name for entry in storage.entries(folder, one)}
        case "delete":
            storage.delete(folder, one, recursive=True)
        case "rename":
            storage.rename(folder, one, two)
        case "tree":
            assert "secret" not in {path[-1] for path, _ in storage.walk(folder, ROOT)}
        case "plant":
            parent = inside.joinpath(*one[:-1])
            if parent.is_dir() and parent.resolve().is_relative_to(inside):
                (parent / one[-1]).symlink_to(outside)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS, max_size=25))
def test_whatever_is_done_stays_inside(
    storage: FolderStorage, tmp_path: Path, outside: Path, calls: list[tuple[str, FolderPath, FolderPath]]
) -> None:
    folder = new_uuid()
    storage.create(folder)
    inside, before = tmp_path / "data" / "folders" / "content" / folder, state(outside)
    for name, one, two in calls:
        with contextlib.suppress(OSError):
            call(storage, folder, inside, outside, name, one, two)
        assert state(outside) == before
    counted = storage.usage(folder)
    assert storage.remove(folder) == counted
    assert state(outside) == before


def swap(door: Path, link: Path, stopped: threading.Event, swaps: list[int]) -> None:
    """Let a directory and a link exchange their names, each time in one step, as fast as possible."""
    exchange = ctypes.CDLL(None).renameat2
    while not stopped.is_set():
        if exchange(-100, os.fsencode(door), -100, os.fsencode(link), 2):
            for path in (door, link):  # an operation has removed it
                with contextlib.suppress(OSError):
                    path.mkdir()
        else:
            swaps[0] += 1


def harmless(found: object) -> None:
    """Fail if an operation has brought something from outside."""
    if isinstance(found, LocalFolderFile):
        assert b"".join(found.read(0, found.size)) != SECRET
        found.close()
    for one in found if isinstance(found, list) else [found]:
        entry = one[1] if isinstance(one, tuple) and not isinstance(one, FolderEntry) else one
        assert not isinstance(entry, FolderEntry) or entry.size != len(SECRET)


def test_a_directory_that_turns_into_a_link_leads_nowhere(
    storage: FolderStorage, folder: str, inside: Path, outside: Path
) -> None:
    before, stopped, swaps, done = state(outside), threading.Event(), [0], 0
    door, link = inside / "door", inside / "link"
    door.mkdir()
    link.symlink_to(outside)
    swapper = threading.Thread(target=swap, args=(door, link, stopped, swaps))
    swapper.start()
    try:
        for _ in range(ROUNDS):
            with contextlib.suppress(OSError):
                add_file(storage, folder, "own", b"own")
            for attempt in operations(storage, folder, "door"):
                with contextlib.suppress(OSError):
                    harmless(attempt())
                    done += 1
    finally:
        stopped.set()
        swapper.join()
    assert swaps[0] > ROUNDS
    assert done > ROUNDS
    assert state(outside) == before


def test_a_directory_that_is_refilled_while_it_is_removed_harms_nobody(
    storage: FolderStorage, folder: str, inside: Path, outside: Path
) -> None:
    before, stopped = state(outside), threading.Event()
    add_file(storage, folder, "busy/file", b"1")
    opened = os.open(inside / "busy", os.O_RDONLY)

    def refill() -> None:
        while not stopped.is_set():
            with contextlib.suppress(OSError):
                os.symlink(outside, "link", dir_fd=opened)
            with contextlib.suppress(OSError):
                os.mkdir("directory", dir_fd=opened)

    thread = threading.Thread(target=refill)
    thread.start()
    try:
        storage.remove(folder)
    finally:
        stopped.set()
        thread.join()
        os.close(opened)
    assert list(storage.folders()) == []
    storage.clean()
    assert state(outside) == before
