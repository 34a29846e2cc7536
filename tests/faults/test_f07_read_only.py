"""F07 read-only: a data directory that can only be read. Whoever starts, or looks, is told so in a line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kit import small_disk
from tests.server.harness import hanami

ENV = {
    **os.environ,
    "HANAMI_ADMIN_ID": "asdf",
    "HANAMI_ADMIN_NAME": "Asdf",
    "HANAMI_ADMIN_PASSPHRASE": "asdf asdf",
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("disk") / "disk", "64m") as disk:
        done = hanami("init", "--data-dir", str(disk / "data"), env=ENV)
        assert done.returncode == 0, done.stderr
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        yield disk / "data"


@pytest.mark.parametrize("command", ["serve", "init"])
def test_whoever_would_write_is_told_in_a_line(data_dir: Path, command: str) -> None:
    done = hanami(command, "--data-dir", str(data_dir), env=ENV)
    assert (done.returncode, (done.stdout + done.stderr).strip()) == (1, f"{data_dir}/lock: Read-only file system")


def test_the_doctor_says_what_is_wrong_and_looks_at_the_rest(data_dir: Path) -> None:
    done = hanami("doctor", "--data-dir", str(data_dir), env=ENV)
    assert done.returncode == 1
    assert done.stdout.strip() == "0 blobs checked, 1 problem found"
    assert done.stderr.strip() == "data directory: it lies on a file system that can only be read"


@pytest.mark.parametrize("command", ["plugins", "config"])
def test_who_only_looks_sees_all(data_dir: Path, command: str) -> None:
    done = hanami(command, "--data-dir", str(data_dir), env=ENV)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
