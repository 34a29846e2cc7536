"""F08, F09: idx files and tables with broken headers, lying counts, cut ends and random changes.

Each is decoded, and the table obeys the rules of its format, or refused with a reason that says where.
"""

from __future__ import annotations

import contextlib
import random
import resource
import struct
from pathlib import Path

import numpy as np
import pytest

from hanami_core.datasets import DatasetFormat, Table
from hanami_core.errors import BadRequest
from hanami_core.testing.formats import decode
from hanami_plugins.format_csv import CsvFormat
from hanami_plugins.format_mnist import MnistFormat
from tests.faults.campaign import Campaign, times

COUNT = times(250, 10_000)
MOST_MEMORY = 64 << 20
PICTURES = struct.pack(">4I", 2051, 7, 4, 3) + bytes(range(84))
DIGITS = struct.pack(">2I", 2049, 7) + bytes(range(7))
TABLE = b"a,b,c\n1,-2.5,3e2\n.5,+4,5.\n0,1e-3,7\n"
TOKENS = (b"1e400", b"nan", b"inf", b"\0", b"\xff\xfe", b'"', b"\r", b"\n\n", b",,", b"9" * 5000, b"\xef\xbb\xbf")

Files = dict[str, bytes]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return content with some bytes changed, put in or left out, often in the header, and sometimes cut."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = min(
            len(data), int(chance.expovariate(1 / 12)) if chance.random() < 0.7 else chance.randrange(len(data) + 1)
        )
        piece = chance.choice(TOKENS) if chance.random() < 0.3 else chance.randbytes(chance.randint(1, 4))
        data[place : place + chance.randint(0, 4)] = piece
    return bytes(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.3 else data)


def attempt(kind: DatasetFormat, files: Files, path: Path) -> Table | None:
    """Return the table, or None if the files are refused with a reason."""
    with contextlib.suppress(BadRequest):
        return decode(kind, files, path)
    return None


def check_pictures(table: Table) -> None:
    assert set(np.unique(table.values[:, -10:])) <= {0.0, 1.0}
    assert table.column("label").sum() == len(table.values)


def check_table(table: Table) -> None:
    assert np.isfinite(table.values).all()


FORMATS = {
    "idx": (MnistFormat(), {"input": PICTURES, "label": DIGITS}, check_pictures),
    "csv": (CsvFormat(), {"input": TABLE}, check_table),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_mutation_is_decoded_or_refused(tmp_path: Path, name: str) -> None:
    kind, good, check = FORMATS[name]
    chance = random.Random(8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    with Campaign("F08" if name == "idx" else "F09", f"random changes of {name} files, decoded") as campaign:
        for number in range(COUNT):
            part = chance.choice(list(good))
            table = attempt(kind, good | {part: mutated(good[part], chance)}, tmp_path / f"{number % 2}")
            campaign.repetitions += 1
            if table is not None:
                check(table)
            campaign.survived += 1
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before
        campaign.remark = f"{max(0, grown) >> 20} MB more memory"
        assert grown < MOST_MEMORY


def test_a_header_that_is_cut_anywhere_is_refused(tmp_path: Path) -> None:
    with Campaign("F08", "idx header cut at every byte") as campaign:
        for part, content in (("input", PICTURES[:16]), ("label", DIGITS[:8])):
            for size in range(len(content)):
                files = {"input": PICTURES, "label": DIGITS} | {part: content[:size]}
                assert attempt(MnistFormat(), files, tmp_path / "table") is None
                campaign.repetitions += 1
                campaign.survived += 1
