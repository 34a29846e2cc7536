"""Whose migrations are executed for whom."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from hanami_core.plugin_host import EntryPoint
from hanami_core.storage.database import proxy
from tests.whole import Whole

PLUGIN = """
import peewee
from hanami_core import hookimpl
from hanami_core.storage.database import OwnedRecord

class {name}(OwnedRecord):
    text = peewee.CharField(64)

@hookimpl
def hanami_models():
    return [{name}]
"""
MIGRATION = """
def up(migrator, db):
    db.execute_sql("CREATE TABLE {table} (sequence INTEGER PRIMARY KEY, uuid TEXT)")

def down(migrator, db):
    db.execute_sql("DROP TABLE {table}")
"""


def installed(directory: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> EntryPoint:
    """Return an entry point for a module of a directory, as if it had been installed there."""
    monkeypatch.syspath_prepend(directory)
    return EntryPoint(name, "somebody-else", "1", lambda: importlib.import_module(name))


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    """A directory with the migrations of some distribution that has nothing to do with Hanami."""
    foreign = tmp_path / "site-packages" / "migrations"
    foreign.mkdir(parents=True)
    (foreign / "0001_initial.py").write_text(MIGRATION.format(table="foreign_thing"))
    return foreign.parent


def test_a_plugin_of_one_module_executes_nothing_that_lies_beside_it(
    tmp_path: Path, site_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site_packages / "single_remarks.py").write_text(PLUGIN.format(name="Remark"))
    with Whole(tmp_path / "data", installed(site_packages, monkeypatch, "single_remarks")) as whole:
        assert whole.runtime.plugins.plugins["single_remarks"].state == "active"
        assert "text" in {column.name for column in proxy.get_columns("remark")}
        assert not {"foreign_thing", "migrations_single_remarks"} & set(proxy.get_tables())


def test_a_package_executes_its_own(tmp_path: Path, site_packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = site_packages / "several_remarks"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN.format(name="Comment"))
    (package / "migrations" / "0001_initial.py").write_text(MIGRATION.format(table="comment"))
    with Whole(tmp_path / "data", installed(site_packages, monkeypatch, "several_remarks")):
        assert {column.name for column in proxy.get_columns("comment")} == {"sequence", "uuid"}
        assert "migrations_several_remarks" in proxy.get_tables()
        assert "foreign_thing" not in proxy.get_tables()
