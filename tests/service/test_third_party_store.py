"""A blob store of somebody else holds all that a server stores."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.errors import StartupError
from hanami_sdk import Client, Cluster, Dataset
from hanami_sdk.hanami_exceptions import InternalServerErrorException
from tests.local import LocalServer
from tests.server.harness import until
from tests.service.third_party import EXAMPLES, foreign_imports, installed, run_own_tests

NAME = "hanami-objectstore"
TEMPLATE = """version: 1
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    value: 1,1,1
outputs:
    kind: 3,1,1
"""
CACHE = 1 << 14
TABLE = b"value,kind,other\n" + b"1,1,0\n0,0,1\n" * 200


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with installed(NAME, tmp_path_factory.mktemp("third")) as target:
        yield target


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """The object store that the example is tested with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES / NAME / "tests")
        from tiny_bucket import TinyBucket

        with TinyBucket() as running:
            yield running
    sys.modules.pop("tiny_bucket")


@pytest.fixture(scope="module")
def server(site: Path, bucket: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server that keeps its blobs there; each test deletes what it has made."""
    given = {"storage.blobs": "objects", "objectstore.url": bucket.url, "objectstore.cache_bytes": CACHE}
    with LocalServer(tmp_path_factory.mktemp("far") / "data", settings=given) as running:
        yield running


@pytest.fixture
def client(server: LocalServer) -> Iterator[Client]:
    with Client(server.address, server.user, server.passphrase) as admin:
        yield admin


def cached(server: LocalServer) -> list[Path]:
    return list((server.data_dir / "objectstore" / "cache").glob("*"))


@pytest.mark.long
def test_its_own_tests_with_the_conformance_suite_pass(site: Path) -> None:
    run_own_tests(NAME)


def test_it_imports_what_is_public() -> None:
    assert foreign_imports(NAME) == set()


def answers(client: Client, cluster: Cluster, table: Dataset) -> list[list[float]]:
    task = client.request(cluster, {"value": table["value"]}, {"kind": "answer"})
    found = client.dataset_content(task.uuid, "answer", 2)
    client.delete_dataset(task.uuid)
    return found


def test_a_whole_server_works_with_it(server: LocalServer, client: Client, bucket: Any) -> None:
    table = client.upload_csv("table", TABLE)
    cluster = client.create_cluster("far away", TEMPLATE)
    client.train(cluster, {"value": table["value"]}, {"kind": table["kind"]})
    checkpoint, before = client.save(cluster, "kept"), answers(client, cluster, table)
    client.train(cluster, {"value": table["value"]}, {"kind": table["other"]})
    assert answers(client, cluster, table) != before
    client.restore(cluster, checkpoint)
    assert answers(client, cluster, table) == before
    assert len(bucket.objects) >= 2, "a table and a network"
    assert not (server.data_dir / "blobs").exists()
    assert 0 < sum(path.stat().st_size for path in cached(server)) <= CACHE
    client.delete_cluster(cluster)
    client.delete_checkpoint(checkpoint)
    client.delete_dataset(table)
    until(lambda: not bucket.objects)


def test_nothing_wrong_is_served(client: Client, server: LocalServer, bucket: Any) -> None:
    table = client.upload_csv("table", TABLE)
    (blob,) = bucket.objects
    sound = bucket.objects[blob]
    bucket.objects[blob] = sound[:-1] + bytes([sound[-1] ^ 1])
    for path in cached(server):
        path.unlink()
    with pytest.raises(InternalServerErrorException):
        client.dataset_content(table, "kind", 1)
    assert f"CorruptFile: blob {blob} was changed after it had been stored" in " ".join(server.log.read_text().split())
    bucket.objects[blob] = sound
    assert client.dataset_content(table, "kind", 1) == [[1.0]]
    client.delete_dataset(table)
    until(lambda: not bucket.objects)


@pytest.mark.long
def test_without_the_plugin_it_is_told_which_store_is_missing(
    client: Client, server: LocalServer, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = client.upload_csv("table", TABLE)
    server.stop()
    file = server.data_dir / "hanami.toml"
    given, path = file.read_text(), os.environ["PYTHONPATH"]
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(StartupError, match=r"unknown setting objectstore\.url, no installed plugin is called 'objects"):
        server.resume()
    file.write_text('storage.blobs = "objects"\n')
    with pytest.raises(StartupError, match=r"storage\.blobs is 'objects', but no plugin brings a blob store"):
        server.resume()
    file.write_text("")
    server.resume()
    with Client(server.address, server.user, server.passphrase) as again:
        with pytest.raises(InternalServerErrorException):
            again.dataset_content(table, "kind", 1)
        assert "lies in the blob store 'objects', which no plugin brings" in server.log.read_text()
        kept = again.upload_csv("here", TABLE)
        assert again.dataset_content(kept, "kind", 1) == [[1.0]]
        again.delete_dataset(kept)
    server.stop()
    file.write_text(given)
    monkeypatch.setenv("PYTHONPATH", path)
    server.resume()
    with Client(server.address, server.user, server.passphrase) as back:
        assert back.dataset_content(table, "kind", 1) == [[1.0]]
        back.delete_dataset(table)
    until(lambda: not bucket.objects)
