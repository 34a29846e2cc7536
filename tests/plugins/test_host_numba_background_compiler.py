"""Kernels that not every cluster needs are compiled by a process of their own."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanami_core.testing.hosts import host_context
from hanami_plugins import host_numba
from hanami_plugins.host_numba import background_compiler
from hanami_plugins.host_numba import host as host_module
from hanami_plugins.host_numba.background_compiler import BackgroundCompiler
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGES = ("host_numba", *host_numba.requires)
COUNT_COMPILED = """
import sys
from pathlib import Path
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from tests.plugins.engine_kit import ALWAYS, RULES, blobs, rows
from tests.plugins.test_host_numba_deep import line
host = CpuHost("cpu0", 1)
host.start(host_context(Path(sys.argv[1])))
live = RULES.open(RULES.create(line(4, 2), 1), host)
live.resize({"in": 40}, {"out": 5})
live.train(rows(*blobs(100)), ALWAYS)
from hanami_plugins.host_numba.deep_kernels import train_deep
print(sum(train_deep.stats.cache_misses.values()), sum(train_deep.stats.cache_hits.values()))
"""
WHERE_KERNELS_GO = """
import sys
from pathlib import Path
import numba.core.config
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba import host
host.BackgroundCompiler = lambda known, **more: None
host.CpuHost("cpu0", 1).start(host_context(Path(sys.argv[1]), background=True))
print(numba.core.config.CACHE_DIR)
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "kernels").mkdir()
    return tmp_path / "kernels"


def count_compiled(cache: Path) -> list[str]:
    """Return how many kernels of deep networks a process has to compile, and how many it finds."""
    again = [sys.executable, "-c", COUNT_COMPILED, str(cache)]
    return subprocess.run(again, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()


def test_what_was_compiled_ahead_is_not_compiled_again() -> None:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS, background=True))
    host.wait_for("deep")
    assert count_compiled(KERNELS) == ["0", "1"]
    host.stop()


def installed(to: Path) -> Path:
    """Copy the host and its rule sets to another place, and return the package that they are in."""
    package = to / "hanami_plugins"
    source = Path(host_module.__file__).parents[1]
    for part in PACKAGES:
        shutil.copytree(source / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    return package


def where_kernels_go(package: Path, cache: Path) -> str:
    """Return where an installation keeps its kernels."""
    told = [sys.executable, "-c", WHERE_KERNELS_GO, str(cache)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(package.parent)}
    return subprocess.run(told, check=True, capture_output=True, text=True, env=environment).stdout


def test_what_another_installation_has_compiled_is_compiled_here(tmp_path: Path) -> None:
    places = [where_kernels_go(installed(tmp_path / name), tmp_path / "cache") for name in ("one", "other")]
    assert all(place.startswith(str(tmp_path / "cache")) for place in places)
    assert places[0] != places[1]


@pytest.mark.long
def test_kernels_are_compiled_again_when_the_host_or_a_rule_set_changes(tmp_path: Path) -> None:
    package = installed(tmp_path / "one")
    places = [where_kernels_go(package, tmp_path / "cache")]
    assert where_kernels_go(package, tmp_path / "cache") == places[0]
    for part in PACKAGES:
        with (package / part / "__init__.py").open("a") as changed:
            changed.write("# something else\n")
        places.append(where_kernels_go(package, tmp_path / "cache"))
    assert len(set(places)) == len(places) == 4


def test_kernels_that_nobody_has_used_for_long_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "BackgroundCompiler", lambda cache, **more: None)
    old, recent, other = (tmp_path / name for name in ("kernels-old", "kernels-recent", "something"))
    for directory, days in ((old, 100), (recent, 80), (other, 100)):
        directory.mkdir()
        (directory / "section.compiled").touch()
        os.utime(directory, times=(time.time() - days * 86400,) * 2)
    CpuHost("cpu0", 1).start(host_context(tmp_path, background=True))
    assert not old.exists()
    assert recent.exists()
    assert other.exists()


