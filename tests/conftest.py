"""What holds for all tests: how long an example takes says nothing about whether it is right."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests import warm
from tests.lengths import LONG
from tests.local import LocalServer

settings.register_profile("hanami", deadline=None, print_blob=True)
settings.load_profile("hanami")

# Tests start many processes, which would all compile what they import.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server for all tests that do not harm it. As many processes answer REST as do for users."""
    with LocalServer(tmp_path_factory.mktemp("server") / "data", "--set=http.workers=0") as running:
        yield running


@pytest.fixture(scope="module")
def fresh() -> Iterator[None]:
    """Servers that a module starts load what they need, as those of users do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm, "start", lambda *_: None)
        yield


FIRST = ("service", "faults", "docs", "server", "fuzz", "gpu", "plugins")
"""Directories with files that take long, by how long. At the end of a run only short ones are left to share out."""
WHOLE = {"app", "home", "site", "whole"}
"""Fixtures that open the whole application."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Let the collector of garbage pass over the tests themselves; they live as long as the process."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is long, unless all of it is to run, and begin with the directories that take longest."""
    for item in items:
        if WHOLE.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("whole")
    left = [] if LONG else [item for item in items if item.get_closest_marker("long")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    directory = item.nodeid.partition("/")[2].partition("/")[0]
    return FIRST.index(directory) if directory in FIRST else len(FIRST)
