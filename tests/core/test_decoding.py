"""Decoding in a process of its own: what a format does there cannot harm the server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np  # noqa: F401 (the formats below use it)
import pytest

from hanami_core import decoding, hookimpl
from hanami_core.datasets import DatasetFormat, Table, TableWriter
from hanami_core.decoding import DecodeResult, Limits, Stopped, decode
from hanami_core.errors import BadRequest
from tests.server.harness import alive, descendants, until

MODULE = __name__


def held(number: str) -> bool:
    """Tell whether a descriptor of this process is none of a file."""
    with contextlib.suppress(OSError):
        return not os.readlink(f"/proc/self/fd/{number}").startswith("/")
    return False


class Format:
    """A format for one test."""

    parts = ("input",)

    def __init__(self, name: str, action: str) -> None:
        self.name = name
        self._action = action

    def decode(self, files: Mapping[str, BinaryIO], table: TableWriter) -> None:
        exec(self._action, globals() | {"files": files, "table": table})


FORMATS = {
    "bytes": "table.begin({'a': 1}, np.uint8); table.append(np.frombuffer(files['input'].read(), 'u1')[:, None])",
    "refuses": "raise BadRequest('input: byte 7 is wrong')",
    "fails": "{}['key']",
    "opens": "open('/etc/no/such/secret')",
    "floods": "bytearray(1 << 40)",
    "hangs": "time.sleep(60)",
    "spins": "while True: pass",
    "crashes": "os.kill(os.getpid(), 11)",
    "killed": "os.kill(os.getpid(), 9)",
    "exits": "os._exit(3)",
    "leaves": "sys.exit(0)",
    "endless": "table.begin({'a': 1024}, np.uint8)\nwhile True: table.append(np.zeros((1024, 1024), np.uint8))",
    "empty": "table.begin({'a': 1}, np.uint8)",
    "idle": "pass",
    "forgets": "table._file.write(bytes(100)); table.rows = 1; table._header = lambda rows: b'no header'",
    "talks": "print('{\"refused\": \"no\"}', flush=True); exec(FORMATS['bytes'])",
    "recurses": "def f(): f()\nf()",
    "environment": "raise BadRequest(json.dumps(sorted(os.environ)))",
    "modules": "raise BadRequest(json.dumps([m for m in sys.modules if m.startswith('hanami')]))",
    "session": "import resource as r; raise BadRequest(f'{r.getrlimit(r.RLIMIT_CORE)} {os.getsid(0) == os.getpid()}')",
    "slow": "files['input'].read(2)\ntime.sleep(60)",
    "parent": "raise BadRequest(json.dumps(os.getppid()))",
    "marks": "found = getattr(json, 'mark', 'new'); json.mark = 'old'; raise BadRequest(found)",
    "left": "raise BadRequest(str(subprocess.Popen(['sleep', '60']).pid))",
    "sockets": "raise BadRequest(json.dumps([n for n in os.listdir('/proc/self/fd') if held(n)]))",
    "helper": "subprocess.Popen(['sleep', '60']); time.sleep(60)",
}


@hookimpl
def hanami_dataset_formats() -> list[DatasetFormat]:
    return [Format(name, action) for name, action in FORMATS.items()]


def run(tmp_path: Path, name: str, limits: Limits | None = None) -> DecodeResult:
    source = tmp_path / "source"
    source.write_bytes(b"\1\2\3")
    return decode(MODULE, name, {"input": source}, tmp_path / "table", limits or Limits(seconds=20))


def refused(tmp_path: Path, name: str, limits: Limits | None = None) -> str:
    with pytest.raises(BadRequest) as caught:
        run(tmp_path, name, limits)
    return str(caught.value)


def test_a_table_comes_out(tmp_path: Path) -> None:
    assert run(tmp_path, "bytes") == DecodeResult(3, {"a": (0, 1)}, "uint8")
    assert Table.open(tmp_path / "table").values.tolist() == [[1], [2], [3]]


def test_what_a_format_prints_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    assert run(tmp_path, "talks").rows == 3


def test_a_refusal_arrives_word_for_word(tmp_path: Path) -> None:
    assert refused(tmp_path, "refuses") == "input: byte 7 is wrong"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fails", "the files could not be decoded: KeyError: 'key'"),
        ("opens", "the files could not be decoded: FileNotFoundError: No such file or directory"),
        ("floods", "the files could not be decoded: it needs more than 1024 MiB of memory"),
        ("crashes", "the files could not be decoded: the process was ended by SIGSEGV"),
        ("killed", "the files could not be decoded: the process was ended by SIGKILL"),
        ("exits", "the files could not be decoded: the process ended with status 3"),
        ("leaves", "the files could not be decoded: SystemExit: 0"),
        ("recurses", "the files could not be decoded: RecursionError: maximum recursion depth exceeded"),
        ("empty", "the dataset has no rows"),
        ("idle", "the dataset has no rows"),
        ("forgets", "the files could not be decoded: the file ends inside its header"),
        ("unknown", "the files could not be decoded: KeyError: 'unknown'"),
    ],
)
def test_every_end_becomes_a_reason(tmp_path: Path, name: str, reason: str) -> None:
    assert refused(tmp_path, name) == reason


def test_a_plugin_that_can_not_be_imported(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="ModuleNotFoundError: No module named 'no_such_plugin'"):
        decode("no_such_plugin", "bytes", {}, tmp_path / "table", Limits())


@pytest.mark.parametrize("name", ["hangs", "spins", "helper"])
def test_time_is_limited(tmp_path: Path, name: str) -> None:
    start = time.monotonic()
    assert refused(tmp_path, name, Limits(seconds=1)) == "the files could not be decoded: it took longer than 1 seconds"
    assert time.monotonic() - start < 5


def test_whoever_waits_learns_how_far_it_is_and_can_give_up(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(5_000_000))
    (tmp_path / "link").symlink_to(tmp_path / "source")
    seen: list[int] = []

    def step(done: int) -> bool:
        seen.append(done)
        return not done

    begin = time.monotonic()
    with pytest.raises(Stopped):
        decode(MODULE, "slow", {"input": tmp_path / "link"}, tmp_path / "table", Limits(seconds=30), step)
    # Python reads ahead, a buffer at a time.
    assert 0 < seen[-1] < 5_000_000
    assert time.monotonic() - begin < 15


def the_decoder() -> int:
    """Return the number of the process that all others are copies of."""
    process = decoding._decoder._process
    assert process is not None
    return process.pid


def test_processes_are_copies_of_one_which_is_started_again_when_it_has_ended(tmp_path: Path) -> None:
    run(tmp_path, "bytes")
    former = the_decoder()
    assert json.loads(refused(tmp_path, "parent")) == former
    assert (run(tmp_path, "bytes").rows, the_decoder()) == (3, former)
    os.kill(former, signal.SIGKILL)
    until(lambda: not alive(former), 5)
    assert (run(tmp_path, "bytes").rows, the_decoder() != former) == (3, True)


def test_what_one_leaves_behind_the_next_does_not_find(tmp_path: Path) -> None:
    assert refused(tmp_path, "marks") == "new"
    assert refused(tmp_path, "marks") == "new"


def test_several_at_once(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(6)]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(len(folders)) as pool:
        slow = [pool.submit(refused, folder, "hangs", Limits(seconds=2)) for folder in folders[::2]]
        quick = [pool.submit(run, folder, "bytes") for folder in folders[1::2]]
        assert [found.result().rows for found in quick] == [3, 3, 3]
        assert {found.result() for found in slow} == {"the files could not be decoded: it took longer than 2 seconds"}


def test_a_format_has_nothing_of_its_siblings(tmp_path: Path) -> None:
    def step(done: int) -> bool:
        # All but the pipe for the answer.
        seen.append(json.loads(refused(tmp_path, "sockets")))
        return False

    seen: list[list[str]] = []
    with pytest.raises(Stopped):
        decode(MODULE, "hangs", {}, tmp_path / "table", Limits(seconds=30), step)
    assert seen == [["3"]]


def test_the_end_of_the_decoder_is_no_fault_of_the_files(tmp_path: Path) -> None:
    run(tmp_path, "bytes")

    def step(done: int) -> bool:
        os.kill(the_decoder(), signal.SIGKILL)
        return True

    with pytest.raises(ChildProcessError):
        decode(MODULE, "hangs", {}, tmp_path / "table", Limits(seconds=30), step)


def test_a_job_that_ends_while_it_is_given_up_harms_nobody(tmp_path: Path) -> None:
    run(tmp_path, "bytes")
    decoder = the_decoder()

    def step(done: int) -> bool:
        # It learns of both at once: of the end of the job, and that nobody wants it any more.
        os.kill(decoder, signal.SIGSTOP)
        for job in descendants(decoder):
            os.kill(job, signal.SIGKILL)
        threading.Timer(0.5, os.kill, (decoder, signal.SIGCONT)).start()
        return False

    with pytest.raises(Stopped):
        decode(MODULE, "hangs", {}, tmp_path / "table", Limits(seconds=30), step)
    assert (run(tmp_path, "bytes").rows, the_decoder()) == (3, decoder)


def test_what_a_format_has_started_ends_with_it(tmp_path: Path) -> None:
    helper = int(refused(tmp_path, "left"))
    until(lambda: not alive(helper), 5)


def test_no_descriptors_are_left(tmp_path: Path) -> None:
    run(tmp_path, "bytes")

    def descriptors() -> list[int]:
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in (os.getpid(), the_decoder())]

    before = descriptors()
    for name in ("bytes", "refuses", "crashes", "hangs"):
        with contextlib.suppress(BadRequest):
            run(tmp_path, name, Limits(seconds=1))
    until(lambda: descriptors() == before, 5)


def test_it_ends_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = "from hanami_core import decoder; decoder.IDLE = 0.1; raise SystemExit(decoder.main())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with ours, theirs:
        done = subprocess.run(
            [sys.executable, "-W", "always", "-c", code], stdin=theirs, capture_output=True, env=environment, timeout=60
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


DECODER = """
import sys
from pathlib import Path
from hanami_core.decoding import *
step = lambda done: print("alive", flush=True) is None
decode(sys.argv[1], "hangs", {}, Path(sys.argv[2]), Limits(), step)
"""


def test_a_decoder_dies_with_who_started_it(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", DECODER, MODULE, str(tmp_path / "table")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        decoders = descendants(process.pid)
        process.kill()
    assert decoders
    until(lambda: not any(map(alive, decoders)), 5)


def test_the_table_is_limited(tmp_path: Path) -> None:
    reason = refused(tmp_path, "endless", Limits(output=3_000_000))
    assert reason == "the files could not be decoded: the table would be bigger than 3000000 bytes"
    assert (tmp_path / "table").stat().st_size <= 3_000_000


def test_nothing_of_the_server_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANAMI_SOME_SECRET", "x")
    names = json.loads(refused(tmp_path, "environment"))
    assert set(names) <= {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LC_CTYPE"}


def test_no_core_is_dumped_and_the_process_leads_its_own_session(tmp_path: Path) -> None:
    assert refused(tmp_path, "session") == "(0, 0) True"


def test_a_limit_above_that_of_the_machine_is_fine(tmp_path: Path) -> None:
    code = (
        "import resource\nfrom pathlib import Path\nfrom hanami_core.decoding import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        f"files = {{'input': Path({str(tmp_path / 'in')!r})}}\n"
        f"print(decode({MODULE!r}, 'bytes', files, Path({str(tmp_path / 'out')!r}), Limits()).rows)"
    )
    (tmp_path / "in").write_bytes(b"ab")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "2", done.stderr


def test_the_child_loads_little() -> None:
    modules = ("numba", "falcon", "peewee", "msgspec")
    code = f"import sys, hanami_core.decoder\nprint(*[m for m in {modules} if m in sys.modules])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=environment)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_only_the_plugin_of_the_format_is_imported(tmp_path: Path) -> None:
    names = json.loads(refused(tmp_path, "modules"))
    assert "hanami_core.datasets" in names
    assert not [name for name in names if name.startswith(("hanami_plugins", "hanami_server"))]