def test_what_is_compiled_ahead_is_told(tmp_path: Path) -> None:
    host = CpuHost("cpu0", 1)
    host.start(host_context(tmp_path, background=True))
    assert host.describe().preparing == "kernels: section, deep, synapse"
    host.stop()
    assert host.describe().preparing == ""
    assert not list(tmp_path.rglob("*.compiled"))


def test_what_clusters_wait_for_is_told_by_rule_set(tmp_path: Path) -> None:
    host = CpuHost("cpu0", 1)
    host.start(host_context(tmp_path, background=True))
    assert host.describe().awaited == {}
    with ThreadPoolExecutor(2) as pool:
        waits = [pool.submit(host.wait_for, part) for part in ("deep", "synapse")]
        while len(host.describe().awaited) < 2:
            assert not any(one.done() for one in waits)
        assert host.describe().awaited["section"].startswith("compiles its kernels, for ")
        host.stop()
    assert host.describe().awaited == {}


@pytest.mark.long
def test_one_part_is_compiled_ahead_without_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "BackgroundCompiler", lambda cache, **more: BackgroundCompiler(cache, ["deep"]))
    host = CpuHost("cpu0", 1)
    host.start(host_context(tmp_path, background=True))
    assert host.describe().preparing == "kernels: deep"
    host.wait_for("deep")
    assert host.describe().preparing == ""
    assert not list(tmp_path.rglob("section.compiled"))
    assert count_compiled(tmp_path) == ["0", "1"]
    host.stop()


def test_what_is_there_needs_no_process(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in background_compiler.PARTS:
        (cache / f"{part}.compiled").touch()
    monkeypatch.setattr(subprocess, "Popen", None)
    done = BackgroundCompiler(cache)
    done.wait("deep")
    done.stop()


def test_it_stops_at_once(cache: Path) -> None:
    busy = BackgroundCompiler(cache)
    (process,) = busy._processes
    busy.stop()
    assert process.poll() is not None
    busy.wait("synapse")


def test_it_ends_with_the_process_that_started_it(cache: Path) -> None:
    busy = BackgroundCompiler(cache)
    (process,) = busy._processes
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0
    assert not list(cache.glob("*.compiled"))


def test_what_nobody_waits_for_gives_way(cache: Path) -> None:
    busy = BackgroundCompiler(cache, ["section", "synapse"], beside=["synapse"])
    (other,) = (process for process, parts in busy._processes.items() if parts == ["section"])
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(busy.wait, "synapse")
        while os.getpriority(os.PRIO_PROCESS, other.pid) != background_compiler.LOWEST:
            assert not waits.done()
        busy.stop()


def test_a_step_that_another_process_has_begun_is_left_to_it(cache: Path) -> None:
    done = []

    def meanwhile() -> None:
        background_compiler._once(cache, "step", lambda: done.append("twice"), wait=False)
        done.append("once")

    background_compiler._once(cache, "step", meanwhile)
    background_compiler._once(cache, "step", lambda: done.append("again"))
    assert done == ["once"]


@pytest.mark.long
def test_processes_share_the_steps_of_a_part(cache: Path) -> None:
    sharers = BackgroundCompiler(cache, ["synapse"], beside=["synapse"])
    assert len(sharers._processes) == background_compiler.SHARERS
    sharers.wait("synapse")
    sharers.stop()
    kernels = importlib.import_module("hanami_plugins.host_numba.synapse_warm")
    assert {path.stem for path in cache.glob("synapse-*.compiled")} == {f"synapse-{step}" for step in kernels.STEPS}
    assert len(list(cache.rglob("synapse_kernels.*_cycles*.nbc"))) == 2


def test_one_that_can_not_compile_keeps_nobody_waiting(cache: Path) -> None:
    begin = time.monotonic()
    broken = BackgroundCompiler(cache, ["nonsense"])
    broken.wait("nonsense")
    assert time.monotonic() - begin < 60
    broken.stop()


def test_it_says_nothing(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    compiler = BackgroundCompiler(cache, ["unknown"])
    compiler.wait("unknown")
    assert "RuntimeWarning" not in capfd.readouterr().err
    compiler.stop()
