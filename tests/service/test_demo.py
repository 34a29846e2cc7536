"""The main job in one command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

HANAMI = str(Path(sys.executable).with_name("hanami"))


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HANAMI, "demo", *arguments], capture_output=True, text=True, timeout=110)


def test_it_reads_digits_that_it_never_saw_and_shows_how() -> None:
    done = demo()
    assert done.returncode == 0, done.stderr
    for text in ("train 8/8", "5000/5000", "█", "predicted", " ms (median)", "What to try next"):
        assert text in done.stdout, text
    accuracy = re.search(r"^accuracy on unseen digits +([\d.]+) %$", done.stdout, re.M)
    assert accuracy is not None
    assert float(accuracy[1]) >= 93.0


def test_missing_files_and_wrong_numbers_are_told_in_one_line(tmp_path: Path) -> None:
    done = demo("--data", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "holds no file train-images-idx3-ubyte" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = demo("--epochs", "many")
    assert done.returncode == 1
    assert "--epochs" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_keep_leaves_the_server_running_until_interrupted(number: signal.Signals) -> None:
    command = [HANAMI, "demo", "--json", "--keep", "--epochs", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        values = {}
        for line in process.stderr:
            values |= dict(re.findall(r"(HANAMI_\w+)=(\S+)", line))
            if "hanamictl" in line:
                break
        listing = subprocess.run(
            [HANAMI + "ctl", "cluster", "list", "--output", "csv"],
            env={**os.environ, **values},
            capture_output=True,
            text=True,
        )
        assert "demo" in listing.stdout, listing.stderr
        process.send_signal(number)
        shown = process.stdout.read()
    assert len(shown.splitlines()) == 1
    result = json.loads(shown)
    assert list(result) == ["accuracy", "train_seconds", "request_seconds", "direct_io_ms_p50"]
    assert all(value > 0 for value in result.values())
    with pytest.raises(requests.ConnectionError):
        requests.get(values["HANAMI_ADDRESS"] + "/health/live", timeout=5)
