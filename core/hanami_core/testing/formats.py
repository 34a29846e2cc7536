"""Conformance suite for dataset formats.

A plugin's tests derive a class from `FormatConformance` and say what is tested::

    class TestParquet(FormatConformance):
        @pytest.fixture
        def dataset_format(self):
            return ParquetFormat()

        @pytest.fixture
        def good_files(self):
            return {"input": make_parquet()}

Every broken file must end in a `BadRequest` or in a valid table, and never in another exception, a flood of memory or a
look at other files.
"""

from __future__ import annotations

import io
import random
import re
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from hanami_core.datasets import DatasetFormat, Table, TableWriter
from hanami_core.errors import BadRequest

MAX_MEMORY = 64 << 20
"""Bytes that a format may take for the small files of this suite."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def decode(dataset_format: DatasetFormat, files: Mapping[str, bytes], path: Path) -> Table:
    """Return the table that a format makes of the contents of files; it is written to `path`.

    Raises:
        BadRequest: if the format refuses a file.
    """
    with TableWriter(path) as table:
        dataset_format.decode({part: io.BytesIO(content) for part, content in files.items()}, table)
    return Table.open(path)


class FormatConformance:
    """Requirements for every format. Override the two fixtures, and the limits if a format needs others."""

    header_size = 4
    """Bytes at the start of each file without which it cannot be read: every cut inside of them must be refused."""

    mutations = 500
    """How many files with one changed byte are tried."""

    @pytest.fixture
    def dataset_format(self) -> DatasetFormat:
        """Return the format."""
        raise NotImplementedError("override the fixture 'dataset_format'")

    @pytest.fixture
    def good_files(self) -> Mapping[str, bytes]:
        """Return the content of a small, valid file for each part."""
        raise NotImplementedError("override the fixture 'good_files'")

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Return where tables are written to."""
        return tmp_path / "table"

    def test_names_can_be_used_in_paths_and_fields(self, dataset_format: DatasetFormat) -> None:
        """The name stands in a path, the parts in names of fields."""
        assert isinstance(dataset_format, DatasetFormat)
        assert dataset_format.parts
        assert dataset_format.parts[0] == "input"
        assert len(set(dataset_format.parts)) == len(dataset_format.parts)
        assert all(_NAME.fullmatch(word) for word in (dataset_format.name, *dataset_format.parts))

    def test_good_files_become_a_table(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """The table has rows and columns, and its values are numbers."""
        assert set(good_files) == set(dataset_format.parts)
        _check(decode(dataset_format, good_files, path))

    def test_the_same_files_become_the_same_table(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], tmp_path: Path
    ) -> None:
        """Nothing is kept from one run to the next."""
        first = decode(dataset_format, good_files, tmp_path / "first")
        second = decode(dataset_format, good_files, tmp_path / "second")
        assert first.columns == second.columns
        assert np.array_equal(first.values, second.values)

    def test_an_empty_file_is_refused(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """No part may be empty."""
        for part in good_files:
            with pytest.raises(BadRequest):
                decode(dataset_format, {**good_files, part: b""}, path)

    def test_a_cut_in_the_header_is_refused(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """A file that ends inside its header cannot be read."""
        for part, content in good_files.items():
            for size in range(min(self.header_size, len(content))):
                with pytest.raises(BadRequest):
                    decode(dataset_format, {**good_files, part: content[:size]}, path)

    def test_a_cut_anywhere_is_survived(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """A cut file is refused, or what is left of it is a table."""
        for part, content in good_files.items():
            step = max(1, len(content) // self.mutations)
            for size in range(0, len(content), step):
                _survives(dataset_format, {**good_files, part: content[:size]}, path)

    def test_a_changed_byte_is_survived(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """A damaged file is refused, or still a table."""
        for files in _damaged(good_files, self.mutations):
            _survives(dataset_format, files, path)

    def test_sizes_that_lie_take_no_memory(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """Four bytes of ones anywhere at the start or end: if they are a size, it is checked before it is believed."""
        decode(dataset_format, good_files, path)
        for part, content in good_files.items():
            ends = {*range(min(32, len(content) - 4)), *range(max(0, len(content) - 32), len(content) - 4)}
            for place in sorted(ends):
                files = {**good_files, part: content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :]}
                assert _memory(dataset_format, files, path) < MAX_MEMORY, f"{part}: a size at byte {place} is believed"

    def test_bytes_behind_the_end_are_survived(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """A file with something appended is refused, or a table."""
        for part, content in good_files.items():
            for tail in (b"\0", b"\xff" * 100, content):
                _survives(dataset_format, {**good_files, part: content + tail}, path)

    def test_no_other_file_is_opened(
        self, dataset_format: DatasetFormat, good_files: Mapping[str, bytes], path: Path
    ) -> None:
        """A format reads what it is given and nothing else, whatever stands in it."""
        tried = [good_files, *_damaged(good_files, 20)]
        for files in tried:
            _survives(dataset_format, files, path)  # modules that are imported late are imported now
        with _watched() as opened:
            for files in tried:
                _survives(dataset_format, files, path)
        assert set(opened) == {str(path)}


def _check(table: Table) -> None:
    assert len(table.values) > 0
    assert max(end for _, end in table.columns.values()) == table.values.shape[1]
    assert np.isfinite(table.values).all(), "a table must not hold NaN or infinity"


def _survives(dataset_format: DatasetFormat, files: Mapping[str, bytes], path: Path) -> None:
    try:
        table = decode(dataset_format, files, path)
    except BadRequest as error:
        if not str(error):
            pytest.fail("a refusal must tell its reason")
    else:
        _check(table)


def _damaged(files: Mapping[str, bytes], count: int) -> Iterator[Mapping[str, bytes]]:
    chance = random.Random(1)  # noqa: S311 (every run must try the same files)
    for _ in range(count):
        part = chance.choice(sorted(files))
        content = bytearray(files[part])
        content[chance.randrange(len(content))] = chance.randrange(256)
        yield {**files, part: bytes(content)}


def _memory(dataset_format: DatasetFormat, files: Mapping[str, bytes], path: Path) -> int:
    tracemalloc.start()
    try:
        _survives(dataset_format, files, path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class _FileAudit:
    """Notes which files are opened. An audit hook cannot be removed, so there is one for all tests."""

    opened: ClassVar[list[str] | None] = None

    @classmethod
    @cache
    def install(cls) -> None:
        sys.addaudithook(cls._note)

    @classmethod
    def _note(cls, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and cls.opened is not None:
            cls.opened.append(str(arguments[0]))


@contextmanager
def _watched() -> Iterator[list[str]]:
    _FileAudit.install()
    opened: list[str] = []
    _FileAudit.opened = opened
    try:
        yield opened
    finally:
        _FileAudit.opened = None
