"""Room on the disk that is not given away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import _ntuple_diskusage as Usage  # type: ignore[attr-defined]

import pytest

from hanami_core.errors import InsufficientStorage
from hanami_core.settings import CORE_SETTINGS, Settings
from hanami_core.storage import reserve
from hanami_core.storage.reserve import BALLAST, SETTING, Reserve

MB = 1_000_000
Fill = Callable[[int], None]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Return what says how many bytes of a disk of 100 GB are free."""
    free = [50_000 * MB]
    monkeypatch.setattr(reserve, "disk_usage", lambda path: Usage(100_000 * MB, 0, free[0]))

    def fill(left: int) -> None:
        free[0] = left

    return fill


def of(directory: Path, size: int = reserve.AUTOMATIC) -> Reserve:
    values = {setting.name: setting.default for setting in CORE_SETTINGS} | {SETTING: size}
    return Reserve(Settings(directory, {}, values, {}))


def test_without_a_setting_it_is_a_part_of_a_small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(tmp_path, 5).size == 5
    for total, size in ((100_000 * MB, 256 * MB), (1_000 * MB, 50 * MB)):
        monkeypatch.setattr(reserve, "disk_usage", lambda path, total=total: Usage(total, 0, total))
        assert of(tmp_path).size == size


def test_what_does_not_fit_beside_it_is_refused_with_the_numbers(tmp_path: Path, disk: Fill) -> None:
    kept = of(tmp_path)
    disk(300 * MB)
    kept.require(44 * MB)
    with pytest.raises(InsufficientStorage) as caught:
        kept.require(45 * MB)
    assert caught.value.parameters == {"needed": "45.0 MB", "left": "44.0 MB", "reserve": "256.0 MB"}
    with pytest.raises(InsufficientStorage):
        kept.require(MB, promised=44 * MB)


def test_what_took_long_may_use_half_of_it(tmp_path: Path, disk: Fill) -> None:
    kept = of(tmp_path)
    disk(200 * MB)
    with pytest.raises(InsufficientStorage):
        kept.require(MB)
    kept.require(72 * MB, urgent=True)
    with pytest.raises(InsufficientStorage):
        kept.require(73 * MB, urgent=True)


def test_the_ballast_gives_way_to_deletions_and_comes_back(tmp_path: Path, disk: Fill) -> None:
    kept, ballast = of(tmp_path, 8 * MB), tmp_path / BALLAST
    kept.restore()
    assert not ballast.exists()
    kept.lay_ballast()
    assert (ballast.stat().st_size, ballast.stat().st_mode & 0o777) == (2 * MB, 0o600)
    assert ballast.stat().st_blocks * 512 >= 2 * MB  # it takes its room, or it would be none
    kept.give_way()
    assert ballast.stat().st_size == 2 * MB
    disk(MB)
    kept.give_way()
    assert ballast.stat().st_size == 0
    kept.restore()
    assert ballast.stat().st_size == 0
    disk(9 * MB)
    kept.restore()
    assert ballast.stat().st_size == 2 * MB


def test_a_reserve_of_nothing_has_an_empty_ballast(tmp_path: Path) -> None:
    of(tmp_path, 0).lay_ballast()
    assert (tmp_path / BALLAST).stat().st_size == 0
