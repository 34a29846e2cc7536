"""A host is the same for clients whatever container its server runs in."""

from __future__ import annotations

import socket
import threading
import uuid
from pathlib import Path

import pytest

from hanami_core.compute import identity
from hanami_core.compute.identity import host_uuid, host_uuids
from hanami_core.errors import StartupError
from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.runtime import Runtime
from tests.whole import Whole

FORMER_NAMESPACE = uuid.UUID("6f1a3c5e-0f0b-5d0e-9d5c-7c1f6d0b8a42")


def test_hosts_keep_what_they_had_from_the_name_of_the_machine(tmp_path: Path) -> None:
    former = str(uuid.uuid5(FORMER_NAMESPACE, f"{socket.gethostname()}/cpu0"))
    assert host_uuid(tmp_path, "cpu0", write=True) == former
    assert (tmp_path / "hosts" / "cpu0.uuid").read_text() == f"{former}\n"


def test_a_new_container_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host_uuids(tmp_path, ["cpu0", "cpu1"], write=True)
    assert len(set(first.values())) == 2
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    assert host_uuids(tmp_path, ["cpu0", "cpu1"], write=True) == first
    assert host_uuids(tmp_path, ["cpu1"], write=False) == {"cpu1": first["cpu1"]}
    assert host_uuid(tmp_path / "elsewhere", "cpu0", write=False) != first["cpu0"]


def test_who_only_looks_writes_nothing(tmp_path: Path) -> None:
    looked = host_uuid(tmp_path, "cpu0", write=False)
    assert list(tmp_path.iterdir()) == []
    assert host_uuid(tmp_path, "cpu0", write=True) == looked


def test_of_many_that_come_first_all_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 16
    names = iter(range(count))
    together = threading.Barrier(count)
    monkeypatch.setattr(socket, "gethostname", lambda: f"machine-{next(names)}")
    create = identity._create

    def all_at_once(path: Path, content: str) -> None:
        together.wait(10)
        create(path, content)

    monkeypatch.setattr(identity, "_create", all_at_once)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(host_uuid(tmp_path, "cpu0", write=True))) for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == count
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "hosts").iterdir()] == ["cpu0.uuid"]


@pytest.mark.parametrize("content", [b"", b"not a uuid\n", b"\xff\xfe"])
def test_a_damaged_identity_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts" / "cpu0.uuid").write_bytes(content)
    with pytest.raises(StartupError, match=r"cpu0\.uuid is to hold the uuid of compute host cpu0"):
        host_uuid(tmp_path, "cpu0", write=True)


def test_an_identity_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("a file")
    with pytest.raises(StartupError, match="compute host cpu0"):
        host_uuid(tmp_path, "cpu0", write=True)


def test_all_processes_of_a_server_know_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Whole(tmp_path, host_numba__hosts=2) as whole:
        listed = whole.call("GET", "host/all").json["body"]
        assert [row[0] for row in listed] == list(whole.runtime.host_uuids.values())
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    flags = {"host_numba.hosts": 2}
    sidecar = Runtime.open(tmp_path, "sidecar", flags, {}, PluginHost(installed_plugins()))
    assert list(sidecar.host_uuids.values()) == [row[0] for row in listed]
    sidecar.close()
