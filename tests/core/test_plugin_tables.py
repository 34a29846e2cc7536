"""Tables and migrations of plugins that do not fit to the database: the start is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanami_core.errors import StartupError
from hanami_core.plugin_host import EntryPoint
from hanami_core.roles import Role
from hanami_core.storage.database import proxy
from tests.core.test_plugin_lifecycle import Install, install, open_runtime

__all__ = ["install"]


def package(install: Install, tmp_path: Path, *steps: str) -> EntryPoint:
    """Return a plugin that is a package with migrations."""
    text = "class Leaf(OwnedRecord): pass\n@hookimpl\ndef hanami_models(): return [Leaf]"
    point = install("tree", text)
    folder = tmp_path / "site-packages"
    (folder / "third_tree" / "migrations").mkdir(parents=True, exist_ok=True)
    (folder / "third_tree.py").rename(folder / "third_tree" / "__init__.py")
    for number, step in enumerate(steps, 1):
        (folder / "third_tree" / "migrations" / f"000{number}_step.py").write_text(step)
    return point


MAKE = "def up(migrator, db): db.execute_sql('create table leaf (sequence integer primary key, uuid text)')"


@pytest.mark.parametrize("failure", ["raise ValueError('boom')", "sys.exit(3)", "this is not Python"])
def test_a_migration_that_fails_refuses_the_start(tmp_path: Path, install: Install, failure: str) -> None:
    point = package(install, tmp_path, f"import sys\ndef up(migrator, db):\n    {failure}")
    with pytest.raises(StartupError, match=r"^plugin tree: its migrations: "):
        open_runtime(tmp_path, point)


def test_a_lost_table_refuses_the_start(tmp_path: Path, install: Install) -> None:
    point = package(install, tmp_path, MAKE)
    runtime = open_runtime(tmp_path, point)
    proxy.execute_sql("drop table leaf")
    runtime.close()
    with pytest.raises(StartupError, match=r"^the table leaf of tree is missing, see 'hanami doctor'$"):
        open_runtime(tmp_path, point)
    runtime = open_runtime(tmp_path, point, role=Role.API)
    assert "leaf" not in proxy.get_tables()
    runtime.close()


def test_a_database_of_a_newer_version_refuses_the_start(tmp_path: Path, install: Install) -> None:
    point = package(install, tmp_path, MAKE, "def up(migrator, db): pass")
    open_runtime(tmp_path, point).close()
    (tmp_path / "site-packages" / "third_tree" / "migrations" / "0002_step.py").unlink()
    with pytest.raises(
        StartupError, match=r"^the database has seen 0002_step of tree, which this version does not know"
    ):
        open_runtime(tmp_path, point)
