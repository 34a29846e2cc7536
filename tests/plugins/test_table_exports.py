"""Datasets and results leave the server as files that other programs read."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from hanami_core.datasets import Table, TableWriter
from hanami_core.storage.database import atomic
from hanami_plugins.datasets import add_result, finalise_result
from hanami_plugins.export_csv import lines
from hanami_plugins.export_numpy.arrays import npy, npz
from hanami_plugins.export_parquet import row_groups
from tests.lengths import seldom
from tests.plugins.home_kit import Home
from tests.whole import Whole

COLUMNS = {"x": 3, "a name, with \"quotes\" 'and' #": 1, "é/../y": 2}
ROWS = 1000
UUID = "0c7a4b42-3f0e-4a51-9d6a-6d5b7d1f2c11"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with Whole(tmp_path_factory.mktemp("whole")) as opened:
        yield opened


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """Return numbers of all sizes."""
    random = np.random.default_rng(5)
    found = (random.normal(size=(ROWS, 6)) * 10.0 ** random.integers(-40, 38, (ROWS, 6))).astype(np.float32)
    found[0] = (0, -0.0, 1, 1e-45, np.finfo(np.float32).max, np.finfo(np.float32).tiny)
    return found


@pytest.fixture(scope="module")
def dataset(whole: Whole, values: np.ndarray) -> str:
    with whole.runtime.blobs.staging() as staged:
        with TableWriter(staged) as table:
            table.begin(COLUMNS, np.float32)
            table.append(values)
        shape = finalise_result(whole.runtime, staged)
        with atomic():
            owned = {"owner_id": "asdf", "project_id": "admin"}
            add_result(whole.runtime, uuid=UUID, name="all sizes", staged=staged, shape=shape, **owned)
    return UUID


def file(whole: Whole, dataset: str, format_name: str = "", **more: Any) -> Any:
    fields = {"uuid": dataset} | ({"format": format_name} if format_name else {}) | more
    answer = whole.call("GET", "dataset/file", **fields)
    assert answer.status_code == 200, answer.text
    return answer


def test_csv_comes_back_as_it_went(whole: Whole, dataset: str, values: np.ndarray) -> None:
    answer = file(whole, dataset)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''all%20sizes.csv"
    head, *rows = answer.text.splitlines()
    assert head.startswith('x[0],x[1],x[2],"a name, with ""quotes')
    again = np.array([row.split(",") for row in rows], np.float32)
    assert again.tobytes() == values.tobytes()
    content = answer.content
    begun = whole.call("POST", "dataset/upload/csv", name="once more", input_data_size=len(content)).json
    Home.send(whole, begun["uuid_input_file"], content)  # type: ignore[arg-type]
    files = {"uuid": begun["uuid"], "uuid_input_file": begun["uuid_input_file"]}
    assert whole.call("PUT", "dataset/upload/csv", **files).status_code == 200
    assert file(whole, begun["uuid"]).content == content
    assert file(whole, begun["uuid"], "npy").content == file(whole, dataset, "npy").content


def test_arrays_are_those_of_the_table(whole: Whole, dataset: str, values: np.ndarray) -> None:
    everything = np.load(io.BytesIO(file(whole, dataset, "npy").content), allow_pickle=False)
    assert (everything.dtype, everything.tobytes()) == (np.float32, values.tobytes())
    columns = np.load(io.BytesIO(file(whole, dataset, "npz").content), allow_pickle=False)
    first, single, last = COLUMNS
    assert list(columns) == list(COLUMNS)
    assert columns[first].tobytes() == values[:, :3].tobytes()
    assert (columns[single].shape, columns[single].tobytes()) == ((ROWS,), values[:, 3].tobytes())
    assert columns[last].shape == (ROWS, 2)


def test_parquet_is_read_by_others(whole: Whole, dataset: str, values: np.ndarray) -> None:
    found = pyarrow.parquet.read_table(io.BytesIO(file(whole, dataset, "parquet").content))
    assert found.column_names == list(COLUMNS)
    first, single, _ = COLUMNS
    assert np.array(found[first].to_pylist(), np.float32).tobytes() == values[:, :3].tobytes()
    assert np.array(found[single].to_pylist(), np.float32).tobytes() == values[:, 3].tobytes()


@pytest.mark.parametrize("format_name", ["csv", "npy", "npz", "parquet"])
def test_a_download_goes_on_behind_what_has_arrived(whole: Whole, dataset: str, format_name: str) -> None:
    whole_file = file(whole, dataset, format_name)
    content, tag = whole_file.content, whole_file.headers["ETag"]
    for offset in (1, 100, len(content) // 2, len(content) - 1, len(content), len(content) + 5):
        rest = file(whole, dataset, format_name, offset=offset)
        assert (rest.content, rest.headers["ETag"]) == (content[offset:], tag)
    other = "csv" if format_name != "csv" else "npy"
    assert file(whole, dataset, other).headers["ETag"] != tag


def test_what_can_not_be_had_is_refused(whole: Whole, dataset: str) -> None:
    answer = whole.call("GET", "dataset/file", uuid=dataset, format="xls")
    told = "There is no export 'xls', known are: csv, npy, npz, parquet"
    assert (answer.status_code, answer.text) == (400, told)
    stranger = whole.member("stranger")
    answer = whole.call("GET", "dataset/file", as_token=stranger, uuid=dataset)
    assert (answer.status_code, answer.text) == (404, f"Data-set with uuid '{dataset}' not found")
    begun = whole.call("POST", "dataset/upload/csv", name="not yet there", input_data_size=9).json
    answer = whole.call("GET", "dataset/file", uuid=begun["uuid"])
    assert (answer.status_code, "its upload was not finalised" in answer.text) == (409, True)
    answer = whole.call("GET", "dataset/file", uuid=dataset, offset=-1)
    assert (answer.status_code, answer.text) == (400, "Given item 'offset' is smaller than 0")


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (lines, np.float32),
        (npy, np.uint8),
        (npz, np.float32),
        (row_groups, np.uint8),
        seldom(lines, np.uint8),
        seldom(npy, np.float32),
        seldom(npz, np.uint8),
        seldom(row_groups, np.float32),
    ],
)
def test_memory_does_not_grow_with_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: Any, kind: Any
) -> None:
    for module in ("hanami_plugins.export_csv.VALUES", "hanami_plugins.export_parquet.VALUES"):
        monkeypatch.setattr(module, 20_000)
    sizes = []
    for rows in (20_000, 60_000):
        path = tmp_path / "table"
        with TableWriter(path) as table:
            table.begin({"x": 5}, kind)
            for _ in range(0, rows, 20_000):
                table.append(np.arange(100_000).reshape(-1, 5) % 200)
        next(iter(parts(Table.open(path))))
        tracemalloc.start()
        total = sum(len(part) for part in parts(Table.open(path)))
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total > (0 if parts is row_groups else 5 * rows)
    assert sizes[1] < 1.2 * sizes[0] + (1 << 20)
