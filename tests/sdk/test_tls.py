"""Certificates: REST and websocket agree about whom they trust."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk import Client, ConnectionFailedException, UploadException
from hanami_sdk._socket import Socket

from .fake_server import ACK, FakeServer

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "keyUsage=critical,digitalSignature,keyCertSign",
    ]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", "req", *options, *names, *files], check=True, capture_output=True, timeout=60)
    return folder / "cert.pem"


@pytest.fixture
def server(certificate: Path) -> Iterator[FakeServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with FakeServer(context).running() as running:
        running.on("GET", "/host/all", {"header": [], "body": []})
        yield running


def _connect(server: FakeServer, verify: bool | str) -> None:
    with Client(server.address, "asdf", "asdfasdf", verify=verify, timeout=10) as client, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        assert client.hosts() == []
    socket = Socket.open(server.address, "tok", "file_upload", "f", UploadException, verify, 10)
    assert socket.exchange(b"") == ACK
    socket.answer_pings()
    socket.close()


def test_unknown_certificate(server: FakeServer) -> None:
    with Client(server.address, "asdf", "asdfasdf", timeout=10) as client:
        with pytest.raises(ConnectionFailedException, match="certificate"):
            client.hosts()
    with pytest.raises(ConnectionFailedException, match="certificate"):
        Socket.open(server.address, "tok", "file_upload", "f", UploadException, True, 10)


def test_certificate_given_as_a_file(server: FakeServer, certificate: Path) -> None:
    _connect(server, str(certificate))


def test_certificate_of_the_environment(server: FakeServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    _connect(server, True)


def test_no_check(server: FakeServer) -> None:
    _connect(server, False)
