"""The tests that OpenHanami v0.4 was released with, and its SDK, run unchanged against a server.

``HANAMI_OPENHANAMI_DIR`` names a clone of that project with its tags, ``HANAMI_MNIST_DIR`` the files of MNIST. The
environment of ``tox -e released`` has what compiles the messages, as it is done before a release.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from hanami_server.demo import digits
from tests.local import LocalServer

CLONE, PICTURES = os.environ.get("HANAMI_OPENHANAMI_DIR", ""), os.environ.get("HANAMI_MNIST_DIR", "")
SDK, TESTS = "src/sdk/python/hanami_sdk", "testing/python_sdk_api"
MESSAGES = "src/libraries/hanami_messages/protobuffers"
PROGRAM = """
import configparser, runpy, sys
read, settings = configparser.ConfigParser.read, sys.argv[1]
configparser.ConfigParser.read = lambda self, path: read(self, settings)
sys.path[:0] = sys.argv[2:]
runpy.run_path(f"{sys.argv[3]}/sdk_api_test.py", run_name="__main__")
"""
"""The test looks for its settings in a folder of the system."""

pytestmark = [
    pytest.mark.skipif(not CLONE, reason="no clone of OpenHanami: set HANAMI_OPENHANAMI_DIR to its directory"),
    pytest.mark.skipif(not PICTURES, reason="no MNIST files: set HANAMI_MNIST_DIR to their directory"),
    pytest.mark.skipif(not importlib.util.find_spec("grpc_tools"), reason="nothing compiles messages: tox -e released"),
]


def released(tag: str, folder: Path) -> None:
    """Unpack what a release has for clients, and compile its messages."""
    command = ["git", "-C", CLONE, "archive", tag, f"{SDK}/hanami_sdk", TESTS, MESSAGES]
    with tarfile.open(fileobj=BytesIO(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)) as archive:
        archive.extractall(folder, filter="data")
    made = folder / "made"
    made.mkdir()
    source = next((folder / MESSAGES).iterdir())
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source.parent}", f"--python_out={made}", source.name]
    subprocess.run(protoc, check=True)
    (compiled,) = made.rglob("*_pb2.py")
    compiled.rename(folder / SDK / "hanami_sdk" / "hanami_messages" / "proto3_pb2.py")


def settings(server: LocalServer, folder: Path) -> Path:
    """Write what the test reads: where the server is, and where pictures are."""
    found = digits.find(Path(PICTURES))
    lines = ["[connection]", f"address={server.address}", f"test_user={server.user}", f"test_pw={server.passphrase}"]
    lines.append("[test_data]")
    for name, file in (
        ("train_inputs", found.train_images),
        ("train_labels", found.train_labels),
        ("request_inputs", found.test_images),
        ("request_labels", found.test_labels),
    ):
        content = file.read_bytes()
        (folder / name).write_bytes(gzip.decompress(content) if file.suffix == ".gz" else content)
        lines.append(f"{name}={folder / name}")
    (folder / "settings").write_text("\n".join(lines))
    return folder / "settings"


@pytest.mark.slow
@pytest.mark.parametrize("tag", ["v0.4.0", "v0.4.1"])
def test_the_tests_of_a_release_pass(tag: str, tmp_path: Path) -> None:
    released(tag, tmp_path)
    with LocalServer(tmp_path / "data") as server:
        folders = [str(tmp_path / one) for one in (SDK, TESTS)]
        command = [sys.executable, "-P", "-c", PROGRAM, str(settings(server, tmp_path)), *folders]
        done = subprocess.run(command, cwd=tmp_path / TESTS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(done.stdout.partition("test-result:")[2].split()[0]) > 97
