"""No path of the server in a text for those who are not operators."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hanami_core.disclosure import HIDDEN_PATH, without_paths


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (str(FileNotFoundError(errno.ENOENT, "No such file", "/srv/my data/b")), "[Errno 2] No such file: X"),
        ("cannot open /srv/data/hanami.db: locked", "cannot open X: locked"),
        ('no locator of "run" for /opt/x/lib/a.py', 'no locator of "run" for X'),
        ("in (/srv/data/a.py:12)", "in (X:12)"),
        ('File "/srv/data/a b/c.py", line 3', "File X, line 3"),
        ("1/2 of 3/4/5 values", "1/2 of 3/4/5 values"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("text/html or application/json", "text/html or application/json"),
        ("division by zero", "division by zero"),
    ],
)
def test_paths_are_hidden_and_all_else_stays(text: str, told: str) -> None:
    assert without_paths(text) == told.replace("X", HIDDEN_PATH)


def test_a_known_path_is_hidden_wherever_it_stands(tmp_path: Path) -> None:
    file = f"{tmp_path}/my data/x y"
    assert without_paths(f"bad magic in {file}.", file) == f"bad magic in {HIDDEN_PATH}."
