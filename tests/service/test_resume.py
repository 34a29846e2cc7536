"""A real upload over a network that breaks."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from hanami_sdk import Client, ConnectionFailedException
from hanami_server.local import LocalServer
from tests.service.conftest import SAMPLE

IMAGES = gzip.decompress(SAMPLE.train_images.read_bytes())
LABELS = gzip.decompress(SAMPLE.train_labels.read_bytes())


class Wire:
    """Passes connections on to a server, and cuts each off after some bytes as long as there are cuts left."""

    def __init__(self, address: str, cuts: list[int]) -> None:
        parts = urlsplit(address)
        self.target = parts.hostname, parts.port
        self.cuts = cuts
        self.ends: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                self.ends += [near, far]
                self.threads += [
                    threading.Thread(target=self.copy, args=(far, near, None)),
                    threading.Thread(target=self.copy, args=(near, far, self.cuts)),
                ]
                for thread in self.threads[-2:]:
                    thread.start()

    def copy(self, source: socket.socket, target: socket.socket, cuts: list[int] | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                passed += len(data)
                if cuts and passed > cuts[0]:
                    del cuts[0]
                    break
        shut(source, target)

    def close(self) -> None:
        shut(self.listener, *self.ends)
        for thread in self.threads:
            thread.join()
        for end in (self.listener, *self.ends):
            end.close()


def shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire(address: str, *cuts: int) -> Iterator[Wire]:
    running = Wire(address, list(cuts))
    thread = threading.Thread(target=running.serve)
    thread.start()
    try:
        yield running
    finally:
        shut(running.listener)
        thread.join()
        running.close()


def test_an_upload_goes_on_where_it_was_cut_off(server: LocalServer, client: Client) -> None:
    with wire(server.address, 300_000, 1_000_000, 500_000) as broken:
        with Client(broken.address, server.user, server.passphrase) as clumsy:
            sent: list[int] = []
            digits = clumsy.upload_mnist("cut off", IMAGES, LABELS, lambda done, total: sent.append(done))
    assert broken.cuts == []
    assert sent[-1] == len(IMAGES) + len(LABELS)
    whole = client.upload_mnist("in one piece", IMAGES, LABELS)
    for start in (0, 2500, 4990):
        assert client.dataset_content(digits, "picture", 10, start) == client.dataset_content(
            whole, "picture", 10, start
        )
    client.delete_dataset(digits)
    client.delete_dataset(whole)


def test_without_patience_it_fails_and_cleans_up(server: LocalServer, client: Client) -> None:
    before = {row.uuid for row in client.datasets()}
    with wire(server.address, 300_000) as broken:
        with Client(broken.address, server.user, server.passphrase, retry=0) as clumsy:
            with pytest.raises(ConnectionFailedException):
                clumsy.upload_mnist("cut off", IMAGES, LABELS)
    assert {row.uuid for row in client.datasets()} == before
