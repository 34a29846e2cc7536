"""Checkpoints as files: from one server to another, in parts, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanami_core import tensorfile
from hanami_core.errors import InvalidFile
from hanami_core.network import NetworkState
from hanami_core.storage.blobs import Blob
from hanami_plugins.checkpoints import Arrival, Checkpoint, forget_dropped, importing
from hanami_plugins.checkpoints.portable import Prelude, copy_body, prelude_of, read_prelude
from hanami_plugins.uploads import Upload, discard
from tests.plugins.home_kit import CLASSES, LINE, ROWS, Home, made, points

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home(tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture(scope="module")
def data(home: Home) -> str:
    return home.table("points", points())


@pytest.fixture(scope="module")
def checkpoint(home: Home, data: str) -> str:
    return home.trained(data, LINE, "flat")


@pytest.fixture(scope="module")
def file(home: Home, checkpoint: str) -> bytes:
    return home.download(checkpoint)


def refused(home: Home, content: bytes) -> str:
    """Upload a file that must be refused and return the reason; nothing may be left of it."""
    before = state(home)
    files = home.announce(content)
    answer = home.call("PUT", "checkpoint/upload", **files)
    assert answer.status_code == 400, answer.text
    told = home.ok("GET", "checkpoint/progress", uuid=files["uuid"])
    assert (told["state"], told["error"]) == ("refused", answer.text)
    assert home.call("GET", "checkpoint", uuid=files["uuid"]).status_code == 404
    home.ok("DELETE", "checkpoint", uuid=files["uuid"])
    assert state(home) == before
    return str(answer.text)


def state(home: Home) -> Any:
    blobs = sorted((home.runtime.settings.data_dir / "blobs").rglob("*"))
    counts = (Checkpoint.active().count(), Arrival.active().count(), Upload.active().count(), Blob.select().count())
    return counts, blobs, home.ok("GET", "checkpoint/all")


def test_a_file_tells_what_is_in_it(home: Home, checkpoint: str, file: bytes) -> None:
    prelude = read_prelude(io.BytesIO(file), len(file))
    header = prelude.header
    assert (header.name, header.rules.name, header.rules.version) == ("summer", "section", 1)
    assert (header.inputs, header.outputs, header.cycles) == ({"in": 4}, {"out": CLASSES}, ROWS)
    assert header.created_by.startswith("hanami ")
    body = file[prelude.length :]
    assert (len(body), hashlib.sha256(body).hexdigest()) == (header.size, header.sha256)
    assert NetworkState.read(io.BytesIO(body)).head.template == header.template


def test_the_same_checkpoint_is_the_same_file(home: Home, checkpoint: str, file: bytes) -> None:
    assert home.download(checkpoint) == file
    copy = home.upload(file, "summer")
    assert home.download(copy) == file
    home.ok("DELETE", "checkpoint", uuid=copy)


def test_a_download_goes_on_where_it_was(home: Home, checkpoint: str, file: bytes) -> None:
    whole = home.raw("checkpoint/file", uuid=checkpoint)
    tag = whole.headers["ETag"]
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Length"] == str(len(file))
    assert whole.headers["Content-Disposition"] == "attachment; filename*=UTF-8''summer.hanami"
    for first in (1, 40, 600, len(file) - 1):
        rest = home.raw("checkpoint/file", {"Range": f"bytes={first}-", "If-Range": tag}, uuid=checkpoint)
        assert (rest.status_code, rest.content) == (206, file[first:])
        assert rest.headers["Content-Range"] == f"bytes {first}-{len(file) - 1}/{len(file)}"
    part = home.raw("checkpoint/file", {"Range": "bytes=10-19"}, uuid=checkpoint)
    assert (part.status_code, part.content) == (206, file[10:20])
    tail = home.raw("checkpoint/file", {"Range": "bytes=-7"}, uuid=checkpoint)
    assert (tail.status_code, tail.content) == (206, file[-7:])


def test_what_can_not_be_sent_in_parts_is_sent_whole_or_not_at_all(home: Home, checkpoint: str, file: bytes) -> None:
    for headers in (
        {"Range": "bytes=0-"},
        {"Range": "bytes=10-", "If-Range": '"another"'},
        {"Range": "bytes=5-2"},
        {"Range": "bytes=0-1,4-5"},
        {"Range": "lines=1-2"},
        {"Range": "bytes=x-"},
        {"Range": "bytes=-"},
    ):
        answer = home.raw("checkpoint/file", headers, uuid=checkpoint)
        assert (answer.status_code, answer.content) == (200, file), headers
    for text in (f"bytes={len(file)}-", "bytes=-0", f"bytes={10**18}-"):
        behind = home.raw("checkpoint/file", {"Range": text}, uuid=checkpoint)
        assert (behind.status_code, behind.headers["Content-Range"]) == (416, f"bytes */{len(file)}")
    tag = home.raw("checkpoint/file", method="HEAD", uuid=checkpoint).headers["ETag"]
    known = home.raw("checkpoint/file", {"If-None-Match": f'{tag}, "x"'}, uuid=checkpoint)
    assert (known.status_code, known.content) == (304, b"")


def test_only_who_sees_a_checkpoint_downloads_it(home: Home, checkpoint: str) -> None:
    stranger = home.member("stranger")
    answer = home.call("GET", "checkpoint/file", as_token=stranger, uuid=checkpoint)
    assert (answer.status_code, answer.text) == (404, f"Checkpoint with uuid '{checkpoint}' not found")


def test_what_is_no_checkpoint_file_is_refused(home: Home, file: bytes) -> None:
    foreign = "the file is not a checkpoint of Hanami: it does not begin as one"
    assert refused(home, b"x") == foreign
    assert refused(home, b"PK\x03\x04" + bytes(200)) == foreign
    assert refused(home, file.replace(b"\r\n", b"\n", 1)) == foreign
    newer = file[:8] + (2).to_bytes(4, "little") + file[12:]
    assert refused(home, newer) == "the checkpoint file has the format 2, this server reads the format 1"
    for size in (3, 15, 40, 200):
        assert refused(home, file[:size]).startswith("the checkpoint file is truncated")
    half = f"the checkpoint file is truncated: it ends after {len(file) - 1} of {len(file)} bytes"
    assert refused(home, file[:-1]) == half
    longer = f"the checkpoint file is damaged: it has {len(file) + 1} bytes, its header says {len(file)}"
    assert refused(home, file + b"x") == longer
    body = bytearray(file)
    body[-5] ^= 1
    assert refused(home, bytes(body)) == "the checkpoint file is damaged: its network is not what was written"
    header = bytearray(file)
    header[60] ^= 1
    assert refused(home, bytes(header)) == "the checkpoint file is damaged: its header is not what was written"


def state_of(file: bytes) -> NetworkState:
    return NetworkState.read(io.BytesIO(file[read_prelude(io.BytesIO(file), len(file)).length :]))


def test_a_file_with_right_hashes_and_a_wrong_network_is_refused(home: Home, file: bytes) -> None:
    newer = "this server cannot run the network of the checkpoint file: it has version 2 of growth 'section', "
    assert refused(home, made(state_of(file), version=2)) == newer + "this server has 1"
    strange = state_of(file)
    strange.head.rules = "moss"
    message = "the checkpoint file holds a network that grows by 'moss', this server has: section, synapse"
    assert refused(home, made(strange)) == message
    sound = "the checkpoint file holds no sound network: "
    cut = state_of(file)
    cut.arrays["bias"] = cut.arrays["bias"][:, :3]
    told = "the network's array 'bias' has not the type and shape that the head asks for"
    assert refused(home, made(cut)) == sound + told
    endless = state_of(file)
    endless.arrays["weights"][0, 0, 0] = np.inf
    assert "values that are not numbers" in refused(home, made(endless))
    other = state_of(file)
    other.head.cycles = 7
    assert refused(home, made(other, head=state_of(file).head)) == sound + "the network is not what the header says"


def test_memory_is_proven_before_it_is_taken(home: Home, file: bytes) -> None:
    wide = state_of(file)
    wide.head.inputs["in"] = 1 << 40
    assert "the network of the checkpoint file would need" in refused(home, made(wide))
    shared = io.BytesIO()
    state = state_of(file)
    state.write(shared)
    content = shared.getvalue()
    length = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + length])
    first = next(entry for name, entry in head.items() if name == "weights")
    head |= {f"w{number}": first for number in range(1000)}
    text = json.dumps(head).encode()
    body = len(text).to_bytes(8, "little") + text + content[8 + length :]
    digest = hashlib.sha256(body).hexdigest()
    message = "the checkpoint file holds no sound network: the file's arrays share values"
    assert refused(home, prelude_of("made", state.head, 1, len(body), digest) + body) == message


def test_an_upload_is_no_checkpoint_before_it_is_finished(home: Home, file: bytes) -> None:
    before = home.ok("GET", "checkpoint/all")["body"]
    begun = home.ok("POST", "checkpoint/upload", name="half of it", input_data_size=len(file))
    files = {name: begun[name] for name in ("uuid", "uuid_input_file")}
    home.send(begun["uuid_input_file"], file[:100])
    assert home.ok("GET", "checkpoint/progress", uuid=begun["uuid"])["received"] == {begun["uuid_input_file"]: 100}
    answer = home.call("PUT", "checkpoint/upload", **files)
    assert (answer.status_code, f"{len(file) - 100} of {len(file)} bytes are missing" in answer.text) == (400, True)
    assert home.ok("GET", "checkpoint/all")["body"] == before
    home.send(begun["uuid_input_file"], file, 0)
    assert home.ok("PUT", "checkpoint/upload", **files) == {"uuid": begun["uuid"]}
    done = home.ok("GET", "checkpoint/progress", uuid=begun["uuid"])
    assert done == {"complete": True, "received": {}, "uuid": begun["uuid"]}
    assert home.ok("GET", "checkpoint", uuid=begun["uuid"])["name"] == "half of it"
    again = home.call("PUT", "checkpoint/upload", **files)
    assert again.status_code == 404
    home.ok("DELETE", "checkpoint", uuid=begun["uuid"])


def test_an_upload_that_is_given_up_leaves_nothing(home: Home, file: bytes) -> None:
    before = state(home)
    files = home.announce(file)
    stranger = home.member("passer_by")
    assert home.call("DELETE", "checkpoint", as_token=stranger, uuid=files["uuid"]).status_code == 404
    assert home.call("PUT", "checkpoint/upload", as_token=stranger, **files).status_code == 404
    home.ok("DELETE", "checkpoint", uuid=files["uuid"])
    assert home.call("PUT", "checkpoint/upload", **files).status_code == 404
    assert state(home) == before
    files = home.announce(file)
    discard(home.runtime, files["uuid"])
    assert home.call("GET", "checkpoint/progress", uuid=files["uuid"]).status_code == 404
    forget_dropped(home.runtime)
    assert state(home) == before


def test_quotas_count_what_arrives(home: Home, file: bytes) -> None:
    member = home.member("frugal")
    home.ok("PUT", "quota", user_id="frugal", resource="disk", limit=len(file) - 1)
    big = {"name": "too big", "input_data_size": len(file)}
    answer = home.call("POST", "checkpoint/upload", as_token=member, **big)
    assert (answer.status_code, "on the disk" in answer.text) == (409, True)
    home.ok("PUT", "quota", user_id="frugal", resource="disk", limit=10 * len(file))
    home.ok("PUT", "quota", user_id="frugal", resource="checkpoints", limit=1)
    assert home.call("POST", "checkpoint/upload", as_token=member, **big).status_code == 200
    answer = home.call("POST", "checkpoint/upload", as_token=member, **big)
    assert (answer.status_code, "has 1 checkpoints, 1 are allowed" in answer.text) == (409, True)


def test_an_import_that_fails_for_another_reason_may_be_tried_again(
    home: Home, file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(importing, "RETRIES", 0)
    files = home.announce(file)
    with monkeypatch.context() as patched:
        patched.setattr(importing, "examine", failing)
        answer = home.call("PUT", "checkpoint/upload", **files)
        assert answer.status_code in (200, 500)
        home.runtime.queue.abort("checkpoints:asdf", [str(Arrival.get(Arrival.uuid == files["uuid"]).importing)])
    assert home.ok("PUT", "checkpoint/upload", **files) == {"uuid": files["uuid"]}
    home.ok("DELETE", "checkpoint", uuid=files["uuid"])


def test_a_stored_state_that_is_damaged_is_not_sent(home: Home, file: bytes) -> None:
    broken = home.upload(file, "broken")
    (stored,) = (home.runtime.settings.data_dir / "blobs").rglob(Checkpoint.get(Checkpoint.uuid == broken).blob)
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"?")
    for path in ("checkpoint/file", "checkpoint/export"):
        more = {"format": "onnx"} if path.endswith("export") else {}
        answer = home.call("GET", path, uuid=broken, **more)
        told = f"The stored state of checkpoint with uuid '{broken}' is damaged or lost, delete it"
        assert (answer.status_code, answer.text) == (409, told)
    home.ok("DELETE", "checkpoint", uuid=broken)


def read(content: bytes) -> Prelude:
    """Read a file as an import does, as far as its own hashes go."""
    source, target = io.BytesIO(content), io.BytesIO()
    prelude = read_prelude(source, len(content))
    assert copy_body(source, target, prelude.header, lambda done: True)
    return prelude


@settings(max_examples=400)
@given(data=st.data())
def test_whatever_happens_to_a_file_it_is_refused(file: bytes, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "remove", "overwrite", "swap"]))
    place = data.draw(st.integers(0, len(file) - 1))
    if kind == "flip":
        content = bytearray(file)
        content[place] ^= data.draw(st.integers(1, 255))
        changed = bytes(content)
    elif kind == "cut":
        changed = file[:place]
    elif kind == "insert":
        changed = file[:place] + data.draw(st.binary(min_size=1, max_size=9)) + file[place:]
    elif kind == "remove":
        changed = file[:place] + file[place + data.draw(st.integers(1, 50)) :]
    elif kind == "swap":
        changed = file[place:] + file[:place]
    else:
        noise = data.draw(st.binary(min_size=1, max_size=40))
        changed = (file[:place] + noise + file[place + len(noise) :])[: len(file)]
    if changed == file:
        return
    with pytest.raises(InvalidFile) as caught:
        read(changed)
    assert " file " in f" {caught.value} "


@settings(max_examples=300)
@given(data=st.data())
def test_whatever_stands_in_a_file_with_right_hashes_it_never_crashes(
    home: Home, file: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    prelude = read_prelude(io.BytesIO(file), len(file))
    body = bytearray(file[prelude.length :])
    length = 8 + int.from_bytes(body[:8], "little")
    for place in data.draw(st.lists(st.integers(0, length + 64), min_size=1, max_size=4)):
        body[place] = data.draw(st.sampled_from([*b'0123456789{}[]",:-e.', *range(0, 256, 17)]))
    staged: Path = tmp_path_factory.getbasetemp() / "mutated"
    staged.write_bytes(body)
    try:
        importing.examine(home.runtime, staged, prelude.header)
    except InvalidFile:
        return
    with staged.open("rb") as opened:
        assert prelude.header.describes(NetworkState.read(opened).head)


def test_a_tensor_file_can_not_ask_for_what_no_array_has(tmp_path: Path) -> None:
    for shape in ([1 << 40, 1 << 40, 0], [1] * 100, ["inf"], [float("inf")]):
        head = {"a": {"dtype": "U8", "shape": shape, "data_offsets": [0, 0 if 0 in shape else 1]}}
        text = json.dumps(head).encode()
        path = tmp_path / "file"
        path.write_bytes(len(text).to_bytes(8, "little") + text + b"x")
        with path.open("rb") as file, pytest.raises(tensorfile.CorruptFile, match="header is broken"):
            tensorfile.read(file)
