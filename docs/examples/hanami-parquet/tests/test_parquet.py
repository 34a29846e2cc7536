"""The format passes the suite for formats, and does what its README says."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hanami_parquet import ParquetFormat

from hanami_core.datasets import DatasetFormat
from hanami_core.decoding import Limits
from hanami_core.decoding import decode as decode_apart
from hanami_core.errors import BadRequest
from hanami_core.testing.formats import FormatConformance, decode


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


class TestParquet(FormatConformance):
    @pytest.fixture
    def dataset_format(self) -> DatasetFormat:
        return ParquetFormat()

    @pytest.fixture
    def good_files(self) -> Mapping[str, bytes]:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(40.0)), 4)
        return {"input": parquet(a=list(range(10)), b=[x / 2 for x in range(10)], c=[True] * 10, picture=lists)}


def test_columns_and_lists(tmp_path: Path) -> None:
    content = parquet(number=[1, 2], flag=[True, False], text_width=[[1.5, 2, 3], [4, 5, 6]])
    table = decode(ParquetFormat(), {"input": content}, tmp_path / "table")
    assert table.columns == {"number": (0, 1), "flag": (1, 2), "text_width": (2, 5)}
    assert table.values.tolist() == [[1, 1, 1.5, 2, 3], [2, 0, 4, 5, 6]]


def test_more_rows_than_a_batch(tmp_path: Path) -> None:
    content = parquet(a=np.arange(600_000), b=np.zeros(600_000))
    table = decode(ParquetFormat(), {"input": content}, tmp_path / "table")
    assert np.array_equal(table.column("a")[:, 0], np.arange(600_000))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"a": ["x"]}, "holds string, not numbers"),
        ({"a": [1, None]}, "1 rows without a value"),
        ({"a": [[1], [1, 2]]}, "same length"),
        ({"a": [[1, None]]}, "1 rows without a value"),
        ({"a": [[[1]]]}, "not numbers"),
        ({"a": [float("nan")]}, "not a number of 32 bits"),
        ({"a": [1e300]}, "not a number of 32 bits"),
        ({"a": []}, "has no rows"),
        ({}, "needs 1 to"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(tmp_path: Path, columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        decode(ParquetFormat(), {"input": parquet(**columns)}, tmp_path / "table")


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The way the server calls it."""
    file = tmp_path / "input"
    file.write_bytes(parquet(a=[1, 2, 3]))
    shape = decode_apart("hanami_parquet", "parquet", {"input": file}, tmp_path / "table", Limits())
    assert (shape.rows, shape.columns, shape.dtype) == (3, {"a": (0, 1)}, "float32")
