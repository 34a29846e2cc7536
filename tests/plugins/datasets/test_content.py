"""What a table holds: its content, checks of results, and what other plugins use."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hanami_core.datasets import TableWriter
from hanami_core.errors import BadRequest, CorruptFile, NotFound, Unavailable
from hanami_core.http import BoundRoute
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins.datasets import (
    Dataset,
    add_result,
    finalise_result,
    open_table,
)
from hanami_plugins.datasets.service import LARGE_ANSWERS
from hanami_plugins.datasets.tables import as_json
from tests.plugins.data import MEMBER, Site, digits, tree
from tests.plugins.datasets.kit import CSV, UNKNOWN, refused, stored
from tests.server.harness import until


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


def test_an_answer_has_only_so_many_values(tmp_path: Path) -> None:
    with Site(tmp_path, datasets__max_values=10) as site:
        uuid = stored(site, {"a": 3, "b": 20}, [list(range(23))] * 5)
        fields = {"uuid": uuid, "column_name": "a", "number_of_rows": 4}
        assert refused(site, BadRequest, "GET", "/content", **fields) == (
            "4 rows of 3 values are more than the 10 values of an answer, ask for 3 rows at most"
        )
        assert len(site.call("GET", "/content", **fields | {"number_of_rows": 3})["data"]) == 3
        # A single row is always to be had.
        assert len(site.call("GET", "/content", uuid=uuid, column_name="b")["data"][0]) == 20


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


# -- check -------------------------------------------------------------------------------------------------------------


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
    assert "cannot be compared" in refused(site, BadRequest, "GET", "/check", **fields)


def test_either_side_of_a_check_may_be_missing(site: Site) -> None:
    known = stored(site, {"label": 2}, [[1, 0]])
    for fields in ({"uuid": UNKNOWN, "reference_uuid": known}, {"uuid": known, "reference_uuid": UNKNOWN}):
        assert refused(site, NotFound, "GET", "/check", **fields) == f"Dataset with uuid '{UNKNOWN}' not found"


# -- what other plugins use --------------------------------------------------------------------------------------------


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
        shape = finalise_result(site.runtime, staged)
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
        finalise_result(site.runtime, staged)
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
        "GET /file datasets.download",
        "GET /progress datasets.progress",
        "POST /upload/csv datasets.create",
        "POST /upload/mnist datasets.create",
        "PUT /labels datasets.label",
        "PUT /lease datasets.lease",
        "PUT /upload/csv datasets.finalise",
        "PUT /upload/mnist datasets.finalise",
        "PUT /visibility datasets.share",
    ]


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (5000, 1), (2, 5000), (1, 4096), (2, 4097), (100, 100), (9000, 3)])
def test_values_become_the_text_that_they_are_at_once(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).random(shape, np.float32) * 1e3
    assert as_json(values) == msgspec.json.encode(values.tolist())


def test_large_answers_are_made_one_after_the_other_and_few_wait(site: Site) -> None:
    uuid = stored(site, {"a": 300}, [[0.5] * 300] * 100)
    large = {"uuid": uuid, "column_name": "a", "number_of_rows": 100}
    places, answers = site.runtime.stash[LARGE_ANSWERS], list[Any]()
    before = places.free

    def wait() -> None:
        answers.append(site.call("GET", "/content", **large))
        site.runtime.database.disconnect()

    second = threading.Thread(target=wait)
    with places.taken(MEMBER.user_id):
        second.start()
        until(lambda: places.free == before - 2)
        with pytest.raises(Unavailable, match="Too many large answers"):
            site.call("GET", "/content", **large)
        assert len(site.call("GET", "/content", **large | {"number_of_rows": 3})["data"]) == 3
        assert not answers
    second.join(10)
    assert answers == [{"data": [[0.5] * 300] * 100}]
    assert places.free == before
