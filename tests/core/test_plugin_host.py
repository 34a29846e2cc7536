"""The plugin host: loading, disabling, requirements, listing."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from hanami_core.errors import SettingsError
from hanami_core.plugin_host import (
    OWN_DISTRIBUTION,
    EntryPoint,
    Plugin,
    PluginHost,
    installed_plugins,
    read_disabled,
    write_disabled,
)
from tests.core.plugin_kit import broken_import, nothing, plugin, state


def test_a_plugin_that_raises_on_import_is_listed_and_the_rest_works() -> None:
    host = PluginHost([EntryPoint("bad", "third", "1", broken_import), plugin("good", hanami_task_kinds=nothing)])
    assert state(host, "bad") == ("broken", "ImportError: no module named parquet")
    assert state(host, "good") == ("active", "")


def test_a_disabled_plugin_is_not_even_imported() -> None:
    host = PluginHost([EntryPoint("bad", "third", "1", broken_import)], {"bad"})
    assert state(host, "bad") == ("disabled", "disabled by the operator")


def test_a_taken_name_is_refused() -> None:
    host = PluginHost([plugin("same", "hanami"), plugin("same", "third")])
    assert host.plugins["same"].distribution == "hanami"
    assert [(p.distribution, p.reason) for p in host.refused] == [("third", "the name is taken by distribution hanami")]


def test_disabling_a_plugin_disables_what_requires_it() -> None:
    points = [plugin("a"), plugin("b", requires=("a",)), plugin("c", requires=("b",)), plugin("d", requires=("zz",))]
    host = PluginHost(points, {"a"})
    assert state(host, "b") == ("disabled", "requires a, which is disabled")
    assert state(host, "c") == ("disabled", "requires b, which is disabled")
    assert state(host, "d") == ("disabled", "requires zz, which is not installed")


def test_a_circle_of_requirements_is_broken() -> None:
    host = PluginHost([plugin("a", requires=("b",)), plugin("b", requires=("a",))])
    assert state(host, "a") == ("broken", "requires itself in a circle")
    assert not host.plugins["b"].works


def test_an_unknown_hook_breaks_the_plugin() -> None:
    host = PluginHost([plugin("a", hanami_telepathy=lambda: None)])
    assert state(host, "a")[0] == "broken"
    assert "hanami_telepathy" in state(host, "a")[1]


def test_a_wrong_signature_breaks_the_plugin() -> None:
    host = PluginHost([plugin("a", hanami_models=lambda surprise: []), plugin("b", hanami_startup=lambda it: None)])
    assert state(host, "a") == ("broken", "hanami_models has no argument 'surprise', it offers none")
    assert state(host, "b") == ("broken", "hanami_startup has no argument 'it', it offers runtime")


def test_disabled_names_survive(tmp_path: Path) -> None:
    assert read_disabled(tmp_path) == frozenset()
    write_disabled(tmp_path, {"b", "a"})
    assert read_disabled(tmp_path) == {"a", "b"}


def test_a_damaged_list_of_disabled_names_is_reported(tmp_path: Path) -> None:
    (tmp_path / "plugins.json").write_text("[]")
    with pytest.raises(SettingsError, match=r"plugins\.json"):
        read_disabled(tmp_path)


def test_plugins_tell_where_they_come_from() -> None:
    host = PluginHost([plugin("a", hanami_task_kinds=nothing, hanami_models=nothing)])
    found: Plugin = host.plugins["a"]
    assert (found.distribution, found.version, found.hooks) == ("third", "1.0", ("hanami_models", "hanami_task_kinds"))


def test_a_distribution_is_read_once_however_many_plugins_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = importlib.metadata.PathDistribution.read_text

    def counted(self: importlib.metadata.PathDistribution, name: str) -> str | None:
        if name == "METADATA":
            read.append(str(self.locate_file(name)))
        return original(self, name)

    monkeypatch.setattr(importlib.metadata.PathDistribution, "read_text", counted)
    points = installed_plugins()
    assert len([point for point in points if point.distribution == OWN_DISTRIBUTION]) > 20
    assert len(read) == len({point.distribution for point in points})
