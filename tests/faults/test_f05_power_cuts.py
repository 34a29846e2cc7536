"""F05: the power is cut at a random moment while clients work.

What was written and not synced is lost: files have the content that they had when they were synced last, directories
the names. A server that starts on that has everything that was acknowledged before.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from hanami_server.local import LocalServer
from tests.faults.campaign import Campaign, times
from tests.faults.disks import Disk
from tests.faults.shims import compiled
from tests.faults.victims import QUICK, UNHURRIED, findings, kill_all, leftovers
from tests.faults.work import Work
from tests.server.harness import until

LONGEST = 3.0
"""Seconds of work at the most between a first acknowledgement and the cut."""

WRITERS = """
import mmap, os, sys

def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)

os.makedirs(sys.argv[1])
os.chdir(sys.argv[1])
for name in ("written", "synced", "renamed", "former", "mapped", "unlinked", "late"):
    with open(name, "wb") as file:
        file.write(name.encode())
        file.flush()
        if name != "written":
            os.fsync(file.fileno())
    if name != "late":
        sync(".")
os.rename("renamed", "new name")
os.unlink("unlinked")
open("used inode", "wb").close()
with open("mapped", "r+b") as file:
    pages = mmap.mmap(file.fileno(), 0)
    pages[:3] = b"MAP"
    os.fdatasync(file.fileno())
    pages[3:] = b"PED"
with open("synced", "ab") as file:
    file.write(b" and more")
"""
BLOB = """
from hanami_plugins.blobs_files import FileBlobStore
store = FileBlobStore(data_dir)
staged = store.stage()
staged.write_bytes(b"content")
store.commit(staged, "some blob")
"""
PIECE = """
from hanami_plugins.uploads.received import Place, Receiver
with Receiver(Place(data_dir / "uploads", "file", 10, "boot")) as receiver:
    receiver.write(0, b"piece")
"""
KEY = """
from hanami_core.keys import create_key
data_dir.mkdir()
create_key(data_dir / "token.key")
"""
ALONE = {
    "a blob": (BLOB, {"blobs/so/some blob"}),
    "a piece of an upload": (PIECE, {"uploads/file", "uploads/file.journal"}),
    "a key": (KEY, {"token.key"}),
}
"""What programs make durable, whoever else syncs the data directory or does not."""


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(compiled("recorder", tmp_path), tmp_path / "disk 0")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_disk_forgets_what_was_not_synced(disk: Disk, tmp_path: Path) -> None:
    disk.run(WRITERS)
    assert contents(disk.after_a_cut(tmp_path / "disk 1").data_dir) == {
        "written": b"",
        "synced": b"synced",
        "renamed": b"renamed",
        "former": b"former",
        "mapped": b"MAPped",
        "unlinked": b"unlinked",
    }


@pytest.mark.parametrize("what", ALONE)
def test_what_is_durable_needs_nobody_else_who_syncs(disk: Disk, tmp_path: Path, what: str) -> None:
    program, files = ALONE[what]
    disk.run(f"import pathlib, sys; data_dir = pathlib.Path(sys.argv[1])\n{program}")
    kept = contents(disk.after_a_cut(tmp_path / "disk 1").data_dir)
    made = contents(disk.data_dir)
    assert {name: kept.get(name) for name in files} == {name: made[name] for name in files}


@UNHURRIED
def test_what_was_acknowledged_outlives_power_cuts(disk: Disk, tmp_path: Path) -> None:
    chance = random.Random(5)
    server = LocalServer(disk.data_dir, *QUICK)
    with Campaign("F05", "power cut at a random moment: all that was not synced is lost") as campaign:
        with disk.recorded():
            server.start()
        work = Work(server)
        try:
            for number in range(1, 1 + times(2, 24)):
                with work:
                    before = work.count
                    until(lambda before=before: work.count > before or work.surprises, 60)
                    time.sleep(chance.uniform(0, LONGEST))
                    kill_all(server)
                campaign.repetitions += 1
                disk = disk.after_a_cut(tmp_path / f"disk {number}")
                work.server = server = moved(server, disk)
                campaign.survived += 1
                lost = work.lost()
                campaign.lost += len(lost)
                campaign.remark = f"{work.count} acknowledgements"
                assert lost == []
                assert work.surprises == []
                assert findings(server) == []
            assert leftovers(server) == []
        finally:
            server.stop()


def moved(server: LocalServer, disk: Disk) -> LocalServer:
    """Return a server that runs on another disk, with the logins of a former one."""
    other = LocalServer(disk.data_dir, *QUICK)
    other.passphrase = server.passphrase
    with disk.recorded():
        other.resume()
    return other
