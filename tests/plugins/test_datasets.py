"""The plugin `datasets`."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from playhouse.migrations import Runner

from hanami_core import decoding, hookimpl
from hanami_core.access import Actor
from hanami_core.datasets import TableWriter
from hanami_core.decoding import DecodeResult, Limits
from hanami_core.errors import BadRequest, Conflict, CorruptFile, NotFound
from hanami_core.http import BoundRoute
from hanami_core.ids import new_uuid
from hanami_core.plugin_host import EntryPoint
from hanami_core.queue import OPEN, Task, runner
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins import datasets, uploads
from hanami_plugins.datasets import (
    WAITING,
    Dataset,
    add_result,
    decode,
    describe,
    open_table,
    seal_result,
    service,
)
from hanami_plugins.uploads import Upload
from tests.plugins.data import ADMIN, ELSEWHERE, MEMBER, OTHER, Site, digits, idx, message, tree
from tests.server.harness import until

UNKNOWN = "11111111-1111-1111-1111-111111111111"
CSV = b"first,b\n1,2.5\n3,4\n5,6\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def stored(site: Site, columns: dict[str, int], values: Any, name: str = "result", dtype: Any = np.float32) -> str:
    """Store a table the way a task does and return the dataset's uuid."""
    with site.runtime.blobs.staging() as staged:
        with TableWriter(staged) as table:
            table.begin(columns, dtype)
            table.append(np.array(values, dtype))
        shape, owner = seal_result(site.runtime, staged), {"owner_id": "tsugumi", "project_id": "room"}
        with atomic():
            dataset = add_result(site.runtime, uuid=new_uuid(), name=name, staged=staged, shape=shape, **owner)
    return dataset.uuid


def refused(site: Site, kind: type[Exception], method: str, path: str, actor: Actor = MEMBER, **fields: Any) -> str:
    with pytest.raises(kind) as caught:
        site.call(method, path, actor, **fields)
    return str(caught.value)


# ---------------------------------------------------------------------------------------------------------------------
# Upload
# ---------------------------------------------------------------------------------------------------------------------


def test_mnist_from_announcement_to_table(site: Site, tmp_path: Path) -> None:
    files = digits(50)
    announced = site.announce("mnist", **files)
    created = announced["created_at"]
    uuid = announced["uuid"]
    common = {"name": "some data", "owner_id": "tsugumi", "project_id": "room", "visibility": "private"}
    parts = {name: announced[name] for name in ("uuid_input_file", "uuid_label_file")}
    assert announced == common | parts | {"created_at": created, "uuid": uuid}

    arrived = dict.fromkeys(parts.values(), 0)
    for part, content in files.items():
        assert site.call("GET", "/progress", uuid=uuid) == {"complete": False, "received": arrived, "uuid": uuid}
        site.send(announced[f"uuid_{part}_file"], content)
        arrived[announced[f"uuid_{part}_file"]] = len(content)
    assert site.call("GET", "/progress", uuid=uuid) == {"complete": True, "received": arrived, "uuid": uuid}
    assert site.finish("mnist", announced) == {"uuid": uuid}
    assert site.call("GET", "/progress", uuid=uuid)["complete"] is True

    assert site.call("GET", "", uuid=uuid) == common | {
        "created_at": created,
        "description": {
            "picture": {"column_start": 0, "column_end": 12},
            "label": {"column_start": 12, "column_end": 22},
        },
        "number_of_columns": 22,
        "number_of_rows": 50,
        "uuid": uuid,
        "version": "v1.0alpha",
    }
    dataset = Dataset.get(Dataset.uuid == uuid)
    with open_table(site.runtime, dataset) as table:
        assert np.array_equal(table.column("picture").ravel(), np.frombuffer(files["input"][16:], np.uint8))
    assert (dataset.dtype, dataset.complete) == ("uint8", True)
    assert describe(dataset) == (50, 22, "uint8", {"picture": (0, 12), "label": (12, 22)})
    assert tree(tmp_path) == {f"blobs/{dataset.blob[:2]}/{dataset.blob}"}
    assert Upload.select().count() == 0


