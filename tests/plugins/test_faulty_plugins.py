"""Each check of the suites for plugins can fail: it finds plugins that are wrong in one way, and passes a good one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.plugins.faulty import apis, authenticators, routes, targets

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


MODULES = (apis, authenticators, routes, targets)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pytest reports of the plugins that are wrong."""
    report = tmp_path_factory.mktemp("faulty") / "report.xml"
    files = [str(module.__file__) for module in MODULES]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert report.exists(), done.stdout + done.stderr
    return report


def failures(module: ModuleType, report: Path) -> dict[str, set[str]]:
    """Return which checks have failed, for each fault of a module."""
    found: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        tested, _, fault = case.attrib["classname"].rpartition(".Test_")
        if tested != module.__name__:
            continue
        failed = found.setdefault(fault, set())
        assert case.find("error") is None, f"{case.attrib}: {case.find('error')}"
        if case.find("failure") is not None:
            failed.add(case.attrib["name"].partition("[")[0])
    return found


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("module", MODULES, ids=name)
def test_every_fault_is_found(module: ModuleType, report: Path) -> None:
    expected = {fault: set(checks) for fault, checks in module.FAULTS.items()}
    assert failures(module, report) == expected
    checks = {name for name in vars(module.SUITE) if name.startswith("test_")}
    assert checks - set().union(*expected.values()) == set(), "checks that have never failed"
