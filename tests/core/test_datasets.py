"""Tables and the files they lie in."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hanami_core import tensorfile
from hanami_core.datasets import MAX_COLUMNS, Table, TableWriter
from hanami_core.errors import BadRequest, CorruptFile

quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
widths = st.dictionaries(names, st.integers(1, 20), min_size=1, max_size=8)
dtypes = st.sampled_from([np.dtype(np.uint8), np.dtype(np.float32)])


def write(path: Path, columns: dict[str, int], values: np.ndarray, cuts: tuple[int, ...] = ()) -> None:
    with TableWriter(path) as table:
        table.begin(columns, values.dtype)
        for block in np.split(values, sorted(cuts)):
            table.append(block)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    write(tmp_path / "table", {"a": 1, "b": 3}, np.arange(20, dtype=np.float32).reshape(5, 4))
    return tmp_path / "table"


@quick
@given(columns=widths, dtype=dtypes, rows=st.integers(1, 30), cuts=st.lists(st.integers(0, 30), max_size=3))
def test_a_table_is_read_as_it_was_written(
    tmp_path: Path, columns: dict[str, int], dtype: np.dtype[Any], rows: int, cuts: list[int]
) -> None:
    values = np.random.default_rng(rows).integers(0, 256, (rows, sum(columns.values()))).astype(dtype)
    write(tmp_path / "table", columns, values, tuple(cuts))
    table = Table.open(tmp_path / "table")
    assert table.values.dtype == dtype
    assert np.array_equal(table.values, values)
    assert list(table.columns) == list(columns)
    for name, width in columns.items():
        start, end = table.columns[name]
        assert end - start == width
        assert np.array_equal(table.column(name), values[:, start:end])


def test_a_column_is_no_copy_and_can_not_be_changed(small: Path) -> None:
    column = Table.open(small).column("b")
    assert not column.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        column[0, 0] = 1


def test_values_begin_at_a_multiple_of_64_bytes(small: Path) -> None:
    with small.open("rb") as file:
        entries, metadata = tensorfile.read_header(file)
    assert entries["rows"].offset % 64 == 0
    assert metadata["kind"] == "table"


@pytest.mark.parametrize("columns", [{}, {"a": 0}, {"": 1}, {"a": MAX_COLUMNS + 1}, {"a": -1, "b": 2}])
def test_columns_that_make_no_table_are_refused(tmp_path: Path, columns: dict[str, int]) -> None:
    with pytest.raises(BadRequest, match="named columns"), TableWriter(tmp_path / "table") as table:
        table.begin(columns, np.uint8)


def test_a_table_needs_a_row(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="the dataset has no rows"), TableWriter(tmp_path / "table") as table:
        table.begin({"a": 1}, np.uint8)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 5), (1, 2, 2)])
def test_a_block_of_another_width_is_a_mistake_of_the_format(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with TableWriter(tmp_path / "table") as table:
        table.begin({"a": 4}, np.uint8)
        table.append(np.zeros((1, 4)))
        with pytest.raises(ValueError, match="expected rows of 4 values"):
            table.append(np.zeros(shape))
    assert len(Table.open(tmp_path / "table").values) == 1


def test_a_type_that_tables_do_not_hold_is_a_mistake_of_the_format(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="float64"), TableWriter(tmp_path / "table") as table:
        table.begin({"a": 4}, np.float64)


def test_an_interrupted_table_can_not_be_opened(tmp_path: Path) -> None:
    with contextlib.suppress(KeyError), TableWriter(tmp_path / "table") as table:
        table.begin({"a": 4}, np.uint8)
        table.append(np.zeros((3, 4)))
        raise KeyError
    with pytest.raises(CorruptFile):
        Table.open(tmp_path / "table")


def test_every_cut_is_noticed(small: Path) -> None:
    content = small.read_bytes()
    for size in range(0, len(content), 7):
        small.write_bytes(content[:size])
        with pytest.raises(CorruptFile):
            Table.open(small)


@quick
@given(st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4))
def test_a_damaged_header_is_noticed_or_harmless(tmp_path: Path, changes: list[tuple[int, bytes]]) -> None:
    write(tmp_path / "table", {"a": 1, "b": 3}, np.arange(20, dtype=np.float32).reshape(5, 4))
    content = bytearray((tmp_path / "table").read_bytes())
    size = len(content)
    for place, data in changes:
        content[place : place + len(data)] = data
    (tmp_path / "broken").write_bytes(content[:size])
    try:
        table = Table.open(tmp_path / "broken")
    except CorruptFile:
        return
    assert table.values.nbytes <= size
    assert max(end for _, end in table.columns.values()) == table.values.shape[1]


def header(**head: Any) -> bytes:
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text


ROWS = {"dtype": "U8", "shape": [2, 2], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "content",
    [
        header(rows={"dtype": "F32", "shape": [1 << 22, 1 << 20], "data_offsets": [0, 1 << 44]}) + bytes(100),
        header(rows=ROWS | {"shape": [-2, -2]}) + bytes(4),
        header(rows=ROWS | {"data_offsets": [-4, 0]}) + bytes(4),
        header(rows=ROWS | {"dtype": "O"}) + bytes(4),
        header(rows=ROWS | {"shape": "ab"}) + bytes(4),
        header(rows=[1]) + bytes(4),
        header(rows=ROWS) + bytes(4),
        header(rows=ROWS, __metadata__={"columns": "{"}) + bytes(4),
        header(rows=ROWS, __metadata__={"columns": "[1]"}) + bytes(4),
        header(rows=ROWS, __metadata__={"columns": "{}"}) + bytes(4),
        header(rows=ROWS, __metadata__={"columns": '{"a": 3}'}) + bytes(4),
        header(rows=ROWS, __metadata__={"columns": '{"a": "x"}'}) + bytes(4),
        header(rows=ROWS, __metadata__={"columns": '{"a": -1, "b": 3}'}) + bytes(4),
        header(rows=ROWS | {"dtype": "I8"}, __metadata__={"columns": '{"a": 2}'}) + bytes(4),
        header(rows=ROWS | {"shape": [4]}, __metadata__={"columns": '{"a": 4}'}) + bytes(4),
        header(other=ROWS) + bytes(4),
        (1 << 63).to_bytes(8, "little") + bytes(100),
        (50).to_bytes(8, "little") + b"[" * 50,
        (40_000).to_bytes(8, "little") + b'{"a":' * 8_000,
        b"\x93NUMPY\x01\0" + bytes(100),
        b"\x80\x04\x95cos\nsystem\n." + bytes(100),
        b"",
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table").write_bytes(content)
    with pytest.raises(CorruptFile):
        Table.open(tmp_path / "table")


every_array = st.sampled_from("?BbHhIiQqefd").flatmap(
    lambda code: arrays.arrays(np.dtype(code), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@quick
@given(
    st.dictionaries(names.filter(lambda name: name != "__metadata__"), every_array, max_size=4),
    st.dictionaries(names, names, max_size=3),
)
def test_arrays_are_read_as_they_were_written(written: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    file = io.BytesIO()
    tensorfile.write(file, written, metadata)
    read, texts = tensorfile.read(file)
    assert texts == metadata
    assert list(read) == list(written)
    for name, array in written.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()