def test_csv_from_announcement_to_table(site: Site) -> None:
    announced = site.announce("csv", input=CSV)
    assert "uuid_label_file" not in announced
    site.send(announced["uuid_input_file"], CSV)
    site.finish("csv", announced)
    answer = site.call("GET", "", uuid=announced["uuid"])
    assert answer["description"] == {
        "first": {"column_start": 0, "column_end": 1},
        "b": {"column_start": 1, "column_end": 2},
    }
    assert (answer["number_of_rows"], answer["number_of_columns"]) == (3, 2)


def test_two_uploads_of_the_same_name_do_not_meet(site: Site) -> None:
    first, second = site.upload("csv", input=b"a\n1\n"), site.upload("csv", input=b"a\n2\n")
    site.call("DELETE", "", uuid=first)
    assert site.call("GET", "/content", uuid=second, column_name="a") == {"data": [[2.0]]}


@pytest.mark.parametrize("size", [-1, 0, 10_000_000_001, 1 << 64, "5", 1.0, True])
def test_sizes_are_limited(site: Site, size: Any) -> None:
    assert "input_data_size" in refused(site, BadRequest, "POST", "/upload/csv", name="data", input_data_size=size)
    assert Dataset.select().count() == Upload.select().count() == 0


def test_the_operator_may_limit_sizes_further(tmp_path: Path) -> None:
    with Site(tmp_path, datasets__max_upload=100) as site:
        text = refused(site, BadRequest, "POST", "/upload/csv", name="data", input_data_size=101)
        assert text == "Given item 'input_data_size' is bigger than 100"
        site.call("POST", "/upload/csv", name="data", input_data_size=100)


def test_the_biggest_size_takes_no_room(site: Site, tmp_path: Path) -> None:
    site.call("POST", "/upload/csv", name="data", input_data_size=10_000_000_000)
    assert tree(tmp_path) == set()


def test_an_incomplete_upload_can_not_be_finalised(site: Site) -> None:
    content = b"a\n" + b"1\n" * 200_000
    announced = site.announce("csv", input=content)
    session = site.socket(announced["uuid_input_file"])
    session.receive(message(131_072, content[131_072:262_144]))
    session.close()
    files = {name: announced[name] for name in ("uuid", "uuid_input_file")}
    missing = len(content) - 131_072
    assert refused(site, BadRequest, "PUT", "/upload/csv", **files) == (
        f"Input-data with uuid '{announced['uuid_input_file']}' is not complete: "
        f"{missing} of {len(content)} bytes are missing"
    )
    site.send(announced["uuid_input_file"], content)
    site.finish("csv", announced)


def test_a_file_belongs_to_its_dataset_and_part(site: Site) -> None:
    first, second = site.announce("mnist", **digits(5)), site.announce("mnist", **digits(5))
    own = {name: uuid for name, uuid in first.items() if name.startswith("uuid")}
    for field, word in (("uuid_input_file", "Input"), ("uuid_label_file", "Label")):
        for wrong in (UNKNOWN, second[field], first["uuid"]):
            text = refused(site, NotFound, "PUT", "/upload/mnist", **own | {field: wrong})
            assert text == f"{word}-data with uuid '{wrong}' not found."
    swapped = own | {"uuid_input_file": own["uuid_label_file"], "uuid_label_file": own["uuid_input_file"]}
    assert refused(site, NotFound, "PUT", "/upload/mnist", **swapped).startswith("Input-data")
    text = refused(site, NotFound, "PUT", "/upload/mnist", **own | {"uuid": UNKNOWN})
    assert text == f"Data-set with uuid '{UNKNOWN}' not found"


def test_a_dataset_is_finalised_as_what_it_was_announced(site: Site) -> None:
    announced = site.announce("mnist", **digits(5))
    files = {name: announced[name] for name in ("uuid", "uuid_input_file")}
    assert "was created for files of format 'mnist'" in refused(site, BadRequest, "PUT", "/upload/csv", **files)


