"""Plugins that are wrong in one way each, under the suites that must find it out.

These modules are not collected; `tests.plugins.test_faulty_plugins` runs each of them and looks at what has failed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Faults = Mapping[str, Collection[str]]
"""Names of faults, and the checks of a suite that find them."""


def classes(suite: type, faults: Faults) -> dict[str, type]:
    """Return a class of tests for each fault, with the checks that find it and the attribute `fault`.

    What has no fault is put to all checks.
    """
    checks = {name for name in dir(suite) if name.startswith("test_")}
    found = {}
    for fault, finding in faults.items():
        left_out = checks - set(finding) if finding else ()
        found[f"Test_{fault}"] = type(f"Test_{fault}", (suite,), {"fault": fault, **dict.fromkeys(left_out)})
    return found
