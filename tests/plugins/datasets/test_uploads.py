"""From an announcement over its files to a table; what is wrong with an upload changes nothing."""

from __future__ import annotations

import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core import decoding
from hanami_core.decoding import DecodeResult
from hanami_core.errors import BadRequest, Conflict, NotFound
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins import uploads
from hanami_plugins.datasets import (
    Dataset,
    describe,
    open_table,
)
from hanami_plugins.uploads import Upload
from tests.plugins.data import Site, digits, idx, message, tree
from tests.plugins.datasets.kit import CSV, UNKNOWN, refused
from tests.server.harness import until


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


def test_a_name_that_has_to_be_unique(site: Site) -> None:
    def announce(name: str = "numbers", **more: Any) -> Any:
        return site.call("POST", "/upload/csv", name=name, input_data_size=len(CSV), **more)

    announce(unique=True)
    told = refused(site, Conflict, "POST", "/upload/csv", name="numbers", input_data_size=len(CSV), unique=True)
    assert told == "Data-set with name 'numbers' already exist."
    assert Upload.active().count() == 1
    announce("others", unique=True)
    announce()
    assert [dataset.name for dataset in Dataset.active()] == ["numbers", "others", "numbers"]


def test_of_two_that_want_a_unique_name_at_once_one_gets_it(site: Site) -> None:
    begin, outcomes = threading.Barrier(4), []

    def announce() -> None:
        begin.wait(10)
        try:
            site.call("POST", "/upload/csv", name="numbers", input_data_size=len(CSV), unique=True)
        except Conflict as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=announce) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert outcomes == ["Data-set with name 'numbers' already exist."] * 3
    assert Dataset.active().count() == 1