def test_a_second_finalisation_finds_no_files(site: Site) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    site.finish("csv", announced)
    with pytest.raises(NotFound, match=f"^Input-data with uuid '{announced['uuid_input_file']}' not found.$"):
        site.finish("csv", announced)


def test_a_refused_file_changes_nothing(site: Site, tmp_path: Path) -> None:
    files = {"input": struct.pack(">4I", 2051, 60_000, 28, 28) + bytes(100), "label": idx(np.zeros(10))}
    announced = site.announce("mnist", **files)
    for part, content in files.items():
        site.send(announced[f"uuid_{part}_file"], content)
    before = tree(tmp_path)
    with pytest.raises(BadRequest, match="a file of 47040016 bytes, not 116"):
        site.finish("mnist", announced)
    assert tree(tmp_path) - {"staging"} == before
    assert site.call("GET", "/progress", uuid=announced["uuid"])["complete"] is True
    assert site.call("GET", "", uuid=announced["uuid"])["number_of_rows"] == 0
    assert Blob.select().count() == 0
    site.call("DELETE", "", uuid=announced["uuid"])
    assert tree(tmp_path) == set()


def test_an_unfinished_dataset_is_listed_shown_and_deleted(site: Site, tmp_path: Path) -> None:
    announced = site.announce("csv", input=CSV)
    session = site.socket(announced["uuid_input_file"])
    session.receive(message(0, CSV[:5]))
    session.close()
    uuid = announced["uuid"]
    answer = site.call("GET", "", uuid=uuid)
    assert (answer["description"], answer["number_of_rows"], answer["number_of_columns"]) == ({}, 0, 0)
    assert len(site.call("GET", "/all")["body"]) == 1
    expected = f"Data-set with uuid '{uuid}' is not complete, its upload was not finalised"
    assert refused(site, Conflict, "GET", "/content", uuid=uuid, column_name="first") == expected
    assert refused(site, Conflict, "GET", "/check", uuid=uuid, reference_uuid=uuid) == expected
    assert tree(tmp_path) != set()
    assert site.call("DELETE", "", uuid=uuid) == {}
    assert tree(tmp_path) == set()
    assert Upload.select().count() == 0


def test_a_dropped_upload_is_not_found(site: Site) -> None:
    uuid = site.announce("csv", input=CSV)["uuid"]
    with atomic():
        uploads.discard(site.runtime, uuid)
    assert "was dropped" in refused(site, NotFound, "GET", "/progress", uuid=uuid)
    site.call("DELETE", "", uuid=uuid)


