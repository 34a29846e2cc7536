"""The format `csv`."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanami_core.datasets import DatasetFormat, Table
from hanami_core.errors import BadRequest
from hanami_core.testing.formats import FormatConformance, decode
from hanami_plugins.format_csv import CsvFormat, reader

GOOD = b"a,b,c\n1,-2.5,3e2\n.5,+4,5.\n"

quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestCsv(FormatConformance):
    header_size = 6

    @pytest.fixture
    def dataset_format(self) -> DatasetFormat:
        return CsvFormat()

    @pytest.fixture
    def good_files(self) -> Mapping[str, bytes]:
        return {"input": GOOD}


def table(tmp_path: Path, content: bytes) -> Table:
    return decode(CsvFormat(), {"input": content}, tmp_path / "table")


def values(tmp_path: Path, content: bytes) -> list[list[float]]:
    rows: list[list[float]] = table(tmp_path, content).values.tolist()
    return rows


def refused(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        table(tmp_path, content)
    return str(caught.value)


def test_a_column_for_each_name(tmp_path: Path) -> None:
    read = table(tmp_path, GOOD)
    assert read.columns == {"a": (0, 1), "b": (1, 2), "c": (2, 3)}
    assert read.values.dtype == np.float32
    assert read.values.tolist() == [[1, -2.5, 300], [0.5, 4, 5]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"x\n1\n2\n", [[1], [2]]),
        (b"x\n1\n2", [[1], [2]]),
        (b"\xef\xbb\xbfx,y\r\n1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
        (b"x,y\n1,2\r\n3,4\n", [[1, 2], [3, 4]]),
        (b"x,y\n1,2\r", [[1, 2]]),
        (b"\n\r\n  \nx,y\n\n1,2\n \t \n\r\n3,4\n\n", [[1, 2], [3, 4]]),
        (b"x,y\n 1 ,\t2\t\n", [[1, 2]]),
        (b"x,y,z\ntrue,FALSE,Null\n", [[1, 0, 0]]),
        (b"x,y,z\n True , false\t,null\n", [[1, 0, 0]]),
        (b"x,y\n1e3,1E-3\n", [[1000, np.float32(0.001)]]),
        (b"x\n1e-400\n", [[0]]),
        (b"x\n3.4028235e38\n", [[np.finfo(np.float32).max]]),
        (b"x\n99999999999999999999\n", [[np.float32(1e20)]]),
        (b'"x","y, z"\n"1",2\n', [[1, 2]]),
        (b"x,y\n-0,007\n", [[0, 7]]),
    ],
)
def test_what_the_rules_allow(tmp_path: Path, content: bytes, expected: list[list[float]]) -> None:
    assert values(tmp_path, content) == expected


def test_names_are_trimmed_and_may_be_any_text(tmp_path: Path) -> None:
    read = table(tmp_path, ' a ,"b ""c"", d",größe,.x\n1,2,3,4\n'.encode())
    assert list(read.columns) == ["a", 'b "c", d', "größe", ".x"]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("a[0],a[1],a[2],b", {"a": (0, 3), "b": (3, 4)}),
        ("b,a[0],a[1]", {"b": (0, 1), "a": (1, 3)}),
        ("a[0],b[0],b[1]", {"a": (0, 1), "b": (1, 3)}),
        (' a [0], "a[1]"', {"a": (0, 2)}),
        ("[0],a[],a[x],[1]", {"[0]": (0, 1), "a[]": (1, 2), "a[x]": (2, 3), "[1]": (3, 4)}),
        ("m[0][0],m[0][1],m[1][0]", {"m[0]": (0, 2), "m[1]": (2, 3)}),
        (",".join(f"a[{n}]" for n in range(1000)), {"a": (0, 1000)}),
    ],
)
def test_numbered_names_make_one_column(tmp_path: Path, header: str, columns: dict[str, tuple[int, int]]) -> None:
    width = max(end for _, end in columns.values())
    read = table(tmp_path, f"{header}\n{','.join(map(str, range(width)))}\n".encode())
    assert read.columns == columns
    assert read.values.tolist() == [list(range(width))]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("a[1]", "column 1: 'a[1]' does not continue a column"),
        ("a[0],a[2]", "column 2: 'a[2]' does not continue a column"),
        ("a[0],a[01]", "column 2: 'a[01]' does not continue a column"),
        ("a[0],b,a[1]", "column 3: 'a[1]' does not continue a column"),
        ("a[0],b,a[0]", "column 3: the name 'a[0]' stands there twice"),
        ("a[0],a[1],a", "column 3: the name 'a' stands there twice"),
        ("a,a[0]", "column 2: the name 'a' stands there twice"),
        ("a,a[1]", "column 2: 'a[1]' does not continue a column"),
    ],
)
def test_numbered_names_out_of_order_are_refused(tmp_path: Path, header: str, reason: str) -> None:
    for end in ("", "\n", "\n1,2,3\n"):
        assert f"input, line 2, {reason}" in refused(tmp_path, f"\n{header}{end}".encode())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "input: the file has no header"),
        (b"\n \n", "input: the file has no header"),
        (b"a,b\n", "the dataset has no rows"),
        (b"a,b\n\n\r\n", "the dataset has no rows"),
        (b"a,,c\n1,2,3\n", "input, line 1, column 2: the name is empty"),
        (b"\na,b,a\n1,2,3\n", "input, line 2, column 3: the name 'a' stands there twice"),
        (b"a\0b\n1\n", "input, line 1, column 1: the name holds a control character"),
        (b"a" * 255 + b"\n1\n", "input, line 1, column 1: the name is longer than 254 bytes"),
        ("ö".encode() * 128 + b"\n1\n", "input, line 1, column 1: the name is longer than 254 bytes"),
        (b"a\xff\n1\n", "input, line 1: the text is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "input, line 1: the text is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "input, line 1, column 1: the name holds a control character"),
        (b"a,b\n1,2\n3\n", "input, line 3: the line has 1 cells, the header 2"),
        (b"a,b\n1,2\n3,4,5\n", "input, line 3: the line has 3 cells, the header 2"),
        (b"a,b\n1,2,3\n3,4,5\n", "input, line 2: the line has 3 cells, the header 2"),
        (b"a,b\n1,\n", "input, line 2, column 2 ('b'): '' is not a number"),
        (b"a,b\n\n1,x\n", "input, line 3, column 2 ('b'): 'x' is not a number"),
        (b"a\nnan\n", "input, line 2, column 1 ('a'): 'nan' is not a number"),
        (b"a\n-inf\n", "'-inf' is not a number"),
        (b"a\ninfinity\n", "'infinity' is not a number"),
        (b"a\n1e400\n", "'1e400' is too big for a number of 32 bits"),
        (b"a\n-3.41e38\n", "'-3.41e38' is too big for a number of 32 bits"),
        (b"a\n1_000\n", "'1_000' is not a number"),
        (b"a\n0x10\n", "'0x10' is not a number"),
        (b"a\n1 2\n", "'1 2' is not a number"),
        (b"a\n1\r2\n", "'1\\r2' is not a number"),
        (b"a\n.\n", "'.' is not a number"),
        (b"a\n1e\n", "'1e' is not a number"),
        (b"a\n--1\n", "'--1' is not a number"),
        (b"a\n-true\n", "'-true' is not a number"),
        (b"a\n1 true\n", "'1 true' is not a number"),
        ("a\n٣\n".encode(), "is not a number"),
        (b"a\n\xff\n", "input, line 2: the text is not UTF-8"),
        (b"a\n1\n\0\n", "input, line 3, column 1 ('a'): '\\x00' is not a number"),
        (b'a\n"1\n2"\n', "input, line 2: unexpected end of data"),
        (b'a,b\n"1"x,2\n', "input, line 2: ',' expected after '\"'"),
        (b"a\n" + b"9" * 200_000 + b"\n", "is too big for a number of 32 bits"),
        (b"a\n" + b"z" * 200_000 + b"\n", f"'{'z' * 40}...' is not a number"),
        (b'a\n"' + b"1" * 200_000 + b'"\n', "input, line 2: field larger than field limit"),
        (
            b",".join(b"%d" % n for n in range(200_000)) + b"\n",
            "input, line 1: 200000 columns, at most 100000 are possible",
        ),
        (b"a," * 3_000_000, "input, line 1: the line is longer than 4194304 bytes"),
        (b"a;b\n1;2\n", "'1;2' is not a number"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_place(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in refused(tmp_path, content)


def test_an_endless_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_LINE", 3000)
    monkeypatch.setattr(reader, "_BLOCK", 1000)
    assert refused(tmp_path, b"a\n1\n" + b"1" * 5000) == "input, line 3: the line is longer than 3000 bytes"


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_blocks_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    lines = [f"{n},{n / 8}" for n in range(50)]
    content = "\n\r\na,b\r\n" + "\r\n\n".join(lines)
    monkeypatch.setattr(reader, "_BLOCK", block)
    assert values(tmp_path, content.encode()) == [[n, n / 8] for n in range(50)]
    assert refused(tmp_path, content.encode() + b"\n1,2,3").startswith(f"input, line {content.count(chr(10)) + 2}:")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        table(tmp_path, b"a\n" + b"1\n" * 2_000_000)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


cells = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,12}(\.[0-9]{0,9})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.from_regex(r"[0-9+\-.eE \t]{0,6}", fullmatch=True),
    st.sampled_from(["true", "FALSE", "null", "nan", "inf", "", '"1"', "1e39", "-1e39", "3.4028236e38"]),
)


@quick
@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=4))
def test_both_ways_of_reading_agree(rows: list[list[str]]) -> None:
    """The quick way may give up, but it must never read what the careful one refuses, or read it differently."""
    block = "\n".join(",".join(row) for row in rows).encode()
    fast = reader._quick(block, 2)
    try:
        slow = reader._careful(1, block, ["a", "b"])
    except BadRequest:
        assert fast is None
    else:
        assert fast is None or np.array_equal(fast, slow)


@quick
@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
        max_size=20,
    )
)
def test_numbers_come_back_exactly(tmp_path: Path, rows: list[list[float]]) -> None:
    content = "a,b,c\n" + "\n".join(",".join(map(repr, row)) for row in rows)
    assert values(tmp_path, content.encode()) == rows


@settings(quick, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=4)), min_size=1, max_size=4))
def test_every_mutation_is_handled(tmp_path: Path, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(GOOD)
    for place, data in changes:
        content[place : place + len(data)] = data
    try:
        read = table(tmp_path, bytes(content))
    except BadRequest:
        return
    assert np.isfinite(read.values).all()


@quick
@given(st.text(alphabet='ab01.,-e"\r\n\t \0ö', max_size=60))
def test_random_texts_are_handled(tmp_path: Path, text: str) -> None:
    try:
        read = table(tmp_path, text.encode())
    except BadRequest:
        return
    assert np.isfinite(read.values).all()
