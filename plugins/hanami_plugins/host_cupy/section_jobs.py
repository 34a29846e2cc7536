"""What kernels of section networks are told and what they report, field by field, under the names of their sources."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["BROKEN", "COUNTED", "FAILURE", "LOSS", "RECORD", "RIGHT", "RowsJob", "TrainJob"]

# Numbers of a record, see `section_batch.cuh`.
RECORD = 8
FAILURE = 0
BROKEN = 1
COUNTED = 2
LOSS = 3
RIGHT = 4


class RowsJob(IntEnum):
    """The fields of a job of `section_rows.cu`."""

    ROWS = 0
    FLOATS = 1
    STRIDE = 2
    CYCLES = 3
    SOURCES = 4
    PADDED = 5
    FLOORS = 6
    LIMITS = 7
    BORDERS = 8
    ALLOCATED_AT = 9
    MAXIMA = 10
    TABLE = 11
    FACTORS = 12
    BROKEN = 13
    BEGIN = 14
    WIDE = 15
    RISEN = 16


class TrainJob(IntEnum):
    """The fields of a job of `section_batch.cuh`."""

    WEIGHTS = 0
    BIAS = 1
    READOUT = 2
    READOUT_BIAS = 3
    RECORD = 4
    TABLE = 5
    FACTORS = 6
    EXPECTED = 7
    ENTRIES = 8
    SHARES = 9
    GROUPS = 10
    GROUP_COUNT = 11
    OUTPUTS = 12
    SOURCES = 13
    FIRST = 14
    LAST = 15
    BEGIN = 16
    TOTAL = 17
    FIRST_RATE = 18
    LAST_RATE = 19
    MOST = 20
    NEURONS = 21
    SCRATCH = 22