def test_a_dataset_that_is_deleted_while_it_is_decoded(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    real = decoding.decode

    def slow(*arguments: Any) -> DecodeResult:
        result = real(*arguments)
        site.call("DELETE", "", uuid=announced["uuid"])
        return result

    monkeypatch.setattr(decoding, "decode", slow)
    with pytest.raises(NotFound):
        site.finish("csv", announced)
    until(lambda: tree(tmp_path) == set())
    assert Blob.select().count() == 0


class SlowDecoder:
    """Holds decoding up until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.calls = 0
        self._real = decoding.decode
        monkeypatch.setattr(decoding, "decode", self._decode)

    def _decode(self, *arguments: Any) -> DecodeResult:
        self.calls += 1
        step = arguments[-1]
        assert step(7)
        self.begun.set()
        assert self.go_on.wait(20)
        return self._real(*arguments)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowDecoder:
    return SlowDecoder(monkeypatch)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Site]:
    """A site that answers at once, whether the table is there or not."""
    with Site(tmp_path, datasets__wait=0.0) as site:
        yield site


def sent(site: Site, content: bytes = CSV, actor: Actor = MEMBER) -> dict[str, str]:
    """Announce a file and send it."""
    announced = site.announce("csv", actor, input=content)
    site.send(announced["uuid_input_file"], content, actor)
    return announced


def ready(site: Site, uuid: str) -> None:
    until(lambda: "state" not in site.call("GET", "/progress", uuid=uuid))


def test_a_slow_table_is_answered_for_and_told_of_by_progress(hasty: Site, slow: SlowDecoder) -> None:
    announced = sent(hasty)
    uuid = announced["uuid"]
    assert hasty.finish("csv", announced) == {"uuid": uuid, "state": "decoding"}
    assert slow.begun.wait(20)
    arrived = {announced["uuid_input_file"]: len(CSV)}
    share = 100 * 7 / len(CSV)
    progress = hasty.call("GET", "/progress", uuid=uuid)
    assert progress == {
        "complete": True, "received": arrived, "uuid": uuid, "state": "decoding", "percentage": share
    }  # fmt: skip
    expected = f"Data-set with uuid '{uuid}' is being decoded, try again when that has ended"
    assert refused(hasty, Conflict, "GET", "/content", uuid=uuid, column_name="first") == expected
    slow.go_on.set()
    ready(hasty, uuid)
    assert hasty.call("GET", "/progress", uuid=uuid) == {"complete": True, "received": {}, "uuid": uuid}
    assert hasty.call("GET", "", uuid=uuid)["number_of_rows"] == 3


def test_whoever_finalises_again_waits_for_the_same(site: Site, slow: SlowDecoder) -> None:
    announced = sent(site)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(site.finish("csv", announced))) for _ in range(2)]
    threads[0].start()
    assert slow.begun.wait(20)
    threads[1].start()
    until(lambda: site.runtime.stash[WAITING]._value == 6)  # type: ignore[attr-defined]
    slow.go_on.set()
    for thread in threads:
        thread.join(20)
    assert (answers, slow.calls) == ([{"uuid": announced["uuid"]}] * 2, 1)


def test_not_all_threads_wait_for_tables(tmp_path: Path, slow: SlowDecoder) -> None:
    with Site(tmp_path, http__threads=2) as site:
        first, second = sent(site), sent(site)
        waiting = threading.Thread(target=lambda: site.finish("csv", first))
        waiting.start()
        assert slow.begun.wait(20)
        answer = site.finish("csv", second, settles=False)
        assert answer == {"uuid": second["uuid"], "state": "decoding"}
        slow.go_on.set()
        waiting.join(20)
        ready(site, second["uuid"])


def test_those_who_upload_take_turns(hasty: Site, slow: SlowDecoder) -> None:
    order = [(MEMBER, sent(hasty)), (MEMBER, sent(hasty)), (OTHER, sent(hasty, actor=OTHER))]
    for actor, announced in order:
        hasty.finish("csv", announced, actor)
    # Two at a time: the first one of each.
    until(lambda: slow.calls == 2)
    states = [Task.get(Task.uuid == Dataset.get(Dataset.uuid == one["uuid"]).decoding).state for _, one in order]
    assert states == ["active", "queued", "active"]
    slow.go_on.set()
    until(lambda: not Task.select().where(Task.state.in_(OPEN)).exists())


def test_a_dataset_that_is_deleted_gives_its_decoding_up(hasty: Site, slow: SlowDecoder, tmp_path: Path) -> None:
    uuid = sent(hasty)["uuid"]
    hasty.finish("csv", {"uuid": uuid, "uuid_input_file": uploads.uploads_of(uuid)[0].uuid})
    assert slow.begun.wait(20)
    assert hasty.call("DELETE", "", uuid=uuid) == {}
    assert {task.state for task in Task.select()} == {"aborted"}
    slow.go_on.set()
    until(lambda: tree(tmp_path) == set())
    assert Blob.select().count() == 0


def test_what_was_refused_can_be_mended_and_finalised_again(site: Site) -> None:
    announced = sent(site, b"a\n1\nx\n")
    with pytest.raises(BadRequest) as caught:
        site.finish("csv", announced)
    progress = site.call("GET", "/progress", uuid=announced["uuid"])
    assert (progress["state"], progress["error"]) == ("refused", str(caught.value))
    assert progress["received"] == {announced["uuid_input_file"]: 6}
    site.send(announced["uuid_input_file"], b"a\n1\n2\n")
    site.finish("csv", announced)
    assert site.call("GET", "/content", uuid=announced["uuid"], column_name="a", number_of_rows=2)["data"] == [[1], [2]]
    assert "state" not in site.call("GET", "/progress", uuid=announced["uuid"])


def test_what_fails_for_another_reason_is_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FIRST_PAUSE", 0.01)
    real, calls = decoding.decode, []

    def failing(*arguments: Any) -> DecodeResult:
        calls.append(arguments)
        if len(calls) <= decode.RETRIES:
            raise OSError(28, "No space left on device", "/some/path")
        return real(*arguments)

    monkeypatch.setattr(decoding, "decode", failing)
    site.finish("csv", sent(site))
    assert len(calls) == decode.RETRIES + 1


def test_what_goes_on_failing_leaves_the_upload_as_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "FIRST_PAUSE", 0.01)
    announced = sent(site)
    before = tree(tmp_path)

    def failing(*arguments: Any) -> DecodeResult:
        raise OSError(28, "No space left on device", "/some/path")

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", failing)
        with pytest.raises(service.DecodingFailed, match=r"^No space left on device$"):
            site.finish("csv", announced)
    assert tree(tmp_path) == before
    progress = site.call("GET", "/progress", uuid=announced["uuid"])
    assert progress["error"] == "No space left on device"
    assert "state" not in progress
    site.finish("csv", announced)


def test_datasets_of_the_first_edition_have_a_state(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        done, waits = stored(site, {"a": 1}, [[1]]), site.announce("csv", input=CSV)["uuid"]
        migrations = Path(datasets.__file__).parent / "migrations"
        Runner(site.runtime.database.driver, str(migrations), "migrations_datasets").down("0002_states")
    with Site(tmp_path):
        assert Dataset.get(Dataset.uuid == done).state == "ready"
        assert Dataset.get(Dataset.uuid == waits).state == "uploading"


def test_settings_reach_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def note(*arguments: Any) -> DecodeResult:
        seen.extend(arguments)
        raise BadRequest("enough")

    monkeypatch.setattr(decoding, "decode", note)
    flags = {"datasets__decode_memory": 1 << 29, "datasets__decode_time": 7.0, "datasets__max_table": 1 << 25}
    with Site(tmp_path, **flags) as site:
        announced = site.announce("csv", input=CSV)
        site.send(announced["uuid_input_file"], CSV)
        with pytest.raises(BadRequest, match="enough"):
            site.finish("csv", announced)
    assert seen[:2] == ["hanami_plugins.format_csv", "csv"]
    assert seen[4] == Limits(1 << 29, 7.0, 1 << 25)


# ---------------------------------------------------------------------------------------------------------------------
# Formats of other plugins
# ---------------------------------------------------------------------------------------------------------------------


def plugin(name: str, *parts: Any) -> EntryPoint:
    """Return a plugin with a format that decodes nothing."""

    class Format:
        def decode(self, files: Any, table: Any) -> None:
            raise AssertionError

    item = Format()
    vars(item).update(name=name, parts=parts)
    module = ModuleType("stranger")
    vars(module)["hanami_dataset_formats"] = hookimpl(lambda: [item], specname="hanami_dataset_formats")
    return EntryPoint("stranger", "elsewhere", "1", lambda: module)


def test_every_format_gets_its_routes(tmp_path: Path) -> None:
    with Site(tmp_path, plugin("three_files", "input", "mask", "label_2")) as site:
        answer = site.announce("three_files", input=b"1", mask=b"22", label_2=b"333")
        assert {"uuid_input_file", "uuid_mask_file", "uuid_label_2_file"} < set(answer)
        assert {upload.name: upload.size for upload in uploads.uploads_of(answer["uuid"])} == {
            "input": 1,
            "mask": 2,
            "label_2": 3,
        }


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("UPPER", ("input",)),
        ("a/b", ("input",)),
        ("none", ()),
        ("twice", ("a", "a")),
        ("odd", ("in put",)),
        ("n", (1,)),
    ],
)
def test_a_format_with_useless_names_is_off_and_the_others_stay(tmp_path: Path, name: str, parts: Any) -> None:
    with Site(tmp_path, plugin(name, *parts)) as site:
        assert ("POST", "/v1.0alpha/dataset/upload/csv") in site.routes
        assert len([route for route in site.routes.values() if "/upload/" in route.path]) == 4
        assert site.runtime.plugins.plugins["stranger"].state == "broken"
        assert site.runtime.plugins.plugins["datasets"].works


# ---------------------------------------------------------------------------------------------------------------------
# Lists, visibility, deletion
# ---------------------------------------------------------------------------------------------------------------------


def test_lists_hold_what_is_visible_in_order(site: Site) -> None:
    first = site.announce("csv", input=CSV)
    second = site.announce("csv", input=CSV)
    foreign = site.announce("csv", OTHER, input=CSV)
    answer = site.call("GET", "/all")
    assert answer["header"] == ["created_at", "uuid", "project_id", "owner_id", "visibility", "name"]
    assert answer["body"] == [
        [one["created_at"], one["uuid"], "room", "tsugumi", "private", "some data"] for one in (first, second)
    ]
    assert [row[1] for row in site.call("GET", "/all", ADMIN)["body"]] == [
        one["uuid"] for one in (first, second, foreign)
    ]
    assert site.call("GET", "/all", ELSEWHERE)["body"] == []


@pytest.mark.parametrize("actor", [OTHER, ELSEWHERE])
def test_nothing_of_others_is_found_or_changed(site: Site, actor: Actor, tmp_path: Path) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    done = site.upload("csv", input=CSV)
    before = tree(tmp_path)
    text = f"Data-set with uuid '{done}' not found"
    for method, path in (("GET", ""), ("GET", "/progress"), ("DELETE", "")):
        assert refused(site, NotFound, method, path, actor, uuid=done) == text
    assert refused(site, NotFound, "GET", "/content", actor, uuid=done, column_name="first") == text
    assert "Dataset with" in refused(site, NotFound, "GET", "/check", actor, uuid=done, reference_uuid=done)
    with pytest.raises(NotFound):
        site.finish("csv", announced, actor)
    assert tree(tmp_path) == before
    site.finish("csv", announced)


def test_an_admin_may_finalise_for_another(site: Site) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    site.finish("csv", announced, ADMIN)
    assert site.call("GET", "", uuid=announced["uuid"])["owner_id"] == "tsugumi"


def test_deleting_removes_row_and_table(site: Site, tmp_path: Path) -> None:
    uuid = site.upload("csv", input=CSV)
    assert site.call("DELETE", "", uuid=uuid) == {}
    assert refused(site, NotFound, "DELETE", "", uuid=uuid) == f"Data-set with uuid '{uuid}' not found"
    assert site.call("GET", "/all")["body"] == []
    assert tree(tmp_path) == set()
    assert Blob.select().count() == 0


def test_a_table_that_a_task_keeps_outlives_its_dataset(site: Site) -> None:
    uuid = site.upload("csv", input=CSV)
    blob = Dataset.get(Dataset.uuid == uuid).blob
    with atomic():
        site.runtime.blobs.retain(blob)
    site.call("DELETE", "", uuid=uuid)
    with site.runtime.blobs.open(blob) as path:
        assert path.exists()


def test_upper_case_finds_the_dataset(site: Site) -> None:
    announced = site.announce("csv", input=CSV)
    site.send(announced["uuid_input_file"], CSV)
    upper = {name: value.upper() if name.startswith("uuid") else value for name, value in announced.items()}
    assert site.finish("csv", upper) == {"uuid": announced["uuid"]}
    progress = {"complete": True, "received": {}, "uuid": announced["uuid"]}
    assert site.call("GET", "/progress", uuid=upper["uuid"]) == progress


# ---------------------------------------------------------------------------------------------------------------------
# Content
# ---------------------------------------------------------------------------------------------------------------------


def test_content_is_widened_and_by_default_the_first_row(site: Site) -> None:
    uuid = stored(site, {"a": 1, "b": 2}, [[1, 0.1, 0.2], [2, 0.3, 0.4], [3, 0.5, 0.6]])
    narrow = [float(np.float32(x)) for x in (0.3, 0.4, 0.5, 0.6)]
    assert site.call("GET", "/content", uuid=uuid, column_name="a") == {"data": [[1.0]]}
    fields = {"uuid": uuid, "column_name": "b", "row_offset": 1, "number_of_rows": 2}
    assert site.call("GET", "/content", **fields) == {"data": [narrow[:2], narrow[2:]]}


def test_content_of_bytes_is_given_as_floats(site: Site) -> None:
    uuid = site.upload("mnist", **digits(3))
    data = site.call("GET", "/content", uuid=uuid, column_name="label", number_of_rows=3)["data"]
    assert msgspec.json.encode(data).startswith(b"[[0.0,") or msgspec.json.encode(data).startswith(b"[[1.0,")
    assert [sum(row) for row in data] == [1.0] * 3


@pytest.mark.parametrize(("offset", "count"), [(3, 1), (0, 4), (2, 2), (1_000_000_000, 10_000)])
def test_rows_that_do_not_exist_are_refused(site: Site, offset: int, count: int) -> None:
    uuid = stored(site, {"a": 1}, [[1], [2], [3]])
    fields = {"uuid": uuid, "column_name": "a", "row_offset": offset, "number_of_rows": count}
    assert refused(site, BadRequest, "GET", "/content", **fields) == (
        f"Rows {offset} to {offset + count - 1} are out of range, the data-set has 3 rows"
    )


@pytest.mark.parametrize("fields", [{"row_offset": -1}, {"number_of_rows": 0}, {"number_of_rows": 10_001}, {"x": 1}])
def test_wrong_fields_of_content_are_refused(site: Site, fields: dict[str, int]) -> None:
    uuid = stored(site, {"a": 1}, [[1]])
    refused(site, BadRequest, "GET", "/content", uuid=uuid, column_name="a", **fields)


def test_any_name_of_a_column_can_be_asked_for(site: Site) -> None:
    uuid = site.upload("csv", input="größe (m),x\n1,2\n".encode())
    assert site.call("GET", "/content", uuid=uuid, column_name="größe (m)") == {"data": [[1.0]]}
    assert refused(site, NotFound, "GET", "/content", uuid=uuid, column_name="y") == (
        f"Column with name 'y' was not found in dataset with UUID '{uuid}'"
    )


# ---------------------------------------------------------------------------------------------------------------------
# Check
# ---------------------------------------------------------------------------------------------------------------------


def check(site: Site, result: str, reference: str) -> float:
    answer: float = site.call("GET", "/check", uuid=result, reference_uuid=reference)["accuracy"]
    return answer


def test_the_share_of_right_answers(site: Site) -> None:
    reference = site.upload("mnist", **digits(20))
    with open_table(site.runtime, Dataset.get(Dataset.uuid == reference)) as table:
        labels = table.column("label").astype(np.float32)
    wrong = np.roll(labels[:5], 1, axis=1)
    result = stored(site, {"test_output": 10}, np.concatenate([wrong, labels[5:] * 0.3]))
    assert check(site, result, reference) == 75.0


def test_rows_that_only_one_has_do_not_count(site: Site) -> None:
    reference = stored(site, {"label": 2}, [[1, 0], [0, 1], [1, 0]])
    assert check(site, stored(site, {"out": 2}, [[0.9, 0.1], [0.1, 0.9]]), reference) == 100.0
    assert check(site, stored(site, {"out": 2}, [[1, 0]] * 100), reference) == pytest.approx(200 / 3)


def test_the_first_of_equal_values_counts(site: Site) -> None:
    reference = stored(site, {"label": 3}, [[0, 1, 0], [1, 0, 0]])
    assert check(site, stored(site, {"out": 3}, [[0, 5, 5], [0, 0, 0]]), reference) == 100.0


def test_the_classes_are_the_label_or_the_last_column_of_that_width(site: Site) -> None:
    result = stored(site, {"out": 2}, [[1, 0]])
    assert check(site, result, stored(site, {"label": 2, "other": 2}, [[1, 0, 0, 1]])) == 100.0
    assert check(site, result, stored(site, {"one": 2, "last": 2, "wide": 3}, [[0, 1, 1, 0, 0, 0, 1]])) == 100.0


@pytest.mark.parametrize(
    ("given", "expected"), [({"out": 3}, {"label": 2}), ({"out": 1}, {"label": 1}), ({"a": 1, "b": 1}, {"label": 2})]
)
def test_what_can_not_be_compared_is_refused(site: Site, given: dict[str, int], expected: dict[str, int]) -> None:
    result = stored(site, given, [[0] * sum(given.values())])
    reference = stored(site, expected, [[0] * sum(expected.values())])
    fields = {"uuid": result, "reference_uuid": reference}
    assert "can not be compared" in refused(site, BadRequest, "GET", "/check", **fields)


def test_either_side_of_a_check_may_be_missing(site: Site) -> None:
    known = stored(site, {"label": 2}, [[1, 0]])
    for fields in ({"uuid": UNKNOWN, "reference_uuid": known}, {"uuid": known, "reference_uuid": UNKNOWN}):
        assert refused(site, NotFound, "GET", "/check", **fields) == f"Dataset with uuid '{UNKNOWN}' not found"


# ---------------------------------------------------------------------------------------------------------------------
# What other plugins use
# ---------------------------------------------------------------------------------------------------------------------


def test_a_result_gets_the_uuid_it_is_given(site: Site) -> None:
    uuid = stored(site, {"a": 2}, [[1, 2], [3, 4]], "answers")
    answer = site.call("GET", "", uuid=uuid)
    assert (answer["name"], answer["number_of_rows"], answer["number_of_columns"]) == ("answers", 2, 2)
    assert site.call("GET", "/progress", uuid=uuid)["complete"] is True
    assert json.loads(Dataset.get(Dataset.uuid == uuid).columns) == {"a": [0, 2]}


def test_a_result_that_is_rolled_back_leaves_nothing(site: Site, tmp_path: Path) -> None:
    with site.runtime.blobs.staging() as staged:
        with TableWriter(staged) as table:
            table.begin({"a": 1}, np.uint8)
            table.append(np.zeros((1, 1)))
        shape = seal_result(site.runtime, staged)
        with pytest.raises(RuntimeError), atomic():
            add_result(site.runtime, uuid=UNKNOWN, name="x", owner_id="a", project_id="b", staged=staged, shape=shape)
            raise RuntimeError("rolled back")
    assert Dataset.select().count() == Blob.select().count() == 0
    assert tree(tmp_path) == set()


def test_a_damaged_table_is_never_read(site: Site) -> None:
    uuid = site.upload("csv", input=CSV)
    dataset = Dataset.get(Dataset.uuid == uuid)
    path = site.runtime.blobs.store.path(dataset.blob)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptFile), open_table(site.runtime, dataset):
        pass


def test_what_is_no_table_is_no_result(site: Site, tmp_path: Path) -> None:
    with site.runtime.blobs.staging() as staged, pytest.raises(CorruptFile):
        seal_result(site.runtime, staged)
    assert tree(tmp_path) == set()


def test_routes_are_what_the_specification_lists(site: Site) -> None:
    def line(bound: BoundRoute) -> str:
        return f"{bound.route.method} {bound.route.path.removeprefix('/dataset')} {bound.route.action}"

    assert sorted(map(line, site.routes.values())) == [
        "DELETE  datasets.delete",
        "GET  datasets.get",
        "GET /all datasets.list",
        "GET /check datasets.check",
        "GET /content datasets.content",
        "GET /progress datasets.progress",
        "POST /upload/csv datasets.create",
        "POST /upload/mnist datasets.create",
        "PUT /upload/csv datasets.finalise",
        "PUT /upload/mnist datasets.finalise",
        "PUT /visibility datasets.share",
    ]
