"""Plugins that are wrong in one way each, under the suites that must find it out.

These modules are not collected; `tests.plugins.test_faulty_plugins` runs each of them and looks at what has failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Faults = Mapping[str, Iterable[str]]
"""Names of faults, and the checks of a suite that find them."""


def classes(suite: type, faults: Faults) -> dict[str, type]:
    """Return a class of tests for each fault, which has the fault as its attribute `fault`."""
    return {f"Test_{fault}": type(f"Test_{fault}", (suite,), {"fault": fault}) for fault in faults}
