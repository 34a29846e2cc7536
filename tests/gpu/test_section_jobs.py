"""The fields of jobs and records have the same names and places in Python as in the sources of the kernels."""

from __future__ import annotations

import re
from enum import IntEnum

import pytest

from hanami_plugins.host_cupy import section_jobs
from hanami_plugins.host_cupy.section_jobs import RowsJob, TrainJob
from tests.gpu.sources import DIRECTORY

DEFINE = re.compile(r"#define (\w+) (\d+)")


def defined(file: str, title: str) -> dict[str, int]:
    """Return the macros of a block of a source, which begins with a comment."""
    block = (DIRECTORY / file).read_text(encoding="ascii").split(f"// {title}\n")[1].split("\n\n")[0]
    return {name: int(number) for name, number in DEFINE.findall(block)}


@pytest.mark.parametrize(("file", "fields"), [("section_rows.cu", RowsJob), ("section_batch.cuh", TrainJob)])
def test_fields_of_jobs(file: str, fields: type[IntEnum]) -> None:
    """The kernel that is given a job reads each field where Python has written it."""
    known = {field.name: field.value for field in fields}
    assert defined(file, "The fields of a job.") == known | {"FIELDS": len(fields)}


def test_numbers_of_records() -> None:
    """Python reads each number of a record where the kernel has written it."""
    found = defined("section_batch.cuh", "The numbers of a record.")
    assert found == {name: getattr(section_jobs, name) for name in found}
